"""What a request of the API brings: its body as JSON and its parameters, refused by problem documents."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Request, request
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser

from portal.problems import Refusal, Wrong, pointer

LARGEST = 200_000  # bytes of a body
LONGEST_NUMBER = 30  # digits
UNREADABLE = "The body is no JSON that can be read."


class _Unreadable(ValueError):
    """JSON that Python would read and we do not."""


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise _Unreadable
    return int(text)


def _fraction(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise _Unreadable
    return found


def _constant(text: str) -> NoReturn:
    raise _Unreadable  # NaN and Infinity are no JSON


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable  # one name twice: readers do not agree which counts
    return found


def body_of(asked: Request) -> Any:
    """The body of a request as JSON; Refusal when it is none, too large, or of another kind."""
    if asked.mimetype != "application/json":
        raise Refusal("unsupported_media_type")
    if (asked.content_length or 0) > LARGEST:
        raise Refusal("too_large")
    try:
        return json.loads(
            asked.get_data(cache=True).decode(),
            parse_int=_integer,
            parse_float=_fraction,
            parse_constant=_constant,
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError):
        raise Refusal("malformed", UNREADABLE) from None


class Parser(FlaskParser):
    """webargs' parser with our reader of JSON and our refusals."""

    def _raw_load_json(self, req: Request) -> Any:
        return body_of(req)

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        twice = sorted(name for name, values in req.args.lists() if len(values) > 1)
        if twice:
            raise Refusal("invalid", wrong=[Wrong("Give this once.", parameter=one) for one in twice])
        return super().load_querystring(req, schema)

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """``error.messages`` is {location: messages}; members of the query are named, those of the body pointed at."""
        wrong: list[Wrong] = []
        by_location: Any = error.messages
        for location, messages in by_location.items():
            found = list(_said(messages))
            if location == "json":
                wrong += [Wrong(text, pointer(*path)) for path, text in found]
            else:
                wrong += [Wrong(text, parameter=str(path[0]) if path else "") for path, text in found]
        raise Refusal("invalid", wrong=wrong[:50]) from None


def _said(messages: Any, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], str]]:
    """(path, sentence) of each message of marshmallow; ``_schema`` is the whole of where it stands."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _said(inner, path if name == "_schema" else (*path, name))
    elif isinstance(messages, (list, tuple)):
        for one in messages:
            yield from _said(one, path)
    else:
        yield path, str(messages)


def header(name: str) -> str | None:
    """A header of the request; None where it is not sent."""
    return request.headers.get(name)
