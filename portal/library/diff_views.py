"""Two versions side by side: a page, and the same as JSON."""

from __future__ import annotations

import uuid
from typing import IO

from flask import Blueprint, Response, render_template, request

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.exporting import spooled
from portal.faults import NotFound
from portal.library import diff_words, diffing, draft_queries
from portal.library.diffing import DraftFaulty, Side
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from questionnaires.canonical import canonical_json
from questionnaires.changes import FATES, Diff
from questionnaires.patterns import SLUG

blueprint = Blueprint("diffing", __name__)
FILTERS = (*FATES, "same")


@blueprint.get("/o/<organisation>/questionnaires/<slug>/diff")
@requires(Permission.SEE_QUESTIONNAIRES)
def page(organisation: str, slug: str) -> str:
    """What differs between two versions, or between a version and a draft."""
    sides, old, new = _chosen(slug)
    return _page(organisation, slug, sides, old, new)


@blueprint.get("/o/<organisation>/drafts/<uuid:draft>/diff")
@requires(Permission.SEE_FORESIGHT)
def of_draft(organisation: str, draft: uuid.UUID) -> str:
    """What a draft changes: against the own release that it follows, else against what it was copied from."""
    session, identity = web.db(), web.identity()
    row = draft_queries.draft(session, identity, draft)
    sides = diffing.sides(session, identity, row.slug)
    names = [one.name for one in sides if one.draft is None]
    own = [name for name in names if name.startswith(f"{row.slug}@")]
    before = own[-1] if own else row.based_on if row.based_on in names else str(draft)
    return _page(organisation, row.slug, sides, before or str(draft), str(draft))


@blueprint.get("/o/<organisation>/questionnaires/<slug>/diff.json")
@requires(Permission.SEE_QUESTIONNAIRES)
def json_file(organisation: str, slug: str) -> Response:
    """The bytes that ``python -m questionnaires diff --json`` prints."""
    _sides, old, new = _chosen(slug)
    found = _diff(old, new)
    data = canonical_json(found.to_json()) + b"\n"

    def write(file: IO[bytes]) -> int:
        file.write(data)
        return len(found.questions)

    name = f"diff-{slug}-{found.old.version}-{found.new.version}.json"
    return spooled(name, "application/json", write, export_made("diff", now=web.now(), actor=web.identity()))


def _chosen(slug: str) -> tuple[list[Side], str, str]:
    """What can be compared under a slug, and what the address asks for."""
    if not SLUG.fullmatch(slug):
        raise NotFound
    sides = diffing.sides(web.db(), web.identity(), slug)
    usual_from, to = diffing.usual(sides, _named(request.args.get("to", ""), slug))
    return sides, _named(request.args.get("from", ""), slug) or usual_from, to


def _named(text: str, slug: str) -> str:
    """``1.0.0`` is that version of the slug; a whole label or a draft's id stands for itself."""
    return f"{slug}@{text}" if text and text.replace(".", "").isdigit() else text[:120]


def _diff(old: str, new: str) -> Diff:
    session, identity = web.db(), web.identity()
    before, after = (diffing.side_of(session, identity, name)() for name in (old, new))
    return diffing.compare(session, identity, before, after)


def _page(organisation: str, slug: str, sides: list[Side], old: str, new: str) -> str:
    fate = one_of("fate", FILTERS)
    href = Address(
        "diffing.page", {"organisation": organisation, "slug": slug}, {"from": old, "to": new, "fate": fate}
    )
    context = {"slug": slug, "sides": sides, "old": old, "new": new, "fate": fate, "href": href}
    try:
        found = _diff(old, new)
    except DraftFaulty as fault:
        return render_template("library/diff_faulty.html", fault=fault, **context)
    return render_template(
        "library/diff.html",
        diff=found,
        counts=diff_words.counts(found),
        fates=diff_words.FATE_WORDS,
        questions=diff_words.questions(found, fate),
        sections=diff_words.sections(found),
        header=diff_words.header(found),
        shares=diff_words.shares(found),
        zone=organisations.organisation_of(web.db(), web.identity()).zone,
        **context,
    )
