"""Behind a delegation's link: who asks whom for what, a session that can do nothing but it, and the end of it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession
from portal.assessments import delegation_letters as letters
from portal.assessments.delegation import live, said
from portal.assessments.models import Assessment, Delegation
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope, across, enter
from portal.faults import NotFound

OVER = "This link was taken back, is too old, or the questionnaire is closed. Ask whoever wrote to you for a new one."


def by_token(session: Session, token: str, *, now: datetime) -> tuple[Delegation, Assessment]:
    """What a link names; NotFound when unknown, taken back, expired or closed. A look consumes nothing."""
    found = session.execute(
        select(Delegation, Assessment)
        .join(Assessment, Assessment.id == Delegation.assessment_id)
        .where(
            Delegation.token_hash == accounts.token_hash(token),
            Delegation.revoked_at.is_(None),
            Delegation.expires_at > now,
            Assessment.state == "open",
            Assessment.company_id == Delegation.company_id,
        )
        .execution_options(**across("a delegation's link names what it opens"))
    ).first()
    if found is None:
        raise NotFound(OVER)
    return found[0], found[1]


def open_link(
    session: Session, token: str, *, now: datetime, agent: str = "", client: str = ""
) -> tuple[Delegation, str]:
    """Open the link, as often as it is needed: the delegation, and the token of a session that can do nothing else."""
    row, _assessment = by_token(session, token, now=now)
    enter(session, Scope(company_id=row.company_id))
    secret = accounts.new_token()
    session.add(
        LoginSession(
            id=uuid.uuid4(),
            person_id=row.person_id,
            token_hash=accounts.token_hash(secret),
            created_at=now,
            seen_at=now,
            delegation_id=row.id,
            agent=agent,
            client=client,
        )
    )
    row.opened_at = row.opened_at or now
    session.flush()
    record(session, Kind.DELEGATION_OPENED, now=now, actor=row.person_id, subject=row, data=said(row))
    return row, secret


def leave(session: Session, identity: Identity, *, now: datetime) -> None:
    """End the session of a link; the link itself goes on working."""
    assert identity.role is CompanyRole.DELEGATE
    accounts.sign_out(session, identity, now=now)


def finish(session: Session, identity: Identity, assessment: Assessment, *, now: datetime) -> int:
    """ "I am finished": noted, and whoever asked is written to; returns how many delegations this closes.

    Answers may still be changed. A second press does nothing.
    """
    done = 0
    through = identity.delegated.id if identity.delegated else None
    for row in own(session, identity, assessment, through):
        if row.finished_at is not None:
            continue
        row.finished_at = now
        record(session, Kind.DELEGATION_FINISHED, now=now, actor=identity, subject=row, data=said(row))
        letters.finished(session, assessment, row, actor=identity, now=now)
        done += 1
    session.flush()
    return done


def own(
    session: Session, identity: Identity, assessment: Assessment, through: uuid.UUID | None
) -> list[Delegation]:
    """What this person was given of the assessment: by the link that they came through, or as a colleague."""
    rows = live(session, identity, assessment.id, person_id=identity.person.id)
    return [row for row in rows if (row.id == through if through else row.token_hash is None)]
