"""Lists of findings, narrowed, ordered and cut by the database: for an organisation, and for a company."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, mine
from portal.assessments.models import Assessment
from portal.db import name_key
from portal.findings.models import Finding, FindingClosing
from portal.findings.queries import CLOSED, MERGED, OPEN, SEVERITIES, STANDING, on_engagement, seen
from portal.paging import Page, following, paged
from portal.vendors.models import Engagement, Vendor

STATES = ("waits", "open", "overdue", "closed", "all")  # "" is everything that stands
OURS = ("waits", "closed")  # of a company: what waits for its customers; "" is what waits for the company
SORTS = ("severity", "due", "opened", "vendor")


@dataclass(frozen=True, slots=True)
class Filter:
    """What the organisation's list is narrowed to; "" is no filter."""

    words: str = ""
    state: str = ""
    severity: str = ""
    slug: str = ""
    vendor_id: uuid.UUID | None = None
    sort: str = "severity"
    down: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How many stand, wait for the organisation, have no plan, are overdue, are closed."""

    standing: int
    waits: int
    open: int
    overdue: int
    closed: int


@dataclass(frozen=True, slots=True)
class Mine:
    """How many wait for the company, for its customers, and are closed."""

    waiting: int
    waits: int
    closed: int


# ----------------------------------------------------------------------------------------------------- organisation


def listed(
    session: Session, identity: Identity, narrowed: Filter, *, today: date, number: int
) -> Page[Finding]:
    """One page of the organisation's findings."""
    return paged(session, _ordered(_found(identity, narrowed, Finding, today), identity, narrowed), number)


def ids(identity: Identity, narrowed: Filter, *, today: date) -> Select[Any]:
    """The ids of all of them, in the order of the list."""
    return _ordered(_found(identity, narrowed, Finding.id, today), identity, narrowed)


def in_order(
    session: Session,
    identity: Identity,
    *,
    vendor_id: uuid.UUID | None,
    state: str,
    after: tuple[datetime, uuid.UUID] | None,
    most: int,
) -> list[Finding]:
    """Findings in the order in which they were put on record, merged ones too (paging.following).

    ``vendor_id``: about one vendor; ``state``: in one of queries' states, "" for every one.
    """
    statement = select(Finding).where(*seen(identity))
    if vendor_id is not None:
        statement = statement.where(Finding.vendor_id == vendor_id)
    if state:
        statement = statement.where(Finding.state == state)
    return following(session, statement, Finding.opened_at, Finding.id, after=after, most=most)


def some(session: Session, identity: Identity, wanted: Collection[uuid.UUID]) -> dict[uuid.UUID, Finding]:
    """Those of these findings that the identity may see, by id."""
    if not wanted:
        return {}
    rows = session.execute(select(Finding).where(Finding.id.in_(wanted), *seen(identity))).scalars()
    return {one.id: one for one in rows}


def counts(session: Session, identity: Identity, *, today: date) -> Counts:
    """What the filters by state would keep, in one statement."""
    standing = Finding.state.in_(STANDING)
    row = session.execute(
        select(
            func.count(case((standing, 1))),
            func.count(case((_in_state(identity, "waits", today), 1))),
            func.count(case((_in_state(identity, "open", today), 1))),
            func.count(case((_in_state(identity, "overdue", today), 1))),
            func.count(case((Finding.state == CLOSED, 1))),
        )
        .select_from(Finding)
        .where(*seen(identity))
    ).one()
    return Counts(*row)


def how_many_wait(session: Session, identity: Identity) -> int:
    """How many findings wait for the company, for a badge; 0 for who sees none."""
    return counts_of_company(session, identity).waiting


def of_engagement(session: Session, identity: Identity, engagement_id: uuid.UUID) -> list[Finding]:
    """What stands on an engagement that the reader may see, the worst first."""
    statement = select(Finding).where(
        on_engagement(identity, Engagement.id == engagement_id), Finding.state.in_(STANDING), *seen(identity)
    )
    return list(session.execute(statement.order_by(_rank(), Finding.opened_at, Finding.id)).scalars())


def beside(
    session: Session, identity: Identity, assessment_id: uuid.UUID, keys: Collection[str]
) -> dict[str, list[Finding]]:
    """What was found at questions of an assessment, closed ones too, the worst first."""
    rows = session.execute(
        select(Finding)
        .where(
            Finding.assessment_id == assessment_id,
            Finding.key.in_(keys),
            Finding.state != MERGED,
            *seen(identity),
        )
        .order_by(Finding.state == CLOSED, _rank(), Finding.opened_at, Finding.id)
    ).scalars()
    found: dict[str, list[Finding]] = {}
    for one in rows:
        found.setdefault(one.key, []).append(one)
    return found


