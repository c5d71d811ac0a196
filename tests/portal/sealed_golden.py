"""Sealed submissions of the portal, with every rating of them, as files: made once and kept for ever.

``python -m tests.portal.sealed_golden`` makes those of released versions that have none, and lists the SHA-256 of
each in ``sealed_golden.toml``; it never changes one.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from hashlib import sha256
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from portal import schema
from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import (
    Assessment,
    Rating,
    SealedAnswer,
    SealedAttestation,
    SealedEvidence,
    Submission,
)
from portal.db import SYSTEM, Database
from portal.library import service as library
from portal.settings import demo_settings
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.patterns import ordered
from tests.portal.scene import Scene, _lay, fill, issue, make_vendor, seal
from tests.portal.test_recompute import _mark, at_random
from tests.portal.world import NOW, make_company, make_organisation

HERE = Path(__file__).parent
KEPT, LISTED = HERE / "sealed_golden", HERE / "sealed_golden.toml"
RATED = ("method", "content_hash", "facts", "marks", "document_marks", "shown", "band", "best_band")


def labels() -> list[str]:
    """Every released version that vendors answer."""
    every = [catalog.get(one) for one in catalog.shipped()]
    return [one.label for one in every if one.purpose != "intake" and ordered(one.version) >= (1, 0, 0)]


def written(session: Any, submission: Submission) -> bytes:
    """A submission as a file: what is sealed, what lies beside it, and its ratings, the first of them first."""

    def beside(model: Any) -> list[Any]:
        return list(session.scalars(select(model).where(model.submission_id == submission.id)))

    ratings = sorted(beside(Rating), key=lambda one: one.sequence)
    answers = sorted(beside(SealedAnswer), key=lambda one: one.key)
    (signed,) = beside(SealedAttestation)
    document = {
        "content_hash": submission.content_hash,
        "as_of": submission.as_of.isoformat(),
        "commitments": submission.commitments.decode(),
        "evidence": submission.evidence.decode(),
        "attestation_commitment": submission.attestation_commitment,
        "submission_hash": submission.submission_hash,
        "attestation": {"salt": signed.salt.hex(), "attestation": signed.attestation.decode()},
        "answers": [
            {"key": one.key, "salt": one.salt.hex(), "answer": one.answer.decode()} for one in answers
        ],
        "documents": [
            {
                "key": one.key,
                "evidence_id": str(one.evidence_id),
                "salt": one.salt.hex(),
                "document": one.document.decode(),
            }
            for one in beside(SealedEvidence)
        ],
        "ratings": [
            {
                **{name: getattr(one, name) for name in RATED},
                "as_of": one.as_of.isoformat(),
                "result": one.result.decode(),
            }
            for one in ratings
        ],
    }
    return canonical_json(document)


def read(path: Path) -> Any:
    """A kept file with attributes as rows have them."""
    raw = json.loads(path.read_bytes())
    raw["commitments"], raw["evidence"] = raw["commitments"].encode(), raw["evidence"].encode()
    for name, field in (("answers", "answer"), ("documents", "document")):
        raw[name] = [
            SimpleNamespace(**{**one, "salt": bytes.fromhex(one["salt"]), field: one[field].encode()})
            for one in raw[name]
        ]
    for one in raw["documents"]:
        one.evidence_id = uuid.UUID(one.evidence_id)
    signed = raw["attestation"]
    raw["attestation"] = SimpleNamespace(
        salt=bytes.fromhex(signed["salt"]), attestation=signed["attestation"].encode()
    )
    raw["ratings"] = [SimpleNamespace(**one) for one in raw["ratings"]]
    return SimpleNamespace(**raw)


def make_missing() -> list[str]:
    """Make what is missing, in a portal of its own; those that are there stay."""
    KEPT.mkdir(exist_ok=True)
    wanted = [label for label in labels() if not (KEPT / f"{label}.json").exists()]
    with tempfile.TemporaryDirectory() as folder:
        settings = demo_settings(Path(folder), 8000)
        database = Database(f"sqlite:///{folder}/portal.sqlite")
        schema.upgrade(database)
        buyer = make_organisation(database, settings, "Halden")
        company = make_company(database, settings, "Northwind")
        for label in wanted:
            (KEPT / f"{label}.json").write_bytes(_made(database, buyer, company, label))
        database.dispose()
    listed = LISTED.read_text() if LISTED.exists() else ""
    for label in wanted:
        digest = sha256((KEPT / f"{label}.json").read_bytes()).hexdigest()
        listed += f'"{label}.json" = "{digest}"\n'
    LISTED.write_text(listed)
    return wanted


def _made(database: Database, buyer: Any, company: Any, label: str) -> bytes:
    """Random answers, a document, a signature, and a batch of marks."""
    rnd, definition = Random(label), catalog.get(label)
    admin, owner = buyer[OrganisationRole.ADMIN], company[CompanyRole.OWNER]
    vendor, engagement, _ = make_vendor(database, admin, company, name=label, engagement="Hosting")
    with database.transaction(admin.scope) as session:
        library.store(session, definition, now=NOW, actor=admin)
    assessment = issue(database, admin, vendor, engagement, definition.content_hash)
    fill(database, owner, assessment, at_random(rnd))
    key = next((one.key for one in definition.questions.values() if one.evidence), None)
    if key is not None:
        _lay(database, Scene(), owner, assessment, key, "The report", "What it says.")
        fill(database, owner, assessment, at_random(rnd))
    seal(database, owner, assessment)
    _mark(database, assessment, rnd)
    with database.looking(SYSTEM) as session:
        one = session.get_one(Assessment, assessment)
        found = session.scalars(select(Submission).where(Submission.assessment_id == one.id)).one()
        return written(session, found)


if __name__ == "__main__":
    print("\n".join(make_missing()) or "Nothing is missing.")
