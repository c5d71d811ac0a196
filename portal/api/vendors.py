"""Vendors of the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal import web
from portal.access import Permission
from portal.api import paging, schemas
from portal.api.base import PREFIX, Blueprint, Given, page_of
from portal.vendors import lists, queries
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


@blueprint.op("GET", "/vendors", Permission.SEE_VENDORS, schemas.VendorPage, query=paging.Asked, paged=True)
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


@blueprint.op("GET", "/vendors/<uuid:vendor>", Permission.SEE_VENDORS, schemas.VendorShown)
def get_vendor(vendor: uuid.UUID) -> Shown:
    """One vendor."""
    return shown([queries.vendor(web.db(), web.identity(), vendor)])[0]
