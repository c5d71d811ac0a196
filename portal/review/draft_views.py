"""Every mark that is in no rating yet, on one page: whose they are, what an older round left, how to discard them."""

from __future__ import annotations

import uuid

from flask import Blueprint, render_template

from portal import web
from portal.access import Permission, requires
from portal.assessments.answering_cards import numbers
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.review import queries, reviewing, stranded
from portal.review.narrowing import mark_words
from portal.review.views import href
from portal.vendors import queries as vendors

blueprint = Blueprint("review_drafts", __name__)


@blueprint.get("/o/<organisation>/reviews/<uuid:submission>/unwritten")
@requires(Permission.SEE_REVIEW)
def unwritten_page(organisation: str, submission: uuid.UUID) -> str:
    """Reads only; the buttons post to the steps of the workspace."""
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission)
    left = [] if case.redacted else stranded.left_behind(session, identity, case)
    drafts = [*case.drafts.values(), *(one for each in left for one in each.drafts)]
    return render_template(
        "review/unwritten.html",
        case=case,
        assessment=case.assessment,
        submission=case.submission,
        left=left,
        disposable=len(reviewing.disposable(case, identity)),
        definitions={
            each.submission.id: library.definition(session, each.submission.content_hash) for each in left
        },
        numbers=numbers(case.definition),
        people=organisations.people(session, {one.changed_by for one in drafts}),
        vendor=vendors.vendor(session, identity, case.assessment.vendor_id),
        mark_words=mark_words,
        href=lambda key="": href(case, key=key),
    )
