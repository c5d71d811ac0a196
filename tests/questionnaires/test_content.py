"""Shipped questionnaires and contract requirements: sound by our own rules, plain to read, honest in their weights."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from content_reading import AS_OF, LABELS, assessments, every_answer, questions

from questionnaires import catalog
from questionnaires.answers import parse_answer
from questionnaires.checking import check
from questionnaires.definition import Question, Questionnaire, Section
from questionnaires.scoring import score
from questionnaires.visibility import earned_findings, look

WEIGHTS = {20, 16, 13, 12, 10, 8, 7, 6, 5, 4, 3, 0}
JUDGEMENT = re.compile(r"# impact ([1-5]), likelihood ([1-5]): \S.*\S$")


@pytest.fixture(scope="module", params=LABELS)
def definition(request: pytest.FixtureRequest) -> Questionnaire:
    return catalog.get(request.param)


def test_security_lite_is_shipped() -> None:
    lite = catalog.get("security_lite@1.0.0")
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


def test_evidence_is_described_where_it_is_asked_for(definition: Questionnaire) -> None:
    for question in questions(definition):
        if question.evidence is not None:
            assert "Good proof is" in question.help, question.key


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
                assert points[-1] <= 10, question.key


def test_a_dated_plan_earns_ten_and_not_knowing_earns_what_nothing_earns() -> None:
    for definition in assessments():
        for question in questions(definition):
            earned = {option.value: option.points for option in question.options if option.points is not None}
            assert earned.get("planned", 10) == 10, question.key
            assert earned.get("unknown", 0) == 0, question.key


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
                for value in ("0", "1", "2", "3", "7", "12", "30", "72", "73", "365"):
                    if question.at_most is not None and int(value) > int(question.at_most):
                        continue
                    answer = parse_answer(question, {"state": "answered", "value": value}, AS_OF)
                    found = earned_findings(question, {question.key: answer}, {}, AS_OF)
                    low = next((r.points for r in question.points_when if _fits(r.when.source, value)), 0)
                    assert bool(found) == (low <= 35), (question.key, value)


def _fits(source: str, value: str) -> bool:
    _, sign, bound = source.split()
    return int(value) <= int(bound) if sign == "<=" else int(value) >= int(bound)


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
    question = catalog.get("security_lite@1.0.0").questions["logging.events"]
    answer = parse_answer(question, {"state": "answered", "value": chosen}, AS_OF)
    assert bool(earned_findings(question, {question.key: answer}, {}, AS_OF)) == warned


def test_what_is_scored_hangs_on_facts_alone() -> None:
    """A gate of a scored question weighs nothing and has no way out; what is not scored may hang on an answer."""
    for definition in assessments():
        for section in definition.sections:
            for question in section.questions:
                for name in _gates(definition, section, question) if question.weight else ():
                    gate = definition.questions[name]
                    assert (gate.weight, gate.critical, gate.allow_na) == (0, False, False), (
                        question.key,
                        name,
                    )


def _gates(definition: Questionnaire, *holders: Section | Question) -> set[str]:
    names = {name for one in holders if one.visible_when is not None for name in one.visible_when.names}
    return names & set(definition.questions)


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


def test_the_best_answers_of_security_lite_are_strong() -> None:
    lite = catalog.get("security_lite@1.0.0")
    result = score(lite, every_answer(lite, best=True), {"engagement.tier": "critical"}, AS_OF)
    assert (result.score, result.high, result.band) == (100, 100, "strong")
    assert result.knockouts == ()
    assert set(result.counts) <= {"answered"}


def test_the_worst_answers_of_security_lite_are_weak_and_warned_of() -> None:
    lite = catalog.get("security_lite@1.0.0")
    answers = every_answer(lite, best=False)
    result = score(lite, answers, {"engagement.tier": "critical"}, AS_OF)
    assert (result.score, result.high, result.band) == (0, 0, "weak")
    assert len(result.knockouts) == 18
    for question in questions(lite):
        found = earned_findings(question, answers, {}, AS_OF)
        assert bool(found) == bool(question.weight), question.key


@pytest.mark.parametrize(("tier", "band"), [("critical", "sound"), ("high", "strong"), ("low", "strong")])
def test_a_critical_service_needs_a_restore_that_was_tried(tier: str, band: str) -> None:
    lite = catalog.get("security_lite@1.0.0")
    answers = every_answer(lite, best=True)
    question = lite.questions["resilience.restore_test"]
    answers[question.key] = parse_answer(question, {"state": "answered", "value": "never"}, AS_OF)
    result = score(lite, answers, {"engagement.tier": tier}, AS_OF)
    assert result.score is not None
    assert result.score >= 85
    assert result.band == band


def test_a_small_consultancy_sees_fewer_questions() -> None:
    lite = catalog.get("security_lite@1.0.0")
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
