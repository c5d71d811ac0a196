"""What is due, in words: what each kind is called, why it is due on that day, and where one acts."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.clock import local_date
from portal.evidence.kinds import evidence_name
from portal.formats import short_date
from portal.gate import words as gate_words
from portal.reassessment.agenda import Item
from portal.reassessment.incident_forms import KIND_WORDS as INCIDENTS
from portal.reassessment.ladder import Step, days_of
from portal.reassessment.models import Reassessment
from portal.reassessment.rules_words import step_words
from portal.reassessment.trigger_words import KINDS as TRIGGERS

# kind -> what one of them is called in a row, what a column of numbers is called
KIND_WORDS: Mapping[str, tuple[Any, Any]] = MappingProxyType(
    {
        "assessment": (_l("Answers"), _l("Answers")),
        "campaign": (_l("Answers to a campaign"), _l("Campaigns")),
        "reassessment": (_l("Next assessment"), _l("Next assessments")),
        "first": (_l("First assessment"), _l("First assessments")),
        "stuck": (_l("Not opened on its day"), _l("Not opened")),
        "review": (_l("Review"), _l("Reviews")),
        "finding": (_l("Remediation"), _l("Findings")),
        "evidence": (_l("Document ends"), _l("Documents")),
        "decision": (_l("Gate lapses"), _l("Gates")),
        "condition": (_l("Condition of the gate"), _l("Conditions")),
        "exception": (_l("Exception ends"), _l("Exceptions")),
        "incident": (_l("Incident"), _l("Incidents")),
        "trigger": (_l("Reason for a look"), _l("Reasons")),
        "handed": (_l("Business owner changed"), _l("Handed over")),
    }
)
# Why a next assessment could not be opened.
HINDERED: Mapping[str, Any] = MappingProxyType(
    {
        "no_contact": _l("The vendor has no contact to write to."),
        "no_version": _l("No version of its questionnaire can be issued."),
        "throttled": _l("Too many invitations went out; it is tried again."),
        "offboarded": _l("The vendor has been offboarded."),
        "nobody": _l("Nobody of the organisation may issue it."),
        "open_elsewhere": _l("An assessment by this questionnaire is open already."),
        "asks": _l("Your rules ask first: it waits for somebody."),
        "unlinked": _l("The vendor is not linked to the company that answered."),
    }
)
# What drew the date of a next assessment away from the answers plus the months.
DRAWN: Mapping[str, Any] = MappingProxyType(
    {
        "tier": _l("The tier has changed since."),
        "policy": _l("The policy has changed since."),
        "trigger": _l("Drawn nearer, because something happened."),
        "hand": _l("Moved by hand."),
        "late": _l("The last answers came late; the cycle was kept."),
    }
)

# Why a step told nobody.
SKIPPED: Mapping[str, Any] = MappingProxyType(
    {
        "overtaken": _l("a later step had come already"),
        "answered": _l("the answers had come"),
        "moved": _l("the date was moved"),
        "ended": _l("it was over"),
        "opened": _l("the next assessment was out"),
        "nobody": _l("nobody was there to be told"),
        "asked": _l("they wait for your answer"),
        "unsubscribed": _l("they have turned such letters off"),
        "done": _l("it was done before the letter left"),
        "rights": _l("they may not see it any more"),
        "left": _l("they had left"),
        "undelivered": _l("the letter could not be delivered"),
        "discarded": _l("the letter was thrown away after a restore"),
    }
)
_HOUR = re.compile(r"hour([+-]\d{1,3})(?:@.*)?", re.ASCII)


def step_name(name: str) -> str:
    """What reminders keep of a step, in words: ``7 days before``."""
    if name == "open":
        return str(_("opened"))
    days, hours = days_of(name), _HOUR.fullmatch(name)
    if days is not None:
        return step_words(Step(name, days))
    return step_words(Step(name, None, hours=int(hours[1]))) if hours else name


@dataclass(frozen=True, slots=True)
class Details:
    """What the rows of one page are about, by the id of their source: titles of questionnaires, rows of the schedule,
    (answered, total, whether somebody joined) of assessments; vendors, engagements and organisations by their own id.
    """

    titles: Mapping[uuid.UUID, str] = field(default_factory=dict)
    scheduled: Mapping[uuid.UUID, Reassessment] = field(default_factory=dict)
    progress: Mapping[uuid.UUID, tuple[int, int, bool]] = field(default_factory=dict)
    vendors: Mapping[uuid.UUID, str] = field(default_factory=dict)
    engagements: Mapping[uuid.UUID, str] = field(default_factory=dict)
    askers: Mapping[uuid.UUID, str] = field(default_factory=dict)

    def vendor(self, item: Item) -> str:
        return self.vendors.get(item.vendor_id, "") if item.vendor_id else ""

    def engagement(self, item: Item) -> str:
        return self.engagements.get(item.engagement_id, "") if item.engagement_id else ""

    def asker(self, item: Item) -> str:
        return self.askers.get(item.organisation_id, "")


def what(item: Item, details: Details) -> str:
    """``Answers: Security core``: what is due, in one line."""
    name = str(KIND_WORDS[item.kind][0])
    about = _about(item, details)
    return f"{name}: {about}" if about else name


def _about(item: Item, details: Details) -> str:
    if item.kind in ("assessment", "campaign", "reassessment", "review", "stuck"):
        return details.titles.get(item.source, "")
    if item.kind == "evidence":
        return evidence_name(item.code)
    if item.kind == "incident":
        return str(INCIDENTS.get(item.code, ""))
    if item.kind == "trigger":
        return str(TRIGGERS[item.code][0]) if item.code in TRIGGERS else ""
    if item.kind == "finding":
        return str(_SEVERITIES.get(item.code, ""))
    if item.kind in ("condition", "exception"):
        return str(gate_words.NAMES.get(item.code.partition(":")[0], ""))
    return ""


_SEVERITIES = MappingProxyType(
    {
        "critical": _l("critical finding"),
        "high": _l("high finding"),
        "medium": _l("medium finding"),
        "low": _l("low finding"),
    }
)


def why(item: Item, details: Details) -> str:
    """Why it is due on that day, in one sentence or two."""
    since = short_date(local_date(item.since, item.zone))
    if item.kind == "reassessment":
        return _why_next(item, details, since)
    if item.kind in ("assessment", "campaign"):
        return str(_("The date that was set on %(day)s.", day=since)) + _progress(item, details)
    if item.kind == "review":
        days = ngettext("one day", "%(num)s days", _days(item))
        return str(
            _("The answers came on %(day)s; the rules give the review %(days)s.", day=since, days=days)
        )
    if item.kind == "stuck":
        return str(HINDERED.get(item.code, _("It is tried again.")))
    if item.kind == "first":
        days = ngettext("one day", "%(num)s days", _days(item))
        return str(
            _("On record since %(day)s; the rules give the first assessment %(days)s.", day=since, days=days)
        )
    if item.kind == "handed":
        return str(_("Its business owner changed on that day."))
    return str(_WHY[item.kind]) % {"day": since}


def _days(item: Item) -> int:
    """How many days the rules counted."""
    return (item.due - local_date(item.since, item.zone)).days


_WHY: Mapping[str, Any] = MappingProxyType(
    {
        "finding": _l("What was agreed on %(day)s."),
        "evidence": _l("Valid until that day, says the document as it was sealed on %(day)s."),
        "decision": _l("The decision of %(day)s holds until then."),
        "condition": _l("The decision of %(day)s demands it by then."),
        "exception": _l("Approved on %(day)s until then."),
        "incident": _l("On record since %(day)s, and not settled."),
        "trigger": _l("Found on %(day)s; it waits for somebody."),
    }
)


def _why_next(item: Item, details: Details, since: str) -> str:
    row = details.scheduled.get(item.source)
    if row is None:
        return str(_("The date that was set on %(day)s.", day=since))
    months = ngettext("plus one month", "plus %(num)s months", row.months * row.cycle)
    text = str(_("Answers of %(day)s %(months)s.", day=short_date(row.anchor), months=months))
    return f"{text} {DRAWN[row.why]}" if row.why in DRAWN else text


def _progress(item: Item, details: Details) -> str:
    done = details.progress.get(item.source)
    if done is None:
        return ""
    answered, total, joined = done
    if not joined:
        return " " + str(_("Nobody there has accepted the invitation yet."))
    return " " + str(_("%(done)s of %(total)s answered.", done=answered, total=total))
