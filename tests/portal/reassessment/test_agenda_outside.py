"""What is due of campaigns, documents, incidents and triggers: for the worker, for members, for the company."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, time, timedelta

import pytest
from sqlalchemy import select, update

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import keeping
from portal.outbox import Message
from portal.reassessment import agenda, generating, incident_queries, incidents, terms, trigger_finding
from portal.reassessment.agenda import Item
from portal.reassessment.kinds import OWN
from portal.reassessment.models import Reminder, ReminderStep
from portal.settings import Settings
from portal.vendors import queries as vendors
from questionnaires import catalog
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import submit
from tests.portal.reassessment.papers import lay
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
R = OrganisationRole
TODAY = NOW.date()
CORE = catalog.latest("security_core")
KEY, RULE = next(
    (key, one.evidence)
    for key, one in CORE.questions.items()
    if one.evidence is not None and one.evidence.valid_months == 12
)
KINDS = ("campaign", "evidence", "incident", "trigger")


@dataclass
class Given:
    """Two organisations that have sealed answers of one company, each with the same document; all that can be due."""

    first: Issued
    second: Issued
    document: uuid.UUID
    incident: uuid.UUID
    asked: uuid.UUID

    @property
    def ciso(self) -> Identity:
        return self.first.organisation[R.CISO]

    @property
    def owner(self) -> Identity:
        return self.first.company[CompanyRole.OWNER]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    company = make_company(database, settings, "Fen")
    buyers = [make_organisation(database, settings, name) for name in ("Halden", "Orrin")]
    first, second = (journey.issue(database, one, company, definition=CORE) for one in buyers)
    document = lay(database, first, KEY, RULE.kind, issued_on=TODAY, expires=TODAY + timedelta(days=7))
    for one in (first, second):
        if one is second:
            lay(
                database,
                one,
                KEY,
                RULE.kind,
                issued_on=TODAY,
                expires=TODAY + timedelta(days=50),
                title="Other",
            )
        submit(database, one)
    asked = journey.again(
        database, buyers[0], first.vendor, first.engagements, catalog.latest("vulnerability_flash")
    )
    with database.transaction() as session:
        session.execute(
            update(Assessment)
            .where(Assessment.id == asked)
            .values(
                campaign_id=uuid.uuid4(), ladder="hours", due=TODAY + timedelta(days=1), due_time=time(18)
            )
        )
        record(session, Kind.ASSESSMENT_ISSUED, now=NOW, actor=None)
    ciso = buyers[0][R.CISO]
    with database.transaction(ciso.scope) as session:
        vendor = vendors.vendor(session, ciso, first.vendor, lock=True)
        incident = incidents.note(
            session, vendor, kind="breach", happened=None, words="Robbed", shared=False, actor=ciso, now=NOW
        ).id
    keeping.Keeper(database).turn(lambda: NOW)
    terms.work_out(database, now=NOW)
    trigger_finding.find(database, now=NOW)
    return Given(first, second, document, incident, asked)


def near(database: Database, kind: str, *, most: int = 1000, last: date | None = None) -> list[Item]:
    found: list[Item] = []
    after: uuid.UUID | None = None
    while True:
        with database.looking(SYSTEM) as session:
            items, after = agenda.near(session, kind, last=last, after=after, most=most)
        found += items
        if after is None:
            return found


def of(database: Database, identity: Identity, *kinds: str) -> list[Item]:
    with database.looking(identity.scope) as session:
        return agenda.of_organisation(session, identity, kinds)


def test_each_kind_says_what_is_due_and_until_when(database: Database, given: Given) -> None:
    found = {one.kind: one for one in of(database, given.ciso, *KINDS)}
    assert {kind: (one.source, one.due) for kind, one in found.items() if kind != "trigger"} == {
        "campaign": (given.asked, TODAY + timedelta(days=1)),
        "evidence": (given.document, TODAY + timedelta(days=7)),
        "incident": (given.incident, TODAY + timedelta(days=2)),
    }
    assert found["trigger"].due == TODAY + timedelta(days=14)
    assert (found["campaign"].due_time, found["campaign"].tier) == (time(18), "hours")
    assert found["evidence"].vendor_id == given.first.vendor


def test_an_incident_that_is_open_again_is_told_of_anew(database: Database, given: Given) -> None:
    later = NOW + timedelta(days=40)
    for again in (False, True):
        with database.transaction(given.ciso.scope) as session:
            row = incident_queries.incident(session, given.ciso, given.incident, lock=True)
            incidents.settle(session, row, again=again, actor=given.ciso, now=later)
        found = [one.due for one in of(database, given.ciso, "incident")]
        assert found == ([TODAY + timedelta(days=42)] if again else [])
        generating.generate(database, now=later + timedelta(days=9))
    with database.looking(SYSTEM) as session:
        told = session.scalars(select(ReminderStep).where(ReminderStep.subject_id == given.incident)).all()
    assert {one.due for one in told} == {TODAY + timedelta(days=42)}
    assert any(one.people for one in told)


def test_what_a_campaign_asks_is_no_assessment_of_the_usual_ladder(database: Database, given: Given) -> None:
    assert given.asked not in {one.subject for one in of(database, given.ciso, "assessment")}


def test_the_worker_sees_what_each_side_sees_however_small_its_pages(
    database: Database, given: Given
) -> None:
    for kind in KINDS:
        whole = {(one.organisation_id, one.subject, one.due) for one in near(database, kind)}
        assert whole == {(one.organisation_id, one.subject, one.due) for one in near(database, kind, most=2)}
        ours = {one for one in whole if one[0] == given.first.organisation.id}
        assert ours == {(one.organisation_id, one.subject, one.due) for one in of(database, given.ciso, kind)}
    assert len(near(database, "evidence")) == 2
    assert [one.source for one in near(database, "evidence", last=TODAY + timedelta(days=10))] == [
        given.document
    ]


def test_the_company_sees_its_own_and_nobody_elses(
    database: Database, given: Given, settings: Settings
) -> None:
    found = of(database, given.owner, *KINDS)
    assert {one.kind for one in found} == {"campaign", "evidence"}
    assert {one.organisation_id for one in found if one.kind == "evidence"} == {
        given.first.organisation.id,
        given.second.organisation.id,
    }
    stranger = make_company(database, settings, "Stranger")[CompanyRole.OWNER]
    assert of(database, stranger, *KINDS) == []


def test_a_business_owner_sees_what_hangs_on_engagements_of_theirs(database: Database, given: Given) -> None:
    other = given.first.organisation[R.BUSINESS_OWNER]
    assert of(database, other, *KINDS) == []


def test_the_steps_go_to_whom_they_are_for(database: Database, given: Given) -> None:
    # 15:00 of the day after; of two steps that have come the later one is told, to who joined before that day
    at = NOW + timedelta(days=1, hours=3)
    generating.generate(database, now=at)
    with database.looking(SYSTEM) as session:
        told = session.scalars(select(Reminder).where(Reminder.kind == "campaign")).all()
        letters = session.scalars(select(Message).where(Message.person_id.is_not(None))).all()
    assert {one.step for one in told} == {"hour-4@18:00"}
    assert {one.person_id for one in told} == {given.owner.person.id}
    assert letters
    assert generating.generate(database, now=at).told == 0


def test_a_ladder_of_a_campaigns_own_has_the_steps_of_its_name() -> None:
    assert [one.hours for one in OWN["campaign"]["hours"]] == [-24, -4, 0, 4, 24]
    assert [one.days for one in OWN["campaign"]["days"]] == [-3, -1, 0, 1, 3]
    assert OWN["campaign"]["none"] == ()


def test_what_is_settled_is_due_no_more(database: Database, given: Given) -> None:
    with database.looking(SYSTEM) as session:
        items = [one for kind in KINDS for one in agenda.near(session, kind)[0]]
        assert agenda.still(session, items) == {(one.kind, one.subject) for one in items}
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.id == given.asked).values(due_time=None))
        record(session, Kind.ASSESSMENT_ISSUED, now=NOW, actor=None)
    with database.looking(SYSTEM) as session:
        assert ("campaign", given.asked) not in agenda.still(session, items)
