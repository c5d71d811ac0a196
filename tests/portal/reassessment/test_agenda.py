"""The agenda: every kind for every kind of person, page by page, counted as it is listed."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update

from portal.access import CompanyRole, Identity, OrganisationRole, scoped
from portal.assessments import given
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.findings import queries as finding_queries
from portal.findings.models import Finding
from portal.reassessment import agenda, agenda_lists, rules
from portal.reassessment.agenda import Item
from portal.reassessment.kinds import KINDS
from portal.reassessment.models import Reassessment
from portal.settings import Settings
from portal.vendors.models import Engagement
from tests.portal import journey
from tests.portal.scene import Scene, make_scene
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
FIRST, LAST = NOW.date() - timedelta(days=400), NOW.date() + timedelta(days=3000)


@pytest.fixture
def scene(database: Database, settings: Settings) -> Scene:
    """The scene, with a next assessment that is stuck and what a campaign asks."""
    made = make_scene(database, settings, only=1)
    with database.transaction() as session:
        row = session.scalars(select(Reassessment).where(Reassessment.state == "scheduled").limit(1)).one()
        row.hindered, row.hindered_on = "no_contact", NOW.date()
        table = Assessment.__table__
        asked = dict(
            session.execute(select(table).where(Assessment.state == "open")).mappings().first() or {}
        )
        changed = {"id": uuid.uuid4(), "code": "k" * 16, "campaign_id": uuid.uuid4(), "ladder": "days"}
        session.execute(insert(Assessment).values(**asked | changed))
        covers = AssessmentEngagement.__table__
        for one in session.execute(select(covers).where(AssessmentEngagement.assessment_id == asked["id"])):
            same = {"organisation_id": one.organisation_id, "company_id": one.company_id}
            session.add(
                AssessmentEngagement(assessment_id=changed["id"], engagement_id=one.engagement_id, **same)
            )
        record(session, Kind.REASSESSMENT_HINDERED, now=NOW, actor=None, subject=row)
    return made


def everything(database: Database) -> list[Item]:
    found = []
    with database.looking(SYSTEM) as session:
        for kind in agenda.SOURCES:
            items, ahead = agenda.near(session, kind)
            assert ahead is None
            found += items
    return found


def of(database: Database, who: Identity) -> list[Item]:
    with database.looking(who.scope) as session:
        found = agenda.of_organisation(session, who, first=FIRST, last=LAST)
        counted = agenda_lists.counted(session, who, first=FIRST, last=LAST)
        keys = agenda_lists.keys(session, who, first=FIRST, last=LAST)
        assert sorted(agenda_lists.items(session, who, keys), key=repr) == sorted(found, key=repr)
    assert [one.dated.due for one in keys] == [one.due for one in found]
    numbers: Counter[tuple[str, date, str]] = Counter()
    for one in counted:
        numbers[one.kind, one.due, one.tier] += one.number
    assert numbers == Counter((one.kind, one.due, one.tier) for one in found)
    assert found == sorted(found, key=lambda one: one.due)
    return found


def given_to(database: Database, who: Identity) -> set[uuid.UUID]:
    """The assessments and findings that somebody of a company was given, by their own lists."""
    with database.looking(who.scope) as session:
        some = session.scalars(scoped(who, Assessment).where(*given.seen(who))).all()
        findings = session.scalars(select(Finding).where(*finding_queries.seen(who))).all()
    return {one.id for one in some} | {one.id for one in findings}


def test_every_kind_has_a_source_and_every_source_a_kind() -> None:
    assert set(agenda.SOURCES) == set(KINDS)


@pytest.mark.parametrize(
    ("state", "campaign", "is_first"),
    [("open", False, False), ("cancelled", False, True), ("declined", False, True), ("open", True, True)],
)
def test_a_first_assessment_waits_until_a_vendor_is_asked_and_no_campaign_or_withdrawn_request_ends_that(
    database: Database, settings: Settings, state: str, campaign: bool, is_first: bool
) -> None:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company)
    submitted = journey.issue(database, buyer, company, vendor_name="Alder")
    journey.submit(database, submitted)
    with database.transaction() as session:
        values = {"state": state, "campaign_id": uuid.uuid4() if campaign else None}
        session.execute(update(Assessment).where(Assessment.id == issued.assessment).values(**values))
        again = update(Assessment).where(Assessment.id == submitted.assessment)
        session.execute(again.values(state="cancelled"))  # a round after answers that count
        record(session, Kind.ASSESSMENT_CANCELLED, now=NOW, actor=None)
    with database.looking(SYSTEM) as session:
        found = agenda.of_place(session, "first", buyer.id, rules.current(session, buyer.id))
        assert [one.source for one in found] == list(issued.engagements) * is_first
    who = buyer[OrganisationRole.CISO]
    with database.looking(who.scope) as session:
        assert agenda.of_organisation(session, who, ["first"], first=FIRST, last=LAST) == found


def test_each_person_sees_what_is_theirs_and_nothing_else(database: Database, scene: Scene) -> None:
    known = everything(database)
    assert {one.kind for one in known} >= set(KINDS) - {"condition", "evidence"}, (
        "those: test_agenda_outside, gate"
    )
    with database.looking(SYSTEM) as session:
        owners = dict(session.execute(select(Engagement.id, Engagement.business_owner_id)).all())
        at = dict(session.execute(select(Engagement.id, Engagement.vendor_id)).all())
    seen: Counter[str] = Counter()
    for place in scene.places.values():
        for role, who in place.people.items():
            found = of(database, who)
            seen[str(role)] += len(found)
            if who.organisation is None:
                wanted = {
                    one.subject for one in known if one.company_id == place.id and KINDS[one.kind].vendor_side
                }
                if role is not CompanyRole.OWNER:  # what they were given, and documents
                    wanted -= {one.subject for one in known if one.kind != "evidence"} - given_to(
                        database, who
                    )
                assert {one.subject for one in found} == wanted
            elif role is OrganisationRole.BUSINESS_OWNER:
                assert {one.organisation_id for one in found} <= {place.id}
                own = {one for one, owner in owners.items() if owner == who.person.id}
                assert {one.engagement_id for one in found if one.engagement_id is not None} <= own
                assert {one.vendor_id for one in found} <= {at[one] for one in own}
                wanted = {one.subject for one in known if one.engagement_id in own}
                assert wanted <= {one.subject for one in found}
            else:
                assert {one.subject for one in found} == {
                    one.subject for one in known if one.organisation_id == place.id
                }
    assert seen["business_owner"] > 0
    assert seen["owner"] > 0


def test_a_business_owner_of_nothing_sees_nothing(database: Database, scene: Scene) -> None:
    with database.transaction() as session:
        session.execute(update(Engagement).values(business_owner_id=None))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    for place in scene.places.values():
        who = place.people.get(OrganisationRole.BUSINESS_OWNER)
        if who is not None:
            assert of(database, who) == []


def test_pages_of_any_size_give_the_same_items(database: Database, scene: Scene) -> None:
    known = everything(database)
    for most in (1, 2):
        found: list[Item] = []
        with database.looking(SYSTEM) as session:
            for kind in agenda.SOURCES:
                after: uuid.UUID | None = None
                while True:
                    items, after = agenda.near(session, kind, after=after, most=most)
                    found += items
                    if after is None:
                        break
        assert sorted(found, key=repr) == sorted(known, key=repr)


def test_what_is_still_so_has_the_same_date(database: Database, scene: Scene) -> None:
    known = everything(database)
    moved = replace(known[0], due=known[0].due + timedelta(days=1))
    with database.looking(SYSTEM) as session:
        assert agenda.still(session, known) == {(one.kind, one.subject) for one in known}
        assert agenda.still(session, [moved]) == set()


def test_what_is_due_on_chosen_days_is_what_a_look_at_all_finds_on_them(
    database: Database, scene: Scene
) -> None:
    """Each date of each kind alone, every second one, and all; for whoever sees all and for a business owner."""
    place = scene.deals[0].organisation
    for role in (OrganisationRole.CISO, OrganisationRole.BUSINESS_OWNER):
        who = place[role]
        with database.looking(who.scope) as session:
            found = rules.current(session, place.id)
            every = {kind: agenda.of_organisation(session, who, [kind]) for kind in agenda.SOURCES}
            dues = {kind: sorted({one.due for one in items}) for kind, items in every.items()}
            choices = [dues, {kind: some[::2] for kind, some in dues.items()}, {}]
            choices += [{kind: [due]} for kind, some in dues.items() for due in some]
            choices.append({kind: [due - timedelta(days=1) for due in some] for kind, some in dues.items()})
            for wanted in choices:
                kept = [one for kind in wanted for one in every[kind] if one.due in wanted[kind]]
                assert agenda.of_days(session, who, wanted, found) == kept
        if role is OrganisationRole.CISO:
            assert sum(bool(some) for some in dues.values()) >= 6


def test_what_is_due_within_some_days_is_what_lies_between_them(database: Database, scene: Scene) -> None:
    known = everything(database)
    days = sorted({one.due for one in known})
    middle: date = days[len(days) // 2]
    with database.looking(SYSTEM) as session:
        late = [one for kind in agenda.SOURCES for one in agenda.near(session, kind, first=middle)[0]]
        early = [one for kind in agenda.SOURCES for one in agenda.near(session, kind, last=middle)[0]]
    assert sorted(late, key=repr) == sorted((one for one in known if one.due >= middle), key=repr)
    assert sorted(early, key=repr) == sorted((one for one in known if one.due <= middle), key=repr)
