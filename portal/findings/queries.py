"""Reading findings: those that stand on an engagement, one with its steps and words, for either side."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, mine, scoped
from portal.assessments import result, result_queries, sealing
from portal.assessments.models import Assessment, Submission
from portal.assessments.result import Line
from portal.assessments.result_queries import Pair
from portal.assessments.sealing import Document
from portal.evidence import queries as evidence
from portal.faults import NotFound
from portal.findings.models import (
    Finding,
    FindingClosing,
    FindingEngagement,
    FindingNote,
    FindingStep,
    FindingWords,
)
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement

OPEN, PLANNED, CLOSED, MERGED = "open", "planned", "closed", "merged"
STANDING = (OPEN, PLANNED)
PLAN, PROOF = "plan", "proof"  # what may wait for the organisation
KNOCKOUT, REVIEWER, EARNED = "knockout", "reviewer", "finding:"
SEVERITIES = ("critical", "high", "medium", "low")  # the worst first


@dataclass(frozen=True, slots=True)
class OpenFinding:
    """A finding that stands, as the gate reads it. ``key``: "" for one that is about no question.

    ``code``: ``knockout``, ``reviewer``, or ``finding:`` with a hash. ``opened``: the day when it was first found.
    ``due``: the day of the plan that a reviewer agreed to, None = none was agreed; ``first_due``: the first day ever
    agreed. One whose ``due`` is past is overdue. A knock-out is never merged into another finding.
    """

    id: uuid.UUID
    slug: str
    key: str
    code: str
    severity: str
    opened: date
    due: date | None
    first_due: date | None


STANDS = (
    *(Finding.id, Finding.slug, Finding.key, Finding.code),
    *(Finding.severity, Finding.opened, Finding.due, Finding.first_due),
)  # the columns of an OpenFinding


def open_for_gate(
    session: Session, organisation_id: uuid.UUID, engagement_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, tuple[OpenFinding, ...]]:
    """What stands on each of these engagements, by id of the finding: one statement, however many.

    Every engagement asked for has an entry. For the organisation's side and the worker.
    """
    found: dict[uuid.UUID, list[OpenFinding]] = {one: [] for one in engagement_ids}
    if not found:
        return {}
    rows: Iterable[Any] = session.execute(
        select(FindingEngagement.engagement_id, *STANDS)
        .join(Finding, Finding.id == FindingEngagement.finding_id)
        .where(
            FindingEngagement.engagement_id.in_(found),
            FindingEngagement.organisation_id == organisation_id,
            Finding.organisation_id == organisation_id,
            Finding.state.in_(STANDING),
        )
        .order_by(FindingEngagement.engagement_id, Finding.id)
    )
    for engagement, *columns in rows:
        found[engagement].append(OpenFinding(*columns))
    return {one: tuple(some) for one, some in found.items()}


# ------------------------------------------------------------------------------------------------ one finding


@dataclass(frozen=True, slots=True)
class Step:
    """A step with what was written at it (``text``: "" for nothing, or once it was destroyed) and its documents."""

    row: FindingStep
    text: str
    papers: tuple[Document, ...]

    @property
    def documents(self) -> set[uuid.UUID]:
        """The ids of the documents that were sealed with it, still there or not."""
        return {uuid.UUID(one) for one, _commitment in json.loads(self.row.proof)}

    @property
    def removed(self) -> bool:
        """Whether a document that was sealed with this step is gone."""
        return len(self.papers) < len(json.loads(self.row.proof))


def seen(identity: Identity) -> list[ColumnElement[bool]]:
    """What statements over findings compare: the tenant; for business owners an engagement of theirs, for
    contributors of a company that the finding was given to them.
    """
    criteria = mine(identity.scope, Finding)
    if identity.company is not None and identity.role is not CompanyRole.OWNER:
        criteria.append(
            or_(Finding.owner_id == identity.person.id, Finding.wanted_owner_id == identity.person.id)
        )
    if identity.organisation is not None and vendors.is_narrowed(identity):
        criteria.append(on_engagement(identity))
    return criteria


def on_engagement(identity: Identity, *tests: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a finding, or what was merged into it, is about an engagement that the reader may see."""
    return exists().where(
        FindingEngagement.finding_id == Finding.id,
        FindingEngagement.engagement_id == Engagement.id,
        *tests,
        *mine(identity.scope, FindingEngagement),
        *vendors.own_engagements(identity),
    )


def finding(session: Session, identity: Identity, finding_id: uuid.UUID, *, lock: bool = False) -> Finding:
    """The finding, or NotFound. ``lock``: as it stands once the lock is ours."""
    statement = select(Finding).where(Finding.id == finding_id, *seen(identity))
    if lock:
        statement = statement.with_for_update(of=Finding).execution_options(populate_existing=True)
    found: Finding | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def assessment_of(session: Session, identity: Identity, one: Finding) -> Assessment:
    """The assessment whose answers earned a finding, for its names; also to whom of a company it was not given."""
    statement = scoped(identity, Assessment).where(Assessment.id == one.assessment_id)
    found: Assessment = session.execute(statement).scalar_one()
    return found


