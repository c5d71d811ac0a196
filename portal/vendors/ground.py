"""What a gate rests on has changed: every writer of a ground says so, and so takes turns with whoever decides on it.

A decision of the gate is made, and approved, under the lock of its engagement's row; ``ground_moved`` waits for that
lock and gives the row another ``ground_revision``. So a decision either sees what was written or was there before it,
and what was worked out for one revision of the ground holds for as long as the revision does. Revisions are random:
one that was rolled back never comes again with other facts.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session, attributes

from portal.db import across
from portal.vendors.models import Engagement

MOVED = "ground"  # in a session's notes: its transaction says that a ground moved; a test asks for it


def ground_moved(session: Session, organisation_id: uuid.UUID, engagement_ids: Collection[uuid.UUID]) -> None:
    """Something that the gates of these engagements of one organisation rest on changes in this transaction.

    Locks their rows in the order of their ids, whoever asks, so that two writers never wait for each other. Call it
    before reading what the change depends on where that is another ground, else at any point before the end.
    """
    if engagement_ids:
        _move(session, organisation_id, Engagement.id.in_(sorted(set(engagement_ids))))
    session.info[MOVED] = True


def vendors_moved(session: Session, organisation_id: uuid.UUID, vendor_ids: Collection[uuid.UUID]) -> None:
    """The same for all engagements with these vendors: one joins a company, leaves it, or is offboarded."""
    _move(session, organisation_id, Engagement.vendor_id.in_(sorted(set(vendor_ids))))


def every_ground_moved(session: Session, organisation_id: uuid.UUID) -> None:
    """The same for all engagements of an organisation: its policy changes, or its clauses."""
    _move(session, organisation_id)


def _move(session: Session, organisation_id: uuid.UUID, *among: ColumnElement[bool]) -> None:
    session.info[MOVED] = True
    which = [Engagement.organisation_id == organisation_id, *among]
    crossing = across(
        "what a company or an organisation changes moves the ground of the gates that rest on it"
    )
    locked = session.scalars(
        select(Engagement.id)
        .where(*which)
        .order_by(Engagement.id)
        .with_for_update()
        .execution_options(**crossing)
    ).all()
    revision = 1 + secrets.randbits(62)
    session.execute(
        update(Engagement)
        .where(*which)
        .values(ground_revision=revision)
        .execution_options(synchronize_session=False, **crossing)
    )
    for one in locked:  # what the session holds already is as new as the row, without reading it again
        held = session.identity_map.get(session.identity_key(Engagement, one))
        if held is not None:
            attributes.set_committed_value(held, "ground_revision", revision)
