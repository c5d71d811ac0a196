"""The list of engagements over all vendors, and the same as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.clock import local_date
from portal.exporting import by_chunks, list_file
from portal.gate import standings
from portal.intake import queries as intakes
from portal.listing import Address
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.paging import SIZE, page_number, sortable
from portal.portfolio import engagement_lists as lists
from portal.portfolio import shown
from portal.portfolio.engagement_lists import DATA, Filter
from portal.reassessment.months import bounds, is_month
from portal.vendors import facts, policy_queries
from portal.vendors import queries as vendors
from portal.vendors.policy import RISKS

blueprint = Blueprint("engagements", __name__)
HEAD = (
    *(
        "engagement",
        "vendor",
        "tier",
        "business owner",
        "data",
        "level",
        "residual risk",
        "questionnaires missing",
        "gate",
        "decided as",
    ),
    *("valid until", "lapses on", "open conditions", "accepted risks", "next due", "country", "yearly spend"),
    *("currency", "on record since", "id"),
)


@blueprint.get("/o/<organisation>/engagements")
@requires(Permission.SEE_VENDORS)
def engagement_list(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    own = organisations.organisation_of(session, identity)
    owners, today = vendors.business_owners(session, identity), local_date(web.now(), own.zone)
    narrowed = lists.filter_from(request.args)
    number = page_number(request.args.get("page"))
    relation = standings.relation(session, identity, today=today, now=web.now())
    policy = policy_queries.current(session, own.id)
    page = lists.listed(session, identity, narrowed, relation, policy, today=today, number=number, size=SIZE)
    place = {"organisation": organisation}
    href = Address("engagements.engagement_list", place, lists.kept(narrowed), narrowed.sort, narrowed.down)
    columns = [("name", _("Engagement")), ("vendor", _("Vendor")), ("tier", _("Tier")), ("level", _("Level"))]
    columns += [("", _("Gate")), ("lapses", _("Lapses")), ("due", _("Next assessment"))]
    columns += [("", _("Business owner"))]
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
        words=shown,
        tokens=href.tokens(_tokens(narrowed, dict(owners), chosen.name if chosen else "")),
        today=today,
        working=relation.waiting,
        waiting=intakes.how_many_wait(session, identity),
    )


def _tokens(narrowed: Filter, owners: dict[str, str], vendor: str) -> dict[str, str]:
    """What each filter in force is called."""
    return {
        "q": _("“%(words)s”", words=narrowed.words),
        "tier": _("Tier: %(tier)s", tier=shown.TIER_WORDS.get(narrowed.tier, "")),
        "level": shown.level(narrowed.level),
        "residual": _("Residual risk: %(risk)s", risk=_risk(narrowed.residual)),
        "gate": shown.gate(narrowed.gate),
        "below": _("Below what the policy lets pass")
        if narrowed.below == "pass"
        else _("Below what the policy lets pass without conditions"),
        "holds": shown.HOLDS.get(narrowed.holds, ""),
        "owner": _("Nobody answers for it")
        if narrowed.owner == lists.NOBODY
        else owners.get(narrowed.owner, _("Somebody who answers for nothing here any more")),
        "data": facts.value_label(DATA, narrowed.data) if narrowed.data else "",
        "due": _due_words(narrowed.due),
        "vendor": vendor or _("A vendor that is not here"),
    }


def _risk(risk: str) -> str:
    return str(shown.TIER_WORDS[risk]) if risk in RISKS else str(_("not known"))


def _due_words(due: str) -> str:
    if is_month(due):
        return str(_("Next assessment in %(month)s", month=shown.month_year(bounds(due)[0])))
    words = {"late": _("Next assessment is late"), "never": _("No next date")}
    return str(words.get(due, _("Next assessment in %(days)s days", days=due)))


def _data(engagement: Any) -> list[str]:
    """What data it touches, in words; [] while nobody knows."""
    return [facts.value_label(DATA, one) for one in engagement.facts.get("engagement.data", ())]


@blueprint.get("/o/<organisation>/engagements.csv")
@blueprint.get("/o/<organisation>/engagements.xlsx", endpoint="engagements_xlsx")
@requires(Permission.SEE_VENDORS)
def engagements_csv(organisation: str) -> Response:
    """The same list as a file; what stands at the gates is read once for all of it."""
    session, identity, now = web.db(), web.identity(), web.now()
    own = organisations.organisation_of(session, identity)
    today = local_date(now, own.zone)
    narrowed = lists.filter_from(request.args)
    relation = standings.relation(session, identity, today=today, now=now)
    policy = policy_queries.current(session, own.id)

    def rows(ids: list[uuid.UUID]) -> Iterator[tuple[Any, ...]]:
        for one in lists.rows(session, identity, ids, relation, policy):
            yield _row(one, own)

    found = by_chunks(session, lists.ids(identity, narrowed, relation, policy, today=today), rows)
    note = export_made("engagements", now=now, actor=identity)
    return list_file(f"engagements-{organisation}-{today}{relation.incomplete}", HEAD, found, note)


def _row(one: lists.Row, own: Organisation) -> tuple[Any, ...]:
    bought, stands = one.engagement, one.stands
    spend = bought.facts.get("engagement.spend", "")
    gate: tuple[Any, ...] = ("", "being worked out", "", "", "", "", "")
    if stands is not None:
        gate = (
            *(
                stands.missing,
                stands.outcome or "undecided",
                stands.decided_outcome or "",
                stands.valid_until,
            ),
            *(stands.lapses_on, stands.open_conditions, stands.excepted),
        )
    return (
        *(bought.name, one.vendor.name, bought.tier, one.owner, "; ".join(_data(bought))),
        *(one.level, one.residual, *gate, one.due, one.vendor.country, spend),
        *(own.currency if spend else "", local_date(bought.created_at, own.zone), bought.id),
    )
