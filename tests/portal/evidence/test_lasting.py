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
    "SOC 2 Type II": (("certificate_or_report",), 12),
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
    with database.looking(SYSTEM) as session:
        found = {one.title: one.expires for one in session.scalars(select(Evidence))}
    assert found == {"by kind": date(2025, 2, 28), "written": date(2024, 5, 31), "untold": None}
