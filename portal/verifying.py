"""`portal verify`: whether an installation, or a backup of one, is what it was when it was written.

Each check yields sentences, one for each thing that is wrong; none when all is well. Values that were destroyed by
redaction are no fault as long as a certificate names them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, select, union_all
from sqlalchemy.orm import Session

from portal import backup, engines
from portal.assessments import rating, sealing
from portal.assessments.models import (
    Rating,
    SealedAnswer,
    SealedAttestation,
    SealedEvidence,
    Submission,
)
from portal.contracts.schedule_models import ContractFile
from portal.db import SYSTEM, Database
from portal.erasure.models import Certificate
from portal.evidence.models import Evidence
from portal.faults import Unavailable
from portal.library import service as library
from portal.settings import Settings
from portal.storage import Missing, Storage, open_storage
from portal.tables import metadata

SLICE = 200


@dataclass(slots=True)
class Findings:
    """What was looked at, and every fault that was found, in plain sentences."""

    submissions: int = 0
    redacted: int = 0
    ratings: int = 0
    files: int = 0
    orphans: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        words = f"{self.submissions} submissions ({self.redacted} redacted), {self.files} files"
        if self.ratings:
            words += f", {self.ratings} ratings computed anew"
        if self.orphans:
            words += f", {self.orphans} files that nothing refers to"
        return words


def verify(settings: Settings, database: Database, *, recompute: bool = False) -> Findings:
    """Check an installation while it runs."""
    found = Findings()
    _check_database(database, found, recompute=recompute)
    storage = open_storage(settings)
    known = _check_files(database, storage, found)
    found.orphans = sum(one[0] not in known for one in storage.keys())  # noqa: SIM118  # it is no dict
    return found


def verify_archive(path: Path, *, recompute: bool = False) -> Findings:
    """Check a backup: each part by its hash; of SQLite also everything inside, and the files against it."""
    found = Findings()
    with backup.opened(path) as (archive, manifest), tempfile.TemporaryDirectory() as scratch:
        bad = backup.damaged(archive, manifest)
        found.files = len(manifest.files)
        found.faults = [f"{name} is damaged." for name in bad]
        if backup.DATABASE in bad:
            return found
        copy = Path(scratch) / backup.DATABASE
        with copy.open("wb") as stream:
            backup.extract(archive, backup.DATABASE, manifest.database, stream)
        if manifest.kind != "sqlite":
            if not engines.readable(copy):
                found.faults.append("The database in the backup cannot be read by pg_restore.")
            return found
        database = Database(f"sqlite:///{copy}")
        try:
            _check_database(database, found, recompute=recompute)
            with database.looking(SYSTEM) as session:
                for key, size, digest in session.execute(_described()):
                    held = manifest.files.get(key)
                    if held is None and key not in manifest.gone:
                        found.faults.append(f"The file {key} is not in the backup.")
                    elif held is not None and (held.size, held.sha256) != (size, digest):
                        found.faults.append(f"The file {key} is not the one that was uploaded.")
        finally:
            database.dispose()
    return found


# ------------------------------------------------------------------------------------------------------- the database


def _check_database(database: Database, found: Findings, *, recompute: bool) -> None:
    with engines.looking(database) as connection:
        found.faults += engines.integrity(connection)
        found.faults += _triggers(connection)
    with database.looking(SYSTEM) as session:
        destroyed = _certified(session, found)
        for submission in _submissions(session):
            _check_submission(session, submission, destroyed, found, recompute=recompute)


def _triggers(connection: Connection) -> Iterator[str]:
    """Append-only tables without the triggers that make them so."""
    sqlite = connection.dialect.name == "sqlite"
    ends = ("no_update", "no_delete", "no_replace") if sqlite else ("sealed", "kept")
    there = engines.triggers(connection)
    tables = set(inspect(connection).get_table_names())
    for name, table in metadata.tables.items():
        if table.info["immutable"] and name in tables:
            missing = [end for end in ends if f"{name}_{end}" not in there]
            if missing:
                yield f"The table {name} can be changed: its trigger {name}_{missing[0]} is gone."


def _certified(session: Session, found: Findings) -> dict[str, set[str] | None]:
    """What certificates say was destroyed: submission id to keys, None for all of it."""
    destroyed: dict[str, set[str] | None] = {}
    for one in session.scalars(select(Certificate)):
        if hashlib.sha256(one.document).hexdigest() != one.sha256:
            found.faults.append(f"The certificate {one.id} is not what its hash says.")
            continue
        for named in json.loads(one.document).get("submissions", ()):
            keys = named.get("keys")
            before = destroyed.get(named["id"], set())
            destroyed[named["id"]] = None if keys is None or before is None else before | set(keys)
    return destroyed


def _submissions(session: Session) -> Iterator[Submission]:
    """Every submission, a slice at a time, so that memory does not grow with their number."""
    last = uuid.UUID(int=0)
    while True:
        rows = session.scalars(
            select(Submission).where(Submission.id > last).order_by(Submission.id).limit(SLICE)
        ).all()
        yield from rows
        if len(rows) < SLICE:
            return
        last = rows[-1].id
        session.expunge_all()


def _check_submission(
    session: Session,
    submission: Submission,
    destroyed: dict[str, set[str] | None],
    found: Findings,
    *,
    recompute: bool,
) -> None:
    found.submissions += 1
    beside: dict[Any, list[Any]] = {
        model: list(session.scalars(select(model).where(model.submission_id == submission.id)))
        for model in (SealedAnswer, SealedAttestation, SealedEvidence)
    }
    signed = next(iter(beside[SealedAttestation]), None)
    proof = sealing.verify(submission, beside[SealedAnswer], signed, beside[SealedEvidence])
    if not proof.sound:
        papers = [f"{key} ({evidence})" for key, evidence in proof.evidence_broken]
        named = ", ".join([*proof.broken, *papers]) or "its hash"
        found.faults.append(f"The submission {submission.id} is not what was sealed: {named}.")
    gone = {*proof.redacted, *(key for key, _evidence in proof.evidence_redacted)}
    found.redacted += bool(gone or proof.attestation_redacted)
    allowed = destroyed.get(str(submission.id), set())
    lost = set() if allowed is None else gone - allowed
    if lost or (proof.attestation_redacted and allowed is not None):
        what = ", ".join(sorted(lost)) or "the attestation"
        found.faults.append(f"The submission {submission.id} lacks {what}, and no certificate says why.")
    if recompute and proof.sound and not gone:
        _recompute(session, submission, beside, found)


def _recompute(
    session: Session, submission: Submission, beside: dict[Any, list[Any]], found: Findings
) -> None:
    definition = library.definition(session, submission.content_hash)
    sealed = {one.key: one.answer for one in beside[SealedAnswer]}
    documents = sealing.documents(beside[SealedEvidence])
    answers = sealing.typed_answers(definition, sealed, submission.as_of, documents)
    for one in session.scalars(select(Rating).where(Rating.submission_id == submission.id)):
        found.ratings += 1
        if rating.recompute(session, one, answers, documents) != one.result:
            found.faults.append(f"The rating {one.id} does not follow from its answers.")


# ---------------------------------------------------------------------------------------------------------- the files


def _described() -> Any:
    every = [
        select(model.storage_key, model.size, model.sha256).where(model.storage_key.is_not(None))
        for model in (Evidence, ContractFile)
    ]
    return union_all(*every).order_by("storage_key")


def _check_files(database: Database, storage: Storage, found: Findings) -> set[str]:
    """Every file that the database names: there, and byte for byte what was uploaded. Returns the names."""
    with database.looking(SYSTEM) as session:
        rows = [tuple(row) for row in session.execute(_described())]
    for key, size, digest in rows:
        found.files += 1
        try:
            read, summed = 0, hashlib.sha256()
            for piece in storage.read(key):
                read += len(piece)
                summed.update(piece)
        except Missing:
            if _named_still(database, key):
                found.faults.append(f"The file {key} is missing from storage.")
            continue
        except Unavailable as fault:
            found.faults.append(f"The file {key} cannot be read: {fault.message}")
            return {row[0] for row in rows}
        if (read, summed.hexdigest()) != (size, digest):
            found.faults.append(f"The file {key} is not the one that was uploaded.")
    return {row[0] for row in rows}


def _named_still(database: Database, key: str) -> bool:
    """Whether a file that is missing is still meant to be there: it may have been destroyed meanwhile."""
    with database.looking(SYSTEM) as session:
        return any(
            session.execute(select(model.id).where(model.storage_key == key)).first() is not None
            for model in (Evidence, ContractFile)
        )
