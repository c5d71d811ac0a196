"""Which versions of a questionnaire the organisation's open assessments are on."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment
from questionnaires.patterns import ordered


def running(session: Session, identity: Identity, slug: str) -> list[tuple[str, int]]:
    """(version, how many open assessments are on it) of a questionnaire, newest version first."""
    statement = (
        select(Assessment.version, func.count())
        .where(*mine(identity.scope, Assessment), Assessment.slug == slug, Assessment.state == "open")
        .group_by(Assessment.version)
    )
    found = [(version, count) for version, count in session.execute(statement)]
    return sorted(found, key=lambda one: ordered(one[0]), reverse=True)
