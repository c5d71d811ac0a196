"""Two at once at a gate: of two approvals one decides, and no approval passes over what became worse before it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.faults import Conflict
from portal.findings import keeping, steps
from portal.gate import approving, case, loading, queries, reading, service
from portal.gate.choosing import Choice
from portal.gate.deciding import BY_HAND, Condition
from portal.gate.models import GateDecision, GateProposal
from portal.settings import Settings
from tests.portal.findings.test_races import at_once
from tests.portal.gate.desk import ADMIN, CISO, LATER, REVIEWER, Desk, make
from tests.portal.gate.given import policy
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.test_races import crossing
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
THREE: dict[str, Any] = {"roles": ("admin", "ciso", "reviewer"), "approvals": 2}


@pytest.fixture
@made_once
def desk(database: Database, settings: Settings) -> Desk:
    return make(
        database,
        make_organisation(database, settings, "Halden"),
        make_company(database, settings, "Fennmark"),
    )


def approves(desk: Desk, row: GateProposal, role: OrganisationRole) -> Callable[[], Any]:
    seal, actor = queries.seal_of(row), desk.place[role]
    return lambda: desk.do(
        role,
        lambda session, found: approving.approve(session, found, row.id, seal=seal, actor=actor, now=LATER),
    )


def kinds(desk: Desk) -> list[tuple[int, str]]:
    return [(one.sequence, one.outcome) for one in desk.decisions()]


@pytest.mark.parametrize("roles", [(ADMIN, REVIEWER), (ADMIN, ADMIN)])
def test_of_two_approvals_at_once_one_decides(
    desk: Desk, roles: tuple[OrganisationRole, OrganisationRole]
) -> None:
    desk.policy = policy(**THREE)
    row = desk.decide(reason="All is well.")
    assert isinstance(row, GateProposal)
    (refused,) = at_once(*(approves(desk, row, role) for role in roles))
    assert isinstance(refused, Conflict)
    assert refused.message == approving.SETTLED
    assert kinds(desk) == [(1, "clear")]
    assert desk.proposal_row(row.id).state == "approved"


def test_what_is_approved_while_it_is_taken_back_is_one_of_both(desk: Desk) -> None:
    desk.policy = policy(**THREE)
    row = desk.decide(reason="All is well.")
    assert isinstance(row, GateProposal)

    def withdraw() -> None:
        actor = desk.place[CISO]
        desk.do(
            CISO, lambda session, found: approving.withdraw(session, found, row.id, actor=actor, now=LATER)
        )

    assert len(at_once(approves(desk, row, ADMIN), withdraw)) == 1
    state = desk.proposal_row(row.id).state
    assert (state, kinds(desk)) in (("approved", [(1, "clear")]), ("withdrawn", []))


def test_two_who_decide_at_once_leave_one_decision_and_one_who_looks_again(desk: Desk) -> None:
    desk.policy = policy(roles=("admin", "ciso"))
    seen = desk.seen(0)
    without = desk.proposal

    def decides(role: OrganisationRole, choice: Choice) -> Callable[[], Any]:
        actor = desk.place[role]
        return lambda: desk.do(
            role,
            lambda session, found: service.decide(
                session,
                found,
                choice,
                reason="So it is.",
                words={},
                seen=seen,
                without_own=without,
                actor=actor,
                now=NOW,
            ),
        )

    clear = Choice("clear", (), desk.proposal.latest)
    (refused,) = at_once(decides(CISO, clear), decides(ADMIN, Choice("blocked")))
    assert isinstance(refused, service.Stale)
    assert kinds(desk) in ([(1, "clear")], [(1, "blocked")])


# ---------------------------------------------------------------------------------------- a ground that becomes worse


@pytest.fixture
@made_once
def sealed(database: Database, settings: Settings) -> Reviewed:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    return reviewed(database, halden, cedar)


@pytest.mark.parametrize("first", ["approval", "finding"])
def test_an_approval_and_a_new_finding_take_turns(
    sealed: Reviewed, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """What is approved first is decided without the finding, and lapses by it; else the proposal is overtaken."""
    row = _proposed(sealed)
    made: list[Any] = []

    def approve() -> None:
        admin = sealed.organisation[ADMIN]
        with sealed.database.transaction(admin.scope) as session:
            found = case.read(session, admin, row.engagement_id, now=LATER, lock=True)
            seal = queries.seal_of(row)
            made.append(approving.approve(session, found, row.id, seal=seal, actor=admin, now=LATER))

    def find() -> None:
        sealed.change(keeping.add, key="", severity="critical", text="They were breached.", now=LATER)

    if first == "approval":
        crossing(monkeypatch, loading, "one", approve, find)
    else:
        crossing(monkeypatch, steps, "write", find, approve)
    monkeypatch.undo()
    rows, outcome = _stands(sealed, row.engagement_id)
    (decision,) = made
    if first == "approval":
        assert [one.id for one in rows] == [decision.id]
        assert (decision.outcome, outcome) == ("clear_with_conditions", "blocked")
    else:
        assert (decision, rows, outcome) == (None, [], None)
        with sealed.database.looking(sealed.reviewer.scope) as session:
            assert queries.proposal(session, sealed.reviewer, row.engagement_id, row.id).state == "overtaken"


def _proposed(sealed: Reviewed) -> GateProposal:
    ciso, engagement = sealed.organisation[CISO], sealed.issued.engagements[0]
    with sealed.database.transaction(ciso.scope) as session:
        found = case.read(session, ciso, engagement, now=NOW, lock=True)
        one = Condition(BY_HAND, str(uuid.uuid4()), found.today + timedelta(days=20), "blocked")
        row = service.decide(
            session,
            found,
            Choice("clear_with_conditions", (one,), found.proposal.latest),
            reason="It cannot wait.",
            words={one.subject: "The rest is answered."},
            seen=service.seen_of(found, 0, None),
            without_own=found.proposal,
            actor=ciso,
            now=NOW,
        )
        assert isinstance(row, GateProposal)
        session.flush()
        session.expunge(row)
        return row


def _stands(sealed: Reviewed, engagement: uuid.UUID) -> tuple[list[GateDecision], str | None]:
    admin = sealed.organisation[ADMIN]
    with sealed.database.looking(admin.scope) as session:
        rows = queries.decisions(session, admin, engagement)
        found = reading.standing(session, sealed.organisation.id, [engagement], now=LATER)[engagement]
    return rows, found.effective.outcome if found.effective is not None else None
