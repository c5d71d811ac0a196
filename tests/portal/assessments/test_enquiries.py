"""What a company asks before and after submitting, and what the organisation does with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import Identity, OrganisationRole
from portal.assessments import change_steps, changing, enquiries, queries, readdressing, replying
from portal.assessments import enquiry_queries as asked
from portal.assessments.models import Assessment, Enquiry, EnquiryEntry, Submission
from portal.audit.models import Event
from portal.db import SYSTEM
from portal.faults import Conflict, Invalid, NotFound, Refused, Throttled
from portal.outbox import Message
from tests.portal.assessments.given import Given
from tests.portal.world import NOW

DUE = date(2026, 12, 20)


def ask(given: Given, kind: str = "question", text: str = "Does this cover contractors?", **more: Any) -> Any:
    """Ask as the owner, or as ``who``; returns the enquiry's id."""
    who: Identity = more.pop("who", given.owner)
    now = more.pop("now", NOW)
    with given.database.transaction(who.scope) as session:
        one = queries.assessment(session, who, given.assessment_id, lock=True)
        return enquiries.ask(session, one, kind=kind, text=text, actor=who, now=now, **more).id


def buyer(given: Given, role: OrganisationRole = OrganisationRole.CISO) -> Identity:
    return given.organisation[role]


def change(
    given: Given, what: Callable[..., None], *, vendor: bool = False, now: Any = NOW, **values: Any
) -> None:
    """Do something to the assessment as the organisation's CISO."""
    who = values.pop("who", buyer(given))
    with given.database.transaction(who.scope) as session:
        one, its_vendor = change_steps.lock(session, who, given.assessment_id)
        rows = (one, its_vendor) if vendor else (one,)
        if "row" in values:
            values["row"] = asked.enquiry(session, who, one.id, values["row"], lock=True)
        what(session, *rows, actor=who, now=now, **values)


def row(given: Given, enquiry_id: Any) -> Enquiry:
    with given.database.looking(SYSTEM) as session:
        return session.scalars(select(Enquiry).where(Enquiry.id == enquiry_id)).one()


def said(given: Given, enquiry_id: Any) -> list[str]:
    with given.database.looking(SYSTEM) as session:
        statement = select(EnquiryEntry.text).where(EnquiryEntry.enquiry_id == enquiry_id)
        return list(session.scalars(statement.order_by(EnquiryEntry.at, EnquiryEntry.side)))


def letters(given: Given, kind: str | None = None) -> list[Message]:
    with given.database.looking(SYSTEM) as session:
        found = session.scalars(select(Message).order_by(Message.created_at, Message.recipient)).all()
        return [one for one in found if kind in (None, one.kind)]


def events(given: Given) -> list[str]:
    with given.database.looking(SYSTEM) as session:
        return list(session.scalars(select(Event.kind).order_by(Event.at)))


# ---------------------------------------------------------------------------------------------------- asking


def test_a_question_goes_to_those_who_can_act_and_to_nobody_else(given: Given) -> None:
    enquiry = ask(given, key="one.locks")
    assert row(given, enquiry).state == "open"
    found = letters(given, "enquiry_made")
    can_act = (
        OrganisationRole.ADMIN,
        OrganisationRole.CISO,
        OrganisationRole.REVIEWER,
        OrganisationRole.PROCUREMENT,
    )
    assert {one.recipient for one in found} == {buyer(given, role).person.email for role in can_act}
    for letter in found:
        assert letter.reply_to == given.owner.person.email
        assert "Do you lock the doors?" in letter.text
        assert "contractors" not in letter.text
        assert f"/enquiries/{enquiry}" in letter.text
    assert events(given).count("enquiry.made") == 1


def test_events_hold_no_words_of_an_enquiry(given: Given) -> None:
    ask(given, "other_person", "Because kzsecret knows.", name="Kz Name", email="kzother@fennmark.example")
    with given.database.looking(SYSTEM) as session:
        assert not [one for one in session.scalars(select(Event.data)) if "kz" in str(one).lower()]


