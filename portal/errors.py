"""Every exception that the domain raises, mapped once to a status, a page and a JSON answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Flask, jsonify, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from portal import forms, logs, pace, problems, web
from portal.access import TABLE, Identity
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.csrf import Source, StaleForm, source
from portal.faults import Conflict, Fault, Invalid, NotFound, Refused, Throttled, Unavailable

log = logging.getLogger("portal")

STATUS: dict[type[Fault], int] = {
    NotFound: 404,
    Throttled: 429,
    Refused: 403,
    Conflict: 409,
    Invalid: 422,
    Unavailable: 503,
    StaleForm: 400,
}
RETRY_AFTER = "5"
REFUSALS_APART = timedelta(minutes=1)
UNNAMED = frozenset({404, 405})  # nothing went wrong here that anybody could look up
KEPT_BODY = 400_000  # characters of a posted form that an error page gives back for sending again
# With every field that has "password" in its name.
NEVER_KEPT = frozenset({"csrf_token", "current", "code", "assertion", "attestation"})
KEPT_FIELD = 50  # what a field costs beside its text


def install(app: Flask) -> None:
    app.register_error_handler(web.SignedOut, _signed_out)
    app.register_error_handler(web.OwesFactor, _owes_factor)
    app.register_error_handler(web.OwesProvider, _owes_provider)
    app.register_error_handler(Fault, _fault)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _defect)


def _fault(fault: Fault) -> Any:
    web.undo()
    if isinstance(fault, StaleForm) and request.endpoint == "accounts.sign_in" and web.maybe_identity():
        return redirect(
            "/home", 303
        )  # a second press, or a page from before: who is signed in needs no sign-in
    status = _status_of(fault)
    identity = web.maybe_identity()
    if status == 403 and identity is not None:
        _record_refusal(identity)
    if web.by_machine():
        return _problem_of(fault, status)
    response = _answer(status, fault.message)
    if status == 503:
        response[2]["Retry-After"] = RETRY_AFTER
    if isinstance(fault, Throttled):
        response[2]["Retry-After"] = str(fault.retry_after)
    return response


def _status_of(fault: Fault) -> int:
    if isinstance(fault, problems.Refusal):
        return problems.MEANINGS[fault.code].status
    return next(code for kind, code in STATUS.items() if isinstance(fault, kind))


def _record_refusal(identity: Identity) -> None:
    """One event; of a program that is refused at one operation again and again, one a minute."""
    endpoint = (request.endpoint or "")[:100]
    if identity.scopes is not None and not pace.first(
        (identity.session_id, endpoint), web.now(), of=REFUSALS_APART
    ):
        return
    web.portal().database.record_refusal(
        lambda session: record(
            session, Kind.ACCESS_REFUSED, now=web.now(), actor=identity, data={"endpoint": endpoint}
        )
    )


def _http(error: HTTPException) -> Any:
    web.undo()
    status = error.code or 500
    if status < 400:
        return error
    if web.by_machine():
        kept = {n: v for n, v in error.get_headers() if n.lower() not in ("content-type", "content-length")}
        return _problem(problems.USUAL.get(status, "malformed"), headers=kept)
    body, status, _headers = _answer(status, "")
    headers = [(n, v) for n, v in error.get_headers() if n.lower() not in ("content-type", "content-length")]
    return body, status, headers


def _signed_out(fault: web.SignedOut) -> Any:
    """To sign-in; what was posted is offered again there (law 8: input survives an expired session)."""
    web.undo()
    if web.by_machine():
        return _problem("token_invalid")
    if web.wants_json():
        return jsonify(error="signed_out", message=_("Please sign in again.")), 401
    if request.method in web.SAFE:
        return web.to_sign_in()
    return _page(401, kept=kept_fields(), back=web.local_path(request.full_path.rstrip("?"))), 401


def _owes_factor(fault: web.OwesFactor) -> Any:
    """To the page that sets one up; what was posted is given back to send again afterwards."""
    web.undo()
    if web.by_machine():
        return _problem("second_factor")
    if web.wants_json():
        return jsonify(error="second_factor", message=_("Set up a second factor first.")), 403
    identity = web.maybe_identity()
    if identity is not None and identity.bound:  # such a session reaches no page that sets one up
        message = _(
            "This organisation asks for a second factor, and its sign-in reported none that counts. Sign in with "
            "your own account and set one up, or ask an administrator to let the provider's count."
        )
        return _page(403, message=message, kept=kept_fields()), 403
    setting_up = "/account/second-factor?" + urlencode({"for": request.full_path.rstrip("?")})
    if request.method in web.SAFE:
        return redirect(setting_up, 303)
    back = web.local_path(request.full_path.rstrip("?"))
    message = _(
        "This organisation asks for a second factor, and you have none yet. Set one up in another tab."
    )
    return _page(403, message=message, kept=kept_fields(), back=back, factor=True), 403


def _owes_provider(fault: web.OwesProvider) -> Any:
    """To the sign-in of the organisation; what was posted is given back to send again afterwards."""
    web.undo()
    if web.by_machine():
        return _problem("sign_in_provider")
    message = _(
        "This organisation lets you in by its own sign-in alone. Come by that, or, as an administrator, sign in with "
        "a second factor of your own."
    )
    if web.wants_json():
        return jsonify(error="sign_in_provider", message=message), 403
    identity = web.maybe_identity()
    tenant = identity.organisation if identity is not None else None
    here = request.full_path.rstrip("?")
    door = f"/sso/{tenant.slug}" if tenant is not None else "/sso"
    if request.method in web.SAFE:
        return _page(403, message=message, door=f"{door}?{urlencode({'next': here})}"), 403
    kept, back = kept_fields(), web.local_path(here)
    return _page(403, message=message, kept=kept, back=back, door=door), 403


def _defect(error: Exception) -> Any:
    """A fault of ours: the request's id finds it in the log, and the page says nothing else."""
    web.undo()
    log.error("defect at %s %s", request.method, request.endpoint, exc_info=error)
    if web.portal().testing:
        raise error
    return _problem("defect") if web.by_machine() else _answer(500, "")


