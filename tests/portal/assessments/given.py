"""An assessment that has been given to a company: a small questionnaire with every kind of question."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from werkzeug.test import TestResponse

from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import queries
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database, Scope
from portal.library import service as library
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.web import Portal
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal.world import NOW, Browser, Place, add_to, make_company, make_organisation

YES_NO = [{"value": "yes", "label": "Yes", "points": 100}, {"value": "no", "label": "No", "points": 0}]
SMALL: dict[str, Any] = {
    "format": 1,
    "slug": "small",
    "version": "1.0.0",
    "title": "Small questionnaire",
    "purpose": "assessment",
    "language": "en",
    "licence": "Apache-2.0",
    "summary": "One question of each kind.",
    "bands": [
        {"name": "good", "label": "Good", "minimum": 50},
        {"name": "bad", "label": "Bad", "minimum": 0},
    ],
    "sections": [
        {
            "key": "one",
            "title": "First part",
            "intro": "The way in.",
            "questions": [
                {
                    "key": "one.locks",
                    "text": "Do you lock the doors?",
                    "type": "choice",
                    "options": YES_NO,
                    "allow_na": True,
                    "finding": [{"option": "no", "severity": "high", "text": "Anyone can walk in."}],
                },
                {
                    "key": "one.why",
                    "text": "Why do you leave them open?",
                    "type": "text",
                    "weight": 0,
                    "max_length": 50,
                    "visible_when": 'one.locks == "no"',
                },
                {
                    "key": "one.days",
                    "text": "How many days does a new key take?",
                    "type": "number",
                    "at_least": 0,
                    "at_most": 365,
                    "unit": "days",
                    "finding": [{"when": "one.days > 30", "severity": "medium", "text": "That is long."}],
                },
                {
                    "key": "one.kinds",
                    "text": "Which keys are there?",
                    "type": "choices",
                    "combine": "worst",
                    "options": [
                        {"value": "steel", "label": "Steel", "points": 50},
                        {"value": "card", "label": "Card", "points": 100},
                        {"value": "none", "label": "None", "points": 0, "exclusive": True},
                    ],
                },
            ],
        },
        {
            "key": "two",
            "title": "Second part",
            "questions": [
                {
                    "key": "two.since",
                    "text": "Since when?",
                    "type": "date",
                    "not_after": "today",
                    "required": False,
                },
                {
                    "key": "two.planned",
                    "text": "When is the next drill planned?",
                    "type": "date",
                    "not_before": "today",
                    "required": False,
                },
                {
                    "key": "two.list",
                    "text": "Who holds a key?",
                    "type": "table",
                    "columns": [
                        {"key": "name", "label": "Name", "type": "text"},
                        {"key": "kind", "label": "Kind", "type": "choice",
                         "options": [{"value": "p", "label": "Person"}, {"value": "f", "label": "Firm"}]},
                    ],
                },
                {
                    "key": "two.proof",
                    "text": "Has anybody checked?",
                    "type": "choice",
                    "options": YES_NO,
                    "evidence": {"kind": "check_report", "required_when": 'two.proof == "yes"', "valid_months": 12},
                },
            ],
        },
        {
            "key": "three",
            "title": "Open doors",
            "visible_when": 'one.locks == "no"',
            "questions": [
                {"key": "three.guard", "text": "Is there a guard?", "type": "choice", "options": YES_NO, "weight": 0}
            ],
        },
    ],
}  # fmt: skip


def small() -> Questionnaire:
    return parse_json(json.dumps(SMALL).encode())


@dataclass
class Given:
    """One organisation that asks, one company that answers, one open assessment; and a stranger's company."""

    app: Portal
    organisation: Place
    company: Place
    stranger: Place
    definition: Questionnaire
    assessment_id: uuid.UUID

    @property
    def database(self) -> Database:
        return self.app.database

    @property
    def owner(self) -> Identity:
        return self.company[CompanyRole.OWNER]

    @property
    def contributor(self) -> Identity:
        return self.company[CompanyRole.CONTRIBUTOR]

    @property
    def base(self) -> str:
        return f"/c/{self.company.slug}/assessments/{self.assessment_id}"

    def section(self, key: str) -> str:
        return f"{self.base}/sections/{key}"

    def browser(self, who: Identity | None = None) -> Answering:
        return Answering(self.app.test_client(), (who or self.owner).person.email)

    def read(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        """Ask a query in the company's scope."""
        with self.database.looking(Scope(company_id=self.company.id)) as session:
            return ask(session, self.owner, *arguments)

    def stored(self) -> dict[str, tuple[int, Any]]:
        """Revision and value of each draft answer."""
        rows = self.read(queries.rows, self.assessment_id)
        return {key: (row.revision, row.value["v"]) for key, (row, _stale) in rows.items()}

    def assessment(self) -> Assessment:
        found: Assessment = self.read(queries.assessment, self.assessment_id)
        return found


class Answering(Browser):
    """A browser on section pages: fills in cards with the revisions that the page holds."""

    def card_fields(self, path: str) -> dict[str, str]:
        page = self.get(path).text
        return dict(re.findall(r'name="(r\.[^"]+|version)" value="([^"]*)"', page))

    def version(self, path: str) -> str:
        """The content hash that the page of a section was rendered from; "" where it shows no form."""
        return self.card_fields(path).get("version", "")

    def answer(self, path: str, go: str = "stay", **fields: Any) -> TestResponse:
        """POST a section: ``a__one__locks="yes"`` is the field a.one.locks; all revisions come along."""
        return self.send(
            path, {"go": go, **{name.replace("__", "."): value for name, value in fields.items()}}
        )

    def send(self, path: str, fields: dict[str, Any]) -> TestResponse:
        body = {"csrf_token": self.token(path), **self.card_fields(path), **fields}
        return self.client.post(path, data=body)

    def auto(self, path: str, fields: dict[str, Any]) -> TestResponse:
        headers = {"Accept": "application/json", "X-CSRF-Token": self.token(path)}
        return self.client.post(
            f"{path}/answer", data={"version": self.version(path), **fields}, headers=headers
        )


def give(app: Portal, settings: Settings, definition: Questionnaire | None = None) -> Given:
    """Make the world and issue ``definition`` (the small one) to the company, due in a month."""
    database, definition = app.database, definition or small()
    organisation = make_organisation(database, settings, "Halden Mutual")
    company = make_company(database, settings, "Fennmark Archive")
    stranger = make_company(database, settings, "Elsewhere")
    given = Given(app, organisation, company, stranger, definition, uuid.uuid4())
    issue(given, given.assessment_id)
    add_to(database, given.owner, given.contributor, given.assessment_id)
    return given


def issue(given: Given, assessment_id: uuid.UUID, due: date = date(2026, 12, 20)) -> None:
    """One more open assessment of the same questionnaire."""
    actor = given.organisation[OrganisationRole.CISO]
    definition = given.definition
    with given.database.transaction() as session:
        library.store(session, definition, now=NOW, actor=actor)
        vendor = vendors.create_vendor(
            session, name=f"Vendor {assessment_id}", country="PT", actor=actor, now=NOW
        )
        vendor.company_id = given.company.id
        session.flush()
        row = Assessment(
            id=assessment_id,
            organisation_id=given.organisation.id,
            company_id=given.company.id,
            vendor_id=vendor.id,
            content_hash=definition.content_hash,
            slug=definition.slug,
            version=definition.version,
            title=definition.title,
            subject="Claims archive",
            reason="You keep our claim files.",
            facts={"engagement.tier": "high"},
            zone="Europe/Lisbon",
            due=due,
            state="open",
            round=1,
            answered=0,
            total=0,
            issued_at=NOW,
            issued_by=actor.person.id,
        )
        session.add(row)
        session.flush()
        record(session, Kind.ASSESSMENT_ISSUED, now=NOW, actor=actor, subject=row)
