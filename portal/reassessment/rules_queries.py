"""Versions of an organisation's rules of the cycle, for its pages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.faults import NotFound
from portal.organisations import queries as organisations
from portal.reassessment.models import CycleVersion
from portal.reassessment.rules import Rules, shipped
from portal.reassessment.rules_parsing import read

MOST_SHOWN = 50


def history(session: Session, identity: Identity) -> Sequence[CycleVersion]:
    """The newest versions, the newest first."""
    statement = select(CycleVersion).where(*mine(identity.scope, CycleVersion))
    return session.scalars(statement.order_by(CycleVersion.sequence.desc()).limit(MOST_SHOWN)).all()


def version(session: Session, identity: Identity, sequence: int) -> CycleVersion:
    """One version, or NotFound."""
    found = session.scalars(
        select(CycleVersion).where(*mine(identity.scope, CycleVersion), CycleVersion.sequence == sequence)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def rules_at(session: Session, identity: Identity, sequence: int) -> Rules:
    """The rules of a version; 0 is what ships."""
    since = organisations.organisation_of(session, identity).cycle_since
    if sequence == 0:
        return shipped(since)
    return read(version(session, identity, sequence).content, sequence, since)
