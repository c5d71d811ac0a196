"""Scoring, method weighted/1: points as intervals, means in whole numbers, bands, caps and knock-outs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from questionnaires.conditions import Reading, truth
from questionnaires.dates import add_months, not_ahead
from questionnaires.kinds import is_of_kind
from questionnaires.plan import Item, Plan, new_reading, settle
from questionnaires.results import (
    METHOD,
    CapLine,
    Knockout,
    LineState,
    Result,
    Scale,
    SectionLine,
    TraceLine,
    display,
    rational,
)

if TYPE_CHECKING:
    from questionnaires.answers import Answer, EvidenceItem
    from questionnaires.definition import EvidenceRule, Questionnaire

__all__ = [
    "METHOD",
    "CapLine",
    "Knockout",
    "Result",
    "SectionLine",
    "TraceLine",
    "display",
    "is_proven",
    "is_valid",
    "rational",
    "score",
]


def score(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    shown: Collection[str] = (),
) -> Result:
    """The result of typed answers with their marks at a day. Pure: no clock, no chance, no floats.

    ``facts`` are typed as by ``parse_facts``; ``shown`` lists keys visible in spite of their conditions.
    """
    plan = definition.plan
    reading = new_reading(facts, as_of)
    visible = settle(plan.gated, answers, reading, frozenset(shown))
    trace, sections = _lines(plan, answers, reading, visible)
    sums = total_of(definition, sections)
    for key in plan.cap_points:
        line = trace[plan.index[key]]
        reading.points[key] = (
            None
            if line.low_units is None or line.high_units is None
            else (line.low_units, line.high_units, plan.unit)
        )
    caps = tuple(
        CapLine(cap.text, cap.band, found is True)
        for cap in definition.caps
        for found in [truth(cap.when, reading)]
        if found is not False
    )
    knockouts = _knockouts(plan, trace)
    total = None if sums.whole == 0 else Fraction(sums.low, sums.whole * plan.unit)
    high = None if sums.whole == 0 else Fraction(sums.high, sums.whole * plan.unit)
    return Result(
        definition,
        as_of,
        total,
        high,
        _band(definition, total, [cap.band for cap in caps], bool(knockouts)),
        _band(
            definition,
            high,
            [cap.band for cap in caps if cap.certain],
            any(one.kind == "failed" for one in knockouts),
        ),
        caps,
        knockouts,
        Fraction(sums.assured, sums.whole or 1),
        tuple(
            SectionLine(section.key, section.weight, one.low, one.high, one.weight, one.scale)
            for section, one in zip(definition.sections, sections, strict=True)
        ),
        tuple(trace),
        Counter([line.state for line in trace]),
    )


class Totals(NamedTuple):
    """The total as whole numbers: score = low / (whole * unit), assurance = assured / whole."""

    low: int
    high: int
    assured: int
    whole: int


class SectionSums(NamedTuple):
    """Sums over the questions of one section that count: of weights, and of weights times points."""

    scale: Scale
    weight: int
    low: int
    high: int
    assured: int


def _lines(
    plan: Plan,
    answers: Mapping[str, Answer],
    reading: Reading,
    visible: Mapping[int, bool | None],
) -> tuple[list[TraceLine], list[SectionSums]]:
    top = 100 * plan.unit
    as_of = reading.as_of
    trace: list[TraceLine] = []
    sections: list[SectionSums] = []
    # The hot loop: whole numbers only, names bound once, the plain answered question without a call.
    get, add, seen, make = answers.get, trace.append, visible.get, tuple.__new__
    state: LineState
    low: int | None
    high: int | None
    for items in plan.sections:
        scale = Scale(plan.unit)
        weights = lows = highs = assured = 0
        for item in items:
            key, weight = item.key, item.weight
            shown = seen(item.index, True)
            answer = get(key)
            if (
                shown
                and answer is not None
                and item.plain is not None
                and answer.review is None
                and answer.state == "answered"
            ):
                state = "answered"
                low = high = item.plain(answer.value, as_of)
            else:
                state, low, high = assess(item, answer, shown, reading, top)
            if weight and low is not None and high is not None:
                weights += weight
                lows += weight * low
                highs += weight * high
                # Of plain answers only those with a document may be assured: the call is saved for all others.
                if (state != "answered" or item.evidence is not None) and _is_assured(
                    item, state, answer, as_of
                ):
                    assured += weight
            # As TraceLine(...) does, in half the time.
            add(make(TraceLine, (key, state, weight, low, high, scale)))
        sections.append(SectionSums(scale, weights, lows, highs, assured))
    return trace, sections


def assess(
    item: Item, answer: Answer | None, shown: bool | None, reading: Reading, top: int
) -> tuple[LineState, int | None, int | None]:
    """State, low and high (in units, 100 points = ``top``) of one question: the first line that fits counts."""
    if shown is False:
        return "hidden", None, None
    worth = None if item.earn is None else top
    none = None if item.earn is None else 0
    if shown is None:
        return "open", none, worth
    if answer is None:
        return "unanswered", none, worth
    review = answer.review
    mark = None if review is None else review.mark
    if mark == "na_accepted":
        return "not_applicable", None, None
    if review is not None and (review.mark == "graded" or review.mark == "disproved"):
        points = (review.points or 0) * top // 100
        return review.mark, points, points
    if answer.state != "answered":
        return "na_pending" if answer.state == "not_applicable" else answer.state, none, worth
    if item.graded_only:
        return "ungraded", none, worth
    as_of = reading.as_of
    earned = None if item.earn is None else item.earn(answer.value, as_of)
    if mark == "challenged":
        return "challenged", none, earned
    if mark == "accepted":
        return "accepted", earned, earned
    if (
        item.evidence is not None
        and _needs_proof(item, reading)
        and not is_proven(item.evidence, answer, as_of)
    ):
        return "unproven", none, earned
    return "answered", earned, earned


def _needs_proof(item: Item, reading: Reading) -> bool:
    """Whether evidence is required; unknown counts as required."""
    if item.proof_required_when is None:
        return item.proof_required
    return item.proof_required or item.proof_required_when(reading) is not False


def is_proven(rule: EvidenceRule, answer: Answer, as_of: date, *, accepted_only: bool = False) -> bool:
    """Whether a document of the asked kind, or narrower, stands beside the answer, valid at ``as_of``, not refused.

    ``accepted_only`` leaves out what no reviewer has accepted.
    """
    return any(
        is_of_kind(document.kind, rule.kind)
        and (document.mark == "accepted" if accepted_only else document.mark != "refused")
        and is_valid(rule, document, as_of)
        for document in answer.evidence
    )


def is_valid(rule: EvidenceRule | None, document: EvidenceItem, as_of: date) -> bool:
    """Whether the dates that a document bears put ``as_of`` into its time; its last day still counts.

    A day to come is no date of issue, and where months are counted from the date of issue there must be one:
    otherwise leaving the date out, or making it up, would prove more than the true one. Without a rule, as for a
    document that nobody asked for, no months are counted.
    """
    months = None if rule is None else rule.valid_months
    if document.expires is not None and document.expires < as_of:
        return False
    if document.issued is None:
        return months is None
    issued = not_ahead(document.issued, as_of)
    return issued <= as_of and (months is None or as_of <= add_months(document.issued, months))


def _is_assured(item: Item, state: LineState, answer: Answer | None, as_of: date) -> bool:
    """Whether a reviewer, or a document that a reviewer accepted, stands behind the points."""
    if state != "answered":
        return state in ("accepted", "graded")
    return (
        item.evidence is not None
        and answer is not None
        and is_proven(item.evidence, answer, as_of, accepted_only=True)
    )


def total_of(definition: Questionnaire, sections: list[SectionSums]) -> Totals:
    """Weighted mean over sections, or over all questions if flat; fills in the scales."""
    if definition.weighting == "flat":
        whole = sum(one.weight for one in sections)
        for one in sections:
            one.scale.part, one.scale.whole = (1, whole) if one.weight else (0, 1)
        return Totals(
            sum(one.low for one in sections),
            sum(one.high for one in sections),
            sum(one.assured for one in sections),
            whole,
        )
    counted = [
        (section.weight, one)
        for section, one in zip(definition.sections, sections, strict=True)
        if section.weight and one.weight
    ]
    common = lcm(*(one.weight for _, one in counted))
    whole = common * sum(weight for weight, _ in counted)
    low = high = assured = 0
    for weight, one in counted:
        part = weight * (common // one.weight)
        one.scale.part, one.scale.whole = part, whole
        low += part * one.low
        high += part * one.high
        assured += part * one.assured
    return Totals(low, high, assured, whole)


def _knockouts(plan: Plan, trace: list[TraceLine]) -> tuple[Knockout, ...]:
    found: list[Knockout] = []
    for item in plan.critical:
        line = trace[item.index]
        low, high, minimum = line.low_units, line.high_units, item.question.minimum
        if low is not None and high is not None and low < minimum * plan.unit:
            kind: Literal["failed", "open"] = "failed" if high < minimum * plan.unit else "open"
            found.append(Knockout(item.key, kind, minimum, low, high, plan.unit))
    return tuple(found)


def _band(definition: Questionnaire, total: Fraction | None, caps: list[str], knocked: bool) -> str | None:
    """The first band that the total reaches, or the worst that a cap or knock-out allows."""
    if total is None or not definition.bands:
        return None
    names = [band.name for band in definition.bands]
    reached = next(at for at, band in enumerate(definition.bands) if total >= band.minimum)
    limits = [names.index(name) for name in caps]
    if knocked and definition.knockout_band is not None:
        limits.append(names.index(definition.knockout_band))
    return names[max([reached, *limits])]
