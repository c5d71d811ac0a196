"""The company's library: adding, finding, changing; limits; what a failed write leaves; the sweep."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import db
from portal.access import CompanyRole
from portal.audit.models import Event
from portal.db import SYSTEM, Database
from portal.erasure.models import DoomedFile
from portal.evidence import service
from portal.evidence.models import Evidence
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.faults import Unavailable
from portal.settings import Settings
from portal.storage import new_key
from portal.web import Portal
from tests.portal.evidence.files import PDF
from tests.portal.world import NOW, Browser, Place, make_company, signed_in


@pytest.fixture
def company(database: Database, settings: Settings) -> Place:
    return make_company(database, settings, "Fennmark")


@pytest.fixture
def browser(app: Portal, company: Place) -> Browser:
    return signed_in(app, company[CompanyRole.OWNER])


def add(
    browser: Browser, company: Place, data: bytes = PDF, name: str = "plan.pdf", **fields: str
) -> TestResponse:
    path = f"/c/{company.slug}/evidence/new"
    body = {"csrf_token": browser.token(), "kind": "policy", **fields}
    return browser.client.post(path, data={**body, "file": (io.BytesIO(data), name)})


def documents(database: Database) -> list[Evidence]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Evidence).order_by(Evidence.title)))


def stored(app: Portal) -> set[str]:
    return {key for key, _at in list(iter(app.storage.keys()))}


@pytest.mark.both_databases
def test_a_list_to_search_filter_sort_and_page(app: Portal, browser: Browser, company: Place) -> None:
    today = NOW.date()
    lasts = {0: today - timedelta(days=1), 1: today + timedelta(days=60), 2: today + timedelta(days=61)}
    owner = company[CompanyRole.OWNER]
    with app.database.transaction(owner.scope) as session:
        for number in range(30):
            kind = {5: "restore_test", 6: "report", 7: "report.audit", 8: "Report.audit", 9: "report_audit"}
            said = Described(kind.get(number, "policy"), f"Paper {number:02d}", None, lasts.get(number))
            file = Sniffed("paper.pdf", "application/pdf", 10, f"{number:064d}")
            stored = Stored(f"{number:032d}", file, "clean", NOW)
            service.add(session, stored, said, actor=owner, now=NOW + timedelta(minutes=number))
    base = f"/c/{company.slug}/evidence"

    def titles(query: str) -> list[str]:
        page = browser.get(f"{base}?{query}").text
        return [f"Paper {number:02d}" for number in range(30) if f">Paper {number:02d}<" in page]

    assert len(titles("")) == 25
    assert len(titles("page=2")) == 5
    assert titles("q=paper+07") == ["Paper 07"]
    assert titles("q=%25") == []
    assert titles("kind=restore_test") == ["Paper 05"]
    assert titles("kind=report") == ["Paper 06", "Paper 07"]  # narrower ones are of the kind, too
    assert titles("kind=report.audit") == ["Paper 07"]
    assert titles("state=expired") == ["Paper 00"]
    assert titles("state=expiring") == ["Paper 01"]
    assert titles("state=valid") == ["Paper 02"]
    assert titles("sort=title&page=2") == [f"Paper {number:02d}" for number in range(25, 30)]
    assert titles("sort=title&down=1&page=2") == [f"Paper {number:02d}" for number in range(5)]
    for sort in ("kind", "issued", "expires", "uploaded", "nonsense"):
        assert len(titles(f"sort={sort}")) == 25
    page = browser.get(base).text
    assert "One document has expired" in page
    assert "One document expires within 60 days" in page
    table = browser.get(f"{base}.csv?kind=restore_test")
    assert table.text.count("Paper") == 1
    assert [one.data["rows"] for one in events(app, "export.made")] == [1]
    assert "No document fits" in browser.get(f"{base}?q=nothing").text


def events(app: Portal, kind: str) -> list[Event]:
    with app.database.looking(SYSTEM) as session:
        return list(session.scalars(select(Event).where(Event.kind == kind)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": ""}, "Choose what it is."),
        ({"kind": "nonsense"}, "Not a valid choice"),
        ({"title": "x" * 201}, "Write at most 200 characters."),
        ({"title": "a\x00b"}, "Leave out invisible control characters."),
        ({"issued": "yesterday"}, "You wrote “yesterday”."),
        ({"issued": "2027-01-01"}, "not later than today, 2026-11-21"),
        ({"issued": "0001-01-01"}, "not later than today"),
        ({"expires": "9999-12-31"}, "not later than 2056-12-31"),
        ({"issued": "2026-11-01", "expires": "2026-10-01"}, "This is before the day of issue"),
    ],
)
def test_every_fault_stands_at_its_field_and_nothing_is_kept(
    app: Portal, browser: Browser, company: Place, fields: dict[str, str], words: str
) -> None:
    answer = add(browser, company, **fields)
    assert answer.status_code == 422
    assert words in answer.text
    assert stored(app) == set()


def test_no_file_and_a_hostile_name(app: Portal, browser: Browser, company: Place) -> None:
    path = f"/c/{company.slug}/evidence/new"
    assert "Choose a file." in browser.post(path, kind="policy").text
    assert "Choose a file." in browser.post(path, kind="policy", file="a text").text
    assert add(browser, company, name="../../\u202eexe.X-Evil: 1.pdf").status_code == 303
    (document,) = documents(app.database)
    saved = browser.get(f"/c/{company.slug}/evidence/{document.id}/file")
    assert saved.status_code == 200
    assert saved.headers["Content-Disposition"].startswith('attachment; filename="exe.X-Evil_ 1.pdf"')
    assert "\u202e" not in document.filename


def test_what_is_said_of_a_document_changes_and_its_file_does_not(
    app: Portal, browser: Browser, company: Place
) -> None:
    add(browser, company, title="Plan")
    (before,) = documents(app.database)
    path = f"/c/{company.slug}/evidence/{before.id}/edit"
    assert 'value="Plan"' in browser.get(path).text
    answer = browser.post(path, kind="incident_plan", title="Plan of 2026", issued="2026-05-01", expires="")
    assert answer.status_code == 303, answer.text
    (after,) = documents(app.database)
    assert (after.kind, after.title, after.issued) == ("incident_plan", "Plan of 2026", date(2026, 5, 1))
    assert (after.sha256, after.storage_key) == (before.sha256, before.storage_key)
    assert [one.data for one in events(app, "evidence.changed")] == [{"fields": ["kind", "title", "issued"]}]
    assert browser.post(path, kind="incident_plan", title="").status_code == 422
    browser.post(path, kind="incident_plan", title="Plan of 2026", issued="2026-05-01")
    assert len(events(app, "evidence.changed")) == 1, "no change, no event"
    page = browser.get(f"/c/{company.slug}/evidence/{before.id}").text
    for said in ("Plan of 2026", "Incident plan", "Added", "Changed", before.sha256, "Nowhere yet."):
        assert said in page


def test_a_contributor_manages_what_they_have_added_themselves(
    app: Portal, browser: Browser, company: Place
) -> None:
    add(browser, company, title="The owner's")
    (owners,) = documents(app.database)
    helper = signed_in(app, company[CompanyRole.CONTRIBUTOR])
    here = f"/c/{company.slug}/evidence"
    page = helper.get(f"{here}/{owners.id}").text
    assert "The owner&#39;s" in page
    assert f"{owners.id}/remove" not in page
    for step in ("edit", "remove", "replace"):
        assert helper.get(f"{here}/{owners.id}/{step}").status_code == 403
        assert helper.post(f"{here}/{owners.id}/{step}", page=f"{here}/new").status_code == 403
    (still,) = documents(app.database)
    assert still.removed_at is None
    assert still.title == "The owner's"
    add(helper, company, title="The helper's")
    hers = next(one for one in documents(app.database) if one.title == "The helper's")
    for person in (helper, browser):
        assert person.get(f"{here}/{hers.id}/remove").status_code == 200
    assert helper.post(f"{here}/{hers.id}/remove").status_code == 303


def test_another_company_finds_nothing(
    app: Portal, settings: Settings, browser: Browser, company: Place
) -> None:
    add(browser, company)
    (document,) = documents(app.database)
    other = make_company(app.database, settings, "Elsewhere")
    stranger = signed_in(app, other[CompanyRole.OWNER])
    for slug in (company.slug, other.slug):
        for page in ("", "/file", "/edit", "/remove", "/replace"):
            assert stranger.get(f"/c/{slug}/evidence/{document.id}{page}").status_code == 404
        assert stranger.post(f"/c/{slug}/evidence/{document.id}/remove").status_code == 404
    assert document.title not in stranger.get(f"/c/{other.slug}/evidence").text


def test_quota_and_free_space(
    app: Portal, settings: Settings, browser: Browser, company: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.settings = replace(settings, quota_mb=1)
    large = PDF[:9] + bytes(600_000) + PDF[9:]
    assert add(browser, company, large).status_code == 303
    answer = add(browser, company, large)
    assert answer.status_code == 422
    assert "0 of 1 MB are in use" in answer.text
    assert len(stored(app)) == 1, "what was refused is not kept"
    monkeypatch.setattr(type(app.storage), "room", lambda self: 100)
    answer = add(browser, company)
    assert answer.status_code == 503
    assert "no room for files" in answer.text


def test_a_write_that_fails_leaves_no_file(
    app: Portal, browser: Browser, company: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(fault: Exception) -> Callable[..., Any]:
        def failing(*_arguments: Any, **_named: Any) -> None:
            assert len(stored_while()) == 1, "it was stored, and nothing is written yet"
            raise fault

        return failing

    def stored_while() -> list[Any]:
        return [one for one in (app.storage.root).rglob("*") if one.is_file()]  # type: ignore[attr-defined]

    sound = service.add
    monkeypatch.setattr(service, "add", fails(Unavailable("Busy.")))
    assert add(browser, company).status_code == 503
    assert stored(app) == set()
    monkeypatch.setattr(service, "add", fails(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        add(browser, company)
    assert stored(app) == set()
    monkeypatch.setattr(service, "add", sound)  # undo() would give the real clock back, too
    commit = db._commit
    monkeypatch.setattr(
        db,
        "_commit",
        lambda session: fails(ZeroDivisionError())() if stored_while() else commit(session),
    )
    with pytest.raises(ZeroDivisionError):
        add(browser, company)
    assert stored(app) == set()
    assert documents(app.database) == []


def test_the_sweep_finds_what_nobody_names(app: Portal, browser: Browser, company: Place) -> None:
    add(browser, company)
    (document,) = documents(app.database)
    lost, doomed = new_key(), new_key()
    for key in (lost, doomed):
        app.storage.put(key, io.BytesIO(b"x"))
    with app.database.transaction() as session:
        session.add(DoomedFile(storage_key=doomed, doomed_at=NOW))
        session.info["audited"] = True
    named = document.storage_key
    assert named is not None
    real = max(at for _key, at in list(iter(app.storage.keys())))
    assert list(service.old_keys(app.storage, real + timedelta(hours=23))) == [], "it may be on its way"
    ((*old,),) = service.old_keys(app.storage, real + timedelta(hours=25))
    assert set(old) == {lost, doomed, named}
    assert [len(some) for some in service.old_keys(app.storage, real + timedelta(hours=25), most=2)] == [2, 1]
    with app.database.looking(SYSTEM) as session:
        assert service.orphans(session, old) == {lost}
