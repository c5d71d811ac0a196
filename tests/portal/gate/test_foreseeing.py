"""What a draft of the policy would change at the gates: counted, named, and shown before it is saved."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.gate.foreseeing import Preview, preview
from portal.settings import Settings
from portal.vendors import policy_queries
from portal.vendors.policy import Policy
from portal.web import Portal
from tests.portal.gate.desk import let_pass
from tests.portal.once import made_once
from tests.portal.review.given import Reviewed, reviewed
from tests.portal.vendors.test_policy_pages import fields_of
from tests.portal.world import NOW, make_company, make_organisation, signed_in

CISO = OrganisationRole.CISO


@pytest.fixture
@made_once
def case(database: Database, settings: Settings) -> Reviewed:
    """An engagement that somebody has decided about against the rules: clear, with what was wrong on record."""
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    found = reviewed(database, halden, cedar)
    let_pass(database, halden, found.issued.engagements[0])
    return found


def current(database: Database, case: Reviewed) -> Policy:
    with database.looking(case.organisation[CISO].scope) as session:
        return policy_queries.current(session, case.organisation.id)


def drafted(policy: Policy, **changes: Any) -> Policy:
    return replace(
        policy,
        tiers=MappingProxyType({tier: replace(one, **changes) for tier, one in policy.tiers.items()}),
    )


def look(database: Database, case: Reviewed, draft: Policy) -> Preview:
    with database.looking(case.organisation[CISO].scope) as session:
        return preview(session, case.organisation.id, draft, now=NOW)


def test_the_same_policy_changes_nothing(database: Database, case: Reviewed) -> None:
    found = look(database, case, current(database, case))
    assert found.engagements == 1
    assert (found.changes, found.decisions, found.proposals) == ((), {}, {})


def test_a_policy_that_asks_for_more_names_the_decisions_that_it_ends(
    database: Database, case: Reviewed
) -> None:
    more = drafted(current(database, case), questionnaires=("security_core", "security_lite"))
    found = look(database, case, more)
    (one,) = [each for each in found.changes if each.decision]
    assert one.engagement == case.issued.engagements[0]
    assert found.changes[0] == one
    assert found.decisions == {("clear", "pending"): 1}


def test_a_policy_that_asks_for_less_changes_proposals_and_no_decision(
    database: Database, case: Reviewed
) -> None:
    less = drafted(
        replace(current(database, case), intake_required=False), questionnaires=(), with_personal_data=()
    )
    found = look(database, case, less)
    assert found.decisions == {}
    assert found.changes
    assert set(found.proposals) <= {
        ("pending", "blocked"),
        ("pending", "clear"),
        ("pending", "clear_with_conditions"),
    }
    assert sum(found.proposals.values()) == len(found.changes)


def test_the_page_that_asks_before_saving_says_so(app: Portal, case: Reviewed) -> None:
    browser = signed_in(app, case.organisation[CISO])
    path = f"/o/{case.organisation.slug}/policy/edit"
    fields = fields_of(browser.get(path).text)
    title = "What this would change at the gates"
    assert title not in browser.post(path, fields | {"go": "look"}).text  # nothing differs
    asked = ["security_core", "security_lite"]
    tiers = ("critical", "high", "medium", "low")
    more = fields | {f"{tier}.questionnaires": asked for tier in tiers} | {"go": "look"}
    page = browser.post(path, more)
    assert page.status_code == 200
    assert title in page.text
    assert "One engagement goes from clear to pending." in page.text
    assert f"/engagements/{case.issued.engagements[0]}/gate" in page.text
    harmless = fields | {"low.valid_months": "1", "go": "look"}
    assert "Nothing: the one engagement" in browser.post(path, harmless).text
