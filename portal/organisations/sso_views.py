"""Signing in by an organisation's provider: there, back again, and saying that an account is one's own.

Addresses name the organisation ``client``: these routes are public, and what they find out says nothing of a session.
"""

from __future__ import annotations

import hmac
import re
import secrets
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import csrf, turns, web
from portal.access import Permission, public, requires
from portal.accounts.desk import require_proof
from portal.accounts.forms import FirstPassword
from portal.accounts.throttles import network_of
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations import sso, sso_provider, sso_tokens, sso_way
from portal.organisations.sso import Provider
from portal.organisations.sso_forms import WhichOrganisation
from portal.organisations.sso_provider import Line, Metadata
from portal.organisations.sso_roles import Told, told
from portal.organisations.sso_setting_views import redirect_address
from portal.organisations.sso_tokens import Refused as Untrue

blueprint = Blueprint("sso", __name__)
Page = str | Response | tuple[str, int]
SLUG = re.compile(r"[a-z0-9-]{1,60}")
SCOPES = ("openid", "email", "profile")
LONGEST = 8_000  # characters of a code; some providers put a whole token into it


def cookie_name() -> str:
    return "__Host-sso" if web.portal().settings.secure else "sso"


def _provider(client: str) -> Provider:
    """NotFound for none and for one that is switched off alike."""
    with web.portal().database.looking() as session:
        found = sso.provider_at(session, client) if SLUG.fullmatch(client) else None
    if found is None:
        raise NotFound
    return found


@blueprint.get("/sso")
@public
def ask() -> Page:
    """Which organisation; the answer is an address to go on to."""
    form = WhichOrganisation(request.args)
    if "client" not in request.args:
        return render_template("sso/ask.html", form=WhichOrganisation())
    if not form.validate():
        return web.form_page("sso/ask.html", form)
    wanted = (form.client.data or "").rstrip("/").rpartition("/")[2]
    return redirect(url_for(".begin", client=wanted), 303)


@blueprint.get("/sso/<client>")
@public
def begin(client: str) -> Page:
    """A link leads on and no form: browsers hold the redirect of a form to the page's own form-action."""
    target = web.local_path(request.args.get("next")) or ""
    return render_template("sso/begin.html", provider=_provider(client), next=target)


@blueprint.get("/sso/<client>/start")
@public
def start(client: str) -> Page:
    provider, settings, now = _provider(client), web.portal().settings, web.now()
    if not sso_way.may_ask(network_of(web.client_address()), now=now, most=sso_way.STARTS):
        return _turned(provider, "often"), 429
    try:
        with turns.outside(str(provider.tenant.id)):
            line = sso_provider.Line.now(settings.outside_networks)
            found = sso_provider.metadata(provider.issuer, line, now=now)
    except Untrue as fault:
        return _refused(provider, fault.code)
    state, nonce, verifier = (secrets.token_urlsafe(32) for _one in range(3))
    way = {
        "connection": str(provider.id),
        "issuer": provider.issuer,
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "next": web.local_path(request.args.get("next")) or "",
    }
    asked = {
        "response_type": "code",
        "client_id": provider.known_as,
        "redirect_uri": redirect_address(client),
        "scope": " ".join([*SCOPES, *(["groups"] if "groups" in found.scopes else [])]),
        "state": state,
        "nonce": nonce,
        "code_challenge": sso_provider.challenge(verifier),
        "code_challenge_method": "S256",
    }
    sign = "&" if "?" in found.authorization else "?"
    response = redirect(f"{found.authorization}{sign}{urlencode(asked)}", 303)
    _keep(response, sso_way.WAY, way)
    return response


