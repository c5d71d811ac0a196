"""A vendor whose sealed answers have earned findings, and what both sides do about them through the services."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import queries as assessments
from portal.assessments import returning, service
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, Submission
from portal.assessments.returning import Return
from portal.assessments.service import Edit
from portal.db import Database
from portal.features import CONSEQUENCES, RATED
from portal.findings import closing, judging, keeping, queries, remedying, steps
from portal.findings.models import Finding, FindingEngagement
from portal.review import marking
from portal.review import queries as review
from portal.review.marking import Wish
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal import journey
from tests.portal.world import NOW, Place

T = TypeVar("T")
TODAY = date(2026, 11, 21)
SOON, LATER = TODAY + timedelta(days=30), TODAY + timedelta(days=60)
MFA, STEPS, LOGS = "own.kept.mfa", "own.kept.steps", "own.kept.logs"


def definition(version: str = "1.0.0", **changes: Any) -> Questionnaire:
    """Three questions: a critical choice with a finding of its own, a list with a finding by condition, a choice.

    ``changes``: fields of the question ``mfa``, ``steps`` or ``logs`` over the usual ones.
    """
    scale = [
        {"value": "yes", "label": "Yes", "points": 100},
        {"value": "some", "label": "In places", "points": 35},
        {"value": "no", "label": "No", "points": 0},
    ]
    mfa = {
        "key": MFA,
        "text": "Does everyone need a second step to sign in?",
        "type": "choice",
        "critical": True,
        "options": scale,
        "finding": [{"option": "no", "severity": "critical", "text": "One stolen password is enough."}],
    }
    listed = {
        "key": STEPS,
        "text": "Which of these do you do?",
        "type": "choices",
        "combine": "all",
        "options": [
            {"value": "scan", "label": "Scan"},
            {"value": "train", "label": "Train"},
            {"value": "none", "label": "None", "points": 0, "exclusive": True},
        ],
        "finding": [
            {
                "when": f'"train" not in {STEPS}',
                "severity": "high",
                "text": "People who were never trained click.",
            }
        ],
    }
    logs = {"key": LOGS, "text": "Are logs kept for a year?", "type": "choice", "options": scale}
    questions = [
        {**one, **changes.get(name, {})} for name, one in (("mfa", mfa), ("steps", listed), ("logs", logs))
    ]
    document = {
        "format": 1,
        "slug": "kept",
        "version": version,
        "title": "How you keep our files",
        "purpose": "assessment",
        "language": "en",
        "licence": "CC0-1.0",
        "summary": "How files are kept.",
        "knockout_band": "poor",
        "bands": [
            {"name": "good", "label": "Good", "minimum": 80},
            {"name": "fair", "label": "Fair", "minimum": 40},
            {"name": "poor", "label": "Poor", "minimum": 0},
        ],
        "sections": [{"key": "all", "title": "All of it", "questions": questions}],
    }
    return parse_json(json.dumps(document).encode())


WORST = {
    MFA: Content("answered", "no", "Contractors come next year."),
    STEPS: Content("answered", ["scan"]),
    LOGS: Content("answered", "yes"),
}
GOOD = {
    MFA: Content("answered", "yes"),
    STEPS: Content("answered", ["scan", "train"]),
    LOGS: Content("answered", "yes"),
}
EARNED = 3  # of WORST: the knock-out, the text of the option, the text of the list


@dataclass
class Found:
    """A vendor with an engagement, and its submissions. The default actors are a reviewer and an owner."""

    database: Database
    issued: journey.Issued
    submission: uuid.UUID
    submissions: list[uuid.UUID] = field(default_factory=list)

    @property
    def organisation(self) -> Place:
        return self.issued.organisation

    @property
    def reviewer(self) -> Identity:
        return self.organisation[OrganisationRole.REVIEWER]

    @property
    def ciso(self) -> Identity:
        return self.organisation[OrganisationRole.CISO]

    @property
    def owner(self) -> Identity:
        return self.issued.company[CompanyRole.OWNER]

    @property
    def helper(self) -> Identity:
        return self.issued.company[CompanyRole.CONTRIBUTOR]

    def sent(self, session: Session) -> tuple[Assessment, Submission]:
        """The newest submission and what it answers, in this session."""
        submission = session.execute(
            select(Submission).where(
                Submission.id == self.submission, Submission.organisation_id == self.organisation.id
            )
        ).scalar_one()
        assessment = session.execute(
            select(Assessment).where(
                Assessment.id == submission.assessment_id,
                Assessment.organisation_id == self.organisation.id,
            )
        ).scalar_one()
        return assessment, submission

    def all(self) -> list[Finding]:
        """Every finding of the organisation, the oldest first, as rows without a session."""
        with self.database.looking(self.reviewer.scope) as session:
            found = session.execute(
                select(Finding)
                .where(Finding.organisation_id == self.organisation.id)
                .order_by(Finding.opened_at, Finding.key, Finding.code.desc())
            ).scalars()
            return list(found)

    def one(self, code: str, key: str = MFA) -> Finding:
        """The standing finding at ``key`` whose code begins so."""
        (found,) = (
            each
            for each in self.all()
            if each.key == key and each.code.startswith(code) and each.state in queries.STANDING
        )
        return found

    def links(self) -> list[FindingEngagement]:
        with self.database.looking(self.reviewer.scope) as session:
            rows = session.execute(
                select(FindingEngagement).where(FindingEngagement.organisation_id == self.organisation.id)
            ).scalars()
            return list(rows)

    def again(
        self,
        answers: Mapping[str, Content],
        *,
        definition: Questionnaire | None = None,
        now: datetime = NOW + timedelta(days=30),
    ) -> uuid.UUID:
        """The next assessment over the same engagements, submitted; of another version where one is given."""
        assessment = journey.again(
            self.database,
            self.organisation,
            self.issued.vendor,
            self.issued.engagements,
            definition or self.issued.definition,
            now=now,
        )
        self.submission = journey.submit(
            self.database, self.issued, answers, assessment=assessment, now=now, consequences=CONSEQUENCES
        )
        return self.submission

    def next_round(
        self,
        answers: Mapping[str, Content],
        *,
        now: datetime = NOW + timedelta(days=2),
        consequences: Any = CONSEQUENCES,
    ) -> uuid.UUID:
        """These questions are returned, answered so, and submitted as the next round of the newest assessment."""
        with self.database.transaction(self.reviewer.scope) as session:
            case = review.case(session, self.reviewer, self.submission, lock=True)
            wish = Return(frozenset(answers), "Look again.", (now + timedelta(days=10)).date())
            returning.return_questions(session, case.assessment, wish, actor=self.reviewer, now=now)
            assessment, asked = case.assessment.id, case.definition
        with self.database.transaction(self.owner.scope) as session:
            one = assessments.assessment(session, self.owner, assessment, lock=True)
            held = assessments.rows(session, self.owner, assessment)
            edits = [
                Edit(key, held[key][0].revision if key in held else 0, content)
                for key, content in answers.items()
            ]
            saved = service.save_answers(session, one, asked.sections[0], edits, actor=self.owner, now=now)
            assert not saved.errors
        self.submission = journey.submit(
            self.database, self.issued, assessment=assessment, now=now, consequences=consequences
        )
        return self.submission

    def mark(
        self, *wishes: Wish, now: datetime = NOW + timedelta(hours=1), actor: Identity | None = None
    ) -> None:
        """Judge answers of the newest submission, and write the rating."""
        actor = actor or self.reviewer
        for wish in wishes:
            with self.database.transaction(actor.scope) as session:
                case = review.case(session, actor, self.submission, lock=True)
                token = case.token((wish.key, wish.document))
                marking.save(session, case, wish, seen=token, actor=actor, now=now)
        with self.database.transaction(actor.scope) as session:
            case = review.case(session, actor, self.submission, lock=True)
            marking.write(session, case, seen=case.unwritten, actor=actor, now=now, consequences=RATED)

    def act(
        self,
        step: Callable[..., T],
        finding: Finding,
        *args: Any,
        actor: Identity | None = None,
        now: datetime = NOW + timedelta(hours=2),
        **more: Any,
    ) -> T:
        """Run a service of the organisation on the held finding, as its page does."""
        actor = actor or self.reviewer
        with self.database.transaction(actor.scope) as session:
            held = steps.hold(session, actor, finding.id)
            if step not in (closing.approve, closing.refuse, keeping.note):
                more.setdefault("seen", held.revision)
            return step(session, held, *args, actor=actor, now=now, **more)

    def plan(self, finding: Finding, *, due: date = SOON, actor: Identity | None = None, **more: Any) -> None:
        """The owner proposes a plan."""
        actor = actor or self.owner
        with self.database.transaction(actor.scope) as session:
            held = queries.finding(session, actor, finding.id, lock=True)
            more.setdefault("seen", held.revision)
            more.setdefault("owner_id", self.helper.person.id)
            more.setdefault("text", "We buy keys for everybody.")
            more.setdefault("now", NOW + timedelta(hours=2))
            remedying.propose(session, held, due=due, today=TODAY, actor=actor, **more)

    def prove(self, finding: Finding, *, actor: Identity | None = None, **more: Any) -> None:
        """Somebody of the company gives proof."""
        actor = actor or self.owner
        with self.database.transaction(actor.scope) as session:
            held = queries.finding(session, actor, finding.id, lock=True)
            more.setdefault("seen", held.revision)
            more.setdefault("text", "Everybody has a key now.")
            more.setdefault("documents", ())
            more.setdefault("now", NOW + timedelta(hours=3))
            remedying.prove(session, held, actor=actor, **more)

    def agree(self, finding: Finding, **more: Any) -> None:
        self.act(judging.agree, finding, text="", today=TODAY, **more)


def found(
    database: Database,
    organisation: Place,
    company: Place,
    answers: Mapping[str, Content] = WORST,
    *,
    names: tuple[str, ...] = ("Archive",),
) -> Found:
    """The questionnaire issued over engagements of these names, answered and sealed."""
    asked = definition()
    journey.release(database, organisation, asked)
    issued = journey.issue(database, organisation, company, definition=asked, names=names)
    submission = journey.submit(database, issued, answers, consequences=CONSEQUENCES)
    return Found(database, issued, submission, [submission])
