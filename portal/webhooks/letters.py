"""Letters about webhooks, to those who may manage them: one was stopped, one was added or got another secret."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import OrganisationRole, Person
from portal.db import base_url
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.webhooks.models import Webhook

TOLD = (OrganisationRole.ADMIN, OrganisationRole.CISO)


def stopped(session: Session, hook: Webhook, why: str, *, now: datetime) -> None:
    """Queue it in this transaction. ``why``: failures, maker or key."""
    _tell(session, hook, "webhook_stopped", "A webhook of {} was stopped", now=now, why=why)


def changed(session: Session, hook: Webhook, who: Person, *, what: str, now: datetime) -> None:
    """Queue it in this transaction, to whoever did it too: somebody may sit at their browser.

    ``what``: added or secret.
    """
    subject = "A webhook of {} was added" if what == "added" else "A webhook of {} has another secret"
    _tell(session, hook, "webhook_changed", subject, now=now, what=what, who=who.name, host=_host(hook.url))


def _host(url: str) -> str:
    """The rest of an address may hold what only the receiver should know."""
    return urlsplit(url).hostname or ""


def _tell(session: Session, hook: Webhook, kind: str, subject: str, *, now: datetime, **words: Any) -> None:
    house = session.execute(select(Organisation).where(Organisation.id == hook.organisation_id)).scalar_one()
    for person in organisations.organisation_people(session, house.id, TOLD):
        letter = mail.compose(
            kind,
            to=(person.name, person.email),
            subject=subject.format(house.name),
            organisation=house.name,
            link=f"{base_url(session)}/o/{house.slug}/webhooks/{hook.id}",
            **words,
        )
        outbox.queue(session, letter, now=now, organisation_id=house.id)
