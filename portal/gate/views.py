"""The gate of one engagement: its page, deciding, and what waits for a second person."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import web
from portal.access import Permission, requires
from portal.faults import Conflict, Invalid
from portal.gate import approving, case, queries, service
from portal.gate.forms import DecideForm, Hand, RefuseForm, Typed, chosen, read_conditions
from portal.gate.models import GateProposal
from portal.gate.page import Subject, page_of
from portal.gate.queries import REFUSAL

blueprint = Blueprint("gate", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
HERE = "/o/<organisation>/engagements/<uuid:engagement>/gate"
MOST_ROWS = 50


@blueprint.get(HERE)
@requires(Permission.SEE_GATE)
def page(organisation: str, engagement: uuid.UUID) -> Page:
    return show(engagement)


@blueprint.post(HERE)
@requires(Permission.DECIDE)
def decide(organisation: str, engagement: uuid.UUID) -> Page:
    """``do``: decide, or more for one more row of conditions."""
    form = DecideForm(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    found = case.read(session, identity, engagement, now=now, lock=True)
    typed = read_conditions(request.form, found.proposal)
    if request.form.get("do") == "more":
        web.undo()
        form.reason.errors = []
        hands = (*typed.hands, Hand(str(uuid.uuid4())))[:MOST_ROWS]
        return show(engagement, form=form, typed=Typed(typed.rules, hands))
    try:
        choice, words = chosen(form, typed)
        _require_readable(sound, typed)
        if choice is None:
            raise Invalid(errors={"outcome": _("Choose an outcome.")})
        row = service.decide(
            session,
            found,
            choice,
            reason=form.reason.data or "",
            words=words,
            seen=form.seen.data or "",
            without_own=case.without_own(session, found, identity, now=now),
            actor=identity,
            now=now,
        )
    except (Invalid, service.Stale) as fault:
        return _again(engagement, fault, form, typed)
    waits = isinstance(row, GateProposal)
    return to_page(organisation, engagement, "gate-proposed" if waits else "gate-decided")


def _require_readable(sound: bool, typed: Typed) -> None:
    if not sound:
        raise Invalid(errors={})
    if typed.fault:
        raise Invalid(errors={"conditions": typed.fault})


def _again(
    engagement: uuid.UUID, fault: Invalid | service.Stale, form: DecideForm, typed: Typed
) -> tuple[str, int]:
    """The page as it stands now with what was typed; 422, or 409 where the case has moved on."""
    web.undo()
    stale = isinstance(fault, service.Stale)
    if isinstance(fault, Invalid):
        form.blame(fault)
    else:
        form.form_errors = [fault.message]
    return show(engagement, form=form, typed=typed, failed=True, stale=stale), 409 if stale else 422


@blueprint.post(f"{HERE}/proposals/<uuid:proposal>")
@requires(Permission.DECIDE)
def settle(organisation: str, engagement: uuid.UUID, proposal: uuid.UUID) -> Page:
    """``do``: approve (with ``seal``), refuse (with a reason) or withdraw."""
    form = RefuseForm(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    found = case.read(session, identity, engagement, now=now, lock=True)
    do = request.form.get("do", "")
    if do == "approve":
        seal = request.form.get("seal", "")
        row = approving.approve(session, found, proposal, seal=seal, actor=identity, now=now)
        return to_page(organisation, engagement, "gate-decided" if row else "gate-overtaken")
    if do == "withdraw":
        approving.withdraw(session, found, proposal, actor=identity, now=now)
        return to_page(organisation, engagement, "gate-withdrawn")
    queries.proposal(session, identity, engagement, proposal)  # a stranger's stays not found
    if do != "refuse":
        raise Conflict(_("The page that you sent does not say what you decided. Load it again."))
    try:
        if not sound:
            raise Invalid(errors={})
        reason = form[REFUSAL].data or ""
        approving.refuse(session, found, proposal, reason=reason, actor=identity, now=now)
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return show(engagement, refusal=form, failed=True), 422
    return to_page(organisation, engagement, "gate-refused")


def show(engagement: uuid.UUID, **typed: Any) -> str:
    """The page as it stands, with what was ``typed`` and is not done."""
    subject = Subject(web.db(), web.identity(), engagement, now=web.now())
    return render_template("gate/page.html", **page_of(subject, **typed))


def to_page(organisation: str, engagement: uuid.UUID, code: str) -> WerkzeugResponse:
    """Back to the page, with a notice."""
    back = url_for(".page", organisation=organisation, engagement=engagement)
    return web.notice(redirect(back, 303), code)
