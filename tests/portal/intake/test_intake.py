"""Opening an engagement by an intake: rows, four eyes for what asks for less, pages, and who sees what."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from portal.access import OrganisationRole
from portal.assessments.sealing import commit
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.intake import queries, service
from portal.intake.models import Intake, IntakeAnswers, TierProposal
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from portal.vendors.models import Engagement
from portal.web import Portal
from tests.portal.intake.given import BANK, E_LEARNING, HARMLESS, PAYROLL, PRINTER, RISEN, answered, posted
from tests.portal.once import made_once
from tests.portal.world import NOW, Place, make_organisation, signed_in

LATER = NOW + timedelta(hours=1)
PROCUREMENT, CISO = OrganisationRole.PROCUREMENT, OrganisationRole.CISO
ADMIN, AUDITOR = OrganisationRole.ADMIN, OrganisationRole.AUDITOR


@dataclass(frozen=True)
class Given:
    database: Database
    place: Place
    vendor: uuid.UUID

    def open(self, values: dict[str, Any], name: str = "Archive") -> uuid.UUID:
        buyer = self.place[PROCUREMENT]
        with self.database.transaction(buyer.scope) as session:
            vendor = vendor_queries.vendor(session, buyer, self.vendor)
            row = service.open_engagement(
                session, vendor, answered(values), name=name, business_owner_id=None, actor=buyer, now=NOW
            )
            return row.id

    def again(
        self,
        engagement: uuid.UUID,
        values: dict[str, Any],
        *,
        revision: int | None = None,
        role: OrganisationRole = PROCUREMENT,
    ) -> bool:
        actor = self.place[role]
        with self.database.transaction(actor.scope) as session:
            row = vendor_queries.engagement(session, actor, engagement, lock=True)
            _intake, waits = service.answer_again(
                session,
                row,
                answered(values),
                revision=row.revision if revision is None else revision,
                actor=actor,
                now=LATER,
            )
            return waits

    def by_hand(self, *, tier: str, facts: dict[str, Any]) -> uuid.UUID:
        buyer = self.place[PROCUREMENT]
        with self.database.transaction(buyer.scope) as session:
            vendor = vendor_queries.vendor(session, buyer, self.vendor)
            common = {"name": "By hand", "description": "", "business_owner_id": None}
            return vendors.create_engagement(
                session, vendor, **common, tier=tier, facts=facts, actor=buyer, now=NOW
            ).id

    def settle(self, engagement: uuid.UUID, role: OrganisationRole, *, approve: bool = True) -> None:
        actor = self.place[role]
        with self.database.looking(SYSTEM) as session:
            every = session.scalars(
                select(TierProposal).where(TierProposal.engagement_id == engagement)
            ).all()
        proposal = min(every, key=lambda one: one.state != "waiting")
        with self.database.transaction(actor.scope) as session:
            row = vendor_queries.engagement(session, actor, engagement, lock=True)
            what = service.approve if approve else service.refuse
            what(session, row, proposal.id, actor=actor, now=LATER)

    def engagement(self, engagement: uuid.UUID) -> Engagement:
        with self.database.looking(SYSTEM) as session:
            return session.get_one(Engagement, engagement)

    def states(self) -> list[str]:
        with self.database.looking(SYSTEM) as session:
            return sorted(session.scalars(select(TierProposal.state)))


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    place = make_organisation(database, settings, "Alder")
    buyer = place[PROCUREMENT]
    with database.transaction(buyer.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country="PT", actor=buyer, now=NOW)
        return Given(database, place, vendor.id)


# ---------------------------------------------------------------------------------------------------------- the rows


@pytest.mark.both_databases
def test_an_engagement_is_opened_with_tier_facts_and_description(given: Given) -> None:
    row = given.engagement(given.open(BANK))
    assert (row.tier, row.description, row.facts["engagement.access"]) == (
        "critical",
        "Keeps files.",
        ["privileged"],
    )
    with given.database.looking(SYSTEM) as session:
        intake = session.scalars(select(Intake)).one()
        beside = session.scalars(select(IntakeAnswers)).one()
        assert row.intake_id == intake.id
        assert commit(beside.salt, beside.answers) == intake.commitment
        kinds = [one.kind for one in session.query(Event).order_by(Event.id)]
        assert "intake.answered" in kinds
        assert "engagement.created" in kinds
    for statement in (update(Intake).values(tier="low"), Intake.__table__.delete()):
        with pytest.raises(DBAPIError), given.database.transaction(SYSTEM) as session:
            session.execute(statement.execution_options(unaudited=True))


@pytest.mark.both_databases
def test_a_tier_rises_at_once_and_falls_only_with_a_second_person(given: Given) -> None:
    key = given.open(E_LEARNING)
    assert not given.again(key, RISEN)
    assert given.engagement(key).tier == "critical"
    assert given.again(key, PRINTER)
    waiting = given.engagement(key)
    held = ["confidential", *RISEN["data"]]
    assert waiting.tier == "critical"
    assert sorted(waiting.facts["engagement.data"]) == sorted(held), "what it adds holds at once"
    assert waiting.waiting_intake_id is not None
    with pytest.raises(Refused):
        given.settle(key, PROCUREMENT)
    assert given.engagement(key).tier == "critical"
    given.settle(key, ADMIN)
    after = given.engagement(key)
    assert (after.tier, after.waiting_intake_id) == ("low", None)
    assert after.facts["engagement.data"] == ["confidential"]
    with pytest.raises(Conflict, match="settled"):
        given.settle(key, ADMIN)
    with given.database.looking(SYSTEM) as session:
        assert [one.sequence for one in session.query(Intake).order_by(Intake.sequence)] == [1, 2, 3]


@pytest.mark.both_databases
def test_of_an_intake_that_asks_for_more_and_for_less_the_more_holds_at_once(given: Given) -> None:
    """A tier that rises does not wait for somebody to agree that a fact is gone."""
    key = given.open(E_LEARNING)
    before = given.engagement(key)
    mixed = RISEN | {"process": "slower"}
    assert given.again(key, E_LEARNING | {"process": "important"}) is False
    between = given.engagement(key).tier
    assert given.again(key, mixed)
    now = given.engagement(key)
    assert (before.tier, now.tier) == ("medium", answered(mixed).tier)
    assert now.facts["engagement.process"] == "important"
    assert set(RISEN["data"]) <= set(now.facts["engagement.data"])
    assert now.intake_id != now.waiting_intake_id
    given.settle(key, CISO, approve=False)
    kept = given.engagement(key)
    assert (kept.tier, kept.facts, kept.waiting_intake_id) == (now.tier, now.facts, None)
    with given.database.looking(SYSTEM) as session:
        kind = Event.kind == Kind.ENGAGEMENT_CHANGED.value
        told = session.scalars(select(Event.data).where(kind)).all()
        risen = next(one for one in told if one.get("tier_to") == now.tier)
        assert risen["tier_from"] == between
        assert "engagement.data" in risen["facts"]
        letters = session.scalars(select(Message.recipient).where(Message.kind == "second_asked")).all()
        able = {given.place[one].person.email for one in (ADMIN, CISO)}
        assert set(letters) == able


@pytest.mark.both_databases
def test_a_proposal_rests_on_what_stood_when_it_was_made(given: Given) -> None:
    """An engagement without an intake can gain facts by hand meanwhile: approving would take them away unseen."""
    buyer = given.place[PROCUREMENT]
    key = given.by_hand(tier="high", facts={"engagement.data": ["personal"]})
    assert given.again(key, PRINTER)
    with given.database.transaction(buyer.scope) as session:
        row = vendor_queries.engagement(session, buyer, key, lock=True)
        held = {"name": row.name, "description": row.description, "tier": row.tier}
        facts = row.facts | {"engagement.data": [*row.facts["engagement.data"], "card"]}
        more = {"business_owner_id": None, "revision": row.revision, "actor": buyer, "now": LATER}
        vendors.change_engagement(session, row, **held, facts=facts, **more)
    with pytest.raises(Conflict, match="has changed since"):
        given.settle(key, ADMIN)
    assert given.engagement(key).tier == "high"


def test_a_proposal_of_another_month_is_made_anew(given: Given) -> None:
    key = given.open(BANK)
    given.again(key, PRINTER)
    with given.database.transaction(SYSTEM) as session:
        row = session.scalars(select(TierProposal)).one()
        row.proposed_at = LATER - timedelta(days=31)
        record(session, Kind.TIER_PROPOSED, now=LATER, actor=None, subject=row)
    with pytest.raises(Conflict, match="older than 30 days"):
        given.settle(key, ADMIN)


def test_personal_data_that_is_gone_waits_even_in_the_same_tier(given: Given) -> None:
    key = given.open(PAYROLL)
    assert given.engagement(key).tier == "high"
    without = PAYROLL | {"data": ["confidential"], "access": ["privileged"]}
    assert answered(without).tier == "high"
    assert given.again(key, without)
    assert given.again(key, PAYROLL | {"data": ["unknown"], "access": ["privileged"]})
    held = ["confidential", "financial", "personal", "special"]
    assert sorted(given.engagement(key).facts["engagement.data"]) == held, "what was added holds at once"
    assert given.states() == ["overtaken", "waiting"]


@pytest.mark.parametrize(("role", "state"), [(PROCUREMENT, "withdrawn"), (CISO, "refused")])
def test_a_proposal_is_taken_back_or_refused(given: Given, role: OrganisationRole, state: str) -> None:
    key = given.open(BANK)
    given.again(key, PRINTER)
    given.settle(key, role, approve=False)
    assert given.states() == [state]
    row = given.engagement(key)
    assert (row.tier, row.waiting_intake_id) == ("critical", None)


def test_a_newer_intake_overtakes_what_waits(given: Given) -> None:
    key = given.open(PAYROLL)
    given.again(key, PRINTER)
    assert not given.again(key, RISEN | {"data": [*RISEN["data"], "confidential"]})
    assert given.states() == ["overtaken"]
    with pytest.raises(Conflict, match="settled"):
        given.settle(key, ADMIN)
    assert given.engagement(key).tier == "critical"


def test_what_was_answered_on_an_old_page_is_refused_but_a_second_press_is_not(given: Given) -> None:
    key = given.open(E_LEARNING)
    given.again(key, BANK, revision=1)
    given.again(key, BANK, revision=1)
    with pytest.raises(service.Stale):
        given.again(key, PAYROLL, revision=1)
    with given.database.looking(SYSTEM) as session:
        assert session.query(Intake).count() == 2


def test_a_proposal_whose_answers_were_destroyed_cannot_be_approved(given: Given) -> None:
    key = given.open(BANK)
    given.again(key, PRINTER)
    with given.database.transaction(SYSTEM) as session:
        session.execute(IntakeAnswers.__table__.delete())
        session.info["audited"] = True
    with pytest.raises(Conflict, match="destroyed"):
        given.settle(key, ADMIN)


def test_by_hand_nothing_of_an_intake_changes_and_no_tier_falls(given: Given) -> None:
    key, buyer = given.open(PAYROLL), given.place[PROCUREMENT]

    def change(engagement: uuid.UUID, **values: Any) -> None:
        with given.database.transaction(buyer.scope) as session:
            row = vendor_queries.engagement(session, buyer, engagement, lock=True)
            held = {"name": row.name, "description": row.description, "tier": row.tier, "facts": row.facts}
            vendors.change_engagement(
                session,
                row,
                **(held | {"business_owner_id": None} | values),
                revision=row.revision,
                actor=buyer,
                now=LATER,
            )

    for values in ({"tier": "critical"}, {"facts": {}}, {"description": "x"}):
        with pytest.raises(Invalid, match="intake"):
            change(key, **values)
    change(key, name="Another name")
    assert given.engagement(key).name == "Another name"
    with given.database.transaction(buyer.scope) as session:
        vendor = vendor_queries.vendor(session, buyer, given.vendor)
        by_hand = vendors.create_engagement(
            session,
            vendor,
            name="By hand",
            description="",
            tier="medium",
            facts={"engagement.data": ["personal"]},
            business_owner_id=None,
            actor=buyer,
            now=NOW,
        ).id
    change(by_hand, tier="high")
    with pytest.raises(Invalid) as caught:
        change(by_hand, tier="medium")
    assert list(caught.value.errors) == ["tier"]
    for data in ({}, {"engagement.data": ["confidential"]}):
        with pytest.raises(Invalid) as caught:
            change(by_hand, facts=data)
        assert list(caught.value.errors) == ["engagement.data"]
    assert given.again(by_hand, PRINTER)
    given.settle(by_hand, CISO)
    assert given.engagement(by_hand).tier == "low"


def test_who_named_the_business_owner_is_on_record(given: Given) -> None:
    key = given.open(PRINTER)
    assert given.engagement(key).owner_set_by is None
    buyer, owner = given.place[PROCUREMENT], given.place[OrganisationRole.BUSINESS_OWNER].person.id
    with given.database.transaction(buyer.scope) as session:
        row = vendor_queries.engagement(session, buyer, key, lock=True)
        vendors.change_engagement(
            session,
            row,
            name=row.name,
            description=row.description,
            tier=row.tier,
            facts=row.facts,
            business_owner_id=owner,
            revision=row.revision,
            actor=buyer,
            now=LATER,
        )
    row = given.engagement(key)
    assert (row.business_owner_id, row.owner_set_by, row.owner_set_at) == (owner, buyer.person.id, LATER)


def test_another_organisation_finds_nothing(given: Given, settings: Settings) -> None:
    birch = make_organisation(given.database, settings, "Birch")
    key = given.open(BANK)
    given.again(key, PRINTER)
    stranger = birch[ADMIN]
    with given.database.looking(stranger.scope) as session:
        assert queries.of_engagement(session, stranger, key) == []
        assert queries.waiting(session, stranger, key) is None
        assert queries.all_waiting(session, stranger, 1).rows == []
        proposal = given.engagement(key).waiting_intake_id
        assert proposal is not None
        assert queries.answers(session, stranger, proposal) is None
    with given.database.transaction(stranger.scope) as session, pytest.raises(NotFound):
        queries.proposal(session, stranger, key, proposal)


# --------------------------------------------------------------------------------------------------------- the pages


def test_the_page_opens_an_engagement_and_says_why(app: Portal, given: Given) -> None:
    buyer = signed_in(app, given.place[PROCUREMENT])
    path = f"/o/{given.place.slug}/vendors/{given.vendor}/engagements/intake"
    form = buyer.get(path)
    assert form.status_code == 200
    assert "Which of your data does the service touch?" in form.text
    answer = buyer.post(path, posted(BANK, name="Core bank"))
    assert answer.status_code == 303
    why = buyer.get(answer.headers["Location"])
    assert "Why the tier is critical" in why.text
    assert "16.1" in why.text
    assert "An administrator can reach everything" in why.text
    engagement = answer.headers["Location"].removesuffix("/intake")
    assert "Why this tier" in buyer.get(engagement).text
    edit = buyer.get(f"{engagement}/edit").text
    assert 'name="tier"' not in edit
    assert buyer.post(f"{engagement}/edit", name="Core", revision="1").status_code == 303
    assert buyer.post(path, posted(BANK, name="core")).status_code == 422  # taken


def test_a_refused_page_keeps_every_answer(app: Portal, given: Given) -> None:
    buyer = signed_in(app, given.place[PROCUREMENT])
    path = f"/o/{given.place.slug}/vendors/{given.vendor}/engagements/intake"
    page = buyer.post(path, posted(E_LEARNING | {"spend": "much", "service": "<b>kept</b>"}, name=""))
    assert page.status_code == 422
    assert "&lt;b&gt;kept" in page.text
    assert 'value="much"' in page.text
    for value in ("api", "safeguards", "assists"):
        assert re.search(rf'value="{value}" checked', page.text)
    assert page.text.count('role="alert"') == 1
    for broken in (
        {"a.intake.process": ["nothing", "critical"]},
        {"r.intake.data": "x"},
        {"business_owner": "x"},
    ):
        assert buyer.post(path, posted(E_LEARNING, name="One") | broken).status_code == 422
    with given.database.looking(SYSTEM) as session:
        assert session.query(Engagement).count() == 0


def test_nothing_answered_is_critical_and_the_page_says_what_would_settle_it(
    app: Portal, given: Given
) -> None:
    buyer = signed_in(app, given.place[PROCUREMENT])
    path = f"/o/{given.place.slug}/vendors/{given.vendor}/engagements/intake"
    answer = buyer.post(path, posted({}, name="Blank"))
    page = buyer.get(answer.headers["Location"]).text
    assert "Nobody knows the answers to 12 questions yet" in page
    assert "the tier can be as low as low" in page


def test_again_offers_what_was_answered_and_asks_a_second_person(app: Portal, given: Given) -> None:
    key = given.open(BANK)
    path = f"/o/{given.place.slug}/engagements/{key}/intake"
    buyer, ciso = signed_in(app, given.place[PROCUREMENT]), signed_in(app, given.place[CISO])
    form = buyer.get(f"{path}/again").text
    assert 'value="privileged" checked' in form
    revision = re.search(r'name="revision"[^>]*value="(\d+)"', form)
    assert revision
    assert buyer.post(f"{path}/again", posted(PRINTER, revision=revision[1])).status_code == 303
    stale = buyer.post(f"{path}/again", posted(HARMLESS, revision=revision[1]))
    assert stale.status_code == 409
    assert "Somebody has changed this engagement" in stale.text
    assert buyer.post(f"{path}/again", posted(HARMLESS, revision="x")).status_code == 409
    own, other = buyer.get(path).text, ciso.get(path).text
    assert "Take it back" in own
    assert "Approve: it holds" not in own
    action = re.search(r'action="([^"]*/proposals/[^"]*)"', other)
    assert action
    assert "Archive" in ciso.get(f"/o/{given.place.slug}/intakes/waiting").text
    assert ciso.post(action[1], do="nonsense").status_code == 409
    assert buyer.post(action[1], do="approve").status_code == 403
    assert given.engagement(key).tier == "critical"
    assert ciso.post(action[1], do="approve").status_code == 303
    assert given.engagement(key).tier == "low"
    assert "Nothing waits" in ciso.get(f"/o/{given.place.slug}/intakes/waiting").text


def test_who_may_only_read_reads(app: Portal, given: Given) -> None:
    key = given.open(BANK)
    given.again(key, PRINTER)
    path = f"/o/{given.place.slug}/engagements/{key}/intake"
    auditor = signed_in(app, given.place[AUDITOR])
    page = auditor.get(path)
    assert page.status_code == 200
    assert "/proposals/" not in page.text
    assert auditor.get(f"{path}/again").status_code == 403
    owner = signed_in(app, given.place[OrganisationRole.BUSINESS_OWNER])
    assert owner.get(path).status_code == 404  # not theirs
    assert "Archive" not in owner.get(f"/o/{given.place.slug}/intakes/waiting").text


def test_an_engagement_set_by_hand_says_so(app: Portal, given: Given) -> None:
    buyer = signed_in(app, given.place[PROCUREMENT])
    fields = {"name": "Archive", "tier": "high"}
    answer = buyer.post(f"/o/{given.place.slug}/vendors/{given.vendor}/engagements/new", fields)
    engagement = answer.headers["Location"]
    assert "Set by hand" in buyer.get(engagement).text
    assert "The tier was set by hand" in buyer.get(f"{engagement}/intake").text
