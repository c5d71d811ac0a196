"""Logs: one line an event, as JSON or as text, each with the id of the request or the worker's pass that it belongs to.

What people typed never gets here. A request is named by its route's rule, not by its address, which may hold tokens.
Of an exception the log keeps types and places in the code; messages quote values, so they stay out. Whatever looks like
an address or a token is struck out of every line, should it come in by another way.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
import uuid
from contextvars import ContextVar
from time import perf_counter
from typing import Any, TextIO

from flask import Flask, Response, g, request

from portal import clock

log = logging.getLogger("portal.requests")

REQUEST_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{7,63}")
HEADER = "X-Request-ID"
FIELDS = ("method", "route", "status", "ms", "person", "organisation", "company")
_SECRETS = re.compile(
    r"vrp_[\w-]{8,}|[^\s<>\"'=(,;:]+@[^\s<>\"'),;]+|(?<![\w-])(?:[\w-]{43}|[\w-]{66})(?![\w-])"
)
_current: ContextVar[str] = ContextVar("portal_request", default="")


def new_id() -> str:
    """A fresh id; 16 hexadecimal digits are enough to find one line among many."""
    return uuid.uuid4().hex[:16]


def opening(found: str = "") -> str:
    """What this thread does from now on belongs to ``found``, or to a fresh id; returns it."""
    chosen = found or new_id()
    _current.set(chosen)
    return chosen


def request_id() -> str:
    """The id of what this thread does now; "" outside a request or a pass of the worker."""
    return _current.get()


def configure(form: str, stream: TextIO | None = None) -> None:
    """Send every log line to ``stream`` (standard error) in one form: ``json`` or ``text``."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Json() if form == "json" else Text())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def clean(text: str) -> str:
    """``text`` in one line, without addresses and tokens."""
    return " ".join(_SECRETS.sub("[left out]", text).split())


def places(error: BaseException | None) -> list[str]:
    """An exception as types and places in the code, causes first; nothing of what it says."""
    lines: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        where = [f"{one.filename}:{one.lineno} {one.name}" for one in frames]
        lines[:0] = [f"{type(error).__module__}.{type(error).__qualname__}", *where]
        error = error.__cause__ or error.__context__
    return lines


class Json(logging.Formatter):
    """A line of JSON: at, level, logger, message, request, and what a request's line adds."""

    def format(self, record: logging.LogRecord) -> str:
        found: dict[str, Any] = {
            "at": clock.instant(record.created).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean(record.getMessage()),
        }
        if _current.get():
            found["request"] = _current.get()
        found |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1] is not None:
            found["exception"] = places(record.exc_info[1])
        return json.dumps(found, ensure_ascii=False)


class Text(logging.Formatter):
    """The same for eyes: one line, and one for each place of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        at = clock.instant(record.created).strftime("%Y-%m-%d %H:%M:%S")
        parts = [at, record.levelname, record.name, clean(record.getMessage())]
        parts += [f"{name}={getattr(record, name)}" for name in FIELDS if getattr(record, name, None)]
        if _current.get():
            parts.append(f"request={_current.get()}")
        lines = [" ".join(parts)]
        if record.exc_info and record.exc_info[1] is not None:
            lines += [f"    {one}" for one in places(record.exc_info[1])]
        return "\n".join(lines)


def install(app: Flask) -> None:
    """An id for each request, and one line when its answer is complete. Comes before everything else of the cycle."""
    app.before_request(_arrive)
    app.after_request(_leave)


def _arrive() -> None:
    g.started = perf_counter()
    given = ""
    if _trusts_proxies():  # only a proxy of ours may name a request; a visitor's word is nobody's id
        given = request.headers.get(HEADER, "")
    g.request_id = opening(given if REQUEST_ID.fullmatch(given) else "")


def _trusts_proxies() -> bool:
    from portal.web import portal

    return portal().settings.trusted_proxies > 0


def _leave(response: Response) -> Response:
    found: str = g.get("request_id") or opening()
    response.headers[HEADER] = found
    if request.endpoint != "static":
        log.info("request", extra=_line(response.status_code))
    return response


def _line(status: int) -> dict[str, Any]:
    identity = g.get("identity")
    rule = request.url_rule
    found = {
        "method": request.method if request.method.isalpha() and len(request.method) < 12 else "?",
        "route": rule.rule if rule is not None else "",
        "status": status,
        "ms": round((perf_counter() - g.get("started", perf_counter())) * 1000, 1),
    }
    if identity is not None:
        found["person"] = str(identity.person.id)
        for side in ("organisation", "company"):
            tenant = getattr(identity, side)
            if tenant is not None:
                found[side] = str(tenant.id)
    return found
