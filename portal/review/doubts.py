"""Marks against earlier answers, for the vendor that is asked the same again (assessments.doubts)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Literal, cast

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.doubts import Doubt
from portal.review.lapsing import is_adverse
from portal.review.models import LapsedMark, Mark, MarkReason
from portal.review.queries import ANSWER, WITHDRAWN

Against = Literal["challenged", "disproved", "graded", "refused"]


def doubts(
    session: Session, identity: Identity, organisation_id: uuid.UUID, submissions: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, Mapping[str, Doubt]]:
    """By submission and key what speaks against an answer, of this organisation's review alone; one statement.

    What lapsed and was not judged again counts, too; of several at one question the answer's own goes before a
    document's. Only what is written into a rating: nobody else's drafts are read here.
    """
    noted = and_(
        LapsedMark.mark_id == Mark.id,
        LapsedMark.submission_id.in_(submissions),
        *mine(identity.scope, LapsedMark),
    )
    rows = session.execute(
        select(Mark, MarkReason.text, LapsedMark.submission_id, LapsedMark.key, LapsedMark.about)
        .outerjoin(LapsedMark, noted)
        .outerjoin(MarkReason, and_(MarkReason.mark_id == Mark.id, *mine(identity.scope, MarkReason)))
        .where(
            *mine(identity.scope, Mark),
            Mark.organisation_id == organisation_id,
            or_(Mark.submission_id.in_(submissions), LapsedMark.submission_id.is_not(None)),
        )
        .order_by(Mark.submission_id, Mark.key, Mark.document, Mark.sequence, LapsedMark.key)
    ).all()
    asked = set(submissions)
    standing = {
        (one.submission_id, one.key, one.document): (one, text)
        for one, text, *_rest in rows
        if one.submission_id in asked
    }
    found: dict[uuid.UUID, dict[str, Doubt]] = {}
    for (submission, key, document), (one, text) in standing.items():
        if is_adverse(one, None) and (document == ANSWER or key not in found.get(submission, {})):
            found.setdefault(submission, {})[key] = _doubt(one, text, stands=True)
    lapsed = [row for row in rows if row.submission_id is not None]
    for one, text, submission, key, about in sorted(lapsed, key=lambda row: row[0].marked_at, reverse=True):
        judged = standing.get((submission, key, ANSWER))
        if judged is None or judged[0].carried_from is not None or judged[0].mark == WITHDRAWN:
            found.setdefault(submission, {}).setdefault(about, _doubt(one, text, stands=False))
    return found


def _doubt(one: Mark, text: str | None, *, stands: bool) -> Doubt:
    return Doubt(cast(Against, one.mark), one.points, text or "", one.marked_at, stands)
