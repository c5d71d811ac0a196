"""Rules of the cycle in words: what each is called, how a step reads, and what differs between two versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.reassessment.kinds import KINDS
from portal.reassessment.ladder import Ladder, Step
from portal.reassessment.rules_parsing import pulls
from portal.reassessment.rules_shape import EVERY, REMIND, Rules
from portal.vendors.facts import TIERS
from portal.vendors.policy_words import TIER_WORDS

ROLE_WORDS: Mapping[str, Any] = MappingProxyType(
    {
        "contact": _l("the contact"),
        "owners": _l("the vendor's owners"),
        "uploader": _l("who uploaded it"),
        "assignee": _l("its owner at the vendor"),
        "issuer": _l("who issued it"),
        "issuers": _l("who looks after vendors"),
        "business_owner": _l("the business owner"),
        "ciso": _l("CISOs"),
        "reviewers": _l("who reviews it"),
        "procurement": _l("procurement"),
        "deciders": _l("who may decide"),
        "decided": _l("who decided"),
    }
)
FIELDS: Mapping[str, Any] = MappingProxyType(
    {
        "answer_days": _l("Days to answer"),
        "review_days": _l("Days to review"),
        "first_days": _l("Days until a new engagement is asked"),
        "must_days": _l("Days until a required clause is proposed"),
        "notice_days": _l("No date is pulled nearer than, in days"),
        "together_days": _l("What is due within so many days is asked together"),
        "opening": _l("Next assessments are opened"),
        "a_day": _l("At most so many are opened a day"),
        "late": _l("Answers that come late"),
    }
)
CHOICES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "opening": MappingProxyType({"itself": _l("by the calendar"), "ask": _l("by a person")}),
        "late": MappingProxyType({"moves": _l("begin a new cycle"), "keeps": _l("keep the cycle")}),
    }
)
TRIGGER_WORDS: Mapping[str, Any] = MappingProxyType(
    {
        "scope": _l("An engagement is used for more"),
        "tier": _l("A tier rises"),
        "incident": _l("An incident is reported"),
        "evidence": _l("A document has ended"),
        "requirement": _l("A requirement or a questionnaire is called for anew"),
        "version": _l("A version is issued no longer"),
        "finding": _l("A finding is late"),
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: where, what it was, what it is."""

    field: str
    before: str
    after: str


def step_words(step: Step) -> str:
    """When a step speaks: ``7 days before``, ``on the day``, ``4 hours after``."""
    value = step.days if step.hours is None else step.hours
    assert value is not None
    if value == 0:
        return str(_("on the day") if step.hours is None else _("at the time"))
    if step.hours is None:
        if value < 0:
            return str(ngettext("one day before", "%(num)s days before", -value))
        return str(ngettext("one day after", "%(num)s days after", value))
    if value < 0:
        return str(ngettext("one hour before", "%(num)s hours before", -value))
    return str(ngettext("one hour after", "%(num)s hours after", value))


def told_words(step: Step) -> str:
    """When, to whom, and how: ``7 days before: the contact; alone``."""
    said = f"{step_words(step)}: {', '.join(str(ROLE_WORDS[one]) for one in step.to)}"
    if step.alone:
        said += "; " + str(_("a letter of its own"))
    return said + ("; " + str(_("cannot be turned off")) if step.mandatory else "")


def trigger_words(does: str) -> str:
    """What a trigger does."""
    days = pulls(does)
    if days is not None:
        return str(ngettext("assessed again within a day", "assessed again within %(num)s days", days))
    return str(_("people are told") if does == REMIND else _("nothing"))


def changes(before: Rules, after: Rules) -> list[Change]:
    """What differs, in the order of the page. Since when a step has stood is no difference."""
    return list(_changes(before, after))


def _changes(before: Rules, after: Rules) -> Iterator[Change]:
    for name, label in FIELDS.items():
        old, new = getattr(before, name), getattr(after, name)
        if isinstance(old, Mapping):
            for tier in TIERS:
                if old[tier] != new[tier]:
                    yield Change(f"{label}, {str(TIER_WORDS[tier]).lower()}", str(old[tier]), str(new[tier]))
        elif old != new:
            words = CHOICES.get(name)
            yield Change(str(label), str(words[old] if words else old), str(words[new] if words else new))
    for kind, one in KINDS.items():
        for tier in (EVERY, *TIERS):
            old_steps, new_steps = _steps(before, kind, tier), _steps(after, kind, tier)
            where = str(one.words) if tier == EVERY else f"{one.words}, {str(TIER_WORDS[tier]).lower()}"
            for name in dict.fromkeys([*old_steps, *new_steps]):
                was, now = old_steps.get(name), new_steps.get(name)
                if was != now:
                    yield Change(where, was or str(_("no step")), now or str(_("no step")))
    for code, label in TRIGGER_WORDS.items():
        if before.triggers[code] != after.triggers[code]:
            yield Change(
                str(label), trigger_words(before.triggers[code]), trigger_words(after.triggers[code])
            )


def _steps(found: Rules, kind: str, tier: str) -> dict[str, str]:
    """The steps that a version names for a tier itself, in words."""
    ladder: Ladder = found.ladders.get(kind, {}).get(tier, ())
    return {one.name: told_words(one) for one in ladder}
