"""Pages of erasure for organisations, companies and people: propose, look, approve, certificates."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for

from portal import web
from portal.access import Permission, requires
from portal.accounts import service as accounts
from portal.accounts.desk import has_factor, proved, require_own_proof, unproved
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.erasure import people, queries, service, words
from portal.erasure.forms import EraseMe, Propose, ProposeAnswers
from portal.erasure.models import Certificate, Erasure
from portal.erasure.service import Subject
from portal.faults import Invalid
from portal.forms import Form
from portal.library import service as library
from portal.organisations import four_eyes
from portal.paging import page_number

blueprint = Blueprint("erasure", __name__)
Page = str | tuple[str, int] | Any
CLOSING = ("organisation", "company")
ZONE = "UTC"


def _side() -> str:
    return "organisation" if web.identity().organisation is not None else "company"


def _at(**values: Any) -> dict[str, Any]:
    """The tenant's part of an address."""
    tenant = web.identity().organisation or web.identity().company
    assert tenant is not None
    return {_side(): tenant.slug, **values}


def _href(endpoint: str, **values: Any) -> str:
    return url_for(f".{endpoint}_{_side()}", **_at(**values))


def _json_file(body: bytes, name: str) -> Response:
    """``body`` to keep, as ``name``.json."""
    response = Response(body, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response


def common() -> dict[str, Any]:
    return {"words": words, "side": _side(), "erasure_href": _href, "zone": ZONE}


# -------------------------------------------------------------------------------------------------- list and proposal


def _list() -> str:
    session, identity = web.db(), web.identity()
    waiting = queries.proposals(session, identity, page_number(request.args.get("page")))
    done = queries.certificates(session, identity, page_number(request.args.get("certificates")))
    names = queries.names(session, (one.proposed_by for one in waiting.rows))
    return render_template(
        "erasure/list.html",
        proposals=waiting,
        certificates=done,
        names=names,
        about={one.id: queries.about(session, identity, one.kind, one.subject_id) for one in waiting.rows},
        proposal_pages=waiting.links(lambda number: _href("listed", page=number)),
        certificate_pages=done.links(lambda number: _href("listed", certificates=number)),
        **common(),
    )


@blueprint.get("/o/<organisation>/erasures")
@requires(Permission.ERASE)
def listed_organisation(organisation: str) -> Page:
    return _list()


@blueprint.get("/c/<company>/erasures")
@requires(Permission.CLOSE_COMPANY)
def listed_company(company: str) -> Page:
    return _list()


def _questions(row: Erasure) -> list[tuple[str, str]]:
    """Key and text of each question whose answer is to go; of one that the present version does not ask, the key."""
    if not row.keys:
        return []
    one = queries.assessment(web.db(), web.identity(), row.subject_id)
    asked = library.definition(web.db(), one.content_hash).questions
    return [(key, asked[key].text if key in asked else "") for key in row.keys]


def _proposal(erasure: uuid.UUID, errors: list[str] | None = None) -> str:
    session, identity = web.db(), web.identity()
    row = queries.proposal(session, identity, erasure)
    able = service.able(session, identity, row.kind)
    eyes = four_eyes.look(session, identity, now=web.now())
    needs, at = service.permission_for(row.kind), row.proposed_at
    return render_template(
        "erasure/proposal.html",
        row=row,
        about=queries.about(session, identity, row.kind, row.subject_id),
        questions=_questions(row),
        names=queries.names(session, (row.proposed_by, row.settled_by)),
        others=eyes.able(row.proposed_by, needs, proposed_at=at),
        hinders=eyes.sentence(row.proposed_by, needs, proposed_at=at),
        own=row.proposed_by == identity.person.id,
        permitted=identity.person.id in able,
        errors=errors or [],
        **common(),
    )


@blueprint.get("/o/<organisation>/erasures/<uuid:erasure>")
@requires(Permission.ERASE)
def proposal_organisation(organisation: str, erasure: uuid.UUID) -> Page:
    return _proposal(erasure)


@blueprint.get("/c/<company>/erasures/<uuid:erasure>")
@requires(Permission.CLOSE_COMPANY)
def proposal_company(company: str, erasure: uuid.UUID) -> Page:
    return _proposal(erasure)


def _settle(erasure: uuid.UUID) -> Page:
    """Approve or refuse. Who closes a tenant is shown the certificate at once: its pages are gone afterwards."""
    identity = web.identity()
    if request.form.get("go") not in ("approve", "refuse"):
        queries.proposal(web.db(), identity, erasure)
        raise Invalid("Choose whether to approve or to refuse.")
    if request.form["go"] == "refuse":
        service.refuse(web.db(), identity, erasure, now=web.now())
        return web.notice(redirect(_href("listed"), 303), "erasure-refused")
    try:
        require_own_proof(identity, request.form)
    except Invalid as fault:
        web.undo()
        return _proposal(erasure, unproved(fault)), 422
    done = service.approve(web.db(), identity, erasure, now=web.now())
    if done.kind in CLOSING:
        return _certificate_page(done, last=True)
    return web.notice(redirect(_href("certificate", certificate=done.id), 303), "destroyed")


@blueprint.post("/o/<organisation>/erasures/<uuid:erasure>")
@requires(Permission.ERASE)
def settle_organisation(organisation: str, erasure: uuid.UUID) -> Page:
    return _settle(erasure)


@blueprint.post("/c/<company>/erasures/<uuid:erasure>")
@requires(Permission.CLOSE_COMPANY)
def settle_company(company: str, erasure: uuid.UUID) -> Page:
    return _settle(erasure)


# ---------------------------------------------------------------------------------------------------------- proposing


def propose(form: Any, subject: Subject | None, template: str, **context: Any) -> Page:
    """One form for every kind; ``subject`` None while nothing fits yet."""
    try:
        if not form.validate() or subject is None:
            raise Invalid
        row = service.propose(web.db(), web.identity(), subject, form.reason.data or "", now=web.now())
    except Invalid as fault:
        return web.form_page(template, form, fault, **context, **common())
    return web.notice(redirect(_href("proposal", erasure=row.id), 303), "erasure-proposed")


def _answers_context(assessment: uuid.UUID) -> dict[str, Any]:
    with web.portal().database.looking(web.identity().scope) as session:
        one = queries.assessment(session, web.identity(), assessment)
        definition = library.definition(session, one.content_hash)
        about = queries.about(session, web.identity(), "submission", assessment)
    return {"one": one, "definition": definition, "about": about}


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/erase")
@requires(Permission.ERASE)
def erase_answers(organisation: str, assessment: uuid.UUID) -> Page:
    context = _answers_context(assessment)
    return render_template("erasure/answers.html", form=_answers_form(context), **context, **common())


@blueprint.post("/o/<organisation>/assessments/<uuid:assessment>/erase")
@requires(Permission.ERASE)
def propose_answers(organisation: str, assessment: uuid.UUID) -> Page:
    context = _answers_context(assessment)
    form = _answers_form(context, request.form)
    subject = Subject("submission", assessment)
    if form.which.data == "some":
        keys = tuple(form.keys.data or ())
        subject_or_none = Subject("answer", assessment, keys) if keys else None
        if subject_or_none is None and form.validate():
            form.blame(Invalid(errors={"keys": "Tick at least one answer."}))
            return web.form_page("erasure/answers.html", form, **context, **common())
        return propose(form, subject_or_none, "erasure/answers.html", **context)
    return propose(form, subject, "erasure/answers.html", **context)


def _answers_form(context: dict[str, Any], data: Any = None) -> ProposeAnswers:
    form = ProposeAnswers(data)
    form.keys.choices = [(key, one.text) for key, one in context["definition"].questions.items()]
    return form


def _vendor_context(vendor: uuid.UUID) -> dict[str, Any]:
    with web.portal().database.looking(web.identity().scope) as session:
        return {"about": queries.about(session, web.identity(), "vendor", vendor), "vendor_id": vendor}


@blueprint.get("/o/<organisation>/vendors/<uuid:vendor>/offboard")
@requires(Permission.ERASE)
def offboard(organisation: str, vendor: uuid.UUID) -> Page:
    return render_template("erasure/vendor.html", form=Propose(), **_vendor_context(vendor), **common())


@blueprint.post("/o/<organisation>/vendors/<uuid:vendor>/offboard")
@requires(Permission.ERASE)
def propose_vendor(organisation: str, vendor: uuid.UUID) -> Page:
    context = _vendor_context(vendor)
    return propose(Propose(request.form), Subject("vendor", vendor), "erasure/vendor.html", **context)


def _closing(form: Form) -> Page:
    return render_template("erasure/close.html", form=form, **common())


def _propose_closing() -> Page:
    tenant = web.identity().organisation or web.identity().company
    assert tenant is not None
    return propose(Propose(request.form), Subject(_side(), tenant.id), "erasure/close.html")


@blueprint.get("/o/<organisation>/close")
@requires(Permission.CLOSE_ORGANISATION)
def close_organisation(organisation: str) -> Page:
    return _closing(Propose())


@blueprint.post("/o/<organisation>/close")
@requires(Permission.CLOSE_ORGANISATION)
def propose_close_organisation(organisation: str) -> Page:
    return _propose_closing()


@blueprint.get("/c/<company>/close")
@requires(Permission.CLOSE_COMPANY)
def close_company(company: str) -> Page:
    return _closing(Propose())


@blueprint.post("/c/<company>/close")
@requires(Permission.CLOSE_COMPANY)
def propose_close_company(company: str) -> Page:
    return _propose_closing()


# ------------------------------------------------------------------------------------------------------- certificates


def _certificate_page(row: Certificate, *, last: bool = False) -> str:
    found = queries.read(row)
    return render_template(
        "erasure/certificate.html",
        row=row,
        document=found,
        text=row.document.decode(),
        last=last,
        **common(),
    )


def _certificate(certificate: uuid.UUID) -> Page:
    return _certificate_page(queries.certificate(web.db(), web.identity(), certificate))


def _certificate_file(certificate: uuid.UUID) -> Response:
    row = queries.certificate(web.db(), web.identity(), certificate)
    return _json_file(row.document, f"certificate-{row.id}")


@blueprint.get("/o/<organisation>/certificates/<uuid:certificate>")
@requires(Permission.ERASE)
def certificate_organisation(organisation: str, certificate: uuid.UUID) -> Page:
    return _certificate(certificate)


@blueprint.get("/o/<organisation>/certificates/<uuid:certificate>.json")
@requires(Permission.ERASE)
def certificate_file_organisation(organisation: str, certificate: uuid.UUID) -> Response:
    return _certificate_file(certificate)


@blueprint.get("/c/<company>/certificates/<uuid:certificate>")
@requires(Permission.CLOSE_COMPANY)
def certificate_company(company: str, certificate: uuid.UUID) -> Page:
    return _certificate(certificate)


@blueprint.get("/c/<company>/certificates/<uuid:certificate>.json")
@requires(Permission.CLOSE_COMPANY)
def certificate_file_company(company: str, certificate: uuid.UUID) -> Response:
    return _certificate_file(certificate)


# ------------------------------------------------------------------------------------------------------------- people


@blueprint.get("/account/data")
@requires(Permission.ACCOUNT)
def own_data() -> Page:
    return render_template("erasure/person.html", form=EraseMe(), on=has_factor(web.identity().person.id))


@blueprint.get("/account/data.json")
@requires(Permission.ACCOUNT)
def own_copy() -> Response:
    """Everything about the person, as a file; that it was taken is on record before its first byte leaves."""
    person, now = web.identity().person, web.now()
    body = people.export(web.db(), person.id, now=now)
    web.portal().database.record_access(
        lambda session: record(
            session,
            Kind.EXPORTED,
            now=now,
            actor=person.id,
            subject=accounts.about(person.id),
            data={"what": "person"},
        )
    )
    return _json_file(body, "about-me")


@blueprint.post("/account/data")
@requires(Permission.ACCOUNT)
def erase_me() -> Page:
    """The person's own wish, proved by password and code; no session is left afterwards, so this page is the last."""
    form = EraseMe(request.form)
    person = web.identity().person
    on = has_factor(person.id)
    try:
        proved(form, person)
    except Invalid as fault:
        return web.form_page("erasure/person.html", form, fault, on=on)
    done = people.erase(web.db(), person.id, now=web.now())
    nobody: dict[str, Any] = {"viewer": None, "nav": [], "tenants": [], "home": "/"}
    return render_template(
        "erasure/erased.html", row=done, text=done.document.decode(), words=words, **nobody
    )
