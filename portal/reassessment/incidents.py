"""Incidents: something happened at a vendor, told by it or noted about it; who said what when, and nothing edited."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection
from datetime import date, datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, Permission, mine
from portal.assessments.enquiries import COMPANY, ORGANISATION, text_fault
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, Refused
from portal.organisations import queries as organisations
from portal.reassessment import incident_letters as letters
from portal.reassessment import incident_queries as queries
from portal.reassessment.incident_queries import Client
from portal.reassessment.models_triggers import Incident, IncidentEntry, IncidentWords
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor

KINDS = ("breach", "outage", "ownership", "subprocessor", "location", "other")
OPEN, SETTLED = "open", "settled"
MOST_A_DAY = 5  # that a company tells one client
MOST_ENTRIES = 200
SALT_BYTES = 32
SAY = "Say what happened, and what it means as far as you know."


def check(kind: str, happened: date | None, words: str, today: date) -> None:
    """Raise Invalid (kind, happened, words) for what no incident can be."""
    errors = {}
    if kind not in KINDS:
        errors["kind"] = "Choose what kind of incident it is."
    if happened is not None and not date(1990, 1, 1) <= happened <= today + timedelta(days=1):
        errors["happened"] = f"Write the day on which it happened, not later than today, {today}."
    if (fault := text_fault(words, SAY)) is not None:
        errors["words"] = fault
    if errors:
        raise Invalid(errors=errors)


def note(
    session: Session,
    vendor: Vendor,
    *,
    kind: str,
    happened: date | None,
    words: str,
    shared: bool,
    actor: Identity,
    now: datetime,
) -> Incident:
    """A member puts an incident of a vendor on record; its reviewers and CISOs get a letter at once.

    ``shared``: the vendor reads these words too, and gets a letter; else it learns nothing. The caller has locked the
    vendor. Raises Refused, Conflict for one that is offboarded or has nobody here to read it, Invalid.
    """
    if not actor.may(Permission.NOTE_INCIDENT):
        raise Refused("You may read incidents here, but not put them on record.")
    vendors.require_here(vendor)
    today = clock.local_date(now, organisations.organisation_of(session, actor).zone)
    words = words.strip()
    check(kind, happened, words, today)
    if shared and vendor.company_id is None:
        raise Invalid(errors={"shared": "Nobody of this vendor is here yet who could read it."})
    waiting = _same(session, actor, vendor.organisation_id, vendor.id, kind, words)
    if waiting is not None:
        return waiting  # a second press of the same button
    row = _open(session, vendor, ORGANISATION, kind, happened, today, shared=shared, actor=actor, now=now)
    _say(session, row, words, ORGANISATION, internal=not shared, actor=actor, now=now)
    letters.tell_organisation(session, row, vendor.name, actor=actor, now=now)
    if shared:
        letters.tell_company(session, row, actor=actor, now=now)
    return row


def tell(
    session: Session,
    chosen: Collection[Client],
    *,
    kind: str,
    happened: date | None,
    words: str,
    actor: Identity,
    now: datetime,
) -> list[Incident]:
    """A company tells clients of its choice; each has a row of its own, and none learns of the others.

    A client that was told often enough today is left out. Raises Refused, Invalid (clients, kind, happened, words),
    Conflict when that leaves nobody.
    """
    assert actor.company is not None
    if not actor.may(Permission.TELL_INCIDENT) or actor.delegated is not None:
        raise Refused("Only somebody of the company can tell its clients.")
    words = words.strip()
    if not chosen:
        raise Invalid(errors={"clients": "Choose whom you tell."})
    check(kind, happened, words, clock.local_date(now, "UTC"))
    found: list[Incident] = []
    full = []
    for one in sorted(chosen, key=lambda each: each.vendor.id):
        vendor = one.vendor
        waiting = _same(session, actor, vendor.organisation_id, vendor.id, kind, words)
        if waiting is not None:
            found.append(waiting)
            continue
        if queries.told_since(session, actor, vendor.organisation_id, now - timedelta(days=1)) >= MOST_A_DAY:
            full.append(one.name)
            continue
        today = clock.local_date(now, one.zone)
        row = _open(session, vendor, COMPANY, kind, happened, today, shared=True, actor=actor, now=now)
        _say(session, row, words, COMPANY, internal=False, actor=actor, now=now)
        letters.tell_organisation(session, row, actor.company.name, actor=actor, now=now)
        found.append(row)
    if not found:
        raise Conflict(
            f"{', '.join(full)} was told of {MOST_A_DAY} incidents within a day. Add to one of them, or write to them."
        )
    return found


def add(
    session: Session, row: Incident, words: str, *, shared: bool = True, actor: Identity, now: datetime
) -> IncidentEntry | None:
    """Say more of an incident; None when it is what was said last. The caller has locked the row.

    What a company adds to one that is settled opens it again: somebody has to look at it.

    ``shared``: of a member, whether the vendor reads it, too; from then on it reads the incident. Raises Refused,
    Conflict for one that is full, Invalid (words, shared).
    """
    side = ORGANISATION if actor.organisation is not None else COMPANY
    if not actor.may(Permission.NOTE_INCIDENT if side == ORGANISATION else Permission.TELL_INCIDENT):
        raise Refused("You may read this incident, but not write to it.")
    words = words.strip()
    if (fault := text_fault(words, "Write what you want to add.")) is not None:
        raise Invalid(errors={"words": fault})
    entries = queries.entries(session, actor, row.id)
    last = entries[-1] if entries else None
    if last is not None and (last.words, last.entry.by) == (words, actor.person.id):
        return None
    if row.said >= MOST_ENTRIES:
        raise Conflict("This record is full. Put a new incident on record.")
    if side == ORGANISATION and shared and row.company_id is None:
        company = queries.company_of(session, actor, row)
        if company is None:
            raise Invalid(errors={"shared": "Nobody of this vendor is here yet who could read it."})
        row.company_id = company
        session.flush()
    entry = _say(session, row, words, side, internal=not shared, actor=actor, now=now)
    if side == COMPANY:
        assert actor.company is not None
        again = row.state == SETTLED
        if again:
            _open_again(session, row, actor=actor, now=now)
        letters.tell_organisation(
            session, row, actor.company.name, more=True, again=again, actor=actor, now=now
        )
    elif shared:
        letters.tell_company(session, row, more=True, actor=actor, now=now)
    return entry


def settle(session: Session, row: Incident, *, again: bool = False, actor: Identity, now: datetime) -> None:
    """Note that nothing is open about an incident any more, or (``again``) that something is.

    The organisation settles. The caller has locked the row. Raises Refused.
    """
    if actor.organisation is None or not actor.may(Permission.NOTE_INCIDENT):
        raise Refused("The organisation settles an incident.")
    if row.state == (OPEN if again else SETTLED):
        return
    if again:
        _open_again(session, row, actor=actor, now=now)
        return
    row.state, row.settled_by, row.settled_at = SETTLED, actor.person.id, now
    data, ours = {"state": SETTLED}, row.company_id is None
    record(session, Kind.INCIDENT_SETTLED, now=now, actor=actor, subject=row, data=data, ours=ours)
    session.flush()


# ---------------------------------------------------------------------------------------------------------- inside


def commitment(salt: bytes, words: str) -> str:
    """What an entry keeps of its words: SHA-256 over a salt of 32 bytes and the words in UTF-8, in hex."""
    if len(salt) != SALT_BYTES:  # a fixed length: no two pairs of salt and words are the same bytes in a row
        raise ValueError("a salt has 32 bytes")
    return sha256(salt + words.encode()).hexdigest()


def _open_again(session: Session, row: Incident, *, actor: Identity, now: datetime) -> None:
    """``settled_at`` stays: by it the reason for a look is another one than before (trigger_finding.of_incidents)."""
    row.state, row.settled_by, row.reopened_at = OPEN, None, now
    data, ours = {"state": OPEN}, row.company_id is None
    record(session, Kind.INCIDENT_REOPENED, now=now, actor=actor, subject=row, data=data, ours=ours)
    session.flush()


def _open(
    session: Session,
    vendor: Vendor,
    side: str,
    kind: str,
    happened: date | None,
    known: date,
    *,
    shared: bool,
    actor: Identity,
    now: datetime,
) -> Incident:
    row = Incident(
        id=uuid.uuid4(),
        organisation_id=vendor.organisation_id,
        company_id=vendor.company_id if shared else None,
        vendor_id=vendor.id,
        side=side,
        kind=kind,
        happened=happened,
        known=known,
        said=0,
        state=OPEN,
        opened_at=now,
        opened_by=actor.person.id,
    )
    session.add(row)
    session.flush()
    data = {"kind": kind, "side": side, "vendor": vendor.id, "happened": happened, "known": known}
    record(session, Kind.INCIDENT_REPORTED, now=now, actor=actor, subject=row, data=data, ours=not shared)
    return row


def _say(
    session: Session,
    row: Incident,
    words: str,
    side: str,
    *,
    internal: bool,
    actor: Identity,
    now: datetime,
) -> IncidentEntry:
    salt = secrets.token_bytes(SALT_BYTES)
    row.said += 1
    place = {
        "incident_id": row.id,
        "organisation_id": row.organisation_id,
        "company_id": None if internal else row.company_id,
    }
    entry = IncidentEntry(
        id=uuid.uuid4(),
        sequence=row.said,
        side=side,
        internal=internal,
        at=now,
        by=actor.person.id,
        commitment=commitment(salt, words),
        **place,
    )
    session.add(entry)
    session.flush()
    session.add(IncidentWords(entry_id=entry.id, salt=salt, words=words, **place))
    if row.said > 1:
        data = {"internal": internal, "side": side}
        record(
            session, Kind.INCIDENT_CONTINUED, now=now, actor=actor, subject=row, data=data, ours=internal
        )  # what is internal is no event of the vendor's either
    session.flush()
    return entry


def _same(
    session: Session,
    actor: Identity,
    organisation_id: uuid.UUID,
    vendor_id: uuid.UUID,
    kind: str,
    words: str,
) -> Incident | None:
    """The open incident that this person has put on record in the very same words."""
    rows = session.execute(
        select(Incident, IncidentWords.words)
        .join(IncidentEntry, (IncidentEntry.incident_id == Incident.id) & (IncidentEntry.sequence == 1))
        .join(IncidentWords, IncidentWords.entry_id == IncidentEntry.id)
        .where(
            *mine(actor.scope, Incident, IncidentEntry, IncidentWords),
            Incident.organisation_id == organisation_id,
            Incident.vendor_id == vendor_id,
            Incident.kind == kind,
            Incident.state == OPEN,
            Incident.opened_by == actor.person.id,
        )
    )
    return next((row for row, said in rows if said == words), None)
