"""Letters about enquiries and changes: a known person, the organisation, the reason, the date, the code."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import TABLE, Identity, OrganisationRole, Permission, Person
from portal.accounts.service import address_key
from portal.assessments import codes
from portal.assessments.enquiry_queries import DECLINE, MORE_TIME, OTHER_PERSON, QUESTION, REOPEN, REVIEW
from portal.assessments.models import Assessment, Enquiry
from portal.db import base_url
from portal.formats import long_date
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.vendors.models import Contact

WHO_ACTS = frozenset(
    role for role in TABLE[Permission.CHANGE_ASSESSMENT] or () if isinstance(role, OrganisationRole)
)
WHO_JUDGES = frozenset(role for role in TABLE[Permission.REVIEW] or () if isinstance(role, OrganisationRole))


def tell_organisation(
    session: Session,
    assessment: Assessment,
    row: Enquiry,
    *,
    more: bool = False,
    actor: Identity,
    now: datetime,
) -> None:
    """What a company asks, or adds to it: to whoever issued the assessment and to all who may act on it.

    Somebody who has left the organisation is not told, not even when they issued it. The company's words are read in
    the portal: letters lie in mailboxes, where nobody can redact them.
    """
    assert actor.company is not None
    organisation = organisations.organisation_for_company(session, assessment.organisation_id)
    what = _asked(session, assessment, row, actor.company.name)
    if more:
        what = f"{actor.person.name} of {actor.company.name} has added to this: {what}"
    ours = row.kind == REVIEW
    people = organisations.organisation_people(
        session, assessment.organisation_id, WHO_JUDGES if ours else WHO_ACTS
    )
    people.sort(key=lambda one: one.id != (row.asked_by if ours else assessment.issued_by))
    for person in people:
        letter = mail.compose(
            "enquiry_made",
            to=(person.name, person.email),
            subject=f"{actor.company.name}: {_SUBJECTS[row.kind]} ({assessment.title})",
            sender_name=f"{actor.person.name}, {actor.company.name}",
            reply_to=actor.person.email,
            sender=actor.person.name,
            organisation=actor.company.name,
            what=what,
            due=assessment.due,
            link=f"{base_url(session)}/o/{organisation.slug}/assessments/{assessment.id}/enquiries/{row.id}",
            why=f"You get this because you may {'judge answers' if ours else 'change assessments'} of "
            f"{organisation.name}.",
        )
        queue(session, assessment, letter, now)


_SUBJECTS = {
    QUESTION: "a question",
    MORE_TIME: "asks for more time",
    DECLINE: "does not want to answer",
    OTHER_PERSON: "names another person to ask",
    REOPEN: "asks to reopen its submission",
    REVIEW: "has written about an answer",
}


def who_asks(session: Session, assessment: Assessment) -> list[Person]:
    """Who is told what became of an assessment: whoever issued it; once they have left, administrators and CISOs."""
    everyone = organisations.organisation_people(session, assessment.organisation_id, tuple(OrganisationRole))
    issuer = [one for one in everyone if one.id == assessment.issued_by]
    looks_after = (OrganisationRole.ADMIN, OrganisationRole.CISO)
    return issuer or organisations.organisation_people(session, assessment.organisation_id, looks_after)


def _asked(session: Session, assessment: Assessment, row: Enquiry, company: str) -> str:
    """What a company asks, in a sentence."""
    about = f"“{assessment.title}” about {assessment.subject}"
    match row.kind:
        case "question":
            asked = library.definition(session, assessment.content_hash).questions.get(row.key or "")
            return (
                f"{company} asks about “{asked.text}” in {about}."
                if asked
                else f"{company} has a question on {about}."
            )
        case "more_time":
            until = f" until {long_date(row.wanted)}" if row.wanted else ""
            return f"{company} asks for more time{until} to answer {about}."
        case "decline":
            return f"{company} does not want to answer {about}."
        case "review":
            asked = library.definition(session, assessment.content_hash).questions.get(row.key or "")
            return f"What you asked about the answer to “{asked.text if asked else row.key}” in {about}."
        case "other_person":
            return f"{company} names another person as the right one for {about}."
        case _:
            return f"{company} asks you to reopen its submission of {about}."


# ---------------------------------------------------------------------------------------------- to the vendor's side


def tell_company(
    session: Session,
    assessment: Assessment,
    kind: str,
    *,
    what: str,
    said: str = "",
    following: str = "",
    due: date | None = None,
    asker: Enquiry | None = None,
    contact: Contact | None = None,
    news: str = "",
    actor: Identity,
    now: datetime,
) -> None:
    """A letter to the company's owners, to whoever asked, and to the contact if they belong to the company.

    While nobody has joined, to ``contact`` alone, without a link: they come in by their invitation. ``kind``:
    ``enquiry_answered`` or ``assessment_changed``. ``what`` has happened, ``said``: in the organisation's words,
    ``following``: what to do now.
    """
    link = ""
    if assessment.company_id is not None:
        slug = organisations.company_slug(session, assessment.company_id)
        link = f"{base_url(session)}/c/{slug}/assessments/{assessment.id}/enquiries"
    for name, email in vendor_side(session, assessment, asker, contact):
        write_to_vendor(
            session,
            assessment,
            kind,
            (name, email),
            what=what,
            said=said,
            following=following,
            due=due,
            link=link,
            news=news,
            actor=actor,
            now=now,
        )


def write_to_vendor(
    session: Session,
    assessment: Assessment,
    kind: str,
    to: tuple[str, str],
    *,
    what: str,
    said: str,
    following: str,
    due: date | None,
    link: str,
    news: str = "",
    actor: Identity,
    now: datetime,
) -> None:
    """One such letter, to ``to`` = (name, address). ``news``: the end of its subject, else that of its kind."""
    assert actor.organisation is not None
    asks = actor.organisation.name
    letter = mail.compose(
        kind,
        to=to,
        subject=f"{asks}: {assessment.title}, {news or _NEWS[kind]}",
        sender_name=f"{actor.person.name}, {asks}",
        reply_to=actor.person.email,
        sender=actor.person.name,
        organisation=asks,
        what=what,
        said=said,
        next=following,
        due=due,
        link=link,
        why=f"You get this because {asks} asks your company “{assessment.title}”. Not you? Reply to this mail.",
        **codes.in_letters(session, assessment),
    )
    queue(session, assessment, letter, now)


_NEWS = {"enquiry_answered": "an answer to you", "assessment_changed": "something has changed"}


def vendor_side(
    session: Session, assessment: Assessment, asker: Enquiry | None = None, contact: Contact | None = None
) -> list[tuple[str, str]]:
    """(name, address) of whom a company is written to by: owners, ``asker``, and the contact if they belong to it."""
    if assessment.company_id is None:
        return [(contact.name, contact.email)] if contact is not None else []
    people: list[Person] = organisations.company_people(
        session,
        assessment.company_id,
        ids=[asker.asked_by] if asker and asker.asked_by else [],
        emails=[address_key(assessment.contact_email)] if assessment.contact_email else [],
    )
    return [(one.name, one.email) for one in people]


def queue(session: Session, assessment: Assessment, letter: outbox.Letter, now: datetime) -> None:
    """Put a letter about an assessment into the outbox, as both sides' own."""
    outbox.queue(
        session, letter, now=now, organisation_id=assessment.organisation_id, company_id=assessment.company_id
    )
