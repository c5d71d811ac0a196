"""The lists that only the whole picture has: what changed, open conditions, exceptions; each as page, CSV and XLSX."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _

from portal import clock, web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.exporting import CHUNK, by_chunks, list_file
from portal.gate import standings, words
from portal.gate.standings import Relation
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.paging import Page, page_number, paged, paged_ids
from portal.portfolio import changes, conditions, exceptions, naming, shown
from portal.portfolio.home_views import blueprint, since_of, usual_since
from portal.vendors.facts import TIERS

AT = "/o/<organisation>/portfolio"
CHANGES_HEAD = (
    *(
        "engagement",
        "vendor",
        "tier",
        "changed",
        "since",
        "tier then",
        "level then",
        "level now",
        "gate then",
    ),
    *("gate now", "id"),
)
CONDITIONS_HEAD = (
    *(
        "engagement",
        "vendor",
        "tier",
        "condition",
        "due",
        "days left",
        "the gate becomes",
        "code",
        "subject",
        "id",
    ),
)
EXCEPTIONS_HEAD = (
    *("engagement", "vendor", "tier", "kind", "about", "state", "until", "days left", "asked", "asked by"),
    *("settled", "settled by", "id"),
)


@dataclass(frozen=True, slots=True)
class _Here:
    """What every list of this page needs: the organisation, its day, and what stands at its gates."""

    own: Organisation
    today: date
    relation: Relation


def _here() -> _Here:
    session, identity = web.db(), web.identity()
    own = organisations.organisation_of(session, identity)
    today = clock.local_date(web.now(), own.zone)
    return _Here(own, today, standings.relation(session, identity, today=today, now=web.now()))


def _drawn(
    template: str,
    page: Page[Any],
    endpoint: str,
    kept: Mapping[str, str],
    tokens: Mapping[str, str],
    **context: Any,
) -> str:
    """A list with its filters; ``kept``: those in force by parameter."""
    slug = (request.view_args or {})["organisation"]
    href = Address(endpoint, {"organisation": slug}, kept)
    return render_template(
        template,
        page=page,
        pages=page.links(lambda number: href(page=number)),
        href=href,
        tokens=href.tokens(tokens),
        words=shown,
        **context,
    )


def _common_tokens(words_of: str, tier: str) -> dict[str, str]:
    return {
        "q": _("“%(words)s”", words=words_of),
        "tier": _("Tier: %(tier)s", tier=shown.TIER_WORDS.get(tier, "")),
    }


def _number() -> int:
    return page_number(request.args.get("page"))


# -------------------------------------------------------------------------------------------------------- what changed


def _changes_filter(today: date) -> changes.Filter:
    return changes.Filter(
        since_of(today), one_of("what", changes.WHATS), search_words(), one_of("tier", TIERS)
    )


@blueprint.get(f"{AT}/changes")
@requires(Permission.SEE_PORTFOLIO)
def changes_list(organisation: str) -> str:
    session, identity, here = web.db(), web.identity(), _here()
    narrowed = _changes_filter(here.today)
    compared = changes.Compared(identity, here.relation, narrowed.since, here.own.zone)
    ids = paged_ids(session, compared.ids(narrowed), _number())
    page = Page(compared.rows(session, ids.rows), ids.number, ids.total)
    usual = narrowed.since == usual_since(here.today)
    kept = {"q": narrowed.words, "what": narrowed.what, "tier": narrowed.tier}
    kept["since"] = "" if usual else narrowed.since.isoformat()
    tokens = _common_tokens(narrowed.words, narrowed.tier)
    tokens["what"] = str(shown.CHANGES[narrowed.what][2]) if narrowed.what else ""
    tokens["since"] = _("Since %(day)s", day=shown.short_date(narrowed.since))
    return _drawn(
        "portfolio/changes.html",
        page,
        "portfolio.changes_list",
        kept,
        tokens,
        narrowed=narrowed,
        begins=changes.begins(session, identity),
        waiting=here.relation.waiting,
        today=here.today,
    )


@blueprint.get(f"{AT}/changes.csv")
@blueprint.get(f"{AT}/changes.xlsx", endpoint="changes_xlsx")
@requires(Permission.SEE_PORTFOLIO)
def changes_csv(organisation: str) -> Response:
    session, identity, here = web.db(), web.identity(), _here()
    narrowed = _changes_filter(here.today)
    compared = changes.Compared(identity, here.relation, narrowed.since, here.own.zone)

    def rows(ids: list[uuid.UUID]) -> Iterator[tuple[Any, ...]]:
        for one in compared.rows(session, ids):
            then = one.then
            yield (
                *(one.engagement.name, one.vendor.name, one.engagement.tier, "; ".join(one.whats)),
                *(narrowed.since, then.then_tier if then else "", then.then_level if then else "", one.level),
                *(then.then_outcome or "" if then else "", one.outcome or "", one.engagement.id),
            )

    note = export_made("changes", now=web.now(), actor=identity)
    found = by_chunks(session, compared.ids(narrowed), rows)
    return list_file(
        f"changes-{organisation}-{here.today}{here.relation.incomplete}", CHANGES_HEAD, found, note
    )


# ---------------------------------------------------------------------------------------------------------- conditions


def _conditions_filter() -> conditions.Filter:
    return conditions.Filter(one_of("due", conditions.DUE), search_words(), one_of("tier", TIERS))


@blueprint.get(f"{AT}/conditions")
@requires(Permission.SEE_PORTFOLIO)
def conditions_list(organisation: str) -> str:
    session, identity, here = web.db(), web.identity(), _here()
    narrowed = _conditions_filter()
    page = conditions.page_of(session, identity, here.relation, narrowed, today=here.today, number=_number())
    tokens = _common_tokens(narrowed.words, narrowed.tier)
    tokens["due"] = str(shown.CONDITIONS_DUE.get(narrowed.due, ""))
    return _drawn(
        "portfolio/conditions.html",
        page,
        "portfolio.conditions_list",
        {"q": narrowed.words, "due": narrowed.due, "tier": narrowed.tier},
        tokens,
        narrowed=narrowed,
        texts=conditions.texts(session, identity, here.relation, page.rows),
        lapses=words.LAPSES,
        working=here.relation.waiting,
        today=here.today,
    )


@blueprint.get(f"{AT}/conditions.csv")
@blueprint.get(f"{AT}/conditions.xlsx", endpoint="conditions_xlsx")
@requires(Permission.SEE_PORTFOLIO)
def conditions_csv(organisation: str) -> Response:
    session, identity, here = web.db(), web.identity(), _here()
    keys = conditions.keys(identity, here.relation, _conditions_filter(), today=here.today)
    wanted = [(one[0], one[1], one[2]) for one in session.execute(keys)]

    def rows() -> Iterator[tuple[Any, ...]]:
        for at in range(0, len(wanted), CHUNK):
            found = conditions.rows(session, identity, here.relation, wanted[at : at + CHUNK])
            texts = conditions.texts(session, identity, here.relation, found)
            for one, text in zip(found, texts, strict=True):
                due = one.condition.due
                yield (
                    *(one.engagement.name, one.vendor.name, one.engagement.tier, text, due),
                    *((due - here.today).days if due else "", one.condition.lapses_to),
                    *(*one.condition.key, one.engagement.id),
                )

    note = export_made("conditions", now=web.now(), actor=identity)
    return list_file(
        f"conditions-{organisation}-{here.today}{here.relation.incomplete}", CONDITIONS_HEAD, rows(), note
    )


# ---------------------------------------------------------------------------------------------------------- exceptions


def _exceptions_filter() -> exceptions.Filter:
    return exceptions.Filter(one_of("state", exceptions.STATES), search_words(), one_of("tier", TIERS))


def _about(here: _Here, rows: list[exceptions.Row]) -> list[str]:
    """What each of these exceptions is about."""
    grounds = [(one.engagement.id, one.exception.code, one.exception.subject) for one in rows]
    named = naming.names(web.db(), web.identity(), here.relation, grounds)
    return [naming.about(code, subject, named(engagement)) for engagement, code, subject in grounds]


def _people(rows: list[exceptions.Row]) -> Mapping[uuid.UUID, Any]:
    ids = {one.exception.proposed_by for one in rows}
    ids |= {one.exception.settled_by for one in rows if one.exception.settled_by}
    return organisations.people(web.db(), ids)


@blueprint.get(f"{AT}/exceptions")
@requires(Permission.SEE_PORTFOLIO)
def exceptions_list(organisation: str) -> str:
    session, identity, here = web.db(), web.identity(), _here()
    narrowed = _exceptions_filter()
    ids = paged(session, exceptions.ids(identity, narrowed, today=here.today), _number())
    rows = exceptions.rows(session, identity, ids.rows)
    tokens = _common_tokens(narrowed.words, narrowed.tier)
    tokens["state"] = str(shown.EXCEPTION_STATES[narrowed.state][2]) if narrowed.state else ""
    return _drawn(
        "portfolio/exceptions.html",
        Page(rows, ids.number, ids.total),
        "portfolio.exceptions_list",
        {"q": narrowed.words, "state": narrowed.state, "tier": narrowed.tier},
        tokens,
        narrowed=narrowed,
        about=_about(here, rows),
        ground_name=words.ground_name,
        people=_people(rows),
        state_of=partial(exceptions.state_of, today=here.today),
        today=here.today,
    )


@blueprint.get(f"{AT}/exceptions.csv")
@blueprint.get(f"{AT}/exceptions.xlsx", endpoint="exceptions_xlsx")
@requires(Permission.SEE_PORTFOLIO)
def exceptions_csv(organisation: str) -> Response:
    """Without the reasons: free text of people stays where it can be removed."""
    session, identity, here = web.db(), web.identity(), _here()

    def rows(ids: list[uuid.UUID]) -> Iterator[tuple[Any, ...]]:
        found = exceptions.rows(session, identity, ids)
        people = _people(found)
        for one, about in zip(found, _about(here, found), strict=True):
            row = one.exception
            asked = people.get(row.proposed_by)
            settled = people.get(row.settled_by) if row.settled_by else None
            yield (
                *(one.engagement.name, one.vendor.name, one.engagement.tier, row.code, about),
                *(exceptions.state_of(row, here.today), row.until, (row.until - here.today).days),
                *(clock.local_date(row.proposed_at, here.own.zone), asked.name if asked else ""),
                clock.local_date(row.settled_at, here.own.zone) if row.settled_at else "",
                *(settled.name if settled else "", row.id),
            )

    found = by_chunks(session, exceptions.ids(identity, _exceptions_filter(), today=here.today), rows)
    note = export_made("exceptions", now=web.now(), actor=identity)
    return list_file(f"exceptions-{organisation}-{here.today}", EXCEPTIONS_HEAD, found, note)
