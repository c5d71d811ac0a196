"""The contract schedule: items from evaluations, steps, contracts, waivers and settlements of two, clause texts."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from portal.access import Identity, OrganisationRole
from portal.assessments.drafts import Content
from portal.assessments.sealing import commit
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.contracts import clause_texts, cycles, schedule_queries, settling, steps
from portal.contracts import service as contracts
from portal.contracts.schedule_models import (
    ClauseText,
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.contracts.schedule_queries import Line, Schedule
from portal.contracts.steps import Signed
from portal.db import SYSTEM, Database
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.storage import new_key
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.world import NOW, Place, make_company, make_organisation

PROCUREMENT, CISO = OrganisationRole.PROCUREMENT, OrganisationRole.CISO
ADMIN, REVIEWER = OrganisationRole.ADMIN, OrganisationRole.REVIEWER
OWNER = OrganisationRole.BUSINESS_OWNER
TODAY = NOW.date()
LATER = NOW + timedelta(hours=1)
Do = Callable[[Any, Engagement, Schedule], Any]


@dataclass
class Given:
    database: Database
    issued: Issued

    @property
    def place(self) -> Place:
        return self.issued.organisation

    @property
    def engagement(self) -> uuid.UUID:
        return self.issued.engagements[0]

    def read(self, today: date = TODAY, role: OrganisationRole = CISO) -> Schedule:
        actor = self.place[role]
        with self.database.looking(actor.scope) as session:
            row = vendors.engagement(session, actor, self.engagement)
            vendor = vendors.vendor(session, actor, row.vendor_id)
            return schedule_queries.read(session, actor, row, vendor, today)

    def do(self, role: OrganisationRole, what: Do, today: date = TODAY) -> Any:
        actor = self.place[role]
        with self.database.transaction(actor.scope) as session:
            row = vendors.engagement(session, actor, self.engagement, lock=True)
            vendor = vendors.vendor(session, actor, row.vendor_id)
            return what(session, row, schedule_queries.read(session, actor, row, vendor, today))

    def line(self, key: str, today: date = TODAY) -> Line:
        return next(one for one in self.read(today).lines if one.item.key == key)

    def step(self, key: str, to: str, value: str = "", reason: str = "", seen: int | None = None) -> None:
        line = self.line(key)
        number = line.sequence if seen is None else seen

        def go(session: Any, engagement: Engagement, schedule: Schedule) -> None:
            steps.step(
                session,
                engagement,
                schedule.line(line.item.id),
                to,
                seen=number,
                value=value,
                reason=reason,
                actor=self.place[PROCUREMENT],
                now=LATER,
            )

        self.do(PROCUREMENT, go)

    def file(self) -> uuid.UUID:
        stored = Stored(
            new_key(), Sniffed("c.pdf", "application/pdf", 3, sha256(b"pdf").hexdigest()), "not_scanned", None
        )
        found: uuid.UUID = self.do(
            PROCUREMENT,
            lambda session, engagement, _all: (
                steps.add_file(session, engagement, stored, actor=self.place[PROCUREMENT], now=NOW).id
            ),
        )
        return found

    def sign(self, *keys: str, signed: Signed | None = None, seen: int | None = None) -> int:
        paper = signed or Signed("HM-2023-118", TODAY, None, self.file())
        picks = {
            line.item.id: line.sequence if seen is None else seen
            for line in self.read().lines
            if line.item.key in keys
        }
        found: int = self.do(
            PROCUREMENT,
            lambda session, engagement, schedule: steps.into_contract(
                session,
                engagement,
                schedule,
                picks,
                paper,
                today=TODAY,
                actor=self.place[PROCUREMENT],
                now=LATER,
            ),
        )
        return found

    def waive(self, key: str, role: OrganisationRole = PROCUREMENT, **other: Any) -> uuid.UUID:
        line = self.line(key)
        wish = {"until": TODAY + timedelta(days=90), "reason": "We look away.", "seen": line.sequence} | other
        found: uuid.UUID = self.do(
            role,
            lambda session, engagement, schedule: (
                settling.propose_waiver(
                    session,
                    engagement,
                    schedule.line(line.item.id),
                    today=TODAY,
                    actor=self.place[role],
                    now=NOW,
                    **wish,
                ).id
            ),
        )
        return found

    def approve(self, proposal: uuid.UUID, role: OrganisationRole, today: date = TODAY) -> None:
        self.do(
            role,
            lambda session, engagement, schedule: settling.approve_waiver(
                session, engagement, schedule, proposal, today=today, actor=self.place[role], now=LATER
            ),
            today,
        )

    def settle(
        self, key: str, outcome: str, reason: str = "We looked.", basis: str | None = None
    ) -> uuid.UUID:
        line = self.line(key)
        found: uuid.UUID = self.do(
            REVIEWER,
            lambda session, engagement, schedule: (
                settling.settle(
                    session,
                    engagement,
                    schedule.line(line.item.id),
                    outcome,
                    reason=reason,
                    basis=line.basis if basis is None else basis,
                    actor=self.place[REVIEWER],
                    now=NOW,
                ).id
            ),
        )
        return found

    def open_key(self) -> str:
        return next(one.item.key for one in self.read().lines if one.point.outcome == "undetermined")

    def plain(self) -> str:
        """A required point whose clause leaves no place open."""
        return next(
            one.item.key for one in self.read().called if one.outcome == "required" and not one.lacks_value
        )

    def gappy(self) -> str:
        return next(one.item.key for one in self.read().called if one.lacks_value)

    def kinds(self) -> list[str]:
        with self.database.looking(SYSTEM) as session:
            return [one.kind for one in session.query(Event).order_by(Event.id)]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    place = make_organisation(database, settings, "Halden")
    with database.transaction(SYSTEM) as session:
        regimes = update(Organisation).values(regimes=["gdpr", "eu_financial", "nis2", "soc2"])
        session.execute(regimes.execution_options(unaudited=True))
    issued = journey.issue(database, place, make_company(database, settings, "Fennmark"))
    journey.submit(database, issued)
    return Given(database, issued)


@pytest.mark.both_databases
def test_what_is_called_for_appears_with_the_evaluation_and_stays(given: Given) -> None:
    first = given.read()
    assert first.called
    assert {one.standing.shown for one in first.lines} == {"flagged"}
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(select(ContractItem)).all()
        assert {one.key for one in rows} == {one.item.key for one in first.lines}
        assert {one.flagged_at for one in rows} == {NOW}
    again = journey.again(
        given.database,
        given.place,
        given.issued.vendor,
        given.issued.engagements,
        given.issued.definition,
        now=LATER,
    )
    journey.submit(given.database, given.issued, assessment=again, now=LATER)
    second = given.read()
    kept = {one.item.key: one.item.id for one in second.lines}
    assert {one.item.key: one.item.id for one in first.lines}.items() <= kept.items()


@pytest.mark.both_databases
def test_steps_are_kept_with_their_words_and_never_change(given: Given) -> None:
    key = given.plain()
    given.step(key, "proposed")
    given.step(key, "agreed")
    with pytest.raises(Invalid) as caught:
        given.step(key, "flagged")
    assert set(caught.value.errors) == {"reason"}
    given.step(key, "flagged", reason="They withdrew.")
    line = given.line(key)
    assert [(one.row.from_state, one.row.to_state) for one in line.steps] == [
        ("flagged", "proposed"),
        ("proposed", "agreed"),
        ("agreed", "flagged"),
    ]
    assert line.steps[-1].reason == "They withdrew."
    with given.database.looking(SYSTEM) as session:
        for row in session.scalars(select(ContractStep)):
            beside = session.get_one(ContractWords, row.id)
            assert commit(beside.salt, beside.words) == row.commitment
    for statement in (
        update(ContractStep).values(to_state="agreed"),
        delete(ContractStep),
        delete(ContractItem),
    ):
        with pytest.raises(DBAPIError), given.database.transaction(SYSTEM) as session:
            session.execute(statement.execution_options(unaudited=True))
    assert given.kinds().count("contract.stepped") == 3


def test_no_step_is_skipped_and_nobody_overtakes_somebody_else(given: Given) -> None:
    key = given.plain()
    for wrong in ("agreed", "in_contract", "waived", "nonsense", "flagged"):
        with pytest.raises(Conflict):
            given.step(key, wrong)
    given.step(key, "proposed", seen=0)
    given.step(key, "proposed", seen=0)  # a second press of the same button
    assert given.line(key).sequence == 1
    with pytest.raises(steps.Stale):
        given.step(key, "agreed", seen=0)


def test_an_open_place_is_filled_before_anything_is_agreed(given: Given) -> None:
    key = given.gappy()
    given.step(key, "proposed")
    with pytest.raises(Invalid) as caught:
        given.step(key, "agreed")
    assert set(caught.value.errors) == {"value"}
    with pytest.raises(Invalid) as caught:
        given.sign(key)
    assert set(caught.value.errors) == {"picks"}
    given.step(key, "agreed", value="24 hours")
    assert given.sign(key) == 1
    assert given.line(key).standing.holds
    given.step(key, "in_contract", value="12 hours")
    line = given.line(key)
    assert (line.standing.shown, line.standing.older, line.value) == ("in_contract", ("value",), "12 hours")
    given.sign(key)
    assert given.line(key).standing.holds


@pytest.mark.both_databases
def test_into_the_contract_goes_all_or_nothing(given: Given) -> None:
    one, gap = given.plain(), given.gappy()
    with pytest.raises(Invalid):
        given.sign(one, gap)
    assert given.line(one).standing.shown == "flagged"
    assert given.sign(one) == 1
    line = given.line(one)
    assert line.standing.holds
    assert line.contract is not None
    assert line.contract.reference == "HM-2023-118"
    assert line.contract.row.signed == TODAY


def test_a_contract_has_a_reference_a_day_that_has_come_and_a_file(given: Given) -> None:
    key, file = given.plain(), given.file()
    sound = Signed("HM", TODAY, None, file)
    day = timedelta(days=1)
    for wrong, fields in (
        (replace(sound, reference=""), {"reference"}),
        (replace(sound, signed=TODAY + day), {"signed"}),
        (replace(sound, until=TODAY - day), {"until"}),
        (replace(sound, signed=TODAY + 3 * day, until=TODAY + day), {"signed", "until"}),
    ):
        with pytest.raises(Invalid) as caught:
            given.sign(key, signed=wrong)
        assert set(caught.value.errors) == fields
    with pytest.raises(NotFound):
        given.sign(key, signed=replace(sound, file_id=uuid.uuid4()))
    with pytest.raises(Invalid) as caught:
        given.sign(signed=sound)
    assert set(caught.value.errors) == {"picks"}
    assert set(steps.check_signed("x", None, None, TODAY)) == {"signed"}
    given.sign(key, signed=replace(sound, until=TODAY + day))
    assert given.line(key).standing.holds
    assert given.line(key, TODAY + 2 * day).standing.older == ("ended",)
    with pytest.raises(steps.Stale):
        given.sign(key, signed=sound, seen=0)


# ------------------------------------------------------------------------------------------------------------- waivers


@pytest.mark.both_databases
def test_a_waiver_takes_two_people_and_ends_by_itself(given: Given) -> None:
    key = given.plain()
    given.step(key, "proposed")
    proposal = given.waive(key)
    assert given.line(key).standing.shown == "proposed"
    with pytest.raises(Refused):
        given.approve(proposal, PROCUREMENT)
    assert given.line(key).standing.shown == "proposed"
    given.approve(proposal, ADMIN)
    line = given.line(key)
    assert line.standing.shown == "waived"
    assert line.steps[-1].row.by == given.place[PROCUREMENT].person.id
    assert line.steps[-1].row.second_id == given.place[ADMIN].person.id
    assert line.steps[-1].reason == "We look away."
    until = TODAY + timedelta(days=90)
    assert given.line(key, until).standing.shown == "waived"
    assert given.line(key, until + timedelta(days=1)).standing.shown == "proposed"
    with pytest.raises(Conflict, match="settled"):
        given.approve(proposal, CISO)
    given.step(key, "agreed")
    assert given.line(key).standing.shown == "agreed"


def test_whoever_proposes_a_waiver_does_not_approve_it(given: Given) -> None:
    proposal = given.waive(given.plain(), CISO)
    with pytest.raises(Refused, match="second person"):
        given.approve(proposal, CISO)


def test_an_owner_approves_for_what_they_own_unless_the_proposer_made_them_owner(given: Given) -> None:
    owner, buyer = given.place[OWNER].person.id, given.place[PROCUREMENT].person.id

    def own(by: uuid.UUID) -> None:
        with given.database.transaction(SYSTEM) as session:
            values = {"business_owner_id": owner, "owner_set_by": by, "owner_set_at": NOW}
            session.execute(update(Engagement).values(**values).execution_options(unaudited=True))

    own(buyer)
    proposal = given.waive(given.plain())
    with pytest.raises(Refused, match="business owner"):
        given.approve(proposal, OWNER)
    own(given.place[ADMIN].person.id)
    given.approve(proposal, OWNER)
    assert "waived" in {one.standing.shown for one in given.read().lines}


def test_a_waiver_is_checked_when_it_is_proposed(given: Given) -> None:
    key = given.plain()
    for other, fields in (
        ({"until": None}, {"until"}),
        ({"until": TODAY}, {"until"}),
        ({"until": date(2028, 11, 22)}, {"until"}),
        ({"reason": ""}, {"reason"}),
    ):
        with pytest.raises(Invalid) as caught:
            given.waive(key, **other)
        assert set(caught.value.errors) == fields
    with pytest.raises(steps.Stale):
        given.waive(key, seen=7)
    first = given.waive(key, until=date(2028, 11, 21))
    assert given.waive(key, until=date(2028, 11, 21)) == first  # a second press
    with pytest.raises(Conflict, match="waits"):
        given.waive(key)


def test_a_waiver_whose_ground_has_changed_is_not_approved(given: Given) -> None:
    key = given.plain()
    proposal = given.waive(key)
    with given.database.transaction(SYSTEM) as session:
        session.execute(update(Engagement).values(tier="low").execution_options(unaudited=True))
    with pytest.raises(Conflict, match="changed"):
        given.approve(proposal, ADMIN)
    with given.database.transaction(SYSTEM) as session:
        session.execute(update(Engagement).values(tier="critical").execution_options(unaudited=True))
    with pytest.raises(Conflict, match="changed"):
        given.approve(proposal, ADMIN, today=TODAY + timedelta(days=90))
    given.step(key, "proposed")  # overtakes it
    with pytest.raises(Conflict, match="settled"):
        given.approve(proposal, ADMIN)
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(WaiverProposal, proposal).state == "overtaken"


def test_a_stricter_tier_ends_a_waiver(given: Given) -> None:
    with given.database.transaction(SYSTEM) as session:
        session.execute(update(Engagement).values(tier="medium").execution_options(unaudited=True))
    key = given.plain()
    given.approve(given.waive(key), ADMIN)
    assert given.line(key).standing.shown == "waived"
    with given.database.transaction(SYSTEM) as session:
        session.execute(update(Engagement).values(tier="high").execution_options(unaudited=True))
    assert given.line(key).standing.shown == "flagged"


def test_a_waiver_is_ended_with_a_reason(given: Given) -> None:
    key = given.plain()
    given.approve(given.waive(key), ADMIN)
    with pytest.raises(Invalid):
        given.step(key, "flagged")
    given.step(key, "flagged", reason="We want it after all.")
    assert given.line(key).standing.shown == "flagged"


@pytest.mark.parametrize(("role", "state"), [(PROCUREMENT, "withdrawn"), (ADMIN, "refused")])
def test_a_waiver_is_taken_back_or_refused(given: Given, role: OrganisationRole, state: str) -> None:
    proposal = given.waive(given.plain())
    given.do(
        role,
        lambda session, engagement, _all: settling.refuse(
            session,
            schedule_queries.waiver(session, given.place[role], engagement.id, proposal),
            actor=given.place[role],
            now=LATER,
        ),
    )
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(WaiverProposal, proposal).state == state


# --------------------------------------------------------------------------------------------------------- settlements


def settle_waiting(given: Given, row: uuid.UUID, role: OrganisationRole, *, approve: bool = True) -> None:
    def go(session: Any, engagement: Engagement, schedule: Schedule) -> None:
        steps_of = {"actor": given.place[role], "now": LATER}
        if approve:
            settling.approve_settlement(session, engagement, schedule, row, **steps_of)  # type: ignore[arg-type]
        else:
            waits = schedule_queries.settlement(session, given.place[role], engagement.id, row)
            settling.refuse(session, waits, **steps_of)  # type: ignore[arg-type]

    given.do(role, go)


@pytest.mark.both_databases
def test_what_the_answers_leave_open_is_settled_by_hand(given: Given) -> None:
    key = given.open_key()
    assert given.line(key).called is given.line(key).point.must
    first = given.settle(key, "required")
    assert given.settle(key, "required") == first  # a second press
    assert (given.line(key).outcome, given.line(key).called) == ("required", True)
    second = given.settle(key, "not_required", "It is not ours.")
    assert given.line(key).outcome == "required"
    with pytest.raises(Conflict, match="waits"):
        given.settle(key, "required", "Something else.")
    with pytest.raises(Refused):
        settle_waiting(given, second, REVIEWER)
    settle_waiting(given, second, CISO)
    line = given.line(key)
    assert (line.outcome, line.called, line.point.outcome) == ("not_required", False, "undetermined")
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(Settlement, first).state == "overtaken"
    with pytest.raises(Conflict, match="settled"):
        settle_waiting(given, second, CISO)


def test_a_settlement_lapses_when_what_is_open_changes(given: Given) -> None:
    key = given.open_key()
    given.settle(key, "required")
    waiting = given.settle(key, "not_required")
    with given.database.transaction(SYSTEM) as session:
        other = {"basis": "0" * 64}
        session.execute(update(Settlement).values(**other).execution_options(unaudited=True))
    line = given.line(key)
    assert (line.settled, line.waiting, line.outcome) == (None, None, "undetermined")
    with pytest.raises(Conflict, match="changed"):
        settle_waiting(given, waiting, CISO)
    settle_waiting(given, waiting, REVIEWER, approve=False)
    with given.database.looking(SYSTEM) as session:
        assert session.get_one(Settlement, waiting).state == "withdrawn"


def test_only_what_is_open_is_settled_with_a_reason_and_one_of_two_outcomes(given: Given) -> None:
    with pytest.raises(Conflict):
        given.settle(given.plain(), "not_required")
    with pytest.raises(Conflict):
        given.settle(given.open_key(), "required", basis="stale")
    with pytest.raises(Invalid) as caught:
        given.settle(given.open_key(), "undetermined", "")
    assert set(caught.value.errors) == {"outcome", "reason"}


# -------------------------------------------------------------------------------------------- clauses, cycles, tenants


def save_clause(given: Given, key: str, text: str, base: int) -> ClauseText | None:
    actor = given.place[PROCUREMENT]
    with given.database.transaction(actor.scope) as session:
        return clause_texts.save(session, key, text, base=base, actor=actor, now=NOW)


@pytest.mark.both_databases
def test_own_clauses_have_versions_and_age_what_is_in_contract(given: Given) -> None:
    key = given.plain()
    given.sign(key)
    assert save_clause(given, key, "{vendor} does it for {organisation}.", 0) is not None
    line = given.line(key)
    assert line.text == "{vendor} does it for {organisation}."
    assert (line.standing.shown, line.standing.older) == ("in_contract", ("clause",))
    assert save_clause(given, key, "{vendor} does it for {organisation}.", 1) is None
    with pytest.raises(Conflict):
        save_clause(given, key, "Other.", 0)
    back = save_clause(given, key, "", 1)
    assert back is not None
    assert back.shipped
    assert given.line(key).text == given.line(key).point.clause
    with pytest.raises(DBAPIError), given.database.transaction(SYSTEM) as session:
        session.execute(update(ClauseText).values(sequence=9).execution_options(unaudited=True))


@pytest.mark.parametrize("text", ["{Vendor}", "{", "}", "{{vendor}}", "{value!r}", "{a b}", "x" * 8001])
def test_strange_braces_and_long_clauses_are_refused(given: Given, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        save_clause(given, given.plain(), text, 0)
    assert set(caught.value.errors) == {"text"}


def test_a_clause_of_no_requirement_is_not_found(given: Given) -> None:
    with pytest.raises(NotFound):
        save_clause(given, "no.such", "Text.", 0)


def test_what_was_decided_on_is_what_the_schedule_is_held_against(given: Given) -> None:
    """Within one cycle too: the gate's last decision on an earlier evaluation comes first."""
    actor: Identity = given.place[CISO]

    def evaluate(session: Any, engagement: Engagement, _all: Schedule) -> uuid.UUID:
        engagement.facts = engagement.facts | {"engagement.process": "critical"}
        record(session, Kind.ENGAGEMENT_CHANGED, now=LATER, actor=actor, subject=engagement)
        return contracts.evaluate_engagement(session, engagement, actor=actor, now=LATER).id

    first = given.read().evaluation
    assert first is not None
    newest = given.do(CISO, evaluate)

    def before(*decided: uuid.UUID) -> uuid.UUID | None:
        with given.database.looking(actor.scope) as session:
            row = given.read().evaluation
            assert row is not None
            assert row.id == newest
            found = cycles.previous(session, actor, row, decided)
            return found.id if found else None

    assert before() is None, "the same assessments: one cycle"
    assert before(first.id) == first.id
    assert before(newest, first.id) == first.id, "decided on the newest: what was decided before it counts"
    assert before(newest) is None
    assert before(uuid.uuid4()) is None


