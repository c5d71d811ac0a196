"""What stands at each gate as one relation of SQL, for lists and figures over thousands of engagements.

What the keeper stored counts as long as what it was worked out from is unchanged (fresh.py); of the rest some is worked
out now and joined in as values, and what is still left out is said: a figure is never wrong, at most it waits. Whoever
decides reads the gate itself (reading.standing).
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    ColumnElement,
    Date,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    column,
    exists,
    select,
    union_all,
    values,
)
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.db import UtcDateTime
from portal.gate import working
from portal.gate.standing_models import BriefCondition, BriefSubmission, GateBrief
from portal.gate.working import Worked
from portal.remembered import Remembered
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor

NOW_AT_ONCE = 40  # gates that one page works out: about a tenth of a second
AS_VALUES = 120  # gates that a statement takes along: each row is compiled anew
BESIDE = 240  # rows of their conditions, and of their submissions
NOBODY = uuid.UUID(int=0)
# What a relation says of each gate, in this order: columns of GateBrief.
COLUMNS = (
    *(
        "engagement_id",
        "ground_revision",
        "outcome",
        "decided_outcome",
        "proposed",
        "level",
        "high",
        "missing",
        "lapsed",
        "lapses_on",
    ),
    *("valid_until", "open_conditions", "excepted", "decision_id", "decided_at", "reasons"),
)
CONDITIONS = ("engagement_id", "code", "subject", "due", "lapses_to")
SUBMISSIONS = ("engagement_id", "slug", "submission_id", "demanded")
BESIDE_BRIEFS = (BriefCondition, CONDITIONS), (BriefSubmission, SUBMISSIONS)
# One value of each kind of column, for a row that is no gate's (_pad).
PAD: Mapping[type, Any] = MappingProxyType(
    {Uuid: NOBODY, String: "", Integer: 0, Boolean: False, Date: date(2000, 1, 1), JSON: ()}
)

_worked: Remembered[Worked] = Remembered(50_000)
_failed: Remembered[bool] = Remembered(50_000)  # what nobody can work out, by the same key


@dataclass(frozen=True, slots=True)
class Relation:
    """What stands at each gate that the reader may see, of vendors that are still here, for statements that ask for
    these vendors themselves: what was stored of others may be old.

    ``of``: a subquery with COLUMNS for ``joined``, which leaves out rows of a revision that the engagement has left
    behind; ``conditions``: those not met, with CONDITIONS; ``submissions``: what counts today, with SUBMISSIONS.
    ``waiting``: how many gates are left out of all three, since nobody has worked them out yet.
    """

    of: Any
    conditions: Any
    submissions: Any
    waiting: int

    @property
    def incomplete(self) -> str:
        """What the name of a file ends with that says less than it would, "" where nothing waits."""
        return f"-{self.waiting}-gates-not-worked-out" if self.waiting else ""


def relation(
    session: Session, identity: Identity, *, today: date, now: datetime, most: int = NOW_AT_ONCE
) -> Relation:
    """What stands today. At most ``most`` gates that nobody has worked out for today are worked out here.

    A fixed number of statements, and some more where any has to be worked out. One relation is made for a page and
    handed on: another one may know more.
    """
    assert identity.organisation is not None
    organisation_id = identity.organisation.id
    in_force = working.rules(session, organisation_id)
    stale = _stale(session, identity, in_force.basis, today)
    found = _Found()
    missing: list[Any] = []
    for one in stale:
        place = (one.id, one.ground_revision, in_force.basis, today)
        known = _worked.known(place)
        if known is not None:
            found.take(one.id, known)
        elif not _failed.known(place):
            missing.append(one)
    if todo := missing[: min(most, AS_VALUES - len(found))]:
        looked = working.looked_at(session, organisation_id, [one.id for one in todo], in_force, now=now)
        for key, made in looked.made.items():
            _worked.keep((key, made.ground_revision, in_force.basis, made.day), made)
            found.take(key, made)
        for one in todo:
            if one.id in looked.failed:
                _failed.keep((one.id, one.ground_revision, in_force.basis, today), True)
    where = identity, in_force.basis, today
    if len(stale) > AS_VALUES or vendors.is_narrowed(identity):
        stored = [_beside(*where, found, *one) for one in BESIDE_BRIEFS]
    else:
        stored = [_all_but(identity, {one.id for one in stale}, *one) for one in BESIDE_BRIEFS]
    made_now = condition_rows(found), submission_rows(found)
    conditions, submissions = (
        _with(some, *one, list(rows)) for some, one, rows in zip(stored, BESIDE_BRIEFS, made_now, strict=True)
    )
    return Relation(_gates(*where, found), conditions, submissions, len(stale) - len(found))


class _Found(dict[uuid.UUID, Worked]):
    """Gates that were worked out now, as many as a statement takes along; the others wait for the worker."""

    def __init__(self) -> None:
        super().__init__()
        self._beside = [0, 0]

    def take(self, key: uuid.UUID, one: Worked) -> None:
        """Add one, if it fits."""
        alone = {key: one}
        rows = [sum(1 for _ in some) for some in (condition_rows(alone), submission_rows(alone))]
        after = [here + more for here, more in zip(self._beside, rows, strict=True)]
        if len(self) < AS_VALUES and max(after) <= BESIDE:
            self._beside = after
            self[key] = one


def joined(relation: Relation) -> tuple[Any, ColumnElement[bool]]:
    """For ``.outerjoin(*joined(relation))`` of a statement over Engagement: what is not known yet is NULL."""
    of = relation.of.c
    return relation.of, and_(
        of.engagement_id == Engagement.id, of.ground_revision == Engagement.ground_revision
    )


# ------------------------------------------------------------------------------------------------------------- reading


def holds(basis: str, today: date) -> list[ColumnElement[bool]]:
    """What a stored row and its engagement are compared by: it counts today."""
    return [GateBrief.ground_revision == Engagement.ground_revision, *_in_force(basis, today)]


def _in_force(basis: str, today: date) -> list[ColumnElement[bool]]:
    """``holds`` but for the engagement's revision."""
    return [GateBrief.basis == basis, GateBrief.day <= today, GateBrief.until > today]


