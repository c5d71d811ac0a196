"""The organisation moves an open assessment to another version of its questionnaire, or takes that back."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField

from portal import web
from portal.access import Permission, requires
from portal.assessments import change_steps, move_queries, moving
from portal.assessments import organisation_queries as assessments
from portal.assessments.enquiry_forms import words
from portal.assessments.models import Assessment
from portal.faults import Invalid
from portal.forms import Form
from portal.library import lineage
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.vendors import queries as vendors
from questionnaires.changes import diff

blueprint = Blueprint("moving", __name__)
Page = str | Response | tuple[str, int]
TEMPLATE = "assessments/move.html"
_MOVE = "/o/<organisation>/assessments/<uuid:assessment>/move"


class Moving(Form):
    """``stamp``: what the page rested on; ``version``: where to."""

    text = words("Why", "The vendor reads it.")
    version = HiddenField()
    stamp = HiddenField()


@blueprint.get(_MOVE)
@requires(Permission.CHANGE_ASSESSMENT)
def page(organisation: str, assessment: uuid.UUID) -> Page:
    """What a move would change, in counts of questions: drafts are the vendor's. Or how to take the last one back."""
    one = assessments.assessment(web.db(), web.identity(), assessment)
    form = Moving(stamp=change_steps.stamp(one))
    return render_template(TEMPLATE, form=form, **_around(one, form))


@blueprint.post(_MOVE)
@requires(Permission.CHANGE_ASSESSMENT)
def ask(organisation: str, assessment: uuid.UUID) -> Page:
    """Ask for the move, or with ``back`` for the way back; the worker does it within seconds."""
    form = Moving(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    one, _vendor = change_steps.lock(session, identity, assessment, seen=form.stamp.data or "")
    said = form.text.data or ""
    try:
        if not sound:
            raise Invalid
        if request.form.get("back"):
            moving.undo(session, one, text=said, actor=identity, now=now)
        else:
            moving.ask(session, one, form.version.data or "", text=said, actor=identity, now=now)
    except Invalid as fault:
        web.undo()
        fresh = assessments.assessment(web.db(), identity, assessment)
        return web.form_page(TEMPLATE, form, fault, **_around(fresh, form))
    answer = redirect(url_for(".page", organisation=organisation, assessment=assessment), 303)
    return web.notice(answer, "move-asked")


def _around(one: Assessment, form: Moving) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    earlier = move_queries.moves(session, identity, one.id)
    waiting = next((each for each in earlier if each.state == move_queries.ASKED), None)
    found = moving.targets(session, identity, one) if one.state == "open" else []
    target = found[-1] if found else None
    form.version.data = target.version if target else ""
    back = moving.undoable(earlier, one)
    people = organisations.people(session, {each.asked_by for each in earlier})
    hashes = {each for move in earlier for each in (move.from_hash, move.to_hash)}
    return {
        "assessment": one,
        "vendor": vendors.vendor(session, identity, one.vendor_id),
        "target": target,
        "counts": _counts(one, target) if target else {},
        "waiting": waiting,
        "back": back,
        "earlier": [each for each in earlier if each.state != move_queries.ASKED],
        "people": people,
        "versions": {each: library.definition(session, each).version for each in hashes},
    }


def _counts(one: Assessment, target: library.Version) -> dict[str, int]:
    """How many questions keep their answer, must be confirmed, are asked anew, come and go."""
    session = web.db()
    old = library.definition(session, one.content_hash)
    new = library.definition(session, target.content_hash)
    found = diff(old, new, lineage.between(session, one.organisation_id, old, new))
    counts = dict.fromkeys(("stay", "confirm", "anew", "new", "gone"), 0)
    for change in found.questions:
        if change.fate == "retired":
            counts["gone"] += 1
        elif change.fate == "added":
            counts["new"] += 1
        elif change.fate == "changed":
            counts["anew"] += 1
        else:
            counts["confirm" if {"text", "options"} & set(change.edits) or change.also else "stay"] += 1
    return counts
