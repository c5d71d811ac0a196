"""A question beside its editor, as the vendor will see it: stored, as typed, faulty, hostile, too often, foreign."""

from __future__ import annotations

import html
import re
import uuid

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.library import authoring_pace, drafts
from portal.settings import Settings
from portal.web import Portal
from tests.portal.library.given import CISO, address, begin, hold, open_page, stored
from tests.portal.world import Browser, Place, make_organisation, signed_in

QUESTION = "/questions/access.mfa_staff"
BESIDE = "/preview/question"


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def browser(app: Portal, halden: Place) -> Browser:
    return signed_in(app, halden[CISO])


@pytest.fixture
def draft(database: Database, halden: Place) -> uuid.UUID:
    return begin(database, halden)


def aside(page: str) -> str:
    """What stands under the heading "As the vendor will see it" of a page."""
    found = page[page.index("data-as-seen") :]
    return found[: found.index("</aside>")]


def words(piece: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", piece))


def test_the_page_shows_the_stored_question_and_what_was_typed_in_vain(
    browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    fields, page = open_page(browser, path)
    first = fields["options.0.label"]
    assert first in words(aside(page))
    assert fields["text"] in words(aside(page))
    assert browser.post(path, fields | {"options.0.label": "All doors"}).status_code == 303
    fields, page = open_page(browser, path)
    assert "All doors" in words(aside(page))
    assert first not in words(aside(page))
    late = browser.post(path, fields | {"seen": "stale", "options.0.label": "All windows"})
    assert late.status_code == 409
    assert "All windows" in words(aside(late.text))
    refused = browser.post(path, fields | {"options.1.label": "x" * 5000})
    assert refused.status_code == 422
    assert "Answers, row 2: Write at most" in words(aside(refused.text))


def test_what_is_typed_is_shown_and_not_stored(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    before = stored(database, halden[CISO], draft)
    fields, _page = open_page(browser, address(halden, draft, QUESTION))
    typed = fields | {"text": "Who may enter?", "options.1.label": "Nobody at all", "options.1.points": "77"}
    answer = browser.post(address(halden, draft, BESIDE), typed)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/html")
    assert "Who may enter?" in words(answer.text)
    assert "Nobody at all" in words(answer.text)
    assert "77" not in words(answer.text), "points are not for vendors"
    assert "<html" not in answer.text
    assert stored(database, halden[CISO], draft) == before


def test_its_controls_are_inert_outside_of_the_form_and_share_no_id(
    browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    _fields, page = open_page(browser, address(halden, draft, QUESTION))
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert page.index("</form>") < page.index("data-as-seen")
    inside = aside(page)
    assert inside.index("<div inert>") < inside.index("<fieldset")
    assert 'name="a.as_seen.access.mfa_staff"' in inside
    assert "<form" not in inside
    assert ' form="' not in inside


def test_conditions_stand_under_the_card_in_words(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    fields, page = open_page(browser, address(halden, draft, QUESTION))
    assert "Asked only if" not in aside(page)
    typed = fields | {
        "visible_when": 'suppliers.uses == "yes" and engagement.tier == "critical"',
        "required_when": 'engagement.tier == "critical"',
    }
    told = words(browser.post(address(halden, draft, BESIDE), typed).text)
    asked = told[told.index("Asked only if") :]
    assert "the tier of the engagement is critical" in asked
    assert "Must be answered only if the tier of the engagement is critical" in asked
    half = words(
        browser.post(address(halden, draft, BESIDE), fields | {"visible_when": "nobody.asked =="}).text
    )
    assert "Asked only if" not in half
    assert fields["text"] in half, "a condition does not keep the card from being shown"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"text": ""}, "The question: Is empty"),
        ({"type": "poem"}, "Kind of answer"),
        ({"options.0.label": "", "options.0.value": "lonely"}, "Answers, row 1"),
        ({"text": "a\x00b"}, "The question: Leave out invisible control characters."),
    ],
)
def test_a_question_that_cannot_be_asked_says_why(
    browser: Browser, halden: Place, draft: uuid.UUID, changes: dict[str, str], why: str
) -> None:
    fields, _page = open_page(browser, address(halden, draft, QUESTION))
    answer = browser.post(address(halden, draft, BESIDE), fields | changes)
    assert answer.status_code == 200
    assert "It cannot be asked like this yet" in answer.text
    assert why in words(answer.text)
    assert "inert" not in answer.text


@pytest.mark.parametrize(
    ("kind", "has"), [("text", "<textarea"), ("number", 'inputmode="decimal"'), ("date", 'type="date"')]
)
def test_every_kind_of_answer_is_drawn(
    database: Database, browser: Browser, halden: Place, kind: str, has: str
) -> None:
    question = {"key": "own.a.q", "text": "What?", "type": kind, "weight": 0}
    sections = [{"key": "a", "title": "A", "questions": [question]}]
    document = drafts.empty(slug="ours", title="T", licence="Own") | {"sections": sections}
    draft = hold(database, halden[CISO], document)
    fields, page = open_page(browser, address(halden, draft, "/questions/own.a.q"))
    assert has in aside(page)
    table = fields | {"type": "table", "columns.0.label": "Door", "columns.0.type": "text"}
    assert '<th scope="col">Door</th>' in browser.post(address(halden, draft, BESIDE), table).text


def test_hostile_text_is_text(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    bad = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}</fieldset><script>alert(1)</script>"
    fields, _page = open_page(browser, address(halden, draft, QUESTION))
    path = address(halden, draft, QUESTION)
    names = ("text", "help", "options.0.label", "finding.0.text")
    typed = fields | dict.fromkeys(names, bad)
    shown = browser.post(address(halden, draft, BESIDE), typed)
    faulty = browser.post(address(halden, draft, BESIDE), typed | {"type": bad})
    assert browser.post(path, typed).status_code == 303
    for page in (shown.text, faulty.text, aside(browser.get(path).text)):
        assert "<img" not in page
        assert "<script" not in page
        assert "49" not in re.sub(r"&#\d+;", "", page)
    assert bad in html.unescape(shown.text)


def test_too_often_is_429_and_the_checks_have_a_count_of_their_own(
    browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    fields, _page = open_page(browser, address(halden, draft, QUESTION))
    typed = fields | {"csrf_token": browser.token()}

    def code(rest: str) -> int:
        return browser.client.post(address(halden, draft, rest), data=typed).status_code

    assert [code(BESIDE) for _attempt in range(authoring_pace.MOST + 1)] == [200] * authoring_pace.MOST + [
        429
    ]
    assert code("/check") == 200


@pytest.mark.parametrize("part", ["", "header", "section:access", "question:nobody", "x" * 5000])
def test_what_is_no_question_is_404(browser: Browser, halden: Place, draft: uuid.UUID, part: str) -> None:
    assert browser.post(address(halden, draft, BESIDE), {"part": part}).status_code == 404


def test_another_organisation_and_who_only_reads(
    app: Portal, database: Database, settings: Settings, halden: Place, draft: uuid.UUID
) -> None:
    birch = make_organisation(database, settings, "Birch")
    part = {"part": "question:access.mfa_staff", "text": "T", "type": "text"}
    assert signed_in(app, birch[CISO]).post(address(birch, draft, BESIDE), part).status_code == 404
    auditor = signed_in(app, halden[OrganisationRole.AUDITOR])
    assert auditor.post(address(halden, draft, BESIDE), part).status_code == 403
