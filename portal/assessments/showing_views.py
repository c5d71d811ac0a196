"""Documents where they are shown: beside a question, in the sealed submission, and the page of one document."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import bodies, clock, web
from portal.access import Permission, requires
from portal.assessments import answering_moved, documents, queries, reach, result_queries, showing
from portal.assessments.answering_cards import numbers
from portal.assessments.answering_desk import asked_by
from portal.assessments.answering_words import _
from portal.assessments.models import Assessment
from portal.assessments.submitting import AlreadySubmitted
from portal.evidence import queries as evidence_queries
from portal.evidence import service as evidence_service
from portal.evidence.forms import UploadForm
from portal.evidence.kinds import OTHER, evidence_name
from portal.evidence.models import Evidence
from portal.evidence.queries import Beside, state_of
from portal.evidence.receiving import add, receive, refused, send
from portal.evidence.service import LINK_QUOTA_MB
from portal.evidence.sniffing import ACCEPT
from portal.evidence.validity import unfit_words
from portal.faults import Conflict, Invalid, NotFound, Refused, Unavailable
from portal.library import service as library
from portal.listing import Address, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number
from questionnaires.answers import EvidenceItem
from questionnaires.definition import EvidenceRule
from questionnaires.kinds import is_of_kind

blueprint = Blueprint("showing", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
TEMPLATE = "evidence/question.html"
_QUESTION = "/c/<company>/assessments/<uuid:assessment>/sections/<section>/questions/<question>/evidence"
_DOCUMENT = "/c/<company>/evidence/<uuid:evidence>"


# ------------------------------------------------------------------------------------------------- beside a question


@blueprint.get(_QUESTION)
@requires(Permission.SEE_QUESTIONS)
def question(company: str, assessment: uuid.UUID, section: str, question: str) -> Page:
    """What lies beside one answer, the library to choose from, and a place for a new file."""
    one = _open(assessment, section, question)
    rule = library.definition(web.db(), one.content_hash).questions[question].evidence
    form = UploadForm(kinds=(rule.kind,) if rule else (), data={"kind": rule.kind if rule else OTHER})
    return render_template(TEMPLATE, form=form, **_around(one, question))


@blueprint.post(_QUESTION)
@requires(Permission.ATTACH_EVIDENCE)
@bodies.uploads
def upload(company: str, assessment: uuid.UUID, section: str, question: str) -> Page:
    """A new document, laid beside the answer at once; it is in the library from then on."""
    app, identity = web.portal(), web.identity()
    with app.database.looking(identity.scope) as session:
        looked = queries.assessment(session, identity, assessment)
        definition = library.definition(session, looked.content_hash)
        reach.require(session, identity, looked, definition, question, web.now())
        if looked.state != "open":
            raise AlreadySubmitted(looked)
        answering_moved.require_current(looked)
    rule = definition.questions[question].evidence
    form = UploadForm(request.form, kinds=(rule.kind,) if rule else ())
    try:
        if not form.validate():
            raise Invalid
        stored = receive(form)
        one = showing.open_assessment(web.db(), identity, assessment, question, now=web.now())
        answering_moved.require_current(one)
        row = add(form, stored)
        showing.show_new(web.db(), one, question, row, actor=identity, now=web.now())
    except (Invalid, Unavailable) as fault:
        web.undo()
        one = _open(assessment, section, question)
        return refused(TEMPLATE, form, fault, **_around(one, question))
    return web.notice(_back(company, assessment, section, question), "document-shown")


@blueprint.post(f"{_QUESTION}/attach")
@requires(Permission.ATTACH_EVIDENCE)
def attach(company: str, assessment: uuid.UUID, section: str, question: str) -> Page:
    """Documents of the library, laid beside the answer. The library is the company's: not for a link."""
    identity = web.identity()
    if not identity.may(Permission.SEE_EVIDENCE):
        raise Refused("The library belongs to the company. You can upload a document of your own.")
    ids = [web.uuid_or_404(text) for text in request.form.getlist("documents")]
    one = showing.open_assessment(web.db(), identity, assessment, question, now=web.now())
    answering_moved.require_current(one)
    try:
        showing.attach(web.db(), one, question, ids, actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        one = _open(assessment, section, question)
        form = UploadForm(data={"kind": OTHER})
        form.form_errors = [*fault.errors.values(), *([fault.message] if fault.message else [])]
        return render_template(TEMPLATE, form=form, failed=True, **_around(one, question)), 422
    return web.notice(_back(company, assessment, section, question), "document-shown")


@blueprint.post(f"{_QUESTION}/<uuid:evidence>/withdraw")
@requires(Permission.ATTACH_EVIDENCE)
def withdraw(company: str, assessment: uuid.UUID, section: str, question: str, evidence: uuid.UUID) -> Page:
    """Taken away from this answer; it stays in the library."""
    one = showing.open_assessment(web.db(), web.identity(), assessment, question, now=web.now())
    answering_moved.require_current(one)
    try:
        showing.withdraw(web.db(), one, question, evidence, actor=web.identity(), now=web.now())
    except NotFound:
        web.undo()  # a second press: it is away already
    return web.notice(_back(company, assessment, section, question), "document-away")


@blueprint.get(f"{_QUESTION}/<uuid:evidence>")
@requires(Permission.SEE_QUESTIONS)
def open_document(
    company: str, assessment: uuid.UUID, section: str, question: str, evidence: uuid.UUID
) -> Page:
    """A document that lies beside an answer that this person sees, to save."""
    one = _seen(assessment, section, question)
    held = queries.documents_of(web.db(), web.identity(), one).get(question, ())
    found = next((each.document for each in held if each.document.id == evidence), None)
    if found is None:
        raise NotFound
    return send(found)


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/evidence/<uuid:evidence>")
@requires(Permission.SEE_VENDORS)
def open_sealed(organisation: str, assessment: uuid.UUID, evidence: uuid.UUID) -> Page:
    """A document that was sealed for this organisation, to save; what is said of it is what was sealed."""
    sealed = result_queries.sealed_document(web.db(), web.identity(), assessment, evidence)
    row = evidence_queries.file_of(web.db(), evidence)
    if row is None:
        raise NotFound
    if row.sha256 != sealed.sha256 or row.size != sealed.size:
        raise Conflict("The file that is kept is not the one that was sealed, so it is not given out.")
    return send(row, sealed.filename)


# ------------------------------------------------------------------------------------------------- one document


@blueprint.get(_DOCUMENT)
@requires(Permission.SEE_EVIDENCE)
def document(company: str, evidence: uuid.UUID) -> Page:
    """What a document is, where it is shown and since when, and what was done with it."""
    row = evidence_queries.document(web.db(), web.identity(), evidence)
    return render_template("evidence/document.html", **_of(row))


@blueprint.get(f"{_DOCUMENT}/remove")
@requires(Permission.MANAGE_EVIDENCE)
def ask_remove(company: str, evidence: uuid.UUID) -> Page:
    """Asked first: what removing does depends on where the document is shown."""
    row = evidence_queries.document(web.db(), web.identity(), evidence)
    evidence_service.require_manages(web.identity(), row)
    if row.removed_at is not None:
        return redirect(url_for("showing.document", company=company, evidence=evidence), 303)
    return render_template("evidence/remove.html", **_of(row))


@blueprint.post(f"{_DOCUMENT}/remove")
@requires(Permission.MANAGE_EVIDENCE)
def remove(company: str, evidence: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    showing.remove(session, evidence, actor=identity, now=web.now())
    return web.notice(redirect(url_for("evidence.library", company=company), 303), "document-removed")


@blueprint.get(f"{_DOCUMENT}/replace")
@requires(Permission.MANAGE_EVIDENCE)
def ask_replace(company: str, evidence: uuid.UUID) -> Page:
    """A newer document in its stead, wherever it is not sealed yet."""
    row = evidence_queries.document(web.db(), web.identity(), evidence)
    evidence_service.require_manages(web.identity(), row)
    form = UploadForm(kinds=(row.kind,), data={"kind": row.kind, "title": row.title})
    return render_template(
        "evidence/replace.html", form=form, accept=ACCEPT, carry=True, drop=False, **_of(row)
    )


@blueprint.post(f"{_DOCUMENT}/replace")
@requires(Permission.MANAGE_EVIDENCE)
@bodies.uploads
def replace(company: str, evidence: uuid.UUID) -> Page:
    """The newer document is added; it takes the place of the older one where the person ticked that."""
    app, identity = web.portal(), web.identity()
    with app.database.looking(identity.scope) as session:
        row = evidence_queries.document(session, identity, evidence)
        evidence_service.require_manages(identity, row)
        kind = row.kind
    form = UploadForm(request.form, kinds=(kind,))
    carry, drop = (request.form.get(name) == "1" for name in ("carry", "drop"))
    try:
        if not form.validate():
            raise Invalid
        stored = receive(form)
        newer = add(form, stored)
        if carry:
            showing.replace(web.db(), evidence, newer, actor=identity, now=web.now())
        if drop:
            showing.remove(web.db(), evidence, actor=identity, now=web.now())
    except (Invalid, Unavailable) as fault:
        web.undo()
        row = evidence_queries.document(web.db(), identity, evidence)
        return refused(
            "evidence/replace.html", form, fault, accept=ACCEPT, carry=carry, drop=drop, **_of(row)
        )
    answer = redirect(url_for("showing.document", company=company, evidence=newer.id), 303)
    return web.notice(answer, "document-added")


# ------------------------------------------------------------------------------------------------------- parts


def _seen(assessment: uuid.UUID, section: str, key: str) -> Assessment:
    """The assessment, if the question lies in this section and this person sees it; NotFound otherwise."""
    session, identity = web.db(), web.identity()
    one = queries.assessment(session, identity, assessment)
    definition = library.definition(session, one.content_hash)
    reach.require_seen(session, identity, one, definition, key)
    if definition.section_of[key].key != section:
        raise NotFound
    return one


def _open(assessment: uuid.UUID, section: str, key: str) -> Assessment:
    one = _seen(assessment, section, key)
    definition = library.definition(web.db(), one.content_hash)
    reach.require(web.db(), web.identity(), one, definition, key, web.now())
    if one.state != "open":
        raise AlreadySubmitted(one)
    return one


def _back(company: str, assessment: uuid.UUID, section: str, question: str) -> WerkzeugResponse:
    place: dict[str, Any] = {"company": company, "assessment": assessment}
    return redirect(url_for("showing.question", section=section, question=question, **place), 303)


def _around(one: Assessment, key: str) -> dict[str, Any]:
    """Everything on the page of a question but the form."""
    session, identity = web.db(), web.identity()
    definition = library.definition(session, one.content_hash)
    asked = definition.questions[key]
    held = queries.documents_of(session, identity, one).get(key, ())
    place = documents.question_place(one, identity, definition, key)
    people = organisations.people(session, {each.grant.granted_by for each in held})
    today = clock.local_date(web.now(), one.zone)
    shown = documents.views(held, asked.evidence, today, people, place, one.zone)
    return {
        **asked_by(one),
        "one": one,
        "question": asked,
        "number": numbers(definition)[key],
        "section": definition.section_of[key],
        "rule": asked.evidence,
        "kind": evidence_name(asked.evidence.kind) if asked.evidence else "",
        "beside": list(zip(shown, (_mine(each) for each in held), strict=True)),
        "accept": ACCEPT,
        "place": place,
        "link_quota": LINK_QUOTA_MB,
        **_library(asked.evidence, place, {each.document.id for each in held}, today),
    }


def _mine(each: Beside) -> bool:
    """Whether this person may take it away: through a link only what came through it."""
    delegated = web.identity().delegated
    return delegated is None or each.grant.delegation_id == delegated.id


def _library(
    rule: EvidenceRule | None, place: dict[str, Any], apart: Collection[uuid.UUID], today: date
) -> dict[str, Any]:
    """Documents to choose from, those of the kind asked for first and why one would prove nothing; none for a link."""
    session, identity = web.db(), web.identity()
    if not identity.may(Permission.SEE_EVIDENCE):
        return {"library": None, "pages": None, "words": "", "clear": "", "facts": {}, "unfit": {}}
    words = search_words()
    number, kind = page_number(request.args.get("page")), rule.kind if rule else ""
    page = evidence_queries.fitting(session, identity, kind, words, apart=apart, number=number)
    unfit = {each.id: _unfit(rule, each, today) for each in page.rows if rule}
    href = Address("showing.question", place, {"q": words})
    return {
        "library": page,
        "pages": page.links(lambda number: href(page=number)),
        "words": words,
        "clear": href.clear,
        "facts": {each.id: documents.facts(each) for each in page.rows},
        "unfit": unfit,
    }


def _unfit(rule: EvidenceRule, row: Evidence, today: date) -> tuple[str, str]:
    """(words, class) of why a document of the library would prove nothing here; another kind is no fault of it."""
    if row.expires is None or row.expires >= today:
        if not is_of_kind(row.kind, rule.kind):
            return _("It may lie here, but it does not count as what is asked for."), ""
        return unfit_words(rule, EvidenceItem(row.kind, row.issued, row.expires), today), "error"
    return unfit_words(rule, EvidenceItem(rule.kind, row.issued, row.expires), today), "error"


def _of(row: Evidence) -> dict[str, Any]:
    """Everything on the pages of one document."""
    session, identity = web.db(), web.identity()
    places = showing.places(session, identity, row.id)
    history = evidence_queries.history(session, identity, row.id)
    wanted = {row.uploaded_by, *(one.actor_id for one in history if one.actor_id and not one.organisation_id)}
    askers = queries.askers(session, [one.assessment for one in places])
    today = clock.local_date(web.now(), "UTC")
    return {
        "document": row,
        "manages": evidence_service.manages(identity, row),
        "kind": evidence_name(row.kind),
        "size": documents.size_words(row.size),
        "scan": documents.scan_words(row.scan),
        "state": state_of(row, today),
        "places": places,
        "open_places": [one for one in places if not one.sealed],
        "askers": askers,
        "history": history,
        "people": organisations.people(session, wanted),
        "sealed": showing.sealed_with(session, identity, row.id),
    }
