"""Search across answers: who said what, as a page and as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import organisation_queries as assessments
from portal.audit.service import export_made
from portal.exporting import CHUNK, list_file
from portal.gate import standings
from portal.gate.standings import Relation
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.portfolio import search_queries as queries
from portal.portfolio import unread, words
from portal.portfolio.search_queries import Filter, Plan
from portal.vendors.facts import TIERS

blueprint = Blueprint("search", __name__)
HEAD = (
    *("vendor", "engagements", "tier", "questionnaire", "round", "question", "question's text", "answer"),
    *("assessment", "submission"),
)


def _filter(slugs: list[str]) -> Filter:
    return Filter(search_words(), one_of("tier", TIERS), one_of("questionnaire", slugs))


def _today() -> date:
    return clock.local_date(web.now(), organisations.organisation_of(web.db(), web.identity()).zone)


def _relation(today: date) -> Relation:
    return standings.relation(web.db(), web.identity(), today=today, now=web.now())


@blueprint.get("/o/<organisation>/search")
@requires(Permission.SEE_REVIEW)
def page(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    slugs = assessments.slugs(session, identity)
    narrowed = _filter([slug for slug, _title in slugs])
    relation = _relation(_today())
    plan = queries.plan(session, identity, narrowed.words, narrowed, relation)
    number = page_number(request.args.get("page"))
    found = queries.page_of(session, identity, plan, narrowed, relation, number=number)
    kept = {"q": narrowed.words, "tier": narrowed.tier, "questionnaire": narrowed.slug}
    href = Address("search.page", {"organisation": organisation}, kept)
    return render_template(
        "portfolio/search.html",
        page=found,
        pages=found.links(lambda number: href(page=number)),
        plan=plan,
        most=words.MOST_OF_QUERY,
        per_text=words.MOST_OF_TEXT,
        per_answer=words.MOST_OF_ANSWER,
        narrowed=narrowed,
        slugs=slugs,
        href=href,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "tier": _("Tier: %(tier)s", tier=narrowed.tier),
                "questionnaire": dict(slugs).get(narrowed.slug, ""),
            }
        ),
        waiting=relation.waiting,
        unread=unread.submissions(session, identity, relation),
    )


@blueprint.get("/o/<organisation>/search.xlsx", endpoint="as_xlsx")
@blueprint.get("/o/<organisation>/search.csv")
@requires(Permission.SEE_REVIEW)
def as_csv(organisation: str) -> Response:
    session, identity = web.db(), web.identity()
    narrowed = _filter([slug for slug, _title in assessments.slugs(session, identity)])
    today = _today()
    relation = _relation(today)
    plan = queries.plan(session, identity, narrowed.words, narrowed, relation)
    note = export_made("answers-found", now=web.now(), actor=identity)
    name = f"answers-{organisation}-{today}{relation.incomplete}"
    if not_read := unread.submissions(session, identity, relation):
        name += f"-{not_read}-submissions-not-read"
    return list_file(name, HEAD, _rows(plan, narrowed, relation), note)


def _rows(plan: Plan, narrowed: Filter, relation: Relation) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    if not plan.runs:
        return
    places = session.execute(queries.hits(identity, plan, narrowed, relation)).all()
    for at in range(0, len(places), CHUNK):
        some = places[at : at + CHUNK]
        for one in queries.read(session, identity, some, plan, narrowed, relation, excerpts=False):
            yield (
                one.vendor.name,
                ", ".join(each.name for each in one.engagements),
                one.tier,
                one.slug,
                one.round,
                one.key,
                one.question.text if one.question is not None else "",
                one.text,
                one.assessment,
                one.submission,
            )
