"""Bringing vendors in from a CSV file: upload, every fault at once, a preview, all or nothing."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import web
from portal.access import Permission, requires
from portal.bodies import uploads
from portal.faults import Conflict, Invalid
from portal.vendors import importing
from portal.vendors.facts import country_names
from portal.vendors.import_reading import (
    COLUMNS,
    LARGEST,
    MOST_SHOWN,
    Row,
    RowFault,
    check,
    counts,
    from_bytes,
    read,
    twice,
)

blueprint = Blueprint("imports", __name__)
Page = str | Response | tuple[str, int]
EXAMPLE = (
    ",".join(COLUMNS)
    + "\r\nNorthwind Ltd,PT,Rui Alves,rui.alves@northwind.example,Claims archive,high,\r\n"
    + "Contoso GmbH,DE,,,,,\r\n"
)


@blueprint.get("/o/<organisation>/vendors/import")
@requires(Permission.MANAGE_VENDORS)
def ask(organisation: str) -> Page:
    return _ask_page()


@blueprint.get("/o/<organisation>/vendors/import/example.csv")
@requires(Permission.MANAGE_VENDORS)
def example(organisation: str) -> Response:
    """A list with two invented vendors, to fill in."""
    answer = Response(EXAMPLE.encode("utf-8-sig"), mimetype="text/csv")
    answer.headers["Content-Disposition"] = "attachment; filename=vendors.csv"
    return answer


@blueprint.post("/o/<organisation>/vendors/import")
@requires(Permission.MANAGE_VENDORS)
@uploads
def upload(organisation: str) -> Page:
    """Read the file with no transaction open; a list with a fault leaves nothing behind."""
    identity = web.identity()
    try:
        rows, faults = _read()
    except Invalid as fault:
        web.undo()
        return _ask_page(problem=fault.message), 422
    with web.portal().database.looking(identity.scope) as session:
        taken, owners = importing.known(session, identity)
    faults = _in_order([*faults, *twice(rows), *check(rows, taken=taken, owners=owners)])
    if faults:
        web.undo()
        return _ask_page(faults=faults, rows=len(rows)), 422
    kept = importing.keep(web.db(), rows, actor=identity, now=web.now())
    return redirect(url_for(".preview", organisation=organisation, listed=kept.id), 303)


@blueprint.get("/o/<organisation>/vendors/import/<uuid:listed>")
@requires(Permission.MANAGE_VENDORS)
def preview(organisation: str, listed: uuid.UUID) -> Page:
    """What the list will make; nothing of it is on record yet."""
    found = importing.kept(web.db(), web.identity(), listed, now=web.now())
    rows = from_bytes(found.rows)
    return render_template(
        "vendors/import_preview.html",
        upload=found,
        rows=rows[:MOST_SHOWN],
        more=len(rows) - MOST_SHOWN,
        counts=counts(rows),
        countries=country_names(),
    )


@blueprint.post("/o/<organisation>/vendors/import/<uuid:listed>")
@requires(Permission.MANAGE_VENDORS)
def settle(organisation: str, listed: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    found = importing.kept(session, identity, listed, now=web.now(), lock=True)
    what = request.form.get("do", "")
    if what == "discard":
        importing.discard(session, found, actor=identity, now=web.now())
        return _to_list(organisation, "list-discarded")
    if what != "confirm":
        raise Conflict("The page that you sent does not say what you decided. Load it again.")
    try:
        importing.confirm(session, found, actor=identity, now=web.now())
    except importing.Overtaken as fault:
        web.undo()
        return _ask_page(faults=_in_order(fault.faults), rows=found.count, problem=str(fault)), 409
    return _to_list(organisation, "vendors-imported")


# ----------------------------------------------------------------------------------------------------- small helpers


def _read() -> tuple[list[Row], list[RowFault]]:
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid("Choose a file.")
    return read(sent.stream.read(LARGEST + 1))


def _in_order(faults: list[RowFault]) -> list[RowFault]:
    return sorted(faults, key=lambda one: (one.number, COLUMNS.index(one.column) if one.column else -1))


def _ask_page(*, faults: list[RowFault] | None = None, rows: int = 0, problem: str = "") -> str:
    found = faults or []
    return render_template(
        "vendors/import.html",
        faults=found[:MOST_SHOWN],
        count=len(found),
        lines=len({one.number for one in found}),
        rows=rows,
        problem=problem,
        columns=COLUMNS,
        failed=bool(found or problem),
    )


def _to_list(organisation: str, code: str) -> Response:
    return web.notice(redirect(url_for("vendors.vendor_list", organisation=organisation), 303), code)
