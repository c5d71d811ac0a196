"""References name controls that exist. The lists in ids/ hold identifiers alone, which are facts."""

from __future__ import annotations

import re
from pathlib import Path

from content_reading import questions

from questionnaires import catalog
from questionnaires.definition import Questionnaire
from questionnaires.patterns import ordered

IDS = Path(__file__).parent / "ids"
LISTED = {
    "ISO/IEC 27001:2022": "iso_iec_27001_2022_annex_a",
    "NIST CSF 2.0": "nist_csf_2.0",
    "SOC 2": "soc_2_tsc_2017",
}
# Safeguards in each of the eighteen CIS Controls, version 8.
CIS = (5, 7, 14, 12, 6, 8, 7, 12, 7, 7, 5, 8, 11, 9, 7, 14, 9, 5)
# Domains of the CSA Cloud Controls Matrix 4.0 and their number of controls; 4.1 renames and renumbers some.
CCM = {
    "A&A": 6,
    "AIS": 7,
    "BCR": 11,
    "CCC": 9,
    "CEK": 21,
    "DCS": 15,
    "DSP": 19,
    "GRC": 8,
    "HRS": 13,
    "IAM": 16,
    "IPY": 4,
    "IVS": 9,
    "LOG": 13,
    "SEF": 8,
    "STA": 14,
    "TVM": 10,
    "UEM": 14,
}
FORMS = {
    "GDPR": r"Art\. ([1-9]|[1-9][0-9])(\(\d+\))?(\([a-z]\))?",
    "DORA": r"Art\. ([1-9]|[1-5][0-9]|6[0-4])(\(\d+\))?(\([a-z]\))?",
    "HIPAA": r"164\.(3|4|5)\d\d(\([a-z]\))?(\(\d\))?",
    "PCI DSS": r"([1-9]|1[0-2])\.\d{1,2}\.\d{1,2}(\.\d{1,2})?",
}


def released() -> list[Questionnaire]:
    found = map(catalog.get, catalog.shipped())
    return [one for one in found if ordered(one.version) >= (1, 0, 0)]


def exists(ref: str) -> bool:
    """Whether the framework is known to us and has such a control."""
    for name, listed in LISTED.items():
        if ref.startswith(f"{name} "):
            return ref.removeprefix(f"{name} ") in (IDS / f"{listed}.txt").read_text().split()
    if found := re.fullmatch(r"CIS v8 (\d+)\.(\d+)", ref):
        control, safeguard = int(found[1]), int(found[2])
        return 1 <= control <= 18 and 1 <= safeguard <= CIS[control - 1]
    if found := re.fullmatch(r"CSA CCM 4\.0 ([A&-Z]+)-(\d\d)", ref):
        return 1 <= int(found[2]) <= CCM.get(found[1], 0)
    return any(re.fullmatch(f"{re.escape(name)} {form}", ref) for name, form in FORMS.items())


def test_the_guard_knows_what_exists() -> None:
    assert exists("ISO/IEC 27001:2022 A.8.34")
    assert exists("NIST CSF 2.0 PR.PS-06")
    assert exists("CSA CCM 4.0 A&A-02")
    for wrong in (
        "ISO/IEC 27001:2022 A.8.35",
        "ISO/IEC 27001:2013 A.9.1.1",
        "NIST CSF 2.0 PR.DS-09",
        "CSA CCM IAM-14",
        "CSA CCM 4.0 IAM-17",
        "CIS v8 6.9",
        "CIS v8 19.1",
        "GDPR Art. 100",
        "SOC 2 CC10.1",
    ):
        assert not exists(wrong), wrong


def test_every_reference_of_a_release_exists() -> None:
    unknown = {
        (one.label, question.key, ref)
        for one in released()
        for question in questions(one)
        for ref in question.refs
        if not exists(ref)
    }
    assert unknown == set()


def test_no_question_names_a_control_twice() -> None:
    for one in released():
        for question in questions(one):
            assert len(question.refs) == len(set(question.refs)), question.key


def test_secure_development_and_critical_suppliers_are_referred_to() -> None:
    core = catalog.get("security_core@1.0.0")
    found = {ref: key for key, question in core.questions.items() for ref in question.refs}
    assert found["NIST CSF 2.0 PR.PS-06"].startswith("dev.")
    assert found["NIST CSF 2.0 ID.RA-10"] == "suppliers.due_diligence"
