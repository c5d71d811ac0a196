"""The view model of a result: every number that the page shows, chosen so that all sums on it are exact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from portal.apportion import apportion_columns, decimals, hundredths
from portal.assessments import answering_words
from portal.assessments.answering_cards import numbers
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.result import Cap, Knockout, Line, Outcome

if TYPE_CHECKING:
    from questionnaires.definition import Band, Question, Questionnaire

WHOLE = 10_000


@dataclass(frozen=True, slots=True)
class Amounts:
    """Hundredths of the 100: ``share`` = ``counts`` + ``open`` + ``lost``."""

    counts: int = 0
    open: int = 0
    lost: int = 0

    @property
    def share(self) -> int:
        return self.counts + self.open + self.lost

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.counts + other.counts, self.open + other.open, self.lost + other.lost)


@dataclass(frozen=True, slots=True)
class Row:
    """One question that counts: its answer in words, its points and what it has of the 100."""

    key: str
    number: str
    text: str
    state: str
    answer: tuple[str, ...]
    points: str
    weight: int
    amounts: Amounts
    knockout: Knockout | None


@dataclass(frozen=True, slots=True)
class SectionRow:
    """One section with questions that count: the sums of their rows, and its mean points."""

    number: int
    title: str
    weight: int
    weights: int
    points: str
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Sum:
    """The five numbers that explain the range: 100 - lost = highest, highest - open = proven."""

    total: Amounts
    lost_by: int
    open_in: int

    @property
    def highest(self) -> int:
        return WHOLE - self.total.lost


@dataclass(frozen=True, slots=True)
class Hold:
    """A knock-out or cap that limits the band. ``label``: the best band that it allows.

    ``key``, ``number``, ``answer`` and ``points`` only for a knock-out.
    """

    number: str
    text: str
    answer: tuple[str, ...]
    label: str
    certain: bool
    knockout: Knockout | None
    key: str = ""
    points: str = ""


@dataclass(frozen=True)
class ResultPage:
    """A rating for its page. ``number_band`` is the band of the number alone; ``held``: a limit keeps it lower."""

    bands: tuple[Band, ...]
    outcome: Outcome
    band: Band | None
    best_band: Band | None
    number_band: Band | None
    holds: tuple[Hold, ...]
    sum: Sum | None
    rows: tuple[Row, ...]
    sections: tuple[SectionRow, ...]
    uncounted: Mapping[str, int]
    weighting: str
    weights: int
    scorable: bool

    @property
    def assessed(self) -> bool:
        return self.outcome.score is not None

    @property
    def settled(self) -> bool:
        """Whether nothing is open: one number instead of a range."""
        return self.outcome.score == self.outcome.high

    @property
    def held(self) -> bool:
        return self.band is not None and self.number_band is not None and self.band != self.number_band

    @property
    def holding(self) -> tuple[Hold, ...]:
        """The limits that keep the band where it is, below what the number alone would give."""
        if not self.held or self.band is None:
            return ()
        return tuple(one for one in self.holds if one.label == self.band.label)

    @property
    def losing(self) -> list[Row]:
        """Rows that lost something, the dearest first."""
        found = [one for one in self.rows if self.outcome.lines[one.key].lost]
        return sorted(found, key=lambda one: -self.outcome.lines[one.key].lost)

    @property
    def full(self) -> list[Row]:
        """Rows that lost nothing and have nothing open."""
        return [one for one in self.rows if self.outcome.lines[one.key].low == 100]

    @property
    def only_open(self) -> list[Row]:
        lines = self.outcome.lines
        return [one for one in self.rows if lines[one.key].open and not lines[one.key].lost]

    @property
    def full_total(self) -> Amounts:
        return total(self.full)

    @property
    def only_open_total(self) -> Amounts:
        return total(self.only_open)

    @property
    def opened(self) -> list[Row]:
        """Rows with anything open, the largest first."""
        found = [one for one in self.rows if self.outcome.lines[one.key].open]
        return sorted(found, key=lambda one: -self.outcome.lines[one.key].open)


def result_page(definition: Questionnaire, outcome: Outcome, answers: Mapping[str, Content]) -> ResultPage:
    """The view model of ``outcome``; ``answers`` are the sealed ones."""
    numbered = numbers(definition)
    rows = _rows(definition, outcome, answers, numbered)
    counted = [line for line in outcome.lines.values() if line.share]
    return ResultPage(
        bands=definition.bands,
        outcome=outcome,
        band=definition.band(outcome.band) if outcome.band else None,
        best_band=definition.band(outcome.best_band) if outcome.best_band else None,
        number_band=_band_of(definition, outcome.score),
        holds=_holds(definition, outcome, answers, numbered),
        sum=_sum(rows, counted) if rows else None,
        rows=rows,
        sections=_sections(definition, outcome, rows),
        uncounted=_uncounted(outcome),
        weighting=definition.weighting,
        weights=sum(line.weight for line in counted),
        scorable=any(one.weight for one in definition.questions.values()),
    )


def total(rows: Iterable[Row | SectionRow]) -> Amounts:
    """The sum of rows as they are shown."""
    found = Amounts()
    for one in rows:
        found += one.amounts
    return found


def points_text(low: Fraction | None, high: Fraction | None) -> str:
    """Points as people read them: 25, 66.66, or "0 to 100" while they are open."""
    if low is None or high is None:
        return ""
    first, last = _number(low), _number(high)
    return first if low == high else f"{first} to {last}"


def _number(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else decimals(hundredths(number))


def _rows(
    definition: Questionnaire, outcome: Outcome, answers: Mapping[str, Content], numbered: Mapping[str, str]
) -> tuple[Row, ...]:
    """Every question that counts, in definition order, apportioned so that rows and columns add up."""
    counted = [line for line in outcome.lines.values() if line.share]
    if not counted or outcome.score is None or outcome.high is None:
        return ()
    proven, highest = hundredths(outcome.score), hundredths(outcome.high)
    exact = [[line.contribution * 100, line.open * 100, line.lost * 100] for line in counted]
    shown = apportion_columns(exact, (proven, highest - proven, WHOLE - highest))
    failures = {one.key: one for one in outcome.knockouts}
    return tuple(
        _row(definition.questions[line.key], line, Amounts(*cells), answers, numbered, failures)
        for line, cells in zip(counted, shown, strict=True)
    )


def _row(
    question: Question,
    line: Line,
    amounts: Amounts,
    answers: Mapping[str, Content],
    numbered: Mapping[str, str],
    failures: Mapping[str, Knockout],
) -> Row:
    return Row(
        line.key,
        numbered[line.key],
        question.text,
        line.state,
        answering_words.lines(question, answers.get(line.key, EMPTY)),
        points_text(line.low, line.high),
        line.weight,
        amounts,
        failures.get(line.key),
    )


def _sum(rows: Iterable[Row], counted: Iterable[Line]) -> Sum:
    lines = list(counted)
    return Sum(total(rows), sum(line.lost > 0 for line in lines), sum(line.open > 0 for line in lines))


def _sections(definition: Questionnaire, outcome: Outcome, rows: Iterable[Row]) -> tuple[SectionRow, ...]:
    by_section: dict[str, list[Row]] = {}
    for row in rows:
        by_section.setdefault(definition.section_of[row.key].key, []).append(row)
    lines = {one.key: one for one in outcome.sections}
    return tuple(
        SectionRow(
            at,
            section.title,
            section.weight,
            sum(row.weight for row in by_section[section.key]),
            points_text(lines[section.key].score, lines[section.key].high),
            total(by_section[section.key]),
        )
        for at, section in enumerate(definition.sections, 1)
        if section.key in by_section
    )


def _holds(
    definition: Questionnaire, outcome: Outcome, answers: Mapping[str, Content], numbered: Mapping[str, str]
) -> tuple[Hold, ...]:
    """Knock-outs, then caps; what is certain first."""
    found = [_knockout(definition, one, answers, numbered) for one in outcome.knockouts]
    found += [_cap(definition, one) for one in outcome.caps]
    return tuple(sorted(found, key=lambda one: not one.certain))


def _knockout(
    definition: Questionnaire, one: Knockout, answers: Mapping[str, Content], numbered: Mapping[str, str]
) -> Hold:
    question = definition.questions[one.key]
    band = definition.band(definition.knockout_band or "")
    return Hold(
        numbered[one.key],
        question.text,
        answering_words.lines(question, answers.get(one.key, EMPTY)),
        band.label if band else "",
        one.kind == "failed",
        one,
        one.key,
        points_text(one.low, one.high),
    )


def _cap(definition: Questionnaire, one: Cap) -> Hold:
    band = definition.band(one.band)
    return Hold("", one.text, (), band.label if band else "", one.certain, None)


def _band_of(definition: Questionnaire, score: Fraction | None) -> Band | None:
    if score is None:
        return None
    return next((one for one in definition.bands if one.minimum <= score), None)


def _uncounted(outcome: Outcome) -> dict[str, int]:
    """How many questions count nothing, by why: ``hidden``, ``not_applicable``, or ``unweighted``."""
    found: dict[str, int] = {}
    for line in outcome.lines.values():
        if not line.share:
            why = line.state if line.state in ("hidden", "not_applicable") else "unweighted"
            found[why] = found.get(why, 0) + 1
    return found
