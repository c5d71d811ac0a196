"""Policies: what is a sound one, what asks for less, and that asking for less takes two people."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors import policy, policy_queries, policy_service
from portal.vendors.facts import TIERS
from portal.vendors.models import PolicyProposal, PolicyVersion
from portal.vendors.policy import LEVELS, RISKS, Policy, TierPolicy
from portal.vendors.policy_default import default
from portal.vendors.policy_loosening import changed, loosens
from portal.vendors.policy_parsing import parse, read
from questionnaires import catalog
from tests.portal import scene
from tests.portal.world import NOW, Place, make_organisation

MONTHS = {"critical": 12, "high": 12, "medium": 24, "low": 36}
SHIPPED = default(MONTHS)
SLUGS = ("security_core", "security_lite", "privacy_processor")
HASHES = ("a" * 64, "b" * 64)


def with_tier(one: Policy, tier: str, **values: Any) -> Policy:
    return replace(one, tiers=MappingProxyType({**one.tiers, tier: replace(one.tiers[tier], **values)}))


def raw(**tiers: dict[str, Any]) -> dict[str, Any]:
    found = SHIPPED.to_json()
    for tier, values in tiers.items():
        found["tiers"][tier] |= values
    return found


def fault(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        parse(document)
    return dict(caught.value.errors)


# ------------------------------------------------------------------------------------------------------------- pure


def test_the_shipped_policy_is_sound_and_keeps_the_months_that_were_set() -> None:
    for months in (MONTHS, dict.fromkeys(TIERS, 1), dict.fromkeys(TIERS, 120)):
        shipped = default(months)
        again = read(shipped.to_bytes(), 0)
        assert again == shipped
        assert again.content_hash == shipped.content_hash
        assert {tier: shipped.tier(tier).months for tier in TIERS} == months
    assert SHIPPED.residual("critical", 4) == "medium"
    assert SHIPPED.residual("low", 1) == "medium"


def test_a_higher_tier_is_never_asked_for_less_by_the_shipped_policy() -> None:
    """Each tier put in place of the one below it asks for more or the same, questionnaires aside."""
    for above, below in pairwise(TIERS):
        strict = replace(SHIPPED.tiers[above], questionnaires=SHIPPED.tiers[below].questionnaires)
        swapped = replace(SHIPPED, tiers=MappingProxyType({**SHIPPED.tiers, below: strict}))
        assert loosens(SHIPPED, swapped) == []


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"months": 0}, "high.months"),
        ({"months": 121}, "high.months"),
        ({"months": "x"}, "high.months"),
        ({"months": True}, "high.months"),
        ({"evidence_days": -1}, "high.evidence_days"),
        ({"fix_days": 731}, "high.fix_days"),
        ({"clear_level": 5}, "high.clear_level"),
        ({"clear_level": 1, "condition_level": 2}, "high.condition_level"),
        ({"review": "some"}, "high.review"),
        ({"worst_finding": ""}, "high.worst_finding"),
        ({"must": None}, "high.must"),
        ({"approvals": 0}, "high.approvals"),
        ({"approvals": 3}, "high.approvals"),
        ({"roles": []}, "high.roles"),
        ({"roles": ["auditor"]}, "high.roles"),
        ({"roles": "admin"}, "high.roles"),
        ({"questionnaires": ["Not A Slug"]}, "high.questionnaires"),
        ({"questionnaires": [f"one_{n}" for n in range(21)]}, "high.questionnaires"),
        ({"evidence": ["<b>"]}, "high.evidence"),
        ({"evidence": [".dpa"]}, "high.evidence"),
        ({"evidence": ["dpa."]}, "high.evidence"),
        ({"evidence": ["dpa..eu"]}, "high.evidence"),
        ({"evidence": ["d" * 62 + ".eu"]}, "high.evidence"),
        ({"months": 6, "valid_months": 7}, "high.valid_months"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], where: str) -> None:
    assert where in fault(raw(high=values))


def test_a_policy_that_lacks_something_is_none() -> None:
    for name in ("tiers", "matrix", "intake_required"):
        document = SHIPPED.to_json()
        del document[name]
        with pytest.raises(Invalid, match="not complete"):
            parse(document)
    assert "intake_required" in fault(SHIPPED.to_json() | {"intake_required": "yes"})


def test_the_matrix_rises_with_tier_and_result() -> None:
    document = SHIPPED.to_json()
    document["matrix"]["high"]["2"] = "low"  # better than level 3 leaves
    assert "matrix.high.2" in fault(document)
    document = SHIPPED.to_json()
    document["matrix"]["low"] = dict.fromkeys(("4", "3", "2", "1"), "critical")
    assert "matrix.low.4" in fault(document)
    document["matrix"]["low"]["4"] = "none"
    assert fault(document) == {"matrix.low.4": "Choose from the list."}


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    def tier() -> TierPolicy:
        clear = draw(st.sampled_from(LEVELS))
        months = draw(st.integers(1, 6))
        always = draw(st.sets(st.sampled_from(SLUGS)))
        return TierPolicy(
            questionnaires=tuple(sorted(always)),
            with_personal_data=tuple(sorted(draw(st.sets(st.sampled_from(SLUGS))) - always)),
            evidence=tuple(sorted(draw(st.sets(st.sampled_from(("dpa", "policy")))))),
            evidence_days=draw(st.integers(0, 2)),
            months=months,
            clear_level=clear,
            condition_level=draw(st.integers(1, clear)),
            fix_days=draw(st.integers(0, 2)),
            review=draw(st.sampled_from(policy.REVIEWS)),
            worst_finding=draw(st.sampled_from(policy.FINDINGS)),
            must=draw(st.sampled_from(policy.MUSTS)),
            approvals=draw(st.sampled_from((1, 2))),
            roles=tuple(sorted(draw(st.sets(st.sampled_from(policy.DECIDERS), min_size=1)))),
            valid_months=draw(st.integers(1, months)),
        )

    steps = draw(st.lists(st.integers(0, 3), min_size=16, max_size=16))
    matrix = {}
    for at, name in enumerate(TIERS):
        for column, level in enumerate(LEVELS):
            # the smallest of what lies in the better-or-lower quarter: monotone by construction
            rank = max((steps[low * 4 + col] for low in range(at, 4) for col in range(column + 1)), default=0)
            matrix[name, level] = RISKS[rank]
    tiers = MappingProxyType({one: tier() for one in TIERS})
    asked = sorted({slug for one in tiers.values() for slug in one.demanded})
    versions = {slug: tuple(sorted(draw(st.sets(st.sampled_from(HASHES), min_size=1)))) for slug in asked}
    regimes = tuple(sorted(draw(st.sets(st.sampled_from(("gdpr", "nis2", "pci"))))))
    return Policy(
        tiers, MappingProxyType(matrix), draw(st.booleans()), 0, regimes, MappingProxyType(versions)
    )


@given(policies(), policies())
@settings(max_examples=150, deadline=None)
def test_every_difference_asks_for_less_on_one_of_the_two_ways(one: Policy, other: Policy) -> None:
    assert parse(json.loads(one.to_bytes())) == one
    there, back = loosens(one, other), loosens(other, one)
    assert (there == [] and back == []) == (one == other)
    names = {name for name, _old, _new in changed(one, other)}
    assert {name for name in there if not name.endswith("with_personal_data")} <= names
    unsaid = replace(one, regimes=None, versions=None)
    assert parse(json.loads(unsaid.to_bytes())) == unsaid
    assert set(loosens(one, unsaid)) <= {"regimes", *(f"versions.{slug}" for slug in one.demanded)}


@given(policies(), policies(), policies())
@settings(max_examples=60, deadline=None)
def test_two_steps_that_only_ask_for_more_ask_for_more_together(a: Policy, b: Policy, c: Policy) -> None:
    if not loosens(a, b) and not loosens(b, c):
        assert loosens(a, c) == []


# each field, one step that asks for less
LESS: dict[str, dict[str, Any]] = {
    "questionnaires": {"questionnaires": ()},
    "with_personal_data": {"with_personal_data": ()},
    "evidence": {"evidence": ()},
    "evidence_days": {"evidence_days": 0},
    "months": {"months": 13},
    "clear_level": {"clear_level": 3},
    "condition_level": {"condition_level": 2},
    "fix_days": {"fix_days": 31},
    "review": {"review": "critical"},
    "worst_finding": {"worst_finding": "medium"},
    "must": {"must": "agreed"},
    "approvals": {"approvals": 1},
    "roles": {"roles": ("admin", "ciso", "procurement")},
    "valid_months": {"valid_months": 12},
}


@pytest.mark.parametrize("name", [one.name for one in fields(TierPolicy)])
def test_each_field_has_a_direction_that_asks_for_less(name: str) -> None:
    before = with_tier(SHIPPED, "critical", evidence=("dpa",), valid_months=6)
    after = with_tier(before, "critical", **LESS[name])
    assert f"critical.{name}" in loosens(before, after)
    assert loosens(after, before) == []


def test_a_narrower_kind_of_document_in_the_place_of_a_wider_one_asks_for_more() -> None:
    wide = parse(raw(high={"evidence": ["dpa", "report"]}))
    narrow = parse(raw(high={"evidence": ["dpa", "report.audit"]}))
    assert narrow.tiers["high"].evidence == ("dpa", "report.audit")
    assert parse(narrow.to_json()).content_hash == narrow.content_hash
    assert loosens(wide, narrow) == []
    assert loosens(narrow, wide) == ["high.evidence"]
    assert loosens(narrow, parse(raw(high={"evidence": ["dpa", "report.test"]}))) == ["high.evidence"]
    assert loosens(wide, parse(raw(high={"evidence": ["report", "report.audit"]}))) == ["high.evidence"]


def test_asking_always_instead_of_with_personal_data_asks_for_more() -> None:
    strict = with_tier(
        SHIPPED, "low", questionnaires=("privacy_processor", "security_lite"), with_personal_data=()
    )
    assert loosens(SHIPPED, strict) == []
    assert loosens(strict, SHIPPED) == ["low.questionnaires"]


def test_a_lighter_matrix_and_no_intake_ask_for_less() -> None:
    lighter = replace(SHIPPED, matrix=MappingProxyType({**SHIPPED.matrix, ("critical", 4): "low"}))
    assert loosens(SHIPPED, lighter) == ["matrix.critical.4"]
    assert loosens(lighter, SHIPPED) == []
    assert loosens(SHIPPED, replace(SHIPPED, intake_required=False)) == ["intake_required"]


@pytest.mark.parametrize(
    "values",
    [
        {"regimes": ["gdpr", "nonsense"]},
        {"regimes": "gdpr"},
        {"versions": {"Not A Slug": []}},
        {"versions": {"own": ["abc"]}},
        {"versions": {"own": ["a" * 64] * 501}},
        {"versions": []},
    ],
)
def test_regimes_and_versions_are_those_there_are(values: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse(SHIPPED.to_json() | values)


def test_one_regime_fewer_and_one_version_more_ask_for_less() -> None:
    before = replace(
        with_tier(SHIPPED, "low", questionnaires=("own",)),
        regimes=("gdpr", "nis2"),
        versions=MappingProxyType({"own": HASHES[:1]}),
    )
    assert loosens(before, replace(before, regimes=("gdpr",))) == ["regimes"]
    assert loosens(before, replace(before, regimes=("gdpr", "nis2", "pci"))) == []
    more = replace(before, versions=MappingProxyType({"own": HASHES}))
    assert loosens(before, more) == ["versions.own"]
    assert loosens(more, before) == []
    fresh = replace(before, tiers=SHIPPED.tiers, versions=MappingProxyType({}))
    asked = with_tier(fresh, "low", questionnaires=("own", "security_lite"))
    assert loosens(fresh, replace(asked, versions=more.versions)) == [], (
        "newly demanded: any version may begin"
    )
    assert more.counts("own", HASHES[1])
    assert not before.counts("own", HASHES[1])
    assert not before.counts("another", HASHES[0])
    shipped = catalog.latest("security_lite")
    assert before.counts("security_lite", shipped.content_hash)
    assert not before.counts("security_core", shipped.content_hash)
    assert SHIPPED.counts("own", HASHES[1]), "a policy that does not say lets each count"


@pytest.mark.parametrize(
    ("facts", "touches"),
    [
        ({}, None),
        ({"engagement.data": ["public_only"]}, False),
        ({"engagement.data": ["confidential", "card"]}, False),
        ({"engagement.data": ["personal"]}, True),
        ({"engagement.data": ["confidential", "health_us"]}, True),
    ],
)
def test_who_does_not_know_what_is_touched_is_asked_as_if_it_were_personal(
    facts: dict[str, Any], touches: bool | None
) -> None:
    assert policy.touches_personal(facts) is touches
    asked = SHIPPED.tier("low").demands(touches)
    assert ("privacy_processor" in asked) == (touches is not False)


# ---------------------------------------------------------------------------------------------------------- the rows


@pytest.fixture
def alder(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Alder")


def current(database: Database, place: Place) -> Policy:
    with database.looking(SYSTEM) as session:
        return policy_queries.current(session, place.id)


def save(
    database: Database,
    place: Place,
    new: Policy,
    *,
    base: int,
    role: OrganisationRole = OrganisationRole.CISO,
) -> PolicyVersion | PolicyProposal | None:
    identity = place[role]
    with database.transaction(identity.scope) as session:
        return policy_service.save(session, new, base=base, actor=identity, now=NOW)


def approve(database: Database, place: Place, row: Any, role: OrganisationRole) -> None:
    identity = place[role]
    with database.transaction(identity.scope) as session:
        policy_service.approve(session, row.id, actor=identity, now=NOW)


STRICTER = with_tier(SHIPPED, "low", fix_days=0)
LOOSER = with_tier(SHIPPED, "low", fix_days=181)


@pytest.mark.both_databases
def test_what_asks_for_more_holds_at_once_and_what_asks_for_less_waits(
    database: Database, alder: Place
) -> None:
    assert current(database, alder) == SHIPPED
    row = save(database, alder, STRICTER, base=0)
    assert isinstance(row, PolicyVersion)
    said: dict[str, Any] = {"regimes": (), "versions": MappingProxyType({})}
    assert current(database, alder) == replace(STRICTER, sequence=1, **said)
    assert save(database, alder, STRICTER, base=0) is None  # a second press
    waits = save(database, alder, LOOSER, base=1)
    assert isinstance(waits, PolicyProposal)
    assert current(database, alder).sequence == 1
    again = save(database, alder, LOOSER, base=1)
    assert isinstance(again, PolicyProposal)
    assert again.id == waits.id
    with pytest.raises(Conflict, match="waits"):
        save(database, alder, with_tier(SHIPPED, "low", fix_days=200), base=1)
    with pytest.raises(Refused, match="second person"):
        approve(database, alder, waits, OrganisationRole.CISO)
    assert current(database, alder).sequence == 1
    approve(database, alder, waits, OrganisationRole.ADMIN)
    assert current(database, alder) == replace(LOOSER, sequence=2, **said)
    with database.looking(SYSTEM) as session:
        version = session.query(PolicyVersion).filter_by(sequence=2).one()
        assert (version.created_by, version.approved_by) == (
            alder[OrganisationRole.CISO].person.id,
            alder[OrganisationRole.ADMIN].person.id,
        )
        kinds = [one.kind for one in session.query(Event) if one.kind.startswith("policy.")]
        assert sorted(kinds) == ["policy.changed"] * 2 + ["policy.proposed", "policy.settled"]
    with pytest.raises(Conflict, match="settled"):
        approve(database, alder, waits, OrganisationRole.ADMIN)


def test_a_version_in_force_overtakes_what_waits(database: Database, alder: Place) -> None:
    waits = save(database, alder, LOOSER, base=0)
    assert isinstance(waits, PolicyProposal)
    save(database, alder, STRICTER, base=0, role=OrganisationRole.ADMIN)
    with pytest.raises(Conflict, match="settled"):
        approve(database, alder, waits, OrganisationRole.ADMIN)
    with database.looking(SYSTEM) as session:
        assert session.get_one(PolicyProposal, waits.id).state == "overtaken"
    with pytest.raises(Conflict, match="meanwhile"):
        save(database, alder, LOOSER, base=0)


@pytest.mark.parametrize(
    ("role", "state"), [(OrganisationRole.CISO, "withdrawn"), (OrganisationRole.ADMIN, "refused")]
)
def test_a_proposal_can_be_taken_back_or_refused(
    database: Database, alder: Place, role: OrganisationRole, state: str
) -> None:
    waits = save(database, alder, LOOSER, base=0)
    assert isinstance(waits, PolicyProposal)
    with database.transaction(alder[role].scope) as session:
        policy_service.refuse(session, waits.id, actor=alder[role], now=NOW)
    with database.looking(SYSTEM) as session:
        assert session.get_one(PolicyProposal, waits.id).state == state
    assert current(database, alder) == SHIPPED


def test_another_organisation_neither_sees_nor_settles(
    database: Database, settings: Settings, alder: Place
) -> None:
    birch = make_organisation(database, settings, "Birch")
    waits = save(database, alder, LOOSER, base=0)
    save(database, birch, STRICTER, base=0)
    assert current(database, alder) == SHIPPED
    with pytest.raises(NotFound):
        approve(database, birch, waits, OrganisationRole.ADMIN)
    identity = birch[OrganisationRole.CISO]
    with database.looking(identity.scope) as session:
        assert policy_queries.waiting(session, identity) is None
        with pytest.raises(NotFound):
            policy_queries.version(session, identity, 2)


def test_a_questionnaire_that_nobody_can_issue_is_not_demanded(database: Database, alder: Place) -> None:
    for slug in ("nothing_here", "intake", "vulnerability_flash"):
        with pytest.raises(Invalid) as caught:
            save(database, alder, with_tier(SHIPPED, "high", questionnaires=(slug,)), base=0)
        assert list(caught.value.errors) == ["high.questionnaires"]


def regimes_of(database: Database, place: Place) -> list[str]:
    with database.looking(SYSTEM) as session:
        return list(session.get_one(Organisation, place.id).regimes)


@pytest.mark.both_databases
def test_a_law_is_added_at_once_and_taken_away_by_two(database: Database, alder: Place) -> None:
    """What the facts of every engagement read follows the policy in force."""
    save(database, alder, replace(SHIPPED, regimes=("eu_financial", "gdpr")), base=0)
    assert regimes_of(database, alder) == ["eu_financial", "gdpr"]
    kept = save(database, alder, STRICTER, base=1)
    assert isinstance(kept, PolicyVersion)
    assert regimes_of(database, alder) == ["eu_financial", "gdpr"], (
        "who says nothing about it takes none away"
    )
    waits = save(database, alder, replace(STRICTER, regimes=("gdpr",)), base=2)
    assert isinstance(waits, PolicyProposal)
    assert regimes_of(database, alder) == ["eu_financial", "gdpr"]
    approve(database, alder, waits, OrganisationRole.ADMIN)
    assert regimes_of(database, alder) == ["gdpr"]


@pytest.mark.both_databases
def test_regimes_of_before_policies_held_them_are_taken_away_by_two_as_well(
    database: Database, alder: Place
) -> None:
    with database.transaction() as session:
        row = session.get_one(Organisation, alder.id)
        row.regimes = ["gdpr"]
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None, subject=row, data={"fields": ["regimes"]})
    assert isinstance(save(database, alder, replace(SHIPPED, regimes=()), base=0), PolicyProposal)
    assert regimes_of(database, alder) == ["gdpr"]


@pytest.mark.both_databases
def test_a_newer_version_of_an_own_questionnaire_counts_once_two_have_named_it(
    database: Database, alder: Place
) -> None:
    ciso = alder[OrganisationRole.CISO]

    def release(version: str) -> str:
        document = json.loads(scene.own_questionnaire("ours", "Ours in short", word=version))
        data = json.dumps(document | {"version": version}).encode()
        return scene.release_own(database, ciso, data, "ours")

    first = release("1.0.0")
    demands = with_tier(SHIPPED, "low", questionnaires=("ours", "security_lite"))
    assert isinstance(save(database, alder, demands, base=0), PolicyVersion)
    assert current(database, alder).versions == {"ours": (first,)}
    second = release("2.0.0")
    assert not current(database, alder).counts("ours", second)
    tighter = with_tier(demands, "low", fix_days=0)
    save(database, alder, tighter, base=1)
    assert not current(database, alder).counts("ours", second), "another change names nothing"
    named = replace(tighter, versions=MappingProxyType({"ours": (first, second)}))
    waits = save(database, alder, named, base=2)
    assert isinstance(waits, PolicyProposal)
    approve(database, alder, waits, OrganisationRole.ADMIN)
    assert current(database, alder).counts("ours", second)
    only = replace(tighter, versions=MappingProxyType({"ours": (second,)}))
    assert isinstance(save(database, alder, only, base=3), PolicyVersion), "one fewer asks for more"
    with pytest.raises(Invalid) as caught:
        save(database, alder, replace(tighter, versions=MappingProxyType({"ours": ()})), base=4)
    assert set(caught.value.errors) == {"versions.ours"}
