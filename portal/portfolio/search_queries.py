"""Who said what: answers that hold all of some words, among the submissions that count today.

The rarest word leads: the index is read over its range alone, and other words are looked up beside what it finds. What
the reader may not see is taken out before anything is counted or said.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import sealing
from portal.assessments.models import Assessment, SealedAnswer, Submission
from portal.gate.standings import Relation
from portal.library import service as library
from portal.paging import SIZE, Page
from portal.portfolio import words
from portal.portfolio.indexing import texts_of
from portal.portfolio.models import AnswerWord
from portal.vendors import queries as vendors
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from questionnaires.definition import Question

MOST_ROWS = 20_000  # of the rarest word: more is read in no time that a page has
MOST_LOOKED_AT = 200_000  # of it in the index, to find which of them stand where the search is narrowed to
AROUND = 90  # letters of an excerpt before and after what was found
WHOLE = 4_000  # letters of an answer in a file
LOOKED_THROUGH = 8_000  # letters of an answer that are looked at word by word for an excerpt


@dataclass(frozen=True, slots=True)
class Filter:
    """What is searched for; ``tier`` and ``slug`` narrow where it counts, "" is everywhere."""

    words: str = ""
    tier: str = ""
    slug: str = ""
    sort: str = ""  # one order: most critical first
    down: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """``wanted``: the words that are searched for, the rarest first. ``common``: even that one stands in too many
    answers, and in too many of those that the search is narrowed to; ``nowhere``: one that stands in none.
    ``within``: only what the search is narrowed to is few enough, so it is narrowed before words are put together.
    """

    wanted: tuple[str, ...] = ()
    common: bool = False
    nowhere: str = ""
    within: bool = False

    @property
    def runs(self) -> bool:
        return bool(self.wanted) and not self.common and not self.nowhere


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer. ``pieces``: an excerpt as (text, whether it was searched for), () for one that was removed since."""

    submission: uuid.UUID
    key: str
    assessment: uuid.UUID
    round: int
    slug: str
    vendor: Vendor
    engagements: tuple[Engagement, ...]
    question: Question | None
    title: str
    text: str
    pieces: tuple[tuple[str, bool], ...]

    @property
    def tier(self) -> str:
        """The most critical of what the answer counts for."""
        return min((one.tier for one in self.engagements), key=TIERS.index)


def plan(session: Session, identity: Identity, text: str, narrowed: Filter, relation: Relation) -> Plan:
    """Which word leads; one statement over the organisation's own rows, and one more where the word stands in many
    answers and the search is narrowed: by its filter, or to a business owner's own engagements.
    """
    wanted = words.asked(text)
    if not wanted:
        return Plan()
    narrows = bool(narrowed.tier or narrowed.slug) or vendors.is_narrowed(identity)
    found = _counts(session, identity, wanted, MOST_LOOKED_AT if narrows else MOST_ROWS)
    order = sorted(range(len(wanted)), key=lambda at: (found[at], at))
    rising = tuple(wanted[at] for at in order)
    least = found[order[0]]
    if narrows and MOST_ROWS < least <= MOST_LOOKED_AT:
        (few,) = _counts(session, identity, rising[:1], MOST_ROWS, _within(identity, narrowed, relation))
        return Plan(rising, few > MOST_ROWS, within=True)
    return Plan(rising, least > MOST_ROWS, rising[0] if least == 0 else "")


def _counts(
    session: Session, identity: Identity, wanted: Sequence[str], most: int, within: Select[Any] | None = None
) -> list[int]:
    """In how many answers each word stands, counted up to one more than ``most``; ``within``: of these submissions."""
    where = [*mine(identity.scope, AnswerWord)]
    if within is not None:
        where.append(AnswerWord.submission_id.in_(within))
    counts = [
        select(func.count())
        .select_from(
            select(literal(1)).select_from(AnswerWord).where(*where, _among(one)).limit(most + 1).subquery()
        )
        .scalar_subquery()
        for one in wanted
    ]
    return list(session.execute(select(*counts)).one())