def _keep(response: Response, use: str, value: dict[str, Any]) -> None:
    settings = web.portal().settings
    text = sso_way.sealed(settings, use, value, csrf.visit(), now=web.now())
    response.set_cookie(
        cookie_name(),
        text,
        max_age=int(sso_way.LASTS.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=settings.secure,
        path="/",
    )


def _kept(use: str) -> dict[str, Any] | None:
    text = request.cookies.get(cookie_name(), "")
    return sso_way.opened(web.portal().settings, use, text, csrf.visit(), now=web.now())


def _forget(response: Response) -> None:
    secure = web.portal().settings.secure
    response.delete_cookie(cookie_name(), path="/", secure=secure, httponly=True, samesite="Lax")


@blueprint.get("/sso/<client>/callback")
@public
def callback_page(client: str) -> Page:
    """Reading changes nothing: the page has one button, which a script presses."""
    return render_template(
        "sso/callback.html",
        provider=_provider(client),
        answer={name: request.args.get(name, "")[:LONGEST] for name in ("code", "state", "iss", "error")},
    )


@blueprint.post("/sso/<client>/callback")
@public
def callback(client: str) -> Page:
    provider = _provider(client)
    if not sso_way.may_ask(f"back {network_of(web.client_address())}", now=web.now(), most=sso_way.ANSWERS):
        return _turned(provider, "often"), 429
    way = _kept(sso_way.WAY)
    try:
        if way is None or way["connection"] != str(provider.id) or way["issuer"] != provider.issuer:
            raise Untrue("another_browser")
        with turns.outside(str(provider.tenant.id)):
            who = _who(provider, way)
    except Untrue as fault:
        if _is_in(client):
            return redirect(web.tenant_home("organisation", provider.tenant.slug), 303)
        return _refused(provider, fault.code)
    arrival = sso.arrive(
        web.db(), provider, who, now=web.now(), agent=web.client_agent(), client=web.client_address()
    )
    if arrival.turned:
        return _turned(provider, arrival.turned), 403
    if arrival.unknown:
        web.undo()
        response = redirect(url_for(".link_page", client=client), 303)
        value = {"connection": way["connection"], "issuer": provider.issuer, "subject": who.subject}
        _keep(response, sso_way.LINK, value | {"email": who.email, "name": who.name})
        return response
    home = web.tenant_home("organisation", provider.tenant.slug)
    target = way["next"] if way["next"].startswith(home) else home
    response = redirect(url_for("accounts.second_step_page", next=target) if arrival.half else target, 303)
    csrf.add_client(response, arrival.token)
    _forget(response)
    return response


def _is_in(client: str) -> bool:
    """Whether this browser came in by the provider already: its second press finds the code and the cookie used up."""
    portal, now = web.portal(), web.now()
    for token in csrf.client_tokens():
        with portal.database.looking() as session:
            found = portal.resolver.identity(session, token, side="organisation", slug=client, now=now)
        if found is not None and found.bound and not found.half:
            return True
    return False


def _who(provider: Provider, way: dict[str, Any]) -> Told:
    """What the provider answers to the code; no transaction is open meanwhile. Raises Untrue."""
    settings, now = web.portal().settings, web.now()
    line = sso_provider.Line.now(settings.outside_networks)
    state, code = request.form.get("state", ""), request.form.get("code", "")
    if not state.isascii() or not hmac.compare_digest(state, way["state"]):
        raise Untrue("state")
    found = sso_provider.metadata(provider.issuer, line, now=now)
    named = request.form.get("iss", "")
    if (named or found.names_issuer) and named != provider.issuer:  # RFC 9207
        raise Untrue("issuer_of_answer")
    if request.form.get("error") or not code or len(code) > LONGEST:
        raise Untrue("provider_refused")
    secret = None
    if provider.secret is not None:
        secret = sso_way.decrypted(settings, provider.tenant.id, provider.secret)
        if secret is None:
            raise Untrue("secret")
    id_token, access_token = sso_provider.exchanged(
        found,
        line,
        known_as=provider.known_as,
        secret=secret,
        code=code,
        verifier=way["verifier"],
        redirect=redirect_address(provider.tenant.slug),
    )
    claims = _claims(provider, found, line, id_token, access_token, way["nonce"])
    more: dict[str, Any] = {}
    if "email" not in claims.rest or provider.groups_claim not in claims.rest:
        more = sso_provider.asked_more(found, line, access_token=access_token, subject=claims.subject)
    return told(claims.subject, claims.rest, more, provider.groups_claim, second_factor=claims.second_factor)


def _claims(
    provider: Provider, found: Metadata, line: Line, id_token: str, access_token: str, nonce: str
) -> sso_tokens.Claims:
    """By the keys that are remembered; by fresh ones when the token names another key."""
    now = web.now()
    for anew in (False, True):
        try:
            return sso_tokens.claims(
                id_token,
                sso_provider.keys(found, line, now=now, anew=anew),
                issuer=provider.issuer,
                known_as=provider.known_as,
                nonce=nonce,
                access_token=access_token,
                now=now,
            )
        except sso_tokens.UnknownKey:
            if anew:
                raise
    raise AssertionError("both were tried")


def _refused(provider: Provider, why: str) -> Page:
    """The answer is not believed, or there was none: on record, and one sentence."""
    web.undo()
    now = web.now()
    web.portal().database.record_refusal(lambda session: sso.failed(session, provider, why, now=now))
    return _turned(provider, why), 403


def _turned(provider: Provider, why: str) -> str:
    sentences = {
        "no_member": _("You are no member of this organisation here. Ask one of its administrators."),
        "no_role": _(
            "The provider names no group that has a role here, so you were taken out. Ask whoever looks after it."
        ),
        "no_groups": _(
            "The provider did not say in which groups you are, so your role here cannot be told. Nothing has changed; "
            "ask whoever looks after it."
        ),
        "often": _("Too many attempts from your network. Try again in a minute."),
        "provider_refused": _("The provider did not sign you in."),
        "another_browser": _("This sign-in was begun in another browser, or more than ten minutes ago."),
    }
    text = sentences.get(why) or _(
        "What the provider answered could not be accepted. An administrator finds why among the events."
    )
    return render_template("sso/turned.html", provider=provider, text=text)


# --------------------------------------------------------------------------------------- saying that both are yours


@blueprint.get("/sso/<client>/link")
@public
def link_page(client: str) -> Page:
    provider = _provider(client)
    return render_template("sso/link.html", form=FirstPassword(), **_link_context(provider))


def _link_context(provider: Provider) -> dict[str, Any]:
    kept = _kept(sso_way.LINK)
    fits = kept is not None and kept["connection"] == str(provider.id) and kept["issuer"] == provider.issuer
    return {"provider": provider, "who": kept if fits else None, "signed_in": web.maybe_identity()}


@blueprint.post("/sso/<client>/link")
@requires(Permission.ACCOUNT)
def link(client: str) -> Page:
    """A whole session of the account, a proof, and then the two are one for this organisation."""
    provider, form = _provider(client), FirstPassword(request.form)
    context = _link_context(provider)
    identity, who = context["signed_in"], context["who"]
    if identity is None or who is None:
        return redirect(url_for(".link_page", client=client), 303)
    try:
        require_proof(identity.person, request.form)
        sso.link(web.db(), provider, identity, who["subject"], now=web.now())
    except Invalid as fault:
        return web.form_page("sso/link.html", form, fault, **context)
    except (Refused, Conflict) as fault_shown:
        return web.form_page("sso/link.html", form, Invalid(fault_shown.message), **context)
    response = web.notice(redirect(web.tenant_home("organisation", provider.tenant.slug), 303), "sso-linked")
    _forget(response)
    return response
