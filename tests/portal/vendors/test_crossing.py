"""Two at once around policies and engagements: they take turns in one order, on both databases."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from portal import clock
from portal.access import OrganisationRole
from portal.db import SYSTEM, Database
from portal.erasure import engagement_words
from portal.erasure import service as erasure
from portal.erasure.service import Subject
from portal.settings import Settings
from portal.vendors import policy_queries, policy_service
from portal.vendors import service as vendors
from portal.vendors.models import Engagement, PolicyProposal
from portal.web import Portal
from tests.portal.intake.given import BANK, posted
from tests.portal.test_races import crossing
from tests.portal.vendors.test_policy_pages import fields_of
from tests.portal.world import NOW, Place, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
ADMIN, CISO = OrganisationRole.ADMIN, OrganisationRole.CISO


@pytest.fixture
def alder(database: Database, settings: Settings) -> Place:
    return make_organisation(database, settings, "Alder")


def test_a_policy_that_is_refused_while_another_is_saved_stops_neither(
    app: Portal, database: Database, alder: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ciso, admin = signed_in(app, alder[CISO]), signed_in(app, alder[ADMIN])
    path = f"/o/{alder.slug}/policy"
    fields = fields_of(ciso.get(f"{path}/edit").text) | {"go": "save"}
    assert ciso.post(f"{path}/edit", fields | {"critical.approvals": "1"}).status_code == 303
    found = re.search(r'action="([^"]*/proposals/[^"]*)"', admin.get(path).text)
    assert found
    action = found[1]
    stricter = fields | {"low.months": "24", "low.valid_months": "6", "csrf_token": ciso.token()}
    refusing = {"do": "refuse", "csrf_token": admin.token()}
    saved, refused = crossing(
        monkeypatch,
        policy_service,
        "_require_known",
        lambda: ciso.client.post(f"{path}/edit", data=stricter),
        lambda: admin.client.post(action, data=refusing),
    )
    assert (saved.status_code, refused.status_code) == (303, 409)
    assert "settled already" in refused.text
    with database.looking(SYSTEM) as session:
        assert policy_queries.current(session, alder.id).sequence == 1
        assert session.scalars(select(PolicyProposal.state)).all() == ["overtaken"]


@pytest.mark.parametrize("way", ["intake", "new"])
def test_nothing_is_opened_with_a_vendor_that_leaves_meanwhile(
    app: Portal, database: Database, alder: Place, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    admin, ciso = alder[ADMIN], alder[CISO]
    with database.transaction(admin.scope) as session:
        vendor = vendors.create_vendor(session, name="Northwind", country=None, actor=admin, now=NOW).id
    now = clock.now()
    with database.transaction(admin.scope) as session:
        leaving = erasure.propose(session, admin, Subject("vendor", vendor), "Over.", now=now).id

    def leave() -> Any:
        with database.transaction(ciso.scope) as session:
            return erasure.approve(session, ciso, leaving, now=now)

    buyer = signed_in(app, alder[OrganisationRole.PROCUREMENT])
    fields: dict[str, Any] = {"name": "Archive", "description": "Keeps files.", "tier": "low"}
    fields = posted(BANK, name="Archive") if way == "intake" else fields
    fields |= {"csrf_token": buyer.token()}
    path = f"/o/{alder.slug}/vendors/{vendor}/engagements/{way}"
    _left, answer = crossing(
        monkeypatch, engagement_words, "_intakes", leave, lambda: buyer.client.post(path, data=fields)
    )
    assert answer.status_code == 409
    assert "offboarded" in answer.text
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Engagement.name)).all() == []
