"""Reading intakes: of one engagement, and what waits for a second person. Callers have found the engagement first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.faults import NotFound
from portal.intake.models import Intake, IntakeAnswers, TierProposal
from portal.paging import SIZE, Page
from portal.vendors.models import Engagement, Vendor
from portal.vendors.queries import own_engagements

WAITING = "waiting"


def of_engagement(session: Session, identity: Identity, engagement_id: uuid.UUID) -> list[Intake]:
    """Every intake of an engagement, newest first."""
    statement: Select[Any] = scoped(identity, Intake).where(Intake.engagement_id == engagement_id)
    return list(session.execute(statement.order_by(Intake.sequence.desc())).scalars())


def newest(session: Session, identity: Identity, engagement_id: uuid.UUID) -> Intake | None:
    """The newest intake of an engagement, in force or waiting."""
    statement = scoped(identity, Intake).where(Intake.engagement_id == engagement_id)
    found: Intake | None = session.execute(
        statement.order_by(Intake.sequence.desc()).limit(1)
    ).scalar_one_or_none()
    return found


def to_start_from(
    session: Session, identity: Identity, engagement: Engagement
) -> tuple[Intake | None, Mapping[str, Any]]:
    """The intake whose answers a further one starts from: one's own that waits, else the one that holds; and these."""
    proposed = waiting(session, identity, engagement.id)
    own = proposed is not None and proposed.proposed_by == identity.person.id
    wanted = proposed.intake_id if proposed is not None and own else engagement.intake_id
    every = of_engagement(session, identity, engagement.id) if wanted else []
    source = next((one for one in every if one.id == wanted), None)
    values = answers(session, identity, source.id) if source else None
    return (source, values) if values is not None else (None, {})


def answers(session: Session, identity: Identity, intake_id: uuid.UUID) -> Mapping[str, Any] | None:
    """What was answered, by question's key; None once it was destroyed."""
    statement = select(IntakeAnswers.answers).where(
        IntakeAnswers.intake_id == intake_id, *mine(identity.scope, IntakeAnswers)
    )
    found = session.execute(statement).scalar_one_or_none()
    return None if found is None else dict(json.loads(found))


def with_answers(session: Session, identity: Identity, engagement_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """The intakes of an engagement whose answers have not been destroyed."""
    statement = (
        scoped(identity, IntakeAnswers, Intake)
        .with_only_columns(Intake.id)
        .where(Intake.engagement_id == engagement_id, IntakeAnswers.intake_id == Intake.id)
    )
    return frozenset(session.execute(statement).scalars())


def proposal(
    session: Session, identity: Identity, engagement_id: uuid.UUID, proposal_id: uuid.UUID
) -> TierProposal:
    """A proposal of this engagement, for whoever settles it; or NotFound."""
    statement = scoped(identity, TierProposal).where(
        TierProposal.id == proposal_id, TierProposal.engagement_id == engagement_id
    )
    found: TierProposal | None = session.execute(statement.with_for_update()).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def waiting(session: Session, identity: Identity, engagement_id: uuid.UUID) -> TierProposal | None:
    """The proposal of an engagement that waits for a second person; there is one at most."""
    statement = scoped(identity, TierProposal).where(
        TierProposal.engagement_id == engagement_id, TierProposal.state == WAITING
    )
    found: TierProposal | None = session.execute(statement).scalar_one_or_none()
    return found


def settled(session: Session, identity: Identity, engagement_id: uuid.UUID) -> dict[uuid.UUID, TierProposal]:
    """What became of proposals of an engagement, by intake."""
    statement = scoped(identity, TierProposal).where(TierProposal.engagement_id == engagement_id)
    return {one.intake_id: one for one in session.execute(statement).scalars()}


def how_many_wait(session: Session, identity: Identity) -> int:
    """How many intakes wait for a second person, as far as one may see it."""
    statement = (
        select(func.count(TierProposal.id))
        .join(Engagement, Engagement.id == TierProposal.engagement_id)
        .where(TierProposal.state == WAITING, *mine(identity.scope, TierProposal), *own_engagements(identity))
    )
    return int(session.execute(statement).scalar_one())


def all_waiting(
    session: Session, identity: Identity, number: int
) -> Page[tuple[TierProposal, Engagement, Vendor]]:
    """Proposals that wait for a second person, oldest first, with what they are about; as far as one may see it."""
    found: Page[Any] = Page([], number, how_many_wait(session, identity), SIZE)
    number = min(number, found.last)
    statement = (
        select(TierProposal, Engagement, Vendor)
        .join(Engagement, Engagement.id == TierProposal.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(
            TierProposal.state == WAITING,
            *mine(identity.scope, TierProposal, Vendor),
            *own_engagements(identity),
        )
        .order_by(TierProposal.proposed_at, TierProposal.id)
        .limit(SIZE)
        .offset((number - 1) * SIZE)
    )
    rows = [(row[0], row[1], row[2]) for row in session.execute(statement)]
    return Page(rows, number, found.total, SIZE)
