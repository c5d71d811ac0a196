"""The cycle before: which evaluation it ended with, and which questions lack their proof now.

What was decided last on an earlier evaluation is what everybody remembers, so that one is compared with; where the gate
has decided on none, the last one of the assessments before.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments.models import Rating, Submission
from portal.contracts.models import Evaluation
from portal.contracts.schedule import Called, Comparison, compare
from portal.contracts.schedule_queries import Schedule

# States of the engine's trace in which an answer does not prove what it says.
UNPROVEN = frozenset({"unproven", "disproved", "challenged", "suggested", "na_pending"})


def previous(
    session: Session, identity: Identity, newest: Evaluation, decided: Sequence[uuid.UUID] = ()
) -> Evaluation | None:
    """The evaluation that the last of ``decided`` was: those that decisions of the gate rested on, newest decision
    first. Else the last one that rested on other assessments than ``newest`` does, None in the first cycle.

    An evaluation over other rounds of the same assessments, or over newer marks or facts, is of the same cycle.
    """
    rows: list[Evaluation] = list(
        session.execute(
            scoped(identity, Evaluation)
            .where(
                Evaluation.engagement_id == newest.engagement_id,
                Evaluation.company_id == newest.company_id,
                Evaluation.sequence < newest.sequence,
            )
            .order_by(Evaluation.sequence.desc())
        ).scalars()
    )
    earlier = {row.id: row for row in rows}
    known = next((earlier[one] for one in decided if one in earlier), None)
    if known is not None:
        return known
    ids = {uuid.UUID(one) for row in (newest, *rows) for one in row.submissions}
    assessment_of = {
        str(submission): assessment
        for submission, assessment in session.execute(
            select(Submission.id, Submission.assessment_id).where(
                *mine(identity.scope, Submission), Submission.id.in_(ids)
            )
        )
    }

    def rests_on(row: Evaluation) -> frozenset[uuid.UUID]:
        return frozenset(assessment_of[one] for one in row.submissions if one in assessment_of)

    now = rests_on(newest)
    return next((row for row in rows if rests_on(row) and rests_on(row) != now), None)


def unproven(session: Session, identity: Identity, evaluation: Evaluation) -> frozenset[str]:
    """Questions whose answers, as newest rated, lack their proof or were challenged or disproved."""
    found: set[str] = set()
    for submission_id in map(uuid.UUID, evaluation.submissions):
        result = session.execute(
            select(Rating.result)
            .where(*mine(identity.scope, Rating), Rating.submission_id == submission_id)
            .order_by(Rating.sequence.desc())
            .limit(1)
        ).scalar_one_or_none()
        if result is not None:
            found |= {one["key"] for one in json.loads(result)["trace"] if one["state"] in UNPROVEN}
    return frozenset(found)


def against_before(
    session: Session, identity: Identity, schedule: Schedule, decided: Sequence[uuid.UUID] = ()
) -> Comparison | None:
    """What changed since the cycle before; None while there is none, or nothing is evaluated. ``decided`` as for
    ``previous``.
    """
    if schedule.evaluation is None:
        return None
    before = previous(session, identity, schedule.evaluation, decided)
    if before is None:
        return None
    earlier = {one["key"]: one["outcome"] for one in json.loads(before.outcomes)}
    musts = {one["key"] for one in json.loads(before.outcomes) if one["severity"] == "must"}
    musts |= {one.item.key for one in schedule.lines if one.point.must}
    now = [
        Called(one.item.key, one.outcome, one.standing.state, one.point.decided_by) for one in schedule.lines
    ]
    return compare(earlier, now, unproven(session, identity, schedule.evaluation), musts)
