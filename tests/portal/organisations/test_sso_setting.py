"""Which provider it is: proposed by one person, approved by another, ended by either."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.db import SYSTEM, Database
from portal.organisations import sso, sso_setting, sso_way
from portal.organisations.models import Organisation
from portal.organisations.sso_models import SsoIdentity, SsoProposal
from portal.outbox import Message
from portal.settings import Settings
from portal.web import Portal
from tests.portal.accounts.test_bound import by_provider, open_bound
from tests.portal.organisations.given_sso import (
    ADMIN,
    CISO,
    NEW,
    REVIEWER,
    World,
    proposed,
    provider,
    settings,
    world,
)
from tests.portal.organisations.provider import (
    SECRET,
    Provider,
    serving,
)
from tests.portal.world import NOW, PASSWORD, Browser, make_organisation, signed_in

__all__ = ["provider", "settings", "world"]  # fixtures


@pytest.mark.both_databases
def test_two_people_say_which_provider_it_is(
    app: Portal, database: Database, settings: Settings, provider: Provider
) -> None:
    place = make_organisation(database, settings, "Halden")
    world = World(app, place, provider)
    ciso, admin = signed_in(app, place[CISO]), signed_in(app, place[ADMIN])
    page = f"{world.home}sign-in-provider"
    assert signed_in(app, place[REVIEWER]).get(page).status_code == 403
    assert f"http://127.0.0.1:8000{world.door}/callback" in ciso.get(page).text
    assert proposed(world, ciso).status_code == 303
    assert Browser(app.test_client()).get(world.door).status_code == 404
    with database.looking(SYSTEM) as session:
        proposal = session.scalars(select(SsoProposal)).one()
        letter = session.scalars(select(Message).where(Message.kind == "second_asked")).all()
    assert SECRET.encode() not in (proposal.secret or b"")
    assert SECRET not in json.dumps(proposal.content)
    assert [one.recipient for one in letter] == [place[ADMIN].person.email]
    path = f"{page}/proposals/{proposal.id}"
    assert ciso.post(path, page=page, step="approve").status_code == 403  # oneself
    assert SECRET not in admin.get(page).text
    assert admin.post(path, page=page, step="approve").status_code == 303
    assert admin.post(path, page=page, step="approve").status_code == 303  # a second press
    assert admin.post(path, page=page, step="withdraw").status_code == 409
    with database.transaction() as session:
        sso.allow_domain(session, session.get_one(Organisation, place.id), "halden.example", now=NOW)
    browser, answer = world.come(**NEW)
    assert answer.headers["Location"] == world.home
    assert admin.post(f"{page}/off", page=page).status_code == 303
    assert browser.get(world.home).headers["Location"].startswith("/sign-in")  # signed out with it
    assert proposed(world, admin, secret="").status_code == 303
    with database.looking(SYSTEM) as session:
        kept = session.scalars(select(SsoProposal).where(SsoProposal.state == "open")).one()
        assert kept.secret == proposal.secret  # the same client at the same issuer keeps its secret
    assert proposed(world, admin, secret="", known_as="another").status_code == 303
    with database.looking(SYSTEM) as session:
        states = session.scalars(select(SsoProposal.state).order_by(SsoProposal.proposed_at)).all()
        last = session.scalars(select(SsoProposal).where(SsoProposal.state == "open")).one()
    assert list(states) == ["approved", "replaced", "open"]
    assert last.secret is None


def test_who_came_by_the_provider_approves_no_change_of_it_by_its_word_alone(
    app: Portal, database: Database, settings: Settings, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_organisation(database, settings, "Halden")
    world, page = World(app, place, provider), f"/o/{place.slug}/sign-in-provider"
    ciso = signed_in(app, place[CISO])
    monkeypatch.setattr(sso_way, "STARTS", 1)
    assert proposed(world, ciso).status_code == 303
    often = proposed(world, ciso)  # the provider is not asked as often as somebody likes
    assert often.status_code == 429
    assert "Try again in a minute" in often.text
    with database.looking(SYSTEM) as session:
        path = f"{page}/proposals/{session.scalars(select(SsoProposal.id)).one()}"
    bound = by_provider(app, open_bound(database, place[ADMIN].person, place))
    refused = bound.post(path, page=page, step="approve")
    assert refused.status_code == 422
    assert "Write the password that you have now." in refused.text
    assert "Waits for a second person" in bound.get(page).text
    assert bound.post(path, page=page, step="approve", current=PASSWORD).status_code == 303
    assert "Waits for a second person" not in ciso.get(page).text


def test_another_issuer_forgets_whom_the_first_one_knew(
    world: World, database: Database, settings: Settings
) -> None:
    browser, _answer = world.come(**NEW)
    with serving() as other:
        ciso, admin = signed_in(world.app, world.place[CISO]), signed_in(world.app, world.place[ADMIN])
        page = f"{world.home}sign-in-provider"
        assert proposed(world, ciso, issuer=other.issuer).status_code == 303
        with database.looking(SYSTEM) as session:
            proposal = session.scalars(select(SsoProposal.id)).one()
        assert admin.post(f"{page}/proposals/{proposal}", page=page, step="approve").status_code == 303
        assert browser.get(world.home).status_code == 303
        moved = World(world.app, world.place, other)
        _fresh, answer = moved.come(**NEW)
        assert answer.headers["Location"] == f"{world.door}/link"  # the address has an account by now
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(SsoIdentity)).all() == []


def test_what_cannot_be_a_provider_is_refused_at_its_field(world: World) -> None:
    ciso = signed_in(world.app, world.place[CISO])
    for issuer in (
        f"{world.provider.issuer}/",
        "http://10.1.2.3",
        "https://169.254.169.254",
        "ftp://x.example",
        "x",
        f"http://127.0.0.1:{world.provider.port}/nothing",
    ):
        answer = proposed(world, ciso, issuer=issuer)
        assert answer.status_code == 422, issuer
        assert "issuer-error" in answer.text, issuer
    for roles in (
        "security = admin",
        "security",
        "= ciso",
        "x = root",
        "\n".join(f"g{n} = ciso" for n in range(60)),
    ):
        assert proposed(world, ciso, roles=roles).status_code == 422, roles
    assert proposed(world, ciso, default_role="admin").status_code == 422
    assert sso_setting.roles_from("a = b = ciso\n\n c=auditor ") == {"a = b": "ciso", "c": "auditor"}


def test_the_secret_of_one_organisation_opens_nothing_of_another(settings: Settings) -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    kept = sso_way.encrypted(settings, one, SECRET)
    assert sso_way.decrypted(settings, one, kept) == SECRET
    assert sso_way.decrypted(settings, two, kept) is None
    other = replace(settings, secret_key="another-k3y-for-tests-0123456789-abc")
    assert sso_way.decrypted(other, one, kept) is None
    text = sso_way.sealed(settings, sso_way.WAY, {"a": 1}, "visit", now=NOW)
    assert sso_way.opened(settings, sso_way.WAY, text, "visit", now=NOW) is not None
    assert sso_way.opened(settings, sso_way.LINK, text, "visit", now=NOW) is None
    assert sso_way.opened(settings, sso_way.WAY, text, "other", now=NOW) is None
    assert sso_way.opened(settings, sso_way.WAY, text[:-4] + "AAAA", "visit", now=NOW) is None
    assert sso_way.opened(settings, sso_way.WAY, "é", "visit", now=NOW) is None


def test_a_domain_belongs_to_one_organisation(database: Database, settings: Settings, world: World) -> None:
    from portal.faults import Conflict

    other = make_organisation(database, settings, "Birch")
    with pytest.raises(Conflict), database.transaction() as session:
        sso.allow_domain(session, session.get_one(Organisation, other.id), "halden.example", now=NOW)
