"""Marks on answers and on documents: one function for ratings, one for files, and both say the same."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest

from portal.assessments import rating
from portal.assessments.rating import Judgement
from portal.assessments.sealing import Document
from questionnaires.answers import parse_answers
from questionnaires.definition import Questionnaire
from questionnaires.results import Result
from questionnaires.scoring import score
from tests.portal import rich

AS_OF = date(2026, 11, 21)
KEY = "own.rich.admin"
PAPER = uuid.UUID(int=7)
OTHER = uuid.UUID(int=8)


def paper(evidence: uuid.UUID, expires: date | None = None) -> Document:
    return Document(
        evidence, "policy", "Keys", None, expires, "keys.pdf", "application/pdf", 9, "0" * 64, "clean"
    )


BESIDE = {KEY: (paper(PAPER), paper(OTHER, date(2026, 1, 1)))}
RAW: dict[str, dict[str, Any]] = {
    "own.rich.cloud": {"state": "answered", "value": "yes"},
    KEY: {"state": "answered", "value": "yes"},
    "own.rich.mfa": {"state": "answered", "value": "some"},
    "own.rich.patch": {"state": "not_applicable", "note": "No servers."},
}


def file_of(
    definition: Questionnaire, answers: dict[str, Any], shown: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "questionnaire": {"slug": definition.slug, "version": definition.version},
        "as_of": AS_OF.isoformat(),
        "facts": {},
        "shown": list(shown),
        "answers": answers,
    }


def by_rating(judged_as: Judgement) -> Result:
    definition = rich.DEFINITION
    typed = parse_answers(definition, file_of(definition, RAW)).answers
    return rating.compute(definition, typed, {}, AS_OF, judged_as, BESIDE)


def by_file(judged_as: Judgement) -> Result:
    definition = rich.DEFINITION
    held = {key: dict(one) for key, one in RAW.items()}
    held[KEY]["evidence"] = [
        {"id": str(one.evidence), "kind": one.kind, "expires": one.expires and one.expires.isoformat()}
        for one in BESIDE[KEY]
    ]
    marked = rating.judged_file(held, judged_as)
    read = parse_answers(definition, file_of(definition, marked, judged_as.shown))
    return score(definition, read.answers, read.facts, AS_OF, read.shown)


def state(result: Result, key: str = KEY) -> str:
    return next(one.state for one in result.trace if one.key == key)


@pytest.mark.parametrize(
    ("judged_as", "expected"),
    [
        (Judgement(), "unproven"),  # nothing was laid beside in RAW itself
        (Judgement(documents={KEY: {str(PAPER): "accepted"}}), "answered"),
        (Judgement(documents={KEY: {str(PAPER): "refused"}}), "unproven"),
        (Judgement(documents={KEY: {str(OTHER): "accepted"}}), "answered"),
        (Judgement({KEY: {"mark": "accepted"}}, {KEY: {str(PAPER): "refused"}}), "accepted"),
        (Judgement({KEY: {"mark": "challenged"}}), "challenged"),
    ],
)
def test_a_mark_on_a_document_counts(judged_as: Judgement, expected: str) -> None:
    assert state(by_rating(judged_as)) == expected


def test_files_and_ratings_say_the_same() -> None:
    marks: dict[str, dict[str, Any]] = {
        "own.rich.patch": {"mark": "na_accepted"},
        "own.rich.mfa": {"mark": "graded", "points": 80},
        "own.rich.cloud_keys": {"mark": "disproved", "points": 5},  # nothing was answered there
    }
    for papers in (
        {str(PAPER): "accepted"},
        {str(PAPER): "refused"},
        {str(PAPER): "refused", str(OTHER): "refused"},
    ):
        judged_as = Judgement(marks, {KEY: papers}, ("own.rich.cloud_keys",))
        assert by_rating(judged_as).to_bytes() == by_file(judged_as).to_bytes()


def test_what_was_shown_by_a_return_counts_in_spite_of_its_condition() -> None:
    key = "own.rich.cloud_keys"
    definition = rich.DEFINITION
    typed = parse_answers(
        definition, file_of(definition, {**RAW, "own.rich.cloud": {"state": "answered", "value": "no"}})
    ).answers
    hidden = rating.compute(definition, typed, {}, AS_OF)
    shown = rating.compute(definition, typed, {}, AS_OF, Judgement(shown=(key,)))
    assert (state(hidden, key), state(shown, key)) == ("hidden", "unanswered")


def test_a_mark_on_a_document_that_is_not_there_is_a_defect() -> None:
    with pytest.raises(LookupError):
        by_rating(Judgement(documents={KEY: {str(uuid.UUID(int=9)): "accepted"}}))


def test_columns_of_before_read_as_nothing() -> None:
    assert rating.judgement({}, None, None) == Judgement()
