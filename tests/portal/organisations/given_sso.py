"""An organisation whose provider, on this machine, signs its people in; what tests of it share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.access import OrganisationRole
from portal.accounts.models import PersonRow
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.organisations import sso, sso_provider, sso_way
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.sso_models import SsoConnection
from portal.settings import Settings
from portal.web import Portal
from tests.portal.organisations.provider import (
    CLIENT,
    SECRET,
    Provider,
    asked_of,
    serving,
)
from tests.portal.world import NOW, Browser, Place, make_organisation

CISO, ADMIN, REVIEWER = OrganisationRole.CISO, OrganisationRole.ADMIN, OrganisationRole.REVIEWER


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The provider of these tests is on this machine, which no portal calls unless it is told to."""
    return replace(settings, outside_allow="127.0.0.0/8")


@pytest.fixture
def provider() -> Iterator[Provider]:
    sso_provider.forget()
    sso_way._starts.clear()
    with serving() as found:
        yield found
    sso_provider.forget()


@dataclass
class World:
    """An organisation whose provider signs its people in."""

    app: Portal
    place: Place
    provider: Provider

    @property
    def home(self) -> str:
        return f"/o/{self.place.slug}/"

    @property
    def door(self) -> str:
        return f"/sso/{self.place.slug}"

    def begun(self, browser: Browser, path: str = "") -> dict[str, str]:
        """The browser is sent to the provider; what it is to say there."""
        answer = browser.get(f"{self.door}/start{path}")
        assert answer.status_code == 303, answer.text
        return asked_of(answer.headers["Location"])

    def back(self, browser: Browser, asked: dict[str, str], **other: str) -> TestResponse:
        """Back from the provider, with one press of the button; ``other`` replaces parts of the answer."""
        values = asked_of(self.provider.authorized(asked)) | other
        page = f"{self.door}/callback?code=x"
        return browser.post(f"{self.door}/callback", values, page=page)

    def come(self, sub: str = "ada", **claims: Any) -> tuple[Browser, TestResponse]:
        """A fresh browser goes the whole way."""
        self.provider.come(sub, **claims)
        browser = Browser(self.app.test_client())
        return browser, self.back(browser, self.begun(browser))


def connect(database: Database, settings: Settings, place: Place, provider: Provider, **values: Any) -> None:
    """The connection in force, as two people have set it."""
    with database.transaction() as session:
        session.add(
            SsoConnection(
                organisation_id=place.id,
                issuer=provider.issuer,
                known_as=CLIENT,
                secret=sso_way.encrypted(settings, place.id, SECRET),
                state="on",
                proposed_by=place[CISO].person.id,
                approved_by=place[ADMIN].person.id,
                since=NOW,
                **{
                    "groups_claim": "groups",
                    "roles": {"security": "ciso", "buyers": "procurement"},
                    "default_role": "",
                    "trusts_factor": True,
                    "creates": True,
                    **values,
                },
            )
        )
        organisation = session.get_one(Organisation, place.id)
        sso.allow_domain(session, organisation, "halden.example", now=NOW)


@pytest.fixture
def world(app: Portal, database: Database, settings: Settings, provider: Provider) -> World:
    place = make_organisation(database, settings, "Halden")
    connect(database, settings, place, provider)
    return World(app, place, provider)


NEW: dict[str, Any] = {
    "email": "Nora@halden.example",
    "email_verified": True,
    "name": "Nora New",
    "groups": ["buyers"],
}


def role_of(database: Database, address: str) -> str | None:
    """The role of a person in the one organisation; None for no member."""
    with database.looking(SYSTEM) as session:
        return session.scalar(
            select(OrganisationMember.role)
            .join(PersonRow, PersonRow.id == OrganisationMember.person_id)
            .where(PersonRow.email == address.casefold(), OrganisationMember.removed_at.is_(None))
        )


def why(database: Database) -> list[str]:
    with database.looking(SYSTEM) as session:
        found = session.scalars(select(Event).where(Event.kind == "sso.failed").order_by(Event.at))
        return [str(one.data["why"]) for one in found]


def proposed(world: World, browser: Browser, **other: str) -> TestResponse:
    page = f"{world.home}sign-in-provider"
    values = {
        "issuer": world.provider.issuer,
        "known_as": CLIENT,
        "secret": SECRET,
        "groups_claim": "groups",
        "roles": "security = ciso\nbuyers = procurement",
        "default_role": "",
        "creates": "y",
    }
    return browser.post(page, values | other, page=page)
