"""Reading the record of events: a tenant's own, filtered, newest first, a page at a time by key."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, Enquiry, Rating, Submission
from portal.audit.models import Event
from portal.audit.words import acted_kinds, kinds_of, readable_kinds
from portal.organisations.models import CompanyMember, OrganisationMember
from portal.vendors.models import Contact, Engagement, Vendor

SIZE = 50
MOST_EXPORTED = 100_000


@dataclass(frozen=True, slots=True)
class Key:
    """The place of an event in the order: newest first, ids decide between events of one instant."""

    at: datetime
    id: uuid.UUID


@dataclass(frozen=True, slots=True)
class Filter:
    """What the record is narrowed to; "" and None are everything. Days are of ``zone``, both included."""

    group: str = ""
    person_id: uuid.UUID | None = None
    subject_type: str = ""
    subject_id: uuid.UUID | None = None
    first: date | None = None
    last: date | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Subject:
    """What an event was about, while it is still there. ``table`` and ``id`` say which page leads to it.

    Submissions, ratings and enquiries are reached through their ``assessment``.
    """

    table: str
    id: uuid.UUID
    name: str
    assessment: uuid.UUID | None = None


def events(
    session: Session, identity: Identity, narrowed: Filter, *, before: Key | None, size: int = SIZE
) -> tuple[list[Event], bool]:
    """Events after ``before`` in the order, and whether there are more; costs the same on every page."""
    statement = ordered(identity, narrowed)
    if before is not None:
        statement = statement.where(Event.at <= before.at, or_(Event.at < before.at, Event.id < before.id))
    found = list(session.execute(statement.limit(size + 1)).scalars())
    return found[:size], len(found) > size


def ordered(identity: Identity, narrowed: Filter) -> Select[Any]:
    """All events that the identity's tenant may read under this filter, newest first."""
    return (
        select(Event)
        .where(*mine(identity.scope, Event), _readable(identity), *_criteria(narrowed))
        .order_by(Event.at.desc(), Event.id.desc())
    )


def by_ids(session: Session, identity: Identity, ids: Sequence[uuid.UUID]) -> list[Event]:
    """These events in the order given; those that the tenant may not read are left out."""
    statement = select(Event).where(*mine(identity.scope, Event), _readable(identity), Event.id.in_(ids))
    found = {one.id: one for one in session.execute(statement).scalars()}
    return [found[one] for one in ids if one in found]


def ids(identity: Identity, narrowed: Filter) -> Select[Any]:
    """The ids of the newest events for an export."""
    return ordered(identity, narrowed).with_only_columns(Event.id).limit(MOST_EXPORTED)


def _readable(identity: Identity) -> ColumnElement[bool]:
    """An event of two tenants is read by whom audit.words names; an id that it carries is no right to read it."""
    side = "organisation" if identity.organisation is not None else "company"
    other = Event.company_id if side == "organisation" else Event.organisation_id
    return or_(
        other.is_(None),
        Event.kind.in_(readable_kinds(side)),
        and_(Event.kind.in_(acted_kinds()), _one_of_ours(identity)),
    )


def _one_of_ours(identity: Identity) -> ColumnElement[bool]:
    """Whether whoever acted is or was a member of the tenant."""
    member: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    return exists().where(member.person_id == Event.actor_id, *mine(identity.scope, member))


def _criteria(narrowed: Filter) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if narrowed.group:
        criteria.append(Event.kind.in_(kinds_of(narrowed.group)))
    if narrowed.person_id is not None:
        criteria.append(Event.actor_id == narrowed.person_id)
    if narrowed.subject_type:
        criteria.append(Event.subject_type == narrowed.subject_type)
    if narrowed.subject_id is not None:
        criteria.append(Event.subject_id == narrowed.subject_id)
    if narrowed.first is not None:
        criteria.append(Event.at >= _start(narrowed.first, narrowed.zone))
    if narrowed.last is not None and narrowed.last < date.max:
        criteria.append(Event.at < _start(narrowed.last + timedelta(days=1), narrowed.zone))
    return criteria


def _start(day: date, zone: str) -> datetime:
    """The first instant of a day; days at the ends of the calendar are read in UTC."""
    near = date(2, 1, 1) < day < date(9998, 1, 1)
    return datetime.combine(day, time.min, ZoneInfo(zone if near else "UTC"))


# ----------------------------------------------------------------------------------------------------- their names


