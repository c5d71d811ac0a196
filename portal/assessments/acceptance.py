"""What came through a link waits for an owner, who accepts what they have read: that revision and no other."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments.models import AnswerRow, Assessment, Delegation
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.evidence.models import EvidenceGrant
from portal.faults import Conflict

AS_IT_IS = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Read:
    """What an owner has read of one question: the answer's revision (0 = none), and the documents beside it."""

    revision: int
    documents: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Accepted:
    """``keys`` are accepted; ``changed`` were written again after the owner had read them, and still wait."""

    keys: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def waiting(session: Session, identity: Identity, assessment_id: uuid.UUID) -> dict[str, Read]:
    """Every question of which something waits for acceptance, as it stands now."""
    answers = session.execute(
        select(AnswerRow.key, AnswerRow.revision, AnswerRow.delegation_id, AnswerRow.accepted_at).where(
            *mine(identity.scope, AnswerRow), AnswerRow.assessment_id == assessment_id
        )
    ).all()
    beside = documents(session, identity, assessment_id)
    return {
        key: Read(revision, beside.get(key, frozenset()))
        for key, revision, delegation_id, accepted_at in answers
        if (delegation_id is not None and accepted_at is None) or key in beside
    } | {key: Read(0, held) for key, held in beside.items() if key not in {one[0] for one in answers}}


def documents(
    session: Session, identity: Identity, assessment_id: uuid.UUID
) -> dict[str, frozenset[uuid.UUID]]:
    """The grants that came through a link and wait, by question."""
    found: dict[str, set[uuid.UUID]] = {}
    for key, grant in session.execute(
        select(EvidenceGrant.key, EvidenceGrant.id).where(
            *mine(identity.scope, EvidenceGrant),
            EvidenceGrant.assessment_id == assessment_id,
            EvidenceGrant.delegation_id.is_not(None),
            EvidenceGrant.accepted_at.is_(None),
            EvidenceGrant.revoked_at.is_(None),
        )
    ):
        found.setdefault(key, set()).add(grant)
    return {key: frozenset(grants) for key, grants in found.items()}


def accept(
    session: Session, assessment: Assessment, read: Mapping[str, Read], *, actor: Identity, now: datetime
) -> Accepted:
    """Accept what still stands as it was ``read``. The caller has locked ``assessment``.

    What waits no longer is left alone: a second press of the same button does nothing. Conflict once it is closed.
    """
    if assessment.state != "open":
        raise Conflict("This questionnaire is closed. Nothing waits for acceptance any more.")
    present = waiting(session, actor, assessment.id)
    result = Accepted()
    for key, seen in read.items():
        if key in present:
            (result.keys if seen == present[key] else result.changed).append(key)
    if result.keys:
        here = [AnswerRow.assessment_id == assessment.id, AnswerRow.key.in_(result.keys)]
        waits = [AnswerRow.delegation_id.is_not(None), AnswerRow.accepted_at.is_(None)]
        session.execute(
            update(AnswerRow)
            .where(*mine(actor.scope, AnswerRow), *here, *waits)
            .values(accepted_at=now, accepted_by=actor.person.id),
            execution_options=AS_IT_IS,
        )
        grants = [one for key in result.keys for one in present[key].documents]
        if grants:
            session.execute(
                update(EvidenceGrant)
                .where(*mine(actor.scope, EvidenceGrant), EvidenceGrant.id.in_(grants))
                .values(accepted_at=now),
                execution_options=AS_IT_IS,
            )
        record(
            session,
            Kind.ANSWERS_ACCEPTED,
            now=now,
            actor=actor,
            company_id=actor.company.id if actor.company else None,
            data={"assessment": assessment.id, "keys": result.keys},
        )
    return result


def through(session: Session, identity: Identity, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Delegation]:
    """The delegations through which answers came, for saying who gave them away; one statement, none without ids."""
    wanted = set(ids)
    if not wanted:
        return {}
    rows = session.execute(scoped(identity, Delegation).where(Delegation.id.in_(wanted))).scalars()
    return {row.id: row for row in rows}