def stale_of(
    engagements: Iterable[ColumnElement[bool]],
    briefs: Iterable[ColumnElement[bool]],
    sellers: Iterable[ColumnElement[bool]],
    basis: str,
    today: date,
) -> Any:
    """Engagements whose stored standing does not count today, by id, of vendors that are still here; the criteria name
    whose engagements, briefs and vendors.
    """
    # Few are left when the vendor is asked for, which names the brief so that SQLite does not ask it of all before.
    here = (
        exists()
        .where(
            Vendor.id == Engagement.vendor_id,
            Vendor.offboarded_at.is_(None),
            *sellers,
            GateBrief.engagement_id.is_(None),
        )
        .correlate(Engagement, GateBrief)
    )
    return (
        select(Engagement.id, Engagement.ground_revision)
        .outerjoin(GateBrief, and_(GateBrief.engagement_id == Engagement.id, *briefs, *holds(basis, today)))
        .where(*engagements, GateBrief.engagement_id.is_(None), here)
        .order_by(Engagement.id)
    )


def _stale(session: Session, identity: Identity, basis: str, today: date) -> list[Any]:
    briefs, sellers = (mine(identity.scope, model) for model in (GateBrief, Vendor))
    statement = stale_of(vendors.own_engagements(identity), briefs, sellers, basis, today)
    return list(session.execute(statement))


def _gates(identity: Identity, basis: str, today: date, found: Mapping[uuid.UUID, Worked]) -> Any:
    # Of one table alone, so that SQLite reads it row by row beside the engagements instead of writing it down first.
    here = [*mine(identity.scope, GateBrief), *_in_force(basis, today)]
    if vendors.is_narrowed(identity):  # for it the relation alone names nobody else's, either
        here.append(
            GateBrief.engagement_id.in_(select(Engagement.id).where(*vendors.own_engagements(identity)))
        )
    stored = select(*(getattr(GateBrief, name) for name in COLUMNS)).where(*here, *_but(found))
    return _with(stored, GateBrief, COLUMNS, [brief_row(key, one) for key, one in found.items()])


