"""What is foreseen: who will be told what, and what the calendar will open, if nothing happens but days."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.clock import local_date, zone_of
from portal.exporting import list_file
from portal.library import service as library
from portal.listing import Address, a_day, an_id, one_of
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.paging import SIZE, Page, page_number
from portal.reassessment import calendar_queries, outlook, rules
from portal.reassessment import calendar_words as words
from portal.reassessment.calendar_words import Details
from portal.reassessment.foreseeing import LONGEST
from portal.reassessment.foreseen_lines import Foreseen, Letters
from portal.reassessment.kinds import KINDS
from portal.reassessment.outlook import Entry, Outlook
from portal.reassessment.rules_shape import ASK

blueprint = Blueprint("foresight", __name__)
_HERE = "/o/<organisation>/calendar/foreseen"
USUAL = 30  # days
ASKED = ("assessment", "campaign")
WHAT: Mapping[str, Any] = {
    "told": _l("Reminder"),
    "silent": _l("Reminder"),
    "nobody": _l("Reminder"),
    "opened": _l("Opened by the calendar"),
    "hindered": _l("Not opened on its day"),
    "moved": _l("Date moves"),
    "trigger": _l("Reason for a look"),
}
SILENT: Mapping[str, Any] = {
    "asked": _l("not told: the vendor waits for your answer"),
    "unsubscribed": _l("not told: turned such letters off"),
}
HEAD = (
    *("day", "time", "zone", "what", "kind", "about", "vendor", "engagement", "due", "step", "person"),
    *("letter", "letter_day", "why", "id"),
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks for; ``fault``: a sentence about days that cannot be, in whose place others are shown."""

    own: Organisation
    today: date
    start: date
    end: date
    kind: str
    person: uuid.UUID | None
    people: list[tuple[str, str]]
    fault: str


def _asked() -> _Asked:
    session, identity = web.db(), web.identity()
    own = organisations.organisation_of(session, identity)
    today = local_date(web.now(), own.zone)
    furthest = today + timedelta(days=LONGEST)
    start, end, fault = a_day("from"), a_day("until"), ""
    if (request.args.get("from") and start is None) or (request.args.get("until") and end is None):
        fault = str(_("Write both days like %(day)s.", day=today.isoformat()))
    start = start or today
    if start < today or start > furthest:
        fault = fault or str(_("Only days from today to %(num)s days ahead can be foreseen.", num=LONGEST))
        start = today
    end = end or min(start + timedelta(days=USUAL), furthest)
    if end < start:
        fault = fault or str(_("The last day is before the first."))
        end = start + timedelta(days=USUAL)
    if end > furthest:
        fault = fault or str(_("Only days from today to %(num)s days ahead can be foreseen.", num=LONGEST))
        end = furthest
    people = [(str(one.person.id), one.person.name) for one in organisations.members(session, identity)]
    person = an_id("person")
    person = person if str(person) in dict(people) else None
    return _Asked(own, today, start, end, one_of("kind", KINDS), person, people, fault)


def _found(asked: _Asked) -> tuple[Outlook, list[Entry]]:
    found = outlook.outlook(
        *(web.portal().database, asked.own.id),
        now=web.now(),
        start=asked.start,
        end=asked.end,
        seconds=outlook.SECONDS,
    )
    lines = outlook.seen_by(web.db(), web.identity(), found)
    return found, list(outlook.entries(lines, kind=asked.kind, person=asked.person))


