"""The company's side of enquiries: asking, adding, taking back, and everything that was said about an assessment."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import answering_page, enquiries, queries, reach
from portal.assessments import enquiry_queries as asked
from portal.assessments.answering_cards import numbers
from portal.assessments.answering_desk import asked_by
from portal.assessments.enquiry_forms import Asking, Saying
from portal.assessments.enquiry_queries import MORE_TIME, QUESTION, REOPEN, Thread
from portal.assessments.enquiry_words import ASKING, KIND_WORDS, STATE_WORDS
from portal.assessments.models import Assessment
from portal.faults import Conflict, Invalid, NotFound
from portal.library import service as library
from portal.organisations import queries as organisations

blueprint = Blueprint("enquiries", __name__)
Page = str | Response | tuple[str | Response, int]
_ONE = "/c/<company>/assessments/<uuid:assessment>/enquiries"
A_WEEK_OR_TWO = timedelta(days=14)


@blueprint.get(_ONE)
@requires(Permission.SEE_ASSESSMENT)
def threads(company: str, assessment: uuid.UUID) -> Page:
    """Everything that was asked and told about an assessment, and what else can be asked."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    return render_template("answering/enquiries.html", **_threads(one), form=Saying(), wrong=None)


@blueprint.get(f"{_ONE}/question")
@requires(Permission.ASK)
def ask(company: str, assessment: uuid.UUID) -> Page:
    """``?key=``: the question that it is about; without, about the questionnaire as a whole."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    return _form(one, QUESTION, Asking())


@blueprint.post(f"{_ONE}/question")
@requires(Permission.ASK)
def send_question(company: str, assessment: uuid.UUID) -> Page:
    return _send(assessment, QUESTION)


@blueprint.get(f"{_ONE}/<kind>")
@requires(Permission.ASK_FOR_CHANGE)
def wish(company: str, assessment: uuid.UUID, kind: str) -> Page:
    """More time, another person, to decline, to reopen."""
    one = queries.assessment(web.db(), web.identity(), assessment)
    form = Asking()
    if kind == MORE_TIME:
        form.wanted.data = max(one.due, clock.local_date(web.now(), one.zone)) + A_WEEK_OR_TWO
    return _form(one, kind, form)


@blueprint.post(f"{_ONE}/<kind>")
@requires(Permission.ASK_FOR_CHANGE)
def send_wish(company: str, assessment: uuid.UUID, kind: str) -> Page:
    return _send(assessment, kind)


@blueprint.post(f"{_ONE}/<uuid:enquiry>/entries")
@requires(Permission.ASK)
def add(company: str, assessment: uuid.UUID, enquiry: uuid.UUID) -> Page:
    """Say more about what was asked."""
    form = Saying(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    row = asked.enquiry(session, identity, one.id, enquiry, lock=True)
    _require_in_reach(one, row.key)
    try:
        if not sound:
            raise Invalid
        enquiries.carry_on(session, one, row, form.text.data or "", actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        fresh = queries.assessment(web.db(), identity, assessment)
        return web.form_page("answering/enquiries.html", form, fault, **_threads(fresh), wrong=enquiry)
    return web.notice(_to_threads(one, enquiry), "asked")


@blueprint.post(f"{_ONE}/<uuid:enquiry>/withdraw")
@requires(Permission.ASK)
def withdraw(company: str, assessment: uuid.UUID, enquiry: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    row = asked.enquiry(session, identity, one.id, enquiry, lock=True)
    enquiries.withdraw(session, row, actor=identity, now=web.now())
    return web.notice(_to_threads(one, enquiry), "taken-back")


# -------------------------------------------------------------------------------------------------- small helpers


def _send(assessment: uuid.UUID, kind: str) -> Page:
    if kind not in ASKING:
        raise NotFound
    form = Asking(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment, lock=True)
    try:
        if not sound:
            raise Invalid
        row = enquiries.ask(
            session,
            one,
            kind=kind,
            text=form.text.data or "",
            key=request.form.get("key") or None,
            wanted=form.wanted.data,
            name=form.name.data or "",
            email=form.email.data or "",
            actor=identity,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return _form(queries.assessment(web.db(), identity, assessment), kind, form, failed=True), 422
    return web.notice(_to_threads(one, row.id), "asked")


def _to_threads(one: Assessment, enquiry: uuid.UUID) -> Response:
    place = answering_page.place(one, web.identity())
    return redirect(url_for("enquiries.threads", **place, _anchor=f"e-{enquiry}"), 303)


def _form(one: Assessment, kind: str, form: Asking, *, failed: bool = False) -> str:
    if kind not in ASKING:
        raise NotFound
    if kind == REOPEN:
        if one.state not in ("submitted", "declined"):
            raise Conflict("Only what has been submitted or declined can be reopened.")
    elif one.state != "open":
        raise Conflict(
            "This questionnaire is no longer open, so there is nothing to ask before submitting it."
        )
    form.text.label.text = ASKING[kind]["label"]
    key = (request.form if failed else request.args).get("key") or None
    definition = library.definition(web.db(), one.content_hash)
    if key is not None:
        _require_in_reach(one, key)
    people = organisations.people(web.db(), [one.issued_by])
    return render_template(
        "answering/ask.html",
        **asked_by(one),
        one=one,
        kind=kind,
        words=ASKING[kind],
        form=form,
        failed=failed,
        key=key or "",
        question=definition.questions[key] if key else None,
        number=numbers(definition)[key] if key else "",
        section=definition.section_of[key].key if key else "",
        issuer=people.get(one.issued_by),
    )


def _require_in_reach(one: Assessment, key: str | None) -> None:
    if key is not None:
        session = web.db()
        definition = library.definition(session, one.content_hash)
        reach.require_seen(session, web.identity(), one, definition, key)


def _threads(one: Assessment) -> dict[str, Any]:
    """What the page of threads shows; of questions out of reach nothing."""
    session, identity = web.db(), web.identity()
    definition = library.definition(session, one.content_hash)
    held = reach.reach(session, identity, one, definition, web.now())

    def shown(thread: Thread) -> bool:
        key = thread.enquiry.key
        return key is None or held.sees(key) or thread.enquiry.asked_by == identity.person.id

    numbered = numbers(definition)
    found = [each for each in asked.threads(session, identity, one.id) if shown(each)]
    return {
        **asked_by(one),
        "one": one,
        "threads": found,
        "questions": {key: (numbered[key], each.text) for key, each in definition.questions.items()},
        "sections": {key: each.key for key, each in definition.section_of.items()},
        "kinds": KIND_WORDS,
        "states": STATE_WORDS,
        "me": identity.person.id,
        "may_change": identity.may(Permission.ASK_FOR_CHANGE),
        "open_kinds": {each.enquiry.kind for each in found if each.enquiry.state == "open"},
    }
