"""An engagement at its gate as one transaction finds it: what counts, the policy in force, what the rules propose."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.faults import Refused
from portal.gate import loading
from portal.gate.deciding import Decision, decide
from portal.gate.facts import GateFacts
from portal.gate.loading import Loaded
from portal.organisations import four_eyes
from portal.organisations.four_eyes import Ownership
from portal.vendors import policy_queries
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor
from portal.vendors.policy import Policy, TierPolicy

NOT_YOURS = "Your policy lets other roles decide about this tier. Ask one of them."


@dataclass(frozen=True, slots=True)
class Case:
    """``proposal``: of the rules, today. ``ratings``, ``evaluation_id``, ``intake_id``: what the facts come from."""

    engagement: Engagement
    vendor: Vendor
    facts: GateFacts
    policy: Policy
    proposal: Decision
    ratings: tuple[uuid.UUID, ...] = ()
    evaluation_id: uuid.UUID | None = None
    intake_id: uuid.UUID | None = None

    @property
    def today(self) -> date:
        return self.facts.today

    @property
    def demands(self) -> TierPolicy:
        return self.policy.tier(self.facts.tier)

    @property
    def ownership(self) -> Ownership:
        """Who owns the engagement, and by whose word: for four_eyes."""
        one = self.engagement
        return Ownership(one.business_owner_id, one.owner_set_by, one.owner_set_at)


def read(
    session: Session, identity: Identity, engagement_id: uuid.UUID, *, now: datetime, lock: bool = False
) -> Case:
    """The engagement with what its gate rests on, or NotFound. ``lock``: whoever moves a ground waits, or was seen."""
    engagement = vendors.engagement(session, identity, engagement_id, lock=lock)
    found = loading.one(session, engagement.organisation_id, engagement.id, now=now)
    return of(session, identity, engagement, found)


def of(session: Session, identity: Identity, engagement: Engagement, found: Loaded) -> Case:
    """A case from facts that were read already, in the same transaction."""
    vendor = vendors.vendor(session, identity, engagement.vendor_id)
    policy = policy_queries.current(session, engagement.organisation_id)
    return Case(
        engagement,
        vendor,
        found.facts,
        policy,
        decide(found.facts, policy),
        tuple(found.ratings),
        found.evaluation_id,
        found.intake_id,
    )


def without_own(session: Session, case: Case, identity: Identity, *, now: datetime) -> Decision:
    """What the rules would propose had the reader not made the facts look better by acts of their own.

    Acts of whoever could not be the reader's second person, for they share a mailbox or one let the other in, are the
    reader's own: else a helper's account prepares what its maker decides on alone.
    """
    engagement = case.engagement
    people = four_eyes.look(session, identity, now=now).one_with(identity.person.id)
    found = loading.one(session, engagement.organisation_id, engagement.id, now=now, without=people)
    return decide(found.facts, case.policy)


def may_decide(identity: Identity, roles: Collection[str]) -> bool:
    """Whether the reader's role decides about a tier; ``roles``: those that the policy lets."""
    return identity.may(Permission.DECIDE) and identity.role is not None and identity.role.value in roles


def require_decider(case: Case, actor: Identity) -> None:
    """Raise Refused for a role that the policy does not let decide, Conflict for a vendor that has been offboarded."""
    vendors.require_here(case.vendor)
    if not may_decide(actor, case.demands.roles):
        raise Refused(NOT_YOURS)
