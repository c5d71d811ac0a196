"""Versions for the pages: one released over an older base, a draft with a conflict, what a version would change."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from portal import clock
from portal.access import OrganisationRole
from portal.db import Database
from portal.library import draft_queries, drafts, merging, releasing
from portal.reports import what_if, what_if_working
from questionnaires import catalog
from questionnaires.definition import Questionnaire
from questionnaires.raw import raw, read_raw
from tests.portal.world import Place

LITE = catalog.latest("security_lite")

# Name, who, address and landmark of each page in a state; of some also the status after a button is pressed.
STATES: tuple[tuple[str, str, str, str], ...] = (
    ("an own version", "ciso", "/o/{o}/questionnaires/pit_core/1.0.0", "Make that draft"),
    (
        "what differs",
        "auditor",
        "/o/{o}/questionnaires/security_core/diff?from=1.0.0&to=2.0.0",
        "adds up to 100.00",
    ),
    ("what differs, one fate", "auditor", "/o/{o}/questionnaires/security_core/diff?fate=added", "Added"),
    (
        "what differs, nothing",
        "auditor",
        "/o/{o}/questionnaires/security_lite/diff?from=1.0.0&to=1.0.0",
        "Nothing differs.",
    ),
    ("what differs, a faulty draft", "ciso", "/o/{o}/drafts/{writing}/diff", "cannot be compared yet"),
    ("bring in a file", "ciso", "/o/{o}/questionnaires/import", "What can be brought in"),
    ("release, faulty", "ciso", "/o/{o}/drafts/{writing}/release", "cannot be released yet"),
    ("release, conflicts", "ciso", "/o/{o}/drafts/{conflicted}/release", "Settle it before you release."),
    ("conflicts", "ciso", "/o/{o}/drafts/{conflicted}/conflicts", "Take the newer release"),
    ("conflicts, none", "ciso", "/o/{o}/drafts/{writing}/conflicts", "There are no conflicts."),
    ("what-ifs", "auditor", "/o/{o}/what-ifs", "Tried before"),
    ("what-ifs, none", "many", "/o/{empty_o}/what-ifs", "Nothing was tried yet."),
    ("what-if asked", "ciso", "/o/{o}/what-ifs/ask?version=security_lite@1.0.0", "would be tried"),
    (
        "what-if of nothing",
        "ciso",
        "/o/{o}/what-ifs/ask?version=vulnerability_flash@1.0.0",
        "nothing to try it on",
    ),
    ("what-if of a faulty draft", "ciso", "/o/{o}/what-ifs/ask?draft={writing}", "cannot be tried yet"),
    ("what-if done", "auditor", "/o/{o}/what-ifs/{tried}", "It is worked out"),
    ("what-if stopped", "ciso", "/o/{o}/what-ifs/{stopped}", "It was stopped"),
    ("what-if failed", "ciso", "/o/{o}/what-ifs/{failed}", "One of the submissions could not be read."),
    ("release, overtaken", "ciso", "/o/{o}/drafts/{overtaken}/release", "does not go on from pit_two@1.0.1"),
    ("conflicts, overtaken", "ciso", "/o/{o}/drafts/{overtaken}/conflicts", "Take over 1.0.1"),
    (
        "what-if, none fits",
        "auditor",
        "/o/{o}/what-ifs/{tried}?verdict=better",
        "No submission fits this filter.",
    ),
)
PRESSED: tuple[tuple[str, str, str, str, int, str], ...] = (
    ("bring in nothing", "ciso", "/o/{o}/questionnaires/import", "Choose a file.", 422, "Make a draft of it"),
    (
        "release refused",
        "ciso",
        "/o/{o}/drafts/{conflicted}/release",
        "Settle them first",
        409,
        "Release this version",
    ),
    (
        "an own version retired",
        "ciso",
        "/o/{o}/questionnaires/security_lite/0.9.0",
        "Issue it again",
        200,
        "Retire it",
    ),
)


def make(database: Database, quarry: Place) -> dict[str, uuid.UUID]:
    """Ids by the names of World; the organisation's own ``pit_core`` 1.0.0 is released beside."""
    old = catalog.get("security_core@1.0.0")
    _release(database, quarry, _begin(database, quarry, old, "pit_core"))
    torn = _begin(database, quarry, old, "pit_torn", " Please say it plainly.")
    _merge(database, quarry, torn)
    first = _release(database, quarry, _begin(database, quarry, LITE, "pit_two"))
    overtaken = _begin(database, quarry, LITE, "pit_two", previous=first)
    ahead = _begin(database, quarry, LITE, "pit_two", " It was made clearer.", previous=first)
    _release(database, quarry, ahead, "1.0.1")
    return {
        "conflicted": torn,
        "overtaken": overtaken,
        "tried": _try(database, quarry),
        **_unfinished(database, quarry),
    }


