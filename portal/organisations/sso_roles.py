"""From what a provider says of somebody to what they may be here. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.access import OrganisationRole
from portal.accounts.service import mail_address
from portal.forms import WEB_ADDRESS

# Whoever is in several groups gets the first of these. An administrator is made by a person, never by a provider.
GIVEN = (
    OrganisationRole.CISO,
    OrganisationRole.REVIEWER,
    OrganisationRole.PROCUREMENT,
    OrganisationRole.BUSINESS_OWNER,
    OrganisationRole.AUDITOR,
)
MOST_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """Who came, as the provider tells it. ``email``: "" when there is none that we take; ``verified``: it says so.

    ``groups``: None when it said nothing of them. Some leave the claim out above a number of groups, so that says less
    than an empty list.
    """

    subject: str
    email: str
    verified: bool
    name: str
    groups: tuple[str, ...] | None
    second_factor: bool

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2].casefold()


def told(
    subject: str, claims: Mapping[str, Any], more: Mapping[str, Any], claim: str, *, second_factor: bool
) -> Told:
    """The claims of the ID token, and for what it lacks those of userinfo. ``claim``: the name of the groups'."""
    everything = {**more, **claims}
    email = _address(everything.get("email"))
    # the flag belongs to the address: both from one place
    source = claims if "email" in claims else more
    return Told(
        subject,
        email,
        bool(email) and source.get("email_verified") is True,
        _line(everything.get("name")) or email.partition("@")[0] or "A person",
        _groups(everything.get(claim)),
        second_factor,
    )


def role_for(groups: tuple[str, ...], roles: Mapping[str, Any], default: str) -> OrganisationRole | None:
    """The role that somebody in these groups has; None = none."""
    named = {roles[one] for one in groups if one in roles} or {default}
    return next((one for one in GIVEN if one.value in named), None)


def _groups(value: Any) -> tuple[str, ...] | None:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list):
        return None
    return tuple(one for one in listed[:MOST_GROUPS] if isinstance(one, str))


def _address(value: Any) -> str:
    try:
        return mail_address(value) if isinstance(value, str) and len(value) <= 254 else ""
    except ValueError:
        return ""


def _line(value: Any) -> str:
    """A name of one line without controls and marks of direction: it goes into letters and pages."""
    if not isinstance(value, str):
        return ""
    plain = "".join(one for one in value[:500] if unicodedata.category(one)[0] != "C" or one == " ")
    return "" if WEB_ADDRESS.search(plain.casefold()) else " ".join(plain.split())[:200]
