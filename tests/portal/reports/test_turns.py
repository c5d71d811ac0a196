"""Changed after the finding was shown: what counts, what does not, who reads it and when they are told."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import drafts, queries, turns
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerContent, AnswerTurn, Submission
from portal.assessments.service import Edit, save_answers
from portal.assessments.turns import STOOD, Saved, Turn
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.settings import Settings
from portal.web import Portal
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal import journey, scene
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company, make_organisation, signed_in

YES_NO = [{"value": "yes", "label": "Yes", "points": 100}, {"value": "no", "label": "No", "points": 0}]
DANGER = {"option": "no", "severity": "high", "text": "Most break-ins begin with one stolen password."}


def definition() -> Questionnaire:
    questions = [
        {"key": "t.gate", "text": "Do you run it?", "type": "choice", "options": YES_NO, "weight": 0},
        {
            "key": "t.mfa",
            "text": "A second step for all?",
            "type": "choice",
            "options": YES_NO,
            "weight": 5,
            "allow_na": True,
            "finding": [DANGER],
        },
        {
            "key": "t.days",
            "text": "Days to patch?",
            "type": "number",
            "weight": 0,
            "finding": [{"when": "t.days > 30", "severity": "medium", "text": "A month is long."}],
        },
        {
            "key": "t.more",
            "text": "Alerts at night?",
            "type": "choice",
            "options": YES_NO,
            "weight": 0,
            "visible_when": "t.gate == 'yes'",
            "finding": [{**DANGER, "text": "Nights are when it happens."}],
        },
        {"key": "t.said", "text": "Say more.", "type": "text", "required": False, "weight": 0},
    ]
    return parse_json(
        json.dumps(
            {
                "format": 1,
                "slug": "turning",
                "version": "1.0.0",
                "title": "Turning",
                "purpose": "assessment",
                "language": "en",
                "licence": "CC0-1.0",
                "summary": "For tests.",
                "bands": [
                    {"name": "good", "label": "Good", "minimum": 70},
                    {"name": "bad", "label": "Bad", "minimum": 0},
                ],
                "sections": [{"key": "all", "title": "All", "questions": questions}],
            }
        ).encode()
    )


DEFINITION = definition()
START = {"t.gate": "yes", "t.mfa": "yes", "t.days": "7", "t.more": "yes"}


def said(value: str | None, note: str = "") -> Content:
    return (
        Content("answered", value, note) if value else Content("not_applicable", None, note or "None here.")
    )


def found(*steps: tuple[str, str | None, float], since: float | None = None) -> dict[str, Turn]:
    """The turns of a history of (key, value, seconds after the beginning)."""
    saved = [Saved(key, said(value), NOW + timedelta(seconds=at)) for key, value, at in steps]
    last = {key: said(value) for key, value in START.items()} | {one.key: one.content for one in saved}
    draft = drafts.read(DEFINITION, last, {}, NOW.date())
    first = [
        Saved(key, said(value), NOW - timedelta(days=2)) for key, value in START.items() if key == "t.gate"
    ]
    limit = None if since is None else NOW + timedelta(seconds=since)
    return {one.key: one for one in turns.find(draft, [*first, *saved], since=limit)}


def test_no_that_stood_and_became_yes_is_a_turn() -> None:
    turn = found(("t.mfa", "no", 0), ("t.mfa", "yes", 300))["t.mfa"]
    assert turn == Turn("t.mfa", said("no"), NOW, NOW + timedelta(seconds=300))


@pytest.mark.parametrize(("seconds", "is_turn"), [(1, False), (59.9, False), (60, True), (86_400, True)])
def test_a_slip_of_the_hand_is_no_turn(seconds: float, is_turn: bool) -> None:
    assert timedelta(seconds=60) == STOOD
    assert bool(found(("t.mfa", "no", 0), ("t.mfa", "yes", seconds))) is is_turn


LAWS: dict[str, tuple[list[tuple[str, str | None, float]], set[str]]] = {
    "it never had the finding": ([("t.mfa", "yes", 0), ("t.mfa", "yes", 300)], set()),
    "it still has the finding": ([("t.mfa", "no", 0)], set()),
    "it came back to the finding": ([("t.mfa", "no", 0), ("t.mfa", "yes", 300), ("t.mfa", "no", 600)], set()),
    "no to not applicable": ([("t.mfa", "no", 0), ("t.mfa", None, 300)], {"t.mfa"}),
    "slips again and again": (
        [("t.mfa", "no", 0), ("t.mfa", "yes", 9), ("t.mfa", "no", 70), ("t.mfa", "yes", 75)],
        set(),
    ),
    "a slip after a turn keeps the turn": (
        [("t.mfa", "no", 0), ("t.mfa", "yes", 100), ("t.mfa", "no", 200), ("t.mfa", "yes", 210)],
        {"t.mfa"},
    ),
    "a finding with a condition": ([("t.days", "90", 0), ("t.days", "14", 300)], {"t.days"}),
    "a condition that still holds": ([("t.days", "90", 0), ("t.days", "60", 300)], set()),
    "a question that was not asked": (
        [("t.gate", "no", 0), ("t.more", "no", 10), ("t.more", "yes", 300), ("t.gate", "yes", 400)],
        set(),
    ),
    "a finding that stood, and was saved once more while the question was hidden": (
        [
            ("t.more", "no", 0),
            ("t.gate", "no", 300),
            ("t.more", "no", 310),
            ("t.more", "yes", 320),
            ("t.gate", "yes", 330),
        ],
        {"t.more"},
    ),
    "a question that is no longer asked": (
        [("t.more", "no", 0), ("t.more", "yes", 300), ("t.gate", "no", 400)],
        set(),
    ),
    "a key of another version": ([("t.other", "no", 0)], set()),
}


@pytest.mark.parametrize("law", LAWS)
def test_what_is_a_turn(law: str) -> None:
    steps, keys = LAWS[law]
    known = [one for one in steps if one[0] in DEFINITION.questions]
    assert set(found(*known)) == keys


def test_the_minute_runs_from_the_first_save_with_the_finding_to_the_one_without() -> None:
    """A note written meanwhile neither starts it anew nor hides what was said last."""
    saved = [
        Saved("t.mfa", said("no"), NOW),
        Saved("t.mfa", said("no", "Too dear."), NOW + timedelta(seconds=40)),
        Saved("t.mfa", said("yes"), NOW + timedelta(seconds=80)),
    ]
    draft = drafts.read(DEFINITION, {"t.mfa": said("yes")}, {}, NOW.date())
    assert turns.find(draft, saved) == [
        Turn("t.mfa", said("no", "Too dear."), NOW, NOW + timedelta(seconds=80))
    ]


def test_an_earlier_round_is_told_with_that_round() -> None:
    steps = (("t.mfa", "no", 0), ("t.mfa", "yes", 300))
    assert found(*steps, since=-1)
    assert not found(*steps, since=300)
    assert not found(*steps, since=100), "what was sealed as No may become Yes in the next round"


@dataclass
class Told:
    """An assessment of DEFINITION, answered with a turn at t.mfa."""

    issued: journey.Issued

    @property
    def ours(self) -> str:
        return f"/o/{self.issued.organisation.slug}/assessments/{self.issued.assessment}"

    @property
    def theirs(self) -> str:
        return f"/c/{self.issued.company.slug}/assessments/{self.issued.assessment}"


def answer(
    database: Database, issued: journey.Issued, key: str, value: str, revision: int, at: datetime
) -> None:
    owner = issued.company[CompanyRole.OWNER]
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, issued.assessment, lock=True)
        edit = Edit(key, revision, said(value))
        result = save_answers(session, one, DEFINITION.sections[0], [edit], actor=owner, now=at)
        assert not result.errors
        assert not result.conflicts


@pytest.fixture
@made_once
def told(database: Database, settings: Settings) -> Told:
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    journey.release(database, organisation, DEFINITION)
    issued = journey.issue(database, organisation, company, definition=DEFINITION)
    for key, value in START.items():
        answer(database, issued, key, value if key != "t.mfa" else "no", 0, NOW - timedelta(hours=3))
    answer(database, issued, "t.mfa", "yes", 1, NOW - timedelta(hours=1))
    return Told(issued)


def seal(database: Database, told: Told) -> None:
    scene.seal(database, told.issued.company[CompanyRole.OWNER], told.issued.assessment)


@pytest.mark.both_databases
def test_sealing_writes_one_row_a_turn(database: Database, told: Told) -> None:
    seal(database, told)
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(AnswerTurn)).one()
        submission = session.scalars(select(Submission)).one()
    assert (row.submission_id, row.key) == (submission.id, "t.mfa")
    assert (row.organisation_id, row.company_id) == (submission.organisation_id, submission.company_id)
    assert json.loads(row.before) == {"state": "answered", "value": "no", "note": ""}
    assert (row.shown_at, row.changed_at) == (NOW - timedelta(hours=3), NOW - timedelta(hours=1))


def test_a_redacted_history_tells_nothing(database: Database, told: Told) -> None:
    with database.transaction(SYSTEM) as session:
        session.execute(delete(AnswerContent).where(AnswerContent.key == "t.mfa"))
        record(session, Kind.REDACTED, now=NOW, actor=None)
    seal(database, told)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(AnswerTurn)).all() == []


WORDS = ("Answered “No”", "its danger was shown", "changed to “Yes”")


def test_both_sides_read_the_same_and_the_vendor_before_signing(
    app: Portal, database: Database, told: Told
) -> None:
    vendor = signed_in(app, told.issued.company[CompanyRole.OWNER])
    page = vendor.get(f"{told.theirs}/submit").text
    for words in (*WORDS, "Halden will read this, too", "stood saved for a minute"):
        assert words in page
    reviewer = signed_in(app, told.issued.organisation[OrganisationRole.REVIEWER])
    assert reviewer.get(f"{told.ours}/answers").status_code == 404, "nothing of a draft"
    seal(database, told)
    for browser, path in ((vendor, f"{told.theirs}/answers"), (reviewer, f"{told.ours}/answers")):
        page = browser.get(path).text
        for words in WORDS:
            assert words in page, path


def test_nobody_signs_a_turn_that_they_have_not_read(app: Portal, database: Database, told: Told) -> None:
    """The answers are the same as when the page was opened; what would be told beside them is not."""
    vendor = signed_in(app, told.issued.company[CompanyRole.OWNER])
    seen = re.search(r'name="seen" value="([^"]*)"', vendor.get(f"{told.theirs}/submit").text)
    assert seen
    answer(database, told.issued, "t.more", "no", 1, NOW - timedelta(minutes=50))
    answer(database, told.issued, "t.more", "yes", 2, NOW - timedelta(minutes=40))
    fields = {"seen": seen.group(1), "name": "Ada Signer", "role": "Director", "agreed": "y"}
    assert vendor.post(f"{told.theirs}/submit", fields, page=f"{told.theirs}/submit").status_code == 409


def test_without_a_turn_nobody_is_told_of_one(app: Portal, database: Database, settings: Settings) -> None:
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    journey.release(database, organisation, DEFINITION)
    issued = journey.issue(database, organisation, company, definition=DEFINITION)
    for key, value in START.items():
        answer(database, issued, key, value, 0, NOW - timedelta(hours=3))
    vendor = signed_in(app, company[CompanyRole.OWNER])
    assert "danger was shown" not in vendor.get(f"{Told(issued).theirs}/submit").text
    seal(database, Told(issued))
    assert "danger was shown" not in vendor.get(f"{Told(issued).theirs}/answers").text
