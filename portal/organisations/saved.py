"""Saved views of lists: kept under a name, found again by their maker, and by everybody where they are shared.

A view holds what the address of its list holds: known parameters with codes in them, and the words of a search. What a
list does not know any more it leaves out when it is opened, as with any address.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, OrganisationRole, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import name_key
from portal.faults import Invalid, NotFound
from portal.organisations.view_models import SavedView

MOST = 30  # of one person
MOST_SHARED = 30  # on one list, of all together: each page of the list shows them
LONGEST_NAME, LONGEST_WORDS = 60, 200
CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_ORDER = ("sort", "down")
# List -> the parameters of its address that a view may hold; ``q`` is free text, all others are codes, ids and days.
PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "engagements": (
            *("q", "tier", "level", "residual", "gate", "below", "holds", "due", "owner", "data", "vendor"),
            *_ORDER,
        ),
        "vendors": ("q", "tier", "needs", "country", "state", *_ORDER),
        "assessments": ("q", "state", "questionnaire", "tier", "vendor", *_ORDER),
        "findings": ("q", "state", "severity", "questionnaire", "vendor", *_ORDER),
        "gates": ("q", "state", "tier", *_ORDER),
        "reviews": ("q", "state", "tier", "questionnaire", *_ORDER),
        "changes": ("q", "what", "tier", "since"),
        "conditions": ("q", "due", "tier"),
        "exceptions": ("q", "state", "tier"),
        "fourth-parties": ("q", "tier"),
        "search": ("q", "tier", "questionnaire"),
        "schedule": ("view", "period", "month", "part"),
    }
)


def checked(which: str, values: Mapping[str, str]) -> dict[str, str]:
    """Of ``values`` what an address of this list may hold, "" left out; raises Invalid for a list that is none."""
    if which not in PARAMETERS:
        raise Invalid("Choose the list again.")
    found = {}
    for name in PARAMETERS[which]:
        value = values.get(name, "")
        if name == "q":
            value = " ".join(value.split())[:LONGEST_WORDS]
            sound = bool(value) and value.isprintable()
        else:
            sound = CODE.fullmatch(value) is not None
        if sound:
            found[name] = value
    return found


def of_list(session: Session, identity: Identity, which: str) -> list[SavedView]:
    """What the reader finds at a list: their own and shared ones, by name.

    Who sees some vendors only is not shown what others search for: it is mostly the name of a vendor.
    """
    statement = (
        scoped(identity, SavedView)
        .where(SavedView.list == which, or_(SavedView.person_id == identity.person.id, SavedView.shared))
        .order_by(SavedView.name_key, SavedView.id)
    )
    found = session.execute(statement).scalars()
    all_vendors = identity.role is not OrganisationRole.BUSINESS_OWNER
    return [
        one for one in found if all_vendors or one.person_id == identity.person.id or "q" not in one.query
    ]


def may_remove(identity: Identity, one: SavedView) -> bool:
    """Whoever made it, and an administrator where everybody sees it."""
    return one.person_id == identity.person.id or (one.shared and identity.role is OrganisationRole.ADMIN)


def save(
    session: Session,
    identity: Identity,
    *,
    which: str,
    name: str,
    query: Mapping[str, str],
    shared: bool,
    now: datetime,
) -> SavedView:
    """Keep a view under ``name``; one of that name and list is replaced. Invalid says what does not fit."""
    assert identity.organisation is not None
    held, name = checked(which, query), " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Invalid("", {"name": f"Write a name of at most {LONGEST_NAME} characters, on one line."})
    if not held:
        raise Invalid("", {"name": "Narrow the list first, then keep it: this is the whole list."})
    own = [*mine(identity.scope, SavedView), SavedView.person_id == identity.person.id]
    key = name_key(name)[:LONGEST_NAME]
    row = session.execute(
        select(SavedView).where(*own, SavedView.list == which, SavedView.name_key == key)
    ).scalar_one_or_none()
    if shared and not (row is not None and row.shared):
        theirs = [*mine(identity.scope, SavedView), SavedView.list == which, SavedView.shared]
        if session.execute(select(func.count(SavedView.id)).where(*theirs)).scalar_one() >= MOST_SHARED:
            text = f"This list has {MOST_SHARED} views for everybody already. Keep it for yourself, or take one away."
            raise Invalid("", {"shared": text})
    if row is None:
        if session.execute(select(func.count(SavedView.id)).where(*own)).scalar_one() >= MOST:
            raise Invalid("", {"name": f"You have kept {MOST} views. Take one away first."})
        row = SavedView(
            id=uuid.uuid4(),
            organisation_id=identity.organisation.id,
            person_id=identity.person.id,
            list=which,
            name_key=key,
            created_at=now,
        )
        session.add(row)
    row.name, row.query, row.shared = name, held, shared
    session.flush()
    record(
        session, Kind.VIEW_SAVED, now=now, actor=identity, subject=row, data={"list": which, "shared": shared}
    )
    return row


def removable(session: Session, identity: Identity, view_id: uuid.UUID) -> SavedView:
    """The view, for whoever may take it away; NotFound for everybody else."""
    statement = scoped(identity, SavedView).where(SavedView.id == view_id)
    row: SavedView | None = session.execute(statement).scalar_one_or_none()
    if row is None or not may_remove(identity, row):
        raise NotFound
    return row


def remove(session: Session, identity: Identity, view_id: uuid.UUID, *, now: datetime) -> str:
    """Take a view away; returns its list. NotFound for what is not there for the reader to remove."""
    row = removable(session, identity, view_id)
    which = row.list
    record(session, Kind.VIEW_REMOVED, now=now, actor=identity, subject=row, data={"list": which})
    session.delete(row)
    session.flush()
    return which


def forget(session: Session, organisation_id: uuid.UUID, person_id: uuid.UUID) -> None:
    """All views of somebody who leaves an organisation; the caller records that they left."""
    session.execute(
        delete(SavedView).where(
            SavedView.organisation_id == organisation_id, SavedView.person_id == person_id
        )
    )