# ------------------------------------------------------------------------------------------------------- for machines


def _problem_of(fault: Fault, status: int) -> Response:
    """The problem document of a refusal of the domain, or of the API's own."""
    if isinstance(fault, problems.Refusal):
        return _problem(fault.code, fault.message, fault.wrong, fault.headers)
    headers: dict[str, str] = {}
    if status == 503:
        headers["Retry-After"] = RETRY_AFTER
    if isinstance(fault, Throttled):
        headers["Retry-After"] = str(fault.retry_after)
    if status == 403 and (narrowed := _narrowed()) is not None:
        return narrowed
    errors = fault.errors if isinstance(fault, Invalid) else {}
    wrong = [problems.Wrong(text, problems.pointer(name)) for name, text in errors.items()]
    return _problem(problems.USUAL[status], fault.message, wrong, headers)


def _narrowed() -> Response | None:
    """The answer where the role would allow what the token's scopes do not; says which scope is missing."""
    identity, permission, asked = web.maybe_identity(), web.permission_asked(), web.scopes_asked()
    if identity is None or identity.scopes is None or permission is None or identity.role is None:
        return None
    if identity.role not in (TABLE[permission] or ()) or not identity.scopes.isdisjoint(asked):
        return None
    return _problem("insufficient_scope", f"The token lacks the scope {' or '.join(asked)}.")


def _problem(
    code: str,
    detail: str = "",
    wrong: Sequence[problems.Wrong] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The one place where problem documents are sent."""
    found = problems.document(
        code,
        detail=detail,
        wrong=wrong,
        base_url=web.portal().settings.base_url,
        instance=logs.request_id(),
    )
    response = jsonify(found)
    response.status_code = found["status"]
    response.mimetype = problems.MIMETYPE
    response.headers.update(headers or {})
    if found["status"] == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def kept_fields() -> list[tuple[str, str]]:
    """What was posted, to give back; without the token, passwords, anything too large, and what another site sent."""
    if source() is Source.ELSEWHERE or not _readable():
        return []
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in NEVER_KEPT and "password" not in name
    ]
    return fields if sum(KEPT_FIELD + len(n) + len(v) for n, v in fields) <= KEPT_BODY else []


def _answer(status: int, message: str) -> tuple[str | Response, int, dict[str, str]]:
    if web.wants_json():
        return jsonify(error=status, message=message, request=logs.request_id()), status, {}
    kept = kept_fields() if status in (400, 409, 429, 503) and request.method not in web.SAFE else []
    back = web.local_path(request.full_path.rstrip("?")) if kept else None
    reference = logs.request_id() if status not in UNNAMED else ""
    return _page(status, message=message, reference=reference, kept=kept, back=back), status, {}


def _readable() -> bool:
    try:
        return bool(request.form)
    except HTTPException:
        return False


def _page(status: int, **context: Any) -> str:
    known = status in (400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503)
    resend = source() is Source.HERE  # else another site may have filled the form in (see csrf.source)
    context["label"] = _labeller() if context.get("kept") else None
    defaults: dict[str, Any] = {
        "message": "",
        "reference": "",
        "kept": [],
        "back": None,
        "factor": False,
        "door": "",
    }
    defaults["resend"] = resend
    return render_template("errors/error.html", status=status if known else 400, **{**defaults, **context})


def _labeller() -> Callable[[str], str]:
    """What a posted field is called, for people: a form's label, or which part of which answer it is."""
    known = forms.labels()
    parts = {
        "a": _("Answer"),
        "n": _("Comment"),
        "s": _("Not applicable"),
        "k": _("Choice between two answers"),
        "e": _("Evidence"),
    }

    def label(name: str) -> str:
        part, _dot, key = name.partition(".")
        if key and part in parts:
            return f"{parts[part]}: {key}"
        return str(known.get(name, name))

    return label
