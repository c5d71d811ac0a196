"""Hostile requests against the real server: refused early with a page, memory and disk stay as they were."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal import clock
from portal.access import CompanyRole
from portal.accounts import service as accounts
from portal.bodies import LARGEST_FILE
from portal.db import Database
from portal.settings import Settings
from tests.portal.evidence.files import PDF, docx, png
from tests.portal.world import make_company

MOST_MORE = 100 * 1024 * 1024  # bytes of memory
WHOLE = PDF[:9] + bytes(LARGEST_FILE - len(PDF)) + PDF[9:]


@dataclass
class Server:
    """``portal run`` as a process, and a session of a company's owner."""

    process: subprocess.Popen[bytes]
    port: int
    slug: str
    token: str
    data: Path
    scratch: Path
    csrf: str = ""

    @property
    def path(self) -> str:
        return f"/c/{self.slug}/evidence/new"

    def peak(self) -> int:
        """The most memory that the process has held so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found.group(1)) * 1024

    def scraps(self) -> list[str]:
        """Temporary files that are still there, named or only open."""
        open_files = []
        for one in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(OSError):
                open_files.append(os.readlink(one))
        return [str(one) for one in self.scratch.iterdir()] + [
            one for one in open_files if one.startswith(str(self.scratch))
        ]

    def stored(self) -> list[Path]:
        return [one for one in (self.data / "files").rglob("*") if one.is_file()]

    def head(self, *more: str, length: int | None = None) -> bytes:
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: 127.0.0.1:{self.port}",
            f"Cookie: session={self.token}",
        ]
        lines += ["Content-Type: multipart/form-data; boundary=edge", *more]
        lines += [f"Content-Length: {length}"] if length is not None else []
        return "\r\n".join([*lines, "", ""]).encode()

    def form(self, data: bytes, name: str) -> bytes:
        parts = [
            b'--edge\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (key, value)
            for key, value in ((b"csrf_token", self.csrf.encode()), (b"kind", b"policy"))
        ]
        parts.append(
            b'--edge\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n' % name.encode()
        )
        return b"".join(parts) + data + b"\r\n--edge--\r\n"

    def send(self, data: bytes, *, pieces: int = 1, pause: float = 0) -> tuple[int, str]:
        """Bytes as they are, in so many pieces; the status and the page that come back."""
        size = max(1, len(data) // pieces)
        with socket.create_connection(("127.0.0.1", self.port), 20) as channel:
            with suppress(ConnectionError):
                for at in range(0, len(data), size):
                    channel.sendall(data[at : at + size])
                    time.sleep(pause)
            return self.answer(channel)

    def answer(self, channel: socket.socket) -> tuple[int, str]:
        found = b""
        with suppress(ConnectionError):
            while piece := channel.recv(65536):
                found += piece
                length = re.search(rb"(?i)content-length: (\d+)", found)
                if length and len(found.partition(b"\r\n\r\n")[2]) >= int(length.group(1)):
                    break
        return int(found.split(b" ", 2)[1]), found.decode("utf-8", "replace")

    def upload(self, data: bytes, name: str, *, pieces: int = 1, pause: float = 0) -> tuple[int, str]:
        body = self.form(data, name)
        return self.send(self.head(length=len(body)) + body, pieces=pieces, pause=pause)


@pytest.fixture
def server(database: Database, settings: Settings, tmp_path: Path) -> Iterator[Server]:
    company = make_company(database, settings, "Fennmark")
    with database.transaction() as session:
        person = company[CompanyRole.OWNER].person
        token = accounts.open_session(session, person.id, now=clock.now())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "run", "--data", str(settings.data), "--port", str(port)],
        env=os.environ
        | {
            "PORTAL_SECRET_KEY": settings.secret_key,
            "PORTAL_DATABASE_URL": settings.database_url,
            "PORTAL_BASE_URL": f"http://127.0.0.1:{port}",
            "PORTAL_MAIL": settings.mail,
            "TMPDIR": str(scratch),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    made = Server(process, port, company.slug, token, settings.data, scratch)
    try:
        _wait(made)
        made.csrf = _csrf(made)
        yield made
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _wait(made: Server) -> None:
    for _try in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", made.port), 1):
            return
        assert made.process.poll() is None, made.process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError("the server does not listen")


def _csrf(made: Server) -> str:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{made.port}{made.path}", headers={"Cookie": f"session={made.token}"}
    )
    with urllib.request.urlopen(asked, timeout=20) as page:
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.read().decode())
    assert found
    return found.group(1)


def test_memory_and_disk_stay_as_they_were(server: Server) -> None:
    assert server.upload(PDF, "first.pdf")[0] == 303, "warm"
    before, kept = server.peak(), len(server.stored())
    assert kept == 1

    started = time.monotonic()
    status, page = server.send(server.head(length=5 * 1024**3) + b"--edge\r\n")
    assert (status, "This is too large" in page) == (413, True)
    assert time.monotonic() - started < 3, "refused before the body"
    status, page = server.send(server.head(length=5 * 1024**3).replace(server.path.encode(), b"/sign-in", 1))
    assert (status, "This is too large" in page) == (413, True)

    status, page = _endless(server)
    assert (status, "This is too large" in page) == (413, True)

    parts = b"".join(
        b'--edge\r\nContent-Disposition: form-data; name="f%d"; filename="a"\r\n\r\nx\r\n' % number
        for number in range(10_000)
    )
    status, page = server.send(server.head(length=len(parts)) + parts)
    assert (status, "This is too large" in page) == (413, True)

    for data, name, words in (
        (docx(**{"word/x.xml": bytes(150_000_000)}), "bomb.docx", "unpacks to far more than it shows"),
        (png(60_000, 60_000), "bomb.png", "too many pixels"),
        (WHOLE + b"x" * 100_000, "large.pdf", "larger than 25 MB"),
    ):
        status, page = server.upload(data, name)
        assert (status, words in page) == (422, True), page[-2000:]

    slow = threading.Thread(target=lambda: server.upload(WHOLE, "slow.pdf", pieces=40, pause=0.02))
    quick = threading.Thread(target=lambda: server.upload(WHOLE, "quick.pdf"))
    slow.start()
    quick.start()
    slow.join()
    quick.join()

    assert len(server.stored()) == kept + 2, "what was whole is stored, nothing else is"
    assert {one.stat().st_size for one in server.stored()} == {len(PDF), len(WHOLE)}
    more = server.peak() - before
    assert more <= MOST_MORE, f"{more / 1e6:.0f} MB more"
    for _try in range(50):
        if not server.scraps():
            break
        time.sleep(0.1)
    assert server.scraps() == []
    assert server.process.poll() is None


def _endless(server: Server) -> tuple[int, str]:
    """A body in chunks that does not end."""
    piece = b"100000\r\n" + bytes(0x100000) + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 20) as channel:
        channel.sendall(server.head("Transfer-Encoding: chunked"))
        with suppress(ConnectionError):
            for _piece in range(60):
                channel.sendall(piece)
        return server.answer(channel)
