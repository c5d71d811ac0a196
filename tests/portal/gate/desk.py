"""A gate to decide at: an engagement of a real organisation, with facts as the test wants them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.gate import accepting, loading, queries, service, stored
from portal.gate.case import Case
from portal.gate.choosing import Choice, as_proposed
from portal.gate.deciding import BY_HAND, Condition, Decision, decide
from portal.gate.facts import GateFacts, Knockout
from portal.gate.models import ConditionStep, GateDecision, GateProposal, RiskException
from portal.vendors import policy_queries
from portal.vendors import queries as vendors
from portal.vendors.ground import ground_moved
from portal.vendors.policy import Policy
from tests.portal import journey
from tests.portal.gate.given import TODAY, core, policy, sound
from tests.portal.journey import Issued
from tests.portal.world import NOW, Place

ADMIN, CISO, REVIEWER = OrganisationRole.ADMIN, OrganisationRole.CISO, OrganisationRole.REVIEWER
PROCUREMENT, AUDITOR = OrganisationRole.PROCUREMENT, OrganisationRole.AUDITOR
OWNER = OrganisationRole.BUSINESS_OWNER
LATER = NOW + timedelta(hours=1)
CLEAR = sound()  # nothing is wrong
FAILED = core(knockouts=(Knockout("identity.mfa_admin", failed=True),))  # blocked, without a fix


@dataclass
class Desk:
    """``facts`` and ``policy`` are what the next case shows; ``own``: what it shows without the decider's own acts."""

    database: Database
    issued: Issued
    facts: GateFacts = CLEAR
    policy: Policy = field(default_factory=lambda: policy(roles=("admin", "ciso", "business_owner")))
    own: GateFacts | None = None

    @property
    def place(self) -> Place:
        return self.issued.organisation

    @property
    def engagement(self) -> uuid.UUID:
        return self.issued.engagements[0]

    def do(self, role: OrganisationRole, what: Callable[[Any, Case], Any]) -> Any:
        actor = self.place[role]
        with self.database.transaction(actor.scope) as session:
            row = vendors.engagement(session, actor, self.engagement, lock=True)
            vendor = vendors.vendor(session, actor, row.vendor_id)
            proposal = decide(self.facts, self.policy)
            return what(session, Case(row, vendor, self.facts, self.policy, proposal))

    def seen(self, number: int = 0) -> str:
        actor = self.place[CISO]
        with self.database.looking(actor.scope) as session:
            row = vendors.engagement(session, actor, self.engagement)
            vendor = vendors.vendor(session, actor, row.vendor_id)
            case = Case(row, vendor, self.facts, self.policy, self.proposal)
            waits = queries.waiting(session, actor, self.engagement)
            return service.seen_of(case, number, waits)

    @property
    def proposal(self) -> Decision:
        return decide(self.facts, self.policy)

    def decide(
        self,
        choice: Choice | None = None,
        role: OrganisationRole = CISO,
        *,
        reason: str = "It stands well.",
        words: dict[str, str] | None = None,
        seen: str | None = None,
        now: datetime = NOW,
    ) -> GateDecision | GateProposal:
        wanted = choice or as_proposed(self.proposal)
        without = decide(self.own or self.facts, self.policy)
        number = len(self.decisions())
        found: GateDecision | GateProposal = self.do(
            role,
            lambda session, case: service.decide(
                session,
                case,
                wanted,
                reason=reason,
                words=words or {},
                seen=self.seen(number) if seen is None else seen,
                without_own=without,
                actor=self.place[role],
                now=now,
            ),
        )
        return found

    def accept(self, subject: str, reason: str) -> RiskException:
        """The CISO asks that a failed knock-out is taken as it is for a month."""
        actor, until = self.place[CISO], TODAY + timedelta(days=30)
        found: RiskException = self.do(
            CISO,
            lambda session, case: accepting.ask(
                session, case, "knockout", subject, until=until, reason=reason, actor=actor, now=NOW
            ),
        )
        return found

    def decisions(self) -> list[GateDecision]:
        actor = self.place[AUDITOR]
        with self.database.looking(actor.scope) as session:
            return queries.decisions(session, actor, self.engagement)

    def proposal_row(self, proposal_id: uuid.UUID) -> GateProposal:
        actor = self.place[AUDITOR]
        with self.database.looking(actor.scope) as session:
            return queries.proposal(session, actor, self.engagement, proposal_id)


def by_hand(days: int = 30, lapses_to: Any = "blocked") -> Condition:
    return Condition(BY_HAND, str(uuid.uuid4()), TODAY + timedelta(days=days), lapses_to)


def clear_until(day: date) -> Choice:
    return Choice("clear", (), day)


def make(database: Database, place: Place, company: Place) -> Desk:
    return Desk(database, journey.issue(database, place, company))


def changed(facts: GateFacts, **values: Any) -> GateFacts:
    return replace(facts, **values)


def let_pass(
    database: Database, place: Place, engagement: uuid.UUID, *asked: Condition, sequence: int = 1
) -> None:
    """Somebody has decided against the rules: clear, with what was wrong on record; ``asked``: under conditions that
    somebody else has put on record as met.
    """
    actor = place[CISO]
    with database.transaction(actor.scope) as session:
        facts = loading.one(session, place.id, engagement, now=NOW).facts
        policy = policy_queries.current(session, place.id)
        proposal = decide(facts, policy)
        choice = Choice("clear_with_conditions" if asked else "clear", asked, proposal.latest)
        row = GateDecision(
            id=uuid.uuid4(), organisation_id=place.id, engagement_id=engagement, sequence=sequence,
            method=proposal.method,
            outcome=choice.outcome, proposed_outcome=proposal.outcome, valid_until=proposal.latest,
            policy_sequence=policy.sequence, policy=policy.to_bytes(), facts=stored.to_bytes(facts),
            proposal=stored.to_bytes(proposal), choice=stored.to_bytes(choice),
            ratings=[], words_commitment="0" * 64, decided_by=actor.person.id, decided_at=NOW,
        )  # fmt: skip
        session.add(row)
        session.flush()
        for one in asked:
            session.add(
                ConditionStep(
                    id=uuid.uuid4(),
                    organisation_id=place.id,
                    decision_id=row.id,
                    subject=one.subject,
                    sequence=1,
                    state="met",
                    taken_at=NOW,
                    taken_by=place[ADMIN].person.id,
                )
            )
        ground_moved(session, place.id, [engagement])
        record(session, Kind.GATE_DECIDED, now=NOW, actor=actor, subject=row)
