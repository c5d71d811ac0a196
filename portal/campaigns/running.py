"""The worker asks the vendors of a campaign, ten at a time, in the name of its maker as they stand now."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, OrganisationRole, Permission, Person, Tenant, scoped
from portal.accounts.models import PersonRow
from portal.assessments import changing, issuing_many
from portal.assessments.issuing_many import AT_ONCE, Choice, Line, Order
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns.models import Campaign, CampaignTarget
from portal.campaigns.service import (
    CLOSED,
    CLOSING,
    ISSUED,
    LEFT_OUT,
    PAUSED,
    RUNNING,
    SPARING,
    WAITING,
    ends,
)
from portal.db import SYSTEM, Database, base_url
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation, OrganisationMember
from portal.vendors import queries as vendors

SLICE = 5.0  # seconds of a pass: letters and the sign of life come in between
AGAIN = timedelta(
    minutes=10
)  # until who could not be invited because of the pace of invitations is tried once more
PACE = "pace"
NOBODY = uuid.UUID(int=0)
# Why a vendor waits or was left out, beside the reasons of issuing_many.
WHY = (PACE, "over", "stopped", "offboarded", "refused", "gone", "no_engagement", "no_contact", "open")
LOOKS_AFTER = (OrganisationRole.ADMIN, OrganisationRole.CISO)


def ask(
    database: Database,
    *,
    instant: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
    seconds: float = SLICE,
) -> int:
    """Ask whoever waits, and take back what was closed, for about ``seconds`` at most; returns how many vendors that
    were. Any number may run at once.

    Each transaction locks its campaign and reads again what waits; an assessment's id follows from campaign and vendor,
    so that nobody is asked twice.
    """
    until = time.monotonic() + seconds
    asked = 0
    with database.looking(SYSTEM) as session:
        found = [tuple(one) for one in session.execute(_with_work(instant()))]
        ending = [tuple(one) for one in session.execute(_ending())]
    for some, step in ((found, ask_some), (ending, _take_back)):
        for campaign_id, organisation_id, person_id in some:
            identity = identity_of(database, organisation_id, person_id)
            if (
                identity is None and step is _take_back
            ):  # who closed it has left: somebody else does what they said
                identity = _somebody(database, organisation_id)
            if identity is None:
                _pause(database, campaign_id, now=instant())
                continue
            while not stopping() and time.monotonic() < until:
                with database.transaction(identity.scope) as session:
                    done = step(session, identity, campaign_id, now=instant())
                if done is None:
                    break
                asked += done
    return asked


def identity_of(database: Database, organisation_id: uuid.UUID, person_id: uuid.UUID) -> Identity | None:
    """A person as they stand in an organisation now; None when they may not start campaigns there any more."""
    with database.looking(SYSTEM) as session:
        found = session.execute(
            select(PersonRow, Organisation, OrganisationMember.role)
            .join(OrganisationMember, OrganisationMember.person_id == PersonRow.id)
            .join(Organisation, Organisation.id == OrganisationMember.organisation_id)
            .where(
                Organisation.id == organisation_id,
                Organisation.closed_at.is_(None),
                PersonRow.id == person_id,
                OrganisationMember.removed_at.is_(None),
            )
        ).one_or_none()
    if found is None:
        return None
    person, own, role = found
    identity = Identity(
        Person(person.id, person.name, person.address),
        NOBODY,
        organisation=Tenant(own.id, own.slug, own.name),
        role=OrganisationRole(role),
    )
    return identity if identity.may(Permission.CAMPAIGN) else None


def _with_work(now: datetime) -> Any:
    """(campaign, organisation, maker) of those that have somebody to ask, the earliest due first."""
    waits = (
        select(CampaignTarget.vendor_id)
        .where(CampaignTarget.campaign_id == Campaign.id, *_ready(now))
        .exists()
    )
    return (
        select(Campaign.id, Campaign.organisation_id, Campaign.created_by)
        .where(Campaign.state == RUNNING, waits)
        .order_by(Campaign.due, Campaign.id)
    )


def _ending() -> Any:
    """(campaign, organisation, who closed it) of those of which something is to be taken back."""
    return (
        select(Campaign.id, Campaign.organisation_id, Campaign.closed_by)
        .where(Campaign.state.in_((SPARING, CLOSING)))
        .order_by(Campaign.id)
    )


def _somebody(database: Database, organisation_id: uuid.UUID) -> Identity | None:
    """Whoever looks after the organisation and may close campaigns there."""
    with database.looking(SYSTEM) as session:
        people = organisations.organisation_people(session, organisation_id, LOOKS_AFTER)
    found = (identity_of(database, organisation_id, one.id) for one in people)
    return next((one for one in found if one is not None), None)


def _take_back(session: Session, identity: Identity, campaign_id: uuid.UUID, *, now: datetime) -> int | None:
    """Take back the next few assessments of a campaign that ends; None when it has ended."""
    assert identity.organisation is not None
    own = identity.organisation.id
    row = session.execute(
        select(Campaign)
        .where(
            Campaign.id == campaign_id,
            Campaign.organisation_id == own,
            Campaign.state.in_((SPARING, CLOSING)),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None:
        return None
    statement = select(Assessment).where(
        Assessment.organisation_id == own, Assessment.campaign_id == row.id, Assessment.state == "open"
    )
    if row.state == SPARING:
        statement = statement.where(Assessment.answered == 0)
    some = session.scalars(
        statement.order_by(Assessment.id)
        .limit(AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for one in some:
        changing.cancel(session, one, text=row.said, actor=identity, now=now)
    if not some:
        row.state, row.said = (RUNNING if row.state == SPARING else CLOSED), ""
        record(session, Kind.CAMPAIGN_CHANGED, now=now, actor=None, subject=row, data={"state": row.state})
    session.flush()
    return len(some) or None


def _ready(now: datetime) -> list[Any]:
    return [
        CampaignTarget.state == WAITING,
        (CampaignTarget.at.is_(None)) | (CampaignTarget.at <= now - AGAIN),
    ]


def ask_some(session: Session, identity: Identity, campaign_id: uuid.UUID, *, now: datetime) -> int | None:
    """Ask the next few; how many were asked, None when nobody is left to ask at this moment."""
    assert identity.organisation is not None
    own = identity.organisation.id
    row = session.execute(
        select(Campaign)
        .where(Campaign.id == campaign_id, Campaign.organisation_id == own, Campaign.state == RUNNING)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if row is None:
        return None
    statement = (
        select(CampaignTarget)
        .where(CampaignTarget.organisation_id == own, CampaignTarget.campaign_id == row.id, *_ready(now))
        .order_by(CampaignTarget.vendor_id)
        .limit(AT_ONCE)
        .execution_options(populate_existing=True)
    )
    targets = {one.vendor_id: one for one in session.scalars(statement)}
    if not targets:
        return None
    lines = _lines(session, identity, row, list(targets.values()), now)
    for key, target in targets.items():
        line = lines.get(key)
        target.at = now
        if line is None:
            target.state, target.why = LEFT_OUT, "over" if not lines else "gone"
        elif line.why == "issued":
            target.state, target.why = ISSUED, ""
        elif line.later:
            target.why = PACE
        else:
            target.state, target.why = LEFT_OUT, line.why
    session.flush()
    return sum(1 for one in targets.values() if one.state == ISSUED)


def issued(session: Session, identity: Identity, campaign_id: uuid.UUID) -> list[Assessment]:
    """The assessments of a campaign that are out."""
    statement = scoped(identity, Assessment).where(Assessment.campaign_id == campaign_id)
    return list(session.scalars(statement.order_by(Assessment.id)))


def _lines(
    session: Session, identity: Identity, row: Campaign, targets: list[CampaignTarget], now: datetime
) -> dict[uuid.UUID, Line]:
    """What became of these vendors; nobody is asked once the date is past."""
    if ends(row.due, row.due_time, row.zone) <= now:
        return {}
    order = Order(row.id, row.content_hash, row.slug, row.due, row.reason, row.due_time, row.id, row.ladder)
    chosen = tuple(uuid.UUID(one) for target in targets for one in target.engagements)
    known = vendors.vendors(session, identity, [one.vendor_id for one in targets])
    some = [Line(vendor, NOBODY) for vendor in known.values()]
    return issuing_many.issue_step(session, identity, Choice(engagement_ids=chosen), some, order, now=now)


def _pause(database: Database, campaign_id: uuid.UUID, *, now: datetime) -> None:
    """Nobody may ask in the maker's name: the campaign waits for another, and those who look after it are told."""
    with database.transaction(SYSTEM) as session:
        row = session.execute(
            select(Campaign).where(Campaign.id == campaign_id, Campaign.state == RUNNING).with_for_update()
        ).scalar_one_or_none()
        if row is None:
            return
        row.state = PAUSED
        record(session, Kind.CAMPAIGN_CHANGED, now=now, actor=None, subject=row, data={"state": PAUSED})
        own = session.get_one(Organisation, row.organisation_id)
        for person in organisations.organisation_people(session, own.id, LOOKS_AFTER):
            letter = mail.compose(
                "campaign_paused",
                to=(person.name, person.email),
                subject=f"{own.name}: a campaign waits for somebody who goes on with it",
                organisation=own.name,
                title=row.title,
                link=f"{base_url(session)}/o/{own.slug}/campaigns/{row.id}",
                why=f"You get this because you look after {own.name}.",
            )
            outbox.queue(session, letter, now=now, organisation_id=own.id)
