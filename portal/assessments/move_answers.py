"""What a move does to what the company has written: answers, edits beside them, documents, and who answers what."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.assessments import reach
from portal.assessments.delegation import end_sessions
from portal.assessments.drafts import EMPTY, Content, columns, content_of
from portal.assessments.models import (
    AnswerContent,
    AnswerRevision,
    AnswerRow,
    Assessment,
    Delegation,
    StaleEdit,
)
from portal.assessments.move_queries import APPLIED
from portal.assessments.version_models import AssessmentMove, WorkbookUpload
from portal.evidence.models import EvidenceGrant
from portal.library import lineage
from portal.library import service as library
from questionnaires.changes import diff
from questionnaires.definition import Questionnaire
from questionnaires.patterns import ordered

AS_IT_IS = {"synchronize_session": False}


@dataclass(frozen=True, slots=True)
class Pair:
    """One question on both sides of a move. ``same``: it asks the same, so an answer to one answers the other."""

    source: str
    target: str
    same: bool


@dataclass(frozen=True, slots=True)
class Written:
    """One revision with what it said; ``content`` is None once it is redacted."""

    row: AnswerRevision
    content: Content | None


def pairs(session: Session, organisation_id: uuid.UUID, old: Questionnaire, new: Questionnaire) -> list[Pair]:
    """The questions of ``old`` that ``new`` asks, too; ``old`` may be the newer version."""
    back = _is_back(old, new)
    first, last = (new, old) if back else (old, new)
    between = lineage.between(session, organisation_id, first, last)
    found = []
    for change in diff(first, last, between).questions:
        if change.old is None or change.new is None:
            continue
        same = change.fate in ("kept", "renamed") and not {"text", "options"} & set(change.edits)
        names = (change.key, change.old.key) if back else (change.old.key, change.key)
        found.append(Pair(*names, same and not change.also))
        if not back:
            found += [Pair(name, change.key, False) for name in change.also]
    return found


def _is_back(old: Questionnaire, new: Questionnaire) -> bool:
    return ordered(new.version) < ordered(old.version)


def move(
    session: Session,
    one: Assessment,
    row: AssessmentMove,
    old: Questionnaire,
    new: Questionnaire,
    *,
    now: datetime,
) -> None:
    """Bring everything of the company over from ``old`` to ``new``; ``one`` is locked."""
    found = pairs(session, one.organisation_id, old, new)
    work = _Moving(session, one, row, new, now)
    work.beside(found)
    if row.undoes is None:
        work.forward([*found, *_asked_again(session, one, row, new, set(work.rows) - set(old.questions))])
    else:
        work.back(found, row.undoes)
    renamed = {pair.source: pair.target for pair in found if pair.source != pair.target}
    _grants(session, one, renamed, now)
    _delegations(session, one, old, found, now)
    session.execute(
        delete(WorkbookUpload).where(
            WorkbookUpload.company_id == one.company_id, WorkbookUpload.assessment_id == one.id
        ),
        execution_options=AS_IT_IS,
    )
    session.flush()


def _asked_again(
    session: Session, one: Assessment, row: AssessmentMove, new: Questionnaire, keys: Collection[str]
) -> list[Pair]:
    """What ``new`` asks and the version before it did not, but an earlier one of this assessment: with answers to that.

    ``keys``: the answered ones that the version before did not ask.
    """
    moves = session.execute(
        select(AssessmentMove.from_hash, AssessmentMove.to_hash)
        .where(
            AssessmentMove.organisation_id == one.organisation_id,
            AssessmentMove.assessment_id == one.id,
            AssessmentMove.state == APPLIED,
            AssessmentMove.id != row.id,
        )
        .order_by(AssessmentMove.applied_at.desc())
    ).all()
    found: dict[str, Pair] = {}
    for content_hash in dict.fromkeys(each for move in moves for each in (move.to_hash, move.from_hash)):
        version = library.definition(session, content_hash)
        missing = [
            key for key in new.questions if key in keys and key not in found and key in version.questions
        ]
        if missing:
            asked = pairs(session, one.organisation_id, version, new)
            found |= {key: Pair(key, key, Pair(key, key, True) in asked) for key in missing}
    return list(found.values())


class _Moving:
    """The answers of one assessment while they are moved."""

    def __init__(
        self, session: Session, one: Assessment, row: AssessmentMove, new: Questionnaire, now: datetime
    ) -> None:
        self.session, self.one, self.move, self.new, self.now = session, one, row, new, now
        here = (AnswerRow.company_id == one.company_id, AnswerRow.assessment_id == one.id)
        self.rows = {each.key: each for each in session.execute(select(AnswerRow).where(*here)).scalars()}
        self.history = _history(session, one)

    def beside(self, found: Iterable[Pair]) -> None:
        """Edits that lie beside an answer: with their question, or into the history of one that asks otherwise."""
        by_source = {pair.source: pair for pair in found}
        edits = self.session.execute(
            select(StaleEdit).where(
                StaleEdit.company_id == self.one.company_id, StaleEdit.assessment_id == self.one.id
            )
        ).scalars()
        for edit in list(edits):
            pair = by_source.get(edit.key)
            if pair is None or (pair.same and pair.source == pair.target):
                continue  # no longer asked: it waits for the question to come back
            # The row of a renamed question begins anew, so an edit on the old one's revision joins the history.
            self.keep(edit)
            self.session.delete(edit)
        self.session.flush()

    def keep(self, edit: StaleEdit) -> None:
        """An edit into the history, and after it what is stored, anew: nobody chose the edit, so it never counts."""
        row = self.rows.get(edit.key)
        stands = content_of(row)
        stamp = (
            (row.answered_by, row.answered_at, row.delegation_id) if row else (edit.person_id, self.now, None)
        )
        accepted = (row.accepted_at, row.accepted_by) if row else (None, None)
        self.append(edit.key, content_of(edit), edit.person_id, edit.written_at, None)
        self.append(edit.key, stands, *stamp, accepted)

    def forward(self, found: Iterable[Pair]) -> None:
        """Answers to what asks the same stay or take their new key; every other gives way to a blank.

        What no longer fits by itself, such as a day that is past by now, stays too: its page says why.
        """
        targets: dict[str, Pair] = {}
        for each in found:
            targets.setdefault(each.target, each)
        blanks = []
        for key, question in self.new.questions.items():
            pair = targets.get(key)
            source = self.rows.get(pair.source) if pair is not None else None
            if pair is not None and pair.same and source is not None:
                stands = content_of(source)
                if question.evidence is None:  # nobody asks for what was promised
                    stands = replace(stands, promise_reason="", promise_date="")
                if pair.source != key or stands != content_of(source):
                    self.copy(source, key, stands)
            elif key in self.rows:
                blanks.append(key)
        # Last: what a key held that asks something else now has gone to the question that took its meaning over.
        for key in blanks:
            self.blank(key)

    def back(self, found: Iterable[Pair], undone: uuid.UUID) -> None:
        """As it was before ``undone``; what was written since stands where the question is the same."""
        # Where two questions come from one, the one with its meaning has the last word.
        for pair in sorted(found, key=lambda one: one.same):
            source, target = pair.source, pair.target
            written = self.history.get(source, [])
            since = self.since(source, undone)
            if pair.same:
                if source != target and since and source in self.rows:
                    self.copy(self.rows[source], target)
                elif source == target and not since and written:
                    self.restore(target, undone)
            elif source == target and written:
                self.restore(target, undone)
            elif source != target and self.since(source, undone) and target in self.rows:
                # It stays as it is; a revision of this move says that something was written since, to be shown beside.
                self.copy(self.rows[target], target)

    def since(self, key: str, undone: uuid.UUID) -> bool:
        """Whether anybody has written an answer to ``key`` since that move; what this move writes is nobody's."""
        written = [each for each in self.history.get(key, []) if each.row.move_id != self.move.id]
        return bool(written) and written[-1].row.move_id != undone

    def restore(self, key: str, undone: uuid.UUID) -> None:
        """What stood before the move wrote its first revision; a blank where nothing stood, or it is redacted."""
        written = self.history.get(key, [])
        first = next((at for at, each in enumerate(written) if each.row.move_id == undone), None)
        # A move marks every row that it found there: without a mark the question had none.
        before = written[first - 1] if first else None
        if before is None or before.content is None:
            self.blank(key)
            return
        accepted: tuple[datetime | None, uuid.UUID | None] = None, None
        if not self.since(key, undone):  # else the row tells of an acceptance of what was written since
            accepted = self.rows[key].accepted_at, self.rows[key].accepted_by
        self.append(
            key,
            before.content,
            before.row.answered_by,
            before.row.answered_at,
            before.row.delegation_id,
            accepted,
        )

    def copy(self, row: AnswerRow, key: str, content: Content | None = None) -> None:
        """The answer of ``row`` under ``key``, with whose it is; ``content``: what of it fits there."""
        accepted = row.accepted_at, row.accepted_by
        self.append(
            key, content or content_of(row), row.answered_by, row.answered_at, row.delegation_id, accepted
        )

    def blank(self, key: str) -> None:
        """Nothing is answered; who accepted the earlier answer stays noted, for a way back."""
        row = self.rows[key]
        accepted = row.accepted_at, row.accepted_by
        self.append(key, EMPTY, row.answered_by, self.now, None, accepted)

    def append(
        self,
        key: str,
        content: Content,
        person: uuid.UUID,
        at: datetime,
        delegation: uuid.UUID | None,
        accepted: tuple[datetime | None, uuid.UUID | None] = (None, None),
    ) -> None:
        """One more revision, of this move; the row says the same."""
        row = self.rows.get(key)
        revision = row.revision + 1 if row else 1
        place: dict[str, Any] = {
            "assessment_id": self.one.id,
            "company_id": self.one.company_id,
            "key": key,
        }
        said = columns(content)
        kept = AnswerContent(id=uuid.uuid4(), **place, **said)
        self.session.add(kept)
        stamp = {"answered_by": person, "answered_at": at, "delegation_id": delegation}
        added = AnswerRevision(**place, **stamp, revision=revision, content_id=kept.id, move_id=self.move.id)
        self.session.add(added)
        state = {
            **said,
            **stamp,
            "revision": revision,
            "accepted_at": accepted[0],
            "accepted_by": accepted[1],
        }
        if row is None:
            row = self.rows[key] = AnswerRow(**place, **state)
            self.session.add(row)
        else:
            for name, value in state.items():
                setattr(row, name, value)
        self.history.setdefault(key, []).append(Written(added, content))


