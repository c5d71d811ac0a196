"""What the codes and subjects of grounds are called, for lists over many engagements."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection

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


def names(
    session: Session, identity: Identity, relation: Relation, grounds: Collection[Subject]
) -> Callable[[uuid.UUID], Names]:
    """Titles of questionnaires and requirements, questions, and what findings are about; a few statements.

    By engagement: a question has the number and the words of the version that counts there.
    """
    titles = dict(policy_service.demandable(session, identity))
    found = _findings(session, identity, grounds)
    versions = _versions(session, identity, relation, grounds)
    asked = {
        *(each for some in versions.values() for each in some),
        *((one.slug, one.content_hash) for one in found),
    }
    questions: dict[tuple[str, str], dict[str, str]] = {}
    for slug, content_hash in sorted(asked):
        definition = library.definition(session, content_hash)
        titles.setdefault(slug, definition.title)
        questions[slug, content_hash] = naming.numbered(definition)
    about_findings = {
        str(one.id): questions[one.slug, one.content_hash].get(one.key or "", titles.get(one.slug, ""))
        for one in found
    }
    required = {one.key: one.title for one in requirements.load().requirements}

    def of(engagement: uuid.UUID) -> Names:
        own = {
            (slug, key): text
            for slug, content_hash in sorted(versions.get(engagement, ()))
            for key, text in questions[slug, content_hash].items()
        }
        return Names(titles, {}, own, required, about_findings)

    return of


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
) -> dict[uuid.UUID, set[tuple[str, str]]]:
    """Slug and version of what counts at each engagement where a ground names a question."""
    ids = {engagement for engagement, code, _subject in grounds if code in ("knockout", "proof")}
    if not ids:
        return {}
    counts = relation.submissions
    statement = (
        select(counts.c.engagement_id, counts.c.slug, Submission.content_hash)
        .select_from(counts)
        .join(Submission, Submission.id == counts.c.submission_id)
        .where(counts.c.engagement_id.in_(ids), *mine(identity.scope, Submission))
    )
    found: dict[uuid.UUID, set[tuple[str, str]]] = {}
    for engagement, slug, content_hash in session.execute(statement):
        found.setdefault(engagement, set()).add((slug, content_hash))
    return found
