"""Vendors of the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal import web
from portal.access import Permission
from portal.api import idempotency, paging, schemas
from portal.api import schemas_written as written
from portal.api.base import (
    PREFIX,
    Blueprint,
    Given,
    page_of,
    pointing,
    require_match,
    require_some_match,
)
from portal.faults import NotFound
from portal.problems import Refusal, Wrong, pointer
from portal.vendors import lists, queries, service
from portal.vendors.models import Vendor

blueprint = Blueprint("api_vendors", __name__, url_prefix=PREFIX, description="Vendors")


@dataclass(frozen=True, slots=True)
class Shown:
    """A vendor with what its row does not say."""

    id: uuid.UUID
    name: str
    country: str | None
    tier: str | None
    joined: bool
    created_at: datetime
    offboarded_at: datetime | None
    page: str


def shown(rows: Sequence[Vendor]) -> list[Shown]:
    """Each with the worst tier of its engagements, as far as the identity sees them."""
    session, identity = web.db(), web.identity()
    engagements = queries.engagements_of(session, identity, *(one.id for one in rows)) if rows else []
    return [
        Shown(
            id=one.id,
            name=one.name,
            country=one.country,
            tier=lists.worst_tier(engagements, one.id),
            joined=one.company_id is not None,
            created_at=one.created_at,
            offboarded_at=one.offboarded_at,
            page=page_of("vendors.vendor", vendor=one.id),
        )
        for one in rows
    ]


def vendor_named(vendor: uuid.UUID) -> Vendor:
    """The vendor that a body names, locked; Refusal at ``vendor`` where the identity sees none."""
    try:
        return queries.vendor(web.db(), web.identity(), vendor, lock=True)
    except NotFound:
        raise Refusal("invalid", wrong=[Wrong("There is no such vendor.", pointer("vendor"))]) from None


@blueprint.operation(
    "GET",
    "/vendors",
    Permission.SEE_VENDORS,
    schemas.VendorPage,
    query=paging.Asked,
    paged=True,
    scopes=("vendors:read", "vendors:write"),
)
def list_vendors(asked: dict[str, Any]) -> Given:
    """Vendors, in the order in which they were put on record.

    Offboarded ones are among them. Business owners' tokens see the vendors of their own engagements.
    """
    session, identity = web.db(), web.identity()
    return paging.window(
        "vendors",
        "/vendors",
        asked,
        lambda after, most: lists.in_order(session, identity, after=after, most=most),
        lambda row: (row.created_at, row.id),
        shown=shown,
    )


@blueprint.operation(
    "POST",
    "/vendors",
    Permission.MANAGE_VENDORS,
    schemas.VendorShown,
    body=written.VendorWritten,
    status=201,
    once=True,
    scopes=("vendors:write",),
)
def create_vendor(body: dict[str, Any]) -> Given:
    """Put a vendor on record.

    Nobody is invited by that; its people come with the first assessment, or by an invitation on its page.
    """

    def make() -> uuid.UUID:
        with pointing():
            return service.create_vendor(
                web.db(), name=body["name"], country=body["country"], actor=web.identity(), now=web.now()
            ).id

    return idempotency.made_once("vendor", make, one_vendor, path="/vendors")


def one_vendor(vendor: uuid.UUID) -> Shown:
    """One vendor that the identity may see; NotFound."""
    return shown([queries.vendor(web.db(), web.identity(), vendor)])[0]


@blueprint.operation(
    "PATCH",
    "/vendors/<uuid:vendor>",
    Permission.MANAGE_VENDORS,
    schemas.VendorShown,
    body=written.VendorChange,
    matched=True,
    scopes=("vendors:write",),
)
def change_vendor(body: dict[str, Any], vendor: uuid.UUID) -> Shown:
    """Change a vendor's name or country.

    Assessments that are issued keep what they were issued with.
    """
    require_some_match()
    session, identity = web.db(), web.identity()
    row = queries.vendor(session, identity, vendor, lock=True)
    require_match(schemas.VendorShown(), shown([row])[0])
    with pointing():
        service.change_vendor(
            session,
            row,
            name=body.get("name", row.name),
            country=body.get("country", row.country),
            revision=row.revision,
            actor=identity,
            now=web.now(),
        )
    return shown([row])[0]


@blueprint.operation(
    "GET",
    "/vendors/<uuid:vendor>",
    Permission.SEE_VENDORS,
    schemas.VendorShown,
    scopes=("vendors:read", "vendors:write"),
)
def get_vendor(vendor: uuid.UUID) -> Shown:
    """One vendor."""
    return one_vendor(vendor)
