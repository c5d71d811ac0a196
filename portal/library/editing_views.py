"""The parts of a draft, each on its page: header, a section, a question. Two editors never overwrite each other.

A page posts the digest of the part that it showed. The same part: it is replaced. Another: 409 with both, field by
field, and mine stays in the form. A fault never keeps a part from being saved, only what no draft may hold does.
"""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import web
from portal.access import Permission, requires
from portal.faults import Conflict, Invalid, NotFound
from portal.library import authoring_pages as pages
from portal.library import draft_drawing, draft_queries, draft_structure, drafts, histories, parts
from portal.library.authoring_forms import QuestionForm
from portal.library.authoring_pace import turn
from portal.library.authoring_pages import Said
from portal.library.authoring_views import DRAFT, frame, place
from portal.library.draft_checks import check_bytes
from portal.library.drafts import Stale
from portal.library.models import QuestionnaireDraft
from portal.library.parts import HEADER, Document, question_part, section_part

blueprint = Blueprint("editing", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]


# ---------------------------------------------------------------------------------------------------------- the pages


@blueprint.get(f"{DRAFT}/header")
@requires(Permission.AUTHOR)
def header(organisation: str, draft: uuid.UUID) -> Page:
    return draft_drawing.stored(draft, HEADER)


@blueprint.post(f"{DRAFT}/header")
@requires(Permission.AUTHOR)
def save_header(organisation: str, draft: uuid.UUID) -> Page:
    return _save(draft, HEADER)


@blueprint.get(f"{DRAFT}/sections/<section>")
@requires(Permission.AUTHOR)
def section(organisation: str, draft: uuid.UUID, section: str) -> Page:
    return draft_drawing.stored(draft, section_part(section))


@blueprint.post(f"{DRAFT}/sections/<section>")
@requires(Permission.AUTHOR)
def save_section(organisation: str, draft: uuid.UUID, section: str) -> Page:
    return _save(draft, section_part(section))


@blueprint.get(f"{DRAFT}/questions/<question>")
@requires(Permission.AUTHOR)
def question(organisation: str, draft: uuid.UUID, question: str) -> Page:
    return draft_drawing.stored(draft, question_part(question))


@blueprint.post(f"{DRAFT}/questions/<question>")
@requires(Permission.AUTHOR)
def save_question(organisation: str, draft: uuid.UUID, question: str) -> Page:
    return _save(draft, question_part(question))


