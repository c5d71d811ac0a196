"""Documents that end: those that proofs rest on, and asking for the newer ones by returning exactly their questions."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, exists, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.assessments import sealing
from portal.assessments.models import Assessment, SealedEvidence, Submission
from portal.assessments.returning import Return
from portal.assessments.round_models import RoundScope
from portal.faults import Conflict, Invalid, Refused
from portal.gate.standing_models import BriefSubmission
from portal.paging import Page
from portal.reassessment.models_terms import EvidenceTerm
from portal.review import queries as reviews
from portal.review import returning
from portal.review.marking import Consequence
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import own_engagements

UNTIL = ("past", "30", "60", "365")  # what is shown: what has ended, or ends within so many days
MOST = 50  # submissions that are asked at once
OPEN, SUBMITTED = "open", "submitted"


@dataclass(frozen=True, slots=True)
class Ending:
    """A document that ends, beside the questions of one submission. ``title``: as it was sealed, "" once removed.

    ``asked``: since when its questions are with the vendor again; None while they are not. ``can``: whether the newer
    document can be asked for now.
    """

    evidence_id: uuid.UUID
    submission_id: uuid.UUID
    assessment: Assessment
    vendor: Vendor
    kind: str
    title: str
    until: date
    keys: tuple[str, ...]
    asked: datetime | None
    can: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one submission: ``why`` is "" when its questions went to the vendor, else a sentence."""

    submission_id: uuid.UUID
    vendor: str
    title: str
    keys: tuple[str, ...]
    why: str = ""


def listed(
    session: Session, identity: Identity, *, first: date | None, last: date, number: int, size: int = 25
) -> Page[Ending]:
    """One page by the day on which they end: after ``first`` (None: from the beginning) up to ``last``."""
    narrowed = ids(identity, first=first, last=last)
    until = narrowed.selected_columns["until"]
    total = session.execute(select(func.count()).select_from(narrowed.subquery())).scalar_one()
    page: Page[Ending] = Page([], number, total, size)
    at = min(number, page.last)
    rows = session.execute(
        narrowed.order_by(until, EvidenceTerm.evidence_id, EvidenceTerm.submission_id)
        .limit(size)
        .offset((at - 1) * size)
    ).all()
    return Page(_read(session, identity, rows), at, total, size)


def counts(session: Session, identity: Identity, today: date, days: Collection[int]) -> dict[str, int]:
    """How many have ended, and how many end within each of so many days from today."""
    ends = _ends(identity, today + timedelta(days=max(days))).subquery()
    columns: list[Any] = [func.count(case((ends.c.until < today, 1)))]
    columns += [
        func.count(case((ends.c.until.between(today, today + timedelta(days=many)), 1))) for many in days
    ]
    row = session.execute(select(*columns).select_from(ends)).one()
    return dict(zip(("past", *(str(many) for many in days)), row, strict=True))


def period(until: str, today: date) -> tuple[date | None, date]:
    """(first, last) of one of UNTIL, as ``listed`` takes them."""
    before = today - timedelta(days=1)
    return (None, before) if until == "past" else (before, today + timedelta(days=int(until)))


def ids(identity: Identity, *, first: date | None, last: date) -> Select[Any]:
    """What ends after ``first`` (None: from the beginning) up to ``last``, a row each."""
    found: Any = _ends(identity, last)
    if first is not None:
        found = found.having(func.min(EvidenceTerm.until) > first)
    return found  # type: ignore[no-any-return]  # a statement


def _ends(identity: Identity, last: date) -> Select[uuid.UUID, uuid.UUID, str, date | None]:
    """(evidence_id, submission_id, kind, until) of what ends up to ``last`` and counts at a gate that one sees."""
    counted = exists().where(  # asked of each document that ends by then, which are few of all
        BriefSubmission.submission_id == EvidenceTerm.submission_id,
        Engagement.id == BriefSubmission.engagement_id,
        Vendor.id == Engagement.vendor_id,
        Vendor.offboarded_at.is_(None),
        *mine(identity.scope, BriefSubmission, Vendor),
        *own_engagements(identity),
    )
    found: Any = (
        select(
            EvidenceTerm.evidence_id,
            EvidenceTerm.submission_id,
            func.min(EvidenceTerm.kind).label("kind"),
            func.min(EvidenceTerm.until).label("until"),
        )
        .where(
            EvidenceTerm.best,
            EvidenceTerm.until <= last,
            counted,
            *mine(identity.scope, EvidenceTerm),
        )
        .group_by(EvidenceTerm.evidence_id, EvidenceTerm.submission_id)
    )
    return found  # type: ignore[no-any-return]  # a statement


