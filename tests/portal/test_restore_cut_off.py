"""kill -9 between the steps of a restore: nobody is served, and the next restore ends what the first has begun."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import backup, cli, clock, create_app, db, engines, erasing_again, installation, restoring, schema
from portal.access import CompanyRole, OrganisationRole
from portal.accounts import factors, passkeys
from portal.accounts.models import LoginSession, PersonRow
from portal.accounts.passkey_models import Passkey
from portal.accounts.service import open_session
from portal.assessments.models import SealedAnswer
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import people
from portal.erasure import service as erasure
from portal.erasure.models import Certificate
from portal.faults import StartupFault
from portal.organisations import sso_setting, tokens
from portal.organisations.sso_models import SsoConnection, SsoProposal
from portal.organisations.token_models import ApiToken
from portal.outbox import WorkerBeat
from portal.settings import Settings
from portal.storage import open_storage
from portal.webhooks import service as webhooks
from portal.webhooks.models import Webhook
from tests.conftest import FULL
from tests.portal.kept import DOCUMENT, SAID, Kept, make_kept
from tests.portal.world import NOW

ROUNDS = 60 if FULL else 3
SEED = 7
EARLIER = NOW - timedelta(hours=2)


def _dying(real: Callable[..., Any], at: int) -> Callable[..., Any]:
    """What stands in the place of a step: the process is killed when it comes to it, as by a lack of memory."""
    left = at

    def step(*args: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)

    return step


# Where it is killed: before the call of this function that has this number, in the order in which it comes to them.
STEPS: dict[str, tuple[Any, str, int]] = {
    "a file half written": (os, "rename", 1),
    "the mark": (Path, "replace", 1),
    "the database": (engines, "bring_back", 1),
    "its revision": (schema, "resume", 1),
    "sessions": (restoring, "_ended", 1),
    "certificates": (erasing_again, "carry_out", 1),
    "the second certificate": (erasing_again, "_destroy", 2),
    "the commit": (db, "_commit", 1),
    "the end": (erasing_again, "finish", 1),
}
ON_BOTH = (
    "the database",
    "its revision",
    "the commit",
)  # psql takes seconds; the others are our own steps
AS_BEFORE = ("a file half written", "the mark")
UNTOUCHED = (*AS_BEFORE, "the database")  # and so sound for whoever does not see the mark


@pytest.fixture
def made(database: Database, settings: Settings) -> Kept:
    """An installation of its own settings' file, with all that a restore must not bring back."""
    values = {
        "secret_key": settings.secret_key,
        "base_url": settings.base_url,
        "database_url": settings.database_url,
    }
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    (settings.data / "portal.toml").write_text(lines)
    kept = make_kept(database, settings)
    admin, ciso = (kept.organisation[one] for one in (OrganisationRole.ADMIN, OrganisationRole.CISO))
    content = {
        "issuer": "https://idp.example",
        "known_as": "portal",
        "groups_claim": "groups",
        "roles": {},
        "default_role": "auditor",
        "trusts_factor": False,
        "creates": False,
    }
    with database.transaction(admin.scope) as session:
        open_session(session, admin.person.id, now=EARLIER)
        tokens.make(session, admin, id=uuid.uuid4(), name="T", scopes=["vendors:read"], days=9, now=EARLIER)
        webhooks.add(
            session,
            admin,
            id=uuid.uuid4(),
            url="https://a.example/",
            kinds=["vendor.created"],
            settings=settings,
            now=EARLIER,
        )
        both = {"organisation_id": kept.organisation.id, "proposed_by": admin.person.id, "secret": None}
        session.add(SsoConnection(**both, state="on", approved_by=ciso.person.id, since=EARLIER, **content))
        session.add(SsoProposal(**both, state="open", content=content, proposed_at=EARLIER))
        for number, whose in enumerate((admin, admin, ciso)):
            row = Passkey(
                person_id=whose.person.id, credential_id=bytes([number]), public_key=b"k", sign_count=0,
                name=str(number), created_at=EARLIER, synced=False, aaguid="",
            )  # fmt: skip
            session.add(row)
        record(session, Kind.SSO_PROPOSED, now=EARLIER, actor=admin)
    return kept


