"""What both sides read about a submission: result, sealed answers, export."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from portal import web
from portal.access import Permission, requires
from portal.apportion import decimals
from portal.assessments import queries as submissions
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.listing import one_of
from portal.reassessment import queries as reassessment
from portal.reports import answers, desk, export, marks, queries
from portal.reports.queries import Report

blueprint = Blueprint("results", __name__)


@blueprint.app_template_filter("hundredths")
def _hundredths(units: int) -> str:
    """7615 as ``76.15``."""
    return decimals(units)


@blueprint.app_template_filter("grouped")
def _grouped(digest: str) -> str:
    """A hash in groups of four, so that two people can compare it by voice."""
    return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/result")
@requires(Permission.SEE_VENDORS)
def for_organisation(organisation: str, assessment: uuid.UUID) -> str:
    report = queries.for_organisation(web.db(), web.identity(), assessment, _round())
    return render_template("results/organisation.html", **_context(report))


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/result")
@requires(Permission.SEE_ASSESSMENT)
def for_company(company: str, assessment: uuid.UUID) -> str:
    report = queries.for_company(web.db(), web.identity(), assessment, _round())
    return render_template("results/company.html", **_context(report))


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/answers")
@requires(Permission.SEE_VENDORS)
def answers_for_organisation(organisation: str, assessment: uuid.UUID) -> str:
    """The reading desk. ``round``: an earlier round; ``show``: one of desk.SHOWS."""
    session, identity = web.db(), web.identity()
    report = queries.for_organisation(session, identity, assessment, _round())
    show = one_of("show", desk.SHOWS, "all")

    def show_href(show: str, number: int) -> str:
        values = {"show": "" if show == "all" else show, "round": "" if number == newest else str(number)}
        kept: dict[str, Any] = {name: value for name, value in values.items() if value}
        here: dict[str, Any] = {"organisation": organisation, "assessment": assessment}
        return url_for("results.answers_for_organisation", **here, **kept)

    found = desk.desk(session, identity, report, show)
    newest = found.rounds[0][0]
    context = {"desk": found, "show_href": show_href, "evidence_href": _evidence_href(report)}
    context["marked"] = marks.of(session, identity, report)
    return render_template("results/desk.html", **context, **_context(report))


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/answers")
@requires(Permission.SEE_ASSESSMENT)
def answers_for_company(company: str, assessment: uuid.UUID) -> str:
    session, identity = web.db(), web.identity()
    report = queries.for_company(session, identity, assessment, _round())
    turned = desk.turned_of(session, identity, report)
    read = answers.sections(report, ("evidence.download", {"company": company}))
    marked = marks.of(session, identity, report)
    return render_template(
        "results/answers.html", sections=read, turned=turned, marked=marked, **_context(report)
    )


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/result.json")
@requires(Permission.SEE_VENDORS)
def export_for_organisation(organisation: str, assessment: uuid.UUID) -> Response:
    return _export(queries.for_organisation(web.db(), web.identity(), assessment, _round()))


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/result.json")
@requires(Permission.SEE_ASSESSMENT)
def export_for_company(company: str, assessment: uuid.UUID) -> Response:
    return _export(queries.for_company(web.db(), web.identity(), assessment, _round()))


def _round() -> int | None:
    """The round that the address asks for; None for the newest."""
    text = request.args.get("round", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _evidence_href(report: Report) -> Callable[[uuid.UUID], str] | None:
    """Where a sealed document is opened, which puts that on record."""
    endpoint = "showing.open_sealed"
    if endpoint not in web.portal().view_functions:
        return None
    tenant = web.identity().organisation
    assert tenant is not None
    assessment = report.rated.assessment.id
    return lambda evidence: url_for(
        endpoint, organisation=tenant.slug, assessment=assessment, evidence=evidence
    )


def _context(report: Report) -> dict[str, Any]:
    session, identity = web.db(), web.identity()
    return {
        "rounds": submissions.rounds(session, identity, report.rated.assessment),
        "next_due": reassessment.next_due(session, identity, report.rated.submission.id),
        "report": report,
        "assessment": report.rated.assessment,
        "submission": report.rated.submission,
        "rating": report.rated.rating,
        "page": report.page,
        **_addresses(report),
    }


def _addresses(report: Report) -> dict[str, str]:
    """Where the pages about this submission are, on the reader's own side."""
    identity = web.identity()
    tenant = identity.organisation or identity.company
    assert tenant is not None
    side = "organisation" if report.inside else "company"
    place: dict[str, Any] = {side: tenant.slug, "assessment": report.rated.assessment.id}
    if _round() is not None:
        place["round"] = report.rated.submission.round
    return {
        "result_href": url_for(f"results.for_{side}", **place),
        "answers_href": url_for(f"results.answers_for_{side}", **place),
        "export_href": url_for(f"results.export_for_{side}", **place),
    }


def _export(report: Report) -> Response:
    """The document as a file; that it was taken is on record before its first byte leaves."""
    submission, identity, now = report.rated.submission, web.identity(), web.now()
    body = export.document(report)
    data = {"what": "result", "rating": report.rated.rating.sequence, "hash": submission.submission_hash}
    web.portal().database.record_access(
        lambda session: record(session, Kind.EXPORTED, now=now, actor=identity, subject=submission, data=data)
    )
    response = Response(body, mimetype="application/json")
    name = f"{report.definition.slug}-{report.definition.version}-{submission.as_of}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
