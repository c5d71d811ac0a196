"""What the API writes: vendors, engagements, assessments; once for each key, and only over what was read."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import clock
from portal.access import OrganisationRole as Role
from portal.db import SYSTEM
from portal.organisations.token_models import ApiRequest
from portal.settings import Settings
from portal.vendors.models import Contact, Engagement, Vendor
from portal.web import Portal
from tests.portal.api.asking import Program, code_of, everything, program
from tests.portal.scene import Scene
from tests.portal.world import NOW, make_organisation

KEY = {"Idempotency_Key": "order-1"}


@pytest.fixture
def buyer(app: Portal, settings: Settings) -> Program:
    return program(app, make_organisation(app.database, settings, "Alder")[Role.PROCUREMENT])


def _vendor(buyer: Program, name: str = "Slate Works") -> str:
    made = buyer.post("/vendors", {"name": name}).json
    assert made is not None
    return str(made["id"])


def _count(app: Portal, model: Any) -> int:
    with app.database.looking(SYSTEM) as session:
        return int(session.execute(select(func.count()).select_from(model)).scalar_one())


def _addresses(app: Portal) -> set[str]:
    with app.database.looking(SYSTEM) as session:
        return set(session.execute(select(Contact.email)).scalars())


def _errors(answer: Any) -> dict[str, str]:
    return {one["pointer"]: one["detail"] for one in answer.json["errors"]}


def test_a_vendor_is_put_on_record_and_read_where_the_answer_says(app: Portal, buyer: Program) -> None:
    answer = buyer.post("/vendors", {"name": "Fjord Archive", "country": "NO"})
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert made is not None
    assert (made["name"], made["country"], made["tier"], made["joined"]) == (
        "Fjord Archive",
        "NO",
        None,
        False,
    )
    assert answer.headers["Location"].endswith(f"/api/v1/vendors/{made['id']}")
    assert buyer.get(f"/vendors/{made['id']}").json == made
    again = buyer.post("/vendors", {"name": "fjord  archive"})
    assert (again.status_code, code_of(again)) == (422, "invalid")
    assert _errors(again) == {"/name": "You have a vendor of this name already."}


def test_what_is_wrong_is_pointed_at(buyer: Program) -> None:
    vendor = _vendor(buyer)
    for path, body, pointers in (
        ("/vendors", {"name": "", "country": "XX"}, {"/name"}),
        ("/vendors", {"name": "A", "country": "XX"}, {"/country"}),
        ("/vendors", {"name": 5}, {"/name"}),
        ("/vendors", {"name": "Visit www.example.com/now"}, {"/name"}),
        ("/vendors", {"name": "A\u0007"}, {"/name"}),
        ("/vendors", {"name": "A", "colour/~": 1}, {"/colour~1~0"}),
        ("/vendors", ["A"], {""}),
        ("/engagements", {"vendor": "x", "name": "A", "tier": "worst"}, {"/vendor", "/tier"}),
        ("/engagements", {"vendor": str(uuid.uuid4()), "name": "A", "tier": "low"}, {"/vendor"}),
        (
            "/engagements",
            {"vendor": vendor, "name": "A", "tier": "low", "facts": {"engagement.data": ["gold"]}},
            {"/facts/engagement.data/0"},
        ),
        (
            "/engagements",
            {"vendor": vendor, "name": "A", "tier": "low", "facts": {"engagement.spend": "many"}},
            {"/facts/engagement.spend"},
        ),
        (
            "/engagements",
            {"vendor": vendor, "name": "A", "tier": "low", "business_owner": str(uuid.uuid4())},
            {"/business_owner"},
        ),
        (
            "/assessments",
            {"vendor": vendor, "engagements": [], "questionnaire": "x", "due": "2026-13-01", "reason": ""},
            {"/engagements", "/due", "/reason"},
        ),
    ):
        answer = buyer.post(path, body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid"), (path, body)
        assert set(_errors(answer)) == pointers, (path, body)


@pytest.mark.parametrize(
    ("data", "mimetype", "status", "code"),
    [
        (b"", "application/json", 400, "malformed"),
        (b"{", "application/json", 400, "malformed"),
        (b"[" * 100_000, "application/json", 400, "malformed"),
        (b'{"name": NaN}', "application/json", 400, "malformed"),
        (b'{"name": 1e999}', "application/json", 400, "malformed"),
        (b'{"name": ' + b"1" * 5000 + b"}", "application/json", 400, "malformed"),
        (b'{"name": "A", "name": "B"}', "application/json", 400, "malformed"),
        (b'\xff{"name": "A"}', "application/json", 400, "malformed"),
        (b'{"name": "\\ud800"}', "application/json", 422, "invalid"),
        (b"null", "application/json", 422, "invalid"),
        (b'{"name": "A"}', "text/plain", 415, "unsupported_media_type"),
        (b"name=A", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b'{"name": "' + b"A" * 200_000 + b'"}', "application/json", 413, "too_large"),
    ],
)
def test_hostile_bodies_are_refused_by_problem_documents(
    app: Portal, buyer: Program, data: bytes, mimetype: str, status: int, code: str
) -> None:
    before = _count(app, Vendor)
    answer = buyer.client.post(
        "/api/v1/vendors",
        data=data,
        content_type=mimetype,
        headers={"Authorization": f"Bearer {buyer.token}"},
    )
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert _count(app, Vendor) == before


def test_an_engagement_says_that_its_tier_was_set_by_hand(buyer: Program) -> None:
    body = {
        "vendor": _vendor(buyer),
        "name": "Payroll",
        "tier": "high",
        "description": "Runs it.\nEvery month.",
        "facts": {"engagement.data": ["personal", "financial"], "engagement.spend": "12000.50"},
    }
    answer = buyer.post("/engagements", body)
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert made is not None
    assert made["tier_by_hand"] is True
    assert made["facts"] == body["facts"]
    assert made["description"] == body["description"]
    assert buyer.get(f"/engagements/{made['id']}").json == made
    gate = buyer.get(f"/engagements/{made['id']}/gate").json
    assert gate is not None
    assert gate["outcome"] == "undecided"


def test_an_assessment_is_issued_with_its_letters(app: Portal, buyer: Program) -> None:
    vendor = buyer.post("/vendors", {"name": "Fjord Archive"}).json["id"]  # type: ignore[index]  # made
    body: dict[str, Any] = {"vendor": vendor, "name": "Archive", "tier": "low"}
    engagement = buyer.post("/engagements", body).json["id"]  # type: ignore[index]  # made
    body = {
        "vendor": vendor,
        "engagements": [engagement],
        "questionnaire": "security_lite",
        "due": "2026-12-18",
        "reason": "We begin in January.",
    }
    alone = buyer.post("/assessments", body)
    assert _errors(alone) == {"/contact": "Choose whom to write to: nobody of this vendor is here yet."}
    wrong = buyer.post("/assessments", body | {"contact": {"name": "Ola", "email": "nobody"}})
    assert set(_errors(wrong)) == {"/contact/email"}
    assert "ola@fjord.example" not in _addresses(app)
    answer = buyer.post("/assessments", body | {"contact": {"name": "Ola", "email": "ola@fjord.example"}})
    assert answer.status_code == 201, answer.text
    assert "ola@fjord.example" in _addresses(app)
    made = answer.json
    assert made is not None
    assert (made["state"], made["due"], made["engagements"]) == ("open", "2026-12-18", [engagement])
    assert buyer.get(f"/assessments/{made['id']}").json == made
    twice = buyer.post("/assessments", body)
    assert set(_errors(twice)) == {"/contact"}
    unknown = buyer.post("/assessments", body | {"questionnaire": "horoscope"})
    assert unknown.status_code == 422


# ------------------------------------------------------------------------------------------------------ once only


@pytest.mark.both_databases
def test_a_request_that_names_itself_is_carried_out_once(app: Portal, buyer: Program) -> None:
    first = buyer.post("/vendors", {"name": "Fjord Archive"}, **KEY)
    assert first.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    again = buyer.post("/vendors", {"name": "Fjord Archive"}, **KEY)
    assert (again.status_code, again.json, again.headers["Location"]) == (
        201,
        first.json,
        first.headers["Location"],
    )
    assert again.headers["Idempotency-Replayed"] == "true"
    other = buyer.post("/vendors", {"name": "Another"}, **KEY)
    assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")
    elsewhere = buyer.post("/engagements", {"vendor": first.json["id"], "name": "A", "tier": "low"}, **KEY)  # type: ignore[index]
    assert code_of(elsewhere) == "idempotency_key_reused"
    odd = buyer.post("/vendors", {"name": "Another"}, Idempotency_Key="ä b")
    assert (odd.status_code, code_of(odd)) == (422, "invalid")


def test_a_refused_request_leaves_its_key_free(app: Portal, buyer: Program) -> None:
    before = _count(app, ApiRequest)
    assert buyer.post("/vendors", {"name": "Fjord", "country": "XX"}, **KEY).status_code == 422
    assert _count(app, ApiRequest) == before
    assert buyer.post("/vendors", {"name": "Fjord", "country": "NO"}, **KEY).status_code == 201


def test_keys_of_two_tokens_are_two(app: Portal, settings: Settings, buyer: Program) -> None:
    other = program(app, make_organisation(app.database, settings, "Birch")[Role.PROCUREMENT])
    assert buyer.post("/vendors", {"name": "Fjord"}, **KEY).status_code == 201
    answer = other.post("/vendors", {"name": "Fjord"}, **KEY)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers


def test_what_a_key_made_and_is_out_of_sight_is_said_to_be_gone(app: Portal, buyer: Program) -> None:
    body = {"vendor": _vendor(buyer), "name": "Payroll", "tier": "low"}
    made = buyer.post("/engagements", body, **KEY).json
    assert made is not None
    with app.database.transaction() as session:
        row = session.get(Engagement, uuid.UUID(made["id"]))
        session.delete(row)
        session.info["audited"] = True  # as if it had been destroyed
    gone = buyer.post("/engagements", body, **KEY)
    assert (gone.status_code, code_of(gone)) == (409, "idempotency_subject_gone")


@pytest.mark.both_databases
def test_of_many_requests_at_once_with_one_key_one_is_carried_out(app: Portal, buyer: Program) -> None:
    """Whichever comes second waits for the first, and gives what that has made."""
    answers: list[Any] = []

    def send() -> None:
        again = Program(app.test_client(), buyer.token)
        answers.append(again.post("/vendors", {"name": "Fjord Archive"}, **KEY))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.status_code for one in answers] == [201] * 4, [one.text for one in answers]
    assert len({one.json["id"] for one in answers}) == 1
    assert sum("Idempotency-Replayed" in one.headers for one in answers) == 3


@pytest.mark.both_databases
def test_rows_of_one_instant_are_given_once_each(
    app: Portal, buyer: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A heap of vendors from one import bears one instant: the id tells them apart, on both databases alike."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    made = {_vendor(buyer, f"Vendor {number}") for number in range(7)}
    monkeypatch.setattr(clock, "now", lambda: NOW + timedelta(seconds=0.000001))
    last = _vendor(buyer, "The last")
    found = [one["id"] for one in everything(buyer, "/vendors", 2)]
    assert found == [*sorted(made), last]


# ------------------------------------------------------------------------------------------------- over what was read


def test_a_vendor_changes_only_as_it_was_read(buyer: Program) -> None:
    made = buyer.post("/vendors", {"name": "Fjord"}).json
    assert made is not None
    path = f"/vendors/{made['id']}"
    blind = buyer.patch(path, {"name": "Fjord AS"})
    assert (blind.status_code, code_of(blind)) == (428, "precondition_required")
    tag = buyer.get(path).headers["ETag"]
    changed = buyer.patch(path, {"country": "NO"}, If_Match=tag)
    assert changed.status_code == 200, changed.text
    assert changed.json == {**made, "country": "NO"}
    late = buyer.patch(path, {"name": "Fjord AS"}, If_Match=tag)
    assert (late.status_code, code_of(late)) == (412, "precondition_failed")
    assert buyer.patch(path, {"name": "Fjord AS"}, If_Match="*").status_code == 412
    assert buyer.patch(path, {"name": "Fjord AS"}, If_Match="W/" + changed.headers["ETag"]).status_code == 412
    done = buyer.patch(path, {"name": "Fjord AS"}, If_Match=changed.headers["ETag"])
    assert done.json == {**made, "country": "NO", "name": "Fjord AS"}
    assert buyer.get(path).headers["ETag"] == done.headers["ETag"]
    assert buyer.patch(path, {}, If_Match=done.headers["ETag"]).status_code == 422
    cleared = buyer.patch(path, {"country": None}, If_Match=done.headers["ETag"])
    assert cleared.json is not None
    assert cleared.json["country"] is None


def test_what_another_tenant_has_is_not_found(app: Portal, scene: Scene) -> None:
    buyer = program(app, scene.places["Kzalder"][Role.PROCUREMENT])
    theirs = next(one for one in scene.deals if one.organisation.name == "Kzbirch")
    answer = buyer.patch(f"/vendors/{theirs.vendor}", {"name": "Mine"}, If_Match='"x"')
    assert answer.status_code == 404
    body = {"vendor": str(theirs.vendor), "name": "A", "tier": "low"}
    assert set(_errors(buyer.post("/engagements", body))) == {"/vendor"}
    issued = {
        "vendor": str(scene.deals[0].vendor),
        "engagements": [str(theirs.engagement)],
        "questionnaire": "security_lite",
        "due": "2026-12-18",
        "reason": "Why not.",
    }
    assert set(_errors(buyer.post("/assessments", issued))) == {"/engagements"}
