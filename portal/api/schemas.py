"""The shapes of vendors, engagements and assessments, as they are given."""

from __future__ import annotations

from marshmallow import fields

from portal.api.fields import Bool, Choice, Id, Instant, Strict
from portal.api.paging import page_of
from portal.vendors.facts import TIERS


class VendorShown(Strict):
    """A vendor as the organisation has it on record."""

    id = Id(required=True)
    name = fields.String(required=True)
    country = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "ISO 3166-1 alpha-2; null while nobody knows."},
    )
    tier = Choice(
        TIERS,
        required=True,
        allow_none=True,
        metadata={"description": "The worst tier of its engagements; null without any."},
    )
    joined = Bool(required=True, metadata={"description": "Whether its people have accepted an invitation."})
    created_at = Instant(required=True)
    offboarded_at = Instant(required=True, allow_none=True)
    page = fields.String(required=True, metadata={"description": "Its page, for people."})


VendorPage = page_of(VendorShown, "VendorPage")
