"""What-if over many submissions at once: answers go packed to some processes, results come back in order."""

from __future__ import annotations

import gc
import json
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from questionnaires.answers import parse_answers
from questionnaires.canonical import canonical_bytes
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.requirements import Answered
from questionnaires.requirements import load as load_requirements
from questionnaires.what_if import Foreseen, Foresight, Stored

# Submissions that travel together, and parcels on their way for each process: what bounds the memory.
PARCEL = 50
AHEAD = 2


class Packed(NamedTuple):
    """A submission as it is stored: ``answers`` is an answers file (section 6 of the format) in JSON bytes.

    ``others`` are the other current submissions of the engagement, as pairs of content hash and answers file.
    """

    label: str
    content_hash: str
    answers: bytes
    others: tuple[tuple[str, bytes], ...] = ()


class _Setting(NamedTuple):
    """What every process works with, as it travels."""

    new: bytes
    between: tuple[bytes, ...]
    definitions: tuple[bytes, ...]
    with_requirements: bool


class _Worker:
    """One process: the definitions parsed once, tables made once for each version."""

    def __init__(self, setting: _Setting) -> None:
        self.definitions = {one.content_hash: one for one in map(parse_json, setting.definitions)}
        catalogue = load_requirements() if setting.with_requirements else None
        between = [parse_json(one) for one in setting.between]
        self.foresight = Foresight(parse_json(setting.new), between, catalogue)

    def of(self, packed: Packed) -> Foreseen:
        definition = self.definitions[packed.content_hash]
        file = parse_answers(definition, json.loads(packed.answers))
        others = tuple(self.answered(*one) for one in packed.others)
        return self.foresight.of(
            Stored(packed.label, definition, file.answers, file.facts, file.as_of, file.shown, others)
        )

    def answered(self, content_hash: str, answers: bytes) -> Answered:
        definition = self.definitions[content_hash]
        file = parse_answers(definition, json.loads(answers))
        return Answered(definition, file.answers, file.as_of, file.shown)


_worker: _Worker | None = None


def _begin(setting: _Setting) -> None:
    global _worker
    _worker = _Worker(setting)
    # Nothing that a process makes of a submission goes round in a circle: looking for such costs a third of the time.
    gc.freeze()
    gc.disable()


def _work(parcel: list[Packed]) -> list[Foreseen]:
    assert _worker is not None
    return [_worker.of(one) for one in parcel]


def what_if_many(
    definition: Questionnaire,
    submissions: Iterable[Packed],
    definitions: Iterable[Questionnaire],
    *,
    between: Sequence[Questionnaire] = (),
    with_requirements: bool = False,
    workers: int = 2,
) -> Generator[Foreseen, None, None]:
    """As ``what_if`` for packed submissions, in order, worked out in ``workers`` processes; 0 works in this one.

    ``definitions`` are those of the submissions, found by their hash. Submissions are read as results are asked
    for, some hundreds ahead. Closing the iterator stops the work and ends the processes. Raises KeyError for a
    submission of an unknown definition, AnswerErrors for one that does not fit its own.
    """
    setting = _Setting(
        canonical_bytes(definition),
        tuple(map(canonical_bytes, between)),
        tuple(map(canonical_bytes, definitions)),
        with_requirements,
    )
    if workers < 1:
        yield from map(_Worker(setting).of, submissions)
        return
    waiting = iter(submissions)
    # A process begun afresh inherits neither threads nor connections of a server.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (setting,))
    running: deque[Future[list[Foreseen]]] = deque()
    try:
        while True:
            while len(running) < workers * AHEAD and (parcel := list(islice(waiting, PARCEL))):
                running.append(pool.submit(_work, parcel))
            if not running:
                return
            yield from running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
