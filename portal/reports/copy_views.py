"""A copy of everything that is the company's, at any time: as a page, a PDF, or an archive with the documents."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, render_template, send_file

from portal import web
from portal.access import Permission, requires
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.formats import moment
from portal.reports import copy, copy_findings, copy_writing
from portal.reports.copy import File, Paper

blueprint = Blueprint("copy", __name__)
Page = str | Response


@blueprint.get("/c/<company>/copy")
@requires(Permission.TAKE_COPY)
def page(company: str) -> Page:
    """What a copy holds, before it is taken."""
    found = copy.contents(web.db(), web.identity())
    return render_template("copy/copy.html", contents=found)


@blueprint.get("/c/<company>/copy.zip")
@requires(Permission.TAKE_COPY)
def archive(company: str) -> Page:
    """Everything, written to a spooled file outside of any transaction, on record before its first byte."""
    identity, now = web.identity(), web.now()
    with copy_writing.one_of_few():
        written = copy_writing.archive(_assessments(), _files(), web.portal().storage, made=_made(), now=now)
    _note({"what": "copy", "form": "zip"})
    assert identity.company is not None
    name = f"{identity.company.slug}-{now:%Y-%m-%d}.zip"
    return send_file(written, mimetype="application/zip", as_attachment=True, download_name=name)


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/copy.html")
@requires(Permission.TAKE_COPY)
def as_page(company: str, assessment: uuid.UUID) -> Page:
    body = copy_writing.page(_papers(assessment), _made())
    return _file(body, "text/html", assessment, "html")


@blueprint.get("/c/<company>/assessments/<uuid:assessment>/copy.pdf")
@requires(Permission.TAKE_COPY)
def as_pdf(company: str, assessment: uuid.UUID) -> Page:
    papers = _papers(assessment)
    with copy_writing.one_of_few():
        body = copy_writing.pdf(papers, _made())
    return _file(body, "application/pdf", assessment, "pdf")


def _file(body: bytes, mimetype: str, assessment: uuid.UUID, form: str) -> Response:
    _note({"what": "copy", "form": form, "assessment": assessment})
    response = Response(body, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="answers-{str(assessment)[:8]}.{form}"'
    return response


def _note(data: dict[str, Any]) -> None:
    identity, now = web.identity(), web.now()
    web.portal().database.record_access(
        lambda session: record(session, Kind.EXPORTED, now=now, actor=identity, data=data)
    )


def _made() -> str:
    identity = web.identity()
    assert identity.company is not None
    return f"Copy of what {identity.company.name} has answered, made {moment(web.now(), 'UTC')} (UTC)."


def _papers(assessment: uuid.UUID) -> list[Paper]:
    """Read in a session of its own, which is closed before anything is written."""
    with web.portal().database.looking(web.identity().scope) as session:
        found = copy.papers(session, web.identity(), assessment, web.now())
        return found + copy_findings.papers(session, web.identity(), assessment)


def _assessments() -> Iterator[tuple[str, Callable[[], list[Paper]]]]:
    with web.portal().database.looking(web.identity().scope) as session:
        ids = copy.assessment_ids(session, web.identity())
    for number, one in enumerate(ids, 1):
        yield f"{number:03d}-{str(one)[:8]}", lambda one=one: _papers(one)  # type: ignore[misc]  # bound now


def _files() -> Iterator[File]:
    with web.portal().database.looking(web.identity().scope) as session:
        found = copy.documents(session, web.identity())
    yield from found
