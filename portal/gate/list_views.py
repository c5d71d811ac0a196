"""The list of gates over all vendors: what waits, what passes, what may lapse; and the same as a file."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _

from portal import clock, web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.exporting import CHUNK, list_file
from portal.gate import lists, standings, words
from portal.gate.standings import Relation
from portal.gate.views import blueprint
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable
from portal.vendors.facts import TIERS

HEAD = (
    *("engagement", "vendor", "tier", "outcome", "decided as", "proposed", "valid until", "decided at"),
    *("open conditions", "waits for a second person", "id"),
)


def _filter() -> lists.Filter:
    return lists.Filter(
        words=search_words(),
        state=one_of("state", lists.STATES),
        tier=one_of("tier", TIERS),
        sort=one_of("sort", lists.SORTS, "tier"),
        down=request.args.get("down") == "1",
    )


def _state_words(state: str) -> str:
    found: dict[str, str] = {
        "mine": _("Waiting for you"),
        "waiting": _("Waiting for a second person"),
        "undecided": _("Not decided"),
        "blocked": _("Blocked"),
        "pending": _("Pending"),
        "passing": _("Passing"),
        "lapsed": _("No longer as decided"),
        "lapsing": _("Lapsing in 30 days"),
        "working": _("Being worked out"),
    }
    return found.get(state, "")


def _relation(today: date) -> Relation:
    return standings.relation(web.db(), web.identity(), today=today, now=web.now())


def _today() -> date:
    return clock.local_date(web.now(), organisations.organisation_of(web.db(), web.identity()).zone)


@blueprint.get("/o/<organisation>/gates")
@requires(Permission.SEE_GATE)
def list_page(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    narrowed, today = _filter(), _today()
    number, relation = page_number(request.args.get("page")), _relation(today)
    page = lists.page_of(session, identity, narrowed, relation, today=today, number=number)
    kept = {"q": narrowed.words, "state": narrowed.state, "tier": narrowed.tier}
    href = Address("gate.list_page", {"organisation": organisation}, kept, narrowed.sort, narrowed.down)
    columns = [("engagement", _("Engagement")), ("vendor", _("Vendor")), ("tier", _("Tier"))]
    columns += [("", _("Gate")), ("until", _("Holds until")), ("", _("The rules propose"))]
    return render_template(
        "gate/list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        states=[(one, _state_words(one)) for one in lists.STATES],
        mine=lists.waiting_for(session, identity),
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "state": _state_words(narrowed.state),
                "tier": _("Tier: %(tier)s", tier=narrowed.tier),
            }
        ),
        words=words,
        lapsing=lambda one: lists.is_lapsing(one, today),
        today=today,
        waiting=relation.waiting,
    )


@blueprint.get("/o/<organisation>/gates.xlsx", endpoint="list_xlsx")
@blueprint.get("/o/<organisation>/gates.csv")
@requires(Permission.SEE_GATE)
def list_csv(organisation: str) -> Response:
    session, identity = web.db(), web.identity()
    today = _today()
    relation = _relation(today)
    ids = lists.found(session, identity, _filter(), relation, today=today)
    note = export_made("gates", now=web.now(), actor=identity)
    return list_file(f"gates-{organisation}-{today}{relation.incomplete}", HEAD, _rows(ids, relation), note)


def _rows(ids: list[uuid.UUID], relation: Relation) -> Iterator[tuple[Any, ...]]:
    for at in range(0, len(ids), CHUNK):
        for one in lists.rows(web.db(), web.identity(), ids[at : at + CHUNK], relation):
            stands = one.standing
            yield (
                *(one.engagement.name, one.vendor.name, one.engagement.tier),
                *(
                    (
                        *(stands.outcome or "undecided", stands.decided_outcome, stands.proposed),
                        *(stands.valid_until, stands.decided_at, stands.open_conditions),
                    )
                    if stands is not None
                    else ("being worked out", *[None] * 5)
                ),
                *(one.waits, one.engagement.id),
            )
