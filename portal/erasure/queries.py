"""What pages about erasure read: proposals, certificates, and what a proposal would destroy."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, scoped
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, Submission
from portal.erasure.models import Certificate, Erasure
from portal.faults import NotFound
from portal.intake.models import Intake
from portal.paging import Page, paged
from portal.vendors.models import Engagement, Vendor


@dataclass(frozen=True, slots=True)
class About:
    """What a proposal is about, in the names that the reader knows; ``submissions``: how many are touched."""

    name: str
    submissions: int


def proposals(session: Session, identity: Identity, number: int) -> Page[Erasure]:
    """Every proposal of the tenant, those that wait first."""
    statement = scoped(identity, Erasure).order_by(
        (Erasure.state == "proposed").desc(), Erasure.proposed_at.desc(), Erasure.id
    )
    return paged(session, statement, number)


def certificates(session: Session, identity: Identity, number: int) -> Page[Certificate]:
    """Every certificate of the tenant, the newest first."""
    statement = scoped(identity, Certificate).order_by(Certificate.issued_at.desc(), Certificate.id)
    return paged(session, statement, number)


def proposal(session: Session, identity: Identity, erasure_id: uuid.UUID) -> Erasure:
    """One proposal of the tenant; NotFound otherwise."""
    found: Erasure | None = session.execute(
        scoped(identity, Erasure).where(Erasure.id == erasure_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def certificate(session: Session, identity: Identity, certificate_id: uuid.UUID) -> Certificate:
    """One certificate of the tenant; NotFound otherwise."""
    found: Certificate | None = session.execute(
        scoped(identity, Certificate).where(Certificate.id == certificate_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def read(row: Certificate) -> dict[str, Any]:
    """A certificate's document."""
    found: dict[str, Any] = json.loads(row.document)
    return found


def about(session: Session, identity: Identity, kind: str, subject_id: uuid.UUID) -> About:
    """The name of a subject and how many submissions it has; NotFound when it is not the tenant's."""
    if kind in ("organisation", "company", "retention"):
        tenant = identity.organisation or identity.company
        assert tenant is not None
        which = [] if identity.organisation else [Submission.company_id == tenant.id]
        return About(tenant.name, _count(session, identity, which))
    if kind == "vendor":
        vendor = session.execute(scoped(identity, Vendor).where(Vendor.id == subject_id)).scalar_one_or_none()
        if vendor is None:
            raise NotFound
        theirs = scoped(identity, Assessment).with_only_columns(Assessment.id)
        theirs = theirs.where(Assessment.vendor_id == subject_id)
        return About(vendor.name, _count(session, identity, [Submission.assessment_id.in_(theirs)]))
    if kind == "intake":
        return About(_intake_name(session, identity, subject_id), 0)
    one = session.execute(
        scoped(identity, Assessment).where(Assessment.id == subject_id)
    ).scalar_one_or_none()
    if one is None:
        raise NotFound
    name = one.title
    if identity.organisation is not None:
        vendor = session.execute(scoped(identity, Vendor).where(Vendor.id == one.vendor_id)).scalar_one()
        name = f"{one.title}, {vendor.name}"
    return About(name, _count(session, identity, [Submission.assessment_id == subject_id]))


def _intake_name(session: Session, identity: Identity, intake_id: uuid.UUID) -> str:
    row = session.execute(
        scoped(identity, Intake, Engagement)
        .with_only_columns(Intake.sequence, Engagement.name)
        .where(Intake.id == intake_id, Engagement.id == Intake.engagement_id)
    ).one_or_none()
    if row is None:
        raise NotFound
    return f"intake {row.sequence} of {row.name}"


def assessment(session: Session, identity: Identity, assessment_id: uuid.UUID) -> Assessment:
    """An assessment of the tenant; NotFound otherwise."""
    found: Assessment | None = session.execute(
        scoped(identity, Assessment).where(Assessment.id == assessment_id)
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def _count(session: Session, identity: Identity, which: list[Any]) -> int:
    statement = scoped(identity, Submission).with_only_columns(func.count(), maintain_column_froms=True)
    return int(session.execute(statement.where(*which)).scalar_one())


def names(session: Session, ids: Iterable[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """Names of the people who proposed and settled."""
    wanted = {one for one in ids if one is not None}
    rows = session.execute(select(PersonRow.id, PersonRow.name).where(PersonRow.id.in_(wanted)))
    return {row.id: row.name for row in rows}
