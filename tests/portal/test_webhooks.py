"""Webhooks from end to end: notice, fan-out, signature, retries, who may, and nothing but ids and codes."""

from __future__ import annotations

import hmac
import json
import re
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from portal import cli, clock, outside, restoring
from portal.access import OrganisationRole
from portal.audit.catalogue import NOTIFIED, Kind
from portal.audit.models import Event, EventNotice
from portal.audit.service import record, record_many
from portal.audit.words import words_of
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, NotFound
from portal.findings.models import Finding
from portal.organisations.models import OrganisationMember
from portal.outbox import Message
from portal.settings import Settings
from portal.web import Portal
from portal.webhooks import catalogue, delivering, payload, service, signing
from portal.webhooks.forms import KIND_WORDS
from portal.webhooks.models import Webhook, WebhookDelivery
from tests.portal.receiver import OK, Receiver, authority, receiving
from tests.portal.scene import Scene
from tests.portal.world import NOW, PASSWORD, Browser, Place, make_organisation

pytestmark = pytest.mark.both_databases
CALLED = ["gate.decided", "vendor.created"]


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority(tmp_path_factory.mktemp("authority"), "localhost", "127.0.0.1")


@pytest.fixture
def server(papers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("SSL_CERT_FILE", str(papers[0]))
    with receiving(papers[1]) as one:
        yield one


@pytest.fixture
def allowing(settings: Settings) -> Settings:
    return replace(settings, outside_allow="127.0.0.0/8")


@pytest.fixture
def place(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def hang(
    database: Database, settings: Settings, place: Place, url: str, kinds: list[str] | None = None
) -> tuple[uuid.UUID, str]:
    """(id, secret) of a webhook of the organisation's CISO."""
    actor, one = place[OrganisationRole.CISO], uuid.uuid4()
    with database.transaction(actor.scope) as session:
        secret = service.add(
            session,
            actor,
            id=one,
            url=url,
            kinds=kinds or CALLED,
            settings=settings,
            now=NOW - timedelta(hours=1),
        )
    return one, secret


def happen(
    database: Database, place: Place, kind: Kind = Kind.VENDOR_CREATED, *, now: datetime = NOW, **data: Any
) -> uuid.UUID:
    """Something is recorded of a vendor; returns the vendor's id."""
    actor = place[OrganisationRole.CISO]
    vendor = type("Row", (), {"__tablename__": "vendor", "id": uuid.uuid4(), "organisation_id": place.id})()
    with database.transaction(actor.scope) as session:
        record(session, kind, now=now, actor=actor, subject=vendor, data=data)
    found: uuid.UUID = vendor.id
    return found


def work(database: Database, settings: Settings, at: datetime = NOW) -> delivering.Done:
    return delivering.work(database, settings, lambda: at)


def rows(database: Database) -> list[WebhookDelivery]:
    with database.looking(SYSTEM) as session:
        return list(session.execute(select(WebhookDelivery).order_by(WebhookDelivery.created_at)).scalars())


def told_of(database: Database) -> list[str]:
    """What letters say of webhooks that came or got another secret."""
    with database.looking(SYSTEM) as session:
        letters = session.execute(select(Message).where(Message.kind == "webhook_changed")).scalars().all()
    assert all("siem.example.com" in one.text and "/x" not in one.text for one in letters)
    return sorted("added" if "was added" in one.subject else "secret" for one in letters)


def hook_of(database: Database, one: uuid.UUID) -> Webhook:
    with database.looking(SYSTEM) as session:
        return session.execute(select(Webhook).where(Webhook.id == one)).scalar_one()


# -------------------------------------------------------------------------------------------------------------- notice


def test_each_public_name_has_words_and_only_kinds_that_leave_a_notice() -> None:
    assert {kind for kinds in catalogue.NAMES.values() for kind in kinds} == NOTIFIED
    assert list(KIND_WORDS) == list(catalogue.NAMES)
    assert all(words_of(kind.value) for kind in NOTIFIED)


def test_a_notice_is_written_with_its_event_or_not_at_all(database: Database, place: Place) -> None:
    def notices() -> set[uuid.UUID]:
        with database.looking(SYSTEM) as session:
            return set(session.execute(select(EventNotice.event_id)).scalars())

    before = notices()
    happen(database, place, Kind.SETTINGS_CHANGED)
    assert notices() == before, "not of what nobody outside may hear of"
    happen(database, place)
    (new,) = notices() - before
    with database.looking(SYSTEM) as session:
        assert session.execute(select(Event.kind).where(Event.id == new)).scalar_one() == Kind.VENDOR_CREATED
    actor = place[OrganisationRole.CISO]
    session = database.write_session(actor.scope)
    record(session, Kind.VENDOR_CREATED, now=NOW, actor=actor)
    session.flush()
    database.abandon(session)
    assert notices() == before | {new}
    with database.transaction(actor.scope) as session:
        record_many(
            session,
            Kind.VENDOR_CREATED,
            {uuid.uuid4(): {}, uuid.uuid4(): {}},
            table="vendor",
            now=NOW,
            actor=actor,
        )
        record(session, Kind.VENDOR_CREATED, now=NOW, actor=actor, at_once=True)
    assert len(notices()) == len(before) + 4


# ------------------------------------------------------------------------------------------------------------ delivery


def test_what_is_sent_is_signed_and_holds_ids_and_codes(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    one, secret = hang(database, allowing, place, server.url())
    vendor = happen(database, place, tier="critical", name="A name", outcome="clear with words", sequence=3)
    happen(database, place, Kind.ENGAGEMENT_CREATED)  # it does not hear of these
    assert work(database, allowing) == delivering.Done(told=2, sent=1)
    (request,) = server.requests
    body = json.loads(request.body)
    (row,) = rows(database)
    assert body == {
        "id": str(row.id),
        "event": "vendor.created",
        "at": NOW.isoformat(timespec="seconds"),
        "organisation": place.slug,
        "subject": {"type": "vendor", "id": str(vendor)},
        "data": {"tier": "critical", "sequence": 3},
        "links": {"self": f"{allowing.base_url}/api/v1/vendors/{vendor}"},
    }
    signed = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["vrp-signature"])
    assert signed is not None
    expected = hmac.new(secret.encode(), f"{signed[1]}.".encode() + request.body, sha256).hexdigest()
    assert hmac.compare_digest(signed[2], expected)
    assert int(signed[1]) == int(NOW.timestamp())
    assert request.headers["vrp-delivery"] == str(row.id)
    assert request.headers["vrp-event"] == "vendor.created"
    assert (row.state, row.status, row.webhook_id) == ("sent", 200, one)
    assert work(database, allowing) == delivering.Done(), "nothing is sent twice"


def test_one_pass_by_cron_tells_them_too(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    named = ("secret_key", "base_url", "database_url", "outside_allow")
    lines = [f"{name} = {json.dumps(getattr(allowing, name))}" for name in named]
    (allowing.data / "portal.toml").write_text("\n".join(lines) + "\n")
    hang(database, allowing, place, server.url())
    happen(database, place, now=clock.now() - timedelta(minutes=1))
    cli.main(["worker", "--once", "--data", str(allowing.data)])
    assert [one.headers["vrp-event"] for one in server.requests] == ["vendor.created"]
    assert [one.state for one in rows(database)] == ["sent"]


def test_for_a_day_two_secrets_sign(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    one, old = hang(database, allowing, place, server.url())
    actor = place[OrganisationRole.CISO]
    with database.transaction(actor.scope) as session:
        new = service.renew(session, actor, one, settings=allowing, now=NOW)
    happen(database, place)
    work(database, allowing)
    happen(database, place)
    work(database, allowing, NOW + timedelta(hours=25))
    first, second = server.requests
    moment, *signed = first.headers["vrp-signature"].split(",")
    body = moment[2:].encode() + b"." + first.body
    assert signed == [f"v1={hmac.new(key.encode(), body, sha256).hexdigest()}" for key in (new, old)]
    assert second.headers["vrp-signature"].count("v1=") == 1


def test_a_second_press_leaves_the_secret_that_the_receiver_has(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    """Of two presses the first answer is seen by nobody; and many more do not take it away either."""
    one, old = hang(database, allowing, place, server.url())
    actor = place[OrganisationRole.CISO]
    for presses in (2, 4):
        for _ in range(presses):
            with database.transaction(actor.scope) as session:
                new = service.renew(session, actor, one, settings=allowing, now=NOW)
        happen(database, place)
        work(database, allowing)
        request = server.requests[-1]
        moment, *signed = request.headers["vrp-signature"].split(",")
        body = moment[2:].encode() + b"." + request.body
        assert len(signed) == 1 + min(presses, signing.MOST_OLD)
        for key in (old, new):
            assert f"v1={hmac.new(key.encode(), body, sha256).hexdigest()}" in signed
    hook = hook_of(database, one)
    assert signing.holding(hook.old_secrets, NOW + timedelta(hours=24)) == [], "and after a day none of them"
    assert len(signing.kept_beside(hook.old_secrets, hook.secret, NOW + timedelta(hours=25))) == 1


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 302, "status"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", 500, "status"),
        (b"nonsense\r\n\r\n", None, "broken"),
    ],
)
def test_what_fails_is_tried_again_ever_later_under_the_same_id_and_given_up(
    database: Database,
    allowing: Settings,
    place: Place,
    server: Receiver,
    answer: bytes,
    status: int | None,
    error: str,
) -> None:
    hang(database, allowing, place, server.url())
    server.answers[:] = [answer]
    happen(database, place)
    at = NOW
    for attempt, wait in enumerate((*delivering.BACKOFF, None), 1):
        assert work(database, allowing, at).failed == 1
        (row,) = rows(database)
        assert (row.attempts, row.status, row.last_error) == (attempt, status, error)
        if wait is None:
            assert row.state == "gave_up"
            break
        assert (row.state, row.due_at) == ("failed", at + wait)
        assert work(database, allowing, at + wait - timedelta(seconds=1)) == delivering.Done()
        at += wait
    assert work(database, allowing, at + timedelta(days=9)) == delivering.Done()
    assert len({one.headers["vrp-delivery"] for one in server.requests}) == 1
    assert len({one.body for one in server.requests}) == 1
    assert len(server.requests) == len(delivering.BACKOFF) + 1


def test_a_slow_or_failing_address_does_not_hold_up_another(
    database: Database, allowing: Settings, place: Place, server: Receiver, papers: tuple[Path, Path]
) -> None:
    with receiving(papers[1], b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") as failing:
        hang(database, allowing, place, failing.url())
        hang(database, allowing, place, server.url())
        for _ in range(3):
            happen(database, place)
        assert work(database, allowing) == delivering.Done(told=3, sent=3, failed=1)
        assert len(failing.requests) == 1


def _slowly(channel: socket.socket) -> None:
    time.sleep(0.3)
    channel.sendall(OK)


def test_one_house_with_slow_addresses_does_not_hold_up_another(
    database: Database,
    allowing: Settings,
    place: Place,
    server: Receiver,
    papers: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every answer is a success, and all of it was due before: they take turns by the time that each has taken."""
    monkeypatch.setattr(delivering, "PASS_SECONDS", 1.0)
    other = make_organisation(database, allowing, "Other")
    with receiving(papers[1], _slowly) as slow:
        for _ in range(2):
            hang(database, allowing, place, slow.url())
        for _ in range(6):
            happen(database, place)
        delivering.fan_out(database, now=NOW - timedelta(minutes=5))
        hang(database, allowing, other, server.url())
        for _ in range(3):
            happen(database, other)
        work(database, allowing)
        assert len(server.requests) == 3
        assert 1 <= len(slow.requests) < 12


def test_whose_turn_it_is_outlasts_a_pass(
    database: Database, allowing: Settings, place: Place, server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass that a slow address has filled: in the next one the others come first, whatever was due before."""
    other = make_organisation(database, allowing, "Other")
    slow, _secret = hang(database, allowing, place, server.url())
    quick, _secret = hang(database, allowing, other, server.url())
    for _ in range(2):
        happen(database, place)
    delivering.fan_out(database, now=NOW - timedelta(minutes=5))
    happen(database, other)
    delivering.fan_out(database, now=NOW)
    first = delivering.claim(database, set(), now=NOW, spent={other.id: 0.1})
    assert first is not None
    assert first.webhook_id == slow
    shares = delivering.Shares()
    shares.note(first, 9.0)
    monkeypatch.setattr(delivering, "PASS_SECONDS", 0.001)
    assert delivering.work(database, allowing, lambda: NOW, shares=shares).sent == 1
    (sent,) = [row for row in rows(database) if row.state == "sent"]
    assert sent.webhook_id == quick
    assert shares.spent[place.id] == 4.5
    for _ in range(20):
        shares.fade()
    assert shares.spent == {}


def test_one_delivery_is_leased_at_a_time_whatever_the_database_believes_of_its_tables(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    hang(database, allowing, place, server.url())
    happen(database, place)
    delivering.fan_out(database, now=NOW)
    with database.transaction() as session:
        session.execute(text("ANALYZE webhook_delivery"))
    for _ in range(2):
        happen(database, place)
    delivering.fan_out(database, now=NOW)
    for leased in (1, 2, 3):
        assert delivering.claim(database, set(), now=NOW) is not None
        assert [row.state for row in rows(database)].count("sending") == leased


def test_an_address_within_is_refused_by_rule(
    database: Database, settings: Settings, place: Place, server: Receiver
) -> None:
    """It was allowed once, or its name means something else by now."""
    hang(database, settings, place, server.url())
    happen(database, place)
    assert work(database, settings).failed == 1
    (row,) = rows(database)
    assert (row.state, row.last_error, row.status) == ("failed", "forbidden", None)
    assert server.requests == []


def test_a_worker_that_dies_between_sending_and_noting_sends_again_under_the_same_id(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    hang(database, allowing, place, server.url())
    happen(database, place)
    delivering.fan_out(database, now=NOW)
    first = delivering.claim(database, set(), now=NOW)
    assert first is not None
    assert delivering.claim(database, set(), now=NOW) is None, "another worker finds nothing"
    later = NOW + delivering.LEASE + timedelta(seconds=1)
    assert work(database, allowing, later).sent == 1
    delivering._note(database, first, 500, "status", now=later)  # the one that slept wakes up
    (row,) = rows(database)
    assert (row.id, row.state, row.fence) == (first.id, "sent", 2)


def test_fan_out_makes_one_delivery_of_an_event_however_often_it_runs(
    database: Database, allowing: Settings, place: Place
) -> None:
    hang(database, allowing, place, "https://one.example/")
    happen(database, place)
    with database.looking(SYSTEM) as session:
        notices = list(session.execute(select(EventNotice)).scalars())
    assert delivering.fan_out(database, now=NOW) == 1
    with database.transaction() as session:
        session.add_all(
            [EventNotice(event_id=n.event_id, organisation_id=n.organisation_id, at=n.at) for n in notices]
        )
    assert delivering.fan_out(database, now=NOW) == 1
    assert len(rows(database)) == 1


def test_nobody_hears_of_another_house_or_of_what_was_before(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    other = make_organisation(database, allowing, "Other")
    happen(database, place)
    with database.transaction() as session:
        session.execute(update(EventNotice).values(at=NOW - timedelta(days=1)))
    hang(database, allowing, place, server.url())
    with database.transaction() as session:
        session.execute(
            update(Webhook).values(created_at=NOW + timedelta(hours=1)).execution_options(unaudited=True)
        )
    happen(database, other)
    assert work(database, allowing) == delivering.Done(told=2)
    assert server.requests == []


# -------------------------------------------------------------------------------------------------------- it is stopped


def test_it_is_stopped_after_many_failures_over_days_and_people_are_told(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    one, _secret = hang(database, allowing, place, server.url())
    server.answers[:] = [b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"]
    for day in (0, 1, 4):
        with database.transaction() as session:
            failures = delivering.STOP_AFTER - 1 if day else 0
            session.execute(update(Webhook).values(failures=failures).execution_options(unaudited=True))
        happen(database, place)
        work(database, allowing, NOW + timedelta(days=day))
        assert hook_of(database, one).state == ("stopped" if day == 4 else "on")
    with database.looking(SYSTEM) as session:
        letters = list(session.execute(select(Message).where(Message.kind == "webhook_stopped")).scalars())
        told = session.execute(select(Event.data).where(Event.kind == Kind.WEBHOOK_STOPPED)).scalar_one()
    assert told == {"why": "failures"}
    assert {one.recipient for one in letters} == {
        place[role].person.email for role in (OrganisationRole.ADMIN, OrganisationRole.CISO)
    }
    assert all(f"/webhooks/{one}" in letter.text for letter in letters)
    happen(database, place)
    assert work(database, allowing, NOW + timedelta(days=5)).sent == 0
    actor = place[OrganisationRole.CISO]
    with database.transaction(actor.scope) as session:
        service.change(session, actor, one, kinds=CALLED, on=True, now=NOW)
    hook = hook_of(database, one)
    assert (hook.state, hook.failures, hook.failing_since) == ("on", 0, None)


def test_it_is_stopped_when_whoever_made_it_may_not_any_more(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    one, _secret = hang(database, allowing, place, server.url())
    maker = place[OrganisationRole.CISO].person.id
    with database.transaction() as session:
        session.execute(
            update(OrganisationMember).where(OrganisationMember.person_id == maker).values(role="reviewer")
        )
        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None, organisation_id=place.id)
    happen(database, place)
    assert work(database, allowing).failed == 1
    assert server.requests == []
    assert hook_of(database, one).state == "stopped"
    (row,) = rows(database)
    assert (row.state, row.last_error) == ("gave_up", "maker")


def test_under_another_key_nothing_is_sent(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    one, _secret = hang(database, allowing, place, server.url())
    happen(database, place)
    assert work(database, replace(allowing, secret_key="another key of thirty-two letters!!")).failed == 1
    assert server.requests == []
    assert hook_of(database, one).state == "stopped"


def test_after_a_restore_nothing_is_sent_until_somebody_says_so(
    database: Database, allowing: Settings, place: Place, server: Receiver
) -> None:
    one, _secret = hang(database, allowing, place, server.url())
    happen(database, place)
    delivering.fan_out(database, now=NOW)
    happen(database, place)
    restoring.settle(database, now=NOW)
    assert work(database, allowing) == delivering.Done()
    assert hook_of(database, one).state == "stopped"
    assert [row.last_error for row in rows(database)] == ["restored"]


# ------------------------------------------------------------------------------------------------------------- service


def test_what_may_be_added(database: Database, settings: Settings, place: Place) -> None:
    actor, known = place[OrganisationRole.ADMIN], uuid.uuid4()
    with database.transaction(actor.scope) as session:
        for kinds in ([], ["vendor.created", "person.created"]):
            with pytest.raises(Invalid):
                service.add(
                    session,
                    actor,
                    id=uuid.uuid4(),
                    url="https://a.example/",
                    kinds=kinds,
                    settings=settings,
                    now=NOW,
                )
        for at in range(service.MOST):
            one = known if not at else uuid.uuid4()
            assert service.add(
                session, actor, id=one, url="https://a.example/", kinds=CALLED, settings=settings, now=NOW
            )
        assert (
            service.add(
                session, actor, id=known, url="https://a.example/", kinds=CALLED, settings=settings, now=NOW
            )
            == ""
        )
        with pytest.raises(Conflict):
            service.add(
                session,
                actor,
                id=uuid.uuid4(),
                url="https://a.example/",
                kinds=CALLED,
                settings=settings,
                now=NOW,
            )
        row = session.execute(
            select(Webhook).where(Webhook.id == known, Webhook.organisation_id == place.id)
        ).scalar_one()
        assert b"whsec_" not in row.secret
    stranger = make_organisation(database, settings, "Other")[OrganisationRole.ADMIN]
    with pytest.raises(Conflict), database.transaction(stranger.scope) as session:
        service.add(
            session, stranger, id=known, url="https://a.example/", kinds=CALLED, settings=settings, now=NOW
        )


def test_another_house_finds_nothing(database: Database, settings: Settings, place: Place) -> None:
    one, _secret = hang(database, settings, place, "https://a.example/")
    other = make_organisation(database, settings, "Other")[OrganisationRole.ADMIN]
    with database.transaction(other.scope) as session:
        for act in (
            lambda: service.change(session, other, one, kinds=CALLED, on=True, now=NOW),
            lambda: service.remove(session, other, one, now=NOW),
            lambda: service.ping(session, other, one, now=NOW),
            lambda: service.renew(session, other, one, settings=settings, now=NOW),
            lambda: service.resend(session, other, one, uuid.uuid4(), now=NOW),
        ):
            with pytest.raises(NotFound):
                act()


def test_what_is_linked_is_read_there(app: Portal) -> None:
    """Each public kind of subject is an operation of the API, findings too."""
    assert set(catalogue.RESOURCES) >= {"finding", "vendor", "engagement", "assessment", "gate_decision"}
    ids = {"gate_decision": "decision"}
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    for table, name in catalogue.RESOURCES.items():
        assert f"/api/v1/{name}/<uuid:{ids.get(table, table)}>" in rules
    assert Finding.__tablename__ == "finding"
    row = WebhookDelivery(
        id=uuid.uuid4(), kind="finding.opened", at=NOW, subject={"type": "finding", "id": "7"}
    )
    links = json.loads(payload.body(row, "alder", "https://portal.example"))["links"]
    assert links == {"self": "https://portal.example/api/v1/findings/7"}


def test_only_codes_pass() -> None:
    passes = {
        "outcome": "clear_with_conditions",
        "tier": "critical",
        "sequence": 4,
        "state": None,
        "until": "2026-12-01",
    }
    stays = {
        "reason": "x",
        "band": "two words",
        "name": "Halden",
        "slug": "a" * 65,
        "why": ["x"],
        "vendor": "a\nb",
        "to": 2**60,
    }
    assert payload.codes({**passes, **stays}) == passes


# --------------------------------------------------------------------------------------------------------------- pages


def test_a_webhook_from_its_form_to_its_end(
    app: Portal, database: Database, settings: Settings, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "resolved", lambda target, **_named: [target.host])
    ciso = Browser(app.test_client(), place[OrganisationRole.CISO].person.email)
    home = f"/o/{place.slug}/webhooks"
    shown = re.search(r'name="id"[^>]*value="([^"]+)"', ciso.get(home).text)
    assert shown is not None
    one = shown.group(1)
    refused = ciso.post(home, {"id": one, "url": "https://127.0.0.1/", "kinds": CALLED, "current": PASSWORD})
    assert refused.status_code == 422
    assert outside.NOT_CALLED in refused.text
    assert "checked" in refused.text, "what was chosen stays chosen"
    wanted = {"id": one, "url": "https://siem.example.com/x", "kinds": CALLED}
    for proof in ("", "not the password"):
        stolen = ciso.post(home, {**wanted, "current": proof})
        assert (stolen.status_code, "whsec_" in stolen.text) == (422, False), "an open browser is not enough"
    assert told_of(database) == []
    wanted["current"] = PASSWORD
    made = ciso.post(home, wanted)
    secret = re.search(r"whsec_[\w-]{43}", made.text)
    assert secret is not None
    assert told_of(database) == ["added"] * 2, "an administrator and the CISO, once"
    again = ciso.post(home, wanted)
    assert (again.status_code, "whsec_" in again.text) == (200, False)
    assert told_of(database) == ["added"] * 2
    page = f"{home}/{one}"
    assert ciso.post(f"{page}/test", {}).status_code == 303
    text = ciso.get(page).text
    assert secret.group(0) not in text
    assert "https://siem.example.com/x" in text
    assert "ping" in text
    (row,) = rows(database)
    with database.transaction() as session:
        session.execute(update(WebhookDelivery).values(state="gave_up", last_error="timeout"))
    assert "No whole answer in time" in ciso.get(page).text
    assert ciso.post(f"{page}/deliveries/{row.id}/resend", {}).status_code == 303
    assert rows(database)[0].state == "queued"
    assert ciso.post(page, {"kinds": ["gate.decided"]}).status_code == 303
    hook = hook_of(database, uuid.UUID(one))
    assert (hook.kinds, hook.state) == (["gate.decided"], "off")
    assert ciso.post(f"{page}/test", {}).status_code == 409
    assert ciso.post(page, {"kinds": []}).status_code == 422
    stolen = ciso.post(f"{page}/secret", {})
    assert (stolen.status_code, "whsec_" in stolen.text) == (422, False)
    assert "Write the password that you have now." in stolen.text
    assert hook_of(database, uuid.UUID(one)).secret == hook.secret
    assert "whsec_" in ciso.post(f"{page}/secret", {"current": PASSWORD}).text
    assert told_of(database) == ["added", "added", "secret", "secret"]
    assert ciso.post(f"{page}/remove", {}).status_code == 303
    assert ciso.get(page).status_code == 404
    assert rows(database) == []
    with database.looking(SYSTEM) as session:
        kinds = set(session.execute(select(Event.kind).where(Event.kind.like("webhook.%"))).scalars())
    assert kinds == {Kind.WEBHOOK_ADDED, Kind.WEBHOOK_CHANGED, Kind.WEBHOOK_REMOVED, Kind.WEBHOOK_RESENT}


@pytest.mark.sqlite_itself
def test_all_that_a_whole_world_tells_is_ids_and_codes(
    database: Database, settings: Settings, scene: Scene
) -> None:
    """Every event of the scene, delivered: no canary in any payload."""
    for name in ("Kzalder", "Kzbirch"):
        hang(database, settings, scene.places[name], "https://a.example/", list(catalogue.NAMES))
    with database.transaction() as session:
        session.execute(
            update(Webhook).values(created_at=NOW - timedelta(days=900)).execution_options(unaudited=True)
        )
    while delivering.fan_out(database, now=NOW):
        pass
    found = rows(database)
    assert {one.kind for one in found} >= {
        "vendor.created",
        "assessment.submitted",
        "gate.decided",
        "finding.opened",
    }
    houses = {scene.places[name].id: name for name in ("Kzalder", "Kzbirch")}
    ids = {
        word for word in scene.canaries if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", word)
    }
    for one in found:
        text = payload.body(one, "slug", "https://portal.example").decode()
        heard = {word for word in scene.canaries if word in text}
        assert heard <= ids, "ids alone"
        assert all(houses[one.organisation_id] in scene.canaries[word] for word in heard), "and one's own"
