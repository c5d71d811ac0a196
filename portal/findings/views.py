"""The organisation's side: the list of findings, and one by hand."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from portal import clock, web
from portal.access import Permission, requires
from portal.assessments import organisation_queries as assessments
from portal.assessments.answering_cards import numbers
from portal.audit.service import export_made
from portal.exporting import by_chunks, list_file
from portal.faults import Invalid, NotFound
from portal.findings import forms, keeping, lists, queries, words
from portal.findings.lists import SORTS, STATES, Filter
from portal.findings.models import Finding
from portal.findings.queries import SEVERITIES
from portal.listing import Address, an_id, one_of, search_words
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable
from portal.review import queries as review
from portal.vendors import queries as vendors

blueprint = Blueprint("findings", __name__)
Page = str | Response | tuple[str, int]
HEAD = (
    *(
        "vendor",
        "engagements",
        "finding",
        "kind",
        "question",
        "severity",
        "state",
        "waits",
        "overdue",
        "opened",
    ),
    *(
        "agreed for",
        "first agreed for",
        "settled by whom",
        "still called for",
        "questionnaire",
        "closed how",
        "id",
    ),
)


@blueprint.get("/o/<organisation>/findings")
@requires(Permission.SEE_REVIEW)
def list_page(organisation: str) -> Page:
    """What stands, the worst first."""
    session, identity = web.db(), web.identity()
    own = organisations.organisation_of(session, identity)
    today = clock.local_date(web.now(), own.zone)
    slugs = assessments.slugs(session, identity)
    narrowed = _filter([slug for slug, _title in slugs])
    page = lists.listed(
        session, identity, narrowed, today=today, number=page_number(request.args.get("page"))
    )
    href = _address(organisation, narrowed)
    columns = [("", _("Finding")), ("vendor", _("Vendor")), ("severity", _("Severity")), ("", _("Stands"))]
    columns += [("due", _("To be settled by")), ("opened", _("Found on"))]
    only = vendors.vendors(session, identity, [narrowed.vendor_id] if narrowed.vendor_id else [])
    return render_template(
        "findings/list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        tokens=href.tokens(
            {
                "q": _("“%(words)s”", words=narrowed.words),
                "severity": _(
                    "Severity: %(severity)s", severity=words.SEVERITY_WORDS.get(narrowed.severity, "")
                ),
                "questionnaire": dict(slugs).get(narrowed.slug, ""),
                "vendor": next((one.name for one in only.values()), _("One vendor")),
            }
        ),
        slugs=slugs,
        severities=[(one, words.SEVERITY_WORDS[one]) for one in SEVERITIES],
        counts=lists.counts(session, identity, today=today),
        described=words.described(session, identity, page.rows),
        stands={one.id: words.stand(one, today, ours=True) for one in page.rows},
        uncalled=words.uncalled_short,
        vendors=vendors.vendors(session, identity, {one.vendor_id for one in page.rows}),
        covered=queries.covered(session, identity, [one.id for one in page.rows]),
        people=organisations.people(session, {one.owner_id for one in page.rows if one.owner_id}),
        today=today,
    )


@blueprint.get("/o/<organisation>/findings.csv")
@blueprint.get("/o/<organisation>/findings.xlsx", endpoint="list_xlsx")
@requires(Permission.SEE_REVIEW)
def list_csv(organisation: str) -> Response:
    """The same list as a file."""
    session, identity, now = web.db(), web.identity(), web.now()
    own = organisations.organisation_of(session, identity)
    today = clock.local_date(now, own.zone)
    narrowed = _filter([slug for slug, _title in assessments.slugs(session, identity)])
    found = by_chunks(session, lists.ids(identity, narrowed, today=today), lambda chunk: _rows(chunk, today))
    note = export_made("findings", now=now, actor=identity)
    return list_file(f"findings-{organisation}-{today}", HEAD, found, note)


@blueprint.get("/o/<organisation>/reviews/<uuid:submission>/findings/new")
@requires(Permission.REVIEW)
def new(organisation: str, submission: uuid.UUID) -> Page:
    """A finding by hand, about a question of a submission (``q``) or about none."""
    return render_template("findings/new.html", form=forms.Adding(), **_around(submission))


@blueprint.post("/o/<organisation>/reviews/<uuid:submission>/findings/new")
@requires(Permission.REVIEW)
def add(organisation: str, submission: uuid.UUID) -> Page:
    form = forms.Adding(request.form)
    sound = form.validate()
    session, identity = web.db(), web.identity()
    case = review.case(session, identity, submission, lock=True)
    try:
        if not sound:
            raise Invalid
        finding = keeping.add(
            session,
            case,
            key=request.form.get("q", ""),
            severity=form.severity.data or "",
            text=form.text.data or "",
            actor=identity,
            now=web.now(),
        )
    except Invalid as fault:
        web.undo()
        return web.form_page("findings/new.html", form, fault, **_around(submission))
    answer = redirect(url_for("finding.page", organisation=organisation, finding=finding.id), 303)
    return web.notice(answer, "finding-opened")


# ------------------------------------------------------------------------------------ beside what others show


Shown = list[tuple[Finding, words.Described, words.Stand]]


@blueprint.app_context_processor
def beside() -> dict[str, Any]:
    """What pages of other features show of findings (findings/_beside.html, findings/_engagement.html)."""
    return {
        "found_beside": lambda assessment_id, key: _shown(
            lists.beside(web.db(), web.identity(), assessment_id, [key]).get(key, [])
        ),
        "found_on": lambda engagement_id: _shown(
            lists.of_engagement(web.db(), web.identity(), engagement_id)
        ),
    }


def _shown(rows: list[Finding]) -> Shown:
    session, identity = web.db(), web.identity()
    if not rows:
        return []
    today = clock.local_date(web.now(), organisations.organisation_of(session, identity).zone)
    said = words.described(session, identity, rows)
    return [(one, said[one.id], words.stand(one, today, ours=True)) for one in rows]


# ---------------------------------------------------------------------------------------------------------- inside


def _around(submission: uuid.UUID) -> dict[str, Any]:
    """What the page of a new finding says of its place."""
    session, identity = web.db(), web.identity()
    case = review.case(session, identity, submission)
    key = (request.form if request.method == "POST" else request.args).get("q", "")
    if key and key not in case.definition.questions:
        raise NotFound
    question = case.definition.questions.get(key)
    return {
        "case": case,
        "key": key,
        "number": numbers(case.definition).get(key, ""),
        "question": question,
        "vendor": vendors.vendor(session, identity, case.assessment.vendor_id),
    }


def _filter(slugs: list[str]) -> Filter:
    return Filter(
        words=search_words(),
        state=one_of("state", STATES),
        severity=one_of("severity", SEVERITIES),
        slug=one_of("questionnaire", slugs),
        vendor_id=an_id("vendor"),
        sort=one_of("sort", SORTS, "severity"),
        down=request.args.get("down") == "1",
    )


def _address(organisation: str, narrowed: Filter) -> Address:
    kept = {
        "q": narrowed.words,
        "state": narrowed.state,
        "severity": narrowed.severity,
        "questionnaire": narrowed.slug,
        "vendor": str(narrowed.vendor_id or ""),
    }
    return Address("findings.list_page", {"organisation": organisation}, kept, narrowed.sort, narrowed.down)


def _rows(ids: list[uuid.UUID], today: date) -> Iterator[tuple[Any, ...]]:
    session, identity = web.db(), web.identity()
    found = lists.some(session, identity, ids)
    rows = [found[one] for one in ids if one in found]
    names = vendors.vendors(session, identity, {one.vendor_id for one in rows})
    covered = queries.covered(session, identity, ids)
    described = words.described(session, identity, rows)
    people = organisations.people(session, {one.owner_id for one in rows if one.owner_id})
    for one in rows:
        said = described[one.id]
        yield (
            names[one.vendor_id].name if one.vendor_id in names else "",
            "; ".join(each.name for each in covered[one.id]),
            said.what,
            one.code.partition(":")[0],
            said.question,
            one.severity,
            one.state,
            one.waits,
            words.is_overdue(one, today),
            one.opened,
            one.due,
            one.first_due,
            people[one.owner_id].name if one.owner_id in people else "",
            one.called_for,
            one.slug,
            one.closed_how,
            one.id,
        )
