"""What a person may say of a next assessment's date, and what to do where it could not be opened."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _l

# by_hand.REASONS in words.
REASONS: Mapping[str, Any] = MappingProxyType(
    {
        "incident": _l("Something happened there"),
        "change": _l("What we buy has changed"),
        "vendor": _l("The vendor asked for it"),
        "ending": _l("We will leave the vendor"),
        "capacity": _l("We cannot review it then"),
        "mistake": _l("The date was wrong"),
    }
)
# by_hand.BACK in words.
BACK: Mapping[str, Any] = MappingProxyType(
    {
        "mistake": _l("It was left out by mistake"),
        "stays": _l("The vendor stays"),
        "needed": _l("We need its answers after all"),
    }
)
# left_out's codes: why it cannot be planned again.
NOT_BACK: Mapping[str, Any] = MappingProxyType(
    {
        "answered": _l(
            "The vendor has answered this questionnaire since, or is no longer the one that was asked, so there is "
            "nothing to take back."
        ),
        "undemanded": _l(
            "The policy does not demand this questionnaire of the engagement. When it does again, it can be taken back."
        ),
    }
)
# hindering's codes: what to do.
TO_DO: Mapping[str, Any] = MappingProxyType(
    {
        "no_contact": _l("Write down a contact at the vendor; it is opened within minutes then."),
        "no_version": _l(
            "Release a version of the questionnaire, or let the policy count one that is there."
        ),
        "throttled": _l("Nothing: it is tried again by itself, tomorrow at the latest."),
        "offboarded": _l("Leave it out: nothing is asked of this vendor any more."),
        "nobody": _l("Give somebody a role that may issue assessments."),
        "open_elsewhere": _l("Let that one be answered, or cancel it."),
        "asks": _l("Open it, give it another date, or leave it out."),
        "unlinked": _l("Look at what the vendor is linked to, or issue it by hand to a new contact."),
    }
)
