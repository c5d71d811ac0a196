"""Forms of the gate. What a decision needs is said by the service, so that every door says the same."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from werkzeug.datastructures import MultiDict
from wtforms import HiddenField, RadioField, TextAreaField
from wtforms.validators import Length, Optional

from portal.forms import DateField, Form, NoControls, clean, has_controls
from portal.gate.choosing import MOST_CONDITIONS, Choice
from portal.gate.conditions import LONGEST_NOTE
from portal.gate.deciding import BY_HAND, PASSING, Condition, Decision, Outcome
from portal.gate.service import LONGEST_CONDITION, LONGEST_REASON

OFFERED: tuple[Outcome, ...] = ("clear", "clear_with_conditions", "blocked")
NO_DAY = "Write a day as year-month-day, like 2026-12-19."
TOO_LONG = f"Write at most {LONGEST_CONDITION} characters for a condition, without invisible characters."


def _text(label: str, longest: int, description: str = "", rows: int = 4) -> TextAreaField:
    return TextAreaField(
        label,
        [Length(max=longest, message=f"Write at most {longest} characters."), NoControls(lines=True)],
        filters=[clean],
        description=description,
        render_kw={"rows": rows},
    )


class DecideForm(Form):
    """What is decided; its conditions are read by ``read_conditions``."""

    seen = HiddenField("", [Length(max=64)])
    outcome = RadioField("Outcome", [Optional()], validate_choice=False)
    valid_until = DateField("Valid until", [Optional()])
    reason = _text(
        "Reason", LONGEST_REASON, "Your organisation reads it, and its auditor. The vendor does not."
    )


class RefuseForm(Form):
    refusal = _text(
        "Why you refuse it", LONGEST_REASON, "Needed to refuse. Whoever proposed it reads it.", rows=2
    )


class NoteForm(Form):
    note = _text("What shows it", LONGEST_NOTE, "Your organisation reads it.", rows=2)


class ExceptionForm(Form):
    until = DateField("Last day", [Optional()])
    reason = _text(
        "Why this can be taken as it is for now",
        LONGEST_REASON,
        "Your organisation reads it, and its auditor.",
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that the rules propose, as the form shows it: ``due`` as typed."""

    condition: Condition
    keep: bool
    due: str


@dataclass(frozen=True, slots=True)
class Hand:
    """A condition of one's own, as the form shows it. ``lapses_to``: pending or blocked."""

    id: str
    text: str = ""
    due: str = ""
    lapses_to: str = "pending"

    @property
    def empty(self) -> bool:
        return not (self.text or self.due)


@dataclass(frozen=True, slots=True)
class Typed:
    """Conditions as they were typed; ``fault``: what is wrong with them before any rule looks, "" for nothing."""

    rules: tuple[Rule, ...]
    hands: tuple[Hand, ...]
    fault: str = ""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What was chosen; only where there is no fault."""
        ours = [
            Condition(BY_HAND, one.id, _day(one.due), "blocked" if one.lapses_to == "blocked" else "pending")
            for one in self.hands
            if not one.empty
        ]
        theirs = [
            Condition(one.condition.code, one.condition.subject, _day(one.due), one.condition.lapses_to)
            for one in self.rules
            if one.keep
        ]
        return (*theirs, *ours)

    @property
    def words(self) -> dict[str, str]:
        return {one.id: one.text for one in self.hands if not one.empty}


def proposed(
    proposal: Decision, asked: Collection[Condition] = (), told: Mapping[str, str] | None = None
) -> Typed:
    """The conditions of a fresh form: all that the rules propose, those added by hand that are still to be met
    (``told``: their words by subject), and a row for one's own.
    """
    rules = tuple(Rule(one, True, one.due.isoformat() if one.due else "") for one in proposal.conditions)
    words = told or {}
    kept = [
        Hand(one.subject, words.get(one.subject, ""), one.due.isoformat() if one.due else "", one.lapses_to)
        for one in asked
    ]
    return Typed(rules, (*kept, Hand(str(uuid.uuid4()))))


def key_of(condition: Condition) -> str:
    """What a condition of a ground is called in the form."""
    return f"{condition.code}|{condition.subject}"


def read_conditions(posted: MultiDict[str, str], proposal: Decision) -> Typed:
    """The conditions that were posted: those of the rules that are kept, and one's own."""
    kept = set(posted.getlist("keep"))
    rules = tuple(
        Rule(one, key_of(one) in kept, posted.get(f"due|{key_of(one)}", "").strip()[:40])
        for one in proposal.conditions
    )
    hands = []
    for name in posted.getlist("hand")[: MOST_CONDITIONS + 1]:
        try:
            one = str(uuid.UUID(name))
        except ValueError:
            continue
        hands.append(
            Hand(
                one,
                clean(posted.get(f"text|{name}")),
                posted.get(f"due|{name}", "").strip()[:40],
                "blocked" if posted.get(f"to|{name}") == "blocked" else "pending",
            )
        )
    return Typed(rules, tuple(hands), _fault(rules, tuple(hands)))


def _fault(rules: tuple[Rule, ...], hands: tuple[Hand, ...]) -> str:
    days = [one.due for one in rules if one.keep] + [one.due for one in hands if not one.empty]
    if any(one and _day(one) is None for one in days):
        return NO_DAY
    if any(len(one.text) > LONGEST_CONDITION or has_controls(one.text, {"\n", "\t"}) for one in hands):
        return TOO_LONG
    return ""


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


def chosen(form: DecideForm, typed: Typed) -> tuple[Choice | None, Mapping[str, str]]:
    """What was chosen with its words; None while no outcome is. What does not pass has neither days nor conditions."""
    outcome = next((one for one in OFFERED if one == form.outcome.data), None)
    if outcome is None:
        return None, {}
    if outcome not in PASSING:
        return Choice(outcome), {}
    if outcome == "clear":
        return Choice(outcome, (), form.valid_until.data), {}
    return Choice(outcome, typed.conditions, form.valid_until.data), typed.words
