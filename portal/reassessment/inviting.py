"""A vendor's contact who has no account yet cannot be reminded: they are invited again, with a link that works.

In the transaction that puts the step on record, so once for each step, whatever worker does it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.accounts.service import address_key
from portal.assessments import issuing
from portal.assessments.models import Assessment
from portal.clock import local_date
from portal.faults import Conflict, Invalid, NotFound, Throttled
from portal.organisations.models import Invitation
from portal.reassessment.agenda import Item
from portal.reassessment.hindering import chosen, members_of
from portal.reassessment.kinds import CONTACT
from portal.reassessment.ladder import Moment
from portal.reassessment.people import chunks
from portal.vendors import queries as vendors

AT = (-14, -1, 1)  # days from the date on which they are invited again
NOT_BEFORE = timedelta(days=1)  # since the last letter: its link works, and one in a day is enough


class Stepped(Protocol):
    """A step that is put on record (generating.Line)."""

    @property
    def item(self) -> Item: ...
    @property
    def moment(self) -> Moment: ...


def again(session: Session, told: Sequence[Stepped], *, now: datetime) -> int:
    """Invite the contacts of these open assessments whose vendor has nobody here yet; returns how many.

    ``told``: steps that were not passed over, whether anybody was told or not. Nobody is invited who was not before,
    whose invitation was taken back, or who has said that they are the wrong person.
    """
    ids = {
        one.item.source
        for one in told
        if one.item.kind == "assessment"
        and one.item.company_id is None
        and one.moment.step.days in AT
        and CONTACT in one.moment.step.to
    }
    actors: dict[tuple[uuid.UUID, uuid.UUID], Identity | None] = {}
    invited: set[tuple[uuid.UUID, str]] = set()
    for some in chunks(ids):
        found = session.scalars(
            select(Assessment)
            .where(
                Assessment.id.in_(some),
                Assessment.company_id.is_(None),
                Assessment.contact_email.is_not(None),
            )
            .order_by(Assessment.due, Assessment.id)
        ).all()
        for one in found:
            key = one.organisation_id, one.issued_by
            if key not in actors:
                members = members_of(session, one.organisation_id)
                actors[key] = chosen(one.organisation_id, members, (), one.issued_by)
            actor, whom = actors[key], (one.vendor_id, address_key(one.contact_email or ""))
            if actor is not None and whom not in invited and _invited(session, one, actor, now):
                invited.add(whom)
    return len(invited)


def _invited(session: Session, assessment: Assessment, actor: Identity, now: datetime) -> bool:
    """Whether the contact of ``assessment`` was invited again."""
    try:
        vendor = vendors.vendor(session, actor, assessment.vendor_id)
    except NotFound:
        return False
    address = address_key(assessment.contact_email or "")
    contact = vendors.contact_of(session, actor, vendor.id, address)
    if contact is None or not _waits(session, actor, vendor.id, address, now):
        return False
    try:
        with session.begin_nested():  # one that may not be sent today leaves the earlier invitation as it is
            why = _words(assessment, now)
            issuing.invite(session, assessment, vendor, contact, actor=actor, now=now, why=why)
    except (Conflict, Invalid, Throttled):
        return False
    return True


def _waits(session: Session, actor: Identity, vendor_id: uuid.UUID, address: str, now: datetime) -> bool:
    """Whether the newest invitation of this address to this vendor's side still waits, or has only become too old."""
    newest = session.execute(
        select(Invitation.created_at, Invitation.accepted_at, Invitation.revoked_at)
        .where(
            *mine(actor.scope, Invitation),
            Invitation.purpose == "vendor",
            Invitation.vendor_id == vendor_id,
            Invitation.email == address,
        )
        .order_by(Invitation.created_at.desc(), Invitation.id)
        .limit(1)
    ).first()
    if newest is None or newest.accepted_at is not None or newest.revoked_at is not None:
        return False
    return bool(newest.created_at <= now - NOT_BEFORE)


def _words(assessment: Assessment, now: datetime) -> str:
    """Why they are invited again, as the letter says it."""
    about = f"“{assessment.title}” about {assessment.subject}"
    if assessment.due < local_date(now, assessment.zone):
        return f"We asked you to answer {about} by {issuing.due_words(assessment)}, and have no answers yet."
    return f"We still wait for your answers to {about}. They are due by {issuing.due_words(assessment)}."
