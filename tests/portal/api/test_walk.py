"""Every operation, as every role, with every scope, over what is one's own and what is not (laws 3 and 4)."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal import pace
from portal.access import TABLE, Permission
from portal.access import OrganisationRole as Role
from portal.api import pace as writes
from portal.gate import machine
from portal.web import Portal
from tests.portal.api.asking import Program, code_of, everything, program, token_of
from tests.portal.scene import Deal, Scene
from tests.portal.test_isolation import leaks
from tests.portal.world import NOW, Place, signed_in

LISTS = ("/vendors", "/engagements", "/assessments", "/findings")
# Instants that Python writes and cannot turn into UTC, and one that it can and that we never wrote.
ELSEWHERE = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-22T12:00:00+01:00")


@pytest.fixture(autouse=True)
def at_any_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BURST", 1e9)


def operations(app: Portal) -> Iterator[tuple[str, Rule, Permission]]:
    """(method, rule, permission) of every operation."""
    for rule in app.url_map.iter_rules():
        view: Any = app.view_functions[rule.endpoint]
        if getattr(view, "by_token", False):
            method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"}))
            yield method, rule, view.permission


def ids_of(app: Portal, deal: Deal, opened: bool = False) -> dict[str, str]:
    """What there is of a deal by path parameter; ``opened``: its engagement that has no business owner."""
    asking = program(app, deal.organisation[Role.ADMIN])
    ratings = asking.get(f"/submissions/{deal.submission}/ratings").json
    assert deal.gate is not None
    assert ratings is not None
    return {
        "vendor": str(deal.vendor),
        "engagement": str(deal.opened if opened else deal.engagement),
        "assessment": str(deal.submitted),
        "submission": str(deal.submission),
        "rating": ratings["data"][0]["id"],
        "finding": str(deal.findings[0]),
        "decision": str(deal.gate.decision),
    }


def path_of(rule: Rule, ids: dict[str, str]) -> str:
    path = rule.rule
    for name in rule.arguments:
        path = path.replace(f"<uuid:{name}>", ids[name])
    return path


def send(asking: Program, method: str, path: str) -> TestResponse:
    return asking.client.open(
        path,
        method=method,
        json={} if method != "GET" else None,
        headers={"Authorization": f"Bearer {asking.token}", "If-Match": '"nothing"'},
    )


def test_each_role_reaches_what_is_its_own_and_nothing_of_others(app: Portal, scene: Scene) -> None:
    alder = scene.places["Kzalder"]
    own = ids_of(app, scene.deals[0])
    foreign = ids_of(app, next(one for one in scene.deals if one.organisation.name == "Kzbirch"))
    nowhere = {name: str(uuid.uuid4()) for name in own}
    wrong: list[str] = []
    for role, identity in alder.people.items():
        asking = program(app, identity)
        for method, rule, permission in operations(app):
            granted = role in (TABLE[permission] or ())
            for ids, here in ((own, True), (foreign, False), (nowhere, False)):
                answer = send(asking, method, path_of(rule, ids))
                wanted = (
                    {403} if not granted else {200, 412, 422} if here or not rule.arguments else {404, 422}
                )
                if answer.status_code not in wanted:
                    wrong.append(f"{role.value} {method} {rule.rule} {here}: {answer.status_code}")
                if found := leaks(scene, alder, answer, path_of(rule, ids)):
                    wrong.append(f"{role.value} {method} {rule.rule}: leaks {found}")
    assert wrong == []


def test_business_owners_read_what_is_theirs(app: Portal, scene: Scene) -> None:
    """The same ids as above, but of an engagement that is nobody's: it is not there for them."""
    alder = scene.places["Kzalder"]
    asking = program(app, alder[Role.BUSINESS_OWNER])
    nobodys = ids_of(app, scene.deals[0], opened=True)
    for method, rule, permission in operations(app):
        if "engagement" in rule.arguments and Role.BUSINESS_OWNER in (TABLE[permission] or ()):
            assert send(asking, method, path_of(rule, nobodys)).status_code == 404, rule.rule
    mine = {one["id"] for one in everything(asking, "/engagements")}
    everybodys = {one["id"] for one in everything(program(app, alder[Role.AUDITOR]), "/engagements")}
    assert mine < everybodys
    assert mine == {str(one.engagement) for one in scene.deals_of(alder)}


