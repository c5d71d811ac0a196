"""An owner's word that answers which the company gave to other organisations are offered on one assessment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, mine, scoped
from portal.assessments.models import Assessment
from portal.assessments.submitting import AlreadySubmitted
from portal.assessments.version_models import CarryConsent
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Refused


def given(session: Session, identity: Identity, one: Assessment) -> CarryConsent | None:
    """The consent that stands on an assessment."""
    found: CarryConsent | None = session.execute(
        scoped(identity, CarryConsent).where(CarryConsent.assessment_id == one.id)
    ).scalar_one_or_none()
    return found


def give(session: Session, one: Assessment, *, actor: Identity, now: datetime) -> None:
    """Offer what was told to others; a second press does nothing. The caller has locked ``one``.

    Raises Refused for anyone but an owner, AlreadySubmitted.
    """
    _require(one, actor)
    if given(session, actor, one) is not None:
        return
    assert actor.company is not None
    session.add(
        CarryConsent(
            assessment_id=one.id, company_id=actor.company.id, given_by=actor.person.id, given_at=now
        )
    )
    _note(session, Kind.CONSENT_GIVEN, one, actor, now)


def withdraw(session: Session, one: Assessment, *, actor: Identity, now: datetime) -> None:
    """Offer it no longer; what was confirmed stays. Raises as ``give``."""
    _require(one, actor)
    if given(session, actor, one) is None:
        return
    session.execute(
        delete(CarryConsent).where(*mine(actor.scope, CarryConsent), CarryConsent.assessment_id == one.id)
    )
    _note(session, Kind.CONSENT_WITHDRAWN, one, actor, now)


def _require(one: Assessment, actor: Identity) -> None:
    if not actor.may(Permission.SUBMIT):
        raise Refused("Only an owner of the company can say this.")
    if one.state != "open":
        raise AlreadySubmitted(one)


def _note(session: Session, kind: Kind, one: Assessment, actor: Identity, now: datetime) -> None:
    data = {"assessment": one.id}
    record(session, kind, now=now, actor=actor, company_id=one.company_id, data=data)
    session.flush()
