"""One page across all organisations of a person."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _

from portal import web
from portal.access import Permission, requires
from portal.accounts import factors
from portal.assessments import clients
from portal.db import name_key
from portal.organisations import queries as organisations
from portal.paging import Page, page_number

blueprint = Blueprint("clients", __name__)
LONGEST_SEARCH = 200


@blueprint.get("/clients")
@requires(Permission.ACCOUNT)
def client_list() -> str:
    """Narrowed and paged by name; within a page, what needs attention comes first."""
    database, identity = web.portal().database, web.identity()
    with database.looking() as session:
        places = organisations.tenants_of(session, identity.person.id)
        has_factor = factors.is_on(session, identity.person.id)
    words = " ".join(request.args.get("q", "").split())[:LONGEST_SEARCH]
    known = [one for one in places if one.side == "organisation"]
    fitting = [one for one in known if name_key(words) in name_key(one.name)]
    page: Page[organisations.Belonging] = Page([], page_number(request.args.get("page")), len(fitting))
    number = min(page.number, page.last)
    shown = Page(fitting[(number - 1) * page.size : number * page.size], number, len(fitting))
    found = clients.of_person(
        database,
        identity.person,
        identity.session_id,
        shown.rows,
        has_factor=has_factor,
        more=web.portal().at_clients,
        now=web.now(),
    )
    return render_template(
        "clients/client_list.html",
        clients=found,
        total=len(known),
        words=words,
        pages=shown.links(lambda n: url_for(".client_list", q=words or None, page=n if n > 1 else None)),
        companies=[one for one in places if one.side == "company"],
        role_labels=web.ROLE_LABELS,
        title=_("Your clients"),
    )
