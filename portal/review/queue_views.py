"""The queue of reviews: what waits, by tier and time, narrowed and cut to pages, and the same as CSV."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import organisation_queries as assessments
from portal.audit.service import export_made
from portal.exporting import by_chunks, list_file
from portal.listing import Address, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable
from portal.review import queue
from portal.vendors import queries as vendors

blueprint = Blueprint("review_queue", __name__)
HEAD = (
    *("vendor", "engagements", "questionnaire", "version", "round", "tier", "submitted", "days waiting"),
    *("due", "state", "reviewer", "unwritten marks", "to be judged again", "band", "submission"),
)


def _filter(slugs: list[str]) -> queue.Filter:
    return queue.Filter(
        words=search_words(),
        state=one_of("state", queue.STATES),
        tier=one_of("tier", queue.TIERS),
        slug=one_of("questionnaire", slugs),
        sort=one_of("sort", queue.SORTS, "tier"),
        down=request.args.get("down") == "1",
    )


def _state_words(state: str) -> str:
    words: dict[str, str] = {
        "mine": _("Taken by you"),
        "unwritten": _("With unwritten marks"),
        "lapsed": _("To be judged again"),
        "finished": _("Finished"),
        "all": _("All, finished ones too"),
    }
    return words.get(state, "")


@blueprint.get("/o/<organisation>/reviews")
@requires(Permission.SEE_REVIEW)
def queue_page(organisation: str) -> str:
    session, identity = web.db(), web.identity()
    slugs = assessments.slugs(session, identity)
    narrowed = _filter([slug for slug, _title in slugs])
    page = queue.listed(session, identity, narrowed, number=page_number(request.args.get("page")))
    found = queue.waiting(session, identity, page.rows)
    own = organisations.organisation_of(session, identity)
    kept = {
        "q": narrowed.words,
        "state": narrowed.state,
        "tier": narrowed.tier,
        "questionnaire": narrowed.slug,
    }
    href = Address(
        "review_queue.queue_page", {"organisation": organisation}, kept, narrowed.sort, narrowed.down
    )
    columns = [("vendor", _("Vendor")), ("tier", _("Tier")), ("", _("Questionnaire"))]
    columns += [("submitted", _("Submitted")), ("due", _("Was due")), ("", _("State"))]
    shown = [found[one] for one in page.rows if one in found]
    return render_template(
        "review/queue.html",
        page=page,
        shown=shown,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "state": _state_words(narrowed.state),
                "tier": _("Tier: %(tier)s", tier=narrowed.tier),
                "questionnaire": dict(slugs).get(narrowed.slug, ""),
            }
        ),
        slugs=slugs,
        counts=queue.counts(session, identity),
        vendors=vendors.vendors(session, identity, {one.assessment.vendor_id for one in shown}),
        covered=assessments.covered(session, identity, [one.assessment.id for one in shown]),
        standings=assessments.standings(session, identity, [one.assessment for one in shown]),
        people=organisations.people(
            session, {one.review.reviewer_id for one in shown if one.review and one.review.reviewer_id}
        ),
        zone=own.zone,
        today=clock.local_date(web.now(), own.zone),
    )


@blueprint.get("/o/<organisation>/reviews.csv")
@blueprint.get("/o/<organisation>/reviews.xlsx", endpoint="queue_xlsx")
@requires(Permission.SEE_REVIEW)
def queue_csv(organisation: str) -> Response:
    session, identity, now = web.db(), web.identity(), web.now()
    own = organisations.organisation_of(session, identity)
    today = clock.local_date(now, own.zone)
    narrowed = _filter([slug for slug, _title in assessments.slugs(session, identity)])
    found = by_chunks(session, queue.ids(identity, narrowed), lambda chunk: _rows(chunk, own.zone, today))
    return list_file(
        f"reviews-{organisation}-{today}", HEAD, found, export_made("reviews", now=now, actor=identity)
    )


def _rows(ids: list[uuid.UUID], zone: str, today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    found = queue.waiting(session, identity, ids)
    rows = [found[one] for one in ids if one in found]
    names = vendors.vendors(session, identity, {one.assessment.vendor_id for one in rows})
    covered = assessments.covered(session, identity, [one.assessment.id for one in rows])
    standings = assessments.standings(session, identity, [one.assessment for one in rows])
    people = organisations.people(
        session, {one.review.reviewer_id for one in rows if one.review and one.review.reviewer_id}
    )
    for one in rows:
        asked, review = one.assessment, one.review
        day = clock.local_date(one.submission.sealed_at, zone)
        reviewer = people.get(review.reviewer_id) if review and review.reviewer_id else None
        yield (
            names[asked.vendor_id].name,
            "; ".join(each.name for each in covered[asked.id]),
            asked.title,
            asked.version,
            one.submission.round,
            one.tier,
            day,
            (today - day).days,
            asked.due,
            review.state if review else "waits",
            reviewer.name if reviewer else "",
            one.drafts,
            one.lapsed,
            standings[asked.id].band if asked.id in standings else "",
            one.submission.id,
        )