@blueprint.post(f"{DRAFT}/sections/<section>/questions")
@requires(Permission.AUTHOR)
def add_question(organisation: str, draft: uuid.UUID, section: str) -> Page:
    """A new question at the end of a section, under a key of one's own."""
    form = QuestionForm(request.form)
    try:
        if not form.validate():
            raise Invalid
        row = drafts.locked(web.db(), web.identity(), draft)
        key = draft_structure.add_question(
            web.db(),
            row,
            section,
            text=form.text.data or "",
            kind=form.type.data,
            key=form.key.data or "",
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return draft_drawing.stored(draft, section_part(section), form=form), 422
    address = url_for("editing.question", organisation=organisation, draft=draft, question=key)
    return web.notice(redirect(address, 303), "saved")


@blueprint.post(f"{DRAFT}/questions/<question>/own")
@requires(Permission.AUTHOR)
def make_own(organisation: str, draft: uuid.UUID, question: str) -> Page:
    """A shipped question under a key of one's own, so that it may mean something else."""
    row = drafts.locked(web.db(), web.identity(), draft)
    try:
        key = draft_structure.make_own(
            web.db(),
            row,
            question,
            seen=request.form.get("seen", "")[:64],
            same_meaning=bool(request.form.get("same_meaning")),
            actor=web.identity(),
            now=web.now(),
        )
    except Stale:
        raise Conflict("This question was changed while the page lay open. Look at it again first.") from None
    except Invalid as fault:
        raise Conflict(fault.message) from None
    address = url_for("editing.question", organisation=organisation, draft=draft, question=key)
    return web.notice(redirect(address, 303), "made-own")


@blueprint.get(f"{DRAFT}/names")
@requires(Permission.AUTHOR)
def names(organisation: str, draft: uuid.UUID) -> Page:
    """Every name that a condition may use, with the values to compare it with."""
    row = draft_queries.draft(web.db(), web.identity(), draft)
    document = draft_queries.document_of(row)
    return render_template(
        "library/draft_names.html", **frame(row), names=pages.names(document), facts=pages.fact_names()
    )


# ------------------------------------------------------------------------------------------------------------- saving


def _save(draft: uuid.UUID, part: str) -> Page:
    identity = web.identity()
    kind, key = parts.split(part)
    with web.portal().database.looking(identity.scope) as session:
        looked = draft_queries.draft(session, identity, draft)
        document = draft_queries.document_of(looked)
    held = parts.held(document, part)
    posted = draft_drawing.KINDS[kind].read(request.form, held or {"key": key})
    seen = request.form.get("seen", "")[:64]
    try:
        if posted.errors:
            raise Invalid(errors=posted.errors)
        ahead = drafts.ahead_of_saving(document, looked.revision, part, posted.part, seen=seen)
        row = drafts.locked(web.db(), identity, draft)
        drafts.save_part(
            web.db(), row, part, posted.part, seen=seen, actor=identity, now=web.now(), ahead=ahead
        )
    except Stale as stale:
        return draft_drawing.in_conflict(draft, part, posted, stale.now), 409
    except Invalid as fault:
        return draft_drawing.refused(draft, part, posted, fault, seen), 422
    return web.notice(redirect(_next(row, document, part), 303), "saved")


def _next(row: QuestionnaireDraft, document: Document, part: str) -> str:
    """Where a save leads: on to the next question, to more rows, or back to the page."""
    kind, key = parts.split(part)
    go = request.form.get("go", "")
    if go == "overview":
        return url_for("authoring.draft", **place(row))
    if kind == "question" and go == "next":
        order = [one["key"] for _in, _at, one in parts.questions(document)]
        at = order.index(key) + 1
        if at < len(order):
            return url_for("editing.question", question=order[at], **place(row))
        return url_for("authoring.draft", **place(row))
    what, _dot, rest = go.partition(".")
    name = rest.split(".")[0]
    arguments: dict[str, Any] = {kind: key} if kind != "header" else {}
    if what == "more" and name in pages.LISTS:
        arguments |= {"more": name}
    if name in pages.LISTS:
        arguments |= {"_anchor": f"f-{name}"}
    return url_for(f"editing.{kind}", **arguments, **place(row))


# ------------------------------------------------------------------------------------------------------- live checking


@blueprint.post(f"{DRAFT}/check")
@requires(Permission.AUTHOR)
def check(organisation: str, draft: uuid.UUID) -> Response:
    """What the check would say of a part as it stands in the browser: nothing is stored. Read by authoring.js.

    ``{"said": {field: [{"text", "warning"}]}, "rest": [...], "readings": {field: words}, "faults": n}``; 429 when it
    comes too often.
    """
    identity = web.identity()
    part = request.form.get("part", "")[:300]
    kind, _key = parts.split(part)
    if kind not in draft_drawing.KINDS:
        raise NotFound
    with web.portal().database.looking(identity.scope) as session:
        row = draft_queries.draft(session, identity, draft)
        known = histories.history(session, identity, row.slug)
        document = draft_queries.document_of(row)
    held = parts.held(document, part)
    if held is None:
        raise NotFound
    posted = draft_drawing.KINDS[kind].read(request.form, held)
    with turn(identity.session_id, web.now()):
        changed, _before = parts.applied(document, {part: posted.part})
        found = check_bytes(parts.encoded(changed), known)
    said, rest = pages.placed(draft_drawing.messages(found, changed, part), posted.fields, posted.rows)
    for name, text in posted.errors.items():
        said[name] = [Said(text)]
    told = {
        name: [{"text": one.text, "warning": one.warning} for one in messages]
        for name, messages in said.items()
    }
    return jsonify(
        said=told,
        rest=[{"text": one.text, "warning": one.warning} for one in rest],
        readings=pages.readings(posted.fields, found),
        faults=len(found.errors),
    )
