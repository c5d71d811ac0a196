"""The gate in words: outcomes, grounds with what is on record and what the policy asks, and why something lapsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.evidence.kinds import evidence_name
from portal.formats import long_date, short_date
from portal.gate.deciding import BY_HAND, Condition
from portal.gate.lines import Ground
from portal.gate.standing import Decided, Lapse
from portal.vendors.policy_words import FINDING_WORDS, LEVEL_WORDS, MUST_WORDS, REVIEW_WORDS, TIER_WORDS

OUTCOMES: Mapping[str, Any] = MappingProxyType(
    {
        "clear": _l("Clear"),
        "clear_with_conditions": _l("Clear with conditions"),
        "pending": _l("Pending"),
        "blocked": _l("Blocked"),
    }
)
# What an outcome means for whoever wants to buy.
MEANING: Mapping[str, Any] = MappingProxyType(
    {
        "clear": _l("Purchasing may go ahead."),
        "clear_with_conditions": _l("Purchasing may go ahead while the conditions hold."),
        "pending": _l("Purchasing waits: something is missing or nobody has looked at it yet."),
        "blocked": _l("Purchasing must not go ahead."),
    }
)
# Result of a ground -> tone, icon and word of its chip.
RESULTS: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "met": ("good", "check", _l("Met")),
        "condition": ("caution", "flag", _l("Condition")),
        "excepted": ("caution", "hand", _l("Accepted for now")),
        "pending": ("none", "clock", _l("Pending")),
        "blocked": ("bad", "stop", _l("Blocked")),
    }
)
LAPSES: Mapping[str, Any] = MappingProxyType(
    {"pending": _l("The gate becomes pending"), "blocked": _l("The gate becomes blocked")}
)
SECOND: Mapping[str, Any] = MappingProxyType(
    {
        "policy": _l("The policy asks for two people at this tier."),
        "against": _l("It asks for less than the rules propose."),
        "own_acts": _l("It rests on what you have judged or settled in the vendor's favour yourself."),
        "stands": _l("It takes away what somebody else has asked for beyond the rules."),
    }
)
SEVERITY: Mapping[str, Any] = MappingProxyType(
    {"low": _l("Low"), "medium": _l("Medium"), "high": _l("High"), "critical": _l("Critical")}
)


@dataclass(frozen=True, slots=True)
class Names:
    """What ids and keys are called: questionnaires by slug, bands by slug and level, questions by slug and key,
    requirements by key, findings by id. What is not there reads as its code.
    """

    titles: Mapping[str, str] = field(default_factory=dict)
    bands: Mapping[tuple[str, int], str] = field(default_factory=dict)
    questions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    requirements: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, str] = field(default_factory=dict)

    def title(self, slug: str) -> str:
        return self.titles.get(slug, slug)

    def question(self, subject: str) -> str:
        """A question of a questionnaire, by ``slug:key``."""
        slug, _colon, key = subject.partition(":")
        return self.questions.get((slug, key), key)

    def level(self, slug: str, level: Any) -> str:
        """A level of a band, with the questionnaire's own word for it."""
        return self.bands.get((slug, level)) or str(LEVEL_WORDS[level])


@dataclass(frozen=True, slots=True)
class Line:
    """One ground for the page: what it is about, what is on record, what the policy asks."""

    ground: Ground
    name: str
    about: str
    on_record: str
    policy: str

    @property
    def result(self) -> str:
        return str(RESULTS[self.ground.result][2])


def line(ground: Ground, names: Names) -> Line:
    """A ground in words."""
    name, about, on_record, policy = _GROUNDS[ground.code](ground, names)
    return Line(ground, str(name), str(about), str(on_record), str(policy))


Parts = tuple[Any, Any, Any, Any]


def _day(ground: Ground, name: str) -> str:
    """A day on record, for a sentence; "" for none."""
    value = ground.recorded(name)
    return short_date(date.fromisoformat(value)) if isinstance(value, str) else ""


def _demand(ground: Ground, name: str) -> Any:
    return dict(ground.demand).get(name)


def _vendor(ground: Ground, names: Names) -> Parts:
    found = _("Its people have joined")
    if not ground.recorded("linked"):
        found = _("Nobody of the vendor has joined yet")
    if ground.recorded("offboarded"):
        found = _("It has been offboarded")
    return _("Vendor"), "", found, _("Has joined and is still with you")


def _tier(ground: Ground, names: Names) -> Parts:
    tier = str(TIER_WORDS[str(ground.recorded("tier"))]).lower()
    found = _("%(tier)s, set by hand", tier=tier.capitalize())
    if not ground.recorded("by_hand"):
        found = _("%(tier)s, by the intake", tier=tier.capitalize())
    if ground.recorded("waits"):
        found += "; " + _("a lower one waits for a second person")
    wanted = _("By an intake") if _demand(ground, "intake") else _("By an intake or by hand")
    return _("Tier"), "", found, wanted


