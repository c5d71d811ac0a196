"""The contract schedule of the browser's world: points in contract, waiting to be waived, waiting to be settled."""

from __future__ import annotations

import io
import uuid
from typing import Any

from portal.db import Database
from portal.settings import Settings
from portal.storage import open_storage
from tests.portal.scene_contract import put_in_contract
from tests.portal.world import Place

WORDS = (
    "annex-3-signed",
    "Annex 3, signed on both sides.",
    "HM-2023-118, § 14",
    "The service ends in spring; until then we accept the risk.",
    "No data of ours is kept there, so nothing has to come back.",
    "tells {organisation} of every incident within {value}.",
)


def make(database: Database, settings: Settings, place: Place, engagement: uuid.UUID) -> dict[str, Any]:
    """Fields of World."""
    made = put_in_contract(database, place, engagement, WORDS)
    for key, data in made.files.items():
        open_storage(settings).put(key, io.BytesIO(data))
    signed, waived, unsettled = made.items
    return {"signed": signed, "waived": waived, "unsettled": unsettled, "clause": made.clause}
