"""The lists of vendors and assessments: narrowed, ordered, cut to pages, and the same as CSV."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from portal import web
from portal.access import Permission, requires
from portal.assessments import organisation_queries as assessments
from portal.assessments.models import Assessment
from portal.assessments.portfolio_views import today_of
from portal.audit.service import export_made
from portal.exporting import by_chunks, list_file
from portal.listing import Address, an_id, one_of, search_words
from portal.paging import page_number, sortable
from portal.vendors import facts, lists
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor

blueprint = Blueprint("lists", __name__)
VENDOR_HEAD = (
    *(
        "vendor",
        "id",
        "tier",
        "country",
        "engagements",
        "people here",
        "open assessments",
        "newest assessment",
    ),
    *("its state", "its due date", "on record since", "offboarded"),
)
ASSESSMENT_HEAD = (
    *(
        "vendor",
        "engagements",
        "questionnaire",
        "version",
        "state",
        "answered",
        "of",
        "due",
        "days late",
        "round",
    ),
    *("issued", "submitted", "band", "id"),
)


def _at(rule: str, endpoint: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Route a view under an endpoint of its subject: forms and pages of vendors stand elsewhere."""

    def route(view: Callable[..., Any]) -> Callable[..., Any]:
        blueprint.record(lambda state: state.app.add_url_rule(rule, endpoint, view, methods=["GET"]))
        return view

    return route


# ------------------------------------------------------------------------------------------------------- vendors


def vendor_address(organisation: str, narrowed: lists.Filter) -> Address:
    """The address of the list of vendors with this filter."""
    kept = {"q": narrowed.words, "tier": narrowed.tier, "needs": narrowed.needs}
    kept |= {"country": narrowed.country, "state": narrowed.state}
    return Address("vendors.vendor_list", {"organisation": organisation}, kept, narrowed.sort, narrowed.down)


@_at("/o/<organisation>/vendors", "vendors.vendor_list")
@requires(Permission.SEE_VENDORS)
def vendor_list(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    narrowed = lists.filter_from(request.args)
    page = lists.listed(session, identity, narrowed, number=page_number(request.args.get("page")))
    ids = [one.id for one in page.rows]
    bought = vendors.engagements_of(session, identity, *ids) if ids else []
    asked = assessments.of_vendors(session, identity, ids)
    own, today = today_of(session, identity)
    href = vendor_address(organisation, narrowed)
    names = facts.country_names()
    columns = [("name", _("Vendor")), ("tier", _("Tier")), ("", _("What you buy")), ("", _("People"))]
    columns += [("", _("Assessments")), ("country", _("Country")), ("added", _("On record since"))]
    return render_template(
        "vendors/vendor_list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "tier": _("Tier: %(tier)s", tier=narrowed.tier),
                "needs": _("Waits for an engagement")
                if narrowed.needs == "engagement"
                else _("Waits for its people"),
                "country": names.get(narrowed.country, ""),
                "state": _("Offboarded") if narrowed.state == "offboarded" else _("Offboarded ones, too"),
            }
        ),
        tiers={one: lists.worst_tier(bought, one) for one in ids},
        bought={one: [e for e in bought if e.vendor_id == one] for one in ids},
        asked={one: [a for a in asked if a.vendor_id == one] for one in ids},
        countries=names,
        occurring=lists.countries(session, identity),
        zone=own.zone,
        today=today,
        counts=lists.counts(session, identity),
    )


@_at("/o/<organisation>/vendors.csv", "vendors.vendors_csv")
@_at("/o/<organisation>/vendors.xlsx", "vendors.vendors_xlsx")
@requires(Permission.SEE_VENDORS)
def vendors_csv(organisation: str) -> Response:
    session, identity, now = web.db(), web.identity(), web.now()
    _own, today = today_of(session, identity)
    ids = lists.ids(identity, lists.filter_from(request.args))
    found = by_chunks(session, ids, lambda chunk: _vendor_rows(chunk, today))
    return list_file(
        f"vendors-{organisation}-{today}", VENDOR_HEAD, found, export_made("vendors", now=now, actor=identity)
    )


