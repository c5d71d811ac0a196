"""Made-up definitions and answers for the tests of evaluation: short builders, and random ones without limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st

from questionnaires.answers import Answer, EvidenceItem, Review
from questionnaires.conditions import Condition, parse
from questionnaires.dates import add_months
from questionnaires.definition import (
    Band,
    Cap,
    Column,
    EvidenceRule,
    Option,
    PointsRule,
    Question,
    Questionnaire,
    Section,
)

TODAY = date(2026, 11, 21)
BANDS = (
    Band("strong", "Strong", 85, 4),
    Band("sound", "Sound", 70, 3),
    Band("partial", "Partial", 50, 2),
    Band("weak", "Weak", 0, 1),
)
# Any answers, marks, facts, gates: nothing is kept out for the laws' sake.
RANDOM = st.integers(0, 2**64 - 1).map(Random)


def when(source: str | None) -> Condition | None:
    return None if source is None else parse(source)


def options(*points: int | None, exclusive: int | None = None) -> tuple[Option, ...]:
    """Options o0, o1, ... with these points; ``exclusive`` adds ``none`` with so many."""
    found = [Option(f"o{at}", f"Option {at}", one) for at, one in enumerate(points)]
    if exclusive is not None:
        found.append(Option("none", "None", exclusive, exclusive=True))
    return tuple(found)


def choice(key: str, *points: int | None, visible: str | None = None, **fields: Any) -> Question:
    """A choice with 100 and 0 points unless told, of weight 10."""
    fields.setdefault("weight", 10)
    return Question(
        key,
        f"Question {key}?",
        "choice",
        options=options(*(points or (100, 0))),
        visible_when=when(visible),
        **fields,
    )


def gate(key: str, **fields: Any) -> Question:
    return choice(key, None, None, weight=0, **fields)


def made(*sections: Section | Question, caps: tuple[Cap, ...] = (), **fields: Any) -> Questionnaire:
    """A questionnaire of these sections; questions alone go into one section ``s``."""
    questions = tuple(one for one in sections if isinstance(one, Question))
    parts = tuple(one for one in sections if isinstance(one, Section))
    if questions:
        parts = (*parts, Section("s", "Section", questions))
    fields = {"bands": BANDS, "knockout_band": "partial", "weighting": "sections", **fields}
    return Questionnaire(
        "made", "1.0.0", "Made up", "assessment", "en", "CC0-1.0", "", parts, caps=caps, **fields
    )


def answered(value: Any, mark: str | None = None, points: int | None = None, **fields: Any) -> Answer:
    review = None if mark is None else Review(mark, points, "because")  # type: ignore[arg-type]
    return Answer("answered", value, review=review, **fields)


def document(
    mark: str | None = None, issued: date | None = TODAY, expires: date | None = None
) -> EvidenceItem:
    return EvidenceItem("report", issued, expires, mark)  # type: ignore[arg-type]


FACTS = {
    "engagement.tier": ("critical", "high", "medium", "low", "unknown"),
    "engagement.data": (frozenset({"personal"}), frozenset({"card", "special"}), frozenset({"unknown"})),
    "organisation.regimes": (frozenset(), frozenset({"gdpr", "nis2"})),
    "engagement.spend": (Decimal("0"), Decimal("1000"), Decimal("1000.5"), "unknown"),
    "vendor.country": ("DE", "US"),
    "engagement.service": ("Hosting",),
}
# Days of assessment whose months have different lengths.
ENDS = (date(2024, 2, 29), date(2026, 2, 28), date(2026, 3, 31), date(2026, 11, 30))


def random_day(rnd: Random, today: date) -> date:
    """Around a whole number of months from ``today``, where calendar arithmetic goes wrong, or anywhere."""
    if rnd.random() < 0.2:
        return today + timedelta(days=rnd.randint(-900, 900))
    return add_months(today, rnd.choice((-24, -18, -12, -3, 0, 0, 3, 12))) + timedelta(
        days=rnd.randint(-2, 2)
    )


def random_definition(rnd: Random, prefix: str = "s") -> Questionnaire:
    """Gates scored and not, caps, knock-outs, evidence, every type and both weightings, order shuffled."""
    sections: list[Section] = []
    known: list[Question] = []
    for number in range(rnd.randint(1, 3)):
        shown = random_condition(rnd, known) if known and rnd.random() < 0.3 else None
        questions: list[Question] = []
        for at in range(rnd.randint(1, 4)):
            questions.append(_question(rnd, f"{prefix}{number}.q{at}", [*known, *questions]))
        known += questions
        weight = rnd.choice((0, 1, 5, 10, 33))
        sections.append(Section(f"s{number}", "Section", tuple(questions), weight=weight, visible_when=shown))
    sections = [_with_evidence(rnd, section, known) for section in sections]
    caps = tuple(
        Cap(random_condition(rnd, known, points=True), rnd.choice(("sound", "partial", "weak")), f"cap {at}")
        for at in range(rnd.randint(0, 2))
    )
    found = made(
        *sections,
        caps=caps,
        weighting=rnd.choice(("sections", "flat")),
        knockout_band=rnd.choice(("sound", "partial", "weak")),
    )
    return shuffled(rnd, found) if rnd.random() < 0.5 else found


def shuffled(rnd: Random, definition: Questionnaire) -> Questionnaire:
    """The same with sections, and the questions in them, in another order."""
    sections = [
        Section(
            one.key,
            one.title,
            tuple(rnd.sample(one.questions, len(one.questions))),
            weight=one.weight,
            visible_when=one.visible_when,
        )
        for one in definition.sections
    ]
    return made(
        *rnd.sample(sections, len(sections)),
        caps=definition.caps,
        weighting=definition.weighting,
        knockout_band=definition.knockout_band,
    )


def _question(rnd: Random, key: str, known: list[Question]) -> Question:
    kind = rnd.choice(("choice", "choice", "choice", "choices", "number", "date", "text", "table"))
    weight = rnd.choice((0, 1, 7, 10, 20))
    fields: dict[str, Any] = {"weight": weight, "allow_na": True}
    if kind in ("choice", "choices"):
        scored = rnd.random() < 0.85
        fields["options"] = options(
            *(rnd.choice((0, 10, 33, 50, 75, 100)) if scored else None for _ in range(rnd.randint(2, 4)))
        )
        if kind == "choices":
            fields["combine"] = rnd.choice(("sum", "worst", "all")) if scored else None
            none = Option("none", "None", rnd.choice((0, 50, 100)) if scored else None, exclusive=True)
            if fields["combine"] == "all":
                fields["options"] = tuple(Option(one.value, one.label) for one in fields["options"])
            fields["options"] += (none,) if rnd.random() < 0.5 else ()
        if not scored:
            fields["weight"] = 0
    elif kind == "number":
        rules = (PointsRule(parse("value <= 24"), 100), PointsRule(parse("value <= 72.3"), 60))
        fields |= {"decimals": 1, "points_when": rules if weight else ()}
    elif kind == "date":
        rules = (PointsRule(parse("within(value, 12)"), 100), PointsRule(parse("age_months(value) < 24"), 40))
        fields |= {"points_when": rules if weight else ()}
    elif kind == "table":
        fields |= {"weight": 0, "columns": (Column("name", "Name", "text"),)}
    earns = kind != "table" and (fields["weight"] > 0 or kind == "text")
    if earns and rnd.random() < 0.3:
        fields |= {"critical": True, "minimum": rnd.choice((1, 50, 100))}
    if known and rnd.random() < 0.4:
        fields["visible_when"] = random_condition(rnd, known)
    if rnd.random() < 0.1:
        fields["required"] = False
    elif known and rnd.random() < 0.15:
        fields["required_when"] = random_condition(rnd, known)
    return Question(key, f"Question {key}?", kind, **fields)  # type: ignore[arg-type]


def _with_evidence(rnd: Random, section: Section, known: list[Question]) -> Section:
    """Evidence may hang on any question, before or after: nothing depends on it in turn."""
    questions = []
    for one in section.questions:
        fields = {name: getattr(one, name) for name in one.__dataclass_fields__}
        if rnd.random() < 0.3:
            fields["evidence"] = EvidenceRule(
                "report",
                required=rnd.random() < 0.5,
                required_when=random_condition(rnd, known) if rnd.random() < 0.5 else None,
                valid_months=rnd.choice((None, 3, 12)),
            )
        questions.append(Question(**fields))
    return Section(
        section.key, section.title, tuple(questions), weight=section.weight, visible_when=section.visible_when
    )


def random_condition(rnd: Random, known: list[Question], points: bool = False) -> Condition:
    """Of facts, and of these questions."""
    return parse(_clause(rnd, known, points, 2))


def _clause(rnd: Random, known: list[Question], points: bool, depth: int) -> str:
    if depth and rnd.random() < 0.4:
        parts = [_clause(rnd, known, points, depth - 1) for _ in range(2)]
        return f"({rnd.choice((' and ', ' or ')).join(parts)})"
    if depth and rnd.random() < 0.2:
        return f"not ({_clause(rnd, known, points, depth - 1)})"
    if not known or rnd.random() < 0.1:
        return rnd.choice(
            (
                'engagement.tier == "high"',
                '"personal" in engagement.data',
                '"gdpr" not in organisation.regimes',
                'engagement.tier not in ("low", "medium")',
                "engagement.spend >= 1000",
                "engagement.spend != 1000",
                'vendor.country != "US"',
                "answered(engagement.service)",
            )
        )
    one = rnd.choice(known)
    earning = [question for question in known if question.can_earn]
    if points and earning and rnd.random() < 0.5:
        return f"points({rnd.choice(earning).key}) {rnd.choice(('<', '<=', '==', '!=', '>', '>='))} 50"
    key = one.key
    tests = {
        "choice": (f'{key} == "o0"', f'{key} != "o1"', f'{key} in ("o0", "o1")', f'{key} not in ("o1",)'),
        "choices": (f'"o0" in {key}', f'"o1" not in {key}'),
        "number": (f"{key} > 40", f"{key} <= 24.1", f"{key} != 7"),
        "date": (
            f"within({key}, 12)",
            f"age_months({key}) > 18",
            f"months_until({key}) < 3",
            f'{key} < "2026-01-01"',
        ),
    }
    return rnd.choice((*tests.get(one.type, ()), f"answered({key})"))


def random_facts(rnd: Random) -> dict[str, Any]:
    return {name: rnd.choice(values) for name, values in FACTS.items() if rnd.random() < 0.7}


def random_shown(rnd: Random, definition: Questionnaire) -> tuple[str, ...]:
    return tuple(key for key in definition.questions if rnd.random() < 0.05)


def random_value(rnd: Random, question: Question, today: date = TODAY) -> Any:
    match question.type:
        case "choice":
            return rnd.choice(question.options).value
        case "choices":
            plain = [one.value for one in question.options if not one.exclusive]
            if len(plain) < len(question.options) and rnd.random() < 0.3:
                return ("none",)
            return tuple(one for one in plain if rnd.random() < 0.5) or (plain[0],)
        case "number":
            return Decimal(rnd.choice(("0", "7", "24", "24.1", "72.3", "72.4", "500")))
        case "date":
            return random_day(rnd, today)
        case "text":
            return "words"
        case _:
            return ({"name": "row"},)


def plain_answers(rnd: Random, definition: Questionnaire) -> dict[str, Answer]:
    """Every question answered, with no marks and no documents."""
    return {key: Answer("answered", random_value(rnd, one)) for key, one in definition.questions.items()}


def random_answers(rnd: Random, definition: Questionnaire, today: date = TODAY) -> dict[str, Answer]:
    return {
        key: random_answer(rnd, question, today)
        for key, question in definition.questions.items()
        if rnd.random() < 0.85
    }


def random_answer(rnd: Random, question: Question, today: date = TODAY) -> Answer:
    state = rnd.choice(("answered",) * 6 + ("not_applicable", "suggested", "unanswered"))
    value = random_value(rnd, question, today) if state in ("answered", "suggested") else None
    marks: Mapping[str, tuple[str, ...]] = {
        "answered": ("accepted", "challenged", "graded", "disproved"),
        "not_applicable": ("na_accepted", "na_accepted", "graded", "disproved"),
    }
    mark = rnd.choice(marks.get(state, ("graded", "disproved"))) if rnd.random() < 0.35 else None
    if mark == "accepted" and question.type == "text" and question.can_earn:
        mark = "graded"
    points = rnd.choice((0, 25, 100)) if mark in ("graded", "disproved") else None
    evidence = tuple(_random_document(rnd, today) for _ in range(rnd.choice((0, 0, 1, 2))))
    review = None if mark is None else Review(mark, points, "because")  # type: ignore[arg-type]
    return Answer(state, value, rnd.choice(("note", "note", " ")), evidence, review)  # type: ignore[arg-type]


def _random_document(rnd: Random, today: date) -> EvidenceItem:
    return EvidenceItem(
        rnd.choice(("report", "report", "policy")),
        None if rnd.random() < 0.25 else random_day(rnd, today),
        None if rnd.random() < 0.5 else random_day(rnd, today),
        rnd.choice((None, "accepted", "refused")),
    )
