"""One's own account: name, password, address, and the browsers that are signed in."""

from __future__ import annotations

import uuid
from typing import Any

from flask import redirect, render_template, request, url_for

from portal import csrf, web
from portal.access import Permission, public, requires
from portal.accounts import addresses, factors, forms, service, sessions, throttles
from portal.accounts.desk import (
    Page,
    TooMany,
    blueprint,
    has_factor,
    proved,
    require_password,
    throttled,
)
from portal.faults import Invalid
from portal.forms import Form


def _account_context() -> dict[str, Any]:
    who = web.identity().person
    with web.portal().database.looking() as session:
        return {
            "waiting": addresses.waiting(session, who, now=web.now()),
            "standing": factors.standing(session, who.id),
            "keys_off": service.keys_off(session, who.id),
            "tokens": web.portal().tokens_of(session, who.id, now=web.now()),
            "zone": service.zone_of(session, who.id),
        }


def _account_page(form: Form, fault: Invalid | None = None) -> Page:
    """The page with its two forms; ``form`` is the one that was sent, the other is as it stands on record."""
    name = form if isinstance(form, forms.ChangeName) else forms.ChangeName(name=web.identity().person.name)
    password = form if isinstance(form, forms.ChangePassword) else forms.ChangePassword()
    context = _account_context() | {"name_form": name, "password_form": password}
    if fault is None:
        return render_template("accounts/account.html", form=form, **context)
    return web.form_page("accounts/account.html", form, fault, **context)


@blueprint.get("/account")
@requires(Permission.ACCOUNT)
def account() -> Page:
    return _account_page(forms.ChangePassword())


@blueprint.post("/account")
@requires(Permission.ACCOUNT)
def change_password() -> Page:
    """A new password ends every session of the person; this browser gets a fresh one."""
    form = forms.ChangePassword(request.form)
    who = web.identity().person
    try:
        if not form.validate():
            raise Invalid
        service.require_sound(form.password.data or "", about=(who.name, who.email))
        require_password(who, form.current.data or "")
    except Invalid as fault:
        return _account_page(form, fault)
    hashed = service.hash_password(web.portal().settings, form.password.data or "")
    session = web.db()
    service.set_password(session, who.id, hashed, now=web.now())
    token = service.open_session(
        session,
        who.id,
        now=web.now(),
        agent=web.client_agent(),
        client=web.client_address(),
        verified=factors.is_on(session, who.id),  # else this person would be signed in by half only
    )
    response = web.notice(redirect(url_for(".account"), 303), "password-changed")
    csrf.set_session(response, token)
    return response


@blueprint.post("/account/name")
@requires(Permission.ACCOUNT)
def change_name() -> Page:
    form = forms.ChangeName(request.form)
    if not form.validate():
        return _account_page(form, Invalid())
    service.change_name(web.db(), web.identity().person, form.name.data or "", now=web.now())
    return web.notice(redirect(url_for(".account"), 303), "saved")


@blueprint.post("/account/keys")
@requires(Permission.ACCOUNT)
def set_keys() -> Page:
    """Single keys on pages, such as those of the review; ``keys``: 1 for on."""
    service.set_keys(web.db(), web.identity().person, off=request.form.get("keys") != "1", now=web.now())
    return web.notice(redirect(url_for(".account"), 303), "saved")


# ------------------------------------------------------------------------------------------------------- address


@blueprint.get("/account/address")
@requires(Permission.ACCOUNT)
def address_page() -> Page:
    on = has_factor(web.identity().person.id)
    return render_template("accounts/address.html", form=forms.ChangeAddress(), on=on)


@blueprint.post("/account/address")
@requires(Permission.ACCOUNT)
def ask_address() -> Page:
    """Password, and a code of who has a second factor; then two letters. The answer is the same for every address."""
    form = forms.ChangeAddress(request.form)
    who = web.identity().person
    on = has_factor(who.id)
    keys = throttles.throttle_keys("address", form.email.data or "", web.client_address())
    keys |= throttles.throttle_keys("address-of", str(who.id), web.client_address())
    try:
        with web.portal().database.looking() as looking:
            if (fault := throttled(looking, keys)) is not None:
                raise TooMany(fault.message)
        session = proved(form, who)
        addresses.ask(session, web.portal().settings, who, form.email.data or "", now=web.now())
    except Invalid as fault_shown:
        page, status = web.form_page("accounts/address.html", form, fault_shown, on=on)
        return page, 429 if isinstance(fault_shown, TooMany) else status
    throttles.count_attempt(session, keys, now=web.now())
    return web.notice(redirect(url_for(".account"), 303), "address-asked")


@blueprint.post("/account/address/withdraw")
@requires(Permission.ACCOUNT)
def withdraw_address() -> Page:
    addresses.withdraw(web.db(), web.identity().person, now=web.now())
    return web.notice(redirect(url_for(".account"), 303), "address-stopped")


@blueprint.get("/account/address/confirm/<token>")
@requires(Permission.ACCOUNT)
def confirm_address_page(token: str) -> Page:
    """Shows what the button does; following the link changes nothing."""
    change = addresses.by_token(web.db(), web.identity().person, token, now=web.now())
    return render_template("accounts/address_confirm.html", change=change)


@blueprint.post("/account/address/confirm/<token>")
@requires(Permission.ACCOUNT)
def confirm_address(token: str) -> Page:
    addresses.confirm(web.db(), web.identity().person, token, now=web.now())
    return web.notice(redirect(url_for(".account"), 303), "address-changed")


@blueprint.get("/account/address/stop/<token>")
@public
def stop_address_page(token: str) -> Page:
    """Behind the link in the letter to the old address, which needs no sign-in: only its mailbox has it."""
    change, person = addresses.by_stop_token(web.db(), web.portal().settings, token, now=web.now())
    return render_template("accounts/address_stop.html", change=change, person=person)


@blueprint.post("/account/address/stop/<token>")
@public
def stop_address(token: str) -> Page:
    addresses.stop(web.db(), web.portal().settings, token, now=web.now())
    return web.notice(redirect(url_for(".ask_reset_page"), 303), "address-stopped")


# ------------------------------------------------------------------------------------------------------ sessions


@blueprint.get("/account/sessions")
@requires(Permission.ACCOUNT)
def session_list() -> Page:
    session, identity = web.db(), web.identity()
    on = factors.is_on(session, identity.person.id)
    browsers = sessions.listed(session, identity, now=web.now(), has_factor=on)
    zone = service.zone_of(session, identity.person.id)
    return render_template("accounts/sessions.html", browsers=browsers, zone=zone)


@blueprint.post("/account/sessions/<uuid:login>/end")
@requires(Permission.ACCOUNT)
def end_session(login: uuid.UUID) -> Page:
    """Ending this one is signing out."""
    identity = web.identity()
    sessions.revoke(web.db(), identity, login, now=web.now())
    if login != identity.session_id:
        return web.notice(redirect(url_for(".session_list"), 303), "session-ended")
    response = web.notice(redirect(url_for(".front"), 303), "signed-out")
    csrf.clear_session(response)
    return response


@blueprint.post("/account/sessions/end-others")
@requires(Permission.ACCOUNT)
def end_other_sessions() -> Page:
    sessions.revoke_others(web.db(), web.identity(), now=web.now())
    return web.notice(redirect(url_for(".session_list"), 303), "sessions-ended")