def mergeable(session: Session, identity: Identity, one: Finding, *, most: int = 50) -> list[Finding]:
    """What else stands with the same vendor, the same question first; for merging."""
    rows = session.execute(
        select(Finding)
        .where(
            Finding.vendor_id == one.vendor_id,
            Finding.company_id == one.company_id,
            Finding.id != one.id,
            Finding.state.in_(STANDING),
            Finding.code != "knockout",
            *seen(identity),
        )
        .order_by(Finding.key != one.key, Finding.slug, Finding.key, Finding.id)
        .limit(most)
    ).scalars()
    return list(rows)


def _found(identity: Identity, narrowed: Filter, columns: Any, today: date) -> Select[Any]:
    statement = select(columns).where(*seen(identity))
    if narrowed.state != "all":
        statement = statement.where(_in_state(identity, narrowed.state, today))
    if narrowed.severity:
        statement = statement.where(Finding.severity == narrowed.severity)
    if narrowed.slug:
        statement = statement.where(Finding.slug == narrowed.slug)
    if narrowed.vendor_id is not None:
        statement = statement.where(Finding.vendor_id == narrowed.vendor_id)
    if narrowed.words:
        key = name_key(narrowed.words)
        statement = statement.where(
            or_(
                exists().where(
                    Vendor.id == Finding.vendor_id,
                    Vendor.name_key.contains(key, autoescape=True),
                    *mine(identity.scope, Vendor),
                ),
                on_engagement(identity, Engagement.name_key.contains(key, autoescape=True)),
            )
        )
    return statement


def _in_state(identity: Identity, state: str, today: date) -> ColumnElement[bool]:
    standing = Finding.state.in_(STANDING)
    if state == "waits":
        asked = exists().where(
            FindingClosing.finding_id == Finding.id,
            FindingClosing.state == "waiting",
            *mine(identity.scope, FindingClosing),
        )
        return and_(standing, or_(Finding.waits != "", asked))
    if state == "open":
        return and_(Finding.state == OPEN, Finding.waits == "")
    if state == "overdue":
        return and_(standing, Finding.due < today)
    return Finding.state == CLOSED if state == "closed" else standing


def _rank() -> ColumnElement[int]:
    return case(*((Finding.severity == one, at) for at, one in enumerate(SEVERITIES)), else_=len(SEVERITIES))


def _ordered(statement: Select[Any], identity: Identity, narrowed: Filter) -> Select[Any]:
    """The worst first, and of those what is due first; what has no day comes after."""
    due = func.coalesce(Finding.due, date.max)
    keys: list[Any] = [_rank()]
    if narrowed.sort == "vendor":
        keys = [
            select(Vendor.name_key)
            .where(Vendor.id == Finding.vendor_id, *mine(identity.scope, Vendor))
            .scalar_subquery()
        ]
    elif narrowed.sort == "due":
        keys = [due]
    elif narrowed.sort == "opened":
        keys = [Finding.opened_at]
    first = keys[0].desc() if narrowed.down else keys[0]
    return statement.order_by(first, due, Finding.opened_at, Finding.id)


# ---------------------------------------------------------------------------------------------------------- company


def of_company(
    session: Session, identity: Identity, state: str, assessment_id: uuid.UUID | None, *, number: int
) -> Page[Finding]:
    """One page of what was found about the company; ``state``: one of OURS, "" is what waits for it."""
    statement = select(Finding).where(*seen(identity), _for_company(state))
    if assessment_id is not None:
        statement = statement.where(Finding.assessment_id == assessment_id)
    due = func.coalesce(Finding.due, date.max)
    return paged(session, statement.order_by(due, _rank(), Finding.opened_at, Finding.id), number)


def counts_of_company(session: Session, identity: Identity) -> Mine:
    """What the tabs of the company's list say, in one statement."""
    if identity.role is CompanyRole.DELEGATE:
        return Mine(0, 0, 0)
    row = session.execute(
        select(
            func.count(case((_for_company(""), 1))),
            func.count(case((_for_company("waits"), 1))),
            func.count(case((_for_company("closed"), 1))),
        )
        .select_from(Finding)
        .where(*seen(identity))
    ).one()
    return Mine(*row)


def assessments(
    session: Session, identity: Identity, rows: Collection[Finding]
) -> dict[uuid.UUID, Assessment]:
    """The assessments that findings come from, for their names."""
    wanted = {one.assessment_id for one in rows}
    if not wanted:
        return {}
    found = session.execute(
        select(Assessment).where(Assessment.id.in_(wanted), *mine(identity.scope, Assessment))
    ).scalars()
    return {one.id: one for one in found}


def of_assessment(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[Finding]:
    """All that was found in answers to an assessment, closed and merged too, the oldest first."""
    statement = select(Finding).where(Finding.assessment_id == assessment_id, *seen(identity))
    return list(session.execute(statement.order_by(Finding.opened_at, Finding.key, Finding.id)).scalars())


def _for_company(state: str) -> ColumnElement[bool]:
    if state == "closed":
        return Finding.state == CLOSED
    standing = Finding.state.in_(STANDING)
    return and_(standing, Finding.waits != "" if state == "waits" else Finding.waits == "")
