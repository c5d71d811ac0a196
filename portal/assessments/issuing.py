"""Issuing an assessment: one version of a questionnaire to a vendor, with facts, zone and due date pinned."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, mail, outbox
from portal.access import Identity, mine
from portal.accounts.service import address_key
from portal.assessments import codes
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import base_url
from portal.faults import Invalid
from portal.formats import long_date
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.vendors import queries as vendors
from portal.vendors import service as contacts
from portal.vendors.facts import combined_facts, facts_of
from portal.vendors.models import Contact, Engagement, Vendor
from questionnaires.answers import parse_facts
from questionnaires.dates import add_months
from questionnaires.definition import Questionnaire
from questionnaires.visibility import look

USUAL_DAYS = 28
FURTHEST_MONTHS = 24
LONGEST_REASON = 2000
LONGEST_SUBJECT = 400


def usual_due(today: date) -> date:
    """The due date that a form offers: four weeks."""
    return today + timedelta(days=USUAL_DAYS)


def issue(
    session: Session,
    vendor: Vendor,
    *,
    engagement_ids: Collection[uuid.UUID],
    content_hash: str,
    due: date,
    reason: str,
    contact: Contact | None,
    actor: Identity,
    now: datetime,
    assessment_id: uuid.UUID | None = None,
    due_time: time | None = None,
    campaign_id: uuid.UUID | None = None,
    ladder: str = "",
    by_itself: bool = False,
) -> Assessment:
    """Issue the version ``content_hash`` to ``vendor`` over these engagements, and write to its people.

    The caller has locked ``vendor`` (queries.vendor(lock=True)): else it could be linked to its company meanwhile,
    which would never see this assessment.

    ``due`` is a local date in the organisation's zone, from today to two years ahead. ``reason`` is read by the
    vendor. ``contact`` is one of the vendor's; needed while nobody of the vendor has joined. Raises Invalid with
    a sentence at ``questionnaire``, ``engagements``, ``due``, ``reason`` or ``contact``. ``assessment_id``: the id
    that it gets, for whoever must find it again (issuing_many.py). ``due_time``: the local time of ``due``, None = its
    end. ``campaign_id``: the campaign that asks, and ``ladder`` the name of its ladder. ``by_itself``: the calendar
    issues it in the name of ``actor``, who did nothing: the event names nobody as its actor.
    """
    vendors.require_here(vendor)
    organisation = organisations.organisation_of(session, actor)
    today = clock.local_date(now, organisation.zone)
    reason = reason.strip()
    _require_sound(due, today, reason, vendor, contact)
    version = library.issuable(session, actor, content_hash)
    covered = _covered(session, actor, vendor, engagement_ids)
    require_not_open(session, actor, version.slug, covered, campaign=campaign_id is not None)
    definition = library.definition(session, content_hash)
    library.store(session, definition, now=now, actor=actor)
    facts = combined_facts([facts_of(one, vendor, organisation) for one in covered])
    assessment = Assessment(
        id=assessment_id or uuid.uuid4(),
        organisation_id=organisation.id,
        company_id=vendor.company_id,
        vendor_id=vendor.id,
        content_hash=content_hash,
        slug=definition.slug,
        version=definition.version,
        title=definition.title,
        subject=_subject(covered),
        reason=reason,
        facts=facts,
        zone=organisation.zone,
        due=due,
        state="open",
        round=1,
        answered=0,
        total=look(definition, {}, parse_facts(facts), today).total,
        issued_at=now,
        issued_by=actor.person.id,
        contact_email=contact.email if contact else None,
        submitted_at=None,
        code=codes.new_code(),
        due_time=due_time,
        campaign_id=campaign_id,
        ladder=ladder,
        by_itself=by_itself,
    )
    session.add(assessment)
    session.flush()
    session.add_all(
        AssessmentEngagement(
            assessment_id=assessment.id,
            engagement_id=one.id,
            organisation_id=organisation.id,
            company_id=vendor.company_id,
        )
        for one in covered
    )
    data = {
        "slug": definition.slug,
        "version": definition.version,
        "hash": content_hash,
        "due": due,
        "engagements": [one.id for one in covered],
    }
    if by_itself:
        data["for"] = actor.person.id
    by = None if by_itself else actor
    record(session, Kind.ASSESSMENT_ISSUED, now=now, actor=by, subject=assessment, data=data)
    write_letters(session, assessment, vendor, contact, actor=actor, now=now)
    return assessment


# ------------------------------------------------------------------------------------------------ what is checked


def order_faults(due: date, today: date, reason: str) -> dict[str, str]:
    """What is wrong with the date or the reason, whoever is asked: a sentence by field."""
    errors: dict[str, str] = {}
    last = add_months(today, FURTHEST_MONTHS)
    if not today <= due <= last:
        errors["due"] = f"Choose a day from today to {long_date(last)}."
    if not reason:
        errors["reason"] = "Say in a sentence why you ask. The vendor reads it."
    elif len(reason) > LONGEST_REASON:
        errors["reason"] = f"Write at most {LONGEST_REASON} characters."
    return errors


def _require_sound(due: date, today: date, reason: str, vendor: Vendor, contact: Contact | None) -> None:
    errors = order_faults(due, today, reason)
    if contact is None and vendor.company_id is None:
        errors["contact"] = "Choose whom to write to: nobody of this vendor is here yet."
    if contact is not None and contact.vendor_id != vendor.id:
        errors["contact"] = "Choose a contact of this vendor."
    if errors:
        raise Invalid(errors=errors)


def _covered(
    session: Session, actor: Identity, vendor: Vendor, engagement_ids: Collection[uuid.UUID]
) -> list[Engagement]:
    """The engagements by name; Invalid when there is none, or one that is not this vendor's."""
    wanted = set(engagement_ids)
    covered = [one for one in vendors.engagements_of(session, actor, vendor.id) if one.id in wanted]
    if not covered or len(covered) < len(wanted):
        raise Invalid(errors={"engagements": "Choose at least one of this vendor's engagements."})
    return covered


