"""The marks in the making as rows of the next rating, with their words beside them, for ever (law 5)."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import rating
from portal.assessments.models import Rating, Submission
from portal.review.models import Mark, MarkReason, MarkRemark
from portal.review.queries import Case


def write_rating(session: Session, case: Case, actor: Identity, now: datetime) -> Rating:
    """The next rating over all marks of the case, written or not; the caller has locked it and asked who may."""
    found = rating.rate(
        session,
        case.assessment,
        case.submission,
        case.answers,
        actor=actor,
        now=now,
        judged_as=case.judgement,
        beside=case.beside,
    )
    last = _last_sequences(session, actor, case.submission)
    tenants = {
        "organisation_id": case.submission.organisation_id,
        "company_id": case.submission.company_id,
    }
    for one in list(case.drafts.values()):
        mark = Mark(
            id=uuid.uuid4(),
            **tenants,
            submission_id=case.submission.id,
            rating_id=found.id,
            key=one.key,
            document=one.document,
            sequence=last.get((one.key, one.document), 0) + 1,
            mark=one.mark,
            points=one.points,
            certificate=one.certificate,
            score_low=one.score_low,
            score_high=one.score_high,
            marked_at=one.changed_at,
            marked_by=one.changed_by,
        )
        session.add(mark)
        session.flush()
        beside = {"mark_id": mark.id, "submission_id": case.submission.id, "key": one.key}
        if one.reason:
            session.add(MarkReason(**beside, **tenants, text=one.reason))
        if one.remark:
            ours = {"organisation_id": tenants["organisation_id"]}
            session.add(MarkRemark(**beside, **ours, text=one.remark))
        session.delete(one)
    session.flush()
    return found


def _last_sequences(session: Session, actor: Identity, submission: Submission) -> dict[tuple[str, str], int]:
    rows = session.execute(
        select(Mark.key, Mark.document, func.max(Mark.sequence))
        .where(*mine(actor.scope, Mark), Mark.submission_id == submission.id)
        .group_by(Mark.key, Mark.document)
    )
    return {(key, document): sequence for key, document, sequence in rows}
