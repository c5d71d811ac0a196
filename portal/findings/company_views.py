"""The vendor's side: what was found about the company, a plan for it, and the proof that it is settled."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import bodies, clock, web
from portal.access import CompanyRole, Permission, requires
from portal.assessments import documents
from portal.assessments import queries as assessments
from portal.evidence import queries as evidence
from portal.evidence.forms import UploadForm
from portal.evidence.kinds import OTHER
from portal.evidence.receiving import add, receive, send
from portal.evidence.sniffing import ACCEPT
from portal.faults import Conflict, Invalid, NotFound, Unavailable
from portal.findings import forms, lists, queries, remedying, steps, words
from portal.findings.models import Finding
from portal.findings.queries import PROOF
from portal.library import service as library
from portal.listing import Address, an_id, one_of
from portal.organisations import queries as organisations
from portal.paging import page_number

blueprint = Blueprint("remediation", __name__)
Page = str | Response | tuple[str, int]
_ONE = "/c/<company>/findings/<uuid:finding>"


@blueprint.get("/c/<company>/findings")
@requires(Permission.SEE_FINDINGS)
def list_page(company: str) -> Page:
    """What was found, what waits for the company first; ``assessment``: only what came from one."""
    session, identity = web.db(), web.identity()
    state, wanted = one_of("state", lists.OURS), an_id("assessment")
    page = lists.of_company(session, identity, state, wanted, number=page_number(request.args.get("page")))
    from_ = lists.assessments(session, identity, page.rows)
    kept = {"state": state, "assessment": str(wanted or "")}
    href = Address("remediation.list_page", {"company": company}, kept)
    days = {one.id: clock.local_date(web.now(), one.zone) for one in from_.values()}
    return render_template(
        "findings/company_list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        href=href,
        state=state,
        narrowed=wanted is not None,
        counts=lists.counts_of_company(session, identity),
        described=words.described(session, identity, page.rows),
        stands={one.id: words.stand(one, days[one.assessment_id], ours=False) for one in page.rows},
        days=days,
        assessments=from_,
        askers=assessments.askers(session, list(from_.values())),
        people=organisations.people(session, {one.owner_id for one in page.rows if one.owner_id}),
        alone=identity.role is not CompanyRole.OWNER,
    )


@blueprint.get(_ONE)
@requires(Permission.SEE_FINDINGS)
def page(company: str, finding: uuid.UUID) -> Page:
    """What was found, why, what it costs, and what to do next."""
    one = queries.finding(web.db(), web.identity(), finding)
    if one.merged_into is not None:
        return redirect(url_for(".page", company=company, finding=one.merged_into), 303)
    return _page(one, _form(one))


@blueprint.post(_ONE)
@requires(Permission.PROVE_REMEDIATION)
def act(company: str, finding: uuid.UUID) -> Page:
    """``do``: plan or proof."""
    form = forms.Planning(request.form)
    session, identity, now = web.db(), web.identity(), web.now()
    what = request.form.get("do", "")
    chosen = [web.uuid_or_404(text) for text in request.form.getlist("documents")] if what == "proof" else []
    remedying.hold_documents(session, identity, chosen)
    one = queries.finding(session, identity, finding, lock=True)
    form.owner.choices = _colleagues()
    sound, seen = form.validate(), forms.revision(form.seen.data)
    try:
        if not sound:
            raise Invalid
        if what == "plan":
            remedying.propose(
                session,
                one,
                owner_id=_id(form.owner.data),
                due=form.due.data,
                text=form.text.data or "",
                seen=seen,
                today=_today(one),
                actor=identity,
                now=now,
            )
        elif what == "proof":
            remedying.prove(
                session, one, text=form.proof.data or "", documents=chosen, seen=seen, actor=identity, now=now
            )
        else:
            raise NotFound
    except (Invalid, steps.Stale) as fault:
        web.undo()
        stale = isinstance(fault, steps.Stale)
        if isinstance(fault, Invalid):
            form.blame(_at(fault, what))
        else:
            form.form_errors = [fault.message]
        fresh = queries.finding(web.db(), identity, finding)
        if fresh.state not in queries.STANDING or fresh.waits == PROOF:  # there is no such form any more
            raise Conflict(fault.message or steps.MOVED_ON) from fault
        form.seen.data = str(fresh.revision)
        return _page(fresh, form, failed=what), 409 if stale else 422
    return web.notice(_back(company, finding), "finding-planned" if what == "plan" else "finding-proved")


@blueprint.post(f"{_ONE}/documents")
@requires(Permission.MANAGE_EVIDENCE)
@bodies.uploads
def upload(company: str, finding: uuid.UUID) -> Page:
    """A new document for the library, ticked on the page of the finding from then on."""
    app, identity = web.portal(), web.identity()
    with app.database.looking(identity.scope) as looking:
        queries.finding(looking, identity, finding)
    upload_form = UploadForm(request.form)
    try:
        if not upload_form.validate():
            raise Invalid
        stored = receive(upload_form)
        row = add(upload_form, stored)
    except (Invalid, Unavailable) as fault:
        web.undo()
        if isinstance(fault, Invalid):
            upload_form.blame(fault)
        else:
            upload_form.form_errors = [fault.message]
        one = queries.finding(web.db(), identity, finding)
        status = 422 if isinstance(fault, Invalid) else 503
        return _page(one, _form(one), failed="upload", upload=upload_form), status
    return web.notice(_back(company, finding, document=row.id), "document-added")


@blueprint.get(f"{_ONE}/documents/<uuid:evidence>")
@requires(Permission.SEE_FINDINGS)
def open_proof(company: str, finding: uuid.UUID, evidence: uuid.UUID) -> Page:
    """A document that was given as proof, to save."""
    return proof_file(queries.finding(web.db(), web.identity(), finding), evidence)


def proof_file(one: Finding, evidence_id: uuid.UUID) -> Response:
    """The file of a proof, for whichever side has found the finding; what is said of it is what was sealed."""
    session, identity = web.db(), web.identity()
    sealed = queries.proof_document(session, identity, one.id, evidence_id)
    row = evidence.file_of(session, evidence_id)
    if row is None:
        raise NotFound
    if row.sha256 != sealed.sha256 or row.size != sealed.size:
        raise Conflict("The file that is kept is not the one that was sealed, so it is not given out.")
    return send(row, sealed.filename)


# ---------------------------------------------------------------------------------------------------------- inside


def _page(one: Finding, form: forms.Planning, *, failed: str = "", upload: UploadForm | None = None) -> str:
    session, identity = web.db(), web.identity()
    history = queries.steps(session, identity, one.id)
    about = queries.assessment_of(session, identity, one)
    asker = assessments.askers(session, [about])[about.organisation_id]
    today = clock.local_date(web.now(), about.zone)
    chosen = {str(each) for each in (an_id("document"), *map(_id, request.form.getlist("documents"))) if each}
    held = _library(one, chosen)
    return render_template(
        "findings/company_page.html",
        one=one,
        form=form,
        failed=failed,
        upload=upload or UploadForm(data={"kind": OTHER}),
        steps=history,
        about=about,
        asker=asker,
        described=words.described(session, identity, [one])[one.id],
        merged=words.described(session, identity, queries.merged_into(session, identity, one.id)).values(),
        stand=words.stand(one, today, ours=False),
        uncalled=words.uncalled_words(one, ours=False),
        overdue=words.is_overdue(one, today),
        today=today,
        people=organisations.people(session, words.people_in(history, one.owner_id, one.wanted_owner_id)),
        step_words=words.step_words,
        severities=words.SEVERITY_WORDS,
        cost=words.cost_words(one, asker),
        held=held,
        facts={each.id: documents.facts(each) for each in held},
        chosen=chosen,
        accept=ACCEPT,
        whole=identity.role is CompanyRole.OWNER,
        file_of=lambda document: url_for(
            ".open_proof", company=_slug(), finding=one.id, evidence=document.evidence
        ),
        paper_facts=documents.facts,
    )


def _library(one: Finding, chosen: set[str]) -> list[Any]:
    """Documents to tick: the newest of the kind that the question asks for, then the newest, the ticked ones first."""
    session, identity = web.db(), web.identity()
    if one.state not in queries.STANDING or one.waits == PROOF:
        return []
    question = library.definition(session, one.content_hash).questions.get(one.key)
    kind = question.evidence.kind if question is not None and question.evidence is not None else ""
    page = evidence.fitting(session, identity, kind, "", apart=(), number=1)
    there = {str(row.id) for row in page.rows}
    missing = evidence.shared(session, identity, [uuid.UUID(each) for each in chosen if each not in there])
    more = [evidence.document(session, identity, each) for each in missing]
    return [*more, *page.rows]


def _form(one: Finding) -> forms.Planning:
    form = forms.Planning(
        data={
            "seen": str(one.revision),
            "owner": str(one.wanted_owner_id or one.owner_id or web.identity().person.id),
            "due": one.wanted_due or one.due,
        }
    )
    form.owner.choices = _colleagues()
    return form


def _colleagues() -> list[tuple[str, str]]:
    return [
        (
            str(each.person.id),
            _("%(name)s (you)", name=each.person.name) if _is_me(each.person.id) else each.person.name,
        )
        for each in organisations.members(web.db(), web.identity())
    ]


def _is_me(person_id: uuid.UUID) -> bool:
    return person_id == web.identity().person.id


def _at(fault: Invalid, what: str) -> Invalid:
    """The same sentences at the fields of this page: the words of a proof have a field of their own."""
    names = {"text": "proof"} if what == "proof" else {}
    return Invalid(fault.message, errors={names.get(name, name): text for name, text in fault.errors.items()})


def _today(one: Finding) -> Any:
    return clock.local_date(web.now(), queries.assessment_of(web.db(), web.identity(), one).zone)


def _back(company: str, finding: uuid.UUID, **more: Any) -> Response:
    return redirect(url_for(".page", company=company, finding=finding, **more), 303)


def _slug() -> str:
    tenant = web.identity().company
    assert tenant is not None
    return tenant.slug


def _id(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
