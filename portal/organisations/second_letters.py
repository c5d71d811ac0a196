"""A letter to everybody who could be the second person for what somebody has proposed.

So what waits is found, and a pair that approves for each other is seen by all who could have been asked. Reasons are
read in the portal, where they can be destroyed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, Permission
from portal.db import base_url
from portal.organisations import four_eyes, queries
from portal.organisations.four_eyes import Ownership


def ask(
    session: Session,
    what: str,
    path: str,
    permission: Permission,
    *,
    actor: Identity,
    now: datetime,
    engagement: Ownership | None = None,
    first_needs: Permission | None = None,
) -> int:
    """Queue the letters; returns how many. ``what``: one or two sentences; ``path``: of the page, within the
    tenant. The rest as for ``four_eyes.require_second``.
    """
    tenant = actor.organisation or actor.company
    assert tenant is not None
    side = "o" if actor.organisation is not None else "c"
    whose = {"organisation_id": tenant.id} if side == "o" else {"company_id": tenant.id}
    able = four_eyes.look(session, actor, now=now).able(
        actor.person.id, permission, proposed_at=now, engagement=engagement, first_needs=first_needs
    )
    people = queries.people(session, able)
    for one in able:
        letter = mail.compose(
            "second_asked",
            to=(people[one].name, people[one].email),
            subject=f"{tenant.name}: something waits for a second person",
            sender_name=f"{actor.person.name}, {tenant.name}",
            reply_to=actor.person.email,
            sender=actor.person.name,
            organisation=tenant.name,
            what=what,
            link=f"{base_url(session)}/{side}/{tenant.slug}/{path}",
            why=f"You get this because you could approve it for {tenant.name}.",
        )
        outbox.queue(session, letter, now=now, **whose)
    return len(able)
