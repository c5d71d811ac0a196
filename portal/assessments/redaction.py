"""Whether what was sealed is still there: the one place that says so, for whoever rates, evaluates or judges."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from portal.assessments.models import SealedAnswer, SealedEvidence, Submission


def incomplete(
    session: Session,
    ids: Collection[uuid.UUID],
    *,
    organisation_id: uuid.UUID,
    company_id: uuid.UUID | None,
) -> frozenset[uuid.UUID]:
    """Which of these submissions of one organisation and company lack an answer or a document that was sealed.

    ``company_id``: None for those of any company, on the organisation's side. Documents count by themselves: one may
    lie beside a question that was left blank, and then it is all that was said.
    """

    def own(model: Any) -> list[ColumnElement[bool]]:
        side = [] if company_id is None else [model.company_id == company_id]
        return [model.organisation_id == organisation_id, *side]

    listed = session.execute(
        select(Submission.id, Submission.commitments, Submission.evidence).where(
            Submission.id.in_(ids), *own(Submission)
        )
    ).all()
    answers, documents = (
        dict(
            session.execute(
                select(model.submission_id, func.count())
                .where(model.submission_id.in_(ids), *own(model))
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
