"""Every rating, recomputed from submission, marks, facts and as_of, gives the same bytes (design.md, section 4)."""

from __future__ import annotations

import json
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import rating, sealing
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, Rating, SealedAnswer, SealedAttestation, Submission
from portal.db import SYSTEM, Database, Scope
from portal.library import service as library
from portal.settings import Settings
from questionnaires.answers import InvalidAnswer
from questionnaires.definition import Question
from tests.conftest import FULL
from tests.portal.scene import (
    Choose,
    fill,
    issue,
    make_vendor,
    own_questionnaire,
    plain_value,
    release_own,
    seal,
    security_lite,
)
from tests.portal.world import NOW, make_company, make_organisation

ROUNDS = 12 if FULL else 3
MARKS = ("accepted", "challenged", "disproved", "na_accepted", "graded")


def at_random(rnd: Random) -> Choose:
    """An answer of any kind that fits: any option, any number, now and then not applicable with a note."""

    def choose(question: Question) -> Content:
        if question.allow_na and rnd.random() < 0.15:
            return Content("not_applicable", note="Nothing of the kind here.")
        value = plain_value(question)
        if question.type == "choice":
            value = rnd.choice(question.options).value
        elif question.type == "choices":
            apart = [one.value for one in question.options if one.exclusive]
            some = [one.value for one in question.options if not one.exclusive]
            value = (
                [rnd.choice(apart)]
                if apart and rnd.random() < 0.3
                else rnd.sample(some, rnd.randint(1, len(some)))
            )
        elif question.type == "number" and question.at_most:
            low, high = int(question.at_least or 0), int(question.at_most)
            value = str(rnd.randint(low, high))
        if question.evidence is not None:
            return Content("answered", value, "", "In the making", "2026-12-24")
        return Content("answered", value, rnd.choice(("", "Said.", "ünïcödé \u2028 ✓")))

    return choose


@pytest.mark.both_databases
def test_every_rating_of_a_random_world_is_recomputed_to_the_byte(
    database: Database, settings: Settings
) -> None:
    rnd = Random(20261121)
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Northwind")
    admin, owner = organisation[OrganisationRole.ADMIN], company[CompanyRole.OWNER]
    own = release_own(database, admin, own_questionnaire("backups", "Backups"), "backups")
    for number in range(ROUNDS):
        tier = rnd.choice(("critical", "high", "medium", "low"))
        now = NOW + timedelta(days=number)
        vendor, engagement, _ = make_vendor(
            database, admin, company, name=f"Vendor {number}", engagement="Hosting", tier=tier, now=now
        )
        for content_hash in (security_lite().content_hash, own):
            assessment = issue(
                database,
                admin,
                vendor,
                engagement,
                content_hash,
                due=(now + timedelta(days=9)).date(),
                now=now,
            )
            fill(database, owner, assessment, at_random(rnd), now=now)
            seal(database, owner, assessment, now=now)
            _mark(database, assessment, rnd)
    with database.looking(SYSTEM) as session:
        ratings = session.scalars(select(Rating)).all()
        assert len(ratings) == ROUNDS * 4
        for one in ratings:
            sealed = {
                row.key: row.answer
                for row in session.scalars(
                    select(SealedAnswer).where(SealedAnswer.submission_id == one.submission_id)
                )
            }
            definition = library.definition(session, one.content_hash)
            answers = sealing.typed_answers(definition, sealed, one.as_of)
            assert rating.recompute(session, one, answers) == one.result
            assert json.loads(one.result)["band"] == one.band
        bands = {one.band for one in ratings}
        assert len(bands) > 1, "a world where all are alike proves little"
    _check_seals(database)


def _mark(database: Database, assessment_id: object, rnd: Random) -> None:
    """A reviewer's batch of marks: the next rating, on top of the first."""
    with database.looking(SYSTEM) as session:
        assessment = session.scalars(select(Assessment).where(Assessment.id == assessment_id)).one()
        submission = session.scalars(
            select(Submission).where(Submission.assessment_id == assessment_id)
        ).one()
        rows = session.scalars(select(SealedAnswer).where(SealedAnswer.submission_id == submission.id)).all()
        definition = library.definition(session, submission.content_hash)
    answers = sealing.typed_answers(definition, {row.key: row.answer for row in rows}, submission.as_of)
    marks = {}
    for key in rnd.sample(sorted(answers), min(4, len(answers))):
        mark = {"mark": rnd.choice(MARKS), "reason": "Seen.", "points": rnd.randint(0, 100)}
        if mark["mark"] != "graded" and mark["mark"] != "disproved":
            del mark["points"]
        try:
            rating.marked(definition, answers, {key: mark}, submission.as_of)
        except InvalidAnswer:
            continue  # this mark cannot stand on this answer
        marks[key] = mark
    scope = Scope(organisation_id=submission.organisation_id)
    with database.transaction(SYSTEM) as session:
        assert scope.organisation_id
        rating.rate(
            session, assessment, submission, answers, actor=None, now=NOW, judged_as=rating.Judgement(marks)
        )


def _check_seals(database: Database) -> None:
    """The hashes of the same world: each proves what lies beside it, and one changed byte is noticed."""
    with database.looking(SYSTEM) as session:
        for submission in session.scalars(select(Submission)).all():
            rows = session.scalars(
                select(SealedAnswer).where(SealedAnswer.submission_id == submission.id)
            ).all()
            signed = session.scalars(
                select(SealedAttestation).where(SealedAttestation.submission_id == submission.id)
            ).one()
            assert sealing.verify(submission, rows, signed).sound
            less = sealing.verify(submission, rows[1:], None)
            assert less.sound
            assert less.redacted == (rows[0].key,)
            forged = sealing.Sealed(rows[0].salt, rows[0].answer + b" ")
            assert forged.commitment != sealing.commit(rows[0].salt, rows[0].answer)
