"""A person's own security history: what happened to their account, and where they came in and went out."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import across
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember
from portal.paging import Page, paged

# What belongs to it. Everything else that a person does stands in the record of the tenant where they did it.
KINDS = (
    Kind.PERSON_CREATED,
    Kind.PERSON_CHANGED,
    Kind.PASSWORD_SET,
    Kind.PASSWORD_RESET_ASKED,
    Kind.SIGNED_IN,
    Kind.PASSWORD_SHOWN,
    Kind.SIGN_IN_FAILED,
    Kind.SIGN_IN_THROTTLED,
    Kind.SIGNED_OUT,
    Kind.SESSION_REVOKED,
    Kind.FACTOR_STARTED,
    Kind.FACTOR_SET,
    Kind.FACTOR_REMOVED,
    Kind.FACTOR_FAILED,
    Kind.FACTOR_SHOWN,
    Kind.RECOVERY_CODES_MADE,
    Kind.RECOVERY_CODE_USED,
    Kind.ADDRESS_CHANGE_ASKED,
    Kind.ADDRESS_CHANGE_WITHDRAWN,
    Kind.ADDRESS_CHANGED,
    Kind.MEMBER_ADDED,
    Kind.MEMBER_REMOVED,
    Kind.MEMBER_VOUCHED_FOR,
    Kind.FEED_MADE,
    Kind.FEED_REVOKED,
)


# Done before anybody had signed in: the person or a thief, nobody can tell.
BEFORE = frozenset(
    {
        Kind.SIGN_IN_FAILED,
        Kind.SIGN_IN_THROTTLED,
        Kind.PASSWORD_SHOWN,
        Kind.PASSWORD_RESET_ASKED,
        Kind.FACTOR_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. ``by``: ``you``, ``other``, ``unknown`` (nobody had signed in). ``place``: what it is about, or "".
    ``way``: what opened a session (``password``, ``passkey``, ``sso``); "" where that is not on record.
    """

    at: datetime
    kind: Kind
    by: str
    place: str
    way: str


def of_person(session: Session, identity: Identity, number: int) -> Page[Entry]:
    """One page, newest first. Found by the index on subjects: the person, and their memberships."""
    person_id = identity.person.id
    places = _places(session, person_id)
    events = paged(
        session,
        select(Event)
        .where(
            Event.subject_id.in_([person_id, *places]),
            Event.kind.in_([kind.value for kind in KINDS]),
        )
        .order_by(Event.at.desc(), Event.id)
        .execution_options(**across("a person's own history")),
        number,
    )
    entries = [
        Entry(
            one.at,
            Kind(one.kind),
            _by(one, person_id),
            places.get(one.subject_id, ""),
            str(one.data.get("way", "")),
        )
        for one in events.rows
    ]
    return Page(entries, events.number, events.total, events.size)


def _by(one: Event, person_id: uuid.UUID) -> str:
    if one.kind in BEFORE:
        return "unknown"
    return "you" if one.actor_id == person_id else "other"


def _places(session: Session, person_id: uuid.UUID) -> dict[uuid.UUID, str]:
    """Every membership that the person has or had, with the tenant's name."""
    option = across("a person's own history")
    organisations = (
        select(OrganisationMember.id, Organisation.name)
        .join(Organisation, Organisation.id == OrganisationMember.organisation_id)
        .where(OrganisationMember.person_id == person_id)
    )
    companies = (
        select(CompanyMember.id, Company.name)
        .join(Company, Company.id == CompanyMember.company_id)
        .where(CompanyMember.person_id == person_id)
    )
    return {
        member: name
        for statement in (organisations, companies)
        for member, name in session.execute(statement.execution_options(**option))
    }
