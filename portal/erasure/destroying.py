"""The one path by which values, salts and files are destroyed (law 6). Nothing here lifts a trigger.

Who destroys what (the matrix; README, "What is destroyed, and what stays"):

- **answers** of an assessment (some or all): on both sides, in every round: sealed values and salts, what they said
  before, documents beside them, the attestation (all only), drafts and their history, sentences that quote them, and
  the reasons that people wrote about what they decided (quoting.py).
  Drafts of questions that were never sealed are the company's alone: the organisation that asks does not reach them.
- **retention**: the sealed values of superseded submissions. The company's drafts are its own and stay.
- **vendor**, **organisation**: everything that the organisation holds or shares about them, its enquiries included.
  The company's own drafts and library stay with the company: it may need to show what it said.
- **company**: what is the company's alone: drafts, history, links, documents that nobody was shown. What is sealed
  belongs to both sides and stays with each organisation until that one destroys it.

A document's file goes with the last thing that refers to it. Ids, hashes, events and points stay.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from portal.assessments import move_answers
from portal.assessments.covering import submissions_moved
from portal.assessments.models import (
    AnswerContent,
    AnswerRow,
    AnswerTurn,
    Assessment,
    AssessmentEngagement,
    Enquiry,
    EnquiryEntry,
    SealedAnswer,
    SealedAttestation,
    SealedEvidence,
    StaleEdit,
    Submission,
)
from portal.assessments.move_queries import APPLIED
from portal.assessments.round_models import RoundReason
from portal.assessments.version_models import AssessmentMove, WorkbookUpload
from portal.contracts.models import Evaluation, EvaluationReasons
from portal.erasure import findings, quoting
from portal.erasure.models import DoomedFile
from portal.erasure.reaching import GONE, Destroyed, read, run
from portal.evidence.models import Evidence, EvidenceGrant, ProofDocument
from portal.library import service as library
from portal.portfolio.models import AnswerWord, FourthParty, FourthPartyName, IndexedSubmission
from portal.reassessment.models_terms import EvidenceTerm
from portal.review.models import MarkDraft, MarkReason, MarkRemark, ReviewNote

REVIEWERS_WORDS = (
    MarkDraft,
    MarkReason,
    MarkRemark,
    ReviewNote,
    RoundReason,
)  # each may quote the answer that it is about


def lock(session: Session, assessments: Collection[uuid.UUID]) -> None:
    """Make savers, submitters and destroyers of these assessments take turns, in one order."""
    read(
        session,
        select(Assessment.id).where(Assessment.id.in_(assessments)).order_by(Assessment.id).with_for_update(),
    )


def submissions_of(session: Session, assessments: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Every round of these assessments."""
    return [
        row[0]
        for row in read(session, select(Submission.id).where(Submission.assessment_id.in_(assessments)))
    ]


# --------------------------------------------------------------------------------------------------- what is sealed


def sealed(
    session: Session,
    ids: Collection[uuid.UUID],
    keys: Collection[str] | None,
    found: Destroyed,
    now: datetime,
) -> None:
    """Destroy what lies beside submissions: of some questions, or all (``keys`` None) with the attestation."""
    if not ids:
        return
    submissions_moved(session, ids)
    rows = read(session, select(Submission.id, Submission.submission_hash).where(Submission.id.in_(ids)))
    for row in rows:
        before = found.submissions.get(row.id, ("", set()))[1]
        whole = keys is None or before is None
        found.submissions[row.id] = (
            row.submission_hash,
            None if whole else (before or set()) | set(keys or ()),
        )
    documents = {
        row[0]
        for row in read(session, _beside(select(SealedEvidence.evidence_id), SealedEvidence, ids, keys))
    }
    found.add("answers", run(session, _beside(delete(SealedAnswer), SealedAnswer, ids, keys)))
    found.add("earlier_answers", run(session, _beside(delete(AnswerTurn), AnswerTurn, ids, keys)))
    found.add("documents", run(session, _beside(delete(SealedEvidence), SealedEvidence, ids, keys)))
    run(
        session, _beside(delete(EvidenceTerm), EvidenceTerm, ids, keys)
    )  # what follows from a document goes with it
    for index in (AnswerWord, FourthParty):  # found by nobody any more from here on
        found.add("search_words", run(session, _beside(delete(index), index, ids, keys)))
    _names(session, ids, found)
    for model in REVIEWERS_WORDS:
        # "" is what is said of several questions at once
        some = None if keys is None else {*keys, ""}
        found.add("review_words", run(session, _beside(delete(model), model, ids, some)))
    if keys is None:
        gone = delete(SealedAttestation).where(SealedAttestation.submission_id.in_(ids))
        found.add("attestations", run(session, gone))
        run(session, delete(IndexedSubmission).where(IndexedSubmission.submission_id.in_(ids)))
    _reasons(session, ids, found)
    unreferenced(session, documents, found, now)


