"""The worker asks the vendors of a campaign, ten at a time, in the name of its maker as they stand now."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, OrganisationRole, Permission, Person, Tenant, scoped
from portal.accounts.models import PersonRow
from portal.assessments import changing, issuing, issuing_many
from portal.assessments.change_steps import about, grant, tell
from portal.assessments.covering import assessment_moved
from portal.assessments.enquiry_queries import GRANTED, MORE_TIME, open_ones
from portal.assessments.issuing_many import AT_ONCE, Choice, Line, Order
from portal.assessments.models import Assessment, Enquiry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns.models import Campaign, CampaignTarget
from portal.campaigns.queries import silent
from portal.campaigns.service import (
    CLOSED,
    CLOSING,
    ISSUED,
    LEFT_OUT,
    MOVING,
    OVER,
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
WHY = (PACE, OVER, "stopped", "offboarded", "refused", "gone", "no_engagement", "no_contact", "open")
LOOKS_AFTER = (OrganisationRole.ADMIN, OrganisationRole.CISO)


def ask(
    database: Database,
    *,
    instant: Callable[[], datetime],
    stopping: Callable[[], bool] = lambda: False,
    seconds: float = SLICE,
) -> int:
    """Ask whoever waits, move dates, and take back what was closed, for about ``seconds`` at most; returns how many
    vendors that were. Any number may run at once.

    Each transaction locks its campaign and reads again what waits; an assessment's id follows from campaign and vendor,
    so that nobody is asked twice.
    """
    until = time.monotonic() + seconds
    asked = 0
    with database.looking(SYSTEM) as session:
        found = [tuple(one) for one in session.execute(_with_work(instant()))]
        moving = [tuple(one) for one in session.execute(_under_way(MOVING))]
        ending = [tuple(one) for one in session.execute(_under_way(SPARING, CLOSING))]
    for some, step in ((moving, _move_some), (found, ask_some), (ending, _take_back)):
        for campaign_id, organisation_id, person_id in some:
            in_name_of = identity_of if step is ask_some else acting
            identity = in_name_of(database, organisation_id, person_id)
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


def _under_way(*states: str) -> Any:
    """(campaign, organisation, in whose name) of those that a date or an end is given, some vendors at a time."""
    return (
        select(Campaign.id, Campaign.organisation_id, Campaign.closed_by)
        .where(Campaign.state.in_(states))
        .order_by(Campaign.id)
    )


def acting(database: Database, organisation_id: uuid.UUID, person_id: uuid.UUID | None) -> Identity | None:
    """In whose name a campaign is moved or ended: of who said so, or, when they have left, of whoever looks after the
    organisation and may close campaigns there.
    """
    if person_id is not None and (own := identity_of(database, organisation_id, person_id)) is not None:
        return own
    with database.looking(SYSTEM) as session:
        people = organisations.organisation_people(session, organisation_id, LOOKS_AFTER)
    found = (identity_of(database, organisation_id, one.id) for one in people)
    return next((one for one in found if one is not None), None)


def _take_back(session: Session, identity: Identity, campaign_id: uuid.UUID, *, now: datetime) -> int | None:
    """Take back the next few assessments of a campaign that ends; None when it has ended."""
    row = _locked(session, identity, campaign_id, SPARING, CLOSING)
    if row is None:
        return None
    some = _open(session, row, *([silent()] if row.state == SPARING else []))
    for one in some:
        changing.cancel(session, one, text=row.said, actor=identity, now=now)
    if not some:
        row.state, row.said = (RUNNING if row.state == SPARING else CLOSED), ""
        record(session, Kind.CAMPAIGN_CHANGED, now=now, actor=None, subject=row, data={"state": row.state})
    session.flush()
    return len(some) or None


def _move_some(session: Session, identity: Identity, campaign_id: uuid.UUID, *, now: datetime) -> int | None:
    """Give the next few that have an earlier date the campaign's, and tell them; None when all have it.

    A later date was agreed with that vendor, so it stays. However often this runs, nobody is told twice. Who asked for
    more time has it where the new date is not before the one that they asked for.
    """
    row = _locked(session, identity, campaign_id, MOVING)
    if row is None:
        return None
    some = _open(session, row, earlier(row))
    for one in some:
        was = issuing.due_words(one)
        before = {"before": one.due, "before_time": one.due_time}
        assessment_moved(session, one)
        one.due, one.due_time = row.due, row.due_time
        asked = [each for each in open_ones(session, identity, one.id, MORE_TIME) if _has(one, each)]
        asker = grant(session, one, asked, GRANTED, "", identity, now) if asked else None
        data = {"due": one.due, "round": one.round, "asked": bool(asked), **before}
        record(session, Kind.ASSESSMENT_EXTENDED, now=now, actor=identity, subject=one, data=data)
        what = f"{identity.person.name} has moved the date for {about(one)}, from {was}."
        until = f"The answers are due on {issuing.due_words(one)}."
        if asked:
            until += " That settles that you asked for more time."
        tell(session, one, what, "", until, asker, actor=identity, now=now)
    if not some:
        row.state = RUNNING
        record(session, Kind.CAMPAIGN_CHANGED, now=now, actor=None, subject=row, data={"state": row.state})
    session.flush()
    return len(some) or None


def _has(one: Assessment, asked: Enquiry) -> bool:
    """Whether an assessment's date gives the time that was asked for: until the end of that day."""
    if asked.wanted is None:
        return False
    return asked.wanted < one.due or (asked.wanted == one.due and one.due_time is None)


