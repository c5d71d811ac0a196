"""Short words, long answers, names with two endings, and what pages say while the worker has not read all yet."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, SealedAnswer, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate import standings
from portal.gate.standing_models import BriefCondition, BriefSubmission, GateBrief
from portal.portfolio import changes, figures, indexing, search_queries, shown, unread
from portal.portfolio import concentration_queries as parties
from portal.portfolio.indexing import PARTIES, Indexer
from portal.portfolio.models import FourthPartyName, IndexedSubmission
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.portfolio.given import ADMIN, CISO, Said, Told, firm, keep, tell, told
from tests.portal.portfolio.test_search import _destroy, found
from tests.portal.scene import security_lite
from tests.portal.world import NOW, make_company, signed_in

TODAY = NOW.date()


@pytest.fixture
@made_once
def world(database: Database, settings: Settings) -> Told:
    return told(database, settings)


def also(world: Told, database: Database, settings: Settings, *firms: dict[str, str]) -> Said:
    """One more vendor that names these."""
    fir = make_company(database, settings, "Fir")
    said = tell(database, world.place, fir, "Fir", "critical", list(firms))
    keep(database)
    return said


def relation(world: Told, session: Any, **more: Any) -> standings.Relation:
    return standings.relation(session, world.place[CISO], today=TODAY, now=NOW, **more)


@pytest.mark.both_databases
def test_words_of_two_letters_and_of_scripts_without_spaces_are_found(
    world: Told, app: Portal, database: Database, settings: Settings
) -> None:
    said = also(world, database, settings, firm("東京データ", "EU"), firm("Europa Lines", "Spain"))
    here = [(said.submission, PARTIES)]
    ciso = world.place[CISO]
    for words in ("eu", "EU", "東京", "京デ", "eu europa", "europa 東京"):
        assert found(database, ciso, words) == here
    assert found(database, ciso, "sp") == found(database, ciso, "東亰") == []
    browser = signed_in(app, ciso)
    for name in ("", ".csv", ".xlsx"):
        answer = browser.get(f"/o/{world.place.slug}/search{name}", query_string={"q": "eu 東京"})
        assert answer.status_code == 200
    assert "Fir hosting" in browser.get(f"/o/{world.place.slug}/search?q=eu").text


@pytest.mark.both_databases
def test_figures_of_firms_with_two_legal_endings_open_their_own_list(
    world: Told, app: Portal, database: Database, settings: Settings
) -> None:
    names = ("Atlassian Pty Ltd", "Hitachi Systems Co., Ltd.", "Müller GmbH & Co. KG")
    also(world, database, settings, *map(firm, names))
    browser = signed_in(app, world.place[ADMIN])
    base = f"/o/{world.place.slug}/portfolio"
    links = re.findall(r'href="(/o/[^"]+/fourth-parties/engagements\?name=[^"]+)"', browser.get(base).text)
    links += re.findall(
        r'href="(/o/[^"]+/engagements\?name=[^"]+)"', browser.get(f"{base}/fourth-parties").text
    )
    assert {"atlassian", "hitachi+systems", "m%C3%BCller"} <= {
        one.partition("name=")[2].partition("&")[0] for one in links
    }
    for one in links:
        assert browser.get(one.replace("&amp;", "&")).status_code == 200


@pytest.mark.both_databases
def test_a_firm_is_called_as_most_vendors_call_it(
    world: Told, database: Database, settings: Settings
) -> None:
    ciso = world.place[CISO]
    also(world, database, settings, firm("!!! Nordmoln Cloud !!!"), firm("Quetzal"))
    with database.looking(ciso.scope) as session:
        at = relation(world, session)
        assert parties.name_of(session, ciso, "quetzal", at) == "Quetzal"
        assert parties.name_of(session, ciso, "nordmoln cloud", at) == "NORDMOLN cloud"
        assert [one.name for one in parties.top(session, ciso, at, {})] == ["NORDMOLN cloud", "Quetzal"]
        assert [one.name for one in parties.everything(session, ciso, parties.Filter(), at)] == [
            "NORDMOLN cloud",
            "Quetzal",
        ]


@pytest.mark.both_databases
def test_saying_twice_that_two_names_are_one_firm_is_saying_it_once(
    world: Told, app: Portal, database: Database
) -> None:
    browser = signed_in(app, world.place[ADMIN])
    path = f"/o/{world.place.slug}/portfolio/fourth-parties/names"
    form = {"name": "quetzal", "same_as": "Nordmoln Cloud", "do": "join"}
    for _press in range(2):
        assert browser.post(path, form).headers["Location"].endswith("name=nordmoln+cloud")
    assert browser.post(path, form | {"name": "nobody says so"}).status_code == 404
    with database.looking(SYSTEM) as session:
        assert [one.name_key for one in session.scalars(select(FourthPartyName))] == ["quetzal"]


@pytest.mark.both_databases
def test_a_name_that_was_joined_goes_with_the_last_answer_that_gives_it(
    world: Told, database: Database
) -> None:
    who, now = world.place[ADMIN], NOW

    def left() -> list[str]:
        with database.looking(SYSTEM) as session:
            return sorted(session.scalars(select(FourthPartyName.name_key)))

    with database.transaction(who.scope) as session:
        parties.join(session, who, "quetzal", "Nordmoln Cloud", now=now)
    with database.transaction(SYSTEM) as session:
        _destroy(session, world.second.assessment, [PARTIES])
    assert left() == ["quetzal"]  # the first still names both
    with database.transaction(SYSTEM) as session:
        _destroy(session, world.first.assessment, [PARTIES])
    assert left() == []


@pytest.mark.both_databases
def test_pages_say_that_answers_are_still_being_read(world: Told, app: Portal, database: Database) -> None:
    ciso = world.place[CISO]
    browser, base = signed_in(app, ciso), f"/o/{world.place.slug}"
    pages = (f"{base}/search?q=quetzal", f"{base}/portfolio/fourth-parties", f"{base}/portfolio")
    with database.looking(ciso.scope) as session:
        assert unread.submissions(session, ciso, relation(world, session)) == 0
    for page in pages:
        assert "still being read" not in browser.get(page).text
    with database.transaction(SYSTEM) as session:
        indexing.forget(session, [world.first.submission, world.second.submission, world.theirs.submission])
    with database.looking(ciso.scope) as session:
        assert unread.submissions(session, ciso, relation(world, session)) == 2
    texts = [browser.get(page).text for page in pages]
    for text in texts:
        assert "The answers of 2 submissions are still being read" in text
    assert "No answer that has been read so far says so." in texts[0]
    assert "No vendor whose answers have been read so far" in texts[1]
    assert "None is named in what has been read so far." in texts[2]
    file = browser.get(f"{base}/search.csv?q=quetzal").headers["Content-Disposition"]
    assert "-2-submissions-not-read" in file


@pytest.mark.both_databases
def test_an_answer_that_cannot_be_read_stops_no_other(
    world: Told, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [one.submission for one in (world.first, world.second, world.theirs)]
    with database.transaction(SYSTEM) as session:
        indexing.forget(session, ids)
        one = session.get_one(Submission, min(ids))
        place = {"organisation_id": one.organisation_id, "company_id": one.company_id}
        session.add(SealedAnswer(submission_id=one.id, key="odd", **place, salt=b"", answer=b"{"))
        record(
            session,
            Kind.REDACTED,
            now=NOW,
            actor=None,
            subject=session.get_one(Assessment, one.assessment_id),
        )
    indexer = Indexer(database)
    assert indexer.turn(lambda: NOW, seconds=60) == 2
    assert indexer.turn(lambda: NOW, seconds=60) == 0
    assert caplog.text.count("cannot be read") == 1
    with database.looking(SYSTEM) as session:
        assert set(session.scalars(select(IndexedSubmission.submission_id))) == set(ids) - {min(ids)}


def test_every_row_of_a_long_table_is_found_and_excerpts_stay_short(
    world: Told, database: Database, settings: Settings
) -> None:
    common = " ".join(f"word{one}" for one in range(500))[:4000]
    rows = [firm("Zerostart"), *(firm(f"Firm{one} Lines", "Spain", common) for one in range(120))]
    rows += [firm("Xylophon", "Norway")]
    said = also(world, database, settings, *rows)
    ciso = world.place[CISO]
    for words in ("zerostart", "firm119", "xylophon norway"):
        assert found(database, ciso, words) == [(said.submission, PARTIES)]
    with database.looking(ciso.scope) as session:
        narrowed, at = search_queries.Filter("xylophon"), relation(world, session)
        plan = search_queries.plan(session, ciso, "xylophon", narrowed, at)
        page = search_queries.page_of(session, ciso, plan, narrowed, at, number=1)
    [hit] = page.rows
    assert ("Xylophon", True) in hit.pieces
    assert sum(len(text) for text, _found in hit.pieces) < 400


def test_an_excerpt_of_megabytes_is_made_at_once() -> None:
    question = security_lite().questions[PARTIES]
    rows = [firm("xeu " * 900, "xeu " * 900, "xeu " * 900) for _ in range(200)]
    started = time.monotonic()
    for wanted in ("eu", "xe", "xeu", "nothing"):
        parts = [one for one in indexing.texts_of(question, Content("answered", rows)) if one.strip()]
        pieces = list(search_queries._pieces(parts, [wanted]))
        assert any(found for _text, found in pieces) == (wanted == "xeu")
        assert sum(len(text) for text, _found in pieces) < 400
    assert time.monotonic() - started < 10  # word by word it is some minutes


def test_a_narrowed_search_tells_what_it_is_narrowed_to(world: Told, database: Database) -> None:
    ciso = world.place[CISO]
    with database.looking(ciso.scope) as session:
        narrowed, at = search_queries.Filter("nordmoln", tier="high"), relation(world, session)
        plan = search_queries.plan(session, ciso, "nordmoln", narrowed, at)
        page = search_queries.page_of(session, ciso, plan, narrowed, at, number=1)
    assert [(one.tier, {each.tier for each in one.engagements}) for one in page.rows] == [("high", {"high"})]


@pytest.mark.both_databases
def test_what_is_being_worked_out_is_counted_as_nothing_else(
    world: Told, app: Portal, database: Database
) -> None:
    ciso = world.place[CISO]
    with database.transaction(SYSTEM) as session:
        for model in (BriefCondition, BriefSubmission, GateBrief):
            session.execute(delete(model))
    standings._worked._known.clear()
    since = TODAY - timedelta(days=1)
    with database.looking(ciso.scope) as session:
        home = figures.home(session, ciso, today=TODAY, now=NOW, since=since, most=0)
        assert home.waiting == home.count("all") == 2
        assert (home.count("risk:none"), home.count("risk:working")) == (0, 2)
        assert sum(count for _risk, count in home.residual) == home.count("all")
        assert len(shown_risks(app, home)) == len(home.residual)
        compared = changes.Compared(ciso, relation(world, session, most=0), since, "UTC")
        ids = session.execute(compared.ids(changes.Filter(since, changes.NEW))).scalars().all()
        assert [one.known for one in compared.rows(session, ids)] == [False] * len(ids)
        assert relation(world, session, most=0).incomplete == "-2-gates-not-worked-out"


def test_no_page_says_that_there_is_nothing_while_gates_wait(
    world: Told, app: Portal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (standings.relation, figures.home):  # as if there were thousands
        monkeypatch.setitem(one.__kwdefaults__ or {}, "most", 0)
    with database.transaction(SYSTEM) as session:
        for model in (BriefCondition, BriefSubmission, GateBrief):
            session.execute(delete(model))
    standings._worked._known.clear()
    browser, base = signed_in(app, world.place[CISO]), f"/o/{world.place.slug}"
    home = browser.get(f"{base}/portfolio").text
    assert "2 gates are being worked out anew." in home
    for said in ("goes on to pass", "No vendor has named one yet"):
        assert said not in home
    assert 'data-figure="risk:working" data-count="2"' in home
    changed = browser.get(f"{base}/portfolio/changes").text
    assert "2 gates are being worked out anew" in changed
    lines = changed.partition("<tbody>")[2].partition("</tbody>")[0]
    assert "Being worked out" in lines
    assert "No band" not in lines
    searched = browser.get(f"{base}/search?q=quetzal").text
    assert "The answers behind them are not found until then." in searched
    assert "No answer that has been read so far says so." in searched
    file = browser.get(f"{base}/search.csv?q=quetzal").headers["Content-Disposition"]
    assert "-2-gates-not-worked-out" in file


def shown_risks(app: Portal, home: figures.Home) -> list[shown.Part]:
    with app.test_request_context("/"):
        return shown.risks(home)
