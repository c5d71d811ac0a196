"""Who may be the second person at the gate: by four_eyes, and by the roles that the policy lets decide now."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.faults import Refused
from portal.gate.case import NOT_YOURS, Case, require_decider
from portal.organisations import four_eyes


def require_second(
    session: Session,
    case: Case,
    first: uuid.UUID,
    actor: Identity,
    *,
    proposed_at: datetime,
    now: datetime,
) -> None:
    """Raise Refused unless the actor may be the second person, and both decide about this tier by the policy now."""
    require_decider(case, actor)
    four_eyes.require_second(
        session,
        first,
        actor,
        Permission.DECIDE,
        proposed_at=proposed_at,
        now=now,
        engagement=case.ownership,
    )
    seat = four_eyes.read_seats(session, actor, (first,))[first]
    if seat.role not in case.demands.roles:
        raise Refused(four_eyes.SENTENCES["first_gone"])


def require_other(
    session: Session, case: Case, first: uuid.UUID, actor: Identity, *, since: datetime, now: datetime
) -> None:
    """Raise Refused for whoever is no other person than ``first``, who may have left since they acted."""
    seats = four_eyes.read_seats(session, actor, (first, actor.person.id))
    eyes = four_eyes.Eyes(seats, actor.person.id, now)
    found = eyes.code(first, Permission.DECIDE, proposed_at=since, engagement=case.ownership)
    if found == "first_gone":
        gone, here = seats.get(first), seats[actor.person.id]
        found = "same_mailbox" if gone is not None and gone.mailboxes & here.mailboxes else None
    if found is not None:
        raise Refused(four_eyes.SENTENCES[found])


def objection(case: Case, eyes: four_eyes.Eyes, first: uuid.UUID, *, proposed_at: datetime) -> str:
    """What stands in the way of the reader's approval, as a page says it before the press; "" for nothing."""
    if not _decides(eyes, eyes.second, case.demands.roles):
        return NOT_YOURS
    found = eyes.sentence(first, Permission.DECIDE, proposed_at=proposed_at, engagement=case.ownership)
    if not found and not _decides(eyes, first, case.demands.roles):
        return four_eyes.SENTENCES["first_gone"]
    return found


def able(case: Case, eyes: four_eyes.Eyes, first: uuid.UUID, *, proposed_at: datetime) -> list[uuid.UUID]:
    """Everybody who could approve what ``first`` proposes about this engagement."""
    found = eyes.able(first, Permission.DECIDE, proposed_at=proposed_at, engagement=case.ownership)
    return [one for one in found if _decides(eyes, one, case.demands.roles)]


def _decides(eyes: four_eyes.Eyes, person_id: uuid.UUID, roles: Collection[str]) -> bool:
    seat = eyes.seats.get(person_id)
    return seat is not None and seat.role in roles
