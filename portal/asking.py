"""What a request says of its client: its address, its name, which kind of answer it wants."""

from __future__ import annotations

from flask import request


def client_agent() -> str:
    """What the browser calls itself: one line, at most 300 characters, for the person's list of sessions."""
    agent = request.headers.get("User-Agent", "")[:300]
    return "".join(c if c.isprintable() else " " for c in agent).strip()


def client_address() -> str:
    """The client's address as far as ``trusted_proxies`` lets us believe it."""
    return request.remote_addr or ""


def wants_json() -> bool:
    """Whether the autosave script is asking."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def by_machine() -> bool:
    """Whether the request is one of the API: answered in problem documents, cookies unread."""
    return request.path.startswith("/api/")
