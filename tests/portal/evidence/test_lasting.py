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
from portal.evidence.kinds import KINDS, OTHER, choices, document_choices, evidence_name
from portal.evidence.lasting import MONTHS, usual_end
from portal.evidence.models import Evidence
from portal.settings import Settings
from portal.web import Portal
from questionnaires.dates import add_months
from questionnaires.kinds import is_of_kind
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
SORT = "certificate_or_report"
# What the list calls it -> our kinds of it, and the months that it gives.
STATED = {
    "SOC 2 Type II": ((f"{SORT}.soc2_type2",), 12),
    "SOC 2 Type I": ((f"{SORT}.soc2_type1",), 12),
    "ISO 27001 certificate": ((f"{SORT}.iso27001",), 36),
    "Cyber Essentials": ((f"{SORT}.cyber_essentials",), 12),
    "FedRAMP": ((f"{SORT}.fedramp",), 12),
    "HITRUST r2": ((f"{SORT}.hitrust_r2",), 24),
    "CAIQ / HECVAT self-assessment": (("self_assessment",), 12),
    "Penetration test": (("pentest_summary", "retest_letter"), 12),
    "PCI AOC": (("pci_aoc",), 12),
    "BCP/DR test": (("continuity_test", "restore_test", "exercise_report"), 12),
    "Cyber insurance certificate": (("insurance_certificate",), None),
    "DPA/BAA/NDA": (("dpa", "baa", "nda"), None),
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


@pytest.mark.parametrize(
    ("kind", "issued", "until"),
    [
        (f"{SORT}.iso27001", "2024-02-29", "2027-02-28"),
        (f"{SORT}.iso27001", "2025-02-28", "2028-02-28"),
        (f"{SORT}.hitrust_r2", "2024-02-29", "2026-02-28"),
        (f"{SORT}.soc2_type2", "2024-02-29", "2025-02-28"),
        (f"{SORT}.soc2_type1", "2023-02-28", "2024-02-28"),
        (f"{SORT}.fedramp", "2025-08-31", "2026-08-31"),
        (f"{SORT}.cyber_essentials", "2024-01-31", "2025-01-31"),
        ("self_assessment", "2024-02-29", "2025-02-28"),
    ],
)
def test_a_certificate_of_a_months_end_ends_at_a_months_end(kind: str, issued: str, until: str) -> None:
    assert usual_end(kind, date.fromisoformat(issued)) == date.fromisoformat(until)


def test_nobody_can_tell_how_long_a_certificate_or_report_of_another_sort_holds() -> None:
    """The list gives one of them three years and another one."""
    assert len({STATED[name][1] for name in ("SOC 2 Type II", "ISO 27001 certificate")}) == 2
    assert usual_end(SORT, date(2024, 2, 29)) is None


def test_every_kind_of_the_list_is_one_that_can_be_chosen_by_a_name_of_its_own() -> None:
    words = dict(document_choices())
    assert {kind for kinds, _months in STATED.values() for kind in kinds} <= set(words)
    assert len(set(words.values())) == len(words)
    assert list(words)[-2:] == [SORT, OTHER]  # whoever reads the list meets the exact ones first
    assert words[SORT] == "another certificate or audit report"
    assert set(words) == set(KINDS) == set(dict(choices()))
    assert dict(choices())[SORT] == evidence_name(SORT) == "certificate or audit report"
    assert max(map(len, words)) <= 64  # as long as the column


def test_the_narrower_kinds_are_certificates_or_reports() -> None:
    narrower = {kind for kind in KINDS if is_of_kind(kind, SORT)} - {SORT}
    assert narrower == {kind for kind in KINDS if "." in kind}
    assert {evidence_name(kind) for kind in narrower} == {
        "Cyber Essentials certificate",
        "FedRAMP authorisation",
        "HITRUST r2 certificate",
        "ISO 27001 certificate",
        "SOC 2 Type I report",
        "SOC 2 Type II report",
    }


def test_every_default_is_in_the_list() -> None:
    assert set(MONTHS) == {kind for kinds, months in STATED.values() if months for kind in kinds}


def test_the_list_says_what_is_written_here() -> None:
    found: dict[str, Any] = json.loads((published("cadence") / "cadence.json").read_text("utf-8"))
    assert tuple((one["anchor"], one["months"], one["expected"]) for one in found["date_cases"]) == CASES
    told = {one["type"]: one["months"] for one in found["evidence_validity"]}
    # "policy end date", "contract end": nobody can tell from the kind
    months = {name: given if isinstance(given, int) else None for name, given in told.items()}
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
        ("iso", {"kind": f"{SORT}.iso27001", "issued": "2024-02-29"}),
        ("a certificate", {"kind": SORT, "issued": "2024-02-29"}),
    ):
        body = {"csrf_token": browser.token(), "title": title, "file": (io.BytesIO(PDF), "it.pdf"), **fields}
        assert browser.client.post(f"/c/{company.slug}/evidence/new", data=body).status_code == 303
    assert ends(database) == {
        "by kind": date(2025, 2, 28),
        "written": date(2024, 5, 31),
        "untold": None,
        "iso": date(2027, 2, 28),
        "a certificate": None,
    }


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


def test_a_certificate_that_is_said_to_be_of_iso_27001_gets_its_end_and_one_that_was_emptied_stays_empty(
    app: Portal, database: Database, settings: Settings
) -> None:
    company = make_company(database, settings, "Fennmark")
    browser = signed_in(app, company[CompanyRole.OWNER])
    body = {"csrf_token": browser.token(), "kind": SORT, "title": "It", "issued": "2024-02-29"}
    form = browser.get(f"/c/{company.slug}/evidence/new").text
    for words in ("ISO 27001 certificate", "Another certificate or audit report", "Completed CAIQ or HECVAT"):
        assert f">{words}</option>" in form
    sent = {**body, "file": (io.BytesIO(PDF), "it.pdf")}
    assert browser.client.post(f"/c/{company.slug}/evidence/new", data=sent).status_code == 303
    with database.looking(SYSTEM) as session:
        path = f"/c/{company.slug}/evidence/{session.scalars(select(Evidence.id)).one()}/edit"
    said = {"title": "It", "kind": SORT, "issued": "2024-02-29", "expires": ""}
    for changes, until in (
        ({"title": "The same"}, None),
        ({"kind": f"{SORT}.iso27001"}, date(2027, 2, 28)),
        ({"kind": f"{SORT}.iso27001", "expires": ""}, None),
        ({"kind": f"{SORT}.iso27001", "title": "It still is"}, None),
    ):
        assert browser.post(path, said | changes).status_code == 303
        assert list(ends(database).values()) == [until]
