"""A review in the making, for the scene: what the vendor reads of it, and what it must never read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.access import OrganisationRole
from portal.db import Database
from portal.features import RATED
from portal.review import marking, queries, reviewing
from tests.portal.scene_findings import find
from tests.portal.scene_rounds import return_and_ask
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Deal, Scene


def judge(database: Database, scene: Scene, deal: Deal, stem: str) -> None:
    """One mark that is written with reason and remark, one that is not, and a note: only the reason is told."""
    both, ours = (deal.organisation, deal.company), (deal.organisation,)
    actor = deal.organisation[OrganisationRole.REVIEWER]
    submission = deal.submission
    assert submission is not None
    why, inside = scene.canary("why", *both), scene.canary("remark", *ours)
    waits, waiting, noted = (scene.canary(what, *ours) for what in ("waits", "waiting", "noted"))
    written = marking.Wish(f"{stem}.said", "challenged", reason=why, remark=inside)
    unwritten = marking.Wish(f"{stem}.gate", "challenged", reason=waits, remark=waiting)
    with database.transaction(actor.scope) as session:
        case = queries.case(session, actor, submission, lock=True)
        marking.save(session, case, written, seen="", actor=actor, now=NOW)
        case = queries.case(session, actor, submission, lock=True)
        marking.write(session, case, seen=case.unwritten, actor=actor, now=NOW, consequences=RATED)
        case = queries.case(session, actor, submission, lock=True)
        marking.save(session, case, unwritten, seen="", actor=actor, now=NOW)
        reviewing.note(session, case, f"{stem}.gate", noted, actor=actor, now=NOW)
    return_and_ask(database, scene, deal, f"{stem}.said")
    deal.findings = find(database, scene, deal, f"{stem}.said")
