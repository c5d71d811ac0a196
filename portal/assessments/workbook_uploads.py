"""Uploaded workbooks: read, and kept until their person has chosen; theirs alone, and not for long."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete
from sqlalchemy.orm import Session, defer

from portal.access import Identity, mine, scoped
from portal.assessments.models import Assessment
from portal.assessments.version_models import WorkbookUpload
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import across
from portal.faults import NotFound

KEPT = timedelta(days=7)


def keep(
    session: Session,
    one: Assessment,
    filename: str,
    rows: list[dict[str, Any]],
    *,
    actor: Identity,
    now: datetime,
) -> WorkbookUpload:
    """Keep what a workbook says until its person has chosen; an earlier one of theirs goes. ``one`` is locked."""
    assert actor.company is not None
    forget(session, actor, one.id)
    row = WorkbookUpload(
        id=uuid.uuid4(),
        company_id=actor.company.id,
        assessment_id=one.id,
        person_id=actor.person.id,
        content_hash=one.content_hash,
        filename=filename,
        cells=rows,
        uploaded_at=now,
    )
    session.add(row)
    session.flush()
    record(
        session,
        Kind.WORKBOOK_READ,
        now=now,
        actor=actor,
        subject=row,
        data={"assessment": one.id, "questions": len(rows)},
    )
    return row


def upload(session: Session, actor: Identity, one: Assessment, upload_id: uuid.UUID) -> WorkbookUpload:
    """An upload of this person to this assessment; NotFound for anybody else's."""
    found = _own(session, actor, one, WorkbookUpload.id == upload_id)
    if found is None:
        raise NotFound(
            "This upload is no longer here: it was taken over or thrown away, or a newer one came in its place."
        )
    return found


def waiting(session: Session, actor: Identity, one: Assessment) -> WorkbookUpload | None:
    """What this person has uploaded and not yet decided on; without its cells, which no list of uploads shows."""
    return _own(session, actor, one, options=(defer(WorkbookUpload.cells, raiseload=True),))


def _own(
    session: Session, actor: Identity, one: Assessment, *which: Any, options: tuple[Any, ...] = ()
) -> WorkbookUpload | None:
    found: WorkbookUpload | None = session.execute(
        scoped(actor, WorkbookUpload)
        .options(*options)
        .where(
            WorkbookUpload.assessment_id == one.id,
            WorkbookUpload.person_id == actor.person.id,
            *which,
        )
        .order_by(WorkbookUpload.uploaded_at.desc(), WorkbookUpload.id)
        .limit(1)
    ).scalar_one_or_none()
    return found


def discard(session: Session, row: WorkbookUpload, *, actor: Identity, now: datetime) -> None:
    """Throw an upload away."""
    record(
        session,
        Kind.WORKBOOK_DISCARDED,
        now=now,
        actor=actor,
        subject=row,
        data={"assessment": row.assessment_id},
    )
    forget(session, actor, row.assessment_id)


def forget(session: Session, actor: Identity, assessment_id: uuid.UUID) -> None:
    """This person's uploads to an assessment go; the caller records why."""
    session.execute(
        delete(WorkbookUpload)
        .where(
            *mine(actor.scope, WorkbookUpload),
            WorkbookUpload.assessment_id == assessment_id,
            WorkbookUpload.person_id == actor.person.id,
        )
        .execution_options(synchronize_session=False)
    )


def forget_all(session: Session, assessment_id: uuid.UUID) -> None:
    """Called by whatever closes, submits or moves an assessment, of either side, which records it."""
    session.execute(
        delete(WorkbookUpload)
        .where(WorkbookUpload.assessment_id == assessment_id)
        .execution_options(
            synchronize_session=False,
            **across("closing or moving an assessment destroys workbooks that a company has not taken over"),
        )
    )


def old(now: datetime) -> ColumnElement[bool]:
    """Which uploads time destroys."""
    return WorkbookUpload.uploaded_at < now - KEPT
