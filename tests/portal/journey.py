"""The way to a sealed submission through the services: vendor, engagement, issue, answers, seal."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import issuing, queries, service
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerRow, Assessment
from portal.assessments.service import Attestation, Edit
from portal.assessments.submitting import Consequence
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.service import evaluate_after_submission
from portal.db import Database
from portal.library import service as library
from portal.library.importing import Import
from portal.vendors import service as vendors
from portal.vendors.models import Vendor
from questionnaires import catalog
from questionnaires.definition import Question, Questionnaire
from questionnaires.visibility import is_done
from tests.portal.world import NOW, Place

FACTS: dict[str, Any] = {
    "engagement.data": ["personal"],
    "engagement.process": "critical",
    "engagement.outage": "hours",
    "engagement.replace": "year",
    "engagement.harm": "direct",
    "engagement.spend": "987654.32",
}
CONSEQUENCES = (evaluate_after_submission,)


@dataclass(frozen=True)
class Issued:
    """An assessment that waits for its answers."""

    organisation: Place
    company: Place
    vendor: uuid.UUID
    engagements: tuple[uuid.UUID, ...]
    assessment: uuid.UUID
    definition: Questionnaire


def release(database: Database, organisation: Place, definition: Questionnaire, now: datetime = NOW) -> None:
    """Make a definition of a test one of the organisation's own."""
    with database.transaction() as session:
        found = Import(definition, "test", ())
        library.release(session, organisation.id, found, now=now, actor=organisation[OrganisationRole.CISO])


def issue(
    database: Database,
    organisation: Place,
    company: Place,
    *,
    definition: Questionnaire | None = None,
    facts: Mapping[str, Any] = FACTS,
    tier: str = "critical",
    names: tuple[str, ...] = ("Archive",),
    vendor_name: str = "Fennmark",
    now: datetime = NOW,
) -> Issued:
    """A vendor linked to ``company``, an engagement for each of ``names``, and one assessment over them."""
    ciso = organisation[OrganisationRole.CISO]
    definition = definition or catalog.latest("security_lite")
    with database.transaction() as session:
        vendor = vendors.create_vendor(session, name=vendor_name, country="PT", actor=ciso, now=now)
        vendor.company_id = company.id
        record(session, Kind.VENDOR_LINKED, now=now, actor=ciso, subject=vendor)
        engagements = [
            vendors.create_engagement(
                session,
                vendor,
                name=name,
                description="Keeps files",
                tier=tier,
                facts=facts,
                business_owner_id=ciso.person.id,
                actor=ciso,
                now=now,
            )
            for name in names
        ]
        vendor_id, ids = vendor.id, tuple(one.id for one in engagements)
    assessment = again(database, organisation, vendor_id, ids, definition, now=now)
    return Issued(organisation, company, vendor_id, ids, assessment, definition)


def again(
    database: Database,
    organisation: Place,
    vendor_id: uuid.UUID,
    engagements: tuple[uuid.UUID, ...],
    definition: Questionnaire,
    *,
    now: datetime = NOW,
) -> uuid.UUID:
    """Issue one more assessment over engagements that exist."""
    with database.transaction() as session:
        vendor = session.execute(select(Vendor).where(Vendor.id == vendor_id)).scalar_one()
        found = issuing.issue(
            session,
            vendor,
            engagement_ids=engagements,
            content_hash=definition.content_hash,
            due=(now + timedelta(days=30)).date(),
            reason="We ask once a year.",
            contact=None,
            actor=organisation[OrganisationRole.CISO],
            now=now,
        )
        return found.id


def best(question: Question) -> Content:
    """A sound answer: the option with most points; days, numbers and texts that fit."""
    match question.type:
        case "choice":
            chosen = max(question.options, key=lambda one: one.points or 0).value
            return _promised(question, Content("answered", chosen))
        case "choices":
            plain = [one.value for one in question.options if not one.exclusive]
            return _promised(question, Content("answered", plain))
        case "number":
            return Content("answered", question.at_least or "1")
        case "date":
            return Content("answered", "2026-11-01")
        case "table":
            row = {
                one.key: one.options[0].value
                if one.type == "choice"
                else "2026-11-01"
                if one.type == "date"
                else "1"
                for one in question.columns
            }
            return Content("answered", [row])
        case _:
            return Content("answered", "We do this every month.")


def _promised(question: Question, content: Content) -> Content:
    if question.evidence is None:
        return content
    return Content(
        content.state, content.value, content.note, "The auditor sends it next month.", "2026-12-20"
    )


def submit(
    database: Database,
    issued: Issued,
    answers: Mapping[str, Content] | None = None,
    *,
    fill: Callable[[Question], Content] = best,
    assessment: uuid.UUID | None = None,
    now: datetime = NOW,
    consequences: tuple[Consequence, ...] = CONSEQUENCES,
) -> uuid.UUID:
    """Answer what is asked (``answers`` first, else ``fill``) until nothing is missing, and seal it."""
    owner = issued.company[CompanyRole.OWNER]
    wanted = assessment or issued.assessment
    with database.transaction() as session:
        one = queries.assessment(session, owner, wanted, lock=True)
        definition = library.definition(session, one.content_hash)
        for _ in range(len(definition.sections) + 1):
            if not _fill(session, one, definition, owner, dict(answers or {}), fill, now):
                break
        submission = service.submit(
            session,
            one,
            Attestation("Tomasz Wilk", "Head of Security", "True and complete."),
            actor=owner,
            now=now,
            consequences=consequences,
        )
        return submission.id


def _fill(
    session: Any,
    one: Assessment,
    definition: Questionnaire,
    owner: Any,
    answers: dict[str, Content],
    fill: Callable[[Question], Content],
    now: datetime,
) -> bool:
    """Answer every visible question that is not done; whether anything was."""
    held = queries.rows(session, owner, one.id)
    draft = queries.draft(session, owner, definition, one, held, now)
    found = False
    for section in definition.sections:
        edits = []
        for question in section.questions:
            key = question.key
            if key not in draft.look.visible or is_done(draft.answers.get(key)):
                continue
            if key not in answers and key not in draft.look.required:
                continue
            content = answers[key] if key in answers else fill(question)
            edits.append(Edit(key, _revision(session, one, key), content))
        if edits:
            result = service.save_answers(session, one, section, edits, actor=owner, now=now)
            assert not result.errors, result.errors
            found = True
    return found


def _revision(session: Any, one: Assessment, key: str) -> int:
    return (
        session.scalar(
            select(AnswerRow.revision).where(AnswerRow.assessment_id == one.id, AnswerRow.key == key)
        )
        or 0
    )
