"""The page behind an invitation's link: looking changes nothing, one button accepts."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal import csrf, web
from portal.access import Person, public
from portal.accounts import service as accounts
from portal.accounts.forms import NewAccount
from portal.assessments import joining
from portal.faults import Invalid
from portal.forms import name_line
from portal.organisations import invitations, queries
from portal.organisations.models import Invitation

blueprint = Blueprint("joining", __name__)
Page = str | Response | tuple[str, int]


class Join(NewAccount):
    """Everything the page may ask; what is asked depends on who is there."""

    company_name = name_line("Name of your company", required="Write the name of your company.")


@dataclass(frozen=True, slots=True)
class Situation:
    """Who stands before the invitation: decides what the page asks."""

    invitation: Invitation
    inviter: str
    tenant: str
    signed_in: Person | None
    has_account: bool
    companies: tuple[queries.Belonging, ...]
    suggested: str

    @property
    def right_person(self) -> bool:
        return self.signed_in is not None and (
            accounts.address_key(self.signed_in.email) == self.invitation.email
        )


@blueprint.get("/invitations/<token>")
@public
def invitation(token: str) -> Page:
    situation = _situation(web.db(), token)
    form = Join(name=situation.invitation.name, company_name=situation.suggested)
    return render_template("joining/invitation.html", form=form, it=situation, token=token, company="new")


def _situation(session: Session, token: str) -> Situation:
    found = queries.invitation_by_token(session, token, now=web.now())
    name, tenant = invitations.inviter(session, found)
    identity = web.maybe_identity()
    person = identity.person if identity else None
    for_vendor = found.purpose == "vendor"
    return Situation(
        found,
        name,
        tenant,
        person,
        accounts.person_by_address(session, found.email) is not None,
        tuple(queries.owned_companies(session, person.id)) if person and for_vendor else (),
        joining.vendor_name(session, found) if for_vendor else "",
    )


@blueprint.post("/invitations/<token>")
@public
def accept(token: str) -> Page:
    """Consumes the invitation. A new person gets an account and a session; a known one must be signed in."""
    with web.portal().database.looking() as session:
        situation = _situation(session, token)
    form = Join(request.form)
    company = request.form.get("company", "new")
    context: dict[str, Any] = {"it": situation, "token": token, "company": company}
    new = not situation.has_account
    if not new and not situation.right_person:
        return redirect(url_for("accounts.sign_in_page", next=url_for(".invitation", token=token)), 303)
    founding = situation.invitation.purpose == "vendor" and company == "new"
    try:
        _validate(form, new=new, founding=founding)
        if new:
            password = form.password.data or ""
            accounts.require_sound(password, about=(form.name.data or "", situation.invitation.email))
            hashed = accounts.hash_password(web.portal().settings, password)
        session = web.db()
        if new:
            person = joining.new_person(
                session, situation.invitation, name=form.name.data or "", password_hash=hashed, now=web.now()
            )
        else:
            assert situation.signed_in is not None
            person = situation.signed_in
        side, slug = joining.accept(
            session,
            token,
            person,
            company_id=None if founding or company == "new" else _company_id(company),
            company_name=form.company_name.data or "",
            now=web.now(),
        )
    except Invalid as fault:
        return web.form_page("joining/invitation.html", form, fault, **context)
    response = web.notice(redirect(web.tenant_home(side, slug), 303), "joined")
    if new:
        agent, client = web.client_agent(), web.client_address()
        opened = accounts.open_session(session, person.id, now=web.now(), agent=agent, client=client)
        csrf.set_session(response, opened)
    return response


def _company_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("Choose one of your companies, or found a new one.") from None


def _validate(form: Join, *, new: bool, founding: bool) -> None:
    """Only what the page asked counts."""
    unasked = ([] if new else [form.name, form.password]) + ([] if founding else [form.company_name])
    for field in unasked:
        field.validators = ()
    if not form.validate():
        raise Invalid
