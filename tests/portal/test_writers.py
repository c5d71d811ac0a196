"""Twenty people write into one section at once over real HTTP, and nobody loses a word.

Every accepted revision is in the history, every stale edit is kept and shown, and revisions have no gap. Three seconds
in ``make test``, three minutes in ``make soak``.
"""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import CompanyRole, Identity, OrganisationRole, Tenant
from portal.assessments.models import AnswerContent, AnswerRevision, AnswerRow, StaleEdit
from portal.db import SYSTEM, Database
from portal.organisations import service as organisations
from portal.organisations.models import Company
from portal.settings import Settings
from tests.conftest import FULL
from tests.portal.scene import issue, make_vendor, release_own
from tests.portal.served import Client, opened, served
from tests.portal.world import Place, make_company, make_organisation, make_person

WRITERS, SECONDS = 20, 180 if FULL else 3
PAUSE = 0.3  # seconds between two answers of one writer: below what one session may save in a minute
KEYS = [f"own.notes.q{number}" for number in range(4)]


def questionnaire() -> bytes:
    """One section of four texts, all of them fought over."""
    questions = [{"key": key, "text": f"What of {key}?", "type": "text", "weight": 0} for key in KEYS]
    gate = {
        "key": "own.notes.gate",
        "text": "Is there anything?",
        "type": "choice",
        "options": [
            {"value": "yes", "label": "Yes", "points": 100},
            {"value": "no", "label": "No", "points": 0},
        ],
    }
    bands = [{"name": "good", "label": "Good", "minimum": 50}, {"name": "bad", "label": "Bad", "minimum": 0}]
    return json.dumps(
        {
            "format": 1,
            "slug": "notes",
            "version": "1.0.0",
            "title": "Notes",
            "purpose": "assessment",
            "language": "en",
            "licence": "CC0-1.0",
            "summary": "For writers.",
            "bands": bands,
            "sections": [{"key": "notes", "title": "Notes", "questions": [gate, *questions]}],
        }
    ).encode()


