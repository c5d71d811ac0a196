"""The contract schedule of an engagement: the page, the annex, one requirement with its steps, what takes two."""

from __future__ import annotations

import uuid
from datetime import date
from typing import IO, Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import clock, web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.contracts import annex, annex_page, cycles, queries, schedule_queries, settling, steps
from portal.contracts.clauses import Part, filled
from portal.contracts.schedule import IN_CONTRACT, LADDER
from portal.contracts.schedule_forms import SettlementForm, StepForm, WaiverForm
from portal.contracts.schedule_queries import Line, Schedule
from portal.exporting import spooled
from portal.faults import Conflict, Invalid
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement, Vendor

blueprint = Blueprint("schedule", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
HERE = "/o/<organisation>/engagements/<uuid:engagement>/schedule"


class Subject:
    """What every page of a schedule is about, read with the identity's own eyes; ``lock`` for what changes it."""

    def __init__(self, engagement: uuid.UUID, *, lock: bool = False) -> None:
        session, identity = web.db(), web.identity()
        self.engagement: Engagement = vendors.engagement(session, identity, engagement, lock=lock)
        self.vendor: Vendor = vendors.vendor(session, identity, self.engagement.vendor_id)
        self.ours: Organisation = organisations.organisation_of(session, identity)
        self.today: date = clock.local_date(web.now(), self.ours.zone)
        self.schedule: Schedule = schedule_queries.read(
            session, identity, self.engagement, self.vendor, self.today
        )

    def clause(self, line: Line) -> tuple[Part, ...]:
        return filled(line.text, organisation=self.ours.name, vendor=self.vendor.name, value=line.value)

    def page(self) -> dict[str, Any]:
        """What each template takes."""
        return {
            "engagement": self.engagement,
            "vendor": self.vendor,
            "ours": self.ours,
            "today": self.today,
            "schedule": self.schedule,
            "clause": self.clause,
        }


@blueprint.get(HERE)
@requires(Permission.SEE_CONTRACT)
def page(organisation: str, engagement: uuid.UUID) -> Page:
    subject = Subject(engagement)
    decided = web.portal().decided_on(web.db(), web.identity(), engagement)
    found = cycles.against_before(web.db(), web.identity(), subject.schedule, decided)
    titles = {one.item.key: one.point.title for one in subject.schedule.lines}
    return render_template(
        "contracts/schedule.html",
        comparison=found,
        titles=titles,
        files={one.id: one for one in schedule_queries.files(web.db(), web.identity(), engagement)},
        **subject.page(),
    )


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/schedule.docx")
@requires(Permission.SEE_CONTRACT)
def as_docx(organisation: str, engagement: uuid.UUID) -> Page:
    paper = _annex(Subject(engagement))
    return _taken(paper, "docx", annex.MEDIA_TYPE, annex.build(paper))


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/schedule.html")
@requires(Permission.SEE_CONTRACT)
def as_html(organisation: str, engagement: uuid.UUID) -> Page:
    paper = _annex(Subject(engagement))
    return _taken(paper, "html", annex_page.MEDIA_TYPE, annex_page.page(paper))


def _annex(subject: Subject) -> annex.Annex:
    """What is called for and not waived, with the reasons that the vendor may read."""
    evaluation = subject.schedule.evaluation
    told = queries.told_vendor(web.db(), web.identity(), evaluation) if evaluation else {}
    states = {"flagged": _("Open"), "proposed": _("Proposed"), "agreed": _("Agreed")}
    entries = [
        annex.Entry(
            one.point.title,
            one.point.must,
            one.point.duty,
            one.point.citations,
            told.get(one.item.key, ""),
            subject.clause(one),
            states.get(one.standing.state, _("In contract")),
        )
        for one in subject.schedule.called
        if one.standing.waived_until is None
    ]
    return annex.Annex(
        subject.ours.name,
        subject.vendor.name,
        subject.engagement.name,
        subject.today,
        evaluation.evaluated_at if evaluation else None,
        entries,
    )


def _taken(paper: annex.Annex, form: str, media_type: str, data: bytes) -> Response:
    """The annex to save, on record before its first byte leaves."""

    def write(file: IO[bytes]) -> int:
        file.write(data)
        return len(paper.entries)

    note = export_made("contract_schedule", now=web.now(), actor=web.identity())
    return spooled(f"contract-schedule.{form}", media_type, write, note)


# ------------------------------------------------------------------------------------------------------ one requirement


@blueprint.get(f"{HERE}/items/<uuid:item>")
@requires(Permission.SEE_CONTRACT)
def item(organisation: str, engagement: uuid.UUID, item: uuid.UUID) -> Page:
    subject = Subject(engagement)
    return _item(subject, subject.schedule.line(item))


@blueprint.post(f"{HERE}/items/<uuid:item>")
@requires(Permission.CONTRACT)
def step(organisation: str, engagement: uuid.UUID, item: uuid.UUID) -> Page:
    """``do``: the state to go to, or ``value`` to change only what stands in the open place."""
    form = StepForm(request.form, prefix="step-")
    sound = form.validate()
    subject = Subject(engagement, lock=True)
    line = subject.schedule.line(item)
    do = request.form.get("do", "")
    try:
        if not sound:
            raise Invalid(errors={})
        steps.step(
            web.db(),
            subject.engagement,
            line,
            line.standing.state if do == "keep" else do,
            seen=form.number,
            value=form.value.data or "",
            reason=form.reason.data or "",
            actor=web.identity(),
            now=web.now(),
        )
    except (Invalid, steps.Stale) as fault:
        return _again(engagement, item, fault, step_form=form)
    return _to_item(organisation, engagement, item, "saved")


@blueprint.post(f"{HERE}/items/<uuid:item>/waiver")
@requires(Permission.CONTRACT)
def propose_waiver(organisation: str, engagement: uuid.UUID, item: uuid.UUID) -> Page:
    form = WaiverForm(request.form, prefix="waiver-")
    sound = form.validate()
    subject = Subject(engagement, lock=True)
    try:
        if not sound:
            raise Invalid(errors={})
        settling.propose_waiver(
            web.db(),
            subject.engagement,
            subject.schedule.line(item),
            until=form.until.data,
            reason=form.reason.data or "",
            seen=form.number,
            today=subject.today,
            actor=web.identity(),
            now=web.now(),
        )
    except (Invalid, steps.Stale) as fault:
        return _again(engagement, item, fault, waiver_form=form)
    return _to_item(organisation, engagement, item, "waiver-proposed")


@blueprint.post(f"{HERE}/waivers/<uuid:waiver>")
@requires(Permission.WAIVE)
def settle_waiver(organisation: str, engagement: uuid.UUID, waiver: uuid.UUID) -> Page:
    """``do``: approve or refuse."""
    subject = Subject(engagement, lock=True)
    row = schedule_queries.waiver(web.db(), web.identity(), engagement, waiver)
    if _decided() == "approve":
        settling.approve_waiver(
            web.db(),
            subject.engagement,
            subject.schedule,
            waiver,
            today=subject.today,
            actor=web.identity(),
            now=web.now(),
        )
    else:
        settling.refuse(web.db(), row, actor=web.identity(), now=web.now())
    return _to_item(organisation, engagement, row.item_id, "saved")


@blueprint.post(f"{HERE}/waivers/<uuid:waiver>/withdraw")
@requires(Permission.CONTRACT)
def withdraw_waiver(organisation: str, engagement: uuid.UUID, waiver: uuid.UUID) -> Page:
    """Whoever may propose may take a proposal off the table; another one's counts as refused."""
    Subject(engagement, lock=True)
    row = schedule_queries.waiver(web.db(), web.identity(), engagement, waiver)
    settling.refuse(web.db(), row, actor=web.identity(), now=web.now())
    return _to_item(organisation, engagement, row.item_id, "saved")


@blueprint.post(f"{HERE}/items/<uuid:item>/settlement")
@requires(Permission.REVIEW)
def settle(organisation: str, engagement: uuid.UUID, item: uuid.UUID) -> Page:
    form = SettlementForm(request.form, prefix="settlement-")
    sound = form.validate()
    subject = Subject(engagement, lock=True)
    try:
        if not sound:
            raise Invalid(errors={})
        row = settling.settle(
            web.db(),
            subject.engagement,
            subject.schedule.line(item),
            form.outcome.data or "",
            reason=form.reason.data or "",
            basis=form.basis.data or "",
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        return _again(engagement, item, fault, settlement_form=form)
    waits = row.state == schedule_queries.WAITING
    return _to_item(organisation, engagement, item, "settlement-waits" if waits else "saved")


@blueprint.post(f"{HERE}/settlements/<uuid:settlement>")
@requires(Permission.REVIEW)
def settle_settlement(organisation: str, engagement: uuid.UUID, settlement: uuid.UUID) -> Page:
    """``do``: approve or refuse."""
    subject = Subject(engagement, lock=True)
    row = schedule_queries.settlement(web.db(), web.identity(), engagement, settlement)
    session, identity, now = web.db(), web.identity(), web.now()
    if _decided() == "approve":
        settling.approve_settlement(
            session, subject.engagement, subject.schedule, settlement, actor=identity, now=now
        )
    else:
        settling.refuse(session, row, actor=identity, now=now)
    return _to_item(organisation, engagement, row.item_id, "saved")


# ---------------------------------------------------------------------------------------------------------- small parts


def _decided() -> str:
    do = request.form.get("do", "")
    if do not in ("approve", "refuse"):
        raise Conflict(_("The page that you sent does not say what you decided. Load it again."))
    return do


def _again(engagement: uuid.UUID, item: uuid.UUID, fault: Invalid | steps.Stale, **forms: Any) -> Page:
    """The page as it stands now with what was typed; 422, or 409 where somebody was faster."""
    web.undo()
    (form,) = forms.values()
    stale = isinstance(fault, steps.Stale)
    if isinstance(fault, Invalid):
        form.blame(fault)
    else:
        form.form_errors = [fault.message]
    subject = Subject(engagement)
    line = subject.schedule.line(item)
    if stale:
        form.seen.data = str(line.sequence)
    return _item(subject, line, **forms), 409 if stale else 422


def _item(subject: Subject, line: Line, **forms: Any) -> str:
    identity = web.identity()
    people = {one.row.by for one in line.steps} | {one.row.second_id for one in line.steps}
    for row in (line.proposal, line.waiting, line.settled):
        people |= {row.proposed_by, row.settled_by} if row is not None else set()
    state = line.standing.state
    waiver_hinders, settlement_hinders = settling.hindrances(
        web.db(), subject.engagement, line, today=subject.today, actor=identity, now=web.now()
    )
    return render_template(
        "contracts/item.html",
        waiver_hinders=waiver_hinders,
        settlement_hinders=settlement_hinders,
        line=line,
        ladder=LADDER,
        ahead=LADDER[LADDER.index(state) + 1] if state not in ("agreed", IN_CONTRACT) else None,
        behind=LADDER[: LADDER.index(state)],
        people=organisations.people(web.db(), {one for one in people if one is not None}),
        me=identity.person.id,
        failed=bool(forms),
        **{
            "step_form": StepForm(data={"seen": line.sequence, "value": line.value}, prefix="step-"),
            "waiver_form": WaiverForm(data={"seen": line.sequence}, prefix="waiver-"),
            "settlement_form": SettlementForm(data={"basis": line.basis}, prefix="settlement-"),
            **forms,
        },
        **subject.page(),
    )


def _to_item(organisation: str, engagement: uuid.UUID, item: uuid.UUID, code: str) -> WerkzeugResponse:
    back = url_for(".item", organisation=organisation, engagement=engagement, item=item)
    return web.notice(redirect(back, 303), code)
