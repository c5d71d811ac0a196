"""Contract requirements: the catalogue, and what answers and facts call for, in three values with reasons."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from questionnaires.conditions import FACTS, Condition, NameType, check_types
from questionnaires.conditions_evaluation import Truth, compiled
from questionnaires.conditions_syntax import Both, Node, Test
from questionnaires.faults import DefinitionError, Fault
from questionnaires.fields import Faults, Fields, Place
from questionnaires.patterns import KEY
from questionnaires.requirements_evidence import Answered, Evidence, Wanted
from questionnaires.requirements_renamed import Renamed, heirs, read_renamed, renamed_faults
from questionnaires.requirements_words import reason
from questionnaires.sources import MAX_FILE, SourceError, read_bytes, toml_table

if TYPE_CHECKING:
    from questionnaires.definition import Questionnaire

__all__ = [
    "Answered",
    "Catalogue",
    "Outcome",
    "Requirement",
    "Shift",
    "check_catalogue",
    "evaluate",
    "load",
    "shifts",
]

Severity = Literal["must", "should"]
Decision = Literal["required", "not_required", "undetermined"]

SHIPPED = Path(__file__).resolve().parent / "requirements"
MAX_REQUIREMENTS = 1000
MAX_CITATIONS = 20

_PLACEHOLDER = re.compile(r"\{[^{}]*\}|[{}]")
_PLACEHOLDERS = ("{organisation}", "{vendor}", "{value}")
_CITATION = "citations in quotes, a law or standard with its article"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One control that a contract may have to hold. ``clause`` is model text with the three placeholders.

    ``renamed``: questions of the rule that replaced others; an answer to the old one counts under the new name.
    """

    key: str
    revision: int
    topic: str
    title: str
    severity: Severity
    citations: tuple[str, ...]
    duty: str
    clause: str
    applies_when: Condition
    required_when: Condition
    renamed: Renamed = ()

    @property
    def rule(self) -> Node:
        """``applies_when and required_when``, once where both are the same."""
        if self.applies_when.root == self.required_when.root:
            return self.applies_when.root
        return Both(True, (self.applies_when.root, self.required_when.root))

    def to_json(self) -> dict[str, Any]:
        renamed = {name: list(claims) for name, claims in self.renamed}
        return {
            "key": self.key,
            "revision": self.revision,
            "topic": self.topic,
            "title": self.title,
            "severity": self.severity,
            "citations": list(self.citations),
            "duty": self.duty,
            "clause": self.clause,
            "applies_when": self.applies_when.source,
            "required_when": self.required_when.source,
            **({"renamed": renamed} if renamed else {}),
        }


