"""A contact without an account is invited again on the way to the date: once for each step, never against their
word.
"""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import select, update

from portal.access import OrganisationRole
from portal.assessments import issuing
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations.models import Invitation
from portal.outbox import Message
from portal.reassessment.generating import generate
from portal.settings import Settings
from portal.vendors import queries
from portal.vendors import service as vendors
from portal.vendors.models import Contact
from questionnaires import catalog
from tests.portal.journey import FACTS
from tests.portal.reassessment.given import noon
from tests.portal.world import NOW, Place, make_organisation

pytestmark = pytest.mark.both_databases
DUE = date(2027, 1, 20)  # a Wednesday
ADDRESS = "tomasz@fennmark.example"


@pytest.fixture
def buyer(database: Database, settings: Settings) -> Place:
    """Has asked a vendor's contact for answers about two engagements; nobody of the vendor is here."""
    buyer = make_organisation(database, settings, "Halden", NOW - timedelta(days=900))
    ciso = buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        vendor = vendors.create_vendor(session, name="Fennmark", country="PT", actor=ciso, now=NOW)
        vendors.add_contact(session, vendor, name="Tomasz", email=ADDRESS, actor=ciso, now=NOW)
        engagements = [
            vendors.create_engagement(
                session,
                vendor,
                name=name,
                description="Keeps files",
                tier="medium",
                facts=FACTS,
                business_owner_id=None,
                actor=ciso,
                now=NOW,
            )
            for name in ("Archive", "Mail")
        ]
        vendor_id, ids = vendor.id, [one.id for one in engagements]
    for engagement in ids:
        _issue(database, buyer, vendor_id, engagement)
    return buyer


def _issue(database: Database, buyer: Place, vendor_id: uuid.UUID, engagement: uuid.UUID) -> None:
    ciso = buyer[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        issuing.issue(
            session,
            queries.vendor(session, ciso, vendor_id),
            engagement_ids=[engagement],
            content_hash=catalog.latest("security_lite").content_hash,
            due=DUE,
            reason="We ask once a year.",
            contact=queries.contact_of(session, ciso, vendor_id, ADDRESS),
            actor=ciso,
            now=NOW,
        )


def letters(database: Database) -> list[Message]:
    """The invitations that were queued, the first on top."""
    with database.looking(SYSTEM) as session:
        return list(
            session.scalars(
                select(Message).where(Message.kind == "invitation_vendor").order_by(Message.created_at)
            )
        )


def on(database: Database, days: int) -> int:
    """A pass so many days from the date; how many invitations there are then."""
    generate(database, now=noon(DUE + timedelta(days=days)))
    return len(letters(database))


def test_the_contact_gets_a_link_that_works_at_three_steps_of_the_ladder(
    database: Database, buyer: Place
) -> None:
    assert len(letters(database)) == 1
    assert [on(database, days) for days in (-30, -14, -14, -7, -1, -1, 0, 1, 7)] == [
        1,
        2,
        2,
        2,
        3,
        3,
        3,
        4,
        4,
    ]
    first, *_rest, last = letters(database)
    assert {one.recipient for one in letters(database)} == {ADDRESS}
    assert first.text != last.text
    assert "We asked you to answer" in last.text
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Invitation).order_by(Invitation.created_at)).all()
    assert [one.revoked_at is None for one in rows] == [False, False, False, True]
    assert rows[1].expires_at > noon(DUE - timedelta(days=1)), "until the next one"


@pytest.mark.parametrize("what", ["revoked_at", "accepted_at"])
def test_nobody_is_invited_against_their_word(database: Database, buyer: Place, what: str) -> None:
    """Withdrawn, or ended by the wrong person; or used already."""
    with database.transaction() as session:
        session.execute(update(Invitation).values({what: NOW + timedelta(days=1)}))
        record(session, Kind.INVITATION_REVOKED, now=NOW, actor=None)
    assert [on(database, days) for days in (-14, -1, 1)] == [1, 1, 1]


def test_a_contact_who_is_written_down_no_more_is_not_invited(database: Database, buyer: Place) -> None:
    with database.transaction() as session:
        session.execute(update(Contact).values(email="ada@fennmark.example"))
        record(session, Kind.CONTACT_CHANGED, now=NOW, actor=None)
    assert on(database, -14) == 1
