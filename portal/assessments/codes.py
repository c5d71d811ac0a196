"""The confirmation code of an assessment: two people compare it by telephone. It confirms, and opens nothing."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.accounts import throttles
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across, base_url
from portal.faults import Throttled
from portal.organisations.models import Organisation

# Crockford's base 32: digits and letters without I, L, O and U, which are misread and misheard.
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP, GROUPS = 5, 2
_MISREAD = str.maketrans({"O": "0", "I": "1", "L": "1"})
PER_CLIENT = 20  # checks in a quarter of an hour, right ones too


@dataclass(frozen=True, slots=True)
class Confirmed:
    """All that a right code shows: who asks, since when, and whether that is over. ``asked_at`` is read in ``zone``."""

    organisation: str
    person: str
    asked_at: datetime
    zone: str
    over: bool


def new_code() -> str:
    """50 random bits, as ``7KQ2M-X9FTD``."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))


def readable(typed: str) -> str | None:
    """The code in its one written form, None for what can be none. Small and misread letters and spaces are fine."""
    if len(typed) > 60:
        return None
    letters = "".join(one for one in typed.upper() if one.isalnum()).translate(_MISREAD)
    if len(letters) != GROUP * GROUPS or any(one not in LETTERS for one in letters):
        return None
    return "-".join(letters[at : at + GROUP] for at in range(0, len(letters), GROUP))


def code_of(assessment: Assessment) -> str:
    """The assessment's code; one from before codes gets it now. Only where the row may be written."""
    if assessment.code is None:
        assessment.code = new_code()
    return assessment.code


def in_letters(session: Session, assessment: Assessment) -> dict[str, Any]:
    """What a letter about the assessment says of its code: ``code``, and the address at which it can be checked."""
    return {"code": code_of(assessment), "confirm": address(session)}


def address(session: Session) -> str:
    """Where a code is checked, to be typed by hand."""
    return f"{base_url(session)}/confirm"


# ----------------------------------------------------------------------------------------------- checking a code


def throttle_keys(client: str) -> dict[str, int]:
    """The counter of one client's checks. There is none for everybody: 2^50 codes need none, and it could be shut."""
    key = hashlib.sha256(
        "\x1f".join(("code", throttles.network_of(client))).encode("utf-8", "surrogatepass")
    ).hexdigest()
    return {key: PER_CLIENT}


def check_throttle(session: Session, client: str, *, now: datetime) -> None:
    """Raise Throttled when too many codes were checked from here; read only."""
    try:
        throttles.check_throttle(session, throttle_keys(client), now=now)
    except Throttled as fault:
        raise Throttled(
            "Too many codes have been tried from here. Wait a quarter of an hour, or call the person who wrote to you.",
            fault.retry_after,
        ) from None


def confirmed(session: Session, typed: str) -> tuple[Assessment, Confirmed] | None:
    """What a code confirms, or None. One statement whatever was typed: a wrong code takes as long as a right one."""
    code = readable(typed) or "no code"
    found = session.execute(
        select(Assessment, Organisation.name, PersonRow.name)
        .join(Organisation, Organisation.id == Assessment.organisation_id)
        .join(PersonRow, PersonRow.id == Assessment.issued_by)
        .where(Assessment.code == code)
        .execution_options(**across("a code confirms which organisation asks, and nothing else"))
    ).one_or_none()
    if found is None:
        return None
    assessment, organisation, person = found
    return assessment, Confirmed(
        organisation, person, assessment.issued_at, assessment.zone, assessment.state != "open"
    )


def note_check(session: Session, client: str, found: Assessment | None, *, now: datetime) -> None:
    """Count a check and put it on record, whether the code was right or wrong."""
    throttles.count_attempt(session, throttle_keys(client), now=now)
    record(session, Kind.CODE_CHECKED, now=now, actor=None, subject=found, data={"found": found is not None})
