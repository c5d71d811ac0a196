"""What is destroyed of contract schedules when a vendor leaves; part of parting.vendors."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal.contracts.schedule_models import (
    ContractFile,
    ContractItem,
    ContractStep,
    ContractWords,
    Settlement,
    WaiverProposal,
)
from portal.erasure.destroying import GONE, Destroyed, read, run
from portal.erasure.models import DoomedFile


def contract_words(
    session: Session,
    engagements: Collection[uuid.UUID],
    found: Destroyed,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """What was written on contract schedules and the signed files go; steps, dates and hashes stay."""
    items = select(ContractItem.id).where(ContractItem.engagement_id.in_(engagements))
    of_them = select(ContractStep.id).where(ContractStep.item_id.in_(items))
    gone = delete(ContractWords).where(ContractWords.step_id.in_(of_them))
    found.add("contract_words", run(session, gone))
    for model in (WaiverProposal, Settlement):
        waiting = update(model).where(model.item_id.in_(items), model.state == "waiting")
        run(session, waiting.values(state="withdrawn", settled_by=by, settled_at=now))
        written = (model.item_id.in_(items)) & (model.reason != "")
        found.add("contract_words", run(session, update(model).where(written).values(reason="")))
    held = ContractFile.engagement_id.in_(engagements) & ContractFile.storage_key.is_not(None)
    for row in read(
        session, select(ContractFile.id, ContractFile.storage_key, ContractFile.sha256).where(held)
    ):
        session.add(DoomedFile(storage_key=row.storage_key, doomed_at=now))
        found.files.add(row.sha256)
        emptied = {"storage_key": None, "filename": GONE}
        one = update(ContractFile).where(ContractFile.id == row.id).values(**emptied)
        found.add("contract_files", run(session, one))
