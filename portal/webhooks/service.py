"""Webhooks: added by whoever answers for the organisation, changed, tried, given a new secret, removed."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.webhooks import letters, signing
from portal.webhooks.catalogue import NAMES, PING
from portal.webhooks.models import OFF, ON, Webhook, WebhookDelivery

MOST = 10  # of an organisation


def add(
    session: Session,
    identity: Identity,
    *,
    id: uuid.UUID,  # noqa: A002  # the row's own name for it
    url: str,
    kinds: Collection[str],
    settings: Settings,
    now: datetime,
) -> str:
    """A webhook under the id that the form carries; returns its secret, which is shown once, "" at a second press.

    The caller has judged the address (portal.outside). Raises Invalid for kinds that are none, Conflict for too many.
    """
    organisation = _locked_organisation(session, identity)
    _require_kinds(kinds)
    known = session.execute(scoped(identity, Webhook).where(Webhook.id == id)).scalar_one_or_none()
    if known is not None:
        return ""
    count = session.execute(select(func.count(Webhook.id)).where(*mine(identity.scope, Webhook))).scalar_one()
    if count >= MOST:
        raise Conflict(f"There are {MOST} webhooks already. Remove one that is not needed first.")
    secret = signing.new_secret()
    row = Webhook(
        id=id,
        organisation_id=organisation,
        url=url,
        kinds=[one for one in NAMES if one in set(kinds)],
        secret=signing.encrypted(settings, id, secret),
        old_secrets=[],
        state=ON,
        created_by=identity.person.id,
        created_at=now,
        failures=0,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # an id that is another organisation's
        raise Conflict("The page that you sent was used before. Load it again.") from None
    record(session, Kind.WEBHOOK_ADDED, now=now, actor=identity, subject=row, data={"kinds": row.kinds})
    letters.changed(session, row, identity.person, what="added", now=now)
    return secret


def change(
    session: Session,
    identity: Identity,
    webhook_id: uuid.UUID,
    *,
    kinds: Collection[str],
    on: bool,
    now: datetime,
) -> None:
    """Which events it hears of, and whether it is asked at all; switching on forgives what has failed."""
    row = locked(session, identity, webhook_id)
    _require_kinds(kinds)
    row.kinds = [one for one in NAMES if one in set(kinds)]
    if on and row.state != ON:
        # Who switches it on answers for it from now on: whoever made it may have left.
        row.failures, row.failing_since, row.created_by = 0, None, identity.person.id
    row.state = ON if on else OFF
    data = {"kinds": row.kinds, "state": row.state}
    record(session, Kind.WEBHOOK_CHANGED, now=now, actor=identity, subject=row, data=data)


def renew(
    session: Session, identity: Identity, webhook_id: uuid.UUID, *, settings: Settings, now: datetime
) -> str:
    """Another secret, shown once; the ones before sign beside it for a day each.

    So a second press, of whose first answer nobody saw the secret, leaves the one that the receiver has in force.
    """
    row = locked(session, identity, webhook_id)
    secret = signing.new_secret()
    row.old_secrets = signing.kept_beside(row.old_secrets, row.secret, now)
    row.secret = signing.encrypted(settings, row.id, secret)
    record(session, Kind.WEBHOOK_CHANGED, now=now, actor=identity, subject=row, data={"what": "secret"})
    letters.changed(session, row, identity.person, what="secret", now=now)
    return secret


def remove(session: Session, identity: Identity, webhook_id: uuid.UUID, *, now: datetime) -> None:
    """The webhook with all that waits for it and its log."""
    row = locked(session, identity, webhook_id)
    record(session, Kind.WEBHOOK_REMOVED, now=now, actor=identity, subject=row)
    session.execute(
        delete(WebhookDelivery).where(
            WebhookDelivery.webhook_id == row.id, *mine(identity.scope, WebhookDelivery)
        )
    )
    session.delete(row)
    session.flush()


def ping(session: Session, identity: Identity, webhook_id: uuid.UUID, *, now: datetime) -> None:
    """Queue a delivery that says nothing but that it came; Conflict while it is not asked at all."""
    row = locked(session, identity, webhook_id)
    if row.state != ON:
        raise Conflict("This webhook is switched off, so nothing is sent to it. Switch it on first.")
    session.add(
        WebhookDelivery(
            organisation_id=row.organisation_id,
            webhook_id=row.id,
            event_id=uuid.uuid4(),
            kind=PING,
            at=now,
            subject={},
            state="queued",
            due_at=now,
            attempts=0,
            fence=0,
            created_at=now,
            last_error="",
        )
    )
    session.flush()


def resend(
    session: Session, identity: Identity, webhook_id: uuid.UUID, delivery_id: uuid.UUID, *, now: datetime
) -> None:
    """Send what was sent or given up once more, under its own id; what waits anyway is left as it is."""
    row = locked(session, identity, webhook_id)
    one = session.execute(
        scoped(identity, WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == row.id)
        .with_for_update()
    ).scalar_one_or_none()
    if one is None:
        raise NotFound
    if one.state not in ("sent", "gave_up", "failed"):
        return
    one.state, one.due_at, one.attempts, one.last_error = "queued", now, 0, ""
    record(session, Kind.WEBHOOK_RESENT, now=now, actor=identity, subject=one, data={"webhook": row.id})


def locked(session: Session, identity: Identity, webhook_id: uuid.UUID) -> Webhook:
    """The organisation's own webhook, to be changed; or NotFound."""
    statement = scoped(identity, Webhook).where(Webhook.id == webhook_id).with_for_update()
    found: Webhook | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _locked_organisation(session: Session, identity: Identity) -> uuid.UUID:
    """Of two that add at the same instant the second counts what the first has added."""
    if identity.organisation is None:
        raise LookupError("webhooks belong to an organisation")
    session.execute(
        select(Organisation.id).where(Organisation.id == identity.organisation.id).with_for_update()
    )
    return identity.organisation.id


def _require_kinds(kinds: Collection[str]) -> None:
    if not kinds or set(kinds) - set(NAMES):
        raise Invalid(errors={"kinds": "Choose what it is to hear of."})
