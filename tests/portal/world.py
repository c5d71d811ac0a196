"""A small world for tests: organisations, companies and people in every role, made through the services."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from portal import clock, csrf
from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession
from portal.accounts.service import token_hash
from portal.assessments import delegation
from portal.assessments import queries as assessments
from portal.assessments.reach import WHOLE
from portal.db import Database
from portal.organisations import service as organisations
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import once

R = TypeVar("R", OrganisationRole, CompanyRole)
PASSWORD = "four unrelated words here"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Place:
    """A tenant and an identity for each of its roles."""

    id: uuid.UUID
    slug: str
    name: str
    side: str
    people: dict[OrganisationRole | CompanyRole, Identity] = field(default_factory=dict)

    def __getitem__(self, role: OrganisationRole | CompanyRole) -> Identity:
        return self.people[role]


_hashes: dict[bool, str] = {}


def hashed_password(settings: Settings) -> str:
    """PASSWORD, hashed once in a process: everybody of these worlds has it, and each hash takes its time."""
    if settings.argon2_cheap not in _hashes:
        _hashes[settings.argon2_cheap] = accounts.hash_password(settings, PASSWORD)
    return _hashes[settings.argon2_cheap]


def make_person(
    database: Database, settings: Settings, name: str, address: str, now: datetime = NOW
) -> Person:
    hashed = hashed_password(settings)
    with database.transaction() as session:
        return _person(session, hashed, name, address, now)


def _person(session: Session, hashed: str, name: str, address: str, now: datetime) -> Person:
    row = accounts.create_person(
        session, name=name, address=address, password_hash=hashed, now=now, confirmed=True
    )
    return Person(row.id, row.name, row.address)


def _people(session: Session, hashed: str, place: str, roles: Iterable[R], now: datetime) -> dict[R, Person]:
    """One person in each role of a place: ``ciso@<place>.example`` and so on."""
    host = re.sub(r"[^a-z]+", "-", place.lower())
    return {
        role: _person(
            session, hashed, f"{role.value.title()} of {place}", f"{role.value}@{host}.example", now
        )
        for role in roles
    }


def make_organisation(database: Database, settings: Settings, name: str, now: datetime = NOW) -> Place:
    """An organisation with one person in every role: ``ciso@<name>.example`` and so on."""
    return once(
        database,
        settings,
        lambda: _make_organisation(database, settings, name, now),
        key=("organisation", name, now),
    )


def _make_organisation(database: Database, settings: Settings, name: str, now: datetime) -> Place:
    hashed = hashed_password(settings)
    with database.transaction() as session:
        people = _people(session, hashed, name, OrganisationRole, now)
        row = organisations.create_organisation(
            session, name=name, zone="Europe/Lisbon", currency="EUR", now=now
        )
        for role, person in people.items():
            organisations.add_member(session, row, person.id, role, now=now, actor=None)
        place = Place(row.id, row.slug, row.name, "organisation")
    tenant = Tenant(place.id, place.slug, place.name)
    for role, person in people.items():
        place.people[role] = Identity(person, uuid.uuid4(), organisation=tenant, role=role)
    return place


def make_company(database: Database, settings: Settings, name: str, now: datetime = NOW) -> Place:
    """A company with an owner and a contributor."""
    return once(
        database, settings, lambda: _make_company(database, settings, name, now), key=("company", name, now)
    )


def _make_company(database: Database, settings: Settings, name: str, now: datetime) -> Place:
    hashed = hashed_password(settings)
    with database.transaction() as session:
        people = _people(session, hashed, name, (CompanyRole.OWNER, CompanyRole.CONTRIBUTOR), now)
        owner = people[CompanyRole.OWNER]
        row = organisations.create_company(session, name=name, owner_id=owner.id, now=now, actor=owner)
        organisations.add_colleague(
            session, row, people[CompanyRole.CONTRIBUTOR].id, CompanyRole.CONTRIBUTOR, now=now, actor=owner
        )
        place = Place(row.id, row.slug, row.name, "company")
    tenant = Tenant(place.id, place.slug, place.name)
    for role, person in people.items():
        place.people[role] = Identity(person, uuid.uuid4(), company=tenant, role=role)
    return place


def add_to(
    database: Database, owner: Identity, colleague: Identity, assessment_id: uuid.UUID, *keys: str
) -> None:
    """Add a contributor to an assessment (or to ``keys`` of it), without a letter: others it does not see."""
    with database.transaction(owner.scope) as session:
        assessment = assessments.assessment(session, owner, assessment_id)
        delegation.to_colleague(
            session,
            assessment,
            colleague.person.id,
            keys or WHOLE,
            actor=owner,
            now=NOW,
            tell=False,
        )


# ------------------------------------------------------------------------------------------------------- clients


def csrf_of(response: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', response.text)
    assert found, f"no form on {response.request.path}"
    return found.group(1)


class Browser:
    """A signed-in test client that posts forms with the token of the page they stand on.

    A session has one token on all of its pages, so none need be drawn once more for each form.
    """

    def __init__(self, client: FlaskClient, address: str | None = None, *, token: str = "") -> None:
        self.client = client
        self._tokens = {self._session(): token} if token else {}
        if address is not None:
            answer = self.post("/sign-in", page="/sign-in", email=address, password=PASSWORD)
            assert answer.status_code == 303, answer.text

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.client.get(path, **kwargs)

    def token(self, page: str = "/account") -> str:
        session = self._session()
        if page != "/account" or not session:
            return csrf_of(self.client.get(page))
        if session not in self._tokens:
            self._tokens[session] = csrf_of(self.client.get(page))
        return self._tokens[session]

    def _session(self) -> str:
        cookie = self.client.get_cookie("session")
        return cookie.value if cookie is not None else ""

    def post(self, path: str, data: Any = None, *, page: str = "/account", **fields: Any) -> TestResponse:
        """POST ``data`` or ``fields`` with the token of ``page``."""
        body = dict(data or {}) | fields
        return self.client.post(path, data={"csrf_token": self.token(page), **body})


def signed_in(app: Portal, identity: Identity, *, now: datetime | None = None) -> Browser:
    """A browser with a session of this person, opened without the sign-in page: quick, for walks over many roles."""
    with app.database.transaction() as session:
        token = accounts.open_session(session, identity.person.id, now=now or clock.now())
        same = LoginSession.token_hash == token_hash(token)
        opened = session.scalars(select(LoginSession.id).where(same)).one()
    client = app.test_client()
    client.set_cookie("session", token)
    with app.app_context():
        return Browser(client, token=csrf.token_of(f"session:{opened}"))
