"""Assessments, and what vendors sealed in them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from portal import web
from portal.access import Permission
from portal.api import idempotency, paging, schemas
from portal.api import schemas_written as written
from portal.api.base import PREFIX, Blueprint, Given, page_of, pointing
from portal.api.fields import Choice
from portal.api.vendors import vendor_named
from portal.assessments import in_order, issuing, organisation_queries, result_queries, sealing
from portal.assessments.models import Assessment, Submission
from portal.assessments.result_queries import Rated
from portal.library import service as library
from portal.vendors import service as vendors

blueprint = Blueprint("api_assessments", __name__, url_prefix=PREFIX, description="Assessments")


class Asked(paging.OfVendor):
    """The parameters of the list."""

    state = Choice(in_order.STATES, load_default="", metadata={"description": "Only in this state."})


def shown(rows: Sequence[Assessment]) -> list[dict[str, Any]]:
    """Each with the engagements that it covers, as far as the identity sees them."""
    covered = organisation_queries.covered(web.db(), web.identity(), [one.id for one in rows])
    return [
        {
            "id": one.id,
            "vendor": one.vendor_id,
            "engagements": [each.id for each in covered[one.id]],
            "questionnaire": one.slug,
            "version": one.version,
            "questionnaire_hash": one.content_hash,
            "title": one.title,
            "state": one.state,
            "round": one.round,
            "due": one.due,
            "reason": one.reason,
            "answered": one.answered,
            "total": one.total,
            "issued_at": one.issued_at,
            "submitted_at": one.submitted_at,
            "closed_at": one.closed_at,
            "page": page_of("assessments.assessment", assessment=one.id),
        }
        for one in rows
    ]


@blueprint.operation(
    "GET",
    "/assessments",
    Permission.SEE_VENDORS,
    schemas.AssessmentPage,
    query=Asked,
    paged=True,
    scopes=("assessments:read", "assessments:issue"),
)
def list_assessments(asked: dict[str, Any]) -> Given:
    """Assessments, in the order in which they were issued.

    Business owners' tokens see those that cover an engagement of theirs.
    """
    session, identity = web.db(), web.identity()
    return paging.window(
        "assessments",
        "/assessments",
        asked,
        lambda after, most: in_order.assessments(
            session, identity, vendor_id=asked["vendor"], state=asked["state"], after=after, most=most
        ),
        lambda row: (row.issued_at, row.id),
        shown=shown,
    )


@blueprint.operation(
    "POST",
    "/assessments",
    Permission.ISSUE,
    schemas.AssessmentShown,
    body=written.AssessmentWritten,
    status=201,
    once=True,
    scopes=("assessments:issue",),
)
def create_assessment(body: dict[str, Any]) -> Given:
    """Issue a questionnaire to a vendor.

    The letters go out at once, in the name of the token's person.
    """

    def make() -> uuid.UUID:
        session, identity, now = web.db(), web.identity(), web.now()
        vendor = vendor_named(body["vendor"])
        contact = None
        if body["contact"] is not None:
            with pointing(name="contact|name", email="contact|email"):
                contact = vendors.add_contact(session, vendor, **body["contact"], actor=identity, now=now)
        with pointing():
            return issuing.issue(
                session,
                vendor,
                engagement_ids=body["engagements"],
                content_hash=_version(body["questionnaire"]),
                due=body["due"],
                reason=body["reason"],
                contact=contact,
                actor=identity,
                now=now,
            ).id

    return idempotency.made_once("assessment", make, one_assessment, path="/assessments")


def _version(named: str) -> str:
    """The hash of the newest version that can be issued under a slug; anything else is taken as a hash."""
    known = library.available(web.db(), web.identity())
    return next((one.content_hash for one in known if one.slug == named), named)


def one_assessment(assessment: uuid.UUID) -> dict[str, Any]:
    """One assessment that the identity may see; NotFound."""
    return shown([organisation_queries.assessment(web.db(), web.identity(), assessment)])[0]


@blueprint.operation(
    "GET",
    "/assessments/<uuid:assessment>",
    Permission.SEE_VENDORS,
    schemas.AssessmentShown,
    scopes=("assessments:read", "assessments:issue"),
)
def get_assessment(assessment: uuid.UUID) -> dict[str, Any]:
    """One assessment.

    Of a draft nothing is given but how many questions are answered.
    """
    return one_assessment(assessment)


@blueprint.operation(
    "GET",
    "/assessments/<uuid:assessment>/submissions",
    Permission.SEE_VENDORS,
    schemas.Submissions,
    scopes=("assessments:read",),
)
def list_submissions(assessment: uuid.UUID) -> dict[str, Any]:
    """What was submitted for an assessment, the first round first."""
    session, identity = web.db(), web.identity()
    organisation_queries.assessment(session, identity, assessment)
    return {"data": [_submission(one) for one in in_order.submissions(session, identity, assessment)]}


@blueprint.operation(
    "GET",
    "/submissions/<uuid:submission>",
    Permission.SEE_VENDORS,
    schemas.SubmissionShown,
    scopes=("assessments:read",),
)
def get_submission(submission: uuid.UUID) -> dict[str, Any]:
    """One submission."""
    return _submission(in_order.submission(web.db(), web.identity(), submission)[0])


def _submission(one: Submission) -> dict[str, Any]:
    return {
        "id": one.id,
        "assessment": one.assessment_id,
        "round": one.round,
        "as_of": one.as_of,
        "questionnaire_hash": one.content_hash,
        "submission_hash": one.submission_hash,
        "sealed_at": one.sealed_at,
    }


@blueprint.operation(
    "GET",
    "/submissions/<uuid:submission>/answers",
    Permission.SEE_REVIEW,
    schemas.AnswersShown,
    scopes=("assessments:read",),
    noted=True,
)
def list_answers(submission: uuid.UUID) -> dict[str, Any]:
    """The sealed answers of a submission, with the documents beside them.

    The seal is checked at each call; what was destroyed by redaction, or does not fit the seal, is left out.
    """
    session, identity = web.db(), web.identity()
    row, _assessment = in_order.submission(session, identity, submission)
    rated = result_queries.rated(session, identity, row.assessment_id, row.round)
    definition = library.definition(session, row.content_hash)
    return {
        "submission": row.id,
        "sound": rated.proof.sound,
        "redacted": list(rated.proof.redacted),
        "data": [
            _answer(rated, key, question.text)
            for key, question in definition.questions.items()
            if key in rated.sealed
        ],
    }


def _answer(rated: Rated, key: str, question: str) -> dict[str, Any]:
    said = sealing.content(rated.sealed[key])
    return {
        "key": key,
        "question": question,
        "state": said.state,
        "value": said.value,
        "note": said.note,
        "promise_reason": said.promise_reason,
        "promise_date": said.promise_date,
        "documents": [asdict(one) for one in rated.documents.get(key, ())],
    }
