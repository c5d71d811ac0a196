"""Drafts as a whole: begun, looked over, put in order, taken back, discarded. Their parts: editing_views."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.faults import Conflict, Invalid
from portal.forms import clean, has_controls
from portal.library import authoring_pages as pages
from portal.library import draft_queries, draft_structure, drafts, merging, naming, parts, service
from portal.library.authoring_forms import SectionForm, StartForm
from portal.library.draft_checks import checked
from portal.library.drafts import Stale
from portal.library.importing import slug_from
from portal.library.models import QuestionnaireDraft
from portal.organisations import queries as organisations
from questionnaires.definition import Questionnaire

blueprint = Blueprint("authoring", __name__)
Page = str | Response | tuple[str, int]
DRAFTS = "/o/<organisation>/drafts"
DRAFT = f"{DRAFTS}/<uuid:draft>"
MOVED = "The order has changed while this page lay open. Look at the draft again; nothing was moved."
# Pages of other features that lead on from a draft, in this order, as far as they are there.
ONWARD = (
    ("releasing.release", "Release"),
    ("diffing.of_draft", "What differs"),
    ("what_if.ask", "What if it were released"),
    ("merging.conflicts", "Conflicts"),
)


# ---------------------------------------------------------------------------------------------------------- beginning


@blueprint.get(f"{DRAFTS}/new")
@requires(Permission.AUTHOR)
def new(organisation: str) -> Page:
    form = StartForm(request.args)
    form.source.choices = _sources()
    return render_template("library/draft_new.html", form=form)


@blueprint.post(f"{DRAFTS}/new")
@requires(Permission.AUTHOR)
def begin(organisation: str) -> Page:
    identity = web.identity()
    with web.portal().database.looking(identity.scope) as session:
        known = {f"{one.slug}@{one.version}": one for one in _versions(session, identity)}
        source = known.get(request.form.get("source", ""))
        base = service.definition(session, source.content_hash) if source else None
        line = [one for one in known.values() if one.own and base is not None and one.slug == base.slug]
        licence = f"Written by {organisations.organisation_of(session, identity).name}"
    form = StartForm(request.form)
    form.source.choices = [(label, label) for label in ("", *known)]
    try:
        if not form.validate():
            raise Invalid
        slug = clean(form.slug.data) or slug_from(form.title.data or "")
        follows = bool(line) and slug == (base.slug if base else "")
        document = _document(
            base, slug, form.title.data or "", licence, [one.version for one in line], follows
        )
        parts.encoded(document)
        row = drafts.create(
            web.db(),
            document,
            source_format="draft",
            based_on=document.get("based_on"),
            base_hash=base.content_hash if base and not follows else None,
            previous_hash=base.content_hash if base and follows else None,
            now=web.now(),
            actor=identity,
        )
    except (Invalid, Conflict) as fault:
        web.undo()
        form.source.choices = _sources()
        if isinstance(fault, Conflict):
            raise
        return web.form_page("library/draft_new.html", form, fault)
    address = url_for("authoring.draft", organisation=organisation, draft=row.id)
    return web.notice(redirect(address, 303), "draft-started")


def _document(
    base: Questionnaire | None, slug: str, title: str, licence: str, released: list[str], follows: bool
) -> dict[str, Any]:
    if base is None:
        return drafts.empty(slug=slug, title=title, licence=licence)
    version = naming.next_version(released) if follows else "1.0.0"
    return drafts.copied(base, slug=slug, version=version, title=title)


def _versions(session: Any, identity: Any) -> list[service.Version]:
    """What a draft may begin from: what is offered for issuing, and every own version; no intake."""
    known = {one.content_hash: one for one in service.available(session, identity)}
    known |= {one.content_hash: one for one in service.own_versions(session, identity)}
    return [one for one in known.values() if one.purpose != "intake"]


def _sources() -> list[tuple[str, str]]:
    found = [("", str(_("Nothing: an empty questionnaire")))]
    for one in _versions(web.db(), web.identity()):
        whose = _("your own") if one.own else _("comes with the portal")
        found.append((f"{one.slug}@{one.version}", f"{one.title} {one.version} ({whose})"))
    return found


# ------------------------------------------------------------------------------------------------------- the overview


@blueprint.get(DRAFT)
@requires(Permission.SEE_FORESIGHT)
def draft(organisation: str, draft: uuid.UUID) -> Page:
    """Everything in order, what is wrong with it, and who changed what."""
    return _overview(draft_queries.draft(web.db(), web.identity(), draft), SectionForm())


def _overview(row: QuestionnaireDraft, form: SectionForm) -> str:
    session, identity = web.db(), web.identity()
    document = draft_queries.document_of(row)
    found = checked(session, identity, row)
    faults = len(found.errors)
    return render_template(
        "library/draft.html",
        **frame(row),
        document=document,
        outline=pages.outline(document, found),
        lines=pages.fault_lines(document, found, place(row)),
        faults=faults,
        warnings=len(found.faults) - faults,
        edits=pages.edit_lines(row, document),
        order=parts.digest(parts.held(document, parts.ORDER)),
        form=form,
        failed=bool(form.errors or form.form_errors),
        onward=_onward(row),
        newer=merging.newer_base(session, identity, row.based_on),
        zone=organisations.organisation_of(session, identity).zone,
    )


def place(row: QuestionnaireDraft) -> dict[str, Any]:
    """URL parameters of the pages of a draft."""
    organisation = web.identity().organisation
    assert organisation is not None
    return {"organisation": organisation.slug, "draft": row.id}


def frame(row: QuestionnaireDraft) -> dict[str, Any]:
    """What every page of a draft is given."""
    return {"draft": row, "at": place(row), "may_edit": web.identity().may(Permission.AUTHOR)}


def _onward(row: QuestionnaireDraft) -> list[dict[str, str]]:
    views = web.portal().view_functions
    found = []
    for endpoint, label in ONWARD:
        permission: Permission | None = getattr(views.get(endpoint), "permission", None)
        if permission is None or not web.identity().may(permission):
            continue
        if endpoint == "merging.conflicts" and row.conflicts == b"[]":
            continue
        found.append({"href": url_for(endpoint, **place(row)), "label": _(label), "endpoint": endpoint})
    return found


# ------------------------------------------------------------------------------------------------- adding and ordering


@blueprint.post(f"{DRAFT}/sections")
@requires(Permission.AUTHOR)
def add_section(organisation: str, draft: uuid.UUID) -> Page:
    form = SectionForm(request.form)
    try:
        if not form.validate():
            raise Invalid
        row = drafts.locked(web.db(), web.identity(), draft)
        key = draft_structure.add_section(
            web.db(),
            row,
            title=form.title.data or "",
            key=form.key.data or "",
            actor=web.identity(),
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return _overview(draft_queries.draft(web.db(), web.identity(), draft), form), 422
    address = url_for("editing.section", organisation=organisation, draft=draft, section=key)
    return web.notice(redirect(address, 303), "saved")


@blueprint.post(f"{DRAFT}/move")
@requires(Permission.AUTHOR)
def move(organisation: str, draft: uuid.UUID) -> Page:
    """A section or question one place up or down, or a question into another section."""
    part, where, back = (_code(name) for name in ("part", "where", "back"))
    row = drafts.locked(web.db(), web.identity(), draft)
    try:
        draft_structure.reorder(
            web.db(), row, part, where, seen=_code("seen"), actor=web.identity(), now=web.now()
        )
    except Stale:
        raise Conflict(MOVED) from None
    return redirect(_back(row, back), 303)


@blueprint.post(f"{DRAFT}/remove")
@requires(Permission.AUTHOR)
def remove(organisation: str, draft: uuid.UUID) -> Page:
    """Take away a section or a question; the list of changes brings it back."""
    row = drafts.locked(web.db(), web.identity(), draft)
    try:
        draft_structure.remove(
            web.db(), row, _code("part"), seen=_code("seen"), actor=web.identity(), now=web.now()
        )
    except Stale:
        raise Conflict(
            "This was changed while the page lay open. Look at it again before you remove it; nothing was removed."
        ) from None
    address = url_for("authoring.draft", organisation=organisation, draft=draft, _anchor="changes")
    return web.notice(redirect(address, 303), "part-removed")


@blueprint.post(f"{DRAFT}/undo")
@requires(Permission.AUTHOR)
def undo(organisation: str, draft: uuid.UUID) -> Page:
    """Take back one change, while nothing has changed since in what it touched."""
    number = _code("revision")
    row = drafts.locked(web.db(), web.identity(), draft)
    if not number.isdecimal() or len(number) > 9:
        raise Conflict("There is no such change.")
    drafts.undo(web.db(), row, int(number), actor=web.identity(), now=web.now())
    address = url_for("authoring.draft", organisation=organisation, draft=draft, _anchor="changes")
    return web.notice(redirect(address, 303), "change-undone")


@blueprint.post(f"{DRAFT}/discard")
@requires(Permission.AUTHOR)
def discard(organisation: str, draft: uuid.UUID) -> Page:
    """Put the draft away for good."""
    seen = _code("revision")
    row = drafts.locked(web.db(), web.identity(), draft)
    number = int(seen) if seen.isdecimal() and len(seen) < 10 else 0
    drafts.discard(web.db(), row, seen=number, actor=web.identity(), now=web.now())
    address = url_for("library.library_list", organisation=organisation)
    return web.notice(redirect(address, 303), "draft-discarded")


def _code(name: str) -> str:
    """A short hidden field. Raises Conflict for what no page of ours sends."""
    value = request.form.get(name, "")
    if len(value) > 300 or has_controls(value):
        raise Conflict("This form is not one of ours. Open the draft again.")
    return value


def _back(row: QuestionnaireDraft, part: str) -> str:
    """The page that a button was on: a section's, a question's, or the overview."""
    kind, key = parts.split(part)
    if kind in ("section", "question") and parts.held(draft_queries.document_of(row), part) is not None:
        return url_for(f"editing.{kind}", **{**place(row), kind: key})
    return url_for("authoring.draft", **place(row))