def _vendor_rows(ids: list[uuid.UUID], today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    found = vendors.vendors(session, identity, ids)
    bought = vendors.engagements_of(session, identity, *ids)
    asked = assessments.of_vendors(session, identity, ids)
    for row in (found[one] for one in ids if one in found):
        yield _vendor_row(row, bought, [one for one in asked if one.vendor_id == row.id], today)


def _vendor_row(row: Vendor, bought: Any, asked: list[Assessment], today: date) -> tuple[Any, ...]:
    newest = asked[0] if asked else None
    return (
        row.name,
        row.id,
        lists.worst_tier(bought, row.id),
        row.country,
        "; ".join(one.name for one in bought if one.vendor_id == row.id),
        row.company_id is not None,
        sum(one.state == "open" for one in asked),
        newest.title if newest else "",
        state_of(newest, today) if newest else "",
        newest.due if newest else "",
        row.created_at.date(),
        row.offboarded_at.date() if row.offboarded_at else "",
    )


# --------------------------------------------------------------------------------------------------- assessments


def state_of(one: Assessment, today: date) -> str:
    """``late`` for an open assessment past its date, else its state."""
    return "late" if one.state == "open" and one.due < today else one.state


def _assessment_filter(slugs: list[str]) -> assessments.Filter:
    return assessments.Filter(
        words=search_words(),
        state=one_of("state", assessments.STATES),
        slug=one_of("questionnaire", slugs),
        tier=one_of("tier", facts.TIERS),
        vendor_id=an_id("vendor"),
        sort=one_of("sort", assessments.SORTS, "due"),
        down=request.args.get("down") == "1",
    )


@_at("/o/<organisation>/assessments", "assessments.assessment_list")
@requires(Permission.SEE_VENDORS)
def assessment_list(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    slugs = assessments.slugs(session, identity)
    narrowed = _assessment_filter([slug for slug, _title in slugs])
    own, today = today_of(session, identity)
    page = assessments.listed(
        session, identity, narrowed, today=today, number=page_number(request.args.get("page"))
    )
    shown = {one.vendor_id for one in page.rows} | ({narrowed.vendor_id} if narrowed.vendor_id else set())
    names = vendors.vendors(session, identity, shown)
    kept = {
        "q": narrowed.words,
        "state": narrowed.state,
        "questionnaire": narrowed.slug,
        "tier": narrowed.tier,
    }
    kept["vendor"] = str(narrowed.vendor_id or "")
    place = {"organisation": organisation}
    href = Address("assessments.assessment_list", place, kept, narrowed.sort, narrowed.down)
    columns = [("vendor", _("Vendor")), ("questionnaire", _("Questionnaire")), ("", _("State"))]
    columns += [("", _("Answered")), ("due", _("Due")), ("issued", _("Issued"))]
    chosen = names.get(narrowed.vendor_id) if narrowed.vendor_id else None
    return render_template(
        "assessments/assessment_list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "state": STATE_WORDS.get(narrowed.state, lambda: "")(),
                "questionnaire": dict(slugs).get(narrowed.slug, ""),
                "tier": _("Tier: %(tier)s", tier=narrowed.tier),
                "vendor": chosen.name if chosen else _("A vendor that is not here"),
            }
        ),
        slugs=slugs,
        vendors=names,
        covered=assessments.covered(session, identity, [one.id for one in page.rows]),
        standings=assessments.standings(session, identity, page.rows),
        counts=assessments.counts(session, identity, today=today),
        zone=own.zone,
        today=today,
    )


STATE_WORDS: dict[str, Callable[[], str]] = {
    "late": lambda: _("Late"),
    "soon": lambda: _("Due in two weeks"),
    "open": lambda: _("With the vendor"),
    "submitted": lambda: _("Submitted"),
    "lately": lambda: _("Submitted in the last 30 days"),
    "declined": lambda: _("Declined"),
    "cancelled": lambda: _("Taken back"),
}


@_at("/o/<organisation>/assessments.csv", "assessments.assessments_csv")
@_at("/o/<organisation>/assessments.xlsx", "assessments.assessments_xlsx")
@requires(Permission.SEE_VENDORS)
def assessments_csv(organisation: str) -> Response:
    session, identity, now = web.db(), web.identity(), web.now()
    _own, today = today_of(session, identity)
    narrowed = _assessment_filter([slug for slug, _title in assessments.slugs(session, identity)])
    ids = assessments.ids(identity, narrowed, today=today)
    found = by_chunks(session, ids, lambda chunk: _assessment_rows(chunk, today))
    note = export_made("assessments", now=now, actor=identity)
    return list_file(f"assessments-{organisation}-{today}", ASSESSMENT_HEAD, found, note)


def _assessment_rows(ids: list[uuid.UUID], today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    found = assessments.assessments(session, identity, ids)
    rows = [found[one] for one in ids if one in found]
    covered = assessments.covered(session, identity, ids)
    standings = assessments.standings(session, identity, rows)
    names = vendors.vendors(session, identity, {one.vendor_id for one in rows})
    for one in rows:
        late = (today - one.due).days if state_of(one, today) == "late" else 0
        yield (
            names[one.vendor_id].name,
            "; ".join(each.name for each in covered[one.id]),
            one.title,
            one.version,
            state_of(one, today),
            one.answered,
            one.total,
            one.due,
            late,
            one.round,
            one.issued_at.date(),
            one.submitted_at.date() if one.submitted_at else "",
            standings[one.id].band if one.id in standings else "",
            one.id,
        )
