"""The company's pages: what they say, and what they show of a section."""

from __future__ import annotations

import uuid
from datetime import date

from portal.access import CompanyRole
from tests.portal.assessments.given import Given, issue


def test_home_says_what_is_asked_by_whom_why_and_until_when(given: Given) -> None:
    page = given.browser().get(f"/c/{given.company.slug}/").text
    for said in ("Small questionnaire: Claims archive", "Halden Mutual", "You keep our claim files.", "Ciso of"):
        assert said in page
    assert "Sun 20 December 2026" in page
    assert f"{given.base}/sections/one" in page
    assert "Contributor of Fennmark Archive" in page


def test_every_get_page_of_an_open_assessment_answers(given: Given) -> None:
    browser = given.browser()
    for path in ("", "/questions", "/sections/one", "/sections/two", "/sections/three", "/missing", "/submit"):
        assert browser.get(given.base + path).status_code == 200, path
    assert browser.get(given.base + "/receipt").status_code == 302 or 303
    assert browser.get(given.section("nothing")).status_code == 404
