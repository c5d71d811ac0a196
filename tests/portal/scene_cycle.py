"""The scene's audit cycle: an incident that a company told and one that is the organisation's alone, a trigger of it,
and a campaign that nobody has closed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from sqlalchemy import select

from portal import outbox
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns.models import Campaign, CampaignTarget
from portal.db import SYSTEM, Database
from portal.reassessment import choices, feeds, incident_queries, incidents
from portal.reassessment.models import Reassessment
from portal.reassessment.models_triggers import Trigger
from portal.vendors.models import Vendor
from questionnaires import catalog
from tests.portal.world import NOW, Place


@dataclass(frozen=True)
class Cycled:
    """Ids of what hangs on the audit cycle of a deal."""

    incidents: tuple[uuid.UUID, ...]
    trigger: uuid.UUID
    campaign: uuid.UUID
    letter: uuid.UUID
    feed: uuid.UUID
    scheduled: uuid.UUID


def put_in_cycle(database: Database, deal: Any, word: Callable[..., str]) -> Cycled:
    """``word``: a canary for what may be read by whom; ``deal``: as scene.Deal."""
    organisation: Place = deal.organisation
    company: Place = deal.company
    ciso, owner = organisation[OrganisationRole.CISO], company[CompanyRole.OWNER]
    told, answered = word("told", organisation, company), word("answered", organisation, company)
    inside, alone = word("inside", organisation), word("alone", organisation)
    with database.transaction(owner.scope) as session:
        mine = [one for one in incident_queries.clients_of(session, owner) if one.id == organisation.id]
        (row,) = incidents.tell(session, mine, kind="breach", happened=None, words=told, actor=owner, now=NOW)
        first = row.id
    with database.transaction(ciso.scope) as session:
        one = incident_queries.incident(session, ciso, first, lock=True)
        incidents.add(session, one, inside, shared=False, actor=ciso, now=NOW)
        incidents.add(session, one, answered, actor=ciso, now=NOW)
        vendor = session.execute(
            select(Vendor).where(Vendor.id == deal.vendor, Vendor.organisation_id == organisation.id)
        ).scalar_one()
        second = incidents.note(
            session, vendor, kind="outage", happened=None, words=alone, shared=False, actor=ciso, now=NOW
        ).id
    trigger, campaign = uuid.uuid4(), uuid.uuid4()
    place = {"organisation_id": organisation.id}
    lite = catalog.latest("security_lite")
    with database.transaction(ciso.scope) as session:
        asks = Campaign(
            id=campaign, **place, title=word("campaign", organisation), content_hash=lite.content_hash,
            slug=lite.slug, due=date(2026, 12, 24), due_time=time(18), zone="Europe/Lisbon",
            reason=word("because", organisation), said="", choice={"q": word("chosen", organisation)},
            ladder="days", state="paused", created_by=ciso.person.id, created_at=NOW, closed_by=None,
            closed_at=None,
        )  # fmt: skip
        happened = Trigger(
            id=trigger, **place, engagement_id=deal.engagement, slug="", kind="incident", subject_id=first,
            basis="", at=NOW, by=None, wanted=None, state="open", settled_by=None, settled_at=None, code="",
        )  # fmt: skip
        session.add_all([asks, happened])
        record(session, Kind.CAMPAIGN_STARTED, now=NOW, actor=ciso, subject=asks)
        record(session, Kind.TRIGGER_SET, now=NOW, actor=ciso, subject=happened)
        session.flush()
        session.add(
            CampaignTarget(
                campaign_id=campaign,
                vendor_id=deal.vendor,
                **place,
                engagements=[str(deal.engagement)],
                assessment_id=uuid.uuid4(),
                state="waiting",
                why="",
                at=None,
            )
        )
    letter = _letter(database, ciso, organisation, word)
    with database.looking(SYSTEM) as session:
        scheduled = session.scalars(
            select(Reassessment.id).where(Reassessment.organisation_id == organisation.id).limit(1)
        ).one()
    return Cycled((first, second), trigger, campaign, letter, _feed(database, deal, word), scheduled)


def _feed(database: Database, deal: Any, word: Callable[..., str]) -> uuid.UUID:
    """A private calendar address of the CISO; its token opens no other door."""
    ciso, made = deal.organisation[OrganisationRole.CISO], uuid.uuid4()
    with database.transaction() as session:
        name = word("feed", deal.organisation)
        deal.tokens["calendar"] = feeds.make(session, ciso.person, id=made, name=name, place_id=None, now=NOW)
    return made


def _letter(database: Database, ciso: Identity, place: Place, word: Callable[..., str]) -> uuid.UUID:
    """A letter to the CISO that was given up, and that they do not want to hear of campaigns."""
    about = word("about", place)
    said = outbox.Letter(
        "gate_told", ciso.person.email, ciso.person.name, about, f"{about}\n", f"<p>{about}</p>"
    )
    with database.transaction() as session:
        message = outbox.queue(session, said, now=NOW, organisation_id=place.id)
        message.state = "gave_up"
        off = [(place.id, choices.CAMPAIGNS)]
        choices.save(session, ciso.person, zone="Europe/Lisbon", hour=8, off=off, now=NOW)
        return message.id
