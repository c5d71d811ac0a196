"""Deciding at the gate: alone, with a reason, with a second person; approving, refusing, conditions, exceptions."""

from __future__ import annotations

import uuid
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.gate import accepting, approving, conditions, queries, recomputing, stored
from portal.gate.choosing import Choice, as_proposed
from portal.gate.deciding import Condition
from portal.gate.models import DecisionWords, GateDecision, GateProposal, RiskException, RiskExceptionStep
from portal.gate.service import FAULTS, Stale
from portal.organisations.four_eyes import SENTENCES
from portal.organisations.models import OrganisationMember
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors.models import Engagement, Vendor
from tests.portal.gate.desk import (
    ADMIN,
    AUDITOR,
    CISO,
    CLEAR,
    FAILED,
    LATER,
    PROCUREMENT,
    Desk,
    by_hand,
    changed,
    make,
)
from tests.portal.gate.given import TODAY, core, policy
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company, make_organisation

TWO: dict[str, Any] = {"roles": ("admin", "ciso"), "approvals": 2}
BLOCKED = Choice("blocked")


@pytest.fixture
@made_once
def desk(database: Database, settings: Settings) -> Desk:
    return make(
        database,
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Fennmark"),
    )


def letters(database: Database) -> list[tuple[str, str]]:
    with database.looking(SYSTEM) as session:
        found = session.scalars(select(Message).where(Message.kind == "gate_told")).all()
    return [(one.recipient.split("@")[0], one.text) for one in found]


def kinds(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Event.kind).where(Event.kind.startswith("gate.")).order_by(Event.at))
        return list(rows)


def approve(desk: Desk, row: Any, role: OrganisationRole = ADMIN, seal: str | None = None) -> Any:
    wanted = queries.seal_of(desk.proposal_row(row.id)) if seal is None else seal
    return desk.do(
        role,
        lambda session, case: approving.approve(
            session, case, row.id, seal=wanted, actor=desk.place[role], now=LATER
        ),
    )


# ------------------------------------------------------------------------------------------------------ alone


@pytest.mark.both_databases
def test_as_proposed_one_person_decides_at_once_and_it_can_be_worked_out_anew(desk: Desk) -> None:
    row = desk.decide(reason="")
    assert isinstance(row, GateDecision)
    assert (row.outcome, row.proposed_outcome, row.sequence, row.approved_by) == ("clear", "clear", 1, None)
    assert recomputing.anew(row).agrees
    assert stored.from_bytes(Choice, row.choice) == as_proposed(desk.proposal)
    assert queries.decided_of(row).outcome == "clear"
    with desk.database.looking(SYSTEM) as session:
        words = session.scalars(select(DecisionWords)).one()
        assert sha256(words.salt + words.words).hexdigest() == row.words_commitment
        moved = session.get_one(Engagement, desk.engagement).ground_revision
    assert moved != 0
    assert kinds(desk.database) == ["gate.decided"]
    assert desk.decide(reason="", seen=desk.seen(0)).id == row.id  # the same button, pressed twice
    again = desk.decide(reason="")
    assert isinstance(again, GateDecision)
    assert again.sequence == 2


def test_stricter_takes_a_reason_and_no_second_person(desk: Desk) -> None:
    with pytest.raises(Invalid) as fault:
        desk.decide(BLOCKED, reason="")
    assert list(fault.value.errors) == ["reason"]
    row = desk.decide(BLOCKED, reason="They were breached.")
    assert (row.outcome, type(row)) == ("blocked", GateDecision)
    assert letters(desk.database) == []  # the owner of this engagement decided it themselves


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        (Choice("clear", (), None), "valid_until"),
        (Choice("blocked", (), TODAY), "valid_until"),
        (Choice("clear", (), TODAY - timedelta(days=1)), "valid_until"),
        (Choice("clear", (), TODAY + timedelta(days=4000)), "valid_until"),
        (Choice("clear", (by_hand(),), TODAY + timedelta(days=90)), "outcome"),
        (Choice("clear_with_conditions", (), TODAY), "conditions"),
        (Choice("clear_with_conditions", (by_hand(400),), TODAY + timedelta(days=90)), "conditions"),
        (
            Choice("clear_with_conditions", (Condition("band", "core", None, "pending"),), TODAY),
            "conditions",
        ),
    ],
)
def test_what_can_be_nobodys_decision(desk: Desk, choice: Choice, field: str) -> None:
    with pytest.raises(Invalid) as fault:
        desk.decide(choice, words={one.subject: "Do it." for one in choice.conditions})
    assert field in fault.value.errors
    assert desk.decisions() == []


