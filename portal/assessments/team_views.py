"""The people of a company: who is on the team, and inviting contributors to what they shall help with."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import SelectMultipleField

from portal import web
from portal.access import CompanyRole, Permission, requires
from portal.assessments import delegation, queries
from portal.organisations import forms, invitations, service
from portal.organisations import queries as organisations

blueprint = Blueprint("team", __name__)
Page = str | Response | tuple[str, int]
MOST_OFFERED = 30


class Invite(forms.InviteColleague):
    """A colleague, and what a contributor is added to as soon as they have accepted."""

    assessments = SelectMultipleField(
        "What a contributor helps with",
        description="A contributor sees only what is ticked here, or given to them later. Owners see everything.",
        validate_choice=True,
    )


def _form(data: Any = None) -> Invite:
    session, identity = web.db(), web.identity()
    open_ones = queries.open_assessments(session, identity, 1, size=MOST_OFFERED).rows
    names = queries.askers(session, open_ones)
    form = Invite(data)
    form.assessments.choices = [
        (str(one.id), f"{names[one.organisation_id]}: {one.title}, {one.subject}") for one in open_ones
    ]
    return form


def _context() -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    members = organisations.members(session, identity)
    return {
        "members": members,
        "only_keeper": organisations.only_keeper(members),
        "invitations": organisations.open_invitations(session, identity, web.now()),
        "now": web.now(),
        "role_labels": web.ROLE_LABELS,
    }


@blueprint.get("/c/<company>/team")
@requires(Permission.SEE_COLLEAGUES)
def colleagues(company: str) -> Page:
    return render_template("organisations/colleagues.html", form=_form(), **_context())


@blueprint.post("/c/<company>/team/invite")
@requires(Permission.MANAGE_COLLEAGUES)
def invite_colleague(company: str) -> Page:
    identity = web.identity()
    assert identity.company is not None
    form = _form(request.form)
    if not form.validate():
        web.undo()
        return web.form_page("organisations/colleagues.html", form, **_context())
    invitations.invite(
        web.db(),
        purpose="company",
        company_id=identity.company.id,
        email=form.email.data or "",
        name=form.name.data or "",
        role=CompanyRole(form.role.data),
        assessments=form.assessments.data or [],
        now=web.now(),
        actor=identity,
    )
    return web.notice(redirect(url_for(".colleagues", company=company), 303), "invited")


@blueprint.get("/c/<company>/team/<uuid:person>/remove")
@requires(Permission.MANAGE_COLLEAGUES)
def ask_remove_colleague(company: str, person: uuid.UUID) -> Page:
    """Asks before it is done; what it says follows from who is removed."""
    return render_template(
        "organisations/remove.html",
        it=organisations.removal(web.db(), web.identity(), person),
        tenant=web.identity().company,
        back=url_for(".colleagues", company=company),
        role_labels=web.ROLE_LABELS,
    )


@blueprint.post("/c/<company>/team/<uuid:person>/remove")
@requires(Permission.MANAGE_COLLEAGUES)
def remove_colleague(company: str, person: uuid.UUID) -> Page:
    """Out at once, with everything that they were given and every link that they gave away."""
    session, identity = web.db(), web.identity()
    service.remove(session, identity, person, now=web.now())
    delegation.revoke_of_person(session, identity, person, now=web.now())
    return web.notice(redirect(url_for(".colleagues", company=company), 303), "removed")


@blueprint.post("/c/<company>/invitations/<uuid:invitation>/withdraw")
@requires(Permission.MANAGE_COLLEAGUES)
def withdraw_colleague(company: str, invitation: uuid.UUID) -> Page:
    invitations.withdraw(web.db(), web.identity(), invitation, now=web.now())
    return web.notice(redirect(url_for(".colleagues", company=company), 303), "withdrawn")
