"""Ratings: written once for each submission and each batch of marks, and repeatable to the byte."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from portal.access import OrganisationRole
from portal.assessments import rating, result, sealing
from portal.assessments.models import Assessment, Rating, SealedAnswer, Submission
from portal.audit.models import Event
from portal.db import Database
from portal.library import service as library
from portal.settings import Settings
from questionnaires.answers import Answer, InvalidAnswer
from tests.portal import journey, rich
from tests.portal.world import NOW, Place, make_company, make_organisation


@pytest.fixture
def organisation(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def submission(database: Database, settings: Settings, organisation: Place) -> uuid.UUID:
    journey.release(database, organisation, rich.DEFINITION)
    company = make_company(database, settings, "Fennmark")
    issued = journey.issue(database, organisation, company, definition=rich.DEFINITION)
    return journey.submit(database, issued, rich.ANSWERS)


def sealed(session: Any, submission: uuid.UUID) -> tuple[Submission, Assessment, dict[str, Answer]]:
    row = session.execute(select(Submission).where(Submission.id == submission)).scalar_one()
    assessment = session.execute(select(Assessment).where(Assessment.id == row.assessment_id)).scalar_one()
    rows = session.execute(select(SealedAnswer).where(SealedAnswer.submission_id == submission)).scalars()
    definition = library.definition(session, row.content_hash)
    answers = sealing.typed_answers(definition, {one.key: one.answer for one in rows}, row.as_of)
    return row, assessment, answers


@pytest.mark.both_databases
def test_every_rating_can_be_recomputed_to_the_byte(
    database: Database, organisation: Place, submission: uuid.UUID
) -> None:
    reviewer = organisation[OrganisationRole.REVIEWER]
    marks = {
        "own.rich.plan": {"mark": "graded", "points": 60, "reason": "Tape is slow."},
        "own.rich.patch": {"mark": "na_accepted"},
        "own.rich.admin": {"mark": "challenged"},
        "own.rich.mfa": {"mark": "disproved", "points": 10},
    }
    with database.transaction() as session:
        row, assessment, answers = sealed(session, submission)
        rating.rate(
            session, assessment, row, answers, actor=reviewer, now=NOW, judged_as=rating.Judgement(marks)
        )
    with database.transaction() as session:
        row, assessment, answers = sealed(session, submission)
        found = list(
            session.execute(
                select(Rating).where(Rating.submission_id == submission).order_by(Rating.sequence)
            ).scalars()
        )
        assert [one.sequence for one in found] == [1, 2]
        assert found[0].result != found[1].result
        for one in found:
            assert rating.recompute(session, one, answers) == one.result
            assert result.read(one.result).band == one.band
        assert "Tape is slow" not in json.dumps(found[1].marks)
        assert found[1].rated_by == reviewer.person.id


def test_a_rating_is_an_event(database: Database, submission: uuid.UUID) -> None:
    with database.transaction() as session:
        event = session.execute(select(Event).where(Event.kind == "submission.rated")).scalar_one()
        assert event.data == {"submission": str(submission), "sequence": 1, "marks": 0}


@pytest.mark.both_databases
def test_a_rating_refuses_change(database: Database, submission: uuid.UUID) -> None:
    def change() -> None:
        with database.transaction() as session:
            session.execute(update(Rating).where(Rating.submission_id == submission).values(band="strong"))

    with pytest.raises(DBAPIError):
        change()


def test_a_mark_that_cannot_stand_is_refused(
    database: Database, organisation: Place, submission: uuid.UUID
) -> None:
    actor = organisation[OrganisationRole.REVIEWER]

    def accept_a_text() -> None:
        with database.transaction() as session:
            row, assessment, answers = sealed(session, submission)
            marks = {"own.rich.plan": {"mark": "accepted"}}
            rating.rate(
                session, assessment, row, answers, actor=actor, now=NOW, judged_as=rating.Judgement(marks)
            )

    with pytest.raises(InvalidAnswer, match="graded"):
        accept_a_text()


def test_bytes_are_read_back_as_exact_numbers(database: Database, submission: uuid.UUID) -> None:
    with database.transaction() as session:
        one = session.execute(select(Rating).where(Rating.submission_id == submission)).scalar_one()
    found = result.read(one.result)
    assert found.score is not None
    assert found.high is not None
    assert sum(line.contribution for line in found.lines.values()) == found.score
    assert sum(line.open for line in found.lines.values()) == found.high - found.score
    assert sum(line.lost for line in found.lines.values()) == 100 - found.high
    assert {one.key: one.kind for one in found.knockouts} == {
        "own.rich.mfa": "failed",
        "own.rich.admin": "open",
    }
    assert found.lines["own.rich.cloud_keys"].state == "hidden"
