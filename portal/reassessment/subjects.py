"""What reminders are about and whom they go to: read in batches, with joins, across all tenants by the worker."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, Submission
from portal.clock import local_date
from portal.organisations.models import Company, CompanyMember, Organisation, OrganisationMember
from portal.reassessment.ladder import EARLIEST
from portal.reassessment.models import Reassessment
from portal.reassessment.queries import OPEN, date_moved, next_is_open
from portal.reassessment.service import SCHEDULED
from portal.vendors.models import Engagement, Vendor

ASSESSMENT, REASSESSMENT = "assessment", "reassessment"
KINDS = (ASSESSMENT, REASSESSMENT)
READ_AT_ONCE = 500
LOOKS_AFTER = (OrganisationRole.ADMIN.value, OrganisationRole.CISO.value)


@dataclass(frozen=True, slots=True)
class Subject:
    """An open assessment, or a next assessment on the schedule.

    ``since``: the local date on which it came to be, or got its present due date. ``code``: what a letter about an
    assessment is checked by.
    """

    kind: str
    id: uuid.UUID
    organisation_id: uuid.UUID
    company_id: uuid.UUID | None
    due: date
    since: date
    zone: str
    organisation: str
    organisation_slug: str
    vendor: str
    title: str
    about: str  # the engagement's name, or what the assessment says that it is about
    company_slug: str = ""
    person_id: uuid.UUID | None = None  # who issued it; the engagement's business owner
    contact: str = ""
    answered: int = 0
    total: int = 0
    tier: str = ""
    months: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person who is told; ``joined_at``: since when they belong to the tenant that they are told as part of.

    ``asker`` and ``reply_to``: the person of the organisation who asks, for people of a company.
    """

    person_id: uuid.UUID
    name: str
    address: str
    joined_at: datetime
    role: str
    of_company: bool
    asker: str = ""
    reply_to: str | None = None


def near(session: Session, kind: str, *, now: datetime, after: uuid.UUID | None) -> list[Subject]:
    """Live subjects of which a step may be due at ``now``, by id, at most READ_AT_ONCE after the id ``after``."""
    horizon = now.date() + EARLIEST + timedelta(days=1)  # a day ahead, since somewhere it is tomorrow already
    if kind == ASSESSMENT:
        return _assessments(session, horizon, after)
    return _reassessments(session, horizon, after)


def _assessments(session: Session, horizon: date, after: uuid.UUID | None) -> list[Subject]:
    rows = session.execute(
        select(
            Assessment.id,
            Assessment.organisation_id,
            Assessment.company_id,
            Assessment.due,
            Assessment.issued_at,
            Assessment.zone,
            Organisation.name.label("organisation"),
            Organisation.slug.label("organisation_slug"),
            Vendor.name.label("vendor"),
            Assessment.title,
            Assessment.subject,
            Company.slug.label("company_slug"),
            Assessment.issued_by,
            Assessment.contact_email,
            Assessment.answered,
            Assessment.total,
            Assessment.code,
            date_moved().label("moved_at"),
        )
        .join(Organisation, Organisation.id == Assessment.organisation_id)
        .join(Vendor, Vendor.id == Assessment.vendor_id)
        .outerjoin(Company, Company.id == Assessment.company_id)
        .where(Assessment.state == OPEN, Assessment.due <= horizon, *_beyond(Assessment.id, after))
        .order_by(Assessment.id)
        .limit(READ_AT_ONCE)
    )
    return [
        Subject(
            kind=ASSESSMENT,
            id=one.id,
            organisation_id=one.organisation_id,
            company_id=one.company_id,
            due=one.due,
            since=local_date(one.moved_at or one.issued_at, one.zone),
            zone=one.zone,
            organisation=one.organisation,
            organisation_slug=one.organisation_slug,
            vendor=one.vendor,
            title=one.title,
            about=one.subject,
            company_slug=one.company_slug or "",
            person_id=one.issued_by,
            contact=one.contact_email or "",
            answered=one.answered,
            total=one.total,
            code=one.code or "",
        )
        for one in rows
    ]


def _reassessments(session: Session, horizon: date, after: uuid.UUID | None) -> list[Subject]:
    rows = session.execute(
        select(
            Reassessment.id,
            Reassessment.organisation_id,
            Reassessment.company_id,
            Reassessment.due,
            Reassessment.anchor,
            Reassessment.zone,
            Organisation.name.label("organisation"),
            Organisation.slug.label("organisation_slug"),
            Vendor.name.label("vendor"),
            Assessment.title,
            Engagement.name.label("engagement"),
            Engagement.business_owner_id,
            Reassessment.tier,
            Reassessment.months,
        )
        .join(Organisation, Organisation.id == Reassessment.organisation_id)
        .join(Engagement, Engagement.id == Reassessment.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            Reassessment.state == SCHEDULED,
            Reassessment.due <= horizon,
            ~next_is_open(),
            *_beyond(Reassessment.id, after),
        )
        .order_by(Reassessment.id)
        .limit(READ_AT_ONCE)
    )
    return [
        Subject(
            kind=REASSESSMENT,
            id=one.id,
            organisation_id=one.organisation_id,
            company_id=one.company_id,
            due=one.due,
            since=one.anchor,
            zone=one.zone,
            organisation=one.organisation,
            organisation_slug=one.organisation_slug,
            vendor=one.vendor,
            title=one.title,
            about=one.engagement,
            person_id=one.business_owner_id,
            tier=one.tier,
            months=one.months,
        )
        for one in rows
    ]


