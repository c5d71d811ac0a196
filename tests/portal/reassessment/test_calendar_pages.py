"""The audit calendar: numbers that open their lists, reasons, what is overdue, files; only what one may see."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, timedelta
from html import unescape

import pytest
from sqlalchemy import event, select, update

from portal.access import CompanyRole, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations import queries as organisations
from portal.organisations.models import Company
from portal.reassessment import (
    agenda,
    agenda_lists,
    by_hand_words,
    calendar_queries,
    calendar_words,
    hindering,
    run_views,
    sayings,
)
from portal.reassessment.calendar_queries import Filter
from portal.reassessment.kinds import KINDS
from portal.settings import Settings
from portal.vendors.models import Engagement
from portal.web import Portal
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import put_off, scheduled, submit
from tests.portal.scene import Scene
from tests.portal.world import NOW, Browser, make_company, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
TODAY = NOW.date()  # a Saturday
LATE = TODAY - timedelta(days=40)


@pytest.fixture
@made_once
def halden(database: Database, settings: Settings) -> Issued:
    """A vendor that answered: its review waits, its next assessment is scheduled. The answers of another are late."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    company = make_company(database, settings, "Fennmark", NOW - timedelta(days=900))
    issued = journey.issue(database, buyer, company, names=("Claims archive",))
    submit(database, issued)
    other = make_company(database, settings, "Solvane", NOW - timedelta(days=900))
    late = journey.issue(database, buyer, other, names=("Payroll",), vendor_name="Solvane")
    put_off(database, late.assessment, LATE)
    return issued


@pytest.mark.parametrize(
    ("dates", "query"),
    [
        ([], ""),
        ([("review", 38), ("finding", 39)], "?year=2026&month=12"),
        ([("review", -30), ("review", -31)], "?year=2026&month=10&kind=review"),
        ([("review", -90), ("finding", -1)], "?when=late"),
        ([("review", -90), ("handed", -1)], ""),  # what is only told is never late
        ([("review", -90), ("finding", 0)], ""),
        ([("review", 20), ("review", 90)], "?kind=review"),
    ],
)
def test_many_dates_are_led_to_the_list_that_holds_them(dates: list[tuple[str, int]], query: str) -> None:
    given = [(kind, TODAY + timedelta(days=days)) for kind, days in dates]
    assert sayings.listed("/o/halden", given, today=TODAY) == f"/o/halden/calendar{query}"


def page_of(app: Portal, address: str, path: str) -> str:
    answer = Browser(app.test_client(), address).get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(answer.text).split())


def test_every_kind_has_words_and_every_code_that_hinders_has() -> None:
    assert set(calendar_words.KIND_WORDS) == set(KINDS)
    names = ("NO_CONTACT", "NO_VERSION", "THROTTLED", "OFFBOARDED", "NOBODY", "ELSEWHERE", "UNLINKED", "ASKS")
    codes = {getattr(hindering, one) for one in names}
    assert codes == set(calendar_words.HINDERED) == set(by_hand_words.TO_DO) == set(run_views.HELPS_WORDS)


def test_each_number_of_the_year_opens_a_list_of_as_many(app: Portal, halden: Issued) -> None:
    path = f"/o/{halden.organisation.slug}/calendar"
    found = 0
    for year in (TODAY.year, TODAY.year + 1):
        page = page_of(app, "auditor@halden.example", f"{path}?year={year}")
        for href, number in re.findall(
            r'class="figure-link" href="([^"]+)"><span[^>]*>[^<]*</span>(\d+)<', page
        ):
            shown = page_of(app, "auditor@halden.example", href)
            assert f'class="total muted" value="{number}"' in shown
            found += int(number)
    assert found == 3  # the review, the late answers, the next assessment
    assert "Nothing is due in 2031" in page_of(app, "auditor@halden.example", f"{path}?year=2031")


def test_a_month_says_what_when_why_and_where_to_act(app: Portal, database: Database, halden: Issued) -> None:
    (row,) = scheduled(database)
    path = f"/o/{halden.organisation.slug}/calendar?year={row.due.year}&month={row.due.month}"
    page = page_of(app, "ciso@halden.example", path)
    assert "Next assessment: " in page
    assert "Answers of 21 Nov 2026 plus 12 months" in page
    assert f"/engagements/{row.engagement_id}" in page
    assert "Next:" in page
    (late,) = [one for one in items(database, halden) if one.kind == "assessment"]
    page = page_of(app, "ciso@halden.example", f"/o/{halden.organisation.slug}/calendar?when=late")
    assert "40 days late" in page
    assert f"/assessments/{late.source}" in page
    assert "Solvane" in page
    assert "Fennmark" not in page


