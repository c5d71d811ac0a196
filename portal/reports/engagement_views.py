"""The list of engagements over all vendors, and the same as CSV."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.clock import local_date
from portal.exporting import by_chunks, list_file
from portal.intake import queries as intakes
from portal.listing import Address
from portal.organisations import queries as organisations
from portal.paging import SIZE, page_number, sortable
from portal.reports import engagement_queries as queries
from portal.reports.engagement_queries import DATA
from portal.vendors import facts
from portal.vendors import queries as vendors

blueprint = Blueprint("engagements", __name__)
HEAD = (
    *(
        "engagement",
        "vendor",
        "tier",
        "business owner",
        "data",
        "last band",
        "next due",
        "country",
        "yearly spend",
    ),
    *("currency", "on record since", "id"),
)


@blueprint.get("/o/<organisation>/engagements")
@requires(Permission.SEE_VENDORS)
def engagement_list(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    owners = queries.owners(session, identity)
    narrowed, today = queries.filter_from(request.args, owners), _today()
    number = page_number(request.args.get("page"))
    page = queries.listed(session, identity, narrowed, today=today, number=number, size=SIZE)
    kept = {"q": narrowed.words, "tier": narrowed.tier, "owner": narrowed.owner, "data": narrowed.data}
    kept |= {"due": narrowed.due, "vendor": str(narrowed.vendor_id or "")}
    place = {"organisation": organisation}
    href = Address("engagements.engagement_list", place, kept, narrowed.sort, narrowed.down)
    columns = [("name", _("Engagement")), ("vendor", _("Vendor")), ("tier", _("Tier")), ("", _("Last band"))]
    columns += [("due", _("Next assessment")), ("", _("Data")), ("", _("Business owner"))]
    of = vendors.vendors(session, identity, [narrowed.vendor_id]) if narrowed.vendor_id else {}
    chosen = of.get(narrowed.vendor_id) if narrowed.vendor_id else None
    return render_template(
        "vendors/engagement_list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        owners=owners,
        kinds=[(value, facts.value_label(DATA, value)) for value in DATA.labels],
        data_of=_data,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "tier": _("Tier: %(tier)s", tier=narrowed.tier),
                "owner": dict(owners).get(narrowed.owner, _("Nobody answers for it")),
                "data": facts.value_label(DATA, narrowed.data) if narrowed.data else "",
                "due": _due_words(narrowed.due),
                "vendor": chosen.name if chosen else _("A vendor that is not here"),
            }
        ),
        today=today,
        waiting=intakes.how_many_wait(session, identity),
    )


def _due_words(due: str) -> str:
    words = {"late": _("Next assessment is late"), "never": _("No next date")}
    return str(words.get(due, _("Next assessment in %(days)s days", days=due)))


def _today() -> date:
    zone = organisations.organisation_of(web.db(), web.identity()).zone
    return local_date(web.now(), zone)


def _data(engagement: Any) -> list[str]:
    """What data it touches, in words; [] while nobody knows."""
    return [facts.value_label(DATA, one) for one in engagement.facts.get("engagement.data", ())]


@blueprint.get("/o/<organisation>/engagements.csv")
@blueprint.get("/o/<organisation>/engagements.xlsx", endpoint="engagements_xlsx")
@requires(Permission.SEE_VENDORS)
def engagements_csv(organisation: str) -> Response:
    session, identity, now = web.db(), web.identity(), web.now()
    today = _today()
    narrowed = queries.filter_from(request.args, queries.owners(session, identity))
    currency = organisations.organisation_of(session, identity).currency
    found = by_chunks(session, queries.ids(identity, narrowed, today=today), lambda ids: _rows(ids, currency))
    note = export_made("engagements", now=now, actor=identity)
    return list_file(f"engagements-{organisation}-{today}", HEAD, found, note)


def _rows(ids: list[uuid.UUID], currency: str) -> Iterator[tuple[Any, ...]]:
    for one in queries.of(web.db(), web.identity(), ids):
        bought = one.engagement
        spend = bought.facts.get("engagement.spend", "")
        yield (
            bought.name,
            one.vendor.name,
            bought.tier,
            one.owner,
            "; ".join(_data(bought)),
            one.standing.band if one.standing else "",
            one.due,
            one.vendor.country,
            spend,
            currency if spend else "",
            bought.created_at.date(),
            bought.id,
        )
