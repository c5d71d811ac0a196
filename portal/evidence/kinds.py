"""Kinds of evidence in words: the one table. Imported questionnaires may bring others.

What a dot leads to is narrower, and counts wherever the wider kind is asked for (questionnaires.kinds).
"""

from __future__ import annotations

from collections.abc import Collection

from flask_babel import lazy_gettext as _l

OTHER = "other"
KINDS = {
    "access_review": _l("record of an access review"),
    "baa": _l("business associate agreement"),
    "certificate_or_report": _l("certificate or audit report"),
    "certificate_or_report.cyber_essentials": _l("Cyber Essentials certificate"),
    "certificate_or_report.fedramp": _l("FedRAMP authorisation"),
    "certificate_or_report.hitrust_r2": _l("HITRUST r2 certificate"),
    "certificate_or_report.iso27001": _l("ISO 27001 certificate"),
    "certificate_or_report.soc2_type1": _l("SOC 2 Type I report"),
    "certificate_or_report.soc2_type2": _l("SOC 2 Type II report"),
    "continuity_test": _l("report of a continuity test"),
    "diagram": _l("data flow diagram"),
    "dpa": _l("data processing agreement"),
    "exercise_report": _l("report of an incident exercise"),
    "incident_plan": _l("incident plan"),
    "insurance_certificate": _l("insurance certificate"),
    "mfa_setting": _l("picture of the setting that forces a second step"),
    "nda": _l("confidentiality agreement (NDA)"),
    "patch_report": _l("patch report"),
    "pci_aoc": _l("PCI DSS attestation of compliance"),
    "pentest_summary": _l("summary of a penetration test"),
    "policy": _l("security policy"),
    "privacy_report": _l("report on data protection"),
    "restore_test": _l("record of a restore test"),
    "retest_letter": _l("letter of the retest"),
    "sca_report": _l("report of software components"),
    "self_assessment": _l("completed CAIQ or HECVAT"),
    "training_record": _l("training record"),
    "transfer_assessment": _l("assessment of data transfers"),
    OTHER: _l("another document"),
}
# What a document is that none of the narrower kinds names: in a list to choose from it stands behind them.
REST = {"certificate_or_report": _l("another certificate or audit report"), OTHER: KINDS[OTHER]}


def evidence_name(kind: str) -> str:
    """A kind of evidence in words; kinds of imported questionnaires read as they are written."""
    return str(KINDS.get(kind, kind.replace("_", " ")))


def choices() -> list[tuple[str, str]]:
    """(kind, words) of every kind that may be asked for, by their words, with the catch-all last."""
    return [*_sorted(apart=(OTHER,)), (OTHER, str(KINDS[OTHER]))]


def document_choices() -> list[tuple[str, str]]:
    """(kind, words) of everything that a document may be, by their words, with the rest of each sort last."""
    return [*_sorted(apart=REST), *((kind, str(words)) for kind, words in REST.items())]


def _sorted(apart: Collection[str]) -> list[tuple[str, str]]:
    named = [(kind, str(words)) for kind, words in KINDS.items() if kind not in apart]
    return sorted(named, key=lambda one: one[1].casefold())
