"""What is due at gates: one Select for each kind (agenda.COLUMNS)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select

from portal.gate.deciding import PASSING
from portal.gate.models import GateDecision, RiskException
from portal.gate.standing_models import BriefCondition, GateBrief
from portal.organisations.models import Organisation
from portal.reassessment.eyes import Eyes, columns
from portal.vendors.models import Engagement, Vendor


def newest_decision(eyes: Eyes) -> Any:
    """(engagement_id, sequence) of the newest decision on each engagement, to be joined."""
    return (
        select(GateDecision.engagement_id, func.max(GateDecision.sequence).label("sequence"))
        .where(*eyes.of(GateDecision))
        .group_by(GateDecision.engagement_id)
        .subquery("newest_decision")
    )


def decisions(eyes: Eyes) -> Select[Any]:
    """Decisions that let something pass, until they end. ``code``: the outcome."""
    newest = newest_decision(eyes)
    return (
        columns(
            "decision",
            GateDecision.id,
            organisation_id=GateDecision.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=GateDecision.engagement_id,
            due=GateDecision.valid_until,
            since=GateDecision.decided_at,
            zone=Organisation.zone,
            tier=Engagement.tier,
            code=GateDecision.outcome,
        )
        .join(
            newest,
            (newest.c.engagement_id == GateDecision.engagement_id)
            & (newest.c.sequence == GateDecision.sequence),
        )
        .join(Engagement, Engagement.id == GateDecision.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == GateDecision.organisation_id)
        .where(
            GateDecision.valid_until.is_not(None),
            GateDecision.outcome.in_(sorted(PASSING)),
            Vendor.offboarded_at.is_(None),
            *eyes.of(GateDecision, Vendor, Organisation),
            *eyes.engagements(),
        )
    )


def conditions(eyes: Eyes) -> Select[Any]:
    """Conditions of the decision in force that are not met, as the keeper last worked them out.

    Until it has looked again at what moved since, they stand: a gate that it is behind with, or cannot work out at all,
    must not be silent about its dates. ``code``: what it asks for, as deciding.Condition names it: code and subject.
    """
    newest = newest_decision(eyes)
    return (
        columns(
            "condition",
            GateBrief.decision_id,
            organisation_id=BriefCondition.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=BriefCondition.engagement_id,
            due=BriefCondition.due,
            since=GateBrief.decided_at,
            zone=Organisation.zone,
            tier=Engagement.tier,
            code=BriefCondition.code + ":" + BriefCondition.subject,
        )
        .join(GateBrief, GateBrief.engagement_id == BriefCondition.engagement_id)
        .join(GateDecision, GateDecision.id == GateBrief.decision_id)
        .join(
            newest,
            (newest.c.engagement_id == GateDecision.engagement_id)
            & (newest.c.sequence == GateDecision.sequence),
        )
        .join(Engagement, Engagement.id == BriefCondition.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == BriefCondition.organisation_id)
        .where(
            BriefCondition.due.is_not(None),
            GateBrief.decided_at.is_not(None),
            Vendor.offboarded_at.is_(None),
            *eyes.of(BriefCondition, GateBrief, GateDecision, Vendor, Organisation),
            *eyes.engagements(),
        )
    )


def exceptions(eyes: Eyes) -> Select[Any]:
    """Grounds that two people take as they are, until that ends. ``code``: of the ground."""
    return (
        columns(
            "exception",
            RiskException.id,
            organisation_id=RiskException.organisation_id,
            vendor_id=Engagement.vendor_id,
            engagement_id=RiskException.engagement_id,
            due=RiskException.until,
            since=RiskException.settled_at,
            zone=Organisation.zone,
            tier=Engagement.tier,
            code=RiskException.code,
        )
        .join(Engagement, Engagement.id == RiskException.engagement_id)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == RiskException.organisation_id)
        .where(
            RiskException.state == "approved",
            RiskException.settled_at.is_not(None),
            Vendor.offboarded_at.is_(None),
            *eyes.of(RiskException, Vendor, Organisation),
            *eyes.engagements(),
        )
    )
