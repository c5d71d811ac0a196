"""Rounds of assessments as others read them: since when a submission counts, which rounds are open and until when."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.assessments.models import Assessment, Submission
from portal.assessments.round_models import RoundScope


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A later round that waits for the vendor, beside an earlier submission.

    ``due``: local date in the assessment's zone. ``keys``: how many questions came back; None = all of them.
    """

    number: int
    due: date
    keys: int | None


def whole_as_of(
    session: Session, organisation_id: uuid.UUID, submissions: Collection[uuid.UUID]
) -> dict[uuid.UUID, date]:
    """The day that the months of each submission count from: the ``as_of`` of the last round that asked everything.

    One statement. A return of chosen questions renews nothing, and so has the day of the round before it.
    """
    if not submissions:
        return {}
    rows = session.execute(
        select(Submission.id, func.coalesce(Submission.whole_as_of, Submission.as_of)).where(
            Submission.organisation_id == organisation_id, Submission.id.in_(submissions)
        )
    )
    return dict(rows.all())


def open_rounds(
    session: Session, organisation_id: uuid.UUID, assessments: Collection[uuid.UUID]
) -> dict[uuid.UUID, OpenRound]:
    """By assessment, the round that is open beside an earlier submission; none for a first round. One statement."""
    if not assessments:
        return {}
    submitted = select(Submission.id).where(
        Submission.organisation_id == organisation_id, Submission.assessment_id == Assessment.id
    )
    rows = session.execute(
        select(Assessment.id, Assessment.round, Assessment.due, RoundScope.keys)
        .outerjoin(
            RoundScope,
            (RoundScope.id == Assessment.scope_id) & (RoundScope.organisation_id == organisation_id),
        )
        .where(
            Assessment.organisation_id == organisation_id,
            Assessment.id.in_(assessments),
            Assessment.state == "open",
            submitted.exists(),
        )
    )
    return {
        one: OpenRound(number, due, None if keys is None else len(keys)) for one, number, due, keys in rows
    }
