"""A campaign is started once over fixed vendors; then its date moves, who has not begun is spared, it closes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, Permission, mine
from portal.assessments import issuing
from portal.assessments.enquiries import text_fault
from portal.assessments.issuing_many import Line
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns.models import Campaign, CampaignTarget
from portal.faults import Conflict, Invalid, Refused
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.reassessment.kinds import OWN
from portal.rows import insert_rows

RUNNING, PAUSED, CLOSED = "running", "paused", "closed"
SPARING, CLOSING, MOVING = "sparing", "closing", "moving"
WAITING, ISSUED, LEFT_OUT = "waiting", "issued", "left_out"
PURPOSE = "campaign"  # of the questionnaires that may be asked
NOT_FOR_CAMPAIGNS = "Choose a questionnaire that is made for campaigns: others count at gates and set dates."
OVER = "over"  # why a vendor is left out: the date was past before it could be asked
MOST_OPEN = 10  # campaigns of an organisation
SOONEST = timedelta(hours=1)
LADDERS = OWN["campaign"]
LONGEST_TITLE = 120
LONGEST_REASON = issuing.LONGEST_REASON


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked, until when and why. ``due_time``: local, None = the day's end. ``ladder``: one of LADDERS."""

    title: str
    content_hash: str
    due: date
    due_time: time | None
    reason: str
    ladder: str


def ends(due: date, due_time: time | None, zone: str) -> datetime:
    """The instant by which answers are in time, UTC; of what a clock skips or shows twice, see clock.at."""
    if due_time is None:
        return clock.begins(due + timedelta(days=1), zone)
    return clock.at(due, due_time, zone)


def check(wish: Wish, zone: str, now: datetime) -> None:
    """Raise Invalid (title, due, due_time, reason, ladder) for what no campaign can be."""
    errors = issuing.order_faults(wish.due, clock.local_date(now, zone), wish.reason)
    if not wish.title:
        errors["title"] = "Give the campaign a name, so that you find it again."
    elif len(wish.title) > LONGEST_TITLE:
        errors["title"] = f"Write at most {LONGEST_TITLE} characters."
    if "due" not in errors and ends(wish.due, wish.due_time, zone) < now + SOONEST:
        errors["due_time"] = "Leave the vendors an hour at least."
    if wish.ladder not in LADDERS:
        errors["ladder"] = "Choose when the vendors are reminded."
    if errors:
        raise Invalid(errors=errors)


