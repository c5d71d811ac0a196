"""The workspace: one question of a review at a time, its mark, the range, and what is written into the rating."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import web
from portal.access import Identity, Permission, requires
from portal.accounts import service as accounts
from portal.assessments import asking_back
from portal.assessments import queries as submissions
from portal.faults import Conflict, Invalid, NotFound
from portal.forms import Form
from portal.listing import one_of
from portal.organisations import queries as organisations
from portal.review import forms, marking, queries, reviewing, stranded, workspace
from portal.review.marking import Wish
from portal.review.narrowing import mark_words
from portal.review.queries import ANSWER, Case
from portal.review.workspace import SHOWS, Bench, Standing
from portal.vendors import queries as vendors

blueprint = Blueprint("reviews", __name__)
Page = str | tuple[str, int] | Response | WerkzeugResponse
EXEMPT = "exempt"
TAKEN_OVER = "This was written for the mark that stands. Change it, empty it, or keep it by the tick below."


@blueprint.get("/o/<organisation>/reviews/<uuid:submission>")
@requires(Permission.SEE_REVIEW)
def workspace_page(organisation: str, submission: uuid.UUID) -> Page:
    """``show``: one of SHOWS; ``q``: the question, else the first of the filter."""
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission)
    found = workspace.bench(session, identity, case, one_of("show", SHOWS, "all"))
    return _page(found, request.args.get("q", ""))


@blueprint.post("/o/<organisation>/reviews/<uuid:submission>/marks")
@requires(Permission.REVIEW)
def mark(organisation: str, submission: uuid.UUID) -> Page:
    """Save one mark or take it back (``do``), then on to the next question of the filter."""
    form = forms.Marking(request.form)
    session, identity, now = web.db(), web.identity(), web.now()
    case = queries.case(session, identity, submission, lock=True)
    show = form.show.data if form.show.data in SHOWS else "all"
    key, document, seen = form.key.data or "", form.document.data or "", form.seen.data or ""
    following = None
    try:
        if not form.validate():
            raise Invalid(errors=_faults(form))
        if request.form.get("do") == "withdraw":
            marking.withdraw(session, case, key, document, seen=seen, actor=identity, now=now)
            return web.notice(_to(case, show, key), "mark-withdrawn")
        wish = _unasked(
            form, _wish(form, key, document), workspace.standing_at(session, identity, case, (key, document))
        )
        if document == ANSWER and not case.redacted:
            following = workspace.following(session, identity, case, show, key)
        marking.save(session, case, wish, seen=seen, actor=identity, now=now)
    except Invalid as fault:
        return _refused(submission, show, key, form, fault.errors or {"mark": fault.message}, 422)
    except Conflict as fault:
        return _refused(submission, show, key, form, {"": fault.message}, 409)
    if document != ANSWER:
        return web.notice(_to(case, show, key, "evidence"), "mark-saved")
    return web.notice(_to(case, show, following or key), "mark-saved" if following else "mark-last")


@blueprint.post("/o/<organisation>/reviews/<uuid:submission>/notes")
@requires(Permission.REVIEW)
def note(organisation: str, submission: uuid.UUID) -> Page:
    form = forms.Noting(request.form)
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission, lock=True)
    show = form.show.data if form.show.data in SHOWS else "all"
    key = form.key.data or ""
    try:
        if not form.validate():
            raise Invalid(errors={"text": next(iter(_faults(form).values()))})
        reviewing.note(session, case, key, form.text.data or "", actor=identity, now=web.now())
    except Invalid as fault:
        return _refused(
            submission, show, key, None, {}, 422, noting=(form.text.data or "", fault.errors["text"])
        )
    return web.notice(_to(case, show, key, "notes"), "review-noted")


@blueprint.post("/o/<organisation>/reviews/<uuid:submission>/steps")
@requires(Permission.REVIEW)
def step(organisation: str, submission: uuid.UUID) -> Page:
    """``do``: write, finish, resume, take, takeover or discard."""
    session, identity, now = web.db(), web.identity(), web.now()
    case = queries.case(session, identity, submission, lock=True)
    what = request.form.get("do", "")
    form = forms.Stepping(request.form)
    seen = form.seen.data or "" if form.validate() else ""
    try:
        _step(session, case, what, seen, identity, now)
    except Conflict as fault:
        web.undo()
        fresh = workspace.bench(
            session := web.db(), web.identity(), queries.case(session, identity, submission), "all"
        )
        return _page(fresh, "", errors={"": fault.message}, refused_step=True), 409
    here = url_for(".workspace_page", organisation=organisation, submission=submission)
    return web.notice(redirect(here, 303), f"review-{what}")


# ---------------------------------------------------------------------------------------------------------- inside


def _step(session: Session, case: Case, what: str, seen: str, identity: Identity, now: datetime) -> None:
    if what in ("write", "finish"):
        finish = what == "finish"
        rated = web.portal().rated
        marking.write(session, case, seen=seen, actor=identity, now=now, consequences=rated, finish=finish)
    elif what == "resume":
        reviewing.resume(session, case, actor=identity, now=now)
    elif what == "take":
        reviewing.take(session, case, actor=identity, now=now)
    elif what == "takeover":
        stranded.take_over(session, case, actor=identity, now=now)
    elif what == "discard":
        reviewing.discard(session, case, seen=seen, actor=identity, now=now)
    else:
        raise NotFound


def _unasked(form: forms.Marking, wish: Wish, stands: Standing) -> Wish:
    """The wish, unless points or reason of another mark would go with it unasked: then Invalid.

    A document's refusal that becomes an acceptance leaves its reason behind: the button says all.
    """
    if wish.document != ANSWER:
        same = wish.mark == "accepted" and wish.reason == stands.reason
        return replace(wish, reason="") if same else wish
    if form.keep.data or not stands.mark:
        return wish
    mark, before = form.mark.data or "", EXEMPT if stands.certificate else stands.mark
    if mark == before:
        return wish
    errors = {}
    given = (form.points.data or "").strip() if mark in ("graded", "disproved", EXEMPT) else ""
    if given and given == str(stands.points):
        errors["points"] = TAKEN_OVER
    if stands.reason and wish.reason == stands.reason:
        errors["reason"] = TAKEN_OVER
    if errors:
        raise Invalid(errors=errors)
    return wish


def _faults(form: Form) -> dict[str, str]:
    """The first thing that is wrong with each field."""
    return {field.name: str(field.errors[0]) for field in form if field.errors}


def _wish(form: forms.Marking, key: str, document: str) -> Wish:
    text, mark = (form.points.data or "").strip(), form.mark.data or ""
    points: int | None = None
    if mark in ("graded", "disproved", EXEMPT) and text:
        if not text.isascii() or not text.isdigit():
            raise Invalid(errors={"points": "Write whole points from 0 to 100."})
        points = int(text)
    if not mark:
        raise Invalid(errors={"mark": "Choose a mark first. Nothing was saved."})
    certificate = None
    if mark == EXEMPT:
        try:
            certificate = uuid.UUID(form.certificate.data or "")
        except ValueError as error:
            raise Invalid(errors={"certificate": "Choose the certificate that it rests on."}) from error
        mark, points = "graded", marking.FULL if points is None else points
    return Wish(key, mark, document, points, certificate, form.reason.data or "", form.remark.data or "")


def _to(case: Case, show: str, key: str, anchor: str | None = None) -> WerkzeugResponse:
    return redirect(href(case, show, key, anchor), 303)


def href(case: Case, show: str = "all", key: str = "", anchor: str | None = None) -> str:
    """The address of a question in the workspace, under a filter of SHOWS."""
    tenant = web.identity().organisation
    assert tenant is not None
    values: dict[str, Any] = {"show": "" if show == "all" else show, "q": key}
    return url_for(
        "reviews.workspace_page",
        organisation=tenant.slug,
        submission=case.submission.id,
        _anchor=anchor,
        **{name: value for name, value in values.items() if value},
    )


def _refused(
    submission: uuid.UUID,
    show: str,
    key: str,
    form: forms.Marking | None,
    errors: dict[str, str],
    status: int,
    noting: tuple[str, str] = ("", ""),
) -> Page:
    """The same question again with what was typed, even where it is not asked any more; nothing is written."""
    web.undo()
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission)
    if key not in case.definition.questions:
        raise NotFound
    found = workspace.bench(session, identity, case, show, also=key)
    return _page(found, key, form=form, errors=errors, noting=noting), status


def page_again(submission: uuid.UUID, show: str, key: str, *, asking: tuple[str, str]) -> str:
    """The question again with the words to the vendor that were refused, and why; nothing is written."""
    web.undo()
    session, identity = web.db(), web.identity()
    case = queries.case(session, identity, submission)
    if key not in case.definition.questions:
        raise NotFound
    return _page(workspace.bench(session, identity, case, show, also=key), key, asking=asking)


def _page(
    found: Bench,
    key: str,
    *,
    form: forms.Marking | None = None,
    errors: dict[str, str] | None = None,
    noting: tuple[str, str] = ("", ""),
    asking: tuple[str, str] = ("", ""),
    refused_step: bool = False,
) -> str:
    session, identity = web.db(), web.identity()
    shown = found.shown
    if key not in {one.key for one in found.items}:
        key = shown[0].key if shown else ""
    opened = workspace.opened(session, identity, found, key) if key else None
    case: Case = found.case
    document = (form.document.data or "") if form is not None else ""
    reviewer = found.review.reviewer_id if found.review else None
    return render_template(
        "review/workspace.html",
        bench=found,
        case=case,
        assessment=case.assessment,
        submission=case.submission,
        opened=opened,
        previous=found.next_to(key, -1) if key else None,
        following=found.next_to(key) if key else None,
        range=workspace.range_of(session, identity, found),
        vendor=vendors.vendor(session, identity, case.assessment.vendor_id),
        ours=organisations.organisation_of(session, identity),
        reviewer=organisations.people(session, [reviewer]).get(reviewer) if reviewer else None,
        rounds=submissions.rounds(session, identity, case.assessment),
        href=lambda key="", show=None, anchor=None: href(
            case, found.show if show is None else show, key, anchor
        ),
        papers_of_all=sorted(
            {one.evidence: one for some in case.beside.values() for one in some}.values(),
            key=lambda one: one.title,
        ),
        keys_off=accounts.keys_off(session, identity.person.id),
        typed=_typed(form, opened),
        errors=errors or {},
        refused_step=refused_step,
        typed_answer=form is not None and not document,
        failing_at=_at(opened, document),
        left_behind=queries.left_behind(session, identity, case),
        noting=noting,
        threads=asking_back.of_answer(session, identity, case.assessment.id, key) if key else [],
        asking=asking,
        mark_words=mark_words,
        failed=bool(errors or noting[1] or asking[1]),
    )


def _at(opened: workspace.Opened | None, document: str) -> int:
    """Where a document stands among those of the question, from 1; 0 = nowhere."""
    papers = [str(one.evidence) for one, _stands in opened.papers] if opened else []
    return papers.index(document) + 1 if document in papers else 0


def _typed(form: forms.Marking | None, opened: workspace.Opened | None) -> dict[str, Any]:
    """What the form of the answer shows: what was typed, else what stands. ``paper``: the reason of a document."""
    if form is not None and (form.document.data or "") == ANSWER:
        return {name: form[name].data or "" for name in ("mark", "points", "certificate", "reason", "remark")}
    paper = (form.reason.data or "") if form is not None else ""
    standing = opened.item.standing if opened else workspace.Standing()
    return {
        "mark": EXEMPT if standing.certificate else standing.mark,
        "points": "" if standing.points is None else str(standing.points),
        "certificate": str(standing.certificate or ""),
        "reason": standing.reason,
        "remark": standing.remark,
        "paper": paper,
    }
