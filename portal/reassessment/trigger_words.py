"""Triggers in plain words: what happened, why it matters, what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _l

# kind -> what happened, why it asks for a look
KINDS: Mapping[str, tuple[Any, Any]] = MappingProxyType(
    {
        "scope": (
            _l("More is entrusted to it"),
            _l("The engagement's facts ask for more now than when the vendor was asked last."),
        ),
        "tier": (
            _l("Its tier has risen"),
            _l("More depends on the engagement than when the vendor was asked last."),
        ),
        "incident": (
            _l("Something happened at the vendor"),
            _l("An incident is on record that nobody has settled. Its answers may hold no longer."),
        ),
        "evidence": (
            _l("A document has ended"),
            _l("What it proved is proven no longer, and nothing newer has come."),
        ),
        "requirement": (
            _l("More is required than at first"),
            _l(
                "The contract must say what it did not have to say at first, or the policy demands a questionnaire by "
                "which the vendor was never asked."
            ),
        ),
        "version": (
            _l("The answers are to a retired version"),
            _l("The questionnaire that was answered is issued no longer."),
        ),
        "finding": (
            _l("A finding is overdue"),
            _l("What was agreed is not settled."),
        ),
    }
)
CODES: Mapping[str, Any] = MappingProxyType(
    {
        "looked": _l("We looked, and nothing changes"),
        "asked": _l("The vendor has been asked already"),
        "covered": _l("An assessment that is open covers it"),
        "mistake": _l("It was a mistake"),
        "answered": _l("The vendor has answered anew since"),
        "gone": _l("What it was about is over"),
        "moved": _l("The next assessment comes earlier"),
    }
)
