"""The pages of the rules: read, changed after a look, as versions; and what a person does to a next assessment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from portal import clock
from portal.access import OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Organisation
from portal.reassessment import rules
from portal.reassessment.kinds import KINDS, OWN
from portal.reassessment.ladder import Step
from portal.reassessment.models import CycleVersion, Reassessment
from portal.reassessment.rules_parsing import parse
from portal.reassessment.rules_shape import EVERY, Rules
from portal.reassessment.rules_text import NONE, steps_of, text_of
from portal.settings import Settings
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal import journey
from tests.portal.once import made_once
from tests.portal.reassessment.given import scheduled, submit
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation


@dataclass
class Given:
    """An engagement of tier medium that has been answered, so that the next assessment is scheduled."""

    buyer: Place
    row: Reassessment

    def browser(self, app: Portal, role: str = "ciso") -> Browser:
        return Browser(app.test_client(), f"{role}@halden.example")

    @property
    def rules(self) -> str:
        return f"/o/{self.buyer.slug}/calendar/rules"

    def one(self, what: str) -> str:
        return f"/o/{self.buyer.slug}/reassessments/{self.row.id}/{what}"


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    submit(database, journey.issue(database, buyer, company, tier="medium"))
    return Given(buyer, scheduled(database)[0])


def plain(answer: TestResponse) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def fields(page: TestResponse) -> dict[str, str]:
    """Every field of the form of rules, as a browser sends it unchanged."""
    form = page.text.split("<form", 2)[-1] if page.text.count("<form") > 1 else page.text
    found = dict(re.findall(r'<input[^>]*name="([^"]+)" value="([^"]*)"', form))
    found = {name: value for name, value in found.items() if name not in ("opening", "csrf_token")}
    found |= dict(re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>', form))
    for name, inside in re.findall(r'(?s)<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form):
        chosen = re.search(r'value="([^"]*)" selected', inside)
        assert chosen is not None, name
        found[name] = chosen[1]
    opening = re.search(r'name="opening" value="(\w+)" checked', form)
    assert opening is not None
    return found | {"opening": opening[1]}


# ------------------------------------------------------------------------------------------------------------- pure


def test_a_ladder_as_it_is_typed_reads_back_as_it_was() -> None:
    for name, kind in KINDS.items():
        if name in OWN:
            continue
        raw = rules.shipped(None).to_json()
        raw["ladders"][name] = {EVERY: steps_of(text_of(kind.ladder))}
        assert parse(raw).ladders[name][EVERY] == kind.ladder, name


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("-7 contact, owners\n\n+1 ciso alone always", "-7 contact owners\n+1 ciso alone always"),
        ("NONE", NONE),
        ("", NONE),
        ("0 owners ALONE", "0 owners alone"),
    ],
)
def test_what_a_line_says(text: str, lines: str) -> None:
    raw = rules.shipped(None).to_json()
    raw["ladders"]["assessment"] = {EVERY: steps_of(text)}
    assert text_of(parse(raw).ladders["assessment"][EVERY]) == lines


# ------------------------------------------------------------------------------------------------------- rules' pages


@pytest.mark.both_databases
def test_rules_are_read_changed_after_a_look_and_kept_as_versions(
    app: Portal, database: Database, given: Given
) -> None:
    ciso = given.browser(app)
    shown = plain(ciso.get(given.rules))
    assert "These are the rules that the portal comes with" in shown
    assert "7 days before: the contact, the vendor&#39;s owners" in shown
    form = fields(ciso.get(given.rules + "?change=1"))
    unchanged = ciso.post(given.rules, form | {"go": "look"})
    assert "Nothing differs from what is in force." in plain(unchanged)
    wish = form | {
        "answer_days.medium": "21",
        "ladders.assessment.all": "-10 contact owners\n+1 owners alone always",
        "ladders.review.critical": "-2 reviewers ciso",
        "triggers.incident": "reassess",
        "days.incident": "45",
    }
    look = ciso.post(given.rules, wish | {"go": "look"})
    said = plain(look)
    assert "Days to answer, medium 35 21" in said
    assert "What would go out until" in said
    assert "answers no step 10 days before: the contact, the vendor&#39;s owners" in said
    assert "An incident is reported people are told assessed again within 45 days" in said
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(CycleVersion)).all() == []
    back = fields(ciso.post(given.rules, wish | {"go": "back"}))
    assert {name: back[name].replace("\r\n", "\n") for name in wish} == wish
    assert ciso.post(given.rules, wish | {"go": "save"}).status_code == 303
    with database.looking(SYSTEM) as session:
        found = rules.current(session, given.buyer.id)
        (event,) = session.scalars(select(Event).where(Event.kind == Kind.CYCLE_CHANGED.value))
    assert event.data["sequence"] == 1
    assert found.answer_days["medium"] == 21
    assert [one.name for one in found.ladder("assessment", "medium")] == ["before-10", "after-1"]
    assert [one.name for one in found.ladder("review", "critical")] == ["before-2"]
    assert found.ladder("review", "high") == KINDS["review"].ladder
    assert found.triggers["incident"] == "reassess:45"
    version = plain(given.browser(app, "auditor").get(given.rules + "/1"))
    assert "Days to answer, medium 35 21" in version
    assert "Ciso of Halden" in version
    stale = ciso.post(given.rules, wish | {"go": "save", "base": "0"})
    assert stale.status_code == 409


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"answer_days.low": "x"}, "Write a whole number from 1 to 180."),
        ({"a_day": "0"}, "Write a whole number from 1 to 500."),
        ({"ladders.finding.all": "tomorrow owners"}, "A step is a whole number of days"),
        ({"ladders.finding.all": "-3 everybody"}, "goes to somebody on the list"),
        ({"ladders.finding.all": "-3 owners\n-3 ciso"}, "Name each step once."),
        ({"triggers.tier": "reassess", "days.tier": ""}, "Choose from the list; days are from 1 to 999."),
        ({"opening": "perhaps"}, "Choose from the list."),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field_and_keeps_what_was_typed(
    app: Portal, database: Database, given: Given, changed: dict[str, str], sentence: str
) -> None:
    ciso = given.browser(app)
    form = fields(ciso.get(given.rules + "?change=1"))
    answer = ciso.post(given.rules, form | changed | {"go": "save"})
    assert answer.status_code == 422
    assert sentence in plain(answer)
    assert all(value.split("\n")[0] in answer.text or name == "opening" for name, value in changed.items())
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(CycleVersion)).all() == []


def test_an_older_organisation_reads_that_nothing_opens_by_itself_and_says_so_when_it_shall(
    app: Portal, database: Database, given: Given
) -> None:
    with database.transaction() as session:
        session.execute(update(Organisation).values(cycle_since=NOW.date()))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    ciso = given.browser(app)
    assert "nothing is sent to a vendor by itself yet" in plain(ciso.get(given.rules))
    form = fields(ciso.get(given.rules + "?change=1"))
    look = ciso.post(given.rules, form | {"opening": "itself", "go": "look"})
    assert "vendors whose time has come get an invitation" in plain(look)
    ciso.post(given.rules, form | {"opening": "itself", "go": "save"})
    with database.looking(SYSTEM) as session:
        found: Rules = rules.current(session, given.buyer.id)
    assert found.opening == "itself"
    steps: dict[str, Step] = {one.name: one for one in found.ladder("assessment", "medium")}
    assert (steps["before-30"].since, steps["before-14"].since) == (None, NOW.date())


# ------------------------------------------------------------------------------------------- next assessments by hand


def row(database: Database, given: Given) -> Reassessment:
    with database.looking(SYSTEM) as session:
        return session.scalars(select(Reassessment).where(Reassessment.id == given.row.id)).one()


@pytest.mark.both_databases
def test_one_is_opened_now_in_the_name_of_who_presses_and_once(
    app: Portal, database: Database, given: Given
) -> None:
    admin = given.browser(app, "admin")
    seen = {"seen": given.row.due.isoformat()}
    assert admin.post(given.one("open"), {"seen": "2027-01-01"}).status_code == 409
    assert admin.post(given.one("open"), seen).status_code == 303
    with database.looking(SYSTEM) as session:
        made = session.scalars(select(Assessment).where(Assessment.state == "open")).one()
        event = session.scalars(select(Event).where(Event.kind == Kind.REASSESSMENT_OPENED.value)).one()
    assert (made.issued_by, made.by_itself) == (given.buyer[OrganisationRole.ADMIN].person.id, False)
    assert event.actor_id == made.issued_by
    assert made.due >= clock.now().date() + timedelta(days=14)
    again = admin.post(given.one("open"), seen)
    assert again.status_code == 422
    assert "An assessment by this questionnaire is open already." in plain(again)


def test_what_hinders_it_is_said_with_what_to_do(app: Portal, database: Database, given: Given) -> None:
    with database.transaction() as session:
        session.execute(update(Vendor).values(company_id=None))
        session.execute(update(Reassessment).values(hindered="no_contact", hindered_on=NOW.date()))
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None)
    shown = plain(given.browser(app, "auditor").get(f"/o/{given.buyer.slug}/schedule"))
    assert "Not opened on its day The vendor has no contact to write to. Write down a contact" in shown
    refused = given.browser(app).post(given.one("open"), {"seen": given.row.due.isoformat()})
    assert refused.status_code == 422
    assert "Write down a contact at the vendor" in plain(refused)


def test_a_date_is_moved_and_left_out_with_a_reason(app: Portal, database: Database, given: Given) -> None:
    ciso, due = given.browser(app), given.row.due
    seen = {"seen": due.isoformat(), "reason": "incident"}
    for to, sentence in (
        ("x", "Write a day"),
        ("2020-01-01", "Choose a day from"),
        ("2090-01-01", "Choose a day from"),
    ):
        refused = ciso.post(given.one("move"), seen | {"to": to})
        assert refused.status_code == 422
        assert sentence in plain(refused)
    to: date = due - timedelta(days=60)
    assert ciso.post(given.one("move"), seen | {"to": to.isoformat(), "reason": "because"}).status_code == 422
    assert ciso.post(given.one("move"), seen | {"to": to.isoformat()}).status_code == 303
    assert (row(database, given).due, row(database, given).why) == (to, "hand")
    assert ciso.post(given.one("leave"), seen).status_code == 409, "the date that was looked at is another"
    assert ciso.post(given.one("leave"), {"seen": to.isoformat(), "reason": "x"}).status_code == 422
    assert ciso.post(given.one("leave"), {"seen": to.isoformat(), "reason": "ending"}).status_code == 303
    assert row(database, given).state == "left"
    assert "No next assessment yet" in plain(ciso.get(f"/o/{given.buyer.slug}/schedule"))


def test_an_auditor_reads_and_a_stranger_finds_nothing(
    app: Portal, database: Database, settings: Settings, given: Given
) -> None:
    auditor = given.browser(app, "auditor")
    assert "Change the rules" not in plain(auditor.get(given.rules + "?change=1"))
    assert "Open, move or leave out" not in plain(auditor.get(f"/o/{given.buyer.slug}/schedule"))
    assert auditor.get(given.rules + "/1").status_code == 404
    other = make_organisation(database, settings, "Orrin")
    stranger = Browser(app.test_client(), "ciso@orrin.example")
    path = f"/o/{other.slug}/reassessments/{given.row.id}/leave"
    assert stranger.post(path, {"seen": given.row.due.isoformat(), "reason": "ending"}).status_code == 404
