"""The organisation's side of enquiries: the list of what waits, one enquiry, and every change of an assessment."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import Identity, Permission, requires
from portal.assessments import change_steps, changing, readdressing, replying
from portal.assessments import enquiry_queries as asked
from portal.assessments import organisation_queries as assessments
from portal.assessments import queries as submissions
from portal.assessments.answering_cards import numbers
from portal.assessments.enquiry_forms import Changing, Saying
from portal.assessments.enquiry_queries import OPEN, REVIEW, Filter
from portal.assessments.enquiry_words import CHANGING, KIND_WORDS, STATE_WORDS
from portal.assessments.models import Assessment, Enquiry
from portal.assessments.portfolio_views import today_of
from portal.audit.service import export_made
from portal.exporting import list_file
from portal.faults import Conflict, Invalid, NotFound
from portal.library import service as library
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable
from portal.vendors import queries as vendors
from portal.vendors.models import Vendor

blueprint = Blueprint("asked", __name__)
Page = str | Response | tuple[str | Response, int]
_ONE = "/o/<organisation>/assessments/<uuid:assessment>"
TWO_WEEKS = timedelta(days=14)
HEAD = (
    "vendor",
    "questionnaire",
    "kind",
    "question",
    "state",
    "asked",
    "asked by",
    "wanted",
    "due",
    "settled",
    "id",
)


@blueprint.get("/o/<organisation>/enquiries")
@requires(Permission.SEE_VENDORS)
def enquiry_list(organisation: str) -> Page:
    """What companies ask, what waits longest first."""
    session, identity = web.db(), web.identity()
    narrowed = _filter()
    page = asked.listed(session, identity, narrowed, page_number(request.args.get("page")))
    own, today = today_of(session, identity)
    address = _address(organisation, narrowed)
    columns = [("vendor", _("Vendor")), ("kind", _("What it asks")), ("", _("State")), ("asked", _("Asked"))]
    columns += [("due", _("Due"))]
    return render_template(
        "assessments/enquiries.html",
        page=page,
        pages=page.links(lambda number: address(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: address(sort=key, down=down)),
        narrowed=narrowed,
        address=address,
        csv=address(endpoint="asked.enquiry_csv"),
        xlsx=address(endpoint="asked.enquiry_xlsx"),
        threads=asked.with_entries(session, identity, page.rows),
        about=asked.assessments_of(session, identity, page.rows),
        open_count=asked.count_open(session, identity),
        kinds=KIND_WORDS,
        states=STATE_WORDS,
        zone=own.zone,
        today=today,
    )


@blueprint.get("/o/<organisation>/enquiries.csv")
@blueprint.get("/o/<organisation>/enquiries.xlsx", endpoint="enquiry_xlsx")
@requires(Permission.SEE_VENDORS)
def enquiry_csv(organisation: str) -> Response:
    """The same list as a file; without what was said."""
    session, identity = web.db(), web.identity()
    found = asked.every(session, identity, _filter())
    about = asked.assessments_of(session, identity, found)
    people = organisations.people(session, {one.asked_by for one in found if one.asked_by})

    def rows() -> Iterator[tuple[Any, ...]]:
        for one in found:
            assessment, vendor = about[one.assessment_id]
            asker = people.get(one.asked_by) if one.asked_by else None
            yield (
                *(vendor, assessment.title, one.kind, one.key, one.state, one.asked_at),
                *(asker.name if asker else "", one.wanted, assessment.due, one.settled_at, one.id),
            )

    note = export_made("enquiries", now=web.now(), actor=identity)
    return list_file(f"enquiries-{organisation}-{today_of(session, identity)[1]}", HEAD, rows(), note)


@blueprint.get(f"{_ONE}/enquiries/<uuid:enquiry>")
@requires(Permission.SEE_VENDORS)
def enquiry(organisation: str, assessment: uuid.UUID, enquiry: uuid.UUID) -> Page:
    """What was asked and said, and the ways to settle it."""
    one = assessments.assessment(web.db(), web.identity(), assessment)
    return render_template("assessments/enquiry.html", form=Saying(), **_enquiry(one, enquiry))


@blueprint.post(f"{_ONE}/enquiries/<uuid:enquiry>")
@requires(Permission.CHANGE_ASSESSMENT)
def reply(organisation: str, assessment: uuid.UUID, enquiry: uuid.UUID) -> Page:
    """``act``: ``refuse``, else the words are an answer."""
    form = Saying(request.form)
    sound = form.validate()
    refusing = request.form.get("act") == "refuse"
    session, identity = web.db(), web.identity()
    one, _vendor = change_steps.lock(session, identity, assessment)
    row = asked.enquiry(session, identity, one.id, enquiry, lock=True)
    try:
        if not sound:
            raise Invalid
        settle = replying.refuse if refusing else replying.answer
        settle(session, one, row, form.text.data or "", actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        fresh = assessments.assessment(web.db(), identity, assessment)
        return web.form_page("assessments/enquiry.html", form, fault, **_enquiry(fresh, enquiry))
    answer = redirect(
        url_for(".enquiry", organisation=organisation, assessment=assessment, enquiry=enquiry), 303
    )
    return web.notice(answer, "refused" if refusing else "written-back")


@blueprint.get(f"{_ONE}/change/<what>")
@requires(Permission.CHANGE_ASSESSMENT)
def change(organisation: str, assessment: uuid.UUID, what: str) -> Page:
    """The form of one change; with an open enquiry of its kind, filled with what was asked."""
    session, identity = web.db(), web.identity()
    one = assessments.assessment(session, identity, assessment)
    if what not in CHANGING:
        raise NotFound
    waiting = _waiting(session, identity, one, what)
    _require_possible(one, what, waiting)
    form = Changing(stamp=change_steps.stamp(one))
    today = clock.local_date(web.now(), one.zone)
    if what == "extend":
        wanted = waiting.wanted if waiting else None
        form.due.data = wanted if wanted and wanted > today else max(one.due, today) + TWO_WEEKS
    elif what == "reopen":
        form.due.data = today + TWO_WEEKS
    elif what == "readdress" and waiting is not None and waiting.person:
        form.name.data, form.email.data = waiting.person.get("name"), waiting.person.get("email")
    return render_template("assessments/change.html", **_changing(one, what, form, waiting))


@blueprint.post(f"{_ONE}/change/<what>")
@requires(Permission.CHANGE_ASSESSMENT)
def make_change(organisation: str, assessment: uuid.UUID, what: str) -> Page:
    form = Changing(request.form)
    sound = form.validate()
    session, identity, now = web.db(), web.identity(), web.now()
    if what not in CHANGING:
        raise NotFound
    one, vendor = change_steps.lock(session, identity, assessment, seen=form.stamp.data or "")
    words = form.text.data or ""
    try:
        if not sound:
            raise Invalid
        match what:
            case "extend":
                changing.extend(session, one, due=form.due.data, text=words, actor=identity, now=now)
            case "reopen":
                changing.reopen(
                    session,
                    one,
                    due=form.due.data,
                    text=words,
                    actor=identity,
                    now=now,
                    hinders=web.portal().hinders_reopening,
                )
            case "cancel":
                changing.cancel(session, one, text=words, actor=identity, now=now)
            case "decline":
                changing.accept_decline(session, one, text=words, actor=identity, now=now)
            case _:
                _readdress(session, one, vendor, form, identity)
    except Invalid as fault:
        web.undo()
        fresh = assessments.assessment(web.db(), identity, assessment)
        context = _changing(fresh, what, form, _waiting(web.db(), identity, fresh, what))
        context.pop("form")
        return web.form_page("assessments/change.html", form, fault, **context)
    answer = redirect(
        url_for("assessments.assessment", organisation=organisation, assessment=assessment), 303
    )
    return web.notice(answer, f"assessment-{what}")


@blueprint.post(f"{_ONE}/resend")
@requires(Permission.CHANGE_ASSESSMENT)
def resend(organisation: str, assessment: uuid.UUID) -> Page:
    """The letter once more; while nobody has joined, the invitation."""
    session, identity = web.db(), web.identity()
    one, vendor = change_steps.lock(session, identity, assessment)
    readdressing.resend(session, one, vendor, actor=identity, now=web.now())
    answer = redirect(
        url_for("assessments.assessment", organisation=organisation, assessment=assessment), 303
    )
    return web.notice(answer, "resent")


# -------------------------------------------------------------------------------------------------- small helpers


def _readdress(session: Session, one: Assessment, vendor: Vendor, form: Changing, identity: Identity) -> None:
    readdressing.readdress(
        session,
        one,
        vendor,
        name=form.name.data or "",
        email=form.email.data or "",
        text=form.text.data or "",
        actor=identity,
        now=web.now(),
    )


def _filter() -> Filter:
    return Filter(
        words=search_words(),
        kind=one_of("kind", asked.KINDS),
        state=one_of("state", (OPEN, "settled", "all"), OPEN).replace("all", ""),
        sort=one_of("sort", asked.SORTS, "asked"),
        down=request.args.get("down") == "1",
    )


def _address(organisation: str, narrowed: Filter) -> Address:
    state = {OPEN: "", "": "all"}.get(narrowed.state, narrowed.state)
    kept = {"q": narrowed.words, "kind": narrowed.kind, "state": state}
    return Address("asked.enquiry_list", {"organisation": organisation}, kept, narrowed.sort, narrowed.down)


def _waiting(session: Session, identity: Identity, one: Assessment, what: str) -> Enquiry | None:
    """The open enquiry that a change settles."""
    kind = CHANGING[what]["kind"]
    return next(iter(asked.open_ones(session, identity, one.id, kind)), None) if kind else None


def _require_possible(one: Assessment, what: str, waiting: Enquiry | None) -> None:
    if what == "reopen":
        if one.state not in ("submitted", "declined"):
            raise Conflict(_("Only what has been submitted or declined can be reopened."))
    elif one.state != "open":
        raise Conflict(_("This assessment is no longer open."))
    if what == "decline" and waiting is None:
        raise Conflict(_("The vendor does not ask to decline, or has taken that back."))


def _changing(one: Assessment, what: str, form: Changing, waiting: Enquiry | None) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    return {
        "form": form,
        "assessment": one,
        "what": what,
        "words": CHANGING[what],
        "vendor": vendors.vendor(session, identity, one.vendor_id),
        "thread": next(iter(asked.with_entries(session, identity, [waiting] if waiting else [])), None),
        **_words(one),
    }


def _enquiry(one: Assessment, enquiry_id: uuid.UUID) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    row = asked.enquiry(session, identity, one.id, enquiry_id)
    granting: Callable[[str], str | None] = {
        kind: what for what, kind in ((each, CHANGING[each]["kind"]) for each in CHANGING) if kind
    }.get
    return {
        "assessment": one,
        "vendor": vendors.vendor(session, identity, one.vendor_id),
        "thread": asked.with_entries(session, identity, [row])[0],
        "grant": granting(row.kind),
        "submission": _submission(one) if row.kind == REVIEW else None,
        "changing": CHANGING,
        **_words(one),
    }


def _submission(one: Assessment) -> uuid.UUID:
    """The newest submission, where a thread on an answer goes on."""
    return submissions.submission(web.db(), web.identity(), one).id


def _words(one: Assessment) -> dict[str, Any]:
    definition = library.definition(web.db(), one.content_hash)
    numbered = numbers(definition)
    return {
        "questions": {key: (numbered[key], each.text) for key, each in definition.questions.items()},
        "kinds": KIND_WORDS,
        "states": STATE_WORDS,
        "today": clock.local_date(web.now(), one.zone),
    }
