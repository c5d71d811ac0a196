"""Private calendar addresses: the page of one's account that makes and revokes them, and what a program reads there."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import HiddenField, SelectField

from portal import pace, web
from portal.access import Permission, by_link, requires
from portal.accounts import desk
from portal.accounts import service as accounts
from portal.accounts.forms import FirstPassword
from portal.faults import Invalid, Throttled
from portal.forms import line
from portal.organisations import queries as organisations
from portal.organisations.queries import Belonging
from portal.reassessment import calendar_places, feeds
from portal.reassessment.agenda import Item

blueprint = Blueprint("feeds", __name__)
Page = str | Response | tuple[str, int]
KEPT = 3600  # seconds for which a program may keep what it has read
# What one address may be asked: programs ask every few hours, and a wrong one must not hold up the others.
BURST, A_SECOND = 60.0, 60 / 3600


class MakeFeed(FirstPassword):
    id = HiddenField()
    name = line(
        "Which calendar it is for",
        required="Write which calendar it is for.",
        longest=feeds.LONGEST_NAME,
        description="Such as Phone. Only you see it.",
    )
    place = SelectField("What it holds", validate_choice=False)


@blueprint.get("/account/calendar")
@requires(Permission.ACCOUNT)
def page() -> Page:
    form = MakeFeed(data={"id": str(uuid.uuid4())})
    return render_template("accounts/calendar.html", **_context(form))


def _context(form: MakeFeed) -> dict[str, Any]:
    session, who = web.db(), web.identity().person
    places = organisations.tenants_of(session, who.id)
    form.place.choices = [
        ("", _l("Everything that is due for me")),
        *((str(one.id), one.name) for one in places),
    ]
    return {
        "form": form,
        "feeds": feeds.listed(session, who.id),
        "places": {one.id: one.name for one in places},
        "closed": [one.name for one in places if feeds.is_closed(one)],
        "zone": accounts.zone_of(session, who.id),
        "most": feeds.MOST,
    }


@blueprint.post("/account/calendar")
@requires(Permission.ACCOUNT)
def make() -> Page:
    """The one page that ever shows the address; a second press says that it was shown."""
    form, who = MakeFeed(request.form), web.identity().person
    try:
        if not form.validate():
            raise Invalid
        desk.require_proof(who, request.form)
        place = form.place.data or ""
        token = feeds.make(
            web.db(),
            who,
            id=web.uuid_or_404(form.id.data or ""),
            name=form.name.data or "",
            place_id=web.uuid_or_404(place) if place else None,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        context = _context(form)
        return web.form_page("accounts/calendar.html", context.pop("form"), fault, **context)
    base = web.portal().database.base_url
    address = base + url_for(".read", token=token) if token else ""
    return render_template("accounts/calendar_made.html", address=address, name=form.name.data)


@blueprint.post("/account/calendar/<uuid:feed>/revoke")
@requires(Permission.ACCOUNT)
def revoke(feed: uuid.UUID) -> Page:
    feeds.revoke(web.db(), web.identity().person, feed, now=web.now())
    return web.notice(redirect(url_for(".page"), 303), "feed-revoked")


@blueprint.get("/calendar/<token>.ics")
@by_link
def read(token: str) -> Response:
    """The calendar of whoever made the address, as they may see it now. Nobody signs in, no cookie is read."""
    database, now = web.portal().database, web.now()
    with database.looking() as session:
        found = feeds.by_token(session, token)
        session.expunge(found.feed)
    if not pace.take(found.feed.id, now, burst=BURST, a_second=A_SECOND):
        raise Throttled("This calendar is read too often.", KEPT)
    data, tag = feeds.calendar_of(database, found, _where, now=now)
    if found.feed.read_on != now.date():
        database.record_access(lambda session: feeds.note_read(session, found, now=now))
    answer = make_response(data)
    answer.content_type = "text/calendar; charset=utf-8"
    answer.headers["Content-Disposition"] = 'inline; filename="calendar.ics"'
    answer.cache_control.private = True
    answer.cache_control.max_age = KEPT
    answer.set_etag(tag, weak=True)  # the instant of reading is in the bytes and changes nothing
    answer.make_conditional(request)
    return answer


def _where(place: Belonging, item: Item) -> str:
    """The page on which one acts on an item. Of a document that ends: the list, wherever in it that day lies."""
    if place.side == "company":
        return calendar_places.company_place(item, place.slug)[0]
    return calendar_places.place(item, place.slug, today=item.due)[0]
