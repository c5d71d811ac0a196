"""security_core: its counts, the weights of sections and questions, the largest shares; what lite has of it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from content_reading import AS_OF, every_answer, questions

from questionnaires import catalog
from questionnaires.answers import Answer, parse_answer
from questionnaires.canonical import definition_json
from questionnaires.definition import Question, Questionnaire
from questionnaires.scoring import score
from questionnaires.visibility import look

CORE = catalog.get("security_core@1.0.0")
LITE = catalog.get("security_lite@1.0.0")
OWN_PART = re.compile(r"^# own part (\d+\.\d); (\S.*\S)$", re.MULTILINE)
SECTIONS = {
    "profile": 0,
    "governance": 5,
    "people": 4,
    "access": 14,
    "data": 9,
    "crypto": 7,
    "development": 8,
    "vulnerability": 10,
    "logging": 7,
    "incident": 6,
    "resilience": 8,
    "network": 6,
    "physical": 2,
    "privacy": 5,
    "suppliers": 3,
    "ai": 3,
    "exit": 3,
}
# When weights change, this list is printed by the test that compares it: read it as an assessor would, then freeze it.
LARGEST = """\
2.2 % vuln.patch_critical_days (knock-out)
2.0 % access.mfa_admin (knock-out)
2.0 % access.mfa_staff (knock-out)
1.9 % incident.notice_hours (knock-out)
1.8 % resilience.backups (knock-out)
1.7 % logging.events (knock-out)
1.6 % access.customer_systems
1.6 % access.leaver_removal (knock-out)
1.6 % incident.plan (knock-out)
1.5 % crypto.at_rest (knock-out)
"""
EVERYTHING: dict[str, Any] = {
    "profile.service_type": ["saas", "software", "hosting", "managed", "services", "hardware"],
    "profile.headcount": "400",
    "profile.develops_software": "mixed",
    "profile.hosting": ["public_cloud", "colocation", "own_datacentre", "customer_site"],
    "profile.premises": "mixed",
    "profile.customer_access": "privileged",
    "data.categories": [
        "personal",
        "special",
        "health_us",
        "card",
        "financial",
        "credentials",
        "confidential",
    ],
    "data.locations": ["eea", "uk", "us", "other"],
    "suppliers.uses": "with_data",
    "ai.use": "product",
    "governance.assurance": "broad",
    "vuln.pentest": "independent",
    "resilience.recovery_targets": "proven",
    "incident.history": "notified",
}
CONSULTANCY: dict[str, Any] = {
    **EVERYTHING,
    "profile.service_type": ["services"],
    "profile.headcount": "5",
    "profile.develops_software": "no",
    "profile.hosting": ["customer_site"],
    "profile.premises": "remote_only",
    "profile.customer_access": "none",
    "data.categories": ["confidential"],
    "data.locations": ["eea"],
    "suppliers.uses": "none",
    "ai.use": "none",
    "governance.assurance": "none",
    "incident.history": "none_found",
}
SOFTWARE_FIRM: dict[str, Any] = {
    **EVERYTHING,
    "profile.service_type": ["saas"],
    "profile.headcount": "40",
    "profile.develops_software": "in_house",
    "profile.hosting": ["public_cloud"],
    "profile.customer_access": "none",
    "data.categories": ["personal", "confidential"],
    "data.locations": ["eea"],
    "governance.assurance": "self",
    "vuln.pentest": "planned",
    "incident.history": "none_found",
}


def answered(definition: Questionnaire, values: dict[str, Any]) -> dict[str, Answer]:
    known = {key: value for key, value in values.items() if key in definition.questions}
    return {
        key: parse_answer(definition.questions[key], {"state": "answered", "value": value}, AS_OF)
        for key, value in known.items()
    }


def test_core_holds_what_was_promised() -> None:
    found = list(questions(CORE))
    counts = {
        "questions": len(found),
        "sections": len(CORE.sections),
        "scored": sum(one.weight > 0 for one in found),
        "critical": sum(one.critical for one in found),
        "evidence": sum(one.evidence is not None for one in found),
        "evidence demanded": sum(
            one.evidence is not None and one.evidence.required_when is not None for one in found
        ),
    }
    assert counts == {
        "questions": 139,
        "sections": 17,
        "scored": 118,
        "critical": 21,
        "evidence": 19,
        "evidence demanded": 6,
    }
    assert sum(one.visible_when is not None for one in found) >= 20
    assert sum(len(one.findings) for one in found) >= 60
    assert sum(bool(one.refs) for one in found) >= 100
    assert [(band.name, band.minimum) for band in CORE.bands] == [
        ("strong", 85),
        ("sound", 70),
        ("partial", 50),
        ("weak", 0),
    ]
    assert (CORE.knockout_band, len(CORE.caps), {cap.band for cap in CORE.caps}) == ("partial", 3, {"sound"})


def test_the_sections_weigh_a_hundred_in_all() -> None:
    assert {section.key: section.weight for section in CORE.sections} == SECTIONS
    assert sum(SECTIONS.values()) == 100


def test_a_section_leaves_its_own_part_by_three_points_at_most_and_says_why() -> None:
    everything = sum(one.weight for one in questions(CORE))
    for path in sorted(catalog.folder(CORE.label).glob("[0-9]*.toml")):
        text = path.read_text()
        key = tomllib.loads(text)["key"]
        section = next(one for one in CORE.sections if one.key == key)
        part = Fraction(100 * sum(one.weight for one in section.questions), everything)
        stated = OWN_PART.search(text)
        assert stated, key
        assert abs(Fraction(stated[1]) - part) <= Fraction(1, 10), key
        assert abs(section.weight - part) <= 3, key


def test_text_is_at_most_a_twentieth_of_a_section() -> None:
    for definition in (CORE, LITE):
        for section in definition.sections:
            total = sum(one.weight for one in section.questions)
            prose = sum(one.weight for one in section.questions if one.type == "text")
            assert 20 * prose <= total, section.key


def shares(definition: Questionnaire) -> list[tuple[Question, Fraction]]:
    """Every scored question with its share when all is asked, the largest first."""
    answers = every_answer(definition, best=True, gates=EVERYTHING)
    trace = score(definition, answers, {"engagement.tier": "low"}, AS_OF).trace
    found = [(definition.questions[one.key], one.share) for one in trace if one.share]
    return sorted(found, key=lambda pair: (-pair[1], pair[0].key))


def test_the_ten_largest_shares_are_known() -> None:
    found = shares(CORE)
    assert sum(share for _, share in found) == 1
    listed = "".join(
        f"{float(100 * share):.1f} % {question.key}{' (knock-out)' if question.critical else ''}\n"
        for question, share in found[:10]
    )
    print(listed)
    assert listed == LARGEST
    assert found[-1][1] >= Fraction(18, 10_000)


@pytest.mark.parametrize(
    ("gates", "core", "lite"),
    [(CONSULTANCY, 69, 24), (SOFTWARE_FIRM, 121, 33), (EVERYTHING, 138, 33)],
    ids=["five advisers", "software firm of forty", "everything at once"],
)
def test_a_firm_is_asked_what_fits_it(gates: dict[str, Any], core: int, lite: int) -> None:
    seen = [len(look(one, answered(one, gates), {}, AS_OF).visible) for one in (CORE, LITE)]
    assert seen == [core, lite]


@pytest.mark.parametrize(
    ("gate", "shown"),
    [
        ("profile.headcount", ["access.review", "people.phishing", "governance.internal_audit"]),
        ("profile.develops_software", ["dev.code_review", "dev.secrets", "vuln.disclosure"]),
        ("profile.premises", ["network.remote_access"]),
        ("data.categories", ["crypto.at_rest", "data.retention", "exit.deletion"]),
    ],
)
def test_a_blank_gate_hides_nothing(gate: str, shown: list[str]) -> None:
    gates = {key: value for key, value in EVERYTHING.items() if key != gate}
    visible = look(CORE, answered(CORE, gates), {}, AS_OF).visible
    assert set(shown) <= set(visible)


def test_no_gate_pays_by_being_left_blank() -> None:
    """What hangs on an unanswered gate is open: it may still cost every point that it could earn."""
    answers = every_answer(CORE, best=True, gates=SOFTWARE_FIRM)
    whole = score(CORE, answers, {"engagement.tier": "low"}, AS_OF)
    for gate in (
        "profile.headcount",
        "profile.develops_software",
        "data.categories",
        "suppliers.uses",
        "ai.use",
    ):
        rest = {key: answer for key, answer in answers.items() if key != gate}
        result = score(CORE, rest, {"engagement.tier": "low"}, AS_OF)
        assert result.score is not None
        assert whole.score is not None
        assert result.score < whole.score, gate


def test_the_best_answers_are_strong_and_the_worst_weak() -> None:
    facts = {"engagement.tier": "critical"}
    best = score(CORE, every_answer(CORE, best=True, gates=EVERYTHING), facts, AS_OF)
    assert (best.score, best.high, best.band, best.knockouts) == (100, 100, "strong", ())
    gates = {key: value for key, value in EVERYTHING.items() if not CORE.questions[key].weight}
    worst = score(CORE, every_answer(CORE, best=False, gates=gates), facts, AS_OF)
    assert worst.score is not None
    assert worst.score < 1
    assert worst.band == "weak"
    assert Counter(one.kind for one in worst.knockouts) == {"failed": 21}
    assert len(worst.caps) == 3


@pytest.mark.parametrize(
    ("key", "value", "held"),
    [
        ("vuln.pentest", "none", ["critical", "high"]),
        ("vuln.pentest", "internal", []),
        ("resilience.restore_test", "two_years", ["critical"]),
        ("logging.monitoring", "later", ["critical"]),
        ("logging.monitoring", "office", []),
    ],
)
def test_caps_hold_only_where_much_hangs_on_the_service(key: str, value: str, held: list[str]) -> None:
    answers = every_answer(CORE, best=True, gates={**EVERYTHING, key: value})
    for tier in ("critical", "high", "medium", "low"):
        result = score(CORE, answers, {"engagement.tier": tier}, AS_OF)
        assert result.score is not None
        assert result.score >= 85
        assert result.band == ("sound" if tier in held else "strong"), tier


def test_lite_asks_in_the_words_of_core() -> None:
    mine, theirs = (
        {one["key"]: one for section in definition_json(found)["sections"] for one in section["questions"]}
        for found in (LITE, CORE)
    )
    assert len(mine) == 33
    for key, question in mine.items():
        for fields in (question, theirs[key]):
            fields.pop("visible_when", None)
        assert question == theirs[key]


def test_lite_hides_nothing_that_core_would_ask() -> None:
    """Where lite has a condition, core has the same one: on the question, or on its section."""
    for key, question in LITE.questions.items():
        mine, theirs = (
            {
                one.visible_when.source
                for one in (definition.questions[key], _section(definition, key))
                if one.visible_when is not None
            }
            for definition in (LITE, CORE)
        )
        assert {" ".join(one.split()) for one in mine} == {" ".join(one.split()) for one in theirs}, (
            question.key
        )


def _section(definition: Questionnaire, key: str) -> Any:
    return next(one for one in definition.sections if key in {question.key for question in one.questions})


def test_every_version_has_a_changelog() -> None:
    for label in catalog.shipped():
        slug, version = label.split("@")
        text = (Path(catalog.CONTENT) / slug / "CHANGELOG.md").read_text()
        assert f"\n## {version}\n" in text, label


LINE = re.compile(r"\b(first|second|third|last) (?:or the last )?line\b")
LINES = {"first": 0, "second": 1, "third": 2, "last": -1}


def test_help_that_names_a_line_means_the_right_one() -> None:
    """Options stand best first: a change of points moves lines, and help that counts them must follow."""
    found = {
        (key, word): question.options[LINES[word]].value
        for key, question in CORE.questions.items()
        for word in LINE.findall(question.help)
    }
    assert found == {
        ("profile.service_type", "last"): "other",
        ("profile.develops_software", "second"): "mixed",
        ("profile.hosting", "last"): "nowhere",
        ("profile.customer_access", "last"): "privileged",
        ("governance.assurance_scope", "second"): "part",
        ("access.leaver_removal", "last"): "longer",
        ("access.customer_systems", "last"): "always_on",
        ("data.location_control", "last"): "unknown",
        ("data.card_sad", "first"): "never_seen",
        ("data.card_sad", "last"): "unknown",
        ("crypto.rotation", "last"): "never",
        ("crypto.passwords", "second"): "delegated",
        ("vuln.pentest_fixes", "first"): "closed",
        ("vuln.pentest_fixes", "last"): "no_test",
        ("logging.monitoring", "last"): "never",
        ("incident.cooperation", "last"): "none",
        ("network.admin_exposure", "last"): "unknown",
        ("privacy.role", "third"): "both",
        ("privacy.own_purposes", "last"): "unknown",
        ("privacy.transfers", "last"): "unknown",
        ("ai.use", "last"): "product",
        ("ai.training_use", "last"): "unknown",
        ("ai.providers", "second"): "own",
        ("exit.authorities", "second"): "case",
    }
