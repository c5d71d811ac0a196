"""Proposing and approving that data are destroyed: a reason, two people, an event and a certificate (law 6)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import TABLE, Identity, Permission, mine, scoped
from portal.assessments.models import Assessment, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.erasure import destroying, engagement_words, parting
from portal.erasure.models import Certificate, Erasure
from portal.erasure.reaching import Destroyed, read
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.intake import queries as intakes
from portal.intake.models import Intake
from portal.organisations import four_eyes, second_letters
from portal.organisations.models import CompanyMember, OrganisationMember
from portal.vendors.models import Vendor
from questionnaires.canonical import canonical_json

LONGEST_REASON = 2000
BACKUPS = "Backups that were made before keep the values until they are deleted."
KINDS = ("answer", "submission", "intake", "vendor", "organisation", "company")
SETTLED_BY: Mapping[str, Kind] = {
    "answer": Kind.REDACTED,
    "submission": Kind.REDACTED,
    "intake": Kind.REDACTED,
    "vendor": Kind.VENDOR_OFFBOARDED,
    "organisation": Kind.ORGANISATION_CLOSED,
    "company": Kind.COMPANY_CLOSED,
    "person": Kind.PERSON_ERASED,
    "retention": Kind.RETENTION_APPLIED,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose or what: ``keys`` of an assessment's answers, None = all."""

    kind: str
    id: uuid.UUID
    keys: tuple[str, ...] | None = None


def permission_for(kind: str) -> Permission:
    """What a person needs to propose and approve."""
    if kind == "organisation":
        return Permission.CLOSE_ORGANISATION
    return Permission.CLOSE_COMPANY if kind == "company" else Permission.ERASE


def propose(session: Session, identity: Identity, subject: Subject, reason: str, *, now: datetime) -> Erasure:
    """Put a destruction forward. Raises Invalid for no reason, NotFound, or Conflict for the same again."""
    if not identity.may(permission_for(subject.kind)):
        raise Refused("Your role does not allow this.")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(errors={"reason": f"Write why, in at most {LONGEST_REASON} characters."})
    _require_subject(session, identity, subject)
    waiting = session.execute(
        scoped(identity, Erasure)
        .where(Erasure.subject_id == subject.id, Erasure.state == "proposed", Erasure.kind == subject.kind)
        .with_for_update()
    ).scalars()
    if any((one.keys or None) == (list(subject.keys) if subject.keys else None) for one in waiting):
        raise Conflict("This has been proposed already, and waits for a second person.")
    row = Erasure(
        id=uuid.uuid4(),
        organisation_id=identity.organisation.id if identity.organisation else None,
        company_id=identity.company.id if identity.company else None,
        kind=subject.kind,
        subject_id=subject.id,
        keys=list(subject.keys) if subject.keys is not None else None,
        reason=reason,
        state="proposed",
        proposed_by=identity.person.id,
        proposed_at=now,
    )
    session.add(row)
    data = {"kind": subject.kind, "what": subject.id, "keys": len(subject.keys or ())}
    record(session, Kind.ERASURE_PROPOSED, now=now, actor=identity, subject=row, data=data)
    session.flush()
    what = f"{identity.person.name} proposes that stored data are destroyed. Nobody can bring them back."
    needs = permission_for(subject.kind)
    second_letters.ask(session, what, f"erasures/{row.id}", needs, actor=identity, now=now)
    return row


def _require_subject(session: Session, identity: Identity, subject: Subject) -> None:
    if subject.kind in ("organisation", "company"):
        tenant = identity.organisation if subject.kind == "organisation" else identity.company
        if tenant is None or tenant.id != subject.id:
            raise NotFound
        return
    model: Any = {"vendor": Vendor, "intake": Intake}.get(subject.kind, Assessment)
    row = session.execute(scoped(identity, model).where(model.id == subject.id)).scalar_one_or_none()
    if row is None:
        raise NotFound
    if subject.kind == "vendor" and row.offboarded_at is not None:
        raise Conflict("This vendor is offboarded already.")
    if subject.kind == "intake" and intakes.answers(session, identity, subject.id) is None:
        raise Conflict("The answers of this intake have been destroyed already.")
    if subject.kind in ("answer", "submission") and not _sealed(session, subject.kind, subject.id):
        raise Conflict(
            "Nothing was submitted here, so there is nothing to destroy: a draft is the company's own."
        )


