"""What both sides read about a submission: result, sealed answers, export."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, Response, render_template, url_for

from portal import web
from portal.access import Permission, requires
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.reports import answers, export, queries
from portal.reports.apportion import decimals
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
    report = queries.for_organisation(web.db(), web.identity(), assessment)
    return render_template("results/organisation.html", **_context(report))


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/result")
@requires(Permission.SEE_ASSESSMENT)
def for_company(company: str, assessment: uuid.UUID) -> str:
    report = queries.for_company(web.db(), web.identity(), assessment)
    return render_template("results/company.html", **_context(report))


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/answers")
@requires(Permission.SEE_VENDORS)
def answers_for_organisation(organisation: str, assessment: uuid.UUID) -> str:
    report = queries.for_organisation(web.db(), web.identity(), assessment)
    return render_template("results/answers.html", sections=answers.sections(report), **_context(report))


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/answers")
@requires(Permission.SEE_ASSESSMENT)
def answers_for_company(company: str, assessment: uuid.UUID) -> str:
    report = queries.for_company(web.db(), web.identity(), assessment)
    return render_template("results/answers.html", sections=answers.sections(report), **_context(report))


@blueprint.get("/o/<organisation>/assessments/<uuid:assessment>/result.json")
@requires(Permission.SEE_VENDORS)
def export_for_organisation(organisation: str, assessment: uuid.UUID) -> Response:
    return _export(queries.for_organisation(web.db(), web.identity(), assessment))


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/result.json")
@requires(Permission.SEE_ASSESSMENT)
def export_for_company(company: str, assessment: uuid.UUID) -> Response:
    return _export(queries.for_company(web.db(), web.identity(), assessment))


def _context(report: Report) -> dict[str, Any]:
    return {
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
