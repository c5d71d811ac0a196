"""Documents of a company's library: adding, changing, taking out, showing them to assessments, sweeping storage."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.erasure.models import DoomedFile
from portal.evidence.models import Evidence, EvidenceGrant
from portal.evidence.uploads import Infected, Stored
from portal.faults import Conflict, Invalid, NotFound, Refused, Unavailable
from portal.storage import Storage

ORPHANED_AFTER = timedelta(days=1)
LINK_QUOTA_MB = 100  # of what comes through one delegation's link
FLOOR_MB = 500  # of free space that uploads leave to the database
MEGABYTE = 1024 * 1024
MOST_BESIDE = 20  # documents beside one answer
EARLIEST = date(1990, 1, 1)
LATEST_YEARS = 30
FULL = (
    "There is no room left for this file: {used} of {quota} MB are in use. "
    "Remove documents that are no longer needed."
)
GONE = "This document has been taken out of the library meanwhile."


@dataclass(frozen=True, slots=True)
class Described:
    """What a person says of a document; both dates are those that it bears."""

    kind: str
    title: str
    issued: date | None = None
    expires: date | None = None


def check(described: Described, today: date) -> None:
    """Raise Invalid for dates that no document can bear."""
    errors = {}
    if described.issued is not None and not EARLIEST <= described.issued <= today + timedelta(days=1):
        errors["issued"] = f"Write the day that the document bears, not later than today, {today}."
    latest = date(today.year + LATEST_YEARS, 12, 31)
    if described.expires is not None and not EARLIEST <= described.expires <= latest:
        errors["expires"] = f"Write the last day on which the document holds, not later than {latest}."
    elif described.expires and described.issued and described.expires < described.issued:
        errors["expires"] = "This is before the day of issue. Check both dates."
    if errors:
        raise Invalid(errors=errors)


def check_room(
    session: Session, storage: Storage, size: int, quota_mb: int, *, actor: Identity, link: bool = True
) -> None:
    """Raise Invalid when ``size`` bytes more are too many for the company, or for the actor's link (``link``).

    Raises Unavailable when the disk is nearly full. Asked before a file is stored and again when its row is written.
    """
    room = storage.room()
    if room is not None and room < FLOOR_MB * MEGABYTE:
        raise Unavailable("The portal has no room for files at this moment; its operators have to make some.")
    held: list[ColumnElement[bool]] = [Evidence.storage_key.is_not(None)]
    if actor.delegated is not None and link:
        quota_mb = min(quota_mb, LINK_QUOTA_MB)
        held.append(Evidence.delegation_id == actor.delegated.id)
    used = session.execute(
        scoped(actor, Evidence).with_only_columns(func.coalesce(func.sum(Evidence.size), 0)).where(*held)
    ).scalar_one()
    if used + size > quota_mb * MEGABYTE:
        raise Invalid(errors={"file": FULL.format(used=used // MEGABYTE, quota=quota_mb)})


def add(
    session: Session, stored: Stored, described: Described, *, actor: Identity, now: datetime
) -> Evidence:
    """A new document of the actor's company, its file in storage already."""
    assert actor.company is not None
    file = stored.file
    document = Evidence(
        id=uuid.uuid4(),
        company_id=actor.company.id,
        kind=described.kind,
        title=described.title or file.filename,
        issued=described.issued,
        expires=described.expires,
        filename=file.filename,
        media_type=file.media_type,
        size=file.size,
        sha256=file.sha256,
        storage_key=stored.key,
        scan=stored.scan,
        scanned_at=stored.scanned_at,
        uploaded_by=actor.person.id,
        uploaded_at=now,
        delegation_id=actor.delegated.id if actor.delegated else None,
    )
    session.add(document)
    data = {"kind": described.kind, "hash": file.sha256, "size": file.size, "scan": stored.scan}
    record(session, Kind.EVIDENCE_ADDED, now=now, actor=actor, subject=document, data=data)
    session.flush()
    return document


def manages(actor: Identity, document: Evidence) -> bool:
    """Owners manage the whole library, everybody else what they have added themselves."""
    return actor.role is CompanyRole.OWNER or document.uploaded_by == actor.person.id


def require_manages(actor: Identity, document: Evidence) -> None:
    """Raise Refused for somebody who neither added the document nor owns the company's side."""
    if not manages(actor, document):
        raise Refused(
            "Only whoever added this document, or an owner of your company, can change or remove it."
        )


def change(
    session: Session, document: Evidence, described: Described, *, actor: Identity, now: datetime
) -> bool:
    """Title, kind and dates; False when nothing is different. What was sealed with it stays as it was.

    Raises Refused as ``require_manages``.
    """
    require_manages(actor, document)
    if document.removed_at is not None:
        raise Conflict(GONE)
    wanted = {
        "kind": described.kind,
        "title": described.title,
        "issued": described.issued,
        "expires": described.expires,
    }
    changed = [name for name, value in wanted.items() if getattr(document, name) != value]
    for name in changed:
        setattr(document, name, wanted[name])
    if changed:
        record(
            session, Kind.EVIDENCE_CHANGED, now=now, actor=actor, subject=document, data={"fields": changed}
        )
        session.flush()
    return bool(changed)


