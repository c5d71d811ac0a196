"""The schedule: what is coming, by date."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for

from portal import web
from portal.access import Permission, requires
from portal.clock import local_date
from portal.listing import one_of
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import queries
from portal.reassessment.months import PARTS, bounds, is_month

blueprint = Blueprint("reassessment", __name__)


@blueprint.get("/o/<organisation>/schedule")
@requires(Permission.SEE_SCHEDULE)
def schedule(organisation: str) -> str:
    """Two views of one page: ``?view=next`` (next assessments) and ``?view=open``; filter ``period``; ``page``.

    Next assessments are narrowed to a ``month`` and to ``part`` of the tiers, too.
    """
    session, identity = web.db(), web.identity()
    zone = organisations.organisation_of(session, identity).zone
    today = local_date(web.now(), zone)
    view = "open" if request.args.get("view") == "open" else "next"
    period = request.args.get("period", "all")
    period = period if period in queries.PERIODS else "all"
    number = page_number(request.args.get("page"))
    month = request.args.get("month", "") if view == "next" else ""
    month = month if is_month(month) else ""
    part = one_of("part", PARTS) if view == "next" else ""
    if view == "open":
        page = queries.open_assessments(session, identity, period=period, today=today, number=number)
    else:
        narrowed = queries.Filter(period, month, part)
        page = queries.next_assessments(session, identity, narrowed, today=today, number=number)

    def address(**changed: Any) -> str:
        chosen = {"view": view, "period": period, "month": month, "part": part, "page": 1} | changed
        kept: dict[str, Any] = {
            name: value for name, value in chosen.items() if value not in ("next", "all", "", 1)
        }
        return url_for("reassessment.schedule", organisation=organisation, **kept)

    return render_template(
        "reassessment/schedule.html",
        slug=organisation,
        view=view,
        period=period,
        month=bounds(month)[0] if month else None,
        part=part,
        page=page,
        pager=page.links(lambda number: address(page=number)),
        counts=queries.counts(session, identity),
        address=address,
        today=today,
        zone=zone,
    )
