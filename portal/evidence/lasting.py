"""For how long each kind of document holds when it does not say so itself: the months that are common practice. Pure.

Sources: PCI DSS 12.8.4 and MVSP 1.3, 1.4 (a year for attestations and penetration tests), CSA STAR level 1 (a year for
self-assessments), the cycles of certification of ISO 27001 (three years, with an audit in each), HITRUST r2 (two) and
Cyber Essentials (one), the yearly assessment of FedRAMP, and common practice for tests of continuity and for reports of
SOC 2: a year from the end of the period, or from the day that Type I looks at, though no such report ever says that it
ends. Insurance and agreements, an NDA among them, end when they say so, and of a certificate or report that is none of
these nobody can tell: no end is written on it. What a questionnaire asks of a document's age counts all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from questionnaires.dates import add_months

MONTHS: Mapping[str, int] = MappingProxyType(
    {
        "certificate_or_report.cyber_essentials": 12,
        "certificate_or_report.fedramp": 12,
        "certificate_or_report.hitrust_r2": 24,
        "certificate_or_report.iso27001": 36,
        "certificate_or_report.soc2_type1": 12,
        "certificate_or_report.soc2_type2": 12,
        "continuity_test": 12,
        "exercise_report": 12,
        "pci_aoc": 12,
        "pentest_summary": 12,
        "restore_test": 12,
        "retest_letter": 12,
        "self_assessment": 12,
    }
)


def usual_end(kind: str, issued: date | None) -> date | None:
    """The last day on which a document of this kind and day usually holds; None where its kind does not tell."""
    months = MONTHS.get(kind)
    return None if months is None or issued is None else add_months(issued, months)