def remove(session: Session, document: Evidence, *, sealed: bool, actor: Identity, now: datetime) -> None:
    """Out of the library. ``sealed``: a submission holds it, so its file stays until redaction; else the file goes."""
    if document.removed_at is not None:
        return
    document.removed_at = now
    if not sealed:
        doom(session, document, now=now)
    record(session, Kind.EVIDENCE_REMOVED, now=now, actor=actor, subject=document, data={"sealed": sealed})
    session.flush()


def doom(session: Session, document: Evidence, *, now: datetime) -> None:
    """Nothing refers to the file any more: the worker deletes it once this is committed. The caller records why."""
    if document.storage_key is not None:
        session.add(DoomedFile(storage_key=document.storage_key, doomed_at=now))
        document.storage_key = None


def grant(
    session: Session,
    document: Evidence,
    *,
    organisation_id: uuid.UUID,
    assessment_id: uuid.UUID,
    key: str,
    actor: Identity,
    now: datetime,
) -> EvidenceGrant:
    """Lay a document beside an answer; again is no change. The caller has locked the assessment and found it open.

    Through a link only what was uploaded through the same link: the library is the company's own.
    """
    if document.removed_at is not None:
        raise Conflict(GONE)
    link = actor.delegated.id if actor.delegated else None
    if link is not None and document.delegation_id != link:
        raise NotFound
    beside = list(
        session.execute(
            scoped(actor, EvidenceGrant).where(
                EvidenceGrant.assessment_id == assessment_id, EvidenceGrant.key == key
            )
        ).scalars()
    )
    row: EvidenceGrant | None = next((one for one in beside if one.evidence_id == document.id), None)
    if row is not None and row.revoked_at is None:
        return row
    if sum(one.revoked_at is None for one in beside) >= MOST_BESIDE:
        raise Invalid(f"There are {MOST_BESIDE} documents beside this answer already. Take one away first.")
    if row is None:
        row = EvidenceGrant(
            id=uuid.uuid4(),
            organisation_id=organisation_id,
            company_id=document.company_id,
            assessment_id=assessment_id,
            key=key,
            evidence_id=document.id,
            granted_by=actor.person.id,
            granted_at=now,
            delegation_id=link,
        )
        session.add(row)
    else:
        row.revoked_at, row.granted_at, row.granted_by = None, now, actor.person.id
        row.delegation_id, row.accepted_at = link, None
    data = {"assessment": assessment_id, "key": key}
    record(session, Kind.EVIDENCE_GRANTED, now=now, actor=actor, subject=document, data=data)
    session.flush()
    return row


def withdraw(
    session: Session, document: Evidence, grants: Iterable[EvidenceGrant], *, actor: Identity, now: datetime
) -> int:
    """Take a document away from answers that are not sealed yet; returns from how many.

    Through a link only what was laid there through it: Refused otherwise. The event is the company's alone.
    """
    taken = [one for one in grants if one.revoked_at is None]
    for one in taken:
        if actor.delegated is not None and one.delegation_id != actor.delegated.id:
            raise Refused(
                "Only whoever laid this document here, or somebody of the company, can take it away."
            )
        one.revoked_at = now
        data = {"assessment": one.assessment_id, "key": one.key}
        record(session, Kind.EVIDENCE_WITHDRAWN, now=now, actor=actor, subject=document, data=data)
    session.flush()
    return len(taken)


def record_infected(session: Session, found: Infected, *, actor: Identity, now: datetime) -> None:
    """That somebody tried to upload something harmful; for Database.record_refusal."""
    data = {"scan": "infected", "signature": found.verdict.signature, "hash": found.file.sha256}
    record(session, Kind.EVIDENCE_SCANNED, now=now, actor=actor, data={**data, "size": found.file.size})


def record_opened(session: Session, document: Evidence, *, actor: Identity, now: datetime) -> None:
    """That a document was opened; for Database.record_access, before the first byte leaves."""
    data = {"hash": document.sha256}
    record(session, Kind.EVIDENCE_OPENED, now=now, actor=actor, subject=document, data=data)


def orphans(session: Session, storage_keys: Collection[str]) -> set[str]:
    """Which of ``storage_keys`` no document names; keys that the worker deletes anyway are not among them."""
    named = set(
        session.execute(select(Evidence.storage_key).where(Evidence.storage_key.in_(storage_keys))).scalars()
    )
    doomed = select(DoomedFile.storage_key).where(DoomedFile.storage_key.in_(storage_keys))
    named |= set(session.execute(doomed).scalars())
    return set(storage_keys) - named


def old_keys(storage: Storage, now: datetime, *, most: int = 500) -> Iterator[list[str]]:
    """The keys of files that have lain in storage for a day, in lists of at most ``most``; slow work.

    Younger ones may belong to a request that has not committed yet.
    """
    found: list[str] = []
    for key, kept_at in iter(storage.keys()):
        if kept_at < now - ORPHANED_AFTER:
            found.append(key)
        if len(found) == most:
            yield found
            found = []
    if found:
        yield found