def _questionnaire(ground: Ground, names: Names) -> Parts:
    day = _day(ground, "as_of")
    found = {
        "missing": _("Not submitted yet"),
        "valid": _("Submitted as of %(day)s", day=day),
        "expired": _("Submitted as of %(day)s, which is too long ago", day=day),
        "redacted": _("Answers were removed from it"),
        "version": _("Submitted on a version that does not count"),
    }.get(str(ground.recorded("state")), "")
    wanted = ngettext("Every month", "Every %(num)s months", int(_demand(ground, "months") or 0))
    return names.title(ground.subject), "", found, wanted


def _round(ground: Ground, names: Names) -> Parts:
    day = _day(ground, "due")
    found = _("A new round is with the vendor, due on %(day)s", day=day) if day else _("A new round is open")
    return _("Returned"), names.title(ground.subject), found, _("Answered and submitted")


def _band(ground: Ground, names: Names) -> Parts:
    slug, low, high = ground.subject, ground.recorded("low"), ground.recorded("high")
    if low is None:
        found = _("No band: nothing in it counts")
    elif low == high:
        found = names.level(slug, low)
    else:
        found = _("Between %(low)s and %(high)s", low=names.level(slug, low), high=names.level(slug, high))
    if ground.recorded("outgrown"):
        found += "; " + _("worse under the engagement's facts of now than under those it was issued with")
    clear, least = _demand(ground, "clear"), _demand(ground, "condition")
    wanted = _("%(level)s or better", level=names.level(slug, clear))
    if least != clear:
        wanted += "; " + _("with conditions from %(level)s", level=names.level(slug, least))
    return _("Band"), names.title(slug), found, wanted


def _fix_days(ground: Ground) -> str:
    days = int(_demand(ground, "fix_days") or 0)
    if not days:
        return str(_("None"))
    return str(
        ngettext("None, or a fix agreed within one day", "None, or a fix agreed within %(num)s days", days)
    )


def _promise(ground: Ground) -> str:
    day = _day(ground, "due")
    return str(_("a fix is agreed for %(day)s", day=day) if day else _("no fix is agreed"))


def _knockout(ground: Ground, names: Names) -> Parts:
    if ":" not in ground.subject:
        return _("Knock-outs"), names.title(ground.subject), _("None"), _fix_days(ground)
    how = _("Failed") if ground.recorded("failed") else _("Not proven yet")
    return _("Knock-out"), names.question(ground.subject), f"{how}, {_promise(ground)}", _fix_days(ground)


def _review(ground: Ground, names: Names) -> Parts:
    count = int(ground.recorded("unjudged") or 0)
    found = ngettext("One answer is not judged yet", "%(num)s answers are not judged yet", count)
    found = found if count else _("Everything is judged that has to be")
    return _("Review"), names.title(ground.subject), found, REVIEW_WORDS[str(_demand(ground, "review"))]


def _unwritten(ground: Ground, names: Names) -> Parts:
    count = int(ground.recorded("marks") or 0)
    found = ngettext(
        "One mark is not written into the rating", "%(num)s marks are not written into the rating", count
    )
    return _("Unwritten marks"), names.title(ground.subject), found, _("None")


def _proof(ground: Ground, names: Names) -> Parts:
    wanted = _("Valid")
    if ":" not in ground.subject:
        count = int(ground.recorded("valid") or 0)
        found = ngettext("One answer rests on a valid one", "%(num)s answers rest on valid ones", count)
        return (
            _("Documents beside answers"),
            names.title(ground.subject),
            found if count else _("None needed"),
            wanted,
        )
    day = _day(ground, "until")
    found = _("Ran out on %(day)s", day=day) if day else _("Not there, or without a date that it needs")
    return _("Document beside an answer"), names.question(ground.subject), found, wanted


def _finding(ground: Ground, names: Names) -> Parts:
    wanted = FINDING_WORDS[str(_demand(ground, "worst"))]
    if not ground.subject:
        count = int(ground.recorded("open") or 0)
        found = (
            ngettext("One open that may stand", "%(num)s open that may stand", count) if count else _("None")
        )
        return _("Findings"), "", found, wanted
    severity = SEVERITY[str(ground.recorded("severity"))]
    found = f"{severity}, {_promise(ground)}"
    if ground.recorded("overdue"):
        found = _(
            "%(severity)s, overdue: it was to be fixed by %(day)s", severity=severity, day=_day(ground, "due")
        )
    return _("Finding"), names.findings.get(ground.subject, ""), found, wanted


