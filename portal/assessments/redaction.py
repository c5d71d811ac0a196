"""Whether what was sealed is still there: the one place that says so, for whoever rates, evaluates or judges."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.assessments.models import SealedAnswer, SealedEvidence, Submission


def incomplete(
    session: Session, ids: Collection[uuid.UUID], *, organisation_id: uuid.UUID, company_id: uuid.UUID
) -> frozenset[uuid.UUID]:
    """Which of these submissions of one organisation and company lack an answer or a document that was sealed.

    Documents count by themselves: one may lie beside a question that was left blank, and then it is all that was said.
    """
    listed = session.execute(
        select(Submission.id, Submission.commitments, Submission.evidence).where(
            Submission.id.in_(ids),
            Submission.organisation_id == organisation_id,
            Submission.company_id == company_id,
        )
    ).all()
    answers, documents = (
        dict(
            session.execute(
                select(model.submission_id, func.count())
                .where(
                    model.submission_id.in_(ids),
                    model.organisation_id == organisation_id,
                    model.company_id == company_id,
                )
                .group_by(model.submission_id)
            ).all()
        )
        for model in (SealedAnswer, SealedEvidence)
    )
    return frozenset(
        one.id
        for one in listed
        if answers.get(one.id, 0) < len(json.loads(one.commitments))
        or documents.get(one.id, 0) < len(json.loads(one.evidence))
    )
