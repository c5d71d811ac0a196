"""The pages where an organisation says which provider signs its people in."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import turns, web
from portal.access import Permission, requires
from portal.accounts import desk
from portal.faults import Invalid
from portal.organisations import four_eyes, queries, sso_provider, sso_setting, sso_way
from portal.organisations.sso_forms import ProviderSetting
from portal.organisations.sso_models import SsoConnection
from portal.organisations.sso_roles import GIVEN
from portal.organisations.sso_setting import Wanted
from portal.organisations.sso_tokens import Refused as Untrue

blueprint = Blueprint("sso_setting", __name__)
Page = str | Response | tuple[str, int]


def redirect_address(slug: str) -> str:
    """Where a provider sends people back to: one for each organisation, so that two providers are never mixed up."""
    return f"{web.portal().settings.base_url}/sso/{slug}/callback"


@blueprint.get("/o/<organisation>/sign-in-provider")
@requires(Permission.MANAGE_SSO)
def page(organisation: str) -> Page:
    return render_template("sso/setting.html", **_context(None))


def _context(form: ProviderSetting | None) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    row = sso_setting.connection(session, identity)
    proposals = sso_setting.waiting(session, identity)
    eyes = four_eyes.look(session, identity, now=web.now())
    people = queries.people(session, [one.proposed_by for one in proposals])
    shown = form or ProviderSetting(data=_stored(row))
    return {
        "form": shown,
        "row": row,
        "proposals": [
            {
                "row": one,
                "who": people[one.proposed_by].name if one.proposed_by in people else "",
                "wanted": Wanted(**one.content),
                "hindered": eyes.sentence(
                    one.proposed_by, Permission.MANAGE_SSO, proposed_at=one.proposed_at
                ),
            }
            for one in proposals
        ],
        "domains": sso_setting.domains(session, identity),
        "redirect_address": redirect_address(identity.organisation.slug if identity.organisation else ""),
        "role_labels": {one.value: web.ROLE_LABELS[one] for one in GIVEN},
    }


def _stored(row: SsoConnection | None) -> dict[str, Any]:
    """The setting in force for the form; the secret stays where it is."""
    if row is None:
        return {"groups_claim": "groups"}
    names = ("issuer", "known_as", "groups_claim", "default_role", "creates", "required", "trusts_factor")
    roles = "\n".join(f"{group} = {role}" for group, role in row.roles.items())
    return {name: getattr(row, name) for name in names} | {"roles": roles}


@blueprint.post("/o/<organisation>/sign-in-provider")
@requires(Permission.MANAGE_SSO)
def propose(organisation: str) -> Page:
    """Ask the provider for its metadata first: a name that does not answer is not proposed."""
    form, identity, settings = ProviderSetting(request.form), web.identity(), web.portal().settings
    assert identity.organisation is not None
    try:
        if not form.validate():
            raise Invalid
        wanted = Wanted(
            issuer=form.issuer.data or "",
            known_as=form.known_as.data or "",
            groups_claim=form.groups_claim.data or "",
            roles=sso_setting.roles_from(form.roles.data or ""),
            default_role=form.default_role.data or "",
            trusts_factor=bool(form.trusts_factor.data),
            creates=bool(form.creates.data),
            required=bool(form.required.data),
        )
        if not sso_way.may_ask(f"set {identity.organisation.id}", now=web.now(), most=sso_way.STARTS):
            raise desk.TooMany(_("Too many attempts. Try again in a minute."))
        try:
            with turns.outside(str(identity.organisation.id)):
                line = sso_provider.Line.now(settings.outside_networks)
                sso_provider.metadata(wanted.issuer, line, now=web.now())
        except Untrue as fault:
            raise Invalid(errors={"issuer": _unread(fault.code)}) from None
        plain = form.secret.data or ""
        secret = sso_way.encrypted(settings, identity.organisation.id, plain) if plain else None
        sso_setting.propose(web.db(), identity, wanted, secret, now=web.now())
    except Invalid as fault_shown:
        web.undo()
        context = _context(form)
        shown, status = web.form_page("sso/setting.html", context.pop("form"), fault_shown, **context)
        return shown, 429 if isinstance(fault_shown, desk.TooMany) else status
    return web.notice(redirect(url_for(".page", organisation=organisation), 303), "sso-proposed")


def _unread(code: str) -> str:
    if code == "issuer_of_metadata":
        return str(_("The provider there calls itself otherwise. Copy the issuer as its metadata have it."))
    where = sso_provider.WELL_KNOWN
    return str(_("Its metadata could not be read from %(path)s under this address.", path=where))


@blueprint.post("/o/<organisation>/sign-in-provider/proposals/<uuid:sso_proposal>")
@requires(Permission.MANAGE_SSO)
def settle(organisation: str, sso_proposal: uuid.UUID) -> Page:
    """``step``: approve, or anything else to take it back."""
    approve = request.form.get("step") == "approve"
    if approve:
        try:
            desk.require_own_proof(web.identity(), request.form)
        except Invalid as fault:
            web.undo()
            return render_template("sso/setting.html", **_context(None), unproved=desk.unproved(fault)), 422
    sso_setting.settle(web.db(), web.identity(), sso_proposal, approve=approve, now=web.now())
    code = "sso-on" if approve else "sso-withdrawn"
    return web.notice(redirect(url_for(".page", organisation=organisation), 303), code)


@blueprint.post("/o/<organisation>/sign-in-provider/off")
@requires(Permission.MANAGE_SSO)
def switch_off(organisation: str) -> Page:
    sso_setting.switch_off(web.db(), web.identity(), now=web.now())
    return web.notice(redirect(url_for(".page", organisation=organisation), 303), "sso-off")
