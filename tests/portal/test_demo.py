"""The demonstration: starts by itself, keeps its data, survives being cut off, and is ready when it says so."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from email import message_from_bytes
from email.message import Message as EmailMessage
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from portal import cli, clock, demo, demo_cycle, demo_samples, demo_story, installation
from portal.access import CompanyRole, OrganisationRole
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.assessments.models import (
    Assessment,
    AssessmentEngagement,
    Delegation,
    Enquiry,
    Rating,
    Submission,
)
from portal.contracts.models import Evaluation
from portal.db import SYSTEM, Database
from portal.evidence.models import Evidence
from portal.faults import StartupFault
from portal.gate import reading, recomputing
from portal.gate.models import GateDecision, GateProposal, RiskException
from portal.organisations.models import Organisation
from portal.outbox import Message
from portal.reassessment import workdays
from portal.reassessment.models import Reassessment, Reminder
from portal.reassessment.models_terms import EvidenceTerm
from portal.reassessment.models_triggers import Incident, Trigger
from portal.settings import Settings
from portal.storage import open_storage
from portal.vendors.facts import ASKED
from portal.vendors.models import Engagement, Vendor
from questionnaires import catalog
from questionnaires.answers import parse_answers, parse_facts
from questionnaires.dates import roll
from questionnaires.scoring import score
from tests.conftest import FULL
from tests.ports import free_port


@contextmanager
def running(data: Path, port: int) -> Iterator[list[str]]:
    """The demonstration as a process, from its ready line on; yields what it has printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.cli", "demo", "--data", str(data), "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: list[str] = []
    timer = threading.Timer(90, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ready"):
                break
        assert lines, "nothing was printed"
        assert lines[-1].startswith(f"Ready: http://127.0.0.1:{port}/"), lines
        yield lines
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(30) == 0, rest
        assert "Traceback" not in rest
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()


def read(port: int, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return answer.status, answer.read().decode()


def test_it_starts_prints_serves_and_keeps_its_data(tmp_path: Path) -> None:
    data, port = tmp_path / "demo", free_port()
    with running(data, port) as printed:
        status, said = read(port, "/healthz")
        well = json.loads(said)
        assert (status, well["status"], well["database"], well["worker"]) == (200, "ok", "well", "well")
        assert "Sign in" in read(port, "/")[1]
    file = data / "accounts.json"
    found = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all(set(one) == {"email", "password", "name", "role", "side"} for one in found)
    roles = {(one["side"], one["role"]) for one in found}
    assert roles == {("organisation", one.value) for one in OrganisationRole} | {
        ("company", one.value) for one in (CompanyRole.OWNER, CompanyRole.CONTRIBUTOR)
    }
    text = "\n".join(printed)
    assert all(one["email"] in text and one["password"] in text and one["role"] in text for one in found)
    assert re.search(rf"http://127\.0\.0\.1:{port}/o/halden-mutual-\w+/", text)
    for company in ("fennmark-archive", "norrsund-pay", "brae-language", "quillon-couriers"):
        assert re.search(rf"http://127\.0\.0\.1:{port}/c/{company}-\w+/", text)

    again = free_port()
    with running(data, again) as printed:
        assert json.loads(file.read_text()) == found
        assert all(one["password"] in "\n".join(printed) for one in found)
    assert installation.demo_port(data) == again


@contextmanager
def cheap_hashing() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo.accounts, "hash_password", lambda settings, password: f"hash of {password}")
        yield


@pytest.fixture
def prepared(tmp_path: Path) -> Settings:
    """A demonstration that is made but not served; cheap hashing."""
    with cheap_hashing():
        return demo.prepare(tmp_path / "demo", free_port())


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same, for tests that change nothing."""
    with cheap_hashing():
        return demo.prepare(tmp_path_factory.mktemp("looked") / "demo", free_port())


def people_of(found: Settings) -> set[str]:
    with Database(found.database_url).looking(SYSTEM) as session:
        return set(session.scalars(select(PersonRow.address).where(PersonRow.password_hash.is_not(None))))


def test_what_is_there(looked_at: Settings) -> None:
    with Database(looked_at.database_url).looking(SYSTEM) as session:
        organisation = session.execute(select(Organisation)).scalar_one()
        found = session.execute(
            select(Vendor.name, Assessment.slug, Assessment.version, Assessment.state, Assessment.due)
            .join(Assessment, Assessment.vendor_id == Vendor.id)
            .order_by(Assessment.issued_at, Vendor.name)
        ).all()
        joined = {one.name: one.company_id is not None for one in session.execute(select(Vendor)).scalars()}
    assert set(organisation.regimes) == {"gdpr", "eu_financial", "iso27001"}
    assert (organisation.zone, organisation.vendor_sees) == ("Europe/Lisbon", "all")
    assert joined == {
        "Fennmark Archive": True,
        "Norrsund Pay": True,
        "Brae Language": True,
        "Solvane": False,
        "Quillon Couriers": True,
        "Ferrow Dispatch": False,
    }
    assert [tuple(one[:4]) for one in found] == [
        ("Quillon Couriers", "house_rules", "1.0.0", "submitted"),
        ("Quillon Couriers", "security_lite", "1.0.0", "submitted"),
        ("Fennmark Archive", "security_core", "1.0.0", "submitted"),
        ("Norrsund Pay", "security_core", "1.0.0", "submitted"),
        ("Brae Language", "security_core", "1.0.0", "submitted"),
        ("Norrsund Pay", "privacy_processor", "1.0.0", "open"),
        ("Brae Language", "privacy_processor", "1.0.0", "open"),
        ("Brae Language", "security_core", "2.0.0", "open"),
        ("Ferrow Dispatch", "vulnerability_flash", "1.0.0", "open"),
        ("Quillon Couriers", "vulnerability_flash", "1.0.0", "submitted"),
        ("Fennmark Archive", "security_lite", "1.0.0", "open"),
    ]
    today = clock.local_date(clock.now(), demo.ZONE)
    assert [one.due < today for one in found if one.state == "open"] == [True, False, False, False, False]
    assert people_of(looked_at) == {one.email for one in demo._accounts(looked_at.data)}


def test_each_sample_is_rated_as_its_file_says(looked_at: Settings) -> None:
    """Through the services, days ago, with documents from storage: the number and band that the file itself gives."""
    core = catalog.get("security_core@1.0.0")
    with Database(looked_at.database_url).looking(SYSTEM) as session:
        rows = session.execute(
            select(Vendor.name, Rating.result, Engagement.tier, Engagement.facts, Assessment.submitted_at)
            .join(Assessment, Assessment.vendor_id == Vendor.id)
            .join(Submission, Submission.assessment_id == Assessment.id)
            .join(Rating, Rating.submission_id == Submission.id)
            .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
            .join(Engagement, Engagement.id == AssessmentEngagement.engagement_id)
            .where(Assessment.slug == "security_core")
        ).all()
        evaluated = set(session.scalars(select(Evaluation.engagement_id)))
        scheduled = set(session.scalars(select(Reassessment.engagement_id)))
    assert len(rows) == 3
    assert len(evaluated) == len(scheduled) == 4
    for name, result, tier, facts, submitted in rows:
        one = next(sample for sample in demo_samples.SAMPLES if sample.name == name)
        raw: Any = catalog.sample(one.sample)
        file = parse_answers(core, raw)
        told = score(core, file.answers, file.facts, file.as_of)
        document = json.loads(result)
        points = Fraction(int(document["score"]["num"]), int(document["score"]["den"]))
        assert (document["band"], points) == (told.band, told.score)
        assert tier == raw["facts"]["engagement.tier"]
        stated = {key: raw["facts"][key] for key in ASKED if key in raw["facts"]}
        assert parse_facts(facts) == parse_facts(stated)
        assert timedelta(days=1) < clock.now() - submitted < timedelta(days=10)


def test_documents_are_in_storage_and_open(looked_at: Settings) -> None:
    storage = open_storage(looked_at)
    with Database(looked_at.database_url).looking(SYSTEM) as session:
        documents = session.scalars(select(Evidence)).all()
    samples: list[Any] = [catalog.sample(one) for one in catalog.samples()]
    named = [
        item for raw in samples for answer in raw["answers"].values() for item in answer.get("evidence", ())
    ]
    assert len(documents) == len(named) == 26
    for one in documents:
        assert one.issued is not None
        assert one.issued <= one.uploaded_at.date()
        assert one.storage_key is not None
        content = b"".join(storage.read(one.storage_key))
        assert (len(content), content[:8]) == (one.size, b"%PDF-1.4")


def test_somebody_waits_for_somebody(looked_at: Settings) -> None:
    """A wish and a question that are open, a part that an outsider answers by a link that still works."""
    with Database(looked_at.database_url).looking(SYSTEM) as session:
        asked = {one.kind: one.state for one in session.scalars(select(Enquiry))}
        links = session.scalars(select(Delegation).where(Delegation.token_hash.is_not(None))).all()
    assert asked == {"more_time": "open", "question": "open"}
    assert [one.keys for one in links] == [["handling", "people"]]
    assert links[0].expires_at is not None
    assert links[0].expires_at > clock.now()


def test_one_gate_is_decided_by_two_and_one_waits_for_the_second(looked_at: Settings) -> None:
    database = Database(looked_at.database_url, looked_at.base_url, looked_at.secret_key)
    with database.looking(SYSTEM) as session:
        names = {one.id: one.name for one in session.scalars(select(Engagement))}
        people = {one.id: one.name for one in session.scalars(select(PersonRow))}
        (decided,) = session.scalars(select(GateDecision))
        waits = session.scalars(select(GateProposal).where(GateProposal.state == "waiting")).one()
        standing = reading.standing(
            session, decided.organisation_id, [decided.engagement_id], now=clock.now()
        )[decided.engagement_id]
    assert names[decided.engagement_id] == "Claims document archive"
    assert decided.approved_by is not None
    assert {people[decided.decided_by], people[decided.approved_by]} == {"Ines Carvalho", "Ruth Abara"}
    assert standing.effective is not None
    assert (standing.effective.outcome, standing.effective.lapses) == ("clear_with_conditions", ())
    assert (names[waits.engagement_id], people[waits.proposed_by]) == ("Payroll", "Ines Carvalho")
    assert recomputing.anew(decided).agrees
    database.dispose()


def work(found: Settings, *more: str) -> None:
    assert cli.main(["worker", "--data", str(found.data), "--once", *more]) == 0


def test_letters_of_the_past_do_not_go_out(prepared: Settings) -> None:
    """At the first start only today's letter goes to a vendor; whose wish waits for an answer is not pressed.

    On some days a document's own step is today's, too: when it ends follows from months of many lengths.
    """
    work(prepared)
    letters = [message_from_bytes(path.read_bytes()) for path in (prepared.data / "mail").glob("*.eml")]
    with Database(prepared.database_url).looking(SYSTEM) as session:
        assert all(not one.text for one in session.scalars(select(Message).where(Message.secret)))
        by_kind: dict[uuid.UUID, set[str]] = {}
        for message, kind in session.execute(select(Reminder.message_id, Reminder.kind)):
            by_kind.setdefault(message, set()).add(kind)
    told = [one["To"] for one in letters if by_kind.get(id_of(one)) != {"evidence"}]
    assert [one for one in told if "@halden.example" not in one] == [
        "Tomasz Wilk <tomasz.wilk@fennmark.example>"
    ]


def id_of(letter: EmailMessage) -> uuid.UUID:
    return uuid.UUID(letter["Message-ID"].strip("<>").partition("@")[0])


def test_the_audit_cycle(prepared: Settings) -> None:
    """One opens by the calendar on a later day, one cannot be opened, an exception and a document end, one of two has
    answered the campaign, payroll tells of a breach."""
    work(prepared)
    today = clock.local_date(clock.now(), demo.ZONE)
    with Database(prepared.database_url).looking(SYSTEM) as session:
        regions = set(session.scalars(select(Organisation.region)))
        calendars = workdays.calendars(session, regions).values()

    def working(day: date) -> bool:
        return all(one.working(day) for one in calendars)

    if not working(today):  # what is to be opened is looked at on working days
        work(prepared, "--now", roll(today, working, back=False).isoformat())
    with Database(prepared.database_url).looking(SYSTEM) as session:
        stuck = session.scalars(select(Reassessment).where(Reassessment.hindered != "")).one()
        exception = session.scalars(select(RiskException)).one()
        ending = session.scalar(
            select(func.min(EvidenceTerm.until)).where(EvidenceTerm.best, EvidenceTerm.until >= today)
        )
        incident = session.scalars(select(Incident)).one()
        asked = session.scalars(select(Assessment.state).where(Assessment.campaign_id.is_not(None))).all()
        told = set(session.scalars(select(Trigger.kind)))
        assert session.scalars(select(Assessment).where(Assessment.by_itself)).all() == []
    assert (stuck.slug, stuck.hindered) == (demo_cycle.ROUNDS, "no_version")
    assert exception.state == "approved"
    assert 0 < (exception.until - today).days <= 30
    assert ending is not None
    assert (ending - today).days <= 60
    assert (incident.side, incident.state) == ("company", "open")
    assert sorted(asked) == ["open", "submitted"]
    assert {"incident", "version"} <= told
    # 11 days ahead is after the day of opening, whatever weekday and holiday today is.
    work(prepared, "--now", roll(today + timedelta(days=11), working, back=False).isoformat())
    with Database(prepared.database_url).looking(SYSTEM) as session:
        opened = session.scalars(select(Assessment).where(Assessment.by_itself)).one()
        assert (opened.slug, opened.state) == (demo_story.LITE, "open")
        assert session.scalars(select(Reassessment.hindered).where(Reassessment.id == stuck.id)).one() != ""


def test_passwords_are_fresh_and_fit(tmp_path: Path) -> None:
    one = demo.prepare(tmp_path / "one", free_port())
    with Database(one.database_url).looking(SYSTEM) as session:
        stored = dict(session.execute(select(PersonRow.address, PersonRow.password_hash)).all())
    first = demo._accounts(one.data)[0]
    assert accounts.verify_password(one, stored[first.email], first.password)
    assert len({account.password for account in demo._accounts(one.data)}) == 11
    assert first.password not in (one.data / "portal.sqlite").read_bytes().decode("latin-1")


@pytest.mark.parametrize("cut", ["_populate", "keep", "commit"])
def test_a_first_start_that_is_cut_off_leaves_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    monkeypatch.setattr(demo.accounts, "hash_password", lambda settings, password: f"hash of {password}")
    data, port = tmp_path / "demo", free_port()

    def power_cut(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if cut == "_populate":
            patch.setattr(demo, "_populate", power_cut)
        elif cut == "keep":
            kept = installation.keep

            def keep_but_accounts(path: Path, text: str) -> None:
                if path.name == demo.ACCOUNTS_FILE:
                    raise KeyboardInterrupt
                kept(path, text)

            patch.setattr(installation, "keep", keep_but_accounts)
        else:
            patch.setattr("portal.db._commit", power_cut)
        with pytest.raises(KeyboardInterrupt):
            demo.prepare(data, port)
    found = demo.prepare(data, port)
    assert people_of(found) == {one.email for one in demo._accounts(data)}
    with Database(found.database_url).looking(SYSTEM) as session:
        stored = dict(session.execute(select(PersonRow.address, PersonRow.password_hash)).all())
    assert all(stored[one.email] == f"hash of {one.password}" for one in demo._accounts(data))


def test_killed_at_any_moment_the_next_start_works(tmp_path: Path) -> None:
    """kill -9 while it starts, a few times at different moments, then a start that must be whole."""
    data, port = tmp_path / "demo", free_port()
    command = [sys.executable, "-m", "portal.cli", "demo", "--data", str(data), "--port", str(port)]
    for pause in (0.9, 1.4, 2.0) if FULL else (1.4,):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with running(data, port):
        found = demo._accounts(data)
        assert len(found) == 11
        assert read(port, "/healthz")[0] == 200


def test_reminders_of_another_day(prepared: Settings) -> None:
    """Each step towards the due date of the tour's assessment, once; up to that date on the working day before."""
    due = clock.local_date(clock.now(), demo.ZONE) + timedelta(days=demo_story.DAYS_TO_ANSWER)
    seen: set[str] = set()

    def on(days: int) -> set[str]:
        day = (due + timedelta(days=days)).isoformat()
        assert cli.main(["worker", "--data", str(prepared.data), "--once", "--now", day]) == 0
        with Database(prepared.database_url).looking(SYSTEM) as session:
            tour = select(Assessment.id).where(
                Assessment.slug == "security_lite", Assessment.state == "open", ~Assessment.by_itself
            )
            steps = set(session.scalars(select(Reminder.step).where(Reminder.subject_id.in_(tour)))) - seen
        seen.update(steps)
        return steps

    looks = [on(days) for days in (-33, -30, -30, -7, 0, 9, 9, 60)]
    assert looks == [
        set(),
        {"before-30"},
        set(),
        {"before-7"},
        {"on-the-day"},
        {"after-7"},
        set(),
        {"after-30"},
    ]
    letters = [path.read_text() for path in (prepared.data / "mail").glob("*.eml")]
    about = [one for one in letters if "To: Tomasz Wilk" in one and "security_lite" not in one]
    assert len(about) >= 5, "with the one that came with the assessment"


def test_a_real_installation_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "portal.toml").write_text("")
    with pytest.raises(StartupFault, match="real installation"):
        demo.prepare(tmp_path, free_port())
    assert [one.name for one in tmp_path.iterdir()] == ["portal.toml"]


def test_without_its_accounts_it_says_what_to_do(prepared: Settings) -> None:
    (prepared.data / "accounts.json").unlink()
    with pytest.raises(StartupFault, match="Delete the folder"):
        demo._accounts(prepared.data)


def test_an_empty_key_is_no_key(prepared: Settings) -> None:
    """A key file that another program cut off is made again, whole."""
    key = prepared.data / installation.KEY_FILE
    key.write_text("")
    again = demo.prepare(prepared.data, free_port())
    assert len(again.secret_key) >= 60
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
