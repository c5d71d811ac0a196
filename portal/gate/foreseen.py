"""What a draft of the policy would change at the gates, in words for the page that asks before it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.gate.deciding import Outcome
from portal.gate.foreseeing import Change, preview
from portal.gate.words import OUTCOMES
from portal.vendors import queries as vendors
from portal.vendors.policy import Policy

MOST_NAMED = 25
Counts = Mapping[tuple[Outcome, Outcome], int]


@dataclass(frozen=True, slots=True)
class Named:
    """One engagement that would stand otherwise: its name, where it is, and what would become of it."""

    name: str
    href: str
    change: str


@dataclass(frozen=True, slots=True)
class Effects:
    """``decisions`` and ``proposals``: sentences with their numbers; ``named``: the first of those engagements,
    ``more``: how many there are besides. ``engagements``: how many were looked at.
    """

    engagements: int
    decisions: tuple[str, ...]
    proposals: tuple[str, ...]
    named: tuple[Named, ...]
    more: int


def effects(session: Session, identity: Identity, draft: Policy, *, now: datetime) -> Effects:
    """For those who change the policy, who see every engagement."""
    assert identity.organisation is not None
    found = preview(session, identity.organisation.id, draft, now=now)
    shown = found.changes[:MOST_NAMED]
    names = vendors.engagements(session, identity, [one.engagement for one in shown])
    return Effects(
        found.engagements,
        _sentences(found.decisions),
        _sentences(found.proposals),
        tuple(
            Named(
                names[one.engagement].name,
                url_for("gate.page", organisation=identity.organisation.slug, engagement=one.engagement),
                _change(one),
            )
            for one in shown
            if one.engagement in names
        ),
        len(found.changes) - len(shown),
    )


def _sentences(counts: Counts) -> tuple[str, ...]:
    return tuple(
        str(
            ngettext(
                "One engagement goes from %(before)s to %(after)s.",
                "%(num)s engagements go from %(before)s to %(after)s.",
                number,
                before=str(OUTCOMES[before]).lower(),
                after=str(OUTCOMES[after]).lower(),
            )
        )
        for (before, after), number in counts.items()
    )


def _change(one: Change) -> str:
    before, after = one.before, one.after
    if one.decision and before.outcome is not None and after.outcome is not None:
        return str(
            _(
                "Counts as %(before)s, would count as %(after)s.",
                before=str(OUTCOMES[before.outcome]).lower(),
                after=str(OUTCOMES[after.outcome]).lower(),
            )
        )
    return str(
        _(
            "The rules propose %(before)s, would propose %(after)s.",
            before=str(OUTCOMES[before.proposed]).lower(),
            after=str(OUTCOMES[after.proposed]).lower(),
        )
    )
