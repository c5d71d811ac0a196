"""The schedule: what is coming, by date, what is left out; and what a person does to a next assessment."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import date

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.clock import local_date
from portal.faults import Conflict, Invalid
from portal.listing import Address, one_of
from portal.organisations import queries as organisations
from portal.paging import page_number
from portal.reassessment import by_hand, by_hand_words, calendar_words, hindering, left_out, queries
from portal.reassessment.months import PARTS, bounds, is_month
from questionnaires.dates import parse_date

blueprint = Blueprint("reassessment", __name__)
Page = str | Response | tuple[str, int]
_ONE = "/o/<organisation>/reassessments/<uuid:scheduled>"


@blueprint.get("/o/<organisation>/schedule")
@requires(Permission.SEE_SCHEDULE)
def schedule(organisation: str) -> str:
    """Three views: ``?view=next`` (next assessments), ``?view=open`` and ``?view=left`` (what is left out); ``page``.

    The first two are narrowed to a ``period``, next assessments to a ``month`` and to ``part`` of the tiers, too.
    """
    return _left_out(organisation) if request.args.get("view") == "left" else _page(organisation)


def chosen(only: uuid.UUID | None = None) -> tuple[str, queries.Filter]:
    """Which of next and open the address asks for, and what it is narrowed to; ``only``: one next assessment."""
    view = "open" if request.args.get("view") == "open" and only is None else "next"
    period = one_of("period", queries.PERIODS, "all")
    if view == "open":
        return view, queries.Filter(period)
    month = request.args.get("month", "")
    return view, queries.Filter(period, month if is_month(month) else "", one_of("part", PARTS), only)


def _page(
    organisation: str, *, only: uuid.UUID | None = None, errors: Mapping[str, str] | None = None
) -> str:
    """``only``: one next assessment, with what was wrong with what somebody asked of it, by field."""
    session, identity = web.db(), web.identity()
    zone = organisations.organisation_of(session, identity).zone
    today = local_date(web.now(), zone)
    view, narrowed = chosen(only)
    period, month, part = narrowed.period, narrowed.month, narrowed.part
    number = page_number(request.args.get("page"))
    if view == "open":
        page = queries.open_assessments(session, identity, period=period, today=today, number=number)
    else:
        page = queries.next_assessments(session, identity, narrowed, today=today, number=number)

    kept = {"view": view if view == "open" else "", "period": period if period != "all" else ""}
    href = Address(
        "reassessment.schedule", {"organisation": organisation}, kept | {"month": month, "part": part}
    )
    return render_template(
        "reassessment/schedule.html",
        slug=organisation,
        view=view,
        period=period,
        month=bounds(month)[0] if month else None,
        part=part,
        page=page,
        pager=page.links(lambda number: href(page=number)),
        counts=queries.counts(session, identity),
        left=left_out.count(session, identity),
        href=href,
        today=today,
        zone=zone,
        skipped=calendar_words.SKIPPED,
        only=only,
        errors=errors or {},
        typed=request.form,
        reasons=by_hand_words.REASONS,
        hindered_words=calendar_words.HINDERED,
        drawn=calendar_words.DRAWN,
        to_do=by_hand_words.TO_DO,
        failed=bool(errors),
    )


def _left_out(organisation: str, *, wrong: uuid.UUID | None = None, error: str = "") -> str:
    """What is left out. ``wrong``: the row that somebody asked to plan again, with what hinders it."""
    session, identity = web.db(), web.identity()
    page = left_out.listed(session, identity, number=page_number(request.args.get("page")))
    return render_template(
        "reassessment/left_out.html",
        slug=organisation,
        page=page,
        pager=page.links(
            lambda number: url_for(
                "reassessment.schedule", organisation=organisation, view="left", page=number
            )
        ),
        counts=queries.counts(session, identity),
        zone=organisations.organisation_of(session, identity).zone,
        reasons=by_hand_words.REASONS,
        back=by_hand_words.BACK,
        undemanded=by_hand_words.NOT_BACK[left_out.UNDEMANDED],
        wrong=wrong,
        error=error,
        typed=request.form,
        failed=bool(error),
    )


@blueprint.post(f"{_ONE}/open")
@requires(Permission.ISSUE)
def open_now(organisation: str, scheduled: uuid.UUID) -> Page:
    """Issue it now, in the name of who presses."""
    session, identity = web.db(), web.identity()
    try:
        by_hand.open_now(session, scheduled, seen=_seen(scheduled), actor=identity, now=web.now())
    except hindering.Hindered as fault:
        web.undo()
        words = f"{calendar_words.HINDERED[fault.code]} {by_hand_words.TO_DO[fault.code]}"
        return _page(organisation, only=scheduled, errors={"open": words}), 422
    except Invalid as fault:
        web.undo()
        return _page(organisation, only=scheduled, errors=fault.errors), 422
    return _done(organisation, "next-opened")


@blueprint.post(f"{_ONE}/move")
@requires(Permission.ISSUE)
def move(organisation: str, scheduled: uuid.UUID) -> Page:
    """Another date, with a reason from the list."""
    session, identity = web.db(), web.identity()
    try:
        to = parse_date(request.form.get("to", "").strip())
        if to is None:
            by_hand.scheduled(session, identity, scheduled)
            raise Invalid(errors={"to": _("Write a day, such as 2027-03-31.")})
        reason = request.form.get("reason", "")
        by_hand.move(session, scheduled, to, reason, seen=_seen(scheduled), actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        return _page(organisation, only=scheduled, errors=fault.errors), 422
    return _done(organisation, "next-moved")


@blueprint.post(f"{_ONE}/leave")
@requires(Permission.ISSUE)
def leave(organisation: str, scheduled: uuid.UUID) -> Page:
    """Nobody is asked or reminded, until the vendor answers that questionnaire again."""
    session, identity = web.db(), web.identity()
    try:
        reason = request.form.get("reason", "")
        by_hand.leave(session, scheduled, reason, seen=_seen(scheduled), actor=identity, now=web.now())
    except Invalid as fault:
        web.undo()
        return _page(organisation, only=scheduled, errors={"leave": fault.errors["reason"]}), 422
    return _done(organisation, "next-left")


@blueprint.post(f"{_ONE}/take-back")
@requires(Permission.ISSUE)
def take_back(organisation: str, scheduled: uuid.UUID) -> Page:
    """Plan again what was left out, with a reason from the list."""
    session, identity = web.db(), web.identity()
    reason = request.form.get("reason", "")
    try:
        by_hand.take_back(session, scheduled, reason, actor=identity, now=web.now())
    except hindering.Hindered as fault:
        web.undo()
        return _left_out(organisation, wrong=scheduled, error=str(by_hand_words.NOT_BACK[fault.code])), 422
    except Invalid as fault:
        web.undo()
        return _left_out(organisation, wrong=scheduled, error=fault.errors["reason"]), 422
    return _done(organisation, "next-back")


def _seen(scheduled: uuid.UUID) -> date:
    """The date that the person was looking at; what they may not see is NotFound, whatever they sent."""
    by_hand.scheduled(web.db(), web.identity(), scheduled)
    found = parse_date(request.form.get("seen", ""))
    if found is None:
        raise Conflict(_("The page that you sent does not say what it rests on. Load it again."))
    return found


def _done(organisation: str, code: str) -> Response:
    return web.notice(redirect(url_for(".schedule", organisation=organisation), 303), code)
