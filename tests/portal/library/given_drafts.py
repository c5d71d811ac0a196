"""Drafts for tests, begun through the services: copies of the shipped questionnaire, changed by a function."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from portal.access import OrganisationRole
from portal.db import Database
from portal.library import draft_queries, drafts, histories
from portal.library.models import QuestionnaireDraft
from questionnaires import catalog
from questionnaires.definition import Questionnaire
from questionnaires.raw import raw
from tests.portal.world import NOW, Place

CISO = OrganisationRole.CISO
LITE = catalog.latest("security_lite")
Change = Callable[[dict[str, Any]], None]


def copied(base: Questionnaire = LITE, slug: str = "ours", version: str = "1.0.0") -> dict[str, Any]:
    return json.loads(json.dumps({**raw(base), "slug": slug, "version": version, "based_on": base.label}))


def begin(
    database: Database,
    place: Place,
    change: Change = lambda document: None,
    *,
    base: Questionnaire = LITE,
    slug: str = "ours",
    document: dict[str, Any] | None = None,
) -> uuid.UUID:
    """A draft that follows what is released under its slug."""
    given = document or copied(base, slug)
    change(given)
    with database.transaction(place[CISO].scope) as session:
        newest = histories.newest(session, place[CISO], slug)
        row = drafts.create(
            session,
            given,
            source_format="draft",
            based_on=base.label,
            base_hash=base.content_hash,
            previous_hash=newest.content_hash if newest else None,
            now=NOW,
            actor=place[CISO],
        )
        return row.id


def draft(database: Database, place: Place, draft_id: uuid.UUID) -> QuestionnaireDraft:
    with database.looking(place[CISO].scope) as session:
        return draft_queries.draft(session, place[CISO], draft_id)


def edit(database: Database, place: Place, draft_id: uuid.UUID, part: str, value: Any) -> None:
    with database.transaction(place[CISO].scope) as session:
        row = drafts.locked(session, place[CISO], draft_id)
        drafts.change(session, row, {part: value}, part=part, actor=place[CISO], now=NOW)


def first_question(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["sections"][0]["questions"][0]
    return found


def scored_question(document: dict[str, Any]) -> dict[str, Any]:
    """The first question whose answers earn points."""
    return next(
        one
        for section in document["sections"]
        for one in section["questions"]
        if one.get("options") and all("points" in option for option in one["options"])
    )