def test_every_fault_of_a_choice_has_a_field_and_a_sentence() -> None:
    codes = {
        *("end_missing", "end_needless", "end_past", "end_too_late", "conditions_needless"),
        *("conditions_missing", "conditions_too_many", "condition_twice", "condition_unknown"),
        *("condition_milder", "condition_without_day", "condition_day"),
    }
    assert set(FAULTS) == codes
    assert {field for field, _sentence in FAULTS.values()} <= {"valid_until", "outcome", "conditions"}


def test_a_condition_of_ones_own_needs_words(desk: Desk) -> None:
    one = by_hand()
    choice = Choice("clear_with_conditions", (one,), desk.proposal.latest)
    with pytest.raises(Invalid):
        desk.decide(choice, words={one.subject: ""})
    row = desk.decide(choice, words={one.subject: "An exit plan.", "stranger": "Nothing."})
    with desk.database.looking(SYSTEM) as session:
        said = queries.said(session, desk.place[CISO], [row.id])[row.id]
    assert (said.reason, said.conditions) == ("It stands well.", {one.subject: "An exit plan."})


def test_a_page_of_yesterday_decides_nothing(desk: Desk) -> None:
    before = desk.seen()
    desk.facts = FAILED
    with pytest.raises(Stale):
        desk.decide(Choice("clear", (), TODAY + timedelta(days=20)), seen=before)
    desk.facts = CLEAR
    desk.decide()
    with pytest.raises(Stale):
        desk.decide(BLOCKED, seen=before)
    with pytest.raises(Stale):
        desk.decide(BLOCKED, seen="f" * 64)


def test_what_waits_is_closed_by_nobody_who_has_not_read_it(desk: Desk) -> None:
    before = desk.seen()
    desk.facts = FAILED
    unseen = desk.seen()
    waits = desk.decide(Choice("clear", (), TODAY + timedelta(days=20)), reason="A board paper.")
    assert isinstance(waits, GateProposal)
    with pytest.raises(Stale):
        desk.decide(BLOCKED, ADMIN, seen=unseen)
    assert desk.proposal_row(waits.id).state == "waiting"
    read = desk.seen()
    assert len({before, unseen, read}) == 3
    row = desk.decide(BLOCKED, ADMIN, seen=read)
    assert desk.proposal_row(waits.id).state == "overtaken"
    assert "ciso" in [who for who, text in letters(desk.database) if "has decided" in text]
    assert desk.decide(BLOCKED, ADMIN, seen=read).id == row.id  # the same button, pressed twice


def test_roles_that_the_policy_does_not_name_and_vendors_that_left(desk: Desk) -> None:
    for role in (PROCUREMENT, AUDITOR):
        with pytest.raises(Refused, match="other roles"):
            desk.decide(role=role)
    with desk.database.transaction(SYSTEM) as session:
        vendor = session.get_one(Vendor, desk.issued.vendor)
        vendor.offboarded_at = NOW
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=desk.place[CISO], subject=vendor)
    with pytest.raises(Conflict, match="offboarded"):
        desk.decide()


# ------------------------------------------------------------------------------------------------- a second person


