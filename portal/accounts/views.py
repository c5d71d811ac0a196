"""Signing in and out, setting a password, one's own account."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal import csrf, web
from portal.access import Permission, public, requires
from portal.accounts import service
from portal.accounts.forms import AskReset, ChangePassword, NewPassword, SignIn
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Invalid, Throttled

blueprint = Blueprint("accounts", __name__)
Page = str | Response | tuple[str, int]


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
    keys = service.throttle_keys("sign-in", address, web.client_address())
    with web.portal().database.looking() as session:
        if (fault := _throttled(session, keys)) is not None:
            return web.form_page("accounts/sign_in.html", form, Invalid(fault.message), next=target)[0], 429
        person = service.person_by_address(session, address)
    fits = service.verify_password(web.portal().settings, person.password_hash if person else None, password)
    if person is None or not fits:
        _note_failure(keys, person.id if person else None)
        wrong = Invalid(_("The address or the password is not right. They are checked together."))
        return web.form_page("accounts/sign_in.html", form, wrong, next=target)
    session = web.db()
    service.clear_throttle(session, "sign-in", address)
    token = service.open_session(session, person.id, now=web.now())
    response = redirect(target or url_for("organisations.home"), 303)
    csrf.set_session(response, token)
    return response


def _throttled(session: Session, keys: dict[str, int]) -> Throttled | None:
    try:
        service.check_throttle(session, keys, now=web.now())
    except Throttled as fault:
        web.portal().database.record_refusal(
            lambda writing: record(writing, Kind.SIGN_IN_THROTTLED, now=web.now(), actor=None)
        )
        return fault
    return None


def _note_failure(keys: dict[str, int], person_id: uuid.UUID | None) -> None:
    def write(session: Session) -> None:
        service.count_attempt(session, keys, now=web.now())
        record(session, Kind.SIGN_IN_FAILED, now=web.now(), actor=person_id)

    web.portal().database.record_refusal(write)


@blueprint.post("/sign-out")
@requires(Permission.ACCOUNT)
def sign_out() -> Page:
    service.sign_out(web.db(), web.identity(), now=web.now())
    response = web.notice(redirect(url_for("accounts.front"), 303), "signed-out")
    csrf.clear_session(response)
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
    keys = service.throttle_keys("reset", address, web.client_address())
    with web.portal().database.looking() as session:
        fault = _throttled(session, keys)
    if fault is not None:
        return web.form_page("accounts/ask_reset.html", form, Invalid(fault.message))[0], 429
    session = web.db()
    service.count_attempt(session, keys, now=web.now())
    service.ask_reset(session, address, now=web.now())
    return render_template("accounts/reset_asked.html", address=address)


@blueprint.get("/reset/<token>")
@public
def reset_page(token: str) -> Page:
    """Shows the form; following the link changes nothing."""
    person = service.reset_person(web.db(), token, now=web.now())
    return render_template("accounts/reset.html", form=NewPassword(), address=person.address)


@blueprint.post("/reset/<token>")
@public
def reset(token: str) -> Page:
    form = NewPassword(request.form)
    with web.portal().database.looking() as session:
        person = service.reset_person(session, token, now=web.now())
    try:
        if not form.validate():
            raise Invalid
        service.require_sound(form.password.data or "", about=(person.name, person.email))
    except Invalid as fault:
        return web.form_page("accounts/reset.html", form, fault, address=person.address)
    hashed = service.hash_password(web.portal().settings, form.password.data or "")
    service.finish_reset(web.db(), token, hashed, now=web.now())
    return web.notice(redirect(url_for("accounts.sign_in_page"), 303), "password-set")


@blueprint.get("/account")
@requires(Permission.ACCOUNT)
def account() -> Page:
    return render_template("accounts/account.html", form=ChangePassword())


@blueprint.post("/account")
@requires(Permission.ACCOUNT)
def change_password() -> Page:
    """A new password ends every session of the person; this browser gets a fresh one."""
    form = ChangePassword(request.form)
    who = web.identity().person
    settings = web.portal().settings
    try:
        if not form.validate():
            raise Invalid
        service.require_sound(form.password.data or "", about=(who.name, who.email))
        with web.portal().database.looking() as session:
            keys = service.throttle_keys("password", who.email, web.client_address())
            fault = _throttled(session, keys)
            person = service.person_by_address(session, who.email)
        if fault is not None:
            raise Invalid(fault.message)
        if not service.verify_password(
            settings, person.password_hash if person else None, form.current.data or ""
        ):
            _note_failure(keys, who.id)
            raise Invalid(errors={"current": _("This is not your current password.")})
    except Invalid as fault_shown:
        return web.form_page("accounts/account.html", form, fault_shown)
    hashed = service.hash_password(settings, form.password.data or "")
    session = web.db()
    service.set_password(session, who.id, hashed, now=web.now())
    token = service.open_session(session, who.id, now=web.now())
    response = web.notice(redirect(url_for("accounts.account"), 303), "password-changed")
    csrf.set_session(response, token)
    return response
