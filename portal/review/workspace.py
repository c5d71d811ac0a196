"""The workspace of a review: every question that was asked, the filters over them, and the one that is open."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.access import Identity, Person
from portal.assessments import cycles, result, result_queries, sealing, turn_words, turns
from portal.assessments import queries as sealed_queries
from portal.assessments.answering_cards import Card, numbers, sealed_card
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.result import Line, Outcome
from portal.assessments.result_queries import Pair
from portal.assessments.sealing import Document
from portal.assessments.turn_words import Turned
from portal.organisations import queries as organisations
from portal.review import marking, queries
from portal.review.earlier import Earlier, earlier
from portal.review.models import Mark, Review, ReviewNote
from portal.review.narrowing import Narrowing, narrowing
from portal.review.queries import ANSWER, WITHDRAWN, Case, Lapsed
from questionnaires.answers import parse_facts
from questionnaires.carry_sources import Cycle
from questionnaires.changes import words
from questionnaires.changes_fields import Word
from questionnaires.definition import FindingRule, Question
from questionnaires.visibility import earned_findings

SHOWS = (
    "all",
    "unjudged",
    "lapsed",
    "knockouts",
    "lost",
    "open",
    "changed",
    "evidence",
    "findings",
    "waiting",
)


@dataclass(frozen=True, slots=True)
class Standing:
    """The mark that stands at one place, written or not. ``mark``: "" for none; ``token`` as Case.token."""

    mark: str = ""
    points: int | None = None
    certificate: uuid.UUID | None = None
    reason: str = ""
    remark: str = ""
    written: bool = False
    carried: bool = False
    who: uuid.UUID | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One question in the list. ``change``: same, changed, new, or "" the first time.

    ``lapsed``: adverse marks of earlier rounds that no longer stand, for which this is the place to look.
    """

    question: Question
    number: str
    line: Line
    knockout: str
    standing: Standing
    change: str
    findings: tuple[FindingRule, ...]
    documents: tuple[Document, ...]
    waiting: bool
    lapsed: tuple[Lapsed, ...] = ()

    @property
    def key(self) -> str:
        return self.question.key

    @property
    def unjudged_again(self) -> bool:
        """Whether an adverse mark of an earlier round lapsed here and nobody has judged the answer since."""
        return bool(self.lapsed) and (not self.standing.mark or self.standing.carried)

    def shown_by(self, show: str) -> bool:
        """Whether a filter of SHOWS keeps this question."""
        return {
            "all": True,
            "unjudged": not self.standing.mark,
            "lapsed": self.unjudged_again,
            "knockouts": bool(self.knockout),
            "lost": self.line.lost > 0,
            "open": self.line.open > 0,
            "changed": self.change in ("changed", "new"),
            "evidence": bool(self.documents),
            "findings": bool(self.findings),
            "waiting": self.waiting,
        }[show]


@dataclass(frozen=True)
class Bench:
    """The list with its filters. ``shown``: what the filter keeps; ``counts`` by filter."""

    case: Case
    items: tuple[Item, ...]
    show: str
    outcome: Outcome
    before: Earlier | None
    review: Review | None

    @property
    def counts(self) -> dict[str, int]:
        return {show: sum(one.shown_by(show) for one in self.items) for show in SHOWS}

    @property
    def shown(self) -> list[Item]:
        return [one for one in self.items if one.shown_by(self.show)]

    @property
    def judged(self) -> int:
        return sum(bool(one.standing.mark) for one in self.items)

    def next_to(self, key: str, step: int = 1) -> Item | None:
        """The question of the filter that comes after ``key`` in the questionnaire (``step`` -1: before it)."""
        order = [one.key for one in self.items]
        if key not in order:
            return None
        at = order.index(key)
        found = [one for one in self.shown if (order.index(one.key) - at) * step > 0]
        return None if not found else found[0] if step > 0 else found[-1]


@dataclass(frozen=True)
class Opened:
    """One question as it is judged. ``note_words``: its note against that of the time before, word by word.

    ``unchanged``: in how many reviews in a row before this one the answer was the same; 0 where it, or its note, has
    changed since the time before.
    """

    item: Item
    section: str
    card: Card
    then: Card | None
    note_words: tuple[Word, ...]
    turned: Turned | None
    possible: tuple[str, ...]
    papers: tuple[tuple[Document, Standing], ...]
    notes: tuple[ReviewNote, ...]
    people: Mapping[uuid.UUID, Person]
    asked_as_before: bool
    unchanged: int


def bench(session: Session, identity: Identity, case: Case, show: str, *, also: str = "") -> Bench:
    """Every question that was asked or that a return made visible, in definition order; ``also``: one more.

    Once answers were removed the marks have nothing to stand on: then the newest rating says what they came to.
    """
    outcome = result.read(_stored(session, case) if case.redacted else case.now.to_bytes())
    before = earlier(session, identity, case)
    items = _items(session, identity, case, outcome, before, SHOWS, also)
    return Bench(case, items, show, outcome, before, queries.review_of(session, identity, case.submission.id))


def following(session: Session, identity: Identity, case: Case, show: str, key: str) -> str | None:
    """The question of a filter that comes after ``key``, read with no more than the filter needs."""
    outcome = result.read(case.now.to_bytes())
    before = earlier(session, identity, case) if show == "changed" else None
    items = _items(session, identity, case, outcome, before, (show,), "")
    found = Bench(case, items, show, outcome, before, None).next_to(key)
    return found.key if found is not None else None


