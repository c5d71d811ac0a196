"""Laying documents beside answers and taking them away: one writer of an assessment at a time, only while it is open.

Locks are taken in one order everywhere: assessments, then documents, each by id.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments import given, queries, reach
from portal.assessments.models import Assessment, SealedEvidence, Submission
from portal.assessments.submitting import AlreadySubmitted
from portal.evidence import queries as evidence
from portal.evidence import service
from portal.evidence.models import Evidence, EvidenceGrant
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.library import service as library

ELSEWHERE = (
    "This document is also shown in a questionnaire that you do not work on. Ask an owner of your company."
)
MOVED = "Somebody has shown this document elsewhere in this moment. Look at it again, then repeat the step."


@dataclass(frozen=True, slots=True)
class Shown:
    """Where a document lies or was sealed: a question of an assessment."""

    assessment: Assessment
    number: str
    question: str
    key: str
    at: datetime
    sealed: bool


def open_assessment(
    session: Session, actor: Identity, assessment_id: uuid.UUID, key: str, *, now: datetime
) -> Assessment:
    """The assessment, locked, if it is open and ``key`` is this person's to answer. NotFound, AlreadySubmitted."""
    one = queries.assessment(session, actor, assessment_id, lock=True)
    definition = library.definition(session, one.content_hash)
    reach.require(session, actor, one, definition, key, now)
    if one.state != "open":
        raise AlreadySubmitted(one)
    return one


def attach(
    session: Session, one: Assessment, key: str, ids: Iterable[uuid.UUID], *, actor: Identity, now: datetime
) -> int:
    """Lay documents of the library beside an answer; returns how many. ``one`` is of open_assessment."""
    wanted = set(ids)
    if not wanted:
        raise Invalid(errors={"documents": "Choose a document, or upload a new one below."})
    if len(wanted) > service.MOST_BESIDE:
        raise Invalid(errors={"documents": f"Choose at most {service.MOST_BESIDE} documents."})
    found = evidence.locked(session, actor, wanted)
    if len(found) != len(wanted):
        raise NotFound
    if actor.delegated is None and set(evidence.shared(session, actor, wanted)) != wanted:
        raise NotFound  # of a link, and no owner has accepted it: no part of the library yet
    for document in found.values():
        _grant(session, one, key, document, actor, now)
    return len(found)


def show_new(
    session: Session, one: Assessment, key: str, document: Evidence, *, actor: Identity, now: datetime
) -> None:
    """Lay a document that was uploaded in this very transaction beside an answer."""
    _grant(session, one, key, document, actor, now)


def withdraw(
    session: Session, one: Assessment, key: str, document_id: uuid.UUID, *, actor: Identity, now: datetime
) -> None:
    """Take a document away from an answer. NotFound when it does not lie there."""
    document = evidence.locked(session, actor, [document_id]).get(document_id)
    if document is None:
        raise NotFound
    here = [one_grant for one_grant in _grants(session, actor, document_id) if _at(one_grant, one, key)]
    if not here:
        raise NotFound
    service.withdraw(session, document, here, actor=actor, now=now)


def places(session: Session, identity: Identity, document_id: uuid.UUID) -> list[Shown]:
    """Where a document lies in open assessments and with which submissions it was sealed, the newest first."""
    found: list[Shown] = []
    rows = session.execute(
        scoped(identity, EvidenceGrant, Assessment).where(
            EvidenceGrant.evidence_id == document_id,
            EvidenceGrant.revoked_at.is_(None),
            EvidenceGrant.assessment_id == Assessment.id,
            Assessment.state == "open",
            *given.seen(identity),
        )
    )
    found += [
        _shown(session, one, one.content_hash, grant.key, grant.granted_at, False) for grant, one in rows
    ]
    rows = session.execute(
        scoped(identity, SealedEvidence, Submission, Assessment)
        .with_only_columns(SealedEvidence.key, Submission.sealed_at, Submission.content_hash, Assessment)
        .where(
            SealedEvidence.evidence_id == document_id,
            SealedEvidence.submission_id == Submission.id,
            Submission.assessment_id == Assessment.id,
            *given.seen(identity),
        )
    )
    found += [_shown(session, one, asked, key, at, True) for key, at, asked, one in rows]
    return sorted(found, key=lambda one: one.at, reverse=True)


