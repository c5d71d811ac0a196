"""Reading the organisation's own clause texts: the one in use for each requirement, and every version of one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.contracts.schedule_models import ClauseText, ClauseWords


@dataclass(frozen=True, slots=True)
class Clause:
    """The text in use: ``number`` of the organisation's own, 0 = the shipped one, which ``text`` is None for."""

    number: int
    text: str | None


SHIPPED = Clause(0, None)


def newest_clauses(session: Session, identity: Identity, keys: Iterable[str]) -> dict[str, Clause]:
    """The organisation's own clause in use for each of ``keys`` that has ever had one."""
    last = (
        select(ClauseText.key, func.max(ClauseText.sequence))
        .where(*mine(identity.scope, ClauseText), ClauseText.key.in_(list(keys)))
        .group_by(ClauseText.key)
    )
    newest = [tuple(one) for one in session.execute(last)]
    rows = session.execute(
        select(ClauseText, ClauseWords.words)
        .outerjoin(
            ClauseWords,
            (ClauseWords.clause_id == ClauseText.id)
            & (ClauseWords.organisation_id == identity.scope.organisation_id),
        )
        .where(*mine(identity.scope, ClauseText), tuple_(ClauseText.key, ClauseText.sequence).in_(newest))
    )
    return {row.key: _clause(row, words) for row, words in rows}


def _clause(row: ClauseText, words: bytes | None) -> Clause:
    return Clause(row.sequence, None if row.shipped or words is None else json.loads(words))


def clause_versions(session: Session, identity: Identity, key: str) -> list[tuple[ClauseText, str | None]]:
    """Every own version for a requirement with its text (None: back to the shipped one, or destroyed); newest first."""
    rows = session.execute(
        select(ClauseText, ClauseWords.words)
        .outerjoin(
            ClauseWords,
            (ClauseWords.clause_id == ClauseText.id)
            & (ClauseWords.organisation_id == identity.scope.organisation_id),
        )
        .where(*mine(identity.scope, ClauseText), ClauseText.key == key)
        .order_by(ClauseText.sequence.desc())
    )
    return [(row, _clause(row, words).text) for row, words in rows]
