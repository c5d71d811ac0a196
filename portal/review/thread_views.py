"""The thread with the vendor beside a question of the workspace: asking, going on, closing."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.assessments import asking_back
from portal.assessments import enquiry_queries as asked
from portal.faults import Invalid, NotFound
from portal.review import forms, queries
from portal.review.views import href, page_again
from portal.review.workspace import SHOWS

blueprint = Blueprint("threads", __name__)
Page = str | tuple[str, int] | Response


@blueprint.post("/o/<organisation>/reviews/<uuid:submission>/threads")
@requires(Permission.REVIEW)
def write(organisation: str, submission: uuid.UUID) -> Page:
    """Ask about a question, or say more; the vendor is written to. A refused post keeps its words."""
    form = forms.Asking(request.form)
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission, lock=True)
    show = form.show.data if form.show.data in SHOWS else "all"
    key, text = form.key.data or "", form.text.data or ""
    try:
        if not form.validate():
            raise Invalid(errors={"text": next(str(fault) for field in form for fault in field.errors)})
        asking_back.ask(session, case.assessment, key, text, actor=identity, now=web.now())
    except Invalid as fault:
        return page_again(submission, show, key, asking=(text, fault.errors["text"])), 422
    return web.notice(redirect(href(case, show, key, "thread"), 303), "asked-back")


@blueprint.post("/o/<organisation>/reviews/<uuid:submission>/threads/<uuid:enquiry>/close")
@requires(Permission.REVIEW)
def close(organisation: str, submission: uuid.UUID, enquiry: uuid.UUID) -> Page:
    """Nothing is left to say; what was said stays to read."""
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission, lock=True)
    row = asked.enquiry(session, identity, case.assessment.id, enquiry, lock=True)
    asking_back.close(session, row, actor=identity, now=web.now())
    if row.key is None:
        raise NotFound
    show = request.form.get("show", "all")
    return web.notice(
        redirect(href(case, show if show in SHOWS else "all", row.key, "thread"), 303), "thread-closed"
    )