def earlier(row: Campaign) -> ColumnElement[bool]:
    """Whether an assessment is due before the campaign; no time is the end of its day."""
    sooner: ColumnElement[bool] = Assessment.due_time.is_not(None)
    if row.due_time is not None:
        sooner = Assessment.due_time < row.due_time
    return or_(Assessment.due < row.due, and_(Assessment.due == row.due, sooner))


def _locked(session: Session, identity: Identity, campaign_id: uuid.UUID, *states: str) -> Campaign | None:
    """The campaign as it stands, if it is in one of these states."""
    assert identity.organisation is not None
    found: Campaign | None = session.execute(
        select(Campaign)
        .where(
            Campaign.id == campaign_id,
            Campaign.organisation_id == identity.organisation.id,
            Campaign.state.in_(states),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    return found


def _open(session: Session, row: Campaign, *which: ColumnElement[bool]) -> list[Assessment]:
    """The next few that wait for their vendor, locked in the order of ids."""
    statement = (
        select(Assessment)
        .where(
            Assessment.organisation_id == row.organisation_id,
            Assessment.campaign_id == row.id,
            Assessment.state == "open",
            *which,
        )
        .order_by(Assessment.id)
        .limit(AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(statement))


def _ready(now: datetime) -> list[Any]:
    return [
        CampaignTarget.state == WAITING,
        (CampaignTarget.at.is_(None)) | (CampaignTarget.at <= now - AGAIN),
    ]


def ask_some(session: Session, identity: Identity, campaign_id: uuid.UUID, *, now: datetime) -> int | None:
    """Ask the next few; how many were asked, None when nobody is left to ask at this moment."""
    row = _locked(session, identity, campaign_id, RUNNING)
    if row is None:
        return None
    statement = (
        select(CampaignTarget)
        .where(
            CampaignTarget.organisation_id == row.organisation_id,
            CampaignTarget.campaign_id == row.id,
            *_ready(now),
        )
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
            target.state, target.why = LEFT_OUT, OVER if not lines else "gone"
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
    chosen = tuple(uuid.UUID(one) for target in targets for one in target.engagements)
    known = vendors.vendors(session, identity, [one.vendor_id for one in targets])
    some = [Line(vendor, NOBODY) for vendor in known.values()]
    return issuing_many.issue_step(
        session, identity, Choice(engagement_ids=chosen), some, order_of(row), now=now
    )


def order_of(row: Campaign) -> Order:
    """What each of its vendors is asked."""
    return Order(row.id, row.content_hash, row.slug, row.due, row.reason, row.due_time, row.id, row.ladder)


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
