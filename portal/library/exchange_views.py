"""Questionnaires as files: a version or a draft to save, a file that becomes a draft."""

from __future__ import annotations

import uuid
from typing import IO, Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as WerkzeugResponse
from wtforms import FileField, SelectField

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.bodies import uploads
from portal.exporting import spooled
from portal.faults import Conflict, Invalid, NotFound, Throttled, Unavailable
from portal.forms import Form, clean, line
from portal.library import diffing, draft_queries, drafts, histories, importing, service
from portal.library.authoring_pace import turn
from portal.library.importing import Import, ImportRefused
from portal.library.models import QuestionnaireDraft
from questionnaires import catalog
from questionnaires.canonical import canonical_bytes, canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.interchange.spreadsheet import SpreadsheetError
from questionnaires.interchange.toml_folder import write_one_file
from questionnaires.interchange.vsaq_writing import MEDIA_TYPE as VSAQ_MEDIA_TYPE
from questionnaires.interchange.vsaq_writing import write_vsaq
from questionnaires.interchange.xlsx_layout import MEDIA_TYPE, write_layout
from questionnaires.parsing import parse_json
from questionnaires.patterns import SLUG, VERSION
from questionnaires.raw import raw

blueprint = Blueprint("exchange", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
FORMS = ("json", "toml", "xlsx", "vsaq")
GOES_ON = "By its number it goes on from your release {label}."
MOST_LINES = 50  # of the faults of a file that is refused
BUSY = 60  # seconds after which to come back, while other files are being read


KINDS = [
    ("", "Find out"),
    ("json", "Our JSON"),
    ("toml", "Our TOML, in one file"),
    ("xlsx", "A spreadsheet (XLSX) in the layout of our export"),
    ("vsaq", "VSAQ"),
    ("mvsp", "MVSP"),
]


class ImportForm(Form):
    """A file, and what it is to be called."""

    file = FileField("File", description="At most 5 MB.")
    source_format = SelectField("What kind of file it is", default="")
    slug = line(
        "Its name in addresses",
        longest=60,
        description="Lower-case letters, digits and _. Leave it empty to take the one in the file.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source_format.choices = KINDS


# ---------------------------------------------------------------------------------------------------------- to save


@blueprint.get("/o/<organisation>/questionnaires/<slug>/<version>/file.<form>")
@requires(Permission.SEE_QUESTIONNAIRES)
def version_file(organisation: str, slug: str, version: str, form: str) -> Page:
    """A version as JSON, one TOML file or a workbook, which come back as it is; or for VSAQ, which holds less."""
    if not SLUG.fullmatch(slug) or not VERSION.fullmatch(version) or form not in FORMS:
        raise NotFound
    found = service.version(web.db(), web.identity(), slug, version)
    return _file(service.definition(web.db(), found.content_hash), f"{slug}-{version}", form)


@blueprint.get("/o/<organisation>/drafts/<uuid:draft>/file.<form>")
@requires(Permission.SEE_FORESIGHT)
def draft_file(organisation: str, draft: uuid.UUID, form: str) -> Page:
    """A draft as it stands: JSON always, the other forms once it has no faults.

    Its number is that of the release that it goes on from, so that it goes on from the same one when it comes back.
    """
    if form not in FORMS:
        raise NotFound
    session, identity = web.db(), web.identity()
    row = draft_queries.draft(session, identity, draft)
    name = f"{row.slug}-draft"
    number = {"version": service.definition(session, row.previous_hash).version} if row.previous_hash else {}
    if form == "json":
        document = {**draft_queries.document_of(row), **number}
        return _save(canonical_json(document), f"{name}.json", "application/json")
    found = diffing.sound(session, identity, row)
    return _file(parse_json(canonical_json({**raw(found), **number}), row.slug), name, form)


def _file(definition: Questionnaire, name: str, form: str) -> Response:
    if form == "json":
        return _save(canonical_bytes(definition), f"{name}.json", "application/json")
    if form == "toml":
        return _save(write_one_file(definition), f"{name}.toml", "application/toml")
    if form == "vsaq":
        return _save(write_vsaq(definition), f"{name}.vsaq.json", VSAQ_MEDIA_TYPE)
    try:
        return _save(write_layout(definition), f"{name}.xlsx", MEDIA_TYPE)
    except SpreadsheetError as error:
        raise Conflict(str(error)) from None


def _save(data: bytes, name: str, media_type: str) -> Response:
    def write(file: IO[bytes]) -> int:
        file.write(data)
        return 1

    return spooled(name, media_type, write, export_made("questionnaire", now=web.now(), actor=web.identity()))


# ------------------------------------------------------------------------------------------------------- to bring in


@blueprint.get("/o/<organisation>/questionnaires/import")
@requires(Permission.AUTHOR)
def import_file(organisation: str) -> Page:
    return render_template("library/import.html", form=ImportForm(), lines=())


def _later(form: ImportForm, fault: Throttled | Unavailable) -> Page:
    """The page again with what was written, why the file was not read, and in a header for how long to wait."""
    web.undo()
    lines = [{"href": "", "text": fault.message}]
    page = render_template("library/import.html", form=form, lines=lines, failed=True)
    status, wait = (429, fault.retry_after) if isinstance(fault, Throttled) else (503, BUSY)
    return Response(page, status, {"Retry-After": str(wait)}, mimetype="text/html")


@blueprint.post("/o/<organisation>/questionnaires/import")
@requires(Permission.AUTHOR)
@uploads
def bring_in(organisation: str) -> Page:
    """Read the file with no transaction open; what cannot be read leaves nothing behind."""
    form = ImportForm(request.form)
    try:
        if not form.validate():
            raise Invalid
        try:
            found = _read(form, request.files.get("file"))
        except (Throttled, Unavailable) as fault:
            return _later(form, fault)
        row = _draft(found)
    except ImportRefused as refused:
        web.undo()
        lines = [{"href": "", "text": one} for one in refused.lines[:MOST_LINES]]
        return render_template("library/import.html", form=form, lines=lines, failed=True), 422
    except Invalid as fault:
        return web.form_page("library/import.html", form, fault, lines=())
    address = url_for("authoring.draft", organisation=organisation, draft=row.id)
    return web.notice(redirect(address, 303), "draft-imported")


def _read(form: ImportForm, sent: FileStorage | None) -> Import:
    if sent is None or not sent.filename:
        raise Invalid(errors={"file": "Choose a file."})
    slug = clean(form.slug.data)
    if slug and not SLUG.fullmatch(slug):
        raise Invalid(errors={"slug": "Write lower-case letters, digits, _ and -, beginning with a letter."})
    data = sent.stream.read(importing.LARGEST_IMPORT + 1)
    identity = web.identity()
    with web.portal().database.looking(identity.scope) as session:
        own = [f"{one.slug}@{one.version}" for one in service.own_versions(session, identity)]
    kind = form.source_format.data or importing.format_of(data, sent.filename)
    name = sent.filename.rpartition(".")[0][:200]
    with turn(identity.session_id, web.now()):
        return importing.read_for_draft(data, kind, slug=slug, name=name, own=own)


def _draft(found: Import) -> QuestionnaireDraft:
    definition = found.definition
    session, identity = web.db(), web.identity()
    earlier = histories.origin(session, identity, definition, found.source_format)
    goes_on = [GOES_ON.format(label=f"{earlier.slug}@{earlier.version}")] if earlier else []
    return drafts.create(
        session,
        raw(definition),
        source_format=found.source_format,
        based_on=definition.based_on,
        base_hash=_hash_of(definition.based_on),
        previous_hash=earlier.content_hash if earlier else None,
        report=[*found.report, *goes_on],
        now=web.now(),
        actor=identity,
    )


def _hash_of(label: str | None) -> str | None:
    """The hash of a base: a shipped version, or one of the organisation's own."""
    if label is None:
        return None
    if label in catalog.shipped():
        return catalog.get(label).content_hash
    slug, _at, number = label.partition("@")
    try:
        return service.version(web.db(), web.identity(), slug, number).content_hash
    except NotFound:
        return None