def _beside(
    identity: Identity,
    basis: str,
    today: date,
    found: Collection[uuid.UUID],
    model: Any,
    names: tuple[str, ...],
) -> Select[Any]:
    """Rows that stand beside stored briefs that count."""
    return (
        select(*(getattr(model, name) for name in names))
        .select_from(GateBrief)
        .join(Engagement, Engagement.id == GateBrief.engagement_id)
        .join(model, and_(model.engagement_id == GateBrief.engagement_id, *mine(identity.scope, model)))
        .where(*_counts(identity, basis, today, found))
    )


def _all_but(
    identity: Identity, stale: Collection[uuid.UUID], model: Any, names: tuple[str, ...]
) -> Select[Any]:
    """The same, of vendors that are still here, where the briefs that do not count are few: none has to be asked."""
    but = [model.engagement_id.not_in(sorted(stale))] if stale else []
    return select(*(getattr(model, name) for name in names)).where(*mine(identity.scope, model), *but)


def _counts(
    identity: Identity, basis: str, today: date, found: Collection[uuid.UUID]
) -> list[ColumnElement[bool]]:
    """Whose stored rows count; those of ``found`` do not, should the worker have stored them meanwhile."""
    here = [*mine(identity.scope, GateBrief), *vendors.own_engagements(identity), *holds(basis, today)]
    return [*here, *_but(found)]


def _but(found: Collection[uuid.UUID]) -> list[ColumnElement[bool]]:
    return [GateBrief.engagement_id.not_in(sorted(found))] if found else []


def _with(stored: Any, model: Any, names: Iterable[str], rows: list[tuple[Any, ...]]) -> Any:
    """``stored`` and ``rows`` as one subquery."""
    statement = stored
    if rows:
        kinds = [(name, getattr(model, name).type) for name in names]
        pad = tuple(_pad(kind) for _name, kind in kinds)
        # SQLite names the columns of VALUES only where they are a common table expression.
        name = f"{model.__tablename__}_now"
        made = values(*(column(*one) for one in kinds), name=name).data([pad, *rows]).cte(name)
        statement = union_all(stored, select(*made.c).where(made.c.engagement_id != NOBODY))
    return statement.subquery(f"{model.__tablename__}_standing")


def _pad(kind: Any) -> Any:
    """A value of its own kind: PostgreSQL takes a column that is NULL in every row of VALUES for text."""
    if isinstance(kind, UtcDateTime):
        return datetime(2000, 1, 1, tzinfo=UTC)
    return next(value for one, value in PAD.items() if isinstance(kind, one))


def brief_row(key: uuid.UUID, one: Worked) -> tuple[Any, ...]:
    """As COLUMNS."""
    brief = one.brief
    return (
        *(
            key,
            one.ground_revision,
            brief.outcome,
            brief.decided_outcome,
            brief.proposed,
            one.level,
            one.high,
            one.missing,
        ),
        *(brief.lapsed, one.lapses_on, brief.valid_until, len(brief.open), one.excepted, brief.decision_id),
        *(brief.decided_at, [list(each) for each in brief.reasons]),
    )


def condition_rows(found: Mapping[uuid.UUID, Worked]) -> Iterator[tuple[Any, ...]]:
    """As CONDITIONS. Where one was missed and its ground asks for it anew by a later day, the missed one counts."""
    for key, one in found.items():
        held = {each.key: each for each in (*one.brief.open, *one.brief.late)}
        yield from ((key, each.code, each.subject, each.due, each.lapses_to) for each in held.values())


def submission_rows(found: Mapping[uuid.UUID, Worked]) -> Iterator[tuple[Any, ...]]:
    """As SUBMISSIONS."""
    for key, one in found.items():
        yield from ((key, *each) for each in one.submissions)
