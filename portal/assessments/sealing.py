"""Seals: salted commitments, the hash over them, and the proof that still holds after redaction (law 6).

``submission_hash`` = SHA-256 of the canonical JSON ``{"answers": [[key, commitment], ...], "attestation": commitment,
"evidence": [[key, evidence id, commitment], ...]}``; a commitment = SHA-256(salt, bytes), salt of 32 bytes, both in
hex. Answers and evidence in definition order.
"""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Protocol

from portal.assessments.drafts import Content
from portal.evidence.models import Evidence
from questionnaires.answers import Answer, EvidenceItem, parse_answer
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire

SALT_BYTES = 32
NOTHING: Mapping[str, Any] = MappingProxyType({})
Place = tuple[str, uuid.UUID]  # a question and a document beside it


class SealedSubmission(Protocol):
    """The parts of a submission that a proof needs."""

    commitments: Any
    evidence: Any
    attestation_commitment: Any
    submission_hash: Any


class SealedValue(Protocol):
    """A sealed answer: key, salt and bytes."""

    key: Any
    salt: Any
    answer: Any


class SealedPaper(Protocol):
    """A sealed document: where it lay, salt and the bytes of its description."""

    key: Any
    evidence_id: Any
    salt: Any
    document: Any


class SealedStatement(Protocol):
    """A sealed attestation: salt and bytes."""

    salt: Any
    attestation: Any


@dataclass(frozen=True, slots=True)
class Sealed:
    """Bytes under a fresh salt."""

    salt: bytes
    data: bytes

    @property
    def commitment(self) -> str:
        return commit(self.salt, self.data)


@dataclass(frozen=True, slots=True)
class Proof:
    """What a check of the hash found.

    ``sound``: the hash covers exactly these commitments, and everything that lies beside fits its commitment.
    ``redacted``: keys whose values have been destroyed. ``broken``: keys whose values are not what was sealed.
    ``evidence_redacted`` and ``evidence_broken`` say the same of documents, by question and evidence id.
    """

    sound: bool
    redacted: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    attestation_redacted: bool = False
    evidence_redacted: tuple[Place, ...] = ()
    evidence_broken: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it was sealed. ``sha256`` is that of the file; ``scan``: not_scanned or clean."""

    evidence: uuid.UUID
    kind: str
    title: str
    issued: date | None
    expires: date | None
    filename: str
    media_type: str
    size: int
    sha256: str
    scan: str

    @property
    def item(self) -> EvidenceItem:
        """The document as the engine reads it."""
        return EvidenceItem(self.kind, self.issued, self.expires)


def seal(value: object) -> Sealed:
    """Canonical bytes of ``value`` under a fresh salt."""
    return Sealed(secrets.token_bytes(SALT_BYTES), canonical_json(value))


def commit(salt: bytes, data: bytes) -> str:
    """The salted commitment to ``data``, in hex."""
    if len(salt) != SALT_BYTES:  # a fixed length: no two pairs of salt and data are the same bytes in a row
        raise ValueError("a salt has 32 bytes")
    return sha256(salt + data).hexdigest()


def commitments(answers: Mapping[str, Sealed]) -> bytes:
    """The canonical list of (key, commitment)."""
    return canonical_json([[key, one.commitment] for key, one in answers.items()])


def evidence_list(documents: Iterable[tuple[str, uuid.UUID, Sealed]]) -> bytes:
    """The canonical list of (key, evidence id, commitment)."""
    return canonical_json([[key, str(evidence), one.commitment] for key, evidence, one in documents])


def listed_in(listed: bytes) -> int:
    """How many entries a list of commitments has, of answers or of evidence, without reading it: no key, id or hash
    holds a quote."""
    return 0 if listed == b"[]" else listed.count(b'"],["') + 1


def submission_hash(listed: bytes, attestation: str, evidence: bytes = b"[]") -> str:
    """The hash of a submission from its lists of commitments and the attestation's commitment."""
    document = {
        "answers": json.loads(listed),
        "attestation": attestation,
        "evidence": json.loads(evidence),
    }
    return sha256(canonical_json(document)).hexdigest()


