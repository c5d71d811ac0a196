"""What the scene can hold of reviews to count: one of an engagement that has no owner, before one of an owned one."""

from __future__ import annotations

import uuid
from datetime import timedelta

from portal.access import CompanyRole, OrganisationRole
from portal.db import Database
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from tests.portal import scene as steps
from tests.portal.scene import Deal
from tests.portal.world import NOW


def review_two(database: Database, deal: Deal) -> uuid.UUID:
    """The vendor of ``deal`` answers the same of an engagement more, and then again of the deal's own.

    Returns the assessment of the deal's own engagement, which is the second review of it, and the third of the vendor.
    """
    buyer, owner = deal.organisation[OrganisationRole.ADMIN], deal.company[CompanyRole.OWNER]
    assert deal.submitted is not None
    asked = steps.assessment_row(database, deal.submitted).content_hash
    with database.transaction(buyer.scope) as session:
        vendor = vendor_queries.vendor(session, buyer, deal.vendor)
        unowned = vendors.create_engagement(
            session,
            vendor,
            name="Nobody's",
            description="",
            tier="high",
            facts={},
            business_owner_id=None,
            actor=buyer,
            now=NOW,
        ).id
    for days, engagement in enumerate((unowned, deal.engagement), 1):
        now = NOW + timedelta(days=days)
        one = steps.issue(database, buyer, deal.vendor, engagement, asked, now=now)
        steps.fill(database, owner, one, now=now)
        steps.seal(database, owner, one, now=now)
    return one