def _beside(statement: Any, model: Any, ids: Collection[uuid.UUID], keys: Collection[str] | None) -> Any:
    statement = statement.where(model.submission_id.in_(ids))
    return statement if keys is None else statement.where(model.key.in_(keys))


def _names(session: Session, ids: Collection[uuid.UUID], found: Destroyed) -> None:
    """Names of firms that were said to be one: those that no answer gives any more, on either side."""
    here = select(Submission.organisation_id).where(Submission.id.in_(ids))

    def given(key: Any) -> Any:
        return exists().where(
            FourthParty.organisation_id == FourthPartyName.organisation_id, FourthParty.name_key == key
        )

    nobody = or_(~given(FourthPartyName.name_key), ~given(FourthPartyName.same_as))
    gone = delete(FourthPartyName).where(FourthPartyName.organisation_id.in_(here), nobody)
    found.add("fourth_party_names", run(session, gone))


def _reasons(session: Session, ids: Collection[uuid.UUID], found: Destroyed) -> None:
    """Sentences of evaluations that rest on these submissions: they quote answers."""
    covered = (
        select(AssessmentEngagement.engagement_id)
        .join(Submission, Submission.assessment_id == AssessmentEngagement.assessment_id)
        .where(Submission.id.in_(ids))
    )
    rows = read(
        session, select(Evaluation.id, Evaluation.submissions).where(Evaluation.engagement_id.in_(covered))
    )
    wanted = {str(one) for one in ids}
    quoting = [row.id for row in rows if wanted & set(row.submissions)]
    gone = delete(EvaluationReasons).where(EvaluationReasons.evaluation_id.in_(quoting))
    found.add("reasons", run(session, gone) if quoting else 0)


def unreferenced(session: Session, documents: Collection[uuid.UUID], found: Destroyed, now: datetime) -> None:
    """Doom the files of documents that are out of their library and that no seal and no open draft refers to any more.

    A grant in a questionnaire that is closed keeps nothing: what was sealed with it is a reference of its own.
    """
    drafted = exists().where(
        EvidenceGrant.evidence_id == Evidence.id,
        EvidenceGrant.revoked_at.is_(None),
        EvidenceGrant.assessment_id == Assessment.id,
        Assessment.state == "open",
    )
    rows = read(
        session,
        select(Evidence.id, Evidence.storage_key, Evidence.sha256)
        .where(
            Evidence.id.in_(documents),
            Evidence.removed_at.is_not(None),
            ~exists().where(SealedEvidence.evidence_id == Evidence.id),
            ~exists().where(ProofDocument.evidence_id == Evidence.id),
            ~drafted,
        )
        .order_by(Evidence.id)
        .with_for_update(of=Evidence),
    )
    _destroy_documents(session, rows, found, now)


def _destroy_documents(session: Session, rows: Iterable[Any], found: Destroyed, now: datetime) -> None:
    for row in rows:
        if row.storage_key is not None:
            session.add(DoomedFile(storage_key=row.storage_key, doomed_at=now))
            found.files.add(row.sha256)
        gone = {"storage_key": None, "title": GONE, "filename": GONE, "issued": None, "expires": None}
        found.add(
            "library_documents", run(session, update(Evidence).where(Evidence.id == row.id).values(**gone))
        )
        left = (EvidenceGrant.evidence_id == row.id) & EvidenceGrant.revoked_at.is_(None)
        run(session, update(EvidenceGrant).where(left).values(revoked_at=now))


# ---------------------------------------------------------------------------------------------- drafts and enquiries


