"""The language of shipped content: short sentences, plain words, one spelling, one question at a time."""

from __future__ import annotations

import re

import pytest
from content_reading import LABELS, everything, kinds, questions, texts
from readability import grade, sentences, syllables, words

from questionnaires import catalog
from questionnaires.definition import Questionnaire
from questionnaires.patterns import ordered
from questionnaires.requirements import load

# Left is written; right is what must not stand beside it.
SPELLINGS = {
    "organisation": r"organiz",
    "recognise": r"recogniz",
    "centre": r"\bcenters?\b",
    "behaviour": r"behavior",
    "licence": r"\blicense\b",
    "mail": r"\be-?mails?\b",
    "web site": r"\bwebsites?\b",
    "sign in": r"\blog-?ins?\b|\blog(?:ged|ging)? in\b|\blog on\b",
    "backup": r"\bback-ups?\b",
    "two words": r"\b(?:and/or|e\.g\.|i\.e\.|etc\.)",
    "-ise, -isation": r"\b(?!resiz|capsiz)[a-z]{3,}iz(?:e|es|ed|ing|ation|ations)\b|analyz",
    "colour, favour": r"\b(?:color|favor|labor|honor|harbor|neighbor|rumor)",
    "defence, offence": r"\b(?:defense|offense)\b",
    "catalogue, dialogue": r"\b(?:catalog|dialog)s?\b",
    "cancelled, labelled": r"\b(?:cancel|label|travel|model)(?:ed|ing)\b",
    "fulfil, enrol": r"\b(?:fulfill|enroll)s?\b",
    "programme, grey": r"\bgray\b|\bcheck(?:ing)? account\b",
}
# Names of laws, standards and forms of file; each stands beside the words that say what it is.
EXPLAINED = {
    *("AI", "EU", "EEA", "GDPR", "HIPAA", "DORA", "ISO", "IEC", "SOC", "PCI", "DSS", "NDA", "SBOM", "EDR"),
    *("TLS", "SHA", "RSA", "SPF", "DKIM", "DMARC", "CSV", "XML", "JSON"),
}
LONGEST = {"question": 100, "label": 90, "help": 560, "finding": 160, "intro": 240}
SECOND_QUESTION = re.compile(r",? (?:and|or) (?:how|what|who|whom|when|where|which|why|is|are|do|does)\b")
NO_BLAME = re.compile(r"!|please note|non-complian|you failed|obviously|simply|just ", re.IGNORECASE)


@pytest.fixture(scope="module", params=LABELS)
def definition(request: pytest.FixtureRequest) -> Questionnaire:
    return catalog.get(request.param)


def test_sentences_are_short(definition: Questionnaire) -> None:
    long = [
        one
        for section in definition.sections
        for text in texts(section)
        for one in sentences(text)
        if len(words(one)) >= 20
    ]
    assert long == []


def test_each_section_can_be_read_at_school(definition: Questionnaire) -> None:
    hard = {
        section.key: round(found, 1)
        for section in definition.sections
        if (found := grade([text for text in texts(section) if text])) > 9
    }
    assert hard == {}


def test_grade_tells_plain_from_stilted() -> None:
    plain = "We keep a copy of the data. We try it twice a year."
    stilted = "Organisational continuity necessitates comprehensive verification of archival restoration capabilities."
    assert grade([plain]) < 3
    assert grade([stilted]) > 20
    assert [syllables(word) for word in ("data", "the", "passed", "one", "recovery", "72")] == [
        2,
        1,
        1,
        1,
        4,
        1,
    ]
    assert sentences("TLS 1.2 is safe. Is it?\nYes") == ["TLS 1.2 is safe.", "Is it?", "Yes"]


def test_a_question_asks_one_thing(definition: Questionnaire) -> None:
    for question in questions(definition):
        assert question.text.count("?") == 1, question.key
        assert question.text.endswith("?"), question.key
        assert "and/or" not in question.text, question.key
        if ordered(definition.version) >= (1, 0, 0):
            assert not SECOND_QUESTION.search(question.text), question.key
        assert len(words(question.text)) < 20, question.key


def test_no_text_is_over_its_length(definition: Questionnaire) -> None:
    found = {
        (kind, text)
        for section in definition.sections
        for kind, text in kinds(section)
        if len(text) > LONGEST[kind]
    }
    assert found == set()


def test_every_question_has_help(definition: Questionnaire) -> None:
    for question in questions(definition):
        assert len(words(question.help)) >= 20, question.key


def test_labels_differ_within_a_question(definition: Questionnaire) -> None:
    for question in questions(definition):
        labels = [option.label.casefold() for option in question.options]
        assert len(labels) == len(set(labels)), question.key
        assert not any(label.endswith(".") for label in labels), question.key


@pytest.mark.parametrize("wanted", SPELLINGS)
def test_one_spelling(definition: Questionnaire, wanted: str) -> None:
    refused = re.compile(SPELLINGS[wanted], re.IGNORECASE)
    for section in definition.sections:
        for text in everything(section):
            assert not refused.search(text), (section.key, wanted, text)


def test_tone(definition: Questionnaire) -> None:
    for section in definition.sections:
        for text in everything(section):
            assert not NO_BLAME.search(text), (section.key, text)


def test_abbreviations_are_explained(definition: Questionnaire) -> None:
    for section in definition.sections:
        short = {word for text in everything(section) for word in re.findall(r"\b[A-Z]{2,}\b", text)}
        assert short <= EXPLAINED, section.key


def test_requirements_read_well() -> None:
    for one in load().requirements:
        assert len(sentences(one.duty)) == 1, one.key
        assert len(words(one.duty)) <= 25, one.key
        assert "{organisation}" in one.clause, one.key
        assert "{vendor}" in one.clause, one.key
        assert not any(len(words(part)) > 45 for part in sentences(one.clause)), one.key
        for wanted, refused in SPELLINGS.items():
            assert not re.search(refused, f"{one.title} {one.duty} {one.clause}", re.IGNORECASE), (
                one.key,
                wanted,
            )
