"""Figures in words: what a level, a risk, an outcome and a change are called, with their tones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.formats import month_year as month_year
from portal.formats import short_date as short_date
from portal.portfolio.changes import (
    ASSESSED,
    BETTER,
    ENDED,
    FELL,
    GAINED,
    HIGHER,
    LOST,
    LOWER,
    NEW,
    ROSE,
    WHATS,
    WORSE,
)
from portal.portfolio.engagement_lists import CONDITIONS, EXCEPTIONS, MISSING, NONE, NOTHING, WORKING
from portal.portfolio.figures import Figure, Home
from portal.vendors.policy_words import TIER_WORDS as TIER_WORDS

RISK_TONES: Mapping[str, str] = MappingProxyType(
    {"critical": "bad", "high": "caution", "medium": "fair", "low": "good", NONE: "none"}
)
GATE_PARTS: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "blocked": ("bad", "stop", _l("Blocked")),
        "pending": ("caution", "clock", _l("Pending")),
        "clear_with_conditions": ("fair", "flag", _l("With conditions")),
        "clear": ("good", "check-circle", _l("Clear")),
        "undecided": ("none", "ring", _l("Not decided")),
        WORKING: ("info", "half", _l("Being worked out")),
    }
)
HOLDS: Mapping[str, Any] = MappingProxyType(
    {
        CONDITIONS: _l("With open conditions"),
        EXCEPTIONS: _l("With an accepted risk"),
        NOTHING: _l("Neither a condition nor an accepted risk"),
        MISSING: _l("A questionnaire is missing"),
    }
)
GATES: Mapping[str, Any] = MappingProxyType(
    {
        "passing": _l("Gate: passing"),
        "lapsed": _l("Gate: no longer as decided"),
        "lapsing": _l("Gate: lapsing in 30 days"),
    }
)
CONDITIONS_DUE: Mapping[str, Any] = MappingProxyType(
    {"late": _l("Late"), "30": _l("Due in 30 days"), "none": _l("As long as the decision")}
)
# State of an exception -> tone, icon and word.
EXCEPTION_STATES: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "waiting": ("info", "clock", _l("Waits for a second person")),
        "force": ("caution", "hand", _l("In force")),
        "ending": ("caution", "clock", _l("Ends within 30 days")),
        "over": ("none", "minus", _l("Over")),
    }
)
# What changed -> tone, icon, and what it is called on its list.
CHANGES: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        FELL: ("bad", "fall", _l("Fell to a worse level")),
        ROSE: ("good", "up", _l("Rose to a better level")),
        LOST: ("bad", "fall", _l("Has no band any more")),
        GAINED: ("none", "check", _l("Has a band now")),
        WORSE: ("bad", "fall", _l("Gate lets less through")),
        BETTER: ("good", "up", _l("Gate lets more through")),
        HIGHER: ("none", "info", _l("Higher tier")),
        LOWER: ("none", "info", _l("Lower tier")),
        ASSESSED: ("none", "check", _l("Answers came in")),
        NEW: ("none", "plus", _l("New")),
        ENDED: ("none", "minus", _l("Ended")),
    }
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a bar, and one row of the table under it."""

    figure: Figure
    tone: str
    icon: str
    label: str


def level(name: str) -> str:
    """What a column of the matrix is called: ``level`` as a filter has it."""
    words = {NONE: _("No band"), WORKING: _("Being worked out")}
    return str(words[name] if name in words else _("Level %(level)s", level=name))


def change_choices() -> list[tuple[str, Any]]:
    """The choices of a filter by what changed."""
    return [(one, label) for one, (_tone, _icon, label) in CHANGES.items()]


def outcome(name: str | None) -> str:
    """What counts at a gate, in a word."""
    return str(GATE_PARTS[name or "undecided"][2])


def gate(name: str) -> str:
    """What a filter by gate is called."""
    if name in GATE_PARTS:
        return str(_("Gate: %(state)s", state=str(GATE_PARTS[name][2]).lower()))
    return str(GATES.get(name, ""))


def risks(home: Home) -> list[Part]:
    """Residual risk, the worst first."""
    icons = {"critical": "stop", "high": "alert", "medium": "flag", "low": "check-circle", NONE: "ring"}
    icons |= {WORKING: "clock"}
    words: dict[str, Any] = {**TIER_WORDS, NONE: _("Not known"), WORKING: _("Being worked out")}
    return [
        Part(
            home.figures[f"risk:{one}"],
            RISK_TONES.get(one, "none"),
            icons[one],
            str(words[one]),
        )
        for one, _count in home.residual
    ]


def gates(home: Home) -> list[Part]:
    """What counts at the gates today; what is being worked out only while there is any."""
    return [
        Part(home.figures[f"gate:{one}"], tone, icon, str(label))
        for one, (tone, icon, label) in GATE_PARTS.items()
        if one != WORKING or home.count(f"gate:{WORKING}")
    ]


def changed(home: Home) -> list[Part]:
    """What changed at all, as sentences with their number."""
    found = []
    for one in WHATS:
        figure = home.figures[f"changes:{one}"]
        if figure.count:
            tone, icon, _label = CHANGES[one]
            found.append(Part(figure, tone, icon, _sentence(one, figure.count)))
    return found


def _sentence(what: str, count: int) -> str:
    return str(
        {
            FELL: lambda: ngettext(
                "One engagement fell to a worse level", "%(num)s engagements fell to a worse level", count
            ),
            ROSE: lambda: ngettext(
                "One engagement rose to a better level", "%(num)s engagements rose to a better level", count
            ),
            LOST: lambda: ngettext(
                "One engagement has no band any more", "%(num)s engagements have no band any more", count
            ),
            GAINED: lambda: ngettext(
                "One engagement has a band now", "%(num)s engagements have a band now", count
            ),
            WORSE: lambda: ngettext("One gate lets less through", "%(num)s gates let less through", count),
            BETTER: lambda: ngettext("One gate lets more through", "%(num)s gates let more through", count),
            HIGHER: lambda: ngettext(
                "One engagement has a higher tier", "%(num)s engagements have a higher tier", count
            ),
            LOWER: lambda: ngettext(
                "One engagement has a lower tier", "%(num)s engagements have a lower tier", count
            ),
            ASSESSED: lambda: ngettext(
                "For one engagement, answers came in", "For %(num)s engagements, answers came in", count
            ),
            NEW: lambda: ngettext("One engagement is new", "%(num)s engagements are new", count),
            ENDED: lambda: ngettext(
                "One engagement ended: its vendor was offboarded",
                "%(num)s engagements ended: their vendors were offboarded",
                count,
            ),
        }[what]()
    )
