"""Which vendors a campaign asks: the filter of the list of engagements, a country, and what becomes of each."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.access import Identity
from portal.assessments import issuing_many
from portal.assessments.issuing_many import Line, Order
from portal.gate import standings
from portal.listing import Query, search_words
from portal.paging import first_ids
from portal.portfolio import engagement_lists, search_queries
from portal.portfolio.engagement_lists import Filter
from portal.vendors import facts, policy_queries
from portal.vendors.models import Engagement, Vendor

MOST = 10_000  # engagements


@dataclass(frozen=True, slots=True)
class Choice:
    """``narrowed``: engagement_lists.Filter; ``country``: of the vendor, a code, "" is any; ``says``: words that one
    answer holds which counts today, such as the name of a technology.
    """

    narrowed: Filter = field(default_factory=Filter)
    country: str = ""
    says: str = ""

    def kept(self) -> dict[str, str]:
        """What is in force, as parameters of an address or as JSON; ``choice_from`` is the way back."""
        found = engagement_lists.kept(self.narrowed) | {"country": self.country, "says": self.says}
        return {name: value for name, value in found.items() if value}


def choice_from(values: Query) -> Choice:
    """The choice that an address or a posted form names; anything that is none of the offered is left out."""
    country = values.get("country", "")
    return Choice(
        engagement_lists.filter_from(values),
        country if country in facts.country_names() else "",
        search_words(MultiDict({"q": values.get("says", "")})),
    )


def choice_of(kept: dict[str, Any]) -> Choice:
    """The choice that a campaign has on record."""
    return choice_from(MultiDict({name: str(value) for name, value in kept.items()}))


def lines(
    session: Session, identity: Identity, choice: Choice, order: Order, *, today: date, now: datetime
) -> tuple[list[Line], int]:
    """What becomes of each vendor whose engagements are chosen, by name; and how many engagements that are."""
    ids, total = engagement_ids(session, identity, choice, today=today, now=now)
    if not ids:
        return [], total
    return issuing_many.plan(session, identity, issuing_many.Choice(engagement_ids=tuple(ids)), order), total


def engagement_ids(
    session: Session, identity: Identity, choice: Choice, *, today: date, now: datetime
) -> tuple[list[uuid.UUID], int]:
    """The engagements that are chosen, at most MOST, and how many there are."""
    assert identity.organisation is not None
    relation = standings.relation(session, identity, today=today, now=now)
    policy = policy_queries.current(session, identity.organisation.id)
    statement = engagement_lists.ids(identity, choice.narrowed, relation, policy, today=today)
    if choice.country:
        statement = statement.where(Vendor.country == choice.country)
    if choice.says:
        sought = _sought(choice)
        found = search_queries.plan(session, identity, choice.says, sought, relation)
        if not found.runs:
            return [], 0
        said = search_queries.engagements(identity, found, sought, relation)
        statement = statement.where(Engagement.id.in_(said))
    return first_ids(session, statement, MOST)


def unsearchable(session: Session, identity: Identity, choice: Choice, *, today: date, now: datetime) -> str:
    """Why its words find nobody: no_word, common (in too many answers) or nowhere; "" where they are sought."""
    if not choice.says:
        return ""
    relation = standings.relation(session, identity, today=today, now=now)
    found = search_queries.plan(session, identity, choice.says, _sought(choice), relation)
    if not found.wanted:
        return "no_word"
    return "common" if found.common else "nowhere" if found.nowhere else ""


def _sought(choice: Choice) -> search_queries.Filter:
    return search_queries.Filter(words=choice.says, tier=choice.narrowed.tier)
