"""Passkeys: signing in by one, showing one as the second step, the pages where a person looks after theirs."""

from __future__ import annotations

import uuid
from typing import Any

from flask import redirect, render_template, request, url_for

from portal import csrf, web
from portal.access import Permission, public, requires
from portal.accounts import factors, passkey_desk, passkeys, service, sessions
from portal.accounts.desk import Page, blueprint, keep_session, require_proof
from portal.accounts.forms import FirstPassword, PasskeyName, SecondStep, SignIn
from portal.faults import Invalid

blueprint.record_once(
    lambda state: state.app.jinja_env.globals.update(
        passkey_options=passkey_desk.options
    )  # for _passkey.html
)


@blueprint.post("/sign-in/passkey")
@public
def sign_in_by_passkey() -> Page:
    """A passkey that the device unlocked by finger, face or PIN is two factors: a whole session at once."""
    target = web.local_path(request.form.get("next")) or ""
    try:
        taken = passkey_desk.take("sign-in", request.form.get(passkey_desk.FIELD, ""))
        session = web.db()
        taken.use(session)
    except Invalid as fault:
        return web.form_page("accounts/sign_in.html", SignIn(), fault, next=target)
    token = service.open_session(
        session,
        taken.person.id,
        now=web.now(),
        agent=web.client_agent(),
        client=web.client_address(),
        verified=True,
        way="passkey",
    )
    response = redirect(target or url_for("organisations.home"), 303)
    csrf.set_session(response, token)
    return response


@blueprint.post("/sign-in/code/passkey")
@public
def second_step_by_passkey() -> Page:
    """A passkey in place of a code, after the password."""
    half = web.half_identity()
    target = web.local_path(request.form.get("next")) or ""
    if half is None:
        return redirect(url_for(".sign_in_page", next=target or None), 303)
    try:
        taken = passkey_desk.take("second", request.form.get(passkey_desk.FIELD, ""), half.person)
        session = web.db()
        taken.use(session)
    except Invalid as fault:
        return web.form_page("accounts/second_step.html", SecondStep(), fault, next=target)
    token = factors.verify_session(session, half, now=web.now())
    response = redirect(target or url_for("organisations.home"), 303)
    keep_session(response, half, token)
    return response


# ----------------------------------------------------------------------------------------------------- one's own


@blueprint.get("/account/passkeys")
@requires(Permission.ACCOUNT)
def passkey_list() -> Page:
    return render_template("accounts/passkeys.html", form=FirstPassword(), **_listed())


def _listed() -> dict[str, Any]:
    who = web.identity().person
    with web.portal().database.looking() as session:
        return {
            "passkeys": passkeys.listed(session, who.id),
            "standing": factors.standing(session, who.id),
            "at": passkey_desk.here(),
            "elsewhere": passkey_desk.named_address(),
            "most": passkeys.MOST,
            "target": _target(),
        }


def _target() -> str:
    return web.local_path(request.values.get("for")) or ""


@blueprint.post("/account/passkeys")
@requires(Permission.ACCOUNT)
def begin_passkey() -> Page:
    """The proof again; the answer is the page that makes a passkey, for five minutes."""
    form = FirstPassword(request.form)
    who = web.identity().person
    try:
        require_proof(who, request.form)
        options = passkey_desk.creation(who)
    except Invalid as fault:
        return web.form_page("accounts/passkeys.html", form, fault, **_listed())
    return render_template(
        "accounts/passkey_add.html", options=options, name=_first_name(), longest=passkeys.LONGEST_NAME
    )


def _first_name() -> str:
    """What a passkey is called until its owner says otherwise: the browser that it was made in."""
    return sessions.words_of(web.client_agent())


@blueprint.post("/account/passkeys/add")
@requires(Permission.ACCOUNT)
def add_passkey() -> Page:
    """The page before was drawn after the proof, and its challenge says so. A first factor brings recovery codes."""
    name = PasskeyName(request.form)
    try:
        made, challenge = passkey_desk.registered(request.form.get(passkey_desk.NEW, ""))
        codes = passkeys.add(
            web.db(),
            web.portal().settings,
            web.identity(),
            made,
            name=(name.name.data if name.validate() else "") or _first_name(),
            challenge=challenge,
            now=web.now(),
        )
    except Invalid as fault:
        return web.form_page("accounts/passkeys.html", FirstPassword(), fault, **_listed())
    if codes:
        return render_template(
            "accounts/recovery_codes.html", codes=codes, target=url_for(".passkey_list"), first=True
        )
    return web.notice(redirect(url_for(".passkey_list"), 303), "passkey-added")


@blueprint.get("/account/passkeys/<uuid:passkey>")
@requires(Permission.ACCOUNT)
def passkey_page(passkey: uuid.UUID) -> Page:
    row = passkeys.one(web.db(), web.identity().person.id, passkey)
    return _passkey_page(passkey, PasskeyName(name=row.name))


def _passkey_page(passkey: uuid.UUID, form: Any, fault: Invalid | None = None) -> Page:
    """The page with its two forms; ``form`` is the one that was sent."""
    context = _listed()
    row = next((one for one in context["passkeys"] if one.id == passkey), None)
    if row is None:
        return redirect(url_for(".passkey_list"), 303)
    name = form if isinstance(form, PasskeyName) else PasskeyName(name=row.name)
    proof = form if isinstance(form, FirstPassword) else FirstPassword()
    context |= {"row": row, "name_form": name, "proof_form": proof}
    if fault is None:
        return render_template("accounts/passkey.html", form=form, **context)
    return web.form_page("accounts/passkey.html", form, fault, **context)


@blueprint.post("/account/passkeys/<uuid:passkey>/name")
@requires(Permission.ACCOUNT)
def name_passkey(passkey: uuid.UUID) -> Page:
    form = PasskeyName(request.form)
    with web.portal().database.looking() as session:
        passkeys.one(session, web.identity().person.id, passkey)
    if not form.validate():
        return _passkey_page(passkey, form, Invalid())
    passkeys.rename(web.db(), web.identity(), passkey, form.name.data or "")
    return web.notice(redirect(url_for(".passkey_list"), 303), "saved")


@blueprint.post("/account/passkeys/<uuid:passkey>/remove")
@requires(Permission.ACCOUNT)
def remove_passkey(passkey: uuid.UUID) -> Page:
    form = FirstPassword(request.form)
    who = web.identity().person
    with web.portal().database.looking() as session:
        passkeys.one(session, who.id, passkey)
    try:
        require_proof(who, request.form)
    except Invalid as fault:
        return _passkey_page(passkey, form, fault)
    passkeys.remove(web.db(), web.identity(), passkey, now=web.now())
    return web.notice(redirect(url_for(".passkey_list"), 303), "passkey-removed")
