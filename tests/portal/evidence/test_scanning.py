"""The malware scanner: a small clamd that speaks the protocol over real sockets; clean, infected, broken and away."""

from __future__ import annotations

import io
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from portal.access import CompanyRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.evidence import scanning
from portal.evidence.models import Evidence
from portal.evidence.scanning import scan
from portal.faults import Unavailable
from portal.settings import Settings
from portal.web import Portal
from tests.portal.evidence.files import PDF
from tests.portal.world import make_company, signed_in

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


class Clamd(socketserver.BaseRequestHandler):
    """INSTREAM as clamd answers it."""

    def handle(self) -> None:
        stream = self.request.makefile("rb")
        assert stream.read(10) == b"zINSTREAM\0"
        data = b""
        while length := int.from_bytes(stream.read(4)):
            data += stream.read(length)
        if b"BREAK OFF" in data:
            return
        if b"TOO LARGE" in data:
            answer = b"INSTREAM size limit exceeded. ERROR\0"
        elif EICAR in data:
            answer = b"stream: Win.Test.EICAR_HDB-1 FOUND\0"
        else:
            answer = b"stream: OK\0"
        self.request.sendall(answer)


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads = True, True


class UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture(params=["tcp", "unix"])
def clamd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The ``scanner`` setting of a running clamd."""
    if request.param == "tcp":
        server: socketserver.BaseServer = TcpServer(("127.0.0.1", 0), Clamd)
        named = f"clamd:127.0.0.1:{server.server_address[1]}"
    else:
        server = UnixServer(str(tmp_path / "clamd.sock"), Clamd)
        named = f"clamd:unix:{tmp_path / 'clamd.sock'}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield named
    server.shutdown()
    server.server_close()


def test_clean_infected_and_without_a_scanner(clamd: str) -> None:
    assert scan(clamd, io.BytesIO(PDF * 5000)).scan == "clean"
    found = scan(clamd, io.BytesIO(PDF + EICAR))
    assert (found.scan, found.signature) == ("infected", "Win.Test.EICAR_HDB-1")
    assert scan("", io.BytesIO(PDF)).scan == "not_scanned"


@pytest.mark.parametrize("said", [b"BREAK OFF", b"TOO LARGE"])
def test_whatever_is_no_verdict_is_no_verdict(clamd: str, said: bytes) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        scan(clamd, io.BytesIO(said))


def test_a_scanner_that_is_away_or_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for named in (
            f"clamd:127.0.0.1:{silent.getsockname()[1]}",
            "clamd:127.0.0.1:9",
            f"clamd:unix:{tmp_path / 'nowhere'}",
        ):
            with pytest.raises(Unavailable, match="does not answer"):
                scan(named, io.BytesIO(PDF))


def test_scanning_is_slow_work(database: Database) -> None:
    with database.transaction(SYSTEM), pytest.raises(RuntimeError, match="write transaction"):
        scan("clamd:127.0.0.1:9", io.BytesIO(PDF))


def test_what_is_harmful_is_refused_and_on_record_and_nothing_is_kept(
    app: Portal, settings: Settings, database: Database, clamd: str
) -> None:
    company = make_company(database, settings, "Fennmark")
    browser = signed_in(app, company[CompanyRole.OWNER])
    path = f"/c/{company.slug}/evidence/new"

    def send(data: bytes) -> tuple[int, str]:
        fields = {"csrf_token": browser.token(path), "kind": "policy", "title": "What I typed"}
        answer = browser.client.post(path, data={**fields, "file": (io.BytesIO(data), "plan.pdf")})
        return answer.status_code, answer.text

    app.settings = replace(settings, scanner=clamd)
    status, page = send(PDF[:9] + EICAR + PDF[9:])
    assert status == 422
    assert "found something harmful" in page
    assert "What I typed" in page
    app.settings = replace(settings, scanner="clamd:127.0.0.1:9")
    status, page = send(PDF)
    assert status == 503
    assert "does not answer, so the file was not kept" in page
    assert "What I typed" in page
    assert list(iter(app.storage.keys())) == []
    app.settings = replace(settings, scanner=clamd)
    assert send(PDF)[0] == 303
    with database.looking(SYSTEM) as session:
        (document,) = session.scalars(select(Evidence)).all()
        (event,) = session.scalars(select(Event).where(Event.kind == "evidence.scanned")).all()
    assert document.scan == "clean"
    assert document.scanned_at is not None
    assert event.data["signature"] == "Win.Test.EICAR_HDB-1"
    assert (event.company_id, event.organisation_id) == (company.id, None)
