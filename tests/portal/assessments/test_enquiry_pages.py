"""The pages of enquiries, of both sides, and what other pages say in each state of an assessment."""

from __future__ import annotations

import re
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import Enquiry
from portal.db import SYSTEM
from tests.portal.assessments.given import Given, issue
from tests.portal.assessments.test_answering_statements import counted
from tests.portal.assessments.test_enquiries import DUE, _submit, ask
from tests.portal.world import Browser, signed_in

SOON = (DUE + timedelta(days=10)).isoformat()


def theirs(given: Given, role: OrganisationRole = OrganisationRole.CISO) -> Browser:
    return signed_in(given.app, given.organisation[role])


def ours(given: Given) -> Browser:
    return signed_in(given.app, given.owner)


def at(given: Given, page: str = "") -> str:
    return f"/o/{given.organisation.slug}/assessments/{given.assessment_id}{page}"


def stamp(browser: Browser, path: str) -> str:
    found = re.search(r'name="stamp"[^>]*value="([^"]+)"', browser.get(path).text)
    assert found, browser.get(path).text
    return found.group(1)


def change(given: Given, what: str, **fields: Any) -> Any:
    browser, path = theirs(given), at(given, f"/change/{what}")
    return browser.post(path, {"stamp": stamp(browser, path), **fields})


def test_a_question_travels_from_its_card_to_the_answer_and_back(given: Given) -> None:
    vendor, buyer = ours(given), theirs(given)
    section = vendor.get(given.section("one")).text
    assert f"{given.base}/enquiries/question?key=one.locks" in section
    form = vendor.get(f"{given.base}/enquiries/question?key=one.locks")
    assert "Do you lock the doors?" in form.text
    sent = vendor.post(
        f"{given.base}/enquiries/question", {"key": "one.locks", "text": "The <b>back</b> door too?"}
    )
    assert sent.status_code == 303
    assert "You asked on" in vendor.get(given.section("one")).text
    listed = buyer.get(f"/o/{given.organisation.slug}/enquiries").text
    assert "The &lt;b&gt;back&lt;/b&gt; door too?" in listed
    assert "<b>back</b>" not in listed
    with given.database.looking(SYSTEM) as session:
        enquiry = session.scalars(select(Enquiry.id)).one()
    page = at(given, f"/enquiries/{enquiry}")
    assert "Do you lock the doors?" in buyer.get(page).text
    assert buyer.post(page, {"text": ""}).status_code == 422
    assert buyer.post(page, {"text": "Every door."}).status_code == 303
    again = vendor.get(given.section("one")).text
    assert "answered by" in again
    assert "Every door." in again
    assert "Every door." in vendor.get(f"{given.base}/enquiries").text


def test_what_is_refused_keeps_what_was_typed(given: Given) -> None:
    vendor = ours(given)
    for kind, fields, words in (
        ("question", {"text": "x" * 4001}, "4,000"),
        ("more_time", {"wanted": "soon", "text": "We move."}, "We move."),
        ("more_time", {"wanted": "2026-01-01", "text": "We move."}, "We move."),
        ("other_person", {"name": "Ada <i>", "email": "nobody", "text": "She knows."}, "Ada &lt;i&gt;"),
        ("decline", {"text": " "}, "why you do not answer"),
    ):
        answer = vendor.post(f"{given.base}/enquiries/{kind}", fields)
        assert answer.status_code == 422, kind
        assert words in answer.text
        assert "Error:" in answer.text
    assert vendor.post(f"{given.base}/enquiries/nonsense", {"text": "x"}).status_code == 404
    assert vendor.post(f"{given.base}/enquiries/question", {"text": "x", "key": "no.such"}).status_code == 404
    assert vendor.get(f"{given.base}/enquiries/reopen").status_code == 409
    with given.database.looking(SYSTEM) as session:
        assert session.scalars(select(Enquiry)).all() == []


def test_adding_and_taking_back(given: Given) -> None:
    vendor = ours(given)
    enquiry = ask(given)
    place = f"{given.base}/enquiries/{enquiry}"
    assert vendor.post(f"{place}/entries", {"text": ""}).status_code == 422
    assert vendor.post(f"{place}/entries", {"text": "Interns too?"}).status_code == 303
    assert vendor.post(f"{place}/withdraw").status_code == 303
    assert "Taken back" in vendor.get(f"{given.base}/enquiries").text
    assert vendor.post(f"{place}/entries", {"text": "Once more."}).status_code == 409
    stranger = signed_in(given.app, given.stranger[CompanyRole.OWNER])
    assert (
        stranger.post(
            f"/c/{given.stranger.slug}/assessments/{given.assessment_id}/enquiries/{enquiry}/withdraw"
        ).status_code
        == 404
    )


