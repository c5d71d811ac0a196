"""Findings about vendors."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from portal import web
from portal.access import Permission
from portal.api import paging
from portal.api import schemas_gate as schemas
from portal.api.base import PREFIX, Blueprint, Given, page_of
from portal.api.fields import Choice
from portal.findings import lists, queries
from portal.findings.models import Finding

blueprint = Blueprint("api_findings", __name__, url_prefix=PREFIX, description="Findings")


class Asked(paging.OfVendor):
    """The parameters of the list."""

    state = Choice(schemas.FINDING_STATES, load_default="", metadata={"description": "Only in this state."})


def shown(rows: Sequence[Finding]) -> list[dict[str, Any]]:
    """Each with its engagements, as far as the identity sees them."""
    covered = queries.covered(web.db(), web.identity(), [one.id for one in rows])
    return [
        {
            "id": one.id,
            "vendor": one.vendor_id,
            "assessment": one.assessment_id,
            "submission": one.submission_id,
            "engagements": [each.id for each in covered[one.id]],
            "questionnaire": one.slug,
            "key": one.key,
            "code": one.code,
            "severity": one.severity,
            "state": one.state,
            "waits": one.waits,
            "due": one.due,
            "first_due": one.first_due,
            "opened": one.opened,
            "opened_at": one.opened_at,
            "closed_at": one.closed_at,
            "closed_how": one.closed_how,
            "merged_into": one.merged_into,
            "page": page_of("finding.page", finding=one.id),
        }
        for one in rows
    ]


@blueprint.operation(
    "GET",
    "/findings",
    Permission.SEE_REVIEW,
    schemas.FindingPage,
    query=Asked,
    paged=True,
    scopes=("findings:read",),
)
def list_findings(asked: dict[str, Any]) -> Given:
    """Findings, in the order in which they were put on record.

    Closed and merged ones are among them. Business owners' tokens see those about their own engagements.
    """
    session, identity = web.db(), web.identity()
    return paging.window(
        "findings",
        "/findings",
        asked,
        lambda after, most: lists.in_order(
            session, identity, vendor_id=asked["vendor"], state=asked["state"], after=after, most=most
        ),
        lambda row: (row.opened_at, row.id),
        shown=shown,
    )


@blueprint.operation(
    "GET", "/findings/<uuid:finding>", Permission.SEE_REVIEW, schemas.FindingShown, scopes=("findings:read",)
)
def get_finding(finding: uuid.UUID) -> dict[str, Any]:
    """One finding."""
    return shown([queries.finding(web.db(), web.identity(), finding)])[0]
