"""Fourth parties: the firms that vendors name, what rests on each, and two names that are one firm's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import clock, web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.exporting import CHUNK, list_file
from portal.faults import Invalid, NotFound
from portal.gate import standings
from portal.gate.standings import Relation
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.portfolio import concentration_queries as queries
from portal.portfolio import unread
from portal.portfolio.concentration_queries import Filter
from portal.portfolio.home_views import blueprint
from portal.portfolio.words import firm_key
from portal.vendors.facts import TIERS

AT = "/o/<organisation>/portfolio/fourth-parties"
HEAD = (
    *(
        "firm",
        "critical engagements",
        "of",
        "high engagements",
        "of all high",
        "engagements",
        "vendors",
        "key",
    ),
)
NAMED_HEAD = ("engagement", "vendor", "tier", "firm", "country", "what it does", "id")


def _today() -> date:
    return clock.local_date(web.now(), organisations.organisation_of(web.db(), web.identity()).zone)


def _relation(today: date) -> Relation:
    return standings.relation(web.db(), web.identity(), today=today, now=web.now())


def _tokens(narrowed: Filter) -> dict[str, str]:
    return {
        "q": _("“%(words)s”", words=narrowed.words),
        "tier": _("Tier: %(tier)s", tier=narrowed.tier),
    }


def _name(plain: str, relation: Relation) -> str:
    """The name of a file, with what is missing in it."""
    not_read = unread.submissions(web.db(), web.identity(), relation)
    return plain + relation.incomplete + (f"-{not_read}-submissions-not-read" if not_read else "")


# -------------------------------------------------------------------------------------------------------------- firms


def _filter() -> Filter:
    return Filter(search_words(), one_of("tier", TIERS))


@blueprint.get(AT)
@requires(Permission.SEE_PORTFOLIO)
def fourth_parties(organisation: str) -> str:
    narrowed, relation = _filter(), _relation(_today())
    number = page_number(request.args.get("page"))
    page = queries.listed(web.db(), web.identity(), narrowed, relation, number=number)
    href = Address(
        "portfolio.fourth_parties",
        {"organisation": organisation},
        {"q": narrowed.words, "tier": narrowed.tier},
    )
    return render_template(
        "portfolio/fourth_parties.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        narrowed=narrowed,
        href=href,
        tokens=href.tokens(_tokens(narrowed)),
        waiting=relation.waiting,
        unread=unread.submissions(web.db(), web.identity(), relation),
    )


@blueprint.get(f"{AT}.xlsx", endpoint="fourth_parties_xlsx")
@blueprint.get(f"{AT}.csv")
@requires(Permission.SEE_PORTFOLIO)
def fourth_parties_csv(organisation: str) -> Response:
    session, identity, today = web.db(), web.identity(), _today()
    relation = _relation(today)
    found = queries.everything(session, identity, _filter(), relation)
    lines = (
        (
            *(one.name, one.critical, one.of_critical, one.high, one.of_high, one.engagements, one.vendors),
            one.key,
        )
        for one in found
    )
    note = export_made("fourth-parties", now=web.now(), actor=identity)
    return list_file(_name(f"fourth-parties-{organisation}-{today}", relation), HEAD, lines, note)


# ---------------------------------------------------------------------------------------------- what rests on one firm


def _named_filter() -> Filter:
    return Filter(search_words(), one_of("tier", TIERS), firm_key(request.args.get("name", "")[:400]))


@blueprint.get(f"{AT}/engagements")
@requires(Permission.SEE_PORTFOLIO)
def fourth_party(organisation: str) -> str:
    """``name``: the firm, by any way to write it that its key knows."""
    return _fourth_party(organisation, _named_filter())


def _fourth_party(organisation: str, narrowed: Filter, error: str = "", typed: str = "") -> str:
    session, identity = web.db(), web.identity()
    relation = _relation(_today())
    name = queries.name_of(session, identity, narrowed.key, relation)
    if not name:
        raise NotFound
    number = page_number(request.args.get("page"))
    page = queries.page_of(session, identity, narrowed, relation, number=number)
    kept = {"q": narrowed.words, "tier": narrowed.tier}
    place = {"organisation": organisation, "name": narrowed.key}
    href = Address("portfolio.fourth_party", place, kept)
    return render_template(
        "portfolio/fourth_party.html",
        name=name,
        page=page,
        pages=page.links(lambda number: href(page=number)),
        narrowed=narrowed,
        href=href,
        tokens=href.tokens(_tokens(narrowed)),
        aliases=queries.aliases(session, identity, narrowed.key),
        error=error,
        typed=typed,
        waiting=relation.waiting,
        unread=unread.submissions(web.db(), web.identity(), relation),
    )


@blueprint.get(f"{AT}/engagements.xlsx", endpoint="fourth_party_xlsx")
@blueprint.get(f"{AT}/engagements.csv")
@requires(Permission.SEE_PORTFOLIO)
def fourth_party_csv(organisation: str) -> Response:
    session, identity, today, narrowed = web.db(), web.identity(), _today(), _named_filter()
    relation = _relation(today)
    ids = list(session.execute(queries.engagements(session, identity, narrowed, relation)).scalars())
    note = export_made("fourth-party", now=web.now(), actor=identity)
    name = _name(f"fourth-party-{organisation}-{today}", relation)
    return list_file(name, NAMED_HEAD, _rows(narrowed.key, ids, relation), note)


def _rows(key: str, ids: list[uuid.UUID], relation: Relation) -> Iterator[tuple[Any, ...]]:
    for at in range(0, len(ids), CHUNK):
        for one in queries.rows(web.db(), web.identity(), key, ids[at : at + CHUNK], relation):
            bought = one.engagement
            yield bought.name, one.vendor.name, bought.tier, one.name, one.country, one.service, bought.id


@blueprint.post(f"{AT}/names")
@requires(Permission.MANAGE_VENDORS)
def name_fourth_party(organisation: str) -> str | WerkzeugResponse | tuple[str, int]:
    """``do``: join (``name`` is the firm called ``same_as``) or part (``name`` is a firm of its own)."""
    session, identity, now = web.db(), web.identity(), web.now()
    key, same_as = firm_key(request.form.get("name", "")[:400]), request.form.get("same_as", "")[:400]
    if request.form.get("do") == "part":
        queries.part(session, identity, key, now=now)
        back = url_for("portfolio.fourth_parties", organisation=organisation)
        return web.notice(redirect(back, 303), "saved")
    try:
        target = queries.join(session, identity, key, same_as, now=now)
    except Invalid as fault:
        web.undo()
        return _fourth_party(organisation, Filter(key=key), fault.errors["same_as"], same_as), 422
    to = url_for("portfolio.fourth_party", organisation=organisation, name=target)
    return web.notice(redirect(to, 303), "saved")
