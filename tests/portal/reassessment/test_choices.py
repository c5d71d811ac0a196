"""Which letters one gets: saved on the account's page, or turned off by one click that nobody has to sign in for."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.access import CompanyRole, OrganisationRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.erasure import people
from portal.faults import Invalid, NotFound
from portal.reassessment import choices
from portal.reassessment.models_post import LetterChoice
from portal.settings import Settings
from portal.web import Portal
from tests.portal.once import made_once
from tests.portal.world import NOW, Place, make_company, make_organisation, signed_in

CISO, OWNER = OrganisationRole.CISO, CompanyRole.OWNER


@pytest.fixture
@made_once
def place(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def off(database: Database) -> set[tuple[uuid.UUID, uuid.UUID, str]]:
    with database.looking(SYSTEM) as session:
        rows = session.execute(select(LetterChoice.person_id, LetterChoice.place_id, LetterChoice.group))
        return {(who, where, group) for who, where, group in rows}


def token(database: Database, who: uuid.UUID, where: uuid.UUID, group: str = choices.COMING) -> str:
    with database.looking() as session:
        return choices.token(session, who, where, group)


# ------------------------------------------------------------------------------------------------------- which group


@pytest.mark.parametrize(
    ("kind", "step", "role", "group"),
    [
        ("assessment", "before-7", "owners", "coming"),
        ("assessment", "on-the-day", "contact", ""),
        ("assessment", "after-7", "owners", ""),
        ("assessment", "after-7", "issuer", "overdue_copies"),
        ("assessment", "after-30", "ciso", "overdue_copies"),
        ("reassessment", "before-30", "issuers", "coming"),
        ("reassessment", "after-1", "issuers", ""),
        ("reassessment", "after-1", "business_owner", "overdue_copies"),
        ("review", "before-1", "reviewers", "coming"),
        ("review", "on-the-day", "reviewers", ""),
        ("review", "after-1", "reviewers", ""),
        ("review", "after-7", "ciso", "overdue_copies"),
        ("decision", "on-the-day", "deciders", ""),
        ("decision", "on-the-day", "business_owner", "overdue_copies"),
        ("condition", "after-1", "decided", ""),
        ("condition", "after-1", "procurement", ""),
        ("condition", "after-7", "ciso", "overdue_copies"),
        ("exception", "on-the-day", "decided", ""),
        ("exception", "on-the-day", "ciso", ""),
        ("trigger", "on-the-day", "issuers", ""),
        ("first", "after-7", "issuers", ""),
        ("first", "after-7", "business_owner", "overdue_copies"),
        ("handed", "on-the-day", "business_owner", ""),
        ("finding", "after-1", "assignee", ""),
        ("finding", "after-7", "reviewers", "overdue_copies"),
        ("campaign", "hour-4@18:00", "owners", ""),
        ("campaign", "after-1", "issuer", "campaigns"),
        ("evidence", "before-30", "owners", "evidence"),
        ("evidence", "after-7", "uploader", ""),
        ("evidence", "after-30", "ciso", "evidence"),
        ("stuck", "on-the-day", "issuers", ""),
        ("incident", "after-7", "reviewers", ""),
    ],
)
def test_what_belongs_to_which_group(kind: str, step: str, role: str, group: str) -> None:
    assert choices.group_of(kind, step, role) == group


# ------------------------------------------------------------------------------------------------------- one click


@pytest.mark.both_databases
def test_one_click_turns_off_that_group_there_and_nothing_else(
    app: Portal, database: Database, place: Place
) -> None:
    who = place[CISO].person.id
    path = f"/letters/off/{token(database, who, place.id)}"
    client = app.test_client()
    for _time in range(5):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Halden" in answer.text
    assert off(database) == set(), "following the link changes nothing"
    for _time in range(2):
        answer = client.post(path, data="List-Unsubscribe=One-Click")
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
    assert off(database) == {(who, place.id, "coming")}
    with database.looking(SYSTEM) as session:
        chosen = select(func.count()).select_from(Event).where(Event.kind == "letters.chosen")
        assert session.scalar(chosen) == 1, "twice is once"


def test_its_page_is_told_to_nobody(app: Portal, database: Database, place: Place) -> None:
    answer = app.test_client().get(f"/letters/off/{token(database, place[CISO].person.id, place.id)}")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "csrf" not in answer.text


def test_from_anywhere_and_signed_in_as_anybody(app: Portal, database: Database, place: Place) -> None:
    """A mail program posts from its own address, with whatever cookies: neither is looked at."""
    who = place[CISO].person.id
    stranger = signed_in(app, place[OrganisationRole.AUDITOR])
    path = f"/letters/off/{token(database, who, place.id)}"
    answer = stranger.client.post(
        path, headers={"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 200
    assert off(database) == {(who, place.id, "coming")}


def test_a_digests_click_turns_off_every_place_of_now(
    app: Portal, database: Database, settings: Settings, place: Place
) -> None:
    who = place[CISO].person.id
    answer = app.test_client().post(f"/letters/off/{token(database, who, choices.EVERYWHERE)}")
    assert answer.status_code == 200
    assert off(database) == {(who, place.id, "coming")}


def _changed(found: str) -> dict[str, str]:
    other = "A" if found[40] != "A" else "B"
    return {
        "a letter of another": found[:40] + other + found[41:],
        "cut": found[:-1],
        "longer": found + "A",
        "nothing": "x",
        "not base64": "!" * 66,
        "beyond ascii": "é" * 66,
    }


@pytest.mark.parametrize("how", list(_changed("a" * 66)))
def test_a_token_that_nobody_made_is_not_found(
    app: Portal, database: Database, place: Place, how: str
) -> None:
    wrong = _changed(token(database, place[CISO].person.id, place.id))[how]
    client = app.test_client()
    assert client.get(f"/letters/off/{wrong}").status_code == 404
    assert client.post(f"/letters/off/{wrong}").status_code == 404
    assert off(database) == set()


def test_a_token_of_another_installation_is_nothing(
    database: Database, settings: Settings, place: Place
) -> None:
    other = Database(settings.database_url, settings.base_url, "another key of another installation")
    wrong = token(other, place[CISO].person.id, place.id)
    other.dispose()
    with database.looking() as session, pytest.raises(NotFound):
        choices.read_token(session, wrong)


def test_a_token_of_a_place_that_was_left_turns_nothing_off(
    app: Portal, database: Database, settings: Settings, place: Place
) -> None:
    other = make_organisation(database, settings, "Orrin")
    answer = app.test_client().post(f"/letters/off/{token(database, place[CISO].person.id, other.id)}")
    assert answer.status_code == 200
    assert off(database) == set()


# ------------------------------------------------------------------------------------------------------- the page


def boxes(page: str) -> set[str]:
    import re

    return set(re.findall(r'name="shown" value="([^"]+)"', page))


@pytest.mark.both_databases
def test_the_page_saves_hour_zone_and_choices(app: Portal, database: Database, place: Place) -> None:
    who = place[CISO]
    browser = signed_in(app, who)
    shown = boxes(browser.get("/account/letters").text)
    assert shown == {f"{place.id}:{group}" for group in ("coming", "overdue_copies", "evidence", "campaigns")}
    want = [one for one in shown if not one.endswith(":evidence")]
    fields: dict[str, Any] = {"shown": list(shown), "want": want, "hour": "9", "zone": "Asia/Tokyo"}
    assert browser.post("/account/letters", fields).status_code == 303
    assert off(database) == {(who.person.id, place.id, "evidence")}
    with database.looking(SYSTEM) as session:
        assert choices.post_of(session, who.person.id) == ("Asia/Tokyo", 9)
    page = browser.get("/account/letters").text
    assert '<option value="Asia/Tokyo" selected>' in page
    assert '<option value="9" selected>' in page
    fields["want"] = list(shown)
    browser.post("/account/letters", fields)
    assert off(database) == set()
    assert "Asia/Tokyo" in browser.get("/account/sessions").text, "one's own pages say times there"


@pytest.mark.parametrize(
    "fields",
    [
        {"hour": "3"},
        {"hour": "25"},
        {"hour": "x"},
        {"hour": "²"},
        {"hour": ""},
        {"hour": "7", "zone": "Moon/Sea"},
        {"hour": "7", "zone": "../etc/passwd"},
    ],
)
def test_what_cannot_be_is_refused_and_nothing_saved(
    app: Portal, database: Database, place: Place, fields: dict[str, str]
) -> None:
    browser = signed_in(app, place[CISO])
    shown = boxes(browser.get("/account/letters").text)
    answer = browser.post("/account/letters", {"shown": list(shown), **fields})
    assert answer.status_code == 422
    assert "Nothing was saved" in answer.text
    assert off(database) == set()


def test_only_ones_own_places_and_known_groups_count(
    app: Portal, database: Database, settings: Settings, place: Place
) -> None:
    other = make_organisation(database, settings, "Orrin")
    wrong = [f"{other.id}:coming", f"{place.id}:stuck", "x:coming", "coming", f"{choices.EVERYWHERE}:coming"]
    browser = signed_in(app, place[CISO])
    assert browser.post("/account/letters", {"shown": wrong, "hour": "7"}).status_code == 303
    assert off(database) == set()


def test_people_of_a_company_are_offered_what_they_may_turn_off(
    app: Portal, database: Database, settings: Settings
) -> None:
    company = make_company(database, settings, "Fennmark")
    page = signed_in(app, company[OWNER]).get("/account/letters").text
    assert boxes(page) == {f"{company.id}:{group}" for group in choices.OF_COMPANY}
    assert "cannot be turned off" in page


def test_choices_go_with_their_person_and_are_in_their_own_copy(database: Database, place: Place) -> None:
    who = place[OrganisationRole.REVIEWER].person
    with database.transaction() as session:
        choices.save(session, who, zone="Asia/Tokyo", hour=8, off=[(place.id, "evidence")], now=NOW)
    with database.looking(SYSTEM) as session:
        copy = people.export(session, who.id, now=NOW).decode()
    assert '"letters_not_wanted"' in copy
    assert '"group": "evidence"' in copy
    assert "Asia/Tokyo" in copy
    with database.transaction() as session:
        people.erase(session, who.id, now=NOW)
    assert off(database) == set()
    with database.looking(SYSTEM) as session:
        assert choices.post_of(session, who.id) == (None, 7)


def test_an_hour_outside_is_refused_by_the_service_too(database: Database, place: Place) -> None:
    with database.transaction() as session, pytest.raises(Invalid):
        choices.save(session, place[CISO].person, zone=None, hour=23, off=[], now=NOW)
