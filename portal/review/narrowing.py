"""How the range of a score narrowed, mark by mark: exact numbers for a table, positions for a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from flask_babel import gettext as _

from portal.review import writing
from portal.review.models import Mark, MarkDraft
from portal.review.queries import ANSWER, Case

DRAWN = 7  # so many of the newest steps are drawn; the table has all of them
STEP = 5  # the axis begins and ends at a multiple of it
LABELS = 30  # per cent of the width that the labels take


@dataclass(frozen=True, slots=True)
class Step:
    """The range from ``low`` to ``high`` after a mark; the first step is what was submitted (``label`` "")."""

    number: str
    what: str
    low: Fraction
    high: Fraction
    written: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One drawn step: x and width in per cent of the drawing, y in pixels."""

    step: Step
    x: float
    width: float
    y: int
    last: bool


@dataclass(frozen=True, slots=True)
class Narrowing:
    """All steps, those that are drawn, and the ends of the axis."""

    steps: tuple[Step, ...]
    bars: tuple[Bar, ...]
    left: int
    right: int

    @property
    def height(self) -> int:
        return 22 * len(self.bars) + 22


def narrowing(
    case: Case,
    start: tuple[Fraction | None, Fraction | None],
    numbers: Mapping[str, str],
    marks: Iterable[Mark],
) -> Narrowing | None:
    """The steps from what was submitted to now; None where nothing can be scored."""
    if start[0] is None or start[1] is None:
        return None
    steps = [Step("", _("As submitted"), start[0], start[1], True)]
    carried = False
    for one in marks:
        if one.score_low is None or one.score_high is None:
            continue
        low, high = Fraction(one.score_low), Fraction(one.score_high)
        if one.carried_from is None:
            steps.append(Step(numbers.get(one.key, ""), mark_words(one), low, high, True))
        elif not carried:  # they were kept together, so they are one step
            steps.append(Step("", _("Kept from the round before"), low, high, True))
            carried = True
    drafts = [] if case.redacted else list(case.drafts.values())
    for draft, (least, most) in zip(drafts, writing.ranges(case, drafts), strict=True):
        if least is not None and most is not None:
            steps.append(Step(numbers.get(draft.key, ""), mark_words(draft), least, most, False))
    return _drawn(steps)


def mark_words(one: Mark | MarkDraft) -> str:
    """A mark in two words: ``graded 60``."""
    if one.document != ANSWER:
        of_documents = {"accepted": _("document accepted"), "refused": _("document refused")}
        return str(of_documents.get(one.mark, _("mark of a document taken back")))
    if one.certificate is not None:
        return str(_("exempt, %(points)s", points=one.points))
    of_answers = {
        "accepted": _("accepted"),
        "challenged": _("challenged"),
        "graded": _("graded %(points)s", points=one.points),
        "disproved": _("disproved"),
        "na_accepted": _("N/A accepted"),
    }
    return str(of_answers.get(one.mark, _("mark taken back")))


def _drawn(steps: list[Step]) -> Narrowing:
    shown = [steps[0], *steps[1:][-(DRAWN - 1) :]]
    left = int(min(one.low for one in shown)) // STEP * STEP
    right = min(100, -(-int(max(one.high for one in shown) + 1) // STEP) * STEP)
    left = min(left, right - STEP)
    scale = (100 - LABELS) / (right - left)
    bars = tuple(
        Bar(
            one,
            round(LABELS + float(one.low - left) * scale, 2),
            round(max(float(one.high - one.low) * scale, 0.6), 2),
            22 * at + 9,
            at == len(shown) - 1,
        )
        for at, one in enumerate(shown)
    )
    return Narrowing(tuple(steps), bars, left, right)
