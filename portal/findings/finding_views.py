"""One finding for the organisation: what it is, what the vendor says, every step, and what a reviewer may do."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import Identity, Permission, requires
from portal.assessments import documents
from portal.faults import Conflict, Invalid, NotFound
from portal.findings import closing, forms, judging, keeping, lists, queries, steps, words
from portal.findings.company_views import proof_file
from portal.findings.models import Finding
from portal.findings.queries import KNOCKOUT, PLAN, PROOF, SEVERITIES, STANDING
from portal.organisations import queries as organisations
from portal.review import queries as review
from portal.review.marking import Moved
from portal.review.queries import Case
from portal.vendors import queries as vendors

blueprint = Blueprint("finding", __name__)
Page = str | Response | tuple[str, int]
_ONE = "/o/<organisation>/findings/<uuid:finding>"
FULL = 100
# do -> the notice after it
STEPS = {
    "agree": "finding-agreed",
    "refuse": "finding-refused",
    "accept": "finding-accepted",
    "send_back": "finding-sent-back",
    "close": "finding-closed",
    "approve": "finding-closed",
    "decline": "finding-stays",
    "severity": "finding-weighed",
    "merge": "finding-merged",
    "note": "review-noted",
}
# do -> the field of its words, where the services say "reason" or "text"
FIELDS = {"close": "closing_reason", "severity": "severity_reason", "note": "note"}
GRADED = "grade"  # name of the choice to grade the answer with the acceptance


@blueprint.get(_ONE)
@requires(Permission.SEE_REVIEW)
def page(organisation: str, finding: uuid.UUID) -> Page:
    one = queries.finding(web.db(), web.identity(), finding)
    if one.merged_into is not None:
        return redirect(url_for(".page", organisation=organisation, finding=one.merged_into), 303)
    return _page(one, forms.Acting(data={"seen": str(one.revision), "points": str(FULL)}))


@blueprint.post(f"{_ONE}/steps")
@requires(Permission.REVIEW)
def act(organisation: str, finding: uuid.UUID) -> Page:
    """``do``: one of STEPS, or ``preview`` of what a grade would bring: the same page with what was typed."""
    what = request.form.get("do", "")
    form = forms.Acting(request.form)
    if what != "preview" and what not in STEPS:
        raise NotFound
    sound = form.validate()
    try:
        if not sound:
            raise Invalid
        if what == "preview":
            return _preview(finding, form)
        closed = _act(finding, what, form)
    except Invalid as fault:
        return _refused(finding, form, what, fault, 422)
    except (steps.Stale, Moved, judging.NotAsShown) as fault:
        return _refused(finding, form, what, Invalid(fault.message), 409)
    answer = redirect(url_for(".page", organisation=organisation, finding=finding), 303)
    return web.notice(answer, STEPS[what] if closed else "finding-closing")


@blueprint.get(f"{_ONE}/documents/<uuid:evidence>")
@requires(Permission.SEE_REVIEW)
def open_proof(organisation: str, finding: uuid.UUID, evidence: uuid.UUID) -> Page:
    """A document that was given as proof, to save."""
    return proof_file(queries.finding(web.db(), web.identity(), finding), evidence)


# ---------------------------------------------------------------------------------------------------------- inside


def _act(finding_id: uuid.UUID, what: str, form: forms.Acting) -> bool:
    """Do one step; False where it waits for a second person now."""
    session, identity, now = web.db(), web.identity(), web.now()
    graded = what == "accept" and request.form.get(GRADED) == "1"
    case = _case(session, identity, finding_id, lock=True) if graded else None
    if what == "merge":
        _merge(session, identity, finding_id, form)
        return True
    one = steps.hold(session, identity, finding_id)
    text, seen = form.text.data or "", forms.revision(form.seen.data)
    common: dict[str, Any] = {"actor": identity, "now": now}
    match what:
        case "agree":
            judging.agree(session, one, text=text, seen=seen, today=_today(), **common)
        case "refuse":
            judging.refuse(session, one, text=text, seen=seen, **common)
        case "send_back":
            judging.send_back(session, one, text=text, seen=seen, **common)
        case "accept":
            judging.accept(
                session,
                one,
                text=text,
                seen=seen,
                case=case,
                points=_points(form) if graded else None,
                shown=form.shown.data or "",
                unwritten=form.unwritten.data or "",
                consequences=web.portal().rated,
                **common,
            )
        case "close":
            how, reason = form.how.data or "", form.closing_reason.data or ""
            return closing.propose(session, one, how, reason=reason, seen=seen, **common) is None
        case "approve":
            closing.approve(session, one, web.uuid_or_404(request.form.get("closing", "")), **common)
        case "decline":
            closing.refuse(session, one, web.uuid_or_404(request.form.get("closing", "")), **common)
        case "severity":
            reason = form.severity_reason.data or ""
            keeping.weigh(session, one, form.severity.data or "", reason=reason, seen=seen, **common)
        case _:
            keeping.note(session, one, form.note.data or "", **common)
    return True


def _preview(finding_id: uuid.UUID, form: forms.Acting) -> Page:
    """The page with what was typed and what the points would make of the score. Raises Invalid (points), Stale."""
    one = queries.finding(web.db(), web.identity(), finding_id)
    if forms.revision(form.seen.data) != one.revision:
        raise steps.Stale
    _points(form)
    return _page(one, form)


def _merge(session: Session, identity: Identity, finding_id: uuid.UUID, form: forms.Acting) -> None:
    try:
        other_id = uuid.UUID(form.other.data or "")
    except ValueError as error:
        raise Invalid(errors={"other": "Choose the finding that goes into this one."}) from error
    if other_id == finding_id:
        raise Invalid(errors={"other": "Choose another finding."})
    one, other = steps.hold_both(session, identity, finding_id, other_id)
    seen = forms.revision(form.seen.data)
    keeping.merge(session, one, other, seen=seen, actor=identity, now=web.now())


def _refused(
    finding_id: uuid.UUID, form: forms.Acting, what: str, fault: Invalid, status: int
) -> tuple[str, int]:
    """The same page with what was typed; nothing is written.

    Raises Conflict where the page has no such form any more: then what was typed is given back beside the refusal.
    """
    web.undo()
    field = FIELDS.get(what, "text")
    at = {field if name in ("reason", "text") else name: said for name, said in fault.errors.items()}
    form.blame(Invalid(fault.message, at))
    one = queries.finding(web.db(), web.identity(), finding_id)
    if not _offered(one, what):
        raise Conflict(fault.message or steps.MOVED_ON)
    form.seen.data = str(one.revision)
    return _page(one, form, failed=what), status


def _offered(one: Finding, what: str) -> bool:
    """Whether the page of a finding, as it is now, has the form of a step that takes words."""
    if what in ("agree", "refuse"):
        return one.waits == PLAN
    if what in ("accept", "send_back", "preview"):
        return one.waits == PROOF
    if what not in ("close", "severity", "merge"):
        return True
    closing_waits = queries.waiting_closing(web.db(), web.identity(), one.id) is not None
    return one.state in STANDING and not closing_waits


def _page(one: Finding, form: forms.Acting, *, failed: str = "") -> str:
    session, identity = web.db(), web.identity()
    history = queries.steps(session, identity, one.id)
    notes = queries.notes(session, identity, one.id)
    waiting = queries.waiting_closing(session, identity, one.id)
    today = _today()
    others = lists.mergeable(session, identity, one) if identity.may(Permission.REVIEW) else []
    labels = words.described(session, identity, [one, *others])
    form.severity.choices = [(each, words.SEVERITY_WORDS[each]) for each in SEVERITIES]
    form.severity.data = form.severity.data or one.severity
    form.how.choices = [("fixed", words.HOW_WORDS["fixed"]), ("no_fault", words.HOW_WORDS["no_fault"])]
    form.other.choices = [("", "")] + [(str(each.id), _label(labels[each.id])) for each in others]
    who = words.people_in(
        history, one.owner_id, one.wanted_owner_id, waiting.proposed_by if waiting else None
    )
    looks = one.waits == PROOF and identity.may(Permission.REVIEW)
    case = _case(session, identity, one.id) if looks else None
    grade = case if case is not None and judging.gradable(one, case) else None
    form.unwritten.data = case.unwritten if case is not None else ""
    form.shown.data = judging.answer_shown(one, grade) if grade is not None else ""
    return render_template(
        "findings/page.html",
        one=one,
        form=form,
        failed=failed,
        steps=history,
        notes=notes,
        waiting=waiting,
        described=labels[one.id],
        merged=words.described(session, identity, queries.merged_into(session, identity, one.id)).values(),
        stand=words.stand(one, today, ours=True),
        uncalled=words.uncalled_words(one, ours=True),
        overdue=words.is_overdue(one, today),
        today=today,
        zone=organisations.organisation_of(session, identity).zone,
        about=queries.assessment_of(session, identity, one),
        vendor=vendors.vendor(session, identity, one.vendor_id),
        covered=queries.covered(session, identity, [one.id])[one.id],
        people=organisations.people(session, who | {each.author_id for each in notes}),
        step_words=words.step_words,
        severities=words.SEVERITY_WORDS,
        hows=words.HOW_WORDS,
        line=queries.line_of(session, one),
        grave=closing.is_grave(one),
        weighable=one.code != KNOCKOUT,
        grade=grade,
        judged=grade.judgement.marks.get(one.key) if grade is not None else None,
        gain=_gain(one, grade, form),
        graded=request.form.get(GRADED, "") == "1",
        mine=waiting is not None and waiting.proposed_by == identity.person.id,
        file_of=lambda document: url_for(
            ".open_proof", organisation=_slug(), finding=one.id, evidence=document.evidence
        ),
        paper_facts=documents.facts,
    )


def _gain(one: Finding, case: Case | None, form: forms.Acting) -> judging.Gain | None:
    """What the score would become with the points of the form; with all of them where those are none."""
    if case is None:
        return None
    try:
        points = _points(form)
    except Invalid:
        points = FULL
    return judging.gain(one, case, points)


def _case(session: Session, identity: Identity, finding_id: uuid.UUID, *, lock: bool = False) -> Case:
    """The newest submission of the assessment that a finding comes from, as it is judged."""
    one = queries.finding(session, identity, finding_id)
    newest = queries.newest_submission(session, identity, one)
    return review.case(session, identity, newest, lock=lock)


def _points(form: forms.Acting) -> int:
    text = (form.points.data or "").strip()
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > FULL:
        raise Invalid(errors={"points": "Write whole points from 0 to 100."})
    return int(text)


def _label(said: words.Described) -> str:
    text = said.title
    short = text if len(text) <= 90 else f"{text[:89]}…"
    return f"{said.number} {short}".strip()


def _today() -> date:
    own = organisations.organisation_of(web.db(), web.identity())
    return clock.local_date(web.now(), own.zone)


def _slug() -> str:
    tenant = web.identity().organisation
    assert tenant is not None
    return tenant.slug
