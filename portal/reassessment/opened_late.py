"""Telling those who look after vendors that the calendar has opened something too late: at most one letter a day."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import OrganisationRole
from portal.assessments.issuing import due_words
from portal.assessments.models import Assessment
from portal.clock import begins
from portal.db import base_url
from portal.organisations import queries as organisations
from portal.outbox import Message
from portal.vendors.models import Vendor

KIND = "opened_late"
LOOKS_AFTER = frozenset({OrganisationRole.ADMIN, OrganisationRole.CISO})


def tell(session: Session, made: Assessment, vendor: Vendor, *, today: date, now: datetime) -> None:
    """That the answers to ``made`` are needed before they are due, unless such a letter was queued today already."""
    already = select(Message.id).where(
        Message.organisation_id == made.organisation_id,
        Message.kind == KIND,
        Message.created_at >= begins(today, made.zone),
    )
    if session.scalar(already.limit(1)) is not None:
        return
    own = organisations.organisation_for_company(session, made.organisation_id)
    for person in organisations.organisation_people(session, made.organisation_id, LOOKS_AFTER):
        letter = mail.compose(
            KIND,
            to=(person.name, person.email),
            subject=f"{vendor.name}: asked too late",
            organisation=own.name,
            vendor=vendor.name,
            title=made.title,
            due=due_words(made),
            link=f"{base_url(session)}/o/{own.slug}/assessments/{made.id}",
            why=f"You get this because you look after {own.name}.",
        )
        outbox.queue(session, letter, now=now, organisation_id=made.organisation_id)
