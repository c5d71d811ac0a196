"""An OpenID Connect provider on loopback, for tests: discovery, keys, authorization, code, token and userinfo.

Its answers are true unless a test says otherwise: ``token_header`` and ``claims`` replace parts of the ID token,
``sign_by`` its key, ``answers`` whole endpoints.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from portal import clock

CLIENT, SECRET = "portal-client", "s3cret:of/the client"
_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
_OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"})


@dataclass
class Provider:
    """``who``: the claims of whoever signs in there next."""

    port: int
    who: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    token_header: dict[str, Any] = field(default_factory=dict)
    sign_by: Any = field(default_factory=lambda: _KEY)
    shown_keys: list[Any] = field(default_factory=lambda: [_KEY])
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Response] = field(default_factory=dict)
    in_token: frozenset[str] | None = (
        None  # claims that stand in the token; the rest is told by userinfo alone
    )
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    userinfo: dict[str, Any] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}/tenant"

    def come(self, sub: str, **claims: Any) -> None:
        self.who = {"sub": sub, **claims}

    # ---------------------------------------------------------------------------------------------- its endpoints

    def __call__(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        self.asked.append(request.path)
        known = self.answers.get(request.path.removeprefix("/tenant"))
        answer = known or self._answer(request)
        return answer(environ, start)

    def _answer(self, request: Request) -> Response:
        path = request.path.removeprefix("/tenant")
        if path == "/.well-known/openid-configuration":
            return _json(self.described())
        if path == "/keys":
            return _json({"keys": [one.as_dict(private=False) for one in self.shown_keys]})
        if path == "/authorize":
            return Response(status=302, headers={"Location": self.authorized(request.args.to_dict())})
        if path == "/token":
            return self._token(request)
        if path == "/userinfo":
            return _json(self.who | self.userinfo)
        return Response("nothing here", 404)

    def described(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "scopes_supported": ["openid", "email", "groups"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def authorized(self, asked: dict[str, str]) -> str:
        """The address that the browser is sent back to."""
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def _token(self, request: Request) -> Response:
        form = request.form
        given = request.authorization
        pair = f"{CLIENT}:s3cret%3Aof%2Fthe%20client".encode()
        if given is None or request.headers["Authorization"] != "Basic " + base64.b64encode(pair).decode():
            return _json({"error": "invalid_client"}, 401)
        asked = self.codes.pop(form["code"], None)  # once
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return _json({"error": "invalid_grant"}, 400)
        hashed = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(hashed).rstrip(b"=").decode() != asked["code_challenge"]:
            return _json({"error": "invalid_grant"}, 400)
        return _json(
            {"access_token": "access", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}
        )

    def id_token(self, nonce: str) -> str:
        now = int(clock.now().timestamp())
        told = (
            self.who if self.in_token is None else {k: v for k, v in self.who.items() if k in self.in_token}
        )
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            **told,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": "one", **self.token_header}
        if header["alg"] == "none":
            return ".".join(_coded(part) for part in (header, claims)) + "."
        if header["alg"] == "HS256":  # by hand: no library signs by a public key
            said = ".".join(_coded(part) for part in (header, claims))
            mac = hmac.digest(_KEY.as_pem(private=False), said.encode(), "sha256")
            return f"{said}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
        return jwt.encode(header, claims, self.sign_by, algorithms=[header["alg"]])


def _coded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")


def other_rsa_key() -> RSAKey:
    return _OTHER


def elliptic_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "one"})


@contextmanager
def serving() -> Iterator[Provider]:
    provider = Provider(0)
    server = make_server("127.0.0.1", 0, provider, threaded=True)
    provider.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked_of(location: str) -> dict[str, str]:
    """The parameters of an address that the portal sends a browser to."""
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
