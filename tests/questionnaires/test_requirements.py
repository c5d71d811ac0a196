"""Contract requirements: the catalogue and its faults, outcomes in three values, reasons for both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from made_up import TODAY, answered, choice, gate, made, options

from questionnaires import catalog, requirements_evidence
from questionnaires.answers import Answer, Review
from questionnaires.conditions import INTERNAL_FACTS, parse
from questionnaires.definition import Option, Question, Questionnaire
from questionnaires.faults import DefinitionError
from questionnaires.requirements import (
    Answered,
    Catalogue,
    Outcome,
    Requirement,
    check_catalogue,
    evaluate,
    load,
)
from questionnaires.requirements_evidence import Evidence, Wanted

GDPR = '"gdpr" in organisation.regimes'
BOUND = {"organisation.regimes": frozenset({"gdpr"})}


def requirement(required_when: str, applies_when: str = GDPR, key: str = "gdpr.one") -> Requirement:
    return Requirement(
        key,
        1,
        "topic",
        "Title",
        "must",
        ("GDPR Art. 28",),
        "Duty.",
        "{vendor} does.",
        parse(applies_when),
        parse(required_when),
    )


def decide(required_when: str, facts: Any, *answered_files: Answered, applies_when: str = GDPR) -> Outcome:
    (found,) = evaluate(Catalogue((requirement(required_when, applies_when),)), answered_files, facts)
    return found


def submission(
    answers: dict[str, Answer], definition: Questionnaire | None = None, day: date = TODAY
) -> Answered:
    return Answered(definition or DEFINITION, answers, day)


USES = Question(
    "s.uses",
    "Do others help you?",
    "choice",
    options=(Option("with", "Yes, with data"), Option("without", "Yes, without data"), Option("no", "No")),
    allow_na=True,
)
DEFINITION = made(
    USES,
    choice("s.notice", 100, 30, 0, visible='s.uses != "no"'),
    Question("s.hours", "How soon do you tell?", "number", unit="hours", weight=5),
    Question("s.where", "Where is the data?", "choices", options=(Option("eea", "EEA"), Option("us", "USA"))),
)
RULE = 's.uses == "with"'


# -- outcomes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "answer", "outcome", "decided_by", "would_settle"),
    [
        (BOUND, answered("with"), "required", ("organisation.regimes", "s.uses"), ()),
        (BOUND, answered("with", "accepted"), "required", ("organisation.regimes", "s.uses"), ()),
        (BOUND, answered("with", "graded", 0), "required", ("organisation.regimes", "s.uses"), ()),
        (BOUND, answered("no"), "not_required", ("s.uses",), ()),
        (BOUND, answered("no", "challenged"), "undetermined", (), ("s.uses",)),
        (BOUND, answered("no", "disproved", 0), "undetermined", (), ("s.uses",)),
        (BOUND, None, "undetermined", (), ("s.uses",)),
        (BOUND, Answer("suggested", "with"), "undetermined", (), ("s.uses",)),
        (BOUND, Answer("not_applicable", note="n"), "undetermined", (), ("s.uses",)),
        (
            BOUND,
            Answer("not_applicable", note="n", review=Review("na_accepted")),
            "not_required",
            ("s.uses",),
            (),
        ),
        (
            {"organisation.regimes": frozenset()},
            answered("with"),
            "not_required",
            ("organisation.regimes",),
            (),
        ),
        ({"organisation.regimes": frozenset()}, None, "not_required", ("organisation.regimes",), ()),
        ({}, answered("with"), "undetermined", (), ("organisation.regimes",)),
        ({}, answered("no"), "not_required", ("s.uses",), ()),
        ({}, None, "undetermined", (), ("organisation.regimes", "s.uses")),
        (
            {"organisation.regimes": frozenset({"unknown"})},
            answered("with"),
            "undetermined",
            (),
            ("organisation.regimes",),
        ),
    ],
)
def test_three_outcomes(
    facts: Any,
    answer: Answer | None,
    outcome: str,
    decided_by: tuple[str, ...],
    would_settle: tuple[str, ...],
) -> None:
    found = decide(RULE, facts, submission({} if answer is None else {"s.uses": answer}))
    assert (found.outcome, found.decided_by, found.would_settle) == (outcome, decided_by, would_settle)


@pytest.mark.parametrize(
    ("rule", "answers", "organisation"),
    [
        (
            RULE,
            {"s.uses": answered("with")},
            "Required because GDPR binds you and the answer to “Do others help you?” is “Yes, with data”.",
        ),
        (
            RULE,
            {"s.uses": answered("no")},
            "Not required because the answer to “Do others help you?” is “No”.",
        ),
        (
            "s.hours > 48",
            {"s.hours": answered(Decimal(72))},
            "Required because GDPR binds you and the answer to “How soon do you tell?” is above 48 hours.",
        ),
        (
            "s.hours > 48",
            {"s.hours": answered(Decimal(24))},
            "Not required because the answer to “How soon do you tell?” is 24 hours.",
        ),
        (
            '"us" in s.where',
            {"s.where": answered(("eea",))},
            "Not required because the answer to “Where is the data?” does not include “USA”.",
        ),
        (RULE, {}, "Not determined yet. It depends on the answer to “Do others help you?”."),
        (
            's.notice == "o2" and s.hours > 1',
            {"s.uses": answered("no"), "s.hours": answered(Decimal(5))},
            "Not required because there is no answer that counts to “Question s.notice?”.",
        ),
        (GDPR, {}, "Required because GDPR binds you."),
        (
            's.nowhere == "x"',
            {},
            "Not determined yet. It depends on the answer to s.nowhere, which nobody has asked yet.",
        ),
    ],
)
def test_reasons_in_plain_words(rule: str, answers: dict[str, Answer], organisation: str) -> None:
    found = decide(rule, BOUND, submission(answers))
    assert found.reason == organisation
    assert found.reason_vendor == organisation.replace("binds you", "binds your client")


@pytest.mark.parametrize(
    ("facts", "organisation", "vendor"),
    [
        (
            {"engagement.process": "critical"},
            "Required because the process that rests on the service is critical.",
            "Required because your client's own classification says so.",
        ),
        (
            {"engagement.process": "slower"},
            "Not required because the process that rests on the service is slower when it stops.",
            "Not required because your client's own classification says so.",
        ),
        (
            {},
            "Not determined yet. It depends on the process that rests on the service.",
            "Not determined yet. It depends on your client's own classification.",
        ),
    ],
)
def test_vendors_never_read_what_procurement_answered(facts: Any, organisation: str, vendor: str) -> None:
    found = decide('engagement.process == "critical"', facts, applies_when='engagement.process == "critical"')
    assert (found.reason, found.reason_vendor) == (organisation, vendor)


HARD = ('engagement.tier == "critical"', 'engagement.tier == "high"', 's.uses == "with"', "s.hours > 48")


@pytest.mark.parametrize(
    ("rule", "answers", "vendor"),
    [
        # What holds anyway is the whole reason: that the classification would do too is told to nobody.
        (
            f"{HARD[0]} or {HARD[2]}",
            {"s.uses": answered("with")},
            "Required because GDPR binds your client and the answer to “Do others help you?” is “Yes, with data”.",
        ),
        # Which answer counts beside it would tell the tier.
        (
            f"{HARD[0]} and {HARD[2]} or {HARD[1]} and {HARD[3]}",
            {"s.uses": answered("with"), "s.hours": answered(Decimal(72))},
            "Required because GDPR binds your client and your client's own classification says so.",
        ),
        (
            f"{HARD[0]} and {HARD[2]} or {HARD[1]} and {HARD[3]}",
            {},
            "Not determined yet. It depends on your client's own classification, the answer to “Do others help you?” "
            "and the answer to “How soon do you tell?”.",
        ),
    ],
)
def test_what_a_vendor_reads_is_the_same_for_every_tier(
    rule: str, answers: dict[str, Answer], vendor: str
) -> None:
    for tier in ("critical", "high"):
        found = decide(rule, BOUND | {"engagement.tier": tier}, submission(answers))
        assert found.reason_vendor == vendor


def test_two_internal_facts_are_one_classification() -> None:
    rule = 'engagement.process == "critical" or engagement.tier == "high"'
    found = decide(rule, BOUND)
    assert found.would_settle == ("engagement.process", "engagement.tier")
    assert found.reason_vendor == "Not determined yet. It depends on your client's own classification."
    assert found.reason.count(" and ") == 1


def test_a_question_whose_gate_is_open_waits_for_the_gate() -> None:
    found = decide('s.notice == "o2"', BOUND, submission({"s.notice": answered("o2")}))
    assert (found.outcome, found.would_settle) == ("undetermined", ("s.uses",))
    assert found.reason == "Not determined yet. It depends on the answer to “Do others help you?”."


def test_a_chain_of_open_gates_waits_for_the_first() -> None:
    definition = made(
        gate("s.a"),
        gate("s.b", visible='s.a == "o0"'),
        choice("s.c", visible='s.b == "o0" and answered(s.a)'),
    )
    found = decide(
        's.c == "o0"', BOUND, submission({"s.b": answered("o0"), "s.c": answered("o0")}, definition)
    )
    assert found.would_settle == ("s.a",)
    found = decide('s.c == "o0"', BOUND, submission({"s.a": answered("o0")}, definition))
    assert found.would_settle == ("s.b",)


@pytest.mark.parametrize(
    ("rule", "answers", "outcome"),
    [
        ("points(s.notice) < 50", {"s.notice": answered("o1")}, "required"),
        ("points(s.notice) < 50", {"s.notice": answered("o0")}, "not_required"),
        ("points(s.notice) < 50", {"s.notice": answered("o0", "challenged")}, "undetermined"),
        ("points(s.notice) < 50", {}, "undetermined"),
        ("points(s.notice) < 50", {"s.uses": answered("no")}, "not_required"),
        ("points(s.nowhere) < 50", {}, "undetermined"),
    ],
)
def test_rules_over_points(rule: str, answers: dict[str, Answer], outcome: str) -> None:
    assert decide(rule, BOUND, submission({"s.uses": answered("with"), **answers})).outcome == outcome


def test_points_in_words() -> None:
    answers = {"s.uses": answered("with"), "s.notice": answered("o1")}
    assert decide("points(s.notice) < 50", BOUND, submission(answers)).reason.endswith(
        "earns fewer than 50 points."
    )
    answers["s.notice"] = answered("o0")
    assert decide("points(s.notice) < 50", BOUND, submission(answers)).reason.endswith("earns 100.0 points.")


# -- several submissions --------------------------------------------------------------------------------------

OLD, NEW = date(2026, 1, 1), date(2026, 6, 1)
HIDING = made(
    gate("s.gate"),
    Question(
        "s.uses", "Do others help you?", "choice", options=USES.options, visible_when=parse('s.gate == "o0"')
    ),
)


def uses(value: str | None, day: date) -> Answered:
    """A submission of a questionnaire that shows the question to all."""
    return submission({} if value is None else {"s.uses": answered(value)}, made(USES), day)


def hidden(day: date) -> Answered:
    """A submission of one that hides the question."""
    return submission({"s.gate": answered("o1"), "s.uses": answered("with")}, HIDING, day)


@pytest.mark.parametrize(
    ("files", "outcome"),
    [
        ([], "undetermined"),
        ([uses("with", OLD), uses("no", NEW)], "not_required"),
        ([uses("with", NEW), uses("no", OLD)], "required"),
        ([uses("with", OLD), uses(None, NEW)], "undetermined"),
        ([uses("with", NEW), uses("with", NEW)], "required"),
        ([uses("with", NEW), uses("no", NEW)], "undetermined"),
        ([uses("no", OLD), hidden(NEW)], "not_required"),
        ([uses("with", OLD), hidden(NEW)], "required"),
        ([hidden(OLD), uses("with", NEW)], "required"),
        ([hidden(OLD), hidden(NEW)], "not_required"),
        ([submission({}, HIDING, OLD), uses("with", NEW)], "required"),
    ],
)
def test_the_newest_submission_that_shows_a_question_counts(files: list[Answered], outcome: str) -> None:
    assert decide(RULE, BOUND, *files).outcome == outcome


def test_two_points_of_one_day_leave_it_open() -> None:
    files = [
        submission({"s.uses": answered("with"), "s.notice": answered(value)}, day=NEW)
        for value in ("o0", "o2")
    ]
    assert decide("points(s.notice) < 50", BOUND, *files).outcome == "undetermined"


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize(
    ("rule", "answers"),
    [
        (RULE, (answered("with"), Answer("not_applicable", note="n", review=Review("na_accepted")))),
        (RULE, (answered("with"), None)),
        (
            "points(s.notice) < 50",
            ({"s.notice": answered("o0")}, {"s.notice": answered("o0", "graded", 10)}),
        ),
    ],
)
def test_answers_of_one_day_that_differ_leave_it_open_in_any_order(
    rule: str, answers: tuple[Any, Any], turn: int
) -> None:
    files = [
        submission({"s.uses": answered("with")} | one)
        if isinstance(one, dict)
        else submission({} if one is None else {"s.uses": one})
        for one in answers
    ]
    assert decide(rule, BOUND, *files[::turn]).outcome == "undetermined"


def test_a_gate_that_rules_cannot_read_in_one_version_is_read_in_another() -> None:
    own = made(
        Question("s.hours", "How soon?", "choice", options=options(None, None)),
        choice("s.more", visible='s.hours == "o0"'),
    )
    files = [submission({}, own, OLD), submission({"s.hours": answered(Decimal(72))}, day=NEW)]
    assert decide("s.hours > 48", BOUND, *files).outcome == "required"


def test_shown_reaches_requirements_too() -> None:
    file = Answered(HIDING, {"s.gate": answered("o1"), "s.uses": answered("with")}, TODAY, ("s.uses",))
    assert decide(RULE, BOUND, file).outcome == "required"


def test_a_question_that_an_organisation_made_another_type_of_is_not_read() -> None:
    other = made(
        Question("s.hours", "How soon?", "choice", options=options(None)),
        Question("s.notice", "Why?", "text"),
    )
    file = submission({"s.hours": answered("o0"), "s.notice": answered("words")}, other)
    assert decide("s.hours > 48", BOUND, file).outcome == "undetermined"
    assert decide("points(s.notice) < 50", BOUND, file).outcome == "undetermined"


def test_dates_are_as_of_the_newest_submission() -> None:
    definition = made(Question("s.test", "Last test?", "date"))
    answers = {"s.test": answered(date(2025, 6, 1))}
    rule = "not within(s.test, 12)"
    assert decide(rule, BOUND, submission(answers, definition, NEW)).outcome == "not_required"
    later = Answered(made(gate("t.q")), {}, date(2026, 6, 2))
    assert decide(rule, BOUND, submission(answers, definition, NEW), later).outcome == "required"


def test_an_outcome_as_json() -> None:
    found = decide(RULE, BOUND, submission({"s.uses": answered("no")}))
    assert found.to_json() == {
        "key": "gdpr.one",
        "revision": 1,
        "severity": "must",
        "outcome": "not_required",
        "reason": "Not required because the answer to “Do others help you?” is “No”.",
        "reason_vendor": "Not required because the answer to “Do others help you?” is “No”.",
        "decided_by": ["s.uses"],
        "would_settle": [],
    }


# -- the catalogue --------------------------------------------------------------------------------------------

TOML = '''
[[requirement]]
key = "gdpr.one"
topic = "data"
title = "Title"
severity = "must"
citations = ["GDPR Art. 28"]
duty = "Duty."
clause = """
{vendor} does what {organisation} says within {value} days."""
applies_when = '"gdpr" in organisation.regimes'
required_when = 's.uses == "with"'
'''


def catalogue(folder: Path, **files: str) -> Catalogue:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return load(folder)


def test_a_catalogue_is_read_in_the_order_of_its_files(tmp_path: Path) -> None:
    found = catalogue(tmp_path, b=TOML, a=TOML.replace("gdpr.one", "gdpr.two"))
    assert [one.key for one in found.requirements] == ["gdpr.two", "gdpr.one"]
    one = found.get("gdpr.one")
    assert one is not None
    assert one.clause == "{vendor} does what {organisation} says within {value} days."
    assert (one.revision, one.severity, one.citations) == (1, "must", ("GDPR Art. 28",))
    assert found.get("gdpr.three") is None
    assert check_catalogue(found, [DEFINITION]) == []


def test_the_hash_follows_the_content(tmp_path: Path) -> None:
    before = catalogue(tmp_path, a=TOML).content_hash
    assert catalogue(tmp_path, a="# a comment\n" + TOML).content_hash == before
    assert catalogue(tmp_path, a=TOML.replace("Duty.", "Other.")).content_hash != before


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('severity = "must"', 'severity = "may"', "gdpr.one: severity: must be one of must, should"),
        ('severity = "must"', "", "gdpr.one: severity: is missing"),
        ('"gdpr.one"', '"Gdpr"', "key: must be"),
        ('key = "gdpr.one"', "", "key: is missing"),
        ('citations = ["GDPR Art. 28"]', "citations = []", "gdpr.one: citations: name at least one"),
        ('duty = "Duty."', 'duty = ""', "gdpr.one: duty: is empty"),
        ("{value}", "{price}", "gdpr.one: clause: {price} is none of the placeholders"),
        ("{value}", "{value", "gdpr.one: clause: { is none of the placeholders"),
        ("required_when = 's.uses == \"with\"'", "", "gdpr.one: required_when: is missing"),
        ("s.uses ==", "s.uses =", "gdpr.one: required_when: a single = compares nothing"),
        ("'\"gdpr\" in organisation.regimes'", "'s.uses == \"x\"'", "applies_when: s.uses: there is no such"),
        ('"gdpr" in', '"dora" in', "applies_when: organisation.regimes: 'dora' is not among"),
        ('s.uses == "with"', 'engagement.tier == "x"', "required_when: engagement.tier: 'x' is not among"),
        ("topic =", "subject =", "gdpr.one: subject: no such field"),
        ("[[requirement]]", "[[requirements]]", "requirements: no such field"),
        ("[[requirement]]", "requirement = 5\n[other]", "requirement: must be a list"),
        ("[[requirement]]", "[[requirement", "is not valid TOML"),
    ],
)
def test_faults_of_a_catalogue(tmp_path: Path, old: str, new: str, part: str) -> None:
    assert old in TOML
    with pytest.raises(DefinitionError) as caught:
        catalogue(tmp_path, a=TOML.replace(old, new))
    assert any(part in str(fault) for fault in caught.value.faults), str(caught.value)


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue(
            tmp_path, a=TOML.replace("must", "may"), b=TOML.replace("Duty.", ""), c="x = ", d=TOML, e=TOML
        )
    assert {fault.file for fault in caught.value.faults} >= {"a.toml", "b.toml", "c.toml", "requirements"}
    assert "this key stands twice" in str(caught.value)


def test_an_empty_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no requirements here"):
        load(tmp_path)


def test_rules_fit_the_questions_of_every_version() -> None:
    rules = Catalogue(
        (
            requirement('s.uses == "gone"'),
            requirement('s.nowhere == "x"'),
            requirement("points(s.where) < 50"),
        )
    )
    assert [fault.message.split(": ", 1)[1] for fault in check_catalogue(rules, [DEFINITION])] == [
        "s.uses: 'gone' is not among its values: no, with, without",
        "s.nowhere: there is no such question or fact",
        "points(s.where): this cannot earn any points",
    ]


def test_an_option_may_be_in_one_version_only_but_a_type_may_not_change() -> None:
    older = made(Question("s.uses", "Do others help?", "choice", options=(Option("gone", "Gone"),)))
    assert check_catalogue(Catalogue((requirement('s.uses == "gone"'),)), [older, DEFINITION]) == []
    other = made(Question("s.uses", "Do others help?", "text"))
    faults = check_catalogue(Catalogue((requirement(RULE),)), [DEFINITION, other])
    assert [fault.key for fault in faults] == ["s.uses", "gdpr.one"]


def test_rules_never_read_an_intake() -> None:
    intake = made(gate("intake.process"))
    object.__setattr__(intake, "purpose", "intake")
    faults = check_catalogue(Catalogue((requirement('intake.process == "o0"'),)), [intake])
    assert "there is no such question" in faults[0].message


def test_the_shipped_catalogue_is_sound() -> None:
    shipped = load()
    assert shipped is load()
    assert len(shipped.content_hash) == 64
    assert check_catalogue(shipped, [catalog.get(label) for label in catalog.shipped()]) == []


def test_no_shipped_reason_tells_a_vendor_an_internal_fact() -> None:
    """Whatever procurement answered, only the outcome may differ."""
    secrets = {
        "engagement.tier": "critical",
        "engagement.process": "critical",
        "engagement.outage": "hours",
        "engagement.replace": "year",
        "engagement.harm": "direct",
        "engagement.spend": Decimal(1234567),
    }
    assert secrets.keys() == INTERNAL_FACTS
    regimes = frozenset(
        {"gdpr", "eu_financial", "nis2", "us_health", "soc2", "iso27001", "us_federal", "pci"}
    )
    for outcome in evaluate(load(), [], secrets | {"organisation.regimes": regimes}):
        named = INTERNAL_FACTS & {*outcome.decided_by, *outcome.would_settle}
        assert ("your client's own classification" in outcome.reason_vendor) == bool(named)
        assert "process that rests" not in outcome.reason_vendor
        assert "tier of" not in outcome.reason_vendor


def test_a_question_that_nothing_hides_any_more_waits_for_nobody() -> None:
    """``w`` hangs on ``g`` in the older submission, and is plainly asked in the newer one, which no rule reads."""
    wanted = Wanted([parse("r == 'o0'")])
    hidden = replace(choice("w"), visible_when=parse("g == 'o0'"))
    older = made(choice("g"), hidden, replace(choice("r"), visible_when=parse("w == 'o0'")))
    before = Answered(older, {}, TODAY - timedelta(days=1))
    assert Evidence([before], {}, wanted).open_names(["r"]) == ("g",)
    after = Answered(made(choice("w"), choice("z")), {}, TODAY)
    assert Evidence([before, after], {}, wanted).open_names(["r"]) == ("w",)
    assert wanted.view(after.definition).rest == {"w", "z"}


def test_what_rules_see_of_a_definition_is_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements_evidence, "REMEMBERED", 2)
    wanted = Wanted([parse("a == 'o0'")])
    definitions = [replace(made(choice("a"), choice(f"x{at}")), version=f"{at}.0.0") for at in range(1, 5)]
    for definition in definitions:
        first = wanted.view(definition)
        assert wanted.view(definition) is first
        assert [(item.key, name, reads) for item, name, reads in first.rows] == [("a", "a", True)]
        assert len(wanted._views) <= 2
    assert wanted.view(definitions[0]).names == {"a": "a", "x1": "x1"}
