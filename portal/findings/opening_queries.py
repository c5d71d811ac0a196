"""What opening findings reads, for either side of a pair: which answers count, what stands, what was closed."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.assessments import result_queries
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.assessments.result_queries import Pair
from portal.assessments.sealing import Document
from portal.findings.models import Finding, FindingEngagement
from portal.findings.queries import CLOSED, MERGED
from questionnaires.canonical import canonical_json


@dataclass(frozen=True, slots=True)
class Link:
    """A finding on one engagement."""

    row: FindingEngagement
    finding: Finding


def newest_of(
    session: Session, submission: Submission, engagement_ids: Collection[uuid.UUID], slug: str, pair: Pair
) -> list[uuid.UUID]:
    """Of these engagements those that no newer submission of the questionnaire covers."""
    rows = session.execute(
        select(AssessmentEngagement.engagement_id, Submission.id)
        .join(Assessment, Assessment.id == AssessmentEngagement.assessment_id)
        .join(Submission, Submission.assessment_id == Assessment.id)
        .where(
            AssessmentEngagement.engagement_id.in_(engagement_ids),
            Assessment.slug == slug,
            *pair.of(AssessmentEngagement, Assessment, Submission),
        )
        .order_by(Submission.sealed_at, Submission.round, Submission.id)
    )
    newest: dict[uuid.UUID, uuid.UUID] = {row.engagement_id: row.id for row in rows}
    return sorted(one for one, newest_id in newest.items() if newest_id == submission.id)


def standing(session: Session, engagement_ids: Collection[uuid.UUID], slug: str, pair: Pair) -> list[Link]:
    """What stands on these engagements, what was merged into it too; locked, the oldest first."""
    rows = session.execute(
        select(FindingEngagement, Finding)
        .join(Finding, Finding.id == FindingEngagement.finding_id)
        .where(
            FindingEngagement.engagement_id.in_(engagement_ids),
            FindingEngagement.standing.is_not(None),
            Finding.slug == slug,
            *pair.of(FindingEngagement, Finding),
        )
        .order_by(Finding.opened_at, Finding.id, FindingEngagement.engagement_id)
        .with_for_update(of=Finding)
        .execution_options(populate_existing=True)
    )
    return [Link(row, finding) for row, finding in rows]


def closed(
    session: Session, engagement_ids: Collection[uuid.UUID], assessment: Assessment, pair: Pair
) -> list[Link]:
    """What was closed on these engagements over answers to this very assessment that called for it."""
    rows = session.execute(
        select(FindingEngagement, Finding)
        .join(Finding, Finding.id == FindingEngagement.finding_id)
        .join(Submission, Submission.id == FindingEngagement.submission_id)
        .where(
            FindingEngagement.engagement_id.in_(engagement_ids),
            FindingEngagement.standing.is_(None),
            FindingEngagement.called_for,
            Finding.state.in_((CLOSED, MERGED)),
            Submission.assessment_id == assessment.id,
            *pair.of(FindingEngagement, Finding, Submission),
        )
        .order_by(Finding.closed_at, Finding.id)
    )
    return [Link(row, finding) for row, finding in rows]


def links_of(session: Session, finding_id: uuid.UUID, pair: Pair) -> list[FindingEngagement]:
    """Every engagement of a finding."""
    return list(
        session.execute(
            select(FindingEngagement)
            .where(FindingEngagement.finding_id == finding_id, *pair.of(FindingEngagement))
            .order_by(FindingEngagement.engagement_id)
        ).scalars()
    )


def findings(session: Session, ids: Collection[uuid.UUID], pair: Pair) -> list[Finding]:
    """These findings, in the order of their ids."""
    rows = session.execute(
        select(Finding).where(Finding.id.in_(ids), *pair.of(Finding)).order_by(Finding.id)
    ).scalars()
    return list(rows)


def whys(session: Session, ids: Collection[uuid.UUID], pair: Pair) -> dict[uuid.UUID, set[str]]:
    """By finding why the newest answers of its engagements do not call for it, or for what was merged into it.

    "" is among the reasons where answers do; a link that a merge has spread, which nobody has looked at, has none.
    """
    root = func.coalesce(Finding.merged_into, Finding.id)
    rows = session.execute(
        select(root, FindingEngagement.called_for, FindingEngagement.uncalled)
        .join(FindingEngagement, FindingEngagement.finding_id == Finding.id)
        .where(
            or_(Finding.id.in_(ids), Finding.merged_into.in_(ids)),
            or_(FindingEngagement.called_for, FindingEngagement.uncalled != ""),
            *pair.of(Finding, FindingEngagement),
        )
    )
    found: dict[uuid.UUID, set[str]] = {}
    for one, called_for, why in rows:
        found.setdefault(one, set()).add("" if called_for else why)
    return found


class Answers:
    """What submissions of a pair said, each of them read once, to be compared question by question."""

    def __init__(self, session: Session, pair: Pair) -> None:
        self._session, self._pair = session, pair
        self._read: dict[uuid.UUID, _Sealed] = {}

    def same(self, one: tuple[uuid.UUID, str], other: tuple[uuid.UUID, str]) -> bool:
        """Whether two submissions say the same at a question: state, value, note and documents, all still there."""
        said = self._said(*one)
        return said is not None and said == self._said(*other)

    def _said(self, submission_id: uuid.UUID, key: str) -> Any:
        """What was sealed at a question in a form to compare; None where any of it was removed from the record."""
        if submission_id not in self._read:
            self._read[submission_id] = _sealed(self._session, submission_id, self._pair)
        return self._read[submission_id].said(key)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """A submission: what is still there of its answers and documents, and how often its commitments name a question."""

    answers: Mapping[str, bytes]
    papers: Mapping[str, Collection[Document]]
    named: Mapping[str, int]
    listed: Mapping[str, int]

    def said(self, key: str) -> Any:
        sealed, papers = self.answers.get(key), self.papers.get(key, ())
        if (sealed is None and self.named.get(key, 0)) or len(papers) < self.listed.get(key, 0):
            return None
        answer = {} if sealed is None else json.loads(sealed)
        said = canonical_json({name: answer[name] for name in ("state", "value", "note") if name in answer})
        return said, [(one.sha256, one.kind, one.issued, one.expires) for one in papers]


def _sealed(session: Session, submission_id: uuid.UUID, pair: Pair) -> _Sealed:
    listed = session.execute(
        select(Submission.commitments, Submission.evidence).where(
            Submission.id == submission_id, *pair.of(Submission)
        )
    ).one()
    return _Sealed(
        result_queries.sealed_bytes(session, submission_id, pair),
        result_queries.sealed_documents(session, submission_id, pair),
        _names(listed.commitments),
        _names(listed.evidence),
    )


def _names(listed: bytes) -> Counter[str]:
    """How often a list of commitments names each question."""
    rows: Iterable[list[str]] = json.loads(listed)
    return Counter(row[0] for row in rows)
