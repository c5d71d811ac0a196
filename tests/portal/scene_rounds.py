"""What the scene holds of rounds and threads: a return taken back, and what both sides wrote about an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.access import CompanyRole, OrganisationRole
from portal.assessments import asking_back, enquiries, enquiry_queries, returning
from portal.assessments import queries as assessment_queries
from portal.assessments.returning import Return
from portal.db import Database
from portal.review import queries
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Deal, Scene


def return_and_ask(database: Database, scene: Scene, deal: Deal, key: str) -> None:
    """Give ``key`` back with words and take that back; ask about it in a thread that the vendor answers."""
    both = (deal.organisation, deal.company)
    actor, owner = deal.organisation[OrganisationRole.REVIEWER], deal.company[CompanyRole.OWNER]
    why, here = (scene.canary(what) for what in ("back", "here"))  # taken back: nobody reads it any more
    asked, said = (scene.canary(what, *both) for what in ("asked", "written"))
    assert deal.submission is not None
    with database.transaction(actor.scope) as session:
        one = queries.case(session, actor, deal.submission, lock=True).assessment
        wish = Return(frozenset({key}), why, one.due, {key: here})
        returning.return_questions(session, one, wish, actor=actor, now=NOW)
        returning.withdraw(session, one, actor=actor, now=NOW)
        thread = asking_back.ask(session, one, key, asked, actor=actor, now=NOW).id
    with database.transaction(owner.scope) as session:
        found = assessment_queries.assessment(session, owner, one.id, lock=True)
        row = enquiry_queries.enquiry(session, owner, found.id, thread, lock=True)
        enquiries.carry_on(session, found, row, said, actor=owner, now=NOW)
