"""A policy in words: what each field is called, what it is for, how a value and a change of it read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.access import OrganisationRole
from portal.addresses import ROLE_LABELS
from portal.evidence import kinds
from portal.vendors.policy import Policy
from portal.vendors.policy_loosening import changed, loosens

TIER_WORDS: Mapping[str, Any] = MappingProxyType(
    {"critical": _l("Critical"), "high": _l("High"), "medium": _l("Medium"), "low": _l("Low")}
)
LEVEL_WORDS: Mapping[int, Any] = MappingProxyType(
    {4: _l("Level 4, the best"), 3: _l("Level 3"), 2: _l("Level 2"), 1: _l("Level 1, the worst")}
)
REVIEW_WORDS: Mapping[str, Any] = MappingProxyType(
    {
        "none": _l("No answer has to be judged"),
        "critical": _l("The critical questions"),
        "all": _l("Every answer that counts"),
    }
)
FINDING_WORDS: Mapping[str, Any] = MappingProxyType(
    {
        "none": _l("None may stand open"),
        "low": _l("Low ones may stand open"),
        "medium": _l("Medium ones may stand open"),
        "high": _l("High ones may stand open"),
        "critical": _l("Any may stand open"),
    }
)
MUST_WORDS: Mapping[str, Any] = MappingProxyType(
    {
        "flagged": _l("Known to be required"),
        "proposed": _l("Proposed to the vendor"),
        "agreed": _l("Agreed by the vendor"),
        "in_contract": _l("In the signed contract"),
    }
)
RISK_WORDS = TIER_WORDS
APPROVAL_WORDS: Mapping[int, Any] = MappingProxyType({1: _l("One person"), 2: _l("Two people")})


@dataclass(frozen=True, slots=True)
class FieldWords:
    """``label``, what the field is for, and how it is filled in: days, months, choice or several."""

    label: Any
    help: Any
    kind: str


FIELDS: Mapping[str, FieldWords] = MappingProxyType(
    {
        "questionnaires": FieldWords(
            _l("Questionnaires"),
            _l("Asked of every engagement of this tier. Its worst result counts."),
            "several",
        ),
        "with_personal_data": FieldWords(
            _l("Also with personal data"),
            _l("Asked unless it is known that no personal data is touched: who does not know, asks."),
            "several",
        ),
        "evidence": FieldWords(
            _l("Documents"),
            _l("Each kind has to lie beside the answers, and be valid."),
            "several",
        ),
        "evidence_days": FieldWords(
            _l("Documents valid for at least"),
            _l("From the day of the decision, so that it does not rest on what ends next week."),
            "days",
        ),
        "months": FieldWords(
            _l("Assessed again after"),
            _l("Counted from the day of the submission. Vendors and your people are reminded."),
            "months",
        ),
        "clear_level": FieldWords(
            _l("Passes from"),
            _l("The worst band that passes. Level 4 is the best band of a questionnaire, 1 the worst."),
            "choice",
        ),
        "condition_level": FieldWords(
            _l("Passes with conditions from"),
            _l("Worse than this is blocked."),
            "choice",
        ),
        "fix_days": FieldWords(
            _l("A failed knock-out may be mended within"),
            _l("Counted from the day it was found, with an agreed date. 0: it blocks until it is mended."),
            "days",
        ),
        "review": FieldWords(
            _l("A person has judged"),
            _l("What nobody has looked at stays pending."),
            "choice",
        ),
        "worst_finding": FieldWords(
            _l("Findings without a plan"),
            _l("The most severe that may stand open without a date and somebody who mends it."),
            "choice",
        ),
        "must": FieldWords(
            _l("Required clauses are"),
            _l("How far each clause that the law calls for has to be."),
            "choice",
        ),
        "roles": FieldWords(
            _l("Who decides"),
            _l("One more role means that more people may let something pass."),
            "several",
        ),
        "approvals": FieldWords(
            _l("People for each decision"),
            _l("Two people see more than one. Against the proposal it always takes two."),
            "choice",
        ),
        "valid_months": FieldWords(
            _l("A decision holds for at most"),
            _l("It lapses earlier when what it rests on ends."),
            "months",
        ),
    }
)
GROUPS: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_l("What is asked"), ("questionnaires", "with_personal_data", "evidence", "evidence_days", "months")),
    (_l("What passes"), ("clear_level", "condition_level", "fix_days", "review", "worst_finding", "must")),
    (_l("Who decides, and for how long"), ("roles", "approvals", "valid_months")),
)
CHOICES: Mapping[str, Mapping[Any, Any]] = MappingProxyType(
    {
        "clear_level": LEVEL_WORDS,
        "condition_level": LEVEL_WORDS,
        "review": REVIEW_WORDS,
        "worst_finding": FINDING_WORDS,
        "must": MUST_WORDS,
        "approvals": APPROVAL_WORDS,
    }
)
REGIMES: Mapping[str, Any] = MappingProxyType(
    {
        "gdpr": _l("GDPR: we decide about personal data of people in the EU"),
        "eu_financial": _l("DORA: we are a financial entity in the EU"),
        "nis2": _l("NIS2: we are an essential or important entity in the EU"),
        "nis2_digital": _l("NIS2 digital: Implementing Regulation (EU) 2024/2690 applies to us"),
        "us_health": _l("HIPAA: we are a covered entity or business associate in the US"),
        "us_federal": _l("US federal: NIST SP 800-53 applies to us"),
        "soc2": _l("SOC 2: we are audited against the trust services criteria"),
        "iso27001": _l("ISO/IEC 27001: we run a certified management system"),
        "pci": _l("PCI DSS: we handle payment cards"),
    }
)
# Why the shipped values are what they are, beside each tier.
WHY: Mapping[str, Any] = MappingProxyType(
    {
        "critical": _l(
            "A failure stops important work or harms people: all is asked, every answer is read, the clauses are "
            "signed first, and two people decide."
        ),
        "high": _l(
            "Sensitive data or far-reaching access: the whole questionnaire, and a person reads what is critical."
        ),
        "medium": _l("Worth a short look: the short questionnaire, and time to mend what is wrong."),
        "low": _l("Little can go wrong: the short questionnaire, seldom, and procurement may decide."),
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a diff: where, before and after in words, and whether it asks for less."""

    name: str
    where: str
    before: str
    after: str
    looser: bool


