"""A vendor that was linked to the wrong company: unlinked once nothing is open, invited anew, reopened by nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import change_steps, changing
from portal.db import SYSTEM
from portal.faults import Conflict, Invalid
from portal.settings import Settings
from portal.vendors.models import Vendor
from portal.web import Portal
from tests.portal import scene
from tests.portal.kept import Kept, add_deal, make_kept
from tests.portal.once import made_once
from tests.portal.world import NOW, Browser, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
LATER = NOW + timedelta(days=1)


@pytest.fixture
@made_once
def kept(app: Portal, settings: Settings) -> Kept:
    return make_kept(app.database, settings)


@pytest.fixture
def buyer(app: Portal, kept: Kept) -> Browser:
    return signed_in(app, kept.organisation[OrganisationRole.ADMIN])


def address(kept: Kept) -> str:
    return f"/o/{kept.organisation.slug}/vendors/{kept.vendor}"


def linked_to(app: Portal, kept: Kept) -> object:
    with app.database.looking(SYSTEM) as session:
        return session.execute(select(Vendor.company_id).where(Vendor.id == kept.vendor)).scalar_one()


def test_what_is_open_is_cancelled_first(app: Portal, kept: Kept, buyer: Browser) -> None:
    me = kept.organisation[OrganisationRole.ADMIN]
    own = scene.security_lite().content_hash
    scene.issue(app.database, me, kept.vendor, kept.engagement, own)
    page = buyer.get(f"{address(kept)}/unlink").text
    assert "Cancel first what is still open." in page
    assert "Security essentials" in page or scene.security_lite().title in page
    assert buyer.post(f"{address(kept)}/unlink", page=address(kept)).status_code == 409
    assert linked_to(app, kept) == kept.company.id


def test_unlinked_and_invited_anew_with_what_was_submitted_in_place(
    app: Portal, settings: Settings, kept: Kept, buyer: Browser
) -> None:
    assert "Is this the wrong company?" in buyer.get(address(kept)).text
    assert buyer.post(f"{address(kept)}/unlink", page=f"{address(kept)}/unlink").status_code == 303
    assert linked_to(app, kept) is None
    assert buyer.post(f"{address(kept)}/unlink", page=address(kept)).status_code == 409, "a second press"
    result = f"/o/{kept.organisation.slug}/assessments/{kept.assessment}/result"
    assert buyer.get(result).status_code == 200, "what was submitted stays"
    owner = signed_in(app, kept.company[CompanyRole.OWNER])
    assert owner.get(f"/c/{kept.company.slug}/assessments/{kept.assessment}/receipt").status_code == 200
    me = kept.organisation[OrganisationRole.ADMIN]
    with app.database.transaction(me.scope) as session:
        one, _vendor = change_steps.lock(session, me, kept.assessment)
        with pytest.raises(Conflict, match="no longer linked"):
            changing.reopen(
                session, one, due=LATER.date() + timedelta(days=30), text="Once more", actor=me, now=LATER
            )
    with pytest.raises(Invalid) as fault:  # as for any vendor that is not here yet: a person is invited
        scene.issue(app.database, me, kept.vendor, kept.engagement, scene.security_lite().content_hash)
    assert "contact" in fault.value.errors


def test_who_may_not_manage_vendors_does_not_unlink_and_others_find_nothing(
    app: Portal, settings: Settings, kept: Kept
) -> None:
    auditor = signed_in(app, kept.organisation[OrganisationRole.AUDITOR])
    assert "Is this the wrong company?" not in auditor.get(address(kept)).text
    assert auditor.get(f"{address(kept)}/unlink").status_code == 403
    birch = make_organisation(app.database, settings, "Birch")
    second = add_deal(app.database, settings, birch, kept.company, "other")
    stranger = signed_in(app, second.organisation[OrganisationRole.ADMIN])
    path = f"/o/{second.organisation.slug}/vendors/{kept.vendor}/unlink"
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, page=address(second)).status_code == 404
    assert linked_to(app, kept) == kept.company.id