def items(database: Database, halden: Issued) -> list[agenda.Item]:
    who = halden.organisation[OrganisationRole.ADMIN]
    with database.looking(who.scope) as session:
        return agenda.of_organisation(session, who)


def test_overdue_is_what_is_late_and_past_every_step_what_nobody_hears_of_again(
    app: Portal, database: Database, halden: Issued
) -> None:
    who = halden.organisation[OrganisationRole.ADMIN]

    def found() -> tuple[int, int]:
        with database.looking(who.scope) as session:
            own = organisations.organisation_of(session, who)
            late = calendar_queries.year_of(session, who, own, 2030, Filter(), now=NOW)
            for past, number in ((False, late.late), (True, late.past)):
                days = calendar_queries.overdue(session, who, own, Filter(), past=past, now=NOW)
                assert sum(one.number for one in days) == number
        return late.late, late.past

    (late,) = [one for one in items(database, halden) if one.kind == "assessment"]
    ladder_ends = TODAY - timedelta(days=30)
    assert found() == (1, 1)
    for due, expected in (
        (ladder_ends, (1, 0)),  # today is a Saturday: the last step is told on Monday
        (ladder_ends - timedelta(days=1), (1, 1)),  # that was a Friday
        (TODAY - timedelta(days=1), (1, 0)),
        (TODAY, (0, 0)),
    ):
        put_off(database, late.source, due)
        assert found() == expected, due


def test_the_list_is_narrowed_to_a_kind_and_to_a_business_owner(
    app: Portal, database: Database, halden: Issued
) -> None:
    place = halden.organisation
    owner, nobody = (
        place[OrganisationRole.BUSINESS_OWNER].person.id,
        place[OrganisationRole.AUDITOR].person.id,
    )
    admin = place[OrganisationRole.ADMIN]

    def kinds(narrowed: Filter) -> Counter[str]:
        with database.looking(admin.scope) as session:
            found = calendar_queries.between(
                session, admin, narrowed, first=date(2020, 1, 1), last=date(2040, 1, 1)
            )
            own = organisations.organisation_of(session, admin)
            year = calendar_queries.year_of(session, admin, own, TODAY.year, narrowed, now=NOW)
        here: Counter[str] = Counter()
        for one in found:
            here[one.kind] += one.number
        this_year = sum(one.number for one in found if one.due.year == TODAY.year)
        assert sum(month.total for month in year.months) == this_year
        return here

    assert set(kinds(Filter())) == {"assessment", "review", "reassessment"}
    assert set(kinds(Filter("review"))) == {"review"}
    with database.transaction() as session:
        session.execute(update(Engagement).values(business_owner_id=owner))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    everything = kinds(Filter(owner=owner))
    assert everything["review"] == everything["assessment"] == everything["reassessment"] == 1
    assert kinds(Filter(owner=nobody)) == Counter()
    base = f"/o/{place.slug}/calendar"
    page = page_of(app, "ciso@halden.example", f"{base}?when=late&owner={owner}")
    assert '<span class="token">Business_Owner of Halden' in page
    page = page_of(app, "business_owner@halden.example", f"{base}?when=late")
    assert 'name="owner"' not in page  # theirs is all that they see
    assert "40 days late" in page


def test_a_business_owner_sees_and_takes_away_nothing_that_is_not_theirs(
    app: Portal, database: Database, halden: Issued
) -> None:
    with database.transaction() as session:
        session.execute(update(Engagement).values(business_owner_id=None))
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=None)
    base = f"/o/{halden.organisation.slug}/calendar"
    address = "business_owner@halden.example"
    for path in (base, f"{base}?when=late", f"{base}?year={TODAY.year}&month=11", f"{base}.csv"):
        page = page_of(app, address, path)
        assert "Fennmark" not in page
        assert 'class="figure-link"' not in page


def test_files_hold_what_the_page_lists_and_are_on_record(
    app: Portal, database: Database, halden: Issued
) -> None:
    base = f"/o/{halden.organisation.slug}/calendar"
    browser = Browser(app.test_client(), "auditor@halden.example")
    found = browser.get(f"{base}.csv?when=late").text.splitlines()
    assert found[0].endswith("day,time,zone,kind,what,vendor,engagement,tier,why,id")
    assert len(found) == 2
    assert found[1].startswith(f"{LATE},,Europe/Lisbon,assessment,Answers: ")
    year = browser.get(f"{base}.csv?year={TODAY.year}").text.splitlines()
    assert {line.split(",")[3] for line in year[1:]} == {"assessment", "review"}
    assert browser.get(f"{base}.xlsx?year={TODAY.year + 1}").data.startswith(b"PK")
    with database.looking(SYSTEM) as session:
        taken = session.scalars(select(Event.data).where(Event.kind == Kind.EXPORTED.value)).all()
    assert sorted(one["rows"] for one in taken if one["what"] == "calendar") == [1, 1, 2]


