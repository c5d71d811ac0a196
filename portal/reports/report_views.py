"""Reports for people who do not work in the portal: as a page, and as a PDF that is on record before it leaves."""

from __future__ import annotations

import uuid
from datetime import date
from typing import IO

from flask import Blueprint, Response, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import web
from portal.access import Permission, requires
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.clock import local_date
from portal.exporting import spooled
from portal.listing import a_day
from portal.organisations import queries as organisations
from portal.reports import portfolio_report, report_html, vendor_report
from portal.reports.copy_writing import one_of_few
from portal.reports.model import METHOD, Document
from portal.vendors import queries as vendors
from questionnaires.dates import MIN_DATE, add_months

blueprint = Blueprint("reports", __name__)
VENDOR = "/o/<organisation>/vendors/<uuid:vendor>/report"
PORTFOLIO = "/o/<organisation>/portfolio/report"
QUARTER = 3  # months that a board's report looks back on


@blueprint.get(VENDOR)
@requires(Permission.SEE_GATE)
def vendor(organisation: str, vendor: uuid.UUID) -> str:
    document = _vendor(vendor)
    crumbs = [
        {"label": _("Vendors"), "href": url_for("vendors.vendor_list", organisation=organisation)},
        {
            "label": report_html.visible(document.subject),
            "href": url_for("vendors.vendor", organisation=organisation, vendor=vendor),
        },
    ]
    return _page(document, crumbs, url_for(".vendor_pdf", organisation=organisation, vendor=vendor))


@blueprint.get(f"{VENDOR}.pdf")
@requires(Permission.SEE_GATE)
def vendor_pdf(organisation: str, vendor: uuid.UUID) -> Response:
    return _pdf(_vendor(vendor), f"vendor-report-{_own()}{str(vendor)[:8]}", vendor)


def _vendor(vendor_id: uuid.UUID) -> Document:
    """Reads each engagement and each submission whole: as a copy, by few at a time."""
    with one_of_few():
        return vendor_report.vendor(web.db(), web.identity(), vendor_id, now=web.now())


def _own() -> str:
    """What the name of a file says where it speaks of the reader's own engagements alone."""
    return "own-" if vendors.is_narrowed(web.identity()) else ""


@blueprint.get(PORTFOLIO)
@requires(Permission.SEE_PORTFOLIO)
def portfolio(organisation: str) -> str:
    """``since``: the day that is compared with, a quarter ago where the address names none that has been."""
    document, since = _portfolio()
    crumbs = [{"label": _("Portfolio"), "href": url_for("portfolio.home", organisation=organisation)}]
    return _page(
        document, crumbs, url_for(".portfolio_pdf", organisation=organisation, since=since.isoformat())
    )


@blueprint.get(f"{PORTFOLIO}.pdf")
@requires(Permission.SEE_PORTFOLIO)
def portfolio_pdf(organisation: str) -> Response:
    document, _since = _portfolio()
    tenant = web.identity().organisation
    assert tenant is not None
    return _pdf(document, f"portfolio-report-{_own()}{str(tenant.id)[:8]}", tenant.id)


def _portfolio() -> tuple[Document, date]:
    session, identity = web.db(), web.identity()
    today = local_date(web.now(), organisations.organisation_of(session, identity).zone)
    wanted = a_day("since")
    since = wanted if wanted is not None and MIN_DATE <= wanted <= today else add_months(today, -QUARTER)
    return portfolio_report.portfolio(session, identity, since=since, now=web.now()), since


def _page(document: Document, crumbs: list[dict[str, str]], pdf_href: str) -> str:
    shown = report_html.readable(document)
    return render_template(
        "reports/report.html",
        document=shown,
        digest=document.content_hash,
        method=METHOD,
        sections=report_html.sections(shown),
        kind=report_html.kind,
        crumbs=crumbs,
        pdf_href=pdf_href,
    )


def _pdf(document: Document, stem: str, subject: uuid.UUID) -> Response:
    """The file; its name is made of an id and the day, never of what somebody is called."""
    from portal.reports import pdf  # reportlab takes a while to load, and most processes never need it

    identity, now = web.identity(), web.now()
    data = {"what": document.kind, "hash": document.content_hash, "subject": subject}

    def write(file: IO[bytes]) -> int:
        with one_of_few():
            return file.write(pdf.as_pdf(document))

    def note(session: Session, _size: int) -> None:
        record(session, Kind.EXPORTED, now=now, actor=identity, data=data)

    name = f"{stem}-{local_date(now, document.zone).isoformat()}.pdf"
    return spooled(name, "application/pdf", write, note)
