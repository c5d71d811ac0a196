"""What-ifs: which submissions, what the worker writes, crash, stop, redaction, page, file and command line."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from portal import cli_foreseeing
from portal.access import CompanyRole
from portal.assessments.drafts import Content
from portal.assessments.models import SealedAnswer
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.library.models import WhatIfRow, WhatIfRun
from portal.organisations.models import Organisation
from portal.reports import what_if, what_if_working
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from questionnaires.definition import Question, Questionnaire
from questionnaires.raw import read_raw
from tests.portal import journey
from tests.portal.library.given_drafts import CISO, LITE, begin, copied
from tests.portal.scene import fill, issue, make_vendor, own_questionnaire, release_own, seal
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def vendors(database: Database, settings: Settings, halden: Place) -> list[journey.Issued]:
    """Three vendors that have submitted: all at their best."""
    found = []
    for name in ("Alder", "Birch", "Cedar"):
        company = make_company(database, settings, name)
        issued = journey.issue(database, halden, company, vendor_name=f"{name} Ltd")
        journey.submit(database, issued)
        found.append(issued)
    return found


def stricter(document: dict[str, Any]) -> None:
    """A copy in which every answer earns nothing."""
    for section in document["sections"]:
        for question in section["questions"]:
            for option in question.get("options", ()):
                if "points" in option:
                    option["points"] = 0


def candidate(change: Any = lambda document: None) -> Questionnaire:
    document = copied()
    change(document)
    return read_raw(document).whole()


def ask(database: Database, place: Place, found: Questionnaire, now: datetime = LATER) -> uuid.UUID:
    total = len(what_if.subjects(database, place.id, found, now))
    with database.transaction(place[CISO].scope) as session:
        return what_if.ask(session, found, None, total, actor=place[CISO], now=now).id


def turn(database: Database, now: datetime = LATER, **options: Any) -> int:
    return what_if_working.work(database, lambda: now, **options)


def run_of(database: Database, run: uuid.UUID) -> WhatIfRun:
    with database.looking(SYSTEM) as session:
        return session.get_one(WhatIfRun, run)


def rows(database: Database, run: uuid.UUID) -> list[WhatIfRow]:
    with database.looking(SYSTEM) as session:
        found = select(WhatIfRow).where(WhatIfRow.run_id == run).order_by(WhatIfRow.submission_id)
        return list(session.scalars(found))


def test_an_equal_copy_changes_nothing(
    database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    run = ask(database, halden, candidate())
    assert turn(database) == 3
    found = run_of(database, run)
    assert (found.state, found.done, found.total) == ("done", 3, 3)
    assert {one.verdict for one in rows(database, run)} == {"same"}
    for one in rows(database, run):
        assert one.before == one.after
        assert json.loads(one.changes)["unanswered"] == 0


def test_a_stricter_version_is_worse_for_everybody(
    database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    run = ask(database, halden, candidate(stricter))
    turn(database)
    found = rows(database, run)
    assert {one.verdict for one in found} == {"worse"}
    assert {one.vendor_id for one in found} == {one.vendor for one in vendors}
    assert all(json.loads(one.changes)["knockouts"] for one in found)


@pytest.mark.both_databases
def test_only_the_newest_of_each_engagement_counts_and_nothing_after_the_question(
    database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    first = vendors[0]
    again = journey.again(database, halden, first.vendor, first.engagements, LITE, now=NOW)
    newer = journey.submit(database, first, assessment=again, now=NOW + timedelta(minutes=1))
    found = what_if.subjects(database, halden.id, candidate(), LATER)
    assert len(found) == 3
    assert newer in {one.id for one in found}
    before = what_if.subjects(database, halden.id, candidate(), NOW)
    assert newer not in {one.id for one in before}
    assert len(before) == 3


def test_another_questionnaires_submissions_are_not_tried(
    database: Database, settings: Settings, halden: Place, vendors: list[journey.Issued]
) -> None:
    other = catalog.latest("vulnerability_flash")
    assert what_if.subjects(database, halden.id, other, LATER) == []
    elsewhere = make_organisation(database, settings, "Orrin")
    assert what_if.subjects(database, elsewhere.id, candidate(), LATER) == []


@pytest.mark.both_databases
def test_a_redacted_submission_is_not_read(
    database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    subject = what_if.subjects(database, halden.id, candidate(), LATER)[1]
    with database.transaction() as session:
        one = session.scalars(
            select(SealedAnswer.key).where(SealedAnswer.submission_id == subject.id).limit(1)
        ).one()
        gone = delete(SealedAnswer).where(SealedAnswer.submission_id == subject.id, SealedAnswer.key == one)
        session.execute(gone)
        record(session, Kind.REDACTED, now=NOW, actor=None)
    run = ask(database, halden, candidate(stricter))
    turn(database)
    verdicts = {one.submission_id: one for one in rows(database, run)}
    assert verdicts[subject.id].verdict == "unread"
    assert verdicts[subject.id].before[0] is not None
    assert verdicts[subject.id].after == [None, None, None, None]
    assert sorted(one.verdict for one in verdicts.values()) == ["unread", "worse", "worse"]


def test_a_run_that_was_cut_off_goes_on_where_it_was(
    database: Database, halden: Place, vendors: list[journey.Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if_working, "WRITTEN_TOGETHER", 1)
    run = ask(database, halden, candidate(stricter))
    assert turn(database, seconds=0.0) == 1
    assert run_of(database, run).state == "running"
    first = rows(database, run)
    assert turn(database, seconds=0.0) == 1
    assert turn(database) == 1
    assert run_of(database, run).state == "done"
    assert len(rows(database, run)) == 3
    assert rows(database, run)[0].submission_id == first[0].submission_id


def test_a_crash_in_the_middle_is_taken_up_after_the_lease(
    database: Database, halden: Place, vendors: list[journey.Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if_working, "WRITTEN_TOGETHER", 1)
    run = ask(database, halden, candidate(stricter))
    claimed = what_if_working._claim(database, LATER)
    assert claimed is not None
    lines = what_if.foresee(database, halden.id, claimed.candidate, before=LATER)
    assert what_if_working._write(database, claimed, [next(lines)], LATER)
    lines.close()  # type: ignore[attr-defined]  # it is a generator
    # The worker is gone. Nobody else may take the run before its lease is over.
    assert turn(database) == 0
    after = LATER + what_if_working.LEASE + timedelta(seconds=1)
    assert turn(database, after) == 2
    assert (run_of(database, run).state, run_of(database, run).done) == ("done", 3)
    # It comes back: its fence is down, it writes nothing more.
    late = what_if.foresee(database, halden.id, claimed.candidate, before=LATER)
    assert not what_if_working._write(database, claimed, list(late), after)
    assert len(rows(database, run)) == 3


@pytest.mark.both_databases
def test_stopping_keeps_what_was_worked_out(
    database: Database, halden: Place, vendors: list[journey.Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what_if_working, "WRITTEN_TOGETHER", 1)
    run = ask(database, halden, candidate())
    turn(database, seconds=0.0)
    with database.transaction(halden[CISO].scope) as session:
        what_if.stop(session, run, actor=halden[CISO], now=LATER)
    assert turn(database) == 0
    assert (run_of(database, run).state, len(rows(database, run))) == ("stopped", 1)
    with database.looking(SYSTEM) as session:
        kinds = list(session.scalars(select(Event.kind).where(Event.kind.like("what_if%"))))
    assert sorted(kinds) == [Kind.WHAT_IF_ASKED.value, Kind.WHAT_IF_STOPPED.value]


def test_what_cannot_be_read_ends_the_run_and_not_the_worker(
    database: Database, halden: Place, vendors: list[journey.Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("no")
        yield

    run = ask(database, halden, candidate())
    monkeypatch.setattr(what_if, "what_if_many", broken)
    assert turn(database) == 0
    found = run_of(database, run)
    assert (found.state, found.fault) == ("failed", "ValueError")


def test_many_submissions_are_worked_out_in_other_processes(
    database: Database, halden: Place, vendors: list[journey.Issued], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ask(database, halden, candidate(stricter))
    turn(database)
    monkeypatch.setattr(what_if, "FEW", 0)
    other = ask(database, halden, candidate(stricter))
    turn(database)
    apart = [(one.submission_id, one.after, one.changes) for one in rows(database, other)]
    assert apart == [(one.submission_id, one.after, one.changes) for one in rows(database, run)]


def test_requirements_that_vanish_are_named(database: Database, settings: Settings, halden: Place) -> None:
    """Answers that call for a clause: in a copy that does not ask them, nobody knows any more."""

    def worst(question: Question) -> Content:
        if question.type == "choice":
            return Content("answered", question.options[-1].value)
        return journey.best(question)

    with database.transaction() as session:
        session.get_one(Organisation, halden.id).regimes = ["gdpr", "soc2", "nis2"]
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    issued = journey.issue(database, halden, make_company(database, settings, "Alder"))
    journey.submit(database, issued, fill=worst)
    full = ask(database, halden, candidate())
    turn(database)
    assert json.loads(rows(database, full)[0].changes)["requirements"] == []

    def short(document: dict[str, Any]) -> None:
        document["sections"] = [
            {
                "key": "own",
                "title": "Own",
                "questions": [{"key": "own.x", "text": "What else?", "type": "text"}],
            }
        ]
        document.pop("caps", None)
        document.pop("knockout_band", None)

    bare = ask(database, halden, candidate(short))
    turn(database)
    assert json.loads(rows(database, bare)[0].changes)["requirements"]


# ------------------------------------------------------------------------------------------------------------- pages


@pytest.fixture
def author(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "reviewer@halden.example")


def test_a_draft_is_tried_and_read(
    author: Browser, app: Portal, database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    draft = begin(database, halden, stricter)
    page = author.get(f"/o/{halden.slug}/what-ifs/ask?draft={draft}").text
    assert "3 submissions would be tried." in page
    answer = author.post(f"/o/{halden.slug}/what-ifs/ask", {"draft": str(draft)})
    assert answer.status_code == 303
    address = answer.headers["Location"]
    waiting = author.get(address)
    assert "It waits for its turn" in waiting.text
    assert waiting.headers["Refresh"] == "5"
    turn(database, datetime.now(NOW.tzinfo) + timedelta(days=1))
    answer = author.get(address)
    assert "Refresh" not in answer.headers
    done = answer.text
    assert "It is worked out" in done
    assert done.index("Alder Ltd") < done.index("Cedar Ltd")
    down = author.get(f"{address}?down=1").text
    assert down.index("Cedar Ltd") < down.index("Alder Ltd")
    assert "No submission fits this filter." in author.get(f"{address}?verdict=better").text
    assert "Alder Ltd" in author.get(f"{address}?verdict=worse").text
    assert "3 of 3" in author.get(f"/o/{halden.slug}/what-ifs").text
    answer = author.get(f"{address}.csv")
    lines = list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))
    assert [one["vendor"] for one in lines] == ["Alder Ltd", "Birch Ltd", "Cedar Ltd"]
    assert {one["verdict"] for one in lines} == {"worse"}
    auditor = Browser(app.test_client(), "auditor@halden.example")
    assert auditor.get(address).status_code == 200
    assert auditor.post(f"{address}/stop").status_code == 403
    assert Browser(app.test_client(), "procurement@halden.example").get(address).status_code == 403


def test_what_the_gate_says_of_a_version_stands_with_its_submission(
    author: Browser, app: Portal, database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    """Through the callback of web.Portal: sentences by submission, for a page of rows and for the whole file."""
    run = ask(database, halden, candidate(stricter))
    turn(database)
    told = []

    def breaks(
        session: Session, identity: Any, tried: Questionnaire, found: Any
    ) -> dict[uuid.UUID, list[str]]:
        told.append((identity.organisation.id, tried.label, len(found)))
        first = min(found, key=lambda one: one.submission_id)
        return {first.submission_id: ["Archive: go ahead would lapse"]}

    app.breaks = breaks
    address = f"/o/{halden.slug}/what-ifs/{run}"
    assert author.get(address).text.count("Archive: go ahead would lapse") == 1
    lines = list(csv.DictReader(io.StringIO(author.get(f"{address}.csv").text.lstrip("\ufeff"))))
    assert sorted(one["decisions"] for one in lines) == ["", "", "Archive: go ahead would lapse"]
    assert told == [(halden.id, candidate(stricter).label, 3)] * 2
    assert author.get(f"{address}?verdict=better").status_code == 200  # nothing to ask about
    assert len(told) == 2


def test_a_run_is_stopped_from_its_page(
    author: Browser, database: Database, halden: Place, vendors: list[journey.Issued]
) -> None:
    run = ask(database, halden, candidate())
    assert "Stop it" in author.get(f"/o/{halden.slug}/what-ifs/{run}").text
    assert author.post(f"/o/{halden.slug}/what-ifs/{run}/stop").status_code == 303
    assert "It was stopped" in author.get(f"/o/{halden.slug}/what-ifs/{run}").text


def test_enough_is_enough(author: Browser, database: Database, halden: Place, vendors: Any) -> None:
    for _number in range(what_if.MOST_OPEN):
        ask(database, halden, candidate())
    answer = author.post(f"/o/{halden.slug}/what-ifs/ask", {"version": LITE.label})
    assert answer.status_code == 409
    assert "are being worked out" in answer.text


@pytest.mark.both_databases
def test_old_runs_go_with_their_rows(
    author: Browser,
    database: Database,
    halden: Place,
    vendors: list[journey.Issued],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(what_if, "MOST_KEPT", 2)
    asked = []
    for minute in range(4):
        now = LATER + timedelta(minutes=minute)
        asked.append(ask(database, halden, candidate(), now))
        turn(database, now)
    with database.looking(SYSTEM) as session:
        kept = set(session.scalars(select(WhatIfRun.id)))
        of_rows = set(session.scalars(select(WhatIfRow.run_id)))
        told = [one.data["forgotten"] for one in _asked(session)]
    assert kept == of_rows == set(asked[2:])
    assert told == [0, 0, 1, 1]
    # What is open is never deleted, and the list of runs does not read what was tried.
    open_one = ask(database, halden, candidate(), LATER)
    ask(database, halden, candidate(), LATER + timedelta(hours=1))
    assert run_of(database, open_one).state == "queued"
    with database.looking(halden[CISO].scope) as session:
        (newest, *_others) = what_if.runs(session, halden[CISO])
        with pytest.raises(InvalidRequestError):
            len(newest.candidate)
    assert author.get(f"/o/{halden.slug}/what-ifs").status_code == 200


def _asked(session: Session) -> list[Event]:
    found = select(Event).where(Event.kind == Kind.WHAT_IF_ASKED.value).order_by(Event.at)
    return list(session.scalars(found))


def test_what_is_not_yours_is_not_there(
    app: Portal, database: Database, settings: Settings, halden: Place, vendors: list[journey.Issued]
) -> None:
    run, draft = ask(database, halden, candidate()), begin(database, halden)
    make_organisation(database, settings, "Orrin")
    other = Browser(app.test_client(), "ciso@orrin.example")
    for address in (
        f"what-ifs/{run}",
        f"what-ifs/{run}.csv",
        f"what-ifs/ask?draft={draft}",
        "what-ifs/ask?version=ours@1.0.0",
        "what-ifs/ask",
    ):
        assert other.get(f"/o/orrin/{address}").status_code == 404
    assert other.post(f"/o/orrin/what-ifs/{run}/stop").status_code == 404
    assert other.post("/o/orrin/what-ifs/ask", {"draft": str(draft)}).status_code == 404


def test_the_command_line_says_the_same(
    database: Database, settings: Settings, halden: Place, vendors: list[journey.Issued], tmp_path: Any
) -> None:
    path = tmp_path / "ours.json"
    document = copied()
    stricter(document)
    path.write_text(json.dumps(document))
    found = list(cli_foreseeing.what_if_lines(database, halden.id, read_raw(document).whole(), LATER))
    found = [line for line in found if not line.startswith(" ")]
    assert sorted(line.split(":")[0] for line in found[:-1]) == ["Alder Ltd", "Birch Ltd", "Cedar Ltd"]
    assert found[-1] == "worse: 3"


# --------------------------------------------------------------------------------------- the command, a process apart


def said(settings: Settings, organisation: str, version: object) -> tuple[int, str, str]:
    """Exit code, output and complaints of ``portal what-if`` on this installation."""
    environment = {
        "PORTAL_SECRET_KEY": settings.secret_key,
        "PORTAL_DATABASE_URL": settings.database_url,
        "PORTAL_BASE_URL": settings.base_url,
        "PORTAL_MAIL": settings.mail,
    }
    command = [sys.executable, "-m", "portal.cli", "what-if", "--data", str(settings.data)]
    done = subprocess.run(
        [*command, organisation, str(version)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.both_databases
def test_the_command_whole(database: Database, settings: Settings, halden: Place, tmp_path: Path) -> None:
    """A process of its own, on a file, on a version, and on what cannot be tried; it lives by the machine's clock."""
    before, actor = datetime.now(NOW.tzinfo) - timedelta(hours=1), halden[CISO]
    written = own_questionnaire("backups", "Backups")
    own = release_own(database, actor, written, "backups")
    company = make_company(database, settings, "Alder")
    vendor, engagement, _ = make_vendor(
        database, actor, company, name="Alder Ltd", engagement="Hosting", now=before
    )
    due = before.date() + timedelta(days=30)
    assessment = issue(database, actor, vendor, engagement, own, due=due, now=before)
    owner = company[CompanyRole.OWNER]
    fill(database, owner, assessment, now=before)
    seal(database, owner, assessment, now=before)

    harder = json.loads(written) | {"version": "2.0.0"}
    gate = harder["sections"][0]["questions"][0]
    gate["options"][0]["points"] = 40
    path = tmp_path / "harder.json"
    path.write_text(json.dumps(harder))
    code, printed, complained = said(settings, "Halden", path)
    assert (code, complained) == (0, "")
    # Of 15 points of weight 10 are the gate's; the text is nobody's to grade yet, so it is 0 to 5 of them.
    assert printed.splitlines() == [
        "Alder Ltd: cannot_tell: 66.6-100.0 (bad-good) to 26.6-60.0 (bad)",
        "cannot_tell: 1",
    ]
    code, printed, complained = said(settings, halden.slug, "backups@1.0.0")
    assert (code, complained) == (0, "")
    assert printed.splitlines()[-1] == "cannot_tell: 1"  # of an open range nobody knows which end it will be
    assert said(settings, "Nobody", "backups@1.0.0")[::2] == (
        1,
        "portal: There is no organisation called Nobody.\n",
    )
    gate["weight"] = -1
    path.write_text(json.dumps(harder))
    code, printed, complained = said(settings, "Halden", path)
    assert (code, printed) == (1, "")
    assert "weight" in complained
    with database.looking(SYSTEM) as session:
        assert list(session.scalars(select(WhatIfRun.id))) == []
