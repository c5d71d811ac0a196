"""Reports for people who do not work in the portal: as a page, and as a PDF that is on record before it leaves."""

from __future__ import annotations

import uuid
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
from portal.reports import report_html, vendor_report
from portal.reports.copy_writing import one_of_few
from portal.reports.model import METHOD, Document

blueprint = Blueprint("reports", __name__)
VENDOR = "/o/<organisation>/vendors/<uuid:vendor>/report"


@blueprint.get(VENDOR)
@requires(Permission.SEE_GATE)
def vendor(organisation: str, vendor: uuid.UUID) -> str:
    document = vendor_report.vendor(web.db(), web.identity(), vendor, now=web.now())
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
    document = vendor_report.vendor(web.db(), web.identity(), vendor, now=web.now())
    return _pdf(document, f"vendor-report-{str(vendor)[:8]}", vendor)


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
