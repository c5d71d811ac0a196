"""Every figure of the home page: a list with a filter, counted by the very criteria of that list.

Nothing on the page is counted in any other way, and the link of a figure is made from its filter: so that each figure
is the length of the list that it opens (tests/portal/portfolio/test_figures.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import organisation_queries as assessments
from portal.assessments.models import Assessment
from portal.findings import lists as findings
from portal.gate import standings
from portal.gate.standings import Relation
from portal.organisations import queries as organisations
from portal.portfolio import changes, concentration_queries, conditions, engagement_lists, exceptions, unread
from portal.portfolio.concentration_queries import Party
from portal.portfolio.counting import Listed, counted
from portal.portfolio.engagement_lists import LEVELS_KNOWN, MISSING, NONE, OUTCOMES, WORKING, Filter, Row
from portal.portfolio.matrix import Matrix, matrix
from portal.portfolio.months import HOW_MANY, Month, Months
from portal.reassessment import ending, incident_queries, triggers
from portal.reassessment import queries as reassessment
from portal.reassessment.models import Reassessment
from portal.reassessment.months import PARTS, coming
from portal.review import queue
from portal.vendors import policy_queries
from portal.vendors.facts import TIERS
from portal.vendors.policy import RISKS, Policy

FEW, TOP = 6, 5
ENGAGEMENTS = "engagements.engagement_list"
CHANGES, CONDITIONS = "portfolio.changes_list", "portfolio.conditions_list"
EXCEPTIONS, SCHEDULE = "portfolio.exceptions_list", "reassessment.schedule"
ASSESSMENTS, FINDINGS = "assessments.assessment_list", "findings.list_page"
INCIDENTS, TRIGGERS, EVIDENCE = "incidents.list_page", "triggers.list_page", "ending.list_page"
REVIEWS, PARTY = "review_queue.queue_page", "portfolio.fourth_party"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and the list whose length it is: an endpoint with its arguments beside the organisation."""

    key: str
    count: int
    endpoint: str
    arguments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Home:
    """The whole picture of one organisation for one reader on one day. Pure data.

    ``figures`` by key: ``all``, ``tier:critical``, ``level:4``, ``cell:critical:4``, ``below``, ``missing``,
    ``risk:high``, ``gate:blocked``, ``changes:fell``, ``conditions``, ``exceptions:force``, ``assessments:late``,
    ``reviews``, ``findings:overdue``, ``month:2026-12``, ``month:2026-12:upper``, ``months:late`` and so on.
    ``lapsing`` and ``overdue``: the first few of their lists. ``next_due``: the first next assessment from today on.
    ``waiting``: how many gates are still being worked out; ``unread``: how many submissions are still being read.
    ``begins``: the day from which the record of changes tells, None while it is empty.
    """

    figures: Mapping[str, Figure]
    matrix: Matrix
    months: Months
    policy: Policy
    lapsing: Sequence[Row]
    overdue: Sequence[Assessment]
    parties: Sequence[Party]
    next_due: date | None
    waiting: int
    unread: int
    since: date
    begins: date | None
    today: date

    def count(self, key: str) -> int:
        return self.figures[key].count

    @property
    def residual(self) -> tuple[tuple[str, int], ...]:
        """How many engagements leave which risk, the worst first; what nobody knows, and what is being worked out while
        there is any, come last.
        """
        working = (WORKING,) if self.waiting else ()
        return tuple((one, self.count(f"risk:{one}")) for one in (*reversed(RISKS), NONE, *working))


