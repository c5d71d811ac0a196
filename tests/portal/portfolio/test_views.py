"""Saved views: kept under a name, found by whom they are for, opened as they were, taken away by who may."""

from __future__ import annotations

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
