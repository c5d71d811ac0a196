"""What a round of chosen questions says on the company's pages: which came back, why, and that the rest stands."""

from __future__ import annotations

from typing import Any

from flask import url_for

from portal import web
from portal.assessments import answering_page, returning
from portal.assessments.answering_cards import Card, Desk, documents_beside, sealed_card
from portal.assessments.answering_words import _
from portal.assessments.drafts import EMPTY
from portal.assessments.returned import CHOSEN, DOCUMENT, OUTDATED, PROOF, REQUIRED, VISIBLE
from portal.organisations import queries as organisations
from questionnaires.definition import Section


def came_back(at: Desk, asker: str) -> dict[str, Any] | None:
    """Template context of the return that is open, as far as the viewer answers it; None in any other round.

    ``questions`` in order, each with its reason; ``why`` by key for the cards; ``chosen``: how many were returned.
    """
    session, one = web.db(), at.assessment
    scope = returning.open_scope(session, at.viewer, one)
    if scope is None or at.reach.came is None:
        return None
    said = returning.reasons(session, at.viewer, scope)
    people = organisations.people(session, [scope.returned_by])
    who = people[scope.returned_by].name if scope.returned_by in people else asker
    where = answering_page.place(one, at.viewer)
    definition = at.draft.definition
    keys = [
        key
        for key in definition.questions
        if at.reach.covers(key) and (key in scope.keys or key in at.draft.look.visible)
    ]
    why = {key: _why(at.reach.came[key], asker) for key in keys}
    questions = [
        {
            "key": key,
            "number": at.numbers[key],
            "text": definition.questions[key].text,
            "why": why[key],
            "said": said.get(key, ""),
            "asked": key in at.draft.look.visible,
            "href": url_for("answering.section", **where, section=definition.section_of[key].key)
            + f"#q-{key}",
        }
        for key in keys
    ]
    return {
        "number": one.round,
        "who": who,
        "due": one.due,
        "text": said.get("", ""),
        "chosen": sum(at.reach.sees(key) for key in scope.keys),
        "questions": questions,
        "said": {key: text for key, text in said.items() if key and at.reach.sees(key)},
        "why": why,
    }


def _why(code: str, asker: str) -> str:
    """Why a question is to be answered in this round, in a sentence."""
    return {
        CHOSEN: _("%(asker)s returned it.", asker=asker),
        VISIBLE: _("It is asked because of what you answer now."),
        REQUIRED: _("It needs an answer because of what you answer now."),
        OUTDATED: _("Its answer no longer fits: days have passed since."),
        PROOF: _("Its evidence no longer proves it today, or the day that was promised has passed."),
        DOCUMENT: _("A document that lay beside it is not there any more as it was."),
    }[code]


def standing(at: Desk, section: Section) -> list[Card]:
    """The answers of a section that did not come back, as they were handed in, as far as the viewer sees them."""
    if at.reach.came is None:
        return []
    draft = at.draft
    return [
        sealed_card(
            draft.definition,
            question,
            at.numbers[question.key],
            draft.contents.get(question.key, EMPTY),
            beside=documents_beside(at, question),
        )
        for question in section.questions
        if at.reach.sees(question.key)
        and not at.reach.covers(question.key)
        and question.key in draft.look.visible
    ]
