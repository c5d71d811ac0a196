"""What a trigger is about in the record's words: the requirement, the document, the questionnaire, the incident."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import sealing
from portal.assessments.models import SealedEvidence, Submission
from portal.contracts.schedule_models import ContractItem
from portal.evidence.kinds import evidence_name
from portal.library import service as library
from portal.reassessment.incident_forms import KIND_WORDS
from portal.reassessment.models_terms import EvidenceTerm
from portal.reassessment.models_triggers import Incident, Trigger
from questionnaires import requirements


def about(session: Session, identity: Identity, some: Collection[Trigger]) -> dict[uuid.UUID, str]:
    """One phrase for each trigger that has one, in at most a statement a kind and a document."""
    found: dict[uuid.UUID, str] = {}
    for kind, words in _READERS.items():
        theirs = [one for one in some if one.kind == kind]
        if theirs:
            known = words(session, identity, {one.subject_id for one in theirs})
            found |= {one.id: known[one.subject_id] for one in theirs if one.subject_id in known}
    asked = {one.id: one.slug for one in some if one.kind == "requirement" and one.slug}
    return found | _questionnaires(session, identity, asked)


def _questionnaires(
    session: Session, identity: Identity, slugs: Mapping[uuid.UUID, str]
) -> dict[uuid.UUID, str]:
    """The titles of demanded questionnaires, by trigger."""
    titles = {one.slug: one.title for one in library.available(session, identity)} if slugs else {}
    return {key: titles.get(slug, slug) for key, slug in slugs.items()}


def _requirements(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    titles = {one.key: one.title for one in requirements.load().requirements}
    rows = session.execute(
        select(ContractItem.id, ContractItem.key).where(
            ContractItem.id.in_(ids), *mine(identity.scope, ContractItem)
        )
    )
    return {key: titles[name] for key, name in rows if name in titles}


def documents(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """What each document was called when it was sealed; its kind where that was removed."""
    terms: Any = session.execute(
        select(EvidenceTerm.evidence_id, EvidenceTerm.kind).where(
            EvidenceTerm.evidence_id.in_(ids), *mine(identity.scope, EvidenceTerm)
        )
    )
    found = {one.evidence_id: evidence_name(one.kind) for one in terms}
    papers: Any = session.execute(
        select(SealedEvidence.evidence_id, SealedEvidence.document).where(
            SealedEvidence.evidence_id.in_(ids), *mine(identity.scope, SealedEvidence)
        )
    )
    return found | {one.evidence_id: sealing.document(one.document).title for one in papers}


def _versions(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows: Any = session.execute(
        select(Submission.id, Submission.content_hash).where(
            Submission.id.in_(ids), *mine(identity.scope, Submission)
        )
    )
    known = {one.id: library.definition(session, one.content_hash) for one in rows}
    return {key: f"{one.title} {one.version}" for key, one in known.items()}


def _incidents(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    rows: Any = session.execute(
        select(Incident.id, Incident.kind).where(Incident.id.in_(ids), *mine(identity.scope, Incident))
    )
    return {one.id: str(KIND_WORDS[one.kind]) for one in rows}


_READERS = {
    "requirement": _requirements,
    "evidence": documents,
    "version": _versions,
    "incident": _incidents,
}
