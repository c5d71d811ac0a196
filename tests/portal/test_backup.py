"""Backup, restore and verify: database and files together, on both databases, and one sentence for what is wrong."""

from __future__ import annotations

import io
import os
import shutil
import stat
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, inspect, select, text, update
from sqlalchemy.engine import make_url

from portal import backup, cli, engines, erasing_again, outbox, restoring, schema, verifying
from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import LoginSession, PersonRow
from portal.accounts.service import open_session
from portal.assessments.models import SealedAnswer
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import people
from portal.erasure import service as erasure
from portal.evidence.models import Evidence
from portal.faults import StartupFault
from portal.outbox import Letter, Message, WorkerBeat
from portal.settings import Settings
from portal.storage import new_key, open_storage
from portal.tables import metadata
from tests.conftest import POSTGRES, _admin, _url_of
from tests.portal.kept import DOCUMENT, SAID, Kept, make_kept
from tests.portal.world import NOW

DAY = timedelta(days=1)
needs_postgres = pytest.mark.skipif(not POSTGRES, reason="no PORTAL_TEST_POSTGRES")


@pytest.fixture
def small(database: Database, settings: Settings) -> Kept:
    """A submission, its draft and a stored document."""
    return make_kept(database, settings)


@pytest.fixture
def elsewhere(settings: Settings, database: Database, tmp_path: Path) -> Iterator[Settings]:
    """An empty installation of the same kind, with the same secret key and a folder of its own."""
    data = tmp_path / "elsewhere"
    data.mkdir()
    if database.sqlite:
        yield replace(settings, data=data, database_url=f"sqlite:///{data / 'portal.sqlite'}")
        return
    name = f"test_{uuid.uuid4().hex}"
    _admin(f"CREATE DATABASE {name}")
    yield replace(settings, data=data, database_url=_url_of(name))
    _admin(f"DROP DATABASE {name} WITH (FORCE)")


def restore(where: Settings, database: Database, path: Path, *, replace: bool = False) -> None:
    """What the archive holds, all of it, before anything is settled."""
    manifest = backup.restore(where, database, path, now=NOW + DAY, replace=replace)
    with database.transaction() as session:
        schema.resume(session, manifest.revision)


def everything(database: Database) -> dict[str, list[str]]:
    with database.reading.connect() as connection:
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for name, table in metadata.tables.items()
        }


