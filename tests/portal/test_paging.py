"""A page of ids in one statement is the page that counts first."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.access import OrganisationRole
from portal.db import Database
from portal.organisations.models import OrganisationMember as Member
from portal.paging import paged, paged_ids
from portal.settings import Settings
from tests.portal.world import make_organisation


@pytest.mark.both_databases
@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_page_of_ids_is_the_page_that_counts_first(
    database: Database, settings: Settings, size: int
) -> None:
    """Past the end, too, and where there is nothing."""
    halden = make_organisation(database, settings, "Halden")
    people = select(Member.person_id).where(Member.organisation_id == halden.id).order_by(Member.person_id)
    nobody = people.where(Member.role == "nobody")
    with database.looking(halden[OrganisationRole.CISO].scope) as session:
        every = paged(session, people, 1, size=100)
        assert every.total > 2
        for statement in (people, nobody):
            for number in (1, 2, every.total, every.total + 1, 99):
                found = paged_ids(session, statement, number, size=size)
                assert found == paged(session, statement, number, size=size)
