"""The audit calendar: a year by month, a month by day, what is overdue; and what a company's clients ask of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import lazy_gettext as _l

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.clock import local_date
from portal.exporting import list_file
from portal.formats import month_year
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.paging import SIZE, Page, page_number
from portal.reassessment import agenda_lists, at_clients
from portal.reassessment import calendar_places as places
from portal.reassessment import calendar_queries as queries
from portal.reassessment import calendar_words as words
from portal.reassessment.agenda import Item
from portal.reassessment.agenda_lists import Dated
from portal.reassessment.calendar_queries import Filter, Row
from portal.reassessment.kinds import KINDS
from portal.vendors import queries as vendors
from questionnaires.dates import MAX_DATE, MIN_DATE

blueprint = Blueprint("calendar", __name__)
_HERE = "/o/<organisation>/calendar"
LATE, PAST, SOON, STUCK = "late", "past", "soon", "stuck"
TITLES = {
    LATE: _l("Overdue"),
    PAST: _l("Past every step"),
    SOON: _l("Due in 14 days"),
    STUCK: _l("Not opened on its day"),
}
HEAD = ("day", "time", "zone", "kind", "what", "vendor", "engagement", "tier", "why", "id")
AHEAD = 366  # days of a company's calendar


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks for. ``month``: 0 for the whole year; ``when``: one of TITLES, "" for the year or month."""

    own: Organisation
    today: date
    year: int
    month: int
    when: str
    narrowed: Filter
    owners: list[tuple[str, str]]

    @property
    def first(self) -> date:
        return date(self.year, self.month or 1, 1)

    @property
    def last(self) -> date:
        return queries.month_end(self.first) if self.month else date(self.year, 12, 31)


def _asked() -> _Asked:
    session, identity = web.db(), web.identity()
    own = organisations.organisation_of(session, identity)
    today = local_date(web.now(), own.zone)
    year = _number("year", MIN_DATE.year, MAX_DATE.year) or today.year
    month = _number("month", 1, 12)
    owners = [] if vendors.is_narrowed(identity) else vendors.business_owners(session, identity)
    owner = one_of("owner", [key for key, _name in owners])
    narrowed = Filter(one_of("kind", KINDS), uuid.UUID(owner) if owner else None)
    return _Asked(own, today, year, month, one_of("when", TITLES), narrowed, owners)


def _number(name: str, least: int, most: int) -> int:
    """A number of the address; 0 for none and for anything else."""
    text = request.args.get(name, "")
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    return found if least <= found <= most else 0


def _address(asked: _Asked) -> Address:
    organisation = (request.view_args or {})["organisation"]
    shown = asked.month or (asked.year != asked.today.year and not asked.when)
    kept = {
        "year": str(asked.year) if shown else "",
        "month": str(asked.month or ""),
        "when": asked.when,
        "kind": asked.narrowed.kind,
        "owner": str(asked.narrowed.owner or ""),
    }
    return Address("calendar.page", {"organisation": organisation}, kept)


@blueprint.get(_HERE)
@requires(Permission.SEE_SCHEDULE)
def page(organisation: str) -> str:
    """A year; with ``month`` that month's days; with ``when`` what is overdue, soon or stuck. ``kind``, ``owner``."""
    asked = _asked()
    if asked.month or asked.when:
        return _list(asked)
    href = _address(asked)
    found = queries.year_of(web.db(), web.identity(), asked.own, asked.year, asked.narrowed, now=web.now())
    months = found.months
    return render_template(
        "reassessment/calendar.html",
        **_common(asked, href),
        late=found,
        months=months,
        kinds=[one for one in words.KIND_WORDS if any(month.by_kind[one] for month in months)],
        total=sum(month.total for month in months),
        before=asked.year - 1 if asked.year > MIN_DATE.year else 0,
        after=asked.year + 1 if asked.year < MAX_DATE.year else 0,
    )


def _common(asked: _Asked, href: Address) -> dict[str, Any]:
    kinds = {key: str(named[0]) for key, named in words.KIND_WORDS.items()}
    labels = {
        "kind": kinds.get(asked.narrowed.kind, ""),
        "owner": dict(asked.owners).get(str(asked.narrowed.owner), ""),
    }
    return {
        "asked": asked,
        "today": asked.today,
        "zone": asked.own.zone,
        "href": href,
        "tokens": href.tokens(labels),
        "kind_words": words.KIND_WORDS,
        "owners": asked.owners,
    }


