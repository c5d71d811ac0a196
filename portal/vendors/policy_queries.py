"""Reading policies: the one in force, its history, and what waits for a second person."""

from __future__ import annotations

import uuid
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.db import across
from portal.faults import NotFound
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.remembered import Remembered
from portal.vendors.facts import TIERS
from portal.vendors.models import PolicyProposal, PolicyVersion
from portal.vendors.policy import Policy
from portal.vendors.policy_default import default
from portal.vendors.policy_parsing import read

WAITING = "waiting"
_known: Remembered[Policy] = Remembered(200)


def current(session: Session, organisation_id: uuid.UUID) -> Policy:
    """The policy in force: the newest version, or what ships with the months that the organisation had set.

    Read from the company's side, too: submitting sets the date of the next assessment.
    """
    row = session.execute(
        select(PolicyVersion.sequence, PolicyVersion.content, PolicyVersion.content_hash)
        .where(PolicyVersion.organisation_id == organisation_id)
        .order_by(PolicyVersion.sequence.desc())
        .limit(1)
        .execution_options(**across("what is submitted is assessed again by the organisation's policy"))
    ).one_or_none()
    if row is None:
        return shipped(session, organisation_id)
    return _known.get((row.sequence, row.content_hash), lambda: read(row.content, row.sequence))


def shipped(session: Session, organisation_id: uuid.UUID) -> Policy:
    """What holds before an organisation has saved a version of its own."""
    own = organisations.organisation_for_company(session, organisation_id)
    return default({tier: getattr(own, f"months_{tier}") for tier in TIERS})


def in_force(session: Session, identity: Identity) -> Policy:
    """``current``, with what it does not say itself: the organisation's regimes, and that every version counts."""
    own = organisations.organisation_of(session, identity)
    found = current(session, own.id)
    if found.regimes is None:
        found = replace(found, regimes=tuple(sorted(own.regimes)))
    if found.versions is None:
        released = released_hashes(session, identity)
        demanded = {slug: released[slug] for slug in sorted(found.demanded & set(released))}
        found = replace(found, versions=MappingProxyType(demanded))
    return found


def released_hashes(session: Session, identity: Identity) -> dict[str, tuple[str, ...]]:
    """The content hashes of every version that the organisation has released for itself, by slug."""
    found: dict[str, list[str]] = {}
    for one in library.own_versions(session, identity):
        found.setdefault(one.slug, []).append(one.content_hash)
    return {slug: tuple(sorted(hashes)) for slug, hashes in found.items()}


def history(session: Session, identity: Identity) -> list[PolicyVersion]:
    """Every version that the organisation has saved, newest first."""
    statement: Any = scoped(identity, PolicyVersion).order_by(PolicyVersion.sequence.desc())
    return list(session.execute(statement).scalars())


def version(session: Session, identity: Identity, sequence: int) -> PolicyVersion:
    """One version, or NotFound."""
    statement = scoped(identity, PolicyVersion).where(PolicyVersion.sequence == sequence)
    found: PolicyVersion | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def before(session: Session, identity: Identity, sequence: int) -> Policy:
    """The policy that version ``sequence`` took the place of."""
    assert identity.organisation is not None
    if sequence <= 1:
        return shipped(session, identity.organisation.id)
    return parsed(version(session, identity, sequence - 1))


def parsed(row: PolicyVersion) -> Policy:
    """A version as a policy."""
    return _known.get((row.sequence, row.content_hash), lambda: read(row.content, row.sequence))


def waiting(session: Session, identity: Identity, *, lock: bool = False) -> PolicyProposal | None:
    """The proposal that waits for a second person; there is one at most."""
    statement = scoped(identity, PolicyProposal).where(PolicyProposal.state == WAITING)
    statement = statement.order_by(PolicyProposal.proposed_at.desc()).limit(1)
    found: PolicyProposal | None = session.execute(
        statement.with_for_update() if lock else statement
    ).scalar_one_or_none()
    return found


def proposal(
    session: Session, identity: Identity, proposal_id: uuid.UUID, *, lock: bool = False
) -> PolicyProposal:
    """A proposal, whatever has become of it; or NotFound. Whoever locks it has locked the organisation before it."""
    statement = scoped(identity, PolicyProposal).where(PolicyProposal.id == proposal_id)
    if lock:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found: PolicyProposal | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found
