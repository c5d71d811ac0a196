"""The record of events of an organisation or a company: in words, filtered, and as a file."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _

from portal import web
from portal.access import Permission, requires
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import export_made
from portal.audit.words import GROUPS, words_of
from portal.clock import local_date
from portal.exporting import by_chunks, csv_file, spooled
from portal.listing import Address, a_day, an_id, one_of
from portal.organisations import queries as organisations
from portal.reports import event_queries as queries
from portal.reports.event_queries import Filter, Key, Subject
from portal.reports.event_words import details

blueprint = Blueprint("events", __name__)
HEAD = ("at (UTC)", "kind", "in words", "who", "person id", "about", "subject id", "data", "id")
# What an event may be about, by the name of its table; the rest is found by the id.
SUBJECTS = (
    *("assessment", "submission", "rating", "vendor", "engagement", "contact", "invitation", "evidence"),
    *("delegation", "enquiry", "message", "organisation", "company", "person"),
)
# Many at once say little more than one: they stand together.
FOLDED = (Kind.MESSAGE_SENT.value, Kind.REMINDER_QUEUED.value)
KEY = re.compile(r"^(\d{14,17})\.(\d{1,6})~([0-9a-f-]{36})$")


@blueprint.get("/o/<organisation>/events")
@requires(Permission.SEE_EVENTS)
def of_organisation(organisation: str) -> str:
    return _page({"organisation": organisation})


@blueprint.get("/c/<company>/events")
@requires(Permission.SEE_COMPANY_EVENTS)
def of_company(company: str) -> str:
    return _page({"company": company})


@blueprint.get("/o/<organisation>/events.csv")
@requires(Permission.SEE_EVENTS)
def organisation_csv(organisation: str) -> Response:
    return _csv(organisation)


@blueprint.get("/c/<company>/events.csv")
@requires(Permission.SEE_COMPANY_EVENTS)
def company_csv(company: str) -> Response:
    return _csv(company)


@blueprint.get("/o/<organisation>/events.json")
@requires(Permission.SEE_EVENTS)
def organisation_json(organisation: str) -> Response:
    return _json(organisation)


@blueprint.get("/c/<company>/events.json")
@requires(Permission.SEE_COMPANY_EVENTS)
def company_json(company: str) -> Response:
    return _json(company)


# ------------------------------------------------------------------------------------------------------- the page


def _page(place: dict[str, str]) -> str:
    session, identity, narrowed = web.db(), web.identity(), _filter()
    found, more = queries.events(session, identity, narrowed, before=_key(request.args.get("before", "")))
    side = next(iter(place))
    kept = {"group": narrowed.group, "person": str(narrowed.person_id or ""), "about": narrowed.subject_type}
    kept |= {"subject": str(narrowed.subject_id or "")}
    kept |= {"first": _iso(narrowed.first), "last": _iso(narrowed.last)}
    href = Address(f"events.of_{side}", place, kept)
    people = queries.members(session, identity)
    names, subjects = queries.names(session, found), queries.subjects(session, identity, found)
    return render_template(
        "events/events.html",
        rows=_folded([_row(one, names, subjects) for one in found]),
        href=href,
        older=href(before=_written(found[-1])) if more else "",
        newest="" if "before" not in request.args else href(),
        narrowed=narrowed,
        people=people,
        groups=GROUPS,
        abouts=[(one, _table(one)) for one in SUBJECTS],
        zone=narrowed.zone,
        days={}.fromkeys(one.at.astimezone(UTC).date() for one in found),
        side=side,
        files={form: href(endpoint=f"events.{side}_{form}") for form in ("csv", "json")},
        most=queries.MOST_EXPORTED,
        tokens=href.tokens(
            {
                "group": str(GROUPS.get(narrowed.group, "")),
                "person": _(
                    "By %(name)s", name=dict(people).get(narrowed.person_id or uuid.UUID(int=0), "?")
                ),
                "about": _("About: %(kind)s", kind=_table(narrowed.subject_type)),
                "subject": _("About one row: %(id)s", id=str(narrowed.subject_id)),
                "first": _("From %(day)s", day=_iso(narrowed.first)),
                "last": _("Until %(day)s", day=_iso(narrowed.last)),
            }
        ),
    )


def _filter() -> Filter:
    identity = web.identity()
    zone = organisations.organisation_of(web.db(), identity).zone if identity.organisation else "UTC"
    return Filter(
        group=one_of("group", GROUPS),
        person_id=an_id("person"),
        subject_type=one_of("about", SUBJECTS),
        subject_id=an_id("subject"),
        first=a_day("first"),
        last=a_day("last"),
        zone=zone,
    )


def _iso(day: Any) -> str:
    return day.isoformat() if day else ""


def _written(one: Event) -> str:
    """The key of an event as it stands in an address: its instant to the microsecond, and its id."""
    at = one.at.astimezone(UTC)
    return f"{at:%Y%m%d%H%M%S}.{at.microsecond}~{one.id}"


def _key(text: str) -> Key | None:
    found = KEY.match(text)
    if found is None:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(microsecond=int(found[2]), tzinfo=UTC)
        return Key(at, uuid.UUID(found[3]))
    except ValueError:
        return None


def _row(one: Event, names: dict[uuid.UUID, str], subjects: dict[uuid.UUID, Subject]) -> dict[str, Any]:
    """What the page says of one event."""
    about = subjects.get(one.subject_id) if one.subject_id else None
    of = subjects.get(queries.assessment_in(one) or uuid.UUID(int=0)) if about is None else None
    return {
        "event": one,
        "sentence": _sentence(one, names),
        "data": details(one),
        "about": about,
        "href": _href(about) if about else "",
        "kind": _table(one.subject_type),
        "of": of,
        "of_href": _href(of) if of else "",
    }


def _folded(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Runs of letters become one row that opens, so that what people did is not lost among them."""
    found: list[list[dict[str, Any]]] = []
    for row in rows:
        kind = row["event"].kind
        if found and kind in FOLDED and found[-1][0]["event"].kind == kind:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _sentence(one: Event, names: dict[uuid.UUID, str]) -> str:
    return str(words_of(one.kind).sentence % {"who": _who(one, names)})


