"""The schedule: what is coming, by date."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from portal import web
from portal.access import Permission, requires
from portal.clock import local_date
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import queries

blueprint = Blueprint("reassessment", __name__)


@blueprint.get("/o/<organisation>/schedule")
@requires(Permission.SEE_SCHEDULE)
def schedule(organisation: str) -> str:
    """Two views of one page: ``?view=next`` (next assessments) and ``?view=open``; filter ``period``; ``page``."""
    session, identity = web.db(), web.identity()
    zone = organisations.organisation_of(session, identity).zone
    today = local_date(web.now(), zone)
    view = "open" if request.args.get("view") == "open" else "next"
    period = request.args.get("period", "all")
    period = period if period in queries.PERIODS else "all"
    read = queries.open_assessments if view == "open" else queries.next_assessments
    page = read(session, identity, period=period, today=today, number=page_number(request.args.get("page")))

    def address(**changed: Any) -> str:
        chosen = {"view": view, "period": period, "page": 1} | changed
        kept: dict[str, Any] = {
            name: value for name, value in chosen.items() if value not in ("next", "all", 1)
        }
        return url_for("reassessment.schedule", organisation=organisation, **kept)

    return render_template(
        "reassessment/schedule.html",
        slug=organisation,
        view=view,
        period=period,
        page=page,
        pager=page.links(lambda number: address(page=number)),
        counts=queries.counts(session, identity),
        address=address,
        today=today,
        zone=zone,
    )
