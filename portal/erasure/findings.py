"""What is destroyed of findings: words of both sides, notes, reasons, documents of proofs. Steps, days and hashes stay.

With an answer goes what was written about any finding that ever rested on it, under whatever key it is known today:
plans, proofs and reasons may quote it. Of merged findings all go together: what is said of one is written at another.
Time takes the words of closed findings only: with the answers, or, of what was closed after those had gone, once it has
been closed for as long as answers are kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from portal.assessments.models import SealedAnswer
from portal.erasure.reaching import Destroyed, end_and_empty, read, run
from portal.evidence.models import ProofDocument
from portal.findings.models import (
    Finding,
    FindingClosing,
    FindingEngagement,
    FindingNote,
    FindingStep,
    FindingWords,
)
from portal.findings.queries import CLOSED, MERGED, STANDING
from portal.library import lineage
from portal.library import service as library


def of_answers(
    session: Session,
    submissions: Collection[uuid.UUID],
    keys: Collection[str] | None,
    found: Destroyed,
    *,
    by: uuid.UUID | None,
    now: datetime,
) -> set[uuid.UUID]:
    """Empty the findings that rested on these submissions; on answers to ``keys`` only, or on any (None).

    Returns the documents that lay with them, and with what they were merged with.
    """
    rows = _resting_on(session, submissions)
    if keys is not None:
        wanted = set(keys)
        rows = [one for one in rows if not one.key or wanted & _names(session, one)]
    return _empty(session, _merged_with(session, rows), found, by, now)


def of_closed(
    session: Session, submissions: Collection[uuid.UUID], found: Destroyed, *, now: datetime
) -> set[uuid.UUID]:
    """Empty the closed findings among them; returns the documents."""
    rows = _resting_on(session, submissions, Finding.state.in_((CLOSED, MERGED)))
    return _empty(session, [one.id for one in rows], found, None, now)


def long_closed(
    session: Session, organisation_id: uuid.UUID, before: datetime
) -> list[tuple[uuid.UUID, datetime]]:
    """Findings closed before then that still have words, where none of the answers they rested on is left; with when.

    Retention has been at those answers while the finding stood, and does not come back to them.
    """
    about = Finding.id
    left = or_(
        *(exists().where(model.finding_id == about) for model in (FindingWords, FindingNote, ProofDocument)),
        exists().where(FindingClosing.finding_id == about, FindingClosing.reason != ""),
    )
    answered = or_(
        exists().where(SealedAnswer.submission_id == Finding.submission_id),
        exists().where(
            FindingEngagement.finding_id == about,
            SealedAnswer.submission_id == FindingEngagement.submission_id,
        ),
    )
    rows = read(
        session,
        select(Finding.id, Finding.closed_at)
        .where(
            Finding.organisation_id == organisation_id,
            Finding.state == CLOSED,
            Finding.closed_at < before,
            left,
            ~answered,
        )
        .order_by(Finding.closed_at, Finding.id),
    )
    return [(row[0], row[1]) for row in rows]


def empty_closed(
    session: Session, ids: Collection[uuid.UUID], found: Destroyed, *, now: datetime
) -> set[uuid.UUID]:
    """Empty closed findings with all that was merged into them; returns the documents."""
    rows = read(
        session,
        select(Finding.id).where(
            or_(Finding.id.in_(ids), Finding.merged_into.in_(ids)), Finding.state.in_((CLOSED, MERGED))
        ),
    )
    return _empty(session, [row[0] for row in rows], found, None, now)


def of_vendors(
    session: Session,
    organisation_id: uuid.UUID,
    vendors: Collection[uuid.UUID],
    found: Destroyed,
    *,
    by: uuid.UUID | None,
    now: datetime,
) -> set[uuid.UUID]:
    """Empty all findings about vendors that leave, and end those that stand; returns the documents."""
    ours = (Finding.organisation_id == organisation_id) & Finding.vendor_id.in_(vendors)
    ids = [
        row[0] for row in read(session, select(Finding.id).where(ours).order_by(Finding.id).with_for_update())
    ]
    ended = {"state": CLOSED, "closed_how": "gone", "waits": "", "closed_at": now, "closed_by": by}
    left = {"owner_id": None, "wanted_owner_id": None, "wanted_due": None}
    run(
        session,
        update(Finding).where(Finding.id.in_(ids), Finding.state.in_(STANDING)).values(**ended, **left),
    )
    run(session, update(FindingEngagement).where(FindingEngagement.finding_id.in_(ids)).values(standing=None))
    return _empty(session, ids, found, by, now)


def _resting_on(
    session: Session, submissions: Collection[uuid.UUID], *tests: ColumnElement[bool]
) -> list[Finding]:
    """Findings that these answers were looked at for: at a step, or only at a link, as one by hand that nothing earns
    follows to every newer round without a step.
    """
    steps = select(FindingStep.finding_id).where(FindingStep.submission_id.in_(submissions))
    links = select(FindingEngagement.finding_id).where(FindingEngagement.submission_id.in_(submissions))
    which = Finding.id.in_(steps) | Finding.id.in_(links)
    return [row[0] for row in read(session, select(Finding).where(which, *tests))]


def _merged_with(session: Session, rows: Collection[Finding]) -> set[uuid.UUID]:
    """These findings, those that they went into, and everything that went into any of those."""
    roots = {one.merged_into or one.id for one in rows}
    ids = {one.id for one in rows} | roots
    while True:  # a merge moves what was merged before, so this ends at once; it does not rest on that
        linked = read(
            session,
            select(Finding.id, Finding.merged_into).where(Finding.id.in_(ids) | Finding.merged_into.in_(ids)),
        )
        more = {each for row in linked for each in row if each is not None}
        if more <= ids:
            return ids
        ids |= more


def _names(session: Session, one: Finding) -> frozenset[str]:
    """What the question of a finding is called, and was ever called."""
    definition = library.definition(session, one.content_hash)
    return lineage.former_keys(session, one.organisation_id, definition, [one.key])


def _empty(
    session: Session, ids: Collection[uuid.UUID], found: Destroyed, by: uuid.UUID | None, now: datetime
) -> set[uuid.UUID]:
    if not ids:
        return set()
    documents = read(session, select(ProofDocument.evidence_id).where(ProofDocument.finding_id.in_(ids)))
    for model in (FindingWords, FindingNote):
        gone = delete(model).where(model.finding_id.in_(ids))
        found.add("finding_words", run(session, gone))
    end_and_empty(
        session, FindingClosing, FindingClosing.finding_id.in_(ids), found, "finding_words", by=by, now=now
    )
    papers = delete(ProofDocument).where(ProofDocument.finding_id.in_(ids))
    found.add("proof_documents", run(session, papers))
    return {row[0] for row in documents}