def names(session: Session, found: Iterable[Event]) -> dict[uuid.UUID, str]:
    """Names of those who acted; "" for a person who was erased, absent for one who never was."""
    wanted = {one.actor_id for one in found if one.actor_id is not None}
    if not wanted:
        return {}
    rows = session.execute(
        select(PersonRow.id, PersonRow.name, PersonRow.erased_at).where(PersonRow.id.in_(wanted))
    )
    return {person: "" if erased_at else name for person, name, erased_at in rows}


def members(session: Session, identity: Identity) -> list[tuple[uuid.UUID, str]]:
    """Everybody who is or was in the tenant, by name, for a filter."""
    member: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    rows = session.execute(
        select(PersonRow.id, PersonRow.name)
        .join(member, member.person_id == PersonRow.id)
        .where(*mine(identity.scope, member), PersonRow.erased_at.is_(None))
    )
    return sorted(((person, name) for person, name in rows), key=lambda one: one[1].casefold())


def subjects(session: Session, identity: Identity, found: Iterable[Event]) -> dict[uuid.UUID, Subject]:
    """What the events were about, as far as it is still there and has a page; a statement for each kind of subject."""
    by_type: dict[str, set[uuid.UUID]] = {}
    for one in found:
        if one.subject_id is not None:
            by_type.setdefault(one.subject_type, set()).add(one.subject_id)
    read: dict[uuid.UUID, Subject] = {}
    if identity.organisation is not None:
        for model in (Vendor, Engagement, Contact):
            read |= _named(session, identity, model, by_type.get(model.__tablename__, ()))
    read |= _assessments(session, identity, by_type.get("assessment", set()) | _named_beside(found))
    read |= _of_submissions(session, identity, by_type.get("submission", ()))
    read |= _of_ratings(session, identity, by_type.get("rating", ()))
    read |= _of_enquiries(session, identity, by_type.get("enquiry", ()))
    return read


def assessment_in(one: Event) -> uuid.UUID | None:
    """The assessment that an event about something else belongs to."""
    try:
        return uuid.UUID(str(one.data.get("assessment", "")))
    except ValueError:
        return None


def _named_beside(found: Iterable[Event]) -> set[uuid.UUID]:
    return {key for key in map(assessment_in, found) if key is not None}


def _named(
    session: Session, identity: Identity, model: Any, wanted: Collection[uuid.UUID]
) -> dict[uuid.UUID, Subject]:
    if not wanted:
        return {}
    statement = select(model.id, model.name).where(*mine(identity.scope, model), model.id.in_(wanted))
    return {key: Subject(model.__tablename__, key, name) for key, name in session.execute(statement)}


def _assessments(
    session: Session, identity: Identity, wanted: Collection[uuid.UUID]
) -> dict[uuid.UUID, Subject]:
    if not wanted:
        return {}
    statement = select(Assessment.id, Assessment.title, Assessment.subject).where(
        *mine(identity.scope, Assessment), Assessment.id.in_(wanted)
    )
    return {
        key: Subject("assessment", key, f"{title}, {subject}")
        for key, title, subject in session.execute(statement)
    }


def _of_submissions(
    session: Session, identity: Identity, wanted: Collection[uuid.UUID]
) -> dict[uuid.UUID, Subject]:
    if not wanted:
        return {}
    statement = (
        select(Submission.id, Assessment.id, Assessment.title)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(*mine(identity.scope, Submission, Assessment), Submission.id.in_(wanted))
    )
    return {key: Subject("submission", key, title, found) for key, found, title in session.execute(statement)}


def _of_ratings(
    session: Session, identity: Identity, wanted: Collection[uuid.UUID]
) -> dict[uuid.UUID, Subject]:
    if not wanted:
        return {}
    statement = (
        select(Rating.id, Assessment.id, Assessment.title)
        .join(Submission, Submission.id == Rating.submission_id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(*mine(identity.scope, Rating, Submission, Assessment), Rating.id.in_(wanted))
    )
    return {key: Subject("submission", key, title, found) for key, found, title in session.execute(statement)}


def _of_enquiries(
    session: Session, identity: Identity, wanted: Collection[uuid.UUID]
) -> dict[uuid.UUID, Subject]:
    if not wanted:
        return {}
    statement = (
        select(Enquiry.id, Assessment.id, Assessment.title)
        .join(Assessment, Assessment.id == Enquiry.assessment_id)
        .where(*mine(identity.scope, Enquiry, Assessment), Enquiry.id.in_(wanted))
    )
    return {key: Subject("enquiry", key, title, found) for key, found, title in session.execute(statement)}
