"""The pure part: a tier that unknown answers never improve, facts from answers, and a trace that adds up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.assessments.drafts import Content
from portal.faults import Invalid
from portal.intake import answering
from portal.intake.trace import WHOLE, trace
from portal.vendors.facts import TIERS
from tests.portal.intake.given import BY_TIER, HARMLESS, answered
from tests.questionnaires.test_intake import AS_OF

DEFINITION = answering.newest()
COUNTED = [key for key, one in DEFINITION.questions.items() if one.weight]


@pytest.mark.parametrize("tier", TIERS)
def test_the_tier_is_the_band(tier: str) -> None:
    found = answered(BY_TIER[tier])
    assert found.tier == tier
    assert found.description == "Keeps files."
    assert set(found.facts["engagement.data"]) == set(BY_TIER[tier]["data"])
    assert found.facts["engagement.process"] == BY_TIER[tier]["process"]


def test_nothing_answered_is_the_critical_tier_and_no_fact() -> None:
    found = answering.read(DEFINITION, {}, AS_OF)
    assert (found.tier, dict(found.facts), dict(found.values), found.description) == ("critical", {}, {}, "")


def test_we_do_not_know_is_no_fact() -> None:
    found = answered(HARMLESS | {"data": ["unknown"], "process": "unknown"})
    assert "engagement.data" not in found.facts
    assert "engagement.process" not in found.facts
    assert found.tier == "high"


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in COUNTED:
        question = DEFINITION.questions[key]
        alone = [one.value for one in question.options if one.exclusive]
        others = [one.value for one in question.options if not one.exclusive]
        name = key.removeprefix("intake.")
        if draw(st.integers(0, 4)) == 0:
            continue
        if question.type == "choices":
            several = st.lists(st.sampled_from(others), min_size=1, unique=True)
            found[name] = draw(st.one_of(several, st.sampled_from(alone).map(lambda one: [one])))
        else:
            found[name] = draw(st.sampled_from(others + alone))
    return found


@given(services(), st.sampled_from(COUNTED), st.booleans())
@settings(max_examples=200, deadline=None)
def test_not_to_know_is_never_better(values: dict[str, Any], key: str, blank: bool) -> None:
    name = key.removeprefix("intake.")
    unknown: Any = ["unknown"] if DEFINITION.questions[key].type == "choices" else "unknown"
    less = {one: value for one, value in values.items() if one != name} | ({} if blank else {name: unknown})
    assert TIERS.index(answered(less).tier) <= TIERS.index(answered(values).tier)


@given(services())
@settings(max_examples=200, deadline=None)
def test_the_trace_adds_up_and_names_what_holds_the_tier(values: dict[str, Any]) -> None:
    found = answered(values)
    page = trace(DEFINITION, found.result.to_bytes(), found.values)
    assert page.band.name == found.tier
    assert sum(one.counts + one.open + one.lost for one in page.rows) == WHOLE
    assert page.held == bool(page.holding)
    assert len(page.holding) + len(page.other_caps) == len(found.result.caps)
    assert page.best.level >= page.band.level
    open_names = {one.key.removeprefix("intake.") for one in page.unsettled}
    assert open_names == {
        key.removeprefix("intake.")
        for key in COUNTED
        if values.get(key.removeprefix("intake."), "unknown") in ("unknown", ["unknown"])
    }
    # What the page promises is what the best answers would bring.
    settled = answered(values | {name: HARMLESS[name] for name in open_names})
    assert page.best.name == settled.tier


def test_a_trace_outlives_its_answers() -> None:
    found = answered(BY_TIER["high"])
    page = trace(DEFINITION, found.result.to_bytes(), None)
    assert page.band.name == "high"
    assert not page.answers_kept
    assert page.unsettled == ()
    assert {one.answer for one in page.rows} == {()}


@pytest.mark.parametrize(
    ("key", "content", "sentence"),
    [
        ("intake.data", ["public_only", "personal"], ""),
        ("intake.data", ["nonsense"], ""),
        ("intake.process", "nonsense", ""),
        ("intake.spend", "-1", ""),
        ("intake.spend", "1" * 13, "amount"),
        ("intake.spend", "x", ""),
        ("intake.service", "x" * 2001, "2000"),
    ],
)
def test_what_does_not_fit_is_named_by_its_question(key: str, content: Any, sentence: str) -> None:
    with pytest.raises(Invalid) as caught:
        answering.read(DEFINITION, {key: Content("answered", content)}, AS_OF)
    assert list(caught.value.errors) == [key]
    assert sentence in caught.value.errors[key].replace(",", "")