@pytest.mark.both_databases
def test_there_and_back(
    database: Database, settings: Settings, elsewhere: Settings, tmp_path: Path, small: Kept
) -> None:
    target = tmp_path / "backups"
    target.mkdir()
    before = everything(database)
    path, manifest = backup.back_up(settings, database, target, now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.name == "portal-20261121T120000Z.backup"
    assert list(target.iterdir()) == [path]
    assert settings.secret_key.encode() not in path.read_bytes()
    assert list(manifest.files) == [small.key]
    assert verifying.verify_archive(path, recompute=True).faults == []
    restored = Database(elsewhere.database_url)
    restore(elsewhere, restored, path)
    schema.require_current(restored)
    assert everything(restored) == before
    assert b"".join(open_storage(elsewhere).read(small.key)) == DOCUMENT
    found = verifying.verify(elsewhere, restored, recompute=True)
    assert (found.faults, found.submissions, found.ratings, found.files) == ([], 1, 1, 1)
    with pytest.raises(Exception, match="append-only"), restored.transaction() as session:
        session.execute(text("DELETE FROM event"))
    with pytest.raises(StartupFault, match="holds data"):
        backup.restore(elsewhere, restored, path, now=NOW + DAY)
    restore(elsewhere, restored, path, replace=True)
    assert everything(restored) == before
    restored.dispose()


@pytest.mark.both_databases
def test_a_backup_is_one_snapshot_while_others_write(
    database: Database, settings: Settings, small: Kept, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A file destroyed on purpose after the snapshot is listed as gone; one that is simply missing is refused."""
    live = engines.snapshot
    key = small.key

    def and_then_destroyed(*args: object) -> object:
        held = live(*args)  # type: ignore[arg-type]  # the same call
        found = held.__enter__()
        with database.transaction() as session:
            session.execute(update(Evidence).values(storage_key=None))
            record(session, Kind.EVIDENCE_REMOVED, now=NOW, actor=None)
        open_storage(settings).delete(key)

        class Held:
            def __enter__(self) -> object:
                return found

            def __exit__(self, *error: object) -> object:
                return held.__exit__(*error)  # type: ignore[arg-type]  # as above

        return Held()

    monkeypatch.setattr(engines, "snapshot", and_then_destroyed)
    path, manifest = backup.back_up(settings, database, tmp_path / "one", now=NOW)
    assert manifest.gone == (key,)
    assert verifying.verify_archive(path).faults == []


def test_a_file_that_is_missing_is_no_backup(
    database: Database, settings: Settings, small: Kept, tmp_path: Path
) -> None:
    open_storage(settings).delete(small.key)
    with pytest.raises(StartupFault, match="missing from storage, so no backup"):
        backup.back_up(settings, database, tmp_path / "one", now=NOW)
    assert not (tmp_path / "one").exists()
    assert not list(tmp_path.glob(".one*"))
    assert verifying.verify(settings, database).faults == [f"The file {small.key} is missing from storage."]


def test_a_restored_portal_lets_nobody_in_and_sends_nothing_twice(database: Database, small: Kept) -> None:
    owner = small.company[CompanyRole.OWNER].person
    with database.transaction() as session:
        open_session(session, owner.id, now=NOW)
        outbox.queue(session, Letter("receipt", "a@b.example", "A", "S", "text", "html"), now=NOW)
    settled = restoring.settle(database, now=NOW)
    assert settled.sessions == 1
    assert settled.links >= 1
    with database.transaction() as session:
        assert outbox.claim(session, now=NOW) == []
        states = set(session.scalars(select(Message.state)))
        assert states == {"held"}
        assert session.scalar(select(LoginSession.revoked_at).limit(1)) is not None
    assert restoring.release_letters(database, send=True, now=NOW) == settled.letters
    with database.transaction() as session:
        assert outbox.claim(session, now=NOW) != []


@pytest.mark.both_databases
def test_what_was_erased_since_the_backup_is_erased_again(
    database: Database, settings: Settings, small: Kept, tmp_path: Path
) -> None:
    """For each way of erasing: back with the archive, gone again by the certificate, which stays as it was."""
    path, _manifest = backup.back_up(settings, database, tmp_path / "one", now=NOW)
    admin, ciso = (small.organisation[one] for one in (OrganisationRole.ADMIN, OrganisationRole.CISO))
    with database.transaction(admin.scope) as session:
        subject = erasure.Subject("submission", small.assessment)
        proposed = erasure.propose(session, admin, subject, "a mistake", now=NOW)
    with database.transaction(ciso.scope) as session:
        erasure.approve(session, ciso, proposed.id, now=NOW)
    helper = small.company[CompanyRole.CONTRIBUTOR].person
    with database.transaction() as session:
        people.erase(session, helper.id, now=NOW)
    issued = erasing_again.issued(database)
    assert [one.kind for one in issued] == ["submission", "person"] or len(issued) == 2
    kept = erasing_again.keep_beside(issued, tmp_path, NOW)
    assert kept is not None
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert SAID not in str(everything(database))
    restore(settings, database, path, replace=True)
    assert SAID in str(everything(database))
    ended = erasing_again.Ended(issued)
    assert restoring.settle(database, now=NOW + DAY, ended=ended).certificates == 2
    assert restoring.settle(database, now=NOW + DAY, ended=ended).certificates == 0
    found = everything(database)
    assert SAID not in str(found)
    assert helper.email not in str(found["person"])
    assert verifying.verify(settings, database).faults == []


def test_refusals(
    database: Database, settings: Settings, elsewhere: Settings, small: Kept, tmp_path: Path
) -> None:
    path, _manifest = backup.back_up(settings, database, tmp_path / "one", now=NOW)
    empty = Database(elsewhere.database_url)
    with pytest.raises(StartupFault, match="exists already"):
        backup.back_up(settings, database, path, now=NOW)
    with pytest.raises(StartupFault, match="another secret key"):
        backup.restore(replace(elsewhere, secret_key="x" * 40), empty, path, now=NOW)
    with database.transaction() as session:
        session.add(WorkerBeat(name="one", at=NOW))
        session.add(WorkerBeat(name="gone", at=NOW + timedelta(days=40)))
    with pytest.raises(StartupFault, match="is running"):
        backup.restore(settings, database, path, now=NOW, replace=True)
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(StartupFault, match="is no backup"):
        backup.restore(elsewhere, empty, nonsense, now=NOW)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", '{"backup": 1, "files": {"../../x": {"size": 1, "sha256": ""}}}')
    with pytest.raises(StartupFault, match="is no backup"):
        backup.restore(elsewhere, empty, other, now=NOW)
    empty.dispose()


def _damage(path: Path, part: str) -> None:
    """Change one byte of a part, so that every other thing about the archive stays as it was."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(part)
        start = info.header_offset + 30 + len(info.filename.encode()) + 60
    with path.open("r+b") as stream:
        stream.seek(start)
        byte = stream.read(1)[0]
        stream.seek(start)
        stream.write(bytes([byte ^ 1]))


def test_a_damaged_backup_restores_nothing(
    database: Database, settings: Settings, elsewhere: Settings, small: Kept, tmp_path: Path
) -> None:
    path, _manifest = backup.back_up(settings, database, tmp_path / "one", now=NOW)
    _damage(path, f"files/{small.key}")
    assert verifying.verify_archive(path).faults[0] == f"files/{small.key} is damaged."
    empty = Database(elsewhere.database_url)
    with pytest.raises(StartupFault, match="damaged"):
        backup.restore(elsewhere, empty, path, now=NOW)
    assert inspect(empty.engine).get_table_names() == []
    assert not list(open_storage(elsewhere).keys())
    empty.dispose()


@pytest.mark.both_databases
def test_verify_finds_what_was_tampered_with(database: Database, settings: Settings, small: Kept) -> None:
    assert verifying.verify(settings, database, recompute=True).faults == []
    with database.transaction() as session:
        key = session.scalars(select(SealedAnswer.key).order_by(SealedAnswer.key)).first()
        session.execute(update(SealedAnswer).where(SealedAnswer.key == key).values(answer=b"{}"))
        record(session, Kind.REDACTED, now=NOW, actor=None)
    assert verifying.verify(settings, database).faults[0].endswith(f"is not what was sealed: {key}.")
    with database.transaction() as session:
        session.execute(delete(SealedAnswer).where(SealedAnswer.key == key))
        record(session, Kind.REDACTED, now=NOW, actor=None)
    assert (
        verifying.verify(settings, database).faults[0].endswith(f"lacks {key}, and no certificate says why.")
    )


@pytest.mark.both_databases
def test_verify_misses_no_trigger(database: Database, settings: Settings) -> None:
    drop = "DROP TRIGGER event_no_delete" if database.sqlite else "DROP TRIGGER event_sealed ON event"
    with database.writing.begin() as connection:
        connection.execute(text(drop))
    (fault,) = verifying.verify(settings, database).faults
    assert fault.startswith("The table event can be changed")


def test_a_changed_file_and_an_orphan(database: Database, settings: Settings, small: Kept) -> None:
    storage = open_storage(settings)
    (path,) = settings.data.glob(f"files/*/{small.key}")
    path.write_bytes(b"something else")
    storage.put(new_key(), io.BytesIO(b"nobody's"))
    found = verifying.verify(settings, database)
    assert found.faults == [f"The file {small.key} is not the one that was uploaded."]
    assert found.orphans == 1


@needs_postgres
@pytest.mark.postgres
def test_without_the_programs_of_postgresql(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engines, "DEBIAN", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    database = Database(make_url(POSTGRES).render_as_string(hide_password=False))
    with (
        pytest.raises(StartupFault, match="pg_dump is not installed"),
        engines.snapshot(database, tmp_path / "copy"),
    ):
        pass
    database.dispose()


def test_the_commands(tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "installed"
    data.mkdir()
    key = "fUx3-9aQz_71LmEwPp0c-Tt6vHkRr2sYdGiB8nXo"
    (data / "portal.toml").write_text(f'secret_key = "{key}"\nbase_url = "https://portal.example.com"\n')
    shutil.copy(sqlite_template, data / "portal.sqlite")
    archive = tmp_path / "kept"

    def run(*words: object) -> tuple[int, str, str]:
        code = cli.main([str(one) for one in words])
        said = capsys.readouterr()
        return code, said.out, said.err

    code, out, _ = run("backup", "--data", data, archive)
    assert (code, "The secret key is not in it" in out) == (0, True)
    assert run("verify", "--data", data)[:2] == (0, "Well: 0 submissions (0 redacted), 0 files.\n")
    assert run("verify", "--data", data, archive)[0] == 0
    code, out, _ = run("restore", "--data", data, archive)
    assert (code, "Nobody is reminded until you say `portal release-letters" in out) == (0, True)
    assert run("release-letters", "--data", data, "--discard")[:2] == (0, "0 letters are discarded.\n")
    os.chmod(archive, 0o600)
    with archive.open("r+b") as stream:
        stream.truncate(100)
    code, _, err = run("verify", "--data", data, archive)
    assert (code, err) == (1, f"portal: {archive} is no backup of a portal, or it is damaged.\n")


@pytest.mark.sqlite_itself
def test_what_is_destroyed_is_overwritten(database: Database) -> None:
    with database.looking(SYSTEM) as session:
        assert session.execute(text("PRAGMA secure_delete")).scalar() == 1
        assert session.scalars(select(PersonRow)).all() == []
