"""What browsers are asked for a passkey, and whether what they answer is one (W3C Web Authentication, level 3).

The library is imported where it is used: it takes half a second, and most processes never need it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from portal.access import Person
from portal.settings import LOOPBACK

NAME = "Vendor Risk Portal"
LARGEST = 20_000  # characters of an answer; an RSA key with its certificate-less attestation takes 2,000
ALGORITHMS = (-8, -7, -257)  # EdDSA, ES256, RS256 (COSE)
MILLISECONDS = 300_000


class Forged(Exception):
    """The answer is not what an authenticator would give for this challenge at this address."""


@dataclass(frozen=True, slots=True)
class Place:
    """For whom a passkey is: the name of the host, and the address that browsers say the page is from."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A new passkey, as the authenticator describes it."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    synced: bool
    aaguid: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What an assertion says of itself, before anything of it is believed."""

    credential_id: bytes
    user_handle: bytes | None
    challenge: bytes


def place(base_url: str, asked: str = "") -> Place | None:
    """Where the portal's passkeys belong; None where it is reached by an IP address, which cannot have any.

    ``asked``: the address that the browser used. It counts on one's own machine alone, which has two names.
    """
    parts = urlsplit(base_url)
    by = urlsplit(asked)
    if parts.hostname in LOOPBACK and by.hostname in LOOPBACK:
        parts = by
    host = parts.hostname or ""
    if not host or _is_number(host):
        return None
    return Place(host, f"{parts.scheme}://{parts.netloc}")


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# ------------------------------------------------------------------------------------------------ what is asked for


def creation(at: Place, person: Person, challenge: bytes, known: Iterable[bytes]) -> str:
    """PublicKeyCredentialCreationOptionsJSON. ``known``: the person's passkeys, which a device is not to make again."""
    return json.dumps(
        {
            "rp": {"id": at.rp_id, "name": NAME},
            "user": {"id": coded(person.id.bytes), "name": person.email, "displayName": person.name},
            "challenge": coded(challenge),
            "pubKeyCredParams": [{"type": "public-key", "alg": one} for one in ALGORITHMS],
            "timeout": MILLISECONDS,
            "excludeCredentials": _listed(known),
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": True,
                "userVerification": "required",
            },
            "attestation": "none",
        }
    )


def request(at: Place, challenge: bytes, known: Iterable[bytes] = ()) -> str:
    """PublicKeyCredentialRequestOptionsJSON. Without ``known``, the device offers what it has for this host."""
    return json.dumps(
        {
            "challenge": coded(challenge),
            "timeout": MILLISECONDS,
            "rpId": at.rp_id,
            "allowCredentials": _listed(known),
            "userVerification": "required",
        }
    )


def _listed(known: Iterable[bytes]) -> list[dict[str, str]]:
    return [{"type": "public-key", "id": coded(one)} for one in known]


def coded(data: bytes) -> str:
    """Base64url without padding, as the JSON forms of the standard have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: Any) -> bytes:
    """The bytes of ``coded``; Forged for anything else."""
    if not isinstance(text, str) or not text.isascii():
        raise Forged("no base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Forged("no base64url") from None


# ----------------------------------------------------------------------------------------------- what was answered


def read(text: str) -> Shown:
    """Which passkey an answer names, of whom, and for which challenge; Forged when it cannot be read."""
    try:
        found: Any = json.loads(text) if len(text) <= LARGEST else None
        response = found["response"]
        handle = response.get("userHandle")
        said = json.loads(decoded(response["clientDataJSON"]))
        return Shown(decoded(found["id"]), decoded(handle) if handle else None, decoded(said["challenge"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Forged("it cannot be read") from error


def registered(at: Place, text: str, challenge: bytes) -> Registered:
    """The new passkey in the answer to ``creation``. Raises Forged."""
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    try:
        found = verify_registration_response(
            credential=text,
            expected_challenge=challenge,
            expected_rp_id=at.rp_id,
            expected_origin=at.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(one) for one in ALGORITHMS],
        )
    except (
        Exception
    ) as error:  # the bytes are a stranger's: whatever they break in the library, they are refused
        raise Forged(type(error).__name__) from error
    if len(found.credential_id) > 1023 or len(found.credential_public_key) > 2000:
        raise Forged("too long")
    return Registered(
        found.credential_id,
        found.credential_public_key,
        found.sign_count,
        found.credential_backed_up,
        found.aaguid,
    )


def count_shown(at: Place, text: str, challenge: bytes, public_key: bytes) -> int:
    """The authenticator's count of uses in an answer to ``request`` that ``public_key`` signed. Raises Forged.

    Whether the count has grown is for who holds the stored one under a lock: see passkeys.use.
    """
    from webauthn import verify_authentication_response

    try:
        found = verify_authentication_response(
            credential=text,
            expected_challenge=challenge,
            expected_rp_id=at.rp_id,
            expected_origin=at.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception as error:  # as above
        raise Forged(type(error).__name__) from error
    return found.new_sign_count
