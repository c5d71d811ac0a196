"""The secret of a webhook: kept encrypted, shown once; and the signature by which a receiver knows us.

Header ``Vrp-Signature: t=<unix seconds>,v1=<hex>``: HMAC-SHA256 under the secret over ``t``, a full stop, and the body.
While an older secret still holds there is a second ``v1``.
"""

from __future__ import annotations

import hmac
import os
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.accounts.factors import derived_key
from portal.settings import Settings

NONCE = 12
PREFIX = "whsec_"


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


def signature(keys: Iterable[str], body: bytes, at: datetime) -> str:
    """What stands in the header, for one secret or for two."""
    moment = str(int(at.timestamp()))
    signed = [hmac.digest(one.encode(), moment.encode() + b"." + body, "sha256").hex() for one in keys]
    return ",".join([f"t={moment}", *(f"v1={one}" for one in signed)])
