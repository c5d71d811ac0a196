"""What the same questions were answered the time before, and what has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import queries as sealed_queries
from portal.assessments import sealing
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, Submission
from portal.assessments.organisation_queries import alike, own_assessments, shares_engagement
from portal.library import lineage
from portal.library import service as library
from portal.review import queries
from portal.review.models import Mark
from portal.review.queries import ANSWER, Case
from questionnaires.changes import QuestionChange, diff
from questionnaires.definition import Questionnaire

Change = str  # "same", "changed", or "new" where nothing was answered then


@dataclass(frozen=True)
class Earlier:
    """The newest submission before this one of the same vendor, engagement and questionnaire.

    ``round``: its round if it is of the same assessment, else None. ``answers`` and ``marks`` by the keys of now;
    ``questions``: how each question of now came about.
    """

    sealed_at: datetime
    definition: Questionnaire
    round: int | None
    answers: Mapping[str, Content]
    marks: Mapping[str, Mark]
    reasons: Mapping[str, str]
    questions: Mapping[str, QuestionChange]

    def change(self, key: str, now: Content | None) -> Change:
        """What became of the answer to ``key``."""
        then = self.answers.get(key)
        if then is None:
            return "new" if now is not None else "same"
        same = now is not None and (then.state, then.value, then.note) == (now.state, now.value, now.note)
        return "same" if same else "changed"


def earlier(session: Session, identity: Identity, case: Case) -> Earlier | None:
    """What was sealed the time before; None for the first time."""
    row = session.execute(_newest_before(identity, case)).first()
    if row is None:
        return None
    submission, assessment = row
    old = library.definition(session, submission.content_hash)
    between = lineage.between(session, submission.organisation_id, old, case.definition)
    changes = {
        one.key: one
        for one in diff(old, case.definition, between).questions
        if one.new is not None and one.old_key is not None
    }
    sealed = sealed_queries.sealed(session, identity, submission)
    marks = {
        key: one
        for (key, document), one in queries.newest_marks(
            queries.marks_of(session, identity, submission.id)
        ).items()
        if document == ANSWER
    }
    said = queries.reasons_of(session, identity, submission.id)
    formerly = {key: one.old_key or key for key, one in changes.items()}
    return Earlier(
        submission.sealed_at,
        old,
        submission.round if assessment.id == case.assessment.id else None,
        {key: sealing.content(sealed[was].answer) for key, was in formerly.items() if was in sealed},
        {key: marks[was] for key, was in formerly.items() if was in marks},
        {key: said.get(marks[was].id, "") for key, was in formerly.items() if was in marks},
        changes,
    )


def _newest_before(identity: Identity, case: Case) -> Select[Submission, Assessment]:
    return (
        select(Submission, Assessment)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            *mine(identity.scope, Submission),
            *own_assessments(identity),
            Assessment.vendor_id == case.assessment.vendor_id,
            Assessment.slug == case.assessment.slug,
            alike(case.assessment),
            Submission.sealed_at < case.submission.sealed_at,
            shares_engagement(identity, case.assessment),
        )
        .order_by(Submission.sealed_at.desc(), Submission.round.desc(), Submission.id)
        .limit(1)
    )
