"""What was judged badly the last time that the same was asked, in another assessment: somebody looks at it again.

Nothing is kept of the marks; but whoever repeats what was not believed, or says something else, has shown nothing by
being asked anew. A consequence of submitting, as carrying is, and after it.
"""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.assessments.organisation_queries import alike
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.review import carrying, queries
from portal.review.lapsing import Lapse, is_adverse, lapses


def heed_after_submission(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity, now: datetime
) -> None:
    """Note in the first round of an assessment what was judged badly the last time that its engagements were asked."""
    if carrying.round_before(session, actor, submission) is not None:
        return  # what was noted then goes on from round to round
    new: carrying.Side | None = None
    shed: set[Lapse] = set()
    for earlier, before in _last_time(session, actor, assessment):
        written = queries.marks_of(session, actor, before.id)
        notes = queries.notes_of_lapses(session, actor, before.id)
        if not written and not notes:
            continue
        old, new = carrying.side_of(session, before), new or carrying.side_of(session, submission)
        turn = carrying.turn_between(session, assessment, old, new)
        marks, lines = queries.newest_marks(written), carrying.lines_of(earlier, old)
        believed = {
            one.id
            for (key, _document), one in marks.items()
            if one.carried_from is None and not is_adverse(one, lines.get(key))
        }
        shed |= lapses(turn, marks, believed, notes, lines)
    if not shed:
        return
    carrying.note_lapses(session, submission, shed)
    data = {"submission": submission.id, "kept": 0, "lapsed": 0, "adverse": len({one.key for one in shed})}
    rated = carrying.newest_rating(session, submission)
    record(session, Kind.MARKS_CARRIED, now=now, actor=None, subject=rated, data=data)
    session.flush()


def _last_time(
    session: Session, actor: Identity, assessment: Assessment
) -> list[tuple[Assessment, Submission]]:
    """Of each engagement of an assessment the newest submission of another one that asked the same."""
    covered = select(AssessmentEngagement.engagement_id).where(
        *mine(actor.scope, AssessmentEngagement), AssessmentEngagement.assessment_id == assessment.id
    )
    rows = session.execute(
        select(AssessmentEngagement.engagement_id, Assessment, Submission)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .join(Submission, Submission.assessment_id == Assessment.id)
        .where(
            *mine(actor.scope, AssessmentEngagement, Assessment, Submission),
            AssessmentEngagement.engagement_id.in_(covered),
            Assessment.organisation_id == assessment.organisation_id,
            Assessment.company_id == assessment.company_id,
            Assessment.slug == assessment.slug,
            Assessment.id != assessment.id,
            alike(assessment),
        )
        .order_by(Submission.sealed_at.desc(), Submission.round.desc(), Submission.id.desc())
    )
    newest: dict[uuid.UUID, tuple[Assessment, Submission]] = {}
    for engagement, earlier, submission in rows:
        newest.setdefault(engagement, (earlier, submission))
    return list({submission.id: (one, submission) for one, submission in newest.values()}.values())
