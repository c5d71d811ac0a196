"""Which decisions a what-if names: by bands, and by what the version would call for in contracts."""

from __future__ import annotations

import json
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
from questionnaires import catalog
from questionnaires.raw import read_raw
from tests.portal import journey
from tests.portal.contracts.test_schedule import Given, settle_waiting
from tests.portal.gate.desk import by_hand, let_pass
from tests.portal.library.given_drafts import LITE, copied
from tests.portal.library.test_what_if import LATER, ask, candidate, rows, stricter, turn
from tests.portal.once import made_once
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

CISO = OrganisationRole.CISO
NOTICE = "suppliers.change_notice"  # decides "gdpr.subprocessor_notice", where personal data are touched
FLOW_DOWN, CONTRACTS = (
    "nist.flow_down",
    "suppliers.contracts",
)  # called for unless all contracts pass duties on


def federal(database: Database, settings: Settings) -> Place:
    """An organisation that supplies a federal agency."""
    halden = make_organisation(database, settings, "Halden")
    with database.transaction() as session:
        session.execute(
            update(Organisation).where(Organisation.id == halden.id).values(regimes=["us_federal"])
        )
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    return halden


@pytest.fixture
@made_once
def issued(database: Database, settings: Settings) -> journey.Issued:
    """A supplier of its at its best, that somebody has let pass."""
    halden = federal(database, settings)
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
    assert "for each engagement by its facts of now" in auditor.get(address).text
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


# ------------------------------------------------------------------------------- one assessment, several engagements


def without_notice(document: dict[str, Any]) -> None:
    for section in document["sections"]:
        section["questions"] = [one for one in section["questions"] if one["key"] != NOTICE]


def several(database: Database, settings: Settings, facts: dict[str, Any]) -> journey.Issued:
    """One assessment over two engagements, that somebody has let pass; ``facts``: otherwise known of the second."""
    halden = make_organisation(database, settings, "Halden")
    with database.transaction() as session:
        session.execute(update(Organisation).where(Organisation.id == halden.id).values(regimes=["gdpr"]))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    cedar = make_company(database, settings, "Cedar")
    found = journey.issue(database, halden, cedar, names=("Archive", "Website"))
    with database.transaction() as session:
        theirs = {**journey.FACTS, **facts}
        session.execute(update(Engagement).where(Engagement.id == found.engagements[1]).values(facts=theirs))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    journey.submit(database, found, {"suppliers.uses": Content("answered", "with_data")})
    for engagement in found.engagements:
        let_pass(database, halden, engagement)
    return found


def names_of(database: Database, issued: journey.Issued, found: list[WhatIfRow]) -> list[str]:
    actor = issued.organisation[CISO]
    with database.looking(actor.scope) as session:
        said = breaking.broken(session, actor, candidate(), found, now=LATER)
        return sorted(each.engagement.name for some in said.values() for each in some)


@pytest.mark.both_databases
def test_of_two_engagements_that_one_is_named_whose_facts_call_for_it(
    app: Portal, database: Database, settings: Settings
) -> None:
    """Together they touch personal data; the website alone touches none. The page and the file tell them apart."""
    issued = several(database, settings, {"engagement.data": ["public_only"]})
    found = foreseen(database, issued, without_notice)
    assert names_of(database, issued, found) == ["Archive"]
    auditor = signed_in(app, issued.organisation[OrganisationRole.AUDITOR])
    address = f"/o/{issued.organisation.slug}/what-ifs/{found[0].run_id}"
    text = auditor.get(address).text
    assert 'not required → undetermined <span class="muted">(for Archive)</span>' in text
    assert "“Website”" not in text
    assert (
        "gdpr.subprocessor_notice: not_required to undetermined (Archive)"
        in auditor.get(f"{address}.csv").text
    )


@pytest.mark.both_databases
def test_what_another_questionnaire_answers_for_one_engagement_answers_nothing_for_the_other(
    database: Database, settings: Settings
) -> None:
    """Taken together nothing would be called for anew."""
    issued = several(database, settings, {})
    also = journey.again(
        database, issued.organisation, issued.vendor, issued.engagements[:1], catalog.latest("security_core")
    )
    more = replace(issued, assessment=also, definition=catalog.latest("security_core"))
    journey.submit(database, more, {"suppliers.uses": Content("answered", "with_data")}, assessment=also)
    assert names_of(database, issued, foreseen(database, issued, without_notice)) == ["Website"]


@pytest.mark.both_databases
def test_facts_that_moved_since_the_issue_count_as_they_are(database: Database, settings: Settings) -> None:
    """As the contract is evaluated: an engagement that touches no personal data any more is not named."""
    issued = several(database, settings, {})
    assert names_of(database, issued, foreseen(database, issued, without_notice)) == ["Archive", "Website"]
    with database.transaction() as session:
        facts = {**journey.FACTS, "engagement.data": ["public_only"]}
        session.execute(update(Engagement).where(Engagement.id == issued.engagements[0]).values(facts=facts))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    assert names_of(database, issued, foreseen(database, issued, without_notice)) == ["Website"]


def asked_otherwise(document: dict[str, Any]) -> None:
    """What decides the requirement is asked, and hangs on something that nobody was asked before."""
    for section in document["sections"]:
        for question in list(section["questions"]):
            if question["key"] == CONTRACTS:
                section["questions"].append({**question, "key": "suppliers.anew"})
                question["visible_when"] = 'suppliers.anew == "all"'


@pytest.mark.both_databases
def test_a_decision_is_named_that_rests_on_what_two_people_settled(
    database: Database, settings: Settings
) -> None:
    """It holds while the requirement is open for that reason; the version leaves it open for another."""
    halden = federal(database, settings)
    document = copied(version="0.9.0")
    without_contracts(document)
    own = read_raw(document).whole()
    journey.release(database, halden, own)
    found = journey.issue(database, halden, make_company(database, settings, "Cedar"), definition=own)
    journey.submit(database, found, {"suppliers.uses": Content("answered", "with_data")})
    desk = Given(database, found)
    assert desk.line(FLOW_DOWN).point.outcome == "undetermined"
    settle_waiting(desk, desk.settle(FLOW_DOWN, "not_required"), CISO)
    let_pass(database, halden, found.engagements[0])
    assert broken(database, found, foreseen(database, found, without_contracts)) == []
    ((before, after),) = broken(database, found, foreseen(database, found, asked_otherwise))
    assert (before, after) == ("clear", "clear_with_conditions")


@pytest.mark.parametrize(
    ("shift", "wanted"),
    [
        ([FLOW_DOWN, "not_required", "required"], {FLOW_DOWN: "required"}),
        ([FLOW_DOWN, "not_required", "undetermined"], {FLOW_DOWN: "undetermined"}),
        ([FLOW_DOWN, "undetermined", "required"], {FLOW_DOWN: "required"}),  # two may have settled it so far
        ([FLOW_DOWN, "undetermined", "undetermined"], {FLOW_DOWN: "undetermined"}),  # for another reason
        ([FLOW_DOWN, "required", "undetermined"], {}),
        ([FLOW_DOWN, "required", "not_required"], {}),
        (["gdpr.breach_hours", "not_required", "required"], {}),  # a "should"
        (["gone.since", "not_required", "required"], {}),  # not in the catalogue any more
    ],
)
def test_what_a_version_calls_for_in_contracts(shift: list[str], wanted: dict[str, str]) -> None:
    assert breaking._calls([shift]) == wanted


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