def _history(session: Session, one: Assessment) -> dict[str, list[Written]]:
    """Every revision of every key, the oldest first."""
    rows = session.execute(
        select(AnswerRevision, AnswerContent)
        .outerjoin(
            AnswerContent,
            (AnswerContent.id == AnswerRevision.content_id) & (AnswerContent.company_id == one.company_id),
        )
        .where(AnswerRevision.company_id == one.company_id, AnswerRevision.assessment_id == one.id)
        .order_by(AnswerRevision.key, AnswerRevision.revision)
    )
    found: dict[str, list[Written]] = {}
    for row, content in rows:
        found.setdefault(row.key, []).append(Written(row, content_of(content) if content else None))
    return found


def _grants(session: Session, one: Assessment, renamed: Mapping[str, str], now: datetime) -> None:
    """Documents go with their question; where one lies under the new key already, or lay, that row stands for both."""
    if not renamed:
        return
    held = session.execute(
        select(EvidenceGrant).where(
            EvidenceGrant.organisation_id == one.organisation_id,
            EvidenceGrant.company_id == one.company_id,
            EvidenceGrant.assessment_id == one.id,
        )
    ).scalars()
    by_place = {(each.key, each.evidence_id): each for each in held}
    for (key, document), grant in list(by_place.items()):
        target = renamed.get(key)
        if target is None or grant.revoked_at is not None:
            continue
        there = by_place.get((target, document))
        if there is None:
            grant.key = target
            continue
        if there.revoked_at is not None:
            there.revoked_at, there.granted_by, there.granted_at = None, grant.granted_by, grant.granted_at
            there.delegation_id, there.accepted_at = grant.delegation_id, grant.accepted_at
        grant.revoked_at = now


