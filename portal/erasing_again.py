"""After a restore: what was destroyed since the backup is destroyed once more, by its own certificates (law 6).

The certificates are read from the installation before it is replaced, and so are the passkeys that were removed. Both
stand in a file of the data folder until all of it is done: whatever stops in between, nobody is served from this folder
(installation.require_whole) nor the replaced database from any other (engines.bring_back), and the next
`portal restore` carries them out.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from portal import engines, installation
from portal.accounts.models import PersonRow
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import Database
from portal.erasure import destroying, engagement_words, parting
from portal.erasure.models import Certificate
from portal.erasure.reaching import Destroyed
from portal.faults import StartupFault


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate as it stood before the restore: the columns of Certificate."""

    id: uuid.UUID
    organisation_id: uuid.UUID | None
    company_id: uuid.UUID | None
    kind: str
    subject_id: uuid.UUID
    document: bytes
    sha256: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """What a restore must not undo: certificates of what was destroyed, and passkeys that were taken away."""

    certificates: Sequence[Issued] = ()
    passkeys: frozenset[uuid.UUID] = frozenset()

    def with_those_of(self, other: Ended) -> Ended:
        """Both; what a first run has read, and what the database says at the second."""
        every = {one.id: one for one in (*self.certificates, *other.certificates)}
        ordered = sorted(every.values(), key=lambda one: (one.issued_at, one.id))
        return Ended(ordered, self.passkeys | other.passkeys)


def ended(database: Database) -> Ended:
    """What has ended in an installation up to now; nothing in one that is empty."""
    return Ended(issued(database), _removed_passkeys(database))


def _removed_passkeys(database: Database) -> frozenset[uuid.UUID]:
    with engines.looking(database) as connection:
        if Event.__tablename__ not in inspect(connection).get_table_names():
            return frozenset()
        kinds = (Kind.PASSKEY_REMOVED, Kind.FACTOR_REMOVED)
        told = connection.execute(select(Event.data).where(Event.kind.in_(kinds))).scalars()
        ids = [one for data in told for one in (data.get("passkey"), *data.get("passkeys", ())) if one]
    return frozenset(uuid.UUID(one) for one in ids)


def mark(some: Ended, folder: Path) -> None:
    """From now on nobody is served, until finish(): ``some`` is still to be carried out."""
    certificates = [
        {
            **{name: _plain(getattr(one, name)) for name in Issued.__dataclass_fields__},
            "document": one.document.decode(),
        }
        for one in some.certificates
    ]
    told = {"certificates": certificates, "passkeys": sorted(str(one) for one in some.passkeys)}
    try:
        installation.keep(folder / installation.UNFINISHED_FILE, json.dumps(told, indent=1))
        _sync(folder)
    except OSError as error:
        raise StartupFault(f"The folder {folder} cannot be written to: {error.strerror}.") from error


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value) if value is not None else None


def _sync(folder: Path) -> None:
    """A name that a crash takes away again would be none."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unfinished(folder: Path) -> Ended | None:
    """What a restore that was cut off still had to carry out; None when there was none. StartupFault: unreadable."""
    path = folder / installation.UNFINISHED_FILE
    try:
        told = json.loads(path.read_text("utf-8"))
        certificates = [_issued(one) for one in told["certificates"]]
        return Ended(certificates, frozenset(uuid.UUID(one) for one in told["passkeys"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartupFault(f"{path} of a restore that was cut off cannot be read: {error}.") from error


def _issued(told: dict[str, Any]) -> Issued:
    houses = {name: told[name] and uuid.UUID(told[name]) for name in ("organisation_id", "company_id")}
    return Issued(
        id=uuid.UUID(told["id"]),
        **houses,
        kind=told["kind"],
        subject_id=uuid.UUID(told["subject_id"]),
        document=told["document"].encode(),
        sha256=told["sha256"],
        issued_at=datetime.fromisoformat(told["issued_at"]),
    )


def finish(folder: Path) -> None:
    """All is carried out, or nothing was begun."""
    (folder / installation.UNFINISHED_FILE).unlink(missing_ok=True)
    _sync(folder)


def issued(database: Database) -> list[Issued]:
    """Every certificate of an installation, the oldest first; none of one that is empty or from before them."""
    with engines.looking(database) as connection:
        if Certificate.__tablename__ not in inspect(connection).get_table_names():
            return []
        columns = [getattr(Certificate, name) for name in Issued.__dataclass_fields__]
        rows = connection.execute(select(*columns).order_by(Certificate.issued_at, Certificate.id))
        return [Issued(*row) for row in rows]


def keep_beside(some: Sequence[Issued], folder: Path, now: datetime) -> Path | None:
    """Write certificates to a new file of ``folder`` for its owner's eyes; None when there are none."""
    if not some:
        return None
    path = folder / f"certificates-{now:%Y%m%dT%H%M%SZ}.json"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump([json.loads(one.document) for one in some], stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise StartupFault(f"The certificates cannot be kept in {path}: {error.strerror}.") from error
    return path


def carry_out(session: Session, some: Sequence[Issued], *, now: datetime) -> int:
    """Destroy again what these certificates name and the restored database does not know of; returns how many.

    Each stands beside it as it was: a second run finds it and does nothing.
    """
    done = 0
    for one in some:
        if session.scalar(select(Certificate.id).where(Certificate.id == one.id)) is not None:
            continue
        _destroy(session, one, now)
        session.add(Certificate(**{name: getattr(one, name) for name in Issued.__dataclass_fields__}))
        session.flush()
        data = {"certificate": one.id, "kind": one.kind, "what": one.subject_id}
        record(session, Kind.RESTORED, now=now, actor=None, data=data)
        done += 1
    return done


def _destroy(session: Session, one: Issued, now: datetime) -> None:
    found = Destroyed()
    named: list[dict[str, Any]] = json.loads(one.document).get("submissions", [])
    if one.kind in ("answer", "submission"):
        keys = [each["keys"] for each in named]
        some = None if not keys or None in keys else {key for each in keys for key in each}
        destroying.answers(session, one.subject_id, some, found, now=now)
    elif one.kind == "intake":
        engagement_words.intake(session, one.subject_id, found, by=None, now=now)
    elif one.kind == "retention":  # answers of old intakes go with the worker's next pass
        destroying.sealed(session, [uuid.UUID(each["id"]) for each in named], None, found, now)
    elif one.kind == "vendor" and one.organisation_id is not None:
        parting.vendors(session, one.organisation_id, [one.subject_id], found, by=None, now=now)
    elif one.kind == "organisation":
        parting.organisation(session, one.subject_id, found, by=None, now=now)
    elif one.kind == "company":
        parting.company(session, one.subject_id, found, by=None, now=now)
    elif one.kind == "person":
        row = session.scalar(select(PersonRow).where(PersonRow.id == one.subject_id))
        if row is not None and row.erased_at is None:
            parting.person(session, row, found, now=now)
