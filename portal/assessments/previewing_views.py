"""A draft as the vendor will see it, with the cards of the answering pages; answers to try stand in the address."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from flask import Blueprint, render_template, request, url_for

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import previewing
from portal.assessments.answering_cards import MORE_ROWS, Card, preview_card
from portal.assessments.drafts import EMPTY, Draft
from portal.assessments.previewing_beside import seen
from portal.faults import NotFound
from portal.library import draft_queries, histories, parts
from portal.library.authoring_form import read_question
from portal.library.authoring_pace import turn
from portal.organisations import queries as organisations
from questionnaires.definition import Question

blueprint = Blueprint("previewing", __name__)


@blueprint.get("/o/<organisation>/drafts/<uuid:draft>/preview")
@requires(Permission.SEE_FORESIGHT)
def preview(organisation: str, draft: uuid.UUID) -> str:
    """One section of a draft, its questions shown or hidden by the answers of the query string."""
    session, identity = web.db(), web.identity()
    row = draft_queries.draft(session, identity, draft)
    document = draft_queries.document_of(row)
    known = histories.history(session, identity, row.slug)
    with turn(identity.session_id, web.now()):  # a draft with faults is checked several times
        found = previewing.sound(document, known)
    zone = organisations.organisation_of(session, identity).zone
    at: dict[str, Any] = {"organisation": organisation, "draft": draft}
    if found.definition is None:
        return render_template(
            "library/draft_preview.html", draft=row, at=at, section=None, left_out=found.left_out
        )
    definition = found.definition
    given = {name: request.args.getlist(name) for name in request.args if name != "section"}
    tried, trials = previewing.tried(definition, given, clock.local_date(web.now(), zone))
    wanted = request.args.get("section", "")
    section = definition.section(wanted) or definition.sections[0]
    numbered = parts.numbered(document)  # as the author counts, whatever is left out
    query: dict[str, Any] = {name: values for name, values in given.items() if any(values)}
    return render_template(
        "library/draft_preview.html",
        draft=row,
        at=at,
        title=document.get("title", ""),
        section=section,
        number=definition.sections.index(section) + 1,
        rail=[
            {
                "number": number,
                "title": one.title,
                "href": url_for("previewing.preview", section=one.key, **query, **at),
                "current": one is section,
                "asked": one.key in tried.look.visible_sections,
                "count": sum(each.key in tried.look.visible for each in one.questions),
            }
            for number, one in enumerate(definition.sections, 1)
        ],
        cards=[_card(tried, one, numbered[one.key]) for one in section.questions],
        trials=trials,
        tried=bool(query),
        left_out=found.left_out,
        total=len(definition.questions),
    )


@blueprint.post("/o/<organisation>/drafts/<uuid:draft>/preview/question")
@requires(Permission.AUTHOR)
def question(organisation: str, draft: uuid.UUID) -> str:
    """The card of a question as it stands in its editor, for the aside of that page: nothing is stored.

    Takes what the form of the editor posts, answers a piece of HTML; 429 when it comes too often.
    """
    identity = web.identity()
    kind, key = parts.split(request.form.get("part", "")[:300])
    with web.portal().database.looking(identity.scope) as session:
        document = draft_queries.document_of(draft_queries.draft(session, identity, draft))
    held = parts.held(document, parts.question_part(key)) if kind == "question" else None
    if held is None:
        raise NotFound
    posted = read_question(request.form, held)
    with turn(identity.session_id, web.now(), "preview"):
        found = seen(document, posted.part, posted.errors)
    return render_template("library/draft_seen.html", seen=found)


def _card(tried: Draft, question: Question, number: str) -> Card:
    """The card of the answering page, with what was tried in its fields."""
    value = tried.contents.get(question.key, EMPTY).value
    blank: Any = [] if question.type == "table" else () if question.type == "choices" else ""
    return replace(
        preview_card(tried, question, number),
        visible=question.key in tried.look.visible,
        required=question.key in tried.look.required,
        value=value if value is not None else blank,
        rows=min(MORE_ROWS, question.max_rows) if question.type == "table" else 0,
        findings=tried.conditional_findings(question),
    )
