"""For each shipped contract requirement: the answers and facts that call for it, and those that spare it."""

from __future__ import annotations

from typing import Any, NamedTuple

Answers = dict[str, Any]


class Rule(NamedTuple):
    """Answers to security_core beside which the requirement is called for, and those beside which it is not.

    Keys are those of the newest version.

    All facts being true that its ground needs. ``without`` are facts that take the ground away whatever is
    answered. No answers at all: the law asks for it in every contract.
    """

    key: str
    without: tuple[dict[str, Any], ...]
    called: tuple[Answers, ...] = ()
    spared: tuple[Answers, ...] = ()


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

PERSONAL: Answers = {"data.categories": ["personal"]}
PATIENTS: Answers = {"data.categories": ["health_us"]}
CARDS: Answers = {"data.categories": ["card"]}
NO_DATA: Answers = {"data.categories": ["none_held"]}
# What a vendor ticks that says it has nothing worth a clause, whatever the customer knows to be there.
DENIED: tuple[Answers, ...] = (NO_DATA, {"data.categories": ["public_only"]})
HELPED: Answers = {"suppliers.uses": "with_data"}
WITH_AI: Answers = {"ai.use": "internal"}
SOFTWARE: Answers = {"profile.develops_software": "in_house"}
NO_SOFTWARE: Answers = {"profile.develops_software": "no"}


def without_regime(name: str) -> dict[str, Any]:
    return {"organisation.regimes": [one for one in ALL_REGIMES if one != name]}


def each(key: str, *values: str, beside: Answers | None = None) -> tuple[Answers, ...]:
    return tuple({**(beside or {}), key: value} for value in values)


NO_GDPR = (
    without_regime("gdpr"),
    {"engagement.data": ["public_only"]},
    {"engagement.data": ["health_us", "card"]},
)
NO_DORA = (without_regime("eu_financial"),)
NOT_CRITICAL = tuple({"engagement.process": one} for one in ("nothing", "slower", "important"))
NO_HIPAA = (without_regime("us_health"), {"engagement.data": ["personal", "special"]})
NO_CARDS = ({"engagement.data": ["personal"], "engagement.access": ["privileged", "standard"]},)

# A vendor that decides alone is no processor. One that denies having the data does not talk the law away.
AS_PROCESSOR = (
    *each("privacy.role", "processor", "both", "unknown", beside=PERSONAL),
    *each("data.categories", ["none_held"], ["confidential"]),
)
AS_CONTROLLER = each("privacy.role", "controller", beside=PERSONAL)


def processor(key: str) -> Rule:
    return Rule(key, NO_GDPR, AS_PROCESSOR, AS_CONTROLLER)


