"""The digest: one letter a day and person, to which lines are attached until it goes.

Which day and hour is the reader's. A digest that could not be sent takes new lines, too, and whatever is unsent of a
person flows into the one that is claimed (outbox.claim): an outage ends in one letter.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.accounts.models import PersonRow
from portal.clock import begins, zone_of
from portal.outbox import DIGEST, DROPPED, QUEUED, UNSENT, Message
from portal.reassessment import standing
from portal.reassessment.models_post import Digest
from portal.rows import insert_new_ids

NIGHT = 20  # from this hour on, what is found waits for the next day
DAYS = 2  # today and tomorrow: a digest is never set further ahead (outbox.AHEAD)
_NAMES = uuid.UUID("6f1c7f2e-8f43-4d0a-9f6b-0d2c3c1d5a08")


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a digest goes to, where they are, and at which hour there it is sent."""

    id: uuid.UUID
    name: str
    address: str
    zone: str
    hour: int


def first_day(now: datetime, zone: str) -> date:
    """The reader's local day whose digest a line of ``now`` goes with: today's, unless it is night there."""
    local = now.astimezone(zone_of(zone))
    return local.date() + timedelta(days=local.hour >= NIGHT)


def leaves_at(day: date, zone: str, hour: int, *, now: datetime) -> datetime:
    """When the digest of ``day`` leaves: at the reader's hour, or at once where that is over."""
    return max(now, begins(day, zone, hour))


def id_of(person_id: uuid.UUID, day: date, turn: int = 0) -> uuid.UUID:
    """The id of a person's digest of a day. ``turn`` counts those that came to nothing before."""
    return uuid.uuid5(_NAMES, f"{person_id}:{day.isoformat()}:{turn}")


def readers(session: Session, fallback: Mapping[uuid.UUID, str]) -> dict[uuid.UUID, Reader]:
    """These people by id; ``fallback``: the zone of each who has set none and belongs nowhere. So nobody has two days
    at once, whichever organisation's line comes first.
    """
    zones = standing.zones(session, list(fallback))
    rows = session.execute(
        select(PersonRow.id, PersonRow.name, PersonRow.address, PersonRow.post_hour).where(
            PersonRow.id.in_(list(fallback)), PersonRow.erased_at.is_(None)
        )
    )
    return {
        one.id: Reader(one.id, one.name, one.address, zones.get(one.id, fallback[one.id]), one.post_hour)
        for one in rows
    }


def attach(
    session: Session, fallback: Mapping[uuid.UUID, str], *, now: datetime, state: str = QUEUED
) -> dict[uuid.UUID, uuid.UUID]:
    """The unsent digest of each of these people, made where there is none: person -> message.

    ``fallback``: see ``readers``. ``state``: ``held`` while a restore waits for somebody's word. The
    digests are locked until the transaction ends, so that none is claimed before the caller's lines are in.
    """
    found: dict[uuid.UUID, uuid.UUID] = {}
    known = readers(session, fallback)
    turns = dict.fromkeys(sorted(known, key=lambda one: one.hex), (0, 0))  # (days ahead, turn)
    waits = UNSENT if state == QUEUED else (state,)
    while turns:
        found |= _unsent(session, turns, waits)
        turns = {one: turn for one, turn in turns.items() if one not in found}
        if not turns:
            break
        made = _make(session, {one: (known[one], *turn) for one, turn in turns.items()}, now, state)
        found |= made
        left = {one: turn for one, turn in turns.items() if one not in made}
        turns = _onward(session, left, known, waits, now)
    return found


def _unsent(
    session: Session, people: Collection[uuid.UUID], waits: Collection[str]
) -> dict[uuid.UUID, uuid.UUID]:
    """The first unsent digest of each, locked in the order in which a claim locks them."""
    rows = session.execute(
        select(Message.person_id, Message.id)
        .where(
            Message.person_id.in_(list(people)),
            Message.kind == DIGEST,
            Message.state.in_(waits),
        )
        .order_by(Message.person_id, Message.due_at, Message.id)
        .with_for_update()
    )
    found: dict[uuid.UUID, uuid.UUID] = {}
    for person_id, message_id in rows:
        if person_id is not None:
            found.setdefault(person_id, message_id)
    return found


def _make(
    session: Session, wanted: Mapping[uuid.UUID, tuple[Reader, int, int]], now: datetime, state: str
) -> dict[uuid.UUID, uuid.UUID]:
    """Insert a digest for each; the id is the lock: of two who make the same one, one gets it back."""
    rows, days = [], {}
    for reader, ahead, turn in wanted.values():
        day = first_day(now, reader.zone) + timedelta(days=ahead)
        message_id = id_of(reader.id, day, turn)
        days[message_id] = (reader.id, day)
        rows.append(
            {
                "id": message_id,
                "kind": DIGEST,
                "recipient": reader.address,
                "recipient_name": reader.name,
                "sender_name": "",
                "subject": "",
                "text": "",
                "html": "",
                "secret": False,
                "state": state,
                "created_at": now,
                "due_at": leaves_at(day, reader.zone, reader.hour, now=now),
                "attempts": 0,
                "fence": 0,
                "last_error": "",
                "person_id": reader.id,
                "group": "",
                "ready": False,
            }
        )
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    new = insert_new_ids(session, Message, rows)
    if new:
        kept = [
            {"message_id": one, "person_id": days[one][0], "day": days[one][1]}
            for one in sorted(new, key=lambda one: one.hex)
        ]
        upsert = insert(Digest)
        upsert = upsert.on_conflict_do_update(
            index_elements=["person_id", "day"], set_={"message_id": upsert.excluded.message_id}
        )
        session.execute(upsert, kept)
    return {days[one][0]: one for one in new}


def _onward(
    session: Session,
    tried: Mapping[uuid.UUID, tuple[int, int]],
    known: Mapping[uuid.UUID, Reader],
    waits: Collection[str],
    now: datetime,
) -> dict[uuid.UUID, tuple[int, int]]:
    """Where to try next: one that has been sent today means tomorrow; one that came to nothing, or that of tomorrow,
    once more. In the end there is one that nobody has made.

    One that somebody else has just made is found by the next look.
    """
    ids = {
        id_of(one, first_day(now, known[one].zone) + timedelta(days=ahead), turn): one
        for one, (ahead, turn) in tried.items()
    }
    states = session.execute(
        select(Message.id, Message.state, Message.into_id).where(Message.id.in_(list(ids)))
    )
    onward = dict(tried)
    for message_id, state, into in states:
        one = ids[message_id]
        ahead, turn = tried[one]
        if state in waits:
            continue
        once_more = ahead + 1 == DAYS or (state == DROPPED and into is None)
        onward[one] = (ahead, turn + 1) if once_more else (ahead + 1, 0)
    return onward
