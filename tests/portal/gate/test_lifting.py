"""What people asked for beyond the rules stands until two lift it: a block, and conditions added by hand."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete

from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Invalid
from portal.gate import approving, conditions, lifting, queries
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, Condition, Outcome
from portal.gate.lifting import Past, asked, lifted, strictest
from portal.gate.models import DecisionWords, GateDecision, GateProposal
from portal.settings import Settings
from portal.vendors.models import Engagement
from tests.portal.gate.desk import ADMIN, CISO, CLEAR, FAILED, LATER, REVIEWER, Desk, by_hand, make
from tests.portal.gate.given import day, policy
from tests.portal.gate.test_service import letters
from tests.portal.once import made_once
from tests.portal.world import make_company, make_organisation

ANN, BEN, EVE = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
PLAN = Condition(BY_HAND, "c-1", day(30), "blocked")
WITH = "clear_with_conditions"
SAID = {"c-1": "An exit plan is signed"}


def past(outcome: Outcome = "blocked", proposed: Outcome = "clear", *people: uuid.UUID, **more: Any) -> Past:
    return Past(
        outcome, proposed, more.pop("hands", ()), frozenset(people or (ANN,)), **({"words": {}} | more)
    )


STOPPED = past()
PLANNED = past(WITH, "clear", ANN, BEN, hands=(PLAN,), words=SAID)


@pytest.mark.parametrize(
    ("choice", "history", "found"),
    [
        (Choice("clear", (), day(9)), (), (False, False, set())),
        (Choice("clear", (), day(9)), (STOPPED,), (True, False, {ANN})),
        (Choice("pending"), (STOPPED,), (True, False, {ANN})),
        (Choice("blocked"), (STOPPED,), (False, False, set())),
        # As the rules proposed: they say themselves when it is over.
        (Choice("clear", (), day(9)), (past("blocked", "blocked"),), (False, False, set())),
        # Blocking once more, by the rules or by oneself, does not make it one's own.
        (Choice("clear", (), day(9)), (past("blocked", "blocked", EVE), STOPPED), (True, False, {ANN})),
        (Choice("clear", (), day(9)), (past("blocked", "clear", EVE), STOPPED), (True, False, {ANN, EVE})),
        # What two people lifted is lifted.
        (Choice("clear", (), day(9)), (past("clear", "clear", EVE, BEN), STOPPED), (False, False, set())),
        (Choice("clear", (), day(9)), (past("pending", "pending", EVE, BEN), STOPPED), (False, False, set())),
        (Choice("clear", (), day(9)), (PLANNED,), (False, True, {ANN, BEN})),
        (Choice("blocked"), (PLANNED,), (False, False, set())),
        (Choice(WITH, (PLAN,), day(40)), (PLANNED,), (False, False, set())),
        (Choice(WITH, (replace(PLAN, due=day(3)),), day(40)), (PLANNED,), (False, False, set())),
        (Choice(WITH, (replace(PLAN, due=day(31)),), day(40)), (PLANNED,), (False, True, {ANN, BEN})),
        (Choice(WITH, (replace(PLAN, due=None),), day(40)), (PLANNED,), (False, True, {ANN, BEN})),
        (Choice(WITH, (replace(PLAN, lapses_to="pending"),), day(40)), (PLANNED,), (False, True, {ANN, BEN})),
        (Choice("clear", (), day(9)), (replace(PLANNED, met=frozenset({"c-1"})),), (False, False, set())),
        # Blocking loses no condition, and carrying one along makes it nobody else's.
        (
            Choice("clear", (), day(9)),
            (past("blocked", "clear", EVE), PLANNED),
            (True, True, {ANN, BEN, EVE}),
        ),
        (
            Choice("clear", (), day(9)),
            (replace(PLANNED, people=frozenset({EVE})), PLANNED),
            (False, True, {ANN, BEN, EVE}),
        ),
        (Choice("clear", (), day(9)), (past("clear", "clear", EVE, BEN), PLANNED), (False, False, set())),
    ],
)
def test_what_a_choice_takes_away(
    choice: Choice, history: tuple[Past, ...], found: tuple[bool, bool, set[uuid.UUID]]
) -> None:
    made = lifted(choice, SAID, history)
    assert (made.outcome, made.conditions, set(made.people)) == found
    assert bool(made) is (found != (False, False, set()))


def test_another_text_is_another_condition() -> None:
    choice = Choice(WITH, (PLAN,), day(40))
    assert lifted(choice, {"c-1": "Nothing in particular"}, (PLANNED,)).conditions
    assert not lifted(choice, {"c-1": "Written anew"}, (replace(PLANNED, words={}),)).conditions


def test_ones_own_wish_is_ones_own() -> None:
    made = lifted(Choice("clear", (), day(9)), {}, (STOPPED,))
    assert (made.of_others(ANN), made.of_others(EVE)) == (False, True)


@pytest.mark.parametrize(
    ("history", "proposed", "found"),
    [
        ((), "clear", "clear"),
        ((STOPPED,), "clear", "blocked"),
        ((PLANNED,), "clear", WITH),
        ((PLANNED,), "blocked", "blocked"),
        ((past("clear"), STOPPED), "clear", "clear"),
    ],
)
def test_a_fresh_form_takes_nothing_away(
    history: tuple[Past, ...], proposed: Outcome, found: Outcome
) -> None:
    assert strictest(history, proposed) == found


# ------------------------------------------------------------------------------------------------- through the service


@pytest.fixture
@made_once
def desk(database: Database, settings: Settings) -> Desk:
    found = make(
        database,
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Fennmark"),
    )
    found.policy = policy(roles=("admin", "ciso", "business_owner"))
    return found


def test_a_block_that_somebody_put_is_lifted_by_two_with_a_reason_and_a_letter(desk: Desk) -> None:
    assert isinstance(
        desk.decide(Choice("blocked"), reason="The board has read of a sanction."), GateDecision
    )
    with pytest.raises(Invalid) as fault:
        desk.decide(role=ADMIN, reason="")
    assert list(fault.value.errors) == ["reason"]
    row = desk.decide(role=ADMIN, reason="It was another company.")
    assert isinstance(row, GateProposal)
    assert [who for who, _text in letters(desk.database)] == ["ciso"]  # who alone can approve it
    made = approve(desk, row)
    assert (made.outcome, made.approved_by) == ("clear", desk.place[CISO].person.id)


def test_ones_own_block_is_lifted_alone_with_a_reason(desk: Desk) -> None:
    desk.decide(Choice("blocked"), reason="I want to ask them something.")
    with pytest.raises(Invalid):
        desk.decide(reason="")
    assert isinstance(desk.decide(reason="They have said it."), GateDecision)


def test_what_the_rules_blocked_is_over_when_they_say_so(desk: Desk) -> None:
    desk.facts = FAILED
    assert isinstance(desk.decide(reason=""), GateDecision)
    desk.facts = CLEAR
    assert isinstance(desk.decide(role=ADMIN, reason=""), GateDecision)


def test_a_condition_added_by_hand_is_carried_along_met_or_lifted_by_two(desk: Desk) -> None:
    one = by_hand()
    held = Choice(WITH, (one,), desk.proposal.latest)
    words = {one.subject: "An exit plan is signed"}
    first = desk.decide(held, words=words)
    assert isinstance(first, GateDecision)
    assert isinstance(desk.decide(held, ADMIN, reason="As before.", words=words), GateDecision)
    for choice, said in ((None, {}), (held, {one.subject: "Nothing"})):
        waits = desk.decide(choice, ADMIN, reason="It is not needed.", words=said)
        assert isinstance(waits, GateProposal)
        withdraw(desk, waits)
    newest = desk.decisions()[0]
    desk.do(
        CISO,
        lambda session, case: conditions.step(
            session, case, newest, one.subject, "met", note="Here.", actor=desk.place[CISO], now=LATER
        ),
    )
    with desk.database.looking(SYSTEM) as session:
        history = lifting.read(session, desk.place[CISO], desk.decisions())
    assert asked(history) == ()
    assert isinstance(desk.decide(role=ADMIN, reason=""), GateDecision)


def test_a_condition_whose_words_were_destroyed_is_asked_for_still(desk: Desk) -> None:
    one = by_hand()
    row = desk.decide(Choice(WITH, (one,), desk.proposal.latest), words={one.subject: "An exit plan"})
    with desk.database.transaction(SYSTEM) as session:
        session.execute(delete(DecisionWords).where(DecisionWords.decision_id == row.id))
        engagement = session.get_one(Engagement, desk.engagement)
        record(session, Kind.ENGAGEMENT_CHANGED, now=LATER, actor=desk.place[CISO], subject=engagement)
    assert isinstance(desk.decide(role=ADMIN, reason="It is not needed."), GateProposal)


def test_who_had_asked_for_it_hears_that_it_is_gone(desk: Desk) -> None:
    """Also when they are neither of the two who lift it."""
    desk.policy = policy(roles=("admin", "ciso", "reviewer"))
    desk.decide(Choice("blocked"), REVIEWER, reason="They tell us nothing.")
    row = desk.decide(role=CISO, reason="They do now.")
    approve(desk, row, ADMIN)
    told = {who for who, text in letters(desk.database) if "has decided" in text}
    assert {"reviewer", "ciso"} == told


def approve(desk: Desk, row: Any, role: Any = CISO) -> Any:
    seal = queries.seal_of(desk.proposal_row(row.id))
    return desk.do(
        role,
        lambda session, case: approving.approve(
            session, case, row.id, seal=seal, actor=desk.place[role], now=LATER
        ),
    )


def withdraw(desk: Desk, row: Any) -> None:
    desk.do(
        ADMIN,
        lambda session, case: approving.withdraw(session, case, row.id, actor=desk.place[ADMIN], now=LATER),
    )
