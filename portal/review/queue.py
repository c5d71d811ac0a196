"""What waits for review: the newest submission of each assessment, narrowed, ordered and cut by the database."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.assessments.organisation_queries import own_assessments
from portal.db import name_key
from portal.paging import Page, paged
from portal.review import queries
from portal.review.models import LapsedMark, MarkDraft, Review
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor

SORTS = ("tier", "submitted", "due", "vendor")
STATES = ("waits", "mine", "unwritten", "lapsed", "finished", "all")
TIERS = ("critical", "high", "medium", "low")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the queue is narrowed to; ``state``: one of STATES, "" is what waits."""

    words: str = ""
    state: str = ""
    tier: str = ""
    slug: str = ""
    sort: str = "tier"
    down: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the queue. ``drafts``: how many marks are in no rating yet. ``tier``: the worst that is covered.

    ``lapsed``: how many answers were judged badly in an earlier round, have changed since and wait to be judged again.
    ``overtaken``: a newer round was submitted, and marks that nobody wrote stayed here.
    """

    submission: Submission
    assessment: Assessment
    review: Review | None
    tier: str
    drafts: int
    lapsed: int
    overtaken: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How many reviews wait, how many of them are the reader's, how many are done.

    ``unwritten``: how many hold unwritten marks, those included that a newer round has left behind; ``lapsed``: how
    many hold answers to be judged again.
    """

    waits: int
    mine: int
    unwritten: int
    lapsed: int
    finished: int


def listed(session: Session, identity: Identity, narrowed: Filter, *, number: int) -> Page[uuid.UUID]:
    """One page of ids of submissions under review: whole rows, with 20 kB of commitments, would be sorted with them."""
    return paged(session, ids(identity, narrowed), number)


def ids(identity: Identity, narrowed: Filter) -> Select[Any]:
    """The ids of all of them, in the order of the list."""
    return _ordered(_found(identity, narrowed), identity, narrowed)


def waiting(session: Session, identity: Identity, wanted: Collection[uuid.UUID]) -> dict[uuid.UUID, Waiting]:
    """Rows of the queue by submission; four statements, however many."""
    if not wanted:
        return {}
    rows = session.execute(
        select(Submission, Assessment, Review)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .outerjoin(Review, and_(Review.submission_id == Submission.id, *mine(identity.scope, Review)))
        .where(Submission.id.in_(wanted), *mine(identity.scope, Submission), *own_assessments(identity))
    ).all()
    drafts = dict(
        session.execute(
            select(MarkDraft.submission_id, func.count())
            .where(MarkDraft.submission_id.in_(wanted), *mine(identity.scope, MarkDraft))
            .group_by(MarkDraft.submission_id)
        ).all()
    )
    tiers = _tiers(session, identity, {row[1].id for row in rows})
    lapsed = queries.lapsed_adverse(session, _organisation(identity), wanted)
    return {
        submission.id: Waiting(
            submission,
            assessment,
            review,
            tiers.get(assessment.id, ""),
            drafts.get(submission.id, 0),
            len(lapsed.get(submission.id, ())),
            submission.round < assessment.round - (assessment.state != "submitted"),
        )
        for submission, assessment, review in rows
    }


def counts(session: Session, identity: Identity) -> Counts:
    """What the filters would keep, in one statement."""
    done, taken = _reviewed(identity, Review.state == "finished"), _taken(identity)
    last, unwritten = _is_last(), _unwritten(identity)
    row = session.execute(
        select(
            func.count(case((and_(last, ~done), 1))),
            func.count(case((and_(last, ~done, taken), 1))),
            func.count(case((unwritten, 1))),
            func.count(case((and_(last, _lapsed(identity)), 1))),
            func.count(case((and_(last, done), 1))),
        )
        .select_from(Submission)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(*_seen(identity), or_(last, unwritten))
    ).one()
    return Counts(*row)


