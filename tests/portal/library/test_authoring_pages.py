"""The pages of a draft: begun, edited, refused, in conflict, checked while typing, previewed, and who may."""

from __future__ import annotations

import re
import uuid

import pytest

from portal import bodies
from portal.access import OrganisationRole
from portal.db import Database
from portal.library import authoring_pace, drafts, parts
from portal.library.parts import digest, held, placed
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from tests.portal.library.given import CISO, address, begin, fields_of, hold, open_page, stored
from tests.portal.world import Browser, Place, make_organisation, signed_in

MFA = "question:access.mfa_staff"
QUESTION = "/questions/access.mfa_staff"


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def browser(app: Portal, halden: Place) -> Browser:
    return signed_in(app, halden[CISO])


@pytest.fixture
def draft(database: Database, halden: Place) -> uuid.UUID:
    return begin(database, halden)


def began(browser: Browser, halden: Place, **fields: str) -> uuid.UUID:
    answer = browser.post(f"/o/{halden.slug}/drafts/new", fields)
    assert answer.status_code == 303, answer.text
    return uuid.UUID(answer.headers["Location"].rsplit("/", 1)[-1])


# ---------------------------------------------------------------------------------------------------------- beginning


def test_a_copy_an_empty_one_and_the_next_version_of_ones_own(
    database: Database, browser: Browser, halden: Place
) -> None:
    page = browser.get(f"/o/{halden.slug}/drafts/new").text
    assert "security_lite@1.0.0" in page
    assert "intake" not in page
    copied = began(browser, halden, source="security_lite@1.0.0", title="House rules", slug="")
    document = stored(database, halden[CISO], copied)
    assert (document["slug"], document["based_on"]) == ("house_rules", "security_lite@1.0.0")
    empty = began(browser, halden, source="", title="Our own", slug="ours")
    assert stored(database, halden[CISO], empty)["sections"] == []
    assert browser.get(address(halden, empty)).status_code == 200
    listed = browser.get(f"/o/{halden.slug}/questionnaires").text
    assert "House rules" in listed
    assert "Our own" in listed


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": "", "source": ""}, "Write the title"),
        ({"title": "T", "source": "nobody@9.9.9"}, "Not a valid choice"),
        (
            {"title": "T", "source": "", "slug": "security_core"},
            "is the name of a questionnaire of the portal",
        ),
        ({"title": "T", "source": "", "slug": "A B"}, "Write lower-case letters"),
        ({"title": "T\x01", "source": ""}, "control characters"),
        ({"title": "T" * 201, "source": ""}, "at most 200"),
    ],
)
def test_a_beginning_that_is_refused_says_why(
    browser: Browser, halden: Place, fields: dict[str, str], words: str
) -> None:
    answer = browser.post(f"/o/{halden.slug}/drafts/new", {"slug": ""} | fields)
    assert answer.status_code == 422
    assert words in answer.text


# ------------------------------------------------------------------------------------------------------------ editing


