"""Contract rules after a question was renamed: answers to the old key count, and no other does."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from made_up import TODAY, answered, choice, gate, made
from test_requirements import BOUND, GDPR, TOML, catalogue

from questionnaires.answers import Answer
from questionnaires.conditions import parse
from questionnaires.definition import Questionnaire
from questionnaires.faults import DefinitionError
from questionnaires.requirements import (
    Answered,
    Catalogue,
    Outcome,
    Requirement,
    Shift,
    check_catalogue,
    evaluate,
    shifts,
)

RULE = 's.new == "o1"'
CLAIMED = (("s.new", ("s.old@1",)),)
OLD = made(gate("s.gate"), choice("s.old", visible='s.gate == "o0"'))
NEW = made(gate("s.gate"), choice("s.new", visible='s.gate == "o0"', formerly=("s.old@1",)))


def rules(required_when: str = RULE, renamed: Any = CLAIMED) -> Catalogue:
    one = Requirement(
        "gdpr.one",
        1,
        "topic",
        "Title",
        "must",
        ("GDPR Art. 28",),
        "Duty.",
        "{vendor} does.",
        parse(GDPR),
        parse(required_when),
        renamed,
    )
    return Catalogue((one,))


def said(definition: Questionnaire, day: date = TODAY, **values: str) -> Answered:
    answers = {key.replace("_", ".", 1): answered(value) for key, value in values.items()}
    return Answered(definition, answers, day)


def found(*submissions: Answered, catalogue: Catalogue | None = None) -> Outcome:
    catalogue = catalogue or rules()
    (outcome,) = evaluate(catalogue, submissions, BOUND)
    (before,) = evaluate(catalogue, (), BOUND)
    same = (before.outcome, {*before.would_settle}) == (outcome.outcome, {*outcome.would_settle})
    shift = Shift("gdpr.one", before.outcome, outcome.outcome)
    assert shifts(catalogue, (), submissions, BOUND) == (() if same else (shift,))
    return outcome


@pytest.mark.parametrize(
    ("submission", "outcome", "decided_by", "would_settle"),
    [
        (said(OLD, s_gate="o0", s_old="o1"), "required", ("organisation.regimes", "s.old"), ()),
        (said(OLD, s_gate="o0", s_old="o0"), "not_required", ("s.old",), ()),
        (said(OLD, s_gate="o1"), "not_required", ("s.old",), ()),
        (said(OLD, s_gate="o0"), "undetermined", (), ("s.old",)),
        # Nobody knows yet whether it is asked: the gate settles it.
        (said(OLD, s_old="o1"), "undetermined", (), ("s.gate",)),
        (said(NEW, s_gate="o0", s_new="o1"), "required", ("organisation.regimes", "s.new"), ()),
        (said(NEW, s_gate="o0"), "undetermined", (), ("s.new",)),
    ],
)
def test_each_name_decides_alone(
    submission: Answered, outcome: str, decided_by: tuple[str, ...], would_settle: tuple[str, ...]
) -> None:
    told = found(submission)
    assert (told.outcome, told.decided_by, told.would_settle) == (outcome, decided_by, would_settle)


def test_the_reason_quotes_the_question_that_was_asked() -> None:
    assert "“Question s.old?” is “Option 1”" in found(said(OLD, s_gate="o0", s_old="o1")).reason
    assert "“Question s.old?”" in found(said(OLD, s_gate="o0")).reason_vendor
    assert "“Question s.new?” is “Option 1”" in found(said(NEW, s_gate="o0", s_new="o1")).reason


def test_without_the_word_of_the_catalogue_the_old_answer_is_unknown() -> None:
    told = found(said(OLD, s_gate="o0", s_old="o1"), catalogue=rules(renamed=()))
    assert (told.outcome, told.would_settle) == ("undetermined", ("s.new",))


def test_an_answer_to_another_revision_does_not_count() -> None:
    changed = made(gate("s.gate"), choice("s.old", revision=2, visible='s.gate == "o0"'))
    assert found(said(changed, s_gate="o0", s_old="o1")).outcome == "undetermined"


@pytest.mark.parametrize(("days", "outcome"), [(-1, "not_required"), (1, "required"), (0, "undetermined")])
def test_of_both_names_the_newest_submission_counts(days: int, outcome: str) -> None:
    """And of one day, where they differ, nobody knows which holds."""
    old = said(OLD, TODAY + timedelta(days=days), s_gate="o0", s_old="o1")
    new = said(NEW, s_gate="o0", s_new="o0")
    assert found(old, new).outcome == found(new, old).outcome == outcome


def test_a_version_that_asks_both_means_the_new_one_by_the_new_name() -> None:
    both = made(choice("s.old"), choice("s.new"))
    assert found(said(both, s_old="o1", s_new="o0")).outcome == "not_required"
    assert found(said(both, s_new="o1", s_old="o0")).outcome == "required"


def test_points_follow_the_name() -> None:
    weak = rules("points(s.new) < 50")
    assert found(said(OLD, s_gate="o0", s_old="o1"), catalogue=weak).outcome == "required"
    assert found(said(OLD, s_gate="o0", s_old="o0"), catalogue=weak).outcome == "not_required"
    unproven = Answered(OLD, {"s.gate": answered("o0"), "s.old": Answer("unanswered")}, TODAY)
    assert found(unproven, catalogue=weak).outcome == "undetermined"


def test_a_renamed_gate_is_waited_for_by_the_key_that_was_asked() -> None:
    behind = made(gate("s.old"), choice("s.more", visible='s.old == "o0"'))
    told = found(said(behind, s_more="o1"), catalogue=rules('s.more == "o1" and s.new == "o0"'))
    assert (told.outcome, told.would_settle) == ("undetermined", ("s.old",))


# -- the catalogue --------------------------------------------------------------------------------------------


RENAMED = TOML + 'renamed = { "s.uses" = ["s.helpers@1", "s.partners@2"] }\n'


def test_renames_are_read_and_belong_to_the_hash(tmp_path: Path) -> None:
    plain = catalogue(tmp_path, a=TOML)
    assert "renamed" not in plain.requirements[0].to_json()
    named = catalogue(tmp_path, a=RENAMED)
    assert named.requirements[0].renamed == (("s.uses", ("s.helpers@1", "s.partners@2")),)
    assert named.content_hash != plain.content_hash
    assert dataclasses.replace(named.requirements[0], renamed=()) == plain.requirements[0]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("renamed = 5", "gdpr.one: renamed: must be a table"),
        ('renamed = { "S.Uses" = ["s.helpers@1"] }', "S.Uses is no key"),
        ('renamed = { "s.uses" = [] }', "s.uses replaces nothing"),
        ('renamed = { "s.uses" = ["s.helpers"] }', "key@revision"),
    ],
)
def test_faults_of_renames(tmp_path: Path, line: str, part: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue(tmp_path, a=f"{TOML}{line}\n")
    assert any(part in str(fault) for fault in caught.value.faults), str(caught.value)


@pytest.mark.parametrize(
    ("rule", "renamed", "told"),
    [
        (RULE, CLAIMED, []),
        (RULE, (), ["renamed: s.new replaces s.old@1; say so, or older answers do not count"]),
        ('s.old == "o1"', (), ["required_when: s.old is called s.new now"]),
        (
            RULE,
            (("s.new", ("s.old@1", "s.gate@1")),),
            ["renamed: no shipped question s.new replaces s.gate@1"],
        ),
        ('s.gate == "o1"', CLAIMED, ["renamed: the rule does not ask for s.new"]),
    ],
)
def test_a_catalogue_repeats_what_the_questionnaires_say(rule: str, renamed: Any, told: list[str]) -> None:
    faults = check_catalogue(rules(rule, renamed), [OLD, dataclasses.replace(NEW, version="2.0.0")])
    assert [fault.message for fault in faults] == told
