"""How long an answer has stood: told to the reviewer, from the organisation's own reviews of this vendor alone."""

from __future__ import annotations

from datetime import timedelta

from portal.access import OrganisationRole
from portal.db import Scope
from portal.reports import cycles, queries
from portal.settings import Settings
from portal.web import Portal
from tests.portal.assessments.carried import ANSWERS, LAST_YEAR, ask, newer, submit, submitted, write
from tests.portal.assessments.given import give
from tests.portal.world import NOW, make_organisation, signed_in


def test_reviews_in_a_row_are_counted_and_no_other_organisations(app: Portal, settings: Settings) -> None:
    given = give(app, settings)
    first, _submission = submitted(given, at=LAST_YEAR - timedelta(days=360))
    second = ask(given, given.definition, at=LAST_YEAR, beside=first)
    write(given, second, {**ANSWERS, "one.kinds": ["card"]}, at=LAST_YEAR)
    submit(given, second, at=LAST_YEAR)
    submitted(
        given,
        at=LAST_YEAR + timedelta(days=1),
        place=make_organisation(given.database, settings, "Brae Lending"),
    )
    reworded = newer(one__days={"text": "How many working days does a new key take at most?"})
    third = ask(given, reworded, beside=first)
    write(given, third, {**ANSWERS, "one.kinds": ["card"]})
    submit(given, third)
    reviewer = given.organisation[OrganisationRole.REVIEWER]
    with given.database.looking(Scope(organisation_id=given.organisation.id)) as session:
        report = queries.for_organisation(session, reviewer, third)
        found = cycles.unchanged(session, reviewer, report)
        earliest = queries.for_organisation(session, reviewer, first)
        assert cycles.unchanged(session, reviewer, earliest) == {}
    assert (found["one.locks"], found["one.kinds"], found["one.days"]) == (2, 1, 0)
    page = (
        signed_in(app, reviewer, now=NOW)
        .get(f"/o/{given.organisation.slug}/assessments/{third}/answers")
        .text
    )
    assert "Unchanged for 2 reviews before this one." in page
    assert "Unchanged since the review before this one." in page
