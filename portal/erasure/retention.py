"""What time destroys: answers of superseded submissions and intakes, letters, spent links, files nobody refers to.

Run by the worker; each function is safe to run twice, and by two workers at once.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from portal import clock
from portal.accounts.models import AddressChange, LoginSession, PasswordReset, Throttle
from portal.accounts.passkey_models import SpentChallenge
from portal.assessments import workbook_uploads
from portal.assessments.models import (
    Assessment,
    AssessmentEngagement,
    SealedAnswer,
    SealedAttestation,
    Submission,
)
from portal.assessments.version_models import WorkbookUpload
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.steps import named as signed_contracts
from portal.db import SYSTEM, Database
from portal.erasure import destroying, findings
from portal.erasure.models import DoomedFile
from portal.erasure.reaching import Destroyed, run
from portal.erasure.service import certify
from portal.evidence import service as evidence
from portal.evidence.models import Evidence
from portal.intake.models import Intake, IntakeAnswers
from portal.organisations.models import Organisation
from portal.organisations.token_models import ApiRequest
from portal.organisations.tokens import REMEMBERED
from portal.outbox import DIGEST, Message
from portal.reassessment.models_post import Digest
from portal.storage import Storage
from portal.vendors.models import Engagement, VendorImport
from portal.webhooks.models import WebhookDelivery
from questionnaires.dates import add_months

BATCH = 100
LETTERS_KEPT = timedelta(days=30)
LINKS_KEPT = timedelta(days=7)
SESSIONS_KEPT = timedelta(days=30)  # they end after 7 at the latest
COUNTERS_KEPT = timedelta(days=1)
DELIVERIES_KEPT = timedelta(days=30)  # what was sent to webhooks
LISTS_KEPT = timedelta(days=1)  # lists of vendors that nobody took over
DOOMED_FOR = timedelta(days=1)  # a backup that has read the database still finds what it names
EARLIEST_MONTHS = 1


def apply(database: Database, *, now: datetime) -> int:
    """Destroy the sealed values of superseded submissions that are older than their organisation keeps them."""
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(Organisation.id, Organisation.keep_months, Organisation.zone).where(
                Organisation.keep_months >= EARLIEST_MONTHS, Organisation.closed_at.is_(None)
            )
        ).all()
    done = 0
    for organisation_id, months, zone in rows:
        today = clock.local_date(now, zone)
        assert months is not None
        before = now - timedelta(days=27 * months)  # a month has at least 28 days: a wide first look
        with database.looking(SYSTEM) as session:
            old = session.execute(_superseded(organisation_id, before)).all()
        due = [one.id for one in old if add_months(clock.local_date(one.sealed_at, zone), months) <= today]
        for start in range(0, len(due), BATCH):
            done += _destroy(database, organisation_id, due[start : start + BATCH], now)
        done += _intakes(database, organisation_id, months, zone, now)
        done += _findings(database, organisation_id, months, zone, now)
    return done


def _intakes(database: Database, organisation_id: uuid.UUID, months: int, zone: str, now: datetime) -> int:
    """Destroy the answers of intakes that do not hold and do not wait, as old as superseded submissions; how many."""
    today, before = clock.local_date(now, zone), now - timedelta(days=27 * months)
    counts = or_(Engagement.intake_id == Intake.id, Engagement.waiting_intake_id == Intake.id)
    with database.looking(SYSTEM) as session:
        old = session.execute(
            select(Intake.id, Intake.answered_at)
            .join(IntakeAnswers, IntakeAnswers.intake_id == Intake.id)
            .where(
                Intake.organisation_id == organisation_id,
                Intake.answered_at < before,
                ~exists().where(Engagement.id == Intake.engagement_id, counts),
            )
            .order_by(Intake.answered_at, Intake.id)
        ).all()
    due = [one.id for one in old if add_months(clock.local_date(one.answered_at, zone), months) <= today]
    done = 0
    for start in range(0, len(due), BATCH):
        with database.transaction() as session:
            found = Destroyed()
            some = IntakeAnswers.intake_id.in_(due[start : start + BATCH])
            number = run(session, delete(IntakeAnswers).where(some))
            if not number:
                continue  # another worker was faster
            found.add("intake_answers", number)
            _certify(session, organisation_id, found, now)
            done += number
    return done


def _certify(session: Session, organisation_id: uuid.UUID, found: Destroyed, now: datetime) -> None:
    """What time alone destroyed: nobody asked for it, nobody approved it."""
    certify(
        session,
        kind="retention",
        subject=organisation_id,
        found=found,
        people={},
        organisation_id=organisation_id,
        now=now,
    )


def _findings(database: Database, organisation_id: uuid.UUID, months: int, zone: str, now: datetime) -> int:
    """Destroy the words of findings that were closed after their answers had gone, as long ago; how many findings."""
    today, before = clock.local_date(now, zone), now - timedelta(days=27 * months)
    with database.looking(SYSTEM) as session:
        old = findings.long_closed(session, organisation_id, before)
    due = [one for one, closed_at in old if add_months(clock.local_date(closed_at, zone), months) <= today]
    done = 0
    for start in range(0, len(due), BATCH):
        with database.transaction() as session:
            found = Destroyed()
            some = due[start : start + BATCH]
            papers = findings.empty_closed(session, some, found, now=now)
            if not found.counts:
                continue  # another worker was faster
            destroying.unreferenced(session, papers, found, now)
            _certify(session, organisation_id, found, now)
            done += len(some)
    return done


def _superseded(organisation_id: uuid.UUID, before: datetime) -> Any:
    """Submissions with anything left that newer ones of the same questionnaire have replaced for all they cover.

    For every engagement: a vendor that is asked about each of two services has two submissions that both count.
    """
    newer, newer_assessment = aliased(Submission), aliased(Assessment)
    covered, covers = aliased(AssessmentEngagement), aliased(AssessmentEngagement)
    replaced = (
        exists()
        .where(
            newer.assessment_id == newer_assessment.id,
            newer_assessment.vendor_id == Assessment.vendor_id,
            newer_assessment.slug == Assessment.slug,
            newer_assessment.organisation_id == organisation_id,
            newer.sealed_at > Submission.sealed_at,
            covers.assessment_id == newer_assessment.id,
            covers.engagement_id == covered.engagement_id,
        )
        .correlate(Submission, Assessment, covered)
    )
    still_counts = (
        exists().where(covered.assessment_id == Assessment.id, ~replaced).correlate(Submission, Assessment)
    )
    left = or_(
        exists().where(SealedAnswer.submission_id == Submission.id),
        exists().where(SealedAttestation.submission_id == Submission.id),
    )
    return (
        select(Submission.id, Submission.sealed_at)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(
            Submission.organisation_id == organisation_id,
            Submission.sealed_at < before,
            exists().where(AssessmentEngagement.assessment_id == Assessment.id),
            ~still_counts,
            left,
        )
        .order_by(Submission.sealed_at, Submission.id)
    )


def _destroy(database: Database, organisation_id: uuid.UUID, ids: list[uuid.UUID], now: datetime) -> int:
    with database.transaction() as session:
        assessments = session.execute(
            select(Submission.assessment_id).where(Submission.id.in_(ids))
        ).scalars()
        destroying.lock(session, set(assessments))
        left = (
            session.execute(
                select(SealedAttestation.submission_id)
                .where(SealedAttestation.submission_id.in_(ids))
                .union(select(SealedAnswer.submission_id).where(SealedAnswer.submission_id.in_(ids)))
            )
            .scalars()
            .all()
        )
        if not left:
            return 0  # another worker was faster
        found = Destroyed()
        destroying.sealed(session, left, None, found, now)
        destroying.unreferenced(session, findings.of_closed(session, left, found, now=now), found, now)
        found.keep("drafts_of_companies", len(left))
        _certify(session, organisation_id, found, now)
        return len(left)


# ------------------------------------------------------------------------------------------------------ housekeeping


def tidy(database: Database, *, now: datetime) -> dict[str, int]:
    """Empty old letters; forget spent links, ended sessions and old counters. One event says how many."""
    with database.transaction() as session:
        done = {
            "letters": _letters(session, now),
            "links": _gone(session, PasswordReset, _spent(PasswordReset, now))
            + _gone(session, AddressChange, _spent(AddressChange, now) | _withdrawn(now)),
            "sessions": _gone(session, LoginSession, LoginSession.seen_at < now - SESSIONS_KEPT),
            "challenges": _gone(session, SpentChallenge, SpentChallenge.until < now),
            "counters": _gone(session, Throttle, Throttle.window_start < now - COUNTERS_KEPT),
            "deliveries": _gone(session, WebhookDelivery, WebhookDelivery.created_at < now - DELIVERIES_KEPT),
            "requests": _gone(session, ApiRequest, ApiRequest.at < now - REMEMBERED),
            "workbooks": _gone(session, WorkbookUpload, workbook_uploads.old(now)),
            "vendor_lists": _gone(session, VendorImport, VendorImport.read_at < now - LISTS_KEPT),
        }
        done = {name: number for name, number in done.items() if number}
        if done:
            data = {"what": "housekeeping", **done}
            record(session, Kind.RETENTION_APPLIED, now=now, actor=None, data=data)
    return done


def _gone(session: Session, model: Any, which: ColumnElement[bool]) -> int:
    # unaudited: `tidy` writes one event for all, and none when there was nothing
    return run(session, delete(model).where(which).execution_options(unaudited=True))


def _spent(model: Any, now: datetime) -> ColumnElement[bool]:
    return or_(model.used_at < now - LINKS_KEPT, model.expires_at < now - LINKS_KEPT)


def _withdrawn(now: datetime) -> ColumnElement[bool]:
    return AddressChange.withdrawn_at < now - LINKS_KEPT


def _letters(session: Session, now: datetime) -> int:
    """Letters are means, not records: who got which kind of letter when stays, what it said does not.

    A letter with a link that was given up goes at once: the link in it still works.
    """
    old = or_(
        and_(Message.state == "sent", Message.sent_at < now - LETTERS_KEPT),
        and_(Message.state.in_(("gave_up", "dropped")), Message.due_at < now - LETTERS_KEPT),
        and_(Message.state == "gave_up", Message.secret),
    )
    full = or_(Message.text != "", Message.html != "", and_(~Message.ready, Message.recipient_name != ""))
    empty = {"text": "", "html": "", "recipient_name": "", "last_error": ""}
    gone = select(Message.id).where(old, Message.kind == DIGEST)
    run(session, delete(Digest).where(Digest.message_id.in_(gone)))
    return run(session, update(Message).where(old, full).values(**empty))


def delete_files(database: Database, storage: Storage, *, now: datetime) -> int:
    """Delete doomed files a day after they were doomed, unless something refers to them again."""
    done = 0
    while True:
        with database.looking(SYSTEM) as session:
            keys = list(
                session.execute(
                    select(DoomedFile.storage_key)
                    .where(DoomedFile.doomed_at < now - DOOMED_FOR)
                    .order_by(DoomedFile.doomed_at, DoomedFile.storage_key)
                    .limit(BATCH)
                ).scalars()
            )
            named = set(
                session.execute(select(Evidence.storage_key).where(Evidence.storage_key.in_(keys))).scalars()
            )
            named |= signed_contracts(session, keys)
        if not keys:
            return done
        for key in keys:
            if key not in named:
                storage.delete(key)  # before its row: should this stop here, the next pass does it again
        with database.transaction() as session:
            session.execute(delete(DoomedFile).where(DoomedFile.storage_key.in_(keys)))
        done += len(keys)


def sweep(database: Database, storage: Storage, *, now: datetime, most: int = 20) -> int:
    """Delete files of a day's age that no document names: left by a crash between storing and committing."""
    done = 0
    for keys in islice(evidence.old_keys(storage, now), most):
        with database.looking(SYSTEM) as session:
            lost = evidence.orphans(session, keys)
            lost -= signed_contracts(session, sorted(lost))
        for key in lost:
            storage.delete(key)
        done += len(lost)
    return done
