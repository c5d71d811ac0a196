"""What may answer a question of an open assessment already: computed when it is read, kept nowhere.

Sources are the company's sealed submissions: to the organisation that asks, for those who may see an answer at all;
to other organisations for owners alone, and only while an owner's consent stands (consent.py). Beside them stand the
answers that a move to another version took off the page (moving.py). An offer is nobody's word until a person confirms
it (confirming.py); answering the question settles it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import and_, case, exists, or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.access import CompanyRole, Identity, mine
from portal.assessments import doubts, drafts, rating, sealing
from portal.assessments.doubts import Doubt
from portal.assessments.drafts import Content, Fault
from portal.assessments.models import (
    Assessment,
    AssessmentEngagement,
    Rating,
    SealedAnswer,
    SealedEvidence,
    Submission,
)
from portal.assessments.version_models import CarryConsent
from portal.evidence import queries as evidence
from portal.evidence.models import Evidence
from portal.library import lineage
from portal.library import service as library
from portal.remembered import Remembered
from questionnaires.answers import Answer, EvidenceItem, InvalidAnswer, raw_value
from questionnaires.carry_forward import Offer, Table, is_given
from questionnaires.carry_sources import Found, Nearness, Source, choose
from questionnaires.changes import QuestionChange
from questionnaires.definition import Question, Questionnaire
from questionnaires.kinds import is_of_kind
from questionnaires.scoring import is_valid

# Submissions that are looked at: of the same engagement, then of the organisation, then of others; the newest first.
MOST_SOURCES = 40
How = Literal["section", "single", "refused"]
OWN = "own."  # begins the keys of an organisation's own questions: they never leave it
NOT_SHOWN = ("campaign", "added", "unanswered", "unalike")  # no earlier answer to this question
GOOD_SCANS = ("clean", "not_scanned")
NO_ANSWER = Answer("unanswered")
_tables: Remembered[Table] = Remembered(128)


@dataclass(frozen=True, slots=True)
class Paper:
    """A document of the library that lay beside the earlier answer, and still holds when the answers are due."""

    evidence: uuid.UUID
    title: str
    kind: str
    expires: date | None


@dataclass(frozen=True)
class Past:
    """An earlier answer to a question.

    ``source``: what a confirmation names: a submission's id, or MOVE. ``content``: what it said to ``old``.
    ``label``: that questionnaire and its version. ``offered``: what "still true" makes of it, None where it cannot be
    confirmed, for ``reason``. ``papers`` would come along, ``lapsed`` documents would not. ``mark``: that a reviewer
    challenged or disproved it. ``foreign``: it was given to another organisation.
    """

    source: str
    change: QuestionChange = field(repr=False)
    old: Question = field(repr=False)
    content: Content
    offered: Content | None
    reason: str
    at: datetime
    who: uuid.UUID
    label: str
    papers: tuple[Paper, ...] = ()
    lapsed: int = 0
    mark: str = ""
    foreign: bool = False

    @property
    def submission(self) -> uuid.UUID | None:
        return None if self.source == MOVE else uuid.UUID(self.source)


MOVE = "move"


@dataclass(frozen=True)
class Offered:
    """All that could answer one question. ``how``: whether its section's button confirms it, too.

    ``doubt``: what the asking organisation's reviewer held against the last answer that was judged.
    """

    key: str
    how: How
    pasts: tuple[Past, ...]
    differ: bool = False
    doubt: Doubt | None = None

    @property
    def is_offered(self) -> bool:
        """Whether anything here can be confirmed."""
        return any(one.offered is not None for one in self.pasts)

    def past(self, source: str) -> Past | None:
        return next((one for one in self.pasts if one.source == source), None)

    @property
    def chosen(self) -> Past | None:
        """The one that a confirmation of the whole section takes."""
        return self.pasts[0] if self.how == "section" else None


Offers = Mapping[str, Offered]


@dataclass
class _Sealed:
    """One submission as a source: its rows, with the answers of the keys that were asked for."""

    row: Any
    answers: dict[str, bytes] = field(default_factory=dict)
    papers: dict[str, list[tuple[Paper, EvidenceItem]]] = field(default_factory=dict)
    gone: dict[str, set[uuid.UUID]] = field(default_factory=dict)
    table: Table | None = None

    @property
    def compiled(self) -> Table:
        assert self.table is not None
        return self.table


def find(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    keys: Collection[str],
    now: datetime,
) -> dict[str, Offered]:
    """What was answered before to each of ``keys``, in the order of the definition; one statement, and the reviews'.

    The caller leaves out the questions that are answered. Nothing for a campaign. What a reviewer did not believe is
    confirmed alone.
    """
    if not keys or one.campaign_id is not None or definition.purpose == "campaign":
        return {}
    names = lineage.former_keys(session, one.organisation_id, definition, keys)
    sealed = _read(session, identity, one, names)
    today = clock.local_date(now, one.zone)
    by_id = {str(each.row.submission_id): each for each in sealed}
    sources = [source for each in sealed if (source := _source(session, one, definition, each)) is not None]
    if not sources:
        return {}
    chosen = choose(
        definition,
        sources,
        as_of=today,
        due=one.due,
        table=lambda source: by_id[source.label].compiled,
    )
    against = _against(session, identity, one, sealed)
    found = {}
    for key in definition.questions:
        if key not in keys:
            continue
        choice = chosen[key]
        pasts = [
            _past(by_id[each.source.label], each, one, definition.questions[key], today)
            for each in choice.found
            if each.offer.code not in NOT_SHOWN
        ]
        if choice.chosen is not None:  # agreed: the nearest speaks for all
            pasts = [past for past in pasts if past.source == choice.chosen.source.label]
        if pasts:
            together = choice.how == "section" and pasts[0].offered is not None and key not in against
            found[key] = Offered(
                key, "section" if together else "single", tuple(pasts), choice.differ, against.get(key)
            )
    return found


def _against(
    session: Session, identity: Identity, one: Assessment, sealed: Collection[_Sealed]
) -> dict[str, Doubt]:
    """What reviewers of the organisation that asks, and of no other, held against earlier answers."""
    own = [
        doubts.Reviewed(each.row.submission_id, each.row.sealed_at, each.row.marks or {}, each.table.new_keys)
        for each in sealed
        if each.table is not None and each.row.organisation_id == one.organisation_id
    ]
    if not any(each.row.reviewed for each in sealed):  # a first round that nobody has judged bears no mark
        return {}
    return doubts.doubted(session, identity, one.organisation_id, own)


def _read(session: Session, identity: Identity, one: Assessment, names: Collection[str]) -> list[_Sealed]:
    """The sealed answers to ``names`` that this person may be offered, with marks and documents, newest first."""
    scope = identity.scope
    consent = (
        select(CarryConsent.assessment_id)
        .where(CarryConsent.assessment_id == one.id, *mine(scope, CarryConsent))
        .exists()
    )
    here = Submission.organisation_id == one.organisation_id
    reachable = or_(here, consent) if identity.role is CompanyRole.OWNER else here
    covered = (
        select(AssessmentEngagement.engagement_id)
        .where(*mine(scope, AssessmentEngagement), AssessmentEngagement.assessment_id == one.id)
        .correlate(None)
    )
    near = (
        select(AssessmentEngagement.engagement_id)
        .where(
            *mine(scope, AssessmentEngagement),
            AssessmentEngagement.assessment_id == Submission.assessment_id,
            AssessmentEngagement.engagement_id.in_(covered),
        )
        .exists()
    )
    campaign = exists().where(
        *mine(scope, Assessment),
        Assessment.id == Submission.assessment_id,
        Assessment.campaign_id.is_not(None),
    )
    candidates = (
        select(Submission.id)
        .where(*mine(scope, Submission), Submission.assessment_id != one.id, reachable, ~campaign)
        .order_by(case((near, 0), (here, 1), else_=2), Submission.sealed_at.desc(), Submission.id)
        .limit(MOST_SOURCES)
        .correlate(None)
    )
    marks = (
        select(Rating.marks)
        .where(*mine(scope, Rating), Rating.submission_id == Submission.id)
        .order_by(Rating.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    rated_again = exists().where(
        *mine(scope, Rating), Rating.submission_id == Submission.id, Rating.sequence > 1
    )
    rows = session.execute(
        select(
            SealedAnswer.submission_id,
            SealedAnswer.key,
            SealedAnswer.answer,
            Submission.organisation_id,
            Submission.content_hash,
            Submission.as_of,
            Submission.sealed_at,
            Submission.sealed_by,
            near.label("near"),
            marks.label("marks"),
            or_(Submission.round > 1, rated_again).label("reviewed"),
            SealedEvidence.evidence_id,
            Evidence.id.label("document"),
            Evidence.title,
            Evidence.kind,
            Evidence.issued,
            Evidence.expires,
        )
        .select_from(SealedAnswer)
        .join(Submission, and_(Submission.id == SealedAnswer.submission_id, *mine(scope, Submission)))
        .outerjoin(
            SealedEvidence,
            and_(
                SealedEvidence.submission_id == SealedAnswer.submission_id,
                SealedEvidence.key == SealedAnswer.key,
                *mine(scope, SealedEvidence),
            ),
        )
        .outerjoin(
            Evidence,
            and_(
                Evidence.id == SealedEvidence.evidence_id,
                Evidence.scan.in_(GOOD_SCANS),
                Evidence.storage_key.is_not(None),
                *evidence.in_library(identity),
            ),
        )
        .where(*mine(scope, SealedAnswer), SealedAnswer.key.in_(names), Submission.id.in_(candidates))
        .order_by(Submission.sealed_at.desc(), Submission.id, SealedAnswer.key, SealedEvidence.evidence_id)
    )
    found: dict[uuid.UUID, _Sealed] = {}
    for row in rows:
        held = found.setdefault(row.submission_id, _Sealed(row))
        held.answers[row.key] = row.answer
        if row.document is not None:
            paper = Paper(row.document, row.title, row.kind, row.expires)
            item = EvidenceItem(row.kind, row.issued, row.expires)
            held.papers.setdefault(row.key, []).append((paper, item))
        elif row.evidence_id is not None:
            held.gone.setdefault(row.key, set()).add(row.evidence_id)
    return list(found.values())


def _source(session: Session, one: Assessment, new: Questionnaire, each: _Sealed) -> Source | None:
    """A submission as the engine reads it; None where nothing of it may be offered.

    Own lines of two organisations are never one line, and an organisation's own questions take nothing from others.
    """
    row = each.row
    old = library.definition(session, row.content_hash)
    if old.purpose == "campaign":
        return None
    foreign = row.organisation_id != one.organisation_id
    line = old.slug == new.slug and (not foreign or (lineage.is_shipped(old) and lineage.is_shipped(new)))
    between = lineage.between(session, one.organisation_id, old, new) if line else ()
    known = (old.content_hash, new.content_hash, line, tuple(one.content_hash for one in between))
    each.table = _tables.get(known, lambda: Table(old, new, between, versions=line))
    heirs = each.table.new_keys
    kept = {
        key: data
        for key, data in each.answers.items()
        if not foreign or not (key.startswith(OWN) or heirs.get(key, "").startswith(OWN))
    }
    answers: dict[str, Answer] = sealing.typed_answers(old, kept, row.as_of)
    marks = {key: mark for key, mark in (row.marks or {}).items() if key in answers}
    answers = rating.marked(old, answers, marks, row.as_of)
    nearness: Nearness = "company" if foreign else "engagement" if row.near else "organisation"
    day = clock.local_date(row.sealed_at, one.zone)
    return Source(str(row.submission_id), nearness, day, "", old, answers, between)


def _past(each: _Sealed, found: Found, one: Assessment, question: Question, today: date) -> Past:
    """An offer of the engine with what a person needs to decide on it."""
    row, offer, change = each.row, found.offer, found.offer.change
    assert change.old is not None
    offered, reason = settled(question, offer, today)
    key = next(
        name for name in (change.old.key, *change.also) if is_given(found.source.answers.get(name, NO_ANSWER))
    )
    papers, lapsed = _papers(each.papers.get(key, ()), question, one.due)
    return Past(
        source=found.source.label,
        change=change,
        old=found.source.definition.questions[key],
        # A promise of evidence was made for that time: it is neither offered nor shown.
        content=replace(sealing.content(each.answers[key]), promise_reason="", promise_date=""),
        offered=offered,
        reason=reason,
        at=row.sealed_at,
        who=row.sealed_by,
        label=f"{found.source.definition.title} {found.source.definition.version}",
        papers=papers if offered is not None else (),
        lapsed=lapsed + len(each.gone.get(key, ())),
        mark=offer.mark or "",
        foreign=found.source.nearness == "company",
    )


def _papers(
    held: Iterable[tuple[Paper, EvidenceItem]], question: Question, due: date
) -> tuple[tuple[Paper, ...], int]:
    """The documents that hold on ``due``, and how many others there are."""
    kept, lapsed = [], 0
    for paper, item in held:
        rule = question.evidence
        if is_valid(rule if rule and is_of_kind(item.kind, rule.kind) else None, item, due):
            kept.append(paper)
        else:
            lapsed += 1
    return tuple(kept), lapsed


def settled(question: Question, offer: Offer, today: date) -> tuple[Content | None, str]:
    """What "still true" would save, checked as if it had been typed; and why, or why not."""
    answer = offer.answer
    if answer is None:
        return None, offer.reason
    value = None if answer.value is None else raw_value(question, answer.value)
    checked = drafts.check(question, Content(answer.state, value, answer.note), today)
    if isinstance(checked, Fault):
        return None, checked.first
    return checked, offer.reason


def typed_or_none(question: Question, content: Content, today: date) -> Answer | None:
    """A draft as the engine reads it; None where its value no longer fits its own question."""
    try:
        return drafts.typed(question, content, today)
    except InvalidAnswer:
        return None
