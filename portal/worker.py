"""The worker: queues reminders that are due, delivers the outbox, gives a sign of life. Any number may run at once."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from portal import clock, engines, logs, outbox
from portal.assessments import moving
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import retention
from portal.faults import Unavailable
from portal.gate import keeping
from portal.mail import Mailer, PermanentFailure, mailer
from portal.outbox import Message, WorkerBeat
from portal.portfolio import indexing
from portal.reassessment.reminding import queue_due
from portal.reports import what_if_working
from portal.settings import Settings
from portal.storage import Storage, open_storage
from portal.web import Portal
from portal.webhooks import delivering

log = logging.getLogger("portal.worker")

PAUSE = 3.0  # seconds between looks into the outbox
TIDY_EVERY = timedelta(hours=1)
REMIND_EVERY = timedelta(minutes=5)  # a step begins at a local midnight; minutes after it are soon enough
BEAT_EVERY = timedelta(seconds=30)
FORGET_BEATS = timedelta(days=7)
NOTE_ATTEMPTS = 4  # each waits as long as the database's own patience
SERVER_SILENT_AFTER = 3  # failures in a row after which a pass leaves the rest for later


@dataclass(slots=True)
class Report:
    """What one pass did. ``faults`` names the jobs that crashed; the others went on."""

    reminders: int = 0
    moves: int = 0
    sent: int = 0
    failed: int = 0
    gave_up: int = 0
    destroyed: int = 0
    files: int = 0
    foreseen: int = 0
    standings: int = 0
    indexed: int = 0
    told: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        words = f"{self.reminders} reminders queued, {self.sent} letters sent"
        if self.moves:
            words += f", {self.moves} assessments moved to another version"
        if self.failed or self.gave_up:
            words += f", {self.failed} to be tried again, {self.gave_up} given up"
        if self.foreseen:
            words += f", {self.foreseen} submissions foreseen"
        if self.standings:
            words += f", {self.standings} gates worked out"
        if self.indexed:
            words += f", {self.indexed} submissions made ready for search"
        if self.told or self.refused:
            words += f", {self.told} events told to webhooks, {self.refused} not taken"
        if self.destroyed or self.files:
            words += f", {self.destroyed} submissions emptied by age, {self.files} files deleted"
        return words + (f"; these jobs failed: {', '.join(self.faults)}" if self.faults else "")


def run_once(
    database: Database,
    sender: Mailer,
    now: datetime,
    *,
    stop: threading.Event | None = None,
    remind: bool = True,
    beats: bool = True,
    storage: Storage | None = None,
    foreseeing: what_if_working.Foreseeing | None = None,
    keeper: keeping.Keeper | None = None,
    indexer: indexing.Indexer | None = None,
    settings: Settings | None = None,
) -> Report:
    """One pass as of ``now``: queue due reminders, deliver what is due, beat. ``stop`` ends it between two letters.

    ``storage``: also destroy what has been kept long enough, and the files that nothing refers to. ``foreseeing``:
    the what-if that the passes before have begun; without it this pass gives back what it does not end. ``keeper``
    and ``indexer``: go on with gates and words where the pass before ended. ``settings``: also tell webhooks.
    """
    report = Report()
    started = time.monotonic()
    logs.opening()

    def instant() -> datetime:
        """``now``, moving on while the pass lasts, so that leases are as long as they say."""
        return now + timedelta(seconds=time.monotonic() - started)

    def reminders() -> None:
        report.reminders = queue_due(database, now=now)

    def moves() -> None:
        report.moves = moving.apply_asked(database, now=now)

    def delivery() -> None:
        _deliver(database, sender, instant, report, stop or threading.Event(), beats=beats)

    def standings() -> None:
        stopping = stop.is_set if stop is not None else lambda: False
        report.standings = (keeper or keeping.Keeper(database)).turn(instant, stopping=stopping)

    def words() -> None:
        stopping = stop.is_set if stop is not None else lambda: False
        report.indexed = (indexer or indexing.Indexer(database)).turn(instant, stopping=stopping)

    def webhooks() -> None:
        if settings is not None:
            stopping = stop.is_set if stop is not None else lambda: False
            done = delivering.work(database, settings, instant, stopping=stopping)
            report.told, report.refused = done.sent, done.failed

    if remind:
        _job("reminders", reminders, report)
    _job("moves", moves, report)
    _job("delivery", delivery, report)
    _job("standings", standings, report)
    _job("words", words, report)
    _job("webhooks", webhooks, report)
    _job("what-ifs", lambda: _foresee(database, instant, stop, report, foreseeing), report)
    if storage is not None:
        _job("retention", lambda: _keep_house(database, storage, now, report), report)
    if beats:
        _job("beat", lambda: beat(database, instant()), report)
    return report


def _foresee(
    database: Database,
    instant: Callable[[], datetime],
    stop: threading.Event | None,
    report: Report,
    foreseeing: what_if_working.Foreseeing | None,
) -> None:
    """Some seconds of what somebody wants to foresee; letters and the sign of life come in between."""
    stopping = stop.is_set if stop is not None else lambda: False
    if foreseeing is None:
        report.foreseen = what_if_working.work(database, instant, stopping=stopping)
    else:
        report.foreseen = foreseeing.turn(instant, stopping=stopping)


def _keep_house(database: Database, storage: Storage, now: datetime, report: Report) -> None:
    """What time destroys; each step is a short transaction of its own, and files go outside of any."""
    report.destroyed = retention.apply(database, now=now)
    retention.tidy(database, now=now)
    report.files = retention.delete_files(database, storage, now=now)
    report.files += retention.sweep(database, storage, now=now)
    engines.take_statistics(database)


def _job(name: str, work: Callable[[], None], report: Report) -> None:
    try:
        work()
    except Exception:  # the one place that outlives any fault: a job that crashes does not stop the others
        log.exception("the worker's job %s failed", name)
        report.faults.append(name)


def _deliver(
    database: Database,
    sender: Mailer,
    instant: Callable[[], datetime],
    report: Report,
    stop: threading.Event,
    *,
    beats: bool,
) -> None:
    """Claim, commit, send, commit: one letter at a time, so that a lease covers a slow server."""
    silent = 0
    last_beat = instant()
    while not stop.is_set() and silent < SERVER_SILENT_AFTER:
        if not _anything_due(database, instant()):
            return
        with database.transaction() as session:
            claimed = outbox.claim(session, now=instant(), limit=1)
        if not claimed:
            return
        silent = 0 if _send(database, sender, claimed[0], instant, report) else silent + 1
        if beats and instant() - last_beat >= BEAT_EVERY:
            last_beat = instant()
            beat(database, last_beat)


def _anything_due(database: Database, now: datetime) -> bool:
    """A look without the write lock: most of the time there is nothing to claim."""
    with database.looking(SYSTEM) as session:
        return session.execute(select(Message.id).where(outbox.claimable(now)).limit(1)).first() is not None


def _send(
    database: Database, sender: Mailer, message: Message, instant: Callable[[], datetime], report: Report
) -> bool:
    """Send one claimed letter and note how it went; False when the server does not take letters at all."""
    reason, permanent, answered = "", False, True
    try:
        sender.send(message)
    except PermanentFailure as failure:
        reason, permanent = str(failure), True
    except OSError as failure:
        reason, answered = str(failure) or type(failure).__name__, False
    except Exception as failure:  # a letter that cannot even be written must not hold up the others
        log.exception("letter %s cannot be sent", message.id)
        reason = f"the letter cannot be written: {type(failure).__name__}"
    for attempts_left in reversed(range(NOTE_ATTEMPTS)):
        try:
            _note(database, message, reason, instant(), report, permanent=permanent)
            break
        except Unavailable:  # a letter that is out must be noted, or it goes out again
            if not attempts_left:
                raise
    return answered


def _note(
    database: Database, message: Message, reason: str, now: datetime, report: Report, *, permanent: bool
) -> None:
    """Write down how a letter went, unless another worker has taken it over; an empty ``reason`` is success."""
    over = permanent or message.attempts > len(outbox.BACKOFF)
    with database.transaction() as session:
        if reason:
            noted = outbox.failed(session, message, reason, now=now, permanent=permanent)
        else:
            noted = outbox.sent(session, message, now=now)
        if noted:
            kind = Kind.MESSAGE_FAILED if reason else Kind.MESSAGE_SENT
            data = {"kind": message.kind, "attempt": message.attempts}
            record(session, kind, now=now, actor=None, subject=message, data=data)
    if reason:
        log.warning("letter %s %s: %s", message.id, "given up" if over else "to be tried again", reason)
    report.sent += noted and not reason
    report.gave_up += noted and bool(reason) and over
    report.failed += noted and bool(reason) and not over


def beat(database: Database, now: datetime) -> None:
    """Note that this worker has finished a pass, for /healthz; forget workers that are long gone."""
    name = f"{socket.gethostname()}:{os.getpid()}"[:100]
    insert: Any = sqlite.insert if database.sqlite else postgresql.insert
    with database.transaction() as session:
        session.execute(delete(WorkerBeat).where(WorkerBeat.at < now - FORGET_BEATS))
        statement = insert(WorkerBeat).values(name=name, at=now)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[WorkerBeat.name], set_={"at": now}
            ).execution_options(synchronize_session=False)
        )


def loop(
    database: Database,
    settings: Settings,
    stop: threading.Event,
    *,
    sender: Mailer | None = None,
    first_pass: threading.Event | None = None,
) -> None:
    """Work until ``stop`` is set; a letter that is being sent is finished first."""
    sender = sender or mailer(settings)
    reminded: datetime | None = None
    beaten: datetime | None = None
    tidied: datetime | None = None
    storage = open_storage(settings)
    foreseeing = what_if_working.Foreseeing(database)
    keeper, indexer = keeping.Keeper(database), indexing.Indexer(database)
    while not stop.is_set():
        now = clock.now()
        remind, beats = _is_over(reminded, REMIND_EVERY, now), _is_over(beaten, BEAT_EVERY, now)
        tidies = _is_over(tidied, TIDY_EVERY, now)
        report = run_once(
            database,
            sender,
            now,
            stop=stop,
            remind=remind,
            beats=beats,
            storage=storage if tidies else None,
            foreseeing=foreseeing,
            keeper=keeper,
            indexer=indexer,
            settings=settings,
        )
        if tidies and "retention" not in report.faults:
            tidied = now
        if remind and "reminders" not in report.faults:
            reminded = now
        if beats and "beat" not in report.faults:
            beaten = now
        if first_pass is not None:
            first_pass.set()
        if report != Report():
            log.info("%s", report)
        if not foreseeing.under_way:
            stop.wait(PAUSE)
    foreseeing.close(clock.now())


def _is_over(last: datetime | None, pause: timedelta, now: datetime) -> bool:
    """Whether ``pause`` has gone by; a clock that was put back counts as over."""
    return last is None or not timedelta(0) <= now - last < pause


class Embedded:
    """The worker as one thread of the embedded server."""

    def __init__(self, app: Portal) -> None:
        self.first_pass = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=loop,
            args=(app.database, app.settings, self._stop),
            kwargs={"first_pass": self.first_pass},
            name="portal-worker",
            daemon=True,
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 10.0) -> None:
        """Ask it to end and wait; a letter still under way after ``timeout`` seconds is left to its lease."""
        self._stop.set()
        self._thread.join(timeout)


def start_embedded(app: Portal) -> Embedded:
    """Start the worker inside this process; never inside one of several web workers."""
    worker = Embedded(app)
    worker.start()
    return worker
