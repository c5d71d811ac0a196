"""The scene's webhooks: one of each organisation, at an address that only it may know, with a delivery in its log."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.webhooks.models import ON, Webhook, WebhookDelivery
from tests.portal.world import NOW, Place

if TYPE_CHECKING:
    from tests.portal.scene import Scene


def webhook_of(place: Place) -> uuid.UUID:
    return uuid.uuid5(place.id, "webhook")


def delivery_of(place: Place) -> uuid.UUID:
    return uuid.uuid5(place.id, "delivery")


def hang_webhooks(database: Database, scene: Scene) -> Scene:
    """Sent long ago: nothing of it waits for a worker."""
    for name in ("Kzalder", "Kzbirch"):
        place = scene.places[name]
        actor = place[OrganisationRole.ADMIN]
        with database.transaction(actor.scope) as session:
            row = Webhook(
                id=webhook_of(place), organisation_id=place.id, url=f"https://{scene.canary('hook', place)}.example/",
                kinds=["gate.decided"], secret=b"\0" * 40, old_secrets=[], state=ON,
                created_by=actor.person.id, created_at=NOW, failures=0,
            )  # fmt: skip
            session.add(row)
            record(session, Kind.WEBHOOK_ADDED, now=NOW, actor=actor, subject=row)
            session.flush()
            session.add(
                WebhookDelivery(
                    id=delivery_of(place), organisation_id=place.id, webhook_id=row.id, event_id=uuid.uuid4(),
                    kind="gate.decided", at=NOW, subject={}, state="sent", due_at=NOW, attempts=1, fence=1,
                    created_at=NOW, sent_at=NOW, status=200, last_error="",
                )
            )  # fmt: skip
    return scene
