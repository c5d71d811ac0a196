"""One decision with the facts it rested on, its conditions, exceptions, and the gate for machines."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Response, jsonify, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import web
from portal.access import Identity, Permission, requires
from portal.faults import Conflict, Invalid
from portal.gate import (
    accepting,
    arranging,
    breaking,
    case,
    conditions,
    machine,
    naming,
    queries,
    recomputing,
    words,
)
from portal.gate.forms import ExceptionForm, NoteForm
from portal.gate.page import Subject
from portal.gate.views import HERE, Page, blueprint, show, to_page
from portal.library.models import WhatIfRow
from portal.organisations import queries as organisations
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from questionnaires.definition import Questionnaire

ACTS: dict[str, Any] = {
    "approve": accepting.approve,
    "refuse": accepting.refuse,
    "revoke": accepting.revoke,
}


@blueprint.get(f"{HERE}/decisions/<uuid:decision>")
@requires(Permission.SEE_GATE)
def decision(organisation: str, engagement: uuid.UUID, decision: uuid.UUID) -> Page:
    """A decision as it was made; it is worked out anew from what is stored, and the page says whether that agrees."""
    return _decision(vendors.engagement(web.db(), web.identity(), engagement), decision)


def _decision(engagement: Engagement, decision: uuid.UUID, form: NoteForm | None = None) -> str:
    session, identity = web.db(), web.identity()
    row = queries.decision(session, identity, engagement.id, decision)
    anew = recomputing.anew(row)
    names = naming.of(session, identity, anew.proposal.grounds, row.evaluation_id)
    said = queries.said(session, identity, [row.id])[row.id]
    steps = queries.steps(session, identity, row.id)
    people = {one.row.taken_by for each in steps.values() for one in each}
    return render_template(
        "gate/decision.html",
        engagement=engagement,
        vendor=vendors.vendor(session, identity, engagement.vendor_id),
        ours=organisations.organisation_of(session, identity),
        row=row,
        said=said,
        anew=anew,
        arranged=arranging.arrange(words.line(one, names) for one in anew.proposal.grounds),
        headline=arranging.headline,
        conditions=arranging.together(
            (one, (words.condition(one, names, said.conditions), steps.get(one.subject, [])))
            for one in anew.choice.conditions
        ),
        words=words,
        people=organisations.people(session, people | queries.deciders(row)),
        newest=queries.newest(session, identity, engagement.id),
        note_form=form or NoteForm(),
    )


@blueprint.post(f"{HERE}/decisions/<uuid:decision>/conditions/<uuid:condition>")
@requires(Permission.DECIDE)
def step_condition(
    organisation: str, engagement: uuid.UUID, decision: uuid.UUID, condition: uuid.UUID
) -> Page:
    """``do``: met or reopened."""
    form = NoteForm(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    found = case.read(session, identity, engagement, now=now, lock=True)
    row = queries.decision(session, identity, engagement, decision)
    try:
        if not sound:
            raise Invalid(errors={})
        conditions.step(
            session,
            found,
            row,
            str(condition),
            request.form.get("do", ""),
            note=form.note.data or "",
            actor=identity,
            now=now,
        )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return show(engagement, note_form=form, failed=True), 422
    return to_page(organisation, engagement, "saved")


# ------------------------------------------------------------------------------------------------------- exceptions


@blueprint.get(f"{HERE}/exceptions/new")
@requires(Permission.DECIDE)
def new_exception(organisation: str, engagement: uuid.UUID) -> Page:
    """``code`` and ``subject`` name the ground."""
    return _exception_form(
        engagement, ExceptionForm(), request.args.get("code", ""), request.args.get("subject", "")
    )


@blueprint.post(f"{HERE}/exceptions/new")
@requires(Permission.DECIDE)
def ask_exception(organisation: str, engagement: uuid.UUID) -> Page:
    form = ExceptionForm(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    found = case.read(session, identity, engagement, now=now, lock=True)
    code, subject = request.form.get("code", ""), request.form.get("subject", "")
    try:
        if not sound:
            accepting.ground(found, code, subject)
            raise Invalid(errors={})
        accepting.ask(
            session,
            found,
            code,
            subject,
            until=form.until.data,
            reason=form.reason.data or "",
            actor=identity,
            now=now,
        )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return _exception_form(engagement, form, code, subject, failed=True), 422
    return to_page(organisation, engagement, "exception-asked")


def _exception_form(
    engagement: uuid.UUID, form: ExceptionForm, code: str, subject: str, *, failed: bool = False
) -> str:
    gate = Subject(web.db(), web.identity(), engagement, now=web.now())
    of = accepting.ground(gate.case, code, subject)
    return render_template(
        "gate/exception.html",
        engagement=gate.case.engagement,
        vendor=gate.case.vendor,
        line=words.line(of, gate.names),
        latest=accepting.latest(gate.case),
        form=form,
        failed=failed,
    )


@blueprint.post(f"{HERE}/exceptions/<uuid:exception>")
@requires(Permission.DECIDE)
def settle_exception(organisation: str, engagement: uuid.UUID, exception: uuid.UUID) -> Page:
    """``do``: approve, refuse (whoever asked takes it back by that) or revoke."""
    session, identity, now = web.db(), web.identity(), web.now()
    found = case.read(session, identity, engagement, now=now, lock=True)
    act = ACTS.get(request.form.get("do", ""))
    if act is None:
        queries.exception(session, identity, engagement, exception)  # a stranger's stays not found
        raise Conflict(_("The page that you sent does not say what you decided. Load it again."))
    row = act(session, found, exception, actor=identity, now=now)
    return to_page(organisation, engagement, f"exception-{row.state}")


# ----------------------------------------------------------------------------------------------------- for machines


@blueprint.get("/o/<organisation>/engagements/<uuid:engagement>/gate.json")
@requires(Permission.SEE_GATE)
def as_json(organisation: str, engagement: uuid.UUID) -> Response:
    """What counts today, for a purchasing system: codes, days and ids; 304 while nothing of it has changed."""
    response = jsonify(machine.plain(web.db(), web.identity(), engagement, now=web.now()))
    response.add_etag()
    response.make_conditional(request)
    return response


def breaks(
    session: Session, identity: Identity, candidate: Questionnaire, rows: Sequence[WhatIfRow]
) -> dict[uuid.UUID, list[str]]:
    """By submission, which decisions that stand a version would break, in sentences; for the pages of what-ifs."""
    found = breaking.broken(session, identity, candidate, rows, now=web.now())
    return {
        submission: [
            _(
                "“%(name)s” is %(before)s today and would be %(after)s",
                name=one.engagement.name,
                before=str(words.OUTCOMES[one.before]).lower(),
                after=str(words.OUTCOMES[one.after]).lower(),
            )
            for one in each
        ]
        for submission, each in found.items()
    }
