"""Saving answers and submitting them: what a company does with an assessment."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import queries
from portal.assessments.drafts import EMPTY, Content, Draft, Fault, check, columns, content_of
from portal.assessments.models import AnswerContent, AnswerRevision, AnswerRow, Assessment, StaleEdit
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
UNREAD = "This field came without the state that it was read from. Look at the answer and save again."


@dataclass(frozen=True, slots=True)
class Edit:
    """One card as posted: what it held, and the revision that it was rendered from (-1 = unreadable).

    ``choice`` settles a conflict: ``theirs`` or ``mine``, having seen revision ``seen`` of theirs.
    """

    key: str
    revision: int
    content: Content
    choice: Literal["", "theirs", "mine"] = ""
    seen: int = -1

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
    before = queries.draft(definition, assessment, held, now)
    edits = list(edits)
    questions = {one.key: one for one in section.questions}
    bases = queries.contents_at(session, actor, assessment.id, _stale_bases(edits, held))
    saving = _Saving(session, assessment, actor, now, held)
    result = SaveResult(before, before)
    for edit in edits:
        question = questions.get(edit.key)
        if question is None:
            result.errors[edit.key] = Fault(answer=FOREIGN)
        else:
            _save_one(saving, result, question, edit, bases)
    after = before.with_contents(saving.written) if saving.written else before
    _note(saving, result)
    if result.saved:
        assessment.answered, assessment.total = after.look.answered, after.look.total
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
    elif checked == stored and not theirs:
        saving.forget(edit.key)
        result.settled[edit.key] = revision
    elif edit.base == revision and not theirs:
        result.saved[edit.key] = saving.write(edit.key, checked)
    elif row is None:
        result.errors[edit.key] = Fault(answer=UNREAD)
    else:
        saving.keep(edit, checked)
        result.conflicts[edit.key] = Clash(
            stored, revision, row.answered_by, row.answered_at, checked, edit.revision
        )


class _Saving:
    """The rows that one save touches."""

    def __init__(
        self, session: Session, assessment: Assessment, actor: Identity, now: datetime, held: queries.Rows
    ) -> None:
        assert actor.company is not None
        self.session, self.assessment, self.actor, self.now, self.held = session, assessment, actor, now, held
        self.company_id = actor.company.id
        self.written: dict[str, Content] = {}
        self.kept: list[str] = []
        self.forgotten: list[str] = []

    def row(self, key: str) -> AnswerRow | None:
        return self.held[key][0] if key in self.held else None

    def write(self, key: str, content: Content) -> int:
        """A new revision of an answer; returns its number."""
        row = self.row(key)
        values = columns(content)
        stamp = {"answered_by": self.actor.person.id, "answered_at": self.now}
        place = {"assessment_id": self.assessment.id, "company_id": self.company_id, "key": key}
        if row is None:
            row = AnswerRow(**place, **values, **stamp, revision=1)
            self.session.add(row)
        else:
            for name, value in {**values, **stamp, "revision": row.revision + 1}.items():
                setattr(row, name, value)
        said = AnswerContent(id=uuid.uuid4(), **place, **values)
        self.session.add(said)
        self.session.add(AnswerRevision(**place, **stamp, revision=row.revision, content_id=said.id))
        self.written[key] = content
        self.forget(key)
        return row.revision

    def keep(self, edit: Edit, content: Content) -> None:
        """Keep a stale edit beside the stored answer, in place of an earlier one of this person."""
        stale = self.held[edit.key][1]
        if stale is None:
            stale = StaleEdit(
                id=uuid.uuid4(),
                assessment_id=self.assessment.id,
                company_id=self.company_id,
                key=edit.key,
                person_id=self.actor.person.id,
            )
            self.session.add(stale)
        elif content_of(stale) == content:
            return
        stale.revision, stale.written_at = max(edit.revision, 0), self.now
        for name, value in columns(content).items():
            setattr(stale, name, value)
        self.kept.append(edit.key)

    def forget(self, key: str) -> None:
        """Nothing is left to choose: this person's edit beside the answer goes."""
        stale = self.held[key][1] if key in self.held else None
        if stale is not None:
            self.session.delete(stale)
            self.forgotten.append(key)


def _note(saving: _Saving, result: SaveResult) -> None:
    """One event for the whole save: the company's alone, since drafts are."""
    said = {"saved": list(result.saved), "kept": saving.kept, "settled": saving.forgotten}
    if any(said.values()):
        record(
            saving.session,
            Kind.ANSWERS_SAVED,
            now=saving.now,
            actor=saving.actor,
            company_id=saving.company_id,
            data={"assessment": saving.assessment.id, **{name: keys for name, keys in said.items() if keys}},
        )
