"""For how long a document holds by its kind: the months of the list of cadences, and its ends of months."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole
from portal.db import SYSTEM, Database
from portal.evidence.lasting import MONTHS, usual_end
from portal.evidence.models import Evidence
from portal.settings import Settings
from portal.web import Portal
from questionnaires.dates import add_months
from tests.portal.evidence.files import PDF
from tests.portal.world import make_company, signed_in
from tests.published import published

CASES = (
    ("2024-01-31", 1, "2024-02-29"),
    ("2023-01-31", 1, "2023-02-28"),
    ("2024-02-29", 12, "2025-02-28"),
    ("2024-02-29", 48, "2028-02-29"),
    ("2024-01-31", 2, "2024-03-31"),
    ("2025-08-31", 6, "2026-02-28"),
)
# What the list calls it -> our kinds of it, and the months that it gives.
STATED = {
    "SOC 2 Type II": ((), 12),
    "ISO 27001 certificate": ((), 36),
    "Penetration test": (("pentest_summary", "retest_letter"), 12),
    "PCI AOC": (("pci_aoc",), 12),
    "BCP/DR test": (("continuity_test", "restore_test", "exercise_report"), 12),
    "Cyber insurance certificate": (("insurance_certificate",), None),
    "DPA/BAA/NDA": (("dpa", "baa"), None),
}


@pytest.mark.parametrize(("anchor", "months", "until"), CASES)
def test_ends_of_months(anchor: str, months: int, until: str) -> None:
    assert add_months(date.fromisoformat(anchor), months) == date.fromisoformat(until)


@pytest.mark.parametrize(("kinds", "months"), STATED.values(), ids=STATED)
def test_a_kind_holds_as_long_as_the_list_says(kinds: tuple[str, ...], months: int | None) -> None:
    leap = date(2024, 2, 29)
    for kind in kinds:
        expected = None if months is None else add_months(leap, months)
        assert usual_end(kind, leap) == expected
        assert usual_end(kind, None) is None


def test_nobody_can_tell_from_the_kind_how_long_a_certificate_or_report_holds() -> None:
    """The list gives one of them three years and another one."""
    assert len({STATED[name][1] for name in ("SOC 2 Type II", "ISO 27001 certificate")}) == 2
    assert usual_end("certificate_or_report", date(2024, 2, 29)) is None


def test_every_default_is_in_the_list() -> None:
    assert set(MONTHS) == {kind for kinds, months in STATED.values() if months for kind in kinds}


def test_the_list_says_what_is_written_here() -> None:
    found: dict[str, Any] = json.loads((published("cadence") / "cadence.json").read_text("utf-8"))
    assert tuple((one["anchor"], one["months"], one["expected"]) for one in found["date_cases"]) == CASES
    told = {one["type"]: one["months"] for one in found["evidence_validity"]}
    # "policy end date", "contract end": nobody can tell from the kind
    months = {name: told[name] if isinstance(told[name], int) else None for name in STATED}
    assert months == {name: stated for name, (_kinds, stated) in STATED.items()}


def test_what_nobody_wrote_is_filled_in_when_it_is_uploaded(
    app: Portal, database: Database, settings: Settings
) -> None:
    """And what somebody wrote stays, as does what no kind can tell."""
    company = make_company(database, settings, "Fennmark")
    browser = signed_in(app, company[CompanyRole.OWNER])
    for title, fields in (
        ("by kind", {"kind": "pentest_summary", "issued": "2024-02-29"}),
        ("written", {"kind": "pentest_summary", "issued": "2024-02-29", "expires": "2024-05-31"}),
        ("untold", {"kind": "insurance_certificate", "issued": "2024-02-29"}),
    ):
        body = {"csrf_token": browser.token(), "title": title, "file": (io.BytesIO(PDF), "it.pdf"), **fields}
        assert browser.client.post(f"/c/{company.slug}/evidence/new", data=body).status_code == 303
    assert ends(database) == {"by kind": date(2025, 2, 28), "written": date(2024, 5, 31), "untold": None}


def ends(database: Database) -> dict[str, date | None]:
    with database.looking(SYSTEM) as session:
        return {one.title: one.expires for one in session.scalars(select(Evidence))}


def test_an_end_that_was_filled_in_follows_the_day_of_issue_and_one_that_was_written_stays(
    app: Portal, database: Database, settings: Settings
) -> None:
    company = make_company(database, settings, "Fennmark")
    browser = signed_in(app, company[CompanyRole.OWNER])
    for title, expires in (("by kind", ""), ("written", "2024-05-31")):
        body = {"csrf_token": browser.token(), "title": title, "file": (io.BytesIO(PDF), "it.pdf")}
        body |= {"kind": "pentest_summary", "issued": "2024-02-29", "expires": expires}
        assert browser.client.post(f"/c/{company.slug}/evidence/new", data=body).status_code == 303
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Evidence)).all()
    for one in rows:
        fields = {"title": one.title, "kind": one.kind, "issued": "2024-03-31", "expires": str(one.expires)}
        answer = browser.post(f"/c/{company.slug}/evidence/{one.id}/edit", fields)
        assert answer.status_code == 303
    assert ends(database) == {"by kind": date(2025, 3, 31), "written": date(2024, 5, 31)}
