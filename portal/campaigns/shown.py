"""Campaigns in plain words: states, how far a vendor is, why one waits or is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from portal.portfolio import shown as portfolio
from portal.portfolio.engagement_lists import DATA
from portal.vendors import facts

# tone, icon and words of a chip
STATES: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "running": ("info", "clock", _l("Running")),
        "paused": ("caution", "alert", _l("Paused")),
        "moving": ("caution", "clock", _l("Being put off")),
        "sparing": ("caution", "clock", _l("Being narrowed")),
        "closing": ("none", "clock", _l("Being closed")),
        "closed": ("none", "check", _l("Closed")),
    }
)
STAGES: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "answered": ("good", "check-circle", _l("Answered")),
        "begun": ("info", "pen", _l("Begun")),
        "silent": ("caution", "ring", _l("Not begun")),
        "waiting": ("none", "clock", _l("To be asked")),
        "ended": ("none", "minus", _l("Declined or taken back")),
        "left_out": ("none", "cross", _l("Left out")),
        "late": ("bad", "alert", _l("Late")),
    }
)
WHYS: Mapping[str, Any] = MappingProxyType(
    {
        "": "",
        "pace": _l("As many invitations have left today as may. It goes on by itself."),
        "over": _l("The date was past before it could be asked."),
        "stopped": _l("The campaign stopped before it was asked."),
        "offboarded": _l("It has been offboarded."),
        "refused": _l("It could not be issued."),
        "gone": _l("Vendor or engagement are gone."),
        "no_engagement": _l("Nothing is bought from it."),
        "no_contact": _l("Nobody of it is here, and no contact is written down."),
        "open": _l("It is answering this questionnaire already."),
    }
)


def chosen(choice: Mapping[str, Any], owners: Mapping[str, str]) -> list[str]:
    """What the vendors were chosen by, each filter in words; ``owners``: names by id."""
    words: dict[str, Callable[[str], str]] = {
        "q": lambda value: f"“{value}”",
        "tier": lambda value: str(portfolio.TIER_WORDS.get(value, value)),
        "data": lambda value: DATA.labels.get(value, value),
        "gate": portfolio.gate,
        "vendor": lambda _value: gettext("one vendor"),
        "says": lambda value: gettext("an answer says “%(words)s”", words=value),
        "country": lambda value: facts.country_names().get(value, value),
        "owner": lambda value: owners.get(value, ""),
    }
    found = [words[name](str(value)) for name, value in choice.items() if name in words]
    return [one for one in found if one]
