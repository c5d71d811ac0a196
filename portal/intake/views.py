"""Opening an engagement by the intake, answering it again, why the tier is what it is, and the second person's say."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import answering_form
from portal.assessments.answering_cards import Card, numbers, preview_card
from portal.assessments.drafts import EMPTY, Content
from portal.assessments.drafts import read as draft_of
from portal.faults import Conflict, Invalid
from portal.intake import answering, queries, service
from portal.intake.models import Intake, TierProposal
from portal.intake.trace import trace
from portal.library import service as library
from portal.organisations import four_eyes
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from portal.vendors.facts import TIER_HELP, checked_facts, fact_in_words
from portal.vendors.forms import NamedForm, revision_of
from portal.vendors.less import TIER, less
from portal.vendors.models import Engagement, Vendor
from questionnaires.definition import Questionnaire

blueprint = Blueprint("intake", __name__)
Page = str | Response | tuple[str, int]


# ------------------------------------------------------------------------------------------------- a new engagement


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/engagements/intake")
@requires(Permission.INTAKE)
def opening(organisation: str, vendor: uuid.UUID) -> Page:
    row = vendor_queries.vendor(web.db(), web.identity(), vendor)
    return _form_page(NamedForm(), row, None, {}, {})


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/engagements/intake")
@requires(Permission.INTAKE)
def open_engagement(organisation: str, vendor: uuid.UUID) -> Page:
    form = NamedForm(request.form)
    contents, errors = _posted()
    try:
        _require_sound(form, errors)
        answered = answering.read(answering.newest(), contents, _today())
        row = service.open_engagement(
            web.db(),
            vendor_queries.vendor(web.db(), web.identity(), vendor, lock=True),
            answered,
            name=form.name.data or "",
            business_owner_id=_owner(form),
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        found = vendor_queries.vendor(web.db(), web.identity(), vendor)
        return _form_page(form, found, None, contents, _blamed(form, fault, errors)), 422
    return _to_why(organisation, row.id, "engagement-opened")


# --------------------------------------------------------------------------------------------------------- once more


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/intake/again")
@requires(Permission.INTAKE)
def again(organisation: str, engagement: uuid.UUID) -> Page:
    """The newest questionnaire with the answers that hold in its fields, or one's own that wait.

    Somebody else's that wait, and any that were refused, are not offered: whoever saves answers for them.
    """
    session, identity = web.db(), web.identity()
    row = vendor_queries.engagement(session, identity, engagement)
    vendor = vendor_queries.vendor(session, identity, row.vendor_id)
    source, values = queries.to_start_from(session, identity, row)
    definition = answering.newest()
    contents = {
        key: Content("answered", value) for key, value in values.items() if key in definition.questions
    }
    form = NamedForm(data={"name": row.name, "revision": row.revision})
    return _form_page(form, vendor, row, contents, {}, source=source)


@blueprint.post("/o/<organisation>/engagements/<uuid:engagement>/intake/again")
@requires(Permission.INTAKE)
def answer_again(organisation: str, engagement: uuid.UUID) -> Page:
    form = NamedForm(request.form)
    contents, errors = _posted()
    try:
        if errors:
            raise Invalid(errors=errors)
        answered = answering.read(answering.newest(), contents, _today())
        row = vendor_queries.engagement(web.db(), web.identity(), engagement, lock=True)
        _intake, waits = service.answer_again(
            web.db(), row, answered, revision=revision_of(form), actor=web.identity(), now=web.now()
        )
    except (Invalid, service.Stale) as fault:
        web.undo()
        row = vendor_queries.engagement(web.db(), web.identity(), engagement)
        vendor = vendor_queries.vendor(web.db(), web.identity(), row.vendor_id)
        stale = isinstance(fault, service.Stale)
        blamed = _blamed(form, fault, errors) if isinstance(fault, Invalid) else {}
        if stale:  # a fault of one's own is no look at what colleagues did meanwhile
            form.revision.data = str(row.revision)
        return _form_page(form, vendor, row, contents, blamed, stale=stale), 409 if stale else 422
    return _to_why(organisation, engagement, "tier-waits" if waits else "intake-answered")


# ------------------------------------------------------------------------------------------------------ why this tier


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/intake")
@requires(Permission.SEE_VENDORS)
def why(organisation: str, engagement: uuid.UUID) -> Page:
    """Why the tier is what it is; what waits for a second person; every intake there was."""
    session, identity = web.db(), web.identity()
    row = vendor_queries.engagement(session, identity, engagement)
    every = queries.of_engagement(session, identity, row.id)
    waiting = queries.waiting(session, identity, row.id)
    own = organisations.organisation_of(session, identity)

    def of(intake_id: uuid.UUID | None) -> Any:
        found = next((one for one in every if one.id == intake_id), None)
        if found is None:
            return None
        definition = library.definition(session, found.content_hash)
        return trace(definition, found.result, queries.answers(session, identity, found.id))

    hinders = ""
    if waiting is not None:
        eyes = four_eyes.look(session, identity, now=web.now())
        hinders = eyes.sentence(waiting.proposed_by, Permission.INTAKE, proposed_at=waiting.proposed_at)
        hinders = hinders or ("" if service.holds_ground(row, waiting) else service.CHANGED)
    people = {one.answered_by for one in every} | ({waiting.proposed_by} if waiting else set())
    return render_template(
        "intake/why.html",
        engagement=row,
        vendor=vendor_queries.vendor(session, identity, row.vendor_id),
        intake=next((one for one in every if one.id == row.intake_id), None),
        standing=of(row.intake_id),
        waiting=waiting,
        proposed=of(waiting.intake_id) if waiting else None,
        less=_less(row, waiting) if waiting else [],
        described=_described(row, waiting) if waiting else "",
        own_proposal=waiting is not None and waiting.proposed_by == identity.person.id,
        hinders=hinders,
        every=every,
        kept=queries.with_answers(session, identity, row.id),
        fates=queries.settled(session, identity, row.id),
        people=organisations.people(session, people),
        tier_help=TIER_HELP[row.tier],
        zone=own.zone,
    )


@blueprint.post("/o/<organisation>/engagements/<uuid:engagement>/intake/proposals/<uuid:proposal>")
@requires(Permission.INTAKE)
def settle(organisation: str, engagement: uuid.UUID, proposal: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    row = vendor_queries.engagement(session, identity, engagement, lock=True)
    what = request.form.get("do", "")
    if what == "approve":
        service.approve(session, row, proposal, actor=identity, now=web.now())
        return _to_why(organisation, engagement, "tier-approved")
    queries.proposal(session, identity, engagement, proposal)
    if what != "refuse":
        raise Conflict(_("The page that you sent does not say what you decided. Load it again."))
    service.refuse(session, row, proposal, actor=identity, now=web.now())
    return _to_why(organisation, engagement, "tier-refused")


@blueprint.get("/o/<organisation>/intakes/waiting")
@requires(Permission.SEE_VENDORS)
def waiting_list(organisation: str) -> Page:
    """Every intake that asks for less and waits for a second person: which of them one may approve oneself."""
    session, identity = web.db(), web.identity()
    page = queries.all_waiting(session, identity, page_number(request.args.get("page")))
    eyes = four_eyes.look(session, identity, now=web.now())
    hinders = {
        one.id: eyes.sentence(one.proposed_by, Permission.INTAKE, proposed_at=one.proposed_at)
        or ("" if service.holds_ground(bought, one) else service.CHANGED)
        for one, bought, _vendor in page.rows
    }
    return render_template(
        "intake/waiting.html",
        page=page,
        pages=page.links(
            lambda number: url_for(
                ".waiting_list", organisation=organisation, page=number if number > 1 else None
            )
        ),
        hinders=hinders,
        me=identity.person.id,
        people=organisations.people(session, {one.proposed_by for one, _bought, _vendor in page.rows}),
        zone=organisations.organisation_of(session, identity).zone,
    )


# ----------------------------------------------------------------------------------------------------- small helpers


def _described(row: Engagement, waiting: TierProposal) -> str:
    """The description that would hold; "" where it stays, or was destroyed."""
    values = queries.answers(web.db(), web.identity(), waiting.intake_id) or {}
    found = str(values.get(answering.SERVICE, ""))
    return "" if found == row.description else found


def _less(row: Engagement, waiting: TierProposal) -> list[tuple[str, str, str]]:
    """(label, before, after) of what would ask for less; [] once the answers were destroyed."""
    values = queries.answers(web.db(), web.identity(), waiting.intake_id)
    if values is None:
        return []
    after = checked_facts(answering.facts_from(values))

    def words(name: str, facts: Mapping[str, Any]) -> str:
        return ", ".join(fact_in_words(name, facts.get(name)).values) or _("not known")

    return [
        (_("Tier"), row.tier, waiting.to_tier)
        if name == TIER
        else (fact_in_words(name, None).label, words(name, row.facts), words(name, after))
        for name in less(row.tier, row.facts, waiting.to_tier, after)
    ]


def _posted() -> tuple[dict[str, Content], dict[str, str]]:
    """What was posted by question, and what cannot be read of it."""
    contents: dict[str, Content] = {}
    errors: dict[str, str] = {}
    fields = list(request.form.items(multi=True))
    for section in answering.newest().sections:
        posted = answering_form.read(section, fields)
        contents |= posted.typed
        errors |= {key: fault.first for key, fault in posted.faults.items()}
    return contents, errors


def _require_sound(form: NamedForm, errors: Mapping[str, str]) -> None:
    if not form.validate() or errors:
        raise Invalid(errors=dict(errors))


def _owner(form: NamedForm) -> uuid.UUID | None:
    owner = form.business_owner.data or ""
    try:
        return uuid.UUID(owner) if owner else None
    except ValueError:
        sentence = _("Choose a member of your organisation, or nobody.")
        raise Invalid(errors={"business_owner": sentence}) from None


def _blamed(form: NamedForm, fault: Invalid, errors: Mapping[str, str]) -> dict[str, str]:
    """Sentences by question's key; those about the form's own fields are put there."""
    known = answering.newest().questions
    mine = {key: text for key, text in fault.errors.items() if key in known}
    rest = {key: text for key, text in fault.errors.items() if key not in known}
    if rest or fault.message:
        form.blame(Invalid(fault.message, rest))
    return {**errors, **mine}


def _form_page(
    form: NamedForm,
    vendor: Vendor,
    engagement: Engagement | None,
    contents: Mapping[str, Content],
    errors: Mapping[str, str],
    *,
    stale: bool = False,
    source: Intake | None = None,
) -> str:
    owners = vendors.business_owners(web.db(), web.identity())
    form.business_owner.choices = {"": _("Nobody yet"), **{str(key): name for key, name in owners}}
    definition = answering.newest()
    return render_template(
        "intake/form.html",
        form=form,
        vendor=vendor,
        engagement=engagement,
        definition=definition,
        sections=_sections(definition, contents, errors),
        errors=errors,
        numbers=numbers(definition),
        stale=stale,
        source=source,
        people=organisations.people(web.db(), {source.answered_by} if source else set()),
        zone=organisations.organisation_of(web.db(), web.identity()).zone,
        failed=stale or bool(errors or form.errors or form.form_errors),
        currency=organisations.organisation_of(web.db(), web.identity()).currency,
    )


def _sections(
    definition: Questionnaire, contents: Mapping[str, Content], errors: Mapping[str, str]
) -> list[tuple[Any, list[Card]]]:
    blank = draft_of(definition, {}, {}, _today())
    numbered = numbers(definition)
    return [
        (
            section,
            [
                replace(
                    preview_card(blank, question, numbered[question.key]),
                    value=_value(question.type, contents.get(question.key, EMPTY).value),
                    error=errors.get(question.key, ""),
                )
                for question in section.questions
            ],
        )
        for section in definition.sections
    ]


def _value(kind: str, value: Any) -> Any:
    blank: Any = () if kind == "choices" else ""
    return blank if value is None else value


def _today() -> date:
    """The organisation's local date, in a reading of its own: nothing is written while answers are scored."""
    with web.portal().database.looking(web.identity().scope) as session:
        return clock.local_date(web.now(), organisations.organisation_of(session, web.identity()).zone)


def _to_why(organisation: str, engagement: uuid.UUID, code: str) -> Response:
    target = url_for(".why", organisation=organisation, engagement=engagement)
    return web.notice(redirect(target, 303), code)
