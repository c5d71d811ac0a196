"""Drafts of questionnaires for the pages: one in the middle of its work with a fault in it, one with nothing yet."""

from __future__ import annotations

import uuid

from portal import clock
from portal.access import OrganisationRole
from portal.db import Database
from portal.library import draft_structure, drafts, parts
from portal.library.draft_queries import document_of
from questionnaires import catalog
from tests.portal.world import Place


def make(database: Database, quarry: Place) -> dict[str, uuid.UUID]:
    """Ids by the names of World."""
    actor, now = quarry[OrganisationRole.CISO], clock.now()
    base = catalog.latest("security_lite")
    document = drafts.copied(base, slug="quarry_rules", version="1.0.0", title="Rules of the quarry")
    with database.transaction(actor.scope) as session:
        row = drafts.create(
            session,
            document,
            source_format="draft",
            based_on=base.label,
            base_hash=base.content_hash,
            now=now,
            actor=actor,
        )
        draft_structure.add_section(session, row, title="Doors and keys", actor=actor, now=now)
        for text, kind in (
            ("How many keys are lost in a year?", "number"),
            ("Which doors are there?", "table"),
        ):
            draft_structure.add_question(
                session, row, "doors_and_keys", text=text, kind=kind, actor=actor, now=now
            )
        part = "question:own.doors_and_keys.how_many_keys_are_lost_in"
        held = parts.held(document_of(row), part)
        faulty = held | {
            "weight": 5,
            "unit": "keys",
            "points_when": [{"when": "value == 0", "points": 100}, {"when": "value <", "points": 300}],
            "visible_when": 'engagement.tier == "critical"',
        }
        drafts.save_part(session, row, part, faulty, seen=parts.digest(held), actor=actor, now=now)
        empty = drafts.create(
            session,
            drafts.empty(slug="blank", title="A blank page", licence="Own"),
            source_format="draft",
            now=now,
            actor=actor,
        )
        return {"writing": row.id, "blank": empty.id}
