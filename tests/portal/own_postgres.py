"""A PostgreSQL server of a test's own, which can be stopped and killed without harm to anybody else's tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from tests.conftest import POSTGRES

# Without fsync what was committed is lost by the machine's own end alone, not by the server's.
OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off"
TEMPLATE = "pristine"


@dataclass(frozen=True)
class OwnServer:
    """``home``: its folder, with data and socket; ``programs``: where initdb and pg_ctl are."""

    home: Path
    programs: Path

    def start(self) -> None:
        """Returns once it takes connections, having repaired whatever a kill left."""
        options = f"{OPTIONS} -c unix_socket_directories='{self.home}'"
        self._do("pg_ctl", "-D", "data", "-l", "log", "-s", "-w", "-t", "60", "-o", options, "start")

    def stop(self, how: str) -> None:
        """``how``: fast (each connection is ended first) or immediate (as by a crash)."""
        self._do("pg_ctl", "-D", "data", "-s", "-w", "-t", "60", "-m", how, "stop")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://portal@/{name}?host={self.home}"

    def say(self, statement: str) -> None:
        _say(self.url("postgres"), statement)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a fresh copy of TEMPLATE."""
        name = f"test_{uuid.uuid4().hex}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        yield self.url(name)
        self.say(f"DROP DATABASE {name} WITH (FORCE)")

    def _do(self, program: str, *arguments: str) -> None:
        owner = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        command = [*(owner if os.getuid() == 0 else []), str(self.programs / program), *arguments]
        # No pipes: the server would hold them open.
        subprocess.run(command, cwd=self.home, check=True, timeout=120, stdout=subprocess.DEVNULL)


def _say(url: str, statement: str) -> list[object]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        found = connection.execute(text(statement))
        rows: list[object] = list(found.scalars()) if found.returns_rows else []
    engine.dispose()
    return rows


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A running one, beside that of PORTAL_TEST_POSTGRES and by the same programs."""
    (programs,) = _say(POSTGRES, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    home = Path(tempfile.mkdtemp(prefix="portal-own-", dir="/tmp"))  # a socket's path is short
    if os.getuid() == 0:
        shutil.chown(home, "postgres")
    server = OwnServer(home, Path(str(programs)))
    try:
        more = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        server._do("initdb", "-D", "data", "-U", "portal", *more)
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(home, ignore_errors=True)
