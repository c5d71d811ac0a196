"""The one letter that a batch of marks writes to the vendor: that something was judged, and where to read why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.accounts.service import address_key
from portal.assessments.enquiry_letters import write_to_vendor
from portal.assessments.models import Assessment
from portal.db import base_url
from portal.organisations import queries as organisations


def tell_vendor(
    session: Session, assessment: Assessment, *, written: int, finished: bool, actor: Identity, now: datetime
) -> None:
    """Write to the company's owners and the contact. Reasons are read in the portal, where they can be destroyed."""
    assert actor.organisation is not None
    assert assessment.company_id is not None  # somebody has submitted
    asks, about = actor.organisation.name, f"“{assessment.title}” about {assessment.subject}"
    judged = f"{asks} has judged {written} answers or documents of {about}."
    if written == 1:
        judged = f"{asks} has judged one answer or document of {about}."
    ended = f"{asks} has finished its review of {about}."
    what = f"{judged} Its review is finished." if written and finished else ended if finished else judged
    slug = organisations.company_slug(session, assessment.company_id)
    link = f"{base_url(session)}/c/{slug}/assessments/{assessment.id}/answers"
    following = "Read beside your sealed answers what was judged, and why. You need not do anything now."
    emails = [address_key(assessment.contact_email)] if assessment.contact_email else []
    for person in organisations.company_people(session, assessment.company_id, emails=emails):
        write_to_vendor(
            session,
            assessment,
            "assessment_changed",
            (person.name, person.email),
            what=what,
            said="",
            following=following,
            due=None,
            link=link,
            actor=actor,
            now=now,
        )
