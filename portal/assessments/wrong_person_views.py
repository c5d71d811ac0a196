"""The page on which somebody who was invited says that they are not the right person."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from wtforms import StringField
from wtforms.validators import Length

from portal import web
from portal.access import public
from portal.assessments import wrong_person
from portal.assessments.enquiry_forms import words
from portal.faults import Invalid, NotFound
from portal.forms import Form, NoControls, clean, name_line
from portal.organisations import invitations, queries
from portal.organisations.models import Invitation

blueprint = Blueprint("wrong_person", __name__)
Page = str | tuple[str, int]
TEMPLATE = "joining/not_me.html"


class NotMe(Form):
    """Nothing of it is needed."""

    name = name_line("Name of the right person", required="")
    email = StringField(
        "E-mail address of the right person",
        [Length(max=254, message="Write at most 254 characters."), NoControls()],
        filters=[clean],
    )
    text = words("Anything else")


@blueprint.get("/invitations/<token>/not-me")
@public
def not_me(token: str) -> Page:
    """Looking changes nothing."""
    invitation, tenant = _invitation(token)
    return render_template(TEMPLATE, form=NotMe(), token=token, tenant=tenant, to=invitation.name, done=False)


@blueprint.post("/invitations/<token>/not-me")
@public
def say(token: str) -> Page:
    """Ends the invitation; the organisation is told."""
    form = NotMe(request.form)
    sound = form.validate()
    with web.portal().database.looking() as session:
        invitation = _found(queries.invitation_by_token(session, token, now=web.now()))
        _inviter, tenant = invitations.inviter(session, invitation)
    try:
        if not sound:
            raise Invalid
        wrong_person.not_me(
            web.db(),
            token,
            name=form.name.data or "",
            email=form.email.data or "",
            text=form.text.data or "",
            now=web.now(),
        )
    except Invalid as fault:
        return web.form_page(
            TEMPLATE, form, fault, token=token, tenant=tenant, to=invitation.name, done=False
        )
    return render_template(TEMPLATE, form=form, token=token, tenant=tenant, to=invitation.name, done=True)


def _invitation(token: str) -> tuple[Invitation, str]:
    invitation = _found(queries.invitation_by_token(web.db(), token, now=web.now()))
    return invitation, invitations.inviter(web.db(), invitation)[1]


def _found(invitation: Invitation) -> Invitation:
    if invitation.purpose != "vendor":
        raise NotFound
    return invitation
