"""The list of engagements over all vendors: the list behind most figures of the home page.

A figure and its list ask the same ``criteria`` of the same ``base`` (figures.py); what stands at each gate comes from
one relation (gate.standings).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, String, and_, case, cast, false, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.gate.deciding import PASSING
from portal.gate.standings import Relation, joined
from portal.listing import Query, an_id, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import Page, paged_ids
from portal.reassessment.models import Reassessment
from portal.reassessment.months import bounds, is_month
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor
from portal.vendors.policy import LEVELS, RISKS, Policy
from portal.vendors.queries import narrowed_to, own_engagements
from questionnaires.facts import TABLE

DATA = TABLE["engagement.data"]
SORTS = ("attention", "name", "vendor", "tier", "level", "lapses", "due")
DUE = ("late", "30", "90", "never")
NOBODY = "nobody"
NONE, WORKING = "none", "working"  # no band counts; it is being worked out
LEVELS_KNOWN = tuple(str(one) for one in LEVELS)
OUTCOMES = ("clear", "clear_with_conditions", "pending", "blocked", "undecided")
GATES = (*OUTCOMES, "passing", "lapsed", "lapsing", WORKING)
CONDITIONS, EXCEPTIONS, NOTHING = "conditions", "exceptions", "nothing"
MISSING = "missing"  # a questionnaire that the policy asks for, and nothing of it counts today
HOLDS = (CONDITIONS, EXCEPTIONS, NOTHING, MISSING)
BELOW = ("pass", "clear")
SOON = 30  # days in which a gate that passes now stops to do so, if nobody does anything


@dataclass(frozen=True, slots=True)
class Filter:
    """What the list is narrowed to, and its order; "" and None are everything.

    ``level``: of the worst band that counts today, one of LEVELS_KNOWN, NONE or WORKING. ``residual``: one of RISKS by
    the policy in force, NONE or WORKING. ``gate``: one of GATES. ``below``: worse than what the tier's policy lets pass
    at all (``pass``) or without conditions (``clear``). ``due``: one of DUE, or a month like 2026-12. ``owner``: a
    person's id, or NOBODY. ``data``: one value of ``engagement.data``. ``holds``: one of HOLDS.
    """

    words: str = ""
    tier: str = ""
    level: str = ""
    residual: str = ""
    gate: str = ""
    below: str = ""
    due: str = ""
    owner: str = ""
    data: str = ""
    holds: str = ""
    vendor_id: uuid.UUID | None = None
    sort: str = "attention"
    down: bool = False


def filter_from(values: Query) -> Filter:
    """The filter that an address or a posted form names.

    An ``owner`` who answers for nothing any more narrows to nothing: a list that were whole again under the name of a
    saved view would be taken for theirs.
    """
    due = values.get("due", "")
    return Filter(
        words=search_words(values),
        tier=one_of("tier", TIERS, values=values),
        level=one_of("level", (*LEVELS_KNOWN, NONE, WORKING), values=values),
        residual=one_of("residual", (*RISKS, NONE, WORKING), values=values),
        gate=one_of("gate", GATES, values=values),
        below=one_of("below", BELOW, values=values),
        due=due if due in DUE or is_month(due) else "",
        owner=NOBODY if values.get("owner") == NOBODY else str(an_id("owner", values) or ""),
        data=one_of("data", DATA.labels, values=values),
        holds=one_of("holds", HOLDS, values=values),
        vendor_id=an_id("vendor", values),
        sort=one_of("sort", SORTS, "attention", values=values),
        down=values.get("down") == "1",
    )


def kept(narrowed: Filter) -> dict[str, str]:
    """The parameters of the address that hold the filter, "" for none; ``filter_from`` is the way back."""
    return {
        "q": narrowed.words,
        "tier": narrowed.tier,
        "level": narrowed.level,
        "residual": narrowed.residual,
        "gate": narrowed.gate,
        "below": narrowed.below,
        "due": narrowed.due,
        "owner": narrowed.owner,
        "data": narrowed.data,
        "holds": narrowed.holds,
        "vendor": str(narrowed.vendor_id or ""),
    }


def address(narrowed: Filter) -> dict[str, str]:
    """The arguments of a link to this list: what is in force and nothing else, its order too."""
    order = {
        "sort": "" if narrowed.sort == "attention" else narrowed.sort,
        "down": "1" if narrowed.down else "",
    }
    return {name: value for name, value in (kept(narrowed) | order).items() if value}


@dataclass(frozen=True, slots=True)
class Row:
    """An engagement for its line. ``stands``: its row of the relation, None while it is being worked out.

    ``residual``: one of RISKS, "" where it is not known. ``due``: when it is assessed next.
    """

    engagement: Engagement
    vendor: Vendor
    owner: str
    stands: Any | None
    residual: str
    due: date | None

    @property
    def level(self) -> int | None:
        return self.stands.level if self.stands is not None else None


def listed(
    session: Session,
    identity: Identity,
    narrowed: Filter,
    relation: Relation,
    policy: Policy,
    *,
    today: date,
    number: int,
    size: int,
) -> Page[Row]:
    """One page of the engagements that the identity may see, without those of offboarded vendors."""
    found = paged_ids(session, ids(identity, narrowed, relation, policy, today=today), number, size=size)
    return Page(rows(session, identity, found.rows, relation, policy), found.number, found.total, found.size)


def base(identity: Identity, relation: Relation, *columns: Any) -> Select[Any]:
    """Every engagement that the identity may see with its vendor, still here, and what stands at its gate."""
    return (
        select(*columns)
        .select_from(Engagement)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .outerjoin(*joined(relation))
        .where(*own(identity), *here())
    )


def ids(
    identity: Identity, narrowed: Filter, relation: Relation, policy: Policy, *, today: date
) -> Select[Any]:
    """The ids of all engagements of the list, in its order."""
    found = base(identity, relation, Engagement.id).where(
        *criteria(identity, narrowed, relation, policy, today=today)
    )
    keys = [_keys(identity, narrowed.sort, relation, policy, today)]
    first = [key.desc() if narrowed.down else key for key in keys]
    return found.order_by(*first, Engagement.name_key, Engagement.id)


def ids_alone(identity: Identity, narrowed: Filter, *, today: date) -> Select[Any] | None:
    """The ids of ``ids`` in no order and without a look at any gate; None when the filter asks for one."""
    if narrowed.level or narrowed.residual or narrowed.gate or narrowed.below or narrowed.holds:
        return None
    found = select(Engagement.id).join(Vendor, Vendor.id == Engagement.vendor_id)
    return found.where(*own(identity), *here(), *_alone(identity, narrowed, today=today))


def rows(
    session: Session, identity: Identity, wanted: Sequence[uuid.UUID], relation: Relation, policy: Policy
) -> list[Row]:
    """These engagements in the order given, in two statements; those that are gone are left out."""
    if not wanted:
        return []
    of = relation.of.c
    stands = [of.engagement_id, of.outcome, of.decided_outcome, of.level, of.high, of.missing, of.lapsed]
    stands += [of.lapses_on, of.valid_until, of.open_conditions, of.excepted]
    found = session.execute(
        base(identity, relation, Engagement, Vendor, _next_due(identity).label("next_due"), *stands).where(
            Engagement.id.in_(wanted)
        )
    ).all()
    owners_of = organisations.people(
        session, {one.Engagement.business_owner_id for one in found if one.Engagement.business_owner_id}
    )
    made = {}
    for one in found:
        bought = one.Engagement
        owner = owners_of.get(bought.business_owner_id) if bought.business_owner_id else None
        known = one.engagement_id is not None
        residual = policy.residual(bought.tier, one.level) if known and one.level is not None else ""
        name = owner.name if owner else ""
        made[bought.id] = Row(bought, one.Vendor, name, one if known else None, residual, one.next_due)
    return [made[one] for one in wanted if one in made]


def own(identity: Identity) -> list[ColumnElement[bool]]:
    """What statements over engagements and their vendors compare."""
    return [*own_engagements(identity), *mine(identity.scope, Vendor)]


def here() -> list[ColumnElement[bool]]:
    """What ``base`` asks beside whose they are: vendors that were not offboarded."""
    return [Vendor.offboarded_at.is_(None)]


# ------------------------------------------------------------------------------------------------------------ narrowing


def criteria(
    identity: Identity, narrowed: Filter, relation: Relation, policy: Policy, *, today: date
) -> list[ColumnElement[bool]]:
    """What the filter asks. All but ``due`` ask columns of ``base`` alone: figures count many of them in one pass."""
    found = _alone(identity, narrowed, today=today)
    if narrowed.level:
        found.append(_level(relation, narrowed.level))
    if narrowed.residual:
        found.append(_residual(relation, policy, narrowed.residual))
    if narrowed.gate:
        found.append(_gate(relation, narrowed.gate, today))
    if narrowed.below:
        found.append(_below(relation, policy, narrowed.below))
    if narrowed.holds:
        found.append(_holds(relation, narrowed.holds))
    return found


def _alone(identity: Identity, narrowed: Filter, *, today: date) -> list[ColumnElement[bool]]:
    """What of the filter asks nothing of gates."""
    found = narrowed_to(narrowed.words, narrowed.tier)
    if narrowed.owner == NOBODY:
        found.append(Engagement.business_owner_id.is_(None))
    elif narrowed.owner:
        found.append(Engagement.business_owner_id == uuid.UUID(narrowed.owner))
    if narrowed.data:
        # The values of this fact are values of no other (a test compares), so that the JSON may be searched as text.
        found.append(cast(Engagement.facts, String).contains(f'"{narrowed.data}"', autoescape=True))
    if narrowed.vendor_id is not None:
        found.append(Engagement.vendor_id == narrowed.vendor_id)
    if narrowed.due:
        found.append(_due(identity, narrowed.due, today))
    return found


def _level(relation: Relation, level: str) -> ColumnElement[bool]:
    of = relation.of.c
    if level == WORKING:
        return of.engagement_id.is_(None)  # type: ignore[no-any-return]  # a comparison of SQLAlchemy
    if level == NONE:
        return and_(of.engagement_id.is_not(None), of.level.is_(None))
    return of.level == int(level)  # type: ignore[no-any-return]  # the same


def _residual(relation: Relation, policy: Policy, risk: str) -> ColumnElement[bool]:
    of = relation.of.c
    if risk in (NONE, WORKING):
        return _level(relation, risk)
    levels = {tier: [one for one in LEVELS if policy.residual(tier, one) == risk] for tier in TIERS}
    return or_(
        false(), *(and_(Engagement.tier == tier, of.level.in_(some)) for tier, some in levels.items() if some)
    )


def _gate(relation: Relation, gate: str, today: date) -> ColumnElement[bool]:
    of = relation.of.c
    passing = of.outcome.in_(sorted(PASSING))
    found: Mapping[str, Any] = {
        WORKING: of.engagement_id.is_(None),
        "undecided": and_(of.engagement_id.is_not(None), of.outcome.is_(None)),
        "passing": passing,
        "lapsed": and_(of.outcome.is_not(None), of.lapsed),
        "lapsing": and_(passing, of.lapses_on <= today + timedelta(days=SOON)),
    }
    return found.get(gate, of.outcome == gate)  # type: ignore[no-any-return]  # the same


def _holds(relation: Relation, holds: str) -> ColumnElement[bool]:
    """Conditions that are open, grounds taken as they are, neither of them, or questionnaires that are missing."""
    of = relation.of.c
    if holds == MISSING:
        return of.missing > 0  # type: ignore[no-any-return]  # a comparison of SQLAlchemy
    if holds == NOTHING:
        return and_(of.open_conditions == 0, of.excepted == 0)
    return (of.open_conditions if holds == CONDITIONS else of.excepted) > 0  # type: ignore[no-any-return]  # the same


def _below(relation: Relation, policy: Policy, least: str) -> ColumnElement[bool]:
    """Worse than the policy of the tier lets pass; what has no band is not worse than anything."""
    level = relation.of.c.level
    demands = {tier: policy.tier(tier) for tier in TIERS}
    return or_(
        *(
            and_(
                Engagement.tier == tier, level < (one.condition_level if least == "pass" else one.clear_level)
            )
            for tier, one in demands.items()
        )
    )


def _next_due(identity: Identity) -> ScalarSelect[Any]:
    """The nearest date on which the statement's Engagement is assessed next; NULL when none is set."""
    return (
        select(func.min(Reassessment.due))
        .where(
            Reassessment.engagement_id == Engagement.id,
            Reassessment.state == "scheduled",
            *mine(identity.scope, Reassessment),
        )
        .scalar_subquery()
    )


