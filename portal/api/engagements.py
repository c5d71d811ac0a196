"""What is bought from vendors, and the contract requirements of it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from portal import clock, web
from portal.access import Permission
from portal.api import idempotency, paging, schemas, schemas_gate
from portal.api import schemas_written as written
from portal.api.base import PREFIX, Blueprint, Given, page_of, pointing
from portal.api.vendors import vendor_named
from portal.contracts import schedule_queries
from portal.contracts.schedule_queries import Line
from portal.organisations import queries as organisations
from portal.vendors import lists, queries, service
from portal.vendors.models import Engagement

blueprint = Blueprint("api_engagements", __name__, url_prefix=PREFIX, description="Engagements")


def shown(rows: Sequence[Engagement]) -> list[dict[str, Any]]:
    """Each as EngagementShown has it."""
    return [
        {
            "id": one.id,
            "vendor": one.vendor_id,
            "name": one.name,
            "description": one.description,
            "tier": one.tier,
            "tier_by_hand": one.intake_id is None,
            "facts": one.facts,
            "business_owner": one.business_owner_id,
            "created_at": one.created_at,
            "page": page_of("vendors.engagement", engagement=one.id),
        }
        for one in rows
    ]


@blueprint.operation(
    "GET",
    "/engagements",
    Permission.SEE_VENDORS,
    schemas.EngagementPage,
    query=paging.OfVendor,
    paged=True,
    scopes=("vendors:read", "vendors:write"),
)
def list_engagements(asked: dict[str, Any]) -> Given:
    """Engagements, in the order in which they were put on record.

    Business owners' tokens see their own.
    """
    session, identity = web.db(), web.identity()
    return paging.window(
        "engagements",
        "/engagements",
        asked,
        lambda after, most: lists.engagements_in_order(
            session, identity, vendor_id=asked["vendor"], after=after, most=most
        ),
        lambda row: (row.created_at, row.id),
        shown=shown,
    )


@blueprint.operation(
    "POST",
    "/engagements",
    Permission.MANAGE_VENDORS,
    schemas.EngagementShown,
    body=written.EngagementWritten,
    status=201,
    once=True,
    scopes=("vendors:write",),
)
def create_engagement(body: dict[str, Any]) -> Given:
    """Put on record what is bought from a vendor.

    The tier is set by hand, and the answer says so (`tier_by_hand`); whoever decides at the gate sees it.
    """

    def make() -> uuid.UUID:
        vendor = vendor_named(body["vendor"])
        with pointing():
            return service.create_engagement(
                web.db(),
                vendor,
                name=body["name"],
                description=body["description"],
                tier=body["tier"],
                facts=written.facts_from(body["facts"]),
                business_owner_id=body["business_owner"],
                actor=web.identity(),
                now=web.now(),
            ).id

    return idempotency.made_once("engagement", make, one_engagement, path="/engagements")


def one_engagement(engagement: uuid.UUID) -> dict[str, Any]:
    """One engagement that the identity may see; NotFound."""
    return shown([queries.engagement(web.db(), web.identity(), engagement)])[0]


@blueprint.operation(
    "GET",
    "/engagements/<uuid:engagement>",
    Permission.SEE_VENDORS,
    schemas.EngagementShown,
    scopes=("vendors:read", "vendors:write"),
)
def get_engagement(engagement: uuid.UUID) -> dict[str, Any]:
    """One engagement."""
    return one_engagement(engagement)


@blueprint.operation(
    "GET",
    "/engagements/<uuid:engagement>/requirements",
    Permission.SEE_CONTRACT,
    schemas_gate.Requirements,
    scopes=("contract:read",),
)
def list_requirements(engagement: uuid.UUID) -> dict[str, Any]:
    """The contract schedule of an engagement, as it stands today.

    Empty until its vendor's people have submitted something.
    """
    session, identity = web.db(), web.identity()
    row = queries.engagement(session, identity, engagement)
    ours = organisations.organisation_of(session, identity)
    schedule = schedule_queries.read(
        session,
        identity,
        row,
        queries.vendor(session, identity, row.vendor_id),
        clock.local_date(web.now(), ours.zone),
    )
    return {"data": [_requirement(one) for one in schedule.lines]}


def _requirement(one: Line) -> dict[str, Any]:
    return {
        "id": one.item.id,
        "key": one.point.key,
        "topic": one.point.topic,
        "title": one.point.title,
        "must": one.point.must,
        "citations": list(one.point.citations),
        "outcome": one.outcome,
        "called": one.called,
        "state": one.standing.shown,
        "holds": one.standing.holds,
        "waived_until": one.standing.waived_until,
        "older": list(one.standing.older),
    }
