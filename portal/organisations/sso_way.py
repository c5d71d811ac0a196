"""What a browser carries between the portal and a provider: one sealed cookie, and nothing in the database.

AES-256-GCM under a key that follows from the installation's. It holds for ten minutes, for the browser that it was
made for, and for the use that it names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.accounts.factors import derived_key
from portal.settings import Settings

LASTS = timedelta(minutes=10)
NONCE = 12
WAY, LINK = "way", "link"
STARTS, ANSWERS, WITHIN = 10, 30, timedelta(minutes=1)
MOST_CLIENTS = 10_000

_lock = threading.Lock()
_starts: dict[str, list[datetime]] = {}


def sealed(settings: Settings, use: str, told: Mapping[str, Any], visit: str, *, now: datetime) -> str:
    """``told`` (JSON) for a cookie. ``use``: WAY or LINK; ``visit``: the browser (csrf.visit)."""
    plain = json.dumps({**told, "visit": _hash(visit), "at": int(now.timestamp())}).encode()
    nonce = os.urandom(NONCE)
    key = AESGCM(derived_key(settings, "sso-way"))
    return base64.urlsafe_b64encode(nonce + key.encrypt(nonce, plain, use.encode())).decode()


def opened(settings: Settings, use: str, text: str, visit: str, *, now: datetime) -> dict[str, Any] | None:
    """What was sealed for this use and this browser less than ten minutes ago; else None."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii"))
        plain = AESGCM(derived_key(settings, "sso-way")).decrypt(raw[:NONCE], raw[NONCE:], use.encode())
    except (ValueError, InvalidTag):
        return None
    found: dict[str, Any] = json.loads(plain)
    young = 0 <= now.timestamp() - found["at"] < LASTS.total_seconds()
    return found if young and found["visit"] == _hash(visit) else None


def _hash(visit: str) -> str:
    return hashlib.sha256(visit.encode()).hexdigest()


def may_ask(client: str, *, now: datetime, most: int) -> bool:
    """At most so many in a minute from one network, in this process: each may wait for what a provider answers."""
    with _lock:
        recent = [at for at in _starts.get(client, []) if timedelta(0) <= now - at < WITHIN]
        if len(recent) >= most:
            return False
        if len(_starts) >= MOST_CLIENTS:
            _starts.clear()
        _starts[client] = [*recent, now]
    return True


# ---------------------------------------------------------------------------------------- the secret of a connection


def encrypted(settings: Settings, organisation_id: uuid.UUID, secret: str) -> bytes:
    """Bound to the organisation, so that a row cannot be moved to another."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(derived_key(settings, "sso")).encrypt(nonce, secret.encode(), organisation_id.bytes)


def decrypted(settings: Settings, organisation_id: uuid.UUID, secret: bytes) -> str | None:
    """None when the installation's key is another one by now."""
    try:
        key = AESGCM(derived_key(settings, "sso"))
        return key.decrypt(secret[:NONCE], secret[NONCE:], organisation_id.bytes).decode()
    except InvalidTag:
        return None
