"""What is handed in anew: judged again where it sheds a judgement, better for nobody until somebody has judged it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from portal.gate.deciding import decide
from portal.gate.facts import Finding, GateFacts, Knockout, Proof
from portal.gate.grounds import Ground, grounds
from tests.portal.gate.given import core, day, policy, sound, submitted
from tests.portal.gate.test_rules import ground, result


@pytest.mark.parametrize(("review", "found"), [("none", 1), ("critical", 2), ("all", 4)])
def test_what_was_judged_badly_and_then_changed_is_judged_again_whatever_the_policy(
    review: str, found: int
) -> None:
    facts = core(unjudged=4, unjudged_critical=2, lapsed=1)
    each = ground(facts, "review", "core", review=review)
    assert (each.result, each.measure, each.recorded("lapsed")) == ("pending", found, 1)


def test_a_version_that_the_policy_does_not_name_is_no_ground_to_pass() -> None:
    named = replace(policy(), versions=MappingProxyType({"core": ("aa",)}))

    def state(**changes: Any) -> Any:
        (found,) = [one for one in decide(core(**changes), named).grounds if one.code == "questionnaire"]
        return found.result, found.recorded("state")

    assert state(content_hash="aa") == ("met", "valid")
    assert state(content_hash="bb") == ("pending", "version")
    assert state(content_hash="bb", redacted=True) == ("pending", "redacted")


def test_a_finding_stands_with_its_knockout_while_that_is_a_ground() -> None:
    finding = Finding("f", "critical", day(-5), knockout="core:own.mfa")
    beside = sound(submitted=(submitted(knockouts=(Knockout("own.mfa", True),)),), findings=(finding,))
    assert [one.code for one in decide(beside, policy()).grounds if one.result == "blocked"] == ["knockout"]
    # Neither newer answers nor a policy that does not ask for them any more make a finding go away.
    assert result(sound(findings=(finding,)), "finding", "f") == "blocked"
    assert result(beside, "finding", "f", questionnaires=(), with_personal_data=()) == "blocked"


def standing(facts: GateFacts, **demands: Any) -> dict[tuple[str, str], Ground]:
    return {one.key: one for one in grounds(facts, policy(**demands), standing=True)}


def test_until_somebody_has_judged_it_what_is_said_anew_makes_nothing_better() -> None:
    bad = submitted(
        submission="core-0", low=1, high=1, knockouts=(Knockout("own.mfa", True),), redacted=True,
        proofs=(Proof("own.iso", True, day(-1)),),
    )  # fmt: skip
    found = standing(core(unjudged=1, unjudged_critical=1, former=(bad,)))
    assert {
        key: one.result for key, one in found.items() if one.result != "met"
    } == {
        ("questionnaire", "core"): "pending", ("band", "core"): "blocked", ("knockout", "core:own.mfa"): "blocked",
        ("review", "core"): "pending", ("proof", "core:own.iso"): "pending",
    }  # fmt: skip
    assert found["band", "core"].recorded("former") is True
    judged = standing(core(unjudged=1, unjudged_critical=0, former=(bad,)))
    assert {one.result for one in judged.values()} == {"met"}
    # Who makes a new decision looks at the newest alone: it is pending until somebody has judged it.
    assert result(core(unjudged=1, unjudged_critical=1, former=(bad,)), "band", "core") == "met"


def test_what_counts_goes_back_to_the_last_that_was_judged() -> None:
    worst = submitted(submission="core-0", low=1, high=1)
    middle = submitted(submission="core-1", low=2, high=2)
    for unjudged, found in ((0, "condition"), (1, "blocked")):
        between = replace(middle, unjudged=unjudged, unjudged_critical=unjudged)
        facts = core(unjudged=1, unjudged_critical=1, former=(between, worst))
        assert standing(facts)["band", "core"].result == found
