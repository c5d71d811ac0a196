"""Which letters one gets: a page of the account, and the one click of a letter, which needs no sign-in."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, by_link, requires
from portal.faults import Invalid
from portal.organisations import queries as organisations
from portal.organisations.service import ZONES
from portal.reassessment import choices

blueprint = Blueprint("choices", __name__)
Page = str | Response | tuple[str, int]
# What each group is called, and what stands beside its box.
GROUP_WORDS: dict[str, tuple[Any, Any]] = {
    choices.COMING: (_l("Dates that are coming"), _l("In the digest of the day.")),
    choices.COPIES: (
        _l("What was carried up to you"),
        _l("What is due today or late and asked of others."),
    ),
    choices.EVIDENCE: (_l("Documents that end"), _l("Certificates and reports before and after their end.")),
    choices.CAMPAIGNS: (_l("Campaigns"), _l("Who has answered a short questionnaire, and who has not.")),
}
OFFERED = {"organisation": tuple(GROUP_WORDS), "company": choices.OF_COMPANY}


@blueprint.get("/account/letters")
@requires(Permission.ACCOUNT)
def page() -> Page:
    return _page()


def _page(fault: Invalid | None = None) -> Page:
    session, who = web.db(), web.identity().person
    zone, hour = choices.post_of(session, who.id)
    off = choices.by_place(choices.turned_off(session, [who.id]), who.id)
    page = render_template(
        "accounts/letters.html",
        places=organisations.tenants_of(session, who.id),
        offered=OFFERED,
        words=GROUP_WORDS,
        off=off,
        chosen_zone=zone or "",
        zones=[
            ("", _l("That of the organisation that writes")),
            *((one, one.replace("_", " ")) for one in ZONES),
        ],
        chosen_hour=hour,
        hours=[(one, f"{one:02}:00") for one in range(choices.FIRST_HOUR, choices.LAST_HOUR + 1)],
        fault=fault,
        said=[{"text": text, "href": f"#f-{name}"} for name, text in (fault.errors if fault else {}).items()],
    )
    return page if fault is None else (page, 422)


@blueprint.post("/account/letters")
@requires(Permission.ACCOUNT)
def save() -> Page:
    """``want``: one ``<place>:<group>`` for each box that is ticked; ``shown``: the same for each box there was."""
    wanted, shown = set(request.form.getlist("want")), set(request.form.getlist("shown"))
    zone = request.form.get("zone", "")
    hour = request.form.get("hour", "")
    try:
        if zone and zone not in ZONES:
            raise Invalid(errors={"zone": "Choose a time zone from the list."})
        if not (hour.isascii() and hour.isdigit() and len(hour) <= 2):
            raise Invalid(errors={"hour": "Choose an hour from the list."})
        off = [_box(one) for one in shown - wanted]
        session = web.db()
        choices.save(
            session,
            web.identity().person,
            zone=zone or None,
            hour=int(hour),
            off=[one for one in off if one is not None],
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        return _page(fault)
    return web.notice(redirect(url_for(".page"), 303), "saved")


def _box(value: str) -> tuple[uuid.UUID, str] | None:
    place, _, group = value.partition(":")
    try:
        return uuid.UUID(place), group
    except ValueError:
        return None


@blueprint.get("/letters/off/<token>")
@by_link
def off_page(token: str) -> Page:
    """Says what the button does. Mail programs open addresses by themselves, so following one changes nothing."""
    group, places = choices.places_named(web.db(), token)
    return render_template(
        "letters/off.html", token=token, group=GROUP_WORDS[group][0], places=places, done=False
    )


@blueprint.post("/letters/off/<token>")
@by_link
def off(token: str) -> Page:
    """RFC 8058: a mail program posts here without having shown anything; what it sends along is not read."""
    group = choices.turn_off(web.db(), token, now=web.now())
    return render_template("letters/off.html", token=token, group=GROUP_WORDS[group][0], places=[], done=True)
