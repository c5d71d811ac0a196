"""Forged, replayed and mixed-up answers of a provider open nothing, and say why on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Response

from portal import clock
from portal.db import Database
from portal.organisations import sso, sso_provider, sso_way
from portal.organisations.models import Organisation
from portal.organisations.sso_models import SsoConnection
from portal.settings import Settings
from portal.web import Portal
from tests.portal.organisations.given_sso import (
    ADMIN,
    CISO,
    NEW,
    World,
    provider,
    role_of,
    settings,
    why,
    world,
)
from tests.portal.organisations.provider import (
    CLIENT,
    Provider,
    asked_of,
    elliptic_key,
    other_rsa_key,
    serving,
)
from tests.portal.world import NOW, Browser, Place, make_organisation, signed_in

__all__ = ["provider", "settings", "world"]  # fixtures


# ------------------------------------------------------------------------------------------------ forged answers

Change = Callable[[World], Any]


def _claims(**claims: Any) -> Change:
    return lambda world: world.provider.claims.update(claims)


def _header(**header: Any) -> Change:
    return lambda world: world.provider.token_header.update(header)


def _shared_secret(world: World) -> None:
    world.provider.token_header["alg"] = "HS256"


def _answer_of(path: str, *answer: Any, **more: Any) -> Change:
    return lambda world: world.provider.answers.update({path: Response(*answer, **more)})


def _signed_by(make: Callable[[], Any], **header: Any) -> Change:
    def change(world: World) -> None:
        world.provider.sign_by = make()
        world.provider.token_header.update(header)

    return change


def _metadata(**values: Any) -> Change:
    def change(world: World) -> None:
        sso_provider.forget()
        world.provider.metadata.update(values)

    return change


FORGED: dict[str, tuple[Change, str]] = {
    "no signature": (_header(alg="none"), "algorithm"),
    "the public key as a shared secret": (_shared_secret, "algorithm"),
    "a key of somebody else under a known name": (_signed_by(other_rsa_key), "bad_signature"),
    "a key that is not shown": (_signed_by(other_rsa_key, kid="two"), "key"),
    "a curve for a key of numbers": (_signed_by(elliptic_key, alg="ES256"), "key"),
    "another issuer": (_claims(iss="https://evil.example"), "invalid_claim"),
    "the issuer with a slash": (_claims(iss="http://127.0.0.1/tenant/"), "invalid_claim"),
    "another client": (_claims(aud="another"), "invalid_claim"),
    "several clients without saying for whom": (_claims(aud=[CLIENT, "another"]), "missing_claim"),
    "several clients, for another": (_claims(aud=[CLIENT, "another"], azp="another"), "invalid_claim"),
    "for another, though to us": (_claims(azp="another"), "invalid_claim"),
    "no audience": (_claims(aud=None), "missing_claim"),
    "another nonce": (_claims(nonce="another"), "invalid_claim"),
    "no nonce": (_claims(nonce=None), "missing_claim"),
    "expired": (_claims(exp=int(NOW.timestamp()) - 120), "expired_token"),
    "no end": (_claims(exp=None), "missing_claim"),
    "an end that is no number": (_claims(exp="tomorrow"), ""),
    "made an hour ago": (_claims(iat=int(NOW.timestamp()) - 3600), "times"),
    "made tomorrow": (_claims(iat=int(NOW.timestamp()) + 86_400), ""),
    "good from tomorrow on": (_claims(nbf=int(NOW.timestamp()) + 86_400), ""),
    "nobody": (_claims(sub=None), "missing_claim"),
    "an empty name": (_claims(sub=""), "subject"),
    "a name of a thousand letters": (_claims(sub="x" * 1000), "subject"),
    "a name that is none": (_claims(sub=5), "invalid_claim"),
    "a logout token": (
        _claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
        "logout_token",
    ),
    "a hash of another access token": (_claims(at_hash="x"), "invalid_claim"),
    "a token endpoint that redirects": (
        _answer_of("/token", status=302, headers={"Location": "http://127.0.0.1:1/"}),
        "answer",
    ),
    "an answer of a megabyte": (_answer_of("/token", b"{" + b" " * 1_000_000 + b"}"), "answer"),
    "an answer that is no JSON": (_answer_of("/token", "<html>"), "answer"),
    "an answer without a token": (_answer_of("/token", "{}"), "answer"),
    "a token that is none": (_answer_of("/token", '{"id_token": "a.b.c", "access_token": "x"}'), ""),
    "keys that are none": (_answer_of("/keys", '{"keys": [5, {"kty": "RSA", "kid": "one"}]}'), "key"),
    "a private address for the token": (_metadata(token_endpoint="http://10.0.0.1/token"), "address"),
    "the machine's own description": (_metadata(jwks_uri="http://169.254.169.254/latest"), "address"),
    "a file for the keys": (_metadata(jwks_uri="file:///etc/passwd"), "address"),
    "metadata of another issuer": (_metadata(issuer="https://evil.example"), "issuer_of_metadata"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_answer_opens_nothing(world: World, what: str) -> None:
    world.provider.come("nora", **NEW)
    browser = Browser(world.app.test_client())
    asked = world.begun(browser)
    change, code = FORGED[what]
    change(world)
    answer = world.back(browser, asked)
    assert answer.status_code == 403
    assert browser.client.get_cookie("client") is None
    assert browser.get(world.home).status_code == 303
    found = why(world.app.database)
    assert len(found) == 1
    assert code in found[0], found
    assert role_of(world.app.database, NEW["email"]) is None


def test_a_userinfo_about_somebody_else_is_refused(world: World) -> None:
    world.provider.in_token = frozenset({"sub"})
    assert world.come(**NEW)[1].headers["Location"] == world.home  # what the token lacks is asked for
    world.provider.userinfo = {"sub": "mallory"}
    assert world.come(**NEW)[1].status_code == 403
    assert why(world.app.database) == ["userinfo_subject"]


def test_state_cookie_and_issuer_belong_to_one_way(
    world: World, database: Database, settings: Settings
) -> None:
    world.provider.come("nora", **NEW)
    other = make_organisation(database, settings, "Birch")
    browser, thief = Browser(world.app.test_client()), Browser(world.app.test_client())
    asked = world.begun(browser)
    assert world.back(browser, asked, state="x" * 43).status_code == 403
    assert world.back(browser, asked, state="é").status_code == 403
    assert world.back(browser, asked, iss="https://evil.example").status_code == 403
    assert world.back(browser, asked, iss="").status_code == 403  # its metadata say that it names itself
    assert world.back(browser, asked, code="").status_code == 403
    assert world.back(browser, asked, error="access_denied").status_code == 403
    assert world.back(thief, asked).status_code == 403  # no cookie
    kept = browser.client.get_cookie("sso")
    assert kept is not None
    thief.client.set_cookie("sso", kept.value)
    assert world.back(thief, asked).status_code == 403  # the cookie of another browser
    with serving() as theirs:
        connect_other(database, settings, other, theirs)
        elsewhere = World(world.app, other, theirs)
        mixed = asked | {"redirect_uri": f"http://127.0.0.1:8000{elsewhere.door}/callback"}
        assert elsewhere.back(browser, mixed).status_code == 403  # begun at another organisation
    expected = [
        "state",
        "state",
        "issuer_of_answer",
        "issuer_of_answer",
        "provider_refused",
        "provider_refused",
    ]
    assert why(database) == [*expected, *["another_browser"] * 3]
    assert world.back(browser, asked).status_code == 303  # nothing of it has spoiled the true one


def connect_other(database: Database, settings: Settings, place: Place, provider: Provider) -> None:
    with database.transaction() as session:
        session.add(
            SsoConnection(
                organisation_id=place.id, issuer=provider.issuer, known_as=CLIENT, secret=None, state="on",
                proposed_by=place[CISO].person.id, approved_by=place[ADMIN].person.id, since=NOW,
                groups_claim="groups", roles={}, default_role="auditor", trusts_factor=False, creates=False,
            )
        )  # fmt: skip
        session.flush()
        sso.allow_domain(session, session.get_one(Organisation, place.id), "birch.example", now=NOW)


def test_a_code_and_its_state_serve_once_and_for_ten_minutes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.provider.come("nora", **NEW)
    browser = Browser(world.app.test_client())
    asked = world.begun(browser)
    kept = browser.client.get_cookie("sso")
    values = asked_of(world.provider.authorized(asked))
    page = f"{world.door}/callback?code=x"
    assert browser.post(f"{world.door}/callback", values, page=page).status_code == 303
    assert browser.client.get_cookie("sso") is None
    browser.client.delete_cookie("client")  # who is in is led to the organisation's pages by a second press
    assert browser.post(f"{world.door}/callback", values, page=page).status_code == 403
    assert kept is not None
    browser.client.set_cookie("sso", kept.value)
    assert browser.post(f"{world.door}/callback", values, page=page).status_code == 403  # the code is used up
    late = Browser(world.app.test_client())
    asked = world.begun(late)
    later = clock.now() + timedelta(minutes=10, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert world.back(late, asked).status_code == 403


def test_a_new_key_of_the_provider_is_fetched_once_and_not_for_each_forged_name(world: World) -> None:
    assert world.come(**NEW)[1].status_code == 303
    before = world.provider.asked.count("/tenant/keys")
    world.provider.shown_keys = [other_rsa_key()]
    world.provider.sign_by, world.provider.token_header = other_rsa_key(), {"kid": "two"}
    assert world.come(**NEW)[1].status_code == 403  # asked for less than a minute ago
    assert world.provider.asked.count("/tenant/keys") == before
    sso_provider._known = {
        address: (at - timedelta(minutes=2), value) for address, (at, value) in sso_provider._known.items()
    }
    assert world.come(**NEW)[1].status_code == 303
    assert world.provider.asked.count("/tenant/keys") == before + 1


def test_the_callback_page_changes_nothing_and_says_nothing_of_the_code_to_others(world: World) -> None:
    browser = Browser(world.app.test_client())
    world.provider.come("nora", **NEW)
    values = asked_of(world.provider.authorized(world.begun(browser)))
    page = browser.get(f"{world.door}/callback", query_string=values | {"error": '"><script>'})
    assert page.status_code == 200
    assert "<script>" not in page.text.replace("<script src=", "")
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert "/tenant/token" not in world.provider.asked


def test_absent_and_switched_off_look_alike_and_starts_are_few(
    world: World, app: Portal, database: Database, settings: Settings
) -> None:
    none = make_organisation(database, settings, "Birch")
    off = signed_in(app, world.place[CISO])
    browser = Browser(app.test_client())
    assert "/sso/" in browser.get(world.door).text
    for _number in range(sso_way.STARTS):
        assert browser.get(f"{world.door}/start").status_code == 303
    assert browser.get(f"{world.door}/start").status_code == 429
    assert off.post(f"{world.home}sign-in-provider/off", page="/account").status_code == 303
    answers = [
        browser.get(f"/sso/{name}{path}").status_code
        for name in (world.place.slug, none.slug, "nobody", "x" * 200, "%00")
        for path in ("", "/start", "/callback", "/link")
    ]
    assert set(answers) <= {404, 400}
    assert set(answers[:12]) == {404}
