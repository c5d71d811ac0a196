"""API tokens: shown once, narrowed, and ended by whatever they rest on."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portal import clock, logs, restoring
from portal.access import SCOPES, TABLE, Identity, Permission
from portal.access import OrganisationRole as Role
from portal.accounts import resets
from portal.accounts.models import PersonRow
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.erasure import parting
from portal.erasure.reaching import Destroyed
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations import service, token_identity, tokens
from portal.organisations.models import Organisation, OrganisationMember
from portal.organisations.token_models import ApiToken
from portal.outbox import Message
from portal.settings import Settings
from portal.web import Portal
from tests.portal.api.asking import Program, code_of, token_of
from tests.portal.test_concurrency import at_once
from tests.portal.world import NOW, PASSWORD, Place, make_organisation, signed_in

P = Permission
# What two people decide, and what touches members, settings, erasure or the token itself: never by a machine.
NEVER_BY_TOKEN = frozenset(
    {
        P.DECIDE,
        P.WAIVE,
        P.ERASE,
        P.CLOSE_ORGANISATION,
        P.MANAGE_MEMBERS,
        P.MANAGE_SETTINGS,
        P.MANAGE_POLICY,
        P.RELEASE,
        P.MANAGE_SSO,
        P.MANAGE_TOKENS,
        P.MANAGE_WEBHOOKS,
        P.USE_API,
        P.ACCOUNT,
        P.SESSION,
        P.REVIEW,
        P.CONTRACT,
        P.INTAKE,
        P.AUTHOR,
    }
)


@pytest.fixture
def alder(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Alder")


def _works(app: Portal, token: str) -> bool:
    status = Program(app.test_client(), token).get("/vendors").status_code
    assert status in (200, 401)
    return status == 200


# --------------------------------------------------------------------------------------------------------- the shape


def test_a_token_carries_its_own_check() -> None:
    token = token_identity.new_token()
    assert re.fullmatch(r"vrp_[\w-]{43}_[a-z2-7]{6}", token)
    assert token_identity.well_formed(token)
    assert token != token_identity.new_token()
    for at in range(len(token)):
        other = "a" if token[at] != "a" else "b"
        assert not token_identity.well_formed(token[:at] + other + token[at + 1 :]), at
    for odd in ("", "vrp_", token + "a", token + "\n", f" {token}", token.upper(), "ä" * 54):
        assert not token_identity.well_formed(odd)


def test_scopes_are_a_decision() -> None:
    """Whoever widens a scope widens every token that holds it: it shows here."""
    assert {name: sorted(one.name for one in held) for name, held in SCOPES.items()} == {
        "vendors:read": ["SEE_VENDORS"],
        "vendors:write": ["MANAGE_VENDORS", "SEE_VENDORS"],
        "assessments:read": ["SEE_REVIEW", "SEE_VENDORS"],
        "assessments:issue": ["ISSUE", "SEE_VENDORS"],
        "findings:read": ["SEE_REVIEW"],
        "contract:read": ["SEE_CONTRACT"],
        "gate:read": ["SEE_GATE"],
    }
    assert frozenset().union(*SCOPES.values()) & NEVER_BY_TOKEN == frozenset()


def test_a_token_never_grants_what_its_role_does_not() -> None:
    for role in Role:
        for name in tokens.scopes_for(role):
            assert all(role in (TABLE[one] or ()) for one in SCOPES[name]), (role, name)
    assert tokens.scopes_for(Role.AUDITOR) == [
        "vendors:read",
        "assessments:read",
        "findings:read",
        "contract:read",
        "gate:read",
    ]
    assert "vendors:write" not in tokens.scopes_for(Role.REVIEWER)


# ------------------------------------------------------------------------------------------------------- made, shown


def _form(page: str) -> dict[str, str]:
    found = re.search(r'name="id" type="hidden" value="([^"]+)"', page)
    assert found
    return {"id": found[1], "name": "Purchasing", "days": "30", "current": PASSWORD}


@pytest.mark.both_databases
def test_a_token_is_shown_once(app: Portal, alder: Place) -> None:
    browser = signed_in(app, alder[Role.PROCUREMENT])
    page = f"/o/{alder.slug}/tokens"
    form = _form(browser.get(page).text) | {"scopes": ["vendors:read"]}  # type: ignore[dict-item]  # several values
    answer = browser.post(page, form)
    found = re.search(r"vrp_[\w-]{43}_[a-z2-7]{6}", answer.text)
    assert found, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert _works(app, found[0])
    again = browser.post(page, form)
    assert again.status_code == 200
    assert "made already" in again.text
    assert found[0] not in again.text + browser.get(page).text
    with app.database.looking(SYSTEM) as session:
        row = session.execute(select(ApiToken)).scalar_one()
        assert (row.name, row.scopes, row.expires_at - row.created_at) == (
            "Purchasing",
            ["vendors:read"],
            timedelta(days=30),
        )
        assert found[0][4:8] == row.hint
        letter = session.execute(select(Message).where(Message.kind == "token_made")).scalar_one()
        assert found[0] not in letter.text + letter.html
        assert letter.recipient == alder[Role.PROCUREMENT].person.email
        event = session.execute(select(Event).where(Event.kind == "token.made")).scalar_one()
        assert event.data == {"scopes": ["vendors:read"], "days": 30}


def test_a_token_takes_a_proof(app: Portal, alder: Place) -> None:
    browser = signed_in(app, alder[Role.PROCUREMENT])
    page = f"/o/{alder.slug}/tokens"
    form = _form(browser.get(page).text) | {"scopes": ["vendors:read"]}  # type: ignore[dict-item]  # several values
    for wrong in ({"current": "a guess of somebody"}, {"current": ""}):
        answer = browser.post(page, form | wrong)
        assert answer.status_code == 422
        assert "vrp_" not in answer.text
    with app.database.looking(SYSTEM) as session:
        assert session.execute(select(ApiToken)).first() is None


def _make(database: Database, identity: Identity, **values: object) -> str:
    given = {"id": uuid.uuid4(), "name": "One", "scopes": ["vendors:read"], "days": 1, "now": NOW} | values
    with database.transaction(identity.scope) as session:
        return tokens.make(session, identity, **given)  # type: ignore[arg-type]  # values of a test


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["vendors:read", "everything"]}, "scopes"),
        ({"scopes": ["vendors:write"]}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
    ],
)
def test_what_does_not_fit_is_refused(
    database: Database, alder: Place, values: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as fault:
        _make(database, alder[Role.AUDITOR], **values)
    assert list(fault.value.errors) == [field]


def test_twenty_at_once_are_enough(database: Database, alder: Place) -> None:
    identity = alder[Role.AUDITOR]
    for _turn in range(tokens.MOST):
        assert _make(database, identity)
    with pytest.raises(Conflict, match="Revoke one"):
        _make(database, identity)
    with database.transaction(identity.scope) as session:
        one = tokens.listed(session, identity, now=NOW)[0]
        tokens.revoke(session, identity, one.id, now=NOW, own=True)
    assert _make(database, identity)


def test_an_id_of_somebody_elses_token_is_no_way_in(database: Database, alder: Place) -> None:
    known = uuid.uuid4()
    _make(database, alder[Role.AUDITOR], id=known)
    with pytest.raises(Conflict):
        _make(database, alder[Role.CISO], id=known)


# ------------------------------------------------------------------------------------------------------- how it ends


def test_it_ends_by_itself(app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_of(app.database, alder[Role.CISO], "vendors:read", days=2)
    assert _works(app, token)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=2))
    assert not _works(app, token)


def test_its_person_and_an_administrator_end_it(app: Portal, alder: Place) -> None:
    ciso, admin = alder[Role.CISO], alder[Role.ADMIN]
    for who, page in ((ciso, "tokens"), (admin, "tokens/all")):
        token = token_of(app.database, ciso, "vendors:read")
        with app.database.looking(ciso.scope) as session:
            made = next(one for one in tokens.listed(session, ciso, now=NOW) if one.state == "live")
        stranger = signed_in(app, alder[Role.AUDITOR])
        assert stranger.post(f"/o/{alder.slug}/tokens/{made.id}/revoke").status_code == 404
        assert _works(app, token)
        browser = signed_in(app, who)
        assert browser.post(f"/o/{alder.slug}/{page}/{made.id}/revoke").status_code == 303
        assert not _works(app, token)
        assert browser.post(f"/o/{alder.slug}/{page}/{made.id}/revoke").status_code == 303
    with app.database.transaction(admin.scope) as session, pytest.raises(NotFound):
        tokens.revoke(session, admin, made.id, now=NOW, own=True)


def test_it_goes_with_the_place_that_it_rests_on(app: Portal, alder: Place) -> None:
    ciso, admin = alder[Role.CISO], alder[Role.ADMIN]
    token = token_of(app.database, ciso, "vendors:read", name="Kept by Ada")
    with app.database.transaction(admin.scope) as session:
        service.remove(session, admin, ciso.person.id, now=NOW)
    assert not _works(app, token)
    with app.database.transaction() as session:
        member = session.execute(
            select(OrganisationMember).where(OrganisationMember.person_id == ciso.person.id)
        ).scalar_one()
        member.removed_at = None
        session.info["audited"] = True  # they come back
        row = session.execute(select(ApiToken)).scalar_one()
        assert row.revoked_at is not None
        assert row.name == ""
    assert not _works(app, token)


@pytest.mark.both_databases
def test_none_is_made_while_one_is_taken_out(app: Portal, alder: Place) -> None:
    """The page was sent before: what it asks for comes when the place is gone already."""
    ciso, admin = alder[Role.CISO], alder[Role.ADMIN]
    with app.database.transaction(admin.scope) as session:
        service.remove(session, admin, ciso.person.id, now=NOW)
    with pytest.raises(NotFound):
        token_of(app.database, ciso)


@pytest.mark.both_databases
def test_a_token_and_a_removal_at_the_same_instant_leave_none_that_works(app: Portal, alder: Place) -> None:
    ciso, admin = alder[Role.CISO], alder[Role.ADMIN]

    def make() -> None:
        with suppress(NotFound):
            token_of(app.database, ciso)

    def remove() -> None:
        with app.database.transaction(admin.scope) as session:
            service.remove(session, admin, ciso.person.id, now=NOW)

    at_once(remove, make, make)
    with app.database.looking(SYSTEM) as session:
        assert {one.revoked_at for one in session.scalars(select(ApiToken))} <= {NOW}


def test_who_changes_a_password_reads_how_many_tokens_go_on(app: Portal, alder: Place) -> None:
    ciso = alder[Role.CISO]
    browser = signed_in(app, ciso)
    assert "API token" not in browser.get("/account").text
    made = [token_of(app.database, ciso), token_of(app.database, ciso, days=1)]
    assert "2 API tokens of yours go on working" in browser.get("/account").text
    page = {"current": PASSWORD, "password": "another good long secret"}
    assert browser.post("/account", page).status_code == 303
    assert all(_works(app, one) for one in made)
    with app.database.transaction(ciso.scope) as session:
        tokens.revoke_of(session, ciso, ciso.person.id, now=NOW)
    assert "API token" not in browser.get("/account").text


def test_it_does_what_the_role_of_now_may_do(app: Portal, alder: Place) -> None:
    token = token_of(app.database, alder[Role.PROCUREMENT], "vendors:write")
    program = Program(app.test_client(), token)
    assert program.post("/vendors", {"name": "One"}).status_code == 201
    with app.database.transaction() as session:
        session.execute(
            update(OrganisationMember)
            .where(OrganisationMember.person_id == alder[Role.PROCUREMENT].person.id)
            .values(role=Role.AUDITOR.value)
        )
        session.info["audited"] = True
    refused = program.post("/vendors", {"name": "Two"})
    assert (refused.status_code, code_of(refused)) == (403, "role")
    assert program.get("/vendors").status_code == 200


@pytest.mark.both_databases
def test_a_closed_organisation_and_an_erased_person_have_none(app: Portal, alder: Place) -> None:
    ciso, auditor = alder[Role.CISO], alder[Role.AUDITOR]
    mine, theirs = token_of(app.database, ciso), token_of(app.database, auditor, name="Theirs")
    with app.database.transaction() as session:
        row = session.get(PersonRow, auditor.person.id)
        assert row is not None
        parting.person(session, row, Destroyed(), now=NOW)
        session.info["audited"] = True  # its certificate is the event
    assert not _works(app, theirs)
    with app.database.looking(SYSTEM) as session:
        assert "Theirs" not in set(session.execute(select(ApiToken.name)).scalars())
    assert _works(app, mine)
    with app.database.transaction() as session:
        session.execute(update(Organisation).where(Organisation.id == alder.id).values(closed_at=NOW))
        session.info["audited"] = True
    assert not _works(app, mine)


@pytest.mark.both_databases
def test_a_password_set_by_a_letter_ends_them(app: Portal, alder: Place) -> None:
    ciso = alder[Role.CISO]
    token = token_of(app.database, ciso)
    with app.database.transaction() as session:
        person = session.get(PersonRow, ciso.person.id)
        assert person is not None
        link = resets.start_reset(session, person, now=NOW)
    assert _works(app, token)
    with app.database.transaction() as session:
        resets.finish_reset(session, link, "no hash", now=NOW)
    assert not _works(app, token)
    with app.database.looking(SYSTEM) as session:
        event = session.execute(select(Event).where(Event.kind == "token.revoked")).scalar_one()
        assert event.subject_id == ciso.person.id


def test_a_restored_backup_brings_none_back(app: Portal, alder: Place) -> None:
    token = token_of(app.database, alder[Role.CISO])
    assert _works(app, token)
    restoring.settle(app.database, now=NOW)
    assert not _works(app, token)


def test_who_owes_a_factor_is_told_so(app: Portal, alder: Place) -> None:
    token = token_of(app.database, alder[Role.CISO])
    with app.database.transaction() as session:
        session.execute(update(Organisation).where(Organisation.id == alder.id).values(second_factor=True))
        session.info["audited"] = True
    answer = Program(app.test_client(), token).get("/vendors")
    assert (answer.status_code, code_of(answer)) == (403, "second_factor")


def test_its_last_use_is_noted_every_ten_minutes(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ciso = alder[Role.CISO]
    token = token_of(app.database, ciso)

    def used() -> object:
        with app.database.looking(ciso.scope) as session:
            return tokens.listed(session, ciso, now=NOW)[0].used_at

    assert used() is None
    for minutes, noted in ((0, 0), (9, 0), (10, 10)):
        at = NOW + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        assert _works(app, token)
        assert used() == NOW + timedelta(minutes=noted)


def test_logs_strike_tokens_out() -> None:
    token = token_identity.new_token()
    for text in (token, f"Bearer {token}", f"token={token};", f"({token})", f"a\n{token}\nb"):
        assert token not in logs.clean(text)
        assert "vrp_" not in logs.clean(text)
