"""The company's pages: what they say, what they lead to, and that long lists come in pages."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

from portal.access import CompanyRole, OrganisationRole
from tests.portal.assessments.given import Given, issue


def test_home_says_what_is_asked_by_whom_why_and_until_when(given: Given) -> None:
    page = given.browser().get(f"/c/{given.company.slug}/").text
    for said in (
        "Small questionnaire: Claims archive",
        "Halden Mutual",
        "You keep our claim files.",
        "Ciso of",
    ):
        assert said in page
    assert "Sun 20 December 2026" in page
    assert "29 days left" in page
    assert "9 questions in 3 sections" in page
    assert f"{given.base}/sections/one" in page
    assert "Contributor of Fennmark Archive" in page


def test_home_without_anything_says_what_would_be_there(given: Given) -> None:
    browser = given.browser(given.stranger[CompanyRole.OWNER])
    page = browser.get(f"/c/{given.stranger.slug}/").text
    assert "No questionnaire is open." in page
    assert "Halden" not in page


def test_every_page_of_an_open_assessment_answers(given: Given) -> None:
    browser = given.browser()
    for path in (
        "",
        "/questions",
        "/sections/one",
        "/sections/two",
        "/sections/three",
        "/missing",
        "/submit",
    ):
        assert browser.get(given.base + path).status_code == 200, path
    assert browser.get(f"{given.base}/receipt").location == given.base
    assert browser.get(given.section("nothing")).status_code == 404


def test_the_preview_shows_conditional_questions_with_their_reason(given: Given) -> None:
    page = given.browser().get(f"{given.base}/questions").text
    assert "Why do you leave them open?" in page
    assert "Asked only if the answer to “Do you lock the doors?” is “No”." in page
    assert "check report" in page


def test_a_conditional_question_says_why_it_is_asked(given: Given) -> None:
    browser = given.browser()
    browser.answer(given.section("one"), a__one__locks="no")
    page = browser.get(given.section("one")).text
    assert "Asked because the answer to “Do you lock the doors?” is “No”." in page
    assert "Anyone can walk in." in page


def test_what_is_missing_leads_to_each_place(given: Given) -> None:
    browser = given.browser()
    browser.answer(given.section("one"), a__one__locks="no")
    page = browser.get(f"{given.base}/missing").text
    for key, section in (("one.why", "one"), ("two.list", "two"), ("three.guard", "three")):
        assert f"{given.section(section)}#q-{key}" in page
    assert "#q-one.locks" not in page
    assert "#q-two.since" not in page


def test_many_assessments_come_in_pages_with_the_nearest_date_first(given: Given) -> None:
    for number in range(23):
        issue(given, uuid.uuid4(), date(2026, 12, 1) + timedelta(days=number))
    browser = given.browser()
    page = browser.get(f"/c/{given.company.slug}/").text
    assert "24 questionnaires wait for you" in page
    assert page.count("/questions") == 1  # only the first stands there in full
    assert "Tue 1 December 2026" in page
    assert "1 to 10 of 24" in page
    last = browser.get(f"/c/{given.company.slug}/?page=3").text
    assert "21 to 24 of 24" in last
    assert "Wed 23 December 2026" in last
    assert browser.get(f"/c/{given.company.slug}/?page=99").text.count("21 to 24") == 1


def test_a_role_of_the_organisation_has_no_business_here(given: Given) -> None:
    browser = given.browser(given.organisation[OrganisationRole.ADMIN])
    for path in ("", "/sections/one", "/submit", "/receipt"):
        assert browser.get(given.base + path).status_code == 404
