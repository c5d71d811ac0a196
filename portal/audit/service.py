"""Writing events: no audit row, no change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity, Person
from portal.audit.catalogue import NOTIFIED, Kind
from portal.audit.models import Event, EventNotice
from portal.rows import insert_rows

LONGEST_CODE = 200

TOKEN = "token"  # the id of the API token by which something was done
KINDS = "kinds"  # in a session's notes: what was recorded in its transaction


def record(
    session: Session,
    kind: Kind,
    *,
    now: datetime,
    actor: Identity | Person | uuid.UUID | None,
    subject: Any = None,
    organisation_id: uuid.UUID | None = None,
    company_id: uuid.UUID | None = None,
    data: Mapping[str, Any] | None = None,
    at_once: bool = False,
    ours: bool = False,
) -> None:
    """Append an event to the transaction of ``session``; ``at_once``: without the unit of work, which costs more.

    ``ours``: the organisation's alone, though its subject is shared: the row names no company, so that no statement of
    the vendor's side reaches it.

    ``subject`` is a mapped row with an ``id``; tenant ids default to the subject's own, then to the actor's tenant.
    ``data`` takes codes, keys, numbers, ids and hashes: anything long enough to be prose is refused. What a program did
    in its person's name carries the id of its token.
    """
    identity = actor if isinstance(actor, Identity) else None
    if organisation_id is None:
        organisation_id = _tenant_of(subject, "organisation") or (
            identity.organisation.id if identity and identity.organisation else None
        )
    if company_id is None and not ours:
        company_id = _tenant_of(subject, "company") or (
            identity.company.id if identity and identity.company else None
        )
    row = {
        "id": uuid.uuid4(),
        "at": now,
        "kind": kind.value,
        "actor_id": _actor_id(actor),
        "organisation_id": organisation_id,
        "company_id": company_id,
        "subject_type": subject.__tablename__ if subject is not None else "",
        "subject_id": getattr(subject, "id", None),
        "data": _codes(data or {}, actor),
    }
    session.info.setdefault(KINDS, set()).add(kind)
    if at_once:
        insert_rows(session, Event, [row])
    else:
        session.add(Event(**row))
    if kind in NOTIFIED and organisation_id is not None:
        session.add(EventNotice(**_notice(row)))


def _notice(row: Mapping[str, Any]) -> dict[str, Any]:
    """What says that an event waits to be told outside."""
    return {
        "event_id": row["id"],
        "organisation_id": row["organisation_id"],
        "company_id": row["company_id"],
        "at": row["at"],
    }


def export_made(what: str, *, now: datetime, actor: Identity) -> Callable[[Session, int], None]:
    """What records that the list ``what`` was taken as a file with so many rows (exporting.Note)."""

    def write(session: Session, rows: int) -> None:
        record(session, Kind.EXPORTED, now=now, actor=actor, data={"what": what, "rows": rows})

    return write


def _actor_id(actor: Identity | Person | uuid.UUID | None) -> uuid.UUID | None:
    if isinstance(actor, Identity):
        return actor.person.id
    return actor.id if isinstance(actor, Person) else actor


def _tenant_of(subject: Any, side: str) -> uuid.UUID | None:
    if subject is None:
        return None
    found = subject.id if subject.__tablename__ == side else getattr(subject, f"{side}_id", None)
    return found if isinstance(found, uuid.UUID) else None


def _codes(data: Mapping[str, Any], actor: Identity | Person | uuid.UUID | None) -> dict[str, Any]:
    """What a row keeps: ``data``, and the token of a program that acts in its person's name."""
    found = {name: _coded(value) for name, value in data.items()}
    if isinstance(actor, Identity) and actor.scopes is not None:
        found[TOKEN] = _coded(actor.session_id)
    return found


def _coded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_coded(one) for one in value]
    text = str(value)
    if len(text) > LONGEST_CODE or "\n" in text:
        raise ValueError("an event holds codes, not prose")
    return text


def record_many(
    session: Session,
    kind: Kind,
    subjects: Mapping[uuid.UUID, Mapping[str, Any]],
    *,
    table: str,
    now: datetime,
    actor: Identity,
) -> None:
    """One event of ``kind`` for each new row of ``table``, by id with its data, in one statement."""
    row = {
        "at": now,
        "kind": kind.value,
        "actor_id": _actor_id(actor),
        "organisation_id": actor.organisation.id if actor.organisation else None,
        "company_id": actor.company.id if actor.company else None,
        "subject_type": table,
    }
    rows = [
        {
            "id": uuid.uuid4(),
            **row,
            "subject_id": one,
            "data": _codes(data, actor),
        }
        for one, data in subjects.items()
    ]
    insert_rows(session, Event, rows)
    if kind in NOTIFIED and actor.organisation is not None:
        insert_rows(session, EventNotice, [_notice(one) for one in rows])
