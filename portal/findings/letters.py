"""Letters about findings: what happened, where to read it, what to do next. What people wrote is read in the portal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from portal import mail
from portal.access import TABLE, Identity, OrganisationRole, Permission, Person
from portal.assessments import codes
from portal.assessments.enquiry_letters import queue, who_asks
from portal.assessments.models import Assessment
from portal.db import base_url
from portal.findings.models import Finding
from portal.organisations import queries as organisations

WHO_JUDGES = frozenset(role for role in TABLE[Permission.REVIEW] or () if isinstance(role, OrganisationRole))


def tell_opened(
    session: Session,
    assessment: Assessment,
    opened: Sequence[Finding],
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """One letter to the company's owners about all that was opened at once; none for nothing.

    A contact who is no owner gets none: who settles a finding is not said yet, so they could not open it.
    """
    if not opened:
        return
    asks = organisations.organisation_for_company(session, assessment.organisation_id).name
    about = f"“{assessment.title}” about {assessment.subject}"
    if len(opened) == 1:
        what = f"{asks} has put one finding on record from your answers to {about}: a fault that it sees in them."
    else:
        what = (
            f"{asks} has put {len(opened)} findings on record from your answers to {about}: faults that it sees "
            "in them."
        )
    following = (
        "Each says what was found and why it matters. An owner of your company says who settles it and by when; you "
        "can also explain why it is none."
    )
    assert assessment.company_id is not None  # somebody has submitted
    people = organisations.company_people(session, assessment.company_id)
    path = f"findings?assessment={assessment.id}" if len(opened) > 1 else f"findings/{opened[0].id}"
    for person in people:
        _to_vendor(session, assessment, person, what, following, path, actor, now)


def tell_vendor(
    session: Session,
    assessment: Assessment,
    finding: Finding,
    what: str,
    following: str,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """What the organisation did about one finding: to the company's owners and whoever settles it."""
    ids = [one for one in (finding.owner_id, finding.wanted_owner_id) if one is not None]
    for person in organisations.company_people(session, finding.company_id, ids=ids):
        _to_vendor(session, assessment, person, what, following, f"findings/{finding.id}", actor, now)


def tell_reviewers(
    session: Session, assessment: Assessment, finding: Finding, what: str, *, actor: Identity, now: datetime
) -> None:
    """What a vendor did about a finding: to all who judge answers in the organisation."""
    assert actor.company is not None
    organisation = organisations.organisation_for_company(session, finding.organisation_id)
    for person in organisations.organisation_people(session, finding.organisation_id, WHO_JUDGES):
        letter = mail.compose(
            "finding_organisation",
            to=(person.name, person.email),
            subject=f"{actor.company.name}: a finding waits for you ({assessment.title})",
            sender_name=f"{actor.person.name}, {actor.company.name}",
            reply_to=actor.person.email,
            sender=actor.person.name,
            organisation=actor.company.name,
            what=what,
            link=f"{base_url(session)}/o/{organisation.slug}/findings/{finding.id}",
            why=f"You get this because you may judge answers for {organisation.name}.",
        )
        queue(session, assessment, letter, now)


def _to_vendor(
    session: Session,
    assessment: Assessment,
    person: Person,
    what: str,
    following: str,
    path: str,
    actor: Identity,
    now: datetime,
) -> None:
    assert assessment.company_id is not None
    asks = organisations.organisation_for_company(session, assessment.organisation_id).name
    sender = _sender(session, assessment, actor)
    slug = organisations.company_slug(session, assessment.company_id)
    letter = mail.compose(
        "finding_vendor",
        to=(person.name, person.email),
        subject=f"{asks}: {assessment.title}, news about findings",
        sender_name=f"{sender.name}, {asks}" if sender else asks,
        reply_to=sender.email if sender else None,
        sender=sender.name if sender else "",
        organisation=asks,
        what=what,
        next=following,
        link=f"{base_url(session)}/c/{slug}/{path}",
        why=f"You get this because {asks} asks your company “{assessment.title}”.",
        **codes.in_letters(session, assessment),
    )
    queue(session, assessment, letter, now)


def _sender(session: Session, assessment: Assessment, actor: Identity) -> Person | None:
    """Whoever acts for the organisation; where a submission did it by itself, whoever asks."""
    if actor.organisation is not None:
        return actor.person
    asks = who_asks(session, assessment)
    return asks[0] if asks else None
