"""What people made of a submission, as a sheet says it: marks without somebody's own, refused documents, certificates,
and the round after it. Pure.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import Any

from portal.assessments.rating import Judgement
from portal.assessments.rounds import LaterRound
from portal.gate.sheets import REFUSED
from portal.review.models import MarkDraft
from portal.review.queries import ANSWER, WITHDRAWN


def of_others(written: Judgement, marks: Iterable[Any], people: Collection[uuid.UUID]) -> Judgement:
    """The written judgement as it would be had some people not judged: at each place the newest mark of anybody else.

    A favourable mark of theirs is gone, and so is their taking back of an adverse one.
    """
    own = {(one.key, one.document) for one in marks if one.marked_by in people}
    answers = {key: mark for key, mark in written.marks.items() if (key, ANSWER) not in own}
    papers = {
        key: {document: mark for document, mark in some.items() if (key, document) not in own}
        for key, some in written.documents.items()
    }
    for one in marks:
        if (one.key, one.document) not in own or one.marked_by in people:
            continue
        if one.document == ANSWER:
            answers.pop(one.key, None)
            if one.mark != WITHDRAWN:
                points = {} if one.points is None else {"points": one.points}
                answers[one.key] = {"mark": one.mark} | points
        else:
            papers.setdefault(one.key, {}).pop(one.document, None)
            if one.mark != WITHDRAWN:
                papers[one.key][one.document] = one.mark
    return Judgement(answers, {key: some for key, some in papers.items() if some}, written.shown)


def refused_documents(written: Judgement, drafts: Iterable[MarkDraft]) -> frozenset[uuid.UUID]:
    """Documents that somebody has refused beside any question, in a rating or not yet in one."""
    found = {
        document for some in written.documents.values() for document, mark in some.items() if mark == REFUSED
    }
    found |= {one.document for one in drafts if one.mark == REFUSED}
    return frozenset(uuid.UUID(one) for one in found)


def certificates(marks: Iterable[Any]) -> dict[str, uuid.UUID]:
    """The document that the newest mark of an answer rests on, by question."""
    newest = {one.key: one for one in marks if one.document == ANSWER}
    return {
        key: one.certificate
        for key, one in newest.items()
        if one.certificate is not None and one.mark != WITHDRAWN
    }


def round_after(later: LaterRound | None, without: Collection[uuid.UUID]) -> dict[str, Any]:
    """What a sheet says of the round after it. ``without``: what these people put off or took back goes on as it was
    asked for, unless they had asked for it themselves.
    """
    if later is None:
        return {}
    ended = {later.ended_by} - {later.begun_by, None}
    by = later.moved_by if later.waits else ended
    own = bool(by & set(without))
    if not (later.waits or by):
        return {}
    return {
        "round_open": later.waits or (own and later.begun_by not in without),
        "round_due": later.first_due if own else later.due,
        "round_first": later.first_due,
        "round_by": tuple(sorted(str(one) for one in by)),
    }
