"""What the codes and subjects of grounds are called, for lists over many engagements."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments.models import Submission
from portal.evidence.kinds import evidence_name
from portal.findings.models import Finding
from portal.gate import naming
from portal.gate.standings import Relation
from portal.gate.words import Names
from portal.library import service as library
from portal.vendors import policy_service
from questionnaires import requirements

Subject = tuple[uuid.UUID, str, str]  # engagement, code of the ground, what it is about


def names(session: Session, identity: Identity, relation: Relation, grounds: Collection[Subject]) -> Names:
    """Titles of questionnaires and requirements, questions, and what findings are about; a few statements."""
    titles = dict(policy_service.demandable(session, identity))
    questions: dict[tuple[str, str], str] = {}
    found = _findings(session, identity, grounds)
    versions = _versions(session, identity, relation, grounds)
    for slug, content_hash in {*versions, *((one.slug, one.content_hash) for one in found)}:
        definition = library.definition(session, content_hash)
        titles.setdefault(slug, definition.title)
        questions |= {(slug, key): text for key, text in naming.numbered(definition).items()}
    return Names(
        titles,
        {},
        questions,
        {one.key: one.title for one in requirements.load().requirements},
        {str(one.id): questions.get((one.slug, one.key), titles.get(one.slug, "")) for one in found},
    )


def about(code: str, subject: str, named: Names) -> str:
    """What a ground that can be accepted is about, in words."""
    if code in ("knockout", "proof"):
        return named.question(subject)
    if code == "evidence":
        return evidence_name(subject)
    return named.findings.get(subject, "") if code == "finding" else named.title(subject)


def _findings(session: Session, identity: Identity, grounds: Collection[Subject]) -> list[Finding]:
    ids = {uuid.UUID(subject) for _engagement, code, subject in grounds if code == "finding"}
    if not ids:
        return []
    return list(session.execute(scoped(identity, Finding).where(Finding.id.in_(ids))).scalars())


def _versions(
    session: Session, identity: Identity, relation: Relation, grounds: Collection[Subject]
) -> set[tuple[str, str]]:
    """Slug and version of what counts where a ground names a question."""
    ids = {engagement for engagement, code, _subject in grounds if code in ("knockout", "proof")}
    if not ids:
        return set()
    counts = relation.submissions
    statement = (
        select(counts.c.slug, Submission.content_hash)
        .select_from(counts)
        .join(Submission, Submission.id == counts.c.submission_id)
        .where(counts.c.engagement_id.in_(ids), *mine(identity.scope, Submission))
        .distinct()
    )
    return {(slug, content_hash) for slug, content_hash in session.execute(statement)}
