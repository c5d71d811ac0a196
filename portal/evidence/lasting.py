"""For how long each kind of document holds when it does not say so itself: the months that are common practice. Pure.

Sources: PCI DSS 12.8.4 and MVSP 1.3, 1.4 (a year for attestations and penetration tests), CSA STAR level 1 (a year for
self-assessments) and common practice for tests of continuity. Insurance and agreements end when they say so, and of a
"certificate or audit report" nobody can tell by its kind: one of ISO 27001 holds three years from its day of issue, a
SOC 2 report a year from the end of its period. An end that it does not bear is never written on it; what a
questionnaire asks of its age counts all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from questionnaires.dates import add_months

MONTHS: Mapping[str, int] = MappingProxyType(
    {
        "continuity_test": 12,
        "exercise_report": 12,
        "pci_aoc": 12,
        "pentest_summary": 12,
        "restore_test": 12,
        "retest_letter": 12,
    }
)


def usual_end(kind: str, issued: date | None) -> date | None:
    """The last day on which a document of this kind and day usually holds; None where its kind does not tell."""
    months = MONTHS.get(kind)
    return None if months is None or issued is None else add_months(issued, months)
