"""Letters to the organisations whose vendor a company was, when it leaves the portal."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import OrganisationRole
from portal.db import base_url
from portal.erasure.reaching import read
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.vendors.models import Vendor

LOOKS_AFTER = (OrganisationRole.ADMIN, OrganisationRole.CISO, OrganisationRole.PROCUREMENT)


def company_left(session: Session, company_id: uuid.UUID, *, now: datetime) -> None:
    """Tell each client's people, by the vendor's name as that client knows it; nothing names the other clients."""
    rows = read(
        session,
        select(Organisation.id, Organisation.slug, Organisation.name, Vendor.id, Vendor.name)
        .join(Vendor, Vendor.organisation_id == Organisation.id)
        .where(
            Vendor.company_id == company_id,
            Vendor.offboarded_at.is_(None),
            Organisation.closed_at.is_(None),
        )
        .order_by(Vendor.id),
    )
    for organisation_id, slug, organisation, vendor_id, vendor in rows:
        for person in organisations.organisation_people(session, organisation_id, LOOKS_AFTER):
            letter = mail.compose(
                "company_left",
                to=(person.name, person.email),
                subject=f"{vendor} has left the Vendor Risk Portal",
                vendor=vendor,
                organisation=organisation,
                link=f"{base_url(session)}/o/{slug}/vendors/{vendor_id}",
            )
            outbox.queue(session, letter, now=now, organisation_id=organisation_id)
