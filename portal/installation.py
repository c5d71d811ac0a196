"""Folders and first steps of an installation: what `portal init`, `create-admin` and the demonstration share."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from portal import schema, settings
from portal.db import Database, name_key
from portal.db_faults import Away, first_line
from portal.faults import StartupFault, Unavailable
from portal.organisations.models import Organisation
from portal.settings import Settings

PORT_FILE = "demo-port"
KEY_FILE = "demo-secret-key"
UNFINISHED_FILE = "restore-unfinished.json"
LOCK_FILE = "restore.lock"
DEFAULT_PORT = 8000


def require_folder(data: Path) -> None:
    """Make the data folder if it is not there (0700); StartupFault when it cannot be used."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise StartupFault(f"{data} is not a folder.") from error
    except OSError as error:
        raise StartupFault(f"The folder {data} cannot be written to: {error.strerror}.") from error


def keep(path: Path, text: str) -> None:
    """Write a file for this user's eyes only (0600), whole or not at all."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def is_demo(data: Path) -> bool:
    """Whether the folder holds a demonstration: its key, and no settings of a real installation."""
    return (data / KEY_FILE).exists() and not settings.config_path(data).exists()


def load(data: Path) -> Settings:
    """Settings of the installation in ``data``, be it real or a demonstration."""
    if is_demo(data) and "PORTAL_SECRET_KEY" not in os.environ:
        return settings.demo_settings(data, demo_port(data))
    return settings.load(data)


def demo_port(data: Path) -> int:
    """The port that the demonstration was served on last: its letters' links lead there."""
    try:
        return int((data / PORT_FILE).read_text("ascii"))
    except (OSError, ValueError):
        return DEFAULT_PORT


def initialise(data: Path, base_url: str, mail: str, database_url: str) -> Settings:
    """Write ``portal.toml`` with a fresh key; StartupFault when there is one already, or a value cannot be used."""
    require_folder(data)
    path = settings.config_path(data)
    if path.exists():
        raise StartupFault(f"{data} is an installation already; its settings are in {path}.")
    if (data / KEY_FILE).exists():
        raise StartupFault(f"{data} holds a demonstration. Choose another folder for an installation.")
    values = {"secret_key": secrets.token_urlsafe(48), "base_url": base_url, "mail": mail}
    if database_url:
        values["database_url"] = database_url
    if any(ord(c) < 32 or ord(c) == 127 for value in values.values() for c in value):
        raise StartupFault("A setting holds an invisible control character.")
    found = settings.load(data, {f"PORTAL_{name.upper()}": value for name, value in values.items()})
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items()]
    keep(path, "".join(lines))
    return found


def require_whole(data: Path) -> None:
    """StartupFault after a restore that was cut off: what has ended since that backup would hold again."""
    if (data / UNFINISHED_FILE).exists():
        raise StartupFault(schema.CUT_OFF.replace("FOLDER", str(data)))


@contextlib.contextmanager
def alone(data: Path) -> Iterator[None]:
    """Hold the folder for one restore; StartupFault while another one runs, or a program that it has started."""
    require_folder(data)
    descriptor = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(descriptor, True)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupFault("Another restore is running here. Wait until it has ended.") from error
        yield
    finally:
        os.close(descriptor)


def open_database(found: Settings) -> Database:
    """The installation's database, whole, reachable and of this portal's revision; StartupFault otherwise."""
    require_whole(found.data)
    database = Database(found.database_url, found.base_url, found.secret_key)
    schema.require_current(database)
    return database


def upgrade(database: Database) -> None:
    """Bring the database to this portal's revision; StartupFault when it is newer, busy, or no database."""
    try:
        schema.upgrade(database)
    except CommandError as error:
        schema.require_current(database)
        raise StartupFault(f"The database cannot be upgraded: {error}.") from error


def sentence(error: SQLAlchemyError | Unavailable) -> str:
    """One plain sentence for a database that cannot be worked with."""
    text = first_line(error)
    busy = isinstance(error, Unavailable) and not isinstance(error, Away)
    if busy or "locked" in text or "lock timeout" in text:
        return "The database is busy: another program is changing it. Try again in a moment."
    return f"The database cannot be used: {text}."


def organisation_named(session: Session, named: str) -> Organisation | None:
    """The organisation with this slug or name; StartupFault when several have the name."""
    rows = session.execute(select(Organisation).order_by(Organisation.slug)).scalars().all()
    found = [one for one in rows if one.slug == named] or [
        one for one in rows if name_key(one.name) == name_key(named)
    ]
    if len(found) > 1:
        slugs = ", ".join(one.slug for one in found)
        raise StartupFault(f"Several organisations are called {named}. Say which: {slugs}.")
    return found[0] if found else None