def _beyond(column: Any, after: uuid.UUID | None) -> list[ColumnElement[bool]]:
    return [] if after is None else [column > after]


def still_live(session: Session, found: Sequence[Subject]) -> set[uuid.UUID]:
    """The ids of those subjects (of one kind) that still wait, with the same date: checked again before writing."""
    ids = {one.id for one in found}
    if found[0].kind == ASSESSMENT:
        statement = select(Assessment.id, Assessment.due).where(
            Assessment.id.in_(ids), Assessment.state == OPEN
        )
    else:
        statement = select(Reassessment.id, Reassessment.due).where(
            Reassessment.id.in_(ids), Reassessment.state == SCHEDULED, ~next_is_open()
        )
    dates = dict(session.execute(statement).all())
    return {one.id for one in found if dates.get(one.id) == one.due}


def recipients(session: Session, found: Sequence[Subject]) -> Callable[[Subject], list[Recipient]]:
    """Who is told about each of ``found`` (one kind): two statements for the whole batch.

    A next assessment: administrators and CISOs, and the engagement's business owner. An open assessment: the owners of
    the company, and the contact if they belong to it, in the name of who issued it, else of who looks after vendors.
    An invitation that nobody has accepted yet: who issued the assessment, else the administrators and CISOs, because
    the vendor has nobody in the portal to tell.
    """
    of_organisation = _of_organisations(session, found)
    of_company = _of_companies(session, found) if found and found[0].kind == ASSESSMENT else {}

    def told(subject: Subject) -> list[Recipient]:
        members = of_organisation.get(subject.organisation_id, [])
        named = [one for one in members if one.person_id == subject.person_id]
        if subject.kind == REASSESSMENT:
            return [one for one in members if one.role in LOOKS_AFTER or one in named]
        if subject.company_id is None:
            return named or [one for one in members if one.role in LOOKS_AFTER]
        asks = next(iter([*named, *(one for one in members if one.role in LOOKS_AFTER)]), None)
        return [
            replace(one, asker=asks.name if asks else "", reply_to=asks.address if asks else None)
            for one in of_company.get(subject.company_id, [])
            if one.role == CompanyRole.OWNER.value or one.address.casefold() == subject.contact.casefold()
        ]

    return told


def _of_organisations(session: Session, found: Sequence[Subject]) -> dict[uuid.UUID, list[Recipient]]:
    rows = session.execute(
        select(
            OrganisationMember.organisation_id,
            OrganisationMember.person_id,
            OrganisationMember.role,
            OrganisationMember.created_at,
            PersonRow.name,
            PersonRow.address,
        )
        .join(PersonRow, PersonRow.id == OrganisationMember.person_id)
        .where(
            OrganisationMember.organisation_id.in_({one.organisation_id for one in found}),
            OrganisationMember.removed_at.is_(None),
            or_(
                OrganisationMember.role.in_(LOOKS_AFTER),
                OrganisationMember.person_id.in_({one.person_id for one in found if one.person_id}),
            ),
        )
        .order_by(OrganisationMember.created_at, OrganisationMember.person_id)
    )
    told: dict[uuid.UUID, list[Recipient]] = defaultdict(list)
    for one in rows:
        person = Recipient(one.person_id, one.name, one.address, one.created_at, one.role, of_company=False)
        told[one.organisation_id].append(person)
    return told


def _of_companies(session: Session, found: Sequence[Subject]) -> dict[uuid.UUID, list[Recipient]]:
    contacts = {one.contact.casefold() for one in found if one.contact}
    rows = session.execute(
        select(
            CompanyMember.company_id,
            CompanyMember.person_id,
            CompanyMember.role,
            CompanyMember.created_at,
            PersonRow.name,
            PersonRow.address,
        )
        .join(PersonRow, PersonRow.id == CompanyMember.person_id)
        .where(
            CompanyMember.company_id.in_({one.company_id for one in found if one.company_id}),
            CompanyMember.removed_at.is_(None),
            or_(CompanyMember.role == CompanyRole.OWNER.value, PersonRow.email.in_(contacts)),
        )
        .order_by(CompanyMember.created_at, CompanyMember.person_id)
    )
    told: dict[uuid.UUID, list[Recipient]] = defaultdict(list)
    for one in rows:
        person = Recipient(one.person_id, one.name, one.address, one.created_at, one.role, of_company=True)
        told[one.company_id].append(person)
    return told
