"""The closed table of facts that conditions may name, with their types and the words that describe them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["choice", "choices", "set", "number", "date", "text", "table", "flag"]


@dataclass(frozen=True, slots=True)
class NameType:
    """What a name in a condition stands for. ``values`` are the literals allowed; None allows any."""

    kind: Kind
    values: frozenset[str] | None = None
    can_earn: bool = False


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: its type, whether vendors may not learn it, and plain words for it and its values.

    A set may have a ``claim``, which says what it holds in a sentence of its own, so that a reason begins with the
    law: ``{values}`` are labels, ``{you}`` and ``{vendors}`` the organisation and its vendor as the reader calls
    them. ``denial`` is its contrary and ``claims`` its form for several values at once.
    """

    type: NameType
    internal: bool
    words: str
    labels: Mapping[str, str]
    claim: str = ""
    denial: str = ""
    claims: str = ""


# ISO 3166-1 alpha-2, and XK, which Kosovo uses while it has no code of its own.
_SECOND_LETTERS = {
    "A": "DEFGILMOQRSTUWXZ",
    "B": "ABDEFGHIJLMNOQRSTVWYZ",
    "C": "ACDFGHIKLMNORUVWXYZ",
    "D": "EJKMOZ",
    "E": "CEGHRST",
    "F": "IJKMOR",
    "G": "ABDEFGHILMNPQRSTUWY",
    "H": "KMNRTU",
    "I": "DELMNOQRST",
    "J": "EMOP",
    "K": "EGHIMNPRWYZ",
    "L": "ABCIKRSTUVY",
    "M": "ACDEFGHKLMNOPQRSTUVWXYZ",
    "N": "ACEFGILOPRUZ",
    "O": "M",
    "P": "AEFGHKLMNRSTWY",
    "Q": "A",
    "R": "EOSUW",
    "S": "ABCDEGHIJKLMNORSTVXYZ",
    "T": "CDFGHJKLMNORTVWZ",
    "U": "AGMSYZ",
    "V": "ACEGINU",
    "W": "FS",
    "X": "K",
    "Y": "ET",
    "Z": "AMW",
}
COUNTRIES = frozenset(first + second for first, seconds in _SECOND_LETTERS.items() for second in seconds)


def _fact(
    kind: Kind,
    words: str,
    labels: Mapping[str, str] | None = None,
    internal: bool = False,
    sentences: tuple[str, str, str] = ("", "", ""),
) -> Fact:
    values = None if labels is None else frozenset(labels)
    return Fact(NameType(kind, values), internal, words, MappingProxyType(labels or {}), *sentences)


# engagement.<x> mirrors intake.<x> of the shipped intake questionnaire. Its option "unknown" is no value here:
# a fact that nobody knows is unknown.
TABLE: Mapping[str, Fact] = MappingProxyType(
    {
        "engagement.tier": _fact(
            "choice",
            "the tier of the engagement",
            {"critical": "critical", "high": "high", "medium": "medium", "low": "low"},
            internal=True,
        ),
        "engagement.service": _fact("text", "the description of the service"),
        "engagement.data": _fact(
            "set",
            "the data that the service touches",
            {
                "public_only": "public information only",
                "confidential": "confidential business data",
                "personal": "personal data",
                "financial": "financial records",
                "special": "special-category data",
                "health_us": "US patient health data",
                "card": "payment card data",
                "credentials": "passwords or keys",
            },
            sentences=("the service touches {values}", "the service does not touch {values}", ""),
        ),
        "engagement.volume": _fact(
            "choice",
            "the number of records",
            {
                "none": "none",
                "up_1k": "up to 1,000",
                "up_100k": "up to 100,000",
                "over_100k": "over 100,000",
            },
        ),
        "engagement.access": _fact(
            "set",
            "the access to the organisation's side",
            {
                "none": "none",
                "premises": "premises",
                "standard": "ordinary accounts",
                "card_systems": "systems that handle payment cards",
                "privileged": "administrator rights",
            },
            sentences=(
                "{vendors} access includes {values}",
                "{vendors} access does not include {values}",
                "",
            ),
        ),
        "engagement.connection": _fact(
            "choice",
            "the connection to the organisation's systems",
            {
                "none": "none",
                "files": "exchange of files",
                "api": "an interface between systems",
                "network": "a network connection",
            },
        ),
        "engagement.process": _fact(
            "choice",
            "the process that rests on the service",
            {
                "nothing": "not touched when it stops",
                "slower": "slower when it stops",
                "important": "important",
                "critical": "critical",
            },
            internal=True,
        ),
        "engagement.outage": _fact(
            "choice",
            "the outage that can be borne",
            {
                "week": "a week",
                "days": "some days",
                "day": "a day",
                "hours": "some hours",
            },
            internal=True,
        ),
        "engagement.replace": _fact(
            "choice",
            "the time that replacing the vendor takes",
            {"weeks": "weeks", "months": "months", "year": "a year or more"},
            internal=True,
        ),
        "engagement.hosting": _fact(
            "choice",
            "the place where the service runs",
            {
                "none": "nowhere",
                "ours": "at the organisation",
                "agreed": "at an agreed place",
                "elsewhere": "elsewhere",
            },
        ),
        "engagement.region": _fact(
            "choice",
            "the region that the vendor's staff work from",
            {
                "adequate": "one with adequate data protection",
                "safeguards": "one that needs safeguards",
                "unsafe": "one without safeguards",
            },
        ),
        "engagement.subcontractors": _fact(
            "choice",
            "the use of subcontractors",
            {
                "none": "none",
                "no_data": "some, without access to data",
                "with_data": "some, with access to data",
            },
        ),
        "engagement.harm": _fact(
            "choice",
            "the harm that a failure does to people",
            {"no": "none", "indirect": "indirect harm", "direct": "direct harm"},
            internal=True,
        ),
        "engagement.ai": _fact(
            "choice",
            "the use of artificial intelligence on the organisation's data",
            {"no": "none", "assists": "it assists people", "decides": "it decides"},
        ),
        "engagement.spend": _fact("number", "the yearly spend", internal=True),
        "vendor.country": Fact(
            NameType("choice", COUNTRIES),
            False,
            "the vendor's country",
            MappingProxyType({}),
        ),
        "organisation.regimes": _fact(
            "set",
            "the list of rules that bind the organisation",
            {
                "gdpr": "GDPR",
                "eu_financial": "DORA (EU financial sector)",
                "nis2": "NIS2",
                "nis2_digital": "(EU) 2024/2690 (digital infrastructure under NIS2)",
                "us_health": "HIPAA (US health care)",
                "us_federal": "US federal law",
                "soc2": "SOC 2",
                "iso27001": "ISO/IEC 27001",
                "pci": "PCI DSS",
            },
            sentences=("{values} binds {you}", "{values} does not bind {you}", "{values} bind {you}"),
        ),
    }
)

FACTS: Mapping[str, NameType] = MappingProxyType({name: fact.type for name, fact in TABLE.items()})
INTERNAL_FACTS = frozenset(name for name, fact in TABLE.items() if fact.internal)
