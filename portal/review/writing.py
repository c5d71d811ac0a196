"""The marks in the making as rows of the next rating, with their words beside them, for ever (law 5)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import rating
from portal.assessments.models import Rating, Submission
from portal.remembered import Remembered
from portal.review.models import Mark, MarkDraft, MarkReason, MarkRemark
from portal.review.queries import Case, overlaid
from portal.rows import insert_rows

Range = tuple[Fraction | None, Fraction | None]
_ranges: Remembered[Range] = Remembered(4096)


def write_rating(session: Session, case: Case, actor: Identity, now: datetime) -> Rating:
    """The next rating over all marks of the case, written or not; the caller has locked it and asked who may.

    So many statements, however many marks there are.
    """
    found = rating.rate(
        session,
        case.assessment,
        case.submission,
        case.answers,
        actor=actor,
        now=now,
        judged_as=case.judgement,
        beside=case.beside,
    )
    drafts = list(case.drafts.values())
    last = _last_sequences(session, actor, case.submission)
    shared = {"organisation_id": case.submission.organisation_id, "company_id": case.submission.company_id}
    ours = {"organisation_id": case.submission.organisation_id}
    marks: list[dict[str, Any]] = []
    reasons: list[dict[str, Any]] = []
    remarks: list[dict[str, Any]] = []
    for one, (low, high) in zip(drafts, ranges(case, drafts), strict=True):
        mark_id = uuid.uuid4()
        beside = {"mark_id": mark_id, "submission_id": case.submission.id, "key": one.key}
        marks.append(
            {
                "id": mark_id,
                **shared,
                "submission_id": case.submission.id,
                "rating_id": found.id,
                "key": one.key,
                "document": one.document,
                "sequence": last.get((one.key, one.document), 0) + 1,
                "mark": one.mark,
                "points": one.points,
                "certificate": one.certificate,
                "carried_from": None,
                "score_low": exact(low),
                "score_high": exact(high),
                "marked_at": one.changed_at,
                "marked_by": one.changed_by,
            }
        )
        if one.reason:
            reasons.append({**beside, **shared, "text": one.reason})
        if one.remark:
            remarks.append({**beside, **ours, "text": one.remark})
    insert_rows(session, Mark, marks)
    insert_rows(session, MarkReason, reasons)
    insert_rows(session, MarkRemark, remarks)
    remove_drafts(session, case, drafts, actor)
    return found


def ranges(case: Case, drafts: Sequence[MarkDraft]) -> list[Range]:
    """The range of the score after each of ``drafts`` with those before it, on top of what is written.

    Remembered by what it rests on, so that a page drawn after each of many marks works out one range anew.
    """
    found: list[Range] = []
    so_far = _digest(str(case.submission.id), *sorted(str(one.id) for one in case.marks.values()))
    for number, one in enumerate(drafts, 1):
        so_far = _digest(so_far, str(one.stamp))

        def worked_out(number: int = number) -> Range:
            result = case.result(overlaid(case.written, drafts[:number]))
            return result.score, result.high

        found.append(_ranges.get(so_far, worked_out))
    return found


def _digest(*parts: str) -> str:
    return sha256(" ".join(parts).encode()).hexdigest()


def remove_drafts(session: Session, case: Case, drafts: Sequence[MarkDraft], actor: Identity) -> None:
    """Take away marks in the making of the case: they are written, or thrown away."""
    session.flush()
    session.execute(
        delete(MarkDraft)
        .where(
            *mine(actor.scope, MarkDraft),
            MarkDraft.submission_id == case.submission.id,
            MarkDraft.stamp.in_([one.stamp for one in drafts]),
        )
        .execution_options(synchronize_session=False)
    )
    for one in drafts:
        session.expunge(one)


def exact(number: Fraction | None) -> str | None:
    """A rational as it is kept: ``num/den`` in lowest terms; None stays None."""
    return None if number is None else f"{number.numerator}/{number.denominator}"


def _last_sequences(session: Session, actor: Identity, submission: Submission) -> dict[tuple[str, str], int]:
    rows = session.execute(
        select(Mark.key, Mark.document, func.max(Mark.sequence))
        .where(*mine(actor.scope, Mark), Mark.submission_id == submission.id)
        .group_by(Mark.key, Mark.document)
    )
    return {(key, document): sequence for key, document, sequence in rows}
