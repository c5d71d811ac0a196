"""A new campaign at ten thousand vendors: the page that chooses everybody and says what becomes of each.

The installation is the one of the benchmark of the cycle, on SQLite. ``python -m tests.benchmarks.campaign [VENDORS]``
measures fewer.
"""

from __future__ import annotations

import sys
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from portal import create_app
from portal.access import Identity, OrganisationRole, Person, Tenant
from portal.accounts.models import PersonRow
from portal.db import SYSTEM
from portal.organisations.models import Organisation, OrganisationMember
from portal.web import Portal
from tests.benchmarks.cycle import VENDORS, settings_of, stored
from tests.benchmarks.gate import Visit
from tests.benchmarks.measuring import Figure, in_turns, table

REPEATS = 3
PAGE, ONE = 5.0, 0.3  # seconds at the server


def figures() -> list[Figure]:
    return measured(VENDORS)


def measured(count: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(Path(folder), f"sqlite:///{folder}/portal.sqlite")
        organisation = stored(settings, count)
        app = create_app(replace(settings, demo=True))
        try:
            return _measure(app, organisation, count)
        finally:
            app.database.dispose()


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
