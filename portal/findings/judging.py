"""What reviewers say to a plan and to a proof. A gain in the score comes from a mark that is written, and only then.

The caller holds the finding (steps.hold); where the answer is graded too, the review's case before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.faults import Conflict, Invalid
from portal.findings import closing, letters, queries, steps
from portal.findings.models import Finding
from portal.findings.queries import PLAN, PLANNED, PROOF
from portal.formats import long_date
from portal.review import marking
from portal.review.marking import Consequence, Wish
from portal.review.queries import ANSWER, Case
from questionnaires.answers import InvalidAnswer
from questionnaires.results import Result

REASON = "The proof for the finding was accepted."


class NotAsShown(Conflict):
    """The answer that was to be graded is not the one that the page showed, or cannot be graded any more."""

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message
            or "The answer, or what was judged of it, has changed since you opened this page. Nothing was done: look "
            "at it as it is now, then press again."
        )


@dataclass(frozen=True, slots=True)
class Gain:
    """What the score is and what it would become: exact ranges of 100, and bands; None where nothing is scored."""

    before: Result
    after: Result

    @property
    def points(self) -> Fraction | None:
        """By how much the low end of the score rises."""
        if self.before.score is None or self.after.score is None:
            return None
        return self.after.score - self.before.score


def agree(
    session: Session,
    finding: Finding,
    *,
    text: str,
    seen: int,
    today: date,
    actor: Identity,
    now: datetime,
) -> None:
    """Agree to the plan that waits. The first day that was ever agreed is kept beside it.

    Raises Refused, Conflict where no plan waits or its day has come, Stale, Invalid (text).
    """
    _check(finding, PLAN, "plan", text, "", seen, actor)
    if finding.wanted_due is None or finding.wanted_due < today:
        raise Conflict("The day of this plan has passed. Refuse it, so that the vendor names another one.")
    finding.state, finding.waits = PLANNED, ""
    finding.owner_id, finding.due = finding.wanted_owner_id, finding.wanted_due
    finding.first_due = finding.first_due or finding.due
    finding.wanted_owner_id = finding.wanted_due = None
    steps.write(
        session,
        finding,
        "agreed",
        actor=actor,
        now=now,
        words=text,
        due=finding.due,
        owner_id=finding.owner_id,
    )
    assert finding.due is not None
    _tell(
        session,
        finding,
        f"has agreed to your plan for a finding: it is to be settled by {long_date(finding.due)}.",
        "When it is done, give proof: what was done, and documents that show it.",
        actor,
        now,
    )


def refuse(
    session: Session, finding: Finding, *, text: str, seen: int, actor: Identity, now: datetime
) -> None:
    """Refuse the plan that waits, with a reason; one that was agreed before goes on. Raises as ``agree``."""
    _check(
        finding,
        PLAN,
        "plan",
        text,
        "Say why, and what a better plan would be. The vendor reads it.",
        seen,
        actor,
    )
    steps.write(
        session,
        finding,
        "refused",
        actor=actor,
        now=now,
        words=text,
        due=finding.wanted_due,
        owner_id=finding.wanted_owner_id,
    )
    stands = f" The plan agreed before stands: {long_date(finding.due)}." if finding.due else ""
    finding.waits = ""
    finding.wanted_owner_id = finding.wanted_due = None  # before the letter: they could not open it any more
    _tell(
        session,
        finding,
        f"does not agree to your plan for a finding.{stands}",
        "Read why, and propose another one.",
        actor,
        now,
    )


def send_back(
    session: Session, finding: Finding, *, text: str, seen: int, actor: Identity, now: datetime
) -> None:
    """Send a proof back, with a reason; the plan goes on. Raises as ``agree``."""
    _check(finding, PROOF, "proof", text, "Say what is missing. The vendor reads it.", seen, actor)
    finding.waits, finding.proof_id = "", None
    steps.write(session, finding, "sent_back", actor=actor, now=now, words=text)
    _tell(
        session,
        finding,
        "does not take the proof for a finding yet.",
        "Read what is missing, and give proof again.",
        actor,
        now,
    )


def accept(
    session: Session,
    finding: Finding,
    *,
    text: str,
    seen: int,
    actor: Identity,
    now: datetime,
    case: Case | None = None,
    points: int | None = None,
    shown: str = "",
    unwritten: str = "",
    consequences: Iterable[Consequence] = (),
) -> None:
    """Accept the proof: the finding is closed as fixed.

    With ``points`` (0 to 100) the answer is graded by the review's own marking in ``case``, the newest submission,
    locked by the caller, and written into a rating together with whatever marks wait there; ``shown``: answer_shown
    and ``unwritten``: Case.unwritten of the page. Raises as ``agree``; NotAsShown for another answer than the page
    showed, one that was marked since, or one that cannot be graded; review.marking.Moved where other marks wait.
    """
    _check(finding, PROOF, "proof", text, "", seen, actor)
    if points is not None:
        if case is None or not gradable(finding, case):
            raise NotAsShown("The answer cannot be graded any more. Accept the proof without a grade.")
        if shown != answer_shown(finding, case):
            raise NotAsShown
        if unwritten != case.unwritten:
            raise marking.Moved
    closing.close(session, finding, "fixed", text, actor=actor, now=now)
    graded = ""
    if points is not None and case is not None:
        _grade(session, finding, case, points, text or REASON, consequences, actor, now)
        graded = " Your answer has been judged anew."
    _tell(
        session,
        finding,
        f"has accepted the proof for a finding. It is closed.{graded}",
        "You need not do anything more about it.",
        actor,
        now,
    )


def gradable(finding: Finding, case: Case) -> bool:
    """Whether a grade can stand on the answer in question, in the newest submission of the assessment."""
    if not case.newest or case.redacted or finding.key not in case.definition.questions:
        return False
    return finding.content_hash == case.submission.content_hash and "graded" in marking.possible(
        case, finding.key
    )


def answer_shown(finding: Finding, case: Case) -> str:
    """What a page that offers a grade was drawn from: whose answers, and what has been judged of this one."""
    return f"{case.submission.id} {case.token((finding.key, ANSWER))}"


def gain(finding: Finding, case: Case, points: int) -> Gain:
    """What the score would become with a grade, under all marks of the case, written or not."""
    mark = {**case.judgement.marks, finding.key: {"mark": "graded", "points": points}}
    judged = replace(case.judgement, marks=mark)
    try:
        return Gain(case.result(), case.result(judged))
    except InvalidAnswer as error:
        raise Invalid(errors={"points": "Write whole points from 0 to 100."}) from error


def _grade(
    session: Session,
    finding: Finding,
    case: Case,
    points: int,
    reason: str,
    consequences: Iterable[Consequence],
    actor: Identity,
    now: datetime,
) -> None:
    wish = Wish(finding.key, "graded", points=points, reason=reason[: marking.LONGEST_TEXT])
    draft = marking.save(session, case, wish, seen=case.token((finding.key, ANSWER)), actor=actor, now=now)
    drafts = {**case.drafts, (draft.key, draft.document): draft}
    whole = replace(case, drafts=drafts)
    marking.write(
        session, whole, seen=whole.unwritten, actor=actor, now=now, consequences=consequences, tell=False
    )


def _check(
    finding: Finding, waits: str, what: str, text: str, needed: str, seen: int, actor: Identity
) -> None:
    marking.check_may(actor)
    steps.require_standing(finding, None)
    if finding.waits != waits:
        raise Conflict(
            f"No {what} waits here any more: somebody has answered it, or the vendor gave a new one."
        )
    steps.require_standing(finding, seen)
    errors = steps.text_fault(text, needed)
    if errors:
        raise Invalid(errors=errors)


def _tell(
    session: Session, finding: Finding, what: str, following: str, actor: Identity, now: datetime
) -> None:
    assert actor.organisation is not None
    about = queries.assessment_of(session, actor, finding)
    letters.tell_vendor(
        session, about, finding, f"{actor.organisation.name} {what}", following, actor=actor, now=now
    )
    session.flush()
