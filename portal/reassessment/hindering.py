"""What stands in the way of opening a next assessment: in whose name, by which version, to whom; or why it cannot be.

Read by the worker for one at a time, and by the simulation for all; what is decided is pure.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, Permission, Person, Tenant
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, Submission
from portal.library import service as library
from portal.organisations.models import Organisation, OrganisationMember
from portal.reassessment.models import Reassessment
from portal.reassessment.opening import Opening
from portal.reassessment.people import chunks
from portal.vendors import policy_queries
from portal.vendors.models import Engagement

NO_SESSION = uuid.UUID(int=0)
# Why something could not be opened.
NO_CONTACT, NO_VERSION, THROTTLED, OFFBOARDED, NOBODY, ELSEWHERE, UNLINKED, ASKS = (
    *("no_contact", "no_version", "throttled", "offboarded"),
    *("nobody", "open_elsewhere", "unlinked", "asks"),
)


class Written(Protocol):
    """Somebody who is written down at a vendor."""

    @property
    def email(self) -> str: ...


C = TypeVar("C", bound=Written)


class Hindered(Exception):
    """It cannot be opened now; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Before:
    """What a row was set by: who issued that assessment, to whom it went, of which day its answers are (later than an
    anchor that was kept), and when they were sealed.
    """

    issued_by: uuid.UUID
    contact_email: str | None
    answered: date
    sealed_at: datetime
    not_before: date | None


def before_of(session: Session, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Before]:
    """By the id of the scheduled row."""
    found: dict[uuid.UUID, Before] = {}
    for some in chunks(set(ids)):
        rows = session.execute(
            select(
                *(Reassessment.id, Reassessment.not_before, Submission.sealed_at),
                *(Assessment.issued_by, Assessment.contact_email),
                func.coalesce(Submission.whole_as_of, Submission.as_of).label("answered"),
            )
            .join(Submission, Submission.id == Reassessment.submission_id)
            .join(Assessment, Assessment.id == Submission.assessment_id)
            .where(Reassessment.id.in_(some))
        )
        for one in rows:
            found[one.id] = Before(
                one.issued_by, one.contact_email, one.answered, one.sealed_at, one.not_before
            )
    return found


def in_whose_name(session: Session, organisation_id: uuid.UUID, one: Opening, before: Before) -> Identity:
    """Who issued the last one, else the business owner, else whoever looks after vendors longest: who may issue now.

    Raises Hindered where nobody may.
    """
    owners = session.scalars(
        select(Engagement.business_owner_id)
        .where(
            Engagement.id.in_([row.engagement_id for row in one.rows]),
            Engagement.business_owner_id.is_not(None),
        )
        .order_by(Engagement.id)
    ).all()
    found = chosen(
        organisation_id,
        members_of(session, organisation_id),
        {one for one in owners if one},
        before.issued_by,
    )
    if found is None:
        raise Hindered(NOBODY)
    return found


def members_of(session: Session, organisation_id: uuid.UUID) -> Sequence[Any]:
    """Who belongs to an organisation and can sign in, with role and place; who joined first on top."""
    return session.execute(
        select(
            *(PersonRow.id, PersonRow.name, PersonRow.address, OrganisationMember.role),
            *(Organisation.slug, Organisation.name.label("place")),
        )
        .join(OrganisationMember, OrganisationMember.person_id == PersonRow.id)
        .join(Organisation, Organisation.id == OrganisationMember.organisation_id)
        .where(
            Organisation.id == organisation_id,
            OrganisationMember.removed_at.is_(None),
            PersonRow.erased_at.is_(None),
        )
        .order_by(OrganisationMember.created_at, OrganisationMember.person_id)
    ).all()


def chosen(
    organisation_id: uuid.UUID,
    members: Sequence[Any],
    owners: Collection[uuid.UUID],
    issued_by: uuid.UUID | None,
) -> Identity | None:
    """Of ``members_of`` the one in whose name it is opened; ``owners``: of the engagements. Pure."""
    roles = [OrganisationRole.CISO.value, OrganisationRole.ADMIN.value]

    def rank(row: Any) -> tuple[int, int]:
        if row.id == issued_by:
            return 0, 0
        if row.id in owners:
            return 1, 0
        return 2, roles.index(row.role) if row.role in roles else len(roles)

    for row in sorted(members, key=rank):
        identity = Identity(
            Person(row.id, row.name, row.address),
            NO_SESSION,
            organisation=Tenant(organisation_id, row.slug, row.place),
            role=OrganisationRole(row.role),
        )
        if identity.may(Permission.ISSUE) and (rank(row)[0] < 2 or row.role in roles):
            return identity
    return None


def version_of(session: Session, actor: Identity, slug: str) -> str:
    """The newest version of a questionnaire that is not retired and that the policy counts; raises Hindered."""
    policy = policy_queries.in_force(session, actor)
    retired = library.retired_hashes(session, actor)
    known = [one for one in library.available(session, actor) if one.slug == slug]
    known += [one for one in library.own_versions(session, actor) if one.slug == slug]
    for one in known:
        if one.content_hash not in retired and policy.counts(slug, one.content_hash):
            library.definition(session, one.content_hash)
            return one.content_hash
    raise Hindered(NO_VERSION)


def contact_of(known: Sequence[C], company_id: uuid.UUID | None, email: str | None) -> C | None:
    """Whom the last one went to, if they are still written down; else, while nobody has joined, the newest contact.

    ``known``: the vendor's contacts, the oldest first. Pure.
    """
    for one in known:
        if email is not None and one.email.casefold() == email.casefold():
            return one
    return known[-1] if known and company_id is None else None
