"""One autosave through the WSGI app, against a bare sqlite3 transaction of the same rows."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.test import EnvironBuilder, run_wsgi_app

from portal import clock, create_app, schema
from portal.access import CompanyRole, OrganisationRole
from portal.db import Database
from portal.settings import Settings
from portal.web import Portal
from tests.benchmarks.measuring import Figure, in_turns
from tests.portal.scene import fill, issue, make_vendor, plain_value, security_lite
from tests.portal.world import make_company, make_organisation, signed_in

MOST_STATEMENTS, ALLOWED_SECONDS, REPEATS = 12, 0.015, 60
CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "--")  # "--": what triggers do inside a statement


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data=Path(folder),
            secret_key="k3y-for-benchmarks-0123456789-abcdef",
            database_url=f"sqlite:///{folder}/portal.sqlite",
            base_url="http://127.0.0.1:8000",
            mail=f"folder:{folder}/mail",
            argon2_cheap=True,
        )
        schema.upgrade(Database(settings.database_url))
        app = create_app(settings)
        try:
            return _measure(app, settings, Path(folder))
        finally:
            app.database.dispose()


def _measure(app: Portal, settings: Settings, folder: Path) -> list[Figure]:
    autosave, assessment_id, company_id, key = _prepared(app, settings)
    statements, commits = _counted(app, autosave)
    path = folder / "portal.sqlite"
    before = _sizes(path)
    autosave()
    written = {name: count - before[name] for name, count in _sizes(path).items() if count != before[name]}
    assert written == {"answer_content": 1, "answer_revision": 1, "event": 1}, (
        f"the reference writes other rows: {written}"
    )
    bare = _bare(path, assessment_id, company_id, key)
    ours, theirs = in_turns(autosave, bare, repeats=REPEATS)
    return [
        Figure("autosave, statements", statements, 0, MOST_STATEMENTS, "", ratio=False),
        Figure("autosave, commits", commits, 0, 1, "", ratio=False),
        Figure(
            f"autosave, median (bare transaction {theirs * 1000:.3f} ms + 15 ms)",
            ours,
            0,
            theirs + ALLOWED_SECONDS,
            ratio=False,
        ),
    ]


def _prepared(app: Portal, settings: Settings) -> tuple[Callable[[], None], uuid.UUID, uuid.UUID, str]:
    """A whole draft of security_lite, and what saves one more answer to it."""
    database = app.database
    now = clock.now()
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Northwind")
    admin, owner = organisation[OrganisationRole.ADMIN], company[CompanyRole.OWNER]
    vendor, engagement, _ = make_vendor(database, admin, company, name="Northwind", engagement="Hosting")
    assessment = issue(database, admin, vendor, engagement, security_lite().content_hash)
    fill(database, owner, assessment, now=now)
    question = next(
        one for one in security_lite().questions.values() if one.type == "choice" and len(one.options) > 2
    )
    section = security_lite().section_of[question.key]
    path = f"/c/{company.slug}/assessments/{assessment}/sections/{section.key}"
    browser = signed_in(app, owner)
    token = browser.token()
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    revision = [1]

    def autosave() -> None:
        """As the script sends it: one field, with the revision that it was rendered from."""
        value = question.options[revision[0] % 2].value
        assert plain_value(question)
        environ = EnvironBuilder(
            f"{path}/answer",
            method="POST",
            data={f"r.{question.key}": str(revision[0]), f"a.{question.key}": value},
            headers=[
                ("Accept", "application/json"),
                ("X-CSRF-Token", token),
                ("Cookie", f"session={cookie.value}"),
            ],
        ).get_environ()
        body, status, _headers = run_wsgi_app(app, environ, buffered=True)
        assert status.startswith("200"), b"".join(body)
        revision[0] += 1

    autosave()
    return autosave, assessment, company.id, question.key


def _counted(app: Portal, autosave: Callable[[], None]) -> tuple[int, int]:
    """Statements and commits as SQLite itself reports them, on every connection of the pool."""
    seen: list[str] = []
    pool = [app.database.engine.connect() for _ in range(3)]
    raw = [one.connection.driver_connection for one in pool]
    for connection in pool:
        connection.close()
    for one in raw:
        assert one is not None
        one.set_trace_callback(seen.append)
    autosave()
    for one in raw:
        assert one is not None
        one.set_trace_callback(None)
    statements = [one for one in seen if not one.lstrip().upper().startswith(CONTROL)]
    commits = [one for one in seen if one.upper().startswith("COMMIT")]
    return len(statements), len(commits)


def _sizes(path: Path) -> dict[str, int]:
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    connection.close()
    return found


def _bare(path: Path, assessment_id: uuid.UUID, company_id: uuid.UUID, key: str) -> Callable[[], Any]:
    """The rows of one autosave in one transaction, as durable as ours: WAL, synchronous=FULL."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    assessment, company = assessment_id.hex, company_id.hex
    person, now = uuid.uuid4().hex, "2026-11-21 12:00:00.000000"
    number = [1_000_000]

    def transaction() -> None:
        number[0] += 1
        content = uuid.uuid4().hex
        value = json.dumps({"v": "yes"})
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "UPDATE answer SET state = 'answered', value = ?, note = '', promise_reason = '', answered_at = ? "
            "WHERE assessment_id = ? AND key = ?",
            (value, now, assessment, key),
        )
        connection.execute(
            "INSERT INTO answer_content (id, assessment_id, company_id, key, state, value, note, promise_reason) "
            "VALUES (?, ?, ?, ?, 'answered', ?, '', '')",
            (content, assessment, company, key, value),
        )
        connection.execute(
            "INSERT INTO answer_revision (assessment_id, key, revision, company_id, content_id, answered_by,"
            " answered_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (assessment, key, number[0], company, content, person, now),
        )
        connection.execute(
            "INSERT INTO event (id, at, kind, actor_id, company_id, subject_type, data) "
            "VALUES (?, ?, 'answers.saved', ?, ?, '', ?)",
            (uuid.uuid4().hex, now, person, company, json.dumps({"assessment": assessment, "saved": [key]})),
        )
        connection.execute("COMMIT")

    return transaction
