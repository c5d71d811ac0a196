"""The portal as a process of its own, on a real socket, to be killed: a parent that has loaded it forks a server.

``python -m tests.portal.served`` reads one JSON line of settings, then ``start`` and ``kill`` on standard input; it
answers ``ready PORT`` and ``killed``. The parent has no threads and no connection, so a fork is as good as a fresh
start, and quick.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from portal import clock, create_app, server
from portal.access import Identity
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession
from portal.db import Database
from portal.settings import Settings
from portal.web import Portal
from tests.ports import free_port


class Served:
    """The far end of the pipe: a server that can be started, killed with SIGKILL, and started again."""

    def __init__(self, settings: Settings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.portal.served"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(settings).items()
        }
        self.port = 0
        assert self._say(json.dumps(told)) == "loaded"

    def _say(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def start(self) -> None:
        answer = self._say("start").split()
        assert answer[:1] == ["ready"], answer
        self.port = int(answer[1])

    def kill(self) -> None:
        """kill -9; returns once the process is gone."""
        assert self._say("kill") == "killed"

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    far = Served(settings)
    try:
        yield far
    finally:
        far.close()


class Client:
    """One browser on a real socket, signed in by its cookie; ``token`` is what its forms carry."""

    def __init__(self, port: int, cookie: str, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Cookie": f"session={cookie}", "X-CSRF-Token": token}

    def get(self, path: str) -> tuple[int, str]:
        self.connection.request("GET", path, headers=self.headers)
        return self._answer()

    def post(self, path: str, fields: Mapping[str, str], *, json: bool = False) -> tuple[int, str]:
        headers = {**self.headers, "Content-Type": "application/x-www-form-urlencoded"}
        if json:
            headers["Accept"] = "application/json"
        self.connection.request("POST", path, urlencode(fields), headers)
        return self._answer()

    def send(self, path: str, body: Any, content_type: str) -> tuple[int, str]:
        """POST a body as it is."""
        self.connection.request("POST", path, body, {**self.headers, "Content-Type": content_type})
        return self._answer()

    def _answer(self) -> tuple[int, str]:
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")

    def close(self) -> None:
        self.connection.close()


def opened(database: Database, settings: Settings, who: Identity) -> tuple[str, str]:
    """(cookie, token of its forms) of a new session of this person, without the sign-in page."""
    with database.transaction() as session:
        cookie = accounts.open_session(session, who.person.id, now=clock.now())
        known = LoginSession.token_hash == accounts.token_hash(cookie)
        row = session.scalars(select(LoginSession.id).where(known)).one()
    bound = f"csrf:session:{row}".encode()
    return cookie, hmac.new(settings.secret_key.encode(), bound, hashlib.sha256).hexdigest()


# ------------------------------------------------------------------------------------------------- the near end


def _serve(app: Portal, port: int, out: int) -> None:
    """In the child: connections of its own, a server, the worker beside it."""

    def ready() -> None:
        os.write(out, f"ready {port}\n".encode())

    server.serve(app, "127.0.0.1", port, ready=ready)


def main() -> None:
    told: dict[str, Any] = json.loads(sys.stdin.readline())
    settings = Settings(**{**told, "data": Path(told["data"])})
    app = create_app(settings)
    app.test_client().get("/sign-in")  # what is compiled once, is compiled before the fork
    app.database.dispose()
    out = sys.stdout.fileno()
    os.write(out, b"loaded\n")
    child = 0
    for line in sys.stdin:
        if line.strip() == "start":
            port = free_port()
            child = os.fork()
            if not child:
                try:
                    _serve(app, port, out)
                finally:
                    os._exit(1)
        elif child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            child = 0
            os.write(out, b"killed\n")
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
