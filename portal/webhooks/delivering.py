"""The worker's job: what was recorded is handed to whoever wants it, then sent: claim, commit, send, commit.

Notices are claimed by being there and not by a place in time, so that a transaction that commits late is not lost. A
worker that dies between sending and noting sends again under the same id. An endpoint that failed is not asked again in
the same pass. Of those that wait, the organisation and the webhook go first that a worker has lately spent the least
time on: whoever answers slowly, or has thousands of events, takes turns with the others.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal import outside
from portal.access import TABLE, OrganisationRole, Permission
from portal.audit.catalogue import Kind
from portal.audit.models import Event, EventNotice
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation, OrganisationMember
from portal.settings import Settings
from portal.webhooks import letters, payload, signing
from portal.webhooks.catalogue import NAME_OF
from portal.webhooks.models import ON, STOPPED, WAITING, Webhook, WebhookDelivery

log = logging.getLogger("portal.webhooks")

BATCH = 200
LEASE = timedelta(minutes=2)
BACKOFF = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60, 180, 360, 720, 1440))
CALL_SECONDS = 5.0
PASS_SECONDS = 10.0  # for all deliveries of one pass; letters go out in between
STOP_AFTER, STOP_SINCE = 50, timedelta(days=3)
ANSWER = 4096  # bytes of an answer's body that are read; none is kept
FORGOTTEN = 0.01  # seconds of somebody's time that are not worth remembering
NOBODY: Mapping[uuid.UUID, float] = MappingProxyType({})


@dataclass(slots=True)
class Done:
    """What one pass did."""

    told: int = 0
    sent: int = 0
    failed: int = 0


@dataclass(slots=True)
class Shares:
    """Seconds that a worker has spent of late, by organisation and by webhook; each pass halves what is remembered."""

    spent: dict[uuid.UUID, float] = field(default_factory=dict)

    def fade(self) -> None:
        self.spent = {one: each / 2 for one, each in self.spent.items() if each / 2 > FORGOTTEN}

    def note(self, one: WebhookDelivery, seconds: float) -> None:
        for whose in (one.organisation_id, one.webhook_id):
            self.spent[whose] = self.spent.get(whose, 0.0) + seconds


def work(
    database: Database,
    settings: Settings,
    instant: Callable[[], datetime],
    *,
    shares: Shares | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Done:
    """Hand on what was recorded, then send for at most PASS_SECONDS. ``shares``: of the passes before, and this one."""
    done, shares = Done(), shares if shares is not None else Shares()
    shares.fade()
    while (handed := fan_out(database, now=instant())) and not stopping():
        done.told += handed
    ends = time.monotonic() + PASS_SECONDS
    failing: set[uuid.UUID] = set()
    while not stopping() and time.monotonic() < ends:
        claimed = claim(database, failing, now=instant(), spent=shares.spent)
        if claimed is None:
            return done
        began = time.monotonic()
        if _deliver(database, settings, claimed, instant):
            done.sent += 1
        else:
            done.failed += 1
            failing.add(claimed.webhook_id)
        shares.note(claimed, time.monotonic() - began)
    return done


# ------------------------------------------------------------------------------------------------------------- fan out


def fan_out(database: Database, *, now: datetime) -> int:
    """Make a delivery of each notice for every webhook that wants it; returns how many notices were taken."""
    with database.looking(SYSTEM) as session:
        if session.execute(select(EventNotice.event_id).limit(1)).first() is None:
            return 0
    with database.transaction() as session:
        taken = session.execute(
            select(EventNotice.event_id)
            .order_by(EventNotice.at, EventNotice.event_id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).scalars()
        ids = list(taken)
        events: Iterable[Any] = session.execute(select(Event).where(Event.id.in_(ids))).scalars()
        rows = list(_made(session, list(events), now))
        if rows:
            insert: Any = sqlite.insert if database.sqlite else postgresql.insert
            statement = insert(WebhookDelivery).values(rows)
            session.execute(
                statement.on_conflict_do_nothing(index_elements=["webhook_id", "event_id"]).execution_options(
                    synchronize_session=False
                )
            )
        session.execute(delete(EventNotice).where(EventNotice.event_id.in_(ids)))
    return len(ids)


def _made(session: Session, events: list[Event], now: datetime) -> Iterable[dict[str, Any]]:
    organisations = {one.organisation_id for one in events}
    hooks = session.execute(
        select(Webhook).where(Webhook.organisation_id.in_(organisations), Webhook.state == ON)
    ).scalars()
    wanting: dict[uuid.UUID, list[Webhook]] = {}
    for hook in hooks:
        wanting.setdefault(hook.organisation_id, []).append(hook)
    for event in events:
        name = NAME_OF.get(event.kind)
        if name is None or event.organisation_id is None:
            continue
        for hook in wanting.get(event.organisation_id, ()):
            # What was recorded before a webhook was there is not its news.
            if name not in hook.kinds or event.at < hook.created_at:
                continue
            yield {
                "id": uuid.uuid4(),
                "organisation_id": event.organisation_id,
                "webhook_id": hook.id,
                "event_id": event.id,
                "kind": name,
                "at": event.at,
                "subject": payload.subject_of(event.subject_type, event.subject_id, event.data),
                "state": "queued",
                "due_at": now,
                "attempts": 0,
                "fence": 0,
                "created_at": now,
                "last_error": "",
            }


# ------------------------------------------------------------------------------------------------------------ delivery


def claimable(now: datetime) -> ColumnElement[bool]:
    """What a worker may take at ``now``: what is due, and what another has held for longer than its lease."""
    one = WebhookDelivery
    waits = one.due_at.between(now, now + BACKOFF[-1]) & (one.due_at != now)
    leased = one.lease_until.between(now, now + 2 * LEASE)
    return (one.state.in_(("queued", "failed")) & ~waits) | ((one.state == "sending") & ~leased)


def claim(
    database: Database,
    failing: set[uuid.UUID],
    *,
    now: datetime,
    spent: Mapping[uuid.UUID, float] = NOBODY,
) -> WebhookDelivery | None:
    """Lease the next delivery to this worker, of webhooks that did not fail in this pass; None: nothing is due.

    ``spent``: seconds by organisation and by webhook; who had the least comes first.
    """
    waits = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.webhook_id == Webhook.id, *_due(now))
        .correlate(Webhook)
    )
    with database.looking(SYSTEM) as session:
        found = session.execute(
            select(Webhook.organisation_id, Webhook.id).where(
                Webhook.id.not_in(sorted(failing)), waits.exists()
            )
        ).all()
    for _organisation, one in sorted(
        found, key=lambda row: (spent.get(row[0], 0.0), spent.get(row[1], 0.0), row[1])
    ):
        claimed = _leased(database, one, now)
        if claimed is not None:  # else another worker was quicker
            return claimed
    return None


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return WebhookDelivery.state.in_(WAITING), claimable(now)


def _leased(database: Database, webhook_id: uuid.UUID, now: datetime) -> WebhookDelivery | None:
    """The oldest delivery of a webhook that is due, leased to this worker. Locked first, as in outbox.claim."""
    due = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.webhook_id == webhook_id, *_due(now))
        .order_by(WebhookDelivery.due_at, WebhookDelivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    with database.transaction() as session:
        oldest = session.execute(due).scalar()
        if oldest is None:
            return None
        found: WebhookDelivery | None = session.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id == oldest)
            .values(
                state="sending",
                lease_until=now + LEASE,
                fence=WebhookDelivery.fence + 1,
                attempts=WebhookDelivery.attempts + 1,
            )
            .returning(WebhookDelivery)
            .execution_options(synchronize_session=False, populate_existing=True)
        ).scalar_one_or_none()
    return found


@dataclass(frozen=True, slots=True)
class _Where:
    """Where a delivery goes, and what signs it."""

    url: str
    slug: str
    keys: tuple[str, ...]


def _deliver(
    database: Database, settings: Settings, one: WebhookDelivery, instant: Callable[[], datetime]
) -> bool:
    """Send a claimed delivery and note how it went."""
    with database.looking(SYSTEM) as session:
        where, why = _where(session, settings, one, instant())
    if where is None:
        _ended(database, one, why, now=instant())
        return False
    status, error = _sent(settings, one, where, instant())
    _note(database, one, status, error, now=instant())
    return not error


def _where(
    session: Session, settings: Settings, one: WebhookDelivery, now: datetime
) -> tuple[_Where | None, str]:
    """None with the code of why nothing is sent: it is off, its house is closed, its maker may not any more."""
    row = session.execute(
        select(Webhook, Organisation)
        .join(Organisation, Organisation.id == Webhook.organisation_id)
        .where(Webhook.id == one.webhook_id)
    ).first()
    if row is None or row.Webhook.state != ON or row.Organisation.closed_at is not None:
        return None, "off"
    hook = row.Webhook
    role = session.execute(
        select(OrganisationMember.role).where(
            OrganisationMember.organisation_id == hook.organisation_id,
            OrganisationMember.person_id == hook.created_by,
            OrganisationMember.removed_at.is_(None),
        )
    ).scalar_one_or_none()
    if role is None or OrganisationRole(role) not in (TABLE[Permission.MANAGE_WEBHOOKS] or ()):
        return None, "maker"
    kept = [hook.secret, *signing.holding(hook.old_secrets, now)]
    keys = [signing.decrypted(settings, hook.id, each) for each in kept]
    if keys[0] is None:
        return None, "key"
    return _Where(hook.url, row.Organisation.slug, tuple(each for each in keys if each is not None)), ""


def _sent(settings: Settings, one: WebhookDelivery, where: _Where, now: datetime) -> tuple[int | None, str]:
    """Status of the answer and "", or the code of what went wrong."""
    body = payload.body(one, where.slug, settings.base_url)
    headers = {
        "Content-Type": "application/json",
        "Vrp-Signature": signing.signature(where.keys, body, now),
        "Vrp-Delivery": str(one.id),
        "Vrp-Event": one.kind,
    }
    try:
        answer = outside.call(
            "POST",
            where.url,
            headers=headers,
            body=body,
            allow=settings.outside_networks,
            seconds=CALL_SECONDS,
            most=ANSWER,
        )
    except outside.Forbidden:
        return None, "forbidden"
    except outside.Failed as failure:
        return None, failure.code
    return answer.status, "" if 200 <= answer.status < 300 else "status"


def _note(database: Database, one: WebhookDelivery, status: int | None, error: str, *, now: datetime) -> None:
    """Write down how it went, unless another worker has taken it over; stop a webhook that nobody answers at."""
    over = one.attempts > len(BACKOFF)
    wait = BACKOFF[min(one.attempts, len(BACKOFF)) - 1]
    values: dict[str, object] = {"state": "sent", "sent_at": now}
    if error:
        values = {"state": "gave_up" if over else "failed", "due_at": now if over else now + wait}
    with database.transaction() as session:
        changed = session.execute(
            update(WebhookDelivery)
            .where(
                WebhookDelivery.id == one.id,
                WebhookDelivery.fence == one.fence,
                WebhookDelivery.state == "sending",
            )
            .values(**values, lease_until=None, status=status, last_error=error)
            .returning(WebhookDelivery.id)
            .execution_options(synchronize_session=False)
        )
        if changed.first() is None:
            return
        hook = session.execute(
            select(Webhook).where(Webhook.id == one.webhook_id).with_for_update()
        ).scalar_one_or_none()
        if hook is not None:
            _count(session, hook, error, now)
    if error:
        log.warning("webhook delivery %s: %s", one.id, error)


def _count(session: Session, hook: Webhook, error: str, now: datetime) -> None:
    """Failures in a row; after many of them over days the webhook is stopped, and people are told."""
    failures = hook.failures + 1 if error else 0
    since = (hook.failing_since or now) if error else None
    stops = bool(error) and failures >= STOP_AFTER and since is not None and now - since >= STOP_SINCE
    # unaudited: a count of failures is part of the deliveries, which are their own record; stopping has an event
    session.execute(
        update(Webhook)
        .where(Webhook.id == hook.id)
        .values(failures=failures, failing_since=since)
        .execution_options(synchronize_session=False, unaudited=True)
    )
    if stops and hook.state == ON:
        _stop(session, hook, "failures", now)


def _stop(session: Session, hook: Webhook, why: str, now: datetime) -> None:
    session.execute(
        update(Webhook)
        .where(Webhook.id == hook.id)
        .values(state=STOPPED)
        .execution_options(synchronize_session=False)
    )
    record(session, Kind.WEBHOOK_STOPPED, now=now, actor=None, subject=hook, data={"why": why})
    letters.stopped(session, hook, why, now=now)


def _ended(database: Database, one: WebhookDelivery, why: str, *, now: datetime) -> None:
    """A delivery that will never go out; whose maker may not any more, or whose secret is lost, stops altogether."""
    with database.transaction() as session:
        changed = session.execute(
            update(WebhookDelivery)
            .where(
                WebhookDelivery.id == one.id,
                WebhookDelivery.fence == one.fence,
                WebhookDelivery.state == "sending",
            )
            .values(state="gave_up", lease_until=None, last_error=why)
            .returning(WebhookDelivery.id)
            .execution_options(synchronize_session=False)
        )
        hook = session.execute(
            select(Webhook).where(Webhook.id == one.webhook_id).with_for_update()
        ).scalar_one_or_none()
        if changed.first() is not None and why != "off" and hook is not None and hook.state == ON:
            _stop(session, hook, why, now)
