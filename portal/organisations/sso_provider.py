"""Asking an organisation's provider: its metadata and keys, a code's tokens, who somebody is. All by portal.outside.

Metadata and keys are remembered for ten minutes in the process. Every address that metadata name is judged anew when it
is called.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from portal import outside
from portal.organisations.sso_tokens import Refused

REMEMBERED = timedelta(minutes=10)
ANEW = timedelta(minutes=1)  # keys are not asked for more often, whatever tokens name
MOST = 200
LARGEST = 65_536
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization: str
    token: str
    keys: str
    userinfo: str
    scopes: frozenset[str]
    methods: frozenset[str]
    names_issuer: bool


_lock = threading.Lock()
_known: dict[str, tuple[datetime, Any]] = {}


def forget() -> None:
    """Throw away what is remembered: for tests, and when a connection changes."""
    with _lock:
        _known.clear()


def _remembered(address: str, now: datetime, young: timedelta) -> Any:
    with _lock:
        found = _known.get(address)
    return found[1] if found is not None and timedelta(0) <= now - found[0] < young else None


def _remember(address: str, value: Any, now: datetime) -> None:
    with _lock:
        while len(_known) >= MOST:
            _known.pop(next(iter(_known)))
        _known[address] = (now, value)


def _asked(
    method: str,
    address: str,
    allow: Sequence[outside.Network],
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> dict[str, Any]:
    """The JSON object in a good answer; Refused for everything else, a redirect too."""
    try:
        answer = outside.call(
            method,
            address,
            headers={"Accept": "application/json", **(headers or {})},
            body=body,
            allow=allow,
            most=LARGEST,
        )
    except outside.Forbidden:
        raise Refused("address") from None
    except outside.Failed as fault:
        raise Refused(f"call_{fault.code}") from None
    if answer.status != 200 or not answer.whole:
        raise Refused("answer")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Refused("answer") from None
    if not isinstance(found, dict):
        raise Refused("answer")
    return found


def metadata(issuer: str, allow: Sequence[outside.Network], *, now: datetime) -> Metadata:
    """What ``issuer`` says of itself; it must call itself exactly that. Raises Refused."""
    address = issuer.rstrip("/") + WELL_KNOWN
    told = _remembered(address, now, REMEMBERED)
    if told is None:
        told = _asked("GET", address, allow)
        _remember(address, told, now)
    if told.get("issuer") != issuer:
        raise Refused("issuer_of_metadata")
    return Metadata(
        issuer=issuer,
        authorization=_address(told, "authorization_endpoint", allow),
        token=_address(told, "token_endpoint", allow),
        keys=_address(told, "jwks_uri", allow),
        userinfo=_address(told, "userinfo_endpoint", allow) if told.get("userinfo_endpoint") else "",
        scopes=_texts(told.get("scopes_supported")),
        methods=_texts(told.get("token_endpoint_auth_methods_supported"))
        or frozenset({"client_secret_basic"}),
        names_issuer=told.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(told: Mapping[str, Any], name: str, allow: Sequence[outside.Network]) -> str:
    value = told.get(name)
    if not isinstance(value, str):
        raise Refused("metadata")
    try:
        outside.checked(value, allow=allow)
    except outside.Forbidden:
        raise Refused("address") from None
    return value


def _texts(value: Any) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def keys(found: Metadata, allow: Sequence[outside.Network], *, now: datetime, anew: bool = False) -> Any:
    """The provider's JWK set; ``anew``: a token names a key that was not in it."""
    told = _remembered(found.keys, now, ANEW if anew else REMEMBERED)
    if told is None:
        told = _asked("GET", found.keys, allow)
        _remember(found.keys, told, now)
    return told


def exchanged(
    found: Metadata,
    allow: Sequence[outside.Network],
    *,
    known_as: str,
    secret: str | None,
    code: str,
    verifier: str,
    redirect: str,
) -> tuple[str, str]:
    """(ID token, access token) for a code. Raises Refused."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if secret is None:
        form["client_id"] = known_as
    elif "client_secret_basic" in found.methods or "client_secret_post" not in found.methods:
        pair = f"{quote(known_as, safe='')}:{quote(secret, safe='')}".encode()  # RFC 6749, 2.3.1
        headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
    else:
        form |= {"client_id": known_as, "client_secret": secret}
    told = _asked("POST", found.token, allow, headers=headers, body=urlencode(form).encode())
    id_token, access_token = told.get("id_token"), told.get("access_token")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise Refused("answer")
    return id_token, access_token


def asked_more(
    found: Metadata, allow: Sequence[outside.Network], *, access_token: str, subject: str
) -> dict[str, Any]:
    """What the provider adds about ``subject`` (userinfo); {} where it offers none. Raises Refused."""
    if not found.userinfo:
        return {}
    if not access_token.isascii() or not access_token.isprintable():
        raise Refused("answer")
    told = _asked("GET", found.userinfo, allow, headers={"Authorization": f"Bearer {access_token}"})
    if told.get("sub") != subject:
        raise Refused("userinfo_subject")
    return told


def challenge(verifier: str) -> str:
    """What PKCE sends ahead of ``verifier`` (RFC 7636, S256)."""
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    found: str = create_s256_code_challenge(verifier)
    return found
