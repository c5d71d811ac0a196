"""Requests that make something, once: a key that names a request, and what it made when it comes again."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from flask import request

from portal import web
from portal.api.base import Given, address
from portal.faults import NotFound
from portal.organisations import token_requests
from portal.problems import Refusal, Wrong

HEADER = "Idempotency-Key"
CREATED = 201
_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def made_once(
    kind: str, make: Callable[[], uuid.UUID], shown: Callable[[uuid.UUID], Any], *, path: str
) -> Given:
    """What ``make`` makes, as ``shown``; made only once for each key of the token.

    ``make`` writes in the request's transaction and gives an id; ``path``: where that is read, before the id.
    """
    key = request.headers.get(HEADER)
    if key is not None and not _KEY.fullmatch(key):
        raise Refusal("invalid", wrong=[Wrong("Write 1 to 64 letters, digits, _ and -.", parameter=HEADER)])
    session, identity = web.db(), web.identity()
    if key is None:
        return _given(path, make(), shown)
    held = token_requests.claim(session, identity, key, _hash(), now=web.now())
    if held is None:
        made = make()
        token_requests.settle(session, identity, key, status=CREATED, kind=kind, subject_id=made)
        return _given(path, made, shown)
    if held.request_hash != _hash():
        raise Refusal("idempotency_key_reused")
    try:
        if held.subject_id is None:
            raise NotFound
        return _given(path, held.subject_id, shown, **{"Idempotency-Replayed": "true"})
    except NotFound:
        raise Refusal("idempotency_subject_gone") from None


def _given(path: str, made: uuid.UUID, shown: Callable[[uuid.UUID], Any], **headers: str) -> Given:
    return Given(shown(made), {"Location": address(f"{path}/{made}"), **headers})


def _hash() -> bytes:
    """What a key belongs to: method, path and body, byte for byte."""
    asked = b"\n".join((request.method.encode(), request.full_path.encode(), request.get_data()))
    return hashlib.sha256(asked).digest()