def home(
    session: Session,
    identity: Identity,
    *,
    today: date,
    now: datetime,
    since: date,
    most: int = standings.NOW_AT_ONCE,
) -> Home:
    """Everything on the page, in a fixed number of statements; at most ``most`` gates are worked out for it."""
    own = organisations.organisation_of(session, identity)
    policy = policy_queries.current(session, own.id)
    relation = standings.relation(session, identity, today=today, now=now, most=most)
    found: dict[str, Figure] = {}
    for figure in _figures(session, identity, relation, policy, today, since, own.zone):
        found[figure.key] = figure
    tiers = {tier: found[f"tier:{tier}"].count for tier in TIERS}
    parties = concentration_queries.top(session, identity, relation, tiers, most=TOP)
    for figure in _of_parties(parties):
        found[figure.key] = figure
    months = Months(
        tuple(
            Month(one, found[f"month:{one}:upper"].count, found[f"month:{one}:lower"].count)
            for one in coming(today, HOW_MANY)
        ),
        found["months:late"].count,
    )
    cells = {("", ""): found["all"].count}
    cells |= {(tier, ""): found[f"tier:{tier}"].count for tier in TIERS}
    for level in (*LEVELS_KNOWN, NONE, WORKING):
        cells["", level] = found[f"level:{level}"].count
        cells |= {(tier, level): found[f"cell:{tier}:{level}"].count for tier in TIERS}
    return Home(
        figures=found,
        matrix=matrix(cells, policy),
        months=months,
        policy=policy,
        lapsing=_lapsing(session, identity, relation, policy, today),
        overdue=_overdue(session, identity, today),
        parties=parties,
        next_due=_next_due(session, identity, today),
        waiting=relation.waiting,
        unread=unread.submissions(session, identity, relation),
        since=since,
        begins=changes.begins(session, identity),
        today=today,
    )


def lengths(session: Session, lists: Mapping[str, Select[Any]]) -> dict[str, int]:
    """How many ids each of these lists finds, in one statement."""
    columns = [
        select(func.count()).select_from(one.order_by(None).subquery()).scalar_subquery()
        for one in lists.values()
    ]
    row = session.execute(select(*columns)).one()
    return dict(zip(lists, row, strict=True))


# ------------------------------------------------------------------------------------------------------- by their list


def _figures(
    session: Session,
    identity: Identity,
    relation: Relation,
    policy: Policy,
    today: date,
    since: date,
    zone: str,
) -> Iterator[Figure]:
    def of(base: Select[Any], *lists: Listed) -> Iterator[Figure]:
        """Figures over one base, in one pass whatever lists they lead to."""
        counts = counted(session, base, lists)
        for one in lists:
            for key, narrowed in one.filters.items():
                yield Figure(key, counts[key], one.endpoint, one.address(narrowed))

    compared = changes.Compared(identity, relation, since, zone)
    yield from of(
        compared.base(),
        Listed(
            ENGAGEMENTS,
            dict(engagement_filters()),
            engagement_lists.address,
            lambda one: engagement_lists.criteria(identity, one, relation, policy, today=today),
            always=engagement_lists.here(),
        ),
        Listed(
            CHANGES,
            {f"changes:{what}": changes.Filter(since, what) for what in changes.WHATS},
            changes.address,
            compared.criteria,
        ),
    )
    yield from of(
        conditions.base(identity, relation),
        Listed(
            CONDITIONS,
            {
                "conditions": conditions.Filter(),
                **{f"conditions:{due}": conditions.Filter(due) for due in conditions.DUE},
            },
            conditions.address,
            lambda one: conditions.criteria(relation, one, today=today),
        ),
    )
    yield from of(
        exceptions.base(identity),
        Listed(
            EXCEPTIONS,
            {f"exceptions:{state}": exceptions.Filter(state) for state in exceptions.STATES},
            exceptions.address,
            lambda one: exceptions.criteria(one, today=today),
        ),
    )
    yield from of(
        reassessment.next_base(identity),
        Listed(
            SCHEDULE,
            dict(_month_filters(today)),
            _schedule_address,
            lambda one: reassessment.next_criteria(one, today=today),
        ),
    )
    yield from _of_other_lists(session, identity, today)


def engagement_filters() -> Iterator[tuple[str, Filter]]:
    """The figures over engagements, by key. Each asks columns of engagement, vendor and relation alone."""
    yield "all", Filter()
    yield from ((f"tier:{tier}", Filter(tier=tier)) for tier in TIERS)
    for level in (*LEVELS_KNOWN, NONE, WORKING):
        yield f"level:{level}", Filter(level=level)
        yield from ((f"cell:{tier}:{level}", Filter(tier=tier, level=level)) for tier in TIERS)
    yield "below", Filter(below="pass")
    yield "below:uncovered", Filter(below="pass", holds="nothing")
    yield "missing", Filter(holds=MISSING)
    yield from ((f"risk:{risk}", Filter(residual=risk)) for risk in (*RISKS, NONE, WORKING))
    yield from ((f"gate:{gate}", Filter(gate=gate)) for gate in (*OUTCOMES, "lapsed", WORKING))
    yield "gate:lapsing", Filter(gate="lapsing", sort="lapses")


