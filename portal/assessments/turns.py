"""That an answer changed after its finding had been shown: found in the company's revisions, told to both sides.

The rule, which is also what the vendor reads before signing. A finding counts as shown while an answer that earns it
stood saved for a minute or longer (STOOD), in this round, at a question that was asked. A slip of the hand that is
corrected within a minute is no turn, however often. Of several turns at one question the last one counts. What the
sealed answer still earns is no turn, nor is a finding that went because of another question's answer, nor an answer
whose question is no longer asked: nothing is sealed there that could be compared.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments import drafts, sealing
from portal.assessments.drafts import Content, Draft
from portal.assessments.models import AnswerContent, AnswerRevision, AnswerTurn, Submission
from portal.assessments.move_queries import APPLIED
from portal.assessments.version_models import AssessmentMove
from questionnaires.answers import Answer, InvalidAnswer
from questionnaires.canonical import canonical_json
from questionnaires.definition import FindingRule, Questionnaire
from questionnaires.visibility import earned_findings

# How long an answer stands saved until its finding counts as shown: time to read it, not a slip of the hand.
STOOD = timedelta(seconds=60)
Findings = tuple[FindingRule, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """One revision of one answer, as it was saved."""

    key: str
    content: Content
    at: datetime
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """``before``: what the answer to ``key`` last said while its finding stood, from ``shown_at`` to ``changed_at``."""

    key: str
    before: Content
    shown_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class _Stand:
    """A revision with the findings that it earned. ``place``: its number in the whole history."""

    place: int
    saved: Saved
    earned: Findings


def write(session: Session, submission: Submission, draft: Draft, *, actor: Identity) -> list[Turn]:
    """Seal the turns of this round beside ``submission``; called while it is being written."""
    found = coming(session, actor, submission.assessment_id, draft, but=submission.id)
    session.add_all(
        AnswerTurn(
            submission_id=submission.id,
            key=one.key,
            organisation_id=submission.organisation_id,
            company_id=submission.company_id,
            before=canonical_json(sealing.answer_document(one.before)),
            shown_at=one.shown_at,
            changed_at=one.changed_at,
        )
        for one in found
    )
    return found


def coming(
    session: Session,
    identity: Identity,
    assessment_id: uuid.UUID,
    draft: Draft,
    *,
    but: uuid.UUID | None = None,
) -> list[Turn]:
    """The turns that sealing ``draft`` now would tell the organisation of, in definition order.

    ``but``: the submission that is being written, which ends no earlier round.
    """
    if not any(one.findings for one in draft.definition.questions.values()):
        return []
    since = session.execute(
        select(Submission.sealed_at)
        .where(
            *mine(identity.scope, Submission),
            Submission.assessment_id == assessment_id,
            *([] if but is None else [Submission.id != but]),
        )
        .order_by(Submission.round.desc())
        .limit(1)
    ).scalar_one_or_none()
    saved = history(session, identity, assessment_id)
    moved = session.execute(
        select(func.max(AssessmentMove.applied_at)).where(
            *mine(identity.scope, AssessmentMove),
            AssessmentMove.assessment_id == assessment_id,
            AssessmentMove.state == APPLIED,
        )
    ).scalar_one()
    return find(draft, saved if moved is None else since_move(saved, moved), since=since)


def since_move(saved: Sequence[Saved], moved: datetime) -> list[Saved]:
    """The history as the present version of the questionnaire knows it: what stood when it came, and what followed.

    Under another version other findings stood beside the answers, so nothing that went before is a turn.
    """
    stood: dict[str, Saved] = {}
    for one in sorted(
        saved, key=lambda each: each.revision
    ):  # a way back writes what is older than its blank
        if one.at <= moved:
            stood[one.key] = replace(one, at=moved)
    return [*stood.values(), *(one for one in saved if one.at > moved)]


def history(session: Session, identity: Identity, assessment_id: uuid.UUID) -> list[Saved]:
    """Every revision of every answer of the assessment, the oldest first; those that are redacted are left out."""
    rows = session.execute(
        scoped(identity, AnswerRevision, AnswerContent)
        .with_only_columns(AnswerContent, AnswerRevision.answered_at, AnswerRevision.revision)
        .where(
            AnswerRevision.assessment_id == assessment_id,
            AnswerContent.assessment_id == assessment_id,
            AnswerContent.id == AnswerRevision.content_id,
        )
        .order_by(AnswerRevision.answered_at, AnswerRevision.key, AnswerRevision.revision)
    )
    return [Saved(each.key, drafts.content_of(each), at, revision) for each, at, revision in rows]


def of(session: Session, identity: Identity, submission: Submission) -> dict[str, Turn]:
    """The turns that were sealed with a submission, by key, for either side."""
    rows = session.execute(
        scoped(identity, AnswerTurn).where(AnswerTurn.submission_id == submission.id)
    ).scalars()
    return {one.key: Turn(one.key, sealing.content(one.before), one.shown_at, one.changed_at) for one in rows}


# ------------------------------------------------------------------------------------------------ what is a turn


def find(draft: Draft, saved: Sequence[Saved], *, since: datetime | None = None) -> list[Turn]:
    """The turns in a history, measured against what ``draft`` would seal. ``since``: when the last round was sealed."""
    stands = _stands(draft, saved, since)
    found = []
    for key, question in draft.definition.questions.items():
        content = draft.contents.get(key)
        if draft.asked is not None and key not in draft.asked:
            continue  # it stands as it was handed in, whatever was written for a return that was taken back
        if key not in draft.look.visible or content is None or content.blank or not stands.get(key):
            continue
        kept = earned_findings(question, draft.visible_answers, draft.facts, draft.as_of)
        turn = _last_turn(draft, saved, stands[key], kept)
        if turn is not None and _said(turn.before) != _said(content):
            found.append(turn)
    return found


def _said(content: Content) -> tuple[str, Any]:
    """The answer without its note and promise."""
    return content.state, content.value


def _stands(draft: Draft, saved: Sequence[Saved], since: datetime | None) -> dict[str, list[_Stand]]:
    """For each question with findings its revisions of this round, and what each of them earned at its time.

    Conditions are read on the date of today: dates that a finding compares with move by days, not by minutes.
    """
    answers: dict[str, Answer] = {}
    found: dict[str, list[_Stand]] = {}
    for place, one in enumerate(saved):
        question = draft.definition.questions.get(one.key)
        if question is None:
            continue
        _take(draft.definition, answers, one, draft.as_of)
        if question.findings and (since is None or one.at > since):
            earned = earned_findings(question, answers, draft.facts, draft.as_of)
            found.setdefault(one.key, []).append(_Stand(place, one, earned))
    return found


def _take(definition: Questionnaire, answers: dict[str, Answer], one: Saved, as_of: date) -> None:
    """Put a revision into ``answers``; a value that no longer fits counts as no answer."""
    try:
        answers[one.key] = drafts.typed(definition.questions[one.key], one.content, as_of)
    except InvalidAnswer:
        answers.pop(one.key, None)


def _last_turn(draft: Draft, saved: Sequence[Saved], stands: Sequence[_Stand], kept: Findings) -> Turn | None:
    """The last stretch of revisions with a finding that went, if it stood long enough and was on the page."""
    end = len(stands) - 1  # the stretch lies before this revision, which no longer earns the finding
    while end > 0:
        if _gone(stands[end], kept) or not _gone(stands[end - 1], kept):
            end -= 1
            continue
        start = end - 1
        while start > 0 and _gone(stands[start - 1], kept):
            start -= 1
        changed_at = stands[end].saved.at
        # Of revisions that were saved while the question was not asked, the first that was shown counts.
        for stand in stands[start:end]:
            if changed_at - stand.saved.at < STOOD:
                break
            if _was_shown(draft, saved, stand, kept):
                return Turn(stand.saved.key, stands[end - 1].saved.content, stand.saved.at, changed_at)
        end = start
    return None


def _gone(stand: _Stand, kept: Findings) -> bool:
    """Whether this revision earned a finding that the final answer does not earn."""
    return any(one not in kept for one in stand.earned)


def _was_shown(draft: Draft, saved: Sequence[Saved], stand: _Stand, kept: Findings) -> bool:
    """Whether the question was asked at that time and the finding stood on its page."""
    contents: dict[str, Content] = {
        one.key: one.content for one in saved[: stand.place + 1] if one.key in draft.definition.questions
    }
    then = replace(draft, contents=contents)
    question = draft.definition.questions[stand.saved.key]
    if question.key not in then.look.visible:
        return False
    earned = earned_findings(question, then.visible_answers, then.facts, then.as_of)
    return any(one not in kept for one in earned)
