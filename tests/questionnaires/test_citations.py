"""Citations of contract requirements name paragraphs that exist: lists here, and the facts that lie near."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from test_content_refs import exists

from questionnaires.requirements import load

FACTS = Path(__file__).resolve().parents[3] / "shared" / "content" / "contracts" / "contract_requirements.csv"


def letters(stem: str, last: str) -> set[str]:
    return {f"{stem}({chr(code)})" for code in range(ord("a"), ord(last) + 1)}


# Paragraphs that put a duty into a contract, or say what such a duty serves. Law text, so facts. The paragraphs of
# 45 CFR are those of the text as amended in 2013, read in full; before, 164.504(e)(2)(ii) ended with (I).
PARAGRAPHS = {
    "GDPR Art. ": {
        "28(2)",
        "28(3)",
        *letters("28(3)", "h"),
        "28(4)",
        "28(10)",
        "32",
        *letters("32(1)", "d"),
        "33(1)",
        "33(2)",
        "44",
        "45",
        "46",
    },
    "DORA Art. ": {"13(6)", "26", "27", "28(7)", "28(8)", *letters("30(2)", "i"), *letters("30(3)", "f")},
    "NIS2 Art. ": {*letters("21(2)", "j"), "21(3)"},
    "(EU) 2024/2690 Annex ": letters("5.1.4", "h"),
    "45 CFR ": {
        "164.308(b)(1)",
        "164.314(a)(2)(i)(A)",
        "164.314(a)(2)(i)(B)",
        "164.314(a)(2)(i)(C)",
        "164.410",
        "164.504(e)(1)",
        "164.504(e)(2)(i)",
        *(f"164.504(e)(2)(ii)({one})" for one in "ABCDEFGHIJ"),
        "164.504(e)(2)(iii)",
    },
    "PCI DSS ": {"12.8.1", "12.8.2", "12.8.3", "12.8.4", "12.8.5", "12.9.1", "12.9.2"},
    "NIST SP 800-53r5 ": {"SA-4", "SA-9", "SA-9(5)", "SR-3", "SR-3(3)", "SR-8"},
}
# What the facts beside the project do not list. The paragraphs of 45 CFR and GDPR 28 were compared with the text of the
# law. GDPR 32(1)(b), 33(1), 44, 45 and 46 are cited from general knowledge of the regulation: compare them with the
# official text before anyone relies on the wording.
BEYOND_THE_FACTS = {
    "GDPR Art. 28(3)(d)",
    "GDPR Art. 28(10)",
    "GDPR Art. 32(1)(b)",
    "GDPR Art. 33(1)",
    "GDPR Art. 44",
    "GDPR Art. 45",
    "GDPR Art. 46",
    "45 CFR 164.308(b)(1)",
    "45 CFR 164.504(e)(1)",
    "45 CFR 164.504(e)(2)(ii)(A)",
    "45 CFR 164.504(e)(2)(ii)(H)",
}
CITED = sorted({citation for one in load().requirements for citation in one.citations})


def is_paragraph(citation: str) -> bool:
    for law, paragraphs in PARAGRAPHS.items():
        if citation.startswith(law):
            return citation.removeprefix(law) in paragraphs
    return citation.startswith(("ISO/IEC 27001:2022 ", "SOC 2 ")) and exists(citation)


@pytest.mark.parametrize("citation", CITED)
def test_the_paragraph_exists(citation: str) -> None:
    assert is_paragraph(citation)


@pytest.mark.parametrize(
    "wrong",
    [
        "GDPR Art. 28(3)(i)",
        "GDPR 28(3)",
        "DORA Art. 30(2)(j)",
        "45 CFR 164.504(e)(2)(ii)(K)",
        "ISO/IEC 27001:2022 A.15.1",
        "SOC 2 CC9.3",
        "PCI DSS 12.8.6",
        "Some law 1",
    ],
)
def test_a_paragraph_that_does_not_exist_is_told(wrong: str) -> None:
    assert not is_paragraph(wrong)


def listed_facts() -> dict[str, str]:
    """What the facts say of each law, citations and duties together; nothing where they are not at hand."""
    found: dict[str, str] = {}
    if FACTS.exists():
        with FACTS.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found[row["regime"]] = (
                    found.get(row["regime"], "") + f" {row['citation']} {row['obligation']}"
                )
    return found


def spelled_out(text: str) -> str:
    """Ranges of paragraphs written one by one: "(E)-(G)", "26-27"."""
    text = re.sub(r"(\S*)\(E\)-\(G\)", r"\1(E) \1(F) \1(G)", text)
    return text.replace("26-27", "26 27")


def test_citations_stand_in_the_checked_facts() -> None:
    facts = listed_facts()
    if not facts:
        return
    regimes = {
        "GDPR Art. ": "GDPR",
        "DORA Art. ": "DORA (EU) 2022/2554",
        "NIS2 Art. ": "NIS2 (EU) 2022/2555",
        "45 CFR ": "HIPAA",
        "PCI DSS ": "PCI DSS v4.0.1",
        "ISO/IEC 27001:2022 ": "ISO/IEC 27001:2022",
        "NIST SP 800-53r5 ": "NIST SP 800-53r5",
        "SOC 2 ": "SOC 2 TSC 2017 (rev. 2022)",
    }
    missing = set()
    for citation in CITED:
        for law, regime in regimes.items():
            if citation.startswith(law):
                paragraph = re.escape(citation.removeprefix(law))
                if not re.search(rf"(?<![\w.(]){paragraph}(?![\d(])", spelled_out(facts[regime])):
                    missing.add(citation)
    assert missing == BEYOND_THE_FACTS
    # The regulation's annex has one line of facts, which lists its letters in words.
    annex = facts["NIS2 Impl. Reg. (EU) 2024/2690"]
    for citation in CITED:
        if citation.startswith("(EU) 2024/2690 "):
            assert f"{citation[-3:]} " in annex


def test_every_law_of_the_brief_is_there() -> None:
    for law in (*PARAGRAPHS, "ISO/IEC 27001:2022 A.", "SOC 2 CC"):
        assert any(citation.startswith(law) for citation in CITED), law
    for number in range(19, 24):
        assert f"ISO/IEC 27001:2022 A.5.{number}" in CITED
    for letter in "abcdefgh":
        assert f"GDPR Art. 28(3)({letter})" in CITED
    for paragraph in (*letters("30(2)", "i"), *letters("30(3)", "f")):
        assert f"DORA Art. {paragraph}" in CITED