def _month_filters(today: date) -> Iterator[tuple[str, reassessment.Filter]]:
    yield "months:all", reassessment.Filter()
    yield "months:late", reassessment.Filter(period="late")
    for month in coming(today, HOW_MANY):
        yield f"month:{month}", reassessment.Filter(month=month)
        yield from ((f"month:{month}:{part}", reassessment.Filter(month=month, part=part)) for part in PARTS)


def _schedule_address(narrowed: reassessment.Filter) -> dict[str, str]:
    period = "" if narrowed.period == "all" else narrowed.period
    found = {"period": period, "month": narrowed.month, "part": narrowed.part}
    return {name: value for name, value in found.items() if value}


def _of_other_lists(session: Session, identity: Identity, today: date) -> Iterator[Figure]:
    """What lists of other features hold, by their own ids."""
    lists: dict[str, tuple[str, dict[str, str], Select[Any]]] = {}
    for state in ("late", "soon", "open"):
        found = assessments.ids(identity, assessments.Filter(state=state), today=today)
        lists[f"assessments:{state}"] = ASSESSMENTS, {"state": state}, found
    overdue = findings.ids(identity, findings.Filter(state="overdue"), today=today)
    lists["findings:overdue"] = FINDINGS, {"state": "overdue"}, overdue
    for severity in ("critical", "high"):
        open_ones = findings.ids(identity, findings.Filter(severity=severity), today=today)
        lists[f"findings:{severity}"] = FINDINGS, {"severity": severity}, open_ones
    lists["reviews"] = REVIEWS, {}, queue.ids(identity, queue.Filter())
    lists["incidents:open"] = INCIDENTS, {"state": "open"}, incident_queries.ids(identity, "open")
    lists["triggers:open"] = TRIGGERS, {"state": "open"}, triggers.ids(identity, "open")
    for until in ("past", "30"):
        first, last = ending.period(until, today)
        lists[f"evidence:{until}"] = EVIDENCE, {"until": until}, ending.ids(identity, first=first, last=last)
    counts = lengths(session, {key: one[2] for key, one in lists.items()})
    yield from (Figure(key, counts[key], one[0], one[1]) for key, one in lists.items())


# --------------------------------------------------------------------------------------------------------- short lists


def _lapsing(
    session: Session, identity: Identity, relation: Relation, policy: Policy, today: date
) -> list[Row]:
    narrowed = Filter(gate="lapsing", sort="lapses")
    statement = engagement_lists.ids(identity, narrowed, relation, policy, today=today).limit(FEW)
    wanted = session.execute(statement).scalars().all()
    return engagement_lists.rows(session, identity, wanted, relation, policy)


def _of_parties(parties: Sequence[Party]) -> Iterator[Figure]:
    """How many engagements of the two upper tiers rest on each firm: counted where its list is (concentration)."""
    for one in parties:
        for tier, count in (("critical", one.critical), ("high", one.high)):
            yield Figure(f"party:{one.key}:{tier}", count, PARTY, {"name": one.key, "tier": tier})


def _next_due(session: Session, identity: Identity, today: date) -> date | None:
    """The first day from today on which something is assessed next."""
    statement = reassessment.next_base(identity, func.min(Reassessment.due)).where(Reassessment.due >= today)
    found: date | None = session.execute(statement).scalar_one()
    return found


def _overdue(session: Session, identity: Identity, today: date) -> list[Assessment]:
    statement = assessments.ids(identity, assessments.Filter(state="late"), today=today).limit(FEW)
    wanted = session.execute(statement).scalars().all()
    found = assessments.assessments(session, identity, wanted)
    return [found[one] for one in wanted if one in found]