def value_words(name: str, value: Any, titles: Mapping[str, str]) -> str:
    """A field's value in words; ``titles``: of each questionnaire by slug, and of each own version by hash."""
    if name in CHOICES:
        return str(CHOICES[name][value])
    if name == "regimes":
        return ", ".join(str(REGIMES[one]).partition(":")[0] for one in value) or str(_("none"))
    if name in ("questionnaires", "with_personal_data", "versions"):
        return ", ".join(titles.get(one, one) for one in value) or str(_("none"))
    if name == "evidence":
        return ", ".join(kinds.evidence_name(one) for one in value) or str(_("none"))
    if name == "roles":
        return ", ".join(str(ROLE_LABELS[OrganisationRole(one)]) for one in value)
    if FIELDS[name].kind == "months":
        return str(ngettext("%(num)s month", "%(num)s months", value))
    return str(ngettext("%(num)s day", "%(num)s days", value))


def changes(old: Policy, new: Policy, titles: Mapping[str, str]) -> list[Change]:
    """What differs, in words, in the order of the page."""
    loose = set(loosens(old, new))
    return [_change(name, before, after, name in loose, titles) for name, before, after in changed(old, new)]


def _change(name: str, before: Any, after: Any, looser: bool, titles: Mapping[str, str]) -> Change:
    if name == "intake_required":
        yes_no = (str(_("not required")), str(_("required")))
        return Change(
            name, str(_("An intake before anything is clear")), yes_no[before], yes_no[after], looser
        )
    first, _dot, rest = name.partition(".")
    if first in ("regimes", "versions"):
        where = (
            _("Laws and standards that bind you")
            if first == "regimes"
            else _("Versions of %(title)s that count", title=titles.get(rest, rest))
        )
        return Change(
            name, str(where), value_words(first, before, titles), value_words(first, after, titles), looser
        )
    if first == "matrix":
        tier, _dot, level = rest.partition(".")
        where = _(
            "Risk that is left, tier %(tier)s, %(level)s",
            tier=str(TIER_WORDS[tier]).lower(),
            level=str(LEVEL_WORDS[int(level)]).lower(),
        )
        return Change(name, str(where), str(RISK_WORDS[before]), str(RISK_WORDS[after]), looser)
    where = _("Tier %(tier)s: %(field)s", tier=str(TIER_WORDS[first]).lower(), field=FIELDS[rest].label)
    return Change(
        name, str(where), value_words(rest, before, titles), value_words(rest, after, titles), looser
    )


def evidence_choices() -> list[tuple[str, str]]:
    """(kind, words) of every kind of document that a policy may demand."""
    return kinds.choices()
