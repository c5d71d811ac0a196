"""Signing in and out, and setting a password by a link."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _

from portal import csrf, web
from portal.access import Permission, public, requires
from portal.accounts import factors, resets, service, throttles
from portal.accounts.desk import Page, blueprint, note_failure, throttled
from portal.accounts.forms import AskReset, NewPassword, SignIn
from portal.faults import Invalid


@blueprint.get("/")
@public
def front() -> Page:
    """The sign-in page, or home for who is signed in."""
    return sign_in_page()


@blueprint.get("/sign-in")
@public
def sign_in_page() -> Page:
    target = web.local_path(request.args.get("next")) or ""
    if web.maybe_identity() is not None:
        return redirect(target or url_for("organisations.home"), 303)
    if web.half_identity() is not None:
        return redirect(url_for(".second_step_page", next=target or None), 303)
    return render_template("accounts/sign_in.html", form=SignIn(), next=target)


@blueprint.post("/sign-in")
@public
def sign_in() -> Page:
    """Throttle, then password, then session; one answer for a wrong password and for an unknown address."""
    form = SignIn(request.form)
    target = web.local_path(request.form.get("next")) or ""
    if not form.validate():
        return web.form_page("accounts/sign_in.html", form, next=target)
    address, password = form.email.data or "", form.password.data or ""
    keys = throttles.throttle_keys("sign-in", address, web.client_address())
    with web.portal().database.looking() as session:
        if (fault := throttled(session, keys)) is not None:
            return web.form_page("accounts/sign_in.html", form, Invalid(fault.message), next=target)[0], 429
        person = service.person_by_address(session, address)
    fits = service.verify_password(web.portal().settings, person.password_hash if person else None, password)
    if person is None or not fits:
        note_failure(keys, person.id if person else None)
        wrong = Invalid(_("The address or the password is not right. They are checked together."))
        return web.form_page("accounts/sign_in.html", form, wrong, next=target)
    session = web.db()
    throttles.clear_throttle(session, "sign-in", address)
    half = factors.is_on(session, person.id)
    token = service.open_session(
        session,
        person.id,
        now=web.now(),
        agent=web.client_agent(),
        client=web.client_address(),
        half=half,
    )
    onward = url_for(".second_step_page", next=target or None) if half else target
    response = redirect(onward or url_for("organisations.home"), 303)
    csrf.set_session(response, token)
    return response


@blueprint.post("/sign-out")
@requires(Permission.SESSION)
def sign_out() -> Page:
    """Every session that this browser shows ends: the account's, and those that providers of organisations opened."""
    shown = [request.cookies.get(csrf.session_cookie(), ""), *csrf.client_tokens()]
    service.sign_out(web.db(), web.identity(), now=web.now(), shown=shown)
    response = web.notice(redirect(url_for("accounts.front"), 303), "signed-out")
    csrf.clear_session(response)
    csrf.clear_session(response, csrf.client_cookie())
    return response


@blueprint.get("/forgot")
@public
def ask_reset_page() -> Page:
    return render_template("accounts/ask_reset.html", form=AskReset())


@blueprint.post("/forgot")
@public
def ask_reset() -> Page:
    """Always the same page, whether the address has an account or not."""
    form = AskReset(request.form)
    if not form.validate():
        return web.form_page("accounts/ask_reset.html", form)
    address = form.email.data or ""
    keys = throttles.throttle_keys("reset", address, web.client_address())
    with web.portal().database.looking() as session:
        fault = throttled(session, keys)
    if fault is not None:
        return web.form_page("accounts/ask_reset.html", form, Invalid(fault.message))[0], 429
    session = web.db()
    throttles.count_attempt(session, keys, now=web.now())
    resets.ask_reset(session, address, now=web.now())
    return render_template("accounts/reset_asked.html", address=address)


@blueprint.get("/reset/<token>")
@public
def reset_page(token: str) -> Page:
    """Shows the form; following the link changes nothing."""
    person = resets.reset_person(web.db(), token, now=web.now())
    return render_template("accounts/reset.html", form=NewPassword(), address=person.address)


@blueprint.post("/reset/<token>")
@public
def reset(token: str) -> Page:
    form = NewPassword(request.form)
    with web.portal().database.looking() as session:
        person = resets.reset_person(session, token, now=web.now())
    try:
        if not form.validate():
            raise Invalid
        service.require_sound(form.password.data or "", about=(person.name, person.email))
    except Invalid as fault:
        return web.form_page("accounts/reset.html", form, fault, address=person.address)
    hashed = service.hash_password(web.portal().settings, form.password.data or "")
    resets.finish_reset(web.db(), token, hashed, now=web.now())
    return web.notice(redirect(url_for("accounts.sign_in_page"), 303), "password-set")
