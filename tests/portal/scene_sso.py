"""The scene's sign-in providers: one of each organisation, switched off, with a proposal, a domain and a linked person.

Switched off, because the public page of one that is on names its organisation to whoever knows the address.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.organisations.sso_models import SsoConnection, SsoDomain, SsoIdentity, SsoProposal
from tests.portal.world import NOW, Place

if TYPE_CHECKING:
    from tests.portal.scene import Scene


def proposal_of(place: Place) -> uuid.UUID:
    return uuid.uuid5(place.id, "sso")


def set_providers(database: Database, scene: Scene) -> Scene:
    for name in ("Kzalder", "Kzbirch"):
        place = scene.places[name]
        actor, second = place[OrganisationRole.ADMIN], place[OrganisationRole.CISO]
        issuer = f"https://{scene.canary('issuer', place)}.example"
        content = {
            "issuer": issuer,
            "known_as": scene.canary("client", place),
            "groups_claim": "groups",
            "roles": {scene.canary("group", place): "auditor"},
            "default_role": "",
            "trusts_factor": False,
            "creates": False,
        }
        with database.transaction(actor.scope) as session:
            row = SsoProposal(
                id=proposal_of(place), organisation_id=place.id, content=content, secret=None, state="open",
                proposed_by=actor.person.id, proposed_at=NOW,
            )  # fmt: skip
            session.add(row)
            session.add(
                SsoConnection(
                    organisation_id=place.id, secret=None, state="off", proposed_by=actor.person.id,
                    approved_by=second.person.id, since=NOW, **content,
                )
            )  # fmt: skip
            session.add(SsoDomain(organisation_id=place.id, domain=f"{name.lower()}.example", allowed_at=NOW))
            session.add(
                SsoIdentity(
                    organisation_id=place.id, issuer=issuer, subject=f"somebody-of-{name}",  # no page shows it
                    person_id=second.person.id, since=NOW, came_at=NOW,
                )
            )  # fmt: skip
            record(session, Kind.SSO_PROPOSED, now=NOW, actor=actor, subject=row)
    return scene
