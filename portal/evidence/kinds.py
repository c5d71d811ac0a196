"""Kinds of evidence in words: the one table. Imported questionnaires may bring others."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

OTHER = "other"
KINDS = {
    "access_review": _l("record of an access review"),
    "baa": _l("business associate agreement"),
    "certificate_or_report": _l("certificate or audit report"),
    "continuity_test": _l("report of a continuity test"),
    "diagram": _l("data flow diagram"),
    "dpa": _l("data processing agreement"),
    "exercise_report": _l("report of an incident exercise"),
    "incident_plan": _l("incident plan"),
    "insurance_certificate": _l("insurance certificate"),
    "mfa_setting": _l("picture of the setting that forces a second step"),
    "patch_report": _l("patch report"),
    "pci_aoc": _l("PCI DSS attestation of compliance"),
    "pentest_summary": _l("summary of a penetration test"),
    "policy": _l("security policy"),
    "privacy_report": _l("report on data protection"),
    "restore_test": _l("record of a restore test"),
    "retest_letter": _l("letter of the retest"),
    "sca_report": _l("report of software components"),
    "training_record": _l("training record"),
    "transfer_assessment": _l("assessment of data transfers"),
    OTHER: _l("another document"),
}


def evidence_name(kind: str) -> str:
    """A kind of evidence in words; kinds of imported questionnaires read as they are written."""
    return str(KINDS.get(kind, kind.replace("_", " ")))


def choices() -> list[tuple[str, str]]:
    """(kind, words) of every kind, by their words, with the catch-all last."""
    named = [(kind, str(words)) for kind, words in KINDS.items() if kind != OTHER]
    return [*sorted(named, key=lambda one: one[1].casefold()), (OTHER, str(KINDS[OTHER]))]
