"""A newer base comes into a draft: what nobody changed here is taken over, what both changed is asked, one by one."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest

from portal.db import Database
from portal.faults import Conflict
from portal.library import draft_queries, drafts, merging, parts, service
from portal.library.models import QuestionnaireDraft
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from questionnaires.patterns import ordered
from tests.portal.library.given_drafts import CISO, begin, copied, draft, edit
from tests.portal.library.test_releasing import post, release
from tests.portal.world import NOW, Browser, Place, make_organisation

OLD, NEW = catalog.get("security_core@1.0.0"), catalog.latest("security_core")


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def author(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "ciso@halden.example")


def reworded() -> str:
    """A question whose text differs between both releases of the base, key and revision being the same."""
    return next(
        key
        for key, one in NEW.questions.items()
        if key in OLD.questions
        and OLD.questions[key].text != one.text
        and OLD.questions[key].revision == one.revision
    )


def question(document: dict[str, Any], key: str) -> dict[str, Any]:
    return next(one for section in document["sections"] for one in section["questions"] if one["key"] == key)


def mine(document: dict[str, Any]) -> None:
    """What this organisation changed: one text, slightly, and a question of its own."""
    question(document, reworded())["text"] += " Please say it plainly."
    document["sections"][0]["questions"].append({"key": "own.x", "text": "What else?", "type": "text"})


def document_of(database: Database, place: Place, one: uuid.UUID) -> dict[str, Any]:
    return draft_queries.document_of(draft(database, place, one))


def merged(author: Browser, database: Database, halden: Place) -> uuid.UUID:
    one = begin(database, halden, mine, base=OLD)
    answer = author.post(f"/o/{halden.slug}/drafts/{one}/merge")
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/conflicts")
    return one


def test_the_page_offers_the_newer_base(author: Browser, database: Database, halden: Place) -> None:
    one = begin(database, halden, base=OLD)
    assert f"Take over {NEW.label}" in author.get(f"/o/{halden.slug}/drafts/{one}/conflicts").text
    fresh = begin(database, halden, base=NEW, slug="fresh")
    page = author.get(f"/o/{halden.slug}/drafts/{fresh}/conflicts").text
    assert "Take over" not in page
    assert author.post(f"/o/{halden.slug}/drafts/{fresh}/merge").status_code == 409


def test_a_draft_says_that_its_base_has_a_newer_release_where_somebody_reads_it(
    author: Browser, database: Database, halden: Place
) -> None:
    """On its own page and where it is released; a draft on the newest release says nothing, nor one in a merge."""
    one = begin(database, halden, base=OLD)
    fresh = begin(database, halden, base=NEW, slug="fresh")
    way = f'href="/o/{halden.slug}/drafts/{one}/conflicts"'
    for page in ("", "/release"):
        text = author.get(f"/o/{halden.slug}/drafts/{one}{page}").text
        assert f"{NEW.label} is out." in text
        assert way in text
        assert "is out." not in author.get(f"/o/{halden.slug}/drafts/{fresh}{page}").text
    author.post(f"/o/{halden.slug}/drafts/{one}/merge")
    assert f"{NEW.label} is out." not in author.get(f"/o/{halden.slug}/drafts/{one}").text


def test_an_untouched_copy_becomes_the_newer_release(
    author: Browser, database: Database, halden: Place
) -> None:
    one = begin(database, halden, base=OLD)
    answer = author.post(f"/o/{halden.slug}/drafts/{one}/merge")
    assert answer.headers["Location"].endswith(f"/drafts/{one}")
    assert document_of(database, halden, one) == {**copied(NEW), "title": NEW.title}
    row = draft(database, halden, one)
    assert (row.based_on, row.base_hash, json.loads(row.conflicts)) == (NEW.label, NEW.content_hash, [])


def test_own_changes_stay_and_what_both_changed_is_asked(
    author: Browser, database: Database, halden: Place
) -> None:
    one = merged(author, database, halden)
    document = document_of(database, halden, one)
    assert question(document, "own.x")["text"] == "What else?"
    assert question(document, reworded())["text"].endswith("Please say it plainly.")
    (conflict,) = merging.conflicts(draft(database, halden, one))
    assert conflict.path == ("question", reworded(), "text")
    page = author.get(f"/o/{halden.slug}/drafts/{one}/conflicts").text
    assert NEW.questions[reworded()].text in page.replace("&#39;", "'").replace("&#34;", '"')


def test_a_draft_with_open_conflicts_is_not_released(
    author: Browser, database: Database, halden: Place
) -> None:
    one = merged(author, database, halden)
    answer = post(author, halden, one)
    assert answer.status_code == 409
    assert "A merge has left conflicts in this draft" in answer.text
    assert author.post(f"/o/{halden.slug}/drafts/{one}/merge").status_code == 409


def settle(browser: Browser, place: Place, row: QuestionnaireDraft, **fields: str) -> Any:
    (conflict,) = merging.conflicts(row)
    given = {"conflict": conflict.id, "seen": conflict.seen, "choice": "new"}
    return browser.post(f"/o/{place.slug}/drafts/{row.id}/conflicts", given | fields)


@pytest.mark.parametrize("choice", ["own", "new", "base", "typed"])
def test_a_conflict_is_settled_as_chosen(
    author: Browser, database: Database, halden: Place, choice: str
) -> None:
    one = merged(author, database, halden)
    before, key = document_of(database, halden, one), reworded()
    typed = NEW.questions[key].text + " Really?"
    answer = settle(author, halden, draft(database, halden, one), choice=choice, typed=typed)
    assert answer.status_code == 303
    wanted = {
        "own": question(before, key)["text"],
        "new": NEW.questions[key].text,
        "base": OLD.questions[key].text,
        "typed": typed,
    }
    after = document_of(database, halden, one)
    assert question(after, key)["text"] == wanted[choice]
    question(before, key)["text"] = wanted[choice]
    assert after == before
    assert merging.conflicts(draft(database, halden, one)) == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"choice": "nothing"}, 422),
        ({"choice": "typed", "typed": "a\x02b"}, 422),
        ({"choice": "typed", "typed": "w" * 8_001}, 422),
        ({"conflict": "0" * 16, "choice": "typed", "typed": "Words to keep."}, 409),
        ({"seen": "0" * 64}, 409),
    ],
)
def test_what_is_no_choice_settles_nothing(
    author: Browser, database: Database, halden: Place, fields: dict[str, str], status: int
) -> None:
    one = merged(author, database, halden)
    before = draft(database, halden, one)
    answer = settle(author, halden, before, **fields)
    assert answer.status_code == status
    assert fields.get("typed", "") in answer.text
    after = draft(database, halden, one)
    assert (after.document, after.conflicts) == (before.document, before.conflicts)


@pytest.mark.parametrize(("typed", "weight"), [("--5", None), ("\u00b2", None), ("1.5", None), ("7", 7)])
def test_a_number_is_typed_as_a_number(
    author: Browser, database: Database, halden: Place, typed: str, weight: int | None
) -> None:
    key = "governance.assurance"  # both releases weigh it, each in its own way
    one = begin(database, halden, lambda document: question(document, key).update(weight=9), base=OLD)
    author.post(f"/o/{halden.slug}/drafts/{one}/merge")
    answer = settle(author, halden, draft(database, halden, one), choice="typed", typed=typed)
    assert answer.status_code == (422 if weight is None else 303)
    if weight is None:
        assert "Write a whole number." in answer.text
        assert f">{typed}</textarea>" in answer.text
    assert question(document_of(database, halden, one), key)["weight"] == (weight or 9)


def test_rows_without_names_of_their_own_stay_in_the_draft(
    author: Browser, database: Database, halden: Place
) -> None:
    """The pages keep what has faults: a band without a name, two options of one value."""
    key = reworded()

    def faulty(document: dict[str, Any]) -> None:
        document["bands"].append({"label": "No name yet", "minimum": 5})
        options = question(document, key)["options"]
        options.append({**options[0], "label": "Said twice"})

    one = begin(database, halden, faulty, base=OLD)
    before = document_of(database, halden, one)
    assert author.post(f"/o/{halden.slug}/drafts/{one}/merge").status_code == 303
    after = document_of(database, halden, one)
    assert after["based_on"] == NEW.label
    assert after["bands"] == before["bands"]
    assert question(after, key)["options"] == question(before, key)["options"]


@pytest.mark.both_databases
def test_somebody_who_edits_meanwhile_is_not_overwritten(
    author: Browser, database: Database, halden: Place
) -> None:
    one = merged(author, database, halden)
    row, key = draft(database, halden, one), reworded()
    held = question(document_of(database, halden, one), key)
    edit(database, halden, one, f"question:{key}", {**held, "text": held["text"] + " Soon."})
    assert settle(author, halden, row).status_code == 409
    page = author.get(f"/o/{halden.slug}/drafts/{one}/conflicts").text
    assert re.search(r"Please say it plainly\. Soon\.", page)


def test_a_released_version_with_a_newer_base_begins_its_next_draft(
    author: Browser, database: Database, halden: Place
) -> None:
    release(database, halden, begin(database, halden, base=OLD))
    page = author.get(f"/o/{halden.slug}/questionnaires/ours/1.0.0").text
    assert f"{NEW.label} is out." in page
    assert f"{NEW.label} is out" in author.get(f"/o/{halden.slug}/questionnaires").text
    answer = author.post(f"/o/{halden.slug}/questionnaires/ours/1.0.0/merge")
    assert answer.status_code == 303
    one = uuid.UUID(answer.headers["Location"].rpartition("/")[2])
    document = document_of(database, halden, one)
    assert ordered(document["version"]) > (1, 0, 0)
    assert document["based_on"] == NEW.label
    assert draft(database, halden, one).previous_hash is not None
    assert post(author, halden, one, version="2.0.0").status_code == 303
    with database.looking(halden[CISO].scope) as session:
        found = service.version(session, halden[CISO], "ours", "2.0.0")
        assert list(service.definition(session, found.content_hash).questions) == list(NEW.questions)
    assert author.post(f"/o/{halden.slug}/questionnaires/ours/1.0.0/merge").status_code == 409


# ---------------------------------------------------------------------------------------------------------- taken back


def undo(database: Database, place: Place, one: uuid.UUID, revision: int = 0) -> None:
    """Take a change back; the newest, unless ``revision`` says which."""
    with database.transaction(place[CISO].scope) as session:
        row = drafts.locked(session, place[CISO], one)
        drafts.undo(session, row, revision or row.revision, actor=place[CISO], now=NOW)


def test_a_merge_that_is_taken_back_is_not_said_to_be_in_the_draft(
    author: Browser, database: Database, halden: Place
) -> None:
    release(database, halden, begin(database, halden))
    mine = begin(database, halden, lambda document: document.update(summary="Mine."))
    release(database, halden, begin(database, halden, lambda document: document.update(title="Two")), "1.0.1")
    before = draft(database, halden, mine)
    author.post(f"/o/{halden.slug}/drafts/{mine}/merge", {"what": "line"})
    assert draft(database, halden, mine).previous_hash != before.previous_hash
    undo(database, halden, mine)
    after = draft(database, halden, mine)
    assert (after.document, after.previous_hash) == (before.document, before.previous_hash)
    answer = post(author, halden, mine, version="1.0.2")
    assert answer.status_code == 409
    assert "ours@1.0.1 is released, and this draft does not go on from it" in answer.text
    # The undo of the undo brings both back.
    undo(database, halden, mine)
    assert post(author, halden, mine, version="1.0.2").status_code == 303
    with database.looking(halden[CISO].scope) as session:
        assert service.version(session, halden[CISO], "ours", "1.0.2").title == "Two"


def test_a_newer_base_that_is_taken_back_is_offered_again(
    author: Browser, database: Database, halden: Place
) -> None:
    one = merged(author, database, halden)
    undo(database, halden, one)
    row = draft(database, halden, one)
    assert (row.based_on, row.base_hash, json.loads(row.conflicts)) == (OLD.label, OLD.content_hash, [])
    assert f"Take over {NEW.label}" in author.get(f"/o/{halden.slug}/drafts/{one}/conflicts").text


@pytest.mark.parametrize("choice", ["own", "new"])
def test_a_settled_conflict_that_is_taken_back_is_open_again(
    author: Browser, database: Database, halden: Place, choice: str
) -> None:
    one = merged(author, database, halden)
    before = draft(database, halden, one)
    settle(author, halden, before, choice=choice)
    # The merge cannot go while a decision about it stands: first the later one, then it.
    with pytest.raises(Conflict, match="Take back the later change first"):
        undo(database, halden, one, before.revision)
    undo(database, halden, one)
    after = draft(database, halden, one)
    assert (after.document, after.conflicts) == (before.document, before.conflicts)
    assert post(author, halden, one).status_code == 409
    undo(database, halden, one, before.revision)
    assert draft(database, halden, one).based_on == OLD.label


def test_a_question_comes_back_with_its_section(author: Browser, database: Database, halden: Place) -> None:
    """The section was taken out here, and one of its questions edited in the newer release."""
    key = reworded()
    home = NEW.section_of[key]

    def without(document: dict[str, Any]) -> None:
        document["sections"] = [one for one in document["sections"] if one["key"] != home.key]

    one = begin(database, halden, without, base=OLD)
    author.post(f"/o/{halden.slug}/drafts/{one}/merge")
    before = document_of(database, halden, one)
    conflict = next(
        each for each in merging.conflicts(draft(database, halden, one)) if each.path == ("question", key)
    )
    fields = {"conflict": conflict.id, "seen": conflict.seen, "choice": "new"}
    assert author.post(f"/o/{halden.slug}/drafts/{one}/conflicts", fields).status_code == 303
    after = document_of(database, halden, one)["sections"][-1]
    assert (after["title"], [each["key"] for each in after["questions"]]) == (home.title, [key])
    undo(database, halden, one)
    assert document_of(database, halden, one) == before


# --------------------------------------------------------------------------------------------------- places of paths


DOCUMENT: dict[str, Any] = {
    "title": "T",
    "bands": [{"name": "a", "label": "A"}],
    "sections": [
        {
            "key": "s",
            "title": "S",
            "questions": [
                {"key": "q", "text": "Q", "weight": 3, "options": [{"value": "x", "label": "X"}]},
                {"key": "r", "text": "R"},
            ],
        },
        {"key": "t", "title": "T"},
    ],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("title",), "Other"),
        (("summary",), "New"),
        (("bands", "a", "label"), "Best"),
        (("bands", "b"), {"name": "b", "label": "B"}),
        (("section", "s", "title"), "Other"),
        (("section", "s", "intro"), None),
        (("question", "q", "weight"), 7),
        (("question", "q", "weight"), None),
        (("question", "q", "options", "x", "label"), "Ex"),
        (("question", "q", "options", "x"), None),
        (("question", "q", "options", "y"), {"value": "y", "label": "Y"}),
        (("question", "q", "section"), "t"),
        (("question", "r"), None),
        (("question", "r"), {"key": "r", "text": "Other", "section": "s"}),
        (("question", "new"), {"key": "new", "text": "New", "section": "t"}),
        (("section", "t"), None),
        (("section", "u"), {"key": "u", "title": "U"}),
    ],
)
def test_a_path_can_be_read_and_written(path: tuple[str, ...], value: Any) -> None:
    changes = merging.changed(DOCUMENT, path, value)
    after, before = parts.applied(DOCUMENT, changes)
    assert merging.value_at(after, path) == value
    back, _again = parts.applied(after, before)
    assert merging.value_at(back, path) == merging.value_at(DOCUMENT, path)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("question", "q", "section"), "w"),
        (("question", "new"), {"key": "new", "text": "New", "section": "w"}),
    ],
)
def test_a_section_that_is_gone_comes_back_for_a_question(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(Conflict):
        merging.changed(DOCUMENT, path, value)
    after, before = parts.applied(
        DOCUMENT, merging.changed(DOCUMENT, path, value, {"w": {"key": "w", "title": "W"}})
    )
    assert merging.value_at(after, path) == value
    assert after["sections"][-1]["title"] == "W"
    assert parts.applied(after, before)[0] == DOCUMENT
