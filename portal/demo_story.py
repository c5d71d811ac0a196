"""The demonstration's vendors at work: questionnaires sealed and rated, one overdue, one asked about and passed on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal import clock, features
from portal.access import CompanyRole, Identity, Person, Tenant
from portal.assessments import delegation, enquiries, issuing, showing
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment
from portal.assessments.reach import WHOLE
from portal.assessments.service import Edit, save_answers
from portal.assessments.submitting import Attestation, statement, submit
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.demo_samples import Calendar, Papers, Sample, content, facts_of
from portal.evidence import service as evidence
from portal.intake import answering
from portal.intake import service as intake
from portal.library import service as library
from portal.organisations.models import Company
from portal.outbox import Message
from portal.vendors import service as vendors
from portal.vendors.facts import ASKED
from portal.vendors.models import Contact, Engagement, Vendor
from questionnaires import catalog
from questionnaires.definition import Section

CORE, PRIVACY, LITE = "security_core", "privacy_processor", "security_lite"
TECHNICAL = frozenset({"network", "crypto", "vuln", "dev", "logging", "resilience"})
DAYS_TO_ANSWER = 45
DAYS_TO_CONFIRM = 20

MAILROOM = {
    "engagement.data": ["personal"],
    "engagement.volume": "up_100k",
    "engagement.process": "slower",
    "engagement.hosting": "agreed",
}
SURVEYS = {"engagement.data": ["personal"], "engagement.volume": "up_1k", "engagement.process": "nothing"}


@dataclass(frozen=True, slots=True)
class Bought:
    """A vendor with its people and what is bought from it."""

    of: Sample
    vendor: Vendor
    contact: Contact
    engagement: Engagement
    owner: Identity
    company: Company


def buy(
    session: Session, vendor: Vendor, one: Sample, *, business_owner: Person, actor: Identity, now: datetime
) -> Engagement:
    """The engagement that the sample is about, opened by an intake: each fact is the answer of the same name."""
    facts = facts_of(one)
    answers = {
        name.replace("engagement.", answering.PREFIX, 1): Content("answered", facts[name])
        for name in (*ASKED, "engagement.service")
        if name in facts
    }
    return intake.open_engagement(
        session,
        vendor,
        answering.read(answering.newest(), answers, now.date()),
        name=one.engagement,
        business_owner_id=business_owner.id,
        actor=actor,
        now=now,
    )


def ask(
    session: Session,
    bought: Bought,
    slug: str,
    *,
    due: date,
    reason: str,
    actor: Identity,
    now: datetime,
    engagement: Engagement | None = None,
    number: str = "1.0.0",
) -> Assessment:
    """Issue a shipped questionnaire; the samples answer the releases numbered 1.0.0."""
    released = library.version(session, actor, slug, number)
    return issuing.issue(
        session,
        bought.vendor,
        engagement_ids=[(engagement or bought.engagement).id],
        content_hash=released.content_hash,
        due=due,
        reason=reason,
        contact=bought.contact,
        actor=actor,
        now=now,
    )


# --------------------------------------------------------------------------------------------- what it has answered


def answer_in_full(
    session: Session,
    bought: Bought,
    helper: Identity | None,
    kept: Papers,
    *,
    actor: Identity,
    calendar: Calendar,
) -> None:
    """security_core from issuing to the signature, over some weeks; ``helper`` answers the technical sections."""
    one, owner = bought.of, bought.owner
    issued = calendar.ago(one.issued)
    due = clock.local_date(issued, calendar.zone) + timedelta(days=one.within)
    assessment = ask(session, bought, CORE, due=due, reason=one.reason, actor=actor, now=issued)
    if helper is not None:
        begun = calendar.ago(one.answered)
        delegation.to_colleague(
            session, assessment, helper.person.id, WHOLE, actor=owner, now=begun, tell=False
        )
    definition = library.definition(session, assessment.content_hash)
    days = one.answered - one.submitted
    for at, section in enumerate(definition.sections):
        when = calendar.ago(one.answered - at * days // len(definition.sections), 17 * (at + 1))
        who = helper if helper is not None and section.key in TECHNICAL else owner
        answer_section(session, assessment, one, section, actor=who, calendar=calendar, now=when)
    uploaded = calendar.ago(one.submitted, 310)
    for key in definition.questions:
        for stored, described in kept.get((one.sample, key), ()):
            evidence.check(described, clock.local_date(uploaded, "UTC"))
            document = evidence.add(session, stored, described, actor=owner, now=uploaded)
            showing.show_new(session, assessment, key, document, actor=owner, now=uploaded)
    signed = Attestation(owner.person.name, one.signs_as, statement(owner))
    now = calendar.ago(one.submitted, 340)
    submit(session, assessment, signed, actor=owner, now=now, consequences=features.CONSEQUENCES)


def answer_section(
    session: Session,
    assessment: Assessment,
    one: Sample,
    section: Section,
    *,
    actor: Identity,
    calendar: Calendar,
    now: datetime,
) -> None:
    """What the sample says to the questions of one section."""
    raw: Any = catalog.sample(one.sample)
    as_of = date.fromisoformat(raw["as_of"])
    edits = [
        Edit(question.key, 0, content(question, raw["answers"][question.key], calendar, as_of))
        for question in section.questions
        if question.key in raw["answers"]
    ]
    if not edits:
        return
    result = save_answers(session, assessment, section, edits, actor=actor, now=now)
    if result.errors:
        raise LookupError(f"{one.sample}: {sorted(result.errors)}")


# ------------------------------------------------------------------------------------------ what is under way


def overdue(session: Session, bought: Bought, *, actor: Identity, calendar: Calendar) -> None:
    """Begun and not finished by its day; the vendor has asked for more time, and nobody has decided yet."""
    reason = "Payroll is personal data throughout, and the contract needs its data protection annex."
    due = calendar.today - timedelta(days=4)
    assessment = ask(session, bought, PRIVACY, due=due, reason=reason, actor=actor, now=calendar.ago(25))
    definition = library.definition(session, assessment.content_hash)
    for at, section in enumerate(definition.sections[:2]):
        answer_section(
            session,
            assessment,
            bought.of,
            section,
            actor=bought.owner,
            calendar=calendar,
            now=calendar.ago(9, 30 * at),
        )
    enquiries.ask(
        session,
        assessment,
        kind="more_time",
        text="Our data protection officer is away until next week. Two sections are hers.",
        wanted=calendar.today + timedelta(days=10),
        actor=bought.owner,
        now=calendar.ago(5, 200),
    )


def asked_and_passed_on(session: Session, bought: Bought, *, actor: Identity, calendar: Calendar) -> None:
    """A question that waits for the organisation, and a part that somebody outside answers by a link."""
    reason = "Your answers name freelancers outside Europe, so we ask about personal data as well."
    due = calendar.today + timedelta(days=24)
    assessment = ask(session, bought, PRIVACY, due=due, reason=reason, actor=actor, now=calendar.ago(4))
    definition = library.definition(session, assessment.content_hash)
    answer_section(
        session,
        assessment,
        bought.of,
        definition.sections[0],
        actor=bought.owner,
        calendar=calendar,
        now=calendar.ago(3, 45),
    )
    delegation.by_link(
        session,
        assessment,
        name="Callum Reid",
        address="callum@reid-office.example",
        keys=["handling", "people"],
        message="You set up our file sharing. Could you answer these two parts?",
        actor=bought.owner,
        now=calendar.ago(2, 20),
    )
    enquiries.ask(
        session,
        assessment,
        kind="question",
        key="suppliers.subprocessors",
        text="Our translators are freelancers, not firms. Do you want each of them named here?",
        actor=bought.owner,
        now=calendar.ago(1, 90),
    )


def reassessed(session: Session, bought: Bought, *, actor: Identity, calendar: Calendar) -> None:
    """The next review of what was answered in full, on the newest release: the answers of then are offered."""
    ask(
        session,
        bought,
        CORE,
        number=catalog.latest(CORE).version,
        due=calendar.today + timedelta(days=DAYS_TO_CONFIRM),
        reason="The contract is renewed next quarter, so we review the service once more, on the newer questions.",
        actor=actor,
        now=calendar.ago(2),
    )


def newcomer(session: Session, owner: Person, *, actor: Identity, now: datetime) -> None:
    """A vendor that nobody has asked anything yet."""
    vendor = vendors.create_vendor(session, name="Solvane", country="ES", actor=actor, now=now)
    vendors.create_engagement(
        session,
        vendor,
        name="Customer surveys",
        description="Calls a few hundred customers a year and asks how we did.",
        tier="low",
        facts=SURVEYS,
        business_owner_id=owner.id,
        actor=actor,
        now=now,
    )


def of_today(
    session: Session,
    archive: Bought,
    helper: Identity,
    owner: Person,
    *,
    actor: Identity,
    calendar: Calendar,
) -> None:
    """The assessment of the tour: issued today, short, and the contributor helps with all of it."""
    now = calendar.now
    mailroom = vendors.create_engagement(
        session,
        archive.vendor,
        name="Digital mailroom",
        description="Opens and scans the post of our claims department every morning.",
        tier="medium",
        facts=MAILROOM,
        business_owner_id=owner.id,
        actor=actor,
        now=now,
    )
    assessment = ask(
        session,
        archive,
        LITE,
        engagement=mailroom,
        due=calendar.today + timedelta(days=DAYS_TO_ANSWER),
        reason="You open our customers' letters from next month on, and our rules ask for a review before that.",
        actor=actor,
        now=now,
    )
    delegation.to_colleague(
        session, assessment, helper.person.id, WHOLE, actor=archive.owner, now=now, tell=False
    )


def letters_of_the_past(session: Session, *, now: datetime) -> None:
    """Letters of days gone by were read long ago: none of them goes out at the first start. Single-use links go."""
    session.flush()
    for one in session.scalars(select(Message).where(Message.created_at < now, Message.state == "queued")):
        values: dict[str, Any] = {"state": "sent", "sent_at": one.created_at, "attempts": 1}
        if one.secret:
            values |= {"text": "", "html": ""}
        session.execute(update(Message).where(Message.id == one.id).values(**values))
        data = {"kind": one.kind, "attempt": 1}
        record(session, Kind.MESSAGE_SENT, now=one.created_at, actor=None, subject=one, data=data)


def at_work(person: Person, company: Company, role: CompanyRole) -> Identity:
    """Somebody of a company, doing something."""
    tenant = Tenant(company.id, company.slug, company.name)
    return Identity(person, uuid.uuid4(), company=tenant, role=role)