def _due(identity: Identity, due: str, today: date) -> ColumnElement[bool]:
    column: Any = _next_due(identity)
    if due == "never":
        return column.is_(None)  # type: ignore[no-any-return]  # a comparison of SQLAlchemy
    if due == "late":
        return column < today  # type: ignore[no-any-return]  # the same
    first, last = bounds(due) if is_month(due) else (today, today + timedelta(days=int(due)))
    return and_(column >= first, column <= last)


def _keys(identity: Identity, sort: str, relation: Relation, policy: Policy, today: date) -> Any:
    """What the list is ordered by; names come after it."""
    of = relation.of.c
    tier = case(*((Engagement.tier == one, at) for at, one in enumerate(TIERS)), else_=len(TIERS))
    if sort == "attention":
        first = ("blocked", "lapsed", "lapsing")
        asked = [_gate(relation, one, today) for one in first]
        asked += [_below(relation, policy, "pass"), of.outcome == "pending"]
        # What needs somebody first, and of that the more critical.
        return case(*((one, at * 10) for at, one in enumerate(asked)), else_=len(asked) * 10) + tier
    keys: Mapping[str, Any] = {
        "name": Engagement.name_key,
        "vendor": Vendor.name_key,
        "tier": tier,
        "level": func.coalesce(of.level, 9),
        "lapses": func.coalesce(of.lapses_on, date.max),
    }
    return keys[sort] if sort in keys else func.coalesce(_next_due(identity), date.max)