def test_pressing_twice_asks_once(given: Given) -> None:
    assert ask(given, key="one.locks") == ask(given, key="one.locks")
    assert len(letters(given, "enquiry_made")) == 4


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("question", {"text": "  "}, "text"),
        ("question", {"text": "x" * 4001}, "text"),
        ("question", {"text": "a\0b"}, "text"),
        ("more_time", {"wanted": None}, "wanted"),
        ("more_time", {"wanted": DUE}, "wanted"),
        ("more_time", {"wanted": DUE - timedelta(days=1)}, "wanted"),
        ("more_time", {"wanted": date(2029, 1, 1)}, "wanted"),
        ("more_time", {"wanted": DUE + timedelta(days=9), "text": ""}, "text"),
        ("decline", {"text": ""}, "text"),
        ("other_person", {"name": "", "email": "a@b.example"}, "name"),
        ("other_person", {"name": "Ada", "email": "nobody"}, "email"),
        ("other_person", {"name": "Ada", "email": "a@b.example, c@d.example"}, "email"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    given: Given, kind: str, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        ask(given, kind, **{"text": "Because.", **values})
    assert field in wrong.value.errors
    assert letters(given) == []


def test_owners_alone_ask_for_changes(given: Given) -> None:
    for kind in ("more_time", "decline", "other_person", "reopen"):
        with pytest.raises(Refused):
            ask(given, kind, who=given.contributor, wanted=DUE + timedelta(days=9))
    assert ask(given, key="one.locks", who=given.contributor)


def test_a_key_of_another_questionnaire_is_not_found(given: Given) -> None:
    with pytest.raises(NotFound):
        ask(given, key="nowhere.at_all")


def test_one_wish_of_a_kind_waits_at_a_time(given: Given) -> None:
    ask(given, "more_time", "We move.", wanted=DUE + timedelta(days=9))
    with pytest.raises(Invalid):
        ask(given, "more_time", "We move, truly.", wanted=DUE + timedelta(days=19))


def test_only_what_is_submitted_is_reopened_and_only_what_is_open_is_asked_about(given: Given) -> None:
    with pytest.raises(Conflict):
        ask(given, "reopen")
    change(given, changing.cancel, text="No longer needed.")
    for kind in ("question", "decline", "reopen"):
        with pytest.raises(Conflict):
            ask(given, kind)


def test_withdrawing_is_for_the_asker_and_the_owners(given: Given) -> None:
    def withdraw(who: Identity, enquiry: Any) -> None:
        with given.database.transaction(who.scope) as session:
            found = asked.enquiry(session, who, given.assessment_id, enquiry, lock=True)
            enquiries.withdraw(session, found, actor=who, now=NOW)

    theirs, own = ask(given), ask(given, who=given.contributor, text="And this?")
    with pytest.raises(Refused):
        withdraw(given.contributor, theirs)
    withdraw(given.contributor, own)
    withdraw(given.contributor, own)  # a second press
    withdraw(given.owner, theirs)
    assert row(given, own).state == row(given, theirs).state == "withdrawn"
    with pytest.raises(Conflict):
        change(given, replying.answer, row=own, text="Too late.")


# ------------------------------------------------------------------------------------------------- answering


def test_an_answer_settles_a_question_and_a_follow_up_opens_it_again(given: Given) -> None:
    enquiry = ask(given, key="one.locks", who=given.contributor)
    change(given, replying.answer, row=enquiry, text="Contractors count too.")
    assert row(given, enquiry).state == "answered"
    told = letters(given, "enquiry_answered")
    assert {one.recipient for one in told} == {given.owner.person.email, given.contributor.person.email}
    assert all("Contractors" not in one.text for one in told)
    with given.database.transaction(given.contributor.scope) as session:
        one = queries.assessment(session, given.contributor, given.assessment_id, lock=True)
        found = asked.enquiry(session, given.contributor, one.id, enquiry, lock=True)
        enquiries.carry_on(
            session, one, found, "Interns as well?", actor=given.contributor, now=NOW + timedelta(hours=1)
        )
    assert row(given, enquiry).state == "open"
    assert row(given, enquiry).settled_at is None
    assert said(given, enquiry) == [
        "Does this cover contractors?",
        "Contractors count too.",
        "Interns as well?",
    ]


def test_a_refusal_needs_its_reason_and_changes_nothing(given: Given) -> None:
    enquiry = ask(given, "more_time", "We move.", wanted=DUE + timedelta(days=9))
    with pytest.raises(Invalid):
        change(given, replying.refuse, row=enquiry, text=" ")
    change(given, replying.refuse, row=enquiry, text="The contract ends.")
    assert row(given, enquiry).state == "refused"
    assert given.assessment().due == DUE
    with pytest.raises(Conflict):
        change(given, replying.refuse, row=ask(given, text="What?"), text="No.")


def test_roles_that_only_read_change_nothing(given: Given) -> None:
    for role in (OrganisationRole.AUDITOR, OrganisationRole.BUSINESS_OWNER):
        with pytest.raises(Refused):
            change(given, changing.cancel, text="No.", who=buyer(given, role))


# -------------------------------------------------------------------------------------------------- changing


@pytest.mark.both_databases
def test_extending_grants_what_was_asked(given: Given) -> None:
    later = DUE + timedelta(days=14)
    enquiry = ask(given, "more_time", "We move.", wanted=later)
    change(given, changing.extend, due=later, text="")
    assert given.assessment().due == later
    assert row(given, enquiry).state == "granted"
    (letter,) = letters(given, "assessment_changed")
    assert letter.recipient == given.owner.person.email
    assert letter.reply_to == buyer(given).person.email
    assert "3 January 2027" in letter.text


def test_without_being_asked_a_change_needs_its_reason(given: Given) -> None:
    for what, values in (
        (changing.extend, {"due": DUE + timedelta(days=5)}),
        (changing.cancel, {}),
    ):
        with pytest.raises(Invalid) as wrong:
            change(given, what, text="", **values)
        assert "text" in wrong.value.errors
    change(given, changing.extend, due=DUE + timedelta(days=5), text="Holidays.")
    with given.database.looking(SYSTEM) as session:
        notice = session.scalars(select(Enquiry).where(Enquiry.kind == "notice")).one()
    assert said(given, notice.id) == ["Holidays."]


@pytest.mark.parametrize("day", [DUE, DUE - timedelta(days=1), date(2026, 11, 20), date(2029, 1, 1), None])
def test_a_date_moves_forward_and_not_for_ever(given: Given, day: date | None) -> None:
    with pytest.raises(Invalid) as wrong:
        change(given, changing.extend, due=day, text="Holidays.")
    assert "due" in wrong.value.errors


def test_accepting_a_decline_needs_one(given: Given) -> None:
    with pytest.raises(Conflict):
        change(given, changing.accept_decline, text="")
    enquiry = ask(given, "decline", "We do not sell this any more.")
    change(given, changing.accept_decline, text="")
    one = given.assessment()
    assert (one.state, row(given, enquiry).state) == ("declined", "granted")
    assert one.closed_by == buyer(given).person.id
    assert letters(given, "assessment_changed")


def test_cancelling_tells_the_vendor_why_and_leaves_its_answers(given: Given) -> None:
    given.browser().answer(given.section("one"), a__one__locks="yes")
    enquiry = ask(given)
    change(given, changing.cancel, text="The purchase was stopped.")
    assert given.assessment().state == "cancelled"
    assert given.stored()["one.locks"] == (1, "yes")
    assert row(given, enquiry).state == "answered"
    (letter,) = letters(given, "assessment_changed")
    assert "The purchase was stopped." in letter.text
    with pytest.raises(Conflict):
        change(given, changing.extend, due=DUE + timedelta(days=5), text="Or not.")


def test_a_form_that_rests_on_another_round_is_a_conflict(given: Given) -> None:
    who = buyer(given)
    with given.database.transaction(who.scope) as session:
        one, _vendor = change_steps.lock(session, who, given.assessment_id)
        seen = change_steps.stamp(one)
    change(given, changing.extend, due=DUE + timedelta(days=5), text="Holidays.")
    with given.database.transaction(who.scope) as session, pytest.raises(Conflict):
        change_steps.lock(session, who, given.assessment_id, seen=seen)


def test_a_letter_is_resent_a_few_times_a_day(given: Given) -> None:
    for minutes in range(5):
        change(given, readdressing.resend, vendor=True, now=NOW + timedelta(minutes=minutes))
    change(
        given, readdressing.resend, vendor=True, now=NOW + timedelta(minutes=4, seconds=3)
    )  # a second press
    assert len(letters(given, "assessment_issued")) == 5
    with pytest.raises(Throttled):
        change(given, readdressing.resend, vendor=True, now=NOW + timedelta(minutes=9))


def test_a_linked_vendor_is_asked_to_add_the_right_person(given: Given) -> None:
    enquiry = ask(given, "other_person", "She knows.", name="Ada Vale", email="ada@fennmark.example")
    values = {"name": "Ada Vale", "email": "Ada@fennmark.example", "text": ""}
    change(given, readdressing.readdress, vendor=True, **values)
    assert row(given, enquiry).state == "granted"
    assert given.assessment().contact_email == "ada@fennmark.example"
    assert [one.recipient for one in letters(given, "assessment_changed")] == [given.owner.person.email]
    assert letters(given, "invitation_vendor") == []
    with pytest.raises(Invalid):
        change(given, readdressing.readdress, vendor=True, **{**values, "text": "Once more."})


# ----------------------------------------------------------------------------------------------------- rounds


def _submit(given: Given) -> None:
    from tests.portal.scene import fill, seal

    fill(given.database, given.owner, given.assessment_id)
    seal(given.database, given.owner, given.assessment_id)


@pytest.mark.both_databases
def test_reopening_is_a_new_round_with_the_answers_in_place(given: Given) -> None:
    open_question = ask(given)
    _submit(given)
    assert row(given, open_question).state == "withdrawn"
    before = given.stored()
    enquiry = ask(given, "reopen", "One answer was wrong.")
    change(given, changing.reopen, due=DUE + timedelta(days=30), text="")
    one = given.assessment()
    assert (one.state, one.round, one.due) == ("open", 2, DUE + timedelta(days=30))
    assert given.stored() == before
    assert row(given, enquiry).state == "granted"
    _submit(given)
    with given.database.looking(SYSTEM) as session:
        assert sorted(session.scalars(select(Submission.round))) == [1, 2]
    with pytest.raises(Invalid):
        change(given, changing.reopen, due=DUE, text="")
    change(given, changing.reopen, due=DUE + timedelta(days=30), text="The audit found a gap.")
    assert given.assessment().round == 3


def test_what_was_declined_is_reopened_in_the_same_round(given: Given) -> None:
    ask(given, "decline", "No.")
    change(given, changing.accept_decline, text="")
    change(given, changing.reopen, due=DUE, text="They have changed their mind.")
    one = given.assessment()
    assert (one.state, one.round, one.closed_at, one.closed_by) == ("open", 1, None, None)


def test_what_is_taken_back_is_not_reopened(given: Given) -> None:
    change(given, changing.cancel, text="Stopped.")
    with pytest.raises(Conflict):
        change(given, changing.reopen, due=DUE, text="Or not.")


def test_a_stranger_finds_no_enquiry(given: Given) -> None:
    from portal.access import CompanyRole

    enquiry = ask(given)
    stranger = given.stranger[CompanyRole.OWNER]
    with given.database.looking(stranger.scope) as session:
        with pytest.raises(NotFound):
            asked.enquiry(session, stranger, given.assessment_id, enquiry)
        assert asked.threads(session, stranger, given.assessment_id) == []


def test_the_two_sides_read_the_same_thread(given: Given) -> None:
    enquiry = ask(given)
    for who in (given.owner, buyer(given)):
        with given.database.looking(who.scope) as session:
            (thread,) = asked.threads(session, who, given.assessment_id)
            assert thread.enquiry.id == enquiry
            assert [one.text for one in thread.entries] == ["Does this cover contractors?"]
    assert isinstance(given.assessment(), Assessment)
