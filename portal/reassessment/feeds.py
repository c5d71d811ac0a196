"""Private calendar addresses: made after a proof, shown once, revoked in one press; what they hold is seen with the
eyes of their person at the moment of each reading, one place at a time.

An address is a single secret that calendar programs keep and copy. So where a place demands more of who signs in, its
dates come without names.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from urllib.parse import urlsplit

from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import clock, mail, outbox
from portal.access import Identity, Person
from portal.accounts.models import PersonRow
from portal.accounts.service import about, new_token, token_hash
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.db import Database, base_url
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations.queries import Belonging
from portal.reassessment import agenda, agenda_lists, calendar_queries, ics, standing
from portal.reassessment.agenda import Item
from portal.reassessment.agenda_lists import Key
from portal.reassessment.calendar_queries import Row
from portal.reassessment.models_feeds import CalendarFeed
from portal.reassessment.standing import Standing

MOST = 5  # addresses of a person that work
LONGEST_NAME = 60
HINT = 4
MOST_ITEMS = 500
BEFORE, AHEAD = timedelta(days=30), timedelta(days=400)
NEARER = (timedelta(days=30), timedelta(days=120), AHEAD)  # looked at in turn until there are enough

Where = Callable[[Belonging, Item], str]


@dataclass(frozen=True, slots=True)
class Found:
    """An address that works, and how its person stands now. ``places``: those whose dates it holds."""

    feed: CalendarFeed
    standing: Standing
    places: tuple[Belonging, ...]


def make(
    session: Session,
    who: Person,
    *,
    id: uuid.UUID,  # noqa: A002  # the row's own name for it
    name: str,
    place_id: uuid.UUID | None,
    now: datetime,
) -> str:
    """An address under the id that the form carries; returns its token, which is shown once.

    "" when the form was sent before. A letter tells the person. Raises Invalid for a name or a place that is none of
    theirs, Conflict when there are too many.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        sentence = f"Write which calendar it is for, in at most {LONGEST_NAME} characters."
        raise Invalid(errors={"name": sentence})
    stands = standing.of_person(session, who.id)
    if place_id is not None and (stands is None or place_id not in stands.places):
        raise Invalid(errors={"place": "Choose a place that you belong to."})
    _take_turns(session, who.id)
    rows = listed(session, who.id)
    if any(one.id == id for one in rows):
        return ""
    if len(rows) >= MOST:
        raise Conflict(f"You have {MOST} addresses that work. Revoke one that is not needed first.")
    token = new_token()
    row = CalendarFeed(
        id=id,
        person_id=who.id,
        token_hash=token_hash(token),
        hint=token[:HINT],
        place_id=place_id,
        name=name,
        created_at=now,
        read_on=None,
        revoked_at=None,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("The page that you sent was used before. Load it again.") from None
    data = {"feed": id, "place": place_id}
    record(session, Kind.FEED_MADE, now=now, actor=who, subject=about(who.id), data=data)
    _tell(session, who, row, now)
    return token


def revoke(session: Session, who: Person, feed_id: uuid.UUID, *, now: datetime) -> None:
    """End an address at once; NotFound for one that is not the person's. A second press changes nothing."""
    row = session.execute(
        select(CalendarFeed)
        .where(CalendarFeed.id == feed_id, CalendarFeed.person_id == who.id)
        .with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFound
    if row.revoked_at is not None:
        return
    row.revoked_at = now
    record(session, Kind.FEED_REVOKED, now=now, actor=who, subject=about(who.id), data={"feed": feed_id})


def revoke_all(session: Session, person_id: uuid.UUID, *, now: datetime) -> int:
    """End all of a person's addresses, since somebody else may have had what they rest on; returns how many."""
    ended = list(
        session.execute(
            update(CalendarFeed)
            .where(CalendarFeed.person_id == person_id, CalendarFeed.revoked_at.is_(None))
            .values(revoked_at=now)
            .returning(CalendarFeed.id)
            .execution_options(synchronize_session=False)
        ).scalars()
    )
    if ended:
        data = {"feeds": ended}
        record(session, Kind.FEED_REVOKED, now=now, actor=person_id, subject=about(person_id), data=data)
    return len(ended)


def listed(session: Session, person_id: uuid.UUID) -> list[CalendarFeed]:
    """The addresses of a person that work, the newest first."""
    statement = select(CalendarFeed).where(
        CalendarFeed.person_id == person_id, CalendarFeed.revoked_at.is_(None)
    )
    return list(
        session.execute(statement.order_by(CalendarFeed.created_at.desc(), CalendarFeed.id)).scalars()
    )


def _take_turns(session: Session, person_id: uuid.UUID) -> None:
    """Of two presses at the same instant the second sees what the first has made."""
    session.execute(select(PersonRow.id).where(PersonRow.id == person_id).with_for_update()).scalar_one()


def _tell(session: Session, who: Person, row: CalendarFeed, now: datetime) -> None:
    letter = mail.compose(
        "feed_made",
        to=(who.name, who.email),
        subject="A private calendar address was made",
        hint=f"{row.hint}…",
        link=f"{base_url(session)}/account/calendar",
    )
    outbox.queue(session, letter, now=now)


# ------------------------------------------------------------------------------------------------------------ reading


def by_token(session: Session, token: str) -> Found:
    """The address that works by this token; NotFound for any other, for one that was revoked, and where its person is
    gone or belongs nowhere that it holds any more. One of a single place ends with the membership: whoever comes back
    there makes another.
    """
    row = session.execute(
        select(CalendarFeed).where(
            CalendarFeed.token_hash == token_hash(token), CalendarFeed.revoked_at.is_(None)
        )
    ).scalar_one_or_none()
    stands = standing.of_person(session, row.person_id) if row is not None else None
    if row is None or stands is None:
        raise NotFound
    places = tuple(
        one
        for one in stands.belongings
        if row.place_id is None or (row.place_id == one.id and one.since <= row.created_at)
    )
    if not places:
        raise NotFound
    return Found(row, stands, places)


def note_read(session: Session, found: Found, *, now: datetime) -> None:
    """Put on record at each place that its dates were read: the first time of a day, whoever else reads."""
    today = now.date()
    feed = CalendarFeed
    first = session.execute(
        update(feed)
        .where(feed.id == found.feed.id, feed.read_on.is_distinct_from(today))
        .values(read_on=today)
        .returning(feed.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if first is None:
        return
    who = found.standing.person.id
    for place in found.places:
        data = {"feed": found.feed.id}
        record(
            session,
            Kind.FEED_READ,
            now=now,
            actor=who,
            subject=about(who),
            organisation_id=place.id if place.side == "organisation" else None,
            company_id=place.id if place.side == "company" else None,
            data=data,
            at_once=True,
        )


def calendar_of(database: Database, found: Found, where: Where, *, now: datetime) -> tuple[bytes, str]:
    """(the calendar as of ``now``, a hash that is the same while nothing in it but that instant has changed): of all
    its places the MOST_ITEMS items that are nearest, by date.

    ``where``: the path of the page on which one acts on an item.
    """
    host = urlsplit(database.base_url).hostname or "portal"
    seen = [
        (place, rows)
        for place in found.places
        for rows in (_rows(database, found.standing.places[place.id], place, now),)
    ]
    events = [
        (
            abs((row.item.due - local_date(now, row.item.zone)).days),
            _event(database.base_url, place, row, host, where),
        )
        for place, rows in seen
        for row in rows
    ]
    events.sort(key=lambda one: (one[0], one[1].day, one[1].uid))
    nearest = sorted((one for _far, one in events[:MOST_ITEMS]), key=lambda one: (one.day, one.uid))
    written = partial(ics.written, _name(found), nearest, _cut() if len(events) >= MOST_ITEMS else "")
    return written(now=now), sha256(written(now=clock.instant(0))).hexdigest()


def _rows(database: Database, identity: Identity, place: Belonging, now: datetime) -> list[Row]:
    """The nearest items of one place, in its own scope; those of a closed one without words."""
    today = now.date()
    with database.looking(identity.scope) as session:
        found: list[Key] = []
        for reach in NEARER:
            found = agenda_lists.keys(session, identity, first=today - min(reach, BEFORE), last=today + reach)
            if len(found) >= MOST_ITEMS:
                break
        found.sort(key=lambda one: abs((one.dated.due - today).days))  # of equal ones the earlier stays first
        nearest = agenda_lists.items(session, identity, found[:MOST_ITEMS])
        if is_closed(place):
            return [Row(one, "", "", "", "") for one in nearest]
        return calendar_queries.rows(session, identity, nearest)


def is_closed(place: Belonging) -> bool:
    """Whether a place asks for more than a password of who signs in: then an address alone tells no names there."""
    return place.second_factor or place.by_provider


def _event(base: str, place: Belonging, row: Row, host: str, where: Where) -> ics.Event:
    """The item under a name of its own at each place: who belongs to both sides has it twice."""
    item, ending = row.item, f"{place.id}@{host}"
    if is_closed(place):
        page = f"/o/{place.slug}/calendar?year={item.due.year}&month={item.due.month}"
        return ics.Event(
            f"date-{agenda.subject_of('date', item.subject, item.kind)}-{ending}",
            item.due,
            str(_("A date at %(place)s", place=place.name)),
            str(_("%(place)s asks for more than an address: sign in to read it.", place=place.name)),
            place.name,
            f"{base}{page}",
        )
    who = ", ".join(one for one in (row.vendor, row.engagement) if one)
    summary = f"{row.what}, {who}" if who else row.what
    return ics.Event(
        f"{item.kind}-{item.subject}-{ending}",
        item.due,
        summary,
        "\n".join(_told(item, row)),
        place.name,
        f"{base}{where(place, item)}",
    )


def _told(item: Item, row: Row) -> Iterator[str]:
    if item.due_time is not None:
        yield str(_("By %(time)s, %(zone)s.", time=item.due_time.strftime("%H:%M"), zone=item.zone))
    yield row.why


def _cut() -> str:
    return str(
        _(
            "Only the %(num)s dates that are nearest: all of them stand in the portal's calendar.",
            num=MOST_ITEMS,
        )
    )


def _name(found: Found) -> str:
    if found.feed.place_id is None:
        return str(_("Audit calendar"))
    return str(_("Audit calendar of %(place)s", place=found.places[0].name))
