"""A page that was rendered from another version of the questionnaire saves nothing, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import jsonify, render_template, request
from werkzeug.wrappers import Response

from portal import web
from portal.assessments import answering_form, move_queries
from portal.assessments.answering_cards import numbers, sealed_card
from portal.assessments.answering_desk import asked_by
from portal.assessments.answering_words import _
from portal.assessments.models import Assessment
from portal.faults import Conflict
from portal.library import service as library

Fields = Iterable[tuple[str, str]]


def is_stale(one: Assessment) -> bool:
    """Whether the form that came was rendered from another version than the assessment has now, while it is open.

    A form that names none is of the only version that there was, unless the assessment has ever been moved.
    """
    posted = request.form.get("version")
    if one.state != "open" or (posted is None and one.moved_at is None):
        return False
    return posted != one.content_hash


def require_current(one: Assessment) -> None:
    """For forms that hold nothing which could be lost. Raises Conflict."""
    if is_stale(one):
        raise Conflict(_message(one))


def page(one: Assessment, section: str, fields: Fields) -> tuple[str, int]:
    """409: why nothing was saved, and what was typed, beside the questions as they stood on that page."""
    web.undo()
    session, identity = web.db(), web.identity()
    # A hash from a form is taken for a version only if this assessment has had it.
    had = move_queries.hashes(session, identity, one) | {one.content_hash}
    posted_hash = request.form.get("version", "")
    definition = library.definition(session, posted_hash if posted_hash in had else one.content_hash)
    chosen = definition.section(section)
    cards = []
    if chosen is not None:
        numbered = numbers(definition)
        typed = answering_form.read(chosen, fields).typed
        cards = [
            sealed_card(definition, question, numbered[question.key], typed[question.key])
            for question in chosen.questions
            if question.key in typed and not typed[question.key].blank
        ]
    here = library.definition(session, one.content_hash).section(section)
    return render_template(
        "answering/moved.html",
        **asked_by(one),
        one=one,
        section=here,
        cards=cards,
        failed=True,
    ), 409


def told(fields: Fields) -> tuple[Response, int]:
    """The same for the autosave script, which keeps the text in its fields."""
    message = _(
        "This questionnaire has been moved to another version since you opened this page, so nothing is saved here. "
        "Press Save to see what to do; what you typed is shown there."
    )
    keys = {name[2:] for name, _value in fields if name.startswith("r.")}
    answer: dict[str, Any] = {
        "saved": {},
        "errors": dict.fromkeys(sorted(keys)[:20], message) or {"version": message},
        "conflicts": {},
        "visible": [],
        "hidden": [],
        "progress": None,
        "reload": False,
    }
    web.undo()
    return jsonify(answer), 409


def _message(one: Assessment) -> str:
    return _(
        "This questionnaire has been moved to version %(version)s since you opened the page. Nothing was saved. "
        "Open the page anew.",
        version=one.version,
    )