def test_only_a_token_opens_the_api_and_a_token_opens_nothing_else(app: Portal, scene: Scene) -> None:
    alder, own = scene.places["Kzalder"], ids_of(app, scene.deals[0])
    token = token_of(app.database, alder[Role.ADMIN])
    mistyped = token[:-1] + ("a" if token[-1] != "a" else "b")
    browser = signed_in(app, alder[Role.ADMIN])
    stranger = app.test_client()
    for method, rule, _permission in operations(app):
        path = path_of(rule, own)
        body = {} if method != "GET" else None
        for client, headers in (
            (browser.client, {}),
            (stranger, {}),
            (stranger, {"Authorization": "Bearer "}),
            (stranger, {"Authorization": token}),
            (stranger, {"Authorization": f"Basic {token}"}),
            (stranger, {"Authorization": f"Bearer {mistyped}"}),
            (stranger, {"Authorization": f"Bearer {token} {token}"}),
            (stranger, {"X-Token": token, "Cookie": f"session={token}"}),
        ):
            answer = client.open(path, method=method, json=body, headers=headers)
            assert (answer.status_code, code_of(answer)) == (401, "token_invalid"), (path, headers)
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert leaks(scene, None, answer, path) == []
    for page in (f"/o/{alder.slug}/", f"/o/{alder.slug}/members", "/account", "/home"):
        answer = stranger.get(page, headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, "/sign-in"), page
    posted = stranger.post(f"/o/{alder.slug}/vendors/new", headers={"Authorization": f"Bearer {token}"})
    assert posted.status_code in (400, 401)


def test_a_request_needs_neither_origin_nor_csrf_token(app: Portal, scene: Scene) -> None:
    asking = program(app, scene.places["Kzalder"][Role.ADMIN])
    answer = asking.post("/vendors", {"name": "Fjord"}, Origin="https://elsewhere.example")
    assert answer.status_code == 201
    assert not [name for name, _value in answer.headers if name.lower().startswith("access-control")]
    assert "Set-Cookie" not in answer.headers


# --------------------------------------------------------------------------------------------------------- manners


def test_lists_come_in_pages_that_fit_together(app: Portal, scene: Scene) -> None:
    asking = program(app, scene.places["Kzalder"][Role.CISO])
    for path in LISTS:
        whole = asking.get(f"{path}?limit=200").json
        assert whole is not None
        assert whole["next"] is None
        assert len(whole["data"]) > 1, path
        assert everything(asking, path, 1) == whole["data"]
        vendor = str(scene.deals[0].vendor)
        if path != "/vendors":
            some = everything(asking, f"{path}?vendor={vendor}", 1)
            assert some == [one for one in whole["data"] if one["vendor"] == vendor]
            assert 0 < len(some) < len(whole["data"])
    for path, state in (("/assessments", "submitted"), ("/findings", "planned")):
        every = everything(asking, path)
        found = everything(asking, f"{path}?state={state}", 1)
        assert found == [one for one in every if one["state"] == state]
        assert found


def test_a_cursor_is_good_for_its_own_list_alone(app: Portal, scene: Scene) -> None:
    asking = program(app, scene.places["Kzalder"][Role.CISO])
    known = asking.get("/vendors?limit=1").json
    assert known is not None
    good = known["next"]
    assert asking.get(f"/vendors?cursor={good}").status_code == 200
    for path, cursor in (
        ("/engagements", good),
        ("/vendors", good + "A"),
        ("/vendors", good[:-4]),
        ("/vendors", "x"),
        ("/vendors", "WzEsMiwzXQ"),
        ("/vendors", "bnVsbA"),
        ("/vendors", "W1tbW1tb" * 30),
        *((path, _cursor(path[1:], at)) for path in LISTS for at in ELSEWHERE),
    ):
        answer = asking.get(f"{path}?cursor={cursor}")
        assert (answer.status_code, code_of(answer)) == (422, "invalid"), (path, cursor)


