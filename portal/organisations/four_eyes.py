"""Two people, and two pairs of eyes: whether a second person may approve what a first has proposed.

Not when they are one person or read one mailbox; not when either may not do it any more; not when the second sits
where they sit by the first one's word, however long ago; and not when the first was given their role by the second
after proposing. Whoever else gives the role anew, or names the engagement's owner anew, cures that.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import TABLE, Identity, OrganisationRole, Permission, mine
from portal.accounts import mailboxes
from portal.faults import Refused
from portal.organisations.models import CompanyMember, OrganisationMember

# code -> what is said to the second person
SENTENCES = {
    "same_person": "You proposed this. A second person has to look at it before it is done.",
    "second_gone": "Your role does not allow this.",
    "first_gone": "Whoever proposed this may not do so any more. Propose it again.",
    "same_mailbox": "Your account and the proposer's belong to one mailbox, so you count as one person. "
    "Somebody else has to approve this.",
    "given_by_first": "Whoever proposed this gave you your role, so you cannot be their second person. "
    "Somebody else has to approve this, or you propose it and they approve.",
    "owner_by_first": "Whoever proposed this made you the business owner here, so you cannot be their second person. "
    "Somebody else has to approve this.",
    "given_by_second": "You gave the proposer their role after they had proposed this. "
    "Somebody else has to approve it.",
    "owner_by_second": "You made the proposer the business owner after they had proposed this. "
    "Somebody else has to approve it.",
}


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's place in the tenant now. ``role``: None when they do not belong to it (any more)."""

    person_id: uuid.UUID
    role: str | None
    given_by: uuid.UUID | None
    given_at: datetime | None
    mailboxes: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who owns the engagement in question, named by whom and when: what a business owner's permission rests on."""

    owner_id: uuid.UUID | None
    set_by: uuid.UUID | None
    set_at: datetime | None


def judge(
    first: Seat,
    second: Seat,
    permission: Permission,
    *,
    proposed_at: datetime,
    engagement: Ownership | None = None,
    first_needs: Permission | None = None,
) -> str | None:
    """Why ``second`` may not approve what ``first`` proposed, as a code of SENTENCES; None when they may. Pure.

    ``first_needs``: what proposing takes, where that is another permission than approving.
    """
    if first.person_id == second.person_id:
        return "same_person"
    if not _may(second, permission, engagement):
        return "second_gone"
    if not _may(first, first_needs or permission, engagement):
        return "first_gone"
    if first.mailboxes & second.mailboxes:
        return "same_mailbox"
    if second.given_by == first.person_id:
        return "given_by_first"
    if first.given_by == second.person_id and _since(first.given_at, proposed_at):
        return "given_by_second"
    if engagement is not None:
        if _as_owner(second) and engagement.set_by == first.person_id:
            return "owner_by_first"
        late = engagement.set_by == second.person_id and _since(engagement.set_at, proposed_at)
        if _as_owner(first) and late:
            return "owner_by_second"
    return None


def _may(seat: Seat, permission: Permission, engagement: Ownership | None) -> bool:
    """Whether the role holds the permission; a business owner holds it for what they own."""
    if seat.role is None or seat.role not in {one.value for one in TABLE[permission] or ()}:
        return False
    return engagement is None or not _as_owner(seat) or engagement.owner_id == seat.person_id


def _as_owner(seat: Seat) -> bool:
    return seat.role == OrganisationRole.BUSINESS_OWNER.value


def _since(given: datetime | None, proposed: datetime) -> bool:
    """Whether something was given at the proposal or later; an unknown time counts as later."""
    return given is None or given >= proposed


def require_second(
    session: Session,
    first: uuid.UUID,
    second: Identity,
    permission: Permission,
    *,
    proposed_at: datetime,
    now: datetime,
    engagement: Ownership | None = None,
    first_needs: Permission | None = None,
) -> None:
    """Raise Refused, with a sentence for the second person, unless they may approve what ``first`` proposed.

    Reads both places in the tenant of ``second`` under a lock, in the order of the people's ids, and keeps it until the
    transaction ends: a role, a membership or an address that changes meanwhile waits, or was seen. The caller has
    locked the proposal, and before it the engagement that ``engagement`` was read from. ``permission``: a table's, not
    that of every signed-in person. A proposal from a time to come (``proposed_at`` after ``now``) is refused as well.
    """
    seats = read_seats(session, second, (first, second.person.id))
    found = judge(
        seats[first],
        seats[second.person.id],
        permission,
        proposed_at=proposed_at,
        engagement=engagement,
        first_needs=first_needs,
    )
    if found is not None:
        raise Refused(SENTENCES[found])
    if proposed_at > now:
        raise Refused("This proposal bears a time that is still to come. Propose it again.")


def read_seats(session: Session, identity: Identity, people: tuple[uuid.UUID, ...]) -> dict[uuid.UUID, Seat]:
    """The places of ``people`` in the identity's tenant, with their mailboxes, locked against change."""
    model: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    rows = session.execute(
        select(model.person_id, model.role, model.given_by, model.given_at, model.removed_at)
        .where(*mine(identity.scope, model), model.person_id.in_(people))
        .order_by(model.person_id)
        .with_for_update(read=True)
    ).all()
    boxes = mailboxes.held(session, set(people))
    there = {row.person_id: row for row in rows if row.removed_at is None}
    return {
        one: Seat(
            one,
            there[one].role if one in there else None,
            there[one].given_by if one in there else None,
            there[one].given_at if one in there else None,
            boxes[one],
        )
        for one in people
    }
