"""What letters say of documents and conditions: whatever counts at a gate, by its own name, until it is over."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import keeping
from portal.gate.choosing import Choice
from portal.reassessment import (
    agenda,
    ending,
    generating,
    incident_queries,
    incidents,
    terms,
    trigger_finding,
)
from portal.reassessment.models_triggers import Trigger
from portal.settings import Settings
from portal.vendors.ground import every_ground_moved
from questionnaires import catalog
from tests.portal import journey
from tests.portal.gate.desk import by_hand, make
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment import post
from tests.portal.reassessment.given import submit
from tests.portal.reassessment.papers import lay
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
R = OrganisationRole
TODAY = NOW.date()
AGO = NOW - timedelta(days=900)
CORE = catalog.latest("security_core")
ASKED = {
    key: one.evidence
    for key, one in CORE.questions.items()
    if one.evidence is not None and one.evidence.valid_months == 12
}
(KEY, RULE), (OTHER_KEY, OTHER_RULE) = list(ASKED.items())[:2]
OLD_ENDS, NEW_ENDS = TODAY + timedelta(days=60), TODAY + timedelta(days=80)


@dataclass
class Given:
    """Two engagements. The answers about the first count there still, those about the second are newer; a document
    lies beside each, and one that both had ends with the first of them.
    """

    issued: Issued
    old: uuid.UUID
    new: uuid.UUID
    later: uuid.UUID

    @property
    def owner(self) -> Identity:
        return self.issued.company[CompanyRole.OWNER]

    @property
    def ciso(self) -> Identity:
        return self.issued.organisation[R.CISO]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    buyer = make_organisation(database, settings, "Halden", AGO)
    company = make_company(database, settings, "Fen", AGO)
    issued = journey.issue(database, buyer, company, definition=CORE, names=("Archive", "Mail"))
    old = lay(database, issued, KEY, RULE.kind, issued_on=TODAY, expires=OLD_ENDS, title="Of the archive")
    submit(database, issued)
    later = journey.again(
        database, buyer, issued.vendor, issued.engagements[1:], CORE, now=NOW + timedelta(hours=1)
    )
    new = lay(
        database, issued, OTHER_KEY, OTHER_RULE.kind,
        issued_on=TODAY, expires=NEW_ENDS, title="Of the mail", assessment=later,
    )  # fmt: skip
    submit(database, issued, assessment=later, now=NOW + timedelta(hours=2))
    return Given(issued, old, new, later)


def worked_out(database: Database) -> None:
    keeping.Keeper(database).turn(lambda: NOW + timedelta(hours=3))
    terms.work_out(database, now=NOW)


def ends(database: Database, who: Identity | None) -> dict[uuid.UUID, date]:
    with database.looking(SYSTEM if who is None else who.scope) as session:
        items = (
            agenda.near(session, "evidence")[0]
            if who is None
            else agenda.of_organisation(session, who, ("evidence",))
        )
    return {one.source: one.due for one in items}


def letters(database: Database, who: Identity, day: date, kind: str) -> str:
    """What ``who`` reads of this kind on the morning after a pass of ``day``."""
    now = datetime.combine(day, NOW.timetz()).replace(hour=1)
    generating.generate(database, now=now)
    sent = post.post(database, now + timedelta(days=1))
    return "\n".join(one.text for one in sent if one.recipient == who.person.email)


def test_each_side_is_told_of_every_document_that_counts_at_a_gate(database: Database, given: Given) -> None:
    worked_out(database)
    expected = {given.old: OLD_ENDS, given.new: NEW_ENDS}
    assert ends(database, None) == ends(database, given.owner) == ends(database, given.ciso) == expected
    said = letters(database, given.owner, OLD_ENDS - timedelta(days=30), "evidence")
    assert "Of the archive" in said


def test_what_a_campaign_asked_hides_no_document(database: Database, given: Given) -> None:
    worked_out(database)
    asked = journey.again(
        database, given.issued.organisation, given.issued.vendor, given.issued.engagements, CORE
    )
    submit(database, given.issued, assessment=asked, now=NOW + timedelta(hours=4))
    with database.transaction() as session:
        session.execute(update(Assessment).where(Assessment.id == asked).values(campaign_id=uuid.uuid4()))
        record(session, Kind.ASSESSMENT_ISSUED, now=NOW, actor=None)
    assert set(ends(database, given.owner)) == {given.old, given.new}


def test_a_letter_names_each_document_and_leads_to_it(database: Database, given: Given) -> None:
    worked_out(database)
    said = " ".join(letters(database, given.owner, NEW_ENDS - timedelta(days=30), "evidence").split())
    assert "“Of the mail”: it ends" in said
    assert f"/evidence/{given.new}" in said


def test_a_newer_document_that_was_asked_for_ends_the_reason(database: Database, given: Given) -> None:
    place, ciso, ended = given.issued.organisation, given.ciso, TODAY + timedelta(days=5)
    issued = journey.issue(database, place, given.issued.company, definition=CORE, vendor_name="Brief")
    old = lay(database, issued, KEY, RULE.kind, issued_on=TODAY, expires=ended, title="Old")
    submission = submit(database, issued)
    worked_out(database)
    after = datetime.combine(ended + timedelta(days=1), NOW.timetz())
    assert trigger_finding.find(database, now=after) == 1
    with database.transaction(ciso.scope) as session:
        asked = ending.ask(
            *(session, ciso, submission, [old]),
            due=(after + timedelta(days=14)).date(), text="The newer one, please.", consequences=(), now=after,
        )  # fmt: skip
    assert (asked.why, asked.keys) == ("", (KEY,))
    lay(database, issued, KEY, RULE.kind, issued_on=ended, title="Newer")
    submit(database, issued, now=after + timedelta(hours=1))
    keeping.Keeper(database).turn(lambda: after + timedelta(hours=2))
    trigger_finding.find(database, now=after + timedelta(hours=2))
    assert states(database) == [("evidence", "open", "")]  # nobody has looked at the newer one yet
    terms.work_out(database, now=after + timedelta(hours=2))
    trigger_finding.find(database, now=after + timedelta(hours=2))
    assert states(database) == [("evidence", "over", "gone")]


def states(database: Database) -> list[tuple[str, str, str]]:
    with database.looking(SYSTEM) as session:
        return [(one.kind, one.state, one.code) for one in session.scalars(select(Trigger))]


def test_of_a_company_that_is_on_record_twice_each_document_is_of_the_vendor_that_answered(
    database: Database, given: Given
) -> None:
    """And what the company tells of itself is a reason at each record of it."""
    twice = journey.issue(
        database, given.issued.organisation, given.issued.company, definition=CORE, vendor_name="Fen, again"
    )
    other = lay(database, twice, KEY, RULE.kind, issued_on=TODAY, expires=NEW_ENDS, title="Of the other")
    submit(database, twice)
    worked_out(database)
    with database.looking(SYSTEM) as session:
        found = {one.source: one.vendor_id for one in agenda.near(session, "evidence")[0]}
    assert found == {
        **dict.fromkeys((given.old, given.new), given.issued.vendor),
        other: twice.vendor,
    }
    with database.transaction(given.owner.scope) as session:
        chosen = incident_queries.clients_of(session, given.owner, lock=True)
        incidents.tell(
            session, chosen, kind="breach", happened=None, words="Robbed", actor=given.owner, now=NOW
        )
    trigger_finding.find(database, now=NOW)
    with database.looking(SYSTEM) as session:
        at = session.scalars(select(Trigger.engagement_id).where(Trigger.kind == "incident")).all()
    assert sorted(at, key=str) == sorted((*given.issued.engagements, *twice.engagements), key=str)


def test_a_condition_is_told_though_what_is_stored_of_its_gate_is_behind(
    database: Database, settings: Settings
) -> None:
    buyer = make_organisation(database, settings, "Halden", AGO)
    desk = make(database, buyer, make_company(database, settings, "Fen", AGO))
    one = by_hand(30)
    desk.decide(
        Choice("clear_with_conditions", (one,), desk.proposal.latest), words={one.subject: "An exit plan."}
    )
    keeping.Keeper(database).turn(lambda: NOW)
    assert one.due is not None
    now = datetime.combine(one.due - timedelta(days=7), NOW.timetz()).replace(hour=1)
    generating.generate(database, now=now)
    with database.transaction() as session:
        every_ground_moved(session, buyer.id)
        record(session, Kind.POLICY_CHANGED, now=now, actor=None)
    sent = post.post(database, now + timedelta(days=1))
    ciso = buyer[R.CISO].person.email
    assert any("a condition of the gate is due" in one.text for one in sent if one.recipient == ciso)
    assert "done" not in post.ends(database)
    desk.decide(now=now)
    with database.looking(SYSTEM) as session:
        assert agenda.near(session, "condition")[0] == []  # that decision is over, whatever is stored of it
