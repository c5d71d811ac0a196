"""A what-if over stored submissions through ``portal worker``, a process of its own with its pool, on SQLite.

Two submissions are made through the services, one good and one poor; the others are copies of their rows under new
ids, each of a vendor and a company of its own, and every fifth answer with a note of its own; around.py adds what
gathers around vendors. Ten thousand take minutes and gigabytes, so they are kept in ``build/what-if``, which git
ignores, for as long as tables, questionnaire and what makes the rows stay as they are.
``python -m tests.benchmarks.what_if_portal [SUBMISSIONS]`` measures fewer.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from portal import clock, engines, schema
from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.assessments.drafts import Content
from portal.db import Database
from portal.reports import what_if
from portal.settings import Settings
from questionnaires.answers import raw_value
from questionnaires.definition import Question, Questionnaire
from tests.benchmarks import around
from tests.benchmarks.engine import made
from tests.benchmarks.measuring import Figure, table
from tests.benchmarks.what_if import MEGABYTES, SECONDS, SUBMISSIONS, draft
from tests.guards.code import ROOT
from tests.portal import journey
from tests.portal.world import make_company, make_organisation

KEPT = ROOT / "build" / "what-if"
QUESTIONS = 300
SAMPLED = 0.05  # seconds between looks at the memory
PATIENCE = 900  # seconds until a run counts as stuck
COPIED_TOGETHER = 500
NOTED = """CASE WHEN rowid % 5 THEN answer
ELSE CAST(replace(CAST(answer AS TEXT), '"note":""', :note) AS BLOB) END"""
COPIED = (
    "company",
    "person",
    "company_member",
    "vendor",
    "engagement",
    "assessment",
    "assessment_engagement",
    "submission",
    "sealed_answer",
    "rating",
)


def figures() -> list[Figure]:
    return measured(SUBMISSIONS)


def measured(count: int) -> list[Figure]:
    """Seconds from the first turn to the last, pauses between turns included; megabytes of all processes together."""
    old, _good, _poor = made()
    folder = stored(old, count)
    settings = settings_of(folder)
    database = Database(settings.database_url)
    try:
        run = asked(database, folder, draft(old), count)
        with worker(settings) as pid:
            most = watched(pid, partial(is_open, folder, run))
    finally:
        database.dispose()
    state, done, seconds = ended(folder, run)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime
    assert (state, done) == ("done", count), (state, done)
    name = f"what-if, portal worker, {count:,} submissions of {QUESTIONS} answers"
    return [
        Figure(
            f"{name}, seconds (of the processors: {processor:.1f})",
            round(seconds, 1), 0, SECONDS, unit="s", ratio=False,
        ),
        Figure(f"{name}, MB in all processes", most // 1024, 0, MEGABYTES, unit="MB", ratio=False),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------- what is stored


def stored(old: Questionnaire, count: int) -> Path:
    """The folder of an installation with so many submissions, made when there is none for these tables."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT, prefix="new-") as fresh:
        settings = settings_of(Path(fresh))
        database = Database(settings.database_url)
        try:
            schema.upgrade(database)
            folder = KEPT / f"{fingerprint(Path(fresh), old)}-{count}"
            if folder.exists():
                return folder
            templates, organisation = two_submissions(database, settings, old)
        finally:
            database.dispose()
        multiply(Path(fresh), templates, count)
        with connected(Path(fresh)) as connection:
            around.add(connection, clock.now())
        full = Database(settings.database_url)
        engines.take_statistics(full)  # as the worker does every hour
        full.dispose()
        (Path(fresh) / "organisation.json").write_text(json.dumps(organisation))
        for outdated in KEPT.glob(f"*-{count}"):
            shutil.rmtree(outdated)
        Path(fresh).rename(folder)
        Path(fresh).mkdir()  # for the context manager to take away
    return folder


def letters_of(folder: Path) -> int:
    """How many letters an installation holds."""
    with connected(folder) as connection:
        (count,) = connection.execute("SELECT count(*) FROM message").fetchone()
    return int(count)


