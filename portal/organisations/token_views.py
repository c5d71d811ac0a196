"""API tokens: one's own, and everybody's for administrators."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.accounts import desk
from portal.faults import Invalid
from portal.organisations import queries, tokens
from portal.organisations.token_forms import MakeToken

blueprint = Blueprint("tokens", __name__)
Page = str | Response | tuple[str, int]


@blueprint.get("/o/<organisation>/tokens")
@requires(Permission.USE_API)
def own(organisation: str) -> Page:
    form = MakeToken(data={"id": str(uuid.uuid4()), "days": tokens.USUAL_DAYS})
    return render_template("tokens/own.html", **_context(form))


def _context(form: MakeToken) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    known = tokens.scopes_for(identity.role)
    form.scopes.choices = {one: text for one, text in tokens.SCOPE_WORDS.items() if one in known}
    return {
        "form": form,
        "tokens": tokens.listed(session, identity, now=web.now()),
        "scope_words": tokens.SCOPE_WORDS,
        "most": tokens.MOST,
    }


@blueprint.post("/o/<organisation>/tokens")
@requires(Permission.USE_API)
def make(organisation: str) -> Page:
    """The one page that ever shows the token; a second press says that it was shown."""
    form, identity = MakeToken(request.form), web.identity()
    form.current.validators = ()  # the proof may be another
    try:
        if not form.validate():
            raise Invalid
        desk.require_proof(identity.person, request.form)
        token = tokens.make(
            web.db(),
            identity,
            id=web.uuid_or_404(form.id.data or ""),
            name=form.name.data or "",
            scopes=form.scopes.data or (),
            days=form.days.data or 0,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        context = _context(form)
        return web.form_page("tokens/own.html", context.pop("form"), fault, **context)
    return render_template("tokens/made.html", token=token, name=form.name.data)


@blueprint.post("/o/<organisation>/tokens/<uuid:made>/revoke")
@requires(Permission.USE_API)
def revoke(organisation: str, made: uuid.UUID) -> Page:
    tokens.revoke(web.db(), web.identity(), made, now=web.now(), own=True)
    return web.notice(redirect(url_for(".own", organisation=organisation), 303), "token-revoked")


@blueprint.get("/o/<organisation>/tokens/all")
@requires(Permission.MANAGE_TOKENS)
def everybody(organisation: str) -> Page:
    session, identity = web.db(), web.identity()
    found = tokens.listed(session, identity, now=web.now(), everybody=True)
    people = queries.people(session, {one.person_id for one in found})
    return render_template("tokens/all.html", tokens=found, people=people)


@blueprint.post("/o/<organisation>/tokens/all/<uuid:made>/revoke")
@requires(Permission.MANAGE_TOKENS)
def revoke_any(organisation: str, made: uuid.UUID) -> Page:
    tokens.revoke(web.db(), web.identity(), made, now=web.now(), own=False)
    return web.notice(redirect(url_for(".everybody", organisation=organisation), 303), "token-revoked")
