"""Programs that ask the API: a token made through the service, and a client that sends it."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.access import Identity
from portal.db import Database
from portal.organisations import tokens
from portal.web import Portal
from tests.portal.world import NOW


def token_of(
    database: Database, identity: Identity, *scopes: str, days: int = 90, name: str = "A program"
) -> str:
    """A token of this person; without ``scopes`` it has all that their role may have."""
    with database.transaction(identity.scope) as session:
        return tokens.make(
            session,
            identity,
            id=uuid.uuid4(),
            name=name,
            scopes=scopes or tokens.scopes_for(identity.role),
            days=days,
            now=NOW,
        )


@dataclass
class Program:
    """A client without cookies that sends one token with each request."""

    client: FlaskClient
    token: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(f"/api/v1{path}", headers=self._headers(headers))

    def post(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.client.post(f"/api/v1{path}", json=body, headers=self._headers(headers))

    def patch(self, path: str, body: Any, **headers: str) -> TestResponse:
        return self.client.patch(f"/api/v1{path}", json=body, headers=self._headers(headers))

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token}", **named}


def program(app: Portal, identity: Identity, *scopes: str) -> Program:
    """A program with a fresh token of this person."""
    return Program(app.test_client(), token_of(app.database, identity, *scopes))


def everything(program: Program, path: str, limit: int = 2) -> list[Any]:
    """All rows of a list, page by page."""
    found: list[Any] = []
    cursor = ""
    for _turn in range(100):
        mark = "&" if "?" in path else "?"
        answer = program.get(f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        found += answer.json["data"]
        assert ("Link" in answer.headers) == (answer.json["next"] is not None)
        if answer.json["next"] is None:
            return found
        cursor = answer.json["next"]
    raise AssertionError("the list never ends")


def code_of(answer: TestResponse) -> str:
    """The code of a problem document."""
    assert answer.mimetype == "application/problem+json", answer.text
    assert answer.json is not None
    assert answer.json["status"] == answer.status_code
    return str(answer.json["code"])


def names(rows: Collection[Any]) -> list[str]:
    return [one["name"] for one in rows]