def hits(identity: Identity, found: Plan, narrowed: Filter, relation: Relation) -> Select[Any]:
    """(submission, key) of each answer with all words that counts for the reader: critical first, then by vendor."""
    within = _within(identity, narrowed, relation) if found.within else None
    answers = _answers(identity, found.wanted, within).subquery("answers")
    at = relation.submissions.c
    rank = case(*((Engagement.tier == tier, number) for number, tier in enumerate(TIERS)), else_=len(TIERS))
    statement = (
        select(answers.c.submission_id, answers.c.key)
        .select_from(answers)
        .join(relation.submissions, at.submission_id == answers.c.submission_id)
        .join(Engagement, and_(Engagement.id == at.engagement_id, *vendors.own_engagements(identity)))
        .join(Vendor, and_(Vendor.id == Engagement.vendor_id, *mine(identity.scope, Vendor)))
        .where(Vendor.offboarded_at.is_(None))
        .group_by(answers.c.submission_id, answers.c.key, Vendor.name_key, Vendor.id)
        .order_by(func.min(rank), Vendor.name_key, Vendor.id, answers.c.submission_id, answers.c.key)
    )
    if narrowed.tier:
        statement = statement.where(Engagement.tier == narrowed.tier)
    if narrowed.slug:
        statement = statement.where(at.slug == narrowed.slug)
    return statement


def engagements(identity: Identity, found: Plan, narrowed: Filter, relation: Relation) -> Select[Any]:
    """The ids of the engagements for which an answer with all words of a plan that runs counts today."""
    within = _within(identity, narrowed, relation) if found.within else None
    answers = _answers(identity, found.wanted, within).subquery("answers")
    at = relation.submissions.c
    statement: Select[Any] = (
        select(at.engagement_id)
        .select_from(answers)
        .join(relation.submissions, at.submission_id == answers.c.submission_id)
    )
    return statement


def page_of(
    session: Session, identity: Identity, found: Plan, narrowed: Filter, relation: Relation, *, number: int
) -> Page[Hit]:
    """One page, with what was said: a fixed number of statements."""
    if not found.runs:
        return Page([], 1, 0)
    statement = hits(identity, found, narrowed, relation)
    total = session.execute(
        select(func.count()).select_from(statement.order_by(None).subquery())
    ).scalar_one()
    at = min(number, Page([], number, total).last)
    cut = session.execute(statement.limit(SIZE).offset((at - 1) * SIZE)).all()
    return Page(read(session, identity, cut, found, narrowed, relation), at, total)


def read(
    session: Session,
    identity: Identity,
    places: Sequence[Any],
    found: Plan,
    narrowed: Filter,
    relation: Relation,
    *,
    excerpts: bool = True,
) -> list[Hit]:
    """What stands at these (submission, key), in their order; an answer that was removed meanwhile has no words.

    ``excerpts``: whether pieces are made, too; files have no use for them.
    """
    ids = {one.submission_id for one in places}
    if not ids:
        return []
    rounds = _rounds(session, identity, ids)
    sealed = _sealed(session, identity, places)
    engagements = _engagements(session, identity, ids, narrowed, relation)
    sellers = vendors.vendors(
        session, identity, {one.vendor_id for each in engagements.values() for one in each}
    )
    lines = []
    for place in places:
        row, bought = rounds.get(place.submission_id), engagements.get(place.submission_id, ())
        if row is None or not bought or bought[0].vendor_id not in sellers:
            continue
        question = library.definition(session, row.content_hash).questions.get(place.key)
        data = sealed.get((place.submission_id, place.key))
        text, pieces = _said(question, data, found.wanted if excerpts else ())
        lines.append(
            Hit(
                place.submission_id, place.key, row.assessment_id, row.round, row.slug, sellers[bought[0].vendor_id],
                bought, question, row.title, text, pieces,
            )
        )  # fmt: skip
    return lines


# ------------------------------------------------------------------------------------------------------------- reading


def _among(word: str) -> ColumnElement[bool]:
    ends = words.ends(word)
    if ends is None:
        return AnswerWord.word == word
    return and_(AnswerWord.word >= ends[0], AnswerWord.word < ends[1])


def _within(identity: Identity, narrowed: Filter, relation: Relation) -> Select[Any]:
    """The submissions that count at engagements of the reader that the filter lets through."""
    at = relation.submissions.c
    statement = (
        select(at.submission_id)
        .select_from(relation.submissions)
        .join(Engagement, and_(Engagement.id == at.engagement_id, *vendors.own_engagements(identity)))
    )
    if narrowed.tier:
        statement = statement.where(Engagement.tier == narrowed.tier)
    return statement.where(at.slug == narrowed.slug) if narrowed.slug else statement


def _answers(identity: Identity, wanted: Sequence[str], within: Select[Any] | None = None) -> Select[Any]:
    """(submission, key) of each answer of the organisation that holds all words, the rarest first among them.
    ``within``: of these submissions alone.
    """
    columns = (AnswerWord.submission_id, AnswerWord.key)
    ours = [*mine(identity.scope, AnswerWord)]
    if within is not None:
        ours.append(AnswerWord.submission_id.in_(within))
    first: Any = select(*columns).where(*ours, _among(wanted[0]))
    if len(wanted) == 1:
        return first.distinct()  # type: ignore[no-any-return]  # a statement
    each = [func.max(case((_among(one), 1), else_=0)) for one in wanted]
    found: Any = (
        select(*columns)
        .where(*ours, tuple_(*columns).in_(first.correlate(None)), or_(*map(_among, wanted)))
        .group_by(*columns)
        .having(sum(each[1:], each[0]) == len(wanted))
    )
    return found  # type: ignore[no-any-return]  # a statement