def _items(
    session: Session,
    identity: Identity,
    case: Case,
    outcome: Outcome,
    before: Earlier | None,
    shows: Collection[str],
    also: str,
) -> tuple[Item, ...]:
    """The list, with what the filters ``shows`` look at; for all of them it holds reasons and remarks, too."""
    whole = shows is SHOWS
    submission = case.submission.id
    said = queries.reasons_of(session, identity, submission) if whole else {}
    remarks = queries.remarks_of(session, identity, list(case.marks.values())) if whole else {}
    contents = contents_of(session, identity, case) if "changed" in shows else {}
    lapsed = queries.lapsed_of(session, identity, submission) if "lapsed" in shows else {}
    facts, numbered = parse_facts(case.facts), numbers(case.definition)
    knockouts = {one.key: one.kind for one in outcome.knockouts}
    waiting = {key for key, _document in case.drafts}
    asked = (
        {key for key, line in outcome.lines.items() if line.state != "hidden"}
        if case.redacted
        else case.asked
    )
    return tuple(
        Item(
            question,
            numbered[key],
            outcome.lines[key],
            knockouts.get(key, ""),
            standing(case, (key, ANSWER), said, remarks),
            before.change(key, contents.get(key)) if before is not None else "",
            earned_findings(question, case.answers, facts, case.submission.as_of)
            if "findings" in shows
            else (),
            case.beside.get(key, ()),
            key in waiting,
            lapsed.get(key, ()),
        )
        for key, question in case.definition.questions.items()
        if key in asked or key == also
    )


def _stored(session: Session, case: Case) -> bytes:
    one = case.submission
    return result_queries.newest_result(session, one.id, Pair(one.organisation_id, one.company_id))


def contents_of(session: Session, identity: Identity, case: Case) -> dict[str, Content]:
    """The sealed answers by key."""
    return {
        key: sealing.content(one.answer)
        for key, one in sealed_queries.sealed(session, identity, case.submission).items()
    }


def standing(
    case: Case, place: queries.Place, said: Mapping[uuid.UUID, str], remarks: Mapping[uuid.UUID, str]
) -> Standing:
    """What stands at a place: the mark in the making before the written one."""
    draft, mark = case.drafts.get(place), case.marks.get(place)
    token = case.token(place)
    if draft is not None:
        return Standing(
            "" if draft.mark == WITHDRAWN else draft.mark,
            draft.points,
            draft.certificate,
            draft.reason,
            draft.remark,
            who=draft.changed_by,
            token=token,
        )
    if mark is None:
        return Standing(token=token)
    return Standing(
        mark.mark,
        mark.points,
        mark.certificate,
        said.get(mark.id, ""),
        remarks.get(mark.id, ""),
        written=True,
        carried=mark.carried_from is not None,
        who=mark.marked_by,
        token=token,
    )


def standing_at(session: Session, identity: Identity, case: Case, place: queries.Place) -> Standing:
    """What stands at a place with its reason, without the remark."""
    return standing(case, place, queries.reasons_of(session, identity, case.submission.id), {})


def opened(session: Session, identity: Identity, found: Bench, key: str) -> Opened:
    """One question of the list with everything beside it; LookupError for one that is not on it."""
    case = found.case
    item = next((one for one in found.items if one.key == key), None)
    if item is None:
        raise LookupError(key)
    now = contents_of(session, identity, case)
    content = now.get(key, EMPTY)
    said = queries.reasons_of(session, identity, case.submission.id)
    remarks = queries.remarks_of(session, identity, list(case.marks.values()))
    turned = turn_words.turned(
        case.definition, now, turns.of(session, identity, case.submission).values()
    ).get(key)
    notes = tuple(queries.notes_of(session, identity, case.submission.id, key))
    then, change = _then(found, key), found.before.questions.get(key) if found.before else None
    papers = tuple((one, standing(case, (key, str(one.evidence)), said, remarks)) for one in item.documents)
    who = {one.author_id for one in notes} | {item.standing.who, case.submission.sealed_by}
    who |= {one.mark.marked_by for one in item.lapsed}
    if found.before is not None and key in found.before.marks:
        who.add(found.before.marks[key].marked_by)
    old_note = then.note if then is not None else ""
    return Opened(
        item,
        case.definition.section_of[key].title,
        sealed_card(case.definition, item.question, item.number, content, item.findings),
        then,
        words(old_note, content.note) if then is not None else (),
        turned,
        () if case.redacted else marking.possible(case, key),
        papers,
        notes,
        organisations.people(session, {one for one in who if one is not None}),
        change is not None and change.is_same,
        _stood(session, identity, case, key) if item.change == "same" else 0,
    )


def _stood(session: Session, identity: Identity, case: Case, key: str) -> int:
    """In how many reviews in a row before this one the answer to ``key`` was the same."""
    newest = Cycle(case.definition, case.answers)
    return cycles.unchanged(session, identity, case.assessment, case.submission, newest).get(key, 0)


def _then(found: Bench, key: str) -> Card | None:
    """The question of the time before with its answer, as it was asked then; None where there was none."""
    before = found.before
    if before is None or key not in before.answers:
        return None
    old = before.questions[key].old
    assert old is not None  # Earlier lists questions that both versions have
    return sealed_card(before.definition, old, "", before.answers[key])


def range_of(session: Session, identity: Identity, found: Bench) -> Narrowing | None:
    """How the range narrowed up to now."""
    start = result.read(queries.first_result(session, identity, found.case.submission.id))
    marks: list[Mark] = queries.marks_of(session, identity, found.case.submission.id)
    return narrowing(found.case, (start.score, start.high), numbers(found.case.definition), marks)
