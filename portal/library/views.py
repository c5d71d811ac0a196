"""The questionnaires that an organisation may issue, and each as a page to read."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal import web
from portal.access import Permission, requires
from portal.faults import NotFound
from portal.library import describing, draft_queries, service
from portal.organisations import queries as organisations
from questionnaires.patterns import SLUG, VERSION

blueprint = Blueprint("library", __name__)


@blueprint.get("/o/<organisation>/questionnaires")
@requires(Permission.SEE_QUESTIONNAIRES)
def library_list(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    current = service.available(session, identity)
    newest = {one.content_hash for one in current}
    return render_template(
        "library/library_list.html",
        versions=current,
        older=[one for one in service.own_versions(session, identity) if one.content_hash not in newest],
        drafts=draft_queries.drafts(session, identity),
        zone=organisations.organisation_of(session, identity).zone,
    )


@blueprint.get("/o/<organisation>/questionnaires/<slug>/<version>")
@requires(Permission.SEE_QUESTIONNAIRES)
def preview(organisation: str, slug: str, version: str) -> str:
    """All questions with what each answer earns; the organisation's own versions and the shipped ones."""
    if not SLUG.fullmatch(slug) or not VERSION.fullmatch(version):
        raise NotFound
    session, identity = web.db(), web.identity()
    found = service.version(session, identity, slug, version)
    definition = service.definition(session, found.content_hash)
    return render_template(
        "library/preview.html",
        version=found,
        definition=definition,
        sections=describing.sections(definition),
        caps=describing.caps(definition),
        knockout=definition.band(definition.knockout_band) if definition.knockout_band else None,
        critical=[one for one in definition.questions.values() if one.critical],
    )
