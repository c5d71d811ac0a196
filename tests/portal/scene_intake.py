"""The scene's intakes, policies and lists: an engagement whose newer intake waits, a policy that waits, a list."""

from __future__ import annotations

import uuid
from dataclasses import replace
from types import MappingProxyType

from portal.access import OrganisationRole, scoped
from portal.db import Database
from portal.intake import queries
from portal.intake import service as intake
from portal.vendors import importing, policy_queries, policy_service
from portal.vendors import queries as vendors
from portal.vendors.import_reading import Row, from_bytes
from portal.vendors.models import PolicyProposal, VendorImport
from tests.portal.intake.given import BANK, PRINTER, answered
from tests.portal.world import NOW, Place


def open_and_wait(
    database: Database, place: Place, vendor: uuid.UUID, words: list[str]
) -> tuple[uuid.UUID, uuid.UUID, list[uuid.UUID], uuid.UUID]:
    """(engagement, intake that waits, proposals of a tier and of a policy, list).

    ``words``: name, what stood, what waits, who is listed.
    All of it is the organisation's alone: no vendor reads an intake.
    """
    name, stood, waits, listed = words
    buyer, ciso = place[OrganisationRole.PROCUREMENT], place[OrganisationRole.CISO]
    with database.transaction(buyer.scope) as session:
        row = vendors.vendor(session, buyer, vendor)
        opened = intake.open_engagement(
            session, row, answered(BANK, stood), name=name, business_owner_id=None, actor=buyer, now=NOW
        )
        key = opened.id
    with database.transaction(buyer.scope) as session:
        bought = vendors.engagement(session, buyer, key, lock=True)
        softer = answered(PRINTER, waits)
        intake.answer_again(session, bought, softer, revision=bought.revision, actor=buyer, now=NOW)
        tier = queries.waiting(session, buyer, key)
        assert tier is not None
        proposals, newer = [tier.id], tier.intake_id
    admin = place[OrganisationRole.ADMIN]
    with database.transaction(admin.scope) as session:
        earlier = session.scalars(
            scoped(admin, VendorImport)
        ).all()  # one list a person: it grows with each deal
        rows = [row for one in earlier for row in from_bytes(one.rows)]
        upload = importing.keep(session, [*rows, Row(2 + len(rows), listed)], actor=admin, now=NOW).id
    with database.transaction(ciso.scope) as session:
        policy = policy_queries.current(session, place.id)
        if policy.sequence == 0:  # one policy for all the deals of an organisation
            low = replace(policy.tiers["low"], fix_days=0)
            stricter = replace(policy, tiers=MappingProxyType({**policy.tiers, "low": low}))
            policy_service.save(session, stricter, base=0, actor=ciso, now=NOW)
            policy_service.save(session, policy, base=1, actor=ciso, now=NOW)
        waiting: PolicyProposal | None = policy_queries.waiting(session, ciso)
        assert waiting is not None
        proposals.append(waiting.id)
    return key, newer, proposals, upload
