"""What leaves the audit cycle with a vendor or an organisation: words of incidents and campaigns, triggers, targets."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal.campaigns.models import Campaign, CampaignTarget
from portal.erasure.reaching import GONE, Destroyed, run
from portal.reassessment.models_post import LetterChoice
from portal.reassessment.models_triggers import Incident, IncidentWords, Trigger


def of_vendors(
    session: Session,
    organisation_id: uuid.UUID,
    vendors: Collection[uuid.UUID],
    engagements: Collection[uuid.UUID],
    found: Destroyed,
) -> None:
    """Words of their incidents go; who said something when stays. Nothing asks for a look at them any more."""
    theirs = select(Incident.id).where(
        Incident.organisation_id == organisation_id, Incident.vendor_id.in_(vendors)
    )
    found.add(
        "incident_words", run(session, delete(IncidentWords).where(IncidentWords.incident_id.in_(theirs)))
    )
    run(session, delete(Trigger).where(Trigger.engagement_id.in_(engagements)))
    waiting = (CampaignTarget.organisation_id == organisation_id) & (CampaignTarget.state == "waiting")
    left_out = update(CampaignTarget).where(waiting, CampaignTarget.vendor_id.in_(vendors))
    run(session, left_out.values(state="left_out", why="offboarded"))


def of_place(session: Session, place_id: uuid.UUID) -> None:
    """An organisation or company leaves: what its people did not want to get from it is nothing any more."""
    run(session, delete(LetterChoice).where(LetterChoice.place_id == place_id))


def of_organisation(session: Session, organisation_id: uuid.UUID, found: Destroyed) -> None:
    """Its campaigns end, and what it wrote of them goes."""
    of_place(session, organisation_id)
    ours = Campaign.organisation_id == organisation_id
    run(session, update(Campaign).where(ours, Campaign.state != "closed").values(state="closed"))
    emptied = update(Campaign).where(ours).values(title=GONE, reason="", said="", choice={})
    found.add("campaigns", run(session, emptied))
