"""The one letter that a batch of marks writes to the vendor: what was judged, where to read why, what one may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.accounts.service import address_key
from portal.assessments.enquiry_letters import write_to_vendor
from portal.assessments.models import Assessment
from portal.db import base_url
from portal.organisations import queries as organisations
from portal.review.models import MarkDraft
from portal.review.queries import ANSWER, WITHDRAWN

HOW = ("accepted", "challenged", "graded", "disproved", "refused")
AGAINST = frozenset({"challenged", "graded", "disproved", "refused"})


def tell_vendor(
    session: Session,
    assessment: Assessment,
    written: Iterable[MarkDraft],
    *,
    finished: bool,
    actor: Identity,
    now: datetime,
) -> None:
    """Write to the company's owners and the contact. Reasons are read in the portal, where they can be destroyed."""
    assert actor.organisation is not None
    assert assessment.company_id is not None  # somebody has submitted
    asks, about = actor.organisation.name, f"“{assessment.title}” about {assessment.subject}"
    marks = list(written)
    said = [one for one in (_judged(marks), _taken_back(marks), _finished(finished, bool(marks))) if one]
    slug = organisations.company_slug(session, assessment.company_id)
    link = f"{base_url(session)}/c/{slug}/assessments/{assessment.id}/answers"
    emails = [address_key(assessment.contact_email)] if assessment.contact_email else []
    for person in organisations.company_people(session, assessment.company_id, emails=emails):
        write_to_vendor(
            session,
            assessment,
            "assessment_changed",
            (person.name, person.email),
            what=f"{asks} has reviewed {about}. {' '.join(said)}",
            said="",
            following=_following(marks),
            due=None,
            link=link,
            actor=actor,
            now=now,
        )


def _judged(marks: list[MarkDraft]) -> str:
    """How many answers and documents were judged how; "" for none. What was only taken back was not judged."""
    some = [one for one in marks if one.mark != WITHDRAWN]
    if not some:
        return ""
    answers = sum(one.document == ANSWER for one in some)
    of = [
        f"{number} {name if number == 1 else name + 's'}"
        for number, name in ((answers, "answer"), (len(some) - answers, "document"))
        if number
    ]
    how = Counter("accepted" if one.mark == "na_accepted" else one.mark for one in some)
    each = ", ".join(f"{how[mark]} {mark}" for mark in HOW if how[mark])
    return f"Judged were {' and '.join(of)}: {each}."


def _taken_back(marks: list[MarkDraft]) -> str:
    number = sum(one.mark == WITHDRAWN for one in marks)
    if not number:
        return ""
    return "One earlier mark was taken back." if number == 1 else f"{number} earlier marks were taken back."


def _finished(finished: bool, judged: bool) -> str:
    if not finished:
        return ""
    return "The review is finished." if judged else "The review is finished; nothing new was judged."


def _following(marks: list[MarkDraft]) -> str:
    if not any(one.mark in AGAINST for one in marks):
        return "Read beside your sealed answers what was judged. You need not do anything now."
    return (
        "Read beside your sealed answers what was judged, and why. Nothing has to be done now. If you can show more, "
        "or see it otherwise, write on the assessment's page, or ask there to open your answers again: what is signed "
        "cannot be changed without that."
    )
