"""The headers of every response: nothing from elsewhere, nothing inline, nothing kept (law 11)."""

from __future__ import annotations

from flask import Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def protect(response: Response, *, secure: bool, kept: bool = False, linked: bool = False) -> None:
    """Put them on ``response``. ``secure``: the portal is reached by https. ``kept``: it may be kept by who asks.

    ``linked``: its address lets whoever has it do something, so it is told to nobody; what it says itself of being kept
    by its reader stands.
    """
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer" if linked else "same-origin"
    if linked:
        headers["X-Robots-Tag"] = "noindex"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["X-Frame-Options"] = "DENY"
    if request.endpoint != "static" and not (linked and response.cache_control.private):
        headers["Cache-Control"] = "private, no-cache" if kept else "no-store"
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
