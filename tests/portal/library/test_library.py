"""Released questionnaires: imports, what an organisation may issue, and the page to read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.faults import Invalid, NotFound
from portal.library import service
from portal.library.importing import ImportRefused, read_import, slug_from
from portal.library.models import Definition
from portal.settings import Settings
from portal.web import Portal
from questionnaires import catalog
from questionnaires.canonical import canonical_bytes
from tests.portal.assessments.given import SMALL
from tests.portal.world import NOW, Browser, Place, make_organisation

CISO = OrganisationRole.CISO
VSAQ = b"""// A tiny file
{"questionnaire": [{"type": "block", "text": "Shop", "id": "shop", "items": [
  {"type": "radiogroup", "id": "locks", "text": "Do you lock <b>up</b>?",
   "choices": [{"locks_yes": "Yes"}, {"locks_no": "No"}]},
  {"type": "tip", "id": "tip", "text": "Anyone can walk in.", "warn": "yes", "severity": "high", "cond": "locks_no"},
  {"type": "line", "id": "why", "text": "Why not?", "cond": "locks_no"}]}]}"""


def small(**changes: Any) -> bytes:
    return json.dumps(SMALL | changes).encode()


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def bring_in(database: Database, place: Place, data: bytes, kind: str = "json", **options: Any) -> str:
    with database.transaction(place[CISO].scope) as session:
        options = {"slug": "shop", "now": NOW, "actor": place[CISO]} | options
        row, _found = service.import_for(session, place.id, data, kind, **options)
        return row.content_hash


def test_a_vsaq_file_becomes_a_questionnaire_under_own_keys_with_a_report() -> None:
    found = read_import(VSAQ, "vsaq", slug="shop", version="1.2.0")
    assert found.definition.label == "shop@1.2.0"
    assert list(found.definition.questions) == ["own.shop.locks", "own.shop.why"]
    assert found.report[0].startswith("Import of Shop")
    assert "Not carried over:" in found.report


def test_an_mvsp_version_brings_slug_and_version_itself() -> None:
    controls = [{"ref": "2.8", "title": "Encryption", "group": "Design", "text": "Encrypt it"}]
    found = read_import(
        json.dumps({"id": "mvsp", "version": "2.0", "controls": controls}).encode(), "mvsp", slug="x"
    )
    assert found.definition.label == "mvsp@2.0.0"
    assert list(found.definition.questions) == ["own.mvsp.encryption"]
    assert found.source_format == "mvsp"
    assert "Not carried over:" in found.report


def test_a_definition_of_ours_gets_own_keys_in_conditions_too() -> None:
    found = read_import(small(), "json", slug="")
    questions = found.definition.questions
    assert all(key.startswith("own.small.") for key in questions)
    condition = questions["own.small.one.why"].visible_when
    assert condition is not None
    assert condition.source == 'own.small.one.locks == "no"'
    assert any("one.locks is now own.small.one.locks" in line for line in found.report)


def test_own_keys_stay_as_they_are() -> None:
    once = read_import(small(), "json", slug="").definition
    again = read_import(canonical_bytes(once), "json", slug="")
    assert again.definition.content_hash == once.content_hash
    assert not any("is now" in line for line in again.report)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "json"),
        (b"[]", "json"),
        (b"\xff\xfe", "json"),
        (b"{" * 10_000, "json"),
        (b'{"format": 1}', "json"),
        (small(slug="security_lite"), "json"),
        (small(purpose="intake", bands=[]), "json"),
        (small(bands=[]), "json"),
        (b"", "vsaq"),
        (b'{"questionnaire": []}', "vsaq"),
        (b'{"questionnaire": "x"}', "vsaq"),
        (b'{"id": "mvsp", "version": "1.0", "controls": []}', "mvsp"),
        (small(), "xlsx"),
    ],
)
def test_what_cannot_be_a_questionnaire_is_refused_with_every_fault(data: bytes, kind: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_import(data, kind, slug="shop")
    assert refused.value.lines
    assert all(line.strip() for line in refused.value.lines)


@pytest.mark.parametrize("slug", ["", "Shop", "../etc", "shop@1", "security_lite", "x" * 80])
def test_a_slug_must_be_a_free_name(slug: str) -> None:
    with pytest.raises(ImportRefused):
        read_import(VSAQ, "vsaq", slug=slug)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Web App.json", "web_app_json"), ("2024 Überblick", "q_2024_uberblick"), ("___", "q"), ("日本", "q")],
)
def test_a_slug_is_made_from_any_name(name: str, slug: str) -> None:
    assert slug_from(name) == slug


def test_an_import_is_released_for_one_organisation_only(
    database: Database, settings: Settings, halden: Place
) -> None:
    content_hash = bring_in(database, halden, VSAQ, "vsaq")
    other = make_organisation(database, settings, "Orrin")
    shipped = {label.split("@")[0] for label in catalog.shipped()}
    with database.looking(halden[CISO].scope) as session:
        found = service.available(session, halden[CISO])
        assert {one.slug for one in found} == shipped | {"shop"}
        own = next(one for one in found if one.own)
        assert (own.questions, own.sections, own.content_hash) == (2, 1, content_hash)
        assert service.definition(session, content_hash).content_hash == content_hash
    with database.looking(other[CISO].scope) as session:
        assert {one.slug for one in service.available(session, other[CISO])} == shipped
        with pytest.raises(Invalid):
            service.issuable(session, other[CISO], content_hash)
        with pytest.raises(NotFound):
            service.version(session, other[CISO], "shop", "1.0.0")


def test_an_earlier_release_may_still_be_issued_and_none_before_the_first(
    database: Database, halden: Place
) -> None:
    old, newest = catalog.get("security_core@1.0.0"), catalog.latest("security_core")
    assert old != newest
    with database.looking(halden[CISO].scope) as session:
        offered = {one.content_hash for one in service.available(session, halden[CISO])}
        assert newest.content_hash in offered
        assert old.content_hash not in offered
        found = service.issuable(session, halden[CISO], old.content_hash)
        assert (found.slug, found.version, found.own) == ("security_core", "1.0.0", False)
        for label in ("security_lite@0.9.0", "intake@1.0.0"):
            with pytest.raises(Invalid):
                service.issuable(session, halden[CISO], catalog.get(label).content_hash)


@pytest.mark.both_databases
def test_a_version_is_released_once_and_the_newest_is_offered(database: Database, halden: Place) -> None:
    bring_in(database, halden, small())
    with pytest.raises(Invalid, match="already"):
        bring_in(database, halden, small(title="Another"))
    for version in ("1.10.0", "1.9.0"):
        bring_in(database, halden, small(version=version), now=NOW + timedelta(days=1))
    with database.looking(halden[CISO].scope) as session:
        own = [one.version for one in service.available(session, halden[CISO]) if one.own]
        assert own == ["1.10.0"]
        every = [one.version for one in service.own_versions(session, halden[CISO])]
        assert every == ["1.10.0", "1.9.0", "1.0.0"]


@pytest.mark.both_databases
def test_two_organisations_share_the_bytes_of_equal_definitions(
    database: Database, settings: Settings, halden: Place
) -> None:
    other = make_organisation(database, settings, "Orrin")
    assert bring_in(database, halden, small()) == bring_in(database, other, small())
    with database.looking(SYSTEM) as session:
        assert len(session.execute(select(Definition.content_hash)).all()) == 1
        kinds = list(session.execute(select(Event.kind)).scalars())
    assert kinds.count(Kind.DEFINITION_STORED.value) == 1
    assert kinds.count(Kind.QUESTIONNAIRE_RELEASED.value) == 2


def test_an_unknown_hash_is_not_found(database: Database, halden: Place) -> None:
    with database.looking(halden[CISO].scope) as session, pytest.raises(NotFound):
        service.definition(session, "0" * 64)


# --------------------------------------------------------------------------------------------------------- pages


def test_the_list_and_the_page_of_a_questionnaire(app: Portal, database: Database, halden: Place) -> None:
    bring_in(database, halden, small(title="Old"), now=NOW)
    bring_in(database, halden, small(version="2.0.0"), now=NOW)
    browser = Browser(app.test_client(), "auditor@halden.example")
    page = browser.get(f"/o/{halden.slug}/questionnaires").text
    assert "Security basics" in page
    assert "Earlier and retired versions" in page
    page = browser.get(f"/o/{halden.slug}/questionnaires/small/2.0.0").text
    for words in ("Do you lock the doors?", "100 points", "Anyone can walk in.", "Report of the import"):
        assert words in page
    assert "Asked if the answer to “Do you lock the doors?” is “No”." in page


def test_every_shipped_questionnaire_can_be_read(app: Portal, halden: Place) -> None:
    browser = Browser(app.test_client(), "business_owner@halden.example")
    for label in catalog.shipped():
        slug, version = label.split("@")
        page = browser.get(f"/o/{halden.slug}/questionnaires/{slug}/{version}")
        assert page.status_code == 200
        for question in catalog.get(label).questions:
            assert f'id="q-{question}"' in page.text


@pytest.mark.parametrize(
    "path", ["small/1.0.0", "security_lite/9.9.9", "SMALL/x", "..%2fetc/1.0.0", "a/b", "%00/1.0.0"]
)
def test_what_is_not_there_is_not_found(
    app: Portal, database: Database, settings: Settings, halden: Place, path: str
) -> None:
    other = make_organisation(database, settings, "Orrin")
    bring_in(database, other, small())
    browser = Browser(app.test_client(), "ciso@halden.example")
    assert browser.get(f"/o/{halden.slug}/questionnaires/{path}").status_code in (400, 404)
