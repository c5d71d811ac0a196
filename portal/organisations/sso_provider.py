"""Asking an organisation's provider: its metadata and keys, a code's tokens, who somebody is. All by portal.outside.

Metadata and keys are remembered for ten minutes in the process. Every address that metadata name is judged anew when it
is called.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from portal import outside
from portal.organisations.sso_tokens import Refused

REMEMBERED = timedelta(minutes=10)
ANEW = timedelta(minutes=1)  # keys are not asked for more often, whatever tokens name
FAILED = timedelta(seconds=30)  # who did not answer is not asked again sooner
WITHIN = 10.0  # seconds for everything that one request asks of a provider
MOST = 200
LARGEST = 65_536
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Line:
    """How a provider may be asked: which networks of this house too, and until when (time.monotonic())."""

    allow: Sequence[outside.Network]
    ends: float

    @classmethod
    def now(cls, allow: Sequence[outside.Network]) -> Line:
        return cls(allow, time.monotonic() + WITHIN)


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
    line: Line,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> dict[str, Any]:
    """The JSON object in a good answer; Refused for everything else, a redirect too."""
    left = line.ends - time.monotonic()
    if left <= 0:
        raise Refused("call_timeout")
    try:
        answer = outside.call(
            method,
            address,
            headers={"Accept": "application/json", **(headers or {})},
            body=body,
            allow=line.allow,
            seconds=left,
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


def _read(issuer: str, address: str, line: Line, now: datetime, young: timedelta) -> dict[str, Any]:
    """What stands at ``address``, remembered; so is for ``FAILED`` that nothing came of asking, as this issuer's.

    Of a provider that is down each further press would else hold a thread until its time is over.
    """
    told = _remembered(address, now, young)
    if told is not None:
        return dict(told)
    failure = f"{issuer} failed {address}"
    code = _remembered(failure, now, FAILED)
    if code is not None:
        raise Refused(code)
    try:
        told = _asked("GET", address, line)
    except Refused as fault:
        _remember(failure, fault.code, now)
        raise
    _remember(address, told, now)
    return told


def metadata(issuer: str, line: Line, *, now: datetime) -> Metadata:
    """What ``issuer`` says of itself; it must call itself exactly that. Raises Refused."""
    told = _read(issuer, issuer.rstrip("/") + WELL_KNOWN, line, now, REMEMBERED)
    if told.get("issuer") != issuer:
        raise Refused("issuer_of_metadata")
    return Metadata(
        issuer=issuer,
        authorization=_address(told, "authorization_endpoint", line.allow),
        token=_address(told, "token_endpoint", line.allow),
        keys=_address(told, "jwks_uri", line.allow),
        userinfo=_address(told, "userinfo_endpoint", line.allow) if told.get("userinfo_endpoint") else "",
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


def keys(found: Metadata, line: Line, *, now: datetime, anew: bool = False) -> Any:
    """The provider's JWK set; ``anew``: a token names a key that was not in it."""
    return _read(found.issuer, found.keys, line, now, ANEW if anew else REMEMBERED)


def exchanged(
    found: Metadata,
    line: Line,
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
    told = _asked("POST", found.token, line, headers=headers, body=urlencode(form).encode())
    id_token, access_token = told.get("id_token"), told.get("access_token")
    if not isinstance(id_token, str) or not isinstance(access_token, str):
        raise Refused("answer")
    return id_token, access_token


def asked_more(found: Metadata, line: Line, *, access_token: str, subject: str) -> dict[str, Any]:
    """What the provider adds about ``subject`` (userinfo); {} where it offers none. Raises Refused."""
    if not found.userinfo:
        return {}
    if not access_token.isascii() or not access_token.isprintable():
        raise Refused("answer")
    told = _asked("GET", found.userinfo, line, headers={"Authorization": f"Bearer {access_token}"})
    if told.get("sub") != subject:
        raise Refused("userinfo_subject")
    return told


def challenge(verifier: str) -> str:
    """What PKCE sends ahead of ``verifier`` (RFC 7636, S256)."""
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    found: str = create_s256_code_challenge(verifier)
    return found