@blueprint.get(_HERE)
@requires(Permission.SEE_SCHEDULE)
def page(organisation: str) -> str:
    """Days ``from`` to ``until`` (a month from today), narrowed to a ``kind`` or to a ``person``; ``page``."""
    asked = _asked()
    found, every = _found(asked)
    cut: Page[Entry] = Page([], page_number(request.args.get("page")), len(every))
    number = min(cut.number, cut.last)
    some = every[(number - 1) * SIZE : number * SIZE]
    kept = {
        "from": asked.start.isoformat() if asked.start != asked.today else "",
        "until": asked.end.isoformat(),
        "kind": asked.kind,
        "person": str(asked.person or ""),
    }
    href = Address("foresight.page", {"organisation": organisation}, kept)
    kinds = {key: str(named[0]) for key, named in words.KIND_WORDS.items()}
    labels = {"kind": kinds.get(asked.kind, ""), "person": dict(asked.people).get(str(asked.person), "")}
    letters = Letters()
    for each in every:
        for one in each.people:
            letters.add(one)
    return render_template(
        "reassessment/foreseen.html",
        asked=asked,
        found=found,
        rows=_rows(some),
        page=Page(some, number, len(every)),
        pages=Page(some, number, len(every)).links(lambda at: href(page=at)),
        href=href,
        tokens=[one for one in href.tokens(labels) if one],
        kind_words=words.KIND_WORDS,
        what=WHAT,
        silent=SILENT,
        hindered=words.HINDERED,
        step_name=words.step_name,
        letters=letters,
        opened=sum(one.line.what == "opened" for one in every),
        asks=rules.current(web.db(), asked.own.id).opening == ASK,
        longest=LONGEST,
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """An entry in words. ``names``: (name, the line) of everybody whom it is said to."""

    entry: Entry
    about: str
    vendor: str
    engagements: tuple[str, ...]
    names: tuple[tuple[str, Foreseen], ...]


def _rows(some: Sequence[Entry]) -> list[_Row]:
    session, identity = web.db(), web.identity()
    items = [one.line.item for one in some]
    details = calendar_queries.details_of(session, identity, items)
    details = _with_imagined(details, some)
    people = organisations.people(
        session, {one.person_id for each in some for one in each.people if one.person_id}
    )
    found = []
    for one in some:
        item = one.line.item
        names = [
            (people[line.person_id].name if line.person_id in people else "", line) for line in one.people
        ]
        engagements = [details.engagements.get(key, "") for key in one.line.engagements]
        found.append(
            _Row(
                one,
                words.what(item, details),
                details.vendor(item),
                tuple(sorted(name for name in engagements if name)),
                tuple(sorted(names, key=lambda pair: (pair[1].of_company, pair[0]))),
            )
        )
    return found


def _with_imagined(details: Details, some: Sequence[Entry]) -> Details:
    """``details`` with what is only imagined: titles of assessments that are not there, engagements that they cover."""
    session, identity = web.db(), web.identity()
    lacking = {
        one.line.item.code
        for one in some
        if one.line.kind in ASKED and one.line.subject not in details.titles
    }
    titles = {one.slug: one.title for one in library.available(session, identity)} if lacking else {}
    titles |= calendar_queries.titles_of(session, identity, lacking) if lacking else {}
    own = {
        one.line.subject: titles.get(one.line.item.code, one.line.item.code)
        for one in some
        if one.line.kind in ASKED
    }
    covered = {key for one in some for key in one.line.engagements} - set(details.engagements)
    names = calendar_queries.engagement_names(session, identity, covered) if covered else {}
    return replace(details, titles={**own, **details.titles}, engagements={**names, **details.engagements})


@blueprint.get(f"{_HERE}.csv")
@blueprint.get(f"{_HERE}.xlsx", endpoint="page_xlsx")
@requires(Permission.SEE_SCHEDULE)
def page_file(organisation: str) -> Response:
    """Everything behind the page, a line for each person."""
    asked = _asked()
    found, every = _found(asked)
    note = export_made("foreseen", now=web.now(), actor=web.identity())
    last = min(asked.end, found.until)
    return list_file(
        f"foreseen-{organisation}-{asked.start}-{last}", HEAD, _lines(every, asked.own.zone), note
    )


def _lines(every: Sequence[Entry], zone: str) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(every), calendar_queries.IDS_AT_ONCE):
        for row in _rows(every[start : start + calendar_queries.IDS_AT_ONCE]):
            first = row.entry.line
            for name, line in row.names or (("", first),):
                at = line.leaves or line.at
                yield (
                    *(line.day, f"{at.astimezone(zone_of(line.item.zone)):%H:%M}", line.item.zone),
                    *(line.what, line.kind, row.about, row.vendor, ", ".join(row.engagements), line.due),
                    *(line.step, name, line.letter, line.post_day, line.code, str(line.subject)),
                )
