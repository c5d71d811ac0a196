"""From a draft to a version that never changes; retired versions; what stands in the way of a release."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid
from portal.library import drafts, releasing, service
from portal.library.draft_queries import document_of
from portal.library.models import QuestionnaireDraft, ReleasedVersion
from portal.settings import Settings
from portal.web import Portal
from tests.portal import journey
from tests.portal.library.given_drafts import CISO, LITE, begin, draft, edit, first_question, scored_question
from tests.portal.world import NOW, Browser, Place, make_company, make_organisation


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


@pytest.fixture
def ciso(app: Portal, halden: Place) -> Browser:
    return Browser(app.test_client(), "ciso@halden.example")


def release(database: Database, place: Place, draft_id: uuid.UUID, version: str = "1.0.0") -> str:
    row = draft(database, place, draft_id)
    with database.looking(place[CISO].scope) as session:
        checked = releasing.check(session, place[CISO], row, version)
    with database.transaction(place[CISO].scope) as session:
        locked = drafts.locked(session, place[CISO], draft_id)
        found = releasing.release(
            session, locked, checked, note="Said.", seen=row.revision, actor=place[CISO], now=NOW
        )
        return found.content_hash


def post(browser: Browser, place: Place, draft_id: uuid.UUID, **fields: Any) -> Any:
    page = f"/o/{place.slug}/drafts/{draft_id}/release"
    shown = re.search(r'name="revision"[^>]*value="(\d+)"', browser.get(page).text)
    given = {"version": "1.0.0", "note": "First of its kind.", "revision": shown[1] if shown else ""}
    return browser.post(page, given | fields)


def versions(database: Database) -> list[ReleasedVersion]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(ReleasedVersion).order_by(ReleasedVersion.version)))


@pytest.mark.both_databases
def test_a_release_freezes_the_draft_under_its_number_with_its_note(
    ciso: Browser, database: Database, halden: Place
) -> None:
    one = begin(database, halden, lambda document: first_question(document).update(help="Ask the team."))
    page = ciso.get(f"/o/{halden.slug}/drafts/{one}/release").text
    assert "Proposed number: 1.0.0" in page
    assert f"What differs from {LITE.label}" in page
    answer = post(ciso, halden, one)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/questionnaires/ours/1.0.0")
    (row,) = versions(database)
    assert (row.slug, row.version, row.change_note) == ("ours", "1.0.0", "First of its kind.")
    with database.looking(halden[CISO].scope) as session:
        definition = service.definition(session, row.content_hash)
        assert list(definition.questions) == list(LITE.questions)
        assert next(iter(definition.questions.values())).help == "Ask the team."
        assert "ours" in {each.slug for each in service.available(session, halden[CISO])}
    with database.looking(SYSTEM) as session:
        held = session.get_one(QuestionnaireDraft, one)
        assert (held.state, held.released_hash) == ("released", row.content_hash)
        assert session.scalars(select(Event).where(Event.kind == Kind.QUESTIONNAIRE_RELEASED.value)).one()
    assert post(ciso, halden, one).status_code == 404


def test_the_next_number_follows_from_what_changed(ciso: Browser, database: Database, halden: Place) -> None:
    release(database, halden, begin(database, halden))
    two = begin(database, halden, lambda document: scored_question(document).update(weight=99))
    page = ciso.get(f"/o/{halden.slug}/drafts/{two}/release").text
    assert "Proposed number: 2.0.0" in page
    assert "Scores are worked out in another way" in page
    assert post(ciso, halden, two, version="2.0.0").status_code == 303
    first, second = versions(database)
    assert second.previous_hash == first.content_hash


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"note": ""}, "Say in a few words what changed"),
        ({"note": "  \n "}, "Say in a few words what changed"),
        ({"note": "x" * 4001}, "Write at most 4,000 characters"),
        ({"version": "one"}, "Write three numbers"),
        ({"version": ""}, "Write three numbers"),
        ({"note": "a\x01b"}, "invisible control characters"),
    ],
)
def test_a_wrong_form_releases_nothing_and_keeps_what_was_written(
    ciso: Browser, database: Database, halden: Place, fields: dict[str, str], said: str
) -> None:
    one = begin(database, halden)
    answer = post(ciso, halden, one, **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert versions(database) == []


def test_a_number_that_is_taken_is_refused(ciso: Browser, database: Database, halden: Place) -> None:
    release(database, halden, begin(database, halden), "1.5.0")
    two = begin(database, halden, lambda document: document.update(title="Ours too"))
    answer = post(ciso, halden, two, version="1.4.9")
    assert answer.status_code == 422
    assert "1.5.0 is released. Write a higher number." in answer.text


@pytest.mark.both_databases
def test_a_draft_that_moved_on_since_it_was_read_is_not_released(
    ciso: Browser, database: Database, halden: Place
) -> None:
    one = begin(database, halden)
    seen = draft(database, halden, one).revision
    key = next(iter(LITE.questions))
    document = first_question(_document(database, halden, one))
    edit(database, halden, one, f"question:{key}", {**document, "help": "Changed meanwhile."})
    answer = post(ciso, halden, one, revision=str(seen))
    assert answer.status_code == 409
    assert "Somebody changed this draft since you read it" in answer.text
    assert versions(database) == []


def _document(database: Database, place: Place, draft_id: uuid.UUID) -> dict[str, Any]:
    return document_of(draft(database, place, draft_id))


def test_of_two_drafts_of_one_slug_the_second_takes_over_the_first(
    ciso: Browser, database: Database, halden: Place
) -> None:
    one = begin(database, halden)
    release(database, halden, one)
    two = begin(database, halden, lambda document: document.update(title="Two"))
    three = begin(database, halden, lambda document: document.update(summary="Three."))
    release(database, halden, two, "1.0.1")
    answer = post(ciso, halden, three, version="1.0.2")
    assert answer.status_code == 409
    assert "ours@1.0.1 is released, and this draft does not go on from it" in answer.text
    page = ciso.get(f"/o/{halden.slug}/drafts/{three}/conflicts").text
    assert "Take over 1.0.1" in page
    ciso.post(f"/o/{halden.slug}/drafts/{three}/merge", {"what": "line"})
    assert post(ciso, halden, three, version="1.0.2").status_code == 303
    with database.looking(halden[CISO].scope) as session:
        newest = service.definition(session, versions(database)[-1].content_hash)
    assert (newest.title, newest.summary, newest.based_on) == ("Two", "Three.", LITE.label)


def test_going_back_to_an_older_release_is_said_and_needs_an_explicit_word(
    ciso: Browser, database: Database, halden: Place
) -> None:
    release(database, halden, begin(database, halden))
    release(database, halden, begin(database, halden, lambda document: document.update(title="Two")), "1.1.0")
    older, newer = versions(database)
    # A draft that begins from the older one goes on from it, not from the newest.
    answer = ciso.post(
        f"/o/{halden.slug}/drafts/new", {"source": "ours@1.0.0", "slug": "ours", "title": "Back"}
    )
    one = uuid.UUID(answer.headers["Location"].rpartition("/")[2])
    assert draft(database, halden, one).previous_hash == older.content_hash
    page = ciso.get(f"/o/{halden.slug}/drafts/{one}/release").text
    assert "This draft does not go on from ours@1.1.0." in page
    assert "It goes on from ours@1.0.0." in page
    assert f'name="without" value="{newer.content_hash}"' in page
    assert post(ciso, halden, one, version="1.2.0").status_code == 409
    assert post(ciso, halden, one, version="1.2.0", without=older.content_hash).status_code == 409
    assert post(ciso, halden, one, version="1.2.0", without=newer.content_hash).status_code == 303
    last = versions(database)[-1]
    assert (last.version, last.title, last.previous_hash) == ("1.2.0", "Back", older.content_hash)


def test_the_word_counts_for_the_release_that_was_read_only(
    ciso: Browser, database: Database, halden: Place
) -> None:
    release(database, halden, begin(database, halden))
    old = begin(database, halden, lambda document: document.update(title="Old"))
    release(database, halden, begin(database, halden, lambda document: document.update(title="Two")), "1.0.1")
    seen = versions(database)[-1].content_hash
    release(database, halden, begin(database, halden, lambda one: one.update(title="Three")), "1.0.2")
    assert post(ciso, halden, old, version="1.0.3", without=seen).status_code == 409
    assert len(versions(database)) == 3


def test_where_the_newest_is_retired_a_draft_goes_on_from_what_it_was_begun_from(
    ciso: Browser, database: Database, halden: Place
) -> None:
    release(database, halden, begin(database, halden))
    release(database, halden, begin(database, halden, lambda document: document.update(title="Two")), "1.1.0")
    older, newer = versions(database)
    ciso.post(f"/o/{halden.slug}/questionnaires/ours/1.1.0/retire")
    for source, follows in (("ours@1.0.0", older), ("ours@1.1.0", newer)):
        answer = ciso.post(
            f"/o/{halden.slug}/drafts/new", {"source": source, "slug": "ours", "title": "Next"}
        )
        one = uuid.UUID(answer.headers["Location"].rpartition("/")[2])
        assert draft(database, halden, one).previous_hash == follows.content_hash
        ciso.post(f"/o/{halden.slug}/drafts/{one}/discard", {"revision": "1"})


def test_a_faulty_draft_is_not_released(ciso: Browser, database: Database, halden: Place) -> None:
    one = begin(database, halden, lambda document: first_question(document).update(revision=7))
    page = ciso.get(f"/o/{halden.slug}/drafts/{one}/release").text
    assert "This draft cannot be released yet." in page
    answer = ciso.post(
        f"/o/{halden.slug}/drafts/{one}/release", {"version": "1.0.0", "note": "x", "revision": "1"}
    )
    assert answer.status_code == 409
    assert versions(database) == []


def test_what_else_was_released_between_check_and_release_is_a_conflict(
    database: Database, halden: Place
) -> None:
    one = begin(database, halden)
    row = draft(database, halden, one)
    with database.looking(halden[CISO].scope) as session:
        checked = releasing.check(session, halden[CISO], row, "1.0.0")
    release(database, halden, begin(database, halden, slug="beside"))
    with database.transaction(halden[CISO].scope) as session:
        locked = drafts.locked(session, halden[CISO], one)
        with pytest.raises(Conflict, match="Another questionnaire of yours"):
            releasing.release(
                session, locked, checked, note="x", seen=row.revision, actor=halden[CISO], now=NOW
            )


def test_running_assessments_keep_their_version(
    ciso: Browser, database: Database, settings: Settings, halden: Place
) -> None:
    issued = journey.issue(database, halden, make_company(database, settings, "Fennmark"))
    one = begin(database, halden)
    page = ciso.get(f"/o/{halden.slug}/drafts/{one}/release").text
    assert f"one open assessment on security_lite {LITE.version}" in page
    release(database, halden, one)
    with database.looking(SYSTEM) as session:
        assert session.get_one(Assessment, issued.assessment).content_hash == LITE.content_hash


# --------------------------------------------------------------------------------------------------------- retired


@pytest.mark.both_databases
def test_a_retired_version_is_issued_no_longer_and_comes_back(
    ciso: Browser, database: Database, halden: Place
) -> None:
    release(database, halden, begin(database, halden))
    page = f"/o/{halden.slug}/questionnaires/ours/1.0.0"
    assert ciso.post(f"{page}/retire").status_code == 303
    assert ciso.post(f"{page}/retire").status_code == 303
    with database.looking(halden[CISO].scope) as session:
        found = service.version(session, halden[CISO], "ours", "1.0.0")
        assert "ours" not in {one.slug for one in service.available(session, halden[CISO])}
        with pytest.raises(Invalid):
            service.issuable(session, halden[CISO], found.content_hash)
    assert "Retired" in ciso.get(page).text
    assert ciso.post(f"{page}/bring-back").status_code == 303
    with database.looking(halden[CISO].scope) as session:
        assert service.issuable(session, halden[CISO], found.content_hash).slug == "ours"
    with database.looking(SYSTEM) as session:
        kinds = list(session.scalars(select(Event.kind)))
    assert kinds.count(Kind.VERSION_RETIRED.value) == 1
    assert kinds.count(Kind.VERSION_BROUGHT_BACK.value) == 1


def test_without_the_newest_the_one_before_is_offered(database: Database, halden: Place) -> None:
    release(database, halden, begin(database, halden))
    release(database, halden, begin(database, halden, lambda one: one.update(title="Two")), "1.0.1")
    with database.transaction(halden[CISO].scope) as session:
        newest = service.version(session, halden[CISO], "ours", "1.0.1")
        releasing.retire(session, newest, actor=halden[CISO], now=NOW)
    with database.looking(halden[CISO].scope) as session:
        own = [one.version for one in service.available(session, halden[CISO]) if one.own]
    assert own == ["1.0.0"]


def test_one_organisations_retiring_is_not_anothers(
    database: Database, settings: Settings, halden: Place
) -> None:
    other = make_organisation(database, settings, "Orrin")
    with database.transaction(halden[CISO].scope) as session:
        found = service.version(session, halden[CISO], LITE.slug, LITE.version)
        releasing.retire(session, found, actor=halden[CISO], now=NOW)
        assert LITE.slug not in {one.slug for one in service.available(session, halden[CISO])}
    with database.looking(other[CISO].scope) as session:
        assert LITE.slug in {one.slug for one in service.available(session, other[CISO])}


def test_the_intake_is_never_retired(ciso: Browser, halden: Place) -> None:
    assert ciso.post(f"/o/{halden.slug}/questionnaires/intake/1.0.0/retire").status_code == 409


@pytest.mark.parametrize("role", [OrganisationRole.REVIEWER, OrganisationRole.AUDITOR])
def test_who_may_not_release_is_refused(
    app: Portal, database: Database, halden: Place, role: OrganisationRole
) -> None:
    one = begin(database, halden)
    browser = Browser(app.test_client(), f"{role.value}@halden.example")
    assert browser.get(f"/o/{halden.slug}/drafts/{one}/release").status_code == 403
    assert browser.post(f"/o/{halden.slug}/questionnaires/security_lite/1.0.0/retire").status_code == 403
