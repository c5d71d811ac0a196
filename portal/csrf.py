"""Cookies of the session and of the visit, and the two locks on every form: its token and where it came from."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import cast
from urllib.parse import urlsplit

from flask import current_app, g, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from portal.faults import Fault
from portal.settings import LOOPBACK, Settings


def _settings() -> Settings:
    return cast(Settings, current_app.settings)  # type: ignore[attr-defined]  # Portal's own attribute


def session_cookie() -> str:
    return "__Host-session" if _settings().secure else "session"


def visit_cookie() -> str:
    return "__Host-visit" if _settings().secure else "visit"


def set_session(response: WerkzeugResponse, token: str) -> None:
    """Give the browser a session token that has just been made; it lasts as long as the session row."""
    response.set_cookie(
        session_cookie(), token, httponly=True, samesite="Lax", secure=_settings().secure, path="/"
    )


def clear_session(response: WerkzeugResponse) -> None:
    response.delete_cookie(
        session_cookie(), path="/", secure=_settings().secure, httponly=True, samesite="Lax"
    )


def new_visit_cookie(response: WerkzeugResponse) -> None:
    """Send the visit cookie that this request's form was bound to."""
    if g.get("new_visit"):
        response.set_cookie(
            visit_cookie(), g.visit, httponly=True, samesite="Lax", secure=_settings().secure, path="/"
        )


def csrf_token() -> str:
    """The token that this browser's forms carry: bound to the session row, or to the visit before sign-in."""
    if g.identity is not None:
        bound = f"session:{g.identity.session_id}"
    else:
        if not g.visit or not _sound_visit(g.visit):
            g.visit = secrets.token_urlsafe(32)
            g.new_visit = True
        bound = f"visit:{g.visit}"
    key = _settings().secret_key.encode()
    return hmac.new(key, b"csrf:" + bound.encode(), hashlib.sha256).hexdigest()


def _sound_visit(visit: str) -> bool:
    return len(visit) == 43 and visit.isascii()


def check_csrf() -> None:
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
    expected = csrf_token()
    if not given.isascii() or not hmac.compare_digest(given, expected):
        raise StaleForm("This page has been open for a long time, or in another browser window.")


class StaleForm(Fault):
    """The form's token does not belong to this session; the person sends it again from a fresh page."""


def check_origin() -> None:
    """A second lock beside the token: browsers say where a POST comes from."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") == "cross-site":
        raise BadRequest("The form came from another site.")
    origin = request.headers.get("Origin")
    if not origin or origin == "null":
        return
    ours, theirs = urlsplit(_settings().base_url), urlsplit(origin)
    same = theirs.scheme == ours.scheme and theirs.netloc == ours.netloc
    local = theirs.hostname in LOOPBACK and ours.hostname in LOOPBACK
    if not same and not local:
        raise BadRequest("The form came from another site.")
