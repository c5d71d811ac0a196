"""Pages of the API's lists: a cursor names the last one read, so nothing is skipped or given twice while rows come."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from marshmallow import Schema, fields

from portal.api.base import Given, address
from portal.api.fields import Id, Limit, Strict, Text
from portal.problems import Refusal, Wrong

T = TypeVar("T")
MOST, USUAL = 200, 50
Place = tuple[datetime, uuid.UUID]
_NOT_OURS = Wrong("This is no cursor of this list. Begin again without one.", parameter="cursor")


class Asked(Strict):
    """The parameters that every list takes."""

    limit = Limit(most=MOST, usual=USUAL, metadata={"description": "How many at once."})
    cursor = Text(
        longest=300, load_default="", metadata={"description": "Where to go on: “next” of the page before."}
    )


class OfVendor(Asked):
    """The parameters of lists that can be narrowed to one vendor."""

    vendor = Id(load_default=None, metadata={"description": "Only of this vendor."})


@dataclass(frozen=True, slots=True)
class Window(Generic[T]):
    """One page of a list: its rows, and the cursor of what follows."""

    data: Sequence[T]
    next: str | None


def page_of(item: type[Strict], name: str) -> type[Schema]:
    """The schema of a page of ``item``."""
    return Strict.from_dict(
        {
            "data": fields.List(fields.Nested(item), required=True),
            "next": fields.String(
                allow_none=True,
                required=True,
                metadata={"description": "The cursor of what follows; null at the end."},
            ),
        },
        name=name,
    )


def window(
    name: str,
    path: str,
    asked: dict[str, Any],
    read: Callable[[Place | None, int], list[Any]],
    place: Callable[[Any], Place],
    *,
    shown: Callable[[list[Any]], Sequence[Any]],
) -> Given:
    """A page of the list ``name``. ``read(after, most)`` gives rows in their order, ``place`` where a row stands in
    it, ``shown`` what is given for them. ``asked``: the parameters, which the address of the next page keeps.
    """
    limit = asked["limit"]
    rows = read(_after(name, asked["cursor"]), limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    cursor = _cursor(name, place(rows[-1])) if more else None
    headers: dict[str, str] = {}
    if cursor is not None:
        kept = {k: str(v) for k, v in asked.items() if k != "cursor" and v not in (None, "")}
        headers["Link"] = f'<{address(path)}?{urlencode({**kept, "cursor": cursor})}>; rel="next"'
    return Given(Window(shown(rows), cursor), headers)


def _cursor(name: str, place: Place) -> str:
    text = json.dumps([name, place[0].isoformat(), str(place[1])], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _after(name: str, cursor: str) -> Place | None:
    """What a cursor names; Refusal for anything that this list has not given."""
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        whose, at, key = json.loads(text)
        place = datetime.fromisoformat(at), uuid.UUID(key)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise Refusal("invalid", wrong=[_NOT_OURS]) from None
    # Ours are UTC: another offset at either end of the calendar names an instant that cannot be compared at all.
    if whose != name or place[0].utcoffset() != timedelta(0) or _cursor(name, place) != cursor:
        raise Refusal("invalid", wrong=[_NOT_OURS])
    return place
