"""Rounds of assessments as others read them: since when a submission counts, which rounds came after it and how they
ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.assessments.models import Assessment, Submission
from portal.assessments.round_models import RoundScope
from portal.audit.catalogue import Kind
from portal.audit.models import Event

OPEN, DECLINED, CANCELLED, WITHDRAWN, SUBMITTED = "open", "declined", "cancelled", "withdrawn", "submitted"


@dataclass(frozen=True, slots=True)
class LaterRound:
    """A round that began after a submission and brought none.

    ``state``: open, or how it ended: declined, cancelled, or withdrawn, which only a return of questions can be.
    ``due`` and ``first_due``: as it is now, and when the round began; local dates in the assessment's zone. People:
    ``begun_by``, ``ended_by`` (None while it is open), and who moved the date, ``moved_by``.
    """

    number: int
    state: str
    due: date
    first_due: date
    begun_by: uuid.UUID | None = None
    ended_by: uuid.UUID | None = None
    moved_by: frozenset[uuid.UUID] = field(default_factory=frozenset)

    @property
    def waits(self) -> bool:
        """Whether what was asked again is still owed: the vendor has not answered yet, or said that it will not."""
        return self.state in (OPEN, DECLINED)


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


def later_rounds(
    session: Session, organisation_id: uuid.UUID, assessments: Collection[uuid.UUID]
) -> dict[uuid.UUID, LaterRound]:
    """By assessment, the round after its newest submission, whatever became of it; three statements, however many.

    No entry for a first round, or where nothing came after what was submitted.
    """
    found = {one.id: one for one in _unsubmitted(session, organisation_id, assessments)}
    scopes: dict[uuid.UUID, Any] = {}
    for one in _scopes(session, organisation_id, assessments):
        if one.assessment_id not in found or one.id == found[one.assessment_id].scope_id:
            scopes[one.assessment_id] = one
    rounds = {
        key: LaterRound(
            one.round,
            one.state,
            one.due,
            scopes[key].due if key in scopes else one.due,
            scopes[key].returned_by if key in scopes else None,
            one.closed_by,
        )
        for key, one in found.items()
    }
    events: dict[uuid.UUID, list[Any]] = {}
    for each in _events(session, organisation_id, found):
        events.setdefault(each.subject_id, []).append(each)
    for key, one in rounds.items():
        since = scopes[key].returned_at if key in scopes else None
        rounds[key] = _with_events(one, since, events.get(key, ()))
    for key, scope in scopes.items():
        if key not in rounds:
            rounds[key] = LaterRound(
                scope.round, WITHDRAWN, scope.due, scope.due, scope.returned_by, scope.withdrawn_by
            )
    return rounds


def _with_events(one: LaterRound, since: Any, events: Iterable[Any]) -> LaterRound:
    """The round with what the record says of its beginning, where no return does, and of its date."""
    begun: Any = None
    moved = set()
    for each in events:
        if each.kind == Kind.ASSESSMENT_REOPENED.value:
            # What was declined goes on in the round that it was in: the first beginning of it counts.
            if since is None and begun is None and each.data["round"] == one.number:
                begun = each
        elif each.at >= (since or (begun.at if begun is not None else each.at)):
            moved.add(each.actor_id)
    if begun is not None:
        one = replace(one, first_due=date.fromisoformat(begun.data["due"]), begun_by=begun.actor_id)
    return replace(one, moved_by=frozenset(moved))


def _unsubmitted(session: Session, organisation_id: uuid.UUID, assessments: Collection[uuid.UUID]) -> Any:
    """Assessments in a later round that is open, or was declined or cancelled."""
    submitted = select(Submission.id).where(
        Submission.organisation_id == organisation_id, Submission.assessment_id == Assessment.id
    )
    return session.execute(
        select(
            Assessment.id,
            Assessment.round,
            Assessment.state,
            Assessment.due,
            Assessment.closed_by,
            Assessment.scope_id,
        ).where(
            Assessment.organisation_id == organisation_id,
            Assessment.id.in_(assessments),
            Assessment.state.in_((OPEN, DECLINED, CANCELLED)),
            submitted.exists(),
        )
    )


def _scopes(session: Session, organisation_id: uuid.UUID, assessments: Collection[uuid.UUID]) -> Any:
    """The returns that later rounds belong to, and those taken back after which nothing was submitted, in order."""
    withdrawn = (Assessment.state == SUBMITTED) & (RoundScope.round > Assessment.round)
    return session.execute(
        select(
            RoundScope.id,
            RoundScope.assessment_id,
            RoundScope.round,
            RoundScope.due,
            RoundScope.returned_at,
            RoundScope.returned_by,
            RoundScope.withdrawn_by,
        )
        .join(Assessment, Assessment.id == RoundScope.assessment_id)
        .where(
            Assessment.organisation_id == organisation_id,
            RoundScope.organisation_id == organisation_id,
            RoundScope.assessment_id.in_(assessments),
            or_(RoundScope.id == Assessment.scope_id, withdrawn),
        )
        .order_by(RoundScope.returned_at, RoundScope.id)
    )


def _events(session: Session, organisation_id: uuid.UUID, assessments: Collection[uuid.UUID]) -> Any:
    """Who reopened these assessments and who moved their dates, in order."""
    kinds = (Kind.ASSESSMENT_REOPENED.value, Kind.ASSESSMENT_EXTENDED.value)
    return session.execute(
        select(Event.subject_id, Event.kind, Event.at, Event.actor_id, Event.data)
        .where(
            Event.organisation_id == organisation_id,
            Event.subject_id.in_(sorted(assessments)),
            Event.kind.in_(kinds),
        )
        .order_by(Event.at, Event.id)
    )
