"""The second factor: the second step of signing in, setting one up, recovery codes, taking it away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import segno
from flask import redirect, render_template, request, url_for
from markupsafe import Markup

from portal import web
from portal.access import Permission, Person, public, requires
from portal.accounts import factors, service
from portal.accounts.desk import (
    Page,
    TooMany,
    blueprint,
    claim_code,
    forget_half,
    keep_session,
    proved,
    require_proof,
    use_code,
)
from portal.accounts.forms import FirstCode, FirstPassword, Proof, SecondStep
from portal.faults import Invalid

QR_PIXELS = 5  # a module of the QR code, so that a phone reads it from an arm's length


# ---------------------------------------------------------------------------------------------- the second step


@blueprint.get("/sign-in/code")
@public
def second_step_page() -> Page:
    target = web.local_path(request.args.get("next")) or ""
    if web.half_identity() is None:
        return redirect(url_for(".sign_in_page", next=target or None), 303)
    return render_template("accounts/second_step.html", form=SecondStep(), next=target)


@blueprint.post("/sign-in/code")
@public
def second_step() -> Page:
    """The half session becomes a whole one, under a new token."""
    half = web.half_identity()
    target = web.local_path(request.form.get("next")) or ""
    if half is None:
        return redirect(url_for(".sign_in_page", next=target or None), 303)
    form = SecondStep(request.form)
    try:
        if not form.validate():
            raise Invalid
        claim_code(half.person)
        session = web.db()
        left = use_code(session, half.person, form.code.data or "")
    except Invalid as fault:
        page, status = web.form_page("accounts/second_step.html", form, fault, next=target)
        return page, 429 if isinstance(fault, TooMany) else status
    token = factors.verify_session(session, half, now=web.now())
    response = redirect(target or url_for("organisations.home"), 303)
    keep_session(response, half, token)
    return response if left is None else web.notice(response, f"recovery-left-{min(left, 9)}")


@blueprint.post("/sign-in/leave")
@public
def leave_second_step() -> Page:
    """Sign out of half a sign-in, to begin again as somebody else."""
    half = web.half_identity()
    response = redirect(url_for(".sign_in_page"), 303)
    if half is not None:
        service.sign_out(web.db(), half, now=web.now())
        forget_half(response, half)
    return response


# --------------------------------------------------------------------------------------------------------- set-up


@blueprint.get("/account/second-factor")
@requires(Permission.ACCOUNT)
def factor_page() -> Page:
    """On, off, or waiting for the first code."""
    session, who = web.db(), web.identity().person
    standing = factors.standing(session, who.id)
    setup = None if standing.codes else factors.waiting(session, web.portal().settings, who, now=web.now())
    if setup is not None:
        return render_template("accounts/factor_confirm.html", form=FirstCode(), **_shown(setup))
    return render_template(
        "accounts/factor.html", form=FirstPassword(), standing=standing, target=_target(), all=factors
    )


def _target() -> str:
    """The page that asked for a second factor, to go back to."""
    return web.local_path(request.values.get("for")) or ""


def _shown(setup: factors.Setup) -> dict[str, object]:
    picture = segno.make(setup.uri, error="m").svg_inline(
        scale=QR_PIXELS, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=False
    )
    return {"setup": setup, "picture": Markup(picture), "target": _target()}  # drawn by segno


@blueprint.post("/account/second-factor")
@requires(Permission.ACCOUNT)
def start_factor() -> Page:
    """Password again; then a fresh secret waits for its first code."""
    form = FirstPassword(request.form)
    who = web.identity().person
    try:
        require_proof(who, request.form)
    except Invalid as fault:
        return web.form_page(
            "accounts/factor.html", form, fault, standing=_standing(who), target=_target(), all=factors
        )
    factors.start(web.db(), web.portal().settings, who, now=web.now())
    return redirect(url_for(".factor_page", **_back()), 303)


def _back() -> dict[str, Any]:
    return {"for": _target()} if _target() else {}


def _standing(who: Person) -> factors.Standing:
    with web.portal().database.looking() as session:
        return factors.standing(session, who.id)


@blueprint.post("/account/second-factor/confirm")
@requires(Permission.ACCOUNT)
def confirm_factor() -> Page:
    """The first code; the answer is the page with the recovery codes, which no other page shows."""
    form = FirstCode(request.form)
    identity, settings = web.identity(), web.portal().settings
    with web.portal().database.looking() as session:
        if factors.codes_on(session, identity.person.id):  # a second press: the codes have been shown
            return redirect(url_for(".factor_page", **_back()), 303)
        setup = factors.waiting(session, settings, identity.person, now=web.now())
    if setup is None:
        return redirect(url_for(".factor_page", **_back()), 303)
    try:
        if not form.validate():
            raise Invalid
        claim_code(identity.person)
        session = web.db()
        codes = factors.confirm(session, settings, identity, form.code.data or "", now=web.now())
    except Invalid as fault:
        return web.form_page("accounts/factor_confirm.html", form, fault, **_shown(setup))
    factors.clear(session, identity.person.id)
    return render_template("accounts/recovery_codes.html", codes=codes, target=_target(), first=True)


# ------------------------------------------------------------------------------- what password and code may change


@blueprint.get("/account/second-factor/codes")
@requires(Permission.ACCOUNT)
def new_codes_page() -> Page:
    return _proof_page("accounts/new_codes.html", lambda standing: standing.on)


@blueprint.get("/account/second-factor/remove")
@requires(Permission.ACCOUNT)
def remove_factor_page() -> Page:
    return _proof_page("accounts/remove_factor.html", lambda standing: standing.codes)


def _proof_page(template: str, needed: Callable[[factors.Standing], bool]) -> Page:
    standing = factors.standing(web.db(), web.identity().person.id)
    if not needed(standing):
        return redirect(url_for(".factor_page"), 303)
    return render_template(template, form=Proof(), standing=standing)


@blueprint.post("/account/second-factor/codes")
@requires(Permission.ACCOUNT)
def new_codes() -> Page:
    form, who = Proof(request.form), web.identity().person
    try:
        session = proved(form, who)
    except Invalid as fault:
        return web.form_page("accounts/new_codes.html", form, fault, standing=_standing(who))
    codes = factors.new_recovery_codes(session, web.portal().settings, who, now=web.now())
    return render_template("accounts/recovery_codes.html", codes=codes, target="", first=False)


@blueprint.post("/account/second-factor/remove")
@requires(Permission.ACCOUNT)
def remove_factor() -> Page:
    form, identity = Proof(request.form), web.identity()
    try:
        session = proved(form, identity.person)
    except Invalid as fault:
        return web.form_page("accounts/remove_factor.html", form, fault, standing=_standing(identity.person))
    factors.remove(session, identity.person, now=web.now(), actor=identity)
    return web.notice(redirect(url_for(".factor_page"), 303), "factor-removed")
