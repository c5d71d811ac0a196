"""Whole files to whole results: small ones of our own, and the worked examples of the format where they exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_definitions import BANDS, document, question

from questionnaires.answers import parse_answers
from questionnaires.parsing import load, parse_json
from questionnaires.scoring import score

SHARED = Path("/work/shared/spec/vectors")
CASES = sorted(path.parent for path in SHARED.glob("*/result.json"))


# Defined only where the folder exists: an empty list of cases would count as a skipped test.
if CASES:

    @pytest.mark.parametrize("folder", CASES, ids=lambda path: path.name)
    def test_the_worked_examples_of_the_format(folder: Path) -> None:
        definition = load(folder / "definition")
        given = parse_answers(definition, json.loads((folder / "answers.json").read_text()))
        found = score(definition, given.answers, given.facts, given.as_of, given.shown)
        expected = json.loads((folder / "result.json").read_text())
        assert json.loads(found.to_bytes()) == {**expected, "content_hash": definition.content_hash}


def one(number: int) -> dict[str, str]:
    return {"num": str(number), "den": "1"}


def line(
    key: str, state: str, low: int | None, high: int | None, share: tuple[int, int], *rest: dict[str, str]
):
    names = ("contribution", "open", "lost")
    return {
        "key": key,
        "state": state,
        "low": None if low is None else one(low),
        "high": None if high is None else one(high),
        "weight": 10,
        "share": {"num": str(share[0]), "den": str(share[1])},
        **dict(zip(names, rest, strict=True)),
    }


def test_a_small_example_by_hand() -> None:
    """Yes on one, nothing on two, a third that is hidden: half of the points are there, half are open."""
    definition = parse_json(
        json.dumps(
            document(
                question("a.one"),
                question("a.two", critical=True),
                question("a.three", visible_when='a.one == "no"'),
                bands=BANDS,
                knockout_band="bad",
                caps=[{"when": 'a.two == "no"', "band": "bad", "text": "Two is a must."}],
            )
        ).encode()
    )
    given = parse_answers(
        definition,
        {
            "questionnaire": {"slug": "tiny", "version": "1.0.0"},
            "as_of": "2026-11-21",
            "answers": {"a.one": {"state": "answered", "value": "yes"}},
        },
    )
    found = json.loads(score(definition, given.answers, given.facts, given.as_of).to_bytes())
    assert found == {
        "method": "weighted/1",
        "slug": "tiny",
        "version": "1.0.0",
        "content_hash": definition.content_hash,
        "as_of": "2026-11-21",
        "score": one(50),
        "high": one(100),
        "band": "bad",
        "best_band": "good",
        "caps": [{"text": "Two is a must.", "band": "bad", "certain": False}],
        "knockouts": [{"key": "a.two", "kind": "open", "minimum": 50, "low": one(0), "high": one(100)}],
        "assurance": one(0),
        "sections": [
            {
                "key": definition.sections[0].key,
                "score": one(50),
                "high": one(100),
                "weight": 10,
                "share": one(1),
            }
        ],
        "trace": [
            line("a.one", "answered", 100, 100, (1, 2), one(50), one(0), one(0)),
            line("a.two", "unanswered", 0, 100, (1, 2), one(0), one(50), one(0)),
            line("a.three", "hidden", None, None, (0, 1), one(0), one(0), one(0)),
        ],
        "counts": {"answered": 1, "unanswered": 1, "hidden": 1},
    }
