"""What is foreseen as a page, as files and at the command line: the same lines, as far as who looks may see them."""

from __future__ import annotations

import json
import uuid
from argparse import Namespace
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from portal import cli_cycle
from portal.access import CompanyRole, OrganisationRole
from portal.assessments.issuing_many import Order
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.campaigns import choosing
from portal.campaigns import service as campaigns
from portal.campaigns.choosing import Choice
from portal.campaigns.service import Wish
from portal.db import Database
from portal.faults import NotFound, StartupFault
from portal.organisations.models import Organisation
from portal.reassessment import outlook
from portal.reassessment.foreseeing import foresee, world
from portal.reassessment.foreseen_lines import OPENED
from portal.settings import Settings
from portal.vendors.models import Engagement
from portal.web import Portal
from questionnaires import catalog
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import put_off, submit
from tests.portal.world import NOW, Browser, make_company, make_organisation

TODAY = NOW.date()
FLASH = catalog.latest("vulnerability_flash")
GOLDEN = Path(__file__).parent / "foreseen.txt"
DUE = date(2026, 12, 16)  # a Wednesday


@dataclass
class Given:
    asked: Issued
    answered: Issued


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    """Asked for answers by DUE; and answered on 21 November, so that the calendar opens the next one in ten months."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    asked = journey.issue(database, buyer, company, vendor_name="Solvane", names=("Payroll",))
    put_off(database, asked.assessment, DUE)
    answered = journey.issue(database, buyer, company, names=("Claims archive",))
    submit(database, answered)
    return Given(asked, answered)


def page(given: Given) -> str:
    return f"/o/{given.asked.organisation.slug}/calendar/foreseen"


def look(app: Portal, given: Given, path: str, who: str = "auditor") -> str:
    answer = Browser(app.test_client(), f"{who}@halden.example").get(page(given) + path)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.text.split())


@pytest.mark.both_databases
def test_the_page_says_who_is_told_what_and_when(app: Portal, given: Given) -> None:
    found = look(app, given, "")
    assert "2 Dec 2026" in found, "before-14"
    assert "Owner of Fennmark (vendor) , in the digest of 2 Dec 2026" in found.replace(
        "(vendor),", "(vendor) ,"
    )
    assert "in a letter of its own" in found
    assert "Solvane" in found
    year = look(app, given, f"?from=2027-09-20&until={TODAY + timedelta(days=330)}")
    assert "Opened by the calendar" in year
    assert "Claims archive" in year
    assert "24 Sept 2027" in year.replace("24 Sep 2027", "24 Sept 2027")


def test_what_a_campaign_is_still_to_ask_is_foreseen_by_its_title(
    app: Portal, database: Database, given: Given
) -> None:
    ciso, made = given.asked.organisation[OrganisationRole.CISO], uuid.uuid4()
    wish = Wish("Log flaw", FLASH.content_hash, TODAY + timedelta(days=3), None, "Everybody asks.", "days")
    order = Order(made, wish.content_hash, FLASH.slug, wish.due, wish.reason)
    with database.transaction(ciso.scope) as session:
        lines, _total = choosing.lines(session, ciso, Choice(), order, today=TODAY, now=NOW)
        campaigns.start(session, made, wish, {}, lines, actor=ciso, now=NOW)
    found = look(app, given, "?kind=campaign")
    assert FLASH.title in found
    assert "Solvane" in found
    assert "Owner of Fennmark" in found


def test_it_is_narrowed_to_a_kind_and_to_a_person_and_says_so(app: Portal, given: Given) -> None:
    assert "Solvane" not in look(app, given, "?kind=review")
    assert "Nothing of this is foreseen" in look(app, given, "?kind=incident")
    ciso = given.asked.organisation[OrganisationRole.CISO].person.id
    late = f"?from=2026-12-17&until=2027-02-01&person={ciso}"
    assert "Owner of Fennmark" not in look(app, given, late)
    assert "Ciso of Halden, in a letter of its own" in look(app, given, late)


def test_days_that_cannot_be_are_said_and_others_are_shown(app: Portal, given: Given) -> None:
    for path, words in (
        ("?from=yesterday", "Write both days like"),
        ("?from=2020-01-01", "Only days from today to 400 days ahead"),
        ("?until=2030-01-01", "Only days from today to 400 days ahead"),
        ("?from=2026-12-10&until=2026-12-01", "The last day is before the first"),
    ):
        assert words in look(app, given, path)
    assert "Other days are shown" not in look(app, given, "?from=2026-12-01&until=2026-12-31")


def test_a_business_owner_sees_what_is_theirs(app: Portal, database: Database, given: Given) -> None:
    owner = given.asked.organisation[OrganisationRole.BUSINESS_OWNER].person.id
    assert "Solvane" not in look(app, given, "", "business_owner")
    with database.transaction() as session:
        session.execute(
            update(Engagement)
            .where(Engagement.id.in_(given.answered.engagements))
            .values(business_owner_id=owner)
        )
        record(session, Kind.VENDOR_CHANGED, now=NOW, actor=None, organisation_id=given.asked.organisation.id)
    theirs = look(app, given, "?from=2027-09-20&until=2027-10-20", "business_owner")
    assert "Claims archive" in theirs
    assert "Opened by the calendar" in theirs
    assert "Solvane" not in look(app, given, "", "business_owner")


def test_the_files_hold_a_line_for_each_person(app: Portal, given: Given) -> None:
    rows = Browser(app.test_client(), "auditor@halden.example").get(f"{page(given)}.csv").text
    lines = rows.lstrip("\ufeff").splitlines()
    assert lines[0].startswith("day,time,zone,what,kind,about,vendor")
    (told,) = [one for one in lines if "before-14" in one]
    assert "Owner of Fennmark" in told
    assert "2026-12-02" in told
    assert (
        Browser(app.test_client(), "auditor@halden.example").get(f"{page(given)}.xlsx").data.startswith(b"PK")
    )


def test_what_takes_too_long_is_shown_as_far_as_it_is_whole(database: Database, given: Given) -> None:
    place = given.asked.organisation.id
    whole = outlook.outlook(
        database, place, now=NOW, start=TODAY, end=TODAY + timedelta(days=60), seconds=outlook.SECONDS
    )
    short = outlook.outlook(
        database, place, now=NOW + timedelta(days=1), start=TODAY, end=TODAY + timedelta(days=60), seconds=-1
    )
    assert whole.whole
    assert not short.whole
    assert short.until < TODAY + timedelta(days=60)
    assert len(short.lines) < len(whole.lines)
    with pytest.raises(NotFound):
        world(database, given.asked.vendor, now=NOW, until=DUE)


def test_of_days_that_are_not_worked_out_in_time_the_page_names_the_command_that_knows_them(
    app: Portal, given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fewer days would not help: whatever is chosen is worked out from today on."""
    monkeypatch.setattr(outlook, "SECONDS", -1.0)
    far = TODAY + timedelta(days=200)
    found = look(app, given, f"?from={far}&until={far + timedelta(days=1)}")
    slug = given.asked.organisation.slug
    command = (
        f"portal simulate-reminders --organisation {slug} --from {far} --until {far + timedelta(days=1)}"
    )
    assert command in found
    assert "Nothing is foreseen" not in found


