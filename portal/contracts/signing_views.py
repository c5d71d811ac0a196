"""Putting requirements into a signed contract, and opening the file of one."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as WerkzeugResponse

from portal import bodies, web
from portal.access import Permission, requires
from portal.contracts import schedule_queries, steps
from portal.contracts.schedule_forms import SigningForm
from portal.contracts.schedule_views import HERE, Subject
from portal.evidence import service as evidence
from portal.evidence import uploads
from portal.evidence.names import disposition
from portal.evidence.receiving import HARMFUL, SANDBOX
from portal.evidence.sniffing import ACCEPT, Sniffed
from portal.evidence.uploads import Infected, Stored
from portal.faults import Invalid, Unavailable
from portal.storage import Missing

blueprint = Blueprint("signing", __name__)
Page = str | Response | WerkzeugResponse | tuple[str, int]
NEW = "new"
NO_FILE = "Choose the signed contract, or one that is here already."


@blueprint.get(f"{HERE}/contract")
@requires(Permission.CONTRACT)
def form(organisation: str, engagement: uuid.UUID) -> Page:
    return _page(SigningForm(data={"known": NEW}), engagement, set(request.args.getlist("pick")))


@blueprint.post(f"{HERE}/contract")
@requires(Permission.CONTRACT)
@bodies.uploads
def sign(organisation: str, engagement: uuid.UUID) -> Page:
    """Ticked requirements go into one contract, all or none."""
    posted = SigningForm(request.form)
    picks = {
        one: seen for name in request.form.getlist("pick") if (one := _id(name)) for seen in [_seen(name)]
    }
    try:
        if not posted.validate():
            raise Invalid(errors={})
        stored = None if posted.known_id() else _receive(engagement)
        subject = Subject(engagement, lock=True)
        session, identity, now = web.db(), web.identity(), web.now()
        wrong = steps.check_signed(
            posted.reference.data or "", posted.signed.data, posted.until.data, subject.today
        )
        if wrong or posted.signed.data is None:
            raise Invalid(errors=wrong)
        file_id = posted.known_id()
        if stored is not None:
            steps.require_room(session, web.portal().storage, engagement, stored.file.size, identity)
            document = steps.add_file(session, subject.engagement, stored, actor=identity, now=now)
            file_id = (
                document.id
            )  # of the same bytes there is one; what two stored at one moment the sweep finds
        assert file_id is not None
        steps.into_contract(
            session,
            subject.engagement,
            subject.schedule,
            picks,
            steps.Signed(posted.reference.data or "", posted.signed.data, posted.until.data, file_id),
            today=subject.today,
            actor=identity,
            now=now,
        )
    except (Invalid, Unavailable, steps.Stale) as fault:
        return _refused(posted, engagement, fault)
    back = url_for("schedule.page", organisation=organisation, engagement=engagement)
    return web.notice(redirect(back, 303), "saved")


@blueprint.get(f"{HERE}/files/<uuid:file>")
@requires(Permission.SEE_CONTRACT)
def opened(organisation: str, engagement: uuid.UUID, file: uuid.UUID) -> Response:
    """The file to save: opened first, then on record, then sent."""
    subject = Subject(engagement)
    document = schedule_queries.file(web.db(), web.identity(), subject.engagement.id, file)
    if document.storage_key is None:
        raise Missing("The file has been destroyed; its hash is still on record.")
    if document.scan == "infected":
        raise Missing(HARMFUL)
    app, identity, now = web.portal(), web.identity(), web.now()
    pieces = app.storage.read(document.storage_key)
    note: Callable[..., None] = steps.record_opened
    app.database.record_access(lambda session: note(session, document, actor=identity, now=now))
    answer = Response(pieces, mimetype=document.media_type)
    answer.headers["Content-Length"] = str(document.size)
    answer.headers["Content-Disposition"] = disposition(document.filename)
    answer.headers["Content-Security-Policy"] = SANDBOX
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    answer.headers["X-Download-Options"] = "noopen"
    return answer


def _receive(engagement: uuid.UUID) -> Stored:
    """Examine, scan and store the posted file before anything is written (law 2)."""
    app, identity, now = web.portal(), web.identity(), web.now()
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        raise Invalid(errors={"file": NO_FILE})
    with app.database.looking(identity.scope) as session:
        steps.require_room(session, app.storage, engagement, 0, identity)

    def held(file: Sniffed) -> bool:
        with app.database.looking(identity.scope) as session:
            return steps.held(session, engagement, file.sha256, identity) is not None

    try:
        stored = uploads.keep(
            app.storage, app.settings.scanner, sent.stream, sent.filename, now=now, held=held
        )
    except Infected as found:
        fault = found
        app.database.record_refusal(
            lambda session: evidence.record_infected(session, fault, actor=identity, now=now)
        )
        raise
    if stored.key:
        web.regret(lambda: app.storage.delete(stored.key))
    return stored


def _refused(
    posted: SigningForm, engagement: uuid.UUID, fault: Invalid | Unavailable | steps.Stale
) -> tuple[str, int]:
    """The form with what was typed and ticked; the browser has to be given the file anew."""
    web.undo()
    if isinstance(fault, Invalid):
        posted.blame(fault)
    else:
        posted.form_errors = [fault.message]
    status = 422 if isinstance(fault, Invalid) else 503 if isinstance(fault, Unavailable) else 409
    picked = {name.partition(":")[0] for name in request.form.getlist("pick")}
    return _page(posted, engagement, picked, failed=True), status


def _page(posted: SigningForm, engagement: uuid.UUID, picked: set[str], *, failed: bool = False) -> str:
    subject = Subject(engagement)
    held = schedule_queries.files(web.db(), web.identity(), engagement)
    posted.known.choices = {NEW: "A new file"} | {str(one.id): one.filename for one in held}
    return render_template(
        "contracts/signing.html",
        form=posted,
        picked=picked,
        accept=ACCEPT,
        failed=failed,
        **subject.page(),
    )


def _id(name: str) -> uuid.UUID | None:
    """The item of a tick, which reads ``<item>:<step seen>``."""
    try:
        return uuid.UUID(name.partition(":")[0])
    except ValueError:
        return None


def _seen(name: str) -> int:
    raw = name.partition(":")[2]
    return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else -1
