"""For the tests of backup, copy and erasure: one organisation, one company, one submission, one stored document."""

from __future__ import annotations

import hashlib
import io
import uuid
from dataclasses import dataclass

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.drafts import Content
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database
from portal.evidence.models import Evidence
from portal.settings import Settings
from portal.storage import new_key, open_storage
from questionnaires.definition import Question
from tests.portal import scene
from tests.portal.world import NOW, Place, make_company, make_organisation

SAID, NOTED, SIGNER = "kzsaidvalueq", "kznotedvalueq", "Kzsigner Nameq"
DOCUMENT = b"%PDF-1.4 a document " * 5000


@dataclass
class Kept:
    """Ids of what was made; ``key``: the stored document's name in storage."""

    organisation: Place
    company: Place
    vendor: uuid.UUID
    engagement: uuid.UUID
    assessment: uuid.UUID
    submission: uuid.UUID
    evidence: uuid.UUID
    key: str


def make_kept(database: Database, settings: Settings) -> Kept:
    alder = make_organisation(database, settings, "Alder")
    cedar = make_company(database, settings, "Cedar")
    return add_deal(database, settings, alder, cedar)


def add_deal(database: Database, settings: Settings, alder: Place, cedar: Place, slug: str = "kept") -> Kept:
    """A vendor of ``alder`` served by ``cedar``: its own questionnaire, answered and sealed."""
    buyer, owner = alder[OrganisationRole.ADMIN], cedar[CompanyRole.OWNER]
    vendor, engagement, _contact = scene.make_vendor(
        database,
        buyer,
        cedar,
        name=f"{cedar.name} as a vendor",
        engagement="Payroll",
        description="kzservicewordq",
        business_owner_id=alder[OrganisationRole.BUSINESS_OWNER].person.id,
        more_contacts=(("Kzcontact Nameq", "kzcontact@nowhere.example"),),
    )
    data = scene.own_questionnaire(slug, "Backups in short")
    own = scene.release_own(database, buyer, data, slug)
    assessment = scene.issue(database, buyer, vendor, engagement, own, reason="kzreasonq")

    def said(question: Question) -> Content:
        return Content("answered", SAID if question.type == "text" else scene.plain_value(question), NOTED)

    scene.fill(database, owner, assessment, said)
    submission = scene.seal(database, owner, assessment, name=SIGNER)
    evidence, key = keep_file(database, settings, cedar)
    return Kept(alder, cedar, vendor, engagement, assessment, submission, evidence, key)


def keep_file(
    database: Database, settings: Settings, company: Place, content: bytes = DOCUMENT, *,
    filename: str = "policy.pdf", title: str = "Policy",
) -> tuple[uuid.UUID, str]:  # fmt: skip
    """A document of the company, stored; returns its id and its key in storage."""
    key, owner = new_key(), company[CompanyRole.OWNER]
    open_storage(settings).put(key, io.BytesIO(content))
    with database.transaction() as session:
        row = Evidence(
            id=uuid.uuid4(),
            company_id=company.id,
            kind="policy",
            title=title,
            filename=filename,
            media_type="application/pdf",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            storage_key=key,
            scan="not_scanned",
            uploaded_by=owner.person.id,
            uploaded_at=NOW,
        )
        session.add(row)
        record(session, Kind.EVIDENCE_ADDED, now=NOW, actor=owner, subject=row)
        return row.id, key
