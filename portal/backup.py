"""Backups: the database and its files as one archive, made while the portal runs; and the way back.

An archive is a ZIP file for its owner's eyes only (0600): ``database`` (SQLite's own file, or what pg_dump writes),
``files/<key>``, and ``manifest.json`` with the size and SHA-256 of each. The secret key and the other settings are not
in it: whoever finds an archive cannot sign anything, and whoever restores one needs ``portal.toml`` from elsewhere.

The database is read in one snapshot; the files that it names are copied afterwards. A file that was destroyed on
purpose between the two is listed under ``gone``.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from sqlalchemy import func, inspect, select
from sqlalchemy.engine import Connection

from portal import clock, engines, schema
from portal.accounts.models import PersonRow
from portal.contracts.schedule_models import ContractFile
from portal.db import SYSTEM, Database
from portal.evidence.models import Evidence
from portal.faults import StartupFault, Unavailable
from portal.reassessment.runs import newest_beat
from portal.settings import Settings
from portal.storage import KEY, Missing, Storage, open_storage

FORMAT = 1
MANIFEST, DATABASE, FILES = "manifest.json", "database", "files/"
SCRATCH = "restore-scratch"
PIECE = 256 * 1024
LARGEST_MANIFEST = 1 << 30
STOPPED_AFTER = timedelta(seconds=60)  # a worker beats every 30 seconds


@dataclass(frozen=True, slots=True)
class Held:
    """A part of an archive: bytes and SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds. ``kind``: of the database. ``key``: tells whether a secret key is the one of then."""

    kind: str
    revision: str
    made_at: str
    key: str
    database: Held
    files: dict[str, Held]
    gone: tuple[str, ...]


def back_up(settings: Settings, database: Database, target: Path, *, now: datetime) -> tuple[Path, Manifest]:
    """Write an archive to ``target``, a file that is not there yet or a folder; whole or not at all.

    Raises StartupFault with a sentence when it cannot be written, or pg_dump is missing.
    """
    path = target / f"portal-{now:%Y%m%dT%H%M%SZ}.backup" if target.is_dir() else target
    if path.exists():
        raise StartupFault(f"{path} exists already. Choose another name; a backup never overwrites one.")
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with _private(partial) as stream, tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            manifest = _write(settings, database, stream, Path(scratch) / DATABASE, now)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(partial, path)  # unlike a rename, this refuses a file that has appeared meanwhile
    except FileExistsError as error:
        raise StartupFault(f"{path} exists already. Choose another name.") from error
    except OSError as error:
        raise StartupFault(f"The backup cannot be written to {path}: {error.strerror or error}.") from error
    finally:
        partial.unlink(missing_ok=True)
    return path, manifest


@contextlib.contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w+b") as stream:
        yield stream


def _write(settings: Settings, database: Database, stream: IO[bytes], copy: Path, now: datetime) -> Manifest:
    with engines.snapshot(database, copy) as connection:
        wanted = _named(connection)
        revision = schema.revision_of(connection)
    storage = open_storage(settings)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        with copy.open("rb") as dumped:
            held = _add(archive, DATABASE, iter(lambda: dumped.read(PIECE), b""))
        files, gone = {}, []
        for key in wanted:
            try:
                files[key] = _add(archive, FILES + key, storage.read(key), plain=True)
            except Missing:
                if _still_named(database, key):
                    raise StartupFault(
                        f"The file {key} is missing from storage, so no backup was made. Run `portal verify`."
                    ) from None
                gone.append(key)
        kind = "sqlite" if database.sqlite else "postgresql"
        manifest = Manifest(
            kind, revision, now.isoformat(), key_check(settings), held, files, tuple(sorted(gone))
        )
        archive.writestr(MANIFEST, _document(manifest))
    return manifest


def _named(connection: Connection) -> list[str]:
    """The files that the database names, as seen by the snapshot."""
    found: set[str] = set()
    for model in (Evidence, ContractFile):
        rows = connection.execute(select(model.storage_key).where(model.storage_key.is_not(None)))
        found |= {str(one) for one in rows.scalars()}
    return sorted(found)


def _still_named(database: Database, key: str) -> bool:
    with database.looking(SYSTEM) as session:
        return any(
            session.execute(select(model.id).where(model.storage_key == key).limit(1)).first() is not None
            for model in (Evidence, ContractFile)
        )


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterator[bytes], *, plain: bool = False) -> Held:
    """Copy ``pieces`` into the archive; ``plain``: not compressed, since documents are already."""
    digest, size = hashlib.sha256(), 0
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    with archive.open(info, "w", force_zip64=True) as stream:
        for piece in pieces:
            stream.write(piece)
            digest.update(piece)
            size += len(piece)
    return Held(size, digest.hexdigest())


def key_check(settings: Settings) -> str:
    """Tells two secret keys apart without revealing anything of them."""
    return hmac.new(settings.secret_key.encode(), b"portal backup", "sha256").hexdigest()[:16]


def _document(manifest: Manifest) -> bytes:
    def part(held: Held) -> dict[str, Any]:
        return {"size": held.size, "sha256": held.sha256}

    return json.dumps(
        {
            "backup": FORMAT,
            "made_at": manifest.made_at,
            "revision": manifest.revision,
            "key_check": manifest.key,
            "not_in_here": "the secret key and the other settings (portal.toml, PORTAL_* variables)",
            "database": {"kind": manifest.kind, **part(manifest.database)},
            "files": {key: part(held) for key, held in manifest.files.items()},
            "gone": list(manifest.gone),
        },
        indent=1,
    ).encode()


# ------------------------------------------------------------------------------------------------------ the way back


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """An archive and its manifest; StartupFault when it is none of ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive, _manifest(archive)
    except OSError as error:
        raise StartupFault(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, NotImplementedError) as error:
        raise StartupFault(f"{path} is no backup of a portal, or it is damaged.") from error


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    if archive.getinfo(MANIFEST).file_size > LARGEST_MANIFEST:
        raise ValueError("the manifest is too large")
    raw = json.loads(archive.read(MANIFEST))
    if raw["backup"] != FORMAT:
        raise ValueError("another format")
    files = {str(key): Held(int(one["size"]), str(one["sha256"])) for key, one in raw["files"].items()}
    if not all(KEY.fullmatch(key) for key in files):
        raise ValueError("a name that is no key")
    held = Held(int(raw["database"]["size"]), str(raw["database"]["sha256"]))
    gone = tuple(str(one) for one in raw["gone"])
    return Manifest(
        raw["database"]["kind"], raw["revision"], raw["made_at"], raw["key_check"], held, files, gone
    )


