"""Issuing to many: chosen in a list, looked over with what goes to whom, then issued in short steps.

Everything is one form that is posted again and again: the choice travels in it, so that nothing has to be kept here.
"""

from __future__ import annotations

import uuid
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import Field, HiddenField, SelectField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length

from portal import web
from portal.access import Identity, Permission, requires
from portal.assessments import issuing, issuing_many
from portal.assessments.issuing_many import MOST, Choice, Line, Order
from portal.clock import local_date
from portal.faults import Invalid
from portal.forms import Form, NoControls, clean, line
from portal.gate import standings
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.paging import first_ids
from portal.portfolio import engagement_lists
from portal.vendors import lists, policy_queries
from questionnaires.dates import parse_date

blueprint = Blueprint("many", __name__)
Page = str | Response | tuple[str, int]


class ManyForm(Form):
    """``batch`` names this order, ``source`` the list behind it; ``previewed``: the version last looked over."""

    questionnaire = SelectField(
        "Questionnaire",
        validators=[InputRequired("Choose a questionnaire.")],
        validate_choice=False,
        description="The newest released version of each. What goes to whom follows from it.",
    )
    due = line(
        "Due",
        required="Choose a day.",
        longest=40,
        description="The last day on which the vendors can submit in time, by your organisation's calendar.",
    )
    reason = TextAreaField(
        "Why you ask",
        [
            InputRequired("Say in a sentence why you ask. Every vendor reads it."),
            Length(max=2000, message="Write at most 2000 characters."),
            NoControls(lines=True),
        ],
        filters=[clean],
        description="One or two sentences. Every vendor reads the same ones, so name nobody.",
    )
    batch = HiddenField()
    source = HiddenField()
    previewed = HiddenField()

    def validate_due(self, field: Field) -> None:
        """A day as year-month-day; whether it may be chosen is the domain's to say."""
        if field.data and parse_date(field.data) is None:
            wrote = field.data[:40]
            raise ValidationError(f"Write a day as year-month-day, like 2026-12-19. You wrote “{wrote}”.")


@blueprint.get("/o/<organisation>/issue-many")
@requires(Permission.ISSUE)
def begin(organisation: str) -> Response:
    """A choice lives in its form alone: whoever comes without one chooses in the list."""
    return redirect(url_for("vendors.vendor_list", organisation=organisation), 303)


@blueprint.post("/o/<organisation>/issue-many")
@requires(Permission.ISSUE)
def choose(organisation: str) -> Page:
    """``do``: ``chosen`` or ``all`` come from a list, ``preview`` and ``issue`` from the form itself."""
    web.undo()  # until the steps that issue, this request only reads
    session, identity = web.db(), web.identity()
    form, do = ManyForm(request.form), request.form.get("do", "chosen")
    form.source.data = "engagements" if form.source.data == "engagements" else "vendors"
    choice, total = _choice(session, identity, form.source.data, every=do == "all")
    if not 0 < total <= MOST:
        return _refused(form, total)
    today = local_date(web.now(), organisations.organisation_of(session, identity).zone)
    versions = [one for one in library.available(session, identity) if one.purpose != "intake"]
    if do not in ("preview", "issue"):
        return _look_over(_fresh(form.source.data, versions, today), choice, versions)
    try:
        order = _order(form, versions, today)
    except Invalid as fault:
        form.blame(fault)
        return _look_over(form, choice, versions), 422
    if do == "preview" or form.previewed.data != order.content_hash:
        return _look_over(form, choice, versions)
    return _issue(form, choice, order)


def _choice(session: Session, identity: Identity, source: str, *, every: bool) -> tuple[Choice, int]:
    """What was ticked, or all that the filter of the list finds; and how many that are."""
    if every and source == "engagements":
        narrowed = engagement_lists.filter_from(request.form)
        own = organisations.organisation_of(session, identity)
        today = local_date(web.now(), own.zone)
        relation = standings.relation(session, identity, today=today, now=web.now())
        policy = policy_queries.current(session, own.id)
        statement = engagement_lists.ids(identity, narrowed, relation, policy, today=today)
    elif every:
        statement = lists.ids(identity, lists.filter_from(request.form))
    if every:
        ids, total = first_ids(session, statement, MOST)
    else:
        ids = list(dict.fromkeys(filter(None, map(_id, request.form.getlist("pick")))))
        total = len(ids)
    return Choice(engagement_ids=tuple(ids)) if source == "engagements" else Choice(tuple(ids)), total


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _refused(form: ManyForm, total: int) -> tuple[str, int]:
    """Nothing chosen, or more than one order takes."""
    return render_template(
        "vendors/issue_many_none.html", form=form, total=total, most=MOST, failed=True
    ), 422


def _fresh(source: str, versions: list[library.Version], today: date) -> ManyForm:
    """The form as it begins: a new batch, four weeks, the first questionnaire."""
    return ManyForm(
        data={
            "source": source,
            "batch": str(uuid.uuid4()),
            "due": issuing.usual_due(today).isoformat(),
            "questionnaire": versions[0].content_hash,
        }
    )


def _order(form: ManyForm, versions: list[library.Version], today: date) -> Order:
    """What the form says; Invalid with a sentence at each field that does not fit."""
    sound = form.validate()
    version = next((one for one in versions if one.content_hash == form.questionnaire.data), None)
    batch, due, reason = _id(form.batch.data or ""), parse_date(form.due.data or ""), form.reason.data or ""
    errors = {} if version else {"questionnaire": "Choose a questionnaire from the list."}
    if sound and due is not None:
        errors |= issuing.order_faults(due, today, reason)
    if not sound or errors or version is None or due is None or batch is None:
        raise Invalid("" if errors or not sound else "Choose the vendors in the list again.", errors)
    return Order(batch, version.content_hash, version.slug, due, reason)


def _look_over(form: ManyForm, choice: Choice, versions: list[library.Version]) -> str:
    """The form with what will go to whom, and what will not, for the questionnaire that is chosen in it."""
    form.questionnaire.choices = {one.content_hash: f"{one.title}, {one.version}" for one in versions}
    chosen = next((one for one in versions if one.content_hash == form.questionnaire.data), versions[0])
    batch = _id(form.batch.data or "") or uuid.uuid4()
    form.previewed.data = chosen.content_hash
    order = Order(batch, chosen.content_hash, chosen.slug, date.min, "")
    lines = issuing_many.plan(web.db(), web.identity(), choice, order)
    return render_template(
        "vendors/issue_many.html",
        form=form,
        chosen=chosen,
        picks=choice.engagement_ids or choice.vendor_ids,
        going=[one for one in lines if not one.why],
        staying=[one for one in lines if one.why],
        failed=bool(form.errors or form.form_errors),
    )


def _issue(form: ManyForm, choice: Choice, order: Order) -> str:
    """In short steps; each line of the plan as it turned out."""
    lines = issuing_many.plan(web.db(), web.identity(), choice, order)
    web.undo()
    found: dict[uuid.UUID, Line] = {}
    for some in issuing_many.steps(lines):
        with web.step() as session:
            found |= issuing_many.issue_step(session, web.identity(), choice, some, order, now=web.now())
    done = [found.get(one.vendor.id, one) for one in lines]
    return render_template(
        "vendors/issue_many_done.html",
        source=form.source.data,
        due=order.due,
        out=[one for one in done if one.why == "issued"],
        staying=[one for one in done if one.why != "issued"],
    )
