"""One step of a finding: codes for ever, words beside, an event; and the order in which its writers take turns."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict
from portal.findings import queries
from portal.findings.models import Finding, FindingStep, FindingWords
from portal.vendors import queries as vendors
from portal.vendors.ground import ground_moved
from portal.vendors.models import Engagement

ORGANISATION, COMPANY = "organisation", "company"
LONGEST_TEXT = 4000
MOVED_ON = "Something has happened to this finding since you opened it, so this cannot be done any more."
SETTLED = "This finding has been closed meanwhile, so there is nothing left to do about it."

# What a step is called, and the event that goes with it.
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "opened": Kind.FINDING_OPENED,
        "confirmed": Kind.FINDING_CONFIRMED,  # newer answers earn it again
        "uncalled": Kind.FINDING_UNCALLED,  # the new answers no longer call for it
        "severity": Kind.FINDING_WEIGHED,
        "merged": Kind.FINDING_MERGED,  # of the finding that stays: another one went into it
        "plan": Kind.PLAN_PROPOSED,
        "agreed": Kind.PLAN_AGREED,
        "refused": Kind.PLAN_REFUSED,
        "proof": Kind.PROOF_GIVEN,
        "sent_back": Kind.PROOF_SENT_BACK,
        "closed": Kind.FINDING_CLOSED,
    }
)


MOVING = frozenset({"opened", "severity", "merged", "agreed", "closed"})  # what the gate reads has changed


class Stale(Conflict):
    """Something happened to the finding since the page was drawn."""

    def __init__(self) -> None:
        super().__init__(
            "Something has happened to this finding since you opened it. Read it as it is now, then send this again."
        )


def write(
    session: Session,
    finding: Finding,
    kind: str,
    *,
    actor: Identity,
    now: datetime,
    words: str = "",
    by_itself: bool = False,
    data: Mapping[str, Any] | None = None,
    **columns: Any,
) -> FindingStep:
    """Append a step (one of KINDS) to a finding that the caller holds locked, with its event.

    ``by_itself``: it follows from answers or marks, so nobody's name stands at it. ``columns``: of FindingStep.
    """
    finding.revision += 1
    row = FindingStep(
        id=uuid.uuid4(),
        organisation_id=finding.organisation_id,
        company_id=finding.company_id,
        finding_id=finding.id,
        sequence=finding.revision,
        kind=kind,
        side=ORGANISATION if actor.organisation is not None else COMPANY,
        severity=finding.severity,
        submission_id=columns.pop("submission_id", finding.submission_id),
        proof=columns.pop("proof", b"[]"),
        at=now,
        by=None if by_itself else actor.person.id,
        **columns,
    )
    session.add(row)
    session.flush()
    if kind in MOVING and not by_itself:  # what opens by itself has said so before it looked
        moved = queries.engagement_ids(session, actor, [finding.id])
        ground_moved(session, finding.organisation_id, moved)
    if words:
        session.add(
            FindingWords(
                step_id=row.id,
                organisation_id=finding.organisation_id,
                company_id=finding.company_id,
                finding_id=finding.id,
                text=words,
            )
        )
    event = KINDS[kind]
    known = {"key": finding.key, "code": finding.code, "severity": finding.severity}
    record(session, event, now=now, actor=actor, subject=finding, data={**known, **(data or {})})
    session.flush()
    return row


def hold(session: Session, identity: Identity, finding_id: uuid.UUID) -> Finding:
    """A finding of the organisation, locked, its engagements before it; NotFound.

    Sealing takes the same order, so that nobody waits for each other in a circle.
    """
    queries.finding(session, identity, finding_id)
    hold_engagements(session, identity, queries.engagement_ids(session, identity, [finding_id]))
    return queries.finding(session, identity, finding_id, lock=True)


def hold_both(
    session: Session, identity: Identity, one_id: uuid.UUID, other_id: uuid.UUID
) -> tuple[Finding, Finding]:
    """Two findings, locked as ``hold`` does: the engagements of both before either finding; NotFound."""
    ids = (one_id, other_id)
    for each in ids:
        queries.finding(session, identity, each)
    hold_engagements(session, identity, queries.engagement_ids(session, identity, ids))
    held = {each: queries.finding(session, identity, each, lock=True) for each in sorted(ids)}
    return held[one_id], held[other_id]


def require_here(session: Session, vendor_id: uuid.UUID, actor: Identity) -> None:
    """Raise Conflict for a vendor that has been offboarded: nobody would ever destroy what is written then.

    The caller holds an assessment of it or engagements with it, which offboarding waits for.
    """
    vendors.require_here(vendors.vendor(session, actor, vendor_id))


def hold_engagements(session: Session, identity: Identity, ids: Collection[uuid.UUID]) -> None:
    """Lock engagements of the organisation in the order of their ids, as vendors.ground does."""
    session.execute(
        scoped(identity, Engagement)
        .with_only_columns(Engagement.id)
        .where(Engagement.id.in_(ids))
        .order_by(Engagement.id)
        .with_for_update()
    ).all()


def text_fault(text: str, needed: str) -> dict[str, str]:
    """What is wrong with words at the field ``text``; ``needed`` is said of none, "" where there may be none."""
    if not text:
        return {"text": needed} if needed else {}
    if len(text) > LONGEST_TEXT:
        return {"text": f"Write at most {LONGEST_TEXT:,} characters. You wrote {len(text):,}."}
    return {}


def require_standing(finding: Finding, seen: int | None) -> None:
    """Raise Conflict for a finding that is closed or merged, Stale where ``seen`` is not its revision."""
    if finding.state not in queries.STANDING:
        raise Conflict(SETTLED)
    if seen is not None and seen != finding.revision:
        raise Stale
