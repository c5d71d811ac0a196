"""Campaigns: whom, what and until when; how far each vendor is, what they said; a later date and the end."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import clock, web
from portal.access import Identity, Permission, requires
from portal.assessments.issuing_many import Order
from portal.audit.service import export_made
from portal.campaigns import choosing, queries, results, service, shown
from portal.campaigns.choosing import Choice
from portal.campaigns.forms import Changing, Starting
from portal.campaigns.models import Campaign
from portal.campaigns.service import Wish
from portal.exporting import CHUNK, by_pages, list_file
from portal.faults import Invalid, NotFound
from portal.library import service as library
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from portal.paging import Page as Paged
from portal.paging import page_number
from portal.portfolio import engagement_lists
from portal.vendors import facts
from portal.vendors import queries as vendors

blueprint = Blueprint("campaigns", __name__)
Page = str | WerkzeugResponse | tuple[str, int]
_ALL = "/o/<organisation>/campaigns"
_ONE = f"{_ALL}/<uuid:campaign>"
LIST_HEAD = ("campaign", "state", "due", "time", "zone", *queries.STAGES, "late", "started", "id")
FIRST = 50  # vendors of a preview that are named, of those that are asked and of those that are not


@blueprint.get(_ALL)
@requires(Permission.SEE_VENDORS)
def list_page(organisation: str) -> Page:
    """Campaigns that go on, and those that are closed."""
    session, identity = web.db(), web.identity()
    state = one_of("state", ("closed",))
    number = page_number(request.args.get("page"))
    page = queries.listed(session, identity, closed=state == "closed", number=number)
    href = Address("campaigns.list_page", {"organisation": organisation}, {"state": state})
    running, closed = queries.counts(session, identity)
    return render_template(
        "campaigns/list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        href=href,
        state=state,
        running=running,
        closed=closed,
        progress=queries.progress(session, identity, page.rows, _local(session, identity)),
        states=shown.STATES,
    )


@blueprint.get(f"{_ALL}.csv")
@blueprint.get(f"{_ALL}.xlsx", endpoint="list_xlsx")
@requires(Permission.SEE_VENDORS)
def list_csv(organisation: str) -> Response:
    """Campaigns of one tab, each with how far it is."""
    session, identity = web.db(), web.identity()
    closed, local = one_of("state", ("closed",)) == "closed", _local(session, identity)

    def read(number: int) -> Paged[Campaign]:
        return queries.listed(session, identity, closed=closed, number=number, size=CHUNK)

    def lines() -> Iterator[tuple[Any, ...]]:
        for some in by_pages(read):
            progress = queries.progress(session, identity, some, local)
            for one in some:
                far = progress[one.id]
                stages = (far.stages[stage] for stage in queries.STAGES)
                time = one.due_time.strftime("%H:%M") if one.due_time else ""
                yield one.title, one.state, one.due, time, one.zone, *stages, far.late, one.created_at, one.id

    note = export_made("campaigns", now=web.now(), actor=identity)
    return list_file(f"campaigns-{organisation}-{local.date()}", LIST_HEAD, lines(), note)


@blueprint.get(f"{_ALL}/new")
@requires(Permission.CAMPAIGN)
def new(organisation: str) -> Page:
    """Whom to ask, by filter in the address; then what, until when and why."""
    session, identity = web.db(), web.identity()
    versions = _versions(session, identity)
    if not versions:
        return render_template("campaigns/nothing.html")
    choice = choosing.choice_from(request.args)
    form = Starting(data=_begun(versions, _today(session, identity)))
    wanted = request.args.get("questionnaire", "")
    if any(one.content_hash == wanted for one in versions):
        form.questionnaire.data = wanted
    return _look_over(form, choice, versions, fresh=True)


@blueprint.post(f"{_ALL}/new")
@requires(Permission.CAMPAIGN)
def start(organisation: str) -> Page:
    """``do``: ``preview`` shows whom it asks by another version, ``start`` starts what was looked over."""
    web.undo()  # until it is put on record this request only reads: to choose may take a while
    form = Starting(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    versions = _versions(session, identity)
    if not versions:
        return render_template("campaigns/nothing.html")
    choice = choosing.choice_from(request.form)
    version = next((one for one in versions if one.content_hash == form.questionnaire.data), None)
    if request.form.get("do") == "preview" or (version and form.previewed.data != version.content_hash):
        return _look_over(form, choice, versions)
    try:
        if version is None:
            raise Invalid(errors={"questionnaire": service.NOT_FOR_CAMPAIGNS})
        if not sound or form.due.data is None:
            raise Invalid(errors={} if form.due.errors or form.due.data else {"due": "Choose a day."})
        wish = Wish(
            form.title.data or "",
            version.content_hash,
            form.due.data,
            form.due_time.data,
            form.reason.data or "",
            form.ladder.data or "",
        )
        batch = web.uuid_or_404(form.batch.data or "")
        order = Order(batch, version.content_hash, version.slug, wish.due, wish.reason)
        today = _today(session, identity)
        lines, _total = choosing.lines(session, identity, choice, order, today=today, now=now)
        service.check(wish, organisations.organisation_of(session, identity).zone, now)
        web.undo()
        with web.step() as writing:
            row = service.start(writing, batch, wish, choice.kept(), lines, actor=identity, now=now)
    except Invalid as fault:
        form.blame(fault)
        return _look_over(form, choice, versions), 422
    return web.notice(_to(organisation, row.id), "campaign-started")


@blueprint.get(_ONE)
@requires(Permission.SEE_VENDORS)
def page(organisation: str, campaign: uuid.UUID) -> Page:
    """How far it is, each vendor, and what they said."""
    return _page(queries.campaign(web.db(), web.identity(), campaign), Changing())


@blueprint.get(f"{_ONE}.csv")
@blueprint.get(f"{_ONE}.xlsx", endpoint="page_xlsx")
@requires(Permission.SEE_VENDORS)
def page_file(organisation: str, campaign: uuid.UUID) -> Response:
    """Every answer that was sealed, a row for each vendor."""
    session, identity = web.db(), web.identity()
    row = queries.campaign(session, identity, campaign)
    definition = library.definition(session, row.content_hash)
    asked = results.questions_of(definition)
    found = results.answered(session, identity, row)

    def lines() -> Iterator[list[Any]]:
        for at in range(0, len(found), results.AT_ONCE):
            for one in results.said(session, identity, found[at : at + results.AT_ONCE], definition):
                told = [one.values.get(each.key, "") for each in asked]
                yield [one.vendor.name, one.sealed_at, *told, str(one.vendor.id), str(one.assessment_id)]

    head = ["vendor", "answered", *(each.text for each in asked), "vendor id", "assessment id"]
    return list_file("campaign", head, lines(), export_made("campaign", now=web.now(), actor=identity))


@blueprint.post(f"{_ONE}/change")
@requires(Permission.CAMPAIGN)
def change(organisation: str, campaign: uuid.UUID) -> Page:
    """``do``: ``later``, ``spare`` (stop asking who has not begun) or ``resume``."""
    form = Changing(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    row = queries.campaign(session, identity, campaign, lock=True)
    do = request.form.get("do", "")
    try:
        if not sound:
            raise Invalid
        match do:
            case "later":
                service.put_off(session, row, form.due.data, form.due_time.data, actor=identity, now=now)
            case "spare":
                service.close(session, row, form.text.data or "", spare=True, actor=identity, now=now)
            case "resume":
                service.resume(session, row, actor=identity, now=now)
            case _:
                raise NotFound
    except Invalid as fault:
        return _again(campaign, form, fault)
    return web.notice(_to(organisation, campaign), f"campaign-{do}")


@blueprint.post(f"{_ONE}/close")
@requires(Permission.CAMPAIGN)
def close(organisation: str, campaign: uuid.UUID) -> Page:
    """Take back what is open, and end it."""
    form = Changing(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    row = queries.campaign(session, identity, campaign, lock=True)
    try:
        if not sound:
            raise Invalid
        service.close(session, row, form.text.data or "", actor=identity, now=web.now())
    except Invalid as fault:
        return _again(campaign, form, fault)
    return web.notice(_to(organisation, campaign), "campaign-closed")


# ---------------------------------------------------------------------------------------------------------- inside


def _today(session: Session, identity: Identity) -> date:
    return clock.local_date(web.now(), organisations.organisation_of(session, identity).zone)


def _local(session: Session, identity: Identity) -> datetime:
    return web.now().astimezone(clock.zone_of(organisations.organisation_of(session, identity).zone))


def _versions(session: Session, identity: Identity) -> list[library.Version]:
    """What may be asked: what is made for campaigns, short ones first."""
    found = [one for one in library.available(session, identity) if one.purpose == service.PURPOSE]
    return sorted(found, key=lambda one: one.questions)


def _begun(versions: list[library.Version], today: date) -> dict[str, Any]:
    return {
        "questionnaire": versions[0].content_hash,
        "due": today + timedelta(days=3),
        "ladder": "days",
        "batch": str(uuid.uuid4()),
    }


def _to(organisation: str, campaign: uuid.UUID) -> WerkzeugResponse:
    return redirect(url_for("campaigns.page", organisation=organisation, campaign=campaign), 303)


def _look_over(
    form: Starting, choice: Choice, versions: list[library.Version], *, fresh: bool = False
) -> str:
    """The form with whom it would ask and whom not, by the questionnaire that is chosen in it.

    ``fresh``: its batch was made for this page.
    """
    session, identity, now = web.db(), web.identity(), web.now()
    assert identity.organisation is not None
    form.questionnaire.choices = [
        (one.content_hash, f"{one.title}, {one.version} ({one.questions} questions)") for one in versions
    ]
    chosen = next((one for one in versions if one.content_hash == form.questionnaire.data), versions[0])
    form.previewed.data = chosen.content_hash
    order = Order(web.uuid_or_404(form.batch.data or ""), chosen.content_hash, chosen.slug, date.min, "")
    today = _today(session, identity)
    seen = choosing.look(session, identity, choice, order, fresh=fresh, first=FIRST, today=today, now=now)
    return render_template(
        "campaigns/new.html",
        form=form,
        choice=choice,
        kept=choice.kept(),
        chosen=chosen,
        seen=seen,
        unsearchable=choosing.unsearchable(session, identity, choice, today=today, now=now),
        most=choosing.MOST,
        countries=sorted(facts.country_names().items(), key=lambda one: one[1]),
        owners=vendors.business_owners(session, identity),
        data_labels=engagement_lists.DATA.labels,
        zone=organisations.organisation_of(session, identity).zone,
        failed=bool(form.errors or form.form_errors),
    )


def _again(campaign: uuid.UUID, form: Changing, fault: Invalid) -> tuple[str, int]:
    web.undo()
    form.blame(fault)
    return _page(queries.campaign(web.db(), web.identity(), campaign), form), 422


def _page(row: Campaign, form: Changing) -> str:
    session, identity = web.db(), web.identity()
    local = web.now().astimezone(clock.zone_of(row.zone))
    definition = library.definition(session, row.content_hash)
    said = results.number(session, identity, row)
    tab = one_of("tab", ("answers",))
    stage = one_of("stage", queries.FILTERS)
    key = one_of("question", [one.key for one in results.questions_of(definition) if one.options])
    value = one_of("value", [one.value for one in definition.questions[key].options]) if key else ""
    kept = {"tab": tab, "stage": stage, "question": key, "value": value}
    assert identity.organisation is not None
    href = Address("campaigns.page", {"organisation": identity.organisation.slug, "campaign": row.id}, kept)
    number = page_number(request.args.get("page"))
    if tab == "answers":
        found: Any = results.page(session, identity, row, definition, key=key, value=value, number=number)
    else:
        found = queries.targets(session, identity, row, stage, local=local, number=number)
    return render_template(
        "campaigns/page.html",
        one=row,
        definition=definition,
        questions=results.questions_of(definition),
        page=found,
        pages=found.links(lambda number: href(page=number)),
        href=href,
        said=said,
        tab=tab,
        stage=stage,
        choices=[(each.key, each.text) for each in results.questions_of(definition) if each.options],
        values=[(each.value, each.label) for each in definition.questions[key].options] if key else [],
        key=key,
        value=value,
        progress=queries.progress(session, identity, [row], local)[row.id],
        states=shown.STATES,
        stages=shown.STAGES,
        whys=shown.WHYS,
        chosen=shown.chosen(row.choice, dict(vendors.business_owners(session, identity))),
        people=organisations.people(
            session, {row.created_by} | ({row.closed_by} if row.closed_by else set())
        ),
        form=form,
        now=web.now(),
        today=local.date(),
        failed=bool(form.errors or form.form_errors),
    )
