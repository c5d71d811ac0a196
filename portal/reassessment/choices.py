"""What a person wants to get: groups of letters turned off for a place, by the account page or by one click.

Letters that somebody must get, since a date or another person rests on them, belong to no group.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.access import Person
from portal.accounts.mailboxes import keyed
from portal.accounts.models import PersonRow
from portal.accounts.service import about
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Invalid, NotFound
from portal.organisations import queries as organisations
from portal.reassessment.kinds import COMPANY_ROLES, KINDS
from portal.reassessment.ladder import HOUR
from portal.reassessment.models_post import LetterChoice

COMING, COPIES, EVIDENCE, CAMPAIGNS, CALENDAR = (
    "coming",
    "overdue_copies",
    "evidence",
    "campaigns",
    "calendar",
)
GROUPS = (COMING, COPIES, EVIDENCE, CAMPAIGNS, CALENDAR)
# What people of a company are told about before its date: the rest is about what is asked of them.
OF_COMPANY = (COMING, EVIDENCE)
MANDATORY = frozenset({"stuck", "incident"})
EVERYWHERE = uuid.UUID(int=0)
FIRST_HOUR, LAST_HOUR = 6, 20
MAC = 16  # bytes
_ORDER = (*GROUPS,)


def group_of(kind: str, step: str, role: str) -> str:
    """The group of a reminder to somebody who is told through this ``role`` of the ladder; "" is mandatory.

    Who has to act may not turn off what is due today or late. To whom it was only carried up may.
    """
    pressing = is_pressing(step)
    if kind in MANDATORY or (pressing and KINDS[kind].asks(role)):
        return ""
    if kind == "evidence":
        return EVIDENCE
    if kind == "campaign":
        return "" if role in COMPANY_ROLES else CAMPAIGNS
    return COPIES if pressing else COMING


def is_pressing(step: str) -> bool:
    """Whether a step, by its name, speaks of what is due that day, within hours, or late."""
    return step == "on-the-day" or step.startswith(("after-", HOUR))


Off = frozenset[tuple[uuid.UUID, uuid.UUID, str]]


def turned_off(session: Session, people: Collection[uuid.UUID]) -> Off:
    """(person, place, group) of everything that these people do not want; a place is an organisation or a company."""
    rows = session.execute(
        select(LetterChoice.person_id, LetterChoice.place_id, LetterChoice.group).where(
            LetterChoice.person_id.in_(list(people))
        )
    )
    return frozenset((who, place, group) for who, place, group in rows)


def post_of(session: Session, person_id: uuid.UUID) -> tuple[str | None, int]:
    """(zone, hour) as the person has set them."""
    row = session.execute(select(PersonRow.zone, PersonRow.post_hour).where(PersonRow.id == person_id)).one()
    return row.zone, row.post_hour


def save(
    session: Session,
    who: Person,
    *,
    zone: str | None,
    hour: int,
    off: Collection[tuple[uuid.UUID, str]],
    now: datetime,
) -> None:
    """Everything of the page at once. ``off``: (place, group) among the person's own places; others are left out.

    Raises Invalid for an hour at which nothing is sent.
    """
    if not FIRST_HOUR <= hour <= LAST_HOUR:
        raise Invalid(errors={"hour": f"Choose an hour from {FIRST_HOUR} to {LAST_HOUR}."})
    places = {one.id for one in organisations.tenants_of(session, who.id)}
    wanted = {(place, group) for place, group in off if place in places and group in GROUPS}
    there = {(place, group) for _who, place, group in turned_off(session, [who.id])}
    session.execute(update(PersonRow).where(PersonRow.id == who.id).values(zone=zone, post_hour=hour))
    for place, group in sorted(there - wanted, key=str):
        session.execute(
            delete(LetterChoice)
            .where(
                LetterChoice.person_id == who.id,
                LetterChoice.place_id == place,
                LetterChoice.group == group,
            )
            .execution_options(synchronize_session=False)
        )
    _insert(session, who.id, wanted - there, now)
    data: dict[str, Any] = {"zone": zone or "", "hour": hour, "off": len(wanted)}
    record(session, Kind.LETTERS_CHOSEN, now=now, actor=who, subject=about(who.id), data=data)


def _insert(
    session: Session, person_id: uuid.UUID, off: Collection[tuple[uuid.UUID, str]], now: datetime
) -> None:
    if not off:
        return
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    rows = [
        {"person_id": person_id, "place_id": place, "group": group, "off_at": now}
        for place, group in sorted(off, key=str)
    ]
    session.execute(insert(LetterChoice).on_conflict_do_nothing(), rows)


# ------------------------------------------------------------------------------------------------------- one click


def token(session: Session, person_id: uuid.UUID, place_id: uuid.UUID, group: str) -> str:
    """What an address needs to turn off ``group`` at ``place_id`` (EVERYWHERE for all places of the day), and no more.

    Nothing is stored: person, place and group with a MAC over them. It works as long as the installation's key.
    """
    plain = person_id.bytes + place_id.bytes + bytes([_ORDER.index(group)])
    return base64.urlsafe_b64encode(plain + _mac(session, plain)).decode().rstrip("=")


def read_token(session: Session, given: str) -> tuple[uuid.UUID, uuid.UUID, str]:
    """(person, place, group) that a token names; NotFound for anything that this installation has not made."""
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise NotFound from None
    plain, mac = raw[:-MAC], raw[-MAC:]
    if len(plain) != 33 or not hmac.compare_digest(mac, _mac(session, plain)) or plain[32] >= len(_ORDER):
        raise NotFound
    return uuid.UUID(bytes=plain[:16]), uuid.UUID(bytes=plain[16:32]), _ORDER[plain[32]]


def _mac(session: Session, plain: bytes) -> bytes:
    return keyed(session, "letters", plain.hex())[:MAC]


def places_named(session: Session, given: str) -> tuple[str, list[str]]:
    """What following the link would turn off: the group, and the names of the places; NotFound as read_token says."""
    person_id, place_id, group = read_token(session, given)
    return group, [name for _id, name in _places(session, person_id, place_id)]


def turn_off(session: Session, given: str, *, now: datetime) -> str:
    """Turn off what the token names; returns the group. Twice is once, and it can never turn anything on."""
    person_id, place_id, group = read_token(session, given)
    places = _places(session, person_id, place_id)
    there = {(place, one) for _who, place, one in turned_off(session, [person_id])}
    new = {(place, group) for place, _name in places} - there
    if new:
        _insert(session, person_id, new, now)
        data = {"group": group, "places": len(new), "link": True}
        record(session, Kind.LETTERS_CHOSEN, now=now, actor=person_id, subject=about(person_id), data=data)
    return group


def _places(session: Session, person_id: uuid.UUID, place_id: uuid.UUID) -> list[tuple[uuid.UUID, str]]:
    belongs = organisations.tenants_of(session, person_id)
    return [(one.id, one.name) for one in belongs if place_id in (EVERYWHERE, one.id)]


def by_place(off: Off, person_id: uuid.UUID) -> Mapping[uuid.UUID, frozenset[str]]:
    """Place -> groups that this person has turned off there."""
    found: dict[uuid.UUID, set[str]] = {}
    for who, place, group in off:
        if who == person_id:
            found.setdefault(place, set()).add(group)
    return {place: frozenset(groups) for place, groups in found.items()}
