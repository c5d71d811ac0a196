"""The shipped campaign about one flaw: who sees what, and what closes it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from questionnaires import catalog
from questionnaires.answers import Answer, parse_answer
from questionnaires.results import Result
from questionnaires.scoring import score
from questionnaires.visibility import earned_findings, look

AS_OF = date(2026, 11, 21)
FLASH = catalog.get("vulnerability_flash@1.0.0")
ALWAYS = {"campaign.uses", "campaign.method", "campaign.suppliers", "campaign.contact"}
CLOSED: dict[str, Any] = {
    "uses": "affected",
    "method": "component_list",
    "exposed": "yes",
    "fix": "fixed",
    "compromise": "clean",
    "customer_data": "no",
    "suppliers": "answered",
    "contact": "Ada Example, ada@example.com; news on Friday",
}


def typed(answers: dict[str, Any]) -> dict[str, Answer]:
    found = {}
    for name, value in answers.items():
        question = FLASH.questions[f"campaign.{name}"]
        found[question.key] = parse_answer(question, {"state": "answered", "value": value}, AS_OF)
    return found


def rated(**changed: Any) -> Result:
    answers = {name: value for name, value in (CLOSED | changed).items() if value is not None}
    return score(FLASH, typed(answers), {}, AS_OF)


@pytest.mark.parametrize(
    ("uses", "count"), [("no", 4), ("other_version", 4), ("affected", 8), ("unknown", 8)]
)
def test_a_vendor_that_is_not_affected_sees_four(uses: str, count: int) -> None:
    visible = look(FLASH, typed({"uses": uses}), {}, AS_OF).visible
    assert len(visible) == count
    assert set(visible) >= ALWAYS


@pytest.mark.parametrize(
    ("fix", "asked"), [("fixed", False), ("shielded", True), ("planned", True), ("none", False)]
)
def test_a_date_is_asked_for_where_there_can_be_one(fix: str, asked: bool) -> None:
    visible = look(FLASH, typed(CLOSED | {"fix": fix}), {}, AS_OF)
    assert ("campaign.fix_date" in visible.visible) == asked
    assert "campaign.fix_date" not in visible.missing


@pytest.mark.parametrize(
    ("changed", "band", "failed"),
    [
        ({}, "closed", []),
        ({"compromise": "found_told", "suppliers": "none_used"}, "closed", []),
        ({"uses": "unknown"}, "closed", []),
        ({"fix": "shielded"}, "closed", []),
        ({"fix": "shielded", "method": "scanner", "suppliers": "asked"}, "in_hand", []),
        ({"fix": "planned"}, "open", ["campaign.fix"]),
        ({"fix": "none"}, "open", ["campaign.fix"]),
        ({"compromise": "partly"}, "open", ["campaign.compromise"]),
        ({"compromise": "found_untold"}, "open", ["campaign.compromise"]),
        ({"fix": "none", "compromise": "no"}, "open", ["campaign.fix", "campaign.compromise"]),
        ({"uses": "no"}, "closed", []),
        ({"uses": "other_version", "method": "maker", "suppliers": "no"}, "open", []),
    ],
)
def test_bands(changed: dict[str, Any], band: str, failed: list[str]) -> None:
    result = rated(**changed)
    assert result.score == result.high
    assert result.band == band
    assert [one.key for one in result.knockouts] == failed


def test_an_open_first_question_hides_nothing_from_the_score() -> None:
    result = rated(uses=None, fix=None, compromise=None)
    assert result.band == "open"
    assert result.best_band == "closed"


def test_bad_answers_carry_a_finding_and_honest_ones_do_not() -> None:
    for key, question in FLASH.questions.items():
        for option in question.options:
            answers = typed({key.removeprefix("campaign."): option.value})
            found = earned_findings(question, answers, {}, AS_OF)
            if option.points is not None:
                assert bool(found) == (option.points <= 40), (key, option.value)
    told = typed({"compromise": "found_told"})
    assert not earned_findings(FLASH.questions["campaign.compromise"], told, {}, AS_OF)


def test_it_is_a_campaign_of_eight_to_ten_questions() -> None:
    assert FLASH.purpose == "campaign"
    assert 8 <= len(FLASH.questions) <= 10
    assert [(band.name, band.minimum) for band in FLASH.bands] == [
        ("closed", 85),
        ("in_hand", 50),
        ("open", 0),
    ]
