"""Several earlier submissions that could answer: the nearest and newest first, none chosen where they differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, NamedTuple

from questionnaires.answers import Answer
from questionnaires.carry_forward import How, Offer, Table, is_given
from questionnaires.changes import diff
from questionnaires.definition import Questionnaire

Nearness = Literal["engagement", "organisation", "company"]
NEARNESS: tuple[Nearness, ...] = ("engagement", "organisation", "company")

# Refusals of a question that is another one: there is no earlier answer to it that could speak against another.
_OTHER = ("campaign", "added", "changed", "unalike", "unanswered")
_STRICTNESS: tuple[How, ...] = ("section", "single", "refused")


@dataclass(frozen=True)
class Source:
    """One earlier submission: of the same engagement, of the same organisation, or of the company's others.

    ``label`` and ``who`` are the caller's own words and mean nothing here; that the company consented to the use
    of what it told others is for the caller to see to. ``between``: versions released between that and the new one.
    """

    label: str
    nearness: Nearness
    day: date
    who: str
    definition: Questionnaire = field(repr=False)
    answers: Mapping[str, Answer] = field(repr=False)
    between: tuple[Questionnaire, ...] = field(default=(), repr=False)


class Found(NamedTuple):
    """What one source offers, or why it does not."""

    source: Source
    offer: Offer


@dataclass(frozen=True, slots=True)
class Choice:
    """All that could answer one question, nearest first. ``chosen`` is None where they ``differ`` or none fits."""

    key: str
    found: tuple[Found, ...] = ()
    chosen: Found | None = None
    differ: bool = False

    @property
    def how(self) -> How:
        """How the chosen offer is confirmed: as strictly as any source asks; ``refused`` without a choice."""
        if self.chosen is None:
            return "refused"
        ways = [one.offer.how for one in self.found if one.offer.is_offered]
        return max(ways, key=_STRICTNESS.index)


class Cycle(NamedTuple):
    """One submission of one engagement, for ``unchanged_cycles``.

    ``between``: the versions released between its own and that of the cycle after it.
    """

    definition: Questionnaire
    answers: Mapping[str, Answer]
    between: Sequence[Questionnaire] = ()


def choose(
    new: Questionnaire,
    sources: Sequence[Source],
    *,
    as_of: date,
    due: date | None = None,
    table: Callable[[Source], Table] | None = None,
) -> Mapping[str, Choice]:
    """For every key of ``new``: of each nearness the newest source that answered it, and the one to offer.

    The nearest is chosen if all agree on the answer, those included whose answer no longer fits. Of sources that
    are equally near and new, the first in the sequence counts. ``table``: what has compiled the table of a source's
    version already; by default each is compiled here.
    """
    ranked = sorted(sources, key=lambda one: (NEARNESS.index(one.nearness), -one.day.toordinal()))
    tables: dict[tuple[str, tuple[str, ...]], Table] = {}
    offers: list[tuple[Source, Mapping[str, Offer]]] = []
    for source in ranked:
        if table is not None:
            compiled = table(source)
        else:
            known = (source.definition.content_hash, tuple(one.content_hash for one in source.between))
            if known not in tables:
                tables[known] = Table(source.definition, new, source.between)
            compiled = tables[known]
        offers.append((source, compiled.offers(source.answers, as_of, due)))
    return MappingProxyType({key: _choice(key, offers) for key in new.questions})


def _choice(key: str, offers: Sequence[tuple[Source, Mapping[str, Offer]]]) -> Choice:
    found: dict[Nearness, Found] = {}
    for source, by_key in offers:
        offer = by_key[key]
        if offer.old_answer is not None:
            found.setdefault(source.nearness, Found(source, offer))
    answers = [one for one in found.values() if one.offer.code not in _OTHER]
    told = [_told(one.offer) for one in answers]
    differ = any(one != told[0] for one in told[1:])
    fits = bool(answers) and not differ and answers[0].offer.is_offered
    return Choice(key, tuple(found.values()), answers[0] if fits else None, differ)


def _told(offer: Offer) -> tuple[object, object]:
    """State and value, as the new question reads them; as the old one did where it cannot."""
    answer = offer.answer or offer.old_answer
    assert answer is not None
    return answer.state, answer.value


def unchanged_cycles(history: Sequence[Cycle]) -> Mapping[str, int]:
    """For each question answered in the newest submission, in how many before it in a row the answer was the same.

    ``history`` is newest first and one organisation's own. A question counts as the same through renaming and any
    edits but those of text and options; 0 means that it is new, or that the question or the answer has changed.
    """
    if not history:
        return MappingProxyType({})
    newest = history[0]
    counts = {key: 0 for key, answer in newest.answers.items() if is_given(answer)}
    # Keys of the newest submission that stood so far, with their key in the submission looked at.
    standing = {key: key for key in counts if key in newest.definition.questions}
    for later, earlier in pairwise(history):
        changes = diff(earlier.definition, later.definition, earlier.between).by_key
        still = {}
        for key, name in standing.items():
            change = changes[name]
            if change.fate not in ("kept", "renamed") or {"text", "options"} & set(change.edits):
                continue
            assert change.old_key is not None
            before, after = earlier.answers.get(change.old_key), later.answers[name]
            if before is not None and (before.state, before.value) == (after.state, after.value):
                counts[key] += 1
                still[key] = change.old_key
        standing = still
    return MappingProxyType(counts)
