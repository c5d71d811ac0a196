"""Documents beside answers, with the dates that a test wants."""

from __future__ import annotations

import uuid
from datetime import date
from hashlib import sha256

from portal.access import CompanyRole
from portal.assessments import showing
from portal.db import Database
from portal.evidence import service as evidence
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
    file = Sniffed("report.txt", "text/plain", 1, sha256(title.encode()).hexdigest())
    with database.transaction(owner.scope) as session:
        one = showing.open_assessment(session, owner, assessment or issued.assessment, key, now=NOW)
        described = Described(kind, title, issued_on, expires)
        stored = Stored(new_key(), file, "not_scanned", None)
        document = evidence.add(session, stored, described, actor=owner, now=NOW)
        showing.show_new(session, one, key, document, actor=owner, now=NOW)
        return document.id
