"""What the ids and keys of a gate are called: read for one page at a time, in a fixed number of statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments.models import Assessment, Submission
from portal.contracts import queries as contracts
from portal.contracts.models import Evaluation
from portal.findings.models import Finding
from portal.gate.lines import Ground
from portal.gate.words import Names
from portal.library import service as library
from portal.vendors import policy_service
from questionnaires.definition import Questionnaire


def of(
    session: Session, identity: Identity, grounds: Iterable[Ground], evaluation_id: uuid.UUID | None
) -> Names:
    """The names that lines about these grounds need; ``evaluation_id``: where requirements come from."""
    grounds = tuple(grounds)
    found, versions = _findings(session, identity, grounds), _versions(session, identity, grounds)
    titles = dict(policy_service.demandable(session, identity))
    bands: dict[tuple[str, int], str] = {}
    questions: dict[tuple[str, str], str] = {}
    for slug, content_hash in {*versions, *((one.slug, one.content_hash) for one in found)}:
        definition = library.definition(session, content_hash)
        titles.setdefault(slug, definition.title)
        questions |= {(slug, key): text for key, text in numbered(definition).items()}
        if (slug, content_hash) in versions:
            bands |= {(slug, one.level): one.label for one in definition.bands}
    return Names(
        titles,
        bands,
        questions,
        _requirements(session, identity, evaluation_id),
        {str(one.id): questions.get((one.slug, one.key), titles.get(one.slug, "")) for one in found},
    )


def numbered(definition: Questionnaire) -> dict[str, str]:
    """Each question with the number that pages give it, by key."""
    return {
        one.key: f"{at}.{number} {one.text}"
        for at, section in enumerate(definition.sections, 1)
        for number, one in enumerate(section.questions, 1)
    }


def _versions(session: Session, identity: Identity, grounds: tuple[Ground, ...]) -> set[tuple[str, str]]:
    """Slug and version of the submissions that the grounds rest on."""
    ids = {str(one.recorded("submission")) for one in grounds if one.recorded("submission")}
    if not ids:
        return set()
    rows = session.execute(
        select(Assessment.slug, Submission.content_hash)
        .join(Submission, Submission.assessment_id == Assessment.id)
        .where(
            Submission.id.in_([uuid.UUID(one) for one in ids]),
            *mine(identity.scope, Assessment, Submission),
        )
    )
    return {(row.slug, row.content_hash) for row in rows}


def _findings(session: Session, identity: Identity, grounds: tuple[Ground, ...]) -> list[Finding]:
    ids = [uuid.UUID(one.subject) for one in grounds if one.code == "finding" and one.subject]
    if not ids:
        return []
    return list(session.execute(scoped(identity, Finding).where(Finding.id.in_(ids))).scalars())


def _requirements(session: Session, identity: Identity, evaluation_id: uuid.UUID | None) -> dict[str, str]:
    if evaluation_id is None:
        return {}
    statement = scoped(identity, Evaluation).where(Evaluation.id == evaluation_id)
    row = session.execute(statement).scalar_one_or_none()
    found = contracts.points(session, [row] if row is not None else [], "organisation")
    return {one.key: one.title for one in (*found.required, *found.undetermined, *found.not_required)}
