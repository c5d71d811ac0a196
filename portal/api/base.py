"""An operation of the API: its mark, its documentation, what it takes, what it gives, and how that is sent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar

import flask_smorest
from flask import Response, request, url_for
from marshmallow import RAISE, Schema

from portal import web
from portal.access import Permission, by_token
from portal.api import pace, taking
from portal.api.reading import Parser
from portal.faults import Invalid
from portal.problems import Refusal, Wrong, pointer
from portal.vendors.facts import PREFIX as FACT

PREFIX = "/api/v1"
_ID = re.compile(r"<uuid:(\w+)>")
F = TypeVar("F", bound=Callable[..., Any])
# What every operation may answer beside what it does; 404 and others come with what an operation takes.
ALWAYS = (400, 401, 403, 422, 429, 503)
WITH_BODY = (409, 411, 413, 415)
ETAG = {
    "ETag": {
        "schema": {"type": "string"},
        "description": "Changes with the content; send it as If-None-Match.",
    }
}
LINK = {"Link": {"schema": {"type": "string"}, "description": "rel=“next”: the address of what follows."}}
LOCATION = {
    "Location": {"schema": {"type": "string"}, "description": "Where what was made is read."},
    "Idempotency-Replayed": {
        "schema": {"type": "string"},
        "description": "“true” when this key was carried out before, and nothing was done now.",
    },
}


def _header(name: str, about: str, *, required: bool = False, **schema: str) -> dict[str, Any]:
    """A header that an operation takes, as OpenAPI names it."""
    kind = {"type": "string", **schema}
    return {"in": "header", "name": name, "required": required, "schema": kind, "description": about}


IF_NONE_MATCH = _header("If-None-Match", "An ETag: 304 without a body while nothing has changed.")
IF_MATCH = _header("If-Match", "The ETag of what you read: 412 when it has changed since.", required=True)
IDEMPOTENCY_KEY = _header(
    "Idempotency-Key",
    "A name of your own for this request: sent again within a day, it is not done again.",
    pattern="^[A-Za-z0-9_-]{1,64}$",
)


@dataclass(frozen=True, slots=True)
class Given:
    """What an operation gives: a value for its schema, and headers."""

    value: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """A blueprint whose routes are operations, each one rule and one method."""

    ARGUMENTS_PARSER = Parser()

    def operation(
        self,
        method: str,
        rule: str,
        permission: Permission,
        gives: type[Schema],
        *,
        scopes: tuple[str, ...],
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        status: int = 200,
        paged: bool = False,
        once: bool = False,
        matched: bool = False,
        plain: bool = False,
        noted: bool = False,
    ) -> Callable[[F], F]:
        """Mark, document and register a view. ``scopes``: of which a token needs one; ``paged``: a list with Link;
        ``noted``: goes on record when it is read, as lists do; ``once``: takes Idempotency-Key;
        ``matched``: asks for If-Match; ``plain``: the view gives JSON already, which ``gives`` describes. The view gets
        ``asked`` (query) or ``body``, and the ids of its path.
        """

        def decorate(view: F) -> F:
            dump = None if plain else gives()

            @wraps(view)
            def answered(*args: Any, **ids: Any) -> Response:
                if method != "GET":
                    pace.claim()
                given = view(*args, **ids)
                if paged or noted:
                    taking.note(view.__name__, ids)
                return _sent(dump, given, status)

            found: Any = by_token(permission, scopes)(answered)
            if query is not None:
                found = self.arguments(query, location="query", unknown=RAISE)(found)
            if body is not None:
                found = self.arguments(body, location="json")(found)
            headers: dict[str, Any] = dict(ETAG) if method != "POST" else dict(LOCATION)
            if paged:
                headers |= LINK
            found = self.response(status, gives, headers=headers)(found)
            for code in _others(method, rule, matched=matched):
                found = self.alt_response(code, HTTPStatus(code).name)(found)
            found = self.doc(
                operationId=view.__name__,
                description=_about(view, scopes),
                security=[{"bearer": []}],
                **{"x-scopes": list(scopes)},
            )(found)
            # Beside those of the query: given to doc() they would take their place.
            asked = found._apidoc.setdefault("arguments", {}).setdefault("parameters", [])
            asked += _headers(method, once=once, matched=matched)
            ids = [
                {"in": "path", "name": one, "description": f"The id of the {one}."}
                for one in _ID.findall(rule)
            ]
            self.route(rule, methods=[method], parameters=ids)(found)
            return view

        return decorate


def _others(method: str, rule: str, *, matched: bool) -> list[int]:
    found = [*ALWAYS]
    if method == "GET":
        found.append(304)
    else:
        found += WITH_BODY
    if "<" in rule:
        found.append(404)
    if matched:
        found += (412, 428)
    return found


def _headers(method: str, *, once: bool, matched: bool) -> list[dict[str, Any]]:
    found = [IF_NONE_MATCH] if method == "GET" else []
    return found + ([IDEMPOTENCY_KEY] if once else []) + ([IF_MATCH] if matched else [])


def _about(view: Callable[..., Any], scopes: tuple[str, ...]) -> str:
    named = " or ".join(f"`{name}`" for name in scopes)
    _summary, _blank, rest = (view.__doc__ or "").partition("\n")
    said = " ".join(rest.split())
    return f"{said} Scope: {named}.".strip()


# -------------------------------------------------------------------------------------------------- what is sent


def etag(plain: Any) -> str:
    """The strong validator of a content: SHA-256 of its canonical JSON."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sent(dump: Schema | None, given: Any, status: int) -> Response:
    found = given if isinstance(given, Given) else Given(given)
    plain = found.value if dump is None else dump.dump(found.value)
    response = Response(json.dumps(plain, ensure_ascii=False), status=status, mimetype="application/json")
    response.headers.update(found.headers)
    if request.method != "POST":
        response.set_etag(etag(plain))
    if request.method in web.SAFE:
        response.make_conditional(request)
    return response


def require_some_match() -> None:
    """Raise Refusal (428) where If-Match is not sent; before anything is looked at."""
    if "If-Match" not in request.headers:
        raise Refusal("precondition_required")


def require_match(dump: Schema, value: Any) -> None:
    """Raise Refusal unless If-Match names ``value`` as it stands."""
    tags = request.if_match
    if tags.star_tag or not tags.contains(etag(dump.dump(value))):
        raise Refusal("precondition_failed")


def page_of(endpoint: str, **place: Any) -> str:
    """The full address of a page of the organisation, for people."""
    organisation = web.identity().organisation
    assert organisation is not None
    path = url_for(endpoint, organisation=organisation.slug, **place)
    return f"{web.portal().settings.base_url}{path}"


def address(path: str) -> str:
    """The full address of a path of the API."""
    return f"{web.portal().settings.base_url}{PREFIX}{path}"


@contextmanager
def pointing(**places: str) -> Iterator[None]:
    """What the domain refuses, said at the member of the body: ``places`` maps its names to ours."""
    try:
        yield
    except Invalid as fault:
        wrong = [Wrong(text, pointer(*_place(name, places))) for name, text in fault.errors.items()]
        raise Refusal("invalid", fault.message if not wrong else "", wrong) from None


def _place(name: str, places: Mapping[str, str]) -> tuple[str, ...]:
    known = places.get(name, name)
    return ("facts", known) if known.startswith(FACT) else tuple(known.split("|"))