def end_what_was(database: Database, kept: Kept) -> None:
    """Since the backup: two certificates, a passkey removed by its owner, one by the operators, a provider off."""
    admin, ciso = (kept.organisation[one] for one in (OrganisationRole.ADMIN, OrganisationRole.CISO))
    with database.transaction(admin.scope) as session:
        subject = erasure.Subject("submission", kept.assessment)
        proposed = erasure.propose(session, admin, subject, "a mistake", now=NOW)
        first = session.scalars(select(Passkey.id).where(Passkey.name == "0")).one()
        passkeys.remove(session, admin, first, now=NOW)
        sso_setting.switch_off(session, admin, now=NOW)
    with database.transaction(ciso.scope) as session:
        erasure.approve(session, ciso, proposed.id, now=NOW)
    with database.transaction() as session:
        people.erase(session, kept.company[CompanyRole.CONTRIBUTOR].person.id, now=NOW)
        factors.remove(session, ciso.person, now=NOW, actor=None)


def started(*words: str, dies: tuple[Any, str, int] | None = None) -> int:
    """The id of a process that runs a command."""
    child = os.fork()
    if not child:
        code = 1
        try:
            if dies is not None:
                module, name, number = dies
                setattr(module, name, _dying(getattr(module, name), number))
            code = cli.main(words)
        finally:
            os._exit(code)
    return child


def killed(step: str, *words: str) -> None:
    """Run a command in a process that is killed when it comes to ``step``."""
    child = started(*words, dies=STEPS[step])
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"it went on past {step}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def require_ended(database: Database, kept: Kept) -> None:
    """Nothing of what has ended since the backup is back."""
    with database.looking(SYSTEM) as session:
        words = b" ".join(one for one in session.scalars(select(SealedAnswer.answer)) if one)
        assert SAID.encode() not in words
        helper = session.get_one(PersonRow, kept.company[CompanyRole.CONTRIBUTOR].person.id)
        assert helper.erased_at is not None
        for model in (LoginSession, ApiToken):
            assert set(session.scalars(select(model.revoked_at.is_(None)))) == {False}
        assert set(session.scalars(select(Webhook.state))) == {"stopped"}
        assert set(session.scalars(select(SsoConnection.state))) == {"off"}
        assert set(session.scalars(select(SsoProposal.state))) == {"withdrawn"}
        assert set(session.scalars(select(Passkey.name))) == {"1"}, "who kept one has it"


def require_as_before(settings: Settings) -> None:
    """What the backup would bring back is not back."""
    opened = installation.open_database(settings)
    with opened.looking(SYSTEM) as session:
        assert set(session.scalars(select(Passkey.name))) == {"1"}
        assert set(session.scalars(select(SsoConnection.state))) == {"off"}
        assert len(session.scalars(select(Certificate.id)).all()) == 2
        assert session.scalar(select(Event.id).where(Event.kind == Kind.RESTORED)) is None
    opened.dispose()


def cut_off(call: Callable[[], object]) -> None:
    with pytest.raises(StartupFault, match="restore was cut off"):
        call()


def kill_and_end(database: Database, settings: Settings, tmp_path: Path, made: Kept, step: str) -> None:
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    open_storage(settings).delete(made.key)
    restore = ("restore", "--data", str(settings.data), str(path))
    database.dispose()
    killed(step, *restore, "--replace")
    found = installation.load(settings.data)
    if step in AS_BEFORE:
        require_as_before(found)
        restore = (*restore, "--replace")
    else:
        cut_off(lambda: installation.open_database(found))
        cut_off(lambda: create_app(found))
        assert cli.main(["run", "--data", str(settings.data)]) == 1
        assert cli.main(["worker", "--data", str(settings.data), "--once"]) == 1
        assert cli.main(["backup", "--data", str(settings.data), str(tmp_path / "another")]) == 1
    elsewhere = replace(found, data=tmp_path / "elsewhere")
    if step in UNTOUCHED:
        require_as_before(elsewhere)
    elif step != "the end":
        cut_off(lambda: create_app(elsewhere))
        cut_off(lambda: installation.upgrade(database))
    assert cli.main(restore) == 0, "no --replace after the mark: the first one has said so"
    require_ended(database, made)
    assert b"".join(open_storage(settings).read(made.key)) == DOCUMENT
    installation.open_database(found).dispose()
    left = {one.name for one in settings.data.iterdir()}
    assert not left & {installation.UNFINISHED_FILE, backup.SCRATCH}


@pytest.mark.both_databases
@pytest.mark.parametrize("step", ON_BOTH)
def test_a_restore_that_is_killed_serves_nobody_and_is_ended_by_the_next(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, step: str
) -> None:
    kill_and_end(database, settings, tmp_path, made, step)


@pytest.mark.parametrize("step", [one for one in STEPS if one not in ON_BOTH])
def test_or_all_is_as_it_was_before(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, step: str
) -> None:
    kill_and_end(database, settings, tmp_path, made, step)