def _sealed(session: Session, kind: str, subject_id: uuid.UUID, *, since: datetime | None = None) -> bool:
    """Whether anything of an assessment or a vendor was sealed (``since``: after this instant)."""
    of_vendor = select(Assessment.id).where(Assessment.vendor_id == subject_id)
    which = (
        Submission.assessment_id.in_(of_vendor)
        if kind == "vendor"
        else Submission.assessment_id == subject_id
    )
    later = [] if since is None else [Submission.sealed_at > since]
    return bool(read(session, select(Submission.id).where(which, *later).limit(1)))


def refuse(session: Session, identity: Identity, erasure_id: uuid.UUID, *, now: datetime) -> Erasure:
    """Say no; the proposer takes back what they proposed."""
    row = _locked(session, identity, erasure_id)
    mine_own = row.proposed_by == identity.person.id
    _settle(session, row, "withdrawn" if mine_own else "refused", identity, now)
    return row


def approve(session: Session, identity: Identity, erasure_id: uuid.UUID, *, now: datetime) -> Certificate:
    """Destroy what was proposed, and certify it: one transaction.

    Raises NotFound, Refused for whoever cannot be the second person (four_eyes.py), Conflict when it is settled,
    too old, or when more was submitted meanwhile.
    """
    row = _locked(session, identity, erasure_id)
    four_eyes.require_second(
        session, row.proposed_by, identity, permission_for(row.kind), proposed_at=row.proposed_at, now=now
    )
    if row.kind in ("answer", "submission", "vendor") and _sealed(
        session, row.kind, row.subject_id, since=row.proposed_at
    ):
        raise Conflict("Answers were submitted since this was proposed. Look at them, and propose it again.")
    _settle(session, row, "done", identity, now)
    return destroy(session, row, by=identity.person.id, actor=identity, now=now)


def approve_as_operator(session: Session, row: Erasure, *, now: datetime) -> Certificate:
    """Whoever runs the portal stands in for the second person, where there is none: on record as nobody's."""
    if row.state != "proposed":
        raise Conflict("This has been settled already.")
    _settle(session, row, "done", None, now)
    return destroy(session, row, by=None, actor=None, now=now)


def able(session: Session, identity: Identity, kind: str) -> frozenset[uuid.UUID]:
    """Who of the identity's tenant may propose and approve: two of them are needed."""
    model: Any = OrganisationMember if identity.organisation is not None else CompanyMember
    roles = [one.value for one in TABLE[permission_for(kind)] or ()]
    rows = session.execute(
        select(model.person_id).where(
            *mine(identity.scope, model), model.removed_at.is_(None), model.role.in_(roles)
        )
    ).scalars()
    return frozenset(rows)


def _locked(session: Session, identity: Identity, erasure_id: uuid.UUID) -> Erasure:
    row: Erasure | None = session.execute(
        scoped(identity, Erasure).where(Erasure.id == erasure_id).with_for_update()
    ).scalar_one_or_none()
    if row is None:
        raise NotFound
    if not identity.may(permission_for(row.kind)):
        raise Refused("Your role does not allow this.")
    if row.state != "proposed":
        raise Conflict("This has been settled already.")
    return row


def _settle(session: Session, row: Erasure, state: str, actor: Identity | None, now: datetime) -> None:
    row.state, row.settled_at = state, now
    row.settled_by = actor.person.id if actor else None
    data = {"kind": row.kind, "what": row.subject_id, "state": state, "operator": actor is None}
    record(session, Kind.ERASURE_SETTLED, now=now, actor=actor, subject=row, data=data)