@pytest.mark.both_databases
def test_against_the_cycle_before(given: Given) -> None:
    actor: Identity = given.place[CISO]

    def found() -> Any:
        schedule = given.read()
        with given.database.looking(actor.scope) as session:
            return cycles.against_before(session, actor, schedule)

    assert found() is None
    weak = {"suppliers.uses": Content("answered", "with_data")}
    again = journey.again(
        given.database,
        given.place,
        given.issued.vendor,
        given.issued.engagements,
        given.issued.definition,
        now=LATER,
    )
    journey.submit(given.database, given.issued, weak, assessment=again, now=LATER)
    comparison = found()
    assert comparison is not None
    keys = {one.item.key for one in given.read().lines}
    assert set(comparison.new) <= keys
    with given.database.looking(SYSTEM) as session:
        items = session.scalars(select(ContractItem)).all()
        later = {one.key for one in items if one.flagged_at == LATER}
    assert later <= set(comparison.new)


def test_another_organisation_finds_nothing(given: Given, settings: Settings) -> None:
    birch = make_organisation(given.database, settings, "Birch")
    proposal, file = given.waive(given.plain()), given.file()
    stranger = birch[ADMIN]
    with given.database.looking(stranger.scope) as session:
        with pytest.raises(NotFound):
            schedule_queries.waiver(session, stranger, given.engagement, proposal)
        with pytest.raises(NotFound):
            schedule_queries.file(session, stranger, given.engagement, file)
        assert schedule_queries.files(session, stranger, given.engagement) == []


def test_events_name_the_point_and_no_words(given: Given) -> None:
    key = given.plain()
    given.step(key, "proposed", reason="A secret reason.")
    given.sign(key)
    with given.database.looking(SYSTEM) as session:
        rows = session.scalars(select(Event).where(Event.kind.like("contract.%"))).all()
    assert {one.kind for one in rows} == {"contract.stepped", "contract.file_added"}
    text = json.dumps([one.data for one in rows])
    assert "secret" not in text
    assert "HM-2023" not in text
    assert key in text
