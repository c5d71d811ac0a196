"""Steps of the contract schedule: forward, back, into the contract.

Every function takes the engagement as its caller has locked it, so that two people take turns. ``seen`` is the number
of the newest step that the form was rendered from: on another one somebody was faster, and nothing is done.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import sealing
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.schedule import AGREED, IN_CONTRACT, LADDER, may_step
from portal.contracts.schedule_models import (
    ContractFile,
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.contracts.schedule_queries import Line, Schedule, file, files
from portal.evidence.service import FLOOR_MB, MEGABYTE
from portal.evidence.uploads import Stored
from portal.faults import Conflict, Invalid, Unavailable
from portal.storage import Storage
from portal.vendors import queries as vendor_queries
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement

LONGEST_REASON, LONGEST_REFERENCE, LONGEST_VALUE = 2000, 200, 100
QUOTA = 200 * MEGABYTE  # bytes of signed contracts for one engagement
MOVED_ON = "Somebody else has moved this requirement meanwhile. Look at where it stands before you go on."
WITHOUT_REASON = "Say why. Whoever reads the record later needs it."


class Stale(Conflict):
    """The page was rendered before somebody else's step; what was typed is kept on it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A contract: what it is called, when it was signed, the last day that it runs, and its file on record."""

    reference: str
    signed: date
    until: date | None
    file_id: uuid.UUID


def step(
    session: Session,
    engagement: Engagement,
    line: Line,
    to: str,
    *,
    seen: int,
    value: str,
    reason: str = "",
    actor: Identity,
    now: datetime,
) -> None:
    """Move an item to ``to``, or keep it there with another ``value`` for the place that the clause leaves open.

    Back, or the end of a waiver, takes a reason; a waiver ends with any step. Raises Invalid (fields value, reason),
    Stale, Conflict where the step cannot be made; into the contract goes only ``into_contract``.
    """
    require_here(session, engagement, actor)
    state = line.standing.state
    waived = line.standing.waived_until is not None
    same = to == state and (waived or value != line.value)
    if _repeated(line, to, seen, actor, value, reason):
        return
    require_seen(line, seen)
    if not same and (to == IN_CONTRACT or not may_step(state, to)):
        raise Conflict("This step cannot be made from where the requirement stands.")
    back = to in LADDER and LADDER.index(to) < LADDER.index(state)
    errors = {}
    if (back or (waived and to == state)) and not reason:
        errors["reason"] = WITHOUT_REASON
    if to == AGREED and _needs_value(line, value):
        errors["value"] = NEEDS_VALUE
    if errors:
        raise Invalid(errors=errors)
    _write(session, engagement, line, to, {"reason": reason, "value": value}, actor=actor, now=now)
    session.flush()


NEEDS_VALUE = "The clause leaves a place open. Write what was agreed for it, such as “24 hours”."


def into_contract(
    session: Session,
    engagement: Engagement,
    schedule: Schedule,
    picks: Mapping[uuid.UUID, int],
    signed: Signed,
    *,
    today: date,
    actor: Identity,
    now: datetime,
) -> int:
    """Put items into a signed contract, all or none; returns how many. ``picks``: item id -> step that was seen.

    Raises Invalid (fields picks, reference, signed, until, file), Stale, NotFound for an item or file of another
    engagement.
    """
    require_here(session, engagement, actor)
    lines = [schedule.line(one) for one in picks]
    errors = check_signed(signed.reference, signed.signed, signed.until, today)
    if not lines:
        errors["picks"] = "Choose at least one requirement that the contract holds."
    lacking = [one for one in lines if one.lacks_value]
    if lacking:
        named = ", ".join(f"“{one.point.title}”" for one in lacking[:5])
        errors["picks"] = (
            f"Write first what was agreed for the open place of {named}: at the requirement itself."
        )
    document = file(session, actor, engagement.id, signed.file_id)
    if document.storage_key is None:
        errors["file"] = "This file has been destroyed. Choose another one."
    if errors:
        raise Invalid(errors=errors)
    for one in lines:
        require_seen(one, picks[one.item.id])
    for one in lines:
        words = {"reference": signed.reference, "value": one.value}
        _write(session, engagement, one, IN_CONTRACT, words, signed=signed, actor=actor, now=now)
    session.flush()
    return len(lines)


def check_signed(reference: str, signed: date | None, until: date | None, today: date) -> dict[str, str]:
    """What is wrong with a contract's reference and dates, by field."""
    errors = {}
    if not reference:
        errors["reference"] = "Write what the contract is called, such as its number."
    if signed is None:
        errors["signed"] = "Write the day on which it was signed."
    elif signed > today:
        errors["signed"] = "This day is still to come. What is not signed yet is agreed at most."
    if until is not None and until < today:
        errors["until"] = "This contract has ended already."
    elif until is not None and signed is not None and until < signed:
        errors["until"] = "This is before the day of signature. Check both dates."
    return errors