@dataclass
class Writer:
    """One person: what was accepted of theirs, and what lies beside a colleague's answer."""

    who: Identity
    cookie: str
    token: str
    chance: random.Random
    known: dict[str, int] = field(default_factory=dict)
    accepted: dict[tuple[str, int], str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    other: list[tuple[int, str]] = field(default_factory=list)

    def write(self, path: str, port: int, until: float) -> None:
        client, turn = Client(port, self.cookie, self.token), 0
        while time.monotonic() < until:
            turn += 1
            key = self.chance.choice(KEYS)
            said = f"{self.who.person.name} {turn}"
            fields = {f"r.{key}": str(self.known.get(key, 0)), f"a.{key}": said}
            status, text = client.post(path, fields, json=True)
            self._took(key, said, status, text)
            if status == 409 and self.chance.random() < 0.5:
                self._choose(client, path, key, said)
            time.sleep(self.chance.uniform(0, 2 * PAUSE))
        client.close()

    def _took(self, key: str, said: str, status: int, text: str) -> None:
        told = json.loads(text) if status in (200, 409) else {}
        if status == 200:
            self.known[key] = told["saved"][key]["revision"]
            self.accepted[key, self.known[key]] = said
            self.beside.pop(key, None)
        elif status == 409:
            self.known[key] = told["conflicts"][key]["revision"]
            self.beside[key] = said
        else:
            self.other.append((status, text[:300]))

    def _choose(self, client: Client, path: str, key: str, said: str) -> None:
        """Settle the conflict: for one's own words, which is an edit on the other's, or for the other's."""
        seen = str(self.known[key])
        choice = self.chance.choice(["mine", "theirs"])
        fields = {f"r.{key}": "0", f"a.{key}": said, f"k.{key}": choice, f"c.{key}": seen}
        status, text = client.post(path, fields, json=True)
        if choice == "mine" or status != 200:
            self._took(key, said, status, text)
        else:
            self.beside.pop(key, None)


@pytest.fixture
def office(database: Database, settings: Settings) -> tuple[Place, list[Identity], uuid.UUID]:
    """A company of twenty owners, and an assessment that waits for them."""
    now = clock.now()
    organisation = make_organisation(database, settings, "Halden", now)
    company = make_company(database, settings, "Northwind", now)
    tenant = Tenant(company.id, company.slug, company.name)
    people = [
        make_person(database, settings, f"Writer {number}", f"w{number}@northwind.example", now)
        for number in range(WRITERS)
    ]
    owner = company[CompanyRole.OWNER]
    with database.transaction(owner.scope) as session:
        row = session.execute(select(Company).where(Company.id == company.id)).scalar_one()
        for person in people:
            organisations.add_colleague(session, row, person.id, CompanyRole.OWNER, now=now, actor=owner)
    admin = organisation[OrganisationRole.ADMIN]
    own = release_own(database, admin, questionnaire(), "notes")
    vendor, engagement, _contact = make_vendor(
        database, admin, company, name="Northwind", engagement="Hosting"
    )
    assessment = issue(database, admin, vendor, engagement, own, now=now)
    writers = [Identity(one, uuid.uuid4(), company=tenant, role=CompanyRole.OWNER) for one in people]
    return company, writers, assessment


@pytest.mark.both_databases
def test_twenty_writers_lose_nothing(
    database: Database, settings: Settings, office: tuple[Place, list[Identity], uuid.UUID]
) -> None:
    company, people, assessment = office
    page = f"/c/{company.slug}/assessments/{assessment}/sections/notes"
    writers = [
        Writer(who, *opened(database, settings, who), random.Random(number))
        for number, who in enumerate(people)
    ]
    with served(settings) as far:
        far.start()
        until = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=one.write, args=(f"{page}/answer", far.port, until)) for one in writers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 120)
        shown = {one.who.person.id: Client(far.port, one.cookie, one.token).get(page)[1] for one in writers}
    assert [one.other for one in writers if any(status != 429 for status, _text in one.other)] == []
    accepted = every_accepted_revision_is_in_the_history(database, assessment, writers)
    kept = every_stale_edit_is_kept_and_shown(database, assessment, writers, shown)
    assert accepted >= SECONDS, "fewer than one a second: they hardly wrote"
    assert kept > 0, "nobody ever met anybody"


def every_accepted_revision_is_in_the_history(
    database: Database, assessment: uuid.UUID, writers: list[Writer]
) -> int:
    """Each with its writer and its words; what the history holds was accepted; no gap. Returns how many."""
    with database.looking(SYSTEM) as session:
        history = session.execute(
            select(
                AnswerRevision.key, AnswerRevision.revision, AnswerRevision.answered_by, AnswerContent.value
            )
            .join(AnswerContent, AnswerContent.id == AnswerRevision.content_id)
            .where(AnswerRevision.assessment_id == assessment)
        ).all()
        newest = {
            row.key: (row.revision, row.value["v"])
            for row in session.scalars(select(AnswerRow).where(AnswerRow.assessment_id == assessment))
        }
    stored = {(key, revision): (who, value["v"]) for key, revision, who, value in history}
    accepted = {place: (one.who.person.id, said) for one in writers for place, said in one.accepted.items()}
    assert stored == accepted
    for key in KEYS:
        revisions = sorted(revision for held, revision in stored if held == key)
        assert revisions == list(range(1, len(revisions) + 1))
        if revisions:
            assert newest[key] == (revisions[-1], stored[key, revisions[-1]][1])
    return len(stored)


def every_stale_edit_is_kept_and_shown(
    database: Database, assessment: uuid.UUID, writers: list[Writer], shown: dict[uuid.UUID, str]
) -> int:
    """What was refused as stale and not settled lies beside the answer, and its writer's page offers it."""
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(StaleEdit).where(StaleEdit.assessment_id == assessment))
        stored = {(row.person_id, row.key): row.value["v"] for row in rows}
    left = {(one.who.person.id, key): said for one in writers for key, said in one.beside.items()}
    assert stored == left
    for (person, key), said in left.items():
        assert f'name="k.{key}" value="mine"' in shown[person]
        assert said in shown[person]
    return len(left)
