"""The letters of a delegation: to whom questions are given, and to who gave them when they are finished.

Each names the company, the person who asks, the organisation behind and the date; none asks for a password.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, Person
from portal.accounts.models import PersonRow
from portal.assessments import codes
from portal.assessments.models import Assessment, Delegation
from portal.assessments.reach import WHOLE, covered
from portal.db import base_url
from portal.formats import long_date
from portal.library import service as library
from portal.organisations import queries as organisations


def by_link(
    session: Session,
    assessment: Assessment,
    row: Delegation,
    person: PersonRow,
    token: str,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """The letter with the link; it is emptied once it is sent."""
    assert actor.company is not None
    assert row.expires_at is not None
    common = _common(session, assessment, row, actor)
    letter = mail.compose(
        "delegation_link",
        to=(person.name, person.address),
        subject=f"{actor.person.name} of {actor.company.name} asks for your help with {common['what_short']}",
        sender_name=f"{actor.person.name}, {actor.company.name}",
        reply_to=actor.person.email,
        secret=True,
        link=f"{base_url(session)}/delegations/{token}",
        until_words=long_date(row.expires_at.date()),
        **common,
    )
    outbox.queue(session, letter, now=now, company_id=actor.company.id)


def to_colleague(
    session: Session,
    assessment: Assessment,
    row: Delegation,
    person: Person,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """The letter to somebody who signs in."""
    assert actor.company is not None
    common = _common(session, assessment, row, actor)
    letter = mail.compose(
        "delegation_colleague",
        to=(person.name, person.email),
        subject=f"{actor.person.name} asks you to answer {common['what_short']}",
        sender_name=f"{actor.person.name}, {actor.company.name}",
        reply_to=actor.person.email,
        link=f"{base_url(session)}/c/{actor.company.slug}/assessments/{assessment.id}/mine",
        **common,
    )
    outbox.queue(session, letter, now=now, company_id=actor.company.id)


def finished(
    session: Session, assessment: Assessment, row: Delegation, *, actor: Identity, now: datetime
) -> None:
    """To who gave the questions: they are answered. Once they have left the company, to its owners."""
    assert actor.company is not None
    here = organisations.company_people(session, actor.company.id, ids=[row.created_by])
    for receiver in [one for one in here if one.id == row.created_by] or here:
        letter = mail.compose(
            "delegation_finished",
            to=(receiver.name, receiver.email),
            subject=f"{actor.person.name} has finished: {assessment.title}",
            who=actor.person.name,
            company=actor.company.name,
            title=assessment.title,
            through_link=row.token_hash is not None,
            link=f"{base_url(session)}/c/{actor.company.slug}/assessments/{assessment.id}/delegations",
        )
        outbox.queue(session, letter, now=now, company_id=actor.company.id)


def _common(session: Session, assessment: Assessment, row: Delegation, actor: Identity) -> dict[str, Any]:
    """What both letters to a helper say."""
    assert actor.company is not None
    definition = library.definition(session, assessment.content_hash)
    keys = covered(definition, row.keys)
    count = len(definition.questions) if keys is None else len(keys)
    asker = organisations.organisation_for_company(session, assessment.organisation_id).name
    return {
        "what_short": f"the questions of {asker}",
        "asker": asker,
        "company": actor.company.name,
        "organisation": actor.company.name,
        "sender": actor.person.name,
        "title": assessment.title,
        "sections": [] if set(row.keys) == set(WHOLE) else titles(session, assessment, row),
        "count": count,
        "due": assessment.due,
        "message": row.message,
        **codes.in_letters(session, assessment),
    }


def titles(session: Session, assessment: Assessment, row: Delegation) -> list[str]:
    """The sections that a delegation touches, by title."""
    definition = library.definition(session, assessment.content_hash)
    keys = covered(definition, row.keys)
    return [
        one.title
        for one in definition.sections
        if keys is None or any(question.key in keys for question in one.questions)
    ]
