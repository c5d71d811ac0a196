"""The worker: opens and reminds of what is due, delivers letters, gives a sign of life. Any number may run at once."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from portal import clock, engines, logs, outbox, posting
from portal.assessments import moving
from portal.audit import holding
from portal.campaigns import running as campaigns
from portal.db import Database
from portal.erasure import retention
from portal.faults import Unavailable
from portal.gate import keeping
from portal.mail import Mailer, mailer
from portal.outbox import WorkerBeat
from portal.pass_report import Lasting, Report
from portal.portfolio import indexing
from portal.reassessment import (
    alone,
    dating,
    digest_letters,
    generating,
    opening_job,
    runs,
    terms,
    trigger_finding,
    unsaid,
    workdays,
)
from portal.reassessment.runs import Diary
from portal.reports import what_if_working
from portal.settings import Settings
from portal.steadiness import BEAT_AHEAD, Steadiness, doubt
from portal.storage import Storage, open_storage
from portal.web import Portal
from portal.webhooks import delivering

log = logging.getLogger("portal.worker")

PAUSE = 3.0  # seconds between looks into the outbox
TIDY_EVERY = timedelta(hours=1)
REMIND_EVERY = timedelta(minutes=5)  # a step begins at a local midnight; minutes after it are soon enough
# Seconds of a pass after which what comes before reminders, and then those themselves, give way to letters.
FOR_DATES, FOR_REMINDERS = 15.0, 25.0
FOR_LETTERS = 60.0  # seconds of a pass for letters: a morning of thousands holds up no step of hours
LOOK_BACK_EVERY = timedelta(hours=1)
BEAT_EVERY = timedelta(seconds=30)
FORGET_BEATS = timedelta(days=7)
CLOCK = "clock"  # what the diary says while nothing is generated because of it
RENDERING = (alone, digest_letters)  # their letters get their text when they are sent: letters.REGISTRY


def run_once(
    database: Database,
    sender: Mailer,
    now: datetime,
    *,
    stop: threading.Event | None = None,
    remind: bool = True,
    looks_back: bool = True,
    beats: bool = True,
    steady: bool = True,
    storage: Storage | None = None,
    foreseeing: what_if_working.Foreseeing | None = None,
    keeper: keeping.Keeper | None = None,
    diary: Diary | None = None,
    indexer: indexing.Indexer | None = None,
    settings: Settings | None = None,
    shares: delivering.Shares | None = None,
) -> Report:
    """One pass as of ``now``: remind of what is due, deliver, beat. ``stop`` ends it between two letters.

    ``remind``: also work out dates, open next assessments, put reminders on record; with ``looks_back`` what ended
    unsaid, too. ``storage``: also destroy what has been kept long enough, and files of nothing. ``foreseeing``: the
    what-if that the passes before began; without it this pass gives back what it does not end. ``keeper`` and
    ``indexer`` go on where the pass before ended. ``settings``: also tell webhooks; ``shares``: whose turn it is.
    ``diary``: what passes did. ``steady``: whether this clock can be trusted; else it gives no sign of life.
    """
    report = Report()
    lasting = Lasting(now, stop, report)
    instant, stopping = lasting.instant, lasting.stopping
    logs.opening()

    def standings() -> None:
        report.standings = (keeper or keeping.Keeper(database)).turn(instant, stopping=stopping)

    def ask() -> None:
        report.asked = campaigns.ask(database, instant=instant, stopping=lasting.over(FOR_DATES))

    def reminders() -> None:
        done = generating.generate(database, now=now, stopping=lasting.over(FOR_REMINDERS))
        report.reminders, report.skipped, report.behind = done.told, done.skipped, done.behind

    def moves() -> None:
        report.moves = moving.apply_asked(database, now=now)

    def delivery() -> None:
        alive = _Beating(database, instant) if beats and steady else lambda: None
        stops, over = stop or threading.Event(), lasting.share(FOR_LETTERS)
        posting.deliver(database, sender, instant, stops, report, alive=alive, over=over)

    def words() -> None:
        report.indexed = (indexer or indexing.Indexer(database)).turn(instant, stopping=stopping)

    _job("standings", standings, report)
    if remind:
        for one in BEFORE_REMINDERS:
            one.run(database, report, now=now, stopping=lasting.over(FOR_DATES))
    _job("campaigns", ask, report)
    if remind:
        _job("reminders", reminders, report)
    if remind and looks_back:
        LOOKING_BACK.run(database, report, now=now, stopping=lasting.over(FOR_REMINDERS))
    _job("moves", moves, report)
    _job("delivery", delivery, report)
    _job("words", words, report)
    _job("webhooks", lambda: _tell(database, settings, instant, shares, stopping, report), report)
    _job("what-ifs", lambda: _foresee(database, instant, stopping, report, foreseeing), report)
    if storage is not None:
        _job("retention", lambda: _keep_house(database, storage, now, report), report)
    diary = diary or Diary(own_name())
    diary.passed(now, counts=report.counts(), behind=report.behind, faults=report.faults)
    if beats:
        _job("beat", lambda: beat(database, instant(), diary, steady=steady), report)
    return report


class _Work(Protocol):
    """What a job does as of ``now``, until ``stopping``; returns how much of it."""

    def __call__(self, database: Database, *, now: datetime, stopping: Callable[[], bool]) -> int: ...


@dataclass(frozen=True, slots=True)
class _Counted:
    """A job that works out what is due; ``counter`` of the report says how much it did."""

    name: str
    counter: str
    work: _Work

    def run(self, database: Database, report: Report, *, now: datetime, stopping: Callable[[], bool]) -> None:
        def job() -> None:
            setattr(report, self.counter, self.work(database, now=now, stopping=stopping))

        _job(self.name, job, report)


BEFORE_REMINDERS = (
    _Counted("years", "years", workdays.keep_years),  # first: dates and steps keep to working days
    _Counted("terms", "terms", terms.work_out),
    _Counted("dates", "dates", dating.work_out),
    _Counted("triggers", "triggers", trigger_finding.find),
    _Counted("openings", "opened", opening_job.open_due),
)
LOOKING_BACK = _Counted("unsaid", "unsaid", unsaid.note)


def _tell(
    database: Database,
    settings: Settings | None,
    instant: Callable[[], datetime],
    shares: delivering.Shares | None,
    stopping: Callable[[], bool],
    report: Report,
) -> None:
    if settings is not None:
        done = delivering.work(database, settings, instant, shares=shares, stopping=stopping)
        report.told, report.refused = done.sent, done.failed


def _foresee(
    database: Database,
    instant: Callable[[], datetime],
    stopping: Callable[[], bool],
    report: Report,
    foreseeing: what_if_working.Foreseeing | None,
) -> None:
    """Some seconds of what somebody wants to foresee; letters and the sign of life come in between."""
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
        with outbox.by_itself(holding.state_of):
            work()
    except Exception:  # the one place that outlives any fault: a job that crashes does not stop the others
        log.exception("the worker's job %s failed", name)
        report.faults.append(name)


def own_name() -> str:
    """What this process is called among workers: machine and process."""
    return f"{socket.gethostname()}:{os.getpid()}"[:100]


class _Beating:
    """Gives a sign of life while a pass delivers, each BEAT_EVERY."""

    def __init__(self, database: Database, instant: Callable[[], datetime]) -> None:
        self.database, self.instant = database, instant
        self.last = instant()

    def __call__(self) -> None:
        now = self.instant()
        if now - self.last >= BEAT_EVERY:
            self.last = now
            beat(self.database, now)


def beat(database: Database, now: datetime, diary: Diary | None = None, *, steady: bool = True) -> None:
    """Note that this worker has finished a pass, for /healthz, and what it did; forget workers that are long gone, and
    those of a clock that was ahead, which would be doubted for as long.

    Under a clock that is not ``steady`` it takes back what it said before: that may be the one that is ahead.
    """
    name = own_name()
    insert: Any = sqlite.insert if database.sqlite else postgresql.insert
    with database.transaction() as session:
        if steady:
            gone = ~WorkerBeat.at.between(now - FORGET_BEATS, now + BEAT_AHEAD)
            session.execute(delete(WorkerBeat).where(gone))
            statement = insert(WorkerBeat).values(name=name, at=now)
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=[WorkerBeat.name], set_={"at": now}
                ).execution_options(synchronize_session=False)
            )
        else:
            session.execute(delete(WorkerBeat).where(WorkerBeat.name == name))
    if diary is not None:
        diary.write(database, now=now)


def loop(
    database: Database,
    settings: Settings,
    stop: threading.Event,
    *,
    sender: Mailer | None = None,
    first_pass: threading.Event | None = None,
    after_a_pause: bool = False,
) -> None:
    """Work until ``stop`` is set; a letter that is being sent is finished first.

    While the clock cannot be trusted (steadiness.py) nothing is generated. ``after_a_pause``: somebody looked at it.
    """
    sender = sender or mailer(settings)
    watch = _Watch(database, trusted=after_a_pause)
    reminded: datetime | None = None
    looked_back: datetime | None = None
    beaten: datetime | None = None
    tidied: datetime | None = None
    storage = open_storage(settings)
    foreseeing = what_if_working.Foreseeing(database)
    diary = Diary(own_name())
    keeper, indexer = keeping.Keeper(database), indexing.Indexer(database)
    shares = delivering.Shares()
    while not stop.is_set():
        now = clock.now()
        steady = watch.steady(now)
        if not steady:
            diary.fault(CLOCK)
        remind = steady and _is_over(reminded, REMIND_EVERY, now) and _turn(database, now)
        looks_back = remind and _is_over(looked_back, LOOK_BACK_EVERY, now)
        beats = _is_over(beaten, BEAT_EVERY, now)
        tidies = _is_over(tidied, TIDY_EVERY, now)
        report = run_once(
            database,
            sender,
            now,
            stop=stop,
            remind=remind,
            looks_back=looks_back,
            beats=beats,
            steady=steady,
            storage=storage if tidies else None,
            foreseeing=foreseeing,
            keeper=keeper,
            diary=diary,
            indexer=indexer,
            settings=settings,
            shares=shares,
        )
        if tidies and "retention" not in report.faults:
            tidied = now
        if remind and "reminders" not in report.faults and not report.unfinished:
            reminded = now
            _turn(database, now, until=now + REMIND_EVERY)
        if looks_back and "unsaid" not in report.faults and not report.unfinished:
            looked_back = now
        if beats and "beat" not in report.faults:
            beaten = now
        if first_pass is not None:
            first_pass.set()
        if report != Report():
            log.info("%s", report)
        if not (foreseeing.under_way or report.more):
            stop.wait(PAUSE)
    _job("what-ifs", lambda: foreseeing.close(clock.now()), Report())
    _job("beat", lambda: diary.write(database, now=clock.now()), Report())


def _turn(database: Database, now: datetime, *, until: datetime | None = None) -> bool:
    """Whether no other worker looks at what is due; ``until``: this one did, and others need not before then."""
    name = own_name()
    try:
        if until is None:
            return runs.take_turn(database, "reminders", name=name, now=now)
        runs.keep_turn(database, "reminders", name=name, until=until)
    except (Unavailable, SQLAlchemyError):  # a courtesy: the pass itself says what is wrong
        return until is None
    return True


class _Watch:
    """Says whether a pass may generate, and once a reason for it why not."""

    def __init__(self, database: Database, *, trusted: bool) -> None:
        self._database, self._trusted = database, trusted
        self._steadiness = Steadiness()
        self._said = ""

    def steady(self, now: datetime) -> bool:
        steady = self._steadiness.look(now, clock.elapsed())
        self._trusted = self._trusted and steady  # a clock that was set is looked at as at the start
        if steady and not self._trusted:
            try:
                why = doubt(self._database, now)
            except (Unavailable, SQLAlchemyError):  # the pass itself will say so
                return False
        else:
            why = "" if steady else "This computer's clock was set."
        if why and why != self._said:
            log.error("no reminders are generated: %s", why)
        self._said = why
        if steady and not why:
            self._trusted = True  # from here on each pass is only compared with the one before
        return not why


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
