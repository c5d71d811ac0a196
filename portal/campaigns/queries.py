"""Reading campaigns: the list, one with how far its vendors are, and the lines of its vendors."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import Assessment
from portal.campaigns.models import Campaign, CampaignTarget
from portal.campaigns.service import CLOSED, LEFT_OUT, WAITING
from portal.faults import NotFound
from portal.paging import SIZE, Page, paged
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor

# How far a vendor is; each vendor is in one of them. Late ones are counted once more.
STAGES = ("answered", "begun", "silent", "waiting", "left_out", "ended")
FILTERS = (*STAGES, "late")


@dataclass(frozen=True, slots=True)
class Progress:
    """How many vendors are at each stage; ``late``: asked, past the date and not answered."""

    stages: Mapping[str, int]
    late: int

    @property
    def asked(self) -> int:
        return sum(self.stages[one] for one in ("answered", "begun", "silent", "ended"))

    @property
    def going(self) -> int:
        """Those that take part: all but the left out."""
        return self.asked + self.stages["waiting"]


@dataclass(frozen=True, slots=True)
class Target:
    """A vendor of a campaign. ``stage``: one of STAGES; ``assessment``: None until it is issued."""

    target: CampaignTarget
    vendor: Vendor
    assessment: Assessment | None
    stage: str


def campaign(session: Session, identity: Identity, campaign_id: uuid.UUID, *, lock: bool = False) -> Campaign:
    """The campaign, or NotFound. Business owners see those that ask a vendor of theirs."""
    statement = select(Campaign).where(Campaign.id == campaign_id, *_seen(identity))
    if lock:
        statement = statement.with_for_update(of=Campaign).execution_options(populate_existing=True)
    found: Campaign | None = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def listed(
    session: Session, identity: Identity, *, closed: bool, number: int, size: int = SIZE
) -> Page[Campaign]:
    """One page, the newest first."""
    state = Campaign.state == CLOSED if closed else Campaign.state != CLOSED
    statement = select(Campaign).where(*_seen(identity), state)
    return paged(session, statement.order_by(Campaign.created_at.desc(), Campaign.id), number, size=size)


def counts(session: Session, identity: Identity) -> tuple[int, int]:
    """How many are open, and how many closed."""
    closed = Campaign.state == CLOSED
    row = session.execute(
        select(func.count(case((~closed, 1))), func.count(case((closed, 1))))
        .select_from(Campaign)
        .where(*_seen(identity))
    ).one()
    return row[0], row[1]


def progress(
    session: Session, identity: Identity, some: Collection[Campaign], local: datetime
) -> dict[uuid.UUID, Progress]:
    """How far the vendors of these campaigns are, in one statement; a business owner's count their own vendors.

    ``local``: the time by the organisation's clock, for what is late.
    """
    if not some:
        return {}
    stage = _stage()
    late = _late(local)
    rows = session.execute(
        _joined(identity, CampaignTarget.campaign_id, stage, func.count(), func.count(case((late, 1))))
        .where(CampaignTarget.campaign_id.in_([one.id for one in some]))
        .group_by(CampaignTarget.campaign_id, stage)
    )
    stages: dict[uuid.UUID, dict[str, int]] = {one.id: dict.fromkeys(STAGES, 0) for one in some}
    behind: dict[uuid.UUID, int] = {one.id: 0 for one in some}
    for key, name, number, lagging in rows:
        stages[key][name] = number
        behind[key] += lagging
    return {key: Progress(found, behind[key]) for key, found in stages.items()}


def targets(
    session: Session, identity: Identity, row: Campaign, stage: str, *, local: datetime, number: int
) -> Page[Target]:
    """One page of a campaign's vendors by name; ``stage``: one of FILTERS, "" is all."""
    criteria = [CampaignTarget.campaign_id == row.id]
    if stage == "late":
        criteria.append(_late(local))
    elif stage:
        criteria.append(_stage() == stage)
    ids = _joined(identity, CampaignTarget.vendor_id).where(*criteria).subquery()
    counted = session.execute(select(func.count()).select_from(ids)).scalar_one()
    statement = _joined(identity, CampaignTarget, Vendor, Assessment, _stage().label("stage")).where(
        *criteria
    )
    page: Page[Target] = Page([], number, counted, 25)
    at = min(number, page.last)
    found = session.execute(
        statement.order_by(Vendor.name_key, Vendor.id).limit(page.size).offset((at - 1) * page.size)
    )
    return Page([Target(*one) for one in found], at, counted, page.size)


def silent() -> ColumnElement[bool]:
    """Of an open assessment: nothing was ever answered. A later round follows what was handed in."""
    return and_(Assessment.answered == 0, Assessment.round == 1)


# ---------------------------------------------------------------------------------------------------------- inside


def _seen(identity: Identity) -> list[ColumnElement[bool]]:
    criteria = mine(identity.scope, Campaign)
    if vendors.is_narrowed(identity):
        own = (
            select(CampaignTarget.vendor_id)
            .join(Vendor, Vendor.id == CampaignTarget.vendor_id)
            .where(
                CampaignTarget.campaign_id == Campaign.id,
                *mine(identity.scope, CampaignTarget),
                *vendors.own_vendors(identity),
            )
        )
        criteria.append(own.exists())
    return criteria


def _joined(identity: Identity, *columns: Any) -> Select[Any]:
    """Targets with their vendor and, once it is issued, their assessment."""
    return (
        select(*columns)
        .select_from(CampaignTarget)
        .join(Vendor, Vendor.id == CampaignTarget.vendor_id)
        .outerjoin(
            Assessment,
            and_(Assessment.id == CampaignTarget.assessment_id, *mine(identity.scope, Assessment)),
        )
        .where(*mine(identity.scope, CampaignTarget), *vendors.own_vendors(identity))
    )


def _late(local: datetime) -> ColumnElement[bool]:
    """Asked, not answered, and past its day or the time of its day."""
    today = and_(Assessment.due == local.date(), Assessment.due_time <= local.time().replace(microsecond=0))
    return and_(Assessment.state == "open", or_(Assessment.due < local.date(), today))


def _stage() -> Any:
    return case(
        (CampaignTarget.state == WAITING, "waiting"),
        (or_(CampaignTarget.state == LEFT_OUT, Assessment.id.is_(None)), "left_out"),
        (Assessment.state == "submitted", "answered"),
        (and_(Assessment.state == "open", ~silent()), "begun"),
        (Assessment.state == "open", "silent"),
        (
            Assessment.round > 1,
            "answered",
        ),  # taken back in a later round: what was handed in before it stands
        else_="ended",
    )
