"""What-if over many submissions at once: they go packed to some processes, results come back in order."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from typing import NamedTuple

from questionnaires.canonical import canonical_bytes
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.requirements import load as load_requirements
from questionnaires.what_if import Foreseen, Foresight
from questionnaires.what_if_packed import Packed, PackedEngagement, Reader, Sheet

__all__ = ["AHEAD", "PARCEL", "Packed", "PackedEngagement", "Sheet", "what_if_many"]

# Submissions that travel together, and parcels on their way for each process: what bounds the memory.
PARCEL = 50
AHEAD = 2

# A process begun afresh with nothing but the engine: it inherits neither threads nor connections of a server, and
# reads none of its modules, which would cost a second and 100 MB.
PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from questionnaires.what_if_many import serve; serve()"


class _Setting(NamedTuple):
    """What every process works with, as it travels."""

    new: bytes
    between: tuple[bytes, ...]
    definitions: tuple[bytes, ...]
    with_requirements: bool


class _Worker:
    """What one process knows: the definitions parsed once, tables made once for each version."""

    def __init__(self, setting: _Setting) -> None:
        definitions = map(parse_json, setting.definitions)
        self.readers = {one.content_hash: Reader(one) for one in definitions}
        catalogue = load_requirements() if setting.with_requirements else None
        between = [parse_json(one) for one in setting.between]
        self.foresight = Foresight(parse_json(setting.new), between, catalogue)

    def of(self, packed: Packed) -> Foreseen:
        others = tuple(self.readers[one.content_hash].answered(one) for one in packed.others)
        return self.foresight.of(self.readers[packed.sheet.content_hash].stored(packed, others))


def serve() -> None:
    """The other side of a ``_Process``: works until its input ends. What comes and goes is trusted: pickles."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal tells the whole group; whoever began this one ends it
    source, target = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is printed is no result
    worker = _Worker(pickle.load(source))
    # Nothing that a process makes of a submission goes round in a circle: looking for such costs a third of the time.
    gc.freeze()
    gc.disable()
    with suppress(EOFError, BrokenPipeError):  # nobody waits any more
        while True:
            answer: list[Foreseen] | Exception
            parcel: list[Packed] = pickle.load(source)
            try:
                answer = [worker.of(one) for one in parcel]
            except Exception as error:  # whatever a submission holds: it is raised where the results are read
                answer = error
            pickle.dump(answer, target, pickle.HIGHEST_PROTOCOL)
            target.flush()


class _Process:
    """A process that works out a parcel at a time."""

    def __init__(self, setting: _Setting) -> None:
        command = [sys.executable, "-c", PROGRAM, *sys.path]
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        # Longer than a pipe holds: it is sent with the first parcel, by a thread that may wait until the child reads.
        self._setting: _Setting | None = setting

    def results(self, parcel: list[Packed]) -> list[Foreseen]:
        """Raises what working it out raised, EOFError or OSError when the process is gone."""
        if self._setting is not None:
            self._send(self._setting)
            self._setting = None
        self._send(parcel)
        assert self._child.stdout is not None
        answer: list[Foreseen] | Exception = pickle.load(self._child.stdout)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        """At once, in the middle of a parcel, too."""
        self._child.kill()

    def close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            with suppress(OSError):  # what was not sent has nobody to go to
                pipe.close()
        self._child.wait()

    def _send(self, message: object) -> None:
        assert self._child.stdin is not None
        pickle.dump(message, self._child.stdin, pickle.HIGHEST_PROTOCOL)
        self._child.stdin.flush()


class _Pool:
    """Some processes, each fed by a thread that mostly waits."""

    def __init__(self, setting: _Setting, workers: int) -> None:
        self._processes = [_Process(setting) for _ in range(workers)]
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        for one in self._processes:
            self._idle.put(one)
        self._threads = ThreadPoolExecutor(workers, "what-if")

    def submit(self, parcel: list[Packed]) -> Future[list[Foreseen]]:
        return self._threads.submit(self._work, parcel)

    def _work(self, parcel: list[Packed]) -> list[Foreseen]:
        process = self._idle.get()
        try:
            return process.results(parcel)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        for one in self._processes:
            one.end()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for one in self._processes:
            one.close()


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
    pool = _Pool(setting, workers)
    running: deque[Future[list[Foreseen]]] = deque()
    try:
        while True:
            while len(running) < workers * AHEAD and (parcel := list(islice(waiting, PARCEL))):
                running.append(pool.submit(parcel))
            if not running:
                return
            yield from running.popleft().result()
    finally:
        pool.close()
