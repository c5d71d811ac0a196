"""Ratings of submissions: what the engine worked out, with its trace."""

from __future__ import annotations

import json
import uuid
from typing import Any

from portal import web
from portal.access import Permission
from portal.api import schemas
from portal.api.base import PREFIX, Blueprint
from portal.assessments import in_order
from portal.assessments.models import Rating

blueprint = Blueprint("api_ratings", __name__, url_prefix=PREFIX, description="Ratings")


@blueprint.operation(
    "GET",
    "/submissions/<uuid:submission>/ratings",
    Permission.SEE_VENDORS,
    schemas.Ratings,
    scopes=("assessments:read",),
)
def list_ratings(submission: uuid.UUID) -> dict[str, Any]:
    """The ratings of a submission, first to last.

    A review, and a correction of a rating, add another; the last one stands.
    """
    session, identity = web.db(), web.identity()
    in_order.submission(session, identity, submission)
    return {"data": [_line(one) for one in in_order.ratings(session, identity, submission)]}


@blueprint.operation(
    "GET",
    "/ratings/<uuid:rating>",
    Permission.SEE_VENDORS,
    schemas.RatingShown,
    scopes=("assessments:read",),
    noted=True,
)
def get_rating(rating: uuid.UUID) -> dict[str, Any]:
    """One rating: its result with caps, knock-outs and the trace of every question.

    Numbers are exact: fractions as numerator and denominator.
    """
    row = in_order.rating(web.db(), web.identity(), rating)
    result = json.loads(row.result)
    return {
        **_line(row),
        "questionnaire_hash": row.content_hash,
        "score": result["score"],
        "high": result["high"],
        "result": result,
    }


def _line(one: Rating) -> dict[str, Any]:
    return {
        "id": one.id,
        "submission": one.submission_id,
        "sequence": one.sequence,
        "method": one.method,
        "as_of": one.as_of,
        "band": one.band,
        "best_band": one.best_band,
        "rated_at": one.rated_at,
    }
