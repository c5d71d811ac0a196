"""Keeping the filters of a list under a name, and taking such a view away again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import BooleanField

from portal import web
from portal.access import Permission, requires
from portal.faults import Invalid, NotFound
from portal.forms import Form, line
from portal.organisations import saved as views
from portal.portfolio.home_views import blueprint

# List -> the endpoint of its page.
ENDPOINTS: Mapping[str, str] = {
    "engagements": "engagements.engagement_list",
    "vendors": "vendors.vendor_list",
    "assessments": "assessments.assessment_list",
    "findings": "findings.list_page",
    "gates": "gate.list_page",
    "reviews": "review_queue.queue_page",
    "changes": "portfolio.changes_list",
    "conditions": "portfolio.conditions_list",
    "exceptions": "portfolio.exceptions_list",
    "fourth-parties": "portfolio.fourth_parties",
    "search": "search.page",
    "schedule": "reassessment.schedule",
}


class SaveForm(Form):
    """The name of a view; what it holds stands beside it in hidden fields, as in the list's address."""

    name = line(
        "Name of the view",
        required="Write a name for it.",
        longest=views.LONGEST_NAME,
        description="What you will look for, such as “Critical and below policy”.",
    )
    shared = BooleanField(
        "Everybody in the organisation finds it",
        description="They read its name and the words that it searches for. An administrator can take it away.",
    )


def shown(which: str) -> list[dict[str, Any]]:
    """What the page of a list offers: each view with its address; ``current``: the list stands so."""
    identity = web.identity()
    assert identity.organisation is not None
    held = views.checked(which, request.args)
    return [
        {
            "id": one.id,
            "label": one.name,
            "href": _address(one.list, one.query),
            "current": one.query == held,
            "shared": one.shared,
            "removable": identity.may(Permission.SAVE_VIEW) and views.may_remove(identity, one),
        }
        for one in views.of_list(web.db(), identity, which)
    ]


@blueprint.app_context_processor
def _offered() -> dict[str, Any]:
    """Every page of a list may ask for its views."""
    return {"saved_views": shown}


def _address(which: str, query: Mapping[str, Any]) -> str:
    slug = (request.view_args or {})["organisation"]
    arguments: dict[str, Any] = dict(query)
    return url_for(ENDPOINTS[which], organisation=slug, **arguments)


@blueprint.post("/o/<organisation>/views")
@requires(Permission.SAVE_VIEW)
def save_view(organisation: str) -> Response | tuple[str, int]:
    form, which = SaveForm(request.form), request.form.get("list", "")
    if which not in ENDPOINTS:
        raise NotFound
    held = views.checked(which, request.form)
    try:
        if not form.validate():
            raise Invalid
        views.save(
            web.db(),
            web.identity(),
            which=which,
            name=form.name.data or "",
            query=held,
            shared=bool(form.shared.data),
            now=web.now(),
        )
    except Invalid as fault:
        context = {"which": which, "held": held, "back": _address(which, held)}
        return web.form_page("portfolio/save_view.html", form, fault, **context)
    return web.notice(redirect(_address(which, held), 303), "view-saved")


@blueprint.get("/o/<organisation>/views/<uuid:saved>/remove")
@requires(Permission.SAVE_VIEW)
def ask_remove_view(organisation: str, saved: uuid.UUID) -> str:
    """Asks before it is done: a view for everybody is missed by others."""
    one = views.removable(web.db(), web.identity(), saved)
    own = one.person_id == web.identity().person.id
    return render_template("portfolio/remove_view.html", one=one, own=own, back=_address(one.list, one.query))


@blueprint.post("/o/<organisation>/views/<uuid:saved>/remove")
@requires(Permission.SAVE_VIEW)
def remove_view(organisation: str, saved: uuid.UUID) -> Response:
    which = views.remove(web.db(), web.identity(), saved, now=web.now())
    return web.notice(redirect(_address(which, {}), 303), "view-removed")