@dataclass(frozen=True)
class Catalogue:
    """All requirements, in the order of their files."""

    requirements: tuple[Requirement, ...]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 (hex) of the canonical form."""
        from questionnaires.canonical import canonical_json

        return sha256(canonical_json([one.to_json() for one in self.requirements])).hexdigest()

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(
            condition for one in self.requirements for condition in (one.applies_when, one.required_when)
        )

    @cached_property
    def wanted(self) -> Wanted:
        """What the rules ask of answers."""
        return Wanted(self.conditions, heirs(one.renamed for one in self.requirements))

    @cached_property
    def rules(self) -> tuple[tuple[Requirement, Truth, frozenset[str]], ...]:
        """Each requirement with its rule, ready to be decided, and the names that the rule reads."""
        return tuple((one, compiled(one.rule), Condition("", one.rule).names) for one in self.requirements)

    def get(self, key: str) -> Requirement | None:
        """The requirement with this key, or None."""
        return next((one for one in self.requirements if one.key == key), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one requirement, and why, in words for each side.

    ``decided_by`` names the answers and facts that the outcome rests on; ``would_settle`` those that an
    undetermined one waits for. Whoever decides anything treats an undetermined ``must`` as required.
    """

    requirement: Requirement
    outcome: Decision
    reason: str
    reason_vendor: str
    decided_by: tuple[str, ...]
    would_settle: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For the organisation; the vendor is shown ``reason_vendor`` and nothing of the rest."""
        return {
            "key": self.requirement.key,
            "revision": self.requirement.revision,
            "severity": self.requirement.severity,
            "outcome": self.outcome,
            "reason": self.reason,
            "reason_vendor": self.reason_vendor,
            "decided_by": list(self.decided_by),
            "would_settle": list(self.would_settle),
        }


class Shift(NamedTuple):
    """What comes out otherwise than before; None: there was, or is, nothing of the kind."""

    key: str
    before: str | None
    after: str | None

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "before": self.before, "after": self.after}


def evaluate(
    catalogue: Catalogue, answered: Sequence[Answered], facts: Mapping[str, Any]
) -> tuple[Outcome, ...]:
    """The outcome of every requirement over all current submissions of an engagement together.

    ``facts`` are typed as by ``parse_facts``. Where several submissions ask a question the newest that shows it
    counts; a question that nobody asked is unknown. Conditions on dates are as of the newest submission.
    """
    evidence = Evidence(answered, facts, catalogue.wanted)
    return tuple(_outcome(one, evidence) for one in catalogue.requirements)


def shifts(
    catalogue: Catalogue, before: Sequence[Answered], after: Sequence[Answered], facts: Mapping[str, Any]
) -> tuple[Shift, ...]:
    """The requirements that ``evaluate`` would find otherwise over ``after`` than over ``before``.

    A ``must`` that stays open also stands here where what would settle it is something else.
    """
    was, will = (Evidence(some, facts, catalogue.wanted) for some in (before, after))
    found = []
    for one, truth, names in catalogue.rules:
        first, then = truth(was.reading), truth(will.reading)
        open_must = first is None and then is None and one.severity == "must"
        if first is not then or (open_must and not was.alike(will, names) and _waits_anew(one, was, will)):
            found.append(Shift(one.key, _decision(first), _decision(then)))
    return tuple(found)


def _waits_anew(requirement: Requirement, was: Evidence, will: Evidence) -> bool:
    """Whether an open one waits for something else than it did."""
    first, then = (
        set(one.asked(one.open_names(_names(one.decide(requirement.rule)[1])))) for one in (was, will)
    )
    return first != then


def _names(tests: Iterable[Test]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(test.key for test in tests))


def _decision(found: bool | None) -> Decision:
    return "undetermined" if found is None else "required" if found else "not_required"


def _outcome(requirement: Requirement, evidence: Evidence) -> Outcome:
    rule = requirement.rule
    found, tests = evidence.decide(rule)
    names = _names(tests)
    settle = evidence.open_names(names) if found is None else ()
    words = reason(found, tests, settle, evidence, "organisation")
    # The vendor's words follow from the outcome and from what the vendor may know, and from nothing else.
    tests = evidence.decide_outside(rule, found)
    waiting = evidence.open_names(dict.fromkeys(test.key for test in tests)) if found is None else ()
    vendor_words = reason(found, tests, waiting, evidence, "vendor")
    return Outcome(
        requirement,
        _decision(found),
        words,
        vendor_words,
        () if found is None else evidence.asked(names),
        evidence.asked(settle),
    )


def load(folder: Path | None = None) -> Catalogue:
    """The catalogue in a folder of TOML files, the shipped one by default.

    Raises DefinitionError with all faults of form, and of types where a condition names facts alone; that rules
    fit the questions of the shipped questionnaires is for ``check_catalogue``.
    """
    return _shipped() if folder is None else _read(folder)


@cache
def _shipped() -> Catalogue:
    return _read(SHIPPED)


def _read(folder: Path) -> Catalogue:
    faults = Faults()
    found: list[Requirement] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            raw = toml_table(read_bytes(path), MAX_FILE)
        except SourceError as error:
            faults.found.append(Fault(path.name, error.place, error.message))
            continue
        top = Fields(raw, Place(path.name, "file"), faults)
        for table in top.tables("requirement", MAX_REQUIREMENTS, "requirement"):
            requirement = _requirement(table)
            if requirement is not None:
                found.append(requirement)
                faults.found += _fact_faults(path.name, requirement)
        top.done()
    if not found and not faults.found:
        faults.found.append(Fault(str(folder), "file", "there are no requirements here"))
    faults.found += _doubles(found)
    if faults.found:
        raise DefinitionError(faults.found)
    return Catalogue(tuple(found))


def _requirement(table: Fields) -> Requirement | None:
    """One table, or None if it has faults, which are collected."""
    before = len(table.faults.found)
    key = table.matching("key", KEY, "a key of lower-case segments joined by dots")
    if key is not None:
        table.place = Place(table.place.file, key)
    revision = table.number("revision", 1, 1, 999_999)
    topic, title = table.text("topic"), table.text("title")
    severities: tuple[Severity, ...] = ("must", "should")
    severity = table.one_of("severity", severities)
    citations = table.texts("citations", MAX_CITATIONS, None, _CITATION)
    duty = table.text("duty", most=1000)
    clause = table.text("clause", most=8000, lines=True).strip()
    applies, required = (table.condition(name, must=True) for name in ("applies_when", "required_when"))
    renamed = read_renamed(table)
    table.done()
    if not citations:
        table.fault("citations", "name at least one law or standard")
    for placeholder in _PLACEHOLDER.findall(clause):
        if placeholder not in _PLACEHOLDERS:
            table.fault("clause", f"{placeholder} is none of the placeholders {', '.join(_PLACEHOLDERS)}")
    if len(table.faults.found) > before or key is None or severity is None or not applies or not required:
        return None
    rules = (applies, required, renamed)
    return Requirement(key, revision, topic, title, severity, citations, duty, clause, *rules)


def _doubles(found: Iterable[Requirement]) -> Iterator[Fault]:
    seen: set[str] = set()
    for one in found:
        if one.key in seen:
            yield Fault("requirements", one.key, "this key stands twice")
        seen.add(one.key)


def _fact_faults(file: str, one: Requirement) -> Iterator[Fault]:
    for fault in check_types(one.applies_when, FACTS, points=False):
        yield Fault(file, one.key, f"applies_when: {fault}")
    if one.required_when.names <= FACTS.keys():
        for fault in check_types(one.required_when, FACTS, points=True):
            yield Fault(file, one.key, f"required_when: {fault}")


def check_catalogue(catalogue: Catalogue, definitions: Iterable[Questionnaire]) -> list[Fault]:
    """Faults of types over the questions of ``definitions`` (all shipped versions) and the facts, all at once.

    A rule may name an option that only some versions offer, but never a question that none has, nor one of an
    intake: what procurement answered reaches rules as facts. It uses the newest name of a question.
    """
    names = dict(FACTS)
    definitions = tuple(definitions)
    faults: list[Fault] = list(renamed_faults(catalogue.requirements, definitions))
    for definition in definitions:
        if definition.purpose == "intake":
            continue
        for key, question in definition.questions.items():
            values = frozenset(one.value for one in question.options)
            before = names.get(key, NameType(question.type, values))
            if before.kind != question.type:
                message = f"is a {question.type} in {definition.label} and a {before.kind} elsewhere"
                faults.append(Fault("requirements", key, message))
            names[key] = NameType(
                question.type, (before.values or frozenset()) | values, question.can_earn or before.can_earn
            )
    faults.extend(
        Fault("requirements", one.key, f"required_when: {fault}")
        for one in catalogue.requirements
        for fault in check_types(one.required_when, names, points=True)
    )
    return faults
