"""Incidents for the organisation: what is on record, of one vendor, and who said what when."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.faults import Invalid, NotFound
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import incident_queries as queries
from portal.reassessment import incidents
from portal.reassessment.incident_forms import KIND_WORDS, Reporting, Saying
from portal.reassessment.models_triggers import Incident
from portal.vendors import queries as vendors

blueprint = Blueprint("incidents", __name__)
Page = str | Response | tuple[str, int]
_OF_VENDOR = "/o/<organisation>/vendors/<uuid:vendor>/incidents"
_ONE = "/o/<organisation>/incidents/<uuid:incident>"


@blueprint.get("/o/<organisation>/incidents")
@requires(Permission.SEE_REVIEW)
def list_page(organisation: str) -> Page:
    """What happened at vendors; open ones first asked for."""
    session, identity = web.db(), web.identity()
    state = one_of("state", queries.STATES, "open")
    page = queries.listed(session, identity, state=state, number=page_number(request.args.get("page")))
    href = Address("incidents.list_page", {"organisation": organisation}, {"state": state})
    return render_template(
        "incidents/list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        href=href,
        state=state,
        counts=queries.counts(session, identity),
        kinds=KIND_WORDS,
        beginnings=queries.beginnings(session, identity, [one.id for one in page.rows]),
        vendors=vendors.vendors(session, identity, {one.vendor_id for one in page.rows}),
        zone=organisations.organisation_of(session, identity).zone,
    )


@blueprint.get(_OF_VENDOR)
@requires(Permission.SEE_REVIEW)
def of_vendor(organisation: str, vendor: uuid.UUID) -> Page:
    """What happened at one vendor, and the form that puts more on record."""
    return render_template("incidents/vendor.html", form=Reporting(), **_of_vendor(vendor))


@blueprint.post(_OF_VENDOR)
@requires(Permission.NOTE_INCIDENT)
def note(organisation: str, vendor: uuid.UUID) -> Page:
    form = Reporting(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    row = vendors.vendor(session, identity, vendor, lock=True)
    try:
        if not sound:
            raise Invalid
        found = incidents.note(
            session,
            row,
            kind=form.kind.data or "",
            happened=form.happened.data,
            words=form.words.data or "",
            shared=bool(form.shared.data),
            actor=identity,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        return web.form_page("incidents/vendor.html", form, fault, **_of_vendor(vendor))
    return web.notice(_to(organisation, found.id), "incident-noted")


@blueprint.get(_ONE)
@requires(Permission.SEE_REVIEW)
def page(organisation: str, incident: uuid.UUID) -> Page:
    """One incident: what it is, who said what when, what to do next."""
    row = queries.incident(web.db(), web.identity(), incident)
    return render_template("incidents/page.html", form=Saying(), **_one(row))


@blueprint.post(_ONE)
@requires(Permission.NOTE_INCIDENT)
def act(organisation: str, incident: uuid.UUID) -> Page:
    """``do``: add, settle or reopen."""
    form = Saying(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    row = queries.incident(session, identity, incident, lock=True)
    what = request.form.get("do", "")
    if what in ("settle", "reopen"):
        incidents.settle(session, row, again=what == "reopen", actor=identity, now=now)
        return web.notice(_to(organisation, incident), f"incident-{what}")
    if what != "add":
        raise NotFound
    try:
        if not sound:
            raise Invalid
        incidents.add(
            session, row, form.words.data or "", shared=bool(form.shared.data), actor=identity, now=now
        )
    except Invalid as fault:
        web.undo()
        fresh = queries.incident(web.db(), identity, incident)
        return web.form_page("incidents/page.html", form, fault, **_one(fresh))
    return web.notice(_to(organisation, incident), "incident-added")


# ---------------------------------------------------------------------------------------------------------- inside


def _to(organisation: str, incident: uuid.UUID) -> Response:
    return redirect(url_for("incidents.page", organisation=organisation, incident=incident), 303)


def _of_vendor(vendor_id: uuid.UUID) -> dict[str, object]:
    session, identity = web.db(), web.identity()
    vendor = vendors.vendor(session, identity, vendor_id)
    found = queries.listed(
        session,
        identity,
        state="all",
        number=page_number(request.args.get("page")),
        vendor_id=vendor.id,
    )
    assert identity.organisation is not None  # the address names one
    place = {"organisation": identity.organisation.slug, "vendor": vendor.id}
    href = Address("incidents.of_vendor", place, {})
    return {
        "vendor": vendor,
        "page": found,
        "pages": found.links(lambda number: href(page=number)),
        "kinds": KIND_WORDS,
        "beginnings": queries.beginnings(session, identity, [one.id for one in found.rows]),
        "zone": organisations.organisation_of(session, identity).zone,
    }


def _one(row: Incident) -> dict[str, object]:
    session, identity = web.db(), web.identity()
    said = queries.entries(session, identity, row.id)
    return {
        "one": row,
        "vendor": vendors.vendor(session, identity, row.vendor_id),
        "said": said,
        "people": organisations.people(
            session, {each.entry.by for each in said} | ({row.settled_by} if row.settled_by else set())
        ),
        "kinds": KIND_WORDS,
        "zone": organisations.organisation_of(session, identity).zone,
    }
