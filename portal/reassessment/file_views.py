"""The lists of the audit cycle as CSV and XLSX, as they are narrowed: what is planned, open or left out, incidents,
documents that end, reasons for a look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Any

from flask import Blueprint, Response, request

from portal import clock, web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.evidence.kinds import evidence_name
from portal.exporting import CHUNK, by_pages, list_file
from portal.listing import one_of
from portal.organisations import queries as organisations
from portal.paging import Page
from portal.reassessment import (
    calendar_words,
    ending,
    incident_queries,
    left_out,
    queries,
    trigger_about,
    trigger_words,
    triggers,
)
from portal.reassessment.ending import Ending
from portal.reassessment.incident_forms import KIND_WORDS
from portal.reassessment.ladder import Moment
from portal.reassessment.left_out import LeftOut
from portal.reassessment.models_triggers import Incident
from portal.reassessment.queries import Coming
from portal.reassessment.triggers import Listed
from portal.reassessment.views import chosen
from portal.vendors import queries as vendors

blueprint = Blueprint("cycle_files", __name__)
PLANNED = (
    *("vendor", "engagement", "questionnaire", "due", "days left", "tier", "answers of", "months"),
    *("why another date", "not opened since", "why not opened", "next one due", "next step", "on", "id"),
)
OPEN = (
    *("vendor", "engagements", "assessment", "due", "days left", "answered", "asked", "vendor has joined"),
    *("next step", "on", "id"),
)
LEFT = (
    *("vendor", "engagement", "questionnaire", "date that it had", "tier", "left out by", "left out at"),
    *("reason", "demanded by the policy", "id"),
)
INCIDENTS = (
    *("vendor", "kind", "state", "told by", "happened", "known since", "on record since", "settled"),
    *("begins with", "id"),
)
ENDING = (
    *("document", "kind", "vendor", "ends", "days left", "questions", "asked for", "assessment"),
    *("document id", "submission id"),
)
TRIGGERS = (
    *("vendor", "engagement", "tier", "reason", "about", "found", "state", "decided", "decided at"),
    *("decided by", "wanted by", "id"),
)


@blueprint.get("/o/<organisation>/schedule.csv")
@blueprint.get("/o/<organisation>/schedule.xlsx", endpoint="schedule_xlsx")
@requires(Permission.SEE_SCHEDULE)
def schedule_csv(organisation: str) -> Response:
    """One of the three views of the schedule, by the same address."""
    if request.args.get("view") == "left":
        return _file("left-out", LEFT, _left())
    view, narrowed = chosen()
    if view == "open":
        return _file("open-assessments", OPEN, _open(narrowed, _today()))
    return _file("next-assessments", PLANNED, _planned(narrowed, _today()))


@blueprint.get("/o/<organisation>/incidents.csv")
@blueprint.get("/o/<organisation>/incidents.xlsx", endpoint="incidents_xlsx")
@requires(Permission.SEE_REVIEW)
def incidents_csv(organisation: str) -> Response:
    return _file("incidents", INCIDENTS, _incidents(one_of("state", incident_queries.STATES, "open")))


@blueprint.get("/o/<organisation>/evidence.csv")
@blueprint.get("/o/<organisation>/evidence.xlsx", endpoint="ending_xlsx")
@requires(Permission.SEE_REVIEW)
def ending_csv(organisation: str) -> Response:
    return _file("documents-that-end", ENDING, _ending(one_of("until", ending.UNTIL, "60"), _today()))


@blueprint.get("/o/<organisation>/triggers.csv")
@blueprint.get("/o/<organisation>/triggers.xlsx", endpoint="triggers_xlsx")
@requires(Permission.SEE_SCHEDULE)
def triggers_csv(organisation: str) -> Response:
    return _file("reasons-for-a-look", TRIGGERS, _triggers(one_of("state", triggers.STATES, triggers.OPEN)))


# ---------------------------------------------------------------------------------------------------------------- rows


def _file(name: str, head: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> Response:
    identity = web.identity()
    assert identity.organisation is not None
    note = export_made(name.replace("-", "_"), now=web.now(), actor=identity)
    return list_file(f"{name}-{identity.organisation.slug}-{_today()}", head, rows, note)


def _today() -> date:
    zone = organisations.organisation_of(web.db(), web.identity()).zone
    return clock.local_date(web.now(), zone)


def _steps(coming: Moment | None) -> tuple[str, date | None]:
    """The next step of a ladder in words, and its day."""
    return (calendar_words.step_name(coming.step.name), coming.day) if coming else ("", None)


def _word(words: Mapping[str, Any], code: str) -> str:
    return str(words[code]) if code in words else code


def _planned(narrowed: queries.Filter, today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()

    def read(number: int) -> Page[Coming]:
        return queries.next_assessments(session, identity, narrowed, today=today, number=number, size=CHUNK)

    for one in chain.from_iterable(by_pages(read)):
        yield (
            *(one.vendor, one.engagements[0].name, one.title, one.due, (one.due - today).days, one.tier),
            *(one.anchor, one.months, _word(calendar_words.DRAWN, one.why)),
            *(one.hindered_on if one.hindered else None, _word(calendar_words.HINDERED, one.hindered)),
            *(one.out.due if one.out else None, *_steps(one.coming), one.id),
        )


def _open(narrowed: queries.Filter, today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    period = narrowed.period

    def read(number: int) -> Page[Coming]:
        return queries.open_assessments(
            session, identity, period=period, today=today, number=number, size=CHUNK
        )

    for one in chain.from_iterable(by_pages(read)):
        names = "; ".join(each.name for each in one.engagements)
        yield (
            *(one.vendor, names, one.title, one.due, (one.due - today).days, one.answered, one.total),
            *(one.joined, *_steps(one.coming), one.id),
        )


def _left() -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()

    def read(number: int) -> Page[LeftOut]:
        return left_out.listed(session, identity, number=number, size=CHUNK)

    for one in chain.from_iterable(by_pages(read)):
        yield (
            *(one.vendor, one.engagement.name, one.title, one.row.due, one.row.tier),
            *("policy" if one.by_policy else one.who, one.at, one.code, one.demanded, one.row.id),
        )


def _incidents(state: str) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()

    def read(number: int) -> Page[Incident]:
        return incident_queries.listed(session, identity, state=state, number=number, size=CHUNK)

    for chunk in by_pages(read):
        words = incident_queries.beginnings(session, identity, [one.id for one in chunk])
        named = vendors.vendors(session, identity, {one.vendor_id for one in chunk})
        for one in chunk:
            yield (
                *(named[one.vendor_id].name, _word(KIND_WORDS, one.kind), one.state, one.side),
                *(one.happened, one.known, one.opened_at),
                *(one.settled_at if one.state == "settled" else None, words.get(one.id, ""), one.id),
            )


def _ending(until: str, today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    first, last = ending.period(until, today)

    def read(number: int) -> Page[Ending]:
        return ending.listed(session, identity, first=first, last=last, number=number, size=CHUNK)

    for one in chain.from_iterable(by_pages(read)):
        yield (
            *(one.title, evidence_name(one.kind), one.vendor.name, one.until, (one.until - today).days),
            *("; ".join(one.keys), one.asked, one.assessment.title, one.evidence_id, one.submission_id),
        )


def _triggers(state: str) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()

    def read(number: int) -> Page[Listed]:
        return triggers.listed(session, identity, state=state, number=number, size=CHUNK)

    for chunk in by_pages(read):
        about = trigger_about.about(session, identity, [one.trigger for one in chunk])
        settled = {one.trigger.settled_by for one in chunk if one.trigger.settled_by}
        people = organisations.people(session, settled)
        for one in chunk:
            it = one.trigger
            who = people.get(it.settled_by) if it.settled_by else None
            yield (
                *(one.vendor.name, one.engagement.name, one.engagement.tier),
                *(str(trigger_words.KINDS[it.kind][0]), about.get(it.id, ""), it.at, it.state),
                *(_word(trigger_words.CODES, it.code), it.settled_at),
                *(who.name if who else "", it.wanted, it.id),
            )
