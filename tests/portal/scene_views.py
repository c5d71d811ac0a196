"""The scene's saved views: one that everybody of an organisation finds, one of a person alone."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database, name_key
from portal.organisations.view_models import SavedView
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Deal, Scene


def saved_of(deal: Deal) -> list[uuid.UUID]:
    """The ids of what is kept beside a deal: the shared one first."""
    return [uuid.uuid5(uuid.NAMESPACE_URL, f"{deal.engagement}:{which}") for which in ("shared", "own")]


def keep_views(database: Database, scene: Scene) -> None:
    """Two views of the list of engagements for each deal, with words of the organisation in name and search."""
    for deal in scene.deals:
        who = deal.organisation[OrganisationRole.CISO]
        words = [scene.canary(what, deal.organisation) for what in ("kept", "sought", "owned", "looked")]
        rows = zip(saved_of(deal), (True, False), (words[:2], words[2:]), strict=True)
        with database.transaction(SYSTEM) as session:
            for key, shared, (name, sought) in rows:
                view = SavedView(
                    id=key, organisation_id=deal.organisation.id, person_id=who.person.id, list="engagements",
                    name=name, name_key=name_key(name), query={"q": sought}, shared=shared, created_at=NOW,
                )  # fmt: skip
                session.add(view)
                session.flush()
                record(session, Kind.VIEW_SAVED, now=NOW, actor=who, subject=view)
