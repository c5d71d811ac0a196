"""The company's library of documents: list, table file, adding, changing, opening."""

from __future__ import annotations

import uuid
from datetime import date

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import bodies, clock, web
from portal.access import Permission, requires
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.evidence import queries, service
from portal.evidence.forms import DocumentForm, UploadForm
from portal.evidence.kinds import evidence_name
from portal.evidence.queries import Filter
from portal.evidence.receiving import add, corrected, receive, refused, send
from portal.evidence.sniffing import ACCEPT
from portal.exporting import csv_file
from portal.faults import Invalid, Unavailable
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable

blueprint = Blueprint("evidence", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
MOST_ROWS = 10_000
HEAD = (
    "title",
    "kind",
    "file",
    "issued",
    "valid_until",
    "state",
    "size",
    "sha256",
    "scan",
    "added_at",
    "added_by",
)


@blueprint.app_template_filter("evidence_kind")
def _evidence_kind(kind: str) -> str:
    """A kind of evidence in words, as the beginning of a line."""
    words = evidence_name(kind)
    return words[:1].upper() + words[1:]


def today() -> date:
    """A company has no zone of its own: its library counts days in UTC."""
    return clock.local_date(web.now(), "UTC")


@blueprint.get("/c/<company>/evidence")
@requires(Permission.SEE_EVIDENCE)
def library(company: str) -> Page:
    """Every document of the company, to find, to check and to renew in time."""
    session, identity = web.db(), web.identity()
    narrowed = _narrowed()
    page = queries.listed(
        session, identity, narrowed, today=today(), number=page_number(request.args.get("page"))
    )
    href = _address(company, narrowed)
    columns = [("title", _("Document")), ("kind", _("What it is")), ("issued", _("Issued"))]
    columns += [("expires", _("Valid until")), ("", _("State")), ("uploaded", _("Added"))]
    return render_template(
        "evidence/library.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        kinds=[(one, evidence_name(one)) for one in queries.kinds(session, identity)],
        counts=queries.counts(session, identity, today()),
        states={one.id: queries.state_of(one, today()) for one in page.rows},
        people=organisations.people(session, {one.uploaded_by for one in page.rows}),
        today=today(),
    )


@blueprint.get("/c/<company>/evidence.csv")
@requires(Permission.SEE_EVIDENCE)
def library_csv(company: str) -> Page:
    """The list as narrowed, for a spreadsheet."""
    session, identity, now = web.db(), web.identity(), web.now()
    rows = queries.every(session, identity, _narrowed(), today=today(), most=MOST_ROWS)
    people = organisations.people(session, {one.uploaded_by for one in rows})

    def note(writing: Session, count: int) -> None:
        data = {"what": "evidence_list", "rows": count}
        record(writing, Kind.EXPORTED, now=now, actor=identity, data=data)

    return csv_file(
        "documents",
        HEAD,
        (
            (
                one.title,
                evidence_name(one.kind),
                one.filename,
                one.issued,
                one.expires,
                queries.state_of(one, today()),
                one.size,
                one.sha256,
                one.scan,
                one.uploaded_at,
                people[one.uploaded_by].name if one.uploaded_by in people else "",
            )
            for one in rows
        ),
        note,
    )


@blueprint.get("/c/<company>/evidence/new")
@requires(Permission.MANAGE_EVIDENCE)
def new(company: str) -> Page:
    """A new document for the library; it is shown to nobody until it is laid beside an answer."""
    return render_template("evidence/new.html", form=UploadForm(), accept=ACCEPT)


@blueprint.post("/c/<company>/evidence/new")
@requires(Permission.MANAGE_EVIDENCE)
@bodies.uploads
def create(company: str) -> Page:
    form = UploadForm(request.form)
    try:
        if not form.validate():
            raise Invalid
        document = add(form, receive(form))
    except (Invalid, Unavailable) as fault:
        return refused("evidence/new.html", form, fault, accept=ACCEPT)
    answer = redirect(url_for("showing.document", company=company, evidence=document.id), 303)
    return web.notice(answer, "document-added")


@blueprint.get("/c/<company>/evidence/<uuid:evidence>/edit")
@requires(Permission.MANAGE_EVIDENCE)
def edit(company: str, evidence: uuid.UUID) -> Page:
    """Title, kind and dates; another file is another document."""
    row = queries.document(web.db(), web.identity(), evidence)
    service.require_manages(web.identity(), row)
    form = DocumentForm(
        kinds=(row.kind,), data={name: getattr(row, name) for name in ("kind", "title", "issued", "expires")}
    )
    return render_template("evidence/edit.html", form=form, document=row)


@blueprint.post("/c/<company>/evidence/<uuid:evidence>/edit")
@requires(Permission.MANAGE_EVIDENCE)
def change(company: str, evidence: uuid.UUID) -> Page:
    row = queries.document(web.db(), web.identity(), evidence, lock=True)
    service.require_manages(web.identity(), row)
    form = DocumentForm(request.form, kinds=(row.kind,))
    try:
        if not form.validate():
            raise Invalid
        described = corrected(form.described(), row)
        if not described.title:
            raise Invalid(errors={"title": _("Write a title.")})
        service.check(described, today())
        service.change(web.db(), row, described, actor=web.identity(), now=web.now())
    except Invalid as fault:
        web.undo()
        row = queries.document(web.db(), web.identity(), evidence)
        return web.form_page("evidence/edit.html", form, fault, document=row)
    return web.notice(redirect(url_for("showing.document", company=company, evidence=evidence), 303), "saved")


@blueprint.get("/c/<company>/evidence/<uuid:evidence>/file")
@requires(Permission.SEE_EVIDENCE)
def download(company: str, evidence: uuid.UUID) -> Page:
    """The file, to save; that it was opened is on record."""
    return send(queries.document(web.db(), web.identity(), evidence))


def _narrowed() -> Filter:
    kind = request.args.get("kind", "")[:64]
    return Filter(
        words=search_words(),
        kind=kind if kind.isprintable() else "",
        state=one_of("state", queries.STATES),
        sort=one_of("sort", queries.SORTS, "uploaded"),
        down=request.args.get("down", "1" if "sort" not in request.args else "") == "1",
    )


def _address(company: str, narrowed: Filter) -> Address:
    kept = {"q": narrowed.words, "kind": narrowed.kind, "state": narrowed.state}
    return Address("evidence.library", {"company": company}, kept, narrowed.sort, narrowed.down, "uploaded")
