"""What a look finds beside what is on record: what is new, and what is over since. States are compared, never events.

Whoever decided, a trigger is OVER once its state is found no longer; if that comes back, it is another trigger.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.assessments.models import Submission
from portal.gate.standing_models import BriefSubmission
from portal.reassessment.models_terms import Termed
from portal.reassessment.models_triggers import Trigger
from portal.reassessment.triggers import BASE, OPEN, OVER, Found

GROWTH = ("scope", "tier")
BY_ANSWERS = (*GROWTH, "version")  # whole new answers are what ends these
READ_FROM_ANSWERS = (*BY_ANSWERS, "evidence")  # found by what the gates' keeper and the terms have worked out
_AT_ONCE = 500
_GROWTH = "growth"
Key = tuple[str, uuid.UUID, uuid.UUID, str, str]


def new(session: Session, found: Sequence[Found]) -> list[Found]:
    """Those of one organisation that are not on record, in a fixed order; ``turn`` counts the times that are over."""
    if not found:
        return []
    known = {_key(row) for row in _standing(session, found[0].organisation_id)}
    fresh = [one for one in found if not known & {_of(one), _whole(one)}]
    before = _turns(session, fresh)
    by_id = {one.id: one for one in (replace(each, turn=1 + before[_of(each)]) for each in fresh)}
    return [by_id[one] for one in sorted(by_id, key=lambda one: one.hex)]


def over(session: Session, organisation_id: uuid.UUID, found: Iterable[Found]) -> dict[uuid.UUID, bool]:
    """The ids of triggers whose state is found no longer, sorted -> whether whole new answers have come since."""
    still = {key for one in found for key in (_of(one), _whole(one))}
    looked_at = _looked_at(session, organisation_id)
    gone = [
        row
        for row in _standing(session, organisation_id)
        if _key(row) not in still and (row.kind not in READ_FROM_ANSWERS or row.engagement_id in looked_at)
    ]
    answered = _answered(session, [row.id for row in gone if row.kind in BY_ANSWERS])
    return {row.id: row.id in answered for row in sorted(gone, key=lambda row: row.id.hex)}


def _standing(session: Session, organisation_id: uuid.UUID) -> Sequence[Any]:
    """What is on record and not over, decided or not."""
    return session.execute(
        select(
            *(
                Trigger.id,
                Trigger.kind,
                Trigger.subject_id,
                Trigger.engagement_id,
                Trigger.slug,
                Trigger.basis,
            )
        ).where(Trigger.organisation_id == organisation_id, Trigger.state != OVER)
    ).all()


def _key(row: Any) -> Key:
    kind = _GROWTH if row.kind in GROWTH and not row.slug else row.kind
    return kind, row.subject_id, row.engagement_id, row.slug, row.basis.partition("#")[0][:BASE]


def _of(one: Found) -> Key:
    return one.kind, one.subject, one.engagement_id, one.slug, one.basis[:BASE]


def _whole(one: Found) -> Key:
    """What stands for ``one`` since growth was found for a whole engagement, not for each of its questionnaires."""
    if one.kind not in GROWTH:
        return _of(one)
    return _GROWTH, one.subject, one.engagement_id, "", one.basis[:BASE]


def _turns(session: Session, found: Collection[Found]) -> Counter[Key]:
    """How often each was there before and is over."""
    subjects = sorted({one.subject for one in found}, key=lambda one: one.hex)
    kinds = sorted({one.kind for one in found})
    turns: Counter[Key] = Counter()
    for start in range(0, len(subjects), _AT_ONCE):
        rows = session.execute(
            select(
                Trigger.kind, Trigger.subject_id, Trigger.engagement_id, Trigger.slug, Trigger.basis
            ).where(
                Trigger.kind.in_(kinds),
                Trigger.subject_id.in_(subjects[start : start + _AT_ONCE]),
                Trigger.state == OVER,
            )
        )
        turns.update(_key(row) for row in rows)
    return turns


def _looked_at(session: Session, organisation_id: uuid.UUID) -> set[uuid.UUID]:
    """Engagements of which the answers that count are known, and until when each of their documents lasts."""
    rows = session.execute(
        select(BriefSubmission.engagement_id, Termed.submission_id)
        .outerjoin(Termed, Termed.submission_id == BriefSubmission.submission_id)
        .where(BriefSubmission.organisation_id == organisation_id)
    ).all()
    return {row.engagement_id for row in rows} - {
        row.engagement_id for row in rows if row.submission_id is None
    }


def _answered(session: Session, ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Which of these triggers wait at an engagement whose vendor has given whole answers since they were found."""
    found: set[uuid.UUID] = set()
    for start in range(0, len(ids), _AT_ONCE):
        rows = session.execute(
            select(Trigger.id, Trigger.slug, BriefSubmission.slug.label("answered"))
            .join(BriefSubmission, BriefSubmission.engagement_id == Trigger.engagement_id)
            .join(Submission, Submission.id == BriefSubmission.submission_id)
            .where(
                Trigger.id.in_(ids[start : start + _AT_ONCE]),
                Trigger.state == OPEN,
                Submission.whole_as_of.is_(None),
                Submission.sealed_at > Trigger.at,
            )
        )
        found |= {row.id for row in rows if row.slug in ("", row.answered)}
    return found
