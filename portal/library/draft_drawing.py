"""The page of one part of a draft, drawn: as it is stored, refused with what was typed, or in conflict, both beside."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request

from portal import web
from portal.faults import Invalid, NotFound
from portal.library import authoring_form as fields
from portal.library import authoring_pages as pages
from portal.library import draft_queries, parts
from portal.library.authoring_forms import TYPES, QuestionForm
from portal.library.authoring_pages import Editor, Said
from portal.library.authoring_views import frame
from portal.library.draft_checks import Checked, Message, checked
from portal.library.models import QuestionnaireDraft
from portal.library.parts import Document, question_part
from portal.library.posted_fields import Fields, Posted
from portal.organisations import queries as organisations
from questionnaires.checking import BELONGS


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


def stored(draft: uuid.UUID, part: str, form: QuestionForm | None = None) -> str:
    row = draft_queries.draft(web.db(), web.identity(), draft)
    document = draft_queries.document_of(row)
    held = parts.held(document, part)
    if held is None:
        raise NotFound
    found = checked(web.db(), web.identity(), row)
    more = request.args.get("more", "")
    shown = pages.editor(
        KINDS[parts.split(part)[0]].show(held), held, messages(found, document, part), found, more
    )
    return _drawn(row, document, part, shown, found, form, Posted(held))


def messages(found: Checked, document: Document, part: str) -> list[Message]:
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
    drawn: Posted | None = None,
) -> str:
    """``drawn``: the part as its fields show it, for what is seen beside them."""
    kind, key = parts.split(part)
    session, identity = web.db(), web.identity()
    around: dict[str, Any] = {}
    if kind == "question":
        assert drawn is not None
        around = _around_question(document, key, shown)
        around["seen"] = web.portal().as_seen(document, drawn.part, drawn.errors)
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


def in_conflict(draft: uuid.UUID, part: str, posted: Posted, now: Any) -> str:
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
    return _drawn(row, document, part, shown, None, drawn=posted)


def _typed(part: str, posted: Posted) -> Fields:
    """What was typed, and every other field of the page empty: a box that was not ticked is not posted."""
    names = KINDS[parts.split(part)[0]].show(posted.part)
    return {**dict.fromkeys(names, ""), **posted.fields}


def refused(draft: uuid.UUID, part: str, posted: Posted, fault: Invalid, seen: str) -> str:
    web.undo()
    row = draft_queries.draft(web.db(), web.identity(), draft)
    said = {name: [Said(text)] for name, text in fault.errors.items()}
    rest = [Said(fault.message)] if fault.message else []
    shown = Editor(_typed(part, posted), seen, said, rest, refused=True)
    return _drawn(row, draft_queries.document_of(row), part, shown, None, drawn=posted)
