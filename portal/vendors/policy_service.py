"""Saving a policy: what asks for more holds at once, what asks for less waits for a second person."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.organisations import second_letters
from portal.organisations.four_eyes import require_second
from portal.organisations.models import Organisation
from portal.vendors import policy_queries
from portal.vendors.facts import TIERS
from portal.vendors.ground import every_ground_moved
from portal.vendors.models import PolicyProposal, PolicyVersion
from portal.vendors.policy import Policy
from portal.vendors.policy_loosening import changed, loosens
from portal.vendors.policy_parsing import read
from questionnaires import catalog

MOVED_ON = "Somebody else has changed the policy meanwhile. Look at what is in force before you save yours."
ONE_WAITS = (
    "A change of the policy waits for a second person already. Have it approved, refused or withdrawn first."
)
SETTLED = "This proposal has been settled already."


def save(
    session: Session, new: Policy, *, base: int, actor: Identity, now: datetime
) -> PolicyVersion | PolicyProposal | None:
    """Save ``new`` over version ``base``: a version in force, or a proposal where it asks for less; None: no change.

    Raises Conflict when another version is in force by now or another proposal waits, Invalid for a questionnaire
    that the organisation does not have, or one without a version that counts.
    """
    organisation_id = _lock(session, actor)
    old, new = completed(session, actor, new)
    if new.to_bytes() == old.to_bytes():
        return None  # nothing to save, or a second press of the same button
    if old.sequence != base:
        raise Conflict(MOVED_ON)
    _require_known(session, actor, old, new)
    looser = loosens(old, new)
    if not looser:
        return _put_in_force(session, organisation_id, old, new, by=actor, approved_by=None, now=now)
    earlier = policy_queries.waiting(session, actor)
    if earlier is not None:
        if (earlier.content_hash, earlier.proposed_by) == (new.content_hash, actor.person.id):
            return earlier
        raise Conflict(ONE_WAITS)
    row = PolicyProposal(
        id=uuid.uuid4(),
        organisation_id=organisation_id,
        base_sequence=base,
        content=new.to_bytes(),
        content_hash=new.content_hash,
        state=policy_queries.WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    data = {"sequence": base + 1, "fields": looser}
    record(session, Kind.POLICY_PROPOSED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    what = (
        f"{actor.person.name} proposes another version of the policy. It asks for less than the one in force."
    )
    second_letters.ask(session, what, "policy", Permission.MANAGE_POLICY, actor=actor, now=now)
    return row


def approve(session: Session, proposal_id: uuid.UUID, *, actor: Identity, now: datetime) -> PolicyVersion:
    """Put a proposal in force, as a second person.

    Raises NotFound, Conflict when it is settled or overtaken, Refused for whoever may not be the second.
    """
    organisation_id = _lock(session, actor)
    row = _waiting(session, actor, proposal_id)
    require_second(
        session, row.proposed_by, actor, Permission.MANAGE_POLICY, proposed_at=row.proposed_at, now=now
    )
    old = policy_queries.in_force(session, actor)
    if old.sequence != row.base_sequence:
        raise Conflict(MOVED_ON)
    _settle(session, row, "approved", actor, now)
    new = read(row.content, old.sequence + 1)
    return _put_in_force(
        session,
        organisation_id,
        old,
        new,
        by=row.proposed_by,
        approved_by=actor.person.id,
        now=now,
        actor=actor,
    )


def refuse(session: Session, proposal_id: uuid.UUID, *, actor: Identity, now: datetime) -> None:
    """Say no; whoever proposed it takes it back. Raises NotFound, Conflict when it is settled."""
    _lock(session, actor)
    row = _waiting(session, actor, proposal_id)
    state = "withdrawn" if row.proposed_by == actor.person.id else "refused"
    _settle(session, row, state, actor, now)
    session.flush()


def completed(session: Session, actor: Identity, new: Policy) -> tuple[Policy, Policy]:
    """The policy in force, and ``new`` with what it leaves out, so that the two can be compared.

    Of an own questionnaire that was demanded before, those versions count that ``new`` names; of one that is newly
    demanded all that are released. Raises Invalid where none would count.
    """
    old = policy_queries.in_force(session, actor)
    assert old.versions is not None
    named = old.versions if new.versions is None else new.versions
    released = policy_queries.released_hashes(session, actor)
    versions = {}
    errors = {}
    for slug in sorted(new.demanded & set(released)):
        if slug in old.demanded:
            versions[slug] = tuple(one for one in released[slug] if one in named.get(slug, ()))
        else:
            versions[slug] = released[slug]
        if not versions[slug] and not catalog.versions(slug):  # of a shipped one the shipped versions count
            errors[f"versions.{slug}"] = "Choose at least one version, or demand another questionnaire."
    if errors:
        raise Invalid(errors=errors)
    regimes = old.regimes if new.regimes is None else new.regimes
    return old, replace(new, regimes=regimes, versions=MappingProxyType(versions))


def _lock(session: Session, actor: Identity) -> uuid.UUID:
    """Make whoever changes the policy take turns; returns the organisation's id."""
    return session.execute(
        select(Organisation.id).where(*mine(actor.scope, Organisation)).with_for_update()
    ).scalar_one()


