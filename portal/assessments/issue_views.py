"""Issuing assessments and following their progress."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.assessments import enquiry_queries as asked
from portal.assessments import issuing, portfolio_views, returning
from portal.assessments import organisation_queries as queries
from portal.assessments import queries as company_queries
from portal.assessments.answering_cards import numbers
from portal.assessments.enquiry_words import KIND_WORDS, STATE_WORDS
from portal.assessments.issue_forms import IssueForm
from portal.assessments.models import Assessment
from portal.faults import Invalid
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.vendors import facts, service
from portal.vendors import queries as vendors
from portal.vendors.models import Contact, Vendor

blueprint = Blueprint("assessments", __name__)
Page = str | Response | tuple[str, int]


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/issue")
@requires(Permission.ISSUE)
def issue(organisation: str, vendor: uuid.UUID) -> Page:
    """``?engagement=<id>`` ticks one beforehand; a single engagement is ticked anyway."""
    row = vendors.vendor(web.db(), web.identity(), vendor)
    form = IssueForm()
    context = _context(form, row)
    ids = [str(one.id) for one in context["engagements"]]
    asked = request.args.get("engagement", "")
    form.engagements.data = [one for one in ids if one == asked or len(ids) == 1]
    form.due.data = issuing.usual_due(context["today"])
    form.contact.data = context["people"][0][0]
    form.questionnaire.data = context["versions"][0].content_hash
    return render_template("assessments/issue.html", **context)


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/issue")
@requires(Permission.ISSUE)
def send(organisation: str, vendor: uuid.UUID) -> Page:
    form = IssueForm(request.form)
    try:
        if not form.validate():
            raise Invalid
        session, identity = web.db(), web.identity()
        row = vendors.vendor(session, identity, vendor, lock=True)
        assessment = issuing.issue(
            session,
            row,
            engagement_ids=form.chosen_engagements,
            content_hash=form.questionnaire.data or "",
            due=form.due.data or date.min,
            reason=form.reason.data or "",
            contact=_contact(form, row),
            actor=identity,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        context = _context(form, vendors.vendor(web.db(), web.identity(), vendor))
        return web.form_page("assessments/issue.html", context.pop("form"), fault, **context)
    target = url_for(".assessment", organisation=organisation, assessment=assessment.id)
    return web.notice(redirect(target, 303), "issued")


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>")
@requires(Permission.SEE_VENDORS)
def assessment(organisation: str, assessment: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    row = queries.assessment(session, identity, assessment)
    _own, today = portfolio_views.today_of(session, identity)
    vendor = vendors.vendor(session, identity, row.vendor_id)
    people = organisations.people(session, {one for one in (row.issued_by, row.closed_by) if one})
    definition = library.definition(session, row.content_hash)
    numbered = numbers(definition)
    return render_template(
        "assessments/assessment.html",
        assessment=row,
        vendor=vendor,
        engagements=queries.covered(session, identity, [row.id])[row.id],
        issuer=people.get(row.issued_by),
        closer=people.get(row.closed_by) if row.closed_by else None,
        rounds=company_queries.rounds(session, identity, row),
        returns=returning.scopes(session, identity, row),
        threads=asked.threads(session, identity, row.id),
        questions={key: (numbered[key], each.text) for key, each in definition.questions.items()},
        kinds=KIND_WORDS,
        states=STATE_WORDS,
        contact=_contact_of(row, vendor),
        definition=definition,
        standing=queries.standings(session, identity, [row]).get(row.id),
        pinned=_pinned(row),
        today=today,
    )


# -------------------------------------------------------------------------------------------------- small helpers


def _context(form: IssueForm, vendor: Vendor) -> dict[str, Any]:
    """What the page of the form needs; gives the choices to ``form``."""
    session, identity = web.db(), web.identity()
    _own, today = portfolio_views.today_of(session, identity)
    versions = [one for one in library.available(session, identity) if one.purpose != "intake"]
    engagements = vendors.engagements_of(session, identity, vendor.id)
    reached = portfolio_views.contacts_with_state(session, identity, vendor.id)
    form.questionnaire.choices = {one.content_hash: _version_label(one) for one in versions}
    form.engagements.choices = {str(one.id): one.name for one in engagements}
    people = [(str(one.contact.id), f"{one.contact.name}, {one.contact.email}") for one in reached]
    if vendor.company_id is not None:
        people.insert(0, ("", _("The people who look after %(name)s here", name=vendor.name)))
    else:
        people.append(
            ("new", _("Somebody else, whom we invite now") if people else _("A person whom we invite now"))
        )
    form.contact.choices = dict(people)
    return {
        "form": form,
        "vendor": vendor,
        "engagements": engagements,
        "versions": versions,
        "today": today,
        "people": people,
    }


def _version_label(one: library.Version) -> str:
    values = {"title": one.title, "version": one.version, "num": one.questions}
    if one.own:
        return str(_("%(title)s, %(version)s (%(num)s questions, your own)", **values))
    return str(_("%(title)s, %(version)s (%(num)s questions)", **values))


def _contact(form: IssueForm, vendor: Vendor) -> Contact | None:
    """The contact who was chosen, or a new one, whom issuing then invites."""
    session, identity, now = web.db(), web.identity(), web.now()
    chosen = form.contact.data or ""
    if chosen == "new":
        try:
            return service.add_contact(
                session,
                vendor,
                name=form.contact_name.data or "",
                email=form.contact_email.data or "",
                actor=identity,
                now=now,
            )
        except Invalid as fault:
            raise Invalid(
                fault.message, {f"contact_{name}": text for name, text in fault.errors.items()}
            ) from None
    if not chosen:
        return None
    return vendors.contact(session, identity, vendor.id, web.uuid_or_404(chosen))


def _contact_of(row: Assessment, vendor: Vendor) -> Contact | None:
    if row.contact_email is None:
        return None
    return vendors.contact_of(web.db(), web.identity(), vendor.id, row.contact_email)


def _pinned(row: Assessment) -> list[facts.FactInWords]:
    """The facts that the assessment rests on, known ones only, country by name."""
    names = facts.country_names()
    found = []
    for name, value in row.facts.items():
        if name == "vendor.country":
            value = names.get(value, value)
        found.append(facts.fact_in_words(name, value))
    return [one for one in found if one.values]
