"""Drafts of questionnaires: begun, edited part by part, taken back, discarded.

Whoever changes a draft locks its row and says what the part looked like to them: two editors never overwrite each
other, and every change can be taken back while its parts stand as it left them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.library import parts
from portal.library.draft_changes import Ahead, store, titled, work
from portal.library.draft_grounds import CHANGED_SINCE, Ground, noted, taken_back
from portal.library.draft_queries import document_of, draft
from portal.library.models import DraftEdit, QuestionnaireDraft, ReleasedVersion
from portal.library.parts import HEADER, WHOLE, Changes, Document
from portal.organisations.models import Organisation
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.patterns import SLUG
from questionnaires.raw import raw

__all__ = ["Stale", "change", "create", "draft", "locked", "replace_document"]

MOST_DRAFTS = 100


class Stale(Conflict):
    """The part has changed since the page was drawn; ``now`` is what it holds, None when it is gone."""

    def __init__(self, now: Any) -> None:
        super().__init__("Somebody changed this while you were writing.")
        self.now = now


# ----------------------------------------------------------------------------------------------------------- beginning


def copied(base: Questionnaire, *, slug: str, version: str, title: str) -> Document:
    """The document of a draft that begins as a copy; ``based_on`` names what it was copied from."""
    document = raw(base)
    if slug != base.slug:
        document["based_on"] = base.label
    return {**document, "slug": slug, "version": version, "title": title}


def empty(*, slug: str, title: str, licence: str) -> Document:
    """The document of a draft that begins with nothing: bands as the shipped questionnaires have them."""
    usual = raw(catalog.latest("security_lite"))
    return {
        "format": 1,
        "slug": slug,
        "version": "1.0.0",
        "title": title,
        "purpose": "assessment",
        "language": "en",
        "licence": licence,
        "summary": "",
        "bands": usual["bands"],
        "sections": [],
    }


def create(
    session: Session,
    document: Document,
    *,
    source_format: str,
    based_on: str | None = None,
    base_hash: str | None = None,
    previous_hash: str | None = None,
    report: Iterable[str] = (),
    conflicts: Iterable[Any] = (),
    now: datetime,
    actor: Identity,
) -> QuestionnaireDraft:
    """A draft that holds ``document``, which may have faults. Raises Invalid for what cannot be kept as a draft.

    Without ``previous_hash`` the slug is new: neither shipped nor the organisation's already (Invalid at ``slug``).
    """
    assert actor.organisation is not None
    parts.check_shape(document)
    slug, title = document.get("slug"), document.get("title")
    if not isinstance(slug, str) or not SLUG.fullmatch(slug):
        raise Invalid(errors={"slug": "Write lower-case letters, digits, _ and -, beginning with a letter."})
    data = parts.encoded(document)
    _lock_organisation(session, actor)
    _check_slug(session, actor, slug, follows=previous_hash is not None)
    row = QuestionnaireDraft(
        id=uuid.uuid4(),
        organisation_id=actor.organisation.id,
        slug=slug,
        title=titled(title, slug),
        document=data,
        conflicts=canonical_json(list(conflicts)),
        report=list(report),
        source_format=source_format,
        based_on=based_on,
        base_hash=base_hash,
        previous_hash=previous_hash,
        revision=1,
        state="draft",
        started_by=actor.person.id,
        started_at=now,
        changed_by=actor.person.id,
        changed_at=now,
        released_hash=None,
    )
    session.add(row)
    session.flush()
    codes = {"slug": slug, "format": source_format}
    record(session, Kind.DRAFT_STARTED, now=now, actor=actor, subject=row, data=codes)
    return row


def _lock_organisation(session: Session, actor: Identity) -> None:
    """Two people who begin with the same slug at the same time come one after the other."""
    statement = select(Organisation.id).where(*mine(actor.scope, Organisation)).with_for_update()
    session.execute(statement).scalar_one()


def _check_slug(session: Session, actor: Identity, slug: str, *, follows: bool) -> None:
    if catalog.versions(slug):
        raise Invalid(
            errors={"slug": f"{slug} is the name of a questionnaire of the portal. Choose another."}
        )
    open_drafts = select(QuestionnaireDraft.slug).where(
        *mine(actor.scope, QuestionnaireDraft), QuestionnaireDraft.state == "draft"
    )
    drafted = list(session.scalars(open_drafts))
    if len(drafted) >= MOST_DRAFTS:
        raise Conflict(f"There are {MOST_DRAFTS} drafts. Release or discard one first.")
    released = select(ReleasedVersion.id).where(
        *mine(actor.scope, ReleasedVersion), ReleasedVersion.slug == slug
    )
    if not follows and (slug in drafted or session.scalars(released).first() is not None):
        raise Invalid(errors={"slug": f"You have {slug} already. Choose another name, or begin from it."})


# ------------------------------------------------------------------------------------------------------------- changing


def locked(session: Session, identity: Identity, draft_id: uuid.UUID) -> QuestionnaireDraft:
    """The draft, locked until the transaction ends. Raises NotFound, and Conflict once it is released or discarded."""
    statement = (
        scoped(identity, QuestionnaireDraft)
        .where(QuestionnaireDraft.id == draft_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    row: QuestionnaireDraft | None = session.execute(statement).scalar_one_or_none()
    if row is None:
        raise NotFound
    if row.state != "draft":
        raise Conflict("This draft has been released or discarded meanwhile. Nothing was changed.")
    return row


def change(
    session: Session,
    row: QuestionnaireDraft,
    changes: Changes,
    *,
    part: str,
    actor: Identity,
    now: datetime,
    document: Document | None = None,
    ground: Ground | None = None,
) -> Document:
    """Make ``changes`` (see parts) in a locked draft: one more revision, one edit on record, one event.

    ``document`` saves reading the draft once more; ``ground``: what else changes with it. Raises Conflict and Invalid
    as ``parts.applied``.
    """
    document = document if document is not None else document_of(row)
    ready = work(document, row.revision, changes, part=part)
    if ground is not None:
        ready = noted(row, ready, ground)
    store(session, row, ready, actor=actor, now=now)
    return ready.document


def ahead_of_saving(document: Document, revision: int, part: str, value: Any, *, seen: str) -> Ahead:
    """What ``save_part`` will do to a draft that holds ``document``, worked out before the write lock. Raises Stale."""
    held = parts.held(document, part)
    if held is not None and parts.digest(held) == parts.digest(value):
        return Ahead(revision, None)
    if held is None or parts.digest(held) != seen:
        raise Stale(held)
    if part == HEADER:
        value = {**value, **{name: held[name] for name in ("format", "slug") if name in held}}
    return Ahead(revision, work(document, revision, {part: value}, part=part))


def save_part(
    session: Session,
    row: QuestionnaireDraft,
    part: str,
    value: Any,
    *,
    seen: str,
    actor: Identity,
    now: datetime,
    ahead: Ahead | None = None,
) -> bool:
    """Put ``value`` where a page showed what ``seen`` is the digest of; False when it is the same.

    ``ahead``: what ``ahead_of_saving`` made of the same; it counts while the locked draft has the revision it is of.
    Raises Stale when the part holds something else meanwhile: nothing is changed then.
    """
    if ahead is None or ahead.revision != row.revision:
        ahead = ahead_of_saving(document_of(row), row.revision, part, value, seen=seen)
    if ahead.ready is None:
        return False
    store(session, row, ahead.ready, actor=actor, now=now)
    return True


def replace_document(
    session: Session,
    row: QuestionnaireDraft,
    document: Document,
    *,
    ground: Ground,
    actor: Identity,
    now: datetime,
) -> None:
    """Another document in a locked draft, what it rests on, and what is left to decide about it: a merge."""
    change(session, row, {WHOLE: document}, part=WHOLE, actor=actor, now=now, ground=ground)


def undo(session: Session, row: QuestionnaireDraft, revision: int, *, actor: Identity, now: datetime) -> str:
    """Take one change back, itself a change. Returns the part. Raises Conflict when what it left changed since."""
    statement = scoped(actor, DraftEdit).where(DraftEdit.draft_id == row.id, DraftEdit.revision == revision)
    edit: DraftEdit | None = session.execute(statement).scalar_one_or_none()
    if edit is None:
        raise NotFound
    document = document_of(row)
    before, after = json.loads(edit.before), json.loads(edit.after)
    ground = taken_back(row, before, after)
    if not all(parts.stands(document, part, value) for part, value in after.items()):
        raise Conflict(CHANGED_SINCE)
    change(session, row, before, part=edit.part, actor=actor, now=now, document=document, ground=ground)
    return edit.part


def discard(session: Session, row: QuestionnaireDraft, *, seen: int, actor: Identity, now: datetime) -> None:
    """Put a locked draft away; ``seen``: the revision that the page showed, so that no later work goes with it."""
    if row.revision != seen:
        raise Conflict("Somebody changed this draft meanwhile. Look at it again before you discard it.")
    row.state = "discarded"
    row.changed_by, row.changed_at = actor.person.id, now
    session.flush()
    record(session, Kind.DRAFT_DISCARDED, now=now, actor=actor, subject=row, data={"slug": row.slug})
