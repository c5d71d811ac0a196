"""What a provider, its people and its operator try against whom an organisation has let in: nothing of it holds."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import outside, turns
from portal.access import OrganisationRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Unavailable
from portal.organisations import sso, sso_provider
from portal.organisations.four_eyes import read_seats
from portal.organisations.models import OrganisationMember
from portal.organisations.sso_models import SsoConnection, SsoIdentity, SsoProposal
from portal.organisations.sso_tokens import Claims, Refused, _is_time
from portal.organisations.view_models import SavedView
from portal.settings import Settings
from tests.portal.accounts.given import code_now, give_factor
from tests.portal.organisations.given_sso import (
    ADMIN,
    CISO,
    NEW,
    REVIEWER,
    World,
    proposed,
    provider,
    role_of,
    settings,
    why,
    world,
)
from tests.portal.world import NOW, PASSWORD, signed_in

__all__ = ["provider", "settings", "world"]  # fixtures


def member(database: Database, address: str = NEW["email"]) -> OrganisationMember:
    from portal.accounts.models import PersonRow

    with database.looking(SYSTEM) as session:
        return session.scalars(
            select(OrganisationMember)
            .join(PersonRow, PersonRow.id == OrganisationMember.person_id)
            .where(PersonRow.email == address.casefold())
        ).one()


# ------------------------------------------------------------------------------------- by whose word somebody is here


def change_connection(database: Database, **values: object) -> None:
    with database.transaction(SYSTEM) as session:
        found = sso.provider_at(session, _slug(session))
        assert found is not None
        row = session.scalars(select(SsoConnection)).one()
        for name, value in values.items():
            setattr(row, name, value)
        sso.failed(session, found, "test", now=NOW)


def _slug(session: object) -> str:
    from portal.organisations.models import Organisation

    return str(session.scalars(select(Organisation.slug)).one())  # type: ignore[attr-defined]


@pytest.mark.both_databases
def test_roles_flipped_at_the_provider_leave_by_whose_word_somebody_is_here(
    world: World, database: Database
) -> None:
    world.come(**NEW)
    first = member(database)
    proposer = world.place[CISO].person.id
    assert (first.given_by, first.by_provider) == (proposer, True)
    # now they themselves, then somebody else, have proposed the connection that is in force
    for other in (first.person_id, world.place[REVIEWER].person.id):
        change_connection(database, proposed_by=other)
        for groups in (["security"], ["buyers"], [], ["buyers"]):  # another role, out, and in again
            world.come(**(NEW | {"groups": groups}))
            assert member(database).given_by == proposer
    with database.looking(SYSTEM) as session:
        kinds = set(session.scalars(select(Event.kind)))
    assert {"sso.role_changed", "member.removed"} <= kinds


def test_a_place_that_rests_on_its_own_holders_word_counts_for_nothing(
    world: World, database: Database
) -> None:
    from portal.access import Identity, Permission, Tenant
    from portal.organisations.four_eyes import judge

    world.come(**(NEW | {"groups": ["security"]}))
    new, ciso = member(database), world.place[CISO].person
    with database.transaction(SYSTEM) as session:
        row = session.get_one(OrganisationMember, new.id)
        row.given_by = row.person_id
        found = sso.provider_at(session, world.place.slug)
        assert found is not None
        sso.failed(session, found, "test", now=NOW)
    identity = Identity(ciso, new.id, organisation=Tenant(world.place.id, world.place.slug, "x"))
    with database.looking(identity.scope) as session:
        seats = read_seats(session, identity, None, lock=False)
    for one, two in ((ciso.id, new.person_id), (new.person_id, ciso.id)):
        assert judge(seats[one], seats[two], Permission.ERASE, proposed_at=NOW + timedelta(days=90)) == (
            "by_own_word"
        )


# ----------------------------------------------------------------------------------------------- by the provider alone


def set_password(world: World, database: Database) -> None:
    """As the link for a forgotten password does."""
    from portal.accounts import service as accounts

    person = member(database).person_id
    hashed = accounts.hash_password(world.app.settings, PASSWORD)
    with database.transaction(SYSTEM) as session:
        accounts.set_password(session, person, hashed, now=NOW)


def by_password(world: World, address: str) -> object:
    from tests.portal.world import Browser

    browser = Browser(world.app.test_client())
    browser.post("/sign-in", page="/sign-in", email=address, password=PASSWORD)
    return browser


@pytest.mark.both_databases
def test_whom_the_provider_let_in_comes_by_it_alone(world: World, database: Database) -> None:
    world.come(**NEW)
    set_password(world, database)
    browser = by_password(world, NEW["email"])
    answer = browser.get(f"{world.home}vendors")  # type: ignore[attr-defined]
    assert answer.status_code == 403
    assert f'href="{world.door}?next=' in answer.text
    assert signed_in(world.app, world.place[REVIEWER]).get(f"{world.home}vendors").status_code == 200
    change_connection(database, state="off")
    assert browser.get(f"{world.home}vendors").status_code == 200  # type: ignore[attr-defined]


@pytest.mark.both_databases
def test_required_holds_for_everybody_but_admins_with_a_factor(
    world: World, database: Database, settings: Settings
) -> None:
    page = f"{world.home}sign-in-provider"
    ciso, admin = signed_in(world.app, world.place[CISO]), signed_in(world.app, world.place[ADMIN])
    assert proposed(world, ciso, required="y").status_code == 303
    with database.looking(SYSTEM) as session:
        proposal = session.scalars(select(SsoProposal.id)).one()
    path = f"{page}/proposals/{proposal}"
    assert admin.post(path, page=page, step="approve").status_code == 409  # no way in would be left
    secret, _codes = give_factor(database, settings, world.place[ADMIN].person)
    fresh = by_password(world, world.place[ADMIN].person.email)
    fresh.post("/sign-in/code", page="/sign-in/code", code=code_now(secret))  # type: ignore[attr-defined]
    assert fresh.post(path, page=page, step="approve").status_code == 303  # type: ignore[attr-defined]
    assert fresh.get(page).status_code == 200  # type: ignore[attr-defined]
    assert ciso.get(page).status_code == 403
    assert signed_in(world.app, world.place[REVIEWER]).get(world.home).status_code == 403
    assert world.come(**NEW)[0].get(world.home).status_code == 200


# ----------------------------------------------------------------------------------------------------------- leaving


@pytest.mark.both_databases
def test_a_removal_by_an_administrator_holds(world: World, database: Database) -> None:
    world.come(**NEW)
    person = member(database).person_id
    admin, path = signed_in(world.app, world.place[ADMIN]), f"{world.home}members/{person}/remove"
    assert admin.post(path, page=path).status_code == 303
    _browser, answer = world.come(**(NEW | {"groups": ["security"]}))
    assert answer.status_code == 403
    assert role_of(database, NEW["email"]) is None
    assert why(database) == ["no_member"]


def test_a_claim_that_is_not_there_removes_nobody(world: World, database: Database) -> None:
    world.come(**NEW)
    for absent in (None, {"_claim_names": "elsewhere"}, 7):
        assert world.come(**(NEW | {"groups": absent}))[1].status_code == 403
        assert role_of(database, NEW["email"]) == "procurement"
    assert set(why(database)) == {"no_groups"}


def test_out_by_the_provider_is_out_as_by_a_person(world: World, database: Database) -> None:
    world.come(**NEW)
    row = member(database)
    with database.transaction(SYSTEM) as session:
        session.add(
            SavedView(
                organisation_id=world.place.id, person_id=row.person_id, list="vendors", name="Mine",
                name_key="mine", query={}, shared=True, created_at=NOW,
            )
        )  # fmt: skip
        found = sso.provider_at(session, world.place.slug)
        assert found is not None
        sso.failed(session, found, "test", now=NOW)
    world.come(**(NEW | {"groups": []}))
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(SavedView)).all() == []


@pytest.mark.both_databases
def test_linking_once_more_keeps_the_providers_say_and_another_client_id_unlinks(
    world: World, database: Database
) -> None:
    world.come(**NEW)
    set_password(world, database)
    browser = by_password(world, NEW["email"])
    world.provider.come("another-sub", **(NEW | {"email": "somebody@else.example"}))
    world.back(browser, world.begun(browser))  # type: ignore[arg-type]
    door = f"{world.door}/link"
    assert browser.post(door, page=door, current=PASSWORD).status_code == 303  # type: ignore[attr-defined]
    assert member(database).by_provider
    assert world.come("another-sub", **(NEW | {"groups": []}))[1].status_code == 403
    assert role_of(database, NEW["email"]) is None
    page = f"{world.home}sign-in-provider"
    ciso, admin = signed_in(world.app, world.place[CISO]), signed_in(world.app, world.place[ADMIN])
    assert "another client id" in ciso.get(page).text
    assert proposed(world, ciso, known_as="another").status_code == 303
    with database.looking(SYSTEM) as session:
        proposal = session.scalars(select(SsoProposal.id)).one()
    assert admin.post(f"{page}/proposals/{proposal}", page=page, step="approve").status_code == 303
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(SsoIdentity)).all() == []


# ------------------------------------------------------------------------------------------------ tokens and threads


@pytest.mark.parametrize(
    ("amr", "second"),
    [
        (["otp"], False),
        (["pwd"], False),
        (["hwk"], False),
        (["face"], False),
        (["otp", "hwk"], False),
        (["mfa"], True),
        (["pwd", "otp"], True),
        (["hwk", "pin"], True),
        (["sc", "fpt"], True),
        ("mfa", False),
        ([["mfa"], 1], False),
    ],
)
def test_one_factor_is_no_second_one(amr: object, second: bool) -> None:
    assert Claims("s", {"amr": amr}).second_factor is second


def test_times_that_are_none() -> None:
    for value in (float("nan"), float("inf"), 10**400, -(10**400), True, "1", None):
        assert not _is_time(value)
    assert _is_time(NOW.timestamp())


def test_few_wait_outside_and_one_of_a_house() -> None:
    done = threading.Event()

    def hold(whose: str) -> None:
        with turns.outside(whose):
            done.wait(10)

    holding = [threading.Thread(target=hold, args=(one,)) for one in ("a", "b")]
    for one in holding:
        one.start()
    try:
        begun = time.monotonic()
        refused: list[int] = []

        def ask(whose: str) -> None:
            try:
                with turns.outside(whose):
                    pass
            except Unavailable:
                refused.append(1)

        asking = [threading.Thread(target=ask, args=(one,)) for one in ("a", "c", "d", "e", "f", "g")]
        for one in asking:
            one.start()
        for one in asking:
            one.join(10)
        assert len(refused) == 6
        assert time.monotonic() - begun < turns.PATIENCE + 2
    finally:
        done.set()
        for one in holding:
            one.join(10)
    with turns.outside("a"):
        pass


def test_a_provider_that_is_down_is_asked_once_and_a_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    sso_provider.forget()
    asked: list[float] = []

    def silent(*_words: object, seconds: float, **_more: object) -> outside.Answer:
        asked.append(seconds)
        raise outside.Failed("timeout")

    monkeypatch.setattr(outside, "call", silent)
    line = sso_provider.Line.now(())
    for later in (0, 1, 29):
        with pytest.raises(Refused) as fault:
            sso_provider.metadata("https://x.example", line, now=NOW + timedelta(seconds=later))
        assert fault.value.code == "call_timeout"
    assert len(asked) == 1
    assert asked[0] <= sso_provider.WITHIN
    with pytest.raises(Refused):
        sso_provider.metadata("https://x.example", line, now=NOW + timedelta(seconds=31))
    assert len(asked) == 2
    over = sso_provider.Line((), time.monotonic() - 1)
    with pytest.raises(Refused):
        sso_provider.metadata("https://y.example", over, now=NOW)
    assert len(asked) == 2  # its time is over: nobody is asked
    sso_provider.forget()


def test_a_second_press_of_the_way_back_is_no_failure(world: World, database: Database) -> None:
    world.provider.come("nora", **NEW)
    from tests.portal.world import Browser

    browser = Browser(world.app.test_client())
    asked = world.begun(browser)
    assert world.back(browser, asked).headers["Location"] == world.home
    assert world.back(browser, asked).headers["Location"] == world.home
    assert why(database) == []
    assert OrganisationRole(member(database).role) is OrganisationRole.PROCUREMENT


def test_who_removes_whom_the_provider_let_in_reads_that_only_an_invitation_brings_them_back(
    world: World, database: Database
) -> None:
    world.come(**NEW)
    admin, base = signed_in(world.app, world.place[ADMIN]), f"{world.home}members"
    asked = admin.get(f"{base}/{member(database).person_id}/remove").text
    other = admin.get(f"{base}/{world.place[CISO].person.id}/remove").text
    assert "API tokens of this person stop working at once" in asked
    assert "coming back takes an invitation" in asked
    assert "coming back takes an invitation" not in other
