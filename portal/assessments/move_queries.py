"""What has been moved: the versions that an assessment had, and how it came to the one that it has."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments.models import Assessment
from portal.assessments.version_models import AssessmentMove

ASKED, APPLIED, LAPSED = "asked", "applied", "lapsed"


def hashes(session: Session, identity: Identity, one: Assessment) -> set[str]:
    """The content hashes that the assessment has had besides its present one."""
    found = session.execute(
        select(AssessmentMove.from_hash).where(
            *mine(identity.scope, AssessmentMove),
            AssessmentMove.assessment_id == one.id,
            AssessmentMove.state == APPLIED,
        )
    )
    return set(found.scalars())


def moves(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[AssessmentMove]:
    """Every move of an assessment, asked, applied and lapsed, the newest first."""
    return list(
        session.execute(
            scoped(identity, AssessmentMove)
            .where(AssessmentMove.assessment_id == assessment_id)
            .order_by(AssessmentMove.asked_at.desc(), AssessmentMove.undoes.is_(None))
        ).scalars()
    )