def sealed_with(session: Session, identity: Identity, document_id: uuid.UUID) -> int:
    """How many times a document was sealed, as proof of findings too; as long as it is, its file stays."""
    statement = select(func.count()).select_from(SealedEvidence)
    count = session.execute(
        statement.where(SealedEvidence.evidence_id == document_id, *mine(identity.scope, SealedEvidence))
    ).scalar_one()
    return int(count) + len(evidence.proofs_with(session, identity, document_id))


def remove(session: Session, document_id: uuid.UUID, *, actor: Identity, now: datetime) -> None:
    """Out of the library, and away from every answer that is not sealed yet; what was sealed keeps its file."""
    document, grants = _hold(session, document_id, actor)
    service.withdraw(session, document, grants, actor=actor, now=now)
    sealed = sealed_with(session, actor, document_id) > 0
    service.remove(session, document, sealed=sealed, actor=actor, now=now)


def replace(
    session: Session, document_id: uuid.UUID, newer: Evidence, *, actor: Identity, now: datetime
) -> int:
    """Show ``newer`` wherever the document lies in open assessments, in its stead; returns in how many places."""
    document, grants = _hold(session, document_id, actor)
    for one in grants:
        service.grant(
            session,
            newer,
            organisation_id=one.organisation_id,
            assessment_id=one.assessment_id,
            key=one.key,
            actor=actor,
            now=now,
        )
    return service.withdraw(session, document, grants, actor=actor, now=now)


def _hold(session: Session, document_id: uuid.UUID, actor: Identity) -> tuple[Evidence, list[EvidenceGrant]]:
    """The document and its grants in open assessments, all locked. Conflict when a new one came meanwhile.

    Refused for who may not manage it, or was not given every assessment that it is shown in.
    """
    ids = sorted({grant.assessment_id for grant in _open_grants(session, actor, document_id)})
    if ids:
        session.execute(
            scoped(actor, Assessment).where(Assessment.id.in_(ids)).order_by(Assessment.id).with_for_update()
        ).all()
    document = evidence.locked(session, actor, [document_id]).get(document_id)
    if document is None:
        raise NotFound
    if document.removed_at is not None:
        raise Conflict(service.GONE)
    service.require_manages(actor, document)
    grants = _open_grants(session, actor, document_id)
    if any(grant.assessment_id not in ids for grant in grants):
        raise Conflict(MOVED)
    seen = scoped(actor, Assessment).with_only_columns(Assessment.id).where(*given.seen(actor))
    if not set(ids) <= set(session.execute(seen.where(Assessment.id.in_(ids))).scalars()):
        raise Refused(ELSEWHERE)
    return document, grants


def _open_grants(session: Session, actor: Identity, document_id: uuid.UUID) -> list[EvidenceGrant]:
    rows = session.execute(
        scoped(actor, EvidenceGrant, Assessment)
        .with_only_columns(EvidenceGrant)
        .where(
            EvidenceGrant.evidence_id == document_id,
            EvidenceGrant.revoked_at.is_(None),
            EvidenceGrant.assessment_id == Assessment.id,
            Assessment.state == "open",
        )
        .order_by(EvidenceGrant.id)
        .execution_options(populate_existing=True)
    )
    return list(rows.scalars())


def _grants(session: Session, actor: Identity, document_id: uuid.UUID) -> list[EvidenceGrant]:
    statement = scoped(actor, EvidenceGrant).where(
        EvidenceGrant.evidence_id == document_id, EvidenceGrant.revoked_at.is_(None)
    )
    return list(session.execute(statement).scalars())


def _at(grant: EvidenceGrant, one: Assessment, key: str) -> bool:
    return grant.assessment_id == one.id and grant.key == key


def _grant(
    session: Session, one: Assessment, key: str, document: Evidence, actor: Identity, now: datetime
) -> None:
    service.grant(
        session,
        document,
        organisation_id=one.organisation_id,
        assessment_id=one.id,
        key=key,
        actor=actor,
        now=now,
    )


def _shown(
    session: Session, one: Assessment, content_hash: str, key: str, at: datetime, sealed: bool
) -> Shown:
    """``content_hash``: the version that was asked. A question that a move has taken away bears its key alone."""
    definition = library.definition(session, content_hash)
    section = definition.section_of.get(key)
    if section is None:
        return Shown(one, "", "This question is no longer asked.", key, at, sealed)
    number = f"{definition.sections.index(section) + 1}.{[q.key for q in section.questions].index(key) + 1}"
    return Shown(one, number, definition.questions[key].text, key, at, sealed)
