"""What a company reads of its documents: the library, one document, what lies beside the answers of an assessment."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.audit.models import Event
from portal.db import across
from portal.evidence.models import Evidence, EvidenceGrant, ProofDocument
from portal.faults import NotFound
from portal.paging import Page, paged
from questionnaires.answers import EvidenceItem

STATES = ("valid", "expiring", "expired", "undated")
SORTS = ("title", "kind", "issued", "expires", "uploaded")
SOON = timedelta(days=60)
MOST_EVENTS = 100


@dataclass(frozen=True, slots=True)
class Filter:
    """What the library is narrowed to, and its order; "" is everything. ``down`` turns the order round."""

    words: str = ""
    kind: str = ""
    state: str = ""
    sort: str = "uploaded"
    down: bool = True


@dataclass(frozen=True, slots=True)
class Beside:
    """A document that lies beside an answer."""

    grant: EvidenceGrant
    document: Evidence

    @property
    def item(self) -> EvidenceItem:
        """The document as the engine reads it."""
        return EvidenceItem(self.document.kind, self.document.issued, self.document.expires)

    @property
    def waits(self) -> bool:
        """Whether it came through a link and no owner has accepted it yet."""
        return self.grant.delegation_id is not None and self.grant.accepted_at is None


def state_of(document: Evidence, today: date) -> str:
    """One of STATES: by the last day that the document bears."""
    if document.expires is None:
        return "undated"
    if document.expires < today:
        return "expired"
    return "expiring" if document.expires <= today + SOON else "valid"


def in_library(identity: Identity) -> list[ColumnElement[bool]]:
    """Documents of the library: not taken out, and not of a link unless an owner has accepted them."""
    accepted = (
        select(EvidenceGrant.id)
        .where(
            EvidenceGrant.evidence_id == Evidence.id,
            EvidenceGrant.accepted_at.is_not(None),
            *mine(identity.scope, EvidenceGrant),
        )
        .exists()
    )
    return [
        *mine(identity.scope, Evidence),
        Evidence.removed_at.is_(None),
        or_(Evidence.delegation_id.is_(None), accepted),
    ]


def listed(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, number: int, size: int = 25
) -> Page[Evidence]:
    """One page of the library."""
    return paged(session, _statement(identity, narrowed, today), number, size=size)


def every(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, most: int
) -> list[Evidence]:
    """The library as narrowed, for a table file."""
    return list(session.execute(_statement(identity, narrowed, today).limit(most)).scalars())


def counts(session: Session, identity: Identity, today: date) -> dict[str, int]:
    """How many documents there are in all (key ""), and in each state."""
    columns = [func.count(case((_in_state(state, today), 1))) for state in STATES]
    found = session.execute(select(func.count(), *columns).where(*in_library(identity))).one()
    return dict(zip(("", *STATES), found, strict=True))


def kinds(session: Session, identity: Identity) -> list[str]:
    """The kinds that occur in the library."""
    return sorted(session.execute(select(Evidence.kind).where(*in_library(identity)).distinct()).scalars())


def fitting(
    session: Session, identity: Identity, kind: str, words: str, *, apart: Collection[uuid.UUID], number: int
) -> Page[Evidence]:
    """Documents to lay beside an answer: those of ``kind`` first, then the newest; without those in ``apart``."""
    statement = select(Evidence).where(*in_library(identity), *_matching(words))
    if apart:
        statement = statement.where(Evidence.id.not_in(apart))
    first = case((_of_kind(kind), 0), else_=1)
    return paged(
        session, statement.order_by(first, Evidence.uploaded_at.desc(), Evidence.id), number, size=10
    )


def document(session: Session, identity: Identity, document_id: uuid.UUID, *, lock: bool = False) -> Evidence:
    """A document of the company, be it taken out of the library or not; NotFound otherwise."""
    statement = scoped(identity, Evidence).where(Evidence.id == document_id)
    if identity.delegated is not None:
        statement = statement.where(Evidence.delegation_id == identity.delegated.id)
    found: Evidence | None = session.execute(
        statement.with_for_update() if lock else statement
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def shared(session: Session, identity: Identity, ids: Iterable[uuid.UUID]) -> list[uuid.UUID]:
    """Which of these documents belong to the library."""
    statement = select(Evidence.id).where(*in_library(identity), Evidence.id.in_(set(ids)))
    return list(session.execute(statement).scalars())


def locked(session: Session, identity: Identity, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Evidence]:
    """Documents, locked in the order of their ids, so that two writers never wait for each other in a circle."""
    statement = (
        scoped(identity, Evidence).where(Evidence.id.in_(set(ids))).order_by(Evidence.id).with_for_update()
    )
    return {row.id: row for row in session.execute(statement).scalars()}


def beside(
    session: Session, identity: Identity, assessment_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[str, tuple[Beside, ...]]]:
    """What lies beside the answers of assessments now, by question, in the order in which it was laid there.

    A document whose file is destroyed lies nowhere: it was removed while the questionnaire was closed, and would be
    sealed, should that be opened again, without anything to open.
    """
    found: dict[uuid.UUID, dict[str, tuple[Beside, ...]]] = {one: {} for one in assessment_ids}
    if not found:
        return found
    rows = session.execute(
        scoped(identity, EvidenceGrant, Evidence)
        .where(
            EvidenceGrant.evidence_id == Evidence.id,
            EvidenceGrant.assessment_id.in_(found),
            EvidenceGrant.revoked_at.is_(None),
            Evidence.storage_key.is_not(None),
        )
        .order_by(EvidenceGrant.granted_at, EvidenceGrant.id)
    )
    for grant, document in rows:
        held = found[grant.assessment_id]
        held[grant.key] = (*held.get(grant.key, ()), Beside(grant, document))
    return found


def history(session: Session, identity: Identity, document_id: uuid.UUID) -> list[Event]:
    """What was done with a document, the newest first, at most MOST_EVENTS."""
    statement = scoped(identity, Event).where(Event.subject_id == document_id)
    return list(session.execute(statement.order_by(Event.at.desc(), Event.id).limit(MOST_EVENTS)).scalars())


def given_as_proof(
    session: Session, identity: Identity, finding_id: uuid.UUID
) -> dict[uuid.UUID, tuple[bytes, ...]]:
    """The sealed descriptions of the documents given as proof of a finding, by proof; for either side."""
    rows = session.execute(
        scoped(identity, ProofDocument)
        .where(ProofDocument.finding_id == finding_id)
        .order_by(ProofDocument.proof_id, ProofDocument.evidence_id)
    ).scalars()
    found: dict[uuid.UUID, tuple[bytes, ...]] = {}
    for one in rows:
        found[one.proof_id] = (*found.get(one.proof_id, ()), one.document)
    return found


def proofs_with(session: Session, identity: Identity, document_id: uuid.UUID) -> list[uuid.UUID]:
    """The findings that a document was given as proof for; as long as there is one, its file stays."""
    statement = scoped(identity, ProofDocument).with_only_columns(ProofDocument.finding_id)
    rows = session.execute(statement.where(ProofDocument.evidence_id == document_id).distinct()).scalars()
    return sorted(rows)


def file_of(session: Session, document_id: uuid.UUID) -> Evidence | None:
    """The row of a document that was sealed for the reader, for its file only: what it says today is not shown."""
    found: Evidence | None = session.execute(
        select(Evidence).where(Evidence.id == document_id),
        execution_options=across("a sealed document's file is opened by the organisation it was sealed for"),
    ).scalar_one_or_none()
    return found


def _statement(identity: Identity, narrowed: Filter, today: date) -> Any:
    criteria = [*in_library(identity), *_matching(narrowed.words)]
    if narrowed.kind:
        criteria.append(_of_kind(narrowed.kind))
    if narrowed.state:
        criteria.append(_in_state(narrowed.state, today))
    key = {
        "title": func.lower(Evidence.title),
        "kind": Evidence.kind,
        "issued": func.coalesce(Evidence.issued, date.min),
        "expires": func.coalesce(Evidence.expires, date.max),
        "uploaded": Evidence.uploaded_at,
    }[narrowed.sort]
    order = key.desc() if narrowed.down else key.asc()
    return select(Evidence).where(*criteria).order_by(order, Evidence.uploaded_at.desc(), Evidence.id)


def _of_kind(kind: str) -> ColumnElement[bool]:
    """As questionnaires.kinds.is_of_kind, by upper and lower case on every database."""
    narrower = f"{kind}."
    return or_(Evidence.kind == kind, func.substr(Evidence.kind, 1, len(narrower)) == narrower)


def _matching(words: str) -> list[ColumnElement[bool]]:
    text = func.lower(Evidence.title) + " " + func.lower(Evidence.filename)
    return [text.contains(one, autoescape=True) for one in words.lower().split()[:10]]


def _in_state(state: str, today: date) -> ColumnElement[bool]:
    match state:
        case "undated":
            return Evidence.expires.is_(None)
        case "expired":
            return Evidence.expires < today
        case "expiring":
            return and_(Evidence.expires >= today, Evidence.expires <= today + SOON)
        case _:
            return Evidence.expires > today + SOON
