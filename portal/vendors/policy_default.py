"""The policy that ships: the more a failure harms, the more is asked, the less passes, the sooner it is asked again.

``policy_words.WHY`` says why beside each tier on the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from portal.vendors.facts import TIERS
from portal.vendors.policy import LEVELS, Policy, TierPolicy

_SHIPPED: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "critical": {
            "questionnaires": ("security_core",),
            "evidence_days": 30,
            "clear_level": 4,
            "condition_level": 3,
            "fix_days": 30,
            "review": "all",
            "worst_finding": "low",
            "must": "in_contract",
            "approvals": 2,
            "roles": ("admin", "ciso"),
        },
        "high": {
            "questionnaires": ("security_core",),
            "evidence_days": 0,
            "clear_level": 3,
            "condition_level": 2,
            "fix_days": 60,
            "review": "critical",
            "worst_finding": "medium",
            "must": "agreed",
            "approvals": 1,
            "roles": ("admin", "ciso"),
        },
        "medium": {
            "questionnaires": ("security_lite",),
            "evidence_days": 0,
            "clear_level": 3,
            "condition_level": 2,
            "fix_days": 90,
            "review": "critical",
            "worst_finding": "medium",
            "must": "proposed",
            "approvals": 1,
            "roles": ("admin", "ciso", "reviewer"),
        },
        "low": {
            "questionnaires": ("security_lite",),
            "evidence_days": 0,
            "clear_level": 2,
            "condition_level": 1,
            "fix_days": 180,
            "review": "none",
            "worst_finding": "high",
            "must": "flagged",
            "approvals": 1,
            "roles": ("admin", "ciso", "procurement", "reviewer"),
        },
    }
)
# Residual risk, best band to worst. A good result takes a critical engagement down to medium and no further.
_MATRIX = MappingProxyType(
    {
        "critical": ("medium", "high", "critical", "critical"),
        "high": ("low", "medium", "high", "critical"),
        "medium": ("low", "low", "medium", "high"),
        "low": ("low", "low", "low", "medium"),
    }
)


def default(months: Mapping[str, int]) -> Policy:
    """The shipped policy with an organisation's own months between assessments, by tier."""
    return _default(tuple(months[tier] for tier in TIERS))


@cache
def _default(months: tuple[int, ...]) -> Policy:
    tiers = {
        tier: TierPolicy(
            **_SHIPPED[tier],
            with_personal_data=("privacy_processor",),
            evidence=(),
            months=number,
            valid_months=min(number, 12),
        )
        for tier, number in zip(TIERS, months, strict=True)
    }
    matrix = {(tier, level): _MATRIX[tier][at] for tier in TIERS for at, level in enumerate(LEVELS)}
    return Policy(MappingProxyType(tiers), MappingProxyType(matrix), True)
