"""The secret of a webhook: kept encrypted, shown once; and the signature by which a receiver knows us.

Header ``Vrp-Signature: t=<unix seconds>,v1=<hex>``: HMAC-SHA256 under the secret over ``t``, a full stop, and the body.
For each older secret that still holds there is one more ``v1``.
"""

from __future__ import annotations

import hmac
import os
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.accounts.factors import derived_key
from portal.settings import Settings

NONCE = 12
PREFIX = "whsec_"
OLD_SECRET_HOLDS = timedelta(hours=24)
MOST_OLD = 3


def new_secret() -> str:
    """256 random bits, with a beginning that scanners of leaked secrets recognise."""
    return PREFIX + secrets.token_urlsafe(32)


def encrypted(settings: Settings, webhook_id: uuid.UUID, secret: str) -> bytes:
    """Nonce and ciphertext; bound to the webhook, so that a row cannot lend its secret to another."""
    nonce = os.urandom(NONCE)
    key = AESGCM(derived_key(settings, "webhook"))
    return nonce + key.encrypt(nonce, secret.encode(), webhook_id.bytes)


def decrypted(settings: Settings, webhook_id: uuid.UUID, kept: bytes) -> str | None:
    """The secret; None when the installation's key is another one by now."""
    try:
        key = AESGCM(derived_key(settings, "webhook"))
        return key.decrypt(kept[:NONCE], kept[NONCE:], webhook_id.bytes).decode()
    except InvalidTag:
        return None


def kept_beside(old: Iterable[dict[str, Any]], replaced: bytes, now: datetime) -> list[dict[str, Any]]:
    """What signs beside a new secret: those of before that still hold, and the one that it takes the place of.

    Of too many the oldest stays, which the receiver may still have, and the latest.
    """
    holding = [one for one in old if datetime.fromisoformat(one["until"]) > now]
    holding.append({"secret": replaced.hex(), "until": (now + OLD_SECRET_HOLDS).isoformat()})
    return holding if len(holding) <= MOST_OLD else [holding[0], *holding[1 - MOST_OLD :]]


def holding(old: Iterable[dict[str, Any]], now: datetime) -> list[bytes]:
    """Of those the encrypted secrets that still hold at ``now``, the latest first."""
    kept = [bytes.fromhex(one["secret"]) for one in old if datetime.fromisoformat(one["until"]) > now]
    return kept[::-1]


def signature(keys: Iterable[str], body: bytes, at: datetime) -> str:
    """What stands in the header, for one secret or for several."""
    moment = str(int(at.timestamp()))
    signed = [hmac.digest(one.encode(), moment.encode() + b"." + body, "sha256").hex() for one in keys]
    return ",".join([f"t={moment}", *(f"v1={one}" for one in signed)])