# ----------------------------------------------------------------------------------------------------- command line


def asked(database: Database, **values: object) -> cli_cycle.Asked:
    (found,) = every(database, **values)
    return found


def every(database: Database, **values: object) -> list[cli_cycle.Asked]:
    known = {"organisation": "Halden", "start": None, "until": None, "person": None, "kind": None} | values
    return cli_cycle.asked_of(database, Namespace(**known), NOW)


def test_without_a_name_the_command_speaks_of_every_organisation_that_is_open(
    database: Database, settings: Settings, given: Given
) -> None:
    make_organisation(database, settings, "Aldgate")
    gone = make_organisation(database, settings, "Bygone")
    with database.transaction() as session:
        session.execute(update(Organisation).where(Organisation.id == gone.id).values(closed_at=NOW))
        record(session, Kind.ORGANISATION_CLOSED, now=NOW, actor=None)
    found = every(database, organisation=None)
    assert [one.name for one in found] == ["Aldgate", "Halden"]
    (first, *_rest) = cli_cycle.lines(database, found[1], NOW, as_json=True)
    assert json.loads(first)["organisation"] == "Halden"


def test_the_command_says_a_line_for_each_person_and_how_many(database: Database, given: Given) -> None:
    found = list(cli_cycle.lines(database, asked(database), NOW, as_json=False))
    assert (
        "2026-12-02  before-14  assessment security_lite, due 2026-12-16  Solvane"
        "  -> Owner of Fennmark <owner@fennmark.example>, digest of 2026-12-02"
    ) in found
    assert any(one.endswith(", alone, at 2026-12-16 07:00") for one in found)
    assert found[-1].endswith("Assessments opened: 0.")
    objects = [json.loads(one) for one in cli_cycle.lines(database, asked(database), NOW, as_json=True)]
    assert len(objects) == len(found) - 1
    assert {one["kind"] for one in objects} == {"assessment", "review"}
    ciso = asked(database, until="2027-01-31", person="ciso@halden.example")
    told = list(cli_cycle.lines(database, ciso, NOW, as_json=False))
    assert all("<ciso@halden.example>" in one for one in told[:-1])
    assert len(told) > 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"organisation": "Nobody Ltd"}, "There is no organisation called Nobody Ltd."),
        ({"start": "soon"}, "--from is soon, which is no day. Write it like 2027-01-31."),
        ({"until": "2026-02-30"}, "--until is 2026-02-30, which is no day."),
        ({"start": "2026-11-20"}, "choose 2026-11-21 or later"),
        ({"start": "2026-12-02", "until": "2026-12-01"}, "which is before --from"),
        ({"until": "2028-06-01"}, "only 400 days can be foreseen: until 2027-12-26"),
        ({"person": "nobody@nowhere.example"}, "Nobody here has the address"),
        ({"kind": "birthday"}, "There is no kind birthday. Choose from assessment, campaign"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    database: Database, given: Given, values: dict[str, object], words: str
) -> None:
    with pytest.raises(StartupFault) as fault:
        asked(database, **values)
    assert words in str(fault.value)


