"""Campaigns, incidents, reasons for a look, documents that end and rules of the cycle: states of their pages."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Page
from sqlalchemy import select

from portal import clock
from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts.models import PersonRow
from portal.assessments.issuing_many import Order
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns import choosing, service
from portal.campaigns.choosing import Choice
from portal.campaigns.models import Campaign
from portal.campaigns.service import Wish
from portal.db import SYSTEM, Database
from portal.library import releasing
from portal.library import service as library
from portal.organisations import service as organisations
from portal.reassessment import incident_queries, incidents, rules, rules_service, triggers
from portal.reassessment.models_triggers import Incident
from portal.reassessment.rules_shape import ASK
from portal.vendors.models import Engagement
from questionnaires import catalog
from tests.browser.steps import State, open_details, press, write
from tests.portal import journey, scene, world
from tests.portal.world import Place

if TYPE_CHECKING:
    from tests.browser.states import World


def ask_before_opening(database: Database, ciso: Identity, now: datetime) -> None:
    """So that the worker of the server, which is at work meanwhile, opens nothing that a state shows as waiting."""
    with database.transaction(ciso.scope) as session:
        assert ciso.organisation is not None
        draft = replace(rules.current(session, ciso.organisation.id), opening=ASK)
        rules_service.save(session, draft, base=0, actor=ciso, now=now)


def far_away(page: Page, world: World) -> None:
    """Move the first next assessment to a day that the rules do not give."""
    open_details(page, world)
    page.locator("[name=to]").first.fill("2099-01-01")
    press("Move it")(page, world)


US, THEM, NEW, LEFT = "/o/{o}", "/c/{c}", "/o/{empty_o}", "/o/{left_o}"
STATES = [
    State("campaigns", "ciso", US + "/campaigns", "Paused"),
    State("campaigns, none closed", "auditor", US + "/campaigns?state=closed", "No campaign is closed yet."),
    State("campaigns, none yet", "many", NEW + "/campaigns", "No campaign is open."),
    State("new campaign", "ciso", US + "/campaigns/new", "Whom you ask"),
    State("new campaign, nobody fits", "ciso", US + "/campaigns/new?q=nobodyatall", "Nobody can be asked."),
    State(
        "new campaign, words that nobody said",
        "ciso",
        US + "/campaigns/new?says=zzzznowhere",
        "No answer that counts today says",
    ),
    State("campaign", "ciso", US + "/campaigns/{campaign}", "How far it is"),
    State(
        "campaign, answers", "auditor", US + "/campaigns/{campaign}?tab=answers", "Nobody has answered yet."
    ),
    State(
        "campaign, later date refused",
        "ciso",
        US + "/campaigns/{campaign}",
        "Choose a later moment",
        422,
        press("Give everybody until then"),
    ),
    State(
        "campaign, being put off",
        "many",
        LEFT + "/campaigns/{moving}",
        "Whoever has not answered is being given the new date",
    ),
    State(
        "new campaign, nothing to ask by",
        "many",
        LEFT + "/campaigns/new",
        "No questionnaire is made for campaigns.",
    ),
    State("incidents", "ciso", US + "/incidents", "Told by the vendor"),
    State("incidents, none yet", "many", NEW + "/incidents", "No incident is open."),
    State("incidents at a vendor", "auditor", US + "/vendors/{vendor}/incidents", "A breach of security"),
    State(
        "incident at a vendor refused",
        "ciso",
        US + "/vendors/{vendor}/incidents",
        "Choose what kind of incident it is.",
        422,
        press("Put on record"),
    ),
    State("incident", "ciso", US + "/incidents/{incident}", "Who said what, and when"),
    State(
        "incident, nothing added",
        "ciso",
        US + "/incidents/{incident}",
        "Write what you want to add.",
        422,
        press("Add"),
    ),
    State("incidents of a company", "owner", THEM + "/incidents", "Tell your clients of an incident"),
    State(
        "incidents of a company, nobody told",
        "owner",
        THEM + "/incidents",
        "Choose whom you tell.",
        422,
        press("Tell them"),
    ),
    State("incident, for the company", "owner", THEM + "/incidents/{incident}", "reads it here"),
    State("reasons for a look", "ciso", US + "/triggers", "Something happened at the vendor"),
    State("reasons for a look, for a reader", "auditor", US + "/triggers", "Read what was said"),
    State("reasons for a look, none yet", "many", NEW + "/triggers", "Nothing asks for a look."),
    State("rules of the cycle", "auditor", US + "/calendar/rules", "What brings a look out of turn"),
    State(
        "rules of the cycle, changing",
        "ciso",
        US + "/calendar/rules?change=1",
        "One step a line",
        200,
        open_details,
    ),
    State(
        "rules of the cycle, a look at what changes",
        "ciso",
        US + "/calendar/rules?change=1",
        "Nothing is saved yet.",
        200,
        write("[name='answer_days.high']", "21", "See what would change"),
    ),
    State(
        "rules of the cycle, refused",
        "ciso",
        US + "/calendar/rules?change=1",
        "Write a whole number from 1 to 180.",
        422,
        write("[name='answer_days.high']", "0", "See what would change"),
    ),
    State("schedule", "ciso", US + "/schedule", "Why this date"),
    State("schedule of nothing yet", "many", NEW + "/schedule", "No next assessment yet"),
    State(
        "schedule, a date that cannot be",
        "ciso",
        US + "/schedule",
        "Choose a day from",
        422,
        far_away,
    ),
    State("left out, nothing yet", "many", NEW + "/schedule?view=left", "Nothing is left out"),
    State("documents that end", "ciso", US + "/evidence", "Documents that end"),
    State("documents that end, none yet", "many", NEW + "/evidence?until=past", "Nothing has ended."),
]


def make(database: Database, quarry: Place, slate: Place, many: uuid.UUID) -> dict[str, Any]:
    """An incident that the company told and the organisation answered, a campaign that asks nobody yet, a next
    assessment that stays, for its questionnaire is one that the policy asks for, and an organisation that nobody
    looks after any more (``_left``), of which ``many`` is a member.
    """
    now = clock.now()
    ciso, owner = quarry[OrganisationRole.CISO], slate[CompanyRole.OWNER]
    with database.transaction(owner.scope) as session:
        known = [one for one in incident_queries.clients_of(session, owner) if one.id == quarry.id]
        words = "Somebody read files of yours. We closed the door at noon."
        (row,) = incidents.tell(
            session, known, kind="breach", happened=None, words=words, actor=owner, now=now
        )
        incident = row.id
    with database.transaction(ciso.scope) as session:
        one = incident_queries.incident(session, ciso, incident, lock=True)
        incidents.add(session, one, "Which files?", actor=ciso, now=now)
        incidents.add(session, one, "Ask legal.", shared=False, actor=ciso, now=now)
    with database.transaction(SYSTEM) as session:
        vendor = session.scalars(select(Incident.vendor_id).where(Incident.id == incident)).one()
        bought = session.scalars(select(Engagement.id).where(Engagement.vendor_id == vendor)).all()
        named = Engagement.name == "Letter scanning"
        scanning = session.scalars(select(Engagement.id).where(Engagement.vendor_id == vendor, named)).one()
        found = [triggers.Found("incident", quarry.id, one, incident) for one in bought]
        triggers.put(session, found, rules.current(session, quarry.id), zone="UTC", now=now)
    flash, campaign = catalog.latest("vulnerability_flash"), uuid.uuid4()
    today = clock.local_date(now, "UTC")
    reason = "Everybody talks of this flaw."
    wish = Wish(
        "The flaw in the log", flash.content_hash, today + timedelta(days=3), time(18), reason, "hours"
    )
    order = Order(campaign, wish.content_hash, flash.slug, wish.due, wish.reason)
    with database.transaction(ciso.scope) as session:
        lines, _total = choosing.lines(session, ciso, Choice(), order, today=today, now=now)
        begun = service.start(session, campaign, wish, {}, lines, actor=ciso, now=now)
        begun.state = service.PAUSED  # else the worker of the demonstration asks, and other pages change
    demanded = catalog.latest("privacy_processor")
    assessment = journey.again(database, quarry, vendor, (scanning,), demanded, now=now)
    world.add_to(database, owner, slate[CompanyRole.CONTRIBUTOR], assessment)
    scene.fill(database, owner, assessment, journey.best, now=now)
    scene.seal(database, owner, assessment, now=now)
    return {"incident": incident, "campaign": campaign, **_left(database, ciso, many)}


def _left(database: Database, ciso: Identity, many: uuid.UUID) -> dict[str, Any]:
    """An organisation whose administrators have gone: a campaign is being put off and stays so, since the worker of the
    server finds nobody in whose name it may go on; and what is made for campaigns was retired.
    """
    now = clock.now()
    flash = catalog.latest("vulnerability_flash")
    with database.transaction() as session:
        own = organisations.create_organisation(
            session, name="Heron Mutual", zone="Europe/Berlin", currency="EUR", now=now
        )
        organisations.add_member(session, own, many, OrganisationRole.PROCUREMENT, now=now, actor=None)
        person = session.get_one(PersonRow, many)
        buyer = Identity(
            Person(person.id, person.name, person.address),
            uuid.uuid4(),
            organisation=Tenant(own.id, own.slug, own.name),
            role=OrganisationRole.PROCUREMENT,
        )
        row = Campaign(
            id=uuid.uuid4(), organisation_id=own.id, title="The flaw in the press", content_hash=flash.content_hash,
            slug=flash.slug, due=clock.local_date(now, own.zone) + timedelta(days=9), due_time=None, zone=own.zone,
            reason="Everybody talks of it.", said="", choice={}, ladder="days", state=service.MOVING,
            created_by=ciso.person.id, created_at=now, closed_by=ciso.person.id, closed_at=None,
        )  # fmt: skip
        session.add(row)
        record(session, Kind.CAMPAIGN_STARTED, now=now, actor=None, subject=row, data={"slug": row.slug})
        made = {"left_o": own.slug, "moving": row.id}
    with database.transaction(buyer.scope) as session:
        for one in library.shipped_versions():
            if one.purpose == service.PURPOSE:
                releasing.retire(session, one, actor=buyer, now=now)
    return made
