"""Confirmation codes: what they look like, what they show, and that they open nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.accounts.models import LoginSession, Throttle
from portal.assessments import changing, codes
from portal.assessments.models import Assessment
from portal.audit.models import Event
from portal.db import SYSTEM
from tests.portal.assessments.given import Given
from tests.portal.assessments.test_enquiries import change
from tests.portal.world import Browser, signed_in


@pytest.fixture
def code(given: Given) -> str:
    with given.database.transaction() as session:
        one = session.scalars(select(Assessment)).one()
        found = codes.code_of(one)
        from portal.audit.catalogue import Kind
        from portal.audit.service import record

        record(session, Kind.ASSESSMENT_RESENT, now=one.issued_at, actor=None, subject=one)
    return found


def check(given: Given, typed: str, client: str = "192.0.2.7") -> tuple[int, str]:
    browser = Browser(given.app.test_client())
    answer = browser.client.post(
        "/confirm",
        data={"csrf_token": browser.token("/confirm"), "code": typed},
        environ_base={"REMOTE_ADDR": client},
    )
    return answer.status_code, answer.text


def test_codes_are_read_however_they_are_typed() -> None:
    made = {codes.new_code() for _ in range(500)}
    assert len(made) == 500
    for one in made:
        assert len(one) == 11
        assert one[5] == "-"
        assert not set(one) & set("ILOU")
        assert codes.readable(one) == codes.readable(f"  {one.lower().replace('-', ' ')} ") == one
    assert codes.readable("oil0o-1lio0") == "01100-11100"
    for typed in ("", "7KQ2M", "7KQ2M-X9FTU", "7KQ2M-X9FTDD", "7KQ2M-X9FT%", "x" * 10_000, "７KQ2M-X9FTD"):
        assert codes.readable(typed) is None, typed


def test_a_right_code_shows_organisation_person_and_date_only(given: Given, code: str) -> None:
    status, page = check(given, code.lower().replace("-", " "))
    assert status == 200
    for shown in (given.organisation.name, "21 November 2026"):
        assert shown in page
    for hidden in (
        given.company.name,
        "Small questionnaire",
        "Claims archive",
        "claim files",
        code,
        "20 December",
    ):
        assert hidden not in page
    assert "A request with this code exists" in page
    assert "genuine" not in page
    with given.database.looking(SYSTEM) as session:
        assert session.scalars(select(LoginSession)).all() == []
        (event,) = session.scalars(select(Event).where(Event.kind == "code.checked"))
        assert event.data == {"found": True}
        assert event.organisation_id == given.organisation.id


def test_a_wrong_code_shows_nothing(given: Given, code: str) -> None:
    for typed in ("00000-00000", "nonsense", code[:-1], "' or 1=1 --", "\u202e" + code[::-1]):
        status, page = check(given, typed)
        assert status == 422
        assert given.organisation.name not in page


def test_a_code_in_the_address_shows_nothing(given: Given, code: str) -> None:
    browser = Browser(given.app.test_client())
    for path in (f"/confirm?code={code}", "/confirm"):
        page = browser.get(path)
        assert page.status_code == 200
        assert given.organisation.name not in page.text
        assert code not in page.text


def test_a_request_that_is_over_says_so(given: Given, code: str) -> None:
    change(given, changing.cancel, text="Stopped.")
    status, page = check(given, code)
    assert status == 200
    assert "it is over" in page


def test_every_check_counts_for_its_client_and_for_nobody_else(given: Given, code: str) -> None:
    for _ in range(codes.PER_CLIENT):
        assert check(given, code)[0] == 200
    assert check(given, code)[0] == 429
    assert check(given, "00000-00000")[0] == 429
    assert check(given, code, client="192.0.2.8")[0] == 200
    with given.database.looking(SYSTEM) as session:
        events = session.scalars(select(Event).where(Event.kind == "code.checked")).all()
        assert len(events) == codes.PER_CLIENT + 1
        assert all("192" not in one.key for one in session.scalars(select(Throttle)))


def test_the_organisation_and_the_company_read_the_code(given: Given, code: str) -> None:
    buyer = signed_in(given.app, given.organisation[OrganisationRole.AUDITOR])
    assert code in buyer.get(f"/o/{given.organisation.slug}/assessments/{given.assessment_id}").text
    assert code in signed_in(given.app, given.owner).get(given.base).text
