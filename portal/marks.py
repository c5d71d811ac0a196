"""The mark of a route: which permission it asks for, on which tenant's side, and how who asks is known (law 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Flask

from portal.access import Permission


@dataclass(frozen=True, slots=True)
class Mark:
    """The permission of a route, and the tenant side that its address names."""

    permission: Permission | None
    side: str | None
    by_token: bool = False  # an operation of the API: who asks comes from its token, cookies are not read
    by_link: bool = False  # its address holds all that it asks for: cookies are not read either
    scopes: tuple[str, ...] = ()  # of which the token needs one

    @property
    def by_cookie(self) -> bool:
        return not (self.by_token or self.by_link)


def mark_of(app: Flask, endpoint: str, method: str, arguments: Iterable[str]) -> Mark:
    """The mark of a route; raises LookupError for a route without one (law 4)."""
    view = app.view_functions[endpoint]
    if endpoint == "static":
        return Mark(None, None)
    if not hasattr(view, "permission"):
        raise LookupError(f"route {endpoint} has no mark")
    side = "organisation" if "organisation" in arguments else "company" if "company" in arguments else None
    return Mark(
        view.permission,
        side,
        by_token=getattr(view, "by_token", False),
        by_link=getattr(view, "by_link", False),
        scopes=getattr(view, "scopes", ()),
    )
