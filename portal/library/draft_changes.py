"""One change of a draft: worked out before the write lock, stored under it, kept so that it can be taken back.

A document may be 4 MB: reading it, comparing it and writing it anew take tenths of a second in which no other writer
of an SQLite portal should wait. So a page works its change out from what it looked at, and the writer only looks
whether the draft still has that revision; if not, it works the change out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Throttled
from portal.library import parts
from portal.library.models import DraftEdit, QuestionnaireDraft
from portal.library.parts import Changes, Document
from questionnaires.canonical import canonical_json

MOST_EDITS = 20_000  # of one draft: each keeps what was there before
MOST_KEPT = (
    128_000_000  # bytes of all its changes together: some ten thousand of questions, a dozen whole documents
)
PACE = timedelta(minutes=1)
MOST_IN_PACE = 120  # changes of one draft by everybody together: two a second, faster than people write
FULL = "This draft has been changed as often as a draft can be. Export it and begin a new one."


@dataclass(frozen=True, slots=True)
class Ready:
    """A change of a draft at ``revision``, worked out. ``document``: the draft with it; ``data``: as it is stored.

    ``before`` and ``after``: canonical JSON of {part: what it held}, see DraftEdit.
    """

    revision: int
    part: str
    document: Document
    data: bytes
    before: bytes
    after: bytes


@dataclass(frozen=True, slots=True)
class Ahead:
    """What saving a part will do to a draft that has ``revision``; ``ready`` is None when it changes nothing."""

    revision: int
    ready: Ready | None


def work(document: Document, revision: int, changes: Changes, *, part: str) -> Ready:
    """Work ``changes`` (see parts) out. Raises Conflict and Invalid as ``parts.applied`` and ``parts.encoded``."""
    changed, before = parts.applied(document, changes)
    return Ready(
        revision, part, changed, parts.encoded(changed), canonical_json(before), canonical_json(dict(changes))
    )


def store(session: Session, row: QuestionnaireDraft, ready: Ready, *, actor: Identity, now: datetime) -> None:
    """Put a change into the locked draft: one more revision, one edit on record, one event.

    Raises Conflict when the draft keeps as many changes as it may, Throttled when they come too fast.
    """
    assert ready.revision == row.revision
    _check_room(session, row, len(ready.before) + len(ready.after), actor, now)
    row.document = ready.data
    row.revision += 1
    row.changed_by, row.changed_at = actor.person.id, now
    row.title = titled(ready.document.get("title"), row.slug)
    session.add(
        DraftEdit(
            organisation_id=row.organisation_id,
            draft_id=row.id,
            revision=row.revision,
            part=ready.part,
            before=ready.before,
            after=ready.after,
            edited_by=actor.person.id,
            edited_at=now,
        )
    )
    session.flush()
    data = {"revision": row.revision, "part": ready.part[:200]}
    record(session, Kind.DRAFT_CHANGED, now=now, actor=actor, subject=row, data=data)


def titled(title: object, slug: str) -> str:
    """How a draft is called in lists: its title as far as it has one."""
    return title[:300] if isinstance(title, str) and title.strip() else slug


def _check_room(session: Session, row: QuestionnaireDraft, more: int, actor: Identity, now: datetime) -> None:
    if row.revision >= MOST_EDITS:
        raise Conflict(FULL)
    # Revisions have no gaps: the edit so many revisions ago tells how long that many took.
    early = scoped(actor, DraftEdit).where(
        DraftEdit.draft_id == row.id, DraftEdit.revision == row.revision + 1 - MOST_IN_PACE
    )
    began = session.scalars(early.with_only_columns(DraftEdit.edited_at)).one_or_none()
    if began is not None and began > now - PACE:
        wait = max(1, int((began + PACE - now).total_seconds()) + 1)
        raise Throttled(
            "This draft was changed very often within a minute. Wait a moment, then save again.", wait
        )
    kept = select(func.sum(func.length(DraftEdit.before) + func.length(DraftEdit.after))).where(
        *mine(actor.scope, DraftEdit), DraftEdit.draft_id == row.id
    )
    if (session.scalar(kept) or 0) + more > MOST_KEPT:
        raise Conflict(FULL)
