"""The parts of a draft, each on its page: header, a section, a question. Two editors never overwrite each other.

A page posts the digest of the part that it showed. The same part: it is replaced. Another: 409 with both, field by
field, and mine stays in the form. A fault never keeps a part from being saved, only what no draft may hold does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import web
from portal.access import Permission, requires
from portal.faults import Conflict, Invalid, NotFound
from portal.library import authoring_form as fields
from portal.library import authoring_pages as pages
from portal.library import draft_queries, draft_structure, drafts, histories, parts
from portal.library.authoring_forms import TYPES, QuestionForm
from portal.library.authoring_pace import turn
from portal.library.authoring_pages import Editor, Said
from portal.library.authoring_views import DRAFT, frame, place
from portal.library.draft_checks import Checked, Message, check_bytes, checked
from portal.library.drafts import Stale
from portal.library.models import QuestionnaireDraft
from portal.library.parts import HEADER, Document, question_part, section_part
from portal.library.posted_fields import Fields, Posted
from portal.organisations import queries as organisations
from questionnaires.checking import BELONGS

blueprint = Blueprint("editing", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]


@dataclass(frozen=True)
class Kind:
    """How one kind of part is read, shown and drawn."""

    show: Callable[[Mapping[str, Any]], Fields]
    read: Callable[[Mapping[str, str], Mapping[str, Any]], Posted]
    template: str


KINDS = {
    "header": Kind(fields.header_fields, fields.read_header, "library/draft_header.html"),
    "section": Kind(fields.section_fields, fields.read_section, "library/draft_section.html"),
    "question": Kind(fields.question_fields, fields.read_question, "library/draft_question.html"),
}


# ---------------------------------------------------------------------------------------------------------- the pages


@blueprint.get(f"{DRAFT}/header")
@requires(Permission.AUTHOR)
def header(organisation: str, draft: uuid.UUID) -> Page:
    return _page(draft, HEADER)


@blueprint.post(f"{DRAFT}/header")
@requires(Permission.AUTHOR)
def save_header(organisation: str, draft: uuid.UUID) -> Page:
    return _save(draft, HEADER)


@blueprint.get(f"{DRAFT}/sections/<section>")
@requires(Permission.AUTHOR)
def section(organisation: str, draft: uuid.UUID, section: str) -> Page:
    return _page(draft, section_part(section))


@blueprint.post(f"{DRAFT}/sections/<section>")
@requires(Permission.AUTHOR)
def save_section(organisation: str, draft: uuid.UUID, section: str) -> Page:
    return _save(draft, section_part(section))


@blueprint.get(f"{DRAFT}/questions/<question>")
@requires(Permission.AUTHOR)
def question(organisation: str, draft: uuid.UUID, question: str) -> Page:
    return _page(draft, question_part(question))


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
        return _page(draft, section_part(section), form=form), 422
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


# ---------------------------------------------------------------------------------------------------- showing, saving


def _page(draft: uuid.UUID, part: str, form: QuestionForm | None = None) -> str:
    row = draft_queries.draft(web.db(), web.identity(), draft)
    document = draft_queries.document_of(row)
    held = parts.held(document, part)
    if held is None:
        raise NotFound
    found = checked(web.db(), web.identity(), row)
    more = request.args.get("more", "")
    shown = pages.editor(
        KINDS[parts.split(part)[0]].show(held), held, _messages(found, document, part), found, more
    )
    return _drawn(row, document, part, shown, found, form)


def _messages(found: Checked, document: Document, part: str) -> list[Message]:
    kind, key = parts.split(part)
    if kind == "question":
        at = parts.placed(document, part)
        return found.of_question(at["place"][0], key) if at else []
    return found.of_section(key) if kind == "section" else found.of_header()


def _drawn(
    row: QuestionnaireDraft,
    document: Document,
    part: str,
    shown: Editor,
    found: Checked | None,
    form: QuestionForm | None = None,
) -> str:
    kind, key = parts.split(part)
    session, identity = web.db(), web.identity()
    around: dict[str, Any] = {}
    if kind == "question":
        around = _around_question(document, key, shown)
    elif kind == "section":
        whole = parts.placed(document, part)
        around = {
            "number": next((n for n, one in enumerate(document["sections"], 1) if one["key"] == key), 0),
            "outline": next((one for one in pages.outline(document, found) if one["key"] == key), None)
            if found
            else None,
            "whole": parts.digest(whole["part"]) if whole else "",
            "form": form or QuestionForm(),
            "names": pages.names(document, key)[: pages.MOST_NAMES],
        }
    else:
        around = {"bands": document.get("bands", []), "names": []}
    return render_template(
        KINDS[kind].template,
        **frame(row),
        **around,
        document=document,
        part=part,
        key=key,
        page=shown,
        order=parts.digest(parts.held(document, parts.ORDER)),
        last=draft_queries.last_edit_of(session, identity, row.id, part),
        facts=pages.fact_names(),
        zone=organisations.organisation_of(session, identity).zone,
        failed=shown.refused or bool(form and (form.errors or form.form_errors)),
    )


def _around_question(document: Document, key: str, shown: Editor) -> dict[str, Any]:
    order = [one["key"] for _in, _at, one in parts.questions(document)]
    where = parts.placed(document, question_part(key))
    at = order.index(key) if key in order else None
    section = where["place"][0] if where else ""
    kind = shown.v.get("type", "")
    return {
        "section": section,
        "sections": [(one["key"], one.get("title", "")) for one in document["sections"]],
        "number": parts.numbered(document).get(key, ""),
        "before": order[at - 1] if at else None,
        "after": order[at + 1] if at is not None and at + 1 < len(order) else None,
        "types": TYPES,
        "has": {
            name: kind in types
            or any(one == name or one.startswith(f"{name}.") for one in shown.v if shown.v[one])
            for name, types in BELONGS.items()
            if name in ("options", "columns", "points_when")
        },
        "names": pages.names(document, section)[: pages.MOST_NAMES],
    }


def _save(draft: uuid.UUID, part: str) -> Page:
    identity = web.identity()
    kind, key = parts.split(part)
    with web.portal().database.looking(identity.scope) as session:
        document = draft_queries.document_of(draft_queries.draft(session, identity, draft))
    held = parts.held(document, part)
    posted = KINDS[kind].read(request.form, held or {"key": key})
    seen = request.form.get("seen", "")[:64]
    try:
        if posted.errors:
            raise Invalid(errors=posted.errors)
        row = drafts.locked(web.db(), identity, draft)
        drafts.save_part(web.db(), row, part, posted.part, seen=seen, actor=identity, now=web.now())
    except Stale as stale:
        return _conflict(draft, part, posted, stale.now), 409
    except Invalid as fault:
        return _refused(draft, part, posted, fault, seen), 422
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


def _conflict(draft: uuid.UUID, part: str, posted: Posted, now: Any) -> str:
    """Theirs beside mine; the form holds mine and the digest of theirs, so that saving again chooses mine."""
    web.undo()
    row = draft_queries.draft(web.db(), web.identity(), draft)
    document = draft_queries.document_of(row)
    last = draft_queries.last_edit_of(web.db(), web.identity(), draft, part)
    who, at = last if last is not None and now is not None else ("", None)
    shown = Editor(
        _typed(part, posted),
        parts.digest(now) if now is not None else "",
        conflict=pages.conflict(now, posted.part, who, at),
        refused=True,
    )
    return _drawn(row, document, part, shown, None)


def _typed(part: str, posted: Posted) -> Fields:
    """What was typed, and every other field of the page empty: a box that was not ticked is not posted."""
    names = KINDS[parts.split(part)[0]].show(posted.part)
    return {**dict.fromkeys(names, ""), **posted.fields}


def _refused(draft: uuid.UUID, part: str, posted: Posted, fault: Invalid, seen: str) -> str:
    web.undo()
    row = draft_queries.draft(web.db(), web.identity(), draft)
    said = {name: [Said(text)] for name, text in fault.errors.items()}
    rest = [Said(fault.message)] if fault.message else []
    shown = Editor(_typed(part, posted), seen, said, rest, refused=True)
    return _drawn(row, draft_queries.document_of(row), part, shown, None)


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
    if kind not in KINDS:
        raise NotFound
    with web.portal().database.looking(identity.scope) as session:
        row = draft_queries.draft(session, identity, draft)
        known = histories.history(session, identity, row.slug)
        document = draft_queries.document_of(row)
    held = parts.held(document, part)
    if held is None:
        raise NotFound
    posted = KINDS[kind].read(request.form, held)
    with turn(identity.session_id, web.now()):
        changed, _before = parts.applied(document, {part: posted.part})
        found = check_bytes(parts.encoded(changed), known)
    said, rest = pages.placed(_messages(found, changed, part), posted.fields, posted.rows)
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