def test_a_company_sees_what_is_asked_of_it_and_contributors_what_they_were_given(
    app: Portal, database: Database, halden: Issued
) -> None:
    with database.looking(SYSTEM) as session:
        slug = session.scalars(select(Company.slug).where(Company.name == "Solvane")).one()
    page = page_of(app, "owner@solvane.example", f"/c/{slug}/calendar")
    assert "One date is over." in page
    assert "Halden" in page
    assert "40 days late" in page
    assert "Payroll" not in page
    assert "Nothing is due." in page_of(app, "contributor@solvane.example", f"/c/{slug}/calendar")
    assert "Nothing is due." in page_of(app, "owner@fennmark.example", f"/c/{halden.company.slug}/calendar")


def test_a_page_of_many_with_one_date_is_cut_as_a_page_of_few(
    database: Database, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = scene.places["Kzalder"]
    who = place[OrganisationRole.CISO]
    with database.looking(who.scope) as session:
        found = agenda_lists.counted(session, who)
        every = agenda_lists.whole(session, who, found)
        assert len(every) == sum(one.number for one in found) > 10
        for few in (agenda_lists.FEW, 0):
            monkeypatch.setattr(agenda_lists, "FEW", few)
            pages: list[agenda_lists.Key] = []
            for start in range(0, len(every) + 3, 3):
                pages += agenda_lists.page(session, who, found, start=start, most=3)
            assert [(one.kind, one.source, one.code) for one in pages] == [
                (one.kind, one.source, one.code) for one in every
            ]


def test_nothing_of_others_in_any_month(app: Portal, database: Database, scene: Scene) -> None:
    wrong, seen = [], 0
    for place in scene.places.values():
        for role, who in place.people.items():
            if role not in (OrganisationRole.CISO, OrganisationRole.BUSINESS_OWNER, *CompanyRole):
                continue
            browser = signed_in(app, who)
            side = "o" if who.organisation else "c"
            base = f"/{side}/{place.slug}/calendar"
            paths = [base]
            if side == "o":
                with database.looking(who.scope) as session:
                    found = agenda.of_organisation(session, who)
                months = {(one.due.year, one.due.month) for one in found}
                paths += [f"{base}?year={year}&month={month}" for year, month in months]
                paths += [f"{base}?when=late", f"{base}?when=past", f"{base}.csv?when=late"]
                other = next(one for one in scene.places.values() if one is not place and one.side != "c")
                strange = next(iter(other.people.values())).person.id
                paths += [f"{base}?when=late&owner={strange}"]
            for path in paths:
                text = browser.get(path).text.lower()
                wrong += [(path, word) for word in scene.forbidden(place) if word in text]
                seen += sum(word in text for word in scene.canaries)
    assert wrong == []
    assert seen > 10


def test_a_page_asks_as_much_for_three_items_as_for_one(
    app: Portal, database: Database, settings: Settings, halden: Issued
) -> None:
    def asked() -> int:
        found: list[str] = []
        browser = Browser(app.test_client(), "ciso@halden.example")

        def note(*given: object) -> None:
            found.append(str(given[2]))

        for path in ("?when=late", f"?year={TODAY.year}", f"?year={TODAY.year}&month=11"):
            event.listen(app.database.reading, "before_cursor_execute", note)
            event.listen(app.database.engine, "before_cursor_execute", note)
            try:
                assert browser.get(f"/o/{halden.organisation.slug}/calendar{path}").status_code == 200
            finally:
                event.remove(app.database.engine, "before_cursor_execute", note)
                event.remove(app.database.reading, "before_cursor_execute", note)
        return len(found)

    def late(letter: str, days: int) -> None:
        company = make_company(database, settings, f"Quarry {letter}")
        another = journey.issue(database, halden.organisation, company, vendor_name=company.name)
        put_off(database, another.assessment, TODAY - timedelta(days=days))

    late("a", 2)
    few = asked()
    for letter, days in (("b", 3), ("c", 5), ("d", 8)):
        late(letter, days)
    assert asked() == few
