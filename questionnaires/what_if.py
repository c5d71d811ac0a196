"""What a draft would do to stored submissions (section 5 of the format): bands, knock-outs, requirements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from questionnaires.answers import Answer
from questionnaires.carry_forward import Table
from questionnaires.definition import Questionnaire
from questionnaires.requirements import Answered, Catalogue, Shift, shifts
from questionnaires.results import Result, rational
from questionnaires.scoring import score

Verdict = Literal["better", "worse", "same", "cannot_tell"]

# States in which the draft would still have to ask.
_UNANSWERED = ("unanswered", "open")


class Standing(NamedTuple):
    """A rating in short: ``score`` to ``high``, and the bands that these reach; None where nothing is assessed."""

    score: Fraction | None
    high: Fraction | None
    band: str | None
    best_band: str | None

    def to_json(self) -> dict[str, Any]:
        return {
            "score": rational(self.score),
            "high": rational(self.high),
            "band": self.band,
            "best_band": self.best_band,
        }


class Rated(NamedTuple):
    """What a foresight needs of a rating: where it stands, and the kind of each knock-out by key."""

    standing: Standing
    knockouts: Mapping[str, str]


class Engagement(NamedTuple):
    """What a submission is about: ``facts`` typed as by ``parse_facts``, the other current submissions of it alone."""

    name: str
    facts: Mapping[str, Any]
    others: tuple[Answered, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """One sealed submission: its own definition, typed answers with their marks, and what was pinned with it.

    ``facts`` are typed as by ``parse_facts``. ``others`` are the other current submissions of the engagement, which
    contract requirements read too. ``engagements``: each that it covers, where requirements are to be read for each by
    itself, as contracts do; then not under ``facts`` and ``others``. ``rated``: the rating on record of these very
    answers, facts, marks and day, if there is one; without it they are rated again, to the same end.
    """

    label: str
    definition: Questionnaire
    answers: Mapping[str, Answer] = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)
    as_of: date
    shown: Collection[str] = ()
    others: tuple[Answered, ...] = field(default=(), repr=False)
    rated: Rated | None = field(default=None, repr=False)
    engagements: tuple[Engagement, ...] = field(default=(), repr=False)


class Foreseen(NamedTuple):
    """What the draft makes of one submission. ``verdict`` is about bands: ``cannot_tell`` where ranges overlap.

    ``unanswered`` counts the questions that the draft would still have to ask, ``unreviewed`` the reviewer's marks
    that would have to be set anew: both widen the range after. Knock-outs are by the key in the draft, or the old
    one where the draft does not ask it. ``requirements``: of any engagement; ``engagements``: by name, those of each,
    empty where they are the same for all. There a ``must`` also stands that stays open and waits for something else.
    """

    label: str
    before: Standing
    after: Standing
    verdict: Verdict
    knockouts: tuple[Shift, ...]
    requirements: tuple[Shift, ...]
    unanswered: int
    unreviewed: int
    engagements: Mapping[str, tuple[Shift, ...]] = MappingProxyType({})

    def to_json(self) -> dict[str, Any]:
        """Plain values for a file; rationals as in a result."""
        engagements = {name: [one.to_json() for one in each] for name, each in self.engagements.items()}
        return {
            "label": self.label,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "verdict": self.verdict,
            "knockouts": [one.to_json() for one in self.knockouts],
            "requirements": [one.to_json() for one in self.requirements],
            "unanswered": self.unanswered,
            "unreviewed": self.unreviewed,
            **({"engagements": engagements} if engagements else {}),
        }


def what_if(
    definition: Questionnaire,
    submissions: Iterable[Stored],
    *,
    between: Sequence[Questionnaire] = (),
    catalogue: Catalogue | None = None,
) -> Iterator[Foreseen]:
    """What ``definition`` would make of each submission, what carry-forward offers counting as confirmed.

    Both ratings are as of the day of the submission. One comes out for each that goes in, in order, when it is asked
    for: whoever reads may count, and stop. Without a ``catalogue`` nothing is said about requirements.
    """
    foresight = Foresight(definition, between, catalogue)
    return map(foresight.of, submissions)


class Foresight:
    """A draft, and what each version of a submission offers to it, worked out once for all submissions of it."""

    def __init__(
        self, new: Questionnaire, between: Sequence[Questionnaire] = (), catalogue: Catalogue | None = None
    ) -> None:
        self.new, self.between, self.catalogue = new, tuple(between), catalogue
        self._tables: dict[str, Table] = {}

    def of(self, one: Stored) -> Foreseen:
        """What the draft makes of one submission."""
        new, old = self.new, one.definition
        table = self._table(old)
        answers = table.confirmed(one.answers, one.as_of)
        shown = [table.new_keys[key] for key in one.shown if key in table.new_keys]
        before = one.rated or rated(score(old, one.answers, one.facts, one.as_of, one.shown))
        result = score(new, answers, one.facts, one.as_of, shown)
        after = rated(result)
        requirements, engagements = self._requirements(one, Answered(new, answers, one.as_of, shown))
        marks = sum(found.review is not None for found in one.answers.values())
        return Foreseen(
            one.label,
            before.standing,
            after.standing,
            _verdict(old, before.standing, new, after.standing),
            _knockouts(table, before.knockouts, after.knockouts),
            requirements,
            sum(result.counts.get(state, 0) for state in _UNANSWERED),
            marks,
            engagements,
        )

    def _table(self, old: Questionnaire) -> Table:
        known = old.content_hash
        if known not in self._tables:
            self._tables[known] = Table(old, self.new, self.between)
        return self._tables[known]

    def _requirements(
        self, one: Stored, after: Answered
    ) -> tuple[tuple[Shift, ...], dict[str, tuple[Shift, ...]]]:
        """What is called for otherwise by any engagement, and by each where these differ."""
        if self.catalogue is None:
            return (), {}
        before = Answered(one.definition, one.answers, one.as_of, one.shown)
        each = {
            engagement.name: shifts(
                self.catalogue, (*engagement.others, before), (*engagement.others, after), engagement.facts
            )
            for engagement in one.engagements or (Engagement("", one.facts, one.others),)
        }
        every = (shift for some in each.values() for shift in some)
        differing = tuple(dict.fromkeys(shift for shift in every if shift.before != shift.after))
        alike = not one.engagements or all(some == differing for some in each.values())
        return differing, {} if alike else each


def rated(result: Result) -> Rated:
    """What a foresight needs of a result."""
    standing = Standing(result.score, result.high, result.band, result.best_band)
    return Rated(standing, {one.key: one.kind for one in result.knockouts})


def _verdict(old: Questionnaire, before: Standing, new: Questionnaire, after: Standing) -> Verdict:
    if before.band is None or after.band is None:
        return "same" if before.band is after.band else "cannot_tell"
    worst_before, best_before = _ranks(old, before, new)
    worst_after, best_after = _ranks(new, after, old)
    if worst_before == best_before == worst_after == best_after:
        return "same"
    if worst_after > best_before:
        return "better"
    if best_after < worst_before:
        return "worse"
    return "cannot_tell"


def _ranks(own: Questionnaire, standing: Standing, other: Questionnaire) -> tuple[int, int]:
    """The worst and the best band as numbers that can be compared: places in the same list of bands, else levels."""
    same = [one.name for one in own.bands] == [one.name for one in other.bands]
    ranks = {one.name: -at if same else one.level for at, one in enumerate(own.bands)}
    return ranks[standing.band or ""], ranks[standing.best_band or ""]


def _knockouts(table: Table, before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Shift, ...]:
    was = {table.new_keys.get(key, key): kind for key, kind in before.items()}
    keys = dict.fromkeys([*was, *after])
    return tuple(Shift(key, was.get(key), after.get(key)) for key in keys if was.get(key) != after.get(key))
