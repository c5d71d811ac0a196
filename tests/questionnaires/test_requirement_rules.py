"""Each shipped contract requirement: answers and facts that call for it, that do not, and that leave it open."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest

from questionnaires import catalog
from questionnaires.answers import parse_answer, parse_facts
from questionnaires.requirements import Answered, Outcome, check_catalogue, evaluate, load

AS_OF = date(2026, 11, 21)
ALL_REGIMES = [
    "gdpr",
    "eu_financial",
    "nis2",
    "nis2_digital",
    "us_health",
    "us_federal",
    "soc2",
    "iso27001",
    "pci",
]
FACTS: dict[str, Any] = {
    "organisation.regimes": ALL_REGIMES,
    "engagement.data": ["personal", "health_us", "card"],
    "engagement.access": ["standard"],
    "engagement.process": "critical",
}
HELPED = {"suppliers.uses": "with_data"}
WITH_AI = {"ai.use": "internal"}
SOFTWARE = {"profile.develops_software": "in_house"}
PERSONAL = {"data.categories": ["personal"]}


class Rule(NamedTuple):
    """Answers beside which the requirement is called for, and those beside which it is not, all facts being true.

    ``without`` are facts that take it away whatever is answered. No answers: the law asks for it in every contract.
    """

    key: str
    without: dict[str, Any]
    called: list[dict[str, Any]]
    spared: list[dict[str, Any]]


NO_GDPR = {"organisation.regimes": ["nis2"]}
NO_DATA = {"engagement.data": ["public_only"]}
NO_REGIME: dict[str, Any] = {"organisation.regimes": ["gdpr"]}
NOT_CRITICAL = {"engagement.process": "slower"}

RULES = [
    Rule("gdpr.instructions", NO_GDPR, [], []),
    Rule(
        "gdpr.own_purposes",
        NO_DATA,
        [
            *(
                {**PERSONAL, "privacy.own_purposes": one}
                for one in ("opt_in", "anonymised", "own", "unknown")
            ),
            *({**WITH_AI, "ai.training_use": one} for one in ("opt_in", "opt_out", "default", "unknown")),
        ],
        [
            {**PERSONAL, "privacy.own_purposes": "never", **WITH_AI, "ai.training_use": "never"},
            {**PERSONAL, "privacy.own_purposes": "never", "ai.use": "none"},
        ],
    ),
    Rule(
        "gdpr.subprocessor_notice",
        NO_GDPR,
        [{**HELPED, "suppliers.change_notice": one} for one in ("list", "none")],
        [
            *({**HELPED, "suppliers.change_notice": one} for one in ("object", "short")),
            {"suppliers.uses": "none"},
            {"suppliers.uses": "no_data"},
        ],
    ),
    Rule("gdpr.breach", NO_DATA, [], []),
    Rule(
        "gdpr.breach_hours",
        NO_GDPR,
        [{"incident.notice_hours": "49"}, {"incident.notice_hours": "8760"}],
        [{"incident.notice_hours": "48"}, {"incident.notice_hours": "0"}],
    ),
    Rule("gdpr.return_deletion", NO_GDPR, [], []),
    Rule(
        "gdpr.strong_sign_in",
        NO_DATA,
        [
            *({"access.mfa_staff": one} for one in ("some", "planned", "none")),
            *({"access.mfa_admin": one} for one in ("partial", "none")),
        ],
        [
            {"access.mfa_staff": "all", "access.mfa_admin": "resistant"},
            {"access.mfa_staff": "remote", "access.mfa_admin": "message"},
        ],
    ),
    Rule(
        "dora.subcontracting",
        NO_REGIME,
        [{"suppliers.uses": "no_data"}, {"suppliers.uses": "with_data"}],
        [{"suppliers.uses": "none"}],
    ),
    Rule("dora.incident_help", NO_REGIME, [], []),
    Rule("dora.contingency", NOT_CRITICAL, [], []),
    Rule("dora.exit", NOT_CRITICAL, [], []),
    Rule(
        "nis2.vulnerabilities",
        NO_REGIME,
        [{"vuln.patch_critical_days": "31"}, {**SOFTWARE, "vuln.disclosure": "none"}],
        [
            {"vuln.patch_critical_days": "30", **SOFTWARE, "vuln.disclosure": "contact"},
            {"vuln.patch_critical_days": "7", "profile.develops_software": "no"},
        ],
    ),
    Rule(
        "nis2.development",
        NO_REGIME,
        [{**SOFTWARE, "dev.components": one} for one in ("irregular", "none")],
        [{**SOFTWARE, "dev.components": "build"}, {"profile.develops_software": "no"}],
    ),
    Rule(
        "nis2.end",
        {"organisation.regimes": ["nis2"]},
        [{**PERSONAL, "exit.deletion": one} for one in ("live_only", "kept", "unknown")],
        [{**PERSONAL, "exit.deletion": "deleted"}, {"data.categories": ["none_held"]}],
    ),
    Rule("hipaa.reporting", {"engagement.data": ["personal"]}, [], []),
    Rule("hipaa.return", NO_REGIME, [], []),
    Rule("pci.acknowledgement", {"engagement.data": ["personal"]}, [], []),
    Rule(
        "iso.supply_chain",
        NO_REGIME,
        [
            *({**HELPED, "suppliers.contracts": one} for one in ("most", "some", "none")),
            *({**SOFTWARE, "dev.components": one} for one in ("irregular", "none")),
        ],
        [
            {**HELPED, "suppliers.contracts": "all", "profile.develops_software": "no"},
            {"suppliers.uses": "none", **SOFTWARE, "dev.components": "continuous"},
        ],
    ),
    Rule(
        "iso.cloud",
        NO_REGIME,
        [{"profile.hosting": ["public_cloud"]}, {"profile.service_type": ["saas", "services"]}],
        [{"profile.hosting": ["own_datacentre"], "profile.service_type": ["hardware"]}],
    ),
    Rule(
        "soc2.confidentiality",
        NO_REGIME,
        [{"people.confidentiality": one} for one in ("employees", "some", "none")],
        [{"people.confidentiality": "all"}],
    ),
    Rule(
        "nist.flow_down",
        NO_REGIME,
        [{**HELPED, "suppliers.contracts": one} for one in ("most", "some", "none")],
        [{**HELPED, "suppliers.contracts": "all"}, {"suppliers.uses": "no_data"}],
    ),
    Rule("nist.notice", NO_REGIME, [], []),
]
BY_KEY = {rule.key: rule for rule in RULES}
ASKED = [rule.key for rule in RULES if rule.called]
FIXED = [rule.key for rule in RULES if not rule.called]


def outcome(key: str, answers: dict[str, Any], facts: dict[str, Any]) -> Outcome:
    definition = catalog.get("security_lite@0.9.0")
    typed = {
        name: parse_answer(definition.questions[name], {"state": "answered", "value": value}, AS_OF)
        for name, value in answers.items()
    }
    found = evaluate(load(), [Answered(definition, typed, AS_OF, ())], parse_facts(facts))
    return next(one for one in found if one.requirement.key == key)


def test_every_requirement_has_its_rule_here() -> None:
    assert {rule.key for rule in RULES} == {one.key for one in load().requirements}


def test_rules_fit_what_is_shipped() -> None:
    assert check_catalogue(load(), map(catalog.get, catalog.shipped())) == []


@pytest.mark.parametrize("key", ASKED)
def test_answers_call_for_it(key: str) -> None:
    for answers in BY_KEY[key].called:
        found = outcome(key, answers, FACTS)
        assert (found.outcome, answers) == ("required", answers)
        assert set(found.decided_by) & set(answers)
        assert found.reason


@pytest.mark.parametrize("key", ASKED)
def test_answers_spare_it(key: str) -> None:
    for answers in BY_KEY[key].spared:
        assert (outcome(key, answers, FACTS).outcome, answers) == ("not_required", answers)


@pytest.mark.parametrize("key", ASKED)
def test_no_answers_leave_it_open(key: str) -> None:
    found = outcome(key, {}, FACTS)
    assert found.outcome == "undetermined"
    assert found.would_settle


@pytest.mark.parametrize("key", FIXED)
def test_the_law_calls_for_it_whatever_is_answered(key: str) -> None:
    assert outcome(key, {}, FACTS).outcome == "required"


@pytest.mark.parametrize("key", BY_KEY)
def test_without_its_ground_it_is_not_required(key: str) -> None:
    for answers in [{}, *BY_KEY[key].called]:
        assert outcome(key, answers, FACTS | BY_KEY[key].without).outcome == "not_required"


@pytest.mark.parametrize("key", BY_KEY)
def test_unknown_facts_leave_it_open(key: str) -> None:
    for answers in BY_KEY[key].called or [{}]:
        found = outcome(key, answers, {})
        assert found.outcome == "undetermined"
        assert found.would_settle