# ------------------------------------------------------------------------------------------------ destroying, certified


def destroy(
    session: Session, row: Erasure, *, by: uuid.UUID | None, actor: Identity | None, now: datetime
) -> Certificate:
    """Carry out an approved proposal: the only caller of the destroying path for proposals."""
    found = Destroyed()
    subject, organisation_id, company_id = row.subject_id, row.organisation_id, row.company_id
    if row.kind in ("answer", "submission"):
        destroying.answers(session, subject, row.keys, found, by=by, now=now)
        company_id = _company_of(session, subject)
    elif row.kind == "intake":
        engagement_words.intake(session, subject, found, by=by, now=now)
    elif row.kind == "vendor":
        assert organisation_id is not None
        parting.vendors(session, organisation_id, [subject], found, by=by, now=now)
    elif row.kind == "organisation":
        parting.organisation(session, subject, found, by=by, now=now)
    elif row.kind == "company":
        parting.company(session, subject, found, by=by, now=now)
    else:
        raise LookupError(f"nobody destroys {row.kind} by proposal")
    row.reason = ""
    people = {"proposed_by": row.proposed_by, "approved_by": by}
    return certify(
        session,
        kind=row.kind,
        subject=subject,
        found=found,
        people=people,
        organisation_id=organisation_id,
        company_id=company_id,
        actor=actor,
        now=now,
    )


def _company_of(session: Session, assessment_id: uuid.UUID) -> uuid.UUID | None:
    rows = read(session, select(Assessment.company_id).where(Assessment.id == assessment_id))
    return rows[0][0] if rows else None


def certify(
    session: Session,
    *,
    kind: str,
    subject: uuid.UUID,
    found: Destroyed,
    people: Mapping[str, uuid.UUID | None],
    now: datetime,
    organisation_id: uuid.UUID | None = None,
    company_id: uuid.UUID | None = None,
    actor: Identity | uuid.UUID | None = None,
) -> Certificate:
    """Write the certificate and its events. The document holds ids, counts and hashes, and no name."""
    certificate_id = uuid.uuid4()
    document = canonical_json(
        {
            "certificate": str(certificate_id),
            "version": 1,
            "kind": kind,
            "subject": str(subject),
            "organisation": str(organisation_id) if organisation_id else None,
            "company": str(company_id) if company_id else None,
            "at": now.isoformat(),
            "people": {name: str(one) if one else "operator" for name, one in people.items()},
            "destroyed": dict(sorted(found.counts.items())),
            "submissions": [
                {"id": str(key), "hash": digest, "keys": sorted(keys) if keys is not None else None}
                for key, (digest, keys) in sorted(found.submissions.items(), key=lambda one: str(one[0]))
            ],
            "files": sorted(found.files),
            "kept": dict(sorted(found.kept.items())),
            "note": BACKUPS,
        }
    )
    row = Certificate(
        id=certificate_id,
        organisation_id=organisation_id,
        company_id=company_id,
        kind=kind,
        subject_id=subject,
        document=document,
        sha256=sha256(document).hexdigest(),
        issued_at=now,
    )
    session.add(row)
    session.flush()
    data = {"certificate": row.id, "kind": kind, "what": subject}
    _record_kind(session, kind, row, actor, now, data | {"submissions": len(found.submissions)})
    record(
        session,
        Kind.CERTIFICATE_ISSUED,
        now=now,
        actor=actor,
        subject=row,
        data={**data, "sha256": row.sha256},
    )
    session.flush()
    return row


def _record_kind(
    session: Session,
    kind: str,
    row: Certificate,
    actor: Identity | uuid.UUID | None,
    now: datetime,
    data: Mapping[str, Any],
) -> None:
    happened = SETTLED_BY[kind]
    record(session, happened, now=now, actor=actor, subject=row, data=data)