@pytest.mark.both_databases
def test_a_restore_is_killed_at_any_moment(
    database: Database, settings: Settings, tmp_path: Path, made: Kept
) -> None:
    """Whole, or as before, or nobody is served; what psql still does by itself is waited for."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    database.dispose()
    words = ("restore", "--data", str(settings.data), str(path), "--replace")
    found, chance = installation.load(settings.data), random.Random(SEED)
    longest, whole = 2.0, False
    for _ in range(ROUNDS):
        child = started(*words)
        begun = monotonic()
        while monotonic() - begun < longest * chance.random() and not os.waitid(
            os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT
        ):
            sleep(0.002)
        os.kill(child, signal.SIGKILL)
        _pid, status = os.waitpid(child, 0)
        for place in (found, replace(found, data=tmp_path / "elsewhere")):
            try:
                opened = installation.open_database(place)
            except StartupFault as fault:
                assert "restore was cut off" in str(fault)  # noqa: PT017  # one of three ends that are sound
                continue
            with opened.looking(SYSTEM) as session:
                restored = session.scalar(select(Event.id).where(Event.kind == Kind.RESTORED)) is not None
            opened.dispose()
            whole = whole or restored
            (require_ended(database, made) if whole else require_as_before(place))
        if os.WIFEXITED(status):
            assert whole
            longest = monotonic() - begun
    while cli.main(words):
        sleep(0.1)  # what the last one has started has not ended
    require_ended(database, made)


def test_what_was_cut_off_elsewhere_is_not_ended_from_here(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    database.dispose()
    killed("sessions", "restore", "--data", str(settings.data), str(path), "--replace")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(settings.data / "portal.toml", elsewhere)
    words = ("restore", "--data", str(elsewhere), str(path))
    assert cli.main(words) == 1
    assert "is in the data folder of then" in capsys.readouterr().err
    assert cli.main((*words, "--replace")) == 0
    installation.open_database(installation.load(elsewhere)).dispose()
    cut_off(lambda: installation.open_database(installation.load(settings.data)))


def test_a_file_that_is_there_is_not_written_again(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who writes it once more loses it when the disk is full: the database of before names it, too."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    database.dispose()
    (held,) = settings.data.glob(f"files/*/{made.key}")
    held.with_suffix(".part").mkdir()  # in whose place nothing can be written
    words = ("restore", "--data", str(settings.data), str(path), "--replace")
    content = held.read_bytes()
    held.write_bytes(content[:-1])
    assert cli.main(words) == 1
    assert "A file cannot be stored" in capsys.readouterr().err
    require_as_before(installation.load(settings.data))
    held.write_bytes(content)
    assert cli.main(words) == 0
    require_ended(database, made)
    assert held.read_bytes() == DOCUMENT


def test_a_portal_that_is_started_meanwhile_keeps_its_database(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look at all files may take an hour."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    looked_at = backup.damaged

    def and_then_started(*given: Any) -> list[str]:
        with database.transaction() as session:
            session.add(WorkerBeat(name="one", at=clock.now()))
        return looked_at(*given)

    monkeypatch.setattr(backup, "damaged", and_then_started)
    assert cli.main(["restore", "--data", str(settings.data), str(path), "--replace"]) == 1
    require_as_before(installation.load(settings.data))


def _program(folder: Path, script: str) -> None:
    """Put a psql into ``folder`` that is a script around the real one, ``$REAL``."""
    program = folder / "15/bin/psql"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nREAL={engines._program('psql')}\n{script}\n")
    program.chmod(0o700)


@pytest.mark.postgres_itself
def test_a_connection_that_breaks_at_the_commit(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psql says that it has failed, and all is replaced: nobody is served."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    database.dispose()
    _program(tmp_path / "programs", '$REAL "$@"; exit 1')
    words = ("restore", "--data", str(settings.data), str(path), "--replace")
    with monkeypatch.context() as patched:
        patched.setattr(engines, "DEBIAN", tmp_path / "programs")
        assert cli.main(words) == 1
    found = installation.load(settings.data)
    for place in (found, replace(found, data=tmp_path / "elsewhere")):
        cut_off(lambda place=place: installation.open_database(place))
    assert cli.main(words) == 0
    require_ended(database, made)


@pytest.mark.postgres_itself
def test_what_a_killed_restore_has_started_is_waited_for(
    database: Database,
    settings: Settings,
    tmp_path: Path,
    made: Kept,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else it would replace the database under the portal that the second restore has brought up."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    database.dispose()
    begun = tmp_path / "begun"
    _program(tmp_path / "programs", f'touch {begun}; sleep 1; exec $REAL "$@"')
    words = ("restore", "--data", str(settings.data), str(path), "--replace")
    with monkeypatch.context() as patched:
        patched.setattr(engines, "DEBIAN", tmp_path / "programs")
        child = started(*words)
    while not begun.exists():
        sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert cli.main(words) == 1
    assert "Another restore is running here" in capsys.readouterr().err
    while cli.main(words):
        sleep(0.1)
    require_ended(database, made)
    sleep(0.5)
    require_ended(database, made)


@pytest.mark.both_databases
def test_a_backup_of_an_older_portal_is_upgraded_before_it_opens(
    database: Database, settings: Settings, tmp_path: Path, made: Kept
) -> None:
    schema.downgrade(database, "0022")
    path, manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    assert manifest.revision == "0022"
    installation.upgrade(database)
    end_what_was(database, made)
    database.dispose()
    assert cli.main(["restore", "--data", str(settings.data), str(path), "--replace"]) == 0
    installation.open_database(installation.load(settings.data)).dispose()
    require_ended(database, made)


def test_one_restore_at_a_time(settings: Settings, made: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    with installation.alone(settings.data):
        assert cli.main(["restore", "--data", str(settings.data), "x", "--replace"]) == 1
    assert "Another restore is running here" in capsys.readouterr().err
    assert cli.main(["restore", "--data", str(settings.data), "x", "--replace"]) == 1
    assert "x cannot be read" in capsys.readouterr().err


def test_what_a_restore_says(
    database: Database, settings: Settings, tmp_path: Path, made: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    end_what_was(database, made)
    database.dispose()  # a portal that is stopped has no connection
    assert cli.main(["restore", "--data", str(settings.data), str(path), "--replace"]) == 0
    said = capsys.readouterr().out
    for sentence in (
        "Removed again: 2 passkeys",
        "Switched off: 1 sign-in providers",
        "Passwords, one-time codes and members are those of then",
        "Erased again: what 2 certificates name",
    ):
        assert sentence in said
    require_ended(database, made)
    with database.looking(SYSTEM) as session:
        kinds = session.scalars(select(Event.kind).where(Event.at > NOW, Event.actor_id.is_(None)))
        assert {Kind.RESTORED, Kind.PASSKEY_REMOVED} <= set(kinds)


@pytest.mark.both_databases
def test_a_database_that_cannot_be_replaced_is_served_as_before(
    database: Database, settings: Settings, tmp_path: Path, made: Kept
) -> None:
    """An archive that is sound by its manifest, and whose database is none."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "kept", now=EARLIER)
    content, forged = b"no database at all " * 1000, tmp_path / "forged"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(forged, "w") as target:
        manifest = json.loads(archive.read(backup.MANIFEST))
        manifest["database"] |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name in archive.namelist():
            told = {backup.MANIFEST: json.dumps(manifest).encode(), backup.DATABASE: content}
            target.writestr(name, told.get(name) or archive.read(name))
    database.dispose()
    assert cli.main(["restore", "--data", str(settings.data), str(forged), "--replace"]) == 1
    installation.open_database(installation.load(settings.data)).dispose()
    with database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).where(Passkey.name == "0")) == 1
        assert session.scalar(select(LoginSession.revoked_at).limit(1)) is None


def test_a_mark_that_cannot_be_read_is_said(settings: Settings) -> None:
    (settings.data / installation.UNFINISHED_FILE).write_text("{")
    with pytest.raises(StartupFault, match="cannot be read"):
        erasing_again.unfinished(settings.data)


def test_what_was_to_be_carried_out_comes_back_as_it_was(database: Database, settings: Settings) -> None:
    issued = [
        erasing_again.Issued(uuid.uuid4(), house, None, "vendor", uuid.uuid4(), "{ß}".encode(), "00", at)
        for house, at in ((uuid.uuid4(), NOW + timedelta(microseconds=7)), (None, NOW))
    ]
    some = erasing_again.Ended(issued, frozenset({uuid.uuid4()}))
    erasing_again.mark(some, settings.data)
    assert (settings.data / installation.UNFINISHED_FILE).stat().st_mode & 0o777 == 0o600
    assert erasing_again.unfinished(settings.data) == some
    other = erasing_again.Ended(issued[:1], frozenset({uuid.uuid4()}))
    both = some.with_those_of(other)
    assert both == erasing_again.Ended(issued[::-1], some.passkeys | other.passkeys)
