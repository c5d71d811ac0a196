"""Drafts as they are read: one, the list of them, what a draft holds, and who changed what."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from portal.access import Identity, mine, scoped
from portal.faults import NotFound
from portal.library.draft_grounds import GROUND
from portal.library.models import DraftEdit, QuestionnaireDraft
from portal.library.parts import Document
from portal.organisations import queries as organisations
from questionnaires.canonical import canonical_json

SHOWN_EDITS = 20
SMALL = 64_000  # bytes: some questions with all their words


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A draft in the list of them."""

    id: uuid.UUID
    title: str
    slug: str
    based_on: str | None
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class EditLine:
    """One change of a draft; ``how``: added, removed or changed.

    ``after`` maps parts to what they held then; None for a change of more than ``SMALL`` bytes, which is not read.
    """

    revision: int
    part: str
    who: str
    at: datetime
    how: str
    after: dict[str, Any] | None


def draft(session: Session, identity: Identity, draft_id: uuid.UUID) -> QuestionnaireDraft:
    """A draft of the identity's organisation that is still written. Raises NotFound."""
    statement = scoped(identity, QuestionnaireDraft).where(
        QuestionnaireDraft.id == draft_id, QuestionnaireDraft.state == "draft"
    )
    row: QuestionnaireDraft | None = session.execute(statement).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def document_of(row: QuestionnaireDraft) -> Document:
    """What a draft holds, as JSON; a copy of its own for each caller."""
    found: Document = json.loads(row.document)
    return found


def drafts(session: Session, identity: Identity) -> list[DraftLine]:
    """The organisation's open drafts, the one changed last first."""
    statement = (
        scoped(identity, QuestionnaireDraft)
        .where(QuestionnaireDraft.state == "draft")
        .options(defer(QuestionnaireDraft.document), defer(QuestionnaireDraft.conflicts))
        .order_by(QuestionnaireDraft.changed_at.desc(), QuestionnaireDraft.id)
    )
    rows = session.execute(statement).scalars().all()
    people = organisations.people(session, {one.changed_by for one in rows})
    return [
        DraftLine(
            one.id, one.title, one.slug, one.based_on, _name(people.get(one.changed_by)), one.changed_at
        )
        for one in rows
    ]


def edits(
    session: Session, identity: Identity, row: QuestionnaireDraft, most: int = SHOWN_EDITS
) -> list[EditLine]:
    """The newest changes of a draft, newest first. At most ``SMALL`` bytes of each are read."""
    sizes = func.length(DraftEdit.before), func.length(DraftEdit.after)
    statement = (
        select(DraftEdit.revision, DraftEdit.part, DraftEdit.edited_by, DraftEdit.edited_at, *sizes)
        .where(*mine(identity.scope, DraftEdit), DraftEdit.draft_id == row.id)
        .order_by(DraftEdit.revision.desc())
        .limit(most)
    )
    found = session.execute(statement).all()
    people = organisations.people(session, {one.edited_by for one in found})
    small = [number for number, _part, _who, _at, before, after in found if before + after <= SMALL]
    contents = _contents(session, identity, row, small)
    lines = []
    for number, part, who, at, before, after in found:
        nothing = len(canonical_json({part: None}))  # the size of a side on which the part was not there
        how = "added" if before == nothing else "removed" if after == nothing else "changed"
        held: dict[str, Any] | None = None
        if number in contents:
            held, stood = contents[number]
            how = "added" if stood.get(part, "") is None else "removed" if held.get(part, "") is None else how
        lines.append(EditLine(number, part, _name(people.get(who)), at, how, held))
    return lines


def _contents(
    session: Session, identity: Identity, row: QuestionnaireDraft, revisions: list[int]
) -> dict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """(after, before) of these revisions."""
    statement = select(DraftEdit.revision, DraftEdit.after, DraftEdit.before).where(
        *mine(identity.scope, DraftEdit), DraftEdit.draft_id == row.id, DraftEdit.revision.in_(revisions)
    )
    return {number: (_parts(after), _parts(before)) for number, after, before in session.execute(statement)}


def _parts(side: bytes) -> dict[str, Any]:
    """One side of a change without what it says about the draft's ground."""
    return {part: value for part, value in json.loads(side).items() if part != GROUND}


def last_edit_of(
    session: Session, identity: Identity, draft_id: uuid.UUID, part: str
) -> tuple[str, datetime] | None:
    """(name, instant) of whoever changed a part last; None while it is as the draft began."""
    statement = (
        select(DraftEdit.edited_by, DraftEdit.edited_at)
        .where(*mine(identity.scope, DraftEdit), DraftEdit.draft_id == draft_id, DraftEdit.part == part)
        .order_by(DraftEdit.revision.desc())
        .limit(1)
    )
    found = session.execute(statement).first()
    if found is None:
        return None
    return _name(organisations.people(session, {found[0]}).get(found[0])), found[1]


def _name(person: Any) -> str:
    return person.name if person is not None else ""
