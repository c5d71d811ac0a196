"""An assessment that can be moved to a newer version, one that was, and its pages in a browser."""

from __future__ import annotations

import uuid
from typing import Any

from portal import clock
from portal.access import CompanyRole, OrganisationRole
from portal.assessments import change_steps, moving
from portal.db import Database
from portal.erasure import service as erasure
from portal.erasure.service import Subject
from portal.settings import Settings
from questionnaires import catalog
from tests.portal import journey, scene, world
from tests.portal.world import Place

OLD = catalog.get("security_core@1.0.0")
WHY = "The new release asks about the keys of machines, which our auditor wants to see."
REASON = "One answer names two people of another customer."


def make(database: Database, settings: Settings, quarry: Place, slate: Place) -> dict[str, Any]:
    """By the names of World: ``movable`` and ``moved`` with the hash it had, what is proposed and was destroyed, and
    somebody who is going to leave."""
    first = asked(database, quarry, slate, "Slate Bindery")
    movable = asked(database, quarry, slate, "Slate Presses")
    move(database, quarry, first)
    goer = world.make_person(database, settings, "Gil Going", "gil@going.example", clock.now())
    return {
        "movable": movable,
        "moved": first,
        "moved_from": OLD.content_hash,
        "goer": goer.id,
        **_destroyed(database, quarry, slate),
    }


def asked(database: Database, quarry: Place, slate: Place, vendor: str) -> uuid.UUID:
    """Asked on the older release, answered in its first sections."""
    issued = journey.issue(
        database, quarry, slate, definition=OLD, names=("Printing",), vendor_name=vendor, now=clock.now()
    )
    owner = slate[CompanyRole.OWNER]
    scene.fill(database, owner, issued.assessment, journey.best, now=clock.now(), most=12)
    return issued.assessment


def move(database: Database, quarry: Place, assessment: uuid.UUID) -> None:
    """To the newest release; the worker of the demonstration may be the one that does it."""
    ciso = quarry[OrganisationRole.CISO]
    with database.transaction(ciso.scope) as session:
        one, _vendor = change_steps.lock(session, ciso, assessment)
        newest = catalog.latest(OLD.slug).version
        moving.ask(session, one, newest, text=WHY, actor=ciso, now=clock.now())
    moving.apply_asked(database, now=clock.now())


def _destroyed(database: Database, quarry: Place, slate: Place) -> dict[str, uuid.UUID]:
    """A proposal that waits for a second person, and the certificate of one that was approved."""
    admin, ciso = quarry[OrganisationRole.ADMIN], quarry[OrganisationRole.CISO]
    issued = journey.issue(
        database, quarry, slate, names=("Scans",), vendor_name="Slate Scans", now=clock.now()
    )
    journey.submit(database, issued, now=clock.now())
    made = []
    for key in ("access.mfa_staff", "access.mfa_admin"):
        with database.transaction(admin.scope) as session:
            subject = Subject("answer", issued.assessment, (key,))
            made.append(erasure.propose(session, admin, subject, REASON, now=clock.now()).id)
    with database.transaction(ciso.scope) as session:
        certificate = erasure.approve(session, ciso, made[1], now=clock.now()).id
    return {"proposal": made[0], "certificate": certificate}
