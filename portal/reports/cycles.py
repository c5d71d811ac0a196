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
from portal.library import lineage
from portal.library import service as library
from portal.reports.queries import Report
from questionnaires.carry_sources import Cycle, unchanged_cycles

MOST_CYCLES = 10


def unchanged(session: Session, identity: Identity, report: Report) -> Mapping[str, int]:
    """For each question of a submission, in how many submissions before it the answer stood as it is; one statement.

    A review is one assessment of the same vendor with the same questionnaire: of its rounds the last one counts.
    """
    rated = report.rated
    earlier = (
        select(Submission.id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            *mine(identity.scope, Submission, Assessment),
            Assessment.vendor_id == rated.assessment.vendor_id,
            Assessment.slug == rated.assessment.slug,
            Assessment.id != rated.assessment.id,
            Submission.sealed_at < rated.submission.sealed_at,
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
    history = [
        Cycle(
            report.definition, sealing.typed_answers(report.definition, rated.sealed, rated.submission.as_of)
        )
    ]
    for _id, content_hash, as_of, sealed in list(found.values())[:MOST_CYCLES]:
        definition = library.definition(session, content_hash)
        between = lineage.between(
            session, rated.assessment.organisation_id, definition, history[-1].definition
        )
        history.append(Cycle(definition, sealing.typed_answers(definition, sealed, as_of), between))
    return unchanged_cycles(history)
