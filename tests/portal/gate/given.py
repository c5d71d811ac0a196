"""An engagement with nothing wrong, a policy that demands something of everything, and ways to change both."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from portal.gate.facts import Document, Finding, GateFacts, Proof, Requirement, Submitted
from portal.vendors import policy_default as policies
from portal.vendors.facts import TIERS
from portal.vendors.policy import Policy, TierPolicy

TODAY = date(2026, 11, 21)
MONTHS = dict.fromkeys(TIERS, 12)
DEMANDS = TierPolicy(
    questionnaires=("core",),
    with_personal_data=("privacy",),
    evidence=("iso27001",),
    evidence_days=30,
    months=12,
    clear_level=3,
    condition_level=2,
    fix_days=60,
    review="critical",
    worst_finding="medium",
    must="agreed",
    approvals=1,
    roles=("ciso",),
    valid_months=6,
)


def day(days: int) -> date:
    return TODAY + timedelta(days=days)


def policy(intake_required: bool = True, **changes: Any) -> Policy:
    """The same demands at every tier but for ``changes``."""
    demands = replace(DEMANDS, **changes)
    shipped = policies.default(MONTHS)
    return Policy(MappingProxyType(dict.fromkeys(TIERS, demands)), shipped.matrix, intake_required, 4)


def submitted(slug: str = "core", **changes: Any) -> Submitted:
    given: dict[str, Any] = {
        "submission": f"{slug}-1",
        "whole_as_of": day(-10),
        "low": 4,
        "high": 4,
        "proofs": (Proof("own.iso", True, day(300)), Proof("own.pentest")),
    }
    return Submitted(slug, **(given | changes))


def sound(**changes: Any) -> GateFacts:
    """Everything that the policy above demands, in good order; ``changes`` replace whole fields."""
    given: dict[str, Any] = {
        "today": TODAY,
        "tier": "high",
        "personal": False,
        "submitted": (submitted(),),
        "findings": (Finding("f-small", "low", day(-5)),),
        "documents": (Document("iso27001", day(300)),),
        "requirements": (
            Requirement("audit.right", "required", "in_contract", since=day(-5)),
            Requirement("exit.plan", "not_required", "flagged"),
        ),
    }
    return GateFacts(**(given | changes))


def core(**changes: Any) -> GateFacts:
    """The same with another submission of the one questionnaire demanded."""
    return sound(submitted=(submitted(**changes),))