def test_a_fault_is_saved_and_said_at_its_field_and_on_the_overview(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    fields, _page = open_page(browser, path)
    fields |= {"weight": "heavy", "visible_when": 'nope == "x"', "options.1.points": "200"}
    answer = browser.post(path, fields)
    assert answer.status_code == 303, answer.text
    assert held(stored(database, halden[CISO], draft), MFA)["weight"] == "heavy"
    _fields, page = open_page(browser, path)
    for name, words in (
        ("weight", "heavy"),
        ("visible_when", "there is no such question"),
        ("options.1.points", "whole number from 0 to 100"),
    ):
        said = page[page.index(f'id="m-{name}"') :]
        assert words in said[: said.index("</div>")]
    overview = browser.get(address(halden, draft)).text
    for name in ("weight", "visible_when", "options.1.points"):
        assert f"{QUESTION}#f-{name}" in overview
    assert "3 faults keep it from being released" in overview


def test_a_condition_is_read_in_plain_english(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    path = address(halden, draft, QUESTION)
    fields, _page = open_page(browser, path)
    browser.post(path, fields | {"visible_when": 'engagement.tier == "critical"'})
    _fields, page = open_page(browser, path)
    said = page[page.index('id="r-visible_when"') :]
    assert "the tier of the engagement is critical" in said[: said.index("</p>")]


def test_what_cannot_be_stored_stays_in_its_field(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    fields, _page = open_page(browser, path)
    answer = browser.post(path, fields | {"text": "y" * 4001, "weight": "31"})
    assert answer.status_code == 422
    assert "y" * 4001 in answer.text
    assert "You wrote 4,001" in answer.text
    assert 'value="31"' in answer.text
    assert held(stored(database, halden[CISO], draft), MFA)["weight"] != 31


def test_two_editors_see_both_versions_field_by_field_and_mine_is_kept(
    app: Portal, database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    mine, _page = open_page(browser, path)
    other = signed_in(app, halden[OrganisationRole.ADMIN])
    theirs, _page = open_page(other, path)
    assert other.post(path, theirs | {"help": "Their help.", "weight": "33"}).status_code == 303
    answer = browser.post(path, mine | {"help": "My help.", "options.0.label": "Everyone, everywhere"})
    assert answer.status_code == 409
    assert "Admin of Halden saved this while you were writing" in answer.text
    both = answer.text[answer.text.index("<caption>") : answer.text.index("</table>")]
    for words in ("Their help.", "My help.", "33", "Everyone, everywhere"):
        assert words in both
    assert held(stored(database, halden[CISO], draft), MFA)["help"] == "Their help."
    again = fields_of(answer.text)
    assert again["help"] == "My help."
    assert browser.post(path, again).status_code == 303
    after = held(stored(database, halden[CISO], draft), MFA)
    assert (after["help"], after["options"][0]["label"]) == ("My help.", "Everyone, everywhere")


def test_what_i_wrote_into_a_part_that_is_gone_is_given_back(
    app: Portal, database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    mine, _page = open_page(browser, path)
    whole = placed(stored(database, halden[CISO], draft), MFA)
    assert whole is not None
    answer = browser.post(address(halden, draft, "/remove"), {"part": MFA, "seen": digest(whole["part"])})
    assert answer.status_code == 303
    assert browser.get(path).status_code == 404
    answer = browser.post(path, mine | {"help": "Words that I want back."})
    assert answer.status_code == 409
    assert "A colleague has removed this meanwhile" in answer.text
    assert "Words that I want back." in answer.text


def test_rows_are_added_moved_and_removed_without_a_script(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    fields, page = open_page(browser, path)
    rows = len(re.findall(r'name="options\.\d+\.label"', page))
    answer = browser.post(path, fields | {"go": "more.options"})
    assert answer.headers["Location"].endswith("?more=options#f-options")
    _fields, page = open_page(browser, path + "?more=options")
    assert len(re.findall(r'name="options\.\d+\.label"', page)) == rows + 4
    before = [one["value"] for one in held(stored(database, halden[CISO], draft), MFA)["options"]]
    browser.post(path, fields | {"go": "up.options.1"})
    after = [one["value"] for one in held(stored(database, halden[CISO], draft), MFA)["options"]]
    assert after == [before[1], before[0], *before[2:]]
    fields, _page = open_page(browser, path)
    browser.post(path, fields | {"options.0.label": "", "options.0.points": "", "options.0.value": ""})
    left = [one["value"] for one in held(stored(database, halden[CISO], draft), MFA)["options"]]
    assert left == after[1:]


def test_sections_and_questions_are_added_moved_taken_out_and_brought_back(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    answer = browser.post(address(halden, draft, "/sections"), {"title": "Keys and doors", "key": ""})
    assert answer.headers["Location"].endswith("/sections/keys_and_doors")
    assert browser.post(address(halden, draft, "/sections"), {"title": "", "key": ""}).status_code == 422
    assert (
        browser.post(address(halden, draft, "/sections"), {"title": "T", "key": "access"}).status_code == 422
    )
    new = {"text": "Who has keys?", "type": "choice", "key": ""}
    answer = browser.post(address(halden, draft, "/sections/keys_and_doors/questions"), new)
    assert answer.headers["Location"].endswith("/questions/own.keys_and_doors.who_has_keys")
    foreign = new | {"key": "access.other"}
    answer = browser.post(address(halden, draft, "/sections/keys_and_doors/questions"), foreign)
    assert answer.status_code == 422
    assert "own." in answer.text
    order = digest(held(stored(database, halden[CISO], draft), parts.ORDER))
    moving = {"part": "section:keys_and_doors", "where": "up", "seen": order, "back": ""}
    assert browser.post(address(halden, draft, "/move"), moving).status_code == 303
    assert browser.post(address(halden, draft, "/move"), moving).status_code == 409
    keys = [one["key"] for one in stored(database, halden[CISO], draft)["sections"]]
    assert keys.index("keys_and_doors") == len(keys) - 2
    whole = placed(stored(database, halden[CISO], draft), "section:keys_and_doors")
    assert whole is not None
    removing = {"part": "section:keys_and_doors", "seen": digest(whole["part"])}
    assert browser.post(address(halden, draft, "/remove"), removing | {"seen": "old"}).status_code == 409
    assert browser.post(address(halden, draft, "/remove"), removing).status_code == 303
    page = browser.get(address(halden, draft)).text
    revision = re.findall(r'name="revision" value="(\d+)"', page)[0]
    assert browser.post(address(halden, draft, "/undo"), {"revision": revision}).status_code == 303
    assert placed(stored(database, halden[CISO], draft), "section:keys_and_doors") == whole
    assert browser.post(address(halden, draft, "/undo"), {"revision": "9" * 30}).status_code == 409


def test_a_question_becomes_ones_own(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    fields, page = open_page(browser, address(halden, draft, QUESTION))
    assert "Make it my own question" in page
    answer = browser.post(address(halden, draft, f"{QUESTION}/own"), {"seen": fields["seen"]})
    assert answer.headers["Location"].endswith("/questions/own.access.mfa_staff")
    _fields, page = open_page(browser, address(halden, draft, "/questions/own.access.mfa_staff"))
    assert "Make it my own question" not in page
    assert "formerly" not in held(stored(database, halden[CISO], draft), "question:own.access.mfa_staff")


def test_a_shipped_question_that_asks_something_else_is_a_fault_with_the_way_out(
    browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    fields, _page = open_page(browser, path)
    browser.post(path, fields | {"text": "How many cats live in the office?"})
    _fields, page = open_page(browser, path)
    said = page[page.index('id="m-text"') :]
    assert "less than half alike" in said[: said.index("</div>")]


def test_a_draft_is_discarded_as_it_was_seen(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    assert browser.post(address(halden, draft, "/discard"), {"revision": "0"}).status_code == 409
    assert browser.post(address(halden, draft, "/discard"), {"revision": "1"}).status_code == 303
    assert browser.get(address(halden, draft)).status_code == 404


# ------------------------------------------------------------------------------------------------------- live checking


def test_the_check_says_what_is_wrong_and_stores_nothing(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    before = stored(database, halden[CISO], draft)
    fields, _page = open_page(browser, address(halden, draft, QUESTION))
    fields |= {
        "text": "",
        "options.8.label": "Row nine",
        "options.8.points": "900",
        "visible_when": "vendor.country ==",
    }
    answer = browser.post(address(halden, draft, "/check"), fields)
    assert answer.status_code == 200
    told = answer.get_json()
    assert told["said"]["text"] == [{"text": "Is empty", "warning": False}]
    assert "900" in told["said"]["options.8.points"][0]["text"], "at the row that was posted"
    assert "visible_when" in told["said"]
    assert stored(database, halden[CISO], draft) == before


def test_the_check_reads_conditions_aloud(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    fields, _page = open_page(browser, address(halden, draft, "/sections/access"))
    answer = browser.post(
        address(halden, draft, "/check"), fields | {"visible_when": 'engagement.tier == "critical"'}
    )
    assert answer.get_json()["readings"]["visible_when"] == "the tier of the engagement is critical"


def test_the_check_is_throttled(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    fields, _page = open_page(browser, address(halden, draft, "/header"))
    token = browser.token()
    path = address(halden, draft, "/check")
    codes = [
        browser.client.post(path, data=fields | {"csrf_token": token}).status_code
        for _attempt in range(authoring_pace.MOST + 1)
    ]
    assert codes == [200] * authoring_pace.MOST + [429]


@pytest.mark.parametrize("part", ["", "order", "document", "question:nobody", "section:", "x" * 5000])
def test_the_check_of_no_part_is_404(browser: Browser, halden: Place, draft: uuid.UUID, part: str) -> None:
    assert browser.post(address(halden, draft, "/check"), {"part": part}).status_code == 404


# ------------------------------------------------------------------------------------------------------------- preview


def test_the_preview_shows_the_vendors_cards_and_follows_answers_in_the_address(
    browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    definition = catalog.latest("security_lite")
    place = list(definition.questions).index("suppliers.uses")
    section = definition.section_of["suppliers.uses"].key
    path = address(halden, draft, f"/preview?section={section}")
    options = [one.value for one in definition.questions["suppliers.uses"].options]

    def shown(page: str, key: str) -> bool:
        card = re.search(rf'id="q-{re.escape(key)}"[^>]*>', page)
        assert card, key
        return " hidden" not in card[0]

    following = next(
        key
        for key, one in definition.questions.items()
        if one.visible_when is not None and "suppliers.uses" in one.visible_when.names
    )
    assert not shown(browser.get(path).text, following)
    seen = [shown(browser.get(f"{path}&q{place}={index}").text, following) for index in range(len(options))]
    assert any(seen)
    assert not all(seen)
    odd = browser.get(f"{path}&q{place}=77&q999=1&f0=zz&q1=%F0%9F%98%80")
    assert odd.status_code == 200


def test_the_preview_leaves_out_what_has_a_fault(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    path = address(halden, draft, "/questions/suppliers.uses")
    fields, _page = open_page(browser, path)
    browser.post(path, fields | {"text": ""})
    page = browser.get(address(halden, draft, "/preview")).text
    assert "have faults and are left out" in page or "has a fault and is left out" in page
    assert "q-suppliers.uses" not in page


def test_the_preview_is_throttled_as_the_check(
    browser: Browser, halden: Place, draft: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authoring_pace, "MOST", 2)
    codes = [browser.get(address(halden, draft, "/preview")).status_code for _attempt in range(3)]
    assert codes == [200, 200, 429]


def test_the_preview_of_nothing_says_so(database: Database, browser: Browser, halden: Place) -> None:
    draft = hold(database, halden[CISO], drafts.empty(slug="ours", title="T", licence="Own"))
    assert "There is nothing to show yet" in browser.get(address(halden, draft, "/preview")).text


# ---------------------------------------------------------------------------------------------- who may, hostile input


def test_who_may_write_and_who_only_reads(app: Portal, halden: Place, draft: uuid.UUID) -> None:
    writes = {OrganisationRole.ADMIN, OrganisationRole.CISO, OrganisationRole.REVIEWER}
    reads = writes | {OrganisationRole.AUDITOR}
    for role in OrganisationRole:
        browser = signed_in(app, halden[role])
        overview = browser.get(address(halden, draft))
        if role not in reads:
            assert overview.status_code == browser.get(address(halden, draft, "/preview")).status_code == 403
            continue
        assert overview.status_code == 200
        assert ("Add a section" in overview.text) is (role in writes)
        assert browser.get(address(halden, draft, QUESTION)).status_code == (200 if role in writes else 403)
        assert browser.get(address(halden, draft, "/preview")).status_code == 200


def test_a_draft_of_another_organisation_is_404(
    app: Portal, database: Database, settings: Settings, halden: Place, draft: uuid.UUID
) -> None:
    birch = make_organisation(database, settings, "Birch")
    browser = signed_in(app, birch[CISO])
    for rest in ("", "/preview", "/names", "/header", QUESTION, "/sections/access"):
        assert browser.get(address(birch, draft, rest)).status_code == 404
    for rest in ("/sections", "/move", "/remove", "/undo", "/discard", "/check", "/header", QUESTION):
        fields = {"title": "T", "part": MFA, "where": "up", "revision": "1", "seen": "x"}
        assert browser.post(address(birch, draft, rest), fields).status_code == 404, rest


def test_thousands_of_rows_are_refused_before_they_cost_anything(
    database: Database, browser: Browser, halden: Place, draft: uuid.UUID
) -> None:
    path = address(halden, draft, QUESTION)
    fields, _page = open_page(browser, path)
    many = fields | {f"options.{n}.label": "x" for n in range(3_000)}
    answer = browser.post(path, many)
    assert answer.status_code == 422
    assert "At most 100 rows" in answer.text
    beyond = {f"options.{n}.label": "x" for n in range(bodies.MOST_FIELDS + 1)}
    assert browser.post(path, beyond).status_code == 413
    assert len(held(stored(database, halden[CISO], draft), MFA)["options"]) < 10


def test_rows_of_absurd_numbers_are_no_rows(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    path, absurd = address(halden, draft, QUESTION), "9" * 5_000
    fields, _page = open_page(browser, path)
    assert browser.post(path, fields | {"go": f"up.options.{absurd}"}).status_code == 303
    odd = {f"options.{absurd}.value": "x", f"options.{absurd}.label": "X"}
    assert browser.post(path, fields | odd | {"text": "y" * 4_001}).status_code == 422
    assert browser.post(path, fields | odd | {"seen": "0" * 64, "help": "Other."}).status_code == 409


def test_a_draft_of_two_thousand_questions_is_shown_and_edited(
    database: Database, browser: Browser, halden: Place
) -> None:
    sections = [
        {
            "key": f"s{s}",
            "title": f"Section {s}",
            "questions": [
                {"key": f"own.s{s}.q{q}", "text": f"Question {q} of {s}?", "type": "text"} for q in range(40)
            ],
        }
        for s in range(50)
    ]
    document = drafts.empty(slug="big", title="Big", licence="Own") | {"sections": sections}
    draft = hold(database, halden[CISO], document)
    overview = browser.get(address(halden, draft))
    assert overview.status_code == 200
    assert "50 sections, 2000 questions" in overview.text
    path = address(halden, draft, "/questions/own.s49.q39")
    fields, _page = open_page(browser, path)
    assert browser.post(path, fields | {"help": "Last of all."}).status_code == 303
    answer = browser.post(
        address(halden, draft, "/sections/s0/questions"), {"text": "One more?", "type": "text", "key": ""}
    )
    assert answer.status_code == 422
    assert "at most 2,000 questions" in answer.text


def test_odd_parts_and_places_are_refused(browser: Browser, halden: Place, draft: uuid.UUID) -> None:
    for fields in (
        {"part": "question:nobody", "where": "up", "seen": ""},
        {"part": MFA, "where": "\x01", "seen": ""},
        {"part": "x" * 9_000, "where": "up", "seen": ""},
        {},
    ):
        assert browser.post(address(halden, draft, "/move"), fields).status_code == 409
        assert browser.post(address(halden, draft, "/remove"), fields).status_code == 409
