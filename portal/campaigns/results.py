"""What the vendors of a campaign said, side by side: a row each, a column for each question."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments.models import SealedAnswer, Submission
from portal.campaigns.models import Campaign, CampaignTarget
from portal.paging import Page
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor
from questionnaires.definition import Question, Questionnaire

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Said:
    """A vendor's answers as they were sealed last. ``values``: words by key; no entry where nothing was said."""

    vendor: Vendor
    assessment_id: uuid.UUID
    sealed_at: datetime
    values: Mapping[str, str]


def page(
    session: Session,
    identity: Identity,
    row: Campaign,
    definition: Questionnaire,
    *,
    key: str = "",
    value: str = "",
    number: int,
    size: int = 25,
) -> Page[Said]:
    """One page by vendor's name; ``key`` and ``value``: only those who chose this option at this question."""
    found = answered(session, identity, row)
    if key and value:
        found = _choosing(session, identity, found, key, value)
    shown: Page[Said] = Page([], number, len(found), size)
    at = min(number, shown.last)
    return Page(said(session, identity, found[(at - 1) * size : at * size], definition), at, len(found), size)


def answered(session: Session, identity: Identity, row: Campaign) -> list[Any]:
    """(submission, assessment, vendor, sealed_at) of the newest answers of each vendor, by the vendor's name."""
    newest = (
        select(Submission.assessment_id, func.max(Submission.round).label("round"))
        .join(CampaignTarget, CampaignTarget.assessment_id == Submission.assessment_id)
        .where(CampaignTarget.campaign_id == row.id, *mine(identity.scope, CampaignTarget, Submission))
        .group_by(Submission.assessment_id)
        .subquery()
    )
    statement = (
        select(Submission.id, Submission.assessment_id, Vendor.id, Submission.sealed_at)
        .select_from(CampaignTarget)
        .join(Vendor, Vendor.id == CampaignTarget.vendor_id)
        .join(newest, newest.c.assessment_id == CampaignTarget.assessment_id)
        .join(
            Submission,
            and_(Submission.assessment_id == newest.c.assessment_id, Submission.round == newest.c.round),
        )
        .where(
            CampaignTarget.campaign_id == row.id,
            *mine(identity.scope, CampaignTarget, Submission),
            *vendors.own_vendors(identity),
        )
        .order_by(Vendor.name_key, Vendor.id)
    )
    return list(session.execute(statement))


def number(session: Session, identity: Identity, row: Campaign) -> int:
    """How many vendors have handed answers in."""
    statement = (
        select(func.count(Submission.assessment_id.distinct()))
        .select_from(CampaignTarget)
        .join(Vendor, Vendor.id == CampaignTarget.vendor_id)
        .join(Submission, Submission.assessment_id == CampaignTarget.assessment_id)
        .where(
            CampaignTarget.campaign_id == row.id,
            *mine(identity.scope, CampaignTarget, Submission),
            *vendors.own_vendors(identity),
        )
    )
    return session.execute(statement).scalar_one()


def said(session: Session, identity: Identity, some: Sequence[Any], definition: Questionnaire) -> list[Said]:
    """The answers of these submissions in words, in their order."""
    known = vendors.vendors(session, identity, {one[2] for one in some})
    values = _values(session, identity, [one[0] for one in some])
    questions = definition.questions
    return [
        Said(
            known[vendor],
            assessment,
            sealed_at,
            {
                key: in_words(questions[key], data)
                for key, data in values.get(submission, {}).items()
                if key in questions
            },
        )
        for submission, assessment, vendor, sealed_at in some
        if vendor in known
    ]


def in_words(question: Question, data: bytes) -> str:
    """A sealed answer in the words of its question; "" for one that is open, N/A said as such."""
    document = json.loads(data)
    if document["state"] == "not_applicable":
        return "N/A"
    if document["state"] != "answered":
        return ""
    value = document.get("value")
    labels = {one.value: one.label for one in question.options}
    if question.type == "choice":
        return labels.get(value, str(value))
    if question.type == "choices":
        return "; ".join(labels.get(one, str(one)) for one in value or ())
    if question.type == "table":
        return "; ".join(", ".join(str(cell) for cell in line.values()) for line in value or ())
    return f"{value} {question.unit}" if question.type == "number" and question.unit else str(value)


def questions_of(definition: Questionnaire) -> list[Question]:
    """The columns, in the order of the questionnaire."""
    return [one for section in definition.sections for one in section.questions]


def _values(
    session: Session, identity: Identity, ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[str, bytes]]:
    found: dict[uuid.UUID, dict[str, bytes]] = {}
    if not ids:
        return found
    rows = session.execute(
        select(SealedAnswer.submission_id, SealedAnswer.key, SealedAnswer.answer).where(
            SealedAnswer.submission_id.in_(ids), *mine(identity.scope, SealedAnswer)
        )
    )
    for submission, key, data in rows:
        found.setdefault(submission, {})[key] = data
    return found


def _choosing(session: Session, identity: Identity, found: list[Any], key: str, value: str) -> list[Any]:
    """Those whose sealed answer to a question is, or holds, this option."""
    kept: set[uuid.UUID] = set()
    ids = [one[0] for one in found]
    for start in range(0, len(ids), AT_ONCE):
        rows = session.execute(
            select(SealedAnswer.submission_id, SealedAnswer.answer).where(
                SealedAnswer.submission_id.in_(ids[start : start + AT_ONCE]),
                SealedAnswer.key == key,
                *mine(identity.scope, SealedAnswer),
            )
        )
        for submission, data in rows:
            given = json.loads(data).get("value")
            if given == value or (isinstance(given, list) and value in given):
                kept.add(submission)
    return [one for one in found if one[0] in kept]