@pytest.mark.both_databases
def test_better_than_proposed_waits_for_a_second_person_who_gets_a_letter(desk: Desk) -> None:
    desk.facts = FAILED
    assert desk.proposal.outcome == "blocked"
    wish = Choice("clear", (), desk.proposal.latest)
    with pytest.raises(Invalid) as fault:
        desk.decide(wish, reason="")
    assert list(fault.value.errors) == ["reason"]
    row = desk.decide(wish, reason="They mend it tonight.")
    assert isinstance(row, GateProposal)
    assert desk.decisions() == []
    assert desk.decide(wish, reason="They mend it tonight.").id == row.id
    with pytest.raises(Conflict, match="waits"):
        desk.decide(wish, reason="Something else.")
    assert [who for who, _text in letters(desk.database)] == ["admin"]
    assert "They mend" not in letters(desk.database)[0][1]
    made = approve(desk, row)
    assert isinstance(made, GateDecision)
    assert (made.outcome, made.proposed_outcome) == ("clear", "blocked")
    assert (made.decided_by, made.approved_by) == (desk.place[CISO].person.id, desk.place[ADMIN].person.id)
    assert kinds(desk.database) == ["gate.proposed", "gate.closed", "gate.decided"]
    settled = desk.proposal_row(row.id)
    assert (settled.state, settled.reason, settled.words) == ("approved", "", {})
    with desk.database.looking(SYSTEM) as session:
        assert queries.said(session, desk.place[CISO], [made.id])[made.id].reason == "They mend it tonight."
    assert "ciso" in [who for who, _text in letters(desk.database)]  # who proposed it hears of it
    with pytest.raises(Conflict, match="settled"):
        approve(desk, row)


def test_the_policy_or_acts_of_ones_own_ask_for_a_second_person(desk: Desk) -> None:
    desk.policy = policy(**TWO)
    assert isinstance(desk.decide(reason="All is well."), GateProposal)
    desk.policy = policy(roles=("admin", "ciso"))
    desk.own = FAILED  # without what the CISO graded, it would be blocked
    with pytest.raises(Conflict, match="waits"):
        desk.decide(reason="All is very well.")
    stricter = desk.decide(BLOCKED, reason="Not before the test.")
    assert isinstance(stricter, GateDecision)  # and what waited is overtaken
    assert isinstance(desk.decide(reason="All is well."), GateProposal)
    desk.own = None
    assert isinstance(desk.decide(BLOCKED, ADMIN, reason="No."), GateDecision)


def test_nobody_approves_their_own_or_what_they_have_not_read(desk: Desk) -> None:
    desk.policy = policy(**TWO)
    row = desk.decide(reason="All is well.")
    with pytest.raises(Refused, match="You proposed this"):
        approve(desk, row, CISO)
    with pytest.raises(Refused, match="other roles"):
        approve(desk, row, PROCUREMENT)
    with pytest.raises(Conflict, match="has changed since you read it"):
        approve(desk, row, seal="0" * 64)
    with pytest.raises(NotFound):
        desk.do(
            ADMIN,
            lambda session, case: approving.approve(
                session, case, uuid.uuid4(), seal="", actor=desk.place[ADMIN], now=LATER
            ),
        )
    assert approve(desk, row)


def test_whoever_lost_the_role_meanwhile_neither_proposes_nor_approves(desk: Desk) -> None:
    desk.policy = policy(**TWO)
    row = desk.decide(reason="All is well.")
    desk.policy = policy(roles=("admin",), approvals=2)
    with pytest.raises(Refused, match="may not do so any more"):
        approve(desk, row)  # the policy lets the CISO decide no more
    desk.policy = policy(**TWO)
    with desk.database.transaction(SYSTEM) as session:
        member = session.scalars(
            select(OrganisationMember).where(OrganisationMember.person_id == desk.place[CISO].person.id)
        ).one()
        member.role = "auditor"
        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None, subject=member)
    with pytest.raises(Refused, match="may not do so any more"):
        approve(desk, row)