def _unfinished(database: Database, quarry: Place) -> dict[str, uuid.UUID]:
    """What-ifs that a worker is at, that somebody stopped, and that could not be worked out."""
    actor, now = quarry[OrganisationRole.CISO], clock.now()
    found = {}
    with database.transaction(actor.scope) as session:
        for name in ("running", "stopped", "failed"):
            run = what_if.ask(session, LITE, None, 40, actor=actor, now=now)
            found[name] = run.id
            if name == "stopped":
                what_if.stop(session, run.id, actor=actor, now=now)
            elif name == "failed":
                run.state, run.fault, run.finished_at = "failed", "ValueError", now
            else:  # as another worker would hold it, for longer than these tests take
                run.state, run.token, run.lease_until = "running", uuid.uuid4(), now + timedelta(days=1)
            session.flush()
    return found


def _begin(
    database: Database,
    quarry: Place,
    base: Questionnaire,
    slug: str,
    more: str = "",
    *,
    previous: str | None = None,
) -> uuid.UUID:
    """A draft that copies ``base`` and goes on from the release with the hash ``previous``; ``more``: own words."""
    actor = quarry[OrganisationRole.CISO]
    document = drafts.copied(base, slug=slug, version="1.0.0", title=f"Questions of the {slug}")
    if more and base is LITE:
        document["summary"] += more
    elif more:
        _reworded(document)["text"] += more
    with database.transaction(actor.scope) as session:
        steps: dict[str, Any] = {"source_format": "draft", "now": clock.now(), "actor": actor}
        steps |= {"based_on": base.label, "base_hash": base.content_hash, "previous_hash": previous}
        return drafts.create(session, document, **steps).id


def _reworded(document: dict[str, Any]) -> dict[str, Any]:
    """The first question whose words the newer release of the base changed."""
    newer = catalog.latest("security_core").questions
    return next(
        one
        for section in document["sections"]
        for one in section["questions"]
        if one["key"] in newer
        and newer[one["key"]].text != one["text"]
        and newer[one["key"]].revision == one.get("revision", 1)
    )


def _release(database: Database, quarry: Place, draft: uuid.UUID, number: str = "1.0.0") -> str:
    """Release a draft under a number; its content hash."""
    actor, now = quarry[OrganisationRole.CISO], clock.now()
    with database.looking(actor.scope) as session:
        row = draft_queries.draft(session, actor, draft)
        checked = releasing.check(session, actor, row, number)
    with database.transaction(actor.scope) as session:
        locked = drafts.locked(session, actor, draft)
        note = "The whole of it, for what we buy underground."
        done = releasing.release(
            session, locked, checked, note=note, seen=locked.revision, actor=actor, now=now
        )
        return done.content_hash


def _merge(database: Database, quarry: Place, draft: uuid.UUID) -> None:
    actor = quarry[OrganisationRole.CISO]
    with database.looking(actor.scope) as session:
        row = draft_queries.draft(session, actor, draft)
        found = merging.with_base(session, actor, draft_queries.document_of(row))
    with database.transaction(actor.scope) as session:
        locked = drafts.locked(session, actor, draft)
        merging.take_over(session, locked, found, seen=locked.revision, actor=actor, now=clock.now())


def _try(database: Database, quarry: Place) -> uuid.UUID:
    """What a version without points would do to what was submitted on the small questionnaire."""
    actor, now = quarry[OrganisationRole.CISO], clock.now() + timedelta(seconds=1)
    base = catalog.latest("security_lite")
    document = {**raw(base), "slug": "pit_lite", "based_on": base.label, "title": "Rules of the pit"}
    for section in document["sections"]:
        for question in section["questions"]:
            for option in question.get("options", ()):
                if "points" in option:
                    option["points"] = 0
    found = read_raw(document).whole()
    total = len(what_if.subjects(database, quarry.id, found, now))
    with database.transaction(actor.scope) as session:
        run = what_if.ask(session, found, None, total, actor=actor, now=now).id
    what_if_working.work(database, lambda: now)
    return run