def _waiting(session: Session, actor: Identity, proposal_id: uuid.UUID) -> PolicyProposal:
    row = policy_queries.proposal(session, actor, proposal_id, lock=True)
    if row.state != policy_queries.WAITING:
        raise Conflict(SETTLED)
    return row


def _settle(session: Session, row: PolicyProposal, state: str, actor: Identity, now: datetime) -> None:
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    record(session, Kind.POLICY_SETTLED, now=now, actor=actor, subject=row, data={"outcome": state})


def _put_in_force(
    session: Session,
    organisation_id: uuid.UUID,
    old: Policy,
    new: Policy,
    *,
    by: Identity | uuid.UUID,
    approved_by: uuid.UUID | None,
    now: datetime,
    actor: Identity | None = None,
) -> PolicyVersion:
    acting = by if isinstance(by, Identity) else actor
    assert acting is not None
    overtaken = policy_queries.waiting(session, acting, lock=True)
    if overtaken is not None:
        _settle(session, overtaken, "overtaken", acting, now)
    if new.regimes is not None:  # where every fact of the organisation is read
        organisations.organisation_of(session, acting).regimes = list(new.regimes)
    row = PolicyVersion(
        id=uuid.uuid4(),
        organisation_id=organisation_id,
        sequence=old.sequence + 1,
        content=new.to_bytes(),
        content_hash=new.content_hash,
        created_at=now,
        created_by=by.person.id if isinstance(by, Identity) else by,
        approved_by=approved_by,
    )
    session.add(row)
    every_ground_moved(session, organisation_id)
    data = {"sequence": row.sequence, "fields": [name for name, _old, _new in changed(old, new)]}
    record(session, Kind.POLICY_CHANGED, now=now, actor=acting, subject=row, data=data)
    session.flush()
    return row


def _require_known(session: Session, actor: Identity, old: Policy, new: Policy) -> None:
    """A questionnaire that is newly demanded has to be one that can be issued; what stood there before may stay."""
    before = {slug for tier in TIERS for slug in old.tiers[tier].demanded}
    there = demandable(session, actor)
    errors = {}
    for tier in TIERS:
        for name in ("questionnaires", "with_personal_data"):
            unknown = [
                one for one in getattr(new.tiers[tier], name) if one not in there and one not in before
            ]
            if unknown:
                errors[f"{tier}.{name}"] = "Choose questionnaires from the list."
    if errors:
        raise Invalid(errors=errors)


def demandable(session: Session, actor: Identity) -> dict[str, str]:
    """Slug -> title of every questionnaire that can be issued to vendors, newest version's title."""
    return {one.slug: one.title for one in library.available(session, actor) if one.purpose == "assessment"}
