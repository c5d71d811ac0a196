"""Seals: salted commitments, the hash over them, and the proof that still holds after redaction (law 6).

``submission_hash`` = SHA-256 of the canonical JSON ``{"answers": [[key, commitment], ...], "attestation": commitment,
"evidence": []}``; a commitment = SHA-256(salt, bytes), salt of 32 bytes, both in hex. Answers in definition order.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Protocol

from portal.assessments.drafts import Content
from questionnaires.answers import Answer, parse_answer
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire

SALT_BYTES = 32


class SealedSubmission(Protocol):
    """The parts of a submission that a proof needs."""

    commitments: Any
    attestation_commitment: Any
    submission_hash: Any


class SealedValue(Protocol):
    """A sealed answer: key, salt and bytes."""

    key: Any
    salt: Any
    answer: Any


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
    """

    sound: bool
    redacted: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    attestation_redacted: bool = False


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


def submission_hash(listed: bytes, attestation: str) -> str:
    """The hash of a submission from its list of commitments and the attestation's commitment."""
    document = {"answers": json.loads(listed), "attestation": attestation, "evidence": []}
    return sha256(canonical_json(document)).hexdigest()


def verify(
    submission: SealedSubmission, answers: Iterable[SealedValue], attestation: SealedStatement | None
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
        submission_hash(submission.commitments, submission.attestation_commitment)
        == submission.submission_hash
    )
    return Proof(
        sound=covered and signed and not broken,
        redacted=tuple(key for key in listed if key not in beside),
        broken=tuple(broken),
        attestation_redacted=attestation is None,
    )


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


def typed_answers(definition: Questionnaire, sealed: Mapping[str, bytes], as_of: date) -> dict[str, Answer]:
    """Sealed answers as the engine reads them; ``sealed`` maps keys to the answers' bytes."""
    found: dict[str, Answer] = {}
    for key, data in sealed.items():
        document = json.loads(data)
        document.pop("promise", None)
        found[key] = parse_answer(definition.questions[key], document, as_of)
    return found
