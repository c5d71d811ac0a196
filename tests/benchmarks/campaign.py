"""A new campaign at ten thousand vendors: the page that chooses everybody and says what becomes of each.

Each vendor is a copy of one that is answering another questionnaire; the gates are kept by then, on SQLite.
``python -m tests.benchmarks.campaign [VENDORS]`` measures fewer.
"""

from __future__ import annotations

import sys
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from portal import clock, create_app, engines, schema
from portal.access import Identity, OrganisationRole, Person, Tenant
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, AssessmentEngagement
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate.keeping import Keeper
from portal.organisations.models import Organisation, OrganisationMember
from portal.settings import Settings
from portal.vendors.models import Engagement, Vendor
from portal.web import Portal
from questionnaires import catalog
from tests.benchmarks.cycle import AT_ONCE, MADE, VENDORS, copied, settings_of
from tests.benchmarks.gate import Visit
from tests.benchmarks.measuring import Figure, in_turns, table
from tests.portal import journey
from tests.portal.world import make_company, make_organisation

REPEATS = 3
COPIED: tuple[Any, ...] = (Vendor, Engagement, Assessment, AssessmentEngagement)
HOURS = 10**6  # more seconds than the keeper needs
PAGE, ONE = 5.0, 0.3  # seconds at the server


def figures() -> list[Figure]:
    return measured(VENDORS)


def measured(count: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(Path(folder), f"sqlite:///{folder}/portal.sqlite")
        database = Database(settings.database_url, settings.base_url, settings.secret_key)
        try:
            organisation = _stored(database, settings, count)
            Keeper(database).turn(clock.now, seconds=HOURS)
        finally:
            database.dispose()
        app = create_app(replace(settings, demo=True))
        try:
            return _measure(app, organisation, count)
        finally:
            app.database.dispose()


def _stored(database: Database, settings: Settings, count: int) -> uuid.UUID:
    schema.upgrade(database)
    buyer = make_organisation(database, settings, "Halden", MADE)
    company = make_company(database, settings, "Fennmark", MADE)
    journey.issue(database, buyer, company, definition=catalog.latest("security_lite"), now=MADE)
    with database.looking(SYSTEM) as session:
        rows = {
            model: [dict(row) for row in session.execute(select(model.__table__)).mappings()]
            for model in COPIED
        }
    for start in range(1, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))
        with database.transaction() as session:
            for model, some in rows.items():
                session.execute(
                    insert(model.__table__), [_copy(model, row, one) for one in numbers for row in some]
                )
            record(session, Kind.VENDOR_CREATED, now=MADE, actor=None)
    engines.take_statistics(database)
    return buyer.id


def _copy(model: Any, row: dict[str, Any], number: int) -> dict[str, Any]:
    """A vendor's row for another vendor of the same company."""
    company = {"company_id": row["company_id"]} if "company_id" in row else {}
    return copied(model.__tablename__, row, number) | company


def _measure(app: Portal, organisation: uuid.UUID, count: int) -> list[Figure]:
    actor = _ciso(app, organisation)
    assert actor.organisation is not None
    visit, base = Visit(app, actor), f"/o/{actor.organisation.slug}"
    page = visit.get(f"{base}/campaigns/new")
    assert f"{count} can be asked" in page.replace(",", ""), page[:2000]
    frame, everybody, few = in_turns(
        visit.getting(f"{base}/vendors/new"),
        visit.getting(f"{base}/campaigns/new"),
        visit.getting(f"{base}/campaigns/new?q=000123"),
        repeats=REPEATS,
    )
    told = f"{count:,} vendors, a frame: {frame * 1000:.0f} ms"
    return [
        Figure(f"campaign, everybody chosen ({told})", everybody, 0, PAGE, ratio=False),
        Figure(f"campaign, one chosen by name ({told})", few, 0, ONE, ratio=False),
    ]


def _ciso(app: Portal, organisation: uuid.UUID) -> Identity:
    with app.database.looking(SYSTEM) as session:
        own = session.get_one(Organisation, organisation)
        person = session.scalars(
            select(PersonRow)
            .join(OrganisationMember, OrganisationMember.person_id == PersonRow.id)
            .where(
                OrganisationMember.organisation_id == organisation,
                OrganisationMember.role == OrganisationRole.CISO.value,
            )
        ).first()
        assert person is not None
        return Identity(
            Person(person.id, person.name, person.address),
            uuid.uuid4(),
            organisation=Tenant(own.id, own.slug, own.name),
            role=OrganisationRole.CISO,
        )


if __name__ == "__main__":
    print(table(measured(int(sys.argv[1]) if len(sys.argv) > 1 else VENDORS)))
