"""Incidents for a company: telling clients of its choice, and what each of them has on record with it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.faults import Invalid
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import incident_queries as queries
from portal.reassessment import incidents
from portal.reassessment.incident_forms import KIND_WORDS, Reporting, Saying
from portal.reassessment.models_triggers import Incident

blueprint = Blueprint("told", __name__)
Page = str | Response | tuple[str, int]
_ALL = "/c/<company>/incidents"
_ONE = f"{_ALL}/<uuid:incident>"


@blueprint.get(_ALL)
@requires(Permission.SEE_COMPANY)
def list_page(company: str) -> Page:
    """What was told to clients, what they have put on record with the company, and the form to tell more.

    ``left``: the clients that an incident was not told, since they were told of too many within a day.
    """
    asked = set(request.args.getlist("left"))
    known = queries.clients_of(web.db(), web.identity()) if asked else []
    left = [one.name for one in known if str(one.id) in asked]
    return render_template("incidents/company.html", form=_form(), **_all(left))


@blueprint.post(_ALL)
@requires(Permission.TELL_INCIDENT)
def tell(company: str) -> Page:
    """One record for each client that is told."""
    session, identity = web.db(), web.identity()
    known = queries.clients_of(session, identity, lock=True)
    form = Reporting(request.form, clients=[(str(one.id), one.name) for one in known])
    sound = form.validate()
    wanted = {web.uuid_or_404(one) for one in form.clients.data or []}
    try:
        if not sound:
            raise Invalid
        found = incidents.tell(
            session,
            [one for one in known if one.id in wanted],
            kind=form.kind.data or "",
            happened=form.happened.data,
            words=form.words.data or "",
            actor=identity,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        return web.form_page("incidents/company.html", form, fault, **_all())
    left = sorted(str(one) for one in wanted - {one.organisation_id for one in found})
    if len(found) == 1 and not left:
        return web.notice(_to(company, found[0].id), "incident-told")
    there = url_for("told.list_page", company=company, left=left)
    return web.notice(redirect(there, 303), "incident-told")


@blueprint.get(_ONE)
@requires(Permission.SEE_COMPANY)
def page(company: str, incident: uuid.UUID) -> Page:
    row = queries.incident(web.db(), web.identity(), incident)
    return render_template("incidents/company_page.html", form=Saying(), **_one(row))


@blueprint.post(_ONE)
@requires(Permission.TELL_INCIDENT)
def add(company: str, incident: uuid.UUID) -> Page:
    """Say more to the client."""
    form = Saying(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    row = queries.incident(session, identity, incident, lock=True)
    try:
        if not sound:
            raise Invalid
        incidents.add(session, row, form.words.data or "", actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        fresh = queries.incident(web.db(), identity, incident)
        return web.form_page("incidents/company_page.html", form, fault, **_one(fresh))
    return web.notice(_to(company, incident), "incident-added")


# ---------------------------------------------------------------------------------------------------------- inside


def _to(company: str, incident: uuid.UUID) -> Response:
    return redirect(url_for("told.page", company=company, incident=incident), 303)


def _form() -> Reporting:
    known = queries.clients_of(web.db(), web.identity())
    return Reporting(clients=[(str(one.id), one.name) for one in known])


def _all(left: Sequence[str] = ()) -> dict[str, object]:
    """``left``: the names of those who could not be told."""
    session, identity = web.db(), web.identity()
    found = queries.listed(session, identity, state="all", number=page_number(request.args.get("page")))
    assert identity.company is not None
    slug = identity.company.slug
    return {
        "left": left,
        "most": incidents.MOST_A_DAY,
        "page": found,
        "pages": found.links(lambda number: url_for("told.list_page", company=slug, page=number)),
        "kinds": KIND_WORDS,
        "beginnings": queries.beginnings(session, identity, [one.id for one in found.rows]),
        "clients": {
            key: organisations.organisation_for_company(session, key)
            for key in {one.organisation_id for one in found.rows}
        },
    }


def _one(row: Incident) -> dict[str, object]:
    session, identity = web.db(), web.identity()
    said = queries.entries(session, identity, row.id)
    return {
        "one": row,
        "client": organisations.organisation_for_company(session, row.organisation_id),
        "said": said,
        "people": organisations.people(session, {each.entry.by for each in said}),
        "kinds": KIND_WORDS,
    }
