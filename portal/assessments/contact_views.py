"""The people of all vendors as the organisation wrote them down: a list, corrections, removal."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect
from wtforms import HiddenField

from portal import web
from portal.access import Permission, requires
from portal.assessments import contact_queries as queries
from portal.assessments import contacting, unlinking
from portal.assessments.portfolio_views import today_of
from portal.audit.service import export_made
from portal.exporting import by_chunks, list_file
from portal.faults import Invalid
from portal.forms import Form, line, name_line
from portal.listing import Address, an_id, one_of, search_words
from portal.paging import SIZE, page_number, sortable
from portal.vendors import queries as vendors
from portal.vendors.models import Contact, Vendor

blueprint = Blueprint("contacts", __name__)
Page = str | Redirect | tuple[str, int]
HEAD = ("name", "address", "vendor", "invitation", "open assessments", "written down", "id")
TEMPLATE = "vendors/contact_edit.html"


class ContactEditForm(Form):
    """``was_name`` and ``was_email``: what the form was rendered from."""

    name = name_line("Name", required="Write the person's name.")
    email = line(
        "E-mail address",
        required="Write the address.",
        longest=254,
        description="With a new address, the invitation to the old one stops working, and open assessments follow.",
    )
    was_name = HiddenField()
    was_email = HiddenField()


def _filter() -> queries.Filter:
    return queries.Filter(
        words=search_words(),
        state=one_of("state", queries.STATES),
        vendor_id=an_id("vendor"),
        sort=one_of("sort", queries.SORTS, "name"),
        down=request.args.get("down") == "1",
    )


@blueprint.get("/o/<organisation>/contacts")
@requires(Permission.SEE_VENDORS)
def contact_list(organisation: str) -> str:
    session, identity, narrowed = web.db(), web.identity(), _filter()
    number = page_number(request.args.get("page"))
    page = queries.listed(session, identity, narrowed, number=number, size=SIZE, now=web.now())
    kept = {"q": narrowed.words, "state": narrowed.state, "vendor": str(narrowed.vendor_id or "")}
    href = Address(
        "contacts.contact_list", {"organisation": organisation}, kept, narrowed.sort, narrowed.down
    )
    columns = [("name", _("Contact")), ("vendor", _("Vendor")), ("", _("Invitation"))]
    columns += [("", _("Waits for them")), ("added", _("Written down"))]
    of = vendors.vendors(session, identity, [narrowed.vendor_id]) if narrowed.vendor_id else {}
    chosen = of.get(narrowed.vendor_id) if narrowed.vendor_id else None
    heads = sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down))
    states = _state_words()
    return render_template(
        "vendors/contact_list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=heads,
        narrowed=narrowed,
        href=href,
        states=states,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "state": states.get(narrowed.state, ""),
                "vendor": chosen.name if chosen else _("A vendor that is not here"),
            }
        ),
    )


def _state_words() -> dict[str, str]:
    return {
        "here": _("Has joined"),
        "invited": _("Invited"),
        "expired": _("Invitation too old"),
        "withdrawn": _("Withdrawn"),
        "none": _("Not invited"),
    }


@blueprint.get("/o/<organisation>/contacts.csv")
@blueprint.get("/o/<organisation>/contacts.xlsx", endpoint="contacts_xlsx")
@requires(Permission.SEE_VENDORS)
def contacts_csv(organisation: str) -> Response:
    session, identity, now = web.db(), web.identity(), web.now()
    _own, today = today_of(session, identity)
    found = by_chunks(session, queries.ids(identity, _filter(), now=now), _rows)
    note = export_made("contacts", now=now, actor=identity)
    return list_file(f"contacts-{organisation}-{today}", HEAD, found, note)


def _rows(ids: list[uuid.UUID]) -> Iterator[tuple[Any, ...]]:
    for one in queries.of(web.db(), web.identity(), ids, now=web.now()):
        person = one.contact
        added = person.created_at.date()
        yield person.name, person.email, one.vendor.name, one.state, one.open, added, person.id


@blueprint.get("/o/<organisation>/contacts/<uuid:contact>")
@requires(Permission.MANAGE_VENDORS)
def edit_contact(organisation: str, contact: uuid.UUID) -> str:
    row, vendor = queries.contact(web.db(), web.identity(), contact)
    form = ContactEditForm(
        data={"name": row.name, "email": row.email, "was_name": row.name, "was_email": row.email}
    )
    return render_template(TEMPLATE, form=form, **_about(row, vendor))


@blueprint.post("/o/<organisation>/contacts/<uuid:contact>")
@requires(Permission.MANAGE_VENDORS)
def save_contact(organisation: str, contact: uuid.UUID) -> Page:
    form = ContactEditForm(request.form)
    try:
        if not form.validate():
            raise Invalid
        row, vendor = queries.contact(web.db(), web.identity(), contact, lock=True)
        contacting.change_contact(
            web.db(),
            row,
            name=form.name.data or "",
            email=form.email.data or "",
            was=(form.was_name.data or "", form.was_email.data or ""),
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        return _again(form, contact, fault)
    return _to_vendor(organisation, vendor, "saved")


@blueprint.post("/o/<organisation>/contacts/<uuid:contact>/remove")
@requires(Permission.MANAGE_VENDORS)
def remove_contact(organisation: str, contact: uuid.UUID) -> Page:
    row, vendor = queries.contact(web.db(), web.identity(), contact, lock=True)
    try:
        contacting.remove_contact(web.db(), row, actor=web.identity(), now=web.now())
    except Invalid as fault:
        form = ContactEditForm(
            data={"name": row.name, "email": row.email, "was_name": row.name, "was_email": row.email}
        )
        return _again(form, contact, fault)
    return _to_vendor(organisation, vendor, "contact-removed")


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/unlink")
@requires(Permission.MANAGE_VENDORS)
def ask_unlink(organisation: str, vendor: uuid.UUID) -> Page:
    """Asked first: it says what stays where, and what has to be cancelled before."""
    row = vendors.vendor(web.db(), web.identity(), vendor)
    if row.company_id is None:
        return redirect(url_for("vendors.vendor", organisation=organisation, vendor=vendor), 303)
    titles = unlinking.open_titles(web.db(), web.identity(), row)
    return render_template("vendors/unlink.html", vendor=row, titles=titles)


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/unlink")
@requires(Permission.MANAGE_VENDORS)
def unlink(organisation: str, vendor: uuid.UUID) -> Page:
    row = vendors.vendor(web.db(), web.identity(), vendor, lock=True)
    unlinking.unlink(web.db(), row, actor=web.identity(), now=web.now())
    web.portal().unlinked(web.db(), row)
    return _to_vendor(organisation, row, "unlinked")


def _again(form: ContactEditForm, contact: uuid.UUID, fault: Invalid) -> tuple[str, int]:
    """The form once more, with what is on record now."""
    web.undo()
    row, vendor = queries.contact(web.db(), web.identity(), contact)
    return web.form_page(TEMPLATE, form, fault, **_about(row, vendor))


def _about(row: Contact, vendor: Vendor) -> dict[str, Any]:
    waiting = queries.open_for(web.db(), web.identity(), row)
    return {"contact": row, "vendor": vendor, "waiting": waiting}


def _to_vendor(organisation: str, vendor: Vendor, code: str) -> Redirect:
    target = url_for("vendors.vendor", organisation=organisation, vendor=vendor.id)
    return web.notice(redirect(target, 303), code)