RULES = (
    processor("gdpr.particulars"),
    Rule(
        "gdpr.role",
        NO_GDPR,
        each("privacy.role", "controller", "both", "unknown", beside=PERSONAL),
        # Who denies having the data is held to the clauses for processors instead.
        (*each("privacy.role", "processor", beside=PERSONAL), *DENIED),
    ),
    processor("gdpr.instructions"),
    Rule(
        "gdpr.own_purposes",
        NO_GDPR,
        (
            *each("privacy.own_purposes", "opt_in", "anonymised", "own", "unknown", beside=PERSONAL),
            *each("ai.training_use", "opt_in", "opt_out", "default", "unknown", beside=WITH_AI),
            # Not asked, because the data is denied.
            *DENIED,
        ),
        (
            {**PERSONAL, "privacy.own_purposes": "never", **WITH_AI, "ai.training_use": "never"},
            {**PERSONAL, "privacy.own_purposes": "never", "ai.use": "none"},
        ),
    ),
    Rule(
        "gdpr.transfers",
        NO_GDPR,
        # Denied data may be anywhere: "nowhere", and places that were not asked for, call for the clause.
        (*each("data.locations", ["us"], ["eea", "other"], ["nowhere"], beside=PERSONAL), *DENIED),
        each("data.locations", ["eea"], ["eea", "uk"], beside=PERSONAL),
    ),
    processor("gdpr.confidentiality"),
    processor("gdpr.security"),
    Rule(
        "gdpr.strong_sign_in",
        NO_GDPR,
        (
            *each("access.mfa_staff", "some", "planned", "none"),
            *each("access.mfa_admin", "partial", "none"),
        ),
        (
            {"access.mfa_staff": "all", "access.mfa_admin": "resistant"},
            {"access.mfa_staff": "remote", "access.mfa_admin": "message"},
        ),
    ),
    processor("gdpr.subprocessors"),
    Rule(
        "gdpr.subprocessor_notice",
        NO_GDPR,
        each("suppliers.change_notice", "list", "none", beside=HELPED),
        (
            *each("suppliers.change_notice", "object", "short", beside=HELPED),
            *each("suppliers.uses", "none", "no_data"),
        ),
    ),
    processor("gdpr.rights"),
    processor("gdpr.breach"),
    Rule(
        "gdpr.breach_hours",
        NO_GDPR,
        each("incident.notice_hours", "49", "8760"),
        each("incident.notice_hours", "48", "0"),
    ),
    processor("gdpr.return_deletion"),
    processor("gdpr.audit"),
    *(
        Rule(f"dora.{name}", NO_DORA)
        for name in (
            "description",
            "locations",
            "protection",
            "data_return",
            "service_levels",
            "incident_help",
            "authorities",
            "termination",
            "training",
        )
    ),
    Rule(
        "dora.subcontracting",
        NO_DORA,
        each("suppliers.uses", "no_data", "with_data"),
        each("suppliers.uses", "none"),
    ),
    *(
        Rule(f"dora.{name}", NO_DORA + NOT_CRITICAL)
        for name in ("targets", "material_change", "contingency", "threat_led_tests", "audit", "exit")
    ),
    Rule(
        "nis2.vulnerabilities",
        (without_regime("nis2"),),
        (
            {"vuln.patch_critical_days": "31"},
            *each("vuln.unsupported", "some", "unknown"),
            {**SOFTWARE, "vuln.disclosure": "none"},
        ),
        (
            {
                "vuln.patch_critical_days": "30",
                "vuln.unsupported": "isolated",
                **SOFTWARE,
                "vuln.disclosure": "contact",
            },
            {"vuln.patch_critical_days": "7", "vuln.unsupported": "none", **NO_SOFTWARE},
        ),
    ),
    Rule(
        "nis2.development",
        (without_regime("nis2"),),
        (
            *each("dev.lifecycle", "informal", "none", beside=SOFTWARE),
            *each("dev.dependencies", "irregular", "none", beside=SOFTWARE),
        ),
        ({**SOFTWARE, "dev.lifecycle": "written", "dev.dependencies": "build"}, NO_SOFTWARE),
    ),
    Rule(
        "nis2.staff",
        (without_regime("nis2_digital"),),
        (
            *each("people.screening", "senior", "none", beside=PERSONAL),
            *each("people.training", "start", "none"),
        ),
        (
            {**PERSONAL, "people.screening": "employees", "people.training": "yearly"},
            {**NO_DATA, "people.training": "start_yearly"},
        ),
    ),
    Rule(
        "nis2.end",
        (without_regime("nis2_digital"),),
        (
            *each("exit.deletion", "live_only", "kept", "unknown", beside=PERSONAL),
            *each("exit.export", "own_format", "none", beside=PERSONAL),
        ),
        ({**PERSONAL, "exit.deletion": "deleted", "exit.export": "on_request"}, NO_DATA),
    ),
    Rule(
        "hipaa.no_data_before_signature",
        NO_HIPAA,
        (*each("privacy.baa", "talks", "refused", beside=PATIENTS), PERSONAL, *DENIED),
        each("privacy.baa", "customer", "own", beside=PATIENTS),
    ),
    *(
        Rule(f"hipaa.{name}", NO_HIPAA)
        for name in (
            "permitted_uses",
            "safeguards",
            "reporting",
            "subcontractors",
            "individual_rights",
            "books",
            "return",
            "termination",
        )
    ),
    Rule("pci.acknowledgement", NO_CARDS),
    Rule(
        "pci.status",
        NO_CARDS,
        (*each("data.pci_status", "saq", "progress", "none", beside=CARDS), PERSONAL, *DENIED),
        each("data.pci_status", "aoc", beside=CARDS),
    ),
    Rule(
        "pci.responsibilities",
        NO_CARDS,
        (*each("data.pci_matrix", "draft", "none", beside=CARDS), PERSONAL, *DENIED),
        each("data.pci_matrix", "shared", beside=CARDS),
    ),
    Rule("iso.agreement", (without_regime("iso27001"),)),
    Rule(
        "iso.supply_chain",
        (without_regime("iso27001"),),
        (
            *each("suppliers.contracts", "most", "some", "none", beside=HELPED),
            *each("dev.dependencies", "irregular", "none", beside=SOFTWARE),
        ),
        (
            {**HELPED, "suppliers.contracts": "all", **NO_SOFTWARE},
            {"suppliers.uses": "none", **SOFTWARE, "dev.dependencies": "continuous"},
        ),
    ),
    Rule(
        "iso.changes",
        (without_regime("iso27001"),),
        each("exit.change_notice", "earlier", "after", "none"),
        each("exit.change_notice", "days30"),
    ),
    Rule(
        "iso.cloud",
        (without_regime("iso27001"),),
        ({"profile.hosting": ["public_cloud"]}, {"profile.service_type": ["saas", "services"]}),
        ({"profile.hosting": ["own_datacentre"], "profile.service_type": ["hardware"]},),
    ),
    Rule(
        "soc2.confidentiality",
        (without_regime("soc2"),),
        (
            *each("exit.nda", "contract_only", "refused"),
            *each("people.confidentiality", "employees", "some", "none"),
        ),
        ({"exit.nda": "survives", "people.confidentiality": "all"},),
    ),
    Rule("nist.external_service", (without_regime("us_federal"),)),
    Rule(
        "nist.location",
        (without_regime("us_federal"),),
        (
            *each("data.locations", ["eea"], ["uk", "us"], ["other"], ["nowhere"], beside=PERSONAL),
            *each("data.location_control", "movable", "unknown", beside=PERSONAL),
            *DENIED,
        ),
        each("data.location_control", "fixed", "customer", beside={**PERSONAL, "data.locations": ["us"]}),
    ),
    Rule(
        "nist.flow_down",
        (without_regime("us_federal"),),
        (
            *each("suppliers.contracts", "most", "some", "none", beside=HELPED),
            *each("suppliers.uses", "no_data", "none"),
        ),
        each("suppliers.contracts", "all", beside=HELPED),
    ),
    Rule("nist.notice", (without_regime("us_federal"),)),
)