def _list(asked: _Asked) -> str:
    session, identity = web.db(), web.identity()
    href = _address(asked)
    cut, some = _paged(_counted(asked), asked.narrowed.owner)
    rows = queries.rows(session, identity, some)
    rows = queries.with_ladders(session, identity, asked.own, rows, today=asked.today)
    return render_template(
        "reassessment/calendar_list.html",
        **_common(asked, href),
        title=str(TITLES[asked.when]) if asked.when else month_year(asked.first),
        page=Page(rows, cut.number, cut.total),
        pages=cut.links(lambda number: href(page=number)),
        places={
            one.subject: places.place(one, str(href.place["organisation"]), today=asked.today) for one in some
        },
        step_name=words.step_name,
        skipped=words.SKIPPED,
    )


def _counted(asked: _Asked) -> list[Dated]:
    """How much the list holds of each day."""
    session, identity, today = web.db(), web.identity(), asked.today
    if asked.when in (LATE, PAST):
        past = asked.when == PAST
        return queries.overdue(session, identity, asked.own, asked.narrowed, past=past, now=web.now())
    if asked.when == SOON:
        return queries.between(session, identity, asked.narrowed, first=today, last=today + at_clients.SOON)
    if asked.when == STUCK:
        return queries.between(session, identity, Filter(STUCK, asked.narrowed.owner), first=None, last=None)
    return queries.between(session, identity, asked.narrowed, first=asked.first, last=asked.last)


def _paged(found: Sequence[Dated], owner: uuid.UUID | None = None) -> tuple[Page[Item], list[Item]]:
    """The page that the address asks for, and its items."""
    total = sum(one.number for one in found)
    asked: Page[Item] = Page([], page_number(request.args.get("page")), total)
    number = min(asked.number, asked.last)
    session, identity = web.db(), web.identity()
    keys = agenda_lists.page(session, identity, found, start=(number - 1) * SIZE, most=SIZE, owner=owner)
    some = agenda_lists.items(session, identity, keys)
    return Page(some, number, total), some


@blueprint.get(f"{_HERE}.csv")
@blueprint.get(f"{_HERE}.xlsx", endpoint="page_xlsx")
@requires(Permission.SEE_SCHEDULE)
def page_file(organisation: str) -> Response:
    """The items behind the page: of the year, the month, or what is overdue."""
    asked, identity = _asked(), web.identity()
    found = _counted(asked)
    name = asked.when or (f"{asked.year}-{asked.month:02}" if asked.month else str(asked.year))
    note = export_made("calendar", now=web.now(), actor=identity)
    return list_file(f"calendar-{organisation}-{name}", HEAD, _lines(found, asked.narrowed.owner), note)


def _lines(found: Sequence[Dated], owner: uuid.UUID | None) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    keys = agenda_lists.whole(session, identity, found, owner=owner)
    for start in range(0, len(keys), agenda_lists.IDS_AT_ONCE):
        items = agenda_lists.items(session, identity, keys[start : start + agenda_lists.IDS_AT_ONCE])
        for one in queries.rows(session, identity, items):
            it = one.item
            yield (
                *(it.due, it.due_time.strftime("%H:%M") if it.due_time else "", it.zone, it.kind, one.what),
                *(one.vendor, one.engagement, it.tier, one.why, str(it.subject)),
            )


# ------------------------------------------------------------------------------------------------------- a company


@blueprint.get("/c/<company>/calendar", endpoint="of_company")
@requires(Permission.SEE_COMPANY)
def of_company(company: str) -> str:
    """What clients ask of the company and when its documents end: everything late, and a year ahead."""
    session, identity = web.db(), web.identity()
    today = local_date(web.now(), "UTC")
    found = queries.ahead_of_company(session, identity, today=today, days=AHEAD)
    href = Address("calendar.of_company", {"company": company}, {})
    cut, some = _paged(found)
    rows: list[Row] = queries.rows(session, identity, some)
    return render_template(
        "reassessment/calendar_company.html",
        page=Page(rows, cut.number, cut.total),
        pages=cut.links(lambda number: href(page=number)),
        places={one.subject: places.company_place(one, company) for one in some},
        kind_words=words.KIND_WORDS,
        late=sum(one.number for one in found if one.due < today),
        today=today,
    )
