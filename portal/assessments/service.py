"""Saving answers and submitting them: what a company does with an assessment."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from portal.access import Identity, mine
from portal.assessments import queries
from portal.assessments.drafts import EMPTY, Content, Draft, Fault, check, columns, content_of
from portal.assessments.models import AnswerContent, AnswerRevision, AnswerRow, Assessment, StaleEdit
from portal.assessments.returned import answers_anew
from portal.assessments.submitting import (
    AlreadySubmitted,
    Attestation,
    Changed,
    Incomplete,
    fingerprint,
    submit,
)
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.library import service as library
from portal.rows import insert_rows, update_rows
from questionnaires.definition import Question, Section

__all__ = [
    "AlreadySubmitted",
    "Attestation",
    "Changed",
    "Clash",
    "Edit",
    "Incomplete",
    "SaveResult",
    "fingerprint",
    "save_answers",
    "submit",
]

FOREIGN = "This field does not belong to this section. It was not saved."
REMOVED = (
    "This answer was removed from the record while your page was open, so what it held was not saved. "
    "Open the page anew to answer again."
)
STANDS = (
    "Only documents and the promise of them came back here. The answer and its note stand as they were handed in, so "
    "this change was not saved."
)
UNREAD = "This field came without the state that it was read from. Look at the answer and save again."


@dataclass(frozen=True, slots=True)
class Edit:
    """One card as posted: what it held, and the revision that it was rendered from (-1 = unreadable).

    ``choice`` settles a conflict: ``theirs`` or ``mine``, having seen revision ``seen`` of theirs. ``origin``: the
    submission whose answer it confirms as still true.
    """

    key: str
    revision: int
    content: Content
    choice: Literal["", "theirs", "mine"] = ""
    seen: int = -1
    origin: uuid.UUID | None = None

    @property
    def base(self) -> int:
        """The revision that this edit rests on."""
        return self.seen if self.choice == "mine" else self.revision


@dataclass(frozen=True, slots=True)
class Clash:
    """Two answers to one question: the stored one, and what this person wrote on an older revision.

    ``written``: when that was, None for just now.
    """

    theirs: Content
    revision: int
    who: uuid.UUID
    at: datetime
    mine: Content
    base: int
    written: datetime | None = None


@dataclass(frozen=True)
class SaveResult:
    """What became of each posted card; ``before`` and ``after`` are the draft as a whole.

    ``saved``: new revisions. ``settled``: revisions of cards that hold what is stored, or whose person chose that.
    A card that was no edit, while somebody else has answered since, is in none of them.
    """

    before: Draft
    after: Draft
    saved: dict[str, int] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    errors: dict[str, Fault] = field(default_factory=dict)
    conflicts: dict[str, Clash] = field(default_factory=dict)


def save_answers(
    session: Session,
    assessment: Assessment,
    section: Section,
    edits: Iterable[Edit],
    *,
    actor: Identity,
    now: datetime,
) -> SaveResult:
    """Store the good edits of one section's page, keep the stale ones beside, say what is wrong with the rest.

    The caller has locked ``assessment`` (queries.assessment(lock=True)). Raises AlreadySubmitted.
    """
    if assessment.state != "open":
        raise AlreadySubmitted(assessment)
    definition = library.definition(session, assessment.content_hash)
    held = queries.rows(session, actor, assessment.id)
    before = queries.draft(session, actor, definition, assessment, held, now)
    edits = list(edits)
    questions = {
        one.key: one for one in section.questions if before.asked is None or one.key in before.asked
    }  # what did not come back stands as it was handed in, whoever's reach it is in
    stale = _stale_bases(edits, held)
    bases = queries.contents_at(session, actor, assessment.id, stale)
    lost = {key: revision for key, revision in stale.items() if key not in bases}
    removed = queries.removed_at(session, actor, assessment.id, lost)
    saving = _Saving(session, assessment, actor, now, held)
    result = SaveResult(before, before)
    for edit in edits:
        question = questions.get(edit.key)
        if question is None:
            result.errors[edit.key] = Fault(answer=FOREIGN)
        elif edit.key in removed and not edit.content.blank:
            result.errors[edit.key] = Fault(
                answer=REMOVED
            )  # else an open tab would bring back what was erased
        else:
            _save_one(saving, result, question, edit, bases)
    after = before.with_contents(saving.written, unaccepted=actor.delegated is not None)
    if saving.written or saving.kept or saving.forgotten:
        saving.store()
    if result.saved:
        saving.count(after)
    _note(saving, result)
    session.flush()
    return SaveResult(before, after, result.saved, result.settled, result.errors, result.conflicts)


def _stale_bases(edits: Iterable[Edit], held: queries.Rows) -> dict[str, int]:
    """The older revisions that posted cards were rendered from, by key."""
    return {
        edit.key: edit.base
        for edit in edits
        if edit.key in held and 0 < edit.base < held[edit.key][0].revision
    }


def _save_one(
    saving: _Saving, result: SaveResult, question: Question, edit: Edit, bases: Mapping[str, Content]
) -> None:
    """Decide what one card is: a choice made, no edit, a fault, a conflict or a new revision."""
    row = saving.row(edit.key)
    stored, revision = content_of(row), row.revision if row else 0
    theirs = edit.choice == "theirs"
    if (theirs and edit.seen == revision > 0) or (edit.content == stored and not theirs):
        saving.forget(edit.key)
        result.settled[edit.key] = revision
        return
    if not edit.choice and edit.content == bases.get(edit.key, EMPTY if edit.base == 0 else None):
        return  # somebody else has answered meanwhile, and this person has changed nothing
    checked = check(question, edit.content, result.before.as_of)
    if isinstance(checked, Fault):
        result.errors[edit.key] = checked
    elif answers_anew(result.before, edit.key, checked, [stored]):
        result.errors[edit.key] = Fault(answer=STANDS)
    elif checked == stored and not theirs:
        saving.forget(edit.key)
        result.settled[edit.key] = revision
    elif edit.base == revision and not theirs:
        result.saved[edit.key] = saving.write(edit.key, checked, edit.origin)
    elif row is None:
        result.errors[edit.key] = Fault(answer=UNREAD)
    else:
        saving.keep(edit, checked)
        result.conflicts[edit.key] = Clash(
            stored, revision, row.answered_by, row.answered_at, checked, edit.revision
        )


class _Saving:
    """What one save writes, collected, then stored in as few statements as there are tables."""

    def __init__(
        self, session: Session, assessment: Assessment, actor: Identity, now: datetime, held: queries.Rows
    ) -> None:
        assert actor.company is not None
        self.session, self.assessment, self.actor, self.now, self.held = session, assessment, actor, now, held
        self.company_id = actor.company.id
        self.written: dict[str, Content] = {}
        self.origins: dict[str, uuid.UUID | None] = {}
        self.kept: dict[str, tuple[int, Content]] = {}
        self.forgotten: list[str] = []

    def row(self, key: str) -> queries.Held | None:
        return self.held[key][0] if key in self.held else None

    def write(self, key: str, content: Content, origin: uuid.UUID | None = None) -> int:
        """A new revision of an answer; returns its number."""
        row = self.row(key)
        self.written[key] = content
        self.origins[key] = origin
        self.forget(key)
        return row.revision + 1 if row else 1

    def keep(self, edit: Edit, content: Content) -> None:
        """Keep a stale edit beside the stored answer, in place of an earlier one of this person."""
        stale = self.held[edit.key][1]
        if stale is None or content_of(stale) != content:
            self.kept[edit.key] = (max(edit.revision, 0), content)

    def forget(self, key: str) -> None:
        """Nothing is left to choose: this person's edit beside the answer goes."""
        if key in self.held and self.held[key][1] is not None:
            self.forgotten.append(key)

    def store(self) -> None:
        """Plain statements, for the unit of work costs several times what the database does."""
        self._store_answers()
        self._store_stale_edits()

    def _store_answers(self) -> None:
        link = self.actor.delegated.id if self.actor.delegated else None
        stamp = {"answered_by": self.actor.person.id, "answered_at": self.now, "delegation_id": link}
        contents: list[dict[str, Any]] = []
        revisions, new, changed = [], [], []
        for key, content in self.written.items():
            row, said = self.row(key), columns(content)
            revision = row.revision + 1 if row else 1
            place = {"assessment_id": self.assessment.id, "company_id": self.company_id, "key": key}
            contents.append({"id": uuid.uuid4(), **place, **said})
            revisions.append(
                {
                    **place,
                    **stamp,
                    "revision": revision,
                    "content_id": contents[-1]["id"],
                    "origin_submission": self.origins[key],
                }
            )
            # What comes through a link waits for an owner; whoever of the company writes over it makes it theirs.
            values = {**said, **stamp, "revision": revision, "accepted_at": None, "accepted_by": None}
            if row is None:
                new.append({**place, **values})
            else:
                changed.append({"assessment_id": self.assessment.id, "key": key, **values})
        insert_rows(self.session, AnswerContent, contents)
        insert_rows(self.session, AnswerRevision, revisions)
        insert_rows(self.session, AnswerRow, new)
        update_rows(self.session, AnswerRow, ("assessment_id", "key"), changed)

    def _store_stale_edits(self) -> None:
        new, changed = [], []
        for key, (revision, content) in self.kept.items():
            stale = self.held[key][1]
            values = {**columns(content), "revision": revision, "written_at": self.now}
            if stale is None:
                place = {"assessment_id": self.assessment.id, "company_id": self.company_id, "key": key}
                new.append({"id": uuid.uuid4(), **place, "person_id": self.actor.person.id, **values})
            else:
                changed.append({"id": stale.id, **values})
        insert_rows(self.session, StaleEdit, new)
        update_rows(self.session, StaleEdit, ("id",), changed)
        if self.forgotten:
            self.session.execute(
                delete(StaleEdit).where(
                    *mine(self.actor.scope, StaleEdit),
                    StaleEdit.assessment_id == self.assessment.id,
                    StaleEdit.key.in_(self.forgotten),
                    StaleEdit.person_id == self.actor.person.id,
                ),
                execution_options={"synchronize_session": False},
            )

    def count(self, draft: Draft) -> None:
        """What the organisation may know of a draft: how many are answered, of how many."""
        answered, total = draft.progress
        if (answered, total) == (self.assessment.answered, self.assessment.total):
            return
        update_rows(
            self.session,
            Assessment,
            ("id",),
            [{"id": self.assessment.id, "answered": answered, "total": total}],
        )
        set_committed_value(self.assessment, "answered", answered)
        set_committed_value(self.assessment, "total", total)


def _note(saving: _Saving, result: SaveResult) -> None:
    """One event for the whole save: the company's alone, since drafts are."""
    said = {"saved": list(result.saved), "kept": list(saving.kept), "settled": saving.forgotten}
    if any(said.values()):
        record(
            saving.session,
            Kind.ANSWERS_SAVED,
            now=saving.now,
            actor=saving.actor,
            company_id=saving.company_id,
            data={"assessment": saving.assessment.id, **{name: keys for name, keys in said.items() if keys}},
            at_once=True,
        )