def drafts(
    session: Session, assessment_id: uuid.UUID, keys: Collection[str], found: Destroyed, now: datetime
) -> None:
    """Blank the company's draft of these answers and destroy their history.

    The draft's revision grows: a page that is still open elsewhere posts a stale edit, not the old value.
    """

    def of(statement: Any, model: Any) -> Any:
        return statement.where(model.assessment_id == assessment_id, model.key.in_(keys))

    found.add("history", run(session, of(delete(AnswerContent), AnswerContent)))
    found.add("kept_edits", run(session, of(delete(StaleEdit), StaleEdit)))
    # A workbook that waits may hold any of them: it goes as a whole, and can be uploaded again.
    waiting = delete(WorkbookUpload).where(WorkbookUpload.assessment_id == assessment_id)
    found.add("workbooks", run(session, waiting))
    blank = {
        "state": "unanswered",
        "value": {"v": None},
        "note": "",
        "promise_reason": "",
        "promise_date": None,
        "revision": AnswerRow.revision + 1,
        "delegation_id": None,
        "accepted_at": None,
        "accepted_by": None,
    }
    found.add("drafts", run(session, of(update(AnswerRow).values(**blank), AnswerRow)))
    live = of(select(EvidenceGrant.evidence_id), EvidenceGrant).where(EvidenceGrant.revoked_at.is_(None))
    documents = {row[0] for row in read(session, live)}
    run(
        session,
        of(update(EvidenceGrant).values(revoked_at=now), EvidenceGrant).where(
            EvidenceGrant.revoked_at.is_(None)
        ),
    )
    unreferenced(session, documents, found, now)


def enquiries(
    session: Session, assessments: Collection[uuid.UUID], keys: Collection[str] | None, found: Destroyed
) -> None:
    """Empty what was written in enquiries about these assessments, or about single questions of them."""
    which: ColumnElement[bool] = Enquiry.assessment_id.in_(assessments)
    if keys is not None:
        which &= Enquiry.key.in_(keys)
    ids = [row[0] for row in read(session, select(Enquiry.id).where(which))]
    if ids:
        texts = update(EnquiryEntry).where(EnquiryEntry.enquiry_id.in_(ids)).values(text="")
        found.add("enquiry_texts", run(session, texts))
        run(session, update(Enquiry).where(Enquiry.id.in_(ids)).values(person=None))


def answers(
    session: Session,
    assessment_id: uuid.UUID,
    keys: Collection[str] | None,
    found: Destroyed,
    *,
    by: uuid.UUID | None = None,
    now: datetime,
) -> None:
    """Redact answers of an assessment, in all rounds and on both sides, as far as they were ever sealed."""
    lock(session, [assessment_id])
    submissions = submissions_of(session, [assessment_id])
    # A question that was renamed by a move is the same question, whatever it is called in a round or a draft.
    shown = aliases(session, assessment_id, sealed_keys(session, submissions))
    keys = None if keys is None else aliases(session, assessment_id, keys)
    sealed(session, submissions, keys, found, now)
    unreferenced(session, findings.of_answers(session, submissions, keys, found, by=by, now=now), found, now)
    drafts(session, assessment_id, shown if keys is None else shown & set(keys), found, now)
    enquiries(session, [assessment_id], keys, found)
    quoting.reasons(session, assessment_id, shown if keys is None else keys, found, by=by, now=now)


def aliases(session: Session, assessment_id: uuid.UUID, keys: Collection[str]) -> set[str]:
    """``keys``, and what their questions are called in the other versions that the assessment has had."""
    applied = (AssessmentMove.assessment_id == assessment_id) & (AssessmentMove.state == APPLIED)
    moves = read(
        session,
        select(AssessmentMove.organisation_id, AssessmentMove.from_hash, AssessmentMove.to_hash).where(
            applied
        ),
    )
    if not moves:
        return set(keys)
    versions = [
        (library.definition(session, each.from_hash), library.definition(session, each.to_hash))
        for each in moves
    ]
    return move_answers.aliases(session, moves[0].organisation_id, versions, keys)


def sealed_keys(session: Session, ids: Collection[uuid.UUID]) -> set[str]:
    """The questions of which anything was sealed with these submissions, be it destroyed since or not."""
    rows = read(session, select(Submission.commitments, Submission.evidence).where(Submission.id.in_(ids)))
    return {one[0] for row in rows for listed in row for one in json.loads(listed)}