def verify(
    submission: SealedSubmission,
    answers: Iterable[SealedValue],
    attestation: SealedStatement | None,
    documents: Iterable[SealedPaper] = (),
) -> Proof:
    """Prove a submission's hash from what lies beside it. Redacted values leave the hash itself verifiable."""
    listed = dict(json.loads(submission.commitments))
    beside = {one.key: one for one in answers}
    broken = [key for key in beside if key not in listed]
    broken += [
        key
        for key, made in listed.items()
        if key in beside and commit(beside[key].salt, beside[key].answer) != made
    ]
    signed = attestation is None or (
        commit(attestation.salt, attestation.attestation) == submission.attestation_commitment
    )
    covered = (
        submission_hash(submission.commitments, submission.attestation_commitment, submission.evidence)
        == submission.submission_hash
    )
    papers, papers_broken = _papers(submission, documents)
    return Proof(
        sound=covered and signed and not broken and not papers_broken,
        redacted=tuple(key for key in listed if key not in beside),
        broken=tuple(broken),
        attestation_redacted=attestation is None,
        evidence_redacted=papers,
        evidence_broken=papers_broken,
    )


def _papers(
    submission: SealedSubmission, documents: Iterable[SealedPaper]
) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """The documents that were destroyed, and those that are not what was sealed."""
    listed = {(key, uuid.UUID(evidence)): made for key, evidence, made in json.loads(submission.evidence)}
    beside = {(one.key, one.evidence_id): one for one in documents}
    broken = [place for place in beside if place not in listed]
    broken += [
        place
        for place, made in listed.items()
        if place in beside and commit(beside[place].salt, beside[place].document) != made
    ]
    return tuple(place for place in listed if place not in beside), tuple(broken)


def evidence_document(document: Evidence) -> dict[str, Any]:
    """What is sealed of a document: what was said of it, and the hash of its file."""
    return {
        "evidence": str(document.id),
        "kind": document.kind,
        "title": document.title,
        "issued": document.issued.isoformat() if document.issued else None,
        "expires": document.expires.isoformat() if document.expires else None,
        "filename": document.filename,
        "media_type": document.media_type,
        "size": document.size,
        "sha256": document.sha256,
        "scan": document.scan,
    }


def document(data: bytes) -> Document:
    """A sealed document's bytes read back."""
    raw = json.loads(data)
    days = {name: date.fromisoformat(raw[name]) if raw[name] else None for name in ("issued", "expires")}
    return Document(**{**raw, **days, "evidence": uuid.UUID(raw["evidence"])})


def documents(papers: Iterable[SealedPaper], apart: Container[Place] = ()) -> dict[str, tuple[Document, ...]]:
    """Sealed documents by question, in a steady order; without those in ``apart``."""
    found: dict[str, tuple[Document, ...]] = {}
    for one in sorted(papers, key=lambda each: (each.key, each.evidence_id)):
        if (one.key, one.evidence_id) not in apart:
            found[one.key] = (*found.get(one.key, ()), document(one.document))
    return found


def answer_document(content: Content) -> dict[str, Any]:
    """What is sealed of an answer: the answers file's shape, and the promise of evidence if there is one."""
    document: dict[str, Any] = {"state": content.state, "note": content.note}
    if content.value is not None:
        document["value"] = content.value
    if content.promise_reason or content.promise_date:
        document["promise"] = {"reason": content.promise_reason, "date": content.promise_date}
    return document


def content(data: bytes) -> Content:
    """A sealed answer's bytes as content again."""
    document = json.loads(data)
    promise = document.get("promise", {})
    return Content(
        document["state"],
        document.get("value"),
        document["note"],
        promise.get("reason", ""),
        promise.get("date", ""),
    )


def typed_answers(
    definition: Questionnaire,
    sealed: Mapping[str, bytes],
    as_of: date,
    beside: Mapping[str, tuple[Document, ...]] = NOTHING,
) -> dict[str, Answer]:
    """Sealed answers as the engine reads them, with the documents ``beside`` them; ``sealed``: bytes by key."""
    found: dict[str, Answer] = {}
    for key, data in sealed.items():
        document = json.loads(data)
        document.pop("promise", None)
        answer = parse_answer(definition.questions[key], document, as_of)
        found[key] = replace(answer, evidence=tuple(one.item for one in beside.get(key, ())))
    return found
