"""What people wrote about what they decided, and at intakes: reached by redaction, by time, and by itself."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.schedule_models import Settlement, WaiverProposal
from portal.contracts.schedule_queries import Line
from portal.db import SYSTEM, Database
from portal.erasure import quoting, retention, service
from portal.erasure.models import Certificate
from portal.erasure.reaching import Destroyed
from portal.erasure.service import Subject
from portal.faults import Conflict, NotFound
from portal.gate.choosing import Choice
from portal.gate.facts import Knockout
from portal.gate.models import DecisionWords, GateDecision, RiskException
from portal.intake.models import Intake, IntakeAnswers, TierProposal
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Engagement
from tests.portal import journey
from tests.portal.contracts.test_schedule import Given as Contract
from tests.portal.contracts.test_schedule import given as contract
from tests.portal.gate.desk import clear_until, make
from tests.portal.gate.given import TODAY, policy, sound, submitted
from tests.portal.intake.given import BANK, PAYROLL, PRINTER, RISEN
from tests.portal.intake.test_intake import Given
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
__all__ = ["contract"]
ADMIN, CISO = OrganisationRole.ADMIN, OrganisationRole.CISO
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def bought(database: Database, settings: Settings) -> Given:
    place = make_organisation(database, settings, "Alder")
    buyer = place[OrganisationRole.PROCUREMENT]
    with database.transaction(buyer.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country="PT", actor=buyer, now=NOW)
        return Given(database, place, vendor.id)


def erase(given: Given, intake: uuid.UUID) -> Certificate:
    admin, ciso = given.place[ADMIN], given.place[CISO]
    with given.database.transaction(admin.scope) as session:
        row = service.propose(session, admin, Subject("intake", intake), "A name stands in it.", now=NOW).id
    with given.database.transaction(ciso.scope) as session:
        return service.approve(session, ciso, row, now=LATER)


def intakes(database: Database) -> list[uuid.UUID]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Intake.id).order_by(Intake.sequence)))


def kept(database: Database) -> set[uuid.UUID]:
    with database.looking(SYSTEM) as session:
        return set(session.scalars(select(IntakeAnswers.intake_id)))


def test_the_answers_of_one_intake_go_by_two_people_and_the_tier_stays(bought: Given) -> None:
    key = bought.open(BANK)
    bought.again(key, PRINTER)
    first, waiting = intakes(bought.database)
    before = bought.engagement(key)
    assert before.description
    done = erase(bought, waiting)
    assert done.kind == "intake"
    assert kept(bought.database) == {first}
    assert bought.states() == ["withdrawn"]
    assert bought.engagement(key).waiting_intake_id is None
    assert bought.engagement(key).description == before.description
    erase(bought, first)
    after = bought.engagement(key)
    assert (after.tier, after.facts, after.description) == (before.tier, before.facts, "")
    assert after.intake_id == first
    with pytest.raises(Conflict, match="destroyed already"):
        erase(bought, first)


def test_an_intake_of_another_organisation_is_not_there(
    bought: Given, database: Database, settings: Settings
) -> None:
    bought.open(BANK)
    (intake,) = intakes(database)
    stranger = make_organisation(database, settings, "Birch")[ADMIN]
    with pytest.raises(NotFound), database.transaction(stranger.scope) as session:
        service.propose(session, stranger, Subject("intake", intake), "why", now=NOW)


def test_answers_of_intakes_that_do_not_hold_go_with_time(bought: Given) -> None:
    key = bought.open(PAYROLL)
    bought.again(key, RISEN)
    bought.again(key, PRINTER)
    replaced, holds, waits = intakes(bought.database)

    def pass_on(days: int) -> None:
        retention.apply(bought.database, now=NOW + timedelta(days=days))

    pass_on(900)
    assert kept(bought.database) == {replaced, holds, waits}, "the organisation keeps them for ever"
    with bought.database.transaction() as session:
        row = session.get_one(Organisation, bought.place.id)
        row.keep_months = 6
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row)
    pass_on(170)
    assert kept(bought.database) == {replaced, holds, waits}
    pass_on(190)
    assert kept(bought.database) == {holds, waits}
    pass_on(191)
    with bought.database.looking(SYSTEM) as session:
        certificates = session.scalars(select(Certificate)).all()
        assert [one.kind for one in certificates] == ["retention"]
        assert b'"intake_answers":1' in certificates[0].document
        assert session.scalars(select(TierProposal.state)).all() == ["waiting"]
        assert session.get_one(Engagement, key).intake_id == holds


def test_redacting_an_answer_reaches_reasons_that_may_quote_it(contract: Contract) -> None:
    """Of the requirements that it decided; a contract's reference and agreed value stay."""

    def named(one: Line) -> set[str]:
        return {*one.point.decided_by, *one.point.would_settle}

    called = [one for one in contract.read().called if not one.lacks_value]
    line, other, decided = next(
        (one, two, named(one) - named(two)) for one in called for two in called if named(one) - named(two)
    )
    contract.step(line.item.key, "proposed")
    contract.step(line.item.key, "flagged", reason="kzquoteq as they answered")
    contract.sign(line.item.key)
    contract.waive(line.item.key, reason="kzquoteq look")
    contract.waive(other.item.key, reason="kzotherq")
    ours = {"organisation_id": contract.place.id, "item_id": line.item.id, "basis": line.basis}
    by = contract.place[OrganisationRole.REVIEWER]
    row = Settlement(
        id=uuid.uuid4(), **ours, outcome="not_required", reason="kzquoteq", state="standing",
        proposed_by=by.person.id, proposed_at=NOW,
    )  # fmt: skip
    with contract.database.transaction() as session:
        session.add(row)
        session.flush()
        record(session, Kind.SETTLEMENT_MADE, now=NOW, actor=by, subject=row)
    done = Destroyed()
    with contract.database.transaction() as session:
        quoting.reasons(session, contract.issued.assessment, decided, done, by=None, now=LATER)
        record(session, Kind.REDACTED, now=LATER, actor=None)
    assert done.counts["contract_words"] == 3
    after = contract.line(line.item.key)
    assert after.contract is not None
    assert (after.contract.reference, after.contract.removed) == ("HM-2023-118", False)
    assert [one.reason for one in after.steps] == ["", "", ""]
    assert [one.removed for one in after.steps] == [False, True, False]
    assert after.proposal is None
    with contract.database.looking(SYSTEM) as session:
        held = session.scalars(select(Settlement)).one()
        assert (held.reason, held.state) == ("", "standing")
        rows = session.scalars(select(WaiverProposal)).all()
        states = {one.item_id: one.state for one in rows}
        assert states == {line.item.id: "withdrawn", other.item.id: "waiting"}
        reasons = {one.item_id: one.reason for one in rows}
        assert reasons == {line.item.id: "", other.item.id: "kzotherq"}


