"""Submitting sets the next date: anchor plus months by tier, once for each engagement, replacing what was."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import func, select

from portal import features
from portal.access import OrganisationRole
from portal.assessments import change_steps, changing, unlinking
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import parting
from portal.erasure.reaching import Destroyed
from portal.reassessment import by_hand, dating, triggers
from portal.reassessment.generating import generate
from portal.reassessment.models import Reassessment
from portal.reassessment.rules_shape import shipped
from portal.reassessment.triggers import Found
from portal.settings import Settings
from portal.vendors import queries as vendors
from tests.portal import journey
from tests.portal.reassessment.given import follow, noon, reminders, scheduled, submit
from tests.portal.review import rounds
from tests.portal.review.given import reviewed
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases


@pytest.mark.parametrize(
    ("tier", "day", "due"),
    [
        ("critical", "2026-11-21", "2027-11-21"),
        ("high", "2026-11-21", "2027-11-21"),
        ("medium", "2028-02-29", "2030-02-28"),
        ("low", "2026-08-31", "2029-08-31"),
    ],
)
def test_the_next_date_is_the_anchor_plus_the_months_of_the_tier(
    database: Database, settings: Settings, tier: str, day: str, due: str
) -> None:
    now = noon(date.fromisoformat(day))
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company, tier=tier, now=now)
    submission = submit(database, issued, now=now)
    (row,) = scheduled(database)
    assert (row.anchor, row.due, row.tier) == (date.fromisoformat(day), date.fromisoformat(due), tier)
    assert (row.submission_id, row.engagement_id) == (submission, issued.engagements[0])
    assert (row.organisation_id, row.company_id, row.zone) == (buyer.id, company.id, "Europe/Lisbon")


def test_each_covered_engagement_has_its_date_and_a_new_submission_replaces_it(
    database: Database, settings: Settings
) -> None:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company, names=("Archive", "Scanning"))
    submit(database, issued)
    assert {row.engagement_id for row in scheduled(database)} == set(issued.engagements)

    later = NOW + timedelta(days=400)
    again = journey.again(
        database, buyer, issued.vendor, issued.engagements[:1], issued.definition, now=later
    )
    submit(database, issued, assessment=again, now=later)
    by_engagement = {row.engagement_id: row for row in scheduled(database)}
    assert by_engagement[issued.engagements[0]].anchor == later.date()
    assert by_engagement[issued.engagements[1]].anchor == NOW.date()
    with database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Reassessment)) == 3
        noted = select(func.count()).select_from(Event).where(Event.kind == "reassessment.scheduled")
        assert session.scalar(noted) == 3


@pytest.mark.parametrize("what", ["nothing", "incident", "hand", "left", "whole"])
def test_a_round_of_chosen_questions_renews_nothing(
    database: Database, settings: Settings, what: str
) -> None:
    """Whatever has set the date since, and what somebody left out; a round that asks everything counts anew."""
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    case = reviewed(database, buyer, company)
    follow(database, case.issued, case.submission)
    (first,) = scheduled(database)
    ciso, due, day = buyer[OrganisationRole.CISO], first.due, NOW.date() + timedelta(days=200)
    if what in ("hand", "left"):
        with database.transaction(ciso.scope) as session:
            if what == "hand":
                by_hand.move(session, first.id, day, "change", seen=due, actor=ciso, now=NOW)
            else:
                by_hand.leave(session, first.id, "change", seen=due, actor=ciso, now=NOW)
    if what == "incident":
        pulling = shipped(None)
        pulling = replace(
            pulling, triggers=MappingProxyType(dict(pulling.triggers) | {"incident": "reassess:200"})
        )
        with database.transaction() as session:
            found = Found("incident", buyer.id, first.engagement_id, uuid.uuid4(), "", "")
            assert triggers.put(session, [found], pulling, zone="Europe/Lisbon", now=NOW) == 1
    if what == "whole":
        with database.transaction(ciso.scope) as session:
            row, _vendor = change_steps.lock(session, ciso, case.issued.assessment)
            changing.reopen(session, row, text="All of it.", due=rounds.DUE, actor=ciso, now=NOW)
    else:
        rounds.give_back(case, {"own.rich.mfa"})
    again = rounds.submit(case)
    follow(database, case.issued, again.submission, now=rounds.LATER)
    if what == "left":
        assert scheduled(database) == []
        return
    (row,) = scheduled(database)
    assert row.submission_id == again.submission
    set_to = {"incident": day, "hand": day, "whole": due + timedelta(days=2)}
    assert row.due == set_to.get(what, due)
    assert row.why == {"incident": "trigger", "hand": "hand"}.get(what, "")
    assert dating.work_out(database, now=rounds.LATER) == 0


def test_a_campaign_asks_once(database: Database, settings: Settings) -> None:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company)
    campaign = replace(issued.definition, purpose="campaign", slug="pulse")
    journey.release(database, buyer, campaign)
    once = journey.again(database, buyer, issued.vendor, issued.engagements, campaign)
    submit(database, replace(issued, definition=campaign), assessment=once)
    assert scheduled(database) == []
    submit(database, issued)
    assert [row.slug for row in scheduled(database)] == [issued.definition.slug]


@pytest.mark.parametrize("way", ["taken away", "closed"])
def test_a_company_that_is_no_longer_the_vendors_is_not_asked_again(
    database: Database, settings: Settings, way: str
) -> None:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    other = make_company(database, settings, "Alder")
    gone = journey.issue(database, buyer, company)
    stays = journey.issue(database, buyer, other, vendor_name="Alder")
    submit(database, gone)
    submit(database, stays)
    me = buyer[OrganisationRole.ADMIN]
    if way == "taken away":
        with database.transaction(me.scope) as session:
            vendor = vendors.vendor(session, me, gone.vendor, lock=True)
            unlinking.unlink(session, vendor, actor=me, now=NOW)
            features.UNLINKED(session, vendor)
    else:
        with database.transaction() as session:
            parting.company(session, company.id, Destroyed(), by=None, now=NOW)
            record(session, Kind.COMPANY_CLOSED, now=NOW, actor=None)
    assert [row.engagement_id for row in scheduled(database)] == list(stays.engagements)
    generate(database, now=NOW + timedelta(days=5000))
    told = {one.subject_id for one in reminders(database) if one.kind == "reassessment"}
    assert told == {row.id for row in scheduled(database)}
