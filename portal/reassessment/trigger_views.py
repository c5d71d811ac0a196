"""What asks for a look out of turn: why, about what, and what somebody decides."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import SelectField
from wtforms.validators import Optional

from portal import clock, web
from portal.access import Permission, requires
from portal.faults import Invalid
from portal.forms import DateField, Form
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import trigger_about, trigger_words, triggers

blueprint = Blueprint("triggers", __name__)
Page = str | Response | tuple[str, int]
_ALL = "/o/<organisation>/triggers"


class Deciding(Form):
    """``do``: ``dismiss`` with a code, or ``move`` with a day."""

    code = SelectField("Why nothing follows", [Optional()], validate_choice=False)
    day = DateField("Assess it again by", [Optional()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.code.choices = [(name, str(trigger_words.CODES[name])) for name in triggers.CODES]


@blueprint.get(_ALL)
@requires(Permission.SEE_SCHEDULE)
def list_page(organisation: str) -> Page:
    """What waits for somebody, or what was decided."""
    return _page(organisation, Deciding())


@blueprint.post(f"{_ALL}/<uuid:trigger>/settle")
@requires(Permission.ISSUE)
def settle(organisation: str, trigger: uuid.UUID) -> Page:
    """Nothing follows, or the next assessment is due earlier."""
    form = Deciding(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    row = triggers.trigger(session, identity, trigger, lock=True)
    moves = request.form.get("do") == "move"
    try:
        if not sound:
            raise Invalid
        code = triggers.MOVED if moves else form.code.data or ""
        triggers.settle(session, row, code=code, day=form.day.data, actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return _page(organisation, form, wrong=trigger), 422
    there = url_for("triggers.list_page", organisation=organisation)
    return web.notice(redirect(there, 303), "trigger-moved" if moves else "trigger-settled")


def _page(organisation: str, form: Deciding, *, wrong: uuid.UUID | None = None) -> str:
    session, identity = web.db(), web.identity()
    state = one_of("state", triggers.STATES, triggers.OPEN)
    page = triggers.listed(session, identity, state=state, number=page_number(request.args.get("page")))
    href = Address("triggers.list_page", {"organisation": organisation}, {"state": state})
    settled = {one.trigger.settled_by for one in page.rows if one.trigger.settled_by}
    zone = organisations.organisation_of(session, identity).zone
    return render_template(
        "triggers/list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        href=href,
        state=state,
        kinds=trigger_words.KINDS,
        codes=trigger_words.CODES,
        about=trigger_about.about(session, identity, [one.trigger for one in page.rows]),
        counts=triggers.counts(session, identity),
        people=organisations.people(session, settled),
        zone=zone,
        today=clock.local_date(web.now(), zone),
        form=form,
        plain=Deciding(),
        wrong=wrong,
        failed=wrong is not None,
    )
