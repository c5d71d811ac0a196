"""What programs do goes on record under their token, what they read too; and refusals fill no record."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from portal import clock, pace
from portal.access import OrganisationRole as Role
from portal.api import pace as writes
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record_many
from portal.db import SYSTEM
from portal.faults import Unavailable
from portal.organisations import token_identity
from portal.settings import Settings
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal.api.asking import Program, code_of, program
from tests.portal.api.test_walk import LISTS
from tests.portal.scene import Scene
from tests.portal.world import NOW, Place, make_organisation, signed_in


@pytest.fixture
def alder(app: Portal, settings: Settings) -> Place:
    return make_organisation(app.database, settings, "Alder")


def _events(app: Portal, kind: Kind) -> list[Event]:
    with app.database.looking(SYSTEM) as session:
        rows = session.scalars(select(Event).where(Event.kind == kind.value).order_by(Event.at))
        return [one for one in rows if kind is not Kind.EXPORTED or one.data["what"] == "api"]


def _id(app: Portal, asking: Program) -> str:
    with app.database.looking(SYSTEM) as session:
        found = token_identity.identity_of(session, asking.token, now=NOW)
    assert found is not None
    return str(found.session_id)


# ------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.both_databases
def test_what_a_program_did_names_its_token(app: Portal, alder: Place) -> None:
    buyer = alder[Role.PROCUREMENT]
    one, other = program(app, buyer), program(app, buyer)
    for name, asking in (("Fjord", one), ("Slate", other)):
        assert asking.post("/vendors", {"name": name}).status_code == 201
    signed_in(app, buyer).post(f"/o/{alder.slug}/vendors/new", name="By hand", country="")
    found = _events(app, Kind.VENDOR_CREATED)
    assert {one.actor_id for one in found} == {buyer.person.id}
    assert {each.data.get("token") for each in found} == {_id(app, one), _id(app, other), None}
    page = signed_in(app, alder[Role.ADMIN])
    assert f"the API token {_id(app, one)[:8]}" in page.get(f"/o/{alder.slug}/events").text
    assert f"on record as {_id(app, one)[:8]}" in page.get(f"/o/{alder.slug}/tokens/all").text


def test_many_events_at_once_name_it_too(app: Portal, alder: Place) -> None:
    asking = program(app, alder[Role.PROCUREMENT])
    with app.database.transaction(alder[Role.PROCUREMENT].scope) as session:
        found = token_identity.identity_of(session, asking.token, now=NOW)
        assert found is not None
        made = {uuid.uuid4(): {"round": 1}}
        record_many(session, Kind.RATED, made, table=Vendor.__tablename__, now=NOW, actor=found)
    (one,) = _events(app, Kind.RATED)
    assert one.data == {"round": 1, "token": str(found.session_id)}


# ------------------------------------------------------------------------------------------------------------- reading


@pytest.mark.both_databases
def test_lists_answers_and_ratings_go_on_record_once_a_day(
    app: Portal, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    alder, deal = scene.places["Kzalder"], scene.deals[0]
    asking, other = program(app, alder[Role.CISO]), program(app, alder[Role.CISO])
    answers = f"/submissions/{deal.submission}/answers"
    ratings = asking.get(f"/submissions/{deal.submission}/ratings").json
    assert ratings is not None
    rating = f"/ratings/{ratings['data'][0]['id']}"
    assert _events(app, Kind.EXPORTED) == []
    for path in (*LISTS, answers, rating):
        for each in (path, path):
            assert asking.get(each).status_code == 200
    assert asking.get("/vendors?limit=1").status_code == 200
    first = [dict(one.data) for one in _events(app, Kind.EXPORTED)]
    token = _id(app, asking)
    assert first == [
        {"what": "api", "token": token, **more}
        for more in (
            {"operation": "list_vendors"},
            {"operation": "list_engagements"},
            {"operation": "list_assessments"},
            {"operation": "list_findings"},
            {"operation": "list_answers", "submission": str(deal.submission)},
            {"operation": "get_rating", "rating": rating.rpartition("/")[2]},
        )
    ]
    assert {one.organisation_id for one in _events(app, Kind.EXPORTED)} == {alder.id}
    assert other.get("/vendors").status_code == 200
    assert _events(app, Kind.EXPORTED)[-1].data["token"] == _id(app, other)
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(days=1))
    assert asking.get("/vendors").status_code == 200
    assert len(_events(app, Kind.EXPORTED)) == len(first) + 2
    page = signed_in(app, alder[Role.AUDITOR], now=NOW + timedelta(days=1))
    assert "list answers" in page.get(f"/o/{alder.slug}/events?group=exports").text


def test_what_was_not_given_is_not_on_record(app: Portal, scene: Scene) -> None:
    alder, birch = scene.places["Kzalder"], scene.places["Kzbirch"]
    theirs = next(one for one in scene.deals if one.organisation is birch)
    asking = program(app, alder[Role.CISO])
    assert asking.get(f"/submissions/{theirs.submission}/answers").status_code == 404
    assert asking.get("/vendors?limit=0").status_code == 422
    assert asking.get("/vendors?cursor=x").status_code == 422
    assert _events(app, Kind.EXPORTED) == []


def test_what_cannot_be_put_on_record_is_not_given(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = program(app, alder[Role.CISO])
    assert asking.get("/findings").status_code == 200  # its last use is noted, too

    def busy(*_: object) -> None:
        raise Unavailable("Busy with another change.")

    with monkeypatch.context() as held:
        held.setattr(app.database, "record_access", busy)
        for _turn in range(2):
            assert (code_of(asking.get("/vendors"))) == "busy"
    assert asking.get("/vendors").status_code == 200
    assert [one.data["operation"] for one in _events(app, Kind.EXPORTED)] == ["list_findings", "list_vendors"]


def test_the_statements_of_a_list_do_not_grow_with_it(app: Portal, scene: Scene) -> None:
    asking = program(app, scene.places["Kzalder"][Role.CISO])
    seen: list[Any] = []
    event.listen(app.database.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    for path in LISTS:
        counts = []
        for limit in (1, 1, 2, 200):  # the first puts it on record
            seen.clear()
            answer = asking.get(f"{path}?limit={limit}")
            assert answer.json is not None
            counts.append((len(answer.json["data"]), len(seen)))
        assert [rows for rows, _all in counts[:3]] == [1, 1, 2], path
        assert counts[3][0] >= 2, path
        assert len({statements for _rows, statements in counts[1:]}) == 1, (path, counts)


# ------------------------------------------------------------------------------------------------------------ refusals


def test_what_is_refused_again_and_again_is_one_event_a_minute(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    asking, other = (program(app, alder[Role.CISO], "gate:read") for _turn in range(2))
    for _turn in range(5):
        assert asking.post("/vendors", {"name": "Fjord"}).status_code == 403
    assert len(_events(app, Kind.ACCESS_REFUSED)) == 1
    assert asking.get("/vendors").status_code == 403
    assert other.get("/vendors").status_code == 403
    assert len(_events(app, Kind.ACCESS_REFUSED)) == 3
    for seconds, known in ((59, 3), (60, 4), (119, 4)):
        monkeypatch.setattr(clock, "now", lambda at=seconds: NOW + timedelta(seconds=at))
        assert asking.get("/vendors").status_code == 403
        assert len(_events(app, Kind.ACCESS_REFUSED)) == known, seconds


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"name": "Fjord"}, "scope": "gate:read"}, 403),
        ({"json": {}, "scope": "vendors:write"}, 422),
        ({"data": "{", "content_type": "application/json", "scope": "vendors:write"}, 400),
        ({"data": "x", "content_type": "text/plain", "scope": "vendors:write"}, 415),
    ],
    ids=["scope", "invalid", "malformed", "kind"],
)
def test_whoever_is_refused_too_fast_waits(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch, sent: dict[str, Any], status: int
) -> None:
    monkeypatch.setattr(pace, "BURST", 3.0)
    monkeypatch.setattr(pace, "A_SECOND", 0.001)
    asking = program(app, alder[Role.CISO], sent["scope"])
    body = {name: value for name, value in sent.items() if name != "scope"}
    headers = {"Authorization": f"Bearer {asking.token}"}
    answers = [asking.client.post("/api/v1/vendors", headers=headers, **body) for _turn in range(5)]
    assert [one.status_code for one in answers] == [status] * 3 + [429] * 2
    assert answers[-1].headers["Retry-After"] == "1"


def test_several_tokens_of_a_person_write_no_faster_than_one(
    app: Portal, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "WRITES", 2)
    buyer = alder[Role.PROCUREMENT]
    answers = [program(app, buyer).post("/vendors", {"name": f"Fjord {turn}"}) for turn in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 429]
    assert program(app, alder[Role.CISO]).post("/vendors", {"name": "Fjord 4"}).status_code == 201
