"""Worker processes that can be killed, stopped and resumed: forked from one that has everything imported already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from portal.settings import Settings

PATIENCE = 60.0  # seconds
# Reads what is asked for, one JSON object a line; forks a worker for it and prints its number.
NURSERY = """
import json, os, signal, sys, threading, time
from datetime import datetime, timedelta
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
from portal import clock, outbox, posting
from portal.campaigns import running
from portal.db import Database
from portal.mail import mailer
from portal.pass_report import Report
from portal.reassessment import dating, generating, opening_job, terms, trigger_finding, unsaid
from portal.settings import Settings

def hold(here, commit, stops):
    left = [commit]
    def before(session):
        left[0] -= 1
        if not left[0] and not stops:
            session.flush()
            here.touch()
            time.sleep(600)
    def after(session):
        if not left[0] and stops:
            here.touch()
            os.kill(os.getpid(), signal.SIGSTOP)
    event.listen(Session, "before_commit", before)
    event.listen(Session, "after_commit", after)

def work(asked):
    settings = Settings(Path(asked["data"]), "k" * 40, asked["url"], "http://127.0.0.1:8000", asked["mail"])
    database, report = Database(asked["url"], settings.base_url, settings.secret_key), Report()
    now = datetime.fromisoformat(asked["now"]) if asked["now"] else None
    generating.WRITE_AT_ONCE = running.AT_ONCE = terms.TOGETHER = trigger_finding.TOGETHER = asked["at_once"]
    if asked["lease"]:
        outbox.LEASE, posting.LEASE_MARGIN = timedelta(seconds=asked["lease"]), 1.0
    began = time.monotonic()
    def instant():
        return clock.now() if now is None else now + timedelta(seconds=time.monotonic() - began)
    jobs = {
        "terms": lambda: terms.work_out(database, now=now),
        "dates": lambda: dating.work_out(database, now=now),
        "triggers": lambda: trigger_finding.find(database, now=now),
        "openings": lambda: opening_job.open_due(database, now=now),
        "campaigns": lambda: running.ask(database, instant=instant),
        "reminders": lambda: generating.generate(database, now=now).told,
        "unsaid": lambda: unsaid.note(database, now=now),
        "delivery": lambda: posting.deliver(
            database, mailer(settings), instant, threading.Event(), report, alive=lambda: None),
    }
    if asked["commit"]:
        hold(Path(asked["here"]), asked["commit"], asked["stops"])
    while asked["gate"] and not Path(asked["gate"]).exists():
        time.sleep(0.005)
    done = {name: jobs[name]() for name in asked["jobs"]}
    found = Path(asked["found"])
    found.with_suffix(".part").write_text(json.dumps({"done": done, "sent": report.sent}))
    found.with_suffix(".part").rename(found)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    number = os.fork()
    if not number:
        try:
            work(json.loads(line))
        finally:
            os._exit(0)
    print(number, flush=True)
"""


@dataclass(frozen=True)
class Worker:
    """One process. ``here``: it has come to where it was to be held; ``found``: what it did, once it is done."""

    number: int
    here: Path
    found: Path

    def wait_here(self) -> None:
        """Until it is held."""
        until(self.here.exists, f"worker {self.number} never came to its commit")

    def kill(self) -> None:
        """As by kill -9, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)
        until(lambda: not alive(self.number), f"worker {self.number} does not die")

    def resume(self) -> None:
        os.kill(self.number, signal.SIGCONT)

    def result(self) -> dict[str, Any]:
        """What it did: {done: {job: number}, sent: number}; fails where it crashed."""
        until(lambda: self.found.exists() or not alive(self.number), f"worker {self.number} is not done")
        assert self.found.exists(), f"worker {self.number} crashed"
        found: dict[str, Any] = json.loads(self.found.read_text())
        return found


def until(so: Any, otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < end, otherwise
        time.sleep(0.01)


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class Nursery:
    """Where workers come from."""

    process: subprocess.Popen[str]
    folder: Path
    made: list[Worker] = field(default_factory=list)

    def worker(
        self,
        settings: Settings,
        *jobs: str,
        now: datetime | None = None,
        commit: int = 0,
        stops: bool = False,
        mail: str = "console",
        lease: int = 0,
        at_once: int = 200,
        gate: Path | None = None,
    ) -> Worker:
        """A worker that does ``jobs`` as of ``now``. ``commit``: it is held before its so-many-th commit, or with
        ``stops`` stops itself right after it. ``at_once``: lines, submissions or triggers of a transaction, or
        vendors of a campaign. ``gate``: begins when that is there.
        """
        name = uuid.uuid4().hex
        here, found = self.folder / f"{name}.here", self.folder / f"{name}.json"
        asked = {
            "data": str(settings.data),
            "url": settings.database_url,
            "mail": mail,
            "now": now.isoformat() if now is not None else "",
            "jobs": jobs,
            "commit": commit,
            "stops": stops,
            "lease": lease,
            "at_once": at_once,
            "gate": str(gate) if gate is not None else "",
            "here": str(here),
            "found": str(found),
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        made = Worker(int(self.process.stdout.readline()), here, found)
        self.made.append(made)
        return made

    def clear(self) -> None:
        """End what is still there."""
        for one in self.made:
            if not one.found.exists():
                one.kill()
        self.made.clear()


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    made = Nursery(process, folder)
    try:
        yield made
    finally:
        made.clear()
        process.kill()
        process.communicate(timeout=30)
