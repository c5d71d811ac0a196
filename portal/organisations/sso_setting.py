"""Which provider signs an organisation's people in: proposed by one person, approved by another, ended by either."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, Permission, mine, scoped
from portal.accounts import factors
from portal.accounts.models import LoginSession
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations import four_eyes, second_letters
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoDomain, SsoIdentity, SsoProposal
from portal.organisations.sso_roles import GIVEN

OPEN, ON, OFF = "open", "on", "off"
MOST_GROUPS = 50
LONGEST_GROUP = 200
GIVEN_VALUES = tuple(one.value for one in GIVEN)
NO_WAY_IN = (
    "No administrator has a second factor here. Whoever has one comes in while the provider is down, so set one up "
    "before everybody has to come by the provider."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is proposed; the columns of SsoConnection of the same names."""

    issuer: str
    known_as: str
    groups_claim: str
    roles: dict[str, str]
    default_role: str
    trusts_factor: bool
    creates: bool
    required: bool = False

    def plain(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def roles_from(text: str) -> dict[str, str]:
    """Lines of ``group = role`` as a mapping; Invalid with the line that cannot be read."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        group, sign, role = (part.strip() for part in line.rpartition("="))
        if not sign or not group or len(group) > LONGEST_GROUP or role not in GIVEN_VALUES:
            known = ", ".join(GIVEN_VALUES)
            message = (
                f"Write each line as group = role, with one of {known}. You wrote '{line.strip()[:80]}'."
            )
            raise Invalid(errors={"roles": message})
        found[group] = role
    if len(found) > MOST_GROUPS:
        raise Invalid(errors={"roles": f"Name at most {MOST_GROUPS} groups."})
    return found


def connection(session: Session, identity: Identity, *, lock: bool = False) -> SsoConnection | None:
    statement = scoped(identity, SsoConnection)
    found: SsoConnection | None = session.scalars(
        statement.with_for_update() if lock else statement
    ).one_or_none()
    return found


def _take_turns(session: Session, identity: Identity) -> None:
    """One change of the setting at a time; while there is no connection yet there is no row of it to lock."""
    statement = select(Organisation.id).where(*mine(identity.scope, Organisation))
    session.execute(statement.with_for_update(key_share=True)).scalar_one()


def _way_in(session: Session, identity: Identity) -> bool:
    """Whether an administrator has a second factor: with it they come in while the provider is down."""
    admins = scoped(identity, OrganisationMember).where(
        OrganisationMember.role == OrganisationRole.ADMIN.value, OrganisationMember.removed_at.is_(None)
    )
    return any(factors.is_on(session, one.person_id) for one in session.scalars(admins))


def waiting(session: Session, identity: Identity) -> list[SsoProposal]:
    """Proposals that wait for a second person; there is at most one."""
    mine = scoped(identity, SsoProposal).where(SsoProposal.state == OPEN)
    return list(session.scalars(mine.order_by(SsoProposal.proposed_at)))


def domains(session: Session, identity: Identity) -> list[str]:
    return sorted(one.domain for one in session.scalars(scoped(identity, SsoDomain)))


def propose(
    session: Session, identity: Identity, wanted: Wanted, secret: bytes | None, *, now: datetime
) -> None:
    """A provider, or a change of one, for a second person to look at; an earlier proposal gives way.

    ``secret``: encrypted. Without one, that of the connection in force stays, where issuer and client are the same.
    """
    if wanted.default_role and wanted.default_role not in GIVEN_VALUES:
        raise Invalid(errors={"default_role": "Choose from the list."})
    organisation = identity.organisation
    assert organisation is not None
    _take_turns(session, identity)
    now_in_force = connection(session, identity, lock=True)
    same = now_in_force is not None and (now_in_force.issuer, now_in_force.known_as) == (
        wanted.issuer,
        wanted.known_as,
    )
    if secret is None and now_in_force is not None and same:
        secret = now_in_force.secret
    for one in waiting(session, identity):
        one.state, one.settled_by, one.settled_at = "replaced", identity.person.id, now
    row = SsoProposal(
        id=uuid.uuid4(),
        organisation_id=organisation.id,
        content=wanted.plain(),
        secret=secret,
        state=OPEN,
        proposed_by=identity.person.id,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    record(session, Kind.SSO_PROPOSED, now=now, actor=identity, subject=row)
    what = "A provider is to sign the people of your organisation in. Whoever runs it can sign in as any of them."
    second_letters.ask(session, what, "sign-in-provider", Permission.MANAGE_SSO, actor=identity, now=now)


def settle(
    session: Session, identity: Identity, proposal_id: uuid.UUID, *, approve: bool, now: datetime
) -> None:
    """Approve as the second person, or take the proposal back. Raises Refused, Conflict, NotFound."""
    _take_turns(session, identity)
    now_in_force = connection(session, identity, lock=True)  # before the members: see sso.arrive
    row = session.scalars(
        scoped(identity, SsoProposal).where(SsoProposal.id == proposal_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state != OPEN:
        if (row.state == "approved") is approve:
            return  # a second press
        raise Conflict("This proposal is closed already.")
    if approve:
        four_eyes.require_second(
            session,
            row.proposed_by,
            identity,
            Permission.MANAGE_SSO,
            proposed_at=row.proposed_at,
            now=now,
        )
        _put_in_force(session, identity, now_in_force, row, now=now)
    row.state, row.settled_by, row.settled_at = (
        "approved" if approve else "withdrawn",
        identity.person.id,
        now,
    )
    record(session, Kind.SSO_SETTLED, now=now, actor=identity, subject=row, data={"approved": approve})


def _put_in_force(
    session: Session,
    identity: Identity,
    now_in_force: SsoConnection | None,
    row: SsoProposal,
    *,
    now: datetime,
) -> None:
    wanted = Wanted(**row.content)
    if wanted.required and not _way_in(session, identity):
        raise Conflict(NO_WAY_IN)
    if now_in_force is not None and (now_in_force.issuer, now_in_force.known_as) != (
        wanted.issuer,
        wanted.known_as,
    ):
        # A name there says nothing about the same name elsewhere; some name people anew for each client.
        _unlink_all(session, identity, now=now)
    if now_in_force is None:
        now_in_force = SsoConnection(id=uuid.uuid4(), organisation_id=row.organisation_id)
        session.add(now_in_force)
    for name, value in wanted.plain().items():
        setattr(now_in_force, name, value)
    now_in_force.secret, now_in_force.state, now_in_force.since = row.secret, ON, now
    now_in_force.proposed_by, now_in_force.approved_by = row.proposed_by, identity.person.id
    session.flush()


def _unlink_all(session: Session, identity: Identity, *, now: datetime) -> None:
    organisation = identity.organisation
    assert organisation is not None
    gone = session.execute(
        delete(SsoIdentity).where(SsoIdentity.organisation_id == organisation.id).returning(SsoIdentity.id)
    ).all()
    _end_sessions(session, organisation.id, now)
    record(session, Kind.SSO_UNLINKED, now=now, actor=identity, data={"number": len(gone)})


def switch_off(session: Session, identity: Identity, *, now: datetime) -> None:
    """Nobody comes in by the provider any more, and who came by it is signed out. One person is enough for that."""
    row = connection(session, identity, lock=True)
    if row is None or row.state == OFF:
        return
    row.state, row.since = OFF, now
    _end_sessions(session, row.organisation_id, now)
    record(session, Kind.SSO_SETTLED, now=now, actor=identity, subject=row, data={"state": OFF})


def _end_sessions(session: Session, organisation_id: uuid.UUID, now: datetime) -> None:
    session.execute(
        update(LoginSession)
        .where(LoginSession.bound_to == organisation_id, LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
