"""The page that returns chosen questions, and what it says while they are with the vendor."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import queries as submissions
from portal.assessments import returning as rounds
from portal.assessments.answering_cards import numbers
from portal.assessments.returning import Return
from portal.faults import Conflict, Invalid
from portal.forms import clean
from portal.organisations import queries as organisations
from portal.review import queries, returning
from portal.review.forms import Reason, Returning
from portal.review.queries import Case
from portal.vendors import queries as vendors

blueprint = Blueprint("returns", __name__)
Page = str | tuple[str, int] | Response
_HERE = "/o/<organisation>/reviews/<uuid:submission>/return"


@blueprint.get(_HERE)
@requires(Permission.SEE_REVIEW)
def choose(organisation: str, submission: uuid.UUID) -> Page:
    """Every question with a box to tick; or, while a return is open, what came back and why."""
    case = queries.case(web.db(), web.identity(), submission)
    if case.assessment.state == rounds.OPEN:
        return _page(case, None, frozenset(), {})
    asked = frozenset(request.args.getlist("keys")) & case.definition.questions.keys()
    return _page(case, Returning(seen=case.unwritten), asked or returning.suggested(case), _offered(case))


@blueprint.post(_HERE)
@requires(Permission.REVIEW)
def give_back(organisation: str, submission: uuid.UUID) -> Page:
    """Write what is not written, then open the round. What was typed stays on a refused page."""
    form = Returning(request.form)
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission, lock=True)
    ticked = frozenset(request.form.getlist("keys")) & case.definition.questions.keys()
    reasons, faults = _reasons(case, ticked)
    wish = Return(
        ticked,
        (form.text.data or "").strip(),
        form.due.data,
        {key: said for key, said in reasons.items() if key in ticked},
    )
    here = redirect(url_for(".choose", organisation=organisation, submission=submission), 303)
    if _pressed_twice(case, ticked):
        return web.notice(here, "returned")
    try:
        if not form.validate() or faults:
            raise Invalid(errors=faults)
        returning.give_back(
            session,
            case,
            wish,
            seen=form.seen.data or "",
            actor=identity,
            now=web.now(),
            consequences=web.portal().rated,
        )
    except (Invalid, Conflict) as fault:
        web.undo()
        fresh = queries.case(web.db(), web.identity(), submission)
        errors = dict(fault.errors) if isinstance(fault, Invalid) else {}
        form.seen.data = fresh.unwritten
        form.seen.raw_data = [fresh.unwritten]
        refused = fault.message if isinstance(fault, Conflict) else ""
        page = _page(fresh, form, ticked, reasons, errors=errors, refused=refused)
        return page, 409 if isinstance(fault, Conflict) else 422
    return web.notice(here, "returned")


@blueprint.post(f"{_HERE}/withdraw")
@requires(Permission.REVIEW)
def withdraw(organisation: str, submission: uuid.UUID) -> Page:
    """Take the return back; a second press finds it taken back."""
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission, lock=True)
    if not case.newest or case.assessment.state != rounds.SUBMITTED:  # else it is taken back: pressed twice
        rounds.withdraw(session, case.assessment, actor=identity, now=web.now())
    here = url_for("reviews.workspace_page", organisation=organisation, submission=submission)
    return web.notice(redirect(here, 303), "return-withdrawn")


# ---------------------------------------------------------------------------------------------------------- inside


def _pressed_twice(case: Case, ticked: frozenset[str]) -> bool:
    """Whether this person has returned exactly these questions already, and they are out."""
    scope = rounds.open_scope(web.db(), web.identity(), case.assessment)
    return scope is not None and (
        scope.returned_by == web.identity().person.id and frozenset(scope.keys) == ticked
    )


def _reasons(case: Case, ticked: frozenset[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What was written at questions, by key, and what is wrong with the words at ticked ones, by field."""
    said, faults = {}, {}
    for key in case.definition.questions:
        typed = request.form.get(f"reason-{key}")
        if typed is None:
            continue
        form = Reason(data={"text": clean(typed)})
        said[key] = (form.text.data or "").strip()
        if key in ticked and not form.validate():
            faults[f"reason-{key}"] = str(form.text.errors[0])
    return said, faults


def _offered(case: Case) -> dict[str, str]:
    """The reasons of marks, offered as words at their questions."""
    session, identity = web.db(), web.identity()
    said = queries.reasons_of(session, identity, case.submission.id)
    return returning.said_of(case, {place: said.get(mark.id, "") for place, mark in case.marks.items()})


def _page(
    case: Case,
    form: Returning | None,
    ticked: frozenset[str],
    reasons: dict[str, str],
    *,
    errors: dict[str, str] | None = None,
    refused: str = "",
) -> str:
    """The page in any state; ``form`` None shows what is with the vendor."""
    session, identity = web.db(), web.identity()
    one, definition = case.assessment, case.definition
    scope = rounds.open_scope(session, identity, one)
    said = rounds.reasons(session, identity, scope) if scope is not None else {}
    asked = rounds.look_of(session, definition, one, case.submission).visible
    errors = {**_form_errors(form), **(errors or {})}
    people = organisations.people(session, [scope.returned_by]) if scope is not None else {}
    return render_template(
        "review/return.html",
        case=case,
        assessment=one,
        submission=case.submission,
        vendor=vendors.vendor(session, identity, one.vendor_id),
        today=clock.local_date(web.now(), one.zone),
        form=form,
        scope=scope,
        who=people[scope.returned_by].name if scope is not None and scope.returned_by in people else "",
        said=said,
        sections=_sections(case, asked, ticked, reasons, errors),
        count=len(ticked),
        may_return=form is not None and case.newest and identity.may(Permission.REVIEW),
        errors=errors,
        refused=refused,
        failed=bool(errors or refused),
        rounds=submissions.rounds(session, identity, one),
    )


def _form_errors(form: Returning | None) -> dict[str, str]:
    return {} if form is None else {each.name: str(each.errors[0]) for each in form if each.errors}


def _sections(
    case: Case, asked: frozenset[str], ticked: frozenset[str], reasons: dict[str, str], errors: dict[str, str]
) -> list[dict[str, Any]]:
    """Every section with its questions as boxes to tick."""
    numbered, marks = numbers(case.definition), case.judgement.marks
    return [
        {
            "key": section.key,
            "number": number,
            "title": section.title,
            "open": any(each.key in ticked for each in section.questions),
            "questions": [
                {
                    "key": each.key,
                    "number": numbered[each.key],
                    "text": each.text,
                    "ticked": each.key in ticked,
                    "asked": each.key in asked,
                    "mark": marks.get(each.key, {}).get("mark", ""),
                    "points": marks.get(each.key, {}).get("points"),
                    "reason": reasons.get(each.key, ""),
                    "error": errors.get(f"reason-{each.key}", ""),
                }
                for each in section.questions
            ],
        }
        for number, section in enumerate(case.definition.sections, 1)
    ]