def _read(session: Session, identity: Identity, rows: Iterable[Any]) -> list[Ending]:
    rows = list(rows)
    ids = {one.submission_id for one in rows}
    if not ids:
        return []
    about = {
        submission_id: (assessment, vendor)
        for submission_id, assessment, vendor in session.execute(
            select(Submission.id, Assessment, Vendor)
            .join(Assessment, Assessment.id == Submission.assessment_id)
            .join(Vendor, Vendor.id == Assessment.vendor_id)
            .where(Submission.id.in_(ids), *mine(identity.scope, Submission, Assessment, Vendor))
        )
    }
    keys: dict[tuple[uuid.UUID, uuid.UUID], list[str]] = {}
    terms = select(EvidenceTerm.submission_id, EvidenceTerm.evidence_id, EvidenceTerm.key).where(
        EvidenceTerm.submission_id.in_(ids), EvidenceTerm.best, *mine(identity.scope, EvidenceTerm)
    )
    for submission_id, evidence_id, key in session.execute(terms.order_by(EvidenceTerm.key)):
        keys.setdefault((submission_id, evidence_id), []).append(key)
    papers = select(SealedEvidence.submission_id, SealedEvidence.evidence_id, SealedEvidence.document).where(
        SealedEvidence.submission_id.in_(ids), *mine(identity.scope, SealedEvidence)
    )
    titles = {
        (submission_id, evidence_id): sealing.document(document).title
        for submission_id, evidence_id, document in session.execute(papers)
    }
    scopes = {
        one.id: one
        for one in session.scalars(
            select(RoundScope).where(
                RoundScope.id.in_([one.scope_id for one, _vendor in about.values() if one.scope_id]),
                *mine(identity.scope, RoundScope),
            )
        )
    }
    found = []
    for one in rows:
        if one.submission_id not in about:
            continue
        assessment, vendor = about[one.submission_id]
        place = (one.submission_id, one.evidence_id)
        here = tuple(keys.get(place, ()))
        scope = scopes.get(assessment.scope_id) if assessment.state == OPEN and assessment.scope_id else None
        back = scope is not None and set(here) <= set(scope.keys)
        found.append(
            Ending(
                one.evidence_id,
                one.submission_id,
                assessment,
                vendor,
                one.kind,
                titles.get(place, ""),
                one.until,
                here,
                scope.returned_at if scope is not None and back else None,
                assessment.state == SUBMITTED,
            )
        )
    return found


def preview(
    session: Session, identity: Identity, picked: Mapping[uuid.UUID, Collection[uuid.UUID]]
) -> list[dict[str, Any]]:
    """Which questions would go back to whom: ``vendor``, ``title``, ``questions`` in words, ``can``; by vendor."""
    found = []
    for submission_id in sorted(picked):
        case = reviews.case(session, identity, submission_id)
        keys = _keys(session, identity, submission_id, picked[submission_id])
        vendor = session.execute(
            select(Vendor.name).where(Vendor.id == case.assessment.vendor_id, *mine(identity.scope, Vendor))
        ).scalar_one()
        questions = [one.text for key, one in case.definition.questions.items() if key in set(keys)]
        can = case.assessment.state == SUBMITTED and case.newest and not case.drafts
        found.append({"vendor": vendor, "title": case.assessment.title, "questions": questions, "can": can})
    return sorted(found, key=lambda one: (one["vendor"].casefold(), one["title"]))


def _keys(
    session: Session, identity: Identity, submission_id: uuid.UUID, evidence_ids: Collection[uuid.UUID]
) -> list[str]:
    """The questions whose proof ends with these documents."""
    statement = select(EvidenceTerm.key).where(
        EvidenceTerm.submission_id == submission_id,
        EvidenceTerm.evidence_id.in_(evidence_ids),
        EvidenceTerm.best,
        *mine(identity.scope, EvidenceTerm),
    )
    return sorted(set(session.scalars(statement)))


def ask(
    session: Session,
    identity: Identity,
    submission_id: uuid.UUID,
    evidence_ids: Collection[uuid.UUID],
    *,
    due: date | None,
    text: str,
    consequences: Iterable[Consequence],
    now: datetime,
) -> Asked:
    """Return exactly the questions that these documents prove, in the transaction of ``session``.

    Raises Refused, Invalid (due, text); what stands in the way of this submission alone is said in ``why``.
    """
    if not identity.may(Permission.REVIEW):
        raise Refused("You may read this, but not ask for it.")
    case = reviews.case(session, identity, submission_id, lock=True)
    vendor = session.execute(
        select(Vendor.name).where(Vendor.id == case.assessment.vendor_id, *mine(identity.scope, Vendor))
    ).scalar_one()
    keys = _keys(session, identity, submission_id, evidence_ids)
    asked = Asked(submission_id, vendor, case.assessment.title, tuple(keys))
    if not keys:
        return _not(asked, "These documents are not there any more.")
    if case.drafts:
        return _not(asked, "Marks of yours or a colleague wait to be written. Return it from the review.")
    wish = Return(frozenset(keys), text, due)
    try:
        returning.give_back(
            session, case, wish, seen=case.unwritten, actor=identity, now=now, consequences=consequences
        )
    except Conflict as fault:
        return _not(asked, fault.message)
    except Invalid as fault:
        if {"due", "text"} & set(fault.errors):
            raise
        return _not(asked, " ".join([fault.message, *fault.errors.values()]).strip())
    return asked


def _not(asked: Asked, why: str) -> Asked:
    return Asked(asked.submission_id, asked.vendor, asked.title, asked.keys, why)
