"""The text of a digest, worked out when it is sent: one headed block for each organisation, no line in two of them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import letters, mail
from portal.access import Identity, Permission
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.formats import long_date
from portal.letters import Nothing, Rendered
from portal.organisations.models import Organisation
from portal.outbox import DIGEST, Message
from portal.reassessment import choices, lines, outcomes, standing
from portal.reassessment.lines import LEFT, UNSUBSCRIBED, Block, Line, Looked
from portal.reassessment.models import Reminder, ReminderEnd
from portal.reassessment.outcomes import UNDELIVERED
from portal.reassessment.standing import Standing

OWES = "asks for a second factor: set one up there to read them."
PROVIDER = "has a sign-in of its own: sign in there to read them."
FALLBACK_ZONE = "UTC"


@dataclass(frozen=True, slots=True)
class Asker:
    """An organisation that a line comes from, as its name and zone are now."""

    id: uuid.UUID
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What a letter carries: its reminders that nobody has left out yet, and who asks."""

    reminders: tuple[Reminder, ...]
    askers: Mapping[uuid.UUID, Asker]
    standing: Standing | None
    off: Mapping[uuid.UUID, frozenset[str]]
    before: datetime | None = None  # when the person's last digest went


def carried(session: Session, message: Message) -> Carried:
    """The lines of ``message``: those that were attached to it, and to whatever has flowed into it.

    What was given up once is carried again, should somebody have the letter sent after all.
    """
    within = select(Message.id).where(or_(Message.id == message.id, Message.into_id == message.id))
    ended = exists().where(ReminderEnd.reminder_id == Reminder.id, ReminderEnd.why != UNDELIVERED)
    found = tuple(
        session.execute(
            select(Reminder)
            .where(Reminder.message_id.in_(within), Reminder.skipped == "", ~ended)
            .order_by(Reminder.queued_at, Reminder.id)
        ).scalars()
    )
    rows = session.execute(
        select(Organisation.id, Organisation.name, Organisation.zone).where(
            Organisation.id.in_({one.organisation_id for one in found})
        )
    )
    askers = {one.id: Asker(one.id, one.name, one.zone) for one in rows}
    if message.person_id is None:
        return Carried(found, askers, None, {})
    off = choices.turned_off(session, [message.person_id])
    stands = standing.of_person(session, message.person_id)
    before = session.scalar(
        select(func.max(Message.sent_at)).where(
            Message.person_id == message.person_id, Message.kind == DIGEST, Message.state == "sent"
        )
    )
    return Carried(found, askers, stands, choices.by_place(off, message.person_id), before)


def carried_by(database: Database, message: Message) -> Carried:
    """What a claimed letter carries: which lines, to whom. Their words are read in each tenant's own scope."""
    with database.looking(SYSTEM) as session:
        return carried(session, message)


def off_path(database: Database, person_id: uuid.UUID, place_id: uuid.UUID, group: str) -> str:
    """The path that turns off ``group`` there, without signing in."""
    with database.looking() as session:
        return f"/letters/off/{choices.token(session, person_id, place_id, group)}"


def render(database: Database, message: Message, now: datetime) -> Rendered | Nothing:
    """The digest as of ``now``: what is still so, in the places where the person still belongs."""
    carries = carried_by(database, message)
    blocks, dropped = _blocks(database, carries, now)
    note = partial(leave_out, carries.reminders, dropped)
    stands = carries.standing
    if stands is None or not blocks:
        return Nothing(LEFT if stands is None else most_frequent(dropped), note)
    path = off_path(database, stands.person.id, choices.EVERYWHERE, choices.COMING)
    zone = zone_for(stands, carries)
    letter = mail.compose(
        DIGEST,
        to=(stands.person.name, stands.person.email),
        subject=subject_of(blocks),
        blocks=blocks,
        base=database.base_url,
        day_words=long_date(local_date(now, zone)),
        confirm=f"{database.base_url}/confirm",
        coded=any(line.code for block in blocks for line in block.lines),
        choices_link=f"{database.base_url}/account/letters",
        off_link=f"{database.base_url}{path}",
        why="",
    )
    count = sum(one.count for one in blocks)
    return Rendered(letter, note, path, {"lines": count, "places": len(blocks), "dropped": len(dropped)})


def _blocks(
    database: Database, carries: Carried, now: datetime
) -> tuple[tuple[Block, ...], dict[uuid.UUID, str]]:
    stands = carries.standing
    if stands is None:
        return (), {one.id: LEFT for one in carries.reminders}
    by_place: dict[tuple[uuid.UUID | None, uuid.UUID], list[Reminder]] = defaultdict(list)
    for one in carries.reminders:
        by_place[one.company_id, one.organisation_id].append(one)
    blocks: list[Block] = []
    dropped: dict[uuid.UUID, str] = {}
    for (company, organisation), reminders in by_place.items():
        looked = look(
            database, carries, reminders, place=company or organisation, asker=organisation, now=now
        )
        dropped.update(looked.dropped)
        if looked.block is not None:
            blocks.append(_with_undelivered(database, carries, looked.block, now))
    return tuple(sorted(blocks, key=lambda one: (one.head.casefold(), one.place_id.hex))), dropped