def _evidence(ground: Ground, names: Names) -> Parts:
    days = int(_demand(ground, "days") or 0)
    wanted = ngettext("Valid for one more day", "Valid for %(num)s more days", days) if days else _("Valid")
    if not ground.subject:
        return _("Evidence"), "", _("None needed"), _("No kind of document is asked for")
    day = _day(ground, "until")
    found = _("Valid until %(day)s", day=day) if day else _("Valid, without an end")
    if ground.recorded("state") == "absent":
        found = _("Not there, or without a date that it needs")
    if ground.recorded("state") == "expired":
        found = _("Ran out on %(day)s", day=day)
    return _("Evidence"), evidence_name(ground.subject), found, wanted


def _evaluation(ground: Ground, names: Names) -> Parts:
    found = {
        "current": _("Worked out from the newest answers and facts"),
        "catalogue": _("Worked out by an older catalogue"),
        "outdated": _("Answers or facts have changed since"),
        "none": _("Not worked out yet"),
    }[str(ground.recorded("state"))]
    return _("What the contract needs"), "", found, _("Worked out from the newest")


def _requirement(ground: Ground, names: Names) -> Parts:
    wanted = MUST_WORDS[str(_demand(ground, "must"))]
    if not ground.subject:
        called, short = int(ground.recorded("required") or 0), int(ground.recorded("short") or 0)
        found = ngettext("One clause is called for", "%(num)s clauses are called for", called)
        if short:
            found += "; " + ngettext("one falls short", "%(num)s fall short", short)
        return _("Contract"), "", found if called else _("Nothing is called for"), wanted
    found = str(MUST_WORDS[str(ground.recorded("state"))])
    if ground.recorded("old"):
        found += "; " + _("the contract holds an older text, or has ended")
    if ground.recorded("outcome") == "undetermined":
        found += "; " + _("the answers leave open whether it is needed")
    return _("Contract"), names.requirements.get(ground.subject, ground.subject), found, wanted


def _exception(ground: Ground, names: Names) -> Parts:
    used = int(ground.recorded("used") or 0)
    return _("Exceptions"), "", str(used) if used else _("None used"), _("None that has ended")


_GROUNDS: Mapping[str, Callable[[Ground, Names], Parts]] = MappingProxyType(
    {
        "vendor": _vendor,
        "tier": _tier,
        "questionnaire": _questionnaire,
        "round": _round,
        "band": _band,
        "knockout": _knockout,
        "review": _review,
        "unwritten": _unwritten,
        "proof": _proof,
        "finding": _finding,
        "evidence": _evidence,
        "evaluation": _evaluation,
        "requirement": _requirement,
        "exception": _exception,
    }
)


NAMES: Mapping[str, Any] = MappingProxyType(
    {
        "band": _l("Band"),
        "knockout": _l("Knock-out"),
        "finding": _l("Finding"),
        "evidence": _l("Evidence"),
        "proof": _l("Document beside an answer"),
    }
)


def ground_name(code: str) -> str:
    """What grounds of a code that can be accepted are called."""
    return str(NAMES.get(code, code))


def ground_subject(ground: Ground, names: Names) -> str:
    """What a ground is about that is not there any more."""
    if ground.code in ("knockout", "proof"):
        return names.question(ground.subject)
    if ground.code == "evidence":
        return evidence_name(ground.subject)
    return names.findings.get(ground.subject, "") if ground.code == "finding" else names.title(ground.subject)


def condition(one: Condition, names: Names, said: Mapping[str, str]) -> str:
    """What must hold, in words; ``said``: texts of conditions added by hand, by subject."""
    if one.code == BY_HAND:
        return said.get(one.subject) or str(_("The text of this condition was removed."))
    subject = one.subject
    if one.code == "band":
        return str(_("A better band in %(title)s", title=names.title(subject)))
    if one.code == "knockout":
        return str(_("Mended: %(question)s", question=names.question(subject)))
    if one.code == "proof":
        return str(_("A valid document: %(question)s", question=names.question(subject)))
    if one.code == "finding":
        return str(_("A finding closed: %(text)s", text=names.findings.get(subject, _("its question"))))
    if one.code == "evidence":
        return str(_("A newer document: %(kind)s", kind=evidence_name(subject)))
    return str(_("In the contract: %(title)s", title=names.requirements.get(subject, subject)))


def lapse(one: Lapse, decided: Decided, names: Names, said: Mapping[str, str]) -> str:
    """Why a decision does not stand as decided, in a sentence."""
    if one.code == "expired":
        assert decided.valid_until is not None
        return str(_("Its last day was %(day)s.", day=long_date(decided.valid_until)))
    if one.code == "condition":
        code, _colon, subject = one.subject.partition(":")
        for each in decided.conditions:
            if each.key == (code, subject) and each.due is not None:
                text = condition(each, names, said)
                return str(
                    _("A condition was not met by %(day)s: %(text)s", day=long_date(each.due), text=text)
                )
    assert one.now is not None
    found = line(one.now, names)
    about = f"{found.name} ({found.about})" if found.about else found.name
    return f"{about}: {found.on_record}."
