"""Two people, and two pairs of eyes: whether a second person may approve what a first has proposed.

Not when they are one person or read one mailbox, and not when either may not do it any more. And not when one of the
two is here by the other's word, directly or through people whom that one let in (given_by, followed upwards):

- The second never approves for whoever's word they are here by, however long ago: who lets somebody in can let in
  themselves once more, or somebody who owes them the place.
- The first's proposal is not approved by whoever's word they are here by until every link between the two is
  ``SETTLED_IN`` old: a helper let in today proposes nothing for who let them in. It is not refused for ever, since the
  usual house has one founder who invited everybody: the CISO proposes and the founder approves.

The same holds for who is here as an engagement's business owner, and whoever named them.

The portal cannot tell three mailboxes of one human being from three people. So two people whom a third let in may
approve for each other, and everybody else who could approve reads of each proposal by letter. Where two people are all
there are and one let the other in, whoever runs the portal can say that they are two (``portal vouch-for``): then
their word is the one that the place rests on. A place given anew by somebody whom neither let in does the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import TABLE, Identity, OrganisationRole, Permission, mine
from portal.accounts import mailboxes
from portal.faults import Conflict, Refused
from portal.organisations.models import CompanyMember, OrganisationMember

SETTLED_IN = timedelta(days=30)
OLDEST = timedelta(days=30)
TOO_OLD = "This proposal is older than 30 days. Propose it again if it still holds."
TO_COME = "This proposal bears a time that is still to come. Propose it again."
NOBODY_ELSE = (
    "Somebody else has to approve this. Where there is nobody else, whoever runs the portal can help."
)

# code -> what is said to the second person
SENTENCES = {
    "same_person": "You proposed this. A second person has to look at it before it is done.",
    "second_gone": "Your role does not allow this.",
    "first_gone": "Whoever proposed this may not do so any more. Propose it again.",
    "same_mailbox": "Your account and the proposer's belong to one mailbox, so you count as one person. "
    "Somebody else has to approve this.",
    "given_by_first": "Whoever proposed this gave you your role, or gave it to whoever gave you yours, so you cannot "
    f"be their second person. {NOBODY_ELSE}",
    "owner_by_first": "You are the business owner here by the word of whoever proposed this, so you cannot be their "
    "second person. Somebody else has to approve this.",
    "given_by_second": "The proposer has their role by your word, and had it for less than 30 days when they proposed "
    f"this, so you cannot be their second person yet. {NOBODY_ELSE}",
    "by_own_word": "Your place or the proposer's rests on nobody else's word, as far as the record goes, so the two of "
    "you do not count as two people. Whoever runs the portal can help (portal vouch-for).",
    "owner_by_second": "The proposer is the business owner here by your word, and was it for less than 30 days when "
    "they proposed this. Somebody else has to approve it.",
}


@dataclass(frozen=True, slots=True)
class Link:
    """That somebody is where they are by the word of ``by``, since ``at`` (None: not known)."""

    by: uuid.UUID
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's place in the tenant now. ``role``: None when they do not belong to it (any more).

    ``links``: by whose word they are here: who let them in, then who let that one in, and so on; () = whoever runs the
    portal. Nobody stands there twice, and not the person. ``by_own_word``: the way ends at somebody who gave their own
    place, so nobody knows who let them in.
    """

    person_id: uuid.UUID
    role: str | None
    links: tuple[Link, ...] = ()
    mailboxes: frozenset[bytes] = frozenset()
    by_own_word: bool = False


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
    named: tuple[Link, ...] = (),
    first_needs: Permission | None = None,
) -> str | None:
    """Why ``second`` may not approve what ``first`` proposed, as a code of SENTENCES; None when they may. Pure.

    ``named``: by whose word the engagement's owner is its owner, like ``Seat.links``. ``first_needs``: what proposing
    takes, where that is another permission than approving.
    """
    if first.person_id == second.person_id:
        return "same_person"
    if not _may(second, permission, engagement):
        return "second_gone"
    if not _may(first, first_needs or permission, engagement):
        return "first_gone"
    bound = _bound(first, second, proposed_at)
    if bound is not None:
        return bound
    if engagement is not None:
        if _as_owner(second) and any(one.by == first.person_id for one in named):
            return "owner_by_first"
        if _as_owner(first) and _lately(named, second.person_id, proposed_at):
            return "owner_by_second"
    return None


def _bound(first: Seat, second: Seat, proposed_at: datetime) -> str | None:
    """What makes two places those of one, whatever their roles are now."""
    if first.mailboxes & second.mailboxes:
        return "same_mailbox"
    if any(one.by == first.person_id for one in second.links):
        return "given_by_first"
    if first.by_own_word or second.by_own_word:
        return "by_own_word"
    return "given_by_second" if _lately(first.links, second.person_id, proposed_at) else None


def _may(seat: Seat, permission: Permission, engagement: Ownership | None) -> bool:
    """Whether the role holds the permission; a business owner holds it for what they own."""
    if seat.role is None or seat.role not in {one.value for one in TABLE[permission] or ()}:
        return False
    return engagement is None or not _as_owner(seat) or engagement.owner_id == seat.person_id


def _as_owner(seat: Seat) -> bool:
    return seat.role == OrganisationRole.BUSINESS_OWNER.value


def _lately(links: tuple[Link, ...], giver: uuid.UUID, proposed: datetime) -> bool:
    """Whether ``links`` lead to ``giver``, and any on the way was younger than SETTLED_IN at the proposal.

    An unknown time counts as young.
    """
    way = next((links[: at + 1] for at, one in enumerate(links) if one.by == giver), ())
    return any(one.at is None or one.at > proposed - SETTLED_IN for one in way)


