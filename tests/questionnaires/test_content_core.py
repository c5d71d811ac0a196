"""Each security_core: its counts, the weights of sections and questions, the largest shares; what lite has of it."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
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
NEXT = catalog.get("security_core@2.0.0")
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
# A copy out of reach joins the knock-outs; incident.plan makes room for grades of incidents.
LARGEST_NEXT = """\
2.2 % vuln.patch_critical_days (knock-out)
2.0 % access.mfa_admin (knock-out)
2.0 % access.mfa_staff (knock-out)
1.7 % incident.notice_hours (knock-out)
1.7 % resilience.backup_isolation (knock-out)
1.7 % resilience.backups (knock-out)
1.7 % logging.events (knock-out)
1.6 % access.customer_systems
1.6 % access.leaver_removal (knock-out)
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


@dataclass(frozen=True)
class Promise:
    """What a version holds; ``asked``: how many questions see five advisers, a software firm, a firm of everything."""

    counts: dict[str, int]
    sections: dict[str, int]
    largest: str
    asked: tuple[int, int, int]


PROMISED = {
    "1.0.0": Promise(
        {
            "questions": 139,
            "sections": 17,
            "scored": 118,
            "critical": 21,
            "evidence": 19,
            "evidence demanded": 6,
        },
        SECTIONS,
        LARGEST,
        (69, 121, 138),
    ),
    "2.0.0": Promise(
        {
            "questions": 141,
            "sections": 17,
            "scored": 121,
            "critical": 22,
            "evidence": 19,
            "evidence demanded": 6,
        },
        {**SECTIONS, "data": 10, "crypto": 6},
        LARGEST_NEXT,
        (71, 124, 140),
    ),
}


@pytest.fixture(params=[CORE, NEXT], ids=["1.0.0", "2.0.0"])
def core(request: pytest.FixtureRequest) -> Questionnaire:
    found: Questionnaire = request.param
    return found


def test_every_version_is_looked_at_here() -> None:
    assert tuple(PROMISED) == catalog.versions("security_core")


def answered(definition: Questionnaire, values: dict[str, Any]) -> dict[str, Answer]:
    known = {key: value for key, value in values.items() if key in definition.questions}
    return {
        key: parse_answer(definition.questions[key], {"state": "answered", "value": value}, AS_OF)
        for key, value in known.items()
    }


def test_core_holds_what_was_promised(core: Questionnaire) -> None:
    found = list(questions(core))
    counts = {
        "questions": len(found),
        "sections": len(core.sections),
        "scored": sum(one.weight > 0 for one in found),
        "critical": sum(one.critical for one in found),
        "evidence": sum(one.evidence is not None for one in found),
        "evidence demanded": sum(
            one.evidence is not None and one.evidence.required_when is not None for one in found
        ),
    }
    assert counts == PROMISED[core.version].counts
    assert sum(one.visible_when is not None for one in found) >= 20
    assert sum(len(one.findings) for one in found) >= 60
    assert sum(bool(one.refs) for one in found) >= 100
    assert [(band.name, band.minimum) for band in core.bands] == [
        ("strong", 85),
        ("sound", 70),
        ("partial", 50),
        ("weak", 0),
    ]
    assert core.knockout_band == "partial"
    assert [cap.band for cap in core.caps] == ["sound", "sound", "sound", "partial"]


def test_the_sections_weigh_a_hundred_in_all(core: Questionnaire) -> None:
    assert {section.key: section.weight for section in core.sections} == PROMISED[core.version].sections
    assert sum(PROMISED[core.version].sections.values()) == 100


def test_a_section_leaves_its_own_part_by_three_points_at_most_and_says_why(core: Questionnaire) -> None:
    everything = sum(one.weight for one in questions(core))
    for path in sorted(catalog.folder(core.label).glob("[0-9]*.toml")):
        text = path.read_text()
        key = tomllib.loads(text)["key"]
        section = next(one for one in core.sections if one.key == key)
        part = Fraction(100 * sum(one.weight for one in section.questions), everything)
        stated = OWN_PART.search(text)
        assert stated, key
        assert abs(Fraction(stated[1]) - part) <= Fraction(1, 10), key
        assert abs(section.weight - part) <= 3, key


def test_text_is_at_most_a_twentieth_of_a_section() -> None:
    for definition in (CORE, NEXT, LITE):
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


def test_the_ten_largest_shares_are_known(core: Questionnaire) -> None:
    found = shares(core)
    assert sum(share for _, share in found) == 1
    listed = "".join(
        f"{float(100 * share):.1f} % {question.key}{' (knock-out)' if question.critical else ''}\n"
        for question, share in found[:10]
    )
    print(listed)
    assert listed == PROMISED[core.version].largest
    assert found[-1][1] >= Fraction(18, 10_000)


