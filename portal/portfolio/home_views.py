"""The whole picture on one page: where an organisation stands, what needs somebody, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, render_template, url_for

from portal import clock, web
from portal.access import Permission, requires
from portal.listing import a_day
from portal.organisations import queries as organisations
from portal.portfolio import figures, shown
from portal.portfolio.figures import Figure, Home
from portal.vendors import queries as vendors
from questionnaires.dates import MIN_DATE, add_months

blueprint = Blueprint("portfolio", __name__)


@blueprint.get("/o/<organisation>/portfolio")
@requires(Permission.SEE_PORTFOLIO)
def home(organisation: str) -> str:
    return page()


def page() -> str:
    """The page, for its own address and as the first page of whoever has it as such."""
    session, identity = web.db(), web.identity()
    assert identity.organisation is not None
    own = organisations.organisation_of(session, identity)
    today = clock.local_date(web.now(), own.zone)
    found = figures.home(session, identity, today=today, now=web.now(), since=since_of(today))
    return render_template(
        "portfolio/home.html",
        home=found,
        figure=lambda key: found.figures[key],
        opens=lambda one: opens(one, identity.organisation.slug if identity.organisation else ""),
        cells=_cells(found),
        risks=shown.risks(found),
        gates=shown.gates(found),
        changed=shown.changed(found),
        vendors=vendors.vendors(session, identity, {one.vendor_id for one in found.overdue}),
        usual_since=found.since == usual_since(today),
        level_words=shown.level,
        tier_words=shown.TIER_WORDS,
        today=today,
        zone=own.zone,
    )


def opens(one: Figure, slug: str) -> str:
    """The address of the list behind a figure."""
    arguments: dict[str, Any] = dict(one.arguments)
    return url_for(one.endpoint, organisation=slug, **arguments)


def since_of(today: date) -> date:
    """The day that an address compares with, a month ago where it names none that has been."""
    wanted = a_day("since")
    return wanted if wanted is not None and MIN_DATE <= wanted <= today else usual_since(today)


def usual_since(today: date) -> date:
    return add_months(today, -1)


def _cells(found: Home) -> Mapping[tuple[str, str], Figure]:
    """The figure behind each cell of the matrix, and behind its sums."""
    cells: dict[tuple[str, str], Any] = {}
    for row in (*found.matrix.rows, found.matrix.sums):
        for one in row:
            key = f"cell:{one.tier}:{one.level}" if one.tier and one.level else ""
            key = key or (f"tier:{one.tier}" if one.tier else f"level:{one.level}" if one.level else "all")
            cells[one.tier, one.level] = found.figures[key]
    return cells
