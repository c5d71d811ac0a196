"""What search and fourth parties do not know yet of what counts today: answers that the worker has still to read."""

from __future__ import annotations

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.gate.standings import Relation
from portal.portfolio import words
from portal.portfolio.models import IndexedSubmission


def submissions(session: Session, identity: Identity, relation: Relation) -> int:
    """How many submissions that count at gates of the reader nobody has read word by word yet; one statement."""
    at = relation.submissions.c
    known = and_(
        IndexedSubmission.submission_id == at.submission_id,
        IndexedSubmission.method == words.METHOD,
        *mine(identity.scope, IndexedSubmission),
    )
    statement = (
        select(func.count(at.submission_id.distinct()))
        .select_from(relation.submissions)
        .outerjoin(IndexedSubmission, known)
        .where(IndexedSubmission.submission_id.is_(None))
    )
    return int(session.execute(statement).scalar_one())
