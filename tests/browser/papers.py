"""Documents of a company: beside an open question, waiting in the library, expired, about to expire, sealed."""

from __future__ import annotations

import io
import uuid
from datetime import datetime, timedelta

from portal.access import Identity
from portal.assessments import showing
from portal.db import Database
from portal.evidence import service, uploads
from portal.evidence.service import Described
from portal.settings import Settings
from portal.storage import open_storage

PROVES = "resilience.restore_test"
REPORT = b"Restored on the spare machine, checked by two of us.\n"


def add(database: Database, settings: Settings, owner: Identity, now: datetime) -> uuid.UUID:
    """Three documents; the id of the first."""
    storage = open_storage(settings)
    today = now.date()
    found = []
    for kind, title, issued, expires in (
        ("restore_test", "Restore test of the archive", today - timedelta(days=40), None),
        ("incident_plan", "Incident plan", today - timedelta(days=900), today - timedelta(days=20)),
        ("mfa_setting", "Second step, switched on", today, today + timedelta(days=30)),
    ):
        stored = uploads.keep(storage, "", io.BytesIO(REPORT), f"{title}.txt", now=now)
        with database.transaction(owner.scope) as session:
            said = Described(kind, title, issued, expires)
            found.append(service.add(session, stored, said, actor=owner, now=now).id)
    return found[0]


def lay(database: Database, owner: Identity, paper: uuid.UUID, assessment: uuid.UUID, now: datetime) -> None:
    """Lay it beside the question that it proves."""
    with database.transaction(owner.scope) as session:
        one = showing.open_assessment(session, owner, assessment, PROVES, now=now)
        showing.attach(session, one, PROVES, [paper], actor=owner, now=now)
