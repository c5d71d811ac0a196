"""The API's description: for programs as OpenAPI, and as a page to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, render_template, request

from portal import web
from portal.access import SCOPES, public
from portal.api import app
from portal.api.base import PREFIX, etag
from portal.organisations import tokens
from portal.problems import MEANINGS

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, or a member of an object: ``type`` in words, ``schema`` the name of a shape that it has."""

    name: str
    type: str
    needed: bool
    about: str
    schema: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as the page shows it. ``about``: texts, every second one a word for programs."""

    id: str
    method: str
    path: str
    summary: str
    about: Sequence[str]
    parameters: Sequence[Member]
    body: str
    gives: str
    statuses: Sequence[str]


@blueprint.get("/openapi.json")
@public
def openapi() -> Response:
    """The description as OpenAPI 3.1."""
    found = app.description(web.portal().settings.base_url)
    response = Response(json.dumps(found), mimetype="application/json")
    response.set_etag(etag(found))
    response.make_conditional(request)
    return response


@blueprint.get("/")
@public
def page() -> str:
    """The same as a page: what there is, what each takes and gives, and what each refusal means."""
    found = app.description(web.portal().settings.base_url)
    return render_template(
        "api/docs.html",
        groups=_groups(found),
        shapes=_shapes(found),
        meanings=MEANINGS,
        scopes=_scopes(found),
        base=f"{web.portal().settings.base_url}{PREFIX}",
    )


def _scopes(found: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """(name, what it is for, operations that it opens) of each scope, as the operations say it themselves."""
    opened: dict[str, list[str]] = {name: [] for name in SCOPES}
    for item in found["paths"].values():
        for method, one in item.items():
            if method != "parameters":
                for name in one["x-scopes"]:
                    opened[name].append(one["operationId"])
    return [(name, tokens.SCOPE_WORDS[name], operations) for name, operations in opened.items()]


def _groups(found: Mapping[str, Any]) -> list[tuple[str, list[Operation]]]:
    """(heading, operations) by tag, in the order of the description."""
    groups: dict[str, list[Operation]] = {}
    titles = {one["name"]: one["description"] for one in found["tags"]}
    for path, item in found["paths"].items():
        shared = item.get("parameters", [])
        for method, one in item.items():
            if method != "parameters":
                groups.setdefault(titles[one["tags"][0]], []).append(_operation(path, method, one, shared))
    return list(groups.items())


def _operation(path: str, method: str, one: Mapping[str, Any], shared: Sequence[Any]) -> Operation:
    body = one.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    good = next(answer for code, answer in one["responses"].items() if code.startswith("2"))
    return Operation(
        id=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one.get("summary", ""),
        about=one.get("description", "").split("`"),
        parameters=[_parameter(each) for each in (*shared, *one.get("parameters", []))],
        body=_name(body),
        gives=_name(good["content"]["application/json"]["schema"]),
        statuses=sorted(one["responses"]),
    )


def _parameter(one: Mapping[str, Any]) -> Member:
    about = one.get("description", "") or one["schema"].get("description", "")
    return Member(one["name"], _type(one["schema"]), one.get("required", False), about, place=one["in"])


def _shapes(found: Mapping[str, Any]) -> list[tuple[str, str, list[Member]]]:
    """(name, description, members) of each shape that an operation takes or gives."""
    return [
        (
            name,
            schema.get("description", ""),
            [
                Member(
                    member,
                    _type(one),
                    member in schema.get("required", ()),
                    one.get("description", ""),
                    _name(one) or _name(one.get("items", {})),
                )
                for member, one in schema.get("properties", {}).items()
            ],
        )
        for name, schema in sorted(found["components"]["schemas"].items())
    ]


def _name(schema: Mapping[str, Any]) -> str:
    """The name of the shape that a schema refers to; "" where it names none."""
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one:
            return str(one["$ref"]).rsplit("/", 1)[-1]
    return ""


def _type(schema: Mapping[str, Any]) -> str:
    """A schema's type in a few words."""
    types = schema.get("type", "object")
    named = [types] if isinstance(types, str) else list(types)
    if "anyOf" in schema:
        named = ["object", "null"]
    words = " or ".join(named)
    if named[0] == "array":
        words = f"list of {_type(schema.get('items', {}))}"
    if "format" in schema:
        words += f" ({schema['format']})"
    if "enum" in schema:
        words += ": " + ", ".join("null" if one is None else str(one) for one in schema["enum"])
    return words
