"""After a restore: what was destroyed since the backup is destroyed once more, by its own certificates (law 6).

The certificates are read from the installation before it is replaced, and written to a file beside it: whatever stops
in between, they are there to be carried out.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from portal import engines
from portal.accounts.models import PersonRow
from portal.audit.catalogue import Kind
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


def issued(database: Database) -> list[Issued]:
    """Every certificate of an installation, the oldest first; none of one that is empty or from before them."""
    with engines.looking(database) as connection:
        if Certificate.__tablename__ not in inspect(connection).get_table_names():
            return []
        columns = [getattr(Certificate, name) for name in Issued.__dataclass_fields__]
        rows = connection.execute(select(*columns).order_by(Certificate.issued_at, Certificate.id))
        return [Issued(*row) for row in rows]


def keep_beside(some: list[Issued], folder: Path, now: datetime) -> Path | None:
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


def carry_out(database: Database, some: list[Issued], *, now: datetime) -> int:
    """Destroy again what these certificates name and the restored database does not know of; returns how many.

    Each in a transaction of its own, with the certificate as it was: a second run finds it and does nothing.
    """
    done = 0
    for one in some:
        with database.transaction() as session:
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