def test_the_same_assessment_is_foreseen_that_is_then_opened(database: Database, given: Given) -> None:
    """The engagement of the design's page: its id, its date, and the ladder to the vendor."""
    made = world(database, given.asked.organisation.id, now=NOW, until=TODAY + timedelta(days=400))
    lines = list(foresee(made))
    (opened,) = [one for one in lines if one.what == OPENED]
    assert (opened.day, opened.due) == (date(2027, 9, 24), date(2027, 11, 5))
    theirs = [(one.step, one.day) for one in lines if one.subject == opened.subject and one.of_company]
    assert [step for step, _day in theirs] == [
        *("before-30", "before-14", "before-7", "before-1", "on-the-day", "after-1", "after-7", "after-14"),
        "after-30",
    ]
    owner = given.asked.company[CompanyRole.OWNER].person.id
    assert {one.person_id for one in lines if one.subject == opened.subject and one.of_company} == {owner}


def test_a_year_of_two_vendors_is_what_a_person_has_read(database: Database, given: Given) -> None:
    """The golden file: who is told what and when, worked out and then read through by hand."""
    year = asked(database, until=(TODAY + timedelta(days=400)).isoformat())
    *found, total = cli_cycle.lines(database, year, NOW, as_json=False)
    text = "\n".join([*sorted(found), total]) + "\n"
    assert text == GOLDEN.read_text()
