"""Reading webhooks and what was delivered to them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.faults import NotFound
from portal.paging import Page, paged
from portal.webhooks.models import WAITING, Webhook, WebhookDelivery


@dataclass(frozen=True, slots=True)
class Counts:
    """How many deliveries of a webhook wait, went out, and were given up, of those that its log keeps."""

    waiting: int = 0
    sent: int = 0
    gave_up: int = 0


def listed(session: Session, identity: Identity) -> list[Webhook]:
    """The organisation's webhooks, the oldest first."""
    statement = scoped(identity, Webhook).order_by(Webhook.created_at, Webhook.id)
    return list(session.execute(statement).scalars())


def webhook(session: Session, identity: Identity, webhook_id: uuid.UUID) -> Webhook:
    """The organisation's own, or NotFound."""
    statement = scoped(identity, Webhook).where(Webhook.id == webhook_id)
    found: Webhook | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def counts(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Counts]:
    """By webhook, in one statement."""
    if not ids:
        return {}
    rows = session.execute(
        select(WebhookDelivery.webhook_id, WebhookDelivery.state, func.count())
        .where(WebhookDelivery.webhook_id.in_(sorted(ids)), *mine(identity.scope, WebhookDelivery))
        .group_by(WebhookDelivery.webhook_id, WebhookDelivery.state)
    )
    found: dict[uuid.UUID, dict[str, int]] = {}
    for webhook_id, state, number in rows:
        name = "waiting" if state in WAITING else state
        of = found.setdefault(webhook_id, {})
        of[name] = of.get(name, 0) + number
    return {one: Counts(**of) for one, of in found.items()}


def deliveries(
    session: Session, identity: Identity, webhook_id: uuid.UUID, *, number: int
) -> Page[WebhookDelivery]:
    """One page of a webhook's log, the newest first."""
    statement = (
        scoped(identity, WebhookDelivery)
        .where(WebhookDelivery.webhook_id == webhook_id)
        .order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id)
    )
    return paged(session, statement, number)
