"""For how many reviews in a row a vendor has given the same answer; from the organisation's own submissions only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import sealing
from portal.assessments.models import Assessment, SealedAnswer, Submission
from portal.assessments.organisation_queries import alike, own_assessments, shares_engagement
from portal.library import lineage
from portal.library import service as library
from questionnaires.carry_sources import Cycle, unchanged_cycles

MOST_CYCLES = 10


def unchanged(
    session: Session, identity: Identity, assessment: Assessment, submission: Submission, newest: Cycle
) -> Mapping[str, int]:
    """For each question of a submission, in how many submissions before it the answer stood as it is; one statement.

    A review is one assessment of the same vendor with the same questionnaire that covers an engagement of this one and
    that the identity may see: of its rounds the last one counts. ``newest``: the submission itself. A campaign is
    none.
    """
    earlier = (
        select(Submission.id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            *mine(identity.scope, Submission),
            *own_assessments(identity),
            Assessment.vendor_id == assessment.vendor_id,
            Assessment.slug == assessment.slug,
            Assessment.id != assessment.id,
            alike(assessment),
            Submission.sealed_at < submission.sealed_at,
            shares_engagement(identity, assessment),
        )
        .order_by(Submission.sealed_at.desc(), Submission.id)
        .limit(MOST_CYCLES * 2)
        .correlate(None)
    )
    rows = session.execute(
        select(
            Submission.id,
            Submission.assessment_id,
            Submission.content_hash,
            Submission.as_of,
            SealedAnswer.key,
            SealedAnswer.answer,
        )
        .join(SealedAnswer, SealedAnswer.submission_id == Submission.id)
        .where(*mine(identity.scope, Submission, SealedAnswer), Submission.id.in_(earlier))
        .order_by(Submission.sealed_at.desc(), Submission.id)
    )
    found: dict[uuid.UUID, tuple[uuid.UUID, str, date, dict[str, bytes]]] = {}
    for row in rows:
        held = found.setdefault(row.assessment_id, (row.id, row.content_hash, row.as_of, {}))
        if held[0] == row.id:  # the newest round comes first
            held[3][row.key] = row.answer
    if not found:
        return {}
    history = [newest]
    for _id, content_hash, as_of, sealed in list(found.values())[:MOST_CYCLES]:
        definition = library.definition(session, content_hash)
        between = lineage.between(session, assessment.organisation_id, definition, history[-1].definition)
        history.append(Cycle(definition, sealing.typed_answers(definition, sealed, as_of), between))
    return unchanged_cycles(history)
