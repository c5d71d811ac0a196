"""What the scene holds of versions and letters: a consent, a move that was applied, and the live tokens of letters."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from portal.access import CompanyRole, OrganisationRole
from portal.accounts import resets
from portal.accounts.models import PersonRow
from portal.assessments import change_steps, consent, queries
from portal.assessments.version_models import AssessmentMove
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.library import service as library
from portal.outbox import Message
from questionnaires import catalog
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Deal


def carry(database: Database, deal: Deal, why: str) -> None:
    """An owner offers what was told to others; and a move that was applied, with what the vendor was told of it."""
    owner, buyer = deal.company[CompanyRole.OWNER], deal.organisation[OrganisationRole.ADMIN]
    assert deal.drafted is not None
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, deal.drafted, lock=True)
        consent.give(session, one, actor=owner, now=NOW)
    older = catalog.get("security_lite@0.9.0")
    with database.transaction(buyer.scope) as session:
        library.store(session, older, now=NOW, actor=buyer)
        one, _vendor = change_steps.lock(session, buyer, deal.drafted)
        change_steps.notice(session, one, why, buyer, NOW)
        data = {"version": one.version, "back": False}
        record(session, Kind.ASSESSMENT_MOVE_ASKED, now=NOW, actor=buyer, subject=one, data=data)
    with database.transaction(SYSTEM) as session:
        tenants = {"organisation_id": deal.organisation.id, "company_id": deal.company.id}
        row = {"id": uuid.uuid4(), **tenants, "assessment_id": one.id, "state": "applied", "undoes": None}
        hashes = {"from_hash": older.content_hash, "to_hash": one.content_hash}
        asked = {"asked_by": buyer.person.id, "asked_at": NOW, "applied_at": NOW}
        session.execute(insert(AssessmentMove).execution_options(unaudited=True), {**row, **hashes, **asked})


def tokens(database: Database, deal: Deal, invited: str) -> dict[str, str]:
    """Live tokens of letters, by the word that their address begins with."""
    found = {}
    with database.transaction(SYSTEM) as session:
        buyer = session.get_one(PersonRow, deal.organisation[OrganisationRole.ADMIN].person.id)
        found["reset"] = resets.start_reset(session, buyer, now=NOW)
        for message in session.scalars(select(Message).where(Message.company_id == deal.company.id)):
            if message.kind == "delegation_link":
                found["delegations"] = re.findall(r"/delegations/([\w-]{43})", message.text)[0]
        theirs = select(Message).where(Message.recipient == f"{invited}@nowhere.example")
        letter = session.scalars(theirs.where(Message.kind == "invitation_vendor")).one()
        found["invitations"] = re.findall(r"/invitations/([\w-]{43})", letter.text)[0]
    return found