@pytest.mark.both_databases
def test_the_list_is_narrowed_sorted_and_taken_as_a_file(given: Given) -> None:
    ask(given, text="=1+1")
    ask(given, "more_time", "We move.", wanted=DUE + timedelta(days=9))
    buyer, place = theirs(given), f"/o/{given.organisation.slug}/enquiries"
    assert "More time" in buyer.get(f"{place}?kind=more_time").text
    assert "We move." not in buyer.get(f"{place}?kind=question").text
    assert "We move." in buyer.get(f"{place}?q=we+MOVE").text
    assert "No enquiry fits" in buyer.get(f"{place}?q=nowhere").text
    assert (
        "Nothing waits" in buyer.get(f"{place}?state=settled").text
        or "No enquiry fits" in buyer.get(f"{place}?state=settled").text
    )
    for sort in ("asked", "vendor", "due", "kind", "nonsense"):
        for down in ("", "1", "x"):
            assert buyer.get(f"{place}?sort={sort}&down={down}&page=9&state=all").status_code == 200
    file = buyer.get(f"/o/{given.organisation.slug}/enquiries.csv")
    assert file.mimetype == "text/csv"
    assert "more_time" in file.text
    assert "We move" not in file.text
    auditor = theirs(given, OrganisationRole.AUDITOR)
    assert auditor.get(place).status_code == 200
    assert (
        "Answer" not in auditor.get(at(given)).text
        or auditor.get(at(given, "/change/cancel")).status_code == 403
    )


def test_a_wish_is_granted_from_its_page(given: Given) -> None:
    wanted = DUE + timedelta(days=9)
    enquiry = ask(given, "more_time", "We move.", wanted=wanted)
    buyer = theirs(given)
    assert "We move." in buyer.get(at(given)).text
    assert "/change/extend" in buyer.get(at(given, f"/enquiries/{enquiry}")).text
    form = buyer.get(at(given, "/change/extend")).text
    assert wanted.isoformat() in form
    assert "We move." in form
    assert change(given, "extend", due=wanted.isoformat()).status_code == 303
    assert given.assessment().due == wanted
    assert "Granted" in ours(given).get(f"{given.base}/enquiries").text


def test_changes_say_what_is_wrong_and_conflicts_keep_the_words(given: Given) -> None:
    buyer = theirs(given)
    old = stamp(buyer, at(given, "/change/cancel"))
    refused = change(given, "extend", due="2020-01-01", text="Holidays")
    assert refused.status_code == 422
    assert "Holidays" in refused.text
    assert change(given, "extend", due=SOON, text="").status_code == 422
    assert change(given, "extend", due=SOON, text="Holidays").status_code == 303
    late = buyer.post(at(given, "/change/cancel"), {"stamp": old, "text": "Stopped for good."})
    assert late.status_code == 409
    assert "Stopped for good." in late.text
    assert buyer.get(at(given, "/change/reopen")).status_code == 409
    assert buyer.get(at(given, "/change/decline")).status_code == 409
    assert buyer.get(at(given, "/change/nonsense")).status_code == 404


def test_every_page_reads_sensibly_when_it_was_taken_back(given: Given) -> None:
    given.browser().answer(given.section("one"), a__one__locks="yes")
    late = ours(given)
    fields = late.card_fields(given.section("one")) if hasattr(late, "card_fields") else {}
    assert change(given, "cancel", text="The purchase was stopped.").status_code == 303
    vendor, buyer = ours(given), theirs(given)
    for page in ("", "/questions", "/sections/one", "/sections/two", "/enquiries"):
        found = vendor.get(given.base + page)
        assert found.status_code == 200, page
        assert "Submitted on" not in found.text
    assert "taken this request back" in vendor.get(given.base).text
    assert "locked" in vendor.get(given.section("one")).text
    assert 'name="a.' not in vendor.get(given.section("one")).text
    for page in ("/missing", "/submit", "/receipt"):
        assert vendor.get(given.base + page).status_code == 303, page
    assert vendor.get(f"{given.base}/result").status_code == 404
    typed = vendor.post(given.section("one"), {**fields, "r.one.days": "0", "a.one.days": "77"})
    assert typed.status_code == 409
    assert "77" in typed.text
    assert "no longer open" in typed.text
    home = vendor.get(f"/c/{given.company.slug}/").text
    assert "Taken back" in home
    assert "Nothing waits for you" in home
    page = buyer.get(at(given)).text
    assert "This request was taken back" in page
    assert "The purchase was stopped." in page
    for other in ("/", "/vendors", "/assessments", "/schedule", "/schedule?view=open", "/enquiries"):
        assert buyer.get(f"/o/{given.organisation.slug}{other}").status_code == 200, other