def require_not_open(
    session: Session, actor: Identity, slug: str, covered: Sequence[Engagement], *, campaign: bool
) -> None:
    """One open assessment of a questionnaire for an engagement is enough: a second would ask everything twice.

    ``campaign``: whether a campaign asks; what one has out keeps no other assessment from being issued.
    """
    statement = (
        select(Assessment.due)
        .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
        .where(
            *mine(actor.scope, Assessment, AssessmentEngagement),
            Assessment.slug == slug,
            Assessment.state == "open",
            *([] if campaign else [Assessment.campaign_id.is_(None)]),
            AssessmentEngagement.engagement_id.in_([one.id for one in covered]),
        )
        .limit(1)
    )
    due = session.execute(statement).scalar_one_or_none()
    if due is not None:
        sentence = f"The vendor is answering this questionnaire already, due {long_date(due)}."
        raise Invalid(errors={"questionnaire": sentence})


def _subject(covered: Sequence[Engagement]) -> str:
    names = ", ".join(one.name for one in covered)
    return names if len(names) <= LONGEST_SUBJECT else names[: LONGEST_SUBJECT - 3] + "..."


# --------------------------------------------------------------------------------------------------- who is told


def write_letters(
    session: Session,
    assessment: Assessment,
    vendor: Vendor,
    contact: Contact | None,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """A letter to the company's owners and the contact; while nobody has joined, to the contact with a way in."""
    definition = library.definition(session, assessment.content_hash)
    if vendor.company_id is not None:
        slug = organisations.company_slug(session, vendor.company_id)
        link = f"{base_url(session)}/c/{slug}/"
        for name, address in _recipients(session, vendor.company_id, contact):
            _send(session, assessment, definition, vendor, (name, address), link, None, actor=actor, now=now)
        return
    assert contact is not None  # _require_sound has seen to it
    invited = organisations.open_vendor_invitation(session, actor, vendor.id, contact.email, now=now)
    if invited is None:
        invite(session, assessment, vendor, contact, actor=actor, now=now)
    elif invited.created_at < now:
        recipient = (contact.name, contact.email)
        link = base_url(session)
        since = clock.local_date(invited.created_at, assessment.zone)
        _send(session, assessment, definition, vendor, recipient, link, since, actor=actor, now=now)


def invite(
    session: Session,
    assessment: Assessment,
    vendor: Vendor,
    contact: Contact,
    *,
    actor: Identity,
    now: datetime,
    why: str | None = None,
) -> None:
    """Invite a contact without an account to answer ``assessment``; ``why``: what the letter says instead of asking."""
    contacts.invite_contact(
        session,
        vendor,
        name=contact.name,
        email=contact.email,
        actor=actor,
        now=now,
        why=invitation_words(assessment) if why is None else why,
        check=codes.in_letters(session, assessment),
    )


def invitation_words(assessment: Assessment) -> str:
    """Why somebody is invited, as the letter says it."""
    about = (
        f"We ask you to answer “{assessment.title}” about {assessment.subject} by {due_words(assessment)}."
    )
    return f"{about} {assessment.reason}"


def due_words(assessment: Assessment) -> str:
    """The due date of an assessment in full, with its time and place on the clock where it has one."""
    day = long_date(assessment.due)
    if assessment.due_time is None:
        return day
    return f"{day}, {assessment.due_time:%H:%M} ({assessment.zone.replace('_', ' ')} time)"


def _recipients(
    session: Session, company_id: uuid.UUID, contact: Contact | None
) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    people = [(one.name, one.email) for one in organisations.company_owners(session, company_id)]
    if contact is not None:
        people.append((contact.name, contact.email))
    for name, address in people:
        if address_key(address) not in seen:
            seen.add(address_key(address))
            yield name, address


def _send(
    session: Session,
    assessment: Assessment,
    definition: Questionnaire,
    vendor: Vendor,
    to: tuple[str, str],
    link: str,
    invited: date | None,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """``invited``: the day of the invitation that leads in, for people without an account."""
    assert actor.organisation is not None
    letter = mail.compose(
        "assessment_issued",
        to=to,
        subject=f"{actor.organisation.name}: {assessment.title}, by {due_words(assessment)}",
        sender_name=f"{actor.person.name}, {actor.organisation.name}",
        reply_to=actor.person.email,
        organisation=actor.organisation.name,
        sender=actor.person.name,
        vendor=vendor.name,
        title=assessment.title,
        about=assessment.subject,
        questions=len(definition.questions),
        sections=len(definition.sections),
        due=due_words(assessment),
        reason=assessment.reason,
        link=link,
        invited=invited,
        **codes.in_letters(session, assessment),
        why=f"You get this because {actor.person.name} of {actor.organisation.name} named you as a contact of "
        f"{vendor.name}, or because you look after its pages. Not you? Reply to this mail.",
    )
    outbox.queue(
        session, letter, now=now, organisation_id=assessment.organisation_id, company_id=assessment.company_id
    )
