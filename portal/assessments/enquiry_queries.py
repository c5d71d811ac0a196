"""Reading what companies have asked about assessments: threads, the list of an organisation, what waits for whom."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, Person, mine, scoped
from portal.assessments.models import Assessment, Enquiry, EnquiryEntry
from portal.assessments.organisation_queries import own_assessments
from portal.db import name_key
from portal.faults import NotFound
from portal.organisations import queries as organisations
from portal.paging import Page, paged
from portal.vendors.models import Vendor

OPEN, ANSWERED, GRANTED, REFUSED, WITHDRAWN = "open", "answered", "granted", "refused", "withdrawn"
# What a company may ask; a notice is what the organisation has told of its own accord.
QUESTION, MORE_TIME, DECLINE, OTHER_PERSON, REOPEN = (
    "question",
    "more_time",
    "decline",
    "other_person",
    "reopen",
)
NOTICE = "notice"
REVIEW = (
    "review"  # what the organisation asks about one answer; ASKED until the vendor has written, then OPEN
)
ASKED, CLOSED = "asked", "closed"
KINDS = (QUESTION, MORE_TIME, DECLINE, OTHER_PERSON, REOPEN)
SORTS = ("asked", "vendor", "due", "kind")
MOST_THREADS = 200
MOST_EXPORTED = 10_000


@dataclass(frozen=True, slots=True)
class Thread:
    """An enquiry with all that was said, oldest first; ``people`` names everybody in it."""

    enquiry: Enquiry
    entries: tuple[EnquiryEntry, ...]
    people: Mapping[uuid.UUID, Person]

    def name(self, person_id: uuid.UUID | None) -> str:
        """Who this is; "" when the name was removed."""
        found = self.people.get(person_id) if person_id else None
        return found.name if found else ""

    @property
    def last(self) -> EnquiryEntry | None:
        return self.entries[-1] if self.entries else None


@dataclass(frozen=True, slots=True)
class Filter:
    """What the organisation's list is narrowed to, and its order. ``state``: open, settled or "" for all."""

    words: str = ""
    kind: str = ""
    state: str = "open"
    sort: str = "asked"
    down: bool = False


def enquiry(
    session: Session,
    identity: Identity,
    assessment_id: uuid.UUID,
    enquiry_id: uuid.UUID,
    *,
    lock: bool = False,
) -> Enquiry:
    """One enquiry about an assessment that the caller has found for this identity; NotFound otherwise."""
    statement = scoped(identity, Enquiry).where(
        Enquiry.id == enquiry_id, Enquiry.assessment_id == assessment_id, Enquiry.kind != NOTICE
    )
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found: Enquiry | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def open_ones(session: Session, identity: Identity, assessment_id: uuid.UUID, *kinds: str) -> list[Enquiry]:
    """What the company waits for about an assessment, oldest first; of these kinds, or of all that it may ask."""
    statement = (
        scoped(identity, Enquiry)
        .where(Enquiry.assessment_id == assessment_id, Enquiry.state == OPEN)
        .order_by(Enquiry.asked_at, Enquiry.id)
    )
    statement = statement.where(Enquiry.kind.in_(kinds or KINDS))
    return list(session.execute(statement).scalars())