def test_a_declined_one_too_and_it_can_be_reopened(given: Given) -> None:
    ask(given, "decline", "We do not sell this.")
    assert change(given, "decline").status_code == 303
    vendor, buyer = ours(given), theirs(given)
    assert "Declined" in vendor.get(f"/c/{given.company.slug}/").text
    assert vendor.get(given.base).status_code == vendor.get(given.section("one")).status_code == 200
    assert "has declined to answer" in buyer.get(at(given)).text
    assert change(given, "reopen", due=SOON, text="They think again.").status_code == 303
    assert vendor.get(given.section("one")).status_code == 200
    assert date.fromisoformat(SOON) == given.assessment().due


def test_earlier_rounds_stay_in_reach(given: Given) -> None:
    _submit(given)
    vendor, buyer = ours(given), theirs(given)
    assert "You and the other owners" in vendor.get(f"{given.base}/receipt").text
    assert change(given, "reopen", due=SOON, text="One answer was wrong.").status_code == 303
    assert "being answered again" in buyer.get(at(given)).text
    for page in ("/result", "/answers", "/result.json", "/result?round=1"):
        assert buyer.get(at(given, page)).status_code == 200, page
        assert vendor.get(given.base + page).status_code == 200, page
    assert "round 1" in buyer.get(at(given, "/result")).text.lower()
    assert "reopened" in vendor.get(f"{given.base}/receipt").text
    home = vendor.get(f"/c/{given.company.slug}/").text
    assert "round 2" in home.lower()
    _submit(given)
    assert buyer.get(at(given, "/result?round=1")).status_code == 200
    assert buyer.get(at(given, "/result?round=7")).status_code == 404
    assert "Round 1" in buyer.get(at(given)).text
    receipt = vendor.get(f"{given.base}/receipt?round=1").text
    assert "1 of 2" in receipt


def test_resend_is_one_press(given: Given) -> None:
    buyer = theirs(given)
    assert buyer.post(at(given, "/resend")).status_code == 303
    assert theirs(given, OrganisationRole.AUDITOR).post(at(given, "/resend")).status_code == 403


def test_an_error_page_calls_what_was_typed_by_its_label(given: Given) -> None:
    vendor = ours(given)
    assert change(given, "cancel", text="Stopped.").status_code == 303
    late = vendor.post(f"{given.base}/enquiries/question", {"text": "Is it <i>late</i>?"})
    assert late.status_code == 409
    assert "Is it &lt;i&gt;late&lt;/i&gt;?" in late.text
    assert "<dt>Your words</dt>" in late.text
    stale = vendor.client.post(given.section("one"), data={"a.one.days": "7", "csrf_token": "x"})
    assert stale.status_code == 400
    assert "Answer: one.days" in stale.text


def test_home_with_thirty_open_questionnaires_says_what_comes_first(given: Given) -> None:
    late = uuid.uuid4()
    issue(given, late, due=date(2026, 11, 19))
    for number in range(28):
        issue(given, uuid.uuid4(), due=DUE + timedelta(days=number))
    ask(given, text="Does this cover contractors?")
    vendor = ours(given)
    place = f"/c/{given.company.slug}/"
    with counted(given) as (statements, _commits):
        page = vendor.get(place).text
    assert "30 questionnaires wait for you" in page
    assert "One is late." in page
    assert page.index("2 days late") < page.index("Also waiting")
    assert page.count("days left") == 9
    assert f"/assessments/{late}" in page
    with counted(given) as (few, _commits):
        assert vendor.get(f"{place}?page=3").status_code == 200
    assert len(statements) <= 40, "\n".join(statements)
    assert len(few) <= len(statements)