@pytest.mark.parametrize(
    ("gates", "firm", "lite"),
    [(CONSULTANCY, 0, 24), (SOFTWARE_FIRM, 1, 33), (EVERYTHING, 2, 33)],
    ids=["five advisers", "software firm of forty", "everything at once"],
)
def test_a_firm_is_asked_what_fits_it(
    core: Questionnaire, gates: dict[str, Any], firm: int, lite: int
) -> None:
    seen = [len(look(one, answered(one, gates), {}, AS_OF).visible) for one in (core, LITE)]
    assert seen == [PROMISED[core.version].asked[firm], lite]


@pytest.mark.parametrize(
    ("gate", "shown"),
    [
        ("profile.headcount", ["access.review", "people.phishing", "governance.internal_audit"]),
        ("profile.develops_software", ["dev.code_review", "dev.secrets", "vuln.disclosure"]),
        ("profile.premises", ["network.remote_access"]),
        ("data.categories", ["crypto.at_rest", "data.retention", "exit.deletion"]),
    ],
)
def test_a_blank_gate_hides_nothing(core: Questionnaire, gate: str, shown: list[str]) -> None:
    gates = {key: value for key, value in EVERYTHING.items() if key != gate}
    visible = look(core, answered(core, gates), {}, AS_OF).visible
    assert set(shown) <= set(visible)


def test_no_gate_pays_by_being_left_blank(core: Questionnaire) -> None:
    """What hangs on an unanswered gate is open: it may still cost every point that it could earn."""
    answers = every_answer(core, best=True, gates=SOFTWARE_FIRM)
    whole = score(core, answers, {"engagement.tier": "low"}, AS_OF)
    for gate in (
        "profile.headcount",
        "profile.develops_software",
        "data.categories",
        "suppliers.uses",
        "ai.use",
    ):
        rest = {key: answer for key, answer in answers.items() if key != gate}
        result = score(core, rest, {"engagement.tier": "low"}, AS_OF)
        assert result.score is not None
        assert whole.score is not None
        assert result.score < whole.score, gate


def test_the_best_answers_are_strong_and_the_worst_weak(core: Questionnaire) -> None:
    facts = {"engagement.tier": "critical", "engagement.data": frozenset({"personal"})}
    best = score(core, every_answer(core, best=True, gates=EVERYTHING), facts, AS_OF)
    assert (best.score, best.high, best.band, best.knockouts) == (100, 100, "strong", ())
    gates = {key: value for key, value in EVERYTHING.items() if not core.questions[key].weight}
    worst = score(core, every_answer(core, best=False, gates=gates), facts, AS_OF)
    assert worst.score is not None
    assert worst.score < 1
    assert worst.band == "weak"
    assert Counter(one.kind for one in worst.knockouts) == {
        "failed": PROMISED[core.version].counts["critical"]
    }
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
def test_caps_hold_only_where_much_hangs_on_the_service(
    core: Questionnaire, key: str, value: str, held: list[str]
) -> None:
    answers = every_answer(core, best=True, gates={**EVERYTHING, key: value})
    for tier in ("critical", "high", "medium", "low"):
        result = score(core, answers, {"engagement.tier": tier}, AS_OF)
        assert result.score is not None
        assert result.score >= 85
        assert result.band == ("sound" if tier in held else "strong"), tier


@pytest.mark.parametrize("definition", [CORE, NEXT, LITE], ids=lambda one: one.label)
@pytest.mark.parametrize("said", ["none_held", "public_only"])
@pytest.mark.parametrize(
    ("known", "band", "best"),
    [
        *(([kind], "partial", "partial") for kind in EVERYTHING["data.categories"]),
        (["public_only"], "strong", "strong"),
        # Nobody has said which data the service touches: the range stays open.
        (None, "partial", "strong"),
    ],
)
def test_to_deny_data_that_the_customer_knows_of_does_not_pay(
    definition: Questionnaire, said: str, known: list[str] | None, band: str, best: str
) -> None:
    """Held at partial, where one knock-out among the hidden questions would hold it too."""
    facts: dict[str, Any] = {"engagement.tier": "low"}
    if known is not None:
        facts["engagement.data"] = frozenset(known)
    answers = every_answer(definition, best=True, gates={**EVERYTHING, "data.categories": [said]})
    result = score(definition, answers, facts, AS_OF)
    assert (result.score, result.band, result.best_band) == (100, band, best)
    honest = score(definition, every_answer(definition, best=True, gates=EVERYTHING), facts, AS_OF)
    assert (honest.band, honest.caps) == ("strong", ())


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


def test_help_that_names_a_line_means_the_right_one(core: Questionnaire) -> None:
    """Options stand best first: a change of points moves lines, and help that counts them must follow."""
    found = {
        (key, word): question.options[LINES[word]].value
        for key, question in core.questions.items()
        for word in LINE.findall(question.help)
    }
    added = {} if core == CORE else {("ai.agents", "first"): "nothing"}
    assert found == added | {
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
