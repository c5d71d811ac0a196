"""The scene's API tokens: one of each organisation, with a request that it named."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from portal.access import Identity, OrganisationRole
from portal.db import Database
from portal.organisations import tokens
from portal.organisations.token_models import ApiRequest
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Scene


def give_tokens(database: Database, scene: Scene) -> Scene:
    """A token that an administrator has made, by whose name its organisation knows what it is for."""
    for name in ("Kzalder", "Kzbirch"):
        place = scene.places[name]
        made = _made(database, place[OrganisationRole.ADMIN], scene.canary("program", place))
        for deal in scene.deals_of(place):
            deal.made = made
    return scene


def _made(database: Database, actor: Identity, name: str) -> uuid.UUID:
    known, place = uuid.uuid4(), actor.organisation
    assert place is not None
    with database.transaction(actor.scope) as session:
        tokens.make(session, actor, id=known, name=name, scopes=["vendors:read"], days=90, now=NOW)
        session.add(
            ApiRequest(
                token_id=known, key="first-order", organisation_id=place.id, request_hash=b"\0" * 32, status=201,
                kind="vendor", subject_id=None, at=NOW,
            )
        )  # fmt: skip
    return known
