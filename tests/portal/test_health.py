"""/healthz and /metrics: numbers of the installation, for those who run it, and nothing of anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from portal import clock, create_app, restoring, worker
from portal.db import Database
from portal.outbox import Message, WorkerBeat
from portal.reassessment.models_runs import WorkerRun
from portal.reassessment.runs import SILENCE
from portal.settings import Settings
from portal.web import Portal
from tests.portal.test_outbox import put
from tests.portal.world import NOW

ROOT = Path(__file__).parents[2]
FAR = {"REMOTE_ADDR": "203.0.113.7"}


def values(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.both_databases
def test_the_numbers_are_those_of_the_outbox_and_the_worker(app: Portal, database: Database) -> None:
    with database.transaction() as session:
        session.add(WorkerBeat(name="one", at=NOW - timedelta(seconds=5)))
        for hours, behind, faults in (
            (0, 70, ["campaigns"]),
            (0, 40, ["campaigns", "clock"]),
            (2, 900, ["terms"]),
        ):
            ended = NOW - timedelta(hours=hours)
            session.add(
                WorkerRun(
                    name="one",
                    began_at=ended,
                    ended_at=ended,
                    passes=1,
                    counts={},
                    behind=behind,
                    faults=faults,
                )
            )
    for _ in range(3):
        put(database)
    answer = app.test_client().get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = values(answer.text)
    assert found["portal_letters", "queued"] == 3
    assert found["portal_worker_last_pass_timestamp_seconds", ""] == (NOW - timedelta(seconds=5)).timestamp()
    assert 0 <= found["portal_letter_oldest_seconds", ""] < 600
    assert found["portal_openings_hindered", ""] == 0
    assert found["portal_reminders_behind_seconds", ""] == 70, "of the last hour"
    faults = {job: number for (name, job), number in found.items() if name == "portal_worker_faults"}
    assert faults == {"campaigns": 2, "clock": 1}
    health = app.test_client().get("/healthz").json
    assert health is not None
    assert health["letters_waiting"] == 3


def test_no_label_names_a_tenant(app: Portal, database: Database) -> None:
    put(database)
    text = app.test_client().get("/metrics").text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|@|example", text)


@pytest.mark.parametrize(
    ("token", "shown", "far", "proxies", "status"),
    [
        ("", "", False, 0, 200),
        ("", "", True, 0, 404),
        ("", "Bearer ", True, 0, 404),
        ("", "", False, 1, 404),
        ("s3cret-of-metrics", "", True, 0, 404),
        ("s3cret-of-metrics", "Bearer s3cret-of-metrics", True, 0, 200),
        ("s3cret-of-metrics", "Bearer s3cret-of-metricS", True, 0, 404),
        ("s3cret-of-metrics", "Bearer é", True, 0, 404),
        ("s3cret-of-metrics", "Bearer s3cret-of-metrics", False, 1, 200),
    ],
)
def test_for_this_computer_or_whoever_shows_the_token(
    settings: Settings, database: Database, token: str, shown: str, far: bool, proxies: int, status: int
) -> None:
    made = create_app(replace(settings, metrics_token=token, trusted_proxies=proxies))
    headers = {"Authorization": shown.encode().decode("latin-1")} if shown else {}
    answer = made.test_client().get("/metrics", headers=headers, environ_overrides=FAR if far else {})
    assert answer.status_code == status
    made.database.dispose()


def test_a_beat_that_lies_ahead_is_no_sign_of_life(app: Portal, database: Database) -> None:
    with database.transaction() as session:
        session.add(WorkerBeat(name="gone:1", at=clock.now() + timedelta(days=40)))
    assert app.test_client().get("/healthz").status_code == 503
    assert (
        values(app.test_client().get("/metrics").text)["portal_worker_last_pass_timestamp_seconds", ""] == 0
    )
    with database.transaction() as session:
        session.add(WorkerBeat(name="here:1", at=clock.now() + timedelta(seconds=30)))
    assert app.test_client().get("/healthz").status_code == 200, "clocks of two machines are never the same"


def test_a_pass_of_the_crontab_in_the_readme_is_no_silence(app: Portal, database: Database) -> None:
    (minutes,) = re.findall(r"`(\S+) \* \* \* \* portal worker --once", (ROOT / "README.md").read_text())
    every = timedelta(minutes=int(minutes.removeprefix("*/")) if "/" in minutes else 1)
    lasts = timedelta(seconds=worker.FOR_REMINDERS + worker.FOR_LETTERS)

    def after(silence: timedelta) -> int:
        with database.transaction() as session:
            session.merge(WorkerBeat(name="cron", at=clock.now() - silence))
        return app.test_client().get("/healthz").status_code

    assert after(every + lasts) == 200
    assert after(SILENCE + timedelta(seconds=1)) == 503


def test_healthz_says_that_letters_are_held_until_they_are_released(app: Portal, database: Database) -> None:
    def said() -> str:
        found = app.test_client().get("/healthz").json
        assert found is not None
        return str(found.get("letters", ""))

    assert said() == ""
    restoring.settle(database, now=NOW)
    assert said() == "held"
    restoring.release_letters(database, send=True, now=NOW)
    assert said() == ""


@pytest.mark.both_databases
def test_the_letters_that_wait_are_those_that_are_still_to_go(app: Portal, database: Database) -> None:
    """What was sent, given up or dropped is kept, and waits for nothing."""
    for state in ("queued", "failed", "sending", "held", "sent", "sent", "gave_up", "dropped"):
        letter = put(database)
        with database.transaction() as session:
            session.execute(update(Message).where(Message.id == letter).values(state=state))
    health = app.test_client().get("/healthz").json
    assert health is not None
    assert health["letters_waiting"] == 4
    counted = values(app.test_client().get("/metrics").text)
    assert counted["portal_letters", "sent"] == 2
    assert counted["portal_letters", "held"] == 1


def test_healthz_says_how_far_behind_it_is(app: Portal, database: Database) -> None:
    put(database)
    health = app.test_client().get("/healthz").json
    assert health is not None
    assert set(health) == {"status", "database", "worker", "behind_seconds", "letters_waiting"}
