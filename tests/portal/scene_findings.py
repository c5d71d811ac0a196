"""The scene's findings: one planned, by words of both sides, and one with proof that somebody wants closed."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from portal.access import CompanyRole, OrganisationRole
from portal.db import Database
from portal.findings import closing, judging, keeping, remedying, steps
from portal.findings import queries as findings
from portal.review import queries as review
from tests.portal.world import NOW

if TYPE_CHECKING:
    from tests.portal.scene import Deal, Scene

DAY = NOW.date()


def find(database: Database, scene: Scene, deal: Deal, key: str) -> list[uuid.UUID]:
    """Two findings by hand at ``key``: what is told stands on both sides; note and wish to close on one."""
    both, ours = (deal.organisation, deal.company), (deal.organisation,)
    actor, owner = deal.organisation[OrganisationRole.REVIEWER], deal.company[CompanyRole.OWNER]
    assert deal.submission is not None
    found, shown = scene.canary("found", *both), scene.canary("faulty", *both)
    planned, agreed, proven = (scene.canary(what, *both) for what in ("planned", "agreed", "proven"))
    noted, closed = scene.canary("findnote", *ours), scene.canary("closing", *ours)
    ids = []
    for severity, text in (("high", found), ("critical", shown)):
        with database.transaction(actor.scope) as session:
            case = review.case(session, actor, deal.submission, lock=True)
            row = keeping.add(session, case, key=key, severity=severity, text=text, actor=actor, now=NOW)
            ids.append(row.id)
    with database.transaction(owner.scope) as session:
        one = findings.finding(session, owner, ids[0], lock=True)
        remedying.propose(
            session,
            one,
            owner_id=owner.person.id,
            due=DAY + timedelta(days=30),
            text=planned,
            seen=one.revision,
            today=DAY,
            actor=owner,
            now=NOW,
        )
    with database.transaction(actor.scope) as session:
        one = steps.hold(session, actor, ids[0])
        judging.agree(session, one, text=agreed, seen=one.revision, today=DAY, actor=actor, now=NOW)
        keeping.note(session, one, noted, actor=actor, now=NOW)
    with database.transaction(owner.scope) as session:
        two = findings.finding(session, owner, ids[1], lock=True)
        assert deal.paper is not None
        remedying.prove(
            session, two, text=proven, documents=[deal.paper], seen=two.revision, actor=owner, now=NOW
        )
    with database.transaction(actor.scope) as session:
        two = steps.hold(session, actor, ids[1])
        waits = closing.propose(
            session, two, "no_fault", reason=closed, seen=two.revision, actor=actor, now=NOW
        )
        assert waits is not None
    return ids
