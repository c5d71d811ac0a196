"""Accepting an invitation: the token proves the address; a vendor's contact then picks or founds their company."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Person
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.assessments import delegation
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope, across, enter
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations import invitations, service
from portal.organisations import queries as organisations
from portal.organisations.models import Company, Invitation
from portal.vendors.ground import vendors_moved
from portal.vendors.models import Vendor


def new_person(
    session: Session, invitation: Invitation, *, name: str, password_hash: str, now: datetime
) -> Person:
    """An account for the invited address, which the token has proved. Conflict when it has one meanwhile."""
    try:
        row = accounts.create_person(
            session,
            name=name,
            address=invitation.email,
            password_hash=password_hash,
            now=now,
            confirmed=True,
        )
    except Invalid:
        raise Conflict(
            "This address has an account. Sign in with it, then open the invitation again."
        ) from None
    return Person(row.id, row.name, row.address)


def accept(
    session: Session,
    token: str,
    person: Person,
    *,
    company_id: uuid.UUID | None = None,
    company_name: str = "",
    now: datetime,
) -> tuple[str, str]:
    """Consume the invitation; returns (side, slug) of the tenant joined.

    For a vendor's invitation either ``company_id``, a company that the person owns, or ``company_name`` for a new one.
    Raises NotFound for a dead token, Refused for another address or a company that is not theirs.
    """
    invitation = organisations.invitation_by_token(session, token, now=now, for_update=True)
    _confirm(session, person, now)
    if invitation.purpose == "organisation":
        enter(session, Scope(organisation_id=invitation.organisation_id))
        return "organisation", invitations.join_organisation(session, invitation, person, now=now).slug
    if invitation.purpose == "company":
        enter(session, Scope(company_id=invitation.company_id))
        slug = invitations.join_company(session, invitation, person, now=now).slug
        if invitation.role == CompanyRole.CONTRIBUTOR.value:
            delegation.add_newcomer(
                session, invitation.assessments or (), person, invitation.invited_by, now=now
            )
        return "company", slug
    chosen = company_id or uuid.uuid4()
    enter(session, Scope(organisation_id=invitation.organisation_id, company_id=chosen))
    company = _company(session, person, company_id, chosen, company_name, now)
    invitations.consume(session, invitation, person, now=now)
    _link(session, invitation, company, person, now)
    return "company", company.slug


def _confirm(session: Session, person: Person, now: datetime) -> None:
    session.execute(
        update(PersonRow)
        .where(PersonRow.id == person.id, PersonRow.confirmed_at.is_(None))
        .values(confirmed_at=now)
    )


def _company(
    session: Session, person: Person, wanted: uuid.UUID | None, chosen: uuid.UUID, name: str, now: datetime
) -> Company:
    if wanted is None:
        founded = Company(id=chosen, slug=service.slug_for(name), name=name, created_at=now)
        return service.found_company(session, founded, owner_id=person.id, now=now, actor=person)
    if all(one.id != wanted for one in organisations.owned_companies(session, person.id)):
        raise Refused("Choose a company that you own, or found a new one.")
    return session.execute(select(Company).where(Company.id == wanted)).scalar_one()


def _link(session: Session, invitation: Invitation, company: Company, person: Person, now: datetime) -> None:
    """The vendor becomes this company's; its open assessments, and what they cover, become visible to it."""
    organisation_id = invitation.organisation_id
    vendor = session.execute(
        select(Vendor)
        .where(Vendor.organisation_id == organisation_id, Vendor.id == invitation.vendor_id)
        .with_for_update()
    ).scalar_one_or_none()
    if vendor is None:
        raise NotFound
    if vendor.company_id not in (None, company.id):
        raise Conflict(
            "A colleague of yours has accepted for another company already. Ask them to add you to its team."
        )
    newly = vendor.company_id is None
    vendor.company_id = company.id
    for model in (Assessment, AssessmentEngagement):
        _hand_over(session, model, vendor, company)
    vendors_moved(session, vendor.organisation_id, [vendor.id])
    record(session, Kind.VENDOR_LINKED, now=now, actor=person, subject=vendor, data={"company": company.id})
    if newly:
        invitations.tell_owners(
            session, company, person, what=f"{person.name} accepted an invitation for {company.name}", now=now
        )


def _hand_over(
    session: Session, model: type[Assessment] | type[AssessmentEngagement], vendor: Vendor, company: Company
) -> None:
    of_vendor = (
        Assessment.vendor_id == vendor.id
        if model is Assessment
        else AssessmentEngagement.assessment_id.in_(
            select(Assessment.id).where(
                Assessment.organisation_id == vendor.organisation_id, Assessment.vendor_id == vendor.id
            )
        )
    )
    session.execute(
        update(model)
        .where(model.organisation_id == vendor.organisation_id, model.company_id.is_(None), of_vendor)
        .values(company_id=company.id)
        .execution_options(synchronize_session=False)
    )


def vendor_name(session: Session, invitation: Invitation) -> str:
    """The vendor as the organisation calls it: a first guess for the company's name."""
    return (
        session.scalar(
            select(Vendor.name)
            .where(Vendor.id == invitation.vendor_id, Vendor.organisation_id == invitation.organisation_id)
            .execution_options(**across("a single-use token names its vendor"))
        )
        or ""
    )
