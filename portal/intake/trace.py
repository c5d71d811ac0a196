"""Why a tier is what it is: the view model of an intake's result, with sums that are exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.apportion import apportion_columns, hundredths
from portal.assessments import answering_words, result
from portal.assessments.answering_cards import numbers
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.result import Cap, Outcome
from portal.intake.answering import unsettled
from questionnaires.definition import Band, Questionnaire

WHOLE = 10_000  # hundredths of the 100 points


@dataclass(frozen=True, slots=True)
class Row:
    """One question that counts. ``counts``, ``open`` and ``lost``: hundredths of the 100 points, together its share."""

    key: str
    number: str
    text: str
    answer: tuple[str, ...]
    counts: int
    open: int
    lost: int


@dataclass(frozen=True)
class Trace:
    """An intake for its page. ``unsettled``: what would settle the tier; ``best``: the band if all of that turns out
    well.

    ``holding``: the caps that keep the tier where it is, ``other_caps``: those that would, were the points better.
    """

    definition: Questionnaire
    outcome: Outcome
    band: Band
    best: Band
    by_points: Band
    holding: tuple[Cap, ...]
    other_caps: tuple[Cap, ...]
    rows: tuple[Row, ...]
    unsettled: tuple[Row, ...]
    answers_kept: bool

    @property
    def held(self) -> bool:
        """Whether a cap keeps the tier above what the points alone would give."""
        return self.band != self.by_points


def trace(definition: Questionnaire, stored: bytes, values: Mapping[str, Any] | None) -> Trace:
    """The view model of an intake's stored result; ``values`` None once the answers were destroyed."""
    outcome = result.read(stored)
    assert outcome.score is not None  # no question of an intake may be left out of the sums
    assert outcome.high is not None
    band = _band(definition, outcome.band)
    rows = _rows(definition, outcome, values or {})
    open_keys = set(unsettled(definition, values)) if values is not None else set()
    holding = tuple(one for one in outcome.caps if one.band == band.name)
    by_points = next(one for one in definition.bands if outcome.score >= one.minimum)
    held = band != by_points
    return Trace(
        definition,
        outcome,
        band,
        _best(definition, outcome, rows, open_keys),
        by_points,
        holding if held else (),
        tuple(one for one in outcome.caps if not held or one not in holding),
        tuple(sorted(rows, key=lambda one: -(one.lost + one.open))),
        tuple(one for one in rows if one.key in open_keys),
        values is not None,
    )


def _band(definition: Questionnaire, name: str | None) -> Band:
    found = definition.band(name) if name else None
    return found or definition.bands[-1]


def _best(definition: Questionnaire, outcome: Outcome, rows: tuple[Row, ...], open_keys: set[str]) -> Band:
    """The best tier that answers to what nobody knows could bring; caps that rest on something else stay.

    "We do not know" is an answer with no points, so what it lost comes back, and its own cap falls away with it.
    """
    assert outcome.high is not None
    back = sum((outcome.lines[one.key].lost for one in rows if one.key in open_keys), start=outcome.high * 0)
    reach = outcome.high + back
    by_points = next(one for one in definition.bands if reach >= one.minimum)
    about_open = {
        (cap.band, cap.text)
        for cap, rule in _caps(definition, outcome)
        if set(rule.when.names) <= open_keys or not cap.certain
    }
    stay = [_band(definition, one.band) for one in outcome.caps if (one.band, one.text) not in about_open]
    return min([by_points, *stay], key=lambda one: one.level)


def _caps(definition: Questionnaire, outcome: Outcome) -> list[tuple[Cap, Any]]:
    rules = {(one.band, one.text): one for one in definition.caps}
    return [(one, rules[one.band, one.text]) for one in outcome.caps]


def _rows(definition: Questionnaire, outcome: Outcome, values: Mapping[str, Any]) -> tuple[Row, ...]:
    counted = [line for line in outcome.lines.values() if line.share]
    assert outcome.score is not None
    assert outcome.high is not None
    proven, highest = hundredths(outcome.score), hundredths(outcome.high)
    exact = [[line.contribution * 100, line.open * 100, line.lost * 100] for line in counted]
    shown = apportion_columns(exact, (proven, highest - proven, WHOLE - highest))
    numbered = numbers(definition)
    return tuple(
        Row(
            line.key,
            numbered[line.key],
            definition.questions[line.key].text,
            answering_words.lines(
                definition.questions[line.key],
                Content("answered", values[line.key]) if line.key in values else EMPTY,
            ),
            *cells,
        )
        for line, cells in zip(counted, shown, strict=True)
    )
