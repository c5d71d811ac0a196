"""The scene's standings, words and fourth parties: as the worker leaves them, with a firm that each vendor names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.access import OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate.keeping import Keeper
from portal.portfolio.indexing import PARTIES, Indexer
from portal.portfolio.models import FourthParty, FourthPartyName
from portal.portfolio.words import firm_key
from tests.portal.scene_views import keep_views
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Scene


def work_out(database: Database, scene: Scene) -> Scene:
    """One turn of the worker's keepers over the whole scene, and one firm that each organisation calls by two names."""
    keep_views(database, scene)
    Keeper(database).turn(lambda: NOW, seconds=60)
    Indexer(database).turn(lambda: NOW, seconds=60)
    with database.transaction(SYSTEM) as session:
        for deal in scene.deals:
            if deal.submission is None:
                continue
            both = (deal.organisation, deal.company)
            name, place, does = (scene.canary(what, *both) for what in ("party", "country", "service"))
            session.add(
                FourthParty(
                    submission_id=deal.submission, key=PARTIES, row=0, organisation_id=deal.organisation.id,
                    name=f"{name} Ltd", name_key=firm_key(f"{name} Ltd"), country=place, service=does,
                )
            )  # fmt: skip
            ciso = deal.organisation[OrganisationRole.CISO]
            session.add(
                FourthPartyName(
                    organisation_id=deal.organisation.id, name_key=f"{name} cloud", same_as=name,
                    said_by=ciso.person.id, said_at=NOW,
                )
            )  # fmt: skip
            record(
                session, Kind.FOURTH_PARTY_NAMED, now=NOW, actor=ciso, data={"names": 2},
            )  # fmt: skip
    return scene
