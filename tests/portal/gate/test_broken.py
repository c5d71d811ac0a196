"""Which decisions a what-if names: by bands, and by what the version would call for in contracts."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import select, update

from portal.access import OrganisationRole
from portal.assessments.drafts import Content
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import breaking, loading, loading_contract
from portal.library.models import WhatIfRow
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors import policy_queries, policy_service
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from tests.portal import journey
from tests.portal.gate.desk import by_hand, let_pass
from tests.portal.library.given_drafts import LITE
from tests.portal.library.test_what_if import LATER, ask, candidate, rows, stricter, turn
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company, make_organisation, signed_in

CISO = OrganisationRole.CISO
FLOW_DOWN, CONTRACTS = (
    "nist.flow_down",
    "suppliers.contracts",
)  # called for unless all contracts pass duties on


@pytest.fixture
@made_once
def issued(database: Database, settings: Settings) -> journey.Issued:
    """A supplier of a federal agency at its best, that somebody has let pass."""
    halden = make_organisation(database, settings, "Halden")
    with database.transaction() as session:
        session.execute(
            update(Organisation).where(Organisation.id == halden.id).values(regimes=["us_federal"])
        )
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    with database.transaction(halden[CISO].scope) as session:
        policy = policy_queries.current(session, halden.id)
        critical = policy.tier("critical")
        critical = replace(critical, questionnaires=(*critical.questionnaires, LITE.slug))
        wanted = replace(policy, tiers=MappingProxyType({**policy.tiers, "critical": critical}))
        policy_service.save(session, wanted, base=0, actor=halden[CISO], now=NOW)
    found = journey.issue(database, halden, make_company(database, settings, "Cedar"))
    journey.submit(database, found, {"suppliers.uses": Content("answered", "with_data")})
    let_pass(database, halden, found.engagements[0])
    return found


def without_contracts(document: dict[str, Any]) -> None:
    """A version that no longer asks what the requirement is decided by: it stays open, and counts as required."""
    for section in document["sections"]:
        section["questions"] = [one for one in section["questions"] if one["key"] != CONTRACTS]


def foreseen(database: Database, issued: journey.Issued, change: Any) -> list[WhatIfRow]:
    run = ask(database, issued.organisation, candidate(change))
    turn(database)
    return rows(database, run)


def broken(database: Database, issued: journey.Issued, found: list[WhatIfRow]) -> list[tuple[str, str]]:
    actor = issued.organisation[CISO]
    with database.looking(actor.scope) as session:
        said = breaking.broken(session, actor, candidate(), found, now=LATER)
        return [(each.before, each.after) for one in found for each in said.get(one.submission_id, ())]


@pytest.mark.both_databases
def test_a_version_that_leaves_open_what_the_contract_must_hold_breaks_the_decision(
    app: Portal, database: Database, issued: journey.Issued
) -> None:
    """Its bands are the same. On the page of the run, beside the requirement, without a stand-in for the gate."""
    found = foreseen(database, issued, without_contracts)
    assert [one.verdict for one in found] == ["same"]
    assert [FLOW_DOWN, "not_required", "undetermined"] in json.loads(found[0].changes)["requirements"]
    assert broken(database, issued, found) == [("clear", "clear_with_conditions")]
    auditor = signed_in(app, issued.organisation[OrganisationRole.AUDITOR])
    address = f"/o/{issued.organisation.slug}/what-ifs/{found[0].run_id}"
    words = f"“{name_of(database, issued)}” is clear today and would be clear with conditions"
    assert words in auditor.get(address).text
    assert "over all engagements that it covers together" in auditor.get(address).text
    assert "Controls passed on to subcontractors: " in auditor.get(address).text
    assert words in auditor.get(f"{address}.csv").text


def name_of(database: Database, issued: journey.Issued) -> str:
    with database.looking(SYSTEM) as session:
        return session.execute(
            select(Engagement.name).where(Engagement.id == issued.engagements[0])
        ).scalar_one()


def test_a_version_that_reads_the_answers_as_worse_breaks_it_and_an_equal_one_does_not(
    database: Database, issued: journey.Issued
) -> None:
    assert broken(database, issued, foreseen(database, issued, lambda document: None)) == []
    ((before, after),) = broken(database, issued, foreseen(database, issued, stricter))
    assert (before, after) == ("clear", "blocked")


@pytest.mark.both_databases
def test_a_condition_that_was_met_before_its_day_holds_no_decision_back(
    database: Database, issued: journey.Issued
) -> None:
    """The gate passes today, so that it is named."""
    let_pass(database, issued.organisation, issued.engagements[0], by_hand(-1), sequence=2)
    ((before, after),) = broken(database, issued, foreseen(database, issued, stricter))
    assert (before, after) == ("clear_with_conditions", "blocked")


def test_a_gate_that_does_not_pass_today_is_not_named(database: Database, issued: journey.Issued) -> None:
    with database.transaction() as session:
        session.execute(update(Vendor).where(Vendor.id == issued.vendor).values(offboarded_at=NOW))
        record(session, Kind.VENDOR_OFFBOARDED, now=NOW, actor=None)
    assert broken(database, issued, foreseen(database, issued, without_contracts)) == []


@pytest.mark.parametrize(
    ("shift", "wanted"),
    [
        ([FLOW_DOWN, "not_required", "required"], {FLOW_DOWN: "required"}),
        ([FLOW_DOWN, "not_required", "undetermined"], {FLOW_DOWN: "undetermined"}),
        ([FLOW_DOWN, "undetermined", "required"], {FLOW_DOWN: "required"}),  # two may have settled it so far
        ([FLOW_DOWN, "required", "undetermined"], {}),
        ([FLOW_DOWN, "required", "not_required"], {}),
        (["gdpr.breach_hours", "not_required", "required"], {}),  # a "should"
        (["gone.since", "not_required", "required"], {}),  # not in the catalogue any more
    ],
)
def test_what_a_version_calls_for_in_contracts(shift: list[str], wanted: dict[str, str]) -> None:
    row = WhatIfRow(submission_id=uuid.uuid4(), changes=json.dumps({"requirements": [shift]}).encode())
    assert breaking._calls(row) == wanted


@pytest.mark.both_databases
def test_what_is_called_for_stands_as_far_as_the_contract_holds_it(database: Database, scene: Any) -> None:
    """The same words as the facts have of it, were it called for today; what nobody has looked at begins today."""
    deal = next(one for one in scene.deals if one.contract is not None)
    ours = deal.organisation.id
    with database.looking(deal.organisation[CISO].scope) as session:
        facts = loading.one(session, ours, deal.engagement, now=NOW).facts
        row = vendors.engagement(session, deal.organisation[CISO], deal.engagement)
        vendor = vendors.vendor(session, deal.organisation[CISO], row.vendor_id)
        zone = session.get_one(Organisation, ours).zone
        found = loading_contract.contracts(session, ours, {deal.engagement: vendor.company_id})
    called = {one.key: one.outcome for one in facts.requirements}
    assert {"in_contract"} < {one.state for one in facts.requirements}
    empty = replace(facts, requirements=())
    anew = loading_contract.foreseen(deal.engagement, found, called, empty, zone)
    assert replace(facts, requirements=anew) == facts
    assert loading_contract.foreseen(deal.engagement, found, {}, facts, zone) == facts.requirements
    (one,) = loading_contract.foreseen(deal.engagement, found, {FLOW_DOWN: "required"}, empty, zone)
    assert (one.key, one.outcome, one.state, one.since) == (FLOW_DOWN, "required", "flagged", facts.today)