def steps(session: Session, identity: Identity, finding_id: uuid.UUID) -> list[Step]:
    """The history of a finding that the caller has found for this identity, oldest first."""
    rows = session.execute(
        scoped(identity, FindingStep)
        .where(FindingStep.finding_id == finding_id)
        .order_by(FindingStep.sequence)
    ).scalars()
    words = dict(
        session.execute(
            scoped(identity, FindingWords)
            .with_only_columns(FindingWords.step_id, FindingWords.text)
            .where(FindingWords.finding_id == finding_id)
        ).all()
    )
    papers = evidence.given_as_proof(session, identity, finding_id)
    return [
        Step(row, words.get(row.id, ""), tuple(sealing.document(one) for one in papers.get(row.id, ())))
        for row in rows
    ]


def engagement_ids(
    session: Session, identity: Identity, finding_ids: Collection[uuid.UUID]
) -> list[uuid.UUID]:
    """The engagements that these findings are about, in order; all of them, whoever asks."""
    rows = session.execute(
        scoped(identity, FindingEngagement)
        .with_only_columns(FindingEngagement.engagement_id)
        .where(FindingEngagement.finding_id.in_(finding_ids))
    ).scalars()
    return sorted(set(rows))


def covered(
    session: Session, identity: Identity, finding_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, list[Engagement]]:
    """The engagements of findings, by name; to business owners only theirs. For the organisation."""
    found: dict[uuid.UUID, list[Engagement]] = {one: [] for one in finding_ids}
    if not found:
        return found
    rows = session.execute(
        select(FindingEngagement.finding_id, Engagement)
        .join(Engagement, Engagement.id == FindingEngagement.engagement_id)
        .where(
            FindingEngagement.finding_id.in_(found),
            *mine(identity.scope, FindingEngagement),
            *vendors.own_engagements(identity),
        )
        .order_by(Engagement.name_key, Engagement.id)
    )
    for finding_id, engagement in rows:
        found[finding_id].append(engagement)
    return found


def merged_into(session: Session, identity: Identity, finding_id: uuid.UUID) -> list[Finding]:
    """What was merged into a finding, oldest first."""
    rows = session.execute(
        scoped(identity, Finding)
        .where(Finding.merged_into == finding_id)
        .order_by(Finding.opened_at, Finding.id)
    ).scalars()
    return list(rows)


def notes(session: Session, identity: Identity, finding_id: uuid.UUID) -> list[FindingNote]:
    """The internal notes about a finding, oldest first."""
    rows = session.execute(
        scoped(identity, FindingNote)
        .where(FindingNote.finding_id == finding_id)
        .order_by(FindingNote.at, FindingNote.id)
    ).scalars()
    return list(rows)


def waiting_closing(session: Session, identity: Identity, finding_id: uuid.UUID) -> FindingClosing | None:
    """The proposal to close a finding that waits for a second person."""
    found: FindingClosing | None = session.execute(
        scoped(identity, FindingClosing).where(
            FindingClosing.finding_id == finding_id, FindingClosing.state == "waiting"
        )
    ).scalar_one_or_none()
    return found


def first_words(
    session: Session, identity: Identity, finding_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, str]:
    """What reviewers wrote when they put these findings on record, by finding; without what was destroyed."""
    if not finding_ids:
        return {}
    rows = session.execute(
        scoped(identity, FindingStep, FindingWords)
        .with_only_columns(FindingStep.finding_id, FindingWords.text)
        .where(
            FindingStep.finding_id.in_(finding_ids),
            FindingStep.sequence == 1,
            FindingWords.step_id == FindingStep.id,
        )
    )
    return dict(rows.all())


def proof_document(
    session: Session, identity: Identity, finding_id: uuid.UUID, evidence_id: uuid.UUID
) -> Document:
    """A document as it was sealed with the newest proof that holds it; NotFound when there is none any more."""
    papers = evidence.given_as_proof(session, identity, finding_id)
    order = {one.row.id: one.row.sequence for one in steps(session, identity, finding_id)}
    found = [
        sealing.document(one)
        for proof in sorted(papers, key=lambda each: -order.get(each, 0))
        for one in papers[proof]
    ]
    for one in found:
        if one.evidence == evidence_id:
            return one
    raise NotFound


def line_of(session: Session, one: Finding) -> Line | None:
    """What the answer in question earns and loses in the newest rating over it; None where it is not among the sums."""
    pair = Pair(one.organisation_id, one.company_id)
    outcome = result.read(result_queries.newest_result(session, one.submission_id, pair))
    return outcome.lines.get(one.key)


def newest_submission(session: Session, identity: Identity, one: Finding) -> uuid.UUID:
    """The newest submission of the assessment that a finding comes from: what can be judged."""
    found: uuid.UUID = session.execute(
        scoped(identity, Submission)
        .with_only_columns(Submission.id)
        .where(Submission.assessment_id == one.assessment_id)
        .order_by(Submission.round.desc())
        .limit(1)
    ).scalar_one()
    return found