def damaged(archive: zipfile.ZipFile, manifest: Manifest) -> list[str]:
    """The parts of an archive that are not what its manifest says."""
    parts = {DATABASE: manifest.database, **{FILES + key: held for key, held in manifest.files.items()}}
    return [name for name, held in parts.items() if _read(archive, name, None) != held]


def _read(archive: zipfile.ZipFile, name: str, target: IO[bytes] | None) -> Held | None:
    """Read a part, into ``target`` if there is one; None when it cannot be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(name) as stream:
            while piece := stream.read(PIECE):
                digest.update(piece)
                size += len(piece)
                if target is not None:
                    target.write(piece)
    except (KeyError, zipfile.BadZipFile, EOFError, OSError):
        return None
    return Held(size, digest.hexdigest())


def extract(archive: zipfile.ZipFile, name: str, held: Held, target: IO[bytes]) -> None:
    """Copy a part out; StartupFault unless it is byte for byte what was backed up."""
    if _read(archive, name, target) != held:
        raise StartupFault(f"The backup is damaged: {name} is not what it was. Nothing was restored from it.")


def restore(
    settings: Settings,
    database: Database,
    path: Path,
    *,
    now: datetime,
    replace: bool = False,
    other_key: bool = False,
    begin: Callable[[], None] = lambda: None,
) -> Manifest:
    """Bring the installation to what the archive holds: files first, then the database in one transaction.

    ``begin`` is called when nothing is left but to replace the database. What was replaced opens when restoring.settle
    has given it its revision (engines.bring_back).

    Raises StartupFault for an installation that holds anything unless ``replace``, or that is running; an archive of
    another secret key unless ``other_key``, of another kind of database, of a newer portal, or a damaged one. All
    of it is asked before anything is written.
    """
    with opened(path) as (archive, manifest):
        kind = "sqlite" if database.sqlite else "postgresql"
        if manifest.kind != kind:
            raise StartupFault(
                f"The backup is of a {manifest.kind} database, and this installation has {kind}."
            )
        if manifest.revision not in schema.known_revisions():
            raise StartupFault("The backup is of a newer portal. Install that one first.")
        if manifest.key != key_check(settings) and not other_key:
            raise StartupFault(
                "The backup was made under another secret key. Put that key into portal.toml first; with --other-key "
                "everybody has to set up the second factor again."
            )
        storage = open_storage(settings)
        _require_stopped(database, now)
        if not replace:
            _require_empty(database, storage)
        bad = damaged(archive, manifest)
        if bad:
            raise StartupFault(f"The backup is damaged ({bad[0]}), so nothing was restored.")
        for key, held in manifest.files.items():
            try:
                if _stored(storage, key) != held:
                    _store(storage, key, archive, held)
            except Unavailable as error:
                raise StartupFault(
                    f"A file cannot be stored ({error.__cause__}); the database stays as it is."
                ) from error
        with _scratch(settings.data) as scratch:
            copy = scratch / DATABASE
            with _private(copy) as stream:
                extract(archive, DATABASE, manifest.database, stream)
            _require_stopped(database, clock.now())  # nor was it started since, however long the files took
            begin()
            engines.bring_back(database, copy)
    return manifest


def _stored(storage: Storage, key: str) -> Held | None:
    """What storage has under ``key``: to write that once more could only lose it."""
    digest, size = hashlib.sha256(), 0
    try:
        for piece in storage.read(key):
            digest.update(piece)
            size += len(piece)
    except Missing:
        return None
    return Held(size, digest.hexdigest())


def _store(storage: Storage, key: str, archive: zipfile.ZipFile, held: Held) -> None:
    with tempfile.TemporaryFile() as file:
        extract(archive, FILES + key, held, file)
        file.seek(0)
        storage.delete(key)  # with the part of it that a restore before this one had come to
        storage.put(key, file)


@contextlib.contextmanager
def _scratch(data: Path) -> Iterator[Path]:
    """A folder for the database of then. One that was killed leaves it, with all that is to be erased again: the next
    one takes it away."""
    folder = data / SCRATCH
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_stopped(database: Database, now: datetime) -> None:
    """A portal that goes on serving would hand out what is no longer there, and send letters twice."""
    with engines.looking(database) as connection:
        if "worker_beat" not in inspect(connection).get_table_names():
            return
        beat = connection.scalar(newest_beat(now))
    if beat is not None and now - beat < STOPPED_AFTER:
        raise StartupFault(
            "The portal is running, or was until a moment ago. Stop it and its workers, wait a minute, try again."
        )


def _require_empty(database: Database, storage: Storage) -> None:
    with engines.looking(database) as connection:
        tables = set(inspect(connection).get_table_names())
        people = connection.scalar(select(func.count()).select_from(PersonRow)) if "person" in tables else 0
    if people or next(iter(storage.keys()), None) is not None:
        raise StartupFault(
            "This installation holds data. Restore into an empty one, or say --replace to give up what is here."
        )
