"""Challenges of passkeys that need no row: 16 random bytes, when it is over, and a keyed hash over both and its use.

So a page that only reads can draw one. ``passkeys.spend`` writes a challenge down in the transaction that rests on it:
none serves twice.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import UTC, datetime, timedelta

from portal.accounts.factors import derived_key
from portal.settings import Settings

LASTS = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NONCE, UNTIL, MAC = 16, 8, 32
PURPOSES = ("add", "sign-in", "second", "proof")


def make(settings: Settings, purpose: str, bound: str, *, now: datetime) -> bytes:
    """56 bytes for one ``purpose`` of PURPOSES; ``bound``: the visit before sign-in, the session after it."""
    head = os.urandom(NONCE) + int((now + LASTS).timestamp()).to_bytes(UNTIL, "big")
    return head + _mac(settings, purpose, bound, head)


def is_ours(settings: Settings, challenge: bytes, purpose: str, bound: str, *, now: datetime) -> bool:
    """Whether it was made here, for this purpose and this browser, and is not over."""
    if len(challenge) != NONCE + UNTIL + MAC:
        return False
    head = challenge[: NONCE + UNTIL]
    fits = hmac.compare_digest(challenge[NONCE + UNTIL :], _mac(settings, purpose, bound, head))
    return fits and now < until(challenge)


def until(challenge: bytes) -> datetime:
    """When a challenge of ours is over."""
    return EPOCH + timedelta(seconds=int.from_bytes(challenge[NONCE : NONCE + UNTIL], "big"))


def hash_of(challenge: bytes) -> bytes:
    """What is kept of a spent one (32 bytes)."""
    return hashlib.sha256(challenge).digest()


def _mac(settings: Settings, purpose: str, bound: str, head: bytes) -> bytes:
    if purpose not in PURPOSES:
        raise ValueError(purpose)
    return hmac.digest(
        derived_key(settings, "passkey"), f"{purpose}\x1f{bound}\x1f".encode() + head, "sha256"
    )
