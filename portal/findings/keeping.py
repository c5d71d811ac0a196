"""What reviewers do with findings beside closing them: add one, weigh it, merge two, note something for each other."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.assessments import result_queries
from portal.assessments.result_queries import Pair
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid, NotFound
from portal.findings import earning, letters, opening, queries, steps
from portal.findings.models import Finding, FindingEngagement, FindingNote
from portal.findings.queries import KNOCKOUT, MERGED, OPEN, PLANNED, REVIEWER, SEVERITIES
from portal.review.marking import check_may
from portal.review.queries import Case

PRESSED_TWICE = timedelta(minutes=1)
NEEDED = "Say what was found, and why it matters. The vendor reads it."


def add(
    session: Session, case: Case, *, key: str, severity: str, text: str, actor: Identity, now: datetime
) -> Finding:
    """Put a finding on record by hand, about a question ("": about no single one); the vendor reads it at once.

    ``case``: the submission that it comes from, locked. The same words of the same person within PRESSED_TWICE are one
    finding. Raises Refused, NotFound for a question of another questionnaire, Conflict for an older round, Invalid
    (fields severity, text).
    """
    check_may(actor)
    steps.require_here(session, case.assessment.vendor_id, actor)
    if key and key not in case.definition.questions:
        raise NotFound
    if not case.newest:
        raise Conflict("A newer round has been submitted. Add the finding there.")
    errors = steps.text_fault(text, NEEDED)
    if severity not in SEVERITIES:
        errors["severity"] = "Choose how severe it is."
    if errors:
        raise Invalid(errors=errors)
    pair = Pair(case.submission.organisation_id, case.submission.company_id)
    covered = result_queries.engagement_ids(session, case.assessment, pair)
    steps.hold_engagements(session, actor, covered)
    twice = _twice(session, actor, case, key, text, now)
    if twice is not None:
        return twice
    finding = opening.new_finding(
        case.assessment, case.submission, (key, REVIEWER), severity, opened_by=actor.person.id, now=now
    )
    session.add(finding)
    session.flush()
    own = earning.standing(finding.slug, (str(finding.id), REVIEWER))
    session.add_all(
        FindingEngagement(
            finding_id=finding.id,
            engagement_id=one,
            organisation_id=finding.organisation_id,
            company_id=finding.company_id,
            standing=own,
            submission_id=case.submission.id,
            called_for=True,
        )
        for one in covered
    )
    steps.write(session, finding, "opened", actor=actor, now=now, words=text)
    letters.tell_opened(session, case.assessment, [finding], actor=actor, now=now)
    session.flush()
    return finding


def weigh(
    session: Session,
    finding: Finding,
    severity: str,
    *,
    reason: str,
    seen: int,
    actor: Identity,
    now: datetime,
) -> None:
    """Change the severity, with a reason that the vendor reads; the worst that it ever was stays on record.

    Raises Refused, Conflict for a failed knock-out, Stale, Invalid (fields severity, reason).
    """
    check_may(actor)
    steps.require_standing(finding, seen)
    if finding.code == KNOCKOUT:
        raise Conflict("A failed knock-out is critical by the questionnaire. Its severity cannot be changed.")
    errors = {}
    if severity not in SEVERITIES:
        errors["severity"] = "Choose how severe it is."
    elif severity == finding.severity:
        errors["severity"] = "This is its severity already."
    fault = steps.text_fault(reason, "Say why. The vendor reads it.")
    if fault:
        errors["reason"] = fault["text"]
    if errors:
        raise Invalid(errors=errors)
    before = finding.severity
    finding.severity, finding.worst = severity, earning.worse(finding.worst, severity)
    steps.write(session, finding, "severity", actor=actor, now=now, words=reason, data={"before": before})
    session.flush()


def merge(
    session: Session,
    finding: Finding,
    other: Finding,
    *,
    seen: int,
    actor: Identity,
    now: datetime,
) -> None:
    """Let ``other`` go into ``finding``: one thing to settle, with the worst severity, the earliest days and all
    engagements of both, planned only where both were. The caller holds both (steps.hold_both).

    Raises Refused, Conflict for findings of two vendors or a knock-out that would go, Stale, Invalid (other).
    """
    check_may(actor)
    steps.require_standing(finding, seen)
    steps.require_standing(other, None)
    if finding.id == other.id:
        raise Invalid(errors={"other": "Choose another finding."})
    if (finding.vendor_id, finding.company_id) != (other.vendor_id, other.company_id):
        raise NotFound
    if other.code == KNOCKOUT:
        raise Conflict(
            "A failed knock-out stays by itself, since the gate asks for it. Merge the other finding into it instead."
        )
    if other.waits or queries.waiting_closing(session, actor, other.id) is not None:
        raise Conflict("Something about the other finding waits for an answer. Answer that first.")
    finding.severity = earning.worse(finding.severity, other.severity)
    finding.worst = earning.worse(finding.worst, other.worst)
    finding.opened = min(finding.opened, other.opened)
    finding.due, finding.first_due = _earliest(finding, other)
    if finding.due is None:
        finding.state, finding.owner_id = OPEN, None
    finding.called_for = finding.called_for or other.called_for
    finding.uncalled = "" if finding.called_for else earning.least((finding.uncalled, other.uncalled))
    gone = [other.id, *(one.id for one in queries.merged_into(session, actor, other.id))]
    session.execute(
        update(Finding)
        .where(Finding.id.in_(gone), *mine(actor.scope, Finding))
        .values(merged_into=finding.id)
    )
    other.state, other.merged_into = MERGED, finding.id
    other.closed_at, other.closed_by = now, actor.person.id
    _spread(session, finding, queries.engagement_ids(session, actor, gone), actor)
    steps.write(session, finding, "merged", actor=actor, now=now, other_id=other.id, data={"other": other.id})
    session.flush()


def note(session: Session, finding: Finding, text: str, *, actor: Identity, now: datetime) -> FindingNote:
    """Write an internal note; it cannot be edited, and the vendor never reads it. Raises Refused, Invalid (text)."""
    check_may(actor)
    steps.require_here(session, finding.vendor_id, actor)
    errors = steps.text_fault(text, "Write something.")
    if errors:
        raise Invalid(errors=errors)
    for one in queries.notes(session, actor, finding.id):
        if (one.author_id, one.text) == (actor.person.id, text) and one.at > now - PRESSED_TWICE:
            return one
    row = FindingNote(
        id=uuid.uuid4(),
        organisation_id=finding.organisation_id,
        finding_id=finding.id,
        text=text,
        author_id=actor.person.id,
        at=now,
    )
    session.add(row)
    record(session, Kind.FINDING_NOTED, now=now, actor=actor, subject=row, data={"finding": finding.id})
    session.flush()
    return row


def _earliest(finding: Finding, other: Finding) -> tuple[date | None, date | None]:
    """The agreed day and the first agreed day of two findings that become one: the earlier of each.

    No day is agreed unless both had one: nobody has promised to settle the other one by then.
    """
    planned = finding.state == other.state == PLANNED
    due = min((one for one in (finding.due, other.due) if planned and one is not None), default=None)
    first = min((one for one in (finding.first_due, other.first_due) if one is not None), default=None)
    return due, first


def _spread(
    session: Session, finding: Finding, engagement_ids: Collection[uuid.UUID], actor: Identity
) -> None:
    """Let a finding be about these engagements too. What was merged keeps its own links, so that it is known again."""
    held = set(queries.engagement_ids(session, actor, [finding.id]))
    session.add_all(
        FindingEngagement(
            finding_id=finding.id,
            engagement_id=one,
            organisation_id=finding.organisation_id,
            company_id=finding.company_id,
            standing=None,
            submission_id=finding.submission_id,
            called_for=False,
        )
        for one in engagement_ids
        if one not in held
    )


def _twice(
    session: Session, actor: Identity, case: Case, key: str, text: str, now: datetime
) -> Finding | None:
    """The finding that the same press of the button has just opened."""
    rows: list[Finding] = list(
        session.execute(
            scoped(actor, Finding).where(
                Finding.submission_id == case.submission.id,
                Finding.key == key,
                Finding.code == REVIEWER,
                Finding.opened_by == actor.person.id,
                Finding.opened_at > now - PRESSED_TWICE,
            )
        ).scalars()
    )
    for one in rows:
        first = next(iter(queries.steps(session, actor, one.id)), None)
        if first is not None and first.text == text:
            return one
    return None
