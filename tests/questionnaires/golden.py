"""Golden submissions: answers to each released version with the bytes of their result, made once and kept for ever.

``python tests/questionnaires/golden.py`` makes those that are missing, after a release; it never changes one.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from made_up import random_answer

from questionnaires.answers import Answer, InvalidAnswer, parse_answer, parse_answers, raw_value
from questionnaires.canonical import canonical_json
from questionnaires.definition import Question, Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.scoring import score

HERE = Path(__file__).parent
GOLDEN, RELEASED = HERE / "golden", HERE / "released"
DAY = date(2026, 11, 21)
# Of each version: full answers without marks, and two with everything that a review brings.
KINDS = ("plain", "first", "second")
FACTS = {
    "engagement.tier": "high",
    "engagement.data": ["personal", "confidential"],
    "engagement.access": ["standard"],
    "engagement.ai": "assists",
    "vendor.country": "DE",
    "organisation.regimes": ["gdpr", "eu_financial"],
}


def definition(label: str) -> Questionnaire:
    """The frozen copy of a released version."""
    return parse_json((RELEASED / f"{label}.json").read_bytes(), label)


def result(label: str, answers: bytes) -> bytes:
    """The canonical result of an answers file under its own version."""
    one = definition(label)
    file = parse_answers(one, json.loads(answers))
    return score(one, file.answers, file.facts, file.as_of, file.shown).to_bytes()


def made_answers(label: str, kind: str) -> bytes:
    """An answers file in which every state, mark and document occurs."""
    one = definition(label)
    rnd = Random(f"{label} {kind}")
    found = {}
    for question in one.questions.values():
        raw = _raw_answer(rnd, question, plain=kind == "plain")
        if raw is not None:
            found[question.key] = raw
    return canonical_json(
        {
            "questionnaire": {"slug": one.slug, "version": one.version},
            "as_of": DAY.isoformat(),
            "facts": FACTS,
            "shown": [] if kind == "plain" else [key for key in one.questions if rnd.random() < 0.03],
            "answers": found,
        }
    )


def _raw_answer(rnd: Random, question: Question, *, plain: bool) -> dict[str, Any] | None:
    """A few draws until one fits the limits of the question, else it stays unanswered."""
    for _ in range(20):
        raw = _plain_form(question, random_answer(rnd, question, DAY))
        if plain:
            raw = {name: raw[name] for name in ("state", "value") if name in raw}
        try:
            parse_answer(question, raw, DAY)
        except InvalidAnswer:
            continue
        return raw
    return None


def _plain_form(question: Question, answer: Answer) -> dict[str, Any]:
    raw: dict[str, Any] = {"state": answer.state, "note": answer.note, "evidence": []}
    if question.type == "table" and answer.value is not None:
        raw["value"] = [{column.key: _cell(column.type, column.options) for column in question.columns}]
    elif answer.value is not None:
        raw["value"] = raw_value(question, answer.value)
    kind = question.evidence.kind if question.evidence else "report"
    for item in answer.evidence:
        days = {name: getattr(item, name) for name in ("issued", "expires")}
        raw["evidence"].append(
            {
                "kind": kind if item.kind == "report" else item.kind,
                "mark": item.mark,
                **{name: day.isoformat() for name, day in days.items() if day is not None},
            }
        )
    if answer.review is not None:
        raw["review"] = {"mark": answer.review.mark, "reason": answer.review.reason}
        if answer.review.points is not None:
            raw["review"]["points"] = answer.review.points
    return raw


def _cell(kind: str, options: tuple[Any, ...]) -> str:
    return {"text": "words", "number": "12", "date": "2026-01-31"}.get(kind) or str(options[0].value)


def paths(label: str, kind: str) -> tuple[Path, Path]:
    """The files of one golden submission: its answers, and their result."""
    return GOLDEN / f"{label}.{kind}.answers.json", GOLDEN / f"{label}.{kind}.result.json"


def make_missing() -> list[str]:
    """Make the golden submissions of released versions that have none; those that are there stay."""
    GOLDEN.mkdir(exist_ok=True)
    made = []
    for path in sorted(RELEASED.glob("*.json")):
        for kind in KINDS:
            answers, kept = paths(path.stem, kind)
            if answers.exists() or kept.exists():
                continue
            answers.write_bytes(made_answers(path.stem, kind))
            kept.write_bytes(result(path.stem, answers.read_bytes()))
            made.append(answers.name)
    return made


if __name__ == "__main__":
    print("\n".join(make_missing()) or "Nothing is missing.")
