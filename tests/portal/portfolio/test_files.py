"""Lists as workbooks: the same rows as the CSV, days and numbers as what they are, and nothing that calculates."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.exporting import write_xlsx
from portal.web import Portal
from tests.portal.scene import Scene
from tests.portal.world import signed_in

LISTS = (
    *("vendors", "engagements", "contacts", "assessments", "enquiries", "findings", "gates", "reviews"),
    *("portfolio/changes", "portfolio/conditions", "portfolio/exceptions", "portfolio/fourth-parties"),
    *("portfolio/fourth-parties/engagements?name={firm}", "search?q=kzalder"),
    *("schedule", "schedule?view=open", "schedule?view=left", "incidents?state=all", "evidence?until=365"),
    *("triggers", "campaigns", "letters", "letters?state=waiting"),
)


def sheet(data: bytes) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()


def as_text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


@pytest.mark.parametrize("name", LISTS)
def test_each_list_is_a_workbook_with_the_rows_of_its_csv(
    app: Portal, database: Database, scene: Scene, name: str
) -> None:
    alder = scene.places["Kzalder"]
    browser = signed_in(app, alder[OrganisationRole.AUDITOR])
    firm = next(
        one for one in scene.canaries if one.startswith("kzparty") and alder.name in scene.canaries[one]
    )
    name, _, query = name.format(firm=firm).partition("?")
    answer = browser.get(f"/o/{alder.slug}/{name}.xlsx?{query}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].endswith("spreadsheetml.sheet")
    assert ".xlsx" in answer.headers["Content-Disposition"]
    told = browser.get(f"/o/{alder.slug}/{name}.csv?{query}").text.removeprefix(
        "\N{ZERO WIDTH NO-BREAK SPACE}"
    )
    rows = list(csv.reader(io.StringIO(told)))
    assert [[as_text(one) for one in row] for row in sheet(answer.data)] == [
        [one.removeprefix("'") for one in row] for row in rows
    ]
    with database.looking(SYSTEM) as session:
        events = session.scalars(select(Event).where(Event.kind == Kind.EXPORTED.value)).all()
    assert [one.data["rows"] for one in events] == [len(rows) - 1] * 2


def test_a_workbook_calculates_nothing_and_keeps_what_things_are() -> None:
    hostile = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "https://example.org", "{=1}", "a\0b\x01", "12"]
    file = io.BytesIO()
    rows = [
        (one, 3, date(2026, 2, 28), None, True, datetime(2026, 1, 1, tzinfo=UTC), 2**60) for one in hostile
    ]
    assert write_xlsx(file, ["text", "number", "day", "none", "yes", "at", "large"], iter(rows)) == len(rows)
    found = sheet(file.getvalue())
    assert [row[0] for row in found[1:]] == [
        "=1+1",
        "@SUM(A1)",
        "+cmd|' /C calc'!A0",
        "https://example.org",
        "{=1}",
        "ab\x01",
        "12",
    ]
    assert found[1][1:] == [3.0, date(2026, 2, 28), "", "yes", "2026-01-01T00:00:00+00:00", str(2**60)]
    with zipfile.ZipFile(io.BytesIO(file.getvalue())) as archive:
        sheets = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheets
        assert "hyperlink" not in sheets
        assert not [one for one in archive.namelist() if "rels" in one and "sheet" in one]
