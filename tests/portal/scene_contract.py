"""The scene's contract schedules: a point in contract with its file, a waiver and a settlement that wait, a clause."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from portal.access import Identity, OrganisationRole
from portal.contracts import clause_queries, clause_texts, schedule_queries, settling, steps
from portal.contracts.schedule_queries import Line, Schedule
from portal.db import Database
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.storage import new_key
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from tests.portal.world import NOW, Place


@dataclass
class Contracted:
    """Ids as they stand in addresses; ``files``: what lies in storage for them."""

    items: list[uuid.UUID]
    file: uuid.UUID
    waiver: uuid.UUID
    settlement: uuid.UUID
    clause: str
    files: dict[str, bytes]


def schedule_of(database: Database, actor: Identity, engagement_id: uuid.UUID) -> tuple[Engagement, Schedule]:
    """The schedule on the day of the tests."""
    with database.looking(actor.scope) as session:
        engagement = vendors.engagement(session, actor, engagement_id)
        vendor = vendors.vendor(session, actor, engagement.vendor_id)
        return engagement, schedule_queries.read(session, actor, engagement, vendor, NOW.date())


def put_in_contract(
    database: Database, place: Place, engagement_id: uuid.UUID, words: Sequence[str]
) -> Contracted:
    """``words``: file and its text, reference, reasons of waiver and settlement, clause. All the organisation's own."""
    titled, held, reference, why, said, clause = words
    buyer, reviewer = place[OrganisationRole.PROCUREMENT], place[OrganisationRole.REVIEWER]
    _engagement, schedule = schedule_of(database, buyer, engagement_id)
    first, second, third = [one for one in schedule.lines if one.point.outcome == "undetermined"][:3]
    data = f"{held}\n".encode()
    stored = Stored(
        new_key(),
        Sniffed(f"{titled}.txt", "text/plain", len(data), sha256(data).hexdigest()),
        "not_scanned",
        None,
    )
    with database.transaction(buyer.scope) as session:
        engagement = vendors.engagement(session, buyer, engagement_id, lock=True)
        if first.lacks_value:
            value = {"seen": first.sequence, "value": "24 hours", "actor": buyer, "now": NOW}
            steps.step(session, engagement, first, "flagged", **value)  # type: ignore[arg-type]
    _engagement, schedule = schedule_of(database, buyer, engagement_id)
    with database.transaction(buyer.scope) as session:
        engagement = vendors.engagement(session, buyer, engagement_id, lock=True)
        document = steps.add_file(session, engagement, stored, actor=buyer, now=NOW)
        picks = {first.item.id: schedule.line(first.item.id).sequence}
        signed = steps.Signed(reference, NOW.date(), None, document.id)
        steps.into_contract(
            session, engagement, schedule, picks, signed, today=NOW.date(), actor=buyer, now=NOW
        )
        waiver = settling.propose_waiver(
            session,
            engagement,
            second,
            until=NOW.date() + timedelta(days=90),
            reason=why,
            seen=second.sequence,
            today=NOW.date(),
            actor=buyer,
            now=NOW,
        )
        file, proposed = document.id, waiver.id
    with database.transaction(reviewer.scope) as session:
        engagement = vendors.engagement(session, reviewer, engagement_id, lock=True)
        waits = settling.settle(
            session,
            engagement,
            third,
            "not_required",
            reason=said,
            basis=third.basis,
            actor=reviewer,
            now=NOW,
        )
        settlement = waits.id
    with database.transaction(buyer.scope) as session:
        before = clause_queries.clause_versions(session, buyer, third.item.key)
        base = before[0][0].sequence if before else 0
        clause_texts.save(session, third.item.key, f"{{vendor}} {clause}", base=base, actor=buyer, now=NOW)
    items = [one.item.id for one in (first, second, third)]
    return Contracted(items, file, proposed, settlement, third.item.key, {stored.key: data})


__all__ = ["Contracted", "Line", "put_in_contract", "schedule_of"]
