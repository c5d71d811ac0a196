"""Giving questions back to the vendor from a review: what is judged is written first, so no mark is left behind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import returning
from portal.assessments.returning import Return
from portal.assessments.round_models import RoundScope
from portal.faults import Conflict
from portal.review import marking
from portal.review.marking import Consequence, check_may
from portal.review.queries import ANSWER, Case

NEGATIVE = frozenset({"challenged", "disproved"})
FULL = 100


def give_back(
    session: Session,
    case: Case,
    wish: Return,
    *,
    seen: str,
    actor: Identity,
    now: datetime,
    consequences: Iterable[Consequence] = (),
) -> RoundScope:
    """Return questions of a submission; marks in the making are written into a rating first, with ``consequences``.

    ``seen``: Case.unwritten of what the page showed. The caller has locked the case. Raises as marking.write and
    returning.return_questions.
    """
    check_may(actor)
    if not case.newest:
        raise Conflict("A newer round has been submitted. Return questions of that one.")
    if case.redacted:  # what is gone cannot stand beside the questions that come back
        raise Conflict(
            "Answers of this submission were removed from the record, so no questions of it can be returned. "
            "Reopen the assessment instead."
        )
    if case.assessment.state != returning.SUBMITTED:
        raise Conflict(
            "This assessment is with the vendor already, or was closed, so nothing can be returned now."
        )
    returning.check(case.assessment, wish, now)  # before the rating that nobody can take back
    if case.drafts:
        marking.write(session, case, seen=seen, actor=actor, now=now, consequences=consequences, tell=False)
    elif seen:
        raise marking.Moved
    return returning.return_questions(session, case.assessment, wish, actor=actor, now=now)


def suggested(case: Case) -> frozenset[str]:
    """The questions that a return would be about: what was judged against the vendor, in the answer or a document."""
    judged = case.judgement
    keys = {
        key
        for key, mark in judged.marks.items()
        if mark["mark"] in NEGATIVE or (mark["mark"] == "graded" and mark.get("points") != FULL)
    }
    keys |= {key for key, some in judged.documents.items() if "refused" in some.values()}
    return frozenset(keys & case.definition.questions.keys())


def said_of(case: Case, written: dict[tuple[str, str], str]) -> dict[str, str]:
    """The reason that stands at each answer's mark, written (``written`` by place) or not; offered as the words of a
    return."""
    found = {key: text for (key, document), text in written.items() if document == ANSWER and text}
    for (key, document), draft in case.drafts.items():
        if document == ANSWER:
            found[key] = draft.reason
    return {key: text for key, text in found.items() if text}
