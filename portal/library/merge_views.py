"""A newer base, or a newer release of the own line, comes into a draft; conflicts are settled one by one."""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.faults import Conflict, Invalid, NotFound
from portal.forms import clean, has_controls
from portal.library import diff_words, draft_queries, drafts, histories, merging, releasing, service
from portal.library.merging import Open
from portal.library.models import QuestionnaireDraft
from questionnaires.patterns import SLUG, VERSION
from questionnaires.raw import raw

blueprint = Blueprint("merging", __name__)
Page = str | Response | tuple[str, int]
DRAFT = "/o/<organisation>/drafts/<uuid:draft>"
LONGEST_TYPED = 8_000


@blueprint.post("/o/<organisation>/questionnaires/<slug>/<version>/merge")
@requires(Permission.AUTHOR)
def begin(organisation: str, slug: str, version: str) -> Page:
    """A draft of the next version of an own questionnaire, in which its newer base has been merged."""
    if not SLUG.fullmatch(slug) or not VERSION.fullmatch(version):
        raise NotFound
    identity = web.identity()
    with web.portal().database.looking(identity.scope) as session:
        found = service.version(session, identity, slug, version)
        newest = histories.newest(session, identity, slug)
        if not found.own or newest is None:
            raise NotFound
        if newest.version != version:
            raise Conflict(f"{newest.version} is newer. Begin from that one.")
        definition = service.definition(session, found.content_hash)
        merged = merging.with_base(session, identity, raw(definition))
    row = merging.start_draft(web.db(), merged, found, actor=identity, now=web.now())
    return _onward(organisation, row.id, len(merged.conflicts))


@blueprint.post(f"{DRAFT}/merge")
@requires(Permission.AUTHOR)
def take_over(organisation: str, draft: uuid.UUID) -> Page:
    """Merge into a draft: the newer base, or (``what=line``) what was released since it was begun."""
    identity = web.identity()
    with web.portal().database.looking(identity.scope) as session:
        row = draft_queries.draft(session, identity, draft)
        seen = row.revision
        if request.form.get("what") == "line":
            found = merging.with_line(session, identity, row)
        else:
            found = merging.with_base(session, identity, draft_queries.document_of(row))
    locked = drafts.locked(web.db(), identity, draft)
    merging.take_over(web.db(), locked, found, seen=seen, actor=identity, now=web.now())
    return _onward(organisation, draft, len(found.conflicts))


def _onward(organisation: str, draft: uuid.UUID, conflicts: int) -> Response:
    endpoint, code = ("merging.conflicts", "merged-conflicts") if conflicts else ("authoring.draft", "merged")
    return web.notice(redirect(url_for(endpoint, organisation=organisation, draft=draft), 303), code)


@blueprint.get(f"{DRAFT}/conflicts")
@requires(Permission.SEE_FORESIGHT)
def conflicts(organisation: str, draft: uuid.UUID) -> Page:
    """What a merge could not decide, and what else could be merged."""
    return _page(draft_queries.draft(web.db(), web.identity(), draft))


@blueprint.post(f"{DRAFT}/conflicts")
@requires(Permission.AUTHOR)
def settle(organisation: str, draft: uuid.UUID) -> Page:
    typed = clean(request.form.get("typed", ""))
    chosen = request.form.get("conflict", "")[:40]
    try:
        choice = request.form.get("choice", "")
        if choice not in ("own", "new", "base", "typed"):
            raise Invalid("Choose what the draft shall say.")
        if has_controls(typed, {"\n", "\t"}):
            raise Invalid("Leave out invisible control characters.")
        if choice == "typed" and len(typed) > LONGEST_TYPED:
            raise Invalid(f"Write at most {LONGEST_TYPED:,} characters. You wrote {len(typed):,}.")
        left = merging.settle(
            web.db(),
            drafts.locked(web.db(), web.identity(), draft),
            chosen,
            choice,
            typed=typed,
            seen=request.form.get("seen", "")[:80],
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        row = draft_queries.draft(web.db(), web.identity(), draft)
        message = fault.message or next(iter(fault.errors.values()), "")
        return _page(row, refused=chosen, message=message, typed=typed), 422
    endpoint = "merging.conflicts" if left else "authoring.draft"
    address = url_for(endpoint, organisation=organisation, draft=draft)
    return web.notice(redirect(address, 303), "conflict-settled" if left else "conflicts-settled")


def _page(row: QuestionnaireDraft, *, refused: str = "", message: str = "", typed: str = "") -> str:
    session, identity = web.db(), web.identity()
    found = merging.conflicts(row)
    document = draft_queries.document_of(row)
    return render_template(
        "library/conflicts.html",
        draft=row,
        conflicts=[_line(one, document) for one in found],
        newer=merging.newer_base(session, identity, row.based_on),
        overtaken=releasing.overtaken(session, identity, row),
        refused=refused,
        message=message,
        typed=typed,
        failed=bool(message),
    )


def _line(one: Open, document: dict[str, Any]) -> dict[str, Any]:
    """A conflict in words: where it is, and what each side says."""
    names = dict(diff_words.FIELD_WORDS)
    deep = one.path[0] in ("section", "question") and len(one.path) > 1
    where = ""
    if deep:
        held = merging.value_at(document, one.path[:2]) or one.new or one.base or {}
        where = (
            held.get("text") or held.get("title") or one.path[1] if isinstance(held, dict) else one.path[1]
        )
    fields = one.path[2:] if deep else one.path
    words = [str(names.get("place" if name == "section" else name, name)) for name in fields]
    return {
        "conflict": one,
        "where": where,
        "key": one.path[1] if deep else "",
        "kind": one.path[0] if deep else "header",
        "field": " › ".join(words),
        "sides": [
            (side, name, _text(getattr(one, side))) for side, name in (("base", 0), ("own", 1), ("new", 2))
        ],
    }


def _text(value: Any) -> str:
    """A value as a person reads it; JSON, indented, for what is more than a text or a number."""
    if value is None:
        return ""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=2)
