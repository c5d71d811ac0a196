"""What a company reads of its assessments: found through its identity, or not found."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, case, func, select, tuple_
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, mine, own, owned, scoped
from portal.assessments import drafts, given, sealing
from portal.assessments.models import (
    AnswerContent,
    AnswerRevision,
    AnswerRow,
    Assessment,
    SealedAnswer,
    SealedAttestation,
    SealedEvidence,
    StaleEdit,
    Submission,
)
from portal.assessments.returned import Returned, Standing, Whole
from portal.assessments.round_models import RoundScope
from portal.assessments.sealing import Proof
from portal.evidence import queries as evidence
from portal.evidence.queries import Beside
from portal.faults import NotFound
from portal.organisations import queries as organisations
from portal.paging import Page, paged
from portal.rows import run
from portal.statements import once
from questionnaires.definition import Questionnaire

Documents = Mapping[str, tuple[Beside, ...]]


class Held(NamedTuple):
    """A draft answer as it was read: the columns of AnswerRow. No row of the session: cheap, and never stale."""

    key: str
    revision: int
    state: str
    value: dict[str, Any]
    note: str
    promise_reason: str
    promise_date: date | None
    answered_by: uuid.UUID
    answered_at: datetime
    delegation_id: uuid.UUID | None
    accepted_at: datetime | None


class Stale(NamedTuple):
    """What this person wrote on an older revision: the columns of StaleEdit."""

    id: uuid.UUID
    revision: int
    state: str
    value: dict[str, Any]
    note: str
    promise_reason: str
    promise_date: date | None
    written_at: datetime


Rows = Mapping[str, tuple[Held, Stale | None]]
_HELD = tuple(getattr(AnswerRow, name) for name in Held._fields)
_BESIDE = tuple(getattr(StaleEdit, name) for name in Stale._fields)
# Built once: building a statement costs more than running it.
_ROWS = once(
    select(*_HELD, *_BESIDE)
    .outerjoin(
        StaleEdit,
        and_(
            StaleEdit.assessment_id == AnswerRow.assessment_id,
            StaleEdit.key == AnswerRow.key,
            StaleEdit.person_id == bindparam("person"),
            *own("company", StaleEdit),
        ),
    )
    .where(*own("company", AnswerRow), AnswerRow.assessment_id == bindparam("assessment"))
)
_BY_ID = {
    side: select(Assessment).where(*own(side, Assessment), Assessment.id == bindparam("assessment"))
    for side in ("organisation", "company")
}
_ASSESSMENT = {(side, False): once(found) for side, found in _BY_ID.items()}
_ASSESSMENT |= {(side, True): once(found.with_for_update()) for side, found in _BY_ID.items()}


def assessment(
    session: Session,
    identity: Identity,
    assessment_id: uuid.UUID,
    *,
    lock: bool = False,
    whole: bool = False,
) -> Assessment:
    """The assessment of this company, as far as this person was given any of it (given.py); NotFound otherwise.

    ``lock`` makes writers of one assessment take turns. ``whole``: not for those who were given a part.
    """
    side = "organisation" if identity.organisation else "company"
    statement, within = _ASSESSMENT[side, lock], given.seen(identity, whole=whole)
    found: Assessment | None = session.execute(
        statement.where(*within) if within else statement,
        {**owned(side, identity.scope), "assessment": assessment_id},
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def open_assessments(session: Session, identity: Identity, number: int, *, size: int) -> Page[Assessment]:
    """What waits for the company, the nearest due date first."""
    statement = (
        scoped(identity, Assessment)
        .where(Assessment.state == "open", *given.seen(identity))
        .order_by(Assessment.due, Assessment.issued_at, Assessment.id)
    )
    return paged(session, statement, number, size=size)


def submitted_assessments(
    session: Session, identity: Identity, number: int, *, size: int
) -> Page[Assessment]:
    """What the company has submitted, declined, or was taken back, the newest first."""
    statement = (
        scoped(identity, Assessment)
        .where(Assessment.state != "open", *given.seen(identity, whole=True))
        .order_by(func.coalesce(Assessment.closed_at, Assessment.submitted_at).desc(), Assessment.id)
    )
    return paged(session, statement, number, size=size)


def how_near(session: Session, identity: Identity, today: date) -> tuple[int, int]:
    """How many open assessments are late, and how many are due within two weeks, on the local date ``today``."""
    late = case((Assessment.due < today, 1))
    soon = case((Assessment.due.between(today, today + timedelta(days=14)), 1))
    found = session.execute(
        scoped(identity, Assessment)
        .with_only_columns(func.count(late), func.count(soon))
        .where(Assessment.state == "open", *given.seen(identity))
    ).one()
    return int(found[0]), int(found[1])


def askers(session: Session, some: Iterable[Assessment]) -> dict[uuid.UUID, str]:
    """The names of the organisations behind the assessments of one page."""
    wanted = {one.organisation_id for one in some}
    return {key: organisations.organisation_for_company(session, key).name for key in wanted}


def rows(
    session: Session, identity: Identity, assessment_id: uuid.UUID
) -> dict[str, tuple[Held, Stale | None]]:
    """Each draft answer with what this person wrote beside it on an older revision, in one statement."""
    values = {
        **owned("company", identity.scope),
        "assessment": assessment_id,
        "person": identity.person.id,
    }
    found = run(session, _ROWS, values)
    here = len(_HELD)
    return {
        row[0]: (Held._make(row[:here]), Stale._make(row[here:]) if row[here] is not None else None)
        for row in found
    }


def draft(
    session: Session,
    identity: Identity,
    definition: Questionnaire,
    one: Assessment,
    held: Rows,
    now: datetime,
    documents: Documents | None = None,
) -> drafts.Draft:
    """The draft as a whole, read on the organisation's present date.

    Without ``documents`` (of ``documents_of``) its gaps are not to be asked. In a round of chosen questions all others
    are as they were handed in, and Draft.asked says what is to be answered; then documents are always read.
    """
    asked = definition.questions  # a move to another version leaves rows behind that it does not ask
    contents = {key: drafts.content_of(row) for key, (row, _) in held.items() if key in asked}
    waiting = {key for key, (row, _) in held.items() if key in asked and unaccepted(row)}
    returned = None if one.scope_id is None else _return_of(session, identity, one)
    if returned is not None and documents is None:
        documents = documents_of(session, identity, one)
    beside = {key: some for key, some in (documents or {}).items() if key in asked}
    waiting |= {key for key, some in beside.items() if any(each.waits for each in some)}
    today = clock.local_date(now, one.zone)
    if returned is None:
        return drafts.read(
            definition, contents, one.facts, today, frozenset(waiting), beside, one.shown or ()
        )
    plain = drafts.read(definition, {}, one.facts, today, shown=one.shown or ())
    scope, standing = returned
    came = Returned(frozenset(scope.keys), standing, Whole(contents, beside, frozenset(waiting)))
    return came.narrowed(plain)


def _return_of(session: Session, identity: Identity, one: Assessment) -> tuple[RoundScope, Standing]:
    """What came back in the present round of ``one``, and the submission that stands for the rest."""
    scope, submission = session.execute(
        scoped(identity, RoundScope, Submission).where(
            RoundScope.id == one.scope_id, Submission.id == RoundScope.submission_id
        )
    ).one()
    contents = {
        key: sealing.content(row.answer) for key, row in sealed(session, identity, submission).items()
    }
    beside: dict[str, dict[uuid.UUID, bytes]] = {}
    for paper in papers(session, identity, submission):
        beside.setdefault(paper.key, {})[paper.evidence_id] = paper.document
    shown = frozenset(one.shown or ()) - frozenset(scope.shown)
    return scope, Standing(contents, beside, submission.as_of, shown)


def documents_of(session: Session, identity: Identity, one: Assessment) -> Documents:
    """What lies beside the answers of a draft, by question."""
    return evidence.beside(session, identity, [one.id])[one.id]


def unaccepted(row: Held) -> bool:
    """Whether an answer came through a link and waits for an owner."""
    return row.delegation_id is not None and row.accepted_at is None


def contents_at(
    session: Session, identity: Identity, assessment_id: uuid.UUID, wanted: Mapping[str, int]
) -> dict[str, drafts.Content]:
    """What answers said at given revisions; a revision that was never written or is redacted is left out."""
    if not wanted:
        return {}
    found = session.execute(
        scoped(identity, AnswerContent, AnswerRevision)
        .with_only_columns(AnswerContent)
        .where(
            AnswerContent.id == AnswerRevision.content_id,
            AnswerRevision.assessment_id == assessment_id,
            tuple_(AnswerRevision.key, AnswerRevision.revision).in_(wanted.items()),
        )
    ).scalars()
    return {row.key: drafts.content_of(row) for row in found}


def removed_at(
    session: Session, identity: Identity, assessment_id: uuid.UUID, wanted: Mapping[str, int]
) -> set[str]:
    """Which of these keys were written at these revisions, and are redacted since."""
    if not wanted:
        return set()
    there = select(AnswerContent.id).where(
        AnswerContent.id == AnswerRevision.content_id, *mine(identity.scope, AnswerContent)
    )
    found = session.execute(
        scoped(identity, AnswerRevision)
        .with_only_columns(AnswerRevision.key)
        .where(
            AnswerRevision.assessment_id == assessment_id,
            tuple_(AnswerRevision.key, AnswerRevision.revision).in_(wanted.items()),
            ~there.exists(),
        )
    ).scalars()
    return set(found)


def answers_by_person(session: Session, identity: Identity) -> dict[uuid.UUID, int]:
    """How many answers of open assessments each colleague has given."""
    found = session.execute(
        scoped(identity, AnswerRow, Assessment)
        .with_only_columns(AnswerRow.answered_by, func.count())
        .where(
            AnswerRow.assessment_id == Assessment.id,
            Assessment.state == "open",
            AnswerRow.state.in_(("answered", "not_applicable")),
            *given.seen(identity),
        )
        .group_by(AnswerRow.answered_by)
    )
    return {person: int(count) for person, count in found}


def open_choices(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[StaleEdit]:
    """Edits of the whole team that still lie beside a stored answer."""
    return list(
        session.execute(
            scoped(identity, StaleEdit)
            .where(StaleEdit.assessment_id == assessment_id)
            .order_by(StaleEdit.written_at, StaleEdit.id)
        ).scalars()
    )


# ------------------------------------------------------------------------------------------------- what is sealed


def submission(
    session: Session, identity: Identity, one: Assessment, number: int | None = None
) -> Submission:
    """The newest submission of an assessment, or that of round ``number``, for either side; NotFound without one."""
    statement = scoped(identity, Submission).where(Submission.assessment_id == one.id)
    if number is not None:
        statement = statement.where(Submission.round == number)
    found: Submission | None = session.execute(
        statement.order_by(Submission.round.desc()).limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def rounds(session: Session, identity: Identity, one: Assessment) -> list[tuple[int, datetime]]:
    """(round, when it was sealed) of every submission of an assessment, the newest first, for either side."""
    rows = session.execute(
        scoped(identity, Submission)
        .with_only_columns(Submission.round, Submission.sealed_at)
        .where(Submission.assessment_id == one.id)
        .order_by(Submission.round.desc())
    )
    return [(number, at) for number, at in rows]


def sealed(session: Session, identity: Identity, found: Submission) -> dict[str, SealedAnswer]:
    """What lies beside a submission, by key; an answer that was redacted is not there."""
    statement = scoped(identity, SealedAnswer).where(SealedAnswer.submission_id == found.id)
    return {row.key: row for row in session.execute(statement).scalars()}


def attestation(session: Session, identity: Identity, found: Submission) -> SealedAttestation | None:
    """Who signed, and what they declared; None when it was redacted."""
    row: SealedAttestation | None = session.execute(
        scoped(identity, SealedAttestation).where(SealedAttestation.submission_id == found.id)
    ).scalar_one_or_none()
    return row


def papers(session: Session, identity: Identity, found: Submission) -> list[SealedEvidence]:
    """The documents that were sealed with a submission; what was redacted is not there."""
    statement = scoped(identity, SealedEvidence).where(SealedEvidence.submission_id == found.id)
    return list(session.execute(statement).scalars())


def verify(session: Session, identity: Identity, found: Submission) -> Proof:
    """Whether what lies beside a submission is what its hash was made from, for either side."""
    return sealing.verify(
        found,
        sealed(session, identity, found).values(),
        attestation(session, identity, found),
        papers(session, identity, found),
    )