def test_redacting_an_answer_reaches_what_the_gate_wrote_on_it(
    database: Database, settings: Settings
) -> None:
    """Exceptions of what it decides, and every word of decisions that rested on it; another answer's stay."""
    desk = make(
        database, make_organisation(database, settings, "Alder"), make_company(database, settings, "Fennmark")
    )
    slug, resting = desk.issued.definition.slug, str(journey.submit(database, desk.issued))
    desk.policy = policy(questionnaires=(slug,), roles=("ciso",))
    failed = (Knockout("identity.mfa_admin", failed=True), Knockout("identity.mfa_staff", failed=True))
    desk.facts = sound(submitted=(submitted(slug, submission=resting, knockouts=failed),))
    decided = desk.decide(Choice("blocked"), reason="kzquoteq")
    asked = [desk.accept(f"{slug}:{one.key}", f"kzquoteq {one.key}") for one in failed]
    waits = desk.decide(clear_until(TODAY + timedelta(days=9)), reason="kzquoteq", seen=desk.seen(1))
    done = Destroyed()
    with database.transaction() as session:
        keys = {"identity.mfa_admin"}
        quoting.reasons(session, desk.issued.assessment, keys, done, by=None, now=LATER)
        record(session, Kind.REDACTED, now=LATER, actor=None)
    assert done.counts == {"gate_words": 3}
    assert (desk.proposal_row(waits.id).state, desk.proposal_row(waits.id).reason) == ("withdrawn", "")
    with database.looking(SYSTEM) as session:
        assert session.get(DecisionWords, decided.id) is None
        assert session.get_one(GateDecision, decided.id).outcome == "blocked"
        held = {one.id: (one.state, one.reason) for one in session.scalars(select(RiskException))}
    assert held == {
        asked[0].id: ("withdrawn", ""),
        asked[1].id: ("waiting", "kzquoteq identity.mfa_staff"),
    }