@pytest.mark.parametrize("what", ["worse", "policy", "ends"])
def test_what_became_worse_meanwhile_overtakes_a_proposal(desk: Desk, what: str) -> None:
    desk.policy = policy(**TWO)
    row = desk.decide(reason="All is well.")
    if what == "worse":
        desk.facts = FAILED
    if what == "policy":
        desk.policy = policy(roles=("admin", "ciso"), approvals=2, valid_months=3)
    if what == "ends":
        desk.facts = changed(CLEAR, today=desk.proposal.latest + timedelta(days=1))
    assert approve(desk, row) is None
    assert desk.proposal_row(row.id).state == "overtaken"
    assert desk.decisions() == []


def test_what_became_better_meanwhile_may_be_approved(desk: Desk) -> None:
    desk.policy, desk.facts = policy(**TWO), core(unwritten=1)
    assert desk.proposal.outcome == "pending"
    row = desk.decide(Choice("clear", (), desk.proposal.latest), reason="It is only a remark.")
    desk.facts = CLEAR
    made = approve(desk, row)
    assert (made.outcome, made.proposed_outcome) == ("clear", "clear")


def test_refusing_takes_a_reason_and_withdrawing_takes_the_proposer(desk: Desk) -> None:
    desk.policy = policy(**TWO)
    row = desk.decide(reason="All is well.")

    def refuse(role: OrganisationRole, reason: str) -> None:
        desk.do(
            role,
            lambda session, case: approving.refuse(
                session, case, row.id, reason=reason, actor=desk.place[role], now=LATER
            ),
        )

    def withdraw(role: OrganisationRole, which: uuid.UUID) -> None:
        desk.do(
            role,
            lambda session, case: approving.withdraw(session, case, which, actor=desk.place[role], now=LATER),
        )

    with pytest.raises(Refused, match="Take it back"):
        refuse(CISO, "No.")
    with pytest.raises(Invalid):
        refuse(ADMIN, "")
    with pytest.raises(Refused, match="Refuse it instead"):
        withdraw(ADMIN, row.id)
    refuse(ADMIN, "The test is missing.")
    settled = desk.proposal_row(row.id)
    assert (settled.state, settled.words["refusal"]) == ("refused", "The test is missing.")
    assert any(who == "ciso" and "refused" in text for who, text in letters(desk.database))
    again = desk.decide(reason="Now it is there.")
    withdraw(CISO, again.id)
    assert desk.proposal_row(again.id).reason == ""
    with pytest.raises(Conflict, match="settled"):
        withdraw(CISO, again.id)


# ------------------------------------------------------------------------------------------------------- conditions


def test_another_person_says_that_a_condition_is_met_and_it_may_open_again(desk: Desk) -> None:
    one = by_hand()
    choice = Choice("clear_with_conditions", (one,), desk.proposal.latest)
    row = desk.decide(choice, words={one.subject: "An exit plan."})
    assert isinstance(row, GateDecision)

    def step(role: OrganisationRole, state: str, note: str = "Signed.", subject: str = one.subject) -> None:
        desk.do(
            role,
            lambda session, case: conditions.step(
                session, case, row, subject, state, note=note, actor=desk.place[role], now=LATER
            ),
        )

    with pytest.raises(Refused) as fault:
        step(CISO, "met")
    assert fault.value.message == SENTENCES["same_person"]
    with pytest.raises(Refused, match="other roles"):
        step(PROCUREMENT, "met")
    for state, subject in (("met", str(uuid.uuid4())), ("gone", one.subject)):
        with pytest.raises(NotFound):
            step(ADMIN, state, subject=subject)
    with pytest.raises(Invalid):
        step(ADMIN, "met", note="")
    with pytest.raises(Conflict, match="so already"):
        step(ADMIN, "reopened")
    step(ADMIN, "met")
    with pytest.raises(Conflict, match="so already"):
        step(ADMIN, "met")
    with desk.database.looking(SYSTEM) as session:
        found = queries.steps(session, desk.place[CISO], row.id)
    assert queries.met(found) == {one.subject}
    step(CISO, "reopened", "It was the old one.")  # what asks for more takes anybody who decides
    with desk.database.looking(SYSTEM) as session:
        found = queries.steps(session, desk.place[CISO], row.id)
    assert [(each.row.state, each.note) for each in found[one.subject]] == [
        ("met", "Signed."),
        ("reopened", "It was the old one."),
    ]
    assert queries.met(found) == frozenset()
    desk.decide(BLOCKED, reason="Enough.")
    with pytest.raises(Conflict, match="newer decision"):
        step(ADMIN, "met")


