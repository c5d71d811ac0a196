"""Which vendors a campaign asks: the filter of the list of engagements, a country, and what becomes of each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.access import Identity, mine
from portal.assessments import issuing_many
from portal.assessments.issuing_many import Line, Order, assessment_id, existing, why_of
from portal.gate import standings
from portal.listing import Query, search_words
from portal.paging import first_ids
from portal.portfolio import engagement_lists, search_queries
from portal.portfolio.engagement_lists import Filter
from portal.vendors import facts, policy_queries
from portal.vendors.models import Contact, Engagement, Vendor

MOST = 10_000  # engagements
HERE, WRITTEN, NOBODY = "here", "written", "nobody"  # whom of a vendor a letter reaches


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
    statement = _statement(session, identity, choice, today=today, now=now)
    return first_ids(session, statement, MOST) if statement is not None else ([], 0)


@dataclass(frozen=True, slots=True)
class Look:
    """What ``lines`` come to, told without making each of them.

    ``asked``: vendors that would be asked, ``letters`` of them by a letter to a contact; ``left_out``: the others.
    ``going`` and ``staying``: the first lines of each, by name. ``too_many``: more than MOST engagements are chosen,
    and so nobody.
    """

    asked: int = 0
    letters: int = 0
    left_out: int = 0
    going: Sequence[Line] = ()
    staying: Sequence[Line] = ()
    too_many: bool = False


def look(
    session: Session,
    identity: Identity,
    choice: Choice,
    order: Order,
    *,
    fresh: bool,
    first: int,
    today: date,
    now: datetime,
) -> Look:
    """How many would be asked and how many not, and the ``first`` lines of each, in as many statements for any number.

    ``fresh``: the batch was made just now, so that nothing can be out by it.
    """
    statement = _statement(session, identity, choice, today=today, now=now)
    if statement is None:
        return Look()
    found = session.execute(_by_vendor(identity, statement, order, known=not fresh)).all()
    if sum(one.bought for one in found) > MOST:
        return Look(too_many=True)
    keys = {} if fresh else {one.id: assessment_id(order.batch, one.id, order.content_hash) for one in found}
    out = existing(session, identity, keys.values())
    going: list[Any] = []
    staying: list[Any] = []
    for one in sorted(found, key=lambda one: one.name_key):
        why = why_of(
            issued=not fresh and keys[one.id] in out,
            offboarded=False,  # those are in no list of engagements
            bought=one.bought,
            covers=one.covers,
            reached=one.reach != NOBODY,
        )
        (staying if why else going).append(one)
    named = [one.name_key for one in (*going[:first], *staying[:first])]
    theirs = statement.where(Vendor.name_key.in_(named)).order_by(None)
    shown = tuple(session.execute(theirs).scalars()) if named else ()
    plan = issuing_many.plan(session, identity, issuing_many.Choice(engagement_ids=shown), order)
    return Look(
        asked=len(going),
        letters=[one.reach for one in going].count(WRITTEN),
        left_out=len(staying),
        going=[one for one in plan if not one.why],
        staying=[one for one in plan if one.why],
    )


def _by_vendor(identity: Identity, statement: Select[Any], order: Order, *, known: bool) -> Select[Any]:
    """Of each vendor of the engagements that ``statement`` finds what why_of wants; more than MOST are too many.

    Its ``name_key`` names a vendor of one organisation; its ``id`` only where it must be ``known``: on SQLite ten
    thousand of them take longer to read than all the rest.
    """
    contacts = select(Contact.vendor_id).where(*mine(identity.scope, Contact))
    free = Engagement.id.not_in(issuing_many.covered_by_open(identity, order))
    columns = (
        *([Vendor.id] if known else []),
        Vendor.name_key,
        case((Vendor.company_id.is_not(None), HERE), (Vendor.id.in_(contacts), WRITTEN), else_=NOBODY).label(
            "reach"
        ),
        func.count().label("bought"),
        func.count(case((free, 1))).label("covers"),
    )
    return statement.with_only_columns(*columns).order_by(None).group_by(Vendor.id).limit(MOST + 1)


def _statement(
    session: Session, identity: Identity, choice: Choice, *, today: date, now: datetime
) -> Select[Any] | None:
    """The ids of the engagements that are chosen, with their vendors joined; None when no answer has the words."""
    assert identity.organisation is not None
    statement = engagement_lists.ids_alone(identity, choice.narrowed, today=today)
    if statement is None or choice.says:
        relation = standings.relation(session, identity, today=today, now=now)
        policy = policy_queries.current(session, identity.organisation.id)
        statement = engagement_lists.ids(identity, choice.narrowed, relation, policy, today=today)
    if choice.country:
        statement = statement.where(Vendor.country == choice.country)
    if choice.says:
        sought = _sought(choice)
        found = search_queries.plan(session, identity, choice.says, sought, relation)
        if not found.runs:
            return None
        said = search_queries.engagements(identity, found, sought, relation)
        statement = statement.where(Engagement.id.in_(said))
    return statement


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