def _who(one: Event, names: dict[uuid.UUID, str]) -> str:
    if one.actor_id is None:
        return str(_("The portal"))
    return names.get(one.actor_id, "") or str(_("An erased person"))


def _table(name: str) -> str:
    """A table in the words of the house."""
    words = {
        "assessment": _("assessment"),
        "submission": _("submission"),
        "rating": _("rating"),
        "vendor": _("vendor"),
        "engagement": _("engagement"),
        "contact": _("contact"),
        "invitation": _("invitation"),
        "evidence": _("document"),
        "delegation": _("delegation"),
        "enquiry": _("enquiry"),
        "message": _("letter"),
        "organisation": _("organisation"),
        "company": _("company"),
        "person": _("person"),
    }
    return str(words.get(name, name.replace("_", " ")))


def _href(about: Subject) -> str:
    """The page of a subject on the reader's own side; "" where there is none for this reader."""
    identity = web.identity()
    if identity.organisation is not None:
        if about.table == "contact" and not identity.may(Permission.MANAGE_VENDORS):
            return ""
        place: dict[str, Any] = {"organisation": identity.organisation.slug}
        endpoint = {
            "vendor": "vendors.vendor",
            "engagement": "vendors.engagement",
            "contact": "contacts.edit_contact",
            "assessment": "assessments.assessment",
            "submission": "results.for_organisation",
            "enquiry": "asked.enquiry",
        }[about.table]
    else:
        assert identity.company is not None
        place = {"company": identity.company.slug}
        endpoint = {
            "assessment": "answering.assessment",
            "submission": "results.for_company",
            "enquiry": "enquiries.threads",
        }[about.table]
    if about.assessment is not None:
        place["assessment"] = about.assessment
    if about.table in ("vendor", "engagement", "contact", "assessment") or endpoint == "asked.enquiry":
        place[about.table] = about.id
    return url_for(endpoint, **place)


# ------------------------------------------------------------------------------------------------------ the files


def _read(ids: list[uuid.UUID]) -> Iterator[tuple[Event, str, str]]:
    """Events with their sentences and who acted, a chunk at a time."""
    found = queries.by_ids(web.db(), web.identity(), ids)
    names = queries.names(web.db(), found)
    for one in found:
        yield one, _sentence(one, names), _who(one, names)


def _found() -> Iterator[tuple[Event, str, str]]:
    return by_chunks(web.db(), queries.ids(web.identity(), _filter()), _read)


def _name(slug: str) -> str:
    return f"events-{slug}-{local_date(web.now(), 'UTC')}"


def _csv(slug: str) -> Response:
    rows = (
        (
            one.at,
            one.kind,
            sentence,
            who,
            one.actor_id,
            one.subject_type,
            one.subject_id,
            json.dumps(one.data, ensure_ascii=False, sort_keys=True),
            one.id,
        )
        for one, sentence, who in _found()
    )
    return csv_file(_name(slug), HEAD, rows, export_made("events", now=web.now(), actor=web.identity()))


def _json(slug: str) -> Response:
    def write(file: IO[bytes]) -> int:
        count = 0
        file.write(b"[")
        for one, sentence, who in _found():
            document = {
                "id": str(one.id),
                "at": one.at.isoformat(),
                "kind": one.kind,
                "words": sentence,
                "who": who,
                "person": str(one.actor_id) if one.actor_id else None,
                "subject_type": one.subject_type or None,
                "subject": str(one.subject_id) if one.subject_id else None,
                "data": one.data,
            }
            file.write((b",\n" if count else b"\n") + json.dumps(document, ensure_ascii=False).encode())
            count += 1
        file.write(b"\n]\n")
        return count

    note = export_made("events", now=web.now(), actor=web.identity())
    return spooled(f"{_name(slug)}.json", "application/json", write, note)
