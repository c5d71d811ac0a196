"""The demonstration: starts by itself, keeps its data, survives being cut off, and is ready when it says so."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from portal import cli, clock, demo, installation
from portal.access import CompanyRole, OrganisationRole
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment
from portal.db import SYSTEM, Database
from portal.faults import StartupFault
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors.models import Vendor


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def running(data: Path, port: int) -> Iterator[list[str]]:
    """The demonstration as a process, from its ready line on; yields what it has printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "demo", "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    timer = threading.Timer(90, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ready"):
                break
        assert lines, "nothing was printed"
        assert lines[-1].startswith(f"Ready: http://127.0.0.1:{port}/"), lines
        yield lines
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(30) == 0, rest
        assert "Traceback" not in rest
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def read(port: int, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return answer.status, answer.read().decode()


def test_it_starts_prints_serves_and_keeps_its_data(tmp_path: Path) -> None:
    data, port = tmp_path / "demo", free_port()
    with running(data, port) as printed:
        assert read(port, "/healthz") == (200, '{"database":"well","status":"ok","worker":"well"}\n')
        assert "Sign in" in read(port, "/")[1]
    file = data / "accounts.json"
    found = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(set(one) == {"email", "password", "name", "role", "side"} for one in found)
    roles = {(one["side"], one["role"]) for one in found}
    assert roles == {("organisation", one.value) for one in OrganisationRole} | {
        ("company", one.value) for one in (CompanyRole.OWNER, CompanyRole.CONTRIBUTOR)
    }
    text = "\n".join(printed)
    assert all(one["email"] in text and one["password"] in text and one["role"] in text for one in found)
    assert re.search(rf"http://127\.0\.0\.1:{port}/o/halden-mutual-\w+/", text)
    assert re.search(rf"http://127\.0\.0\.1:{port}/c/fennmark-archive-\w+/", text)

    again = free_port()
    with running(data, again) as printed:
        assert json.loads(file.read_text()) == found
        assert all(one["password"] in "\n".join(printed) for one in found)
    assert installation.demo_port(data) == again


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A demonstration that is made but not served; cheap hashing."""
    monkeypatch.setattr(demo.accounts, "hash_password", lambda settings, password: f"hash of {password}")
    return demo.prepare(tmp_path / "demo", free_port())


def people_of(found: Settings) -> set[str]:
    with Database(found.database_url).looking(SYSTEM) as session:
        return set(session.scalars(select(PersonRow.address)))


def test_what_is_there(prepared: Settings) -> None:
    with Database(prepared.database_url).looking(SYSTEM) as session:
        organisation = session.execute(select(Organisation)).scalar_one()
        assessment = session.execute(select(Assessment)).scalar_one()
        vendors = {one.name: one.company_id for one in session.execute(select(Vendor)).scalars()}
    assert organisation.regimes == ["gdpr", "eu_financial", "iso27001"]
    assert (organisation.zone, organisation.vendor_sees) == ("Europe/Lisbon", "all")
    assert (assessment.slug, assessment.state, assessment.company_id) == (
        "security_lite",
        "open",
        vendors["Fennmark Archive"],
    )
    assert vendors["Solvane"] is None
    assert people_of(prepared) == {one.email for one in demo._accounts(prepared.data)}


def test_passwords_are_fresh_and_fit(tmp_path: Path) -> None:
    one = demo.prepare(tmp_path / "one", free_port())
    with Database(one.database_url).looking(SYSTEM) as session:
        stored = dict(session.execute(select(PersonRow.address, PersonRow.password_hash)).all())
    first = demo._accounts(one.data)[0]
    assert accounts.verify_password(one, stored[first.email], first.password)
    assert len({account.password for account in demo._accounts(one.data)}) == 8
    assert first.password not in (one.data / "portal.sqlite").read_bytes().decode("latin-1")


@pytest.mark.parametrize("cut", ["_populate", "keep", "commit"])
def test_a_first_start_that_is_cut_off_leaves_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    monkeypatch.setattr(demo.accounts, "hash_password", lambda settings, password: f"hash of {password}")
    data, port = tmp_path / "demo", free_port()

    def power_cut(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if cut == "_populate":
            patch.setattr(demo, "_populate", power_cut)
        elif cut == "keep":
            kept = installation.keep

            def keep_but_accounts(path: Path, text: str) -> None:
                if path.name == demo.ACCOUNTS_FILE:
                    raise KeyboardInterrupt
                kept(path, text)

            patch.setattr(installation, "keep", keep_but_accounts)
        else:
            patch.setattr("portal.db._commit", power_cut)
        with pytest.raises(KeyboardInterrupt):
            demo.prepare(data, port)
    found = demo.prepare(data, port)
    assert people_of(found) == {one.email for one in demo._accounts(data)}
    with Database(found.database_url).looking(SYSTEM) as session:
        stored = dict(session.execute(select(PersonRow.address, PersonRow.password_hash)).all())
    assert all(stored[one.email] == f"hash of {one.password}" for one in demo._accounts(data))


def test_killed_at_any_moment_the_next_start_works(tmp_path: Path) -> None:
    """kill -9 while it starts, a few times at different moments, then a start that must be whole."""
    data, port = tmp_path / "demo", free_port()
    command = [sys.executable, "-m", "portal.cli", "demo", "--data", str(data), "--port", str(port)]
    for pause in (0.9, 1.4, 2.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with running(data, port):
        found = demo._accounts(data)
        assert len(found) == 8
        assert read(port, "/healthz")[0] == 200


def test_reminders_of_another_day(prepared: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    due = clock.local_date(clock.now(), demo.ZONE) + timedelta(days=demo.DAYS_TO_ANSWER)

    def on(days: int) -> str:
        day = (due + timedelta(days=days)).isoformat()
        assert cli.main(["worker", "--data", str(prepared.data), "--once", "--now", day]) == 0
        return capsys.readouterr().out.split(",")[0]

    looks = [on(days) for days in (-31, -30, -30, -7, 0, 7, 7, 60)]
    assert looks == [f"{count} reminders queued" for count in (0, 1, 0, 1, 1, 1, 0, 0)]
    letters = list((prepared.data / "mail").glob("*.eml"))
    assert len(letters) == 5  # with the one that came with the assessment


def test_a_real_installation_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_text("")
    with pytest.raises(StartupFault, match="real installation"):
        demo.prepare(tmp_path, free_port())
    assert [one.name for one in tmp_path.iterdir()] == ["portal.toml"]


def test_without_its_accounts_it_says_what_to_do(prepared: Settings) -> None:
    (prepared.data / "accounts.json").unlink()
    with pytest.raises(StartupFault, match="Delete the folder"):
        demo._accounts(prepared.data)


def test_an_empty_key_is_no_key(prepared: Settings) -> None:
    """A key file that another program cut off is made again, whole."""
    key = prepared.data / installation.KEY_FILE
    key.write_text("")
    again = demo.prepare(prepared.data, free_port())
    assert len(again.secret_key) >= 60
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
