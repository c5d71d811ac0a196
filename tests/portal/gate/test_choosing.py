"""What a person may decide, what needs a reason, what a second person; and what is kept of it."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from portal.gate import stored
from portal.gate.choosing import (
    MOST_CONDITIONS,
    Choice,
    as_proposed,
    better,
    faults,
    needs_reason,
    needs_second,
    overtaken,
)
from portal.gate.deciding import BY_HAND, Condition, Decision, decide
from portal.gate.facts import Accepted, Document, GateFacts, Knockout, Requirement
from questionnaires.canonical import canonical_json
from tests.portal.gate.given import DEMANDS, TODAY, core, day, policy, sound, submitted

MFA = Knockout("own.mfa", True, day(-10), day(20), day(20))
CLEAR = decide(sound(), policy())
FIXING = decide(core(knockouts=(MFA,)), policy())
BLOCKED = decide(core(low=1, high=1), policy())
# The clause has to be agreed by a day that lies beyond the end of a document, and with it of any decision.
BEYOND = decide(
    sound(
        documents=(Document("iso27001", day(40)),),
        requirements=(Requirement("a", "required", "flagged", since=day(-5)),),
    ),
    policy(),
)
CLAUSE = BEYOND.conditions[0]
FIX = Condition("knockout", "core:own.mfa", day(20), "blocked")
HAND = Condition(BY_HAND, "c-1", day(5), "pending")
WITH = "clear_with_conditions"


@pytest.mark.parametrize(
    ("choice", "proposal", "found"),
    [
        (as_proposed(CLEAR), CLEAR, ()),
        (as_proposed(FIXING), FIXING, ()),
        (as_proposed(BLOCKED), BLOCKED, ()),
        (as_proposed(BEYOND), BEYOND, ()),
        (Choice(WITH, (CLAUSE,), day(9)), BEYOND, ()),
        (Choice(WITH, (replace(CLAUSE, due=day(56)),), day(40)), BEYOND, ("condition_day",)),
        (Choice("pending"), CLEAR, ()),
        (Choice("clear", (), day(9)), BLOCKED, ()),
        (Choice(WITH, (HAND,), day(5)), CLEAR, ()),
        (Choice("clear"), CLEAR, ("end_missing",)),
        (Choice("blocked", (), day(9)), CLEAR, ("end_needless",)),
        (Choice("clear", (), day(-1)), CLEAR, ("end_past",)),
        (Choice("clear", (), day(900)), CLEAR, ("end_too_late",)),
        (Choice("clear", (HAND,), day(9)), CLEAR, ("conditions_needless",)),
        (Choice(WITH, (), day(9)), FIXING, ("conditions_missing",)),
        (Choice(WITH, (HAND, HAND), day(9)), CLEAR, ("condition_twice",)),
        (Choice(WITH, (FIX,), day(30)), CLEAR, ("condition_unknown",)),
        (Choice(WITH, (replace(HAND, due=None),), day(9)), CLEAR, ("condition_without_day",)),
        (Choice(WITH, (replace(HAND, due=day(-1)),), day(9)), CLEAR, ("condition_day",)),
        (Choice(WITH, (replace(HAND, due=day(10)),), day(9)), CLEAR, ("condition_day",)),
        (Choice("pending", (HAND,)), CLEAR, ()),
        (Choice(WITH, (replace(FIX, lapses_to="pending"),), day(30)), FIXING, ("condition_milder",)),
        (
            Choice(
                WITH, tuple(replace(HAND, subject=str(one)) for one in range(MOST_CONDITIONS + 1)), day(9)
            ),
            CLEAR,
            ("conditions_too_many",),
        ),
    ],
)
def test_what_can_be_decided(choice: Choice, proposal: Decision, found: tuple[str, ...]) -> None:
    assert faults(choice, proposal, TODAY) == found


@pytest.mark.parametrize(
    ("choice", "proposal", "found"),
    [
        (as_proposed(FIXING), FIXING, ()),
        (Choice("blocked"), FIXING, ()),
        (Choice("pending"), BLOCKED, ("outcome",)),
        (Choice("clear", (), day(9)), FIXING, ("outcome", "dropped")),
        (Choice(WITH, (HAND,), day(9)), FIXING, ("dropped",)),
        (Choice(WITH, (FIX, HAND), day(9)), FIXING, ()),
        (Choice(WITH, (replace(FIX, due=day(10)),), day(9)), FIXING, ()),
        (Choice(WITH, (replace(FIX, due=day(21)),), day(30)), FIXING, ("later",)),
        (Choice(WITH, (replace(FIX, due=None),), day(30)), FIXING, ("later",)),
        (Choice(WITH, (replace(FIX, lapses_to="pending"),), day(30)), FIXING, ("milder",)),
        (Choice("clear", (), day(900)), CLEAR, ("longer",)),
        (Choice("clear"), CLEAR, ("longer",)),
    ],
)
def test_what_asks_for_less(choice: Choice, proposal: Decision, found: tuple[str, ...]) -> None:
    assert better(choice, proposal) == found
    assert needs_reason(choice, proposal) is (bool(found) or choice.outcome != proposal.outcome)


@pytest.mark.parametrize(
    ("choice", "proposal", "without_own", "approvals", "found"),
    [
        (as_proposed(CLEAR), CLEAR, CLEAR, 1, ()),
        (as_proposed(CLEAR), CLEAR, CLEAR, 2, ("policy",)),
        (Choice("clear", (), day(9)), BLOCKED, BLOCKED, 1, ("against", "own_acts")),
        # The decider has graded the failed question up: as proposed, and yet not alone.
        (as_proposed(CLEAR), CLEAR, FIXING, 1, ("own_acts",)),
        (as_proposed(CLEAR), CLEAR, BLOCKED, 2, ("policy", "own_acts")),
        (Choice("blocked"), CLEAR, BLOCKED, 1, ()),
        (Choice("blocked"), CLEAR, FIXING, 2, ("policy",)),
        (as_proposed(FIXING), FIXING, CLEAR, 1, ()),
    ],
)
def test_when_a_second_person_is_needed(
    choice: Choice, proposal: Decision, without_own: Decision, approvals: int, found: tuple[str, ...]
) -> None:
    assert needs_second(choice, proposal, without_own, replace(DEMANDS, approvals=approvals)) == found


def test_what_somebody_else_asked_for_takes_two_to_lift() -> None:
    assert needs_second(as_proposed(CLEAR), CLEAR, CLEAR, DEMANDS, lifts=True) == ("stands",)


def test_an_end_that_rests_on_the_deciders_own_act_needs_a_second_person() -> None:
    own = decide(sound(), policy())
    without = decide(sound(documents=(Document("iso27001", day(40)),)), policy())
    assert needs_second(as_proposed(own), own, without, DEMANDS) == ("own_acts",)


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (core(knockouts=(MFA,)), ()),
        (sound(), ()),
        (core(knockouts=(replace(MFA, due=None),)), ("grounds",)),
        (core(knockouts=(replace(MFA, due=day(19)),)), ("conditions",)),
        (core(knockouts=(MFA,), low=2, high=2), ("grounds", "conditions")),
        (core(knockouts=(MFA,), unwritten=1), ("grounds",)),
        (replace(core(knockouts=(MFA,)), documents=(Document("iso27001", day(31)),)), ("end",)),
        (replace(core(knockouts=(MFA,)), today=day(20)), ()),
        (replace(core(knockouts=(MFA,)), today=day(21)), ("grounds",)),
    ],
)
def test_what_overtakes_a_proposal(facts: GateFacts, found: tuple[str, ...]) -> None:
    assert overtaken(FIXING, decide(facts, policy()), as_proposed(FIXING)) == found


def test_a_condition_without_a_day_that_gets_one_overtakes() -> None:
    before = replace(FIXING, conditions=(replace(FIX, due=None),))
    assert overtaken(before, FIXING, Choice("blocked")) == ("conditions",)
    assert overtaken(FIXING, before, Choice("blocked")) == ()


# ------------------------------------------------------------------------------------------------------------- stored

FULL = replace(
    core(
        knockouts=(MFA,),
        round_open=True,
        round_due=day(3),
        unwritten=1,
        unjudged=2,
        unjudged_critical=1,
        lapsed=1,
        former=(submitted(low=2, high=3),),
    ),
    requirements=(Requirement("a", "undetermined", "agreed", False, day(-3), day(50), day(60), "high"),),
    accepted=(Accepted("band", "core", day(9), 3, "high"),),
)


@pytest.mark.parametrize("facts", [sound(), FULL, core(low=None, high=None)])
def test_what_is_stored_is_read_back_and_decided_anew(facts: GateFacts) -> None:
    kept, made = stored.to_bytes(facts), stored.to_bytes(decide(facts, policy()))
    again = stored.from_bytes(GateFacts, kept)
    assert again == facts
    assert stored.to_bytes(decide(again, policy())) == made
    assert stored.from_bytes(Decision, made) == decide(facts, policy())
    choice = as_proposed(decide(facts, policy()))
    assert stored.from_bytes(Choice, stored.to_bytes(choice)) == choice


def test_facts_that_were_kept_without_a_later_field_are_read_and_keep_their_bytes() -> None:
    facts = sound(documents=(Document("iso27001", day(40)), Document("iso27001", day(50), "core")))
    kept = stored.to_bytes(facts)
    old, new = json.loads(kept)["documents"]
    assert (set(old), set(new)) == ({"kind", "until"}, {"kind", "until", "slug"})
    assert stored.from_bytes(GateFacts, kept) == facts
    raw = json.loads(kept) | {"documents": [{"kind": "iso27001"}]}
    with pytest.raises(ValueError, match="not the fields"):
        stored.from_bytes(GateFacts, json.dumps(raw).encode())


def test_the_hash_of_facts_leaves_the_day_out() -> None:
    tomorrow = replace(FULL, today=day(1))
    assert stored.facts_hash(tomorrow) == stored.facts_hash(FULL)
    assert stored.to_bytes(tomorrow) != stored.to_bytes(FULL)
    assert stored.facts_hash(replace(FULL, linked=False)) != stored.facts_hash(FULL)


def test_an_approval_names_the_choice_and_its_reason() -> None:
    one = as_proposed(FIXING)
    hashes = {
        stored.choice_hash(one, "a"),
        stored.choice_hash(one, "b"),
        stored.choice_hash(Choice("blocked"), "a"),
    }
    assert len(hashes) == 3
    assert stored.choice_hash(one, "a") in hashes


@pytest.mark.parametrize("change", [{"more": 1}, {"today": "21 November"}, {"tier": "huge"}])
def test_what_is_no_facts_is_refused(change: dict[str, Any]) -> None:
    raw = json.loads(stored.to_bytes(sound())) | change
    with pytest.raises(ValueError, match=r"."):
        stored.from_bytes(GateFacts, json.dumps(raw).encode())


def test_method_one_gives_these_bytes_for_ever() -> None:
    """A stored decision is recomputed by its method: whoever changes what it gives makes another method."""
    undated = json.loads(stored.to_bytes(FULL))
    del undated["today"]
    kept = sha256(canonical_json(undated)).hexdigest()
    assert kept == "b7138e2c05f39a9a8cbab98876b1d472fefdbbe21e536d4daf3fb55487f36d87"
    made = sha256(stored.to_bytes(decide(FULL, policy()))).hexdigest()
    assert made == "dc1bd0c9c32ae247d209ee1eee041528e2b80bf26f2e51de951d41263da11ac0"
