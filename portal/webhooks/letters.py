"""The letter that a webhook was stopped, to those who could switch it on again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import OrganisationRole
from portal.db import base_url
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.webhooks.models import Webhook

TOLD = (OrganisationRole.ADMIN, OrganisationRole.CISO)


def stopped(session: Session, hook: Webhook, why: str, *, now: datetime) -> None:
    """Queue it in this transaction. ``why``: failures, maker or key."""
    house = session.execute(select(Organisation).where(Organisation.id == hook.organisation_id)).scalar_one()
    for person in organisations.organisation_people(session, house.id, TOLD):
        letter = mail.compose(
            "webhook_stopped",
            to=(person.name, person.email),
            subject=f"A webhook of {house.name} was stopped",
            organisation=house.name,
            why=why,
            link=f"{base_url(session)}/o/{house.slug}/webhooks/{hook.id}",
        )
        outbox.queue(session, letter, now=now, organisation_id=house.id)
