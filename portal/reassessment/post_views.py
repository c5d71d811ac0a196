"""The page of an organisation's letters: what went, what waits, what was given up."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask import Response as FlaskResponse
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.audit.service import export_made
from portal.exporting import by_chunks, list_file
from portal.listing import one_of
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import post_queries as queries

blueprint = Blueprint("letters", __name__)
HEAD = (
    *("letter", "kind", "to", "address", "state", "at", "tries", "next try", "error"),
    *("dates in it", "dates left out", "id"),
)
# What kinds of letters are called; one that is missing here is called by its code.
KIND_WORDS: dict[str, Any] = {
    "digest": _l("Digest"),
    "reminder_alone": _l("Reminder"),
    "reminder_morning": _l("Reminders of a morning"),
    "reminder_assessment": _l("Reminder"),
    "reminder_reassessment": _l("Reminder of a next assessment"),
    "reminder_unaccepted": _l("Reminder of an invitation"),
    "invitation_vendor": _l("Invitation of a contact"),
    "invitation_organisation": _l("Invitation of a member"),
    "invitation_company": _l("Invitation of a colleague"),
    "assessment_issued": _l("Request to answer"),
    "assessment_changed": _l("Change of an assessment"),
    "submitted": _l("Answers arrived"),
    "receipt": _l("Receipt"),
    "enquiry_made": _l("Enquiry"),
    "enquiry_answered": _l("Answer to an enquiry"),
    "finding_vendor": _l("Finding, to the vendor"),
    "finding_organisation": _l("Finding, to the organisation"),
    "gate_told": _l("Gate"),
    "second_asked": _l("Request to approve"),
    "incident_organisation": _l("Incident"),
    "incident_company": _l("Incident, to the vendor"),
    "company_left": _l("A company left"),
    "token_made": _l("API token"),
    "feed_made": _l("Calendar address"),
    "wrong_person": _l("Wrong person"),
    "opened_late": _l("Asked too late"),
    "campaign_paused": _l("Campaign paused"),
}
STATE_WORDS: dict[str, tuple[Any, str, str]] = {
    "queued": (_l("Waits"), "info", "clock"),
    "held": (_l("Held back since a restore"), "caution", "clock"),
    "failed": (_l("Will be tried again"), "caution", "clock"),
    "sending": (_l("On its way"), "info", "half"),
    "sent": (_l("Sent"), "good", "check"),
    "gave_up": (_l("Given up"), "bad", "stop"),
    "dropped": (_l("Nothing left to say"), "none", "minus"),
    "gathered": (_l("Went with a later one"), "none", "minus"),
}
FILTER_WORDS: dict[str, Any] = {
    "all": _l("All"),
    "waiting": _l("Waiting"),
    "sent": _l("Sent"),
    "gave_up": _l("Given up"),
    "dropped": _l("Nothing left to say"),
}


@blueprint.get("/o/<organisation>/letters")
@requires(Permission.SEE_LETTERS)
def list_page(organisation: str) -> str:
    """``?state=``: one of post_queries.STATES; ``page``."""
    session, identity = web.db(), web.identity()
    state = one_of("state", tuple(queries.STATES), "all")
    page = queries.letters(session, identity, state=state, number=page_number(request.args.get("page")))

    def address(**changed: Any) -> str:
        kept = {
            name: value for name, value in ({"state": state} | changed).items() if value not in ("all", 1)
        }
        return url_for(".list_page", organisation=organisation, **kept)

    return render_template(
        "letters/list.html",
        page=page,
        pages=page.links(lambda number: address(page=number)),
        at_once=queries.AT_ONCE,
        most=queries.MOST if state in queries.GATHERING else 0,
        state=state,
        filters=[(one, words, address(state=one)) for one, words in FILTER_WORDS.items()],
        kinds=KIND_WORDS,
        states=STATE_WORDS,
        standing=queries.standing(session, identity, now=web.now()),
        zone=organisations.organisation_of(session, identity).zone,
    )


@blueprint.get("/o/<organisation>/letters.csv")
@blueprint.get("/o/<organisation>/letters.xlsx", endpoint="list_xlsx")
@requires(Permission.SEE_LETTERS)
def list_csv(organisation: str) -> FlaskResponse:
    """What the list shows of each letter, on all its pages; a letter's words are in no file either.

    Where the list ends at the newest, the file's name says at how many.
    """
    session, identity = web.db(), web.identity()
    state = one_of("state", tuple(queries.STATES), "all")

    def lines(some: list[uuid.UUID]) -> Iterator[tuple[Any, ...]]:
        for one in queries.rows(session, identity, some):
            yield (
                *(one.about, one.kind, one.to, one.address, one.state, one.at, one.attempts, one.next_at),
                *(one.error, one.lines, one.left_out, one.id),
            )

    note = export_made("letters", now=web.now(), actor=identity)
    found = by_chunks(session, queries.ids(session, identity, state), lines)
    ends = f"-newest-{queries.MOST}" if state in queries.GATHERING else ""
    return list_file(f"letters-{organisation}{ends}", HEAD, found, note)


@blueprint.post("/o/<organisation>/letters/<uuid:letter>/resend")
@requires(Permission.RESEND_LETTER)
def resend(organisation: str, letter: uuid.UUID) -> Response:
    queries.resend(web.db(), web.identity(), letter, now=web.now())
    back = url_for(".list_page", organisation=organisation, state="waiting")
    return web.notice(redirect(back, 303), "letter-resent")


@blueprint.post("/o/<organisation>/letters/resend")
@requires(Permission.RESEND_LETTER)
def resend_all(organisation: str) -> Response:
    """All that were given up; what is more than goes at a press stays in the list."""
    queries.resend_given_up(web.db(), web.identity(), now=web.now())
    back = url_for(".list_page", organisation=organisation, state="gave_up")
    return web.notice(redirect(back, 303), "letters-resent")
