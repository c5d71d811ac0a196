"""Fixtures shared by all tests: databases of both kinds, the application, profiles, and no skip in CI."""

from __future__ import annotations

import gc
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.engine import Connection, Dialect, make_url
from sqlalchemy.util import LRUCache

from portal import create_app, schema
from portal.db import Database
from portal.settings import Settings
from portal.storage import open_storage
from portal.tables import metadata
from portal.web import Portal
from tests.scheduling import ByModule

POSTGRES = os.environ.get("PORTAL_TEST_POSTGRES", "")
FULL = os.environ.get("PORTAL_TEST_FULL") == "1"
IN_CI = os.environ.get("CI") == "true"

hypothesis_settings.register_profile(
    "ci", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
hypothesis_settings.register_profile(
    "soak", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_databases: runs on SQLite and on PostgreSQL in make test")
    config.addinivalue_line("markers", "sqlite_itself: about SQLite's own ways; never on PostgreSQL")
    config.addinivalue_line("markers", "postgres_itself: about PostgreSQL's own ways; never on SQLite")
    os.environ.pop("PORTAL_SECRET_KEY", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    return ByModule(config, log)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: the garbage collector need not walk it again in each of its rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``backend`` is sqlite; services, migrations and concurrency (both_databases) and soak runs take both."""
    if "backend" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker
    alone = mark("postgres_itself") is not None
    both = alone or ((FULL or mark("both_databases") is not None) and mark("sqlite_itself") is None)
    no_server = pytest.mark.skipif(
        not POSTGRES, reason="no PORTAL_TEST_POSTGRES: no PostgreSQL server to test on"
    )
    backends = [] if alone else [pytest.param("sqlite")]
    if both:
        backends.append(pytest.param("postgres", marks=[pytest.mark.postgres, no_server]))
    metafunc.parametrize("backend", backends, scope="function")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI nothing may be skipped: a skip is a failure."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result object
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In a long run one need not wait for the end to read what has failed: PORTAL_TEST_FAULTS names a file for it."""
    notes = os.environ.get("PORTAL_TEST_FAULTS")
    if notes and report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        with Path(notes).open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid} ({report.when})\n{report.longreprtext[-3000:]}\n\n")


# ------------------------------------------------------------------------------------------------------ databases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite database, copied for each test."""
    path = tmp_path_factory.mktemp("template") / "portal.sqlite"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    with database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a migrated, empty PostgreSQL database, cloned for each test."""
    name = f"template_{uuid.uuid4().hex}"
    _admin(f"CREATE DATABASE {name}")
    database = Database(_url_of(name))
    schema.upgrade(database)
    database.dispose()
    yield name
    _admin(f"DROP DATABASE {name} WITH (FORCE)")


def _admin(statement: str) -> None:
    with _connected() as connection:
        connection.execute(text(statement))


@contextmanager
def _connected(name: str | None = None) -> Iterator[Connection]:
    """To the database of this name, or to the server's own; each statement by itself."""
    url = make_url(POSTGRES) if name is None else make_url(POSTGRES).set(database=name)
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _url_of(name: str) -> str:
    return make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of its own for each test, of the kind that ``backend`` names."""
    if backend == "sqlite":
        target = tmp_path / "portal.sqlite"
        shutil.copy(request.getfixturevalue("sqlite_template"), target)
        yield f"sqlite:///{target}"
        return
    name = request.getfixturevalue("postgres_databases").lend()
    yield _url_of(name)
    request.getfixturevalue("postgres_databases").take_back(name)


class Clones:
    """Databases cloned from the template and lent to one test after the other.

    A clone costs most of a second, emptying one some milliseconds. Whose tables or triggers a test has changed is
    dropped, and so is nothing ever seen of one test by the next.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self.free: list[str] = []
        self.made: set[str] = set()
        self.shape = self._shape(template)

    def lend(self) -> str:
        if self.free:
            return self.free.pop()
        name = f"test_{uuid.uuid4().hex}"
        _admin(f"CREATE DATABASE {name} TEMPLATE {self.template}")
        self.made.add(name)
        return name

    def take_back(self, name: str) -> None:
        _admin(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        if self._shape(name) != self.shape:
            self._drop(name)
            return
        # As a replica the server passes over the triggers that seal tables, and over foreign keys.
        tables = "; ".join(f'DELETE FROM "{one}"' for one in metadata.tables)
        with _connected(name) as connection:
            connection.execute(text("SET session_replication_role = replica"))
            connection.execute(text(f"DO $$ BEGIN {tables}; END $$"))
        self.free.append(name)

    def close(self) -> None:
        for name in list(self.made):
            self._drop(name)

    def _drop(self, name: str) -> None:
        self.made.discard(name)
        _admin(f"DROP DATABASE {name} WITH (FORCE)")

    def _shape(self, name: str) -> str:
        """Tables, columns, indexes, constraints, functions and triggers, and the revision, as one text."""
        with _connected(name) as connection:
            return "\n".join(str(connection.execute(text(one)).all()) for one in SHAPE)


PUBLIC = "(SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
SHAPE = (
    f"SELECT attrelid::regclass::text, attname, atttypid, attnotnull FROM pg_attribute WHERE attrelid IN {PUBLIC}"
    " ORDER BY 1, attnum",
    f"SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE tgrelid IN {PUBLIC}"
    " AND NOT tgisinternal ORDER BY 1, 2",
    "SELECT proname, md5(prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1",
    "SELECT version_num FROM alembic_version",
)


@pytest.fixture(scope="session")
def postgres_databases(postgres_template: str) -> Iterator[Clones]:
    clones = Clones(postgres_template)
    yield clones
    clones.close()


BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a test installation: cheap hashing, mail into a folder."""
    return Settings(
        data=tmp_path,
        secret_key="k3y-for-tests-0123456789-abcdefghij",
        database_url=database_url,
        base_url=BASE_URL,
        mail=f"folder:{tmp_path / 'mail'}",
        demo=True,
        argon2_cheap=True,
    )


_dialects: dict[str, tuple[Dialect, LRUCache[Any, Any]]] = {}


def open_database(settings: Settings) -> Database:
    """The test's own database, with statements as compiled as earlier tests have left them.

    To compile each anew for each test took a third of the time; what is compiled depends on the dialect alone, by
    which SQLAlchemy keeps it.
    """
    opened = Database(settings.database_url, settings.base_url, settings.secret_key)
    kind = opened.engine.dialect.name
    if kind not in _dialects:
        with opened.engine.connect():
            _dialects[kind] = (opened.engine.dialect, LRUCache(5_000))
    for engine in (opened.engine, opened.reading, opened.writing):
        engine.dialect, engine._compiled_cache = _dialects[kind]
        if kind == "sqlite":
            event.listen(engine, "connect", _without_waiting)
    return opened


def _without_waiting(connection: Any, _record: object) -> None:
    """Durability is the product's promise, not these databases': each lives for one test (as in postgres.sh)."""
    connection.execute("PRAGMA synchronous=OFF")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = open_database(settings)
    yield opened
    opened.dispose()


class MemoryCache(BytecodeCache):
    """Compiled templates, shared by all applications of one test process: compiling them anew costs most of a test."""

    def __init__(self) -> None:
        self.compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.compiled:
            bucket.bytecode_from_string(self.compiled[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key] = bucket.bytecode_to_string()


TEMPLATES = MemoryCache()


_built: list[Portal] = []


@pytest.fixture
def app(settings: Settings) -> Iterator[Portal]:
    """The application on the test's own database; a defect of ours raises instead of showing a page.

    Built once in a process, since routes and templates take most of a second to compile, and lent to each test with
    settings and database of its own. A test that adds routes builds its own with create_app.
    """
    if not _built:
        _built.append(create_app(settings))
        _built[0].database.dispose()
    lent = _built[0]
    kept, functions, config = dict(vars(lent)), dict(lent.view_functions), dict(lent.config)
    lent.settings, lent.database = settings, open_database(settings)
    lent.storage = open_storage(settings)
    lent.secret_key = settings.secret_key
    lent.testing = True
    yield lent
    lent.database.dispose()
    vars(lent).clear()
    vars(lent).update(kept)
    for held, before in ((lent.view_functions, functions), (lent.config, config)):
        held.clear()
        held.update(before)


@pytest.fixture
def https_app(settings: Settings) -> Iterator[Portal]:
    """The application as it is reached in production: https, not a demonstration."""
    made = create_app(replace(settings, base_url="https://portal.example.com", demo=False))
    made.testing = True
    made.jinja_env.bytecode_cache = TEMPLATES
    yield made
    made.database.dispose()
