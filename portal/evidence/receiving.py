"""Files in and out of the web: an upload examined and stored before anything is written, a download on record first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from flask import Response, render_template, request

from portal import clock, web
from portal.access import Identity
from portal.evidence import service, uploads
from portal.evidence.forms import UploadForm
from portal.evidence.lasting import usual_end
from portal.evidence.models import Evidence
from portal.evidence.names import disposition
from portal.evidence.service import Described
from portal.evidence.uploads import Infected, Stored
from portal.faults import Invalid, Unavailable
from portal.storage import Missing

NONE = "Choose a file."
SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"
HARMFUL = "The malware scanner has found something harmful in this file since it was shared, so it is not given out."


def receive(form: UploadForm) -> Stored:
    """Look at the limits, then examine, scan and store the posted file; no transaction is open meanwhile (law 2).

    Taken away again unless the request is committed. Raises Invalid (fields file, issued, expires), Unavailable.
    """
    app, identity, now = web.portal(), web.identity(), web.now()
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(errors={"file": NONE})
    service.check(form.described(), clock.local_date(now, "UTC"))
    with app.database.looking(identity.scope) as session:
        service.check_room(session, app.storage, 0, app.settings.quota_mb, actor=identity)
    try:
        stored = uploads.keep(app.storage, app.settings.scanner, sent.stream, sent.filename, now=now)
    except Infected as found:
        _note_infected(found, identity)
        raise
    web.regret(lambda: app.storage.delete(stored.key))
    return stored


def _note_infected(found: Infected, identity: Identity) -> None:
    now = web.now()
    web.portal().database.record_refusal(
        lambda session: service.record_infected(session, found, actor=identity, now=now)
    )


def add(form: UploadForm, stored: Stored) -> Evidence:
    """The row of a file that ``receive`` has stored; the limits are checked once more, inside the transaction.

    Where nobody wrote until when it holds, the usual end of its kind is written down: the gate, the reminders and the
    questions then read one date, and it can be changed on the document's page.
    """
    session, identity, app = web.db(), web.identity(), web.portal()
    service.check_room(session, app.storage, stored.file.size, app.settings.quota_mb, actor=identity)
    said = form.described()
    if said.expires is None:
        said = replace(said, expires=usual_end(said.kind, said.issued))
    return service.add(session, stored, said, actor=identity, now=web.now())


def corrected(said: Described, before: Evidence) -> Described:
    """A change with the end worked out anew, where what stood there was the usual one and nobody wrote another.

    So an end comes to a certificate that is now said to be one of ISO 27001; one that was emptied stays empty.
    """
    if not said.expires == before.expires == usual_end(before.kind, before.issued):
        return said
    return replace(said, expires=usual_end(said.kind, said.issued))


def refused(
    template: str, form: UploadForm, fault: Invalid | Unavailable, **context: object
) -> tuple[str, int]:
    """The form again with what was typed; the browser has to be given the file anew. 422, or 503 when not now."""
    web.undo()
    if isinstance(fault, Invalid):
        form.blame(fault)
        return render_template(template, form=form, failed=True, **context), 422
    form.form_errors = [fault.message]
    return render_template(template, form=form, failed=True, **context), 503


def send(document: Evidence, filename: str | None = None) -> Response:
    """A document's file to save; opened first, then on record, then sent. Missing when it is destroyed.

    The browser must not guess what it is, and must not run it where the portal's pages live.
    """
    app, identity, now = web.portal(), web.identity(), web.now()
    if document.storage_key is None:
        raise Missing("The file has been destroyed; what was said of it and its hash are still on record.")
    if document.scan == "infected":
        raise Missing(HARMFUL)
    pieces = app.storage.read(document.storage_key)
    note: Callable[..., None] = service.record_opened
    app.database.record_access(lambda session: note(session, document, actor=identity, now=now))
    answer = Response(pieces, mimetype=document.media_type)
    answer.headers["Content-Length"] = str(document.size)
    answer.headers["Content-Disposition"] = disposition(filename or document.filename)
    answer.headers["Content-Security-Policy"] = SANDBOX
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    answer.headers["X-Download-Options"] = "noopen"
    return answer
