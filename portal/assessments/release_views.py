"""Releasing a draft, retiring a version and taking it up again; here, since it shows which assessments keep theirs."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms import HiddenField, StringField, TextAreaField

from portal import web
from portal.access import Permission, requires
from portal.assessments import version_queries
from portal.faults import Invalid, NotFound
from portal.forms import Form, clean, has_controls
from portal.library import diff_words, draft_queries, drafts, merging, releasing, service
from portal.library.diffing import DraftFaulty
from questionnaires.patterns import SLUG, VERSION

blueprint = Blueprint("releasing", __name__)
Page = str | Response | tuple[str, int]
DRAFT = "/o/<organisation>/drafts/<uuid:draft>/release"


class ReleaseForm(Form):
    """The number of the version, and what changed. ``revision``: the draft as the page showed it.

    ``without``: hash of a newer release whose changes are to go, where the draft does not go on from it.
    """

    version = StringField("Version", filters=[clean])
    note = TextAreaField(
        "What changed, and why",
        filters=[clean],
        description="Your colleagues read it beside the version, for as long as there is one. Vendors do not.",
    )
    revision = HiddenField()
    without = StringField("Release it without what the newer release changed", filters=[clean])


@blueprint.get(DRAFT)
@requires(Permission.RELEASE)
def release(organisation: str, draft: uuid.UUID) -> Page:
    """What a release would mean: what differs, the number that fits, what goes on as it is."""
    return _page(draft, None)


@blueprint.post(DRAFT)
@requires(Permission.RELEASE)
def go(organisation: str, draft: uuid.UUID) -> Page:
    """Check without a transaction, then release what was checked."""
    form = ReleaseForm(request.form)
    identity = web.identity()
    try:
        note = form.note.data or ""
        if has_controls(note, {"\n", "\t"}):
            raise Invalid(errors={"note": "Leave out invisible control characters."})
        with web.portal().database.looking(identity.scope) as session:
            found = draft_queries.draft(session, identity, draft)
            checked = releasing.check(session, identity, found, form.version.data or "")
        row = drafts.locked(web.db(), identity, draft)
        seen = form.revision.data or ""
        released = releasing.release(
            web.db(),
            row,
            checked,
            note=note,
            without=form.without.data or "",
            seen=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0,
            actor=identity,
            now=web.now(),
        )
        slug, version = released.slug, released.version
    except Invalid as fault:
        web.undo()
        form.blame(fault)
        return _page(draft, form), 422
    return web.notice(
        redirect(url_for("library.preview", organisation=organisation, slug=slug, version=version), 303),
        "released",
    )


def _page(draft: uuid.UUID, form: ReleaseForm | None) -> str:
    session, identity = web.db(), web.identity()
    row = draft_queries.draft(session, identity, draft)
    context = {"draft": row, "conflicts": len(releasing.open_conflicts(row))}
    try:
        found = releasing.propose(session, identity, row)
    except DraftFaulty as fault:
        return render_template("library/release_faulty.html", fault=fault, **context)
    if form is None:
        form = ReleaseForm(data={"version": found.suggestion.version})
    form.revision.data = str(row.revision)
    return render_template(
        "library/release.html",
        form=form,
        failed=bool(form.errors or form.form_errors),
        proposal=found,
        counts=diff_words.counts(found.diff) if found.diff else [],
        fates=diff_words.FATE_WORDS,
        newer=merging.newer_base(session, identity, row.based_on),
        overtaken=releasing.overtaken(session, identity, row),
        follows=service.definition(session, row.previous_hash).label if row.previous_hash else "",
        running=version_queries.running(session, identity, row.slug),
        based_running=_based(found.diff.old.slug if found.diff else row.slug, row.slug),
        **context,
    )


def _based(before: str, slug: str) -> list[tuple[str, int]]:
    """Open assessments on the questionnaire that a first release was copied from."""
    return [] if before == slug else version_queries.running(web.db(), web.identity(), before)


# ----------------------------------------------------------------------------------------------------------- retired


@blueprint.post("/o/<organisation>/questionnaires/<slug>/<version>/retire")
@requires(Permission.RELEASE)
def retire(organisation: str, slug: str, version: str) -> Page:
    releasing.retire(web.db(), _version(slug, version), actor=web.identity(), now=web.now())
    return web.notice(_back(organisation, slug, version), "version-retired")


@blueprint.post("/o/<organisation>/questionnaires/<slug>/<version>/bring-back")
@requires(Permission.RELEASE)
def bring_back(organisation: str, slug: str, version: str) -> Page:
    releasing.bring_back(web.db(), _version(slug, version), actor=web.identity(), now=web.now())
    return web.notice(_back(organisation, slug, version), "version-back")


def _version(slug: str, version: str) -> service.Version:
    if not SLUG.fullmatch(slug) or not VERSION.fullmatch(version):
        raise NotFound
    return service.version(web.db(), web.identity(), slug, version)


def _back(organisation: str, slug: str, version: str) -> Response:
    return redirect(url_for("library.preview", organisation=organisation, slug=slug, version=version), 303)
