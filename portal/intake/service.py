"""Opening an engagement by an intake, and answering it anew; what asks for less waits for a second person."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.assessments import sealing
from portal.assessments.drafts import Content
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict
from portal.intake import answering, queries
from portal.intake.answering import Answered
from portal.intake.models import Intake, IntakeAnswers, TierProposal
from portal.library import service as library
from portal.organisations import second_letters
from portal.organisations.four_eyes import require_second
from portal.vendors import queries as vendor_queries
from portal.vendors import resting
from portal.vendors import service as vendors
from portal.vendors.ground import ground_moved
from portal.vendors.less import asks_for_less, ground, raised
from portal.vendors.models import Engagement, Vendor

SETTLED = "This proposal has been settled already."
CHANGED = "The engagement has changed since this was proposed. Answer the intake again."
GONE = "The answers of this intake have been destroyed, so it cannot be approved any more."


class Stale(Conflict):
    """Somebody has changed the engagement since the form was rendered; what was typed is kept on the page."""


def open_engagement(
    session: Session,
    vendor: Vendor,
    answered: Answered,
    *,
    name: str,
    business_owner_id: uuid.UUID | None,
    actor: Identity,
    now: datetime,
) -> Engagement:
    """Put an engagement on record with the tier and the facts of its intake.

    The caller has locked the vendor. Raises Invalid for a name that is empty or taken or an owner who is no member,
    Conflict for an offboarded vendor.
    """
    engagement = vendors.create_engagement(
        session,
        vendor,
        name=name,
        description=answered.description,
        tier=answered.tier,
        facts=answered.facts,
        business_owner_id=business_owner_id,
        actor=actor,
        now=now,
    )
    intake = _store(session, engagement, answered, 1, actor, now)
    engagement.intake_id = intake.id
    session.flush()
    return engagement


def answer_again(
    session: Session,
    engagement: Engagement,
    answered: Answered,
    *,
    revision: int,
    actor: Identity,
    now: datetime,
) -> tuple[Intake, bool]:
    """A further intake of an engagement that the caller has locked; and whether it waits for a second person.

    What asks for more than what stands holds at once (``less.raised``); the intake waits while any part of it asks for
    less. Raises Stale when the engagement has moved on, Conflict for an offboarded vendor.
    """
    vendor_queries.require_here(vendor_queries.vendor(session, actor, engagement.vendor_id))
    last = queries.newest(session, actor, engagement.id)
    if engagement.revision != revision:
        if last is not None and _is_same(session, last, answered, actor):
            return last, engagement.waiting_intake_id == last.id  # a second press of the same button
        raise Stale(vendors.MOVED_ON)
    intake = _store(session, engagement, answered, last.sequence + 1 if last else 1, actor, now)
    earlier = queries.waiting(session, actor, engagement.id)
    if earlier is not None:
        _settle(session, earlier, "overtaken", actor, now)
    if not asks_for_less(engagement.tier, engagement.facts, answered.tier, answered.facts):
        _rest_on(session, engagement, intake, answered, actor, now)
        return intake, False
    tier, facts = raised(engagement.tier, engagement.facts, answered.tier, answered.facts)
    resting.raise_by_intake(
        session, engagement, intake_id=intake.id, tier=tier, facts=facts, actor=actor, now=now
    )
    row = TierProposal(
        id=uuid.uuid4(),
        organisation_id=engagement.organisation_id,
        engagement_id=engagement.id,
        intake_id=intake.id,
        from_tier=engagement.tier,
        to_tier=intake.tier,
        ground=_ground(engagement),
        state=queries.WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    engagement.waiting_intake_id = intake.id
    engagement.revision += 1
    data = {"tier": intake.tier, "from": engagement.tier, "engagement": engagement.id}
    record(session, Kind.TIER_PROPOSED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    second_letters.ask(
        session,
        f"{actor.person.name} has answered the intake of “{engagement.name}” again. It asks for less than what stands.",
        f"engagements/{engagement.id}/intake",
        Permission.INTAKE,
        actor=actor,
        now=now,
    )
    return intake, True


def approve(
    session: Session, engagement: Engagement, proposal_id: uuid.UUID, *, actor: Identity, now: datetime
) -> None:
    """Let an intake that asks for less hold, as a second person. The caller has locked the engagement.

    Raises NotFound, Refused for whoever cannot be the second, Conflict when it is settled, too old, or rests on what
    is not so any more: tier or facts have changed, or it would be scored otherwise.
    """
    row = _waiting(session, engagement, proposal_id, actor)
    require_second(session, row.proposed_by, actor, Permission.INTAKE, proposed_at=row.proposed_at, now=now)
    if not holds_ground(engagement, row):
        raise Conflict(CHANGED)
    intake = next(
        one for one in queries.of_engagement(session, actor, engagement.id) if one.id == row.intake_id
    )
    values = queries.answers(session, actor, intake.id)
    if values is None:
        raise Conflict(GONE)
    definition = library.definition(session, intake.content_hash)
    contents = {key: Content("answered", value) for key, value in values.items()}
    answered = answering.read(definition, contents, intake.as_of)
    if answered.tier != row.to_tier:
        raise Conflict(CHANGED)
    _settle(session, row, "approved", actor, now)
    _rest_on(session, engagement, intake, answered, actor, now)


def holds_ground(engagement: Engagement, row: TierProposal) -> bool:
    """Whether what waits rests on the engagement as it is now."""
    return engagement.waiting_intake_id == row.intake_id and row.ground == _ground(engagement)


def _ground(engagement: Engagement) -> str:
    return ground(engagement.tier, engagement.facts, engagement.intake_id)


def refuse(
    session: Session, engagement: Engagement, proposal_id: uuid.UUID, *, actor: Identity, now: datetime
) -> None:
    """Say no; whoever proposed it takes it back. Raises NotFound, Conflict when it is settled."""
    row = _waiting(session, engagement, proposal_id, actor)
    _settle(session, row, "withdrawn" if row.proposed_by == actor.person.id else "refused", actor, now)
    engagement.waiting_intake_id = None
    engagement.revision += 1
    session.flush()


def _waiting(
    session: Session, engagement: Engagement, proposal_id: uuid.UUID, actor: Identity
) -> TierProposal:
    row = queries.proposal(session, actor, engagement.id, proposal_id)
    if row.state != queries.WAITING:
        raise Conflict(SETTLED)
    return row


def _settle(session: Session, row: TierProposal, state: str, actor: Identity, now: datetime) -> None:
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    ground_moved(session, row.organisation_id, [row.engagement_id])
    data = {"outcome": state, "tier": row.to_tier, "engagement": row.engagement_id}
    record(session, Kind.TIER_SETTLED, now=now, actor=actor, subject=row, data=data)


def _rest_on(
    session: Session,
    engagement: Engagement,
    intake: Intake,
    answered: Answered,
    actor: Identity,
    now: datetime,
) -> None:
    resting.rest_on_intake(
        session,
        engagement,
        intake_id=intake.id,
        tier=answered.tier,
        facts=answered.facts,
        description=answered.description,
        actor=actor,
        now=now,
    )


def _store(
    session: Session,
    engagement: Engagement,
    answered: Answered,
    sequence: int,
    actor: Identity,
    now: datetime,
) -> Intake:
    library.store(session, answered.definition, now=now, actor=actor)
    ground_moved(session, engagement.organisation_id, [engagement.id])
    sealed = sealing.seal(dict(answered.values))
    intake = Intake(
        id=uuid.uuid4(),
        organisation_id=engagement.organisation_id,
        engagement_id=engagement.id,
        sequence=sequence,
        content_hash=answered.definition.content_hash,
        as_of=answered.as_of,
        commitment=sealed.commitment,
        tier=answered.tier,
        result=answered.result.to_bytes(),
        answered_by=actor.person.id,
        answered_at=now,
    )
    session.add(intake)
    session.flush()
    session.add(
        IntakeAnswers(
            intake_id=intake.id,
            organisation_id=intake.organisation_id,
            salt=sealed.salt,
            answers=sealed.data,
        )
    )
    data = {"engagement": engagement.id, "sequence": sequence, "tier": answered.tier}
    record(session, Kind.INTAKE_ANSWERED, now=now, actor=actor, subject=intake, data=data)
    session.flush()
    return intake


def _is_same(session: Session, last: Intake, answered: Answered, actor: Identity) -> bool:
    values = queries.answers(session, actor, last.id)
    return (
        last.answered_by == actor.person.id
        and last.content_hash == answered.definition.content_hash
        and values == answered.values
    )