def _rounds(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Any]:
    rows: Any = session.execute(
        select(
            Submission.id,
            Submission.assessment_id,
            Submission.round,
            Submission.content_hash,
            Assessment.slug,
            Assessment.title,
        )
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(Submission.id.in_(ids), *mine(identity.scope, Submission, Assessment))
    )
    return {one.id: one for one in rows}


def _sealed(
    session: Session, identity: Identity, places: Sequence[Any]
) -> Mapping[tuple[uuid.UUID, str], bytes]:
    where = tuple_(SealedAnswer.submission_id, SealedAnswer.key).in_(
        [(one.submission_id, one.key) for one in places]
    )
    rows: Any = session.execute(
        select(SealedAnswer.submission_id, SealedAnswer.key, SealedAnswer.answer).where(
            where, *mine(identity.scope, SealedAnswer)
        )
    )
    return {(one.submission_id, one.key): one.answer for one in rows}


def _engagements(
    session: Session,
    identity: Identity,
    ids: Collection[uuid.UUID],
    narrowed: Filter,
    relation: Relation,
) -> dict[uuid.UUID, tuple[Engagement, ...]]:
    """What each of these submissions counts for, of what the list is narrowed to."""
    at = relation.submissions.c
    statement = (
        select(at.submission_id, Engagement)
        .join(relation.submissions, at.engagement_id == Engagement.id)
        .where(at.submission_id.in_(ids), *vendors.own_engagements(identity))
        .order_by(Engagement.name_key, Engagement.id)
    )
    if narrowed.tier:
        statement = statement.where(Engagement.tier == narrowed.tier)
    rows = session.execute(statement)
    found: dict[uuid.UUID, tuple[Engagement, ...]] = {}
    for submission, engagement in rows:
        found[submission] = (*found.get(submission, ()), engagement)
    return found


# ------------------------------------------------------------------------------------------------------------ excerpts


def _said(
    question: Question | None, data: bytes | None, wanted: Sequence[str]
) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """The whole answer in words, and what of it stands around the first word that was found."""
    if question is None or data is None:
        return "", ()
    parts = [" ".join(one.split()) for one in texts_of(question, sealing.content(data)) if one.strip()]
    text = " · ".join(parts)
    return text[:WHOLE], tuple(_pieces(parts, wanted)) if wanted else ()


def _pieces(parts: Sequence[str], wanted: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """An excerpt in pieces; what folds in a way that letters do not show is told without a mark."""
    at = _first_part(parts, wanted)
    # From the part before the one that was found: an answer may be a table of megabytes.
    text = _cut(" · ".join(parts[max(0, at - 1) : at + AROUND]), LOOKED_THROUGH)
    first = next((one for one, _after in _marks(text, wanted)), 0)
    start, end = max(0, first - AROUND), min(len(text), first + 2 * AROUND)
    if start or at > 1:
        yield "… ", False
    here = start
    for one, after in _marks(text, wanted):
        if after > end:
            break
        if one < here:
            continue
        yield text[here:one], False
        yield text[one:after], True
        here = after
    more = end < len(text) or at + AROUND < len(parts)
    yield text[here:end] + (" …" if more else ""), False


def _first_part(parts: Sequence[str], wanted: Sequence[str]) -> int:
    """The number of the first part in which a word is found, 0 where none shows. A word that is found stands in the
    folded part; word by word only so many letters are looked at.
    """
    left, maybe = LOOKED_THROUGH, None
    for at, part in enumerate(parts):
        folded = words.folded(part)
        if any(one in folded for one in wanted):
            maybe = at if maybe is None else maybe
            if next(_marks(_cut(part, left), wanted), None) is not None:
                return at
            left -= len(part)
            if left <= 0:
                break
    return maybe or 0


def _cut(text: str, most: int) -> str:
    """The beginning of a text, without a word that would be cut in two."""
    return text if len(text) <= most else text[:most].rpartition(" ")[0]


def _marks(text: str, wanted: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Where words begin and end that are found, one after the other."""
    for found in re.finditer(r"\w+", text):
        if any(words.finds(one, word) for word in words.words_of(found.group()) for one in wanted):
            yield found.span()