def _tiers(session: Session, identity: Identity, assessments: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The worst tier that each covers, as far as the reader may see the engagements."""
    rows = session.execute(
        select(AssessmentEngagement.assessment_id, Engagement.tier)
        .join(Engagement, Engagement.id == AssessmentEngagement.engagement_id)
        .where(
            AssessmentEngagement.assessment_id.in_(assessments),
            *mine(identity.scope, AssessmentEngagement),
            *vendors.own_engagements(identity),
        )
    )
    found: dict[uuid.UUID, str] = {}
    for assessment, tier in rows:
        held = found.get(assessment)
        if held is None or TIERS.index(tier) < TIERS.index(held):
            found[assessment] = tier
    return found


def _found(identity: Identity, narrowed: Filter) -> Select[Any]:
    state = narrowed.state or "waits"
    statement = (
        select(Submission.id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(*_seen(identity), *([] if state == "unwritten" else [_is_last()]))
    )
    done = _reviewed(identity, Review.state == "finished")
    if state in ("waits", "mine"):
        statement = statement.where(~done)
    if state == "mine":
        statement = statement.where(_taken(identity))
    if state == "unwritten":
        statement = statement.where(_unwritten(identity))
    if state == "lapsed":
        statement = statement.where(_lapsed(identity))
    if state == "finished":
        statement = statement.where(done)
    if narrowed.slug:
        statement = statement.where(Assessment.slug == narrowed.slug)
    if narrowed.tier:
        statement = statement.where(_covers(identity, Engagement.tier == narrowed.tier))
    if narrowed.words:
        statement = statement.where(_holds(identity, name_key(narrowed.words)))
    return statement


def _seen(identity: Identity) -> list[ColumnElement[bool]]:
    """The submissions that the reader may see, of vendors that are still there."""
    return [
        *mine(identity.scope, Submission),
        *own_assessments(identity),
        exists().where(
            Vendor.id == Assessment.vendor_id, Vendor.offboarded_at.is_(None), *mine(identity.scope, Vendor)
        ),
    ]


def _is_last() -> ColumnElement[bool]:
    """The newest submission: a round that was opened and not submitted is one ahead of what was sealed last."""
    last = case((Assessment.state == "submitted", Assessment.round), else_=Assessment.round - 1)
    return Submission.round == last


# What few submissions have is asked as a list of their ids, which is made once; EXISTS looks into it for each of
# thousands of submissions.


def _lapsed(identity: Identity) -> ColumnElement[bool]:
    return Submission.id.in_(
        select(LapsedMark.submission_id).where(
            *mine(identity.scope, LapsedMark), queries.unsettled(_organisation(identity))
        )
    )


def _organisation(identity: Identity) -> uuid.UUID:
    assert identity.organisation is not None
    return identity.organisation.id


def _reviewed(identity: Identity, test: ColumnElement[bool]) -> ColumnElement[bool]:
    return Submission.id.in_(select(Review.submission_id).where(test, *mine(identity.scope, Review)))


def _taken(identity: Identity) -> ColumnElement[bool]:
    return _reviewed(identity, Review.reviewer_id == identity.person.id)


def _unwritten(identity: Identity) -> ColumnElement[bool]:
    return Submission.id.in_(select(MarkDraft.submission_id).where(*mine(identity.scope, MarkDraft)))


def _covers(identity: Identity, test: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(
        AssessmentEngagement.assessment_id == Assessment.id,
        AssessmentEngagement.engagement_id == Engagement.id,
        test,
        *mine(identity.scope, AssessmentEngagement),
        *vendors.own_engagements(identity),
    )


def _holds(identity: Identity, key: str) -> ColumnElement[bool]:
    vendor = exists().where(
        Vendor.id == Assessment.vendor_id,
        Vendor.name_key.contains(key, autoescape=True),
        *mine(identity.scope, Vendor),
    )
    return or_(vendor, _covers(identity, Engagement.name_key.contains(key, autoescape=True)))


def _ordered(statement: Select[Any], identity: Identity, narrowed: Filter) -> Select[Any]:
    """Most critical first, and of those what has waited longest; ``down`` turns the first key round."""
    keys: list[Any]
    if narrowed.sort == "vendor":
        keys = [
            select(Vendor.name_key)
            .where(Vendor.id == Assessment.vendor_id, *mine(identity.scope, Vendor))
            .scalar_subquery()
        ]
    elif narrowed.sort == "submitted":
        keys = [Submission.sealed_at]
    elif narrowed.sort == "due":
        keys = [Assessment.due]
    else:
        rank = case(*((Engagement.tier == tier, at) for at, tier in enumerate(TIERS)), else_=len(TIERS))
        keys = [
            select(func.min(rank))
            .select_from(AssessmentEngagement)
            .join(Engagement, Engagement.id == AssessmentEngagement.engagement_id)
            .where(
                AssessmentEngagement.assessment_id == Assessment.id,
                *mine(identity.scope, AssessmentEngagement),
                *vendors.own_engagements(identity),
            )
            .scalar_subquery()
        ]
    first = keys[0].desc() if narrowed.down else keys[0]
    return statement.order_by(first, Submission.sealed_at, Submission.id)
