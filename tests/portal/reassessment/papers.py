"""Documents beside answers, with the dates that a test wants."""

from __future__ import annotations

import uuid
from datetime import date
from hashlib import sha256

from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity
from portal.assessments import showing
from portal.db import Database
from portal.evidence import service as evidence
from portal.evidence.models import Evidence
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.storage import new_key
from tests.portal.journey import Issued
from tests.portal.world import NOW


def lay(
    database: Database,
    issued: Issued,
    key: str,
    kind: str,
    *,
    issued_on: date | None = None,
    expires: date | None = None,
    title: str = "A report",
    assessment: uuid.UUID | None = None,
) -> uuid.UUID:
    """A document of the company beside one answer of the open assessment; its file is not in storage."""
    owner = issued.company[CompanyRole.OWNER]
    with database.transaction(owner.scope) as session:
        one = showing.open_assessment(session, owner, assessment or issued.assessment, key, now=NOW)
        document = kept(session, owner, Described(kind, title, issued_on, expires))
        showing.show_new(session, one, key, document, actor=owner, now=NOW)
        return document.id


def kept(session: Session, owner: Identity, described: Described) -> Evidence:
    """A document of the company that lies beside nothing; its file is not in storage."""
    file = Sniffed("report.txt", "text/plain", 1, sha256(described.title.encode()).hexdigest())
    stored = Stored(new_key(), file, "not_scanned", None)
    return evidence.add(session, stored, described, actor=owner, now=NOW)