def start(
    session: Session,
    campaign_id: uuid.UUID,
    wish: Wish,
    choice: dict[str, str],
    lines: Sequence[Line],
    *,
    actor: Identity,
    now: datetime,
) -> Campaign:
    """Put a campaign on record with its vendors; the worker asks them. Pressing twice gives the one that is there.

    Only what is made for campaigns is asked: its answers count at no gate and set no date. ``lines``: choosing.lines
    for this id and version. Raises Refused, Invalid, Conflict when too many are open.
    """
    if not actor.may(Permission.CAMPAIGN):
        raise Refused("You may not start campaigns here.")
    own = organisations.organisation_of(session, actor)
    known = session.execute(
        select(Campaign).where(Campaign.id == campaign_id, *mine(actor.scope, Campaign))
    ).scalar_one_or_none()
    if known is not None:
        return known
    check(wish, own.zone, now)
    going = [one for one in lines if not one.why]
    if not going:
        raise Invalid("Nobody of those that you chose can be asked.")
    running = select(func.count()).select_from(Campaign)
    running = running.where(*mine(actor.scope, Campaign), Campaign.state != CLOSED)
    if session.execute(running).scalar_one() >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} campaigns are open. Close one before you start another.")
    version = library.issuable(session, actor, wish.content_hash)
    if version.purpose != PURPOSE:
        raise Invalid(errors={"questionnaire": NOT_FOR_CAMPAIGNS})
    library.store(session, library.definition(session, wish.content_hash), now=now, actor=actor)
    row = Campaign(
        id=campaign_id,
        organisation_id=own.id,
        title=wish.title,
        content_hash=wish.content_hash,
        slug=version.slug,
        due=wish.due,
        due_time=wish.due_time,
        zone=own.zone,
        reason=wish.reason,
        said="",
        choice=dict(choice),
        ladder=wish.ladder,
        state=RUNNING,
        created_by=actor.person.id,
        created_at=now,
        closed_by=None,
        closed_at=None,
    )
    session.add(row)
    session.flush()
    targets = [_target(row, one, now) for one in lines]
    insert_rows(session, CampaignTarget, targets)
    data = {"slug": row.slug, "hash": row.content_hash, "due": row.due, "vendors": len(going)}
    record(session, Kind.CAMPAIGN_STARTED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    return row


def _target(row: Campaign, line: Line, now: datetime) -> dict[str, Any]:
    return {
        "campaign_id": row.id,
        "vendor_id": line.vendor.id,
        "organisation_id": row.organisation_id,
        "engagements": [str(one.id) for one in line.covers],
        "assessment_id": line.assessment_id,
        "state": LEFT_OUT if line.why else WAITING,
        "why": line.why,
        "at": now if line.why else None,
    }


def put_off(
    session: Session,
    row: Campaign,
    due: date | None,
    due_time: time | None,
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """A later date for everybody who has not answered; who has a later one keeps it.

    The caller has locked the campaign. The worker moves the dates and tells whose it moved. Whom the old date left out
    before they could be asked waits again. One that paused goes on in the actor's name. Raises Refused, Conflict for
    one that is closed, Invalid at ``due``.
    """
    _require(row, actor)
    if due is not None and (due, due_time) == (row.due, row.due_time):
        return  # a second press of the same button
    if due is None or ends(due, due_time, row.zone) <= max(now, ends(row.due, row.due_time, row.zone)):
        raise Invalid(errors={"due": "Choose a later moment than the one in force."})
    if (
        fault := issuing.order_faults(due, clock.local_date(now, row.zone), row.reason).get("due")
    ) is not None:
        raise Invalid(errors={"due": fault})
    data = {"due": due, "before": row.due, "state": MOVING}
    if row.state == PAUSED:
        row.created_by = actor.person.id
    row.due, row.due_time = due, due_time
    row.state, row.closed_by = MOVING, actor.person.id
    _targets(session, row, LEFT_OUT, OVER, {"state": WAITING, "why": "", "at": None})
    record(session, Kind.CAMPAIGN_CHANGED, now=now, actor=actor, subject=row, data=data)
    session.flush()


def resume(session: Session, row: Campaign, *, actor: Identity, now: datetime) -> None:
    """Go on with a campaign that paused because nobody could ask in its maker's name: from now on in the actor's."""
    _require(row, actor)
    if row.state != PAUSED:
        return
    row.state, row.created_by = RUNNING, actor.person.id
    record(session, Kind.CAMPAIGN_CHANGED, now=now, actor=actor, subject=row, data={"state": RUNNING})
    session.flush()


def close(
    session: Session, row: Campaign, text: str, *, spare: bool = False, actor: Identity, now: datetime
) -> None:
    """End a campaign: who was not asked yet is not asked; the worker takes back what is open, ``text`` is the reason.

    ``spare``: only what nobody has begun to answer is taken back, and the campaign goes on with the others. The caller
    has locked the campaign. Raises Refused, Conflict for one that is closed, Invalid at ``text``.
    """
    text = text.strip()
    pressed = row.state, row.closed_by, row.said
    if pressed == (SPARING if spare else CLOSING, actor.person.id, text):
        return  # a second press of the same button
    _require(row, actor)
    if spare and row.state == MOVING:
        raise Conflict("The new date is being given to the vendors. Wait a minute, then try again.")
    if (fault := text_fault(text, "Say in a sentence why. Whoever was asked reads it.")) is not None:
        raise Invalid(errors={"text": fault})
    if len(text) > LONGEST_REASON:
        raise Invalid(errors={"text": f"Write at most {LONGEST_REASON} characters."})
    _targets(session, row, WAITING, None, {"state": LEFT_OUT, "why": "stopped", "at": now})
    row.state, row.said, row.closed_by, row.closed_at = (
        SPARING if spare else CLOSING,
        text,
        actor.person.id,
        now,
    )
    kind = Kind.CAMPAIGN_CHANGED if spare else Kind.CAMPAIGN_CLOSED
    record(session, kind, now=now, actor=actor, subject=row, data={"state": row.state})
    session.flush()


# ---------------------------------------------------------------------------------------------------------- inside


def _require(row: Campaign, actor: Identity) -> None:
    if not actor.may(Permission.CAMPAIGN):
        raise Refused("You may read campaigns here, but not change them.")
    if row.state in (CLOSED, CLOSING):
        raise Conflict("This campaign is closed.")
    if row.state == SPARING:
        raise Conflict("What nobody has begun is being taken back. Wait a minute, then try again.")


def _targets(session: Session, row: Campaign, state: str, why: str | None, values: dict[str, Any]) -> None:
    """Set ``values`` in the campaign's vendors that are in ``state``, and for this reason where one is given."""
    which = [CampaignTarget.campaign_id == row.id, CampaignTarget.state == state]
    which += [] if why is None else [CampaignTarget.why == why]
    session.execute(
        update(CampaignTarget)
        .where(*which, CampaignTarget.organisation_id == row.organisation_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
