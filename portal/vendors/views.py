"""Writing down vendors, contacts and engagements. The pages that show them are in assessments/portfolio_views.py."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.faults import Invalid
from portal.organisations import invitations
from portal.organisations import queries as organisations
from portal.vendors import queries, service
from portal.vendors.facts import ASKED, fact_in_words
from portal.vendors.forms import ContactForm, EngagementForm, NamedForm, VendorForm, field_name, revision_of
from portal.vendors.models import Engagement, Vendor
from questionnaires.facts import INTERNAL_FACTS

blueprint = Blueprint("vendors", __name__)
Page = str | Response | tuple[str, int]
OVERTAKEN = (
    "An intake was answered while this page was open. Tier, facts and description come from it now, so nothing is "
    "saved yet. Answer the intake again to bring in what you typed: {}"
)


# ------------------------------------------------------------------------------------------------------- vendors


@blueprint.get("/o/<organisation>/vendors/new")
@requires(Permission.MANAGE_VENDORS)
def new_vendor(organisation: str) -> Page:
    return render_template("vendors/vendor_form.html", form=VendorForm(), vendor=None)


@blueprint.post("/o/<organisation>/vendors/new")
@requires(Permission.MANAGE_VENDORS)
def create_vendor(organisation: str) -> Page:
    form = VendorForm(request.form)
    try:
        _require_shape(form)
        vendor = service.create_vendor(
            web.db(),
            name=form.name.data or "",
            country=form.country.data or None,
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        return web.form_page("vendors/vendor_form.html", form, fault, vendor=None)
    return _to_vendor(organisation, vendor.id, "vendor-created")


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/edit")
@requires(Permission.MANAGE_VENDORS)
def edit_vendor(organisation: str, vendor: uuid.UUID) -> Page:
    row = queries.vendor(web.db(), web.identity(), vendor)
    form = VendorForm(data={"name": row.name, "country": row.country or "", "revision": row.revision})
    return render_template("vendors/vendor_form.html", form=form, vendor=row)


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/edit")
@requires(Permission.MANAGE_VENDORS)
def save_vendor(organisation: str, vendor: uuid.UUID) -> Page:
    form = VendorForm(request.form)
    try:
        _require_shape(form)
        service.change_vendor(
            web.db(),
            queries.vendor(web.db(), web.identity(), vendor, lock=True),
            name=form.name.data or "",
            country=form.country.data or None,
            revision=revision_of(form),
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        row = _vendor_again(vendor)
        return web.form_page("vendors/vendor_form.html", form, fault, vendor=row)
    return _to_vendor(organisation, vendor, "saved")


# ---------------------------------------------------------------------------------------------------- engagements


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/engagements/new")
@requires(Permission.MANAGE_VENDORS)
def new_engagement(organisation: str, vendor: uuid.UUID) -> Page:
    row = queries.vendor(web.db(), web.identity(), vendor)
    return render_template("vendors/engagement_form.html", **_engagement_context(EngagementForm(), row, None))


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/engagements/new")
@requires(Permission.MANAGE_VENDORS)
def create_engagement(organisation: str, vendor: uuid.UUID) -> Page:
    form = EngagementForm(request.form)
    try:
        _require_shape(form)
        row = service.create_engagement(
            web.db(),
            queries.vendor(web.db(), web.identity(), vendor, lock=True),
            **_engagement_values(form),
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        context = _engagement_context(form, _vendor_again(vendor), None)
        return web.form_page("vendors/engagement_form.html", context.pop("form"), fault, **context)
    return _to_engagement(organisation, row.id, "engagement-created")


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/edit")
@requires(Permission.MANAGE_VENDORS)
def edit_engagement(organisation: str, engagement: uuid.UUID) -> Page:
    row = queries.engagement(web.db(), web.identity(), engagement)
    vendor = queries.vendor(web.db(), web.identity(), row.vendor_id)
    values = {
        "name": row.name,
        "description": row.description,
        "tier": row.tier,
        "business_owner": str(row.business_owner_id or ""),
        "revision": row.revision,
        **{field_name(name): value for name, value in row.facts.items()},
    }
    form = NamedForm(data=values) if row.intake_id else EngagementForm(data=values)
    return render_template("vendors/engagement_form.html", **_engagement_context(form, vendor, row))


@blueprint.post("/o/<organisation>/engagements/<uuid:engagement>/edit")
@requires(Permission.MANAGE_VENDORS)
def save_engagement(organisation: str, engagement: uuid.UUID) -> Page:
    locked = queries.engagement(web.db(), web.identity(), engagement, lock=True)
    form: NamedForm = NamedForm(request.form) if locked.intake_id else EngagementForm(request.form)
    lost = _lost(locked)
    if lost:
        web.undo()
        row = queries.engagement(web.db(), web.identity(), engagement)
        context = _engagement_context(form, queries.vendor(web.db(), web.identity(), row.vendor_id), row)
        form.revision.data = str(row.revision)
        form.blame(Invalid(OVERTAKEN.format("; ".join(lost))))
        return render_template("vendors/engagement_form.html", failed=True, **context), 409
    try:
        _require_shape(form)
        service.change_engagement(
            web.db(),
            locked,
            **_engagement_values(form, locked),
            revision=revision_of(form),
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        row = queries.engagement(web.db(), web.identity(), engagement)
        context = _engagement_context(form, _vendor_again(row.vendor_id), row)
        return web.form_page("vendors/engagement_form.html", context.pop("form"), fault, **context)
    return _to_engagement(organisation, engagement, "saved")


# ------------------------------------------------------------------------------------------------------- contacts


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/contacts/new")
@requires(Permission.MANAGE_VENDORS)
def new_contact(organisation: str, vendor: uuid.UUID) -> Page:
    row = queries.vendor(web.db(), web.identity(), vendor)
    return render_template("vendors/contact_form.html", form=ContactForm(), vendor=row)


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/contacts/new")
@requires(Permission.MANAGE_VENDORS)
def invite_contact(organisation: str, vendor: uuid.UUID) -> Page:
    form = ContactForm(request.form)
    try:
        _require_shape(form)
        row = queries.vendor(web.db(), web.identity(), vendor, lock=True)
        service.invite_contact(
            web.db(),
            row,
            name=form.name.data or "",
            email=form.email.data or "",
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        return web.form_page("vendors/contact_form.html", form, fault, vendor=_vendor_again(vendor))
    return _to_vendor(organisation, vendor, "invited")


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/contacts/<uuid:contact>/resend")
@requires(Permission.MANAGE_VENDORS)
def resend_invitation(organisation: str, vendor: uuid.UUID, contact: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    row = queries.vendor(session, identity, vendor, lock=True)
    person = queries.contact(session, identity, vendor, contact)
    service.invite_contact(session, row, name=person.name, email=person.email, actor=identity, now=web.now())
    return _to_vendor(organisation, vendor, "invited")


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/contacts/<uuid:contact>/withdraw")
@requires(Permission.MANAGE_VENDORS)
def withdraw_invitation(organisation: str, vendor: uuid.UUID, contact: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    queries.vendor(session, identity, vendor)
    person = queries.contact(session, identity, vendor, contact)
    open_one = organisations.open_vendor_invitation(session, identity, vendor, person.email, now=web.now())
    if open_one is not None:
        invitations.withdraw(session, identity, open_one.id, now=web.now())
    return _to_vendor(organisation, vendor, "withdrawn")


# -------------------------------------------------------------------------------------------------- small helpers


def _require_shape(form: VendorForm | NamedForm | ContactForm) -> None:
    if not form.validate():
        raise Invalid


def _vendor_again(vendor: uuid.UUID) -> Vendor:
    """The vendor for a form shown again, read after the undone transaction."""
    web.undo()
    return queries.vendor(web.db(), web.identity(), vendor)


def _engagement_values(form: NamedForm, held: Engagement | None = None) -> dict[str, Any]:
    """What was posted; where the engagement rests on an intake, what comes from it stays as it is."""
    owner = form.business_owner.data or ""
    try:
        owner_id = uuid.UUID(owner) if owner else None
    except ValueError:
        raise Invalid(
            errors={"business_owner": _("Choose a member of your organisation, or nobody.")}
        ) from None
    values: dict[str, Any] = {"name": form.name.data or "", "business_owner_id": owner_id}
    if isinstance(form, EngagementForm):
        typed = {
            "description": form.description.data or "",
            "tier": form.tier.data or "",
            "facts": form.facts,
        }
        return values | typed
    assert held is not None
    return values | {"description": held.description, "tier": held.tier, "facts": held.facts}


def _lost(held: Engagement) -> list[str]:
    """What was typed on a page from before there was an intake, in words; [] when it says what the intake says."""
    names = [name for name in request.form if name in ("tier", "description") or name.startswith("fact_")]
    if held.intake_id is None or not names:
        return []
    form = EngagementForm(request.form)
    found = []
    if (form.tier.data or "") not in ("", held.tier):
        found.append(_("Tier: %(value)s", value=form.tier.data))
    if (form.description.data or "") not in ("", held.description):
        found.append(_("Description: %(value)s", value=form.description.data))
    for name in ASKED:
        typed = form.facts[name]
        if typed and typed != held.facts.get(name):
            words = fact_in_words(name, typed)
            found.append(f"{words.label}: {', '.join(words.values)}")
    return found


def _engagement_context(form: NamedForm, vendor: Vendor, engagement: Engagement | None) -> dict[str, Any]:
    owners = service.business_owners(web.db(), web.identity())
    form.business_owner.choices = {"": _("Nobody yet"), **{str(key): name for key, name in owners}}
    organisation = organisations.organisation_of(web.db(), web.identity())
    return {
        "form": form,
        "vendor": vendor,
        "engagement": engagement,
        "currency": organisation.currency,
        "internal": INTERNAL_FACTS,
    }


def _to_vendor(organisation: str, vendor: uuid.UUID, code: str) -> Response:
    return web.notice(
        redirect(url_for("vendors.vendor", organisation=organisation, vendor=vendor), 303), code
    )


def _to_engagement(organisation: str, engagement: uuid.UUID, code: str) -> Response:
    target = url_for("vendors.engagement", organisation=organisation, engagement=engagement)
    return web.notice(redirect(target, 303), code)
