"""kill -9 at any moment: what was acknowledged is there, a submission is whole or none, no letter is lost (law 8).

Four rounds in ``make test``, a hundred in ``make soak``, on both databases, over real sockets.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from portal import clock, worker
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments.drafts import Content
from portal.assessments.models import (
    AnswerContent,
    AnswerRevision,
    AnswerRow,
    Assessment,
    AssessmentEngagement,
    Rating,
    SealedAnswer,
    SealedAttestation,
    Submission,
)
from portal.audit.models import Event
from portal.contracts.models import Evaluation
from portal.db import SYSTEM, Database
from portal.mail import mailer
from portal.outbox import LEASE, Message
from portal.settings import Settings
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from portal.web import Portal
from questionnaires.definition import Question
from tests.conftest import FULL
from tests.portal.scene import fill, issue, make_vendor, own_questionnaire, plain_value, release_own
from tests.portal.served import Client, Served, opened, served
from tests.portal.world import Place, make_company, make_organisation

ROUNDS = 100 if FULL else 4
WRITERS = 3
SHORTEST = 0.5  # seconds over which kills are spread; more where signing beside the writers takes longer
KEY = "own.backups.said"


@dataclass
class Made:
    """An organisation that asks, a company that answers, and one assessment that is answered in every round."""

    app: Portal
    database: Database
    settings: Settings
    organisation: Place
    company: Place
    vendor: uuid.UUID
    own: str
    draft: uuid.UUID

    @property
    def owner(self) -> Identity:
        return self.company[CompanyRole.OWNER]

    def base(self, assessment: uuid.UUID) -> str:
        return f"/c/{self.company.slug}/assessments/{assessment}"

    def signed_in(self) -> tuple[str, str]:
        """(cookie, token of its forms) of a new session of the owner."""
        return opened(self.database, self.settings, self.owner)

    def ready_to_sign(self) -> tuple[uuid.UUID, str]:
        """An assessment that is complete, and the fingerprint that its review page holds."""
        admin = self.organisation[OrganisationRole.ADMIN]
        with self.database.transaction(admin.scope) as session:
            vendor = vendor_queries.vendor(session, admin, self.vendor)
            bought = vendors.create_engagement(
                session,
                vendor,
                name=f"Hosting {uuid.uuid4()}",
                description="",
                tier="high",
                facts={},
                business_owner_id=None,
                actor=admin,
                now=clock.now(),
            ).id
        assessment = issue(self.database, admin, self.vendor, bought, self.own, now=clock.now())
        fill(self.database, self.owner, assessment, _plain, now=clock.now())
        client = self.app.test_client()
        client.set_cookie("session", self.signed_in()[0])
        found = re.search(r'name="seen" value="([^"]+)"', client.get(f"{self.base(assessment)}/submit").text)
        assert found is not None
        return assessment, found[1]


def _plain(question: Question) -> Content:
    return Content("answered", plain_value(question))


@pytest.fixture
def made(app: Portal, database: Database, settings: Settings) -> Made:
    organisation = make_organisation(database, settings, "Halden", clock.now())
    company = make_company(database, settings, "Northwind", clock.now())
    admin = organisation[OrganisationRole.ADMIN]
    own = release_own(database, admin, own_questionnaire("backups", "Backups"), "backups")
    vendor, engagement, _contact = make_vendor(
        database, admin, company, name="Northwind", engagement="Hosting"
    )
    draft = issue(database, admin, vendor, engagement, own, now=clock.now())
    return Made(app, database, settings, organisation, company, vendor, own, draft)


@dataclass
class Round:
    """What the server acknowledged before it died."""

    answers: dict[int, str] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    signed: int | None = None


def answering(made: Made, port: int, who: tuple[str, str], word: str, first: int, noted: Round) -> None:
    """Autosave one question as fast as it goes, until the server is gone; colleagues do the same."""
    client, revision, turn = Client(port, *who), first, 0
    path = f"{made.base(made.draft)}/sections/backups/answer"
    try:
        while True:
            turn += 1
            said = f"{word}-{turn}"
            status, body = client.post(path, {f"r.{KEY}": str(revision), f"a.{KEY}": said}, json=True)
            told = json.loads(body) if status in (200, 409) else {}
            if status == 200:
                revision = told["saved"][KEY]["revision"]
                noted.answers[revision] = said
            elif status == 409:
                revision = told["conflicts"][KEY]["revision"]
            else:
                noted.refused.append(status)
                time.sleep(0.05)
    except (OSError, http.client.HTTPException, ValueError):
        pass  # killed
    finally:
        client.close()


def signing(made: Made, port: int, who: tuple[str, str], ready: tuple[uuid.UUID, str], noted: Round) -> None:
    client = Client(port, *who)
    try:
        fields = {"name": "Ada Signer", "role": "Director", "agreed": "y", "seen": ready[1]}
        noted.signed, _text = client.post(f"{made.base(ready[0])}/submit", fields)
    except (OSError, http.client.HTTPException):
        pass  # killed
    finally:
        client.close()


def one_round(
    made: Made, far: Served, chance: random.Random, longest: float | None
) -> tuple[Round, uuid.UUID, float]:
    """Start, let writers and a signer loose, kill at a random moment within ``longest``; None waits for the signer.

    Returns what was acknowledged, the assessment, and the seconds that signing took or was given.
    """
    ready, noted = made.ready_to_sign(), Round()
    people = [made.signed_in() for _ in range(WRITERS + 1)]
    with made.database.looking(SYSTEM) as session:
        here = [AnswerRow.assessment_id == made.draft, AnswerRow.key == KEY]
        held = session.scalar(select(AnswerRow.revision).where(*here))
    far.start()
    word = uuid.uuid4().hex[:8]
    threads = [
        threading.Thread(target=answering, args=(made, far.port, who, f"{word}-{number}", held or 0, noted))
        for number, who in enumerate(people[:WRITERS])
    ]
    for thread in threads:
        thread.start()
    if chance.random() < 0.8:  # else the very first requests are cut off
        patience = time.monotonic() + 10
        while not noted.answers and time.monotonic() < patience:
            time.sleep(0.01)
    moment = chance.uniform(0.02, longest) if longest is not None else 60.0
    signer = threading.Timer(
        chance.uniform(0, moment) if longest is not None else 0,
        signing,
        args=(made, far.port, people[WRITERS], ready, noted),
    )
    signer.start()
    began = time.monotonic()
    if longest is None:
        signer.join(moment)
    else:
        time.sleep(moment)
    taken = time.monotonic() - began
    far.kill()
    _wait_for_backends(made.database)
    for thread in (*threads, signer):
        thread.join(60)
    return noted, ready[0], taken


def _wait_for_backends(database: Database) -> None:
    """PostgreSQL goes on for a moment with what the killed process has sent."""
    busy = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state <> 'idle'"
    )
    patience = time.monotonic() + 10
    while not database.sqlite and time.monotonic() < patience:
        with database.engine.connect() as connection:
            if not connection.execute(busy).scalar_one():
                return
        time.sleep(0.02)


def every_acknowledged_answer_is_there(made: Made, noted: Round) -> None:
    with made.database.looking(SYSTEM) as session:
        found = session.execute(
            select(AnswerRevision.revision, AnswerContent.value)
            .join(AnswerContent, AnswerContent.id == AnswerRevision.content_id)
            .where(AnswerRevision.assessment_id == made.draft, AnswerRevision.key == KEY)
            .order_by(AnswerRevision.revision)
        ).all()
        row = session.scalars(
            select(AnswerRow).where(AnswerRow.assessment_id == made.draft, AnswerRow.key == KEY)
        ).one_or_none()
    said = {revision: value["v"] for revision, value in found}
    assert {revision: said.get(revision) for revision in noted.answers} == noted.answers
    assert list(said) == list(range(1, len(said) + 1)), "revisions have no gap"
    if row is not None:
        assert (row.revision, row.value["v"]) == (len(said), said[len(said)]), (
            "the answer is its newest revision"
        )
    assert all(status in (429, 503) for status in noted.refused), noted.refused


def the_submission_is_whole_or_none(made: Made, assessment: uuid.UUID, noted: Round) -> bool:
    with made.database.looking(SYSTEM) as session:
        one = session.scalars(select(Assessment).where(Assessment.id == assessment)).one()
        submission = session.scalars(
            select(Submission).where(Submission.assessment_id == assessment)
        ).one_or_none()

        def count(model: type, *criteria: object) -> int:
            return session.scalar(select(func.count()).select_from(model).where(*criteria)) or 0  # type: ignore[arg-type]

        letters = count(
            Message, Message.text.contains(str(assessment)), Message.kind.in_(("receipt", "submitted"))
        )
        events = count(Event, Event.subject_id == assessment, Event.kind == "assessment.submitted")
        if submission is None:
            assert (one.state, one.submitted_at, letters, events) == ("open", None, 0, 0)
            assert noted.signed != 303, "it was acknowledged"
            return False
        assert (one.state, events) == ("submitted", 1)
        assert letters == 2  # the owner's receipt and the issuer's notice
        listed = len(json.loads(submission.commitments))
        assert listed > 0
        assert count(SealedAnswer, SealedAnswer.submission_id == submission.id) == listed
        assert count(SealedAttestation, SealedAttestation.submission_id == submission.id) == 1
        assert count(Rating, Rating.submission_id == submission.id) == 1
        covered = select(AssessmentEngagement.engagement_id).where(
            AssessmentEngagement.assessment_id == assessment
        )
        assert count(Evaluation, Evaluation.engagement_id.in_(covered)) == 1
        assert count(Event, Event.kind == "submission.rated") >= 1
    return True


def no_letter_that_counts_as_sent_is_missing(made: Made, folder: Path) -> int:
    """What is noted as sent lies in the folder; returns how many."""
    with made.database.looking(SYSTEM) as session:
        sent = list(session.scalars(select(Message.id).where(Message.state == "sent")))
    assert [one for one in sent if not (folder / f"{one}.eml").exists()] == []
    return len(sent)


@pytest.mark.both_databases
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(made: Made) -> None:
    chance = random.Random(uuid.uuid4().int if FULL else 20261121)
    folder = made.settings.data / "mail"
    whole = acknowledged = 0
    longest: float | None = (
        None  # the first round measures how long signing takes on this machine, at its load
    )
    with served(made.settings) as far:
        for _round in range(ROUNDS):
            noted, assessment, taken = one_round(made, far, chance, longest)
            if longest is None:
                assert noted.signed == 303, "nobody kills the first round before it is signed"
                longest = max(SHORTEST, 3 * taken)
            every_acknowledged_answer_is_there(made, noted)
            whole += the_submission_is_whole_or_none(made, assessment, noted)
            no_letter_that_counts_as_sent_is_missing(made, folder)
            acknowledged += len(noted.answers)
        assert acknowledged >= ROUNDS // 2, "the writers never got through"
    # What a killed worker held goes out once its lease is over: each letter at least once.
    later = clock.now() + LEASE + timedelta(minutes=1)
    for _turn in range(50):  # PostgreSQL may still hold rows for a moment for a process that is no more
        worker.run_once(made.database, mailer(made.settings), later, remind=False)
        with made.database.looking(SYSTEM) as session:
            states = set(session.scalars(select(Message.state)))
            total = session.scalar(select(func.count()).select_from(Message))
        if states == {"sent"}:
            break
        time.sleep(0.2)
    assert states == {"sent"}
    assert no_letter_that_counts_as_sent_is_missing(made, folder) == total
    if FULL:
        assert 1 < whole < ROUNDS, "kills came both before and after submissions"