def threads(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[Thread]:
    """Everything that was asked and told about an assessment, what is open first, then the newest."""
    found = session.execute(
        scoped(identity, Enquiry)
        .where(Enquiry.assessment_id == assessment_id)
        .order_by(Enquiry.asked_at.desc(), Enquiry.id)
        .limit(MOST_THREADS)
    ).scalars()
    return sorted(with_entries(session, identity, list(found)), key=lambda one: one.enquiry.state != OPEN)


def with_entries(session: Session, identity: Identity, found: Collection[Enquiry]) -> list[Thread]:
    """These enquiries with their entries and the people in them: two statements, none when there is nothing."""
    if not found:
        return []
    entries: dict[uuid.UUID, list[EnquiryEntry]] = defaultdict(list)
    statement = (
        scoped(identity, EnquiryEntry)
        .where(EnquiryEntry.enquiry_id.in_([one.id for one in found]))
        .order_by(EnquiryEntry.at, EnquiryEntry.side, EnquiryEntry.id)
    )
    for entry in session.execute(statement).scalars():
        entries[entry.enquiry_id].append(entry)
    ids = {entry.author_id for some in entries.values() for entry in some if entry.author_id}
    ids |= {key for one in found for key in (one.asked_by, one.settled_by) if key}
    people = organisations.people(session, ids)
    return [Thread(one, tuple(entries[one.id]), people) for one in found]


def by_question(
    session: Session,
    identity: Identity,
    assessment_id: uuid.UUID,
    kind: str = QUESTION,
    states: Collection[str] = (OPEN, ANSWERED),
) -> dict[str, Thread]:
    """The newest enquiry of a kind about each question, unless it was withdrawn; by key."""
    found = session.execute(
        scoped(identity, Enquiry)
        .where(
            Enquiry.assessment_id == assessment_id,
            Enquiry.kind == kind,
            Enquiry.key.is_not(None),
            Enquiry.state.in_(states),
        )
        .order_by(Enquiry.asked_at.desc(), Enquiry.id)
        .limit(MOST_THREADS)
    ).scalars()
    newest: dict[str, Enquiry] = {}
    for one in found:
        newest.setdefault(one.key or "", one)
    return {one.enquiry.key or "": one for one in with_entries(session, identity, list(newest.values()))}


def on_question(
    session: Session, identity: Identity, assessment_id: uuid.UUID, kind: str, key: str
) -> list[Thread]:
    """Every enquiry of a kind about one question, the oldest first."""
    found = session.execute(
        scoped(identity, Enquiry)
        .where(Enquiry.assessment_id == assessment_id, Enquiry.kind == kind, Enquiry.key == key)
        .order_by(Enquiry.asked_at, Enquiry.id)
        .limit(MOST_THREADS)
    ).scalars()
    return with_entries(session, identity, list(found))


def of_assessments(
    session: Session, identity: Identity, some: Iterable[Assessment], *, most: int
) -> list[Thread]:
    """What is open about these assessments and what was settled last, newest first, for the company's home."""
    found = session.execute(
        scoped(identity, Enquiry)
        .where(
            Enquiry.assessment_id.in_([one.id for one in some]),
            Enquiry.state.in_((OPEN, ANSWERED, REFUSED, GRANTED, ASKED)),
        )
        .order_by(func.coalesce(Enquiry.settled_at, Enquiry.asked_at).desc(), Enquiry.id)
        .limit(most)
    ).scalars()
    return with_entries(session, identity, list(found))


# ------------------------------------------------------------------------------------------ the organisation's list


def listed(session: Session, identity: Identity, narrowed: Filter, number: int) -> Page[Enquiry]:
    """One page of what companies ask of the organisation, as far as the identity sees it."""
    return paged(session, _list(identity, narrowed), number)


def every(session: Session, identity: Identity, narrowed: Filter) -> list[Enquiry]:
    """The same as a whole, for a file."""
    return list(session.execute(_list(identity, narrowed).limit(MOST_EXPORTED)).scalars())


def count_open(session: Session, identity: Identity) -> int:
    """How many enquiries wait for the organisation."""
    statement = _list(identity, Filter()).with_only_columns(func.count(), maintain_column_froms=True)
    return int(session.execute(statement.order_by(None)).scalar_one())


def assessments_of(
    session: Session, identity: Identity, some: Iterable[Enquiry]
) -> dict[uuid.UUID, tuple[Assessment, str]]:
    """The assessment of each enquiry with the vendor's name, for the organisation; by the assessment's id."""
    rows = session.execute(
        select(Assessment, Vendor.name)
        .join(Vendor, Vendor.id == Assessment.vendor_id)
        .where(
            *own_assessments(identity),
            *mine(identity.scope, Vendor),
            Assessment.id.in_({one.assessment_id for one in some}),
        )
    )
    return {one.id: (one, name) for one, name in rows}


def _list(identity: Identity, narrowed: Filter) -> Select[Any]:
    statement = (
        select(Enquiry)
        .join(Assessment, Assessment.id == Enquiry.assessment_id)
        .join(Vendor, Vendor.id == Assessment.vendor_id)
        .where(
            *mine(identity.scope, Enquiry, Vendor), *own_assessments(identity), *_criteria(identity, narrowed)
        )
    )
    keys: dict[str, Any] = {
        "asked": Enquiry.asked_at,
        "vendor": Vendor.name_key,
        "due": Assessment.due,
        "kind": Enquiry.kind,
    }
    key = keys[narrowed.sort]
    return statement.order_by(key.desc() if narrowed.down else key, Enquiry.asked_at, Enquiry.id)


def _criteria(identity: Identity, narrowed: Filter) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = [Enquiry.kind != NOTICE]
    if narrowed.state:
        criteria.append(Enquiry.state == OPEN if narrowed.state == OPEN else Enquiry.state != OPEN)
    if narrowed.kind:
        criteria.append(Enquiry.kind == narrowed.kind)
    if narrowed.words:
        said = exists().where(
            EnquiryEntry.enquiry_id == Enquiry.id,
            EnquiryEntry.text.icontains(narrowed.words, autoescape=True),
            *mine(identity.scope, EnquiryEntry),
        )
        vendor = Vendor.name_key.contains(name_key(narrowed.words), autoescape=True)
        criteria.append(or_(vendor, said))
    return criteria