# ------------------------------------------------------------------------------------------------- on the database


@dataclass(frozen=True, slots=True)
class Eyes:
    """The places of a tenant as they were read at ``now``, and whose look this is."""

    seats: Mapping[uuid.UUID, Seat]
    second: uuid.UUID
    now: datetime

    def code(
        self,
        first: uuid.UUID,
        permission: Permission,
        *,
        proposed_at: datetime,
        engagement: Ownership | None = None,
        first_needs: Permission | None = None,
        second: uuid.UUID | None = None,
    ) -> str | None:
        """``judge`` of two people of the tenant; ``second``: somebody else than whose look this is."""
        return judge(
            self._seat(first),
            self._seat(second or self.second),
            permission,
            proposed_at=proposed_at,
            engagement=engagement,
            named=self._named(engagement),
            first_needs=first_needs,
        )

    def sentence(
        self, first: uuid.UUID, permission: Permission, *, proposed_at: datetime, **more: Any
    ) -> str:
        """What stands in the way of an approval, for whoever looks at a page; "" when nothing does."""
        found = self.code(first, permission, proposed_at=proposed_at, **more)
        if found is not None:
            return SENTENCES[found]
        return TOO_OLD if self.now - proposed_at > OLDEST else TO_COME if proposed_at > self.now else ""

    def able(
        self, first: uuid.UUID, permission: Permission, *, proposed_at: datetime, **more: Any
    ) -> list[uuid.UUID]:
        """Everybody who could approve what ``first`` proposes."""
        return [
            one
            for one in self.seats
            if self.code(first, permission, proposed_at=proposed_at, second=one, **more) is None
        ]

    def one_with(self, first: uuid.UUID) -> frozenset[uuid.UUID]:
        """``first``, and everybody who could not be their second person today for a mailbox or for who let whom in.

        Also those who have left: what they did stays, and so does by whose word they were here. Who merely has no role
        for it is somebody else.
        """
        mine = self._seat(first)
        bound = {one.person_id for one in self.seats.values() if _bound(mine, one, self.now) is not None}
        return frozenset(bound | {first})

    def _seat(self, person_id: uuid.UUID) -> Seat:
        return self.seats.get(person_id) or Seat(person_id, None)

    def _named(self, engagement: Ownership | None) -> tuple[Link, ...]:
        if engagement is None or engagement.set_by is None:
            return ()
        return (Link(engagement.set_by, engagement.set_at), *self._seat(engagement.set_by).links)


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

    Reads the places in the tenant of ``second`` under a lock, in the order of the people's ids, and keeps it until the
    transaction ends: a role, a membership or an address that changes meanwhile waits, or was seen. The caller has
    locked the proposal, and before it the engagement that ``engagement`` was read from. ``permission``: a table's, not
    that of every signed-in person. Raises Conflict for a proposal older than ``OLDEST``: whoever reads it now judges
    what was true then; one from a time to come (``proposed_at`` after ``now``) is refused as well.
    """
    eyes = Eyes(read_seats(session, second, (first, second.person.id)), second.person.id, now)
    found = eyes.code(
        first, permission, proposed_at=proposed_at, engagement=engagement, first_needs=first_needs
    )
    if found is not None:
        raise Refused(SENTENCES[found])
    if now - proposed_at > OLDEST:
        raise Conflict(TOO_OLD)
    if proposed_at > now:
        raise Refused(TO_COME)


def look(session: Session, identity: Identity, *, now: datetime) -> Eyes:
    """The places of the identity's tenant for a page or a letter: nothing is locked, so an approval judges anew."""
    return Eyes(read_seats(session, identity, None, lock=False), identity.person.id, now)


def read_seats(
    session: Session, identity: Identity, people: Collection[uuid.UUID] | None, *, lock: bool = True
) -> dict[uuid.UUID, Seat]:
    """Every place in the identity's tenant, those of ``people`` with their mailboxes (None: everybody's).

    With ``lock`` every membership is locked against change, since any may be a link between two; and the rows of
    ``people``. Who was removed has no role, and the links that go through them stay.
    """
    model: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    statement = (
        select(model.person_id, model.role, model.given_by, model.given_at, model.removed_at)
        .where(*mine(identity.scope, model))
        .order_by(model.person_id)
    )
    rows = session.execute(statement.with_for_update(read=True) if lock else statement).all()
    given = {row.person_id: Link(row.given_by, row.given_at) for row in rows if row.given_by is not None}
    roles = {row.person_id: row.role for row in rows if row.removed_at is None}
    known = {row.person_id for row in rows}
    boxes = mailboxes.held(session, known if people is None else set(people), lock=lock)
    return {
        one: Seat(
            one,
            roles.get(one),
            links_of(one, given),
            boxes.get(one, frozenset()),
            by_own_word=_by_own_word(one, given),
        )
        for one in known | set(boxes)
    }


def links_of(person_id: uuid.UUID, given: Mapping[uuid.UUID, Link]) -> tuple[Link, ...]:
    """Follow ``given`` upwards from a person; a round of people who let each other in ends where it began."""
    found: list[Link] = []
    seen = {person_id}
    here = given.get(person_id)
    while here is not None and here.by not in seen:
        found.append(here)
        seen.add(here.by)
        here = given.get(here.by)
    return tuple(found)


def _by_own_word(person_id: uuid.UUID, given: Mapping[uuid.UUID, Link]) -> bool:
    """Whether the way upwards from a person ends at somebody who gave themselves their place."""
    links = links_of(person_id, given)
    last = links[-1].by if links else person_id
    return last in given and given[last].by == last
