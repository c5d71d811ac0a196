"""A passkey in software, for tests: ES256 keys, packed answers as Web Authentication (level 3) lays them out."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, BACKED = (
    0x01,
    0x04,
    0x18,
)  # flags: user present; user verified; eligible for and in a backup
ATTESTED = 0x40


def coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One device with one passkey. What it is told to get wrong stands in its fields."""

    origin: str = "http://localhost"
    rp_id: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    step: int = 1
    handle: bytes | None = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))

    def made(self, options: str, **other: Any) -> str:
        """The answer to ``navigator.credentials.create``; ``other`` replaces parts of the client data."""
        wanted = json.loads(options)
        self.handle = decoded(wanted["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        named = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._data(ATTESTED) + named + cbor2.dumps(public)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        said = self._said("webauthn.create", wanted["challenge"], other)
        return self._answer({"clientDataJSON": coded(said), "attestationObject": coded(attestation)})

    def shown(self, options: str, **other: Any) -> str:
        """The answer to ``navigator.credentials.get``."""
        self.count += self.step
        data = self._data()
        said = self._said("webauthn.get", json.loads(options)["challenge"], other)
        signed = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": coded(said),
            "authenticatorData": coded(data),
            "signature": coded(signed),
        }
        if self.handle is not None:
            response["userHandle"] = coded(self.handle)
        return self._answer(response)

    def _data(self, more: int = 0) -> bytes:
        host = hashlib.sha256(self.rp_id.encode()).digest()
        return host + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _said(self, kind: str, challenge: str, other: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said | other).encode()

    def _answer(self, response: dict[str, str]) -> str:
        name = coded(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
