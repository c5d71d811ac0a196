"""How long an answer has stood: told to the reviewer, from its own reviews of the same engagement alone."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy import update

from portal.access import Identity, OrganisationRole
from portal.assessments.models import Assessment
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope
from portal.reports import desk, queries
from portal.settings import Settings
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendor_service
from portal.web import Portal
from tests.portal.assessments.carried import ANSWERS, LAST_YEAR, ask, newer, submit, submitted, write
from tests.portal.assessments.given import Given, give
from tests.portal.world import NOW, make_organisation, signed_in

LONG_AGO = LAST_YEAR - timedelta(days=360)
OTHERWISE = {**ANSWERS, "one.kinds": ["card"]}


def stood(given: Given, reader: Identity, assessment: uuid.UUID) -> dict[str, int]:
    """In how many reviews each answer of an assessment stood, as the reading desk tells the reader."""
    with given.database.looking(Scope(organisation_id=given.organisation.id)) as session:
        report = queries.for_organisation(session, reader, assessment)
        return {item.key: item.unchanged for item in desk.desk(session, reader, report, "all").items}


def again(
    given: Given, beside: uuid.UUID, *engagements: uuid.UUID, at: datetime = NOW, otherwise: bool = False
) -> tuple[uuid.UUID, uuid.UUID]:
    """(assessment, submission): the same vendor is asked the same about these engagements, and submits."""
    made = ask(given, given.definition, at=at, beside=beside, also=engagements)
    write(given, made, OTHERWISE if otherwise else ANSWERS, at=at)
    return made, submit(given, made, at=at)


def test_reviews_in_a_row_are_counted_and_no_other_organisations(app: Portal, settings: Settings) -> None:
    given, engagement = give(app, settings), uuid.uuid4()
    first, _submission = submitted(given, at=LONG_AGO, engagement=engagement)
    second, _submission = again(given, first, engagement, at=LAST_YEAR, otherwise=True)
    submitted(
        given,
        at=LAST_YEAR + timedelta(days=1),
        place=make_organisation(given.database, settings, "Brae Lending"),
    )
    reworded = newer(one__days={"text": "How many working days does a new key take at most?"})
    third = ask(given, reworded, beside=first, engagement=engagement)
    write(given, third, OTHERWISE)
    submission = submit(given, third)
    reviewer = given.organisation[OrganisationRole.REVIEWER]
    found = stood(given, reviewer, third)
    assert (found["one.locks"], found["one.kinds"], found["one.days"]) == (2, 1, 0)
    assert set(stood(given, reviewer, first).values()) == {0}
    browser, home = signed_in(app, reviewer, now=NOW), f"/o/{given.organisation.slug}"
    two, one = "Unchanged for 2 reviews before this one.", "Unchanged since the review before this one."
    page = browser.get(f"{home}/assessments/{third}/answers").text
    assert two in page
    assert one in page
    # Where the answer is judged it is said of the question that is open.
    opened = {
        key: browser.get(f"{home}/reviews/{submission}?q={key}").text
        for key in ("one.locks", "one.kinds", "one.days")
    }
    assert {key: (two in text, one in text) for key, text in opened.items()} == {
        "one.locks": (True, False),
        "one.kinds": (False, True),
        "one.days": (False, False),
    }
    with given.database.transaction() as session:  # as if the second had been asked by a campaign
        asked = update(Assessment).where(Assessment.id == second)
        session.execute(asked.values(campaign_id=uuid.uuid4(), ladder="none"))
        record(session, Kind.ANSWERS_SAVED, now=NOW, actor=None)
    found = stood(given, reviewer, third)
    assert (found["one.locks"], found["one.kinds"]) == (1, 0)


def test_answers_about_another_engagement_are_no_review_of_this_one(app: Portal, settings: Settings) -> None:
    given, ours, theirs = give(app, settings), uuid.uuid4(), uuid.uuid4()
    first, _submission = submitted(given, at=LONG_AGO, engagement=ours)
    other, _submission = again(given, first, theirs, at=LAST_YEAR, otherwise=True)
    last, _submission = again(given, first, ours)
    reviewer = given.organisation[OrganisationRole.REVIEWER]
    found = stood(given, reviewer, last)
    assert (found["one.locks"], found["one.kinds"]) == (1, 1)
    assert set(stood(given, reviewer, other).values()) == {0}


def test_a_business_owner_is_told_of_no_review_that_is_not_theirs_to_see(
    app: Portal, settings: Settings
) -> None:
    given, ours, theirs = give(app, settings), uuid.uuid4(), uuid.uuid4()
    first, _submission = submitted(given, at=LONG_AGO, engagement=ours)
    again(given, first, ours, theirs, at=LAST_YEAR)
    last, _submission = again(given, first, ours, theirs)
    ciso = given.organisation[OrganisationRole.CISO]
    owner = given.organisation[OrganisationRole.BUSINESS_OWNER]
    with given.database.transaction(ciso.scope) as session:
        row = vendor_queries.engagement(session, ciso, theirs)
        vendor_service.change_engagement(
            session,
            row,
            name=row.name,
            description=row.description,
            tier=row.tier,
            facts=row.facts,
            business_owner_id=owner.person.id,
            revision=row.revision,
            actor=ciso,
            now=NOW,
        )
    assert stood(given, ciso, last)["one.locks"] == 2
    assert stood(given, owner, last)["one.locks"] == 1