def _with_undelivered(database: Database, carries: Carried, block: Block, now: datetime) -> Block:
    """The block; for who may send letters again with how many reminders reached nobody since their last digest."""
    stands = carries.standing
    identity = stands.places[block.place_id] if stands is not None else None
    if identity is None or identity.organisation is None or block.locked:
        return block
    if not identity.may(Permission.RESEND_LETTER):
        return block
    since = [ReminderEnd.at > carries.before] if carries.before is not None else []
    with database.looking(identity.scope) as session:
        statement = outcomes.joined(select(func.count()).select_from(Reminder), identity)
        lost = session.scalar(statement.where(outcomes.undelivered(), *since))
    if not lost:
        return block
    words = "One reminder has" if lost == 1 else f"{lost} reminders have"
    text = f"{words} reached nobody: no mail server took the letter, or the mailbox refused it."
    path = f"/o/{identity.organisation.slug}/letters?state=gave_up"
    line = Line("letters", block.place_id, now.date(), text, path)
    return replace(block, lines=(*block.lines, line))


def look(
    database: Database,
    carries: Carried,
    reminders: Sequence[Reminder],
    *,
    place: uuid.UUID,
    asker: uuid.UUID,
    now: datetime,
) -> Looked:
    """The block of one place; nothing where the person does not belong any more, or does not want it."""
    stands = carries.standing
    identity = stands.places.get(place) if stands is not None else None
    if stands is None or identity is None:
        return Looked(None, {one.id: LEFT for one in reminders})
    unwanted = carries.off.get(place, frozenset())
    dropped = {one.id: UNSUBSCRIBED for one in reminders if one.group in unwanted}
    wanted = [one for one in reminders if one.id not in dropped]
    if not wanted:
        return Looked(None, dropped)
    head, zone = _head(identity, carries.askers[asker]), stands.zone or carries.askers[asker].zone
    looked = lines.block(database, identity, wanted, head=head, now=now, zone=zone)
    block = looked.block
    if block is not None and place in stands.locked | stands.by_provider:
        why = OWES if place in stands.locked else PROVIDER
        path = f"{lines.place_of(identity)[0]}/calendar"  # that of the block may tell a kind and a month
        block = Block(head, place, (), block.count, path, locked=True, why_locked=why)
    return Looked(block, dropped | dict(looked.dropped))


def _head(identity: Identity, asker: Asker) -> str:
    if identity.company is not None:
        return f"For {identity.company.name}: asked by {asker.name}"
    return asker.name


def subject_of(blocks: Sequence[Block]) -> str:
    """``3 dates at Halden Mutual, 1 at Orrin Freight``; a single line speaks for itself."""
    if len(blocks) == 1 and blocks[0].count == 1 and blocks[0].lines:
        return f"{blocks[0].head}: {blocks[0].lines[0].text}"
    first = blocks[0]
    words = [f"{_dates(first.count)} at {first.head}"]
    return ", ".join(words + [f"{one.count} at {one.head}" for one in blocks[1:]])


def _dates(count: int) -> str:
    return "1 date" if count == 1 else f"{count} dates"


def zone_for(stands: Standing, carries: Carried) -> str:
    """Where the reader is; of one who belongs nowhere by now, where the first of those who ask is."""
    zones = sorted((one.name, one.zone) for one in carries.askers.values())
    return stands.zone or (zones[0][1] if zones else FALLBACK_ZONE)


def most_frequent(dropped: Mapping[uuid.UUID, str]) -> str:
    """The reason that a letter without lines is dropped for: the one of them all, or the most frequent."""
    counted: dict[str, int] = defaultdict(int)
    for why in dropped.values():
        counted[why] += 1
    return max(sorted(counted), key=lambda why: counted[why]) if counted else "empty"


def leave_out(
    reminders: Collection[Reminder], dropped: Mapping[uuid.UUID, str], session: Session, now: datetime
) -> None:
    """Put on record which reminders a letter has left out, and why."""
    rows = [
        {
            "reminder_id": one.id,
            "organisation_id": one.organisation_id,
            "company_id": one.company_id,
            "why": dropped[one.id],
            "at": now,
        }
        for one in sorted(reminders, key=lambda one: one.id.hex)
        if one.id in dropped
    ]
    if not rows:
        return
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(ReminderEnd).on_conflict_do_nothing(index_elements=["reminder_id"])
    session.execute(statement, rows)


def undelivered(session: Session, message: Message, now: datetime) -> None:
    """A letter was given up: whatever it carried has reached nobody."""
    found = carried(session, message).reminders
    leave_out(found, {one.id: UNDELIVERED for one in found}, session, now)


letters.register(DIGEST, render, undelivered)
