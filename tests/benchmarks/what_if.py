"""What-if over stored submissions in two processes, against reading the same files and scoring each once."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import Any

from questionnaires.answers import Answer, parse_answers, raw_value
from questionnaires.canonical import canonical_bytes, canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.scoring import score
from questionnaires.what_if_many import Packed, Sheet, what_if_many
from tests.benchmarks.engine import AS_OF, made
from tests.benchmarks.measuring import Figure

SUBMISSIONS = 10_000
SECONDS, MEGABYTES = 30, 500
# What the reference reads and scores in one process; scaled to all submissions and two processes.
SAMPLE = 500
NOTED = 5
QUESTIONS = 300
NUMBER = "@@"  # of a submission, in its notes


def figures() -> list[Figure]:
    old, good, poor = made()
    new = draft(old)
    files = [packed(old, answers) for answers in (good, poor)]
    began = perf_counter()
    for at in range(SAMPLE):
        file = parse_answers(old, json.loads(files[at % 2]))
        score(old, file.answers, file.facts, file.as_of, file.shown)
    least = (perf_counter() - began) / SAMPLE * SUBMISSIONS / 2
    began = perf_counter()
    verdicts = [
        one.verdict for one in what_if_many(new, submissions(old, files), [old], with_requirements=True)
    ]
    taken = perf_counter() - began
    assert len(verdicts) == SUBMISSIONS, len(verdicts)
    return [
        Figure("what-if, 10,000 submissions of 300 answers", taken, least, 4),
        Figure("what-if, seconds on two cores", round(taken, 1), 0, SECONDS, unit="s", ratio=False),
        Figure("what-if, MB in all processes", peak_megabytes(), 0, MEGABYTES, unit="MB", ratio=False),
    ]


def submissions(old: Questionnaire, files: list[bytes]) -> Iterator[Packed]:
    """As a store holds them: every fifth answer bears a note that no other submission has."""
    told = [json.loads(one) for one in files]
    sheets = ["\n".join(map(line, range(QUESTIONS), file["answers"].items())) for file in told]
    for at in range(SUBMISSIONS):
        file = told[at % 2]
        lines = sheets[at % 2].replace(NUMBER, str(at))
        yield Packed(str(at), Sheet(old.content_hash, file["as_of"], lines), file["facts"])


def line(number: int, answered: tuple[str, dict[str, Any]]) -> str:
    key, answer = answered
    note = f"Note {number} of submission {NUMBER}." if number % NOTED == 0 else ""
    return f"{key}\t{canonical_json({**answer, 'note': note}).decode()}"


def draft(old: Questionnaire) -> Questionnaire:
    """A next version with a change of each kind: another weight, a reworded question, one gone, an option gone."""
    sections = []
    for number, section in enumerate(old.sections):
        first, second, third, *rest = section.questions
        first = replace(first, weight=first.weight + number)
        second = replace(second, text=f"{second.text} Please look closely.")
        rest[0] = replace(rest[0], options=rest[0].options[1:])
        sections.append(replace(section, questions=(first, second, third, *rest[:-1])))
    found = parse_json(canonical_bytes(replace(old, version="2.0.0", sections=tuple(sections), files={})))
    assert len(found.questions) < len(old.questions)
    return found


def packed(definition: Questionnaire, answers: dict[str, Answer]) -> bytes:
    """An answers file in JSON."""
    raw: dict[str, Any] = {
        "questionnaire": {"slug": definition.slug, "version": definition.version},
        "as_of": AS_OF.isoformat(),
        "facts": {"engagement.tier": "high", "organisation.regimes": ["gdpr"]},
        "answers": {
            key: {"state": "answered", "value": raw_value(definition.questions[key], one.value)}
            for key, one in answers.items()
            if one.value is not None
        },
    }
    return json.dumps(raw).encode()


def peak_megabytes() -> int:
    """The most that this process held, and twice the most that one of its children did."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return (own + 2 * child) // 1024
