"""Facts of engagements: checked when written, combined for an assessment, put into words for a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from babel import Locale

from portal.faults import Invalid
from questionnaires.answers import AnswerErrors, parse_facts
from questionnaires.facts import COUNTRIES, TABLE, Fact

if TYPE_CHECKING:
    from portal.organisations.models import Organisation
    from portal.vendors.models import Engagement, Vendor

TIERS = ("critical", "high", "medium", "low")
PREFIX = "engagement."
# Written as columns of their own, so no part of Engagement.facts.
COLUMNS = ("engagement.tier", "engagement.service")
# The facts that a person fills in for an engagement, in the order of the format.
ASKED = tuple(name for name in TABLE if name.startswith(PREFIX) and name not in COLUMNS)
# Values that say "nothing", so that they cannot stand beside another.
ALONE: Mapping[str, str] = MappingProxyType({"engagement.data": "public_only", "engagement.access": "none"})
TIER_HELP = MappingProxyType(
    {
        "critical": "Critical: an important process stops without it, or its failure harms people",
        "high": "High: it holds sensitive data or has far-reaching access",
        "medium": "Medium: it holds personal or confidential data, and we could manage without it for a while",
        "low": "Low: hardly any data, no access, soon replaced",
    }
)
LARGEST_SPEND = Decimal("999999999999")


@dataclass(frozen=True, slots=True)
class FactInWords:
    """One fact for a page: no ``values`` while nobody knows it. ``internal``: the vendor never learns it."""

    name: str
    label: str
    values: tuple[str, ...]
    internal: bool


@cache
def country_names() -> dict[str, str]:
    """The English name of each country of ISO 3166-1, by name."""
    names = Locale("en").territories
    return dict(sorted(((code, names[code]) for code in COUNTRIES), key=lambda one: one[1].casefold()))


def label_of(name: str) -> str:
    """The fact's words as a label: "the number of records" is "Number of records"."""
    words = TABLE[name].words.removeprefix("the ")
    return words[:1].upper() + words[1:]


def value_label(fact: Fact, value: str) -> str:
    """The words of one value, as a choice of its own: first letter large."""
    words = fact.labels.get(value, value)
    return words[:1].upper() + words[1:]


def checked_facts(raw: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of the facts that a person gave: JSON values by name, unknown ones left out.

    ``raw`` holds names of ``ASKED``; None, "" and [] mean "not known yet". Raises Invalid with a sentence for
    each fact that does not fit.
    """
    known = {name: value for name, value in raw.items() if value not in (None, "", [], ())}
    errors = {name: "There is no such fact." for name in known if name not in ASKED}
    try:
        parse_facts({name: value for name, value in known.items() if name not in errors})
    except AnswerErrors as bad:
        errors |= {one.key: _sentence(one.key) for one in bad.errors}
    for name, alone in ALONE.items():
        values = known.get(name)
        if isinstance(values, list) and alone in values and len(values) > 1:
            label = value_label(TABLE[name], alone)
            errors[name] = f"“{label}” stands alone: take it away, or take the others away."
    spend = known.get("engagement.spend")
    if "engagement.spend" not in errors and spend is not None and not 0 <= Decimal(spend) <= LARGEST_SPEND:
        errors["engagement.spend"] = _sentence("engagement.spend")
    if errors:
        raise Invalid(errors=errors)
    return {name: _stored(name, known[name]) for name in ASKED if name in known}


def facts_of(engagement: Engagement, vendor: Vendor, organisation: Organisation) -> dict[str, Any]:
    """Raw facts of one engagement for ``questionnaires.answers.parse_facts``; unknown ones are left out."""
    facts: dict[str, Any] = {name: engagement.facts[name] for name in ASKED if name in engagement.facts}
    facts["engagement.tier"] = engagement.tier
    if engagement.description:
        facts["engagement.service"] = engagement.description
    if vendor.country:
        facts["vendor.country"] = vendor.country
    facts["organisation.regimes"] = sorted(organisation.regimes)
    return facts


STATED = "stated"


def judged(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as rows keep them that never change: that a text is there, and not what it says (law 6).

    No rule reads what a text says, so every result and outcome is the same.
    """
    return {
        name: STATED if name in TABLE and TABLE[name].type.kind == "text" and value else value
        for name, value in facts.items()
    }


def combined_facts(several: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Raw facts over all engagements that an assessment covers: the worst of each, the union of sets.

    A fact that one engagement does not know is unknown for all, unless another has the worst value there is:
    what is missing could only be less. ``several`` are results of ``facts_of`` for one vendor; at least one.
    """
    combined: dict[str, Any] = {}
    for name, fact in TABLE.items():
        values = [facts[name] for facts in several if name in facts]
        if not values:
            continue
        value = _combined(name, fact, values, complete=len(values) == len(several))
        if value is not None:
            combined[name] = value
    return combined


def in_words(facts: Mapping[str, Any]) -> list[FactInWords]:
    """Every fact of an engagement but its tier and description, known or not, in the order of the format."""
    return [fact_in_words(name, facts.get(name)) for name in ASKED]


def fact_in_words(name: str, value: Any) -> FactInWords:
    """One fact with the words of its values; None is "not known yet"."""
    fact = TABLE[name]
    held = [] if value is None else value if isinstance(value, list) else [value]
    return FactInWords(name, label_of(name), tuple(value_label(fact, one) for one in held), fact.internal)


def _combined(name: str, fact: Fact, values: list[Any], *, complete: bool) -> Any:
    kind = fact.type.kind
    if kind == "set":
        union = {one for value in values for one in value}
        if len(union) > 1:
            union.discard(ALONE.get(name, ""))
        return sorted(union) if complete else None
    if kind == "number":
        return format(sum(map(Decimal, values), Decimal()), "f") if complete else None
    if kind == "text":
        return "\n".join(dict.fromkeys(values))  # no rule reads what a text says, so a part of it is welcome
    if name == "vendor.country":
        return values[0]
    rising = list(reversed(TIERS)) if name == "engagement.tier" else list(fact.labels)
    worst = max(values, key=rising.index)
    return worst if complete or worst == rising[-1] else None


def _stored(name: str, value: Any) -> Any:
    if TABLE[name].type.kind == "set":
        order = list(TABLE[name].labels)
        return sorted(set(value), key=order.index)
    if TABLE[name].type.kind == "number":
        try:
            return format(Decimal(value), "f")
        except InvalidOperation:  # parse_facts has read it
            raise Invalid(errors={name: _sentence(name)}) from None
    return value


def _sentence(name: str) -> str:
    if TABLE[name].type.kind == "number":
        return "Write an amount without signs or spaces, like 12000 or 12000.50, or leave it empty."
    return "Choose from the list."
