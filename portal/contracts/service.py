"""Evaluating contract requirements: append-only rows over the newest submissions that cover an engagement."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import rating, result_queries, sealing
from portal.assessments.models import Assessment, Submission
from portal.assessments.result_queries import Pair, SubmissionKey
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.models import Catalogue, Evaluation, EvaluationReasons
from portal.contracts.schedule_models import ContractItem
from portal.db import across
from portal.faults import Conflict
from portal.library import service as library
from portal.organisations.models import Organisation
from portal.rows import insert_rows
from portal.vendors.facts import facts_of, judged
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement, Vendor
from questionnaires import requirements
from questionnaires.answers import parse_facts
from questionnaires.canonical import canonical_json
from questionnaires.requirements import Answered

LEFT_OUT = frozenset({"campaign"})


@dataclass(frozen=True, slots=True)
class Basis:
    """What an evaluation of one engagement rests on now."""

    facts: dict[str, Any]
    submissions: list[SubmissionKey]
    catalogue_hash: str


def evaluate_after_submission(
    session: Session, assessment: Assessment, submission: Submission, actor: Identity, now: datetime
) -> None:
    """The consequence of a submission: every engagement that it covers is evaluated anew."""
    pair = Pair(submission.organisation_id, submission.company_id)
    ids = result_queries.engagement_ids(session, assessment, pair)
    for subject in _subjects(session, pair.organisation_id, ids):
        _evaluate(session, subject, pair, actor=actor, now=now)


def evaluate_engagement(
    session: Session, engagement: Engagement, *, actor: Identity, now: datetime
) -> Evaluation:
    """Evaluate one engagement anew, for the organisation: its facts or a reviewer's marks have changed.

    Raises Conflict while the vendor has no company, for then nobody can have submitted anything, and once answers
    were removed: what they called for then stays, and would read as if they had never been given.
    """
    (subject,) = _subjects(session, engagement.organisation_id, [engagement.id])
    vendor = subject[1]
    if vendor.company_id is None:
        raise Conflict("Nobody of this vendor has joined yet, so there are no answers to evaluate.")
    pair = Pair(engagement.organisation_id, vendor.company_id)
    counted = [one.id for one in _counted(session, engagement.id, pair)]
    if result_queries.redacted(session, counted, pair):
        raise Conflict(
            "Answers that this rests on were removed from the record. What was found when they were there stays; "
            "it can be evaluated anew after the next submission."
        )
    return _evaluate(session, subject, pair, actor=actor, now=now)


def basis(session: Session, engagement: Engagement, vendor: Vendor, organisation: Organisation) -> Basis:
    """What an evaluation would rest on now; a page compares it with what the newest one rests on."""
    submissions: list[SubmissionKey] = []
    if vendor.company_id is not None:
        submissions = _counted(session, engagement.id, Pair(engagement.organisation_id, vendor.company_id))
    return Basis(
        judged(facts_of(engagement, vendor, organisation)), submissions, requirements.load().content_hash
    )


def outdated(
    session: Session,
    evaluation: Evaluation,
    engagement: Engagement,
    vendor: Vendor,
    organisation: Organisation,
) -> tuple[str, ...]:
    """What has changed since ``evaluation``: ``facts``, ``submissions``, ``catalogue``; () = it still holds."""
    present = basis(session, engagement, vendor, organisation)
    changed = {
        "facts": present.facts != evaluation.facts,
        "submissions": [str(one.id) for one in present.submissions] != evaluation.submissions,
        "catalogue": present.catalogue_hash != evaluation.catalogue_hash,
    }
    return tuple(name for name, differs in changed.items() if differs)


def _evaluate(
    session: Session,
    subject: tuple[Engagement, Vendor, Organisation],
    pair: Pair,
    *,
    actor: Identity,
    now: datetime,
) -> Evaluation:
    engagement = subject[0]
    ground_moved(session, engagement.organisation_id, [engagement.id])
    now_based = basis(session, *subject)
    gone = result_queries.redacted(session, [one.id for one in now_based.submissions], pair)
    # what was removed was answered once: left out it is unknown, and an unknown point counts as required
    now_based.submissions[:] = [one for one in now_based.submissions if one.id not in gone]
    catalogue = requirements.load()
    _store_catalogue(session, catalogue, now)
    answered = [_answered(session, one, pair) for one in now_based.submissions]
    outcomes = requirements.evaluate(catalogue, answered, parse_facts(now_based.facts))
    said = sealing.seal({one.requirement.key: [one.reason, one.reason_vendor] for one in outcomes})
    tenants = {"organisation_id": pair.organisation_id, "company_id": pair.company_id}
    evaluation = Evaluation(
        id=uuid.uuid4(),
        **tenants,
        engagement_id=engagement.id,
        sequence=_last(session, engagement.id, pair) + 1,
        catalogue_hash=catalogue.content_hash,
        facts=now_based.facts,
        submissions=[str(one.id) for one in now_based.submissions],
        outcomes=canonical_json([_codes(one) for one in outcomes]),
        reasons_commitment=said.commitment,
        evaluated_at=now,
    )
    session.add(evaluation)
    session.flush()
    session.add(EvaluationReasons(evaluation_id=evaluation.id, **tenants, salt=said.salt, reasons=said.data))
    flagged = _flag(session, evaluation, outcomes, pair)
    record(
        session,
        Kind.REQUIREMENTS_EVALUATED,
        now=now,
        actor=actor,
        subject=evaluation,
        data={
            "engagement": engagement.id,
            "sequence": evaluation.sequence,
            "catalogue": evaluation.catalogue_hash,
            "required": sum(one.outcome == "required" for one in outcomes),
            "undetermined": sum(one.outcome == "undetermined" for one in outcomes),
            "flagged": flagged,
        },
    )
    session.flush()
    return evaluation


def _flag(
    session: Session, evaluation: Evaluation, outcomes: Sequence[requirements.Outcome], pair: Pair
) -> int:
    """Put what is called for on the contract schedule, once and for good; how many items are new.

    An open ``must`` counts as called for. What is not called for any more stays on the schedule and says so.
    """
    known = set(
        session.execute(
            select(ContractItem.key).where(
                ContractItem.engagement_id == evaluation.engagement_id, *pair.of(ContractItem)
            )
        ).scalars()
    )
    called = [
        one.requirement.key
        for one in outcomes
        if one.outcome == "required" or (one.outcome == "undetermined" and one.requirement.severity == "must")
    ]
    rows = [
        {
            "id": uuid.uuid4(),
            "organisation_id": pair.organisation_id,
            "company_id": pair.company_id,
            "engagement_id": evaluation.engagement_id,
            "key": key,
            "evaluation_id": evaluation.id,
            "flagged_at": evaluation.evaluated_at,
        }
        for key in called
        if key not in known
    ]
    insert_rows(session, ContractItem, rows)
    return len(rows)


def _codes(outcome: requirements.Outcome) -> dict[str, Any]:
    """What stays for ever: no sentence, since sentences quote answers."""
    return {name: value for name, value in outcome.to_json().items() if not name.startswith("reason")}


def _subjects(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]
) -> list[tuple[Engagement, Vendor, Organisation]]:
    """The engagements with their vendor and organisation, locked so that two evaluations take turns."""
    rows = session.execute(
        select(Engagement, Vendor, Organisation)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == Engagement.organisation_id)
        .where(
            Engagement.id.in_(ids),
            Engagement.organisation_id == organisation_id,
            Vendor.organisation_id == organisation_id,
        )
        .order_by(Engagement.id)
        .with_for_update(of=Engagement)
        .execution_options(**across("a submission evaluates the requirements of the engagements it covers"))
    )
    return [(engagement, vendor, organisation) for engagement, vendor, organisation in rows]


def _counted(session: Session, engagement_id: uuid.UUID, pair: Pair) -> list[SubmissionKey]:
    """The newest submission per questionnaire, campaigns left out."""
    return [
        one
        for one in result_queries.newest_submissions(session, engagement_id, pair)
        if library.definition(session, one.content_hash).purpose not in LEFT_OUT
    ]


def _answered(session: Session, submission: SubmissionKey, pair: Pair) -> Answered:
    definition = library.definition(session, submission.content_hash)
    sealed = result_queries.sealed_bytes(session, submission.id, pair)
    beside = result_queries.sealed_documents(session, submission.id, pair)
    answers = sealing.typed_answers(definition, sealed, submission.as_of, beside)
    judgement = result_queries.newest_judgement(session, submission.id, pair)
    judged_by = rating.judged_answers(definition, answers, judgement, submission.as_of, beside)
    return Answered(definition, judged_by, submission.as_of, judgement.shown)


def _store_catalogue(session: Session, catalogue: requirements.Catalogue, now: datetime) -> None:
    """Keep the catalogue as it stands, once; another transaction may be first."""
    if session.scalar(select(func.count()).where(Catalogue.catalogue_hash == catalogue.content_hash)):
        return
    canonical = canonical_json([one.to_json() for one in catalogue.requirements])
    row = Catalogue(catalogue_hash=catalogue.content_hash, canonical=canonical, stored_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return


def _last(session: Session, engagement_id: uuid.UUID, pair: Pair) -> int:
    return (
        session.scalar(
            select(func.max(Evaluation.sequence)).where(
                Evaluation.engagement_id == engagement_id,
                Evaluation.organisation_id == pair.organisation_id,
                Evaluation.company_id == pair.company_id,
            )
        )
        or 0
    )
