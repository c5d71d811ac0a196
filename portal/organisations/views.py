"""Home of a person, members of an organisation, settings."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import OrganisationRole, Permission, requires
from portal.faults import Invalid
from portal.organisations import forms, invitations, queries, service

blueprint = Blueprint("organisations", __name__)
Page = str | Response | tuple[str, int]


@blueprint.get("/home")
@requires(Permission.SESSION)
def home() -> Page:
    """Straight to the only tenant; to what waits at the clients of who has several; a way on where there is none."""
    tenants = queries.places_of(web.db(), web.identity())
    if len(tenants) == 1:
        only = tenants[0]
        return redirect(web.tenant_home(only.side, only.slug), 303)
    if sum(one.side == "organisation" for one in tenants) > 1:
        return redirect(url_for("clients.client_list"), 303)
    return render_template("organisations/home.html", places=tenants, role_labels=web.ROLE_LABELS)


# -------------------------------------------------------------------------------------- members of an organisation


@blueprint.get("/o/<organisation>/members")
@requires(Permission.SEE_MEMBERS)
def members(organisation: str) -> Page:
    return render_template("organisations/members.html", **_members_context(), form=forms.InviteMember())


def _members_context() -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    members = queries.members(session, identity)
    return {
        "members": members,
        "only_keeper": queries.only_keeper(members),
        "invitations": queries.open_invitations(session, identity, web.now()),
        "now": web.now(),
        "role_labels": web.ROLE_LABELS,
    }


@blueprint.post("/o/<organisation>/members/invite")
@requires(Permission.MANAGE_MEMBERS)
def invite_member(organisation: str) -> Page:
    form = forms.InviteMember(request.form)
    identity = web.identity()
    if not form.validate():
        web.undo()
        return web.form_page("organisations/members.html", form, **_members_context())
    assert identity.organisation is not None
    invitations.invite(
        web.db(),
        purpose="organisation",
        organisation_id=identity.organisation.id,
        email=form.email.data or "",
        name=form.name.data or "",
        role=OrganisationRole(form.role.data),
        now=web.now(),
        actor=identity,
    )
    return web.notice(redirect(url_for(".members", organisation=organisation), 303), "invited")


@blueprint.get("/o/<organisation>/members/<uuid:person>/remove")
@requires(Permission.MANAGE_MEMBERS)
def ask_remove_member(organisation: str, person: uuid.UUID) -> Page:
    """Asks before it is done; what it says follows from who is removed."""
    return render_template(
        "organisations/remove.html",
        it=queries.removal(web.db(), web.identity(), person),
        tenant=web.identity().organisation,
        back=url_for(".members", organisation=organisation),
        role_labels=web.ROLE_LABELS,
    )


@blueprint.post("/o/<organisation>/members/<uuid:person>/remove")
@requires(Permission.MANAGE_MEMBERS)
def remove_member(organisation: str, person: uuid.UUID) -> Page:
    service.remove(web.db(), web.identity(), person, now=web.now())
    return web.notice(redirect(url_for(".members", organisation=organisation), 303), "removed")


@blueprint.post("/o/<organisation>/invitations/<uuid:invitation>/withdraw")
@requires(Permission.MANAGE_MEMBERS)
def withdraw_member(organisation: str, invitation: uuid.UUID) -> Page:
    invitations.withdraw(web.db(), web.identity(), invitation, now=web.now())
    return web.notice(redirect(url_for(".members", organisation=organisation), 303), "withdrawn")


# ------------------------------------------------------------------------------------------------------ settings


@blueprint.get("/o/<organisation>/settings")
@requires(Permission.SEE_SETTINGS)
def settings(organisation: str) -> Page:
    row = queries.organisation_of(web.db(), web.identity())
    return render_template("organisations/settings.html", form=forms.Settings(obj=row), row=row)


@blueprint.post("/o/<organisation>/settings")
@requires(Permission.MANAGE_SETTINGS)
def save_settings(organisation: str) -> Page:
    form = forms.Settings(request.form)
    try:
        if not form.validate():
            raise Invalid
        # Looked up before the transaction begins: reading the tables takes its time at first.
        if form.region.data and not web.portal().knows_region(form.region.data):
            raise Invalid(
                errors={"region": "No holidays of this region are known. Write PT, or DE-BY for a part."}
            )
        values = {name: value for name, value in form.data.items() if name != "revision"}
        revision = form.revision.data or ""
        service.change_settings(
            web.db(),
            web.identity(),
            values,
            revision=int(revision) if revision.isdecimal() and len(revision) < 9 else 0,
            now=web.now(),
        )
    except Invalid as fault:
        return web.form_page("organisations/settings.html", form, fault)
    return web.notice(redirect(url_for(".settings", organisation=organisation), 303), "saved")
