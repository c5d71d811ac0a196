"""Marks in the making that a newer round has left behind: those that still hold are taken over, the rest is read."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.covering import assessment_moved
from portal.assessments.models import Assessment, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.review import carrying
from portal.review.marking import check_open
from portal.review.models import MarkDraft
from portal.review.queries import Case, Place
from portal.rows import insert_rows


@dataclass(frozen=True, slots=True)
class Left:
    """The unwritten marks of an earlier round. ``holding``: those that hold for the answers of now, by place of now."""

    submission: Submission
    drafts: tuple[MarkDraft, ...]
    holding: Mapping[Place, MarkDraft]


def left_behind(session: Session, identity: Identity, case: Case) -> list[Left]:
    """What nobody wrote of the rounds before, the newest first.

    A mark holds as a written one would (carrying.holding), unless somebody has judged the same place in this round.
    """
    rows = session.execute(
        select(Submission, MarkDraft)
        .join(MarkDraft, MarkDraft.submission_id == Submission.id)
        .where(
            *mine(identity.scope, Submission, MarkDraft),
            Submission.assessment_id == case.assessment.id,
            Submission.round < case.submission.round,
        )
        .order_by(Submission.round.desc(), MarkDraft.changed_at, MarkDraft.key, MarkDraft.document)
    ).all()
    by_round: dict[uuid.UUID, tuple[Submission, list[MarkDraft]]] = {}
    for submission, draft in rows:
        by_round.setdefault(submission.id, (submission, []))[1].append(draft)
    if not by_round:
        return []
    taken = {place for place, one in case.marks.items() if one.carried_from is None} | set(case.drafts)
    new = carrying.side_of(session, case.submission)
    found = []
    for submission, drafts in by_round.values():
        old = carrying.side_of(session, submission)
        turn = carrying.turn_between(session, case.assessment, old, new)
        places = {(one.key, one.document): one for one in drafts}
        held = carrying.holding(turn, old, new, places)
        kept = {place: one for place, one in held.items() if place not in taken}
        taken |= set(kept)
        found.append(Left(submission, tuple(drafts), kept))
    return found


def take_over(session: Session, case: Case, *, actor: Identity, now: datetime) -> int:
    """Lay the unwritten marks of earlier rounds that still hold over this one, made when and by whom they were made.

    The others stay where they are, to be read and thrown away. Raises Refused, Conflict as marking.check_open.
    """
    check_open(case, actor)
    held = [item for left in left_behind(session, actor, case) for item in left.holding.items()]
    if not held:
        return 0
    gone = [(one.submission_id, one.key, one.document) for _place, one in held]
    rows = [
        {
            "submission_id": case.submission.id,
            "key": place[0],
            "document": place[1],
            "organisation_id": one.organisation_id,
            "mark": one.mark,
            "points": one.points,
            "certificate": one.certificate,
            "reason": one.reason,
            "remark": one.remark,
            "stamp": uuid.uuid4(),
            "changed_at": one.changed_at,
            "changed_by": one.changed_by,
        }
        for place, one in held
    ]
    assessment_moved(session, case.assessment)
    session.execute(
        delete(MarkDraft)
        .where(
            *mine(actor.scope, MarkDraft),
            tuple_(MarkDraft.submission_id, MarkDraft.key, MarkDraft.document).in_(gone),
        )
        .execution_options(synchronize_session=False)
    )
    for _place, one in held:
        session.expunge(one)
    insert_rows(session, MarkDraft, rows)
    data = {"submission": case.submission.id, "marks": len(rows)}
    record(
        session, Kind.MARKS_TAKEN_OVER, now=now, actor=actor, subject=case.assessment, ours=True, data=data
    )
    session.flush()
    return len(rows)


def reopening_hindered(session: Session, assessment: Assessment) -> str:
    """Why an assessment cannot be reopened as a whole now, "" when it can: no mark is left behind unwritten."""
    newest = (
        select(Submission.id)
        .where(
            Submission.assessment_id == assessment.id,
            Submission.organisation_id == assessment.organisation_id,
        )
        .order_by(Submission.round.desc())
        .limit(1)
        .scalar_subquery()
    )
    waiting = session.scalar(
        select(func.count())
        .select_from(MarkDraft)
        .where(
            MarkDraft.organisation_id == assessment.organisation_id,
            MarkDraft.submission_id == newest,
        )
    )
    if not waiting:
        return ""
    what = "One mark is" if waiting == 1 else f"{waiting} marks are"
    return (
        f"{what} in no rating yet, and a new round would leave them behind. Write them into a rating in the review of "
        "what was submitted, or throw them away there. Then reopen it."
    )