def write_waived(
    session: Session,
    engagement: Engagement,
    line: Line,
    proposal: WaiverProposal,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """The step of a waiver that ``actor`` has approved; the caller has checked that they may."""
    words = {"reason": proposal.reason, "value": line.value}
    _write(session, engagement, line, "waived", words, waiver=proposal, actor=actor, now=now)


def require_room(
    session: Session, storage: Storage, engagement_id: uuid.UUID, size: int, actor: Identity
) -> None:
    """Raise Invalid (field file) when ``size`` bytes more are too many for the engagement."""
    room = storage.room()
    if room is not None and room < FLOOR_MB * MEGABYTE:
        raise Unavailable("The portal has no room for files at this moment; its operators have to make some.")
    used = session.execute(
        select(func.coalesce(func.sum(ContractFile.size), 0)).where(
            *mine(actor.scope, ContractFile),
            ContractFile.engagement_id == engagement_id,
            ContractFile.storage_key.is_not(None),
        )
    ).scalar_one()
    if used + size > QUOTA:
        raise Invalid(
            errors={"file": "This engagement holds 200 MB of contracts already. Choose one of them."}
        )


def add_file(
    session: Session, engagement: Engagement, stored: Stored, *, actor: Identity, now: datetime
) -> ContractFile:
    """A signed contract, its file in storage already; the same bytes once more are the same contract."""
    known = held(session, engagement.id, stored.file.sha256, actor)
    if known is not None:
        return known
    if not stored.key:
        raise Conflict("This file has been destroyed meanwhile. Choose it once more.")
    row = ContractFile(
        id=uuid.uuid4(),
        organisation_id=engagement.organisation_id,
        engagement_id=engagement.id,
        filename=stored.file.filename,
        media_type=stored.file.media_type,
        size=stored.file.size,
        sha256=stored.file.sha256,
        storage_key=stored.key,
        scan=stored.scan,
        scanned_at=stored.scanned_at,
        uploaded_by=actor.person.id,
        uploaded_at=now,
    )
    session.add(row)
    data = {"engagement": engagement.id, "hash": row.sha256, "size": row.size, "scan": row.scan}
    record(session, Kind.CONTRACT_FILE_ADDED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    return row


def held(session: Session, engagement_id: uuid.UUID, sha256: str, actor: Identity) -> ContractFile | None:
    """The signed contract of an engagement that has these bytes."""
    return next((one for one in files(session, actor, engagement_id) if one.sha256 == sha256), None)


def record_opened(session: Session, document: ContractFile, *, actor: Identity, now: datetime) -> None:
    """That a signed contract was opened; for Database.record_access, before the first byte leaves."""
    data = {"hash": document.sha256, "engagement": document.engagement_id}
    record(session, Kind.CONTRACT_FILE_OPENED, now=now, actor=actor, subject=document, data=data)


def named(session: Session, keys: Sequence[str]) -> set[str]:
    """Which of these names in storage belong to signed contracts; for those who delete what nobody names."""
    found = session.execute(select(ContractFile.storage_key).where(ContractFile.storage_key.in_(keys)))
    return {str(one) for one in found.scalars()}


def _needs_value(line: Line, value: str) -> bool:
    return "{value}" in line.text and not value


def require_here(session: Session, engagement: Engagement, actor: Identity) -> None:
    vendor_queries.require_here(vendor_queries.vendor(session, actor, engagement.vendor_id))


def require_seen(line: Line, seen: int) -> None:
    if line.sequence != seen:
        raise Stale(MOVED_ON)


def _repeated(line: Line, to: str, seen: int, actor: Identity, value: str, reason: str) -> bool:
    """Whether this is a second press of the button that made the newest step."""
    if not line.steps or line.sequence != seen + 1:
        return False
    last = line.steps[-1]
    same = (last.row.to_state, last.value, last.reason) == (to, value, reason)
    return same and last.row.by == actor.person.id


def _write(
    session: Session,
    engagement: Engagement,
    line: Line,
    to: str,
    words: Mapping[str, str],
    *,
    signed: Signed | None = None,
    waiver: WaiverProposal | None = None,
    actor: Identity,
    now: datetime,
) -> None:
    """The row, its words beside it, and its event. A waiver waiting for a second person is overtaken by any step."""
    ground_moved(session, engagement.organisation_id, [engagement.id])
    sealed = sealing.seal({"reference": "", "reason": "", "value": "", **words})
    row = ContractStep(
        id=uuid.uuid4(),
        organisation_id=engagement.organisation_id,
        item_id=line.item.id,
        sequence=line.sequence + 1,
        from_state=line.standing.state,
        to_state=to,
        requirement_revision=line.revision,
        clause=line.clause.number,
        signed=signed.signed if signed else None,
        contract_until=signed.until if signed else None,
        file_id=signed.file_id if signed else None,
        waived_until=waiver.until if waiver else None,
        tier=engagement.tier,
        commitment=sealed.commitment,
        at=now,
        by=waiver.proposed_by if waiver else actor.person.id,
        second_id=actor.person.id if waiver else None,
    )
    session.add(row)
    session.flush()
    beside = {"organisation_id": row.organisation_id, "salt": sealed.salt, "words": sealed.data}
    session.add(ContractWords(step_id=row.id, **beside))
    data = {"engagement": engagement.id, "key": line.item.key, "from": row.from_state, "to": to}
    record(session, Kind.CONTRACT_STEPPED, now=now, actor=actor, subject=row, data=data)
    if line.proposal is not None and line.proposal is not waiver:
        close(session, line.proposal, "overtaken", Kind.WAIVER_CLOSED, actor=actor, now=now)


def close(
    session: Session,
    row: WaiverProposal | Settlement,
    state: str,
    kind: Kind,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """Settle a proposal that waits or a settlement that stands."""
    engagement = select(ContractItem.engagement_id).where(
        ContractItem.id == row.item_id, *mine(actor.scope, ContractItem)
    )
    ground_moved(session, row.organisation_id, session.execute(engagement).scalars().all())
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    record(session, kind, now=now, actor=actor, subject=row, data={"outcome": state})
