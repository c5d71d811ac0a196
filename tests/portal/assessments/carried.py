"""Two years of one vendor: a submission, and the next assessment of the same engagement."""

from __future__ import annotations

import copy
import json
import uuid
from datetime import date, datetime, timedelta
from typing import Any

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import queries, service
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.assessments.service import Attestation, Edit
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope
from portal.library import service as library
from portal.vendors import service as vendors
from portal.vendors.models import Engagement, Vendor
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal.assessments.given import SMALL, Given
from tests.portal.world import NOW, Place

LAST_YEAR = NOW - timedelta(days=360)
ANSWERS: dict[str, Any] = {
    "one.locks": "no",
    "one.why": "The lock is old.",
    "one.days": "3",
    "one.kinds": ["steel"],
    "two.list": [{"name": "Ana", "kind": "p"}],
    "two.proof": "no",
    "three.guard": "yes",
}


def newer(version: str = "2.0.0", **changes: Any) -> Questionnaire:
    """The small questionnaire, released anew; ``changes``: question key (dots as ``__``) -> fields, None drops it.

    A field ``key`` renames a question, which then names the old one in ``formerly``.
    """
    raw = copy.deepcopy(SMALL)
    raw["version"] = version
    wanted = {name.replace("__", "."): fields for name, fields in changes.items()}
    for section in raw["sections"]:
        kept = []
        for question in section["questions"]:
            fields = wanted.get(question["key"], {})
            if fields is None:
                continue
            if "key" in fields:
                fields = {"formerly": [f"{question['key']}@{question.get('revision', 1)}"], **fields}
            kept.append({**question, **fields})
        section["questions"] = kept
    return parse_json(json.dumps(raw).encode())


def ask(
    given: Given,
    definition: Questionnaire,
    *,
    at: datetime = NOW,
    place: Place | None = None,
    engagement: uuid.UUID | None = None,
    also: tuple[uuid.UUID, ...] = (),
    due: date = date(2026, 12, 20),
    beside: uuid.UUID | None = None,
) -> uuid.UUID:
    """An assessment that ``place`` (the one organisation by default) issues to the company.

    ``engagement`` and ``also``: what it covers, made where there is none yet; ``beside``: another assessment, whose
    vendor it is issued to.
    """
    place = place or given.organisation
    actor = place[OrganisationRole.CISO]
    made = uuid.uuid4()
    with given.database.transaction() as session:
        library.store(session, definition, now=at, actor=actor)
        other = session.get(Assessment, beside) if beside is not None else None
        if other is not None:
            vendor = session.get_one(Vendor, other.vendor_id)
        else:
            vendor = vendors.create_vendor(session, name=f"Vendor {made}", country="PT", actor=actor, now=at)
        vendor.company_id = given.company.id
        session.flush()
        row = Assessment(
            id=made,
            organisation_id=place.id,
            company_id=given.company.id,
            vendor_id=vendor.id,
            content_hash=definition.content_hash,
            slug=definition.slug,
            version=definition.version,
            title=definition.title,
            subject="Claims archive",
            reason="You keep our claim files.",
            facts={"engagement.tier": "high"},
            zone="Europe/Lisbon",
            due=due,
            state="open",
            round=1,
            answered=0,
            total=0,
            issued_at=at,
            issued_by=actor.person.id,
        )
        session.add(row)
        session.flush()
        for one in ((engagement,) if engagement is not None else ()) + also:
            _cover(session, row, vendor, one)
        record(session, Kind.ASSESSMENT_ISSUED, now=at, actor=actor, subject=row)
    return made


def _cover(session: Any, row: Assessment, vendor: Vendor, engagement: uuid.UUID) -> None:
    if session.get(Engagement, engagement) is None:
        session.add(
            Engagement(
                id=engagement,
                organisation_id=row.organisation_id,
                vendor_id=vendor.id,
                name=f"Archive {engagement}",
                name_key=f"archive {engagement}",
                description="Claims archive",
                tier="high",
                facts={},
                revision=1,
                created_at=row.issued_at,
            )
        )
        session.flush()
    session.add(
        AssessmentEngagement(
            assessment_id=row.id,
            engagement_id=engagement,
            organisation_id=row.organisation_id,
            company_id=row.company_id,
        )
    )


def content(value: Any, note: str = "") -> Content:
    if value is None:
        return Content("not_applicable", None, note or "We have none.")
    return Content("answered", value, note)


def write(
    given: Given,
    assessment: uuid.UUID,
    answers: dict[str, Any],
    *,
    at: datetime = NOW,
    who: Identity | None = None,
) -> None:
    """Answer questions; a value, or a Content."""
    actor = who or given.company[CompanyRole.OWNER]
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, actor, assessment, lock=True)
        definition = library.definition(session, one.content_hash)
        for section in definition.sections:
            held = queries.rows(session, actor, assessment)
            edits = [
                Edit(
                    each.key,
                    held[each.key][0].revision if each.key in held else 0,
                    said if isinstance(said := answers[each.key], Content) else content(said),
                )
                for each in section.questions
                if each.key in answers
            ]
            result = service.save_answers(session, one, section, edits, actor=actor, now=at)
            assert (result.errors, result.conflicts) == ({}, {})


def submit(given: Given, assessment: uuid.UUID, *, at: datetime = NOW) -> uuid.UUID:
    """Sign what is there; returns the submission's id."""
    actor = given.company[CompanyRole.OWNER]
    with given.database.transaction(Scope(company_id=given.company.id)) as session:
        one = queries.assessment(session, actor, assessment, lock=True)
        made: Submission = service.submit(
            session, one, Attestation("Ana", "Director", "I have read them."), actor=actor, now=at
        )
        return made.id


def submitted(
    given: Given,
    definition: Questionnaire | None = None,
    answers: dict[str, Any] | None = None,
    *,
    at: datetime = LAST_YEAR,
    place: Place | None = None,
    engagement: uuid.UUID | None = None,
) -> tuple[uuid.UUID, uuid.UUID]:
    """(assessment, submission) of ``at``, with every question answered."""
    made = ask(
        given,
        definition or given.definition,
        at=at,
        place=place,
        engagement=engagement,
        due=date(2025, 12, 31),
    )
    write(given, made, ANSWERS if answers is None else answers, at=at)
    return made, submit(given, made, at=at)