# ------------------------------------------------------------------------------------------------------- exceptions


@pytest.mark.both_databases
def test_an_exception_is_asked_for_approved_by_another_and_ended(desk: Desk) -> None:
    desk.facts = FAILED
    code, subject = "knockout", "core:identity.mfa_admin"
    until = TODAY + timedelta(days=60)

    def ask(**values: Any) -> RiskException:
        wish: dict[str, Any] = {"until": until, "reason": "Nobody signs in from outside.", **values}
        found: RiskException = desk.do(
            CISO,
            lambda session, case: accepting.ask(
                session, case, code, wish.pop("subject", subject), actor=desk.place[CISO], now=NOW, **wish
            ),
        )
        return found

    def act(what: Any, role: OrganisationRole, row: RiskException) -> Any:
        return desk.do(
            role, lambda session, case: what(session, case, row.id, actor=desk.place[role], now=LATER)
        )

    for values, field in (
        ({"until": None}, "until"),
        ({"until": TODAY}, "until"),
        ({"until": TODAY + timedelta(days=400)}, "until"),
        ({"reason": ""}, "reason"),
    ):
        with pytest.raises(Invalid) as fault:
            ask(**values)
        assert list(fault.value.errors) == [field]
    with pytest.raises(NotFound):
        ask(subject="core:another")
    row = ask()
    assert ask().id == row.id
    with pytest.raises(Conflict, match="waits already"):
        ask(reason="Something else.")
    assert [who for who, _text in letters(desk.database)] == ["admin"]
    with pytest.raises(Refused, match="You proposed this"):
        act(accepting.approve, CISO, row)
    desk.facts = CLEAR
    with pytest.raises(Conflict, match="not what it was"):
        act(accepting.approve, ADMIN, row)
    desk.facts = changed(FAILED, tier="critical")
    with pytest.raises(Conflict, match="not what it was"):
        act(accepting.approve, ADMIN, row)
    desk.facts, desk.policy = FAILED, policy(roles=("admin", "ciso"), valid_months=1)
    with pytest.raises(
        Conflict, match="not what it was"
    ):  # asked under a policy that let it be asked for longer
        act(accepting.approve, ADMIN, row)
    desk.policy = policy(roles=("admin", "ciso"))
    act(accepting.approve, ADMIN, row)
    with pytest.raises(Conflict, match="settled"):
        act(accepting.refuse, ADMIN, row)
    desk.policy = policy(roles=("admin",))
    with pytest.raises(Refused, match="other roles"):
        act(accepting.revoke, CISO, row)
    desk.policy = policy(roles=("admin", "ciso"))
    act(accepting.revoke, CISO, row)
    with desk.database.looking(SYSTEM) as session:
        steps = session.scalars(select(RiskExceptionStep).order_by(RiskExceptionStep.sequence)).all()
    assert [one.state for one in steps] == ["waiting", "approved", "revoked"]
    second = ask()
    act(accepting.refuse, CISO, second)
    third = ask()
    act(accepting.refuse, ADMIN, third)
    with desk.database.looking(SYSTEM) as session:
        states = {one.id: one.state for one in session.scalars(select(RiskException))}
    assert states == {row.id: "revoked", second.id: "withdrawn", third.id: "refused"}
