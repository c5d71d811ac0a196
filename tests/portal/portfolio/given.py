"""Two organisations and a company whose answers to security_lite name firms, with the worker's keepers run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.drafts import Content
from portal.db import Database
from portal.gate.keeping import Keeper
from portal.portfolio.indexing import PARTIES, Indexer
from portal.settings import Settings
from questionnaires.definition import Question
from tests.portal.scene import fill, issue, make_vendor, plain, seal, security_lite
from tests.portal.world import NOW, Place, make_company, make_organisation

CISO, ADMIN, OWNER = OrganisationRole.CISO, OrganisationRole.ADMIN, OrganisationRole.BUSINESS_OWNER


@dataclass(frozen=True)
class Said:
    """One vendor with what it said of its own suppliers."""

    vendor: uuid.UUID
    engagement: uuid.UUID
    assessment: uuid.UUID
    submission: uuid.UUID


@dataclass(frozen=True)
class Told:
    """``first`` and ``second`` are vendors of ``place``; ``other`` asked the second's company the same."""

    place: Place
    other: Place
    first: Said
    second: Said
    theirs: Said


def tell(
    database: Database,
    place: Place,
    company: Place,
    name: str,
    tier: str,
    firms: list[dict[str, str]],
    **more: Any,
) -> Said:
    """A vendor of this tier that has signed security_lite, naming these firms."""

    def choose(question: Question) -> Content:
        if question.key == PARTIES:
            return Content("answered", firms, "Ask Zubrowka first.")
        if question.key == "suppliers.uses":
            return Content("answered", "with_data")
        return plain(question)

    admin = place[ADMIN]
    vendor, engagement, _contact = make_vendor(
        database, admin, company, name=name, engagement=f"{name} hosting", tier=tier, **more
    )
    assessment = issue(database, admin, vendor, engagement, security_lite().content_hash)
    owner = company[CompanyRole.OWNER]
    fill(database, owner, assessment, choose)
    return Said(vendor, engagement, assessment, seal(database, owner, assessment))


def keep(database: Database) -> None:
    """What the worker does in a pass."""
    Keeper(database).turn(lambda: NOW, seconds=60)
    Indexer(database).turn(lambda: NOW, seconds=60)


def firm(name: str, country: str = "Sweden", service: str = "Hosting") -> dict[str, str]:
    return {"name": name, "country": country, "service": service, "data": "All"}


def told(database: Database, settings: Settings) -> Told:
    place, other = (make_organisation(database, settings, one) for one in ("Halden", "Birk"))
    cedar, elder = (make_company(database, settings, one) for one in ("Cedar", "Elder"))
    owner = {"business_owner_id": place[OWNER].person.id}
    first = tell(
        database,
        place,
        cedar,
        "Cedar",
        "critical",
        [firm("Nordmoln Cloud AB"), firm("Quetzal Inc.")],
        **owner,
    )
    second = tell(database, place, elder, "Elder", "high", [firm("NORDMOLN cloud", "Norway", "=Backups")])
    theirs = tell(
        database, other, elder, "Elder too", "high", [firm("Nordmoln Cloud"), firm("Secretive GmbH")]
    )
    keep(database)
    return Told(place, other, first, second, theirs)
