"""The questionnaires that an organisation may issue, and each as a page to read."""

from __future__ import annotations

from flask import Blueprint, render_template

from portal import web
from portal.access import Permission, requires
from portal.faults import NotFound
from portal.library import describing, draft_queries, histories, importing, merging, service
from portal.organisations import queries as organisations
from questionnaires.patterns import SLUG, VERSION

blueprint = Blueprint("library", __name__)


@blueprint.get("/o/<organisation>/questionnaires")
@requires(Permission.SEE_QUESTIONNAIRES)
def library_list(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    offered = service.available(session, identity)
    retired = service.retired_hashes(session, identity)
    known = {one.content_hash for one in offered}
    own = service.own_versions(session, identity)
    current = {one.slug: one for one in reversed(own)}
    gone = [one for one in service.shipped_versions() if one.content_hash in retired]
    return render_template(
        "library/library_list.html",
        versions=offered,
        older=[one for one in own if one.content_hash not in known] + gone,
        retired=retired,
        newer={
            slug: merging.newer_base(
                session, identity, service.definition(session, one.content_hash).based_on
            )
            for slug, one in current.items()
        },
        current={one.content_hash for one in current.values()},
        drafts=draft_queries.drafts(session, identity) if identity.may(Permission.SEE_FORESIGHT) else [],
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
    newest = histories.newest(session, identity, slug)
    is_newest = newest is not None and newest.version == version
    people = organisations.people(session, {found.released_by} if found.released_by else set())
    return render_template(
        "library/preview.html",
        version=found,
        definition=definition,
        retired=found.content_hash in service.retired_hashes(session, identity),
        newer=merging.newer_base(session, identity, definition.based_on) if is_newest else None,
        released_by=people[found.released_by].name if found.released_by in people else "",
        zone=organisations.organisation_of(session, identity).zone,
        toml_limit=importing.LARGEST_TOML >> 10 if importing.too_large_as_toml(definition) else 0,
        sections=describing.sections(definition),
        caps=describing.caps(definition),
        knockout=definition.band(definition.knockout_band) if definition.knockout_band else None,
        critical=[one for one in definition.questions.values() if one.critical],
    )
