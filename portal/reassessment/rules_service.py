"""Saving rules of the cycle. Nothing passes a gate by them, so that one person with the permission is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from types import MappingProxyType

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.faults import Conflict, Refused
from portal.organisations.models import Organisation
from portal.reassessment import rules
from portal.reassessment.ladder import Ladder
from portal.reassessment.models import CycleVersion
from portal.reassessment.rules_shape import EVERY, Rules
from portal.vendors.facts import TIERS


def with_since(before: Rules, after: Rules, day: date) -> Rules:
    """``after`` with the day since which each step stands without a break: kept where the rules before had the same
    step for that kind and tier, else ``day``. Pure.
    """
    ladders = {}
    for kind, tiers in after.ladders.items():
        known = before.ladders.get(kind, {})
        ladders[kind] = MappingProxyType(
            {tier: _since(ladder, _before(known, tier), day) for tier, ladder in tiers.items()}
        )
    return replace(after, ladders=MappingProxyType(ladders))


def _before(known: Mapping[str, Ladder], tier: str) -> tuple[Ladder, ...]:
    """The ladders that held for ``tier`` before; one for every tier takes the place of all of them."""
    if tier != EVERY:
        found = known.get(tier, known.get(EVERY))
        return () if found is None else (found,)
    return tuple(known.get(one, known.get(EVERY, ())) for one in TIERS)


def _since(ladder: Ladder, before: tuple[Ladder, ...], day: date) -> Ladder:
    found = []
    for step in ladder:
        same = [{one.name: one.since for one in each}.get(step.name, day) for each in before] or [day]
        # Of several the latest, for the step has stood everywhere since then; None is the earliest of all.
        dated = [one for one in same if one is not None]
        found.append(replace(step, since=max(dated) if dated else None))
    return tuple(found)


def save(session: Session, draft: Rules, *, base: int, actor: Identity, now: datetime) -> CycleVersion:
    """Save ``draft`` as the newest version, written over version ``base``.

    Raises Refused without the permission; Conflict when another version has been saved since, or nothing changed.
    """
    if not actor.may(Permission.MANAGE_CYCLE):
        raise Refused("Administrators and CISOs change the rules of the cycle.")
    assert actor.organisation is not None
    own: Organisation = session.execute(
        select(Organisation).where(Organisation.id == actor.organisation.id).with_for_update()
    ).scalar_one()
    before = rules.current(session, own.id)
    if before.sequence != base:
        raise Conflict("Somebody has saved other rules meanwhile. Look at those first.")
    saved = replace(with_since(before, draft, local_date(now, own.zone)), sequence=before.sequence + 1)
    if saved.to_bytes() == before.to_bytes() and before.sequence > 0:
        raise Conflict("These rules are in force already.")
    row = CycleVersion(
        organisation_id=own.id,
        sequence=saved.sequence,
        content=saved.to_bytes(),
        content_hash=saved.content_hash,
        created_at=now,
        created_by=actor.person.id,
    )
    session.add(row)
    session.flush()
    data = {"sequence": saved.sequence, "hash": saved.content_hash}
    record(session, Kind.CYCLE_CHANGED, now=now, actor=actor, subject=row, data=data)
    return row
