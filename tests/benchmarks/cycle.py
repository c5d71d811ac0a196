"""A pass of the worker, an idle one, and 400 days of foresight, with ten thousand vendors and 100,000 steps to tell.

One vendor is made through the services; the others are copies of its rows under new ids, each with a company and an
owner of its own. Of each one assessment is open, with nothing of its ladder on record. In one database all are sixteen
days late, so that a first look finds one step to tell, alone, and nine that are overtaken; in another all are due in
six days, so that it tells each owner in a digest. The next assessment of each is due on one of 365 days.
Each figure is taken in a process of its own,
whose memory is its own; beside it stands what the same machine takes, in the same run, to insert as many bare rows.
PostgreSQL is measured where PORTAL_TEST_POSTGRES names a server.
``python -m tests.benchmarks.cycle [VENDORS]`` measures fewer.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, create_engine, func, insert, make_url, select, text, update

from portal import engines, schema
from portal.access import CompanyRole
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Company, CompanyMember
from portal.outbox import DIGEST, Message
from portal.reassessment import dating, foreseeing, generating, opening_job, trigger_finding
from portal.reassessment.models import Reassessment, ReminderStep
from portal.settings import Settings
from portal.vendors.models import Engagement, Vendor
from questionnaires import catalog
from tests.benchmarks.measuring import Figure, table
from tests.guards.code import ROOT
from tests.portal import journey
from tests.portal.reassessment.given import submit
from tests.portal.world import make_company, make_organisation

VENDORS = 10_000
STEPS = 10  # of each open assessment whose moment has come
LATE, COMING = 16, 6  # days
MADE = datetime(2026, 1, 5, 9, tzinfo=UTC)
LOOK = datetime(2026, 12, 1, 6, tzinfo=UTC)
PASS, IDLE, FORESEE = 20.0, 2.0, 60.0  # seconds
MEGABYTES = 300
AT_ONCE = 500
POSTGRES = os.environ.get("PORTAL_TEST_POSTGRES", "")
KINDS = ("sqlite", "postgresql") if POSTGRES else ("sqlite",)
COPIED: tuple[Any, ...] = (
    Company,
    PersonRow,
    CompanyMember,
    Vendor,
    Engagement,
    Assessment,
    AssessmentEngagement,
    Submission,
    Reassessment,
)


def figures() -> list[Figure]:
    return measured(VENDORS)


def measured(count: int) -> list[Figure]:
    found: list[Figure] = []
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder, place(kind, Path(folder)) as url:
            settings = settings_of(Path(folder), url)
            organisation = stored(settings, count, LOOK.date() - timedelta(days=LATE))
            bare = reference(url, count)
            foresight = child(url, organisation, "foresee")
            first = child(url, organisation, "pass")
            idle = child(url, organisation, "pass")
        coming = _coming(kind, count)
        assert first["steps"] >= count * STEPS, first
        assert idle["steps"] == first["steps"], (first, idle)
        name = f"{kind}, {count:,} vendors"
        beside = f"bare rows: {bare:.1f} s"
        found += [
            _seconds(f"cycle, a pass over {first['steps']:,} steps ({name}; {beside})", first, PASS),
            _megabytes(f"cycle, MB of that pass ({name})", first),
            _seconds(
                f"cycle, a pass that puts a line into {coming['digests']:,} digests ({name})", coming, PASS
            ),
            _megabytes(f"cycle, MB of that pass ({name})", coming),
            _seconds(f"cycle, a pass that finds nothing ({name})", idle, IDLE),
            _seconds(f"cycle, 400 days foreseen, {foresight['lines']:,} lines ({name})", foresight, FORESEE),
            _megabytes(f"cycle, MB of that foresight ({name})", foresight),
        ]
    return found


def _coming(kind: str, count: int) -> dict[str, Any]:
    """The first pass where what is asked is still to come: it goes into the digests."""
    with tempfile.TemporaryDirectory() as folder, place(kind, Path(folder)) as url:
        organisation = stored(settings_of(Path(folder), url), count, LOOK.date() + timedelta(days=COMING))
        found = child(url, organisation, "pass")
    assert found["digests"] >= count, found
    return found


def _seconds(name: str, found: dict[str, Any], bar: float) -> Figure:
    whole = f"{name}, seconds (of the processor: {found['processor']:.1f})"
    return Figure(whole, round(found["seconds"], 1), 0, bar, unit="s", ratio=False)


def _megabytes(name: str, found: dict[str, Any]) -> Figure:
    return Figure(name, found["megabytes"], 0, MEGABYTES, unit="MB", ratio=False)


# ------------------------------------------------------------------------------------------------- what is stored


@contextmanager
def place(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database, gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/portal.sqlite"
        return
    name = f"bench_{uuid.uuid4().hex}"
    server = create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        server.dispose()


def settings_of(folder: Path, url: str) -> Settings:
    return Settings(
        data=folder,
        secret_key="k3y-for-benchmarks-0123456789-abcdef",
        database_url=url,
        base_url="http://127.0.0.1:8000",
        mail=f"folder:{folder}/mail",
        argon2_cheap=True,
    )


def stored(settings: Settings, count: int, due: date) -> uuid.UUID:
    """Fill the database, with open assessments due on ``due``; returns the organisation."""
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    try:
        schema.upgrade(database)
        buyer = make_organisation(database, settings, "Halden", MADE - timedelta(days=900))
        company = make_company(database, settings, "Fennmark", MADE - timedelta(days=900))
        one = journey.issue(
            database, buyer, company, definition=catalog.latest("security_lite"), tier="high", now=MADE
        )
        submit(database, one, now=MADE)
        journey.again(database, buyer, one.vendor, one.engagements, one.definition, now=MADE)
        _multiply(database, company.id, count, due)
        engines.take_statistics(database)
        return buyer.id
    finally:
        database.dispose()


def _multiply(database: Database, company: uuid.UUID, count: int, due: date) -> None:
    with database.looking(SYSTEM) as session:
        rows = {
            model: [dict(row) for row in session.execute(select(model.__table__)).mappings()]
            for model in COPIED
        }
    rows[CompanyMember] = [row for row in rows[CompanyMember] if row["role"] == CompanyRole.OWNER]
    owners = {row["person_id"] for row in rows[CompanyMember]}
    rows[PersonRow] = [row for row in rows[PersonRow] if row["id"] in owners]
    rows[Company] = [row for row in rows[Company] if row["id"] == company]
    for start in range(1, count, AT_ONCE):
        with database.transaction() as session:
            for model in COPIED:
                some = [
                    copied(model.__tablename__, row, number)
                    for number in range(start, min(start + AT_ONCE, count))
                    for row in rows[model]
                ]
                session.execute(insert(model.__table__), some)
            record(session, Kind.VENDOR_CREATED, now=MADE, actor=None)
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.state != "open").values(reviewed_at=MADE))
        session.execute(update(Assessment).where(Assessment.state == "open").values(due=due))
        for number, key in enumerate(session.scalars(select(Reassessment.id)).all()):
            day = LOOK.date() + timedelta(days=60 + number % 365)
            session.execute(update(Reassessment).where(Reassessment.id == key).values(due=day))
        record(session, Kind.VENDOR_CREATED, now=MADE, actor=None)


IDS = frozenset(
    {"id", "company_id", "person_id", "vendor_id", "engagement_id", "assessment_id", "submission_id"}
)
UNIQUE = {"company": ("slug",), "person": ("email", "address"), "vendor": ("name", "name_key")}


def copied(table: str, row: dict[str, Any], number: int) -> dict[str, Any]:
    """A row of another vendor: what refers to the vendor and its rows refers to their copies."""
    new = dict(row)
    for name in IDS & set(row):
        new[name] = uuid.uuid5(row[name], str(number)) if row[name] is not None else None
    for name in UNIQUE.get(table, ()):
        new[name] = f"{number:06}-{row[name]}"
    if new.get("code") is not None:
        new["code"] = f"{number:08}{new['code'][8:]}"
    return new


def reference(url: str, count: int) -> float:
    """Seconds to insert as many rows as the first pass writes steps, a plain table with one index, 200 at a time."""
    engine: Engine = create_engine(url)
    rows = [
        {"id": uuid.uuid4().hex, "subject": uuid.uuid4().hex, "due": "2026-12-01", "step": f"step-{step}"}
        for _ in range(count)
        for step in range(STEPS)
    ]
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE bare (id text PRIMARY KEY, subject text, due text, step text,"
                 " UNIQUE (subject, due, step))")
        )  # fmt: skip
    started = perf_counter()
    for start in range(0, len(rows), 200):
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO bare VALUES (:id, :subject, :due, :step)"), rows[start : start + 200]
            )
    taken = perf_counter() - started
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE bare"))
    engine.dispose()
    return taken


# ---------------------------------------------------------------------------------------------------------- the run


def child(url: str, organisation: uuid.UUID, what: str) -> dict[str, Any]:
    """Do it in a process of its own: seconds, of which processor, megabytes at most, and how much there was."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.cycle", "--child", what, url, str(organisation)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def work(what: str, url: str, organisation: uuid.UUID) -> dict[str, Any]:
    database = Database(url, "http://127.0.0.1:8000", "k3y-for-benchmarks-0123456789-abcdef")
    started, lines = perf_counter(), 0
    if what == "foresee":
        end: date = LOOK.date() + timedelta(days=foreseeing.LONGEST)
        made = foreseeing.world(database, organisation, now=LOOK, until=end)
        lines = sum(1 for _ in foreseeing.foresee(made))
    else:
        dating.work_out(database, now=LOOK)
        trigger_finding.find(database, now=LOOK)
        opening_job.open_due(database, now=LOOK)
        generating.generate(database, now=LOOK)
    seconds = perf_counter() - started
    with database.looking(SYSTEM) as session:
        steps = len(session.scalars(select(ReminderStep.id)).all())
        written = select(func.count()).select_from(Message).where(Message.kind == DIGEST)
        gathered = session.execute(written).scalar_one()
    database.dispose()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds,
        "processor": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss // 1024,
        "lines": lines,
        "steps": steps,
        "digests": gathered,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(work(sys.argv[2], sys.argv[3], uuid.UUID(sys.argv[4]))))
    else:
        print(table(measured(int(sys.argv[1]) if len(sys.argv) > 1 else VENDORS)))