def _cursor(name: str, at: str) -> str:
    """A cursor as somebody writes it who has read one of ours."""
    text = json.dumps([name, at, str(uuid.uuid4())], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_what_has_not_changed_is_not_sent_again(app: Portal, scene: Scene) -> None:
    asking = program(app, scene.places["Kzalder"][Role.CISO])
    for path in (
        "/vendors",
        f"/vendors/{scene.deals[0].vendor}",
        f"/engagements/{scene.deals[0].engagement}/gate",
    ):
        tag = asking.get(path).headers["ETag"]
        assert asking.get(path).headers["ETag"] == tag
        same = asking.get(path, If_None_Match=tag)
        assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
        assert asking.get(path, If_None_Match='"other"').status_code == 200
        assert asking.get(path).headers["Cache-Control"] == "private, no-cache"


def test_the_gate_is_the_one_of_the_page(app: Portal, scene: Scene) -> None:
    """Of the API, of gate.json and of the service: one answer."""
    deal = scene.deals[0]
    ciso = deal.organisation[Role.CISO]
    asked = program(app, ciso).get(f"/engagements/{deal.engagement}/gate").json
    page = (
        signed_in(app, ciso).get(f"/o/{deal.organisation.slug}/engagements/{deal.engagement}/gate.json").json
    )
    with app.database.looking(ciso.scope) as session:
        assert asked == page == machine.plain(session, ciso, deal.engagement, now=NOW)


def test_what_is_unknown_is_answered_by_a_problem_document(app: Portal, scene: Scene) -> None:
    asking = program(app, scene.places["Kzalder"][Role.CISO])
    for path, status, code in (
        ("/nothing", 404, "not_found"),
        ("/vendors/nobody", 404, "not_found"),
        ("/vendors/", 404, "not_found"),
        ("/vendors?limit=0", 422, "invalid"),
        ("/vendors?limit=201", 422, "invalid"),
        ("/vendors?limit=1e1", 422, "invalid"),
        ("/vendors?limit=1&limit=1", 422, "invalid"),
        ("/vendors?page=1", 422, "invalid"),
        ("/vendors?q=%00", 400, "malformed"),
    ):
        answer = asking.get(path)
        assert (answer.status_code, code_of(answer)) == (status, code), path
        assert answer.json is not None
        assert answer.json["type"].endswith(f"/api/v1/#problem-{code}")
        assert answer.json["instance"] == answer.headers["X-Request-ID"]
    refused = asking.client.delete("/api/v1/vendors", headers={"Authorization": f"Bearer {asking.token}"})
    assert (refused.status_code, code_of(refused)) == (405, "method_not_allowed")
    assert "GET" in refused.headers["Allow"]


# ---------------------------------------------------------------------------------------------------------- throttle


def test_who_asks_too_fast_waits(app: Portal, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "BURST", 5.0)
    monkeypatch.setattr(pace, "A_SECOND", 0.001)
    alder: Place = scene.places["Kzalder"]
    asking, other = program(app, alder[Role.CISO]), program(app, alder[Role.CISO])
    assert [asking.get("/vendors").status_code for _turn in range(7)] == [200] * 5 + [429] * 2
    refused = asking.get("/vendors")
    assert (code_of(refused), refused.headers["Retry-After"]) == ("throttled", "1")
    assert other.get("/vendors").status_code == 200
    monkeypatch.setattr(pace, "A_SECOND", 1e9)
    assert asking.get("/vendors").status_code == 200


def test_changes_are_counted_whatever_process_takes_them(
    app: Portal, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "WRITES", 2)
    asking = program(app, scene.places["Kzalder"][Role.CISO])
    answers = [asking.post("/vendors", {"name": f"Fjord {number}"}) for number in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 429]
    assert code_of(answers[2]) == "throttled"
    assert int(answers[2].headers["Retry-After"]) > 1
    assert asking.get("/vendors").status_code == 200
