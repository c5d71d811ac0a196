"""Shipped questionnaires and contract requirements: sound by our own rules, plain to read, honest in their weights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from readability import grade, sentences, syllables, words

from questionnaires import catalog
from questionnaires.answers import Answer, parse_answer
from questionnaires.checking import check
from questionnaires.definition import Question, Questionnaire, Section
from questionnaires.requirements import load
from questionnaires.scoring import score
from questionnaires.visibility import earned_findings, look

AS_OF = date(2026, 11, 21)
LABELS = catalog.shipped()
WEIGHTS = {20, 16, 13, 12, 10, 8, 7, 6, 5, 4, 0}
JUDGEMENT = re.compile(r"# impact ([1-5]), likelihood ([1-5]): \S.*\S$")
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
}
EXPLAINED = {"TLS", "EDR", "GDPR", "AI"}
NO_BLAME = re.compile(r"!|please note|non-complian|you failed|obviously|simply|just ", re.IGNORECASE)


@pytest.fixture(scope="module", params=LABELS)
def definition(request: pytest.FixtureRequest) -> Questionnaire:
    return catalog.get(request.param)


def assessments() -> list[Questionnaire]:
    return [one for one in map(catalog.get, LABELS) if one.purpose == "assessment"]


def texts(section: Section) -> Iterator[str]:
    """Whatever a vendor reads as sentences; labels and titles are none."""
    yield section.intro
    for question in section.questions:
        yield question.text
        yield question.help
        for finding in question.findings:
            yield finding.text


def everything(section: Section) -> Iterator[str]:
    yield section.title
    yield from texts(section)
    for question in section.questions:
        yield from (option.label for option in question.options)
        yield from (column.label for column in question.columns)


def questions(definition: Questionnaire) -> Iterator[Question]:
    yield from definition.questions.values()


def test_security_lite_is_shipped() -> None:
    lite = catalog.get("security_lite@0.9.0")
    scored = [one for one in questions(lite) if one.weight]
    critical = [one for one in questions(lite) if one.critical]
    assert (len(lite.questions), len(scored), len(critical)) == (33, 25, 18)
    assert lite.weighting == "flat"
    assert [(band.name, band.minimum) for band in lite.bands] == [
        ("strong", 85),
        ("sound", 70),
        ("partial", 50),
        ("weak", 0),
    ]
    assert lite.knockout_band == "partial"


def test_check_finds_nothing_at_all(definition: Questionnaire) -> None:
    others = [catalog.get(label) for label in LABELS if label != definition.label]
    assert [str(fault) for fault in check(definition, shipped=others)] == []


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
        assert len(words(question.text)) < 20, question.key


def test_every_question_has_help(definition: Questionnaire) -> None:
    for question in questions(definition):
        assert len(words(question.help)) >= 20, question.key


def test_evidence_is_described_where_it_is_asked_for(definition: Questionnaire) -> None:
    for question in questions(definition):
        if question.evidence is not None:
            assert "Good proof is" in question.help, question.key


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


def test_weights_come_from_the_two_judgements() -> None:
    assert {one.weight for definition in assessments() for one in questions(definition)} <= WEIGHTS


def test_each_weight_shows_its_two_judgements() -> None:
    for definition in assessments():
        for path in sorted(catalog.folder(definition.label).glob("[0-9]*.toml")):
            key, weight = "", 0
            for line in path.read_text().splitlines():
                if line.startswith("key = "):
                    key, weight = line[7:-1], 0
                elif line.startswith("weight = "):
                    weight = int(line[9:])
                elif found := JUDGEMENT.match(line):
                    product = Decimal(found[1]) * Decimal(found[2]) * Decimal("0.8")
                    assert weight == int(product + Decimal("0.5")), key
                    weight = -1
                elif line.startswith(("options = ", "points_when = ")):
                    assert weight <= 0, f"{key} gives no judgements"


def test_options_fall_from_best_to_worst() -> None:
    for definition in assessments():
        for question in questions(definition):
            points = [option.points for option in question.options if option.points is not None]
            assert points == sorted(points, reverse=True), question.key
            if points and question.combine is None:
                assert points[0] == 100, question.key
                assert points[-1] == 0, question.key


def test_bad_options_carry_a_finding() -> None:
    for definition in assessments():
        for question in questions(definition):
            warned = {finding.option for finding in question.findings}
            for option in question.options:
                if option.points is not None and option.points <= 35:
                    assert option.value in warned, (question.key, option.value)


def test_bad_numbers_carry_a_finding() -> None:
    for definition in assessments():
        for question in questions(definition):
            if question.type == "number" and question.weight:
                for value in ("0", "7", "30", "72", "73", "365"):
                    answer = parse_answer(question, {"state": "answered", "value": value}, AS_OF)
                    found = earned_findings(question, {question.key: answer}, {}, AS_OF)
                    low = next((r.points for r in question.points_when if _at_most(r.when.source, value)), 0)
                    assert bool(found) == (low <= 35), (question.key, value)


def _at_most(source: str, value: str) -> bool:
    return int(value) <= int(source.removeprefix("value <= "))


@pytest.mark.parametrize(
    ("chosen", "warned"),
    [
        (["none"], True),
        (["signin"], True),
        (["config"], True),
        (["signin", "admin"], False),
        (["data_access", "config"], False),
        (["signin", "admin", "data_access", "config"], False),
    ],
)
def test_half_of_the_records_is_no_finding(chosen: list[str], warned: bool) -> None:
    question = catalog.get("security_lite@0.9.0").questions["logging.events"]
    answer = parse_answer(question, {"state": "answered", "value": chosen}, AS_OF)
    assert bool(earned_findings(question, {question.key: answer}, {}, AS_OF)) == warned


def test_a_gate_has_no_weight_and_no_way_out() -> None:
    for definition in assessments():
        gates = {
            name
            for section in definition.sections
            for holder in (section, *section.questions)
            if holder.visible_when is not None
            for name in holder.visible_when.names
            if name in definition.questions
        }
        for name in gates:
            gate = definition.questions[name]
            assert (gate.weight, gate.critical, gate.allow_na) == (0, False, False), name


def test_not_applicable_is_offered_only_where_nothing_may_exist() -> None:
    allowed = {
        "resilience.backups",
        "resilience.backup_isolation",
        "resilience.restore_test",
        "people.screening",
        "network.mail_auth",
        "assets.endpoints",
    }
    for definition in assessments():
        offered = {question.key for question in questions(definition) if question.allow_na}
        assert offered <= allowed
        for key in offered:
            assert "not applicable" in definition.questions[key].help, key


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


def a_document(question: Question, value: Any, best: bool) -> dict[str, Any]:
    proof = [{"kind": question.evidence.kind, "issued": "2026-11-01"}] if question.evidence and best else []
    return {"state": "answered", "value": value, "evidence": proof}


def every_answer(definition: Questionnaire, best: bool) -> dict[str, Answer]:
    """The best or the worst answer to every question, the gates answered so that all is asked."""
    gates: dict[str, Any] = {
        "profile.service_type": ["saas"],
        "profile.develops_software": "in_house",
        "profile.hosting": ["public_cloud"],
        "data.categories": ["personal"],
        "suppliers.uses": "with_data",
        "ai.use": "product",
        "logging.events": ["signin", "admin", "data_access", "config"] if best else ["none"],
    }
    found = {}
    for question in questions(definition):
        value = gates.get(question.key)
        if value is None and question.options:
            value = question.options[0 if best else -1].value
        elif value is None and question.type == "number":
            value = question.at_least if best else question.at_most
        elif value is None:
            value = [{column.key: "2026-01-01" for column in question.columns}]
        found[question.key] = parse_answer(question, a_document(question, value, best), AS_OF)
    return found


def test_the_best_answers_of_security_lite_are_strong() -> None:
    lite = catalog.get("security_lite@0.9.0")
    result = score(lite, every_answer(lite, best=True), {"engagement.tier": "critical"}, AS_OF)
    assert (result.score, result.high, result.band) == (100, 100, "strong")
    assert result.knockouts == ()
    assert set(result.counts) <= {"answered"}


def test_the_worst_answers_of_security_lite_are_weak_and_warned_of() -> None:
    lite = catalog.get("security_lite@0.9.0")
    answers = every_answer(lite, best=False)
    result = score(lite, answers, {"engagement.tier": "critical"}, AS_OF)
    assert (result.score, result.high, result.band) == (0, 0, "weak")
    assert len(result.knockouts) == 18
    for question in questions(lite):
        found = earned_findings(question, answers, {}, AS_OF)
        assert bool(found) == bool(question.weight), question.key


@pytest.mark.parametrize(("tier", "band"), [("critical", "sound"), ("high", "strong"), ("low", "strong")])
def test_a_critical_service_needs_a_restore_that_was_tried(tier: str, band: str) -> None:
    lite = catalog.get("security_lite@0.9.0")
    answers = every_answer(lite, best=True)
    question = lite.questions["resilience.restore_test"]
    answers[question.key] = parse_answer(question, {"state": "answered", "value": "never"}, AS_OF)
    result = score(lite, answers, {"engagement.tier": tier}, AS_OF)
    assert result.score is not None
    assert result.score >= 85
    assert result.band == band


def test_a_small_consultancy_sees_fewer_questions() -> None:
    lite = catalog.get("security_lite@0.9.0")
    facts = {
        "profile.service_type": ["services"],
        "profile.develops_software": "no",
        "profile.hosting": ["public_cloud"],
        "data.categories": ["confidential"],
        "suppliers.uses": "no_data",
        "ai.use": "none",
    }
    answers = {
        key: parse_answer(lite.questions[key], {"state": "answered", "value": value}, AS_OF)
        for key, value in facts.items()
    }
    assert len(look(lite, answers, {}, AS_OF).visible) == 24
