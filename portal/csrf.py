"""Cookies of the session and of the visit, and the two locks on every form: its token and where it came from."""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import uuid
from typing import cast
from urllib.parse import urlsplit

from flask import current_app, g, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as WerkzeugResponse

from portal.access import Permission
from portal.asking import by_machine
from portal.faults import Fault
from portal.settings import LOOPBACK, Settings

MOST_CLIENTS = 4


def _settings() -> Settings:
    return cast(Settings, current_app.settings)  # type: ignore[attr-defined]  # Portal's own attribute


def session_cookie() -> str:
    return "__Host-session" if _settings().secure else "session"


def visit_cookie() -> str:
    return "__Host-visit" if _settings().secure else "visit"


def delegate_cookie() -> str:
    """The session of a delegation's link, beside that of an account: web.py reads it on a delegate's routes only."""
    return "__Host-delegate" if _settings().secure else "delegate"


def client_cookie() -> str:
    """The sessions that providers of organisations opened, newest first, joined by dots: see web.py for where."""
    return "__Host-client" if _settings().secure else "client"


def client_tokens() -> list[str]:
    """What the browser holds of them; a client of a virtual CISO each."""
    return [one for one in request.cookies.get(client_cookie(), "").split(".")[:MOST_CLIENTS] if one]


def add_client(response: WerkzeugResponse, token: str, *, before: str = "") -> None:
    """One more of them, before the others; the oldest gives way when there are too many. ``before``: the token that
    the same session had until now.
    """
    kept = [token, *(one for one in client_tokens() if one not in (token, before))][:MOST_CLIENTS]
    set_session(response, ".".join(kept), client_cookie())


def drop_client(response: WerkzeugResponse, token: str) -> None:
    """Take one of them away; the browser stays signed in at the other organisations."""
    kept = [one for one in client_tokens() if one != token]
    if kept:
        set_session(response, ".".join(kept), client_cookie())
    else:
        clear_session(response, client_cookie())


def shown_tokens(
    permission: Permission | None, side: str | None, *, by_token: bool, delegates: bool
) -> list[str]:
    """What this request shows of sessions, in the order in which a route with such a mark looks at them.

    That of an account; where people who came by a link may go (``delegates``), that of the link after it. An operation
    of the API takes what stands in ``Authorization``, and nothing else does. Sessions that an organisation's provider
    opened come first on pages of organisations, last where one leaves, and nowhere else; on public pages, only to say
    that their second step is missing.
    """
    if by_token:
        kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
        return [bearer] if kind.lower() == "bearer" and bearer else []
    if by_machine():
        return []
    names = [session_cookie(), *([delegate_cookie()] if delegates else [])]
    found = [token for name in names if (token := request.cookies.get(name))]
    if side == "organisation":
        return [*client_tokens(), *found]
    return [*found, *client_tokens()] if permission in (None, Permission.SESSION) else found


def set_session(response: WerkzeugResponse, token: str, cookie: str | None = None) -> None:
    """Give the browser a session token that has just been made; it lasts as long as the session row."""
    response.set_cookie(
        cookie or session_cookie(), token, httponly=True, samesite="Lax", secure=_settings().secure, path="/"
    )


def clear_session(response: WerkzeugResponse, cookie: str | None = None) -> None:
    response.delete_cookie(
        cookie or session_cookie(), path="/", secure=_settings().secure, httponly=True, samesite="Lax"
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
        return token_of(f"session:{g.identity.session_id}")
    return token_of(f"visit:{visit()}")


def visit() -> str:
    """This browser before sign-in: a random value, in a cookie that goes out with this answer if new."""
    if not g.visit or not _sound_visit(g.visit):
        g.visit = secrets.token_urlsafe(32)
        g.new_visit = True
    found: str = g.visit
    return found


def is_for(session_id: uuid.UUID) -> bool:
    """Whether the form that was posted was drawn for this session, of the several that a browser may hold."""
    given = request.form.get("csrf_token", "")
    return given.isascii() and hmac.compare_digest(given, token_of(f"session:{session_id}"))


def token_of(bound: str) -> str:
    """The token of ``session:<id of the row>`` or ``visit:<cookie>``: 64 hexadecimal digits."""
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


class Source(enum.Enum):
    """Where a POST comes from, as far as the browser says; no page of another site can make it say HERE."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


def check_origin() -> None:
    """A second lock beside the token: browsers say where a POST comes from."""
    if source() is Source.ELSEWHERE:
        raise BadRequest("The form came from another site.")


def source() -> Source:
    """Only what was sent from HERE may be offered again with a fresh token: what another site has posted would then
    need one click of its victim. What is UNKNOWN is given back to read, and not to send.
    """
    fetched = request.headers.get("Sec-Fetch-Site", "")
    if fetched in ("cross-site", "same-site"):
        return Source.ELSEWHERE
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    theirs = _origin(origin)
    if theirs is None:  # an opaque origin, such as that of a sandboxed frame, or none
        return Source.HERE if fetched == "same-origin" else Source.UNKNOWN
    ours = _origin(_settings().base_url)
    if theirs == ours:
        return Source.HERE
    if ours is None or ours[1] not in LOOPBACK or theirs[1] not in LOOPBACK:
        return Source.ELSEWHERE
    return Source.HERE if theirs == _origin(request.host_url) else Source.UNKNOWN


def _origin(address: str) -> tuple[str, str, int | None] | None:
    """(scheme, host, port) of an address, or None when it names none."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return (parts.scheme, parts.hostname, port) if parts.hostname else None
    except ValueError:
        return None
