"""Saved views: kept under a name, found by whom they are for, opened as they were, taken away by who may."""

from __future__ import annotations

import re

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.faults import Invalid, NotFound
from portal.organisations import saved, service
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import NOW, Place, make_organisation, signed_in

CISO, ADMIN, PROCUREMENT = OrganisationRole.CISO, OrganisationRole.ADMIN, OrganisationRole.PROCUREMENT
AUDITOR = OrganisationRole.AUDITOR


@pytest.fixture
def halden(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Halden")


def test_a_view_holds_what_its_list_knows_and_nothing_else() -> None:
    given = {
        "q": "  two   words ",
        "tier": "high",
        "level": "<b>",
        "nothing": "x",
        "gate": "a b",
        "sort": "tier",
    }
    assert saved.checked("engagements", given) == {"q": "two words", "tier": "high", "sort": "tier"}
    assert saved.checked("gates", {"q": "a\0b"}) == {}
    with pytest.raises(Invalid):
        saved.checked("nothing", {})


def test_a_view_is_kept_found_opened_and_taken_away(app: Portal, halden: Place) -> None:
    here = f"/o/{halden.slug}"
    keeper = signed_in(app, halden[CISO])
    fields = {"list": "engagements", "tier": "high", "gate": "blocked", "name": "Blocked <b>"}
    answer = keeper.post(f"{here}/views", **fields, shared="y")
    assert answer.headers["Location"] == f"{here}/engagements?tier=high&gate=blocked"
    assert (
        keeper.post(f"{here}/views", **fields, shared="y").status_code == 303
    )  # the same name: the same view
    for role in (CISO, AUDITOR, ADMIN):
        page = signed_in(app, halden[role]).get(f"{here}/engagements").text
        assert page.count("Blocked &lt;b&gt;</a>") == 1
        assert ("Take a view away" in page) is (role in (CISO, ADMIN))
    assert keeper.post(f"{here}/views", **fields | {"name": ""}).status_code == 422
    assert keeper.post(f"{here}/views", list="engagements", name="All").status_code == 422
    assert keeper.post(f"{here}/views", list="letters", name="All").status_code == 404


def test_a_view_of_the_schedule_opens_the_tab_and_the_period_that_it_was_kept_with(
    app: Portal, halden: Place
) -> None:
    here = f"/o/{halden.slug}"
    keeper = signed_in(app, halden[CISO])
    narrowed = f"{here}/schedule?view=open&period=late"
    assert "Keep this view" not in keeper.get(f"{here}/schedule").text
    assert "Keep this view" in keeper.get(narrowed).text
    fields = {"list": "schedule", "view": "open", "period": "late", "month": "<b>", "name": "Late answers"}
    assert keeper.post(f"{here}/views", **fields).headers["Location"] == narrowed
    page = keeper.get(narrowed).text
    assert 'aria-current="page">Late answers</a>' in page
    assert "Keep this view" not in page
    assert ">Late answers</a>" in keeper.get(f"{here}/schedule").text


def test_it_is_asked_before_a_view_is_taken_away(app: Portal, halden: Place) -> None:
    here = f"/o/{halden.slug}"
    keeper, admin = signed_in(app, halden[CISO]), signed_in(app, halden[ADMIN])
    for which, page in (("search", "search"), ("fourth-parties", "portfolio/fourth-parties")):
        kept = keeper.post(f"{here}/views", list=which, q="nordmoln", name=f"Nord {which}", shared="y")
        assert kept.headers["Location"] == f"{here}/{page}?q=nordmoln"
        drawn = admin.get(f"{here}/{page}").text
        (ask,) = re.findall(rf'href="({here}/views/[^"]+/remove)"', drawn)
        asked = admin.get(ask).text
        assert "Somebody else made it, for everybody" in asked
        assert "You made it for everybody" in keeper.get(ask).text
        assert signed_in(app, halden[PROCUREMENT]).get(ask).status_code == 404
        assert f">Nord {which}</a>" in admin.get(f"{here}/{page}").text  # asking takes nothing away
        assert admin.post(ask, page=ask).headers["Location"] == f"{here}/{page}"
        assert f">Nord {which}</a>" not in admin.get(f"{here}/{page}").text


def test_search_words_of_others_are_not_shown_to_who_sees_some_vendors_only(
    database: Database, halden: Place
) -> None:
    """What the CISO searches for is mostly the name of a vendor; what they narrow by codes is for everybody."""
    owner = halden[OrganisationRole.BUSINESS_OWNER]
    with database.transaction(halden[CISO].scope) as session:
        for name, query in (("Named", {"q": "Secretive"}), ("Coded", {"tier": "high"})):
            saved.save(session, halden[CISO], which="gates", name=name, query=query, shared=True, now=NOW)
    for identity, names in ((owner, ["Coded"]), (halden[AUDITOR], ["Coded", "Named"])):
        with database.read_session(identity.scope) as session:
            assert [one.name for one in saved.of_list(session, identity, "gates")] == names


def test_a_list_has_so_many_views_for_everybody_and_no_more(
    database: Database, halden: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST_SHARED", 2)
    query = {"tier": "low"}

    def keep(role: OrganisationRole, name: str, shared: bool, which: str = "gates") -> None:
        with database.transaction(halden[role].scope) as session:
            saved.save(session, halden[role], which=which, name=name, query=query, shared=shared, now=NOW)

    keep(CISO, "One", shared=True)
    keep(ADMIN, "Two", shared=True)
    keep(CISO, "One", shared=True)  # the same view anew
    keep(CISO, "Three", shared=False)
    keep(CISO, "Elsewhere", shared=True, which="reviews")
    for role, name in ((PROCUREMENT, "Four"), (CISO, "Three")):
        with pytest.raises(Invalid) as refused:
            keep(role, name, shared=True)
        assert "shared" in refused.value.errors


def test_a_view_of_somebody_who_answers_for_nothing_any_more_is_empty(app: Portal, halden: Place) -> None:
    """Never the whole list under the name of “Anna's critical ones”."""
    gone = halden[PROCUREMENT].person.id
    page = signed_in(app, halden[CISO]).get(f"/o/{halden.slug}/engagements?owner={gone}").text
    assert "No engagement fits this filter." in page
    assert "Somebody who answers for nothing here any more" in page
    assert f'<option value="{gone}" selected' in page


def test_who_may_take_a_view_away(database: Database, halden: Place) -> None:
    with database.transaction(halden[CISO].scope) as session:
        query = {"tier": "low"}
        ours = saved.save(
            session, halden[CISO], which="gates", name="Ours", query=query, shared=True, now=NOW
        )
        own = saved.save(session, halden[CISO], which="gates", name="Own", query=query, shared=False, now=NOW)
        ours_id, own_id = ours.id, own.id
    for role, one in ((PROCUREMENT, ours_id), (ADMIN, own_id)):
        with database.transaction(halden[role].scope) as session, pytest.raises(NotFound):
            saved.remove(session, halden[role], one, now=NOW)
    with database.transaction(halden[ADMIN].scope) as session:
        assert saved.remove(session, halden[ADMIN], ours_id, now=NOW) == "gates"
        service.remove(session, halden[ADMIN], halden[CISO].person.id, now=NOW)
    with database.read_session(halden[CISO].scope) as session:
        assert saved.of_list(session, halden[CISO], "gates") == []
