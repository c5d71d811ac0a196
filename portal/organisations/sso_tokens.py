"""Whether an ID token says who somebody is, to us, now (OpenID Connect Core 1.0, sections 2 and 3.1.3.7).

The libraries are imported where they are used. Authlib's checks leave open what is checked here beside them: the
audience, a nonce of our own, how old the token may be, several audiences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")  # never none or HS*, whatever the metadata say
TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
LEEWAY = 60  # seconds that two clocks may differ by
OLDEST = 600  # seconds since a token was made
LONGEST_SUBJECT = 255
LATEST = 1e11  # seconds since 1970, far beyond every token: what is more is no time
# Of RFC 8176, by what each one shows: something known, held, or of the body. One alone is one factor.
SHOWS = {
    **dict.fromkeys(("pwd", "pin", "kba"), "known"),
    **dict.fromkeys(("otp", "hwk", "swk", "pop", "sc", "sms", "tel"), "held"),
    **dict.fromkeys(("face", "fpt", "iris", "retina", "vbm"), "body"),
}


class Refused(Exception):
    """The token is not good. ``code``: why, for the record."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class UnknownKey(Refused):
    """Signed by a key that is not among those known: the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Who it is: what is believed of a token that held. ``rest``: all claims, for e-mail and groups."""

    subject: str
    rest: Mapping[str, Any]

    @property
    def second_factor(self) -> bool:
        """Whether the provider reports that two different things were shown, or says so itself (``mfa``)."""
        amr = self.rest.get("amr")
        named = {one for one in amr if isinstance(one, str)} if isinstance(amr, list) else set()
        return "mfa" in named or len({SHOWS[one] for one in named if one in SHOWS}) > 1


def claims(
    id_token: str,
    keys: Mapping[str, Any],
    *,
    issuer: str,
    known_as: str,
    nonce: str,
    access_token: str,
    now: datetime,
) -> Claims:
    """The claims of a token that holds; ``keys``: a JWK set as the provider gives it. Raises Refused."""
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        token = jwt.decode(id_token, lambda found: _key(keys, found.headers()), algorithms=list(ALGORITHMS))
        told = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": known_as}},
            {"nonce": nonce, "client_id": known_as, "access_token": access_token},
        )
        told.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except JoseError as error:
        raise Refused(str(error.error)[:60] or "token") from error
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Refused("unreadable_token") from error
    return _strict(dict(token.claims), issuer, known_as, nonce, now)


def _strict(told: dict[str, Any], issuer: str, known_as: str, nonce: str, now: datetime) -> Claims:
    """What the library leaves open."""
    audience = told.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    made: Any = told.get("iat")
    ends: Any = told.get("exp")
    if told.get("iss") != issuer:
        raise Refused("issuer")
    if known_as not in several or (len(several) > 1 and told.get("azp") != known_as):
        raise Refused("audience")
    if not nonce or told.get("nonce") != nonce:
        raise Refused("nonce")
    if not _is_time(made) or not _is_time(ends):
        raise Refused("times")
    if abs(now.timestamp() - made) > OLDEST or ends <= now.timestamp() - LEEWAY:
        raise Refused("times")
    if "events" in told:  # a logout token, which is signed by the same key
        raise Refused("logout_token")
    subject = told.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise Refused("subject")
    return Claims(subject, told)


def _is_time(value: Any) -> bool:
    """A number to reckon with: JSON as Python reads it knows NaN, Infinity and whole numbers of any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= LATEST


def _key(keys: Mapping[str, Any], header: Mapping[str, Any]) -> Any:
    """The one public key that a token of this header may be signed by. Raises Refused, UnknownKey."""
    from joserfc.errors import JoseError
    from joserfc.jwk import import_key

    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        raise Refused("algorithm")
    listed = keys.get("keys")
    fitting = [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
        and one.get("kty") == TYPES[algorithm[:2]]  # never "oct": a public key is no shared secret
        and one.get("use", "sig") == "sig"
        and one.get("alg", algorithm) == algorithm
        and (kid is None or one.get("kid") == kid)
    ]
    if len(fitting) != 1:  # without a kid, a provider has one key
        raise UnknownKey("key")
    public = {name: value for name, value in fitting[0].items() if name not in ("d", "key_ops")}
    try:
        return import_key(public)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise Refused("key") from error