def _delegations(
    session: Session, one: Assessment, old: Questionnaire, found: Iterable[Pair], now: datetime
) -> None:
    """What was given away, as questions: a section that was given is what it asked then. Nothing left ends it.

    Questions that are asked no longer stay named: they give nothing now, and are given again after a way back.
    """
    heirs: dict[str, list[str]] = {}
    for pair in found:
        heirs.setdefault(pair.source, []).append(pair.target)
    live = session.execute(
        select(Delegation).where(
            Delegation.company_id == one.company_id,
            Delegation.assessment_id == one.id,
            Delegation.revoked_at.is_(None),
        )
    ).scalars()
    for row in list(live):
        given = reach.covered(old, row.keys)
        if given is None:
            continue
        kept = [key for before in old.questions if before in given for key in heirs.get(before, ())]
        if kept:
            # No section's key has a dot: none of those stays, for it would give whatever a later one asks.
            gone = [key for key in (*given, *row.keys) if "." in key and key not in heirs]
            row.keys = list(dict.fromkeys([*kept, *sorted(gone)]))
        else:
            row.revoked_at = now
            end_sessions(session, [row.id], now)


def aliases(
    session: Session,
    organisation_id: uuid.UUID,
    moves: Iterable[tuple[Questionnaire, Questionnaire]],
    keys: Iterable[str],
) -> set[str]:
    """``keys``, and what these questions were called on the other side of any of ``moves``."""
    found = set(keys)
    links = [
        {pair.source, pair.target} for old, new in moves for pair in pairs(session, organisation_id, old, new)
    ]
    grown = True
    while grown:
        grown = False
        for link in links:
            if link & found and not link <= found:
                found |= link
                grown = True
    return found
