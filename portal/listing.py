"""Addresses of lists: what a list is narrowed to, its order and page stand in the query, and nowhere else."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from portal.forms import has_controls

LONGEST_SEARCH = 200
Query = MultiDict[str, str]


def search_words(values: Query | None = None) -> str:
    """What is searched for: one line, cut to a length that a name can have."""
    words = " ".join((request.args if values is None else values).get("q", "").split())[:LONGEST_SEARCH]
    return "" if has_controls(words) else words


def one_of(name: str, allowed: Iterable[str], default: str = "", values: Query | None = None) -> str:
    """A value of the address if it is one of the allowed, else the default."""
    given = (request.args if values is None else values).get(name, "")
    return given if given in set(allowed) else default


def an_id(name: str, values: Query | None = None) -> uuid.UUID | None:
    """An id of the address; None for none and for anything that is no id."""
    try:
        return uuid.UUID((request.args if values is None else values).get(name, ""))
    except ValueError:
        return None


def a_day(name: str) -> date | None:
    """A day of the address, year-month-day; None for none and for anything that is no day."""
    text = request.args.get(name, "")
    try:
        return date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None


@dataclass(frozen=True)
class Address:
    """The address of a list as it stands; calling it gives the address with some values changed.

    ``kept``: the filters in force by parameter, "" for none. A change starts on page 1 and drops empty values.
    """

    endpoint: str
    place: Mapping[str, Any]
    kept: Mapping[str, str]
    sort: str = ""
    down: bool = False
    default_sort: str = field(default="")

    def __call__(self, **changes: Any) -> str:
        """The address with ``changes`` over what is in force; ``endpoint`` leads to another page."""
        endpoint = changes.pop("endpoint", self.endpoint)
        values: dict[str, Any] = {**self.kept, "sort": self.sort, "down": self.down, **changes}
        values["down"] = "1" if values["down"] else ""
        if values.get("page") == 1:
            values["page"] = ""
        arguments: dict[str, Any] = {name: str(value) for name, value in values.items() if value != ""}
        return url_for(endpoint, **self.place, **arguments)

    @property
    def clear(self) -> str:
        """The same list without any filter, in the same order."""
        return self(**dict.fromkeys(self.kept, ""))

    @property
    def narrowed(self) -> bool:
        """Whether any filter is in force."""
        return any(self.kept.values())

    def tokens(self, labels: Mapping[str, str]) -> list[dict[str, str]]:
        """What the filters in force are called, each with the address that lifts it; ``labels`` by parameter."""
        return [
            {"key": name, "label": labels[name], "href": self(**{name: ""})}
            for name, value in self.kept.items()
            if value and name in labels
        ]
