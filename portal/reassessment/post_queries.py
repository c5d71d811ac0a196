"""The letters of an organisation: what became of each, and sending one again. Never what it said."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, or_, select, union_all
from sqlalchemy.orm import Session

from portal import outbox
from portal.access import Identity, mine
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, NotFound
from portal.outbox import DIGEST, Message
from portal.paging import SIZE, Page, paged
from portal.reassessment import outcomes
from portal.reassessment.models import Reminder
from portal.reassessment.outcomes import ACROSS

# What the filter offers -> the states that it finds.
STATES: dict[str, tuple[str, ...]] = {
    "all": (),
    "waiting": ("queued", "failed", "sending", "held"),
    "sent": ("sent",),
    "gave_up": ("gave_up",),
    "dropped": ("dropped",),
}
WAITING = STATES["waiting"]
GATHERING = ("all", "sent")  # their letters are kept for ever
MOST = 10_000  # letters of those that the page leads to: whole pages
FEW = 40_000  # reminders of an organisation
AT_ONCE = 1000  # letters that are sent again at a press
NEWEST = (Message.created_at.desc(), Message.id)


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as the list shows it. ``lines`` and ``left_out``: of the organisation's reminders in it."""

    id: uuid.UUID
    kind: str
    to: str
    address: str
    about: str
    state: str
    attempts: int
    at: datetime
    next_at: datetime | None
    error: str
    lines: int
    left_out: int
    again: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How many letters wait and were given up, and since when the oldest waits whose moment has come."""

    counts: dict[str, int]
    oldest: datetime | None


def _ours(identity: Identity) -> ColumnElement[bool]:
    """Letters of the organisation, and digests that carry a line of it. Each row is looked at by itself, so the
    statement needs another way to few rows: their states, or an id.
    """
    carried = _carried(identity).where(Reminder.message_id == Message.id).exists()
    return or_(*mine(identity.scope, Message), (Message.kind == DIGEST) & carried)


def _carried(identity: Identity) -> Select[Any]:
    return select(Reminder.message_id).where(*mine(identity.scope, Reminder))


def letters(session: Session, identity: Identity, *, state: str, number: int) -> Page[Letter]:
    """One page, the newest first; ``state``: one of STATES. Of those that gather, the newest MOST are listed."""
    if state in GATHERING:
        page = _newest(session, identity, STATES[state], number)
    else:
        found = select(Message).where(_ours(identity), Message.state.in_(STATES[state]))
        page = paged(session, found.order_by(*NEWEST).execution_options(**ACROSS), number)
    return Page(_read(session, identity, page.rows), page.number, page.total, page.size)


def ids(session: Session, identity: Identity, state: str) -> Select[Any]:
    """The ids of what ``letters`` lists on all its pages, in its order."""
    if state in GATHERING:
        first = _first(identity, STATES[state], _few(session, identity), MOST).c
        found: Select[Any] = select(first.id).order_by(first.created_at.desc(), first.id).limit(MOST)
    else:
        found = select(Message.id).where(_ours(identity), Message.state.in_(STATES[state])).order_by(*NEWEST)
    return found.execution_options(**ACROSS)


def rows(session: Session, identity: Identity, some: list[uuid.UUID]) -> list[Letter]:
    """These letters, in this order; ``some``: of ``ids``."""
    found = select(Message).where(Message.id.in_(some), _ours(identity)).execution_options(**ACROSS)
    known = {one.id: one for one in session.execute(found).scalars()}
    return _read(session, identity, [known[one] for one in some if one in known])


def _read(session: Session, identity: Identity, some: list[Message]) -> list[Letter]:
    ids = [one.id for one in some]
    lines = _counted(session, identity, ids, left_out=False)
    left_out = _counted(session, identity, ids, left_out=True)
    return [_letter(one, lines.get(one.id, 0), left_out.get(one.id, 0)) for one in some]


def _newest(session: Session, identity: Identity, states: tuple[str, ...], number: int) -> Page[Message]:
    """One page of the newest MOST, which the database need not sort all letters for."""
    few = _few(session, identity)
    counted = select(func.count()).select_from(_first(identity, states, few, MOST))
    total = min(MOST, session.execute(counted.execution_options(**ACROSS)).scalar_one())
    page: Page[Message] = Page([], number, total)
    number = min(number, page.last)
    first = _first(identity, states, few, number * SIZE).c
    shown = select(first.id).order_by(first.created_at.desc(), first.id).limit(SIZE)
    shown = shown.offset((number - 1) * SIZE)
    found = select(Message).where(Message.id.in_(shown)).order_by(*NEWEST).execution_options(**ACROSS)
    return Page(list(session.execute(found).scalars()), number, total)


def _few(session: Session, identity: Identity) -> bool:
    some = select(Reminder.id).where(*mine(identity.scope, Reminder)).limit(FEW + 1).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one()) <= FEW


def _first(identity: Identity, states: tuple[str, ...], few: bool, most: int) -> Subquery:
    """Id and instant of the newest ``most`` of the organisation's own letters and of as many digests: the newest
    ``most`` of both are among them. ``few``: its reminders are few enough to begin with them; else the digests are
    walked from the newest on until enough carry a line of it.
    """
    carried = _carried(identity)
    digests: list[ColumnElement[bool]] = [Message.kind == DIGEST]
    if few:
        digests.append(Message.id.in_(carried))
    else:  # a digest is nobody's own: (organisation_id, created_at) is an index
        digests += [
            Message.organisation_id.is_(None),
            carried.where(Reminder.message_id == Message.id).exists(),
        ]
    arms = []
    for which in (mine(identity.scope, Message), digests):
        arm = select(Message.id, Message.created_at).where(
            *which, *([Message.state.in_(states)] if states else [])
        )
        by_index = arm.order_by(Message.organisation_id.desc(), *NEWEST)
        arms.append(select(by_index.limit(most).subquery()))
    return union_all(*arms).subquery()


def _letter(one: Message, lines: int, left_out: int) -> Letter:
    waits = one.state in outbox.UNSENT
    return Letter(
        id=one.id,
        kind=one.kind,
        to=one.recipient_name,
        address=one.recipient,
        about=one.subject,
        state="gathered" if one.into_id is not None else one.state,
        attempts=one.attempts,
        at=one.sent_at or one.created_at,
        next_at=one.due_at if waits else None,
        error=one.last_error if one.state in ("failed", "gave_up") else "",
        lines=lines,
        left_out=left_out,
        again=_again(one),
    )


def resend_given_up(session: Session, identity: Identity, *, now: datetime) -> int:
    """As ``resend`` for all that were given up, the oldest first, AT_ONCE at most; how many. One event tells of them.

    Raises Conflict where there is none.
    """
    some = (
        select(Message.id)
        .where(_ours(identity), Message.state == "gave_up", *_again_of_rows())
        .order_by(Message.created_at, Message.id)
        .limit(AT_ONCE)
        .execution_options(**ACROSS)
    )
    wanted = list(session.execute(some).scalars())
    back = outbox.requeue(session, Message.id.in_(wanted), now=now, options=ACROSS) if wanted else 0
    if not back:
        raise Conflict(
            "None of these letters can be sent again: each is on its way, or nothing is left of it."
        )
    record(session, Kind.LETTER_RESENT, now=now, actor=identity, data={"letters": back})
    return back


def _again(one: Message) -> bool:
    """Whether it may be sent again: it failed or was given up, its text is there or will be made, nobody carries it."""
    return (
        one.state in ("failed", "gave_up")
        and one.into_id is None
        and bool(one.recipient)
        and (not one.ready or one.text != "")
    )


def _again_of_rows() -> tuple[ColumnElement[bool], ...]:
    """What ``_again`` asks beside the state, of rows."""
    return (
        Message.into_id.is_(None),
        Message.recipient != "",
        or_(Message.ready.is_(False), Message.text != ""),
    )


def _counted(
    session: Session, identity: Identity, ids: list[uuid.UUID], *, left_out: bool
) -> dict[uuid.UUID, int]:
    statement = select(Reminder.message_id, func.count()).where(
        *mine(identity.scope, Reminder), Reminder.message_id.in_(ids)
    )
    if left_out:
        statement = outcomes.joined(statement, identity).where(outcomes.left_out())
    return dict(session.execute(statement.group_by(Reminder.message_id)).all())


def standing(session: Session, identity: Identity, *, now: datetime) -> Standing:
    """The figures at the head of the page."""
    told = ("waiting", "gave_up")
    rows = session.execute(
        select(Message.state, func.count())
        .where(_ours(identity), Message.state.in_([one for name in told for one in STATES[name]]))
        .group_by(Message.state)
        .execution_options(**ACROSS)
    )
    found = dict(rows.all())
    oldest = session.execute(
        select(func.min(Message.due_at))
        .where(_ours(identity), Message.state.in_(WAITING), Message.due_at <= now)
        .execution_options(**ACROSS)
    ).scalar_one()
    counts = {name: sum(found.get(one, 0) for one in STATES[name]) for name in told}
    return Standing(counts, oldest)


def resend(session: Session, identity: Identity, letter_id: uuid.UUID, *, now: datetime) -> None:
    """Queue a letter that failed or was given up once more, under its id; lines of it are looked at anew when it goes.

    Raises NotFound for a letter of somebody else, Conflict for one that is queued, went, or has no text any more.
    """
    found: Message | None = session.execute(
        select(Message)
        .where(Message.id == letter_id, _ours(identity))
        .with_for_update()
        .execution_options(**ACROSS)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    if not _again(found):
        raise Conflict("This letter cannot be sent again: it is queued, it went, or nothing is left of it.")
    back = outbox.requeue(session, Message.id == letter_id, now=now, options=ACROSS)
    if not back:
        raise Conflict("This letter is on its way already.")
    record(
        session,
        Kind.LETTER_RESENT,
        now=now,
        actor=identity,
        data={"letter": letter_id, "kind": found.kind},
    )