def settings_of(folder: Path) -> Settings:
    return Settings(
        data=folder,
        secret_key="k3y-for-benchmarks-0123456789-abcdef",
        database_url=f"sqlite:///{folder}/portal.sqlite",
        base_url="http://127.0.0.1:8000",
        mail=f"folder:{folder}/mail",
        argon2_cheap=True,
    )


def connected(folder: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(folder / "portal.sqlite", isolation_level=None, timeout=60))


def fingerprint(folder: Path, old: Questionnaire) -> str:
    with connected(folder) as connection:
        tables = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master ORDER BY name")]
    made_by = (ROOT / "tests/benchmarks/around.py").read_text() + Path(__file__).read_text()
    return sha256(json.dumps([tables, old.content_hash, NOTED, made_by]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Template:
    """The ids of one submission and what it hangs on, as the database holds them."""

    company: str
    owner: str
    vendor: str
    engagement: str
    assessment: str
    submission: str


def two_submissions(
    database: Database, settings: Settings, old: Questionnaire
) -> tuple[list[Template], dict[str, str]]:
    """A good and a poor one of every question; and what an author of their organisation is made of."""
    now = clock.now()
    halden = make_organisation(database, settings, "Halden", now)
    journey.release(database, halden, old, now)
    found = []
    _old, good, poor = made()
    for name, answers in (("Good", good), ("Poor", poor)):
        company = make_company(database, settings, name, now)
        issued = journey.issue(database, halden, company, definition=old, vendor_name=name, now=now)
        given: dict[str, Any] = {
            key: raw_value(old.questions[key], one.value)
            for key, one in answers.items()
            if one.value is not None
        }
        submission = journey.submit(database, issued, fill=partial(everything, given), now=now)
        owner = company[CompanyRole.OWNER].person.id
        ids = (company.id, owner, issued.vendor, issued.engagements[0], issued.assessment, submission)
        found.append(Template(*(one.hex for one in ids)))
    author = halden[OrganisationRole.CISO]
    told = {"id": str(halden.id), "slug": halden.slug, "name": halden.name, "author": str(author.person.id)}
    return found, told


def everything(given: Mapping[str, Any], question: Question) -> Content:
    """An answer that hides no other question: whatever decides over others says ``some`` at the least."""
    value = given[question.key]
    return Content(
        "answered", "some" if value == "none" and int(question.key.split(".q")[1]) % 6 == 0 else value
    )


def multiply(folder: Path, templates: list[Template], count: int) -> None:
    """Copies of the two until there are ``count``, each under new ids."""
    with connected(folder) as connection:
        columns = {
            name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in COPIED
        }
        for one in templates:
            held = "SELECT count(*) FROM sealed_answer WHERE submission_id = ?"
            (answers,) = connection.execute(held, (one.submission,)).fetchone()
            assert answers == QUESTIONS, answers
        connection.execute("PRAGMA foreign_keys=ON")
        for first in range(len(templates), count, COPIED_TOGETHER):
            connection.execute("BEGIN IMMEDIATE")
            for number in range(first, min(first + COPIED_TOGETHER, count)):
                copy(connection, columns, templates[number % len(templates)], number)
            connection.execute("COMMIT")


def copy(
    connection: sqlite3.Connection, columns: Mapping[str, list[str]], old: Template, number: int
) -> None:
    company, owner, vendor, engagement, assessment, submission = (uuid.uuid4().hex for _ in range(6))
    place = {"id": company, "slug": f"vendor-{number}", "name": f"Vendor {number}"}
    address = f"owner-{number}@vendor.example"
    member = {"id": uuid.uuid4().hex, "person_id": owner}
    named = {"name": f"Vendor {number}", "name_key": f"vendor {number:09}"}
    of = {"assessment_id": assessment, "submission_id": submission, "company_id": company}
    own_company = {"company_id": company}
    for name, where, wanted, changes in (
        ("company", "id", old.company, place),
        ("person", "id", old.owner, {"id": owner, "email": address, "address": address}),
        ("company_member", "person_id", old.owner, member | own_company),
        ("vendor", "id", old.vendor, {"id": vendor, **named} | own_company),
        ("engagement", "id", old.engagement, {"id": engagement, "vendor_id": vendor}),
        (
            "assessment",
            "id",
            old.assessment,
            {"id": assessment, "vendor_id": vendor, "code": None} | own_company,
        ),
        ("assessment_engagement", "assessment_id", old.assessment, of | {"engagement_id": engagement}),
        ("submission", "id", old.submission, of | {"id": submission}),
        ("sealed_answer", "submission_id", old.submission, of),
        ("rating", "submission_id", old.submission, of | {"id": uuid.uuid4().hex}),
    ):
        changes = {column: value for column, value in changes.items() if column in columns[name]}
        own = {column: f":{column}" for column in changes} | (
            {"answer": NOTED} if name == "sealed_answer" else {}
        )
        taken = ", ".join(own.get(column, column) for column in columns[name])
        connection.execute(
            f"INSERT INTO {name} ({', '.join(columns[name])}) SELECT {taken} FROM {name} WHERE {where} = :wanted",
            changes | {"wanted": wanted, "note": f'"note":"As told by vendor {number}."'},
        )


# ---------------------------------------------------------------------------------------------------------- the run


def asked(database: Database, folder: Path, candidate: Questionnaire, count: int) -> uuid.UUID:
    """As the page asks. What an earlier measurement left open is stopped."""
    told = json.loads((folder / "organisation.json").read_text())
    place = Tenant(uuid.UUID(told["id"]), told["slug"], told["name"])
    author = Person(uuid.UUID(told["author"]), "Author", "author@halden.example")
    actor = Identity(author, uuid.uuid4(), organisation=place, role=OrganisationRole.CISO)
    now = clock.now()
    with database.transaction(actor.scope) as session:
        for one in what_if.runs(session, actor):
            what_if.stop(session, one.id, actor=actor, now=now)
        return what_if.ask(session, candidate, None, count, actor=actor, now=now).id


@contextmanager
def worker(settings: Settings) -> Iterator[int]:
    """``portal worker`` until the block ends; its process id."""
    environment = {
        "PORTAL_SECRET_KEY": settings.secret_key,
        "PORTAL_DATABASE_URL": settings.database_url,
        "PORTAL_BASE_URL": settings.base_url,
        "PORTAL_MAIL": settings.mail,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "worker", "--data", str(settings.data)],
        env=os.environ | environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def watched(pid: int, goes_on: Callable[[], bool]) -> int:
    """KiB that a process and all below it held at most until ``goes_on`` is false: their high-water marks together."""
    most, until = 0, time.monotonic() + PATIENCE
    while goes_on():
        assert time.monotonic() < until, "the run does not end"
        most = max(most, sum(map(high_water, family(pid))))
        time.sleep(SAMPLED)
    assert most, "the worker is gone"
    return most


def family(pid: int) -> list[int]:
    """A process and all below it, as Linux lists them."""
    found = [pid]
    for one in found:  # grows while it is walked
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except FileNotFoundError:  # it has just ended
            continue
    return found


def high_water(pid: int) -> int:
    """The most KiB that a process has held so far, pages that it shares with others included."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def is_open(folder: Path, run: uuid.UUID) -> bool:
    return ended(folder, run)[0] in what_if.OPEN


def ended(folder: Path, run: uuid.UUID) -> tuple[str, int, float]:
    """(state, submissions done, seconds from the first turn to the end) of a run."""
    times = "(julianday(finished_at) - julianday(started_at)) * 86400"
    with connected(folder) as connection:
        statement = f"SELECT state, done, coalesce({times}, 0) FROM what_if_run WHERE id = ?"
        state, done, seconds = connection.execute(statement, (run.hex,)).fetchone()
    return state, done, seconds


if __name__ == "__main__":
    print(table(measured(int(sys.argv[1]) if len(sys.argv) > 1 else SUBMISSIONS)))
