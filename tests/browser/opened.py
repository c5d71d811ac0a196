"""Policies, intakes and lists of vendors for the table of page states: what they look at, and the states."""

from __future__ import annotations

import uuid
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from portal import clock
from portal.access import OrganisationRole
from portal.db import Database
from portal.intake import service as intake
from portal.vendors import import_reading, importing, policy_queries, policy_service
from portal.vendors import queries as vendors
from tests.browser.steps import State, press, write
from tests.portal.intake.given import BANK, PRINTER, answered
from tests.portal.world import Place

US = "/o/{o}"
LIST = (
    "name,country,contact_name,contact_email,engagement,tier\n"
    "Moss Couriers,PT,Eva Moss,eva@moss.example,Parcels,low\n"
)
STATES = [
    State("policy with a change that waits", "auditor", US + "/policy", "A change waits for a second person"),
    State("policy with one's own change", "ciso", US + "/policy", "Take it back"),
    State("policy to approve", "admin", US + "/policy", "Approve: it comes into force"),
    State(
        "policy of an organisation that has none yet", "many", "/o/{empty_o}/policy", "As it ships, in force"
    ),
    State("policy, an earlier version", "auditor", US + "/policy/versions/1", "What it changed"),
    State("policy to change", "ciso", US + "/policy/edit", "See what would change"),
    State(
        "policy refused",
        "ciso",
        US + "/policy/edit",
        "Write a whole number of months",
        422,
        write("[name='low.months']", "often", "See what would change"),
    ),
    State(
        "policy, what would change",
        "admin",
        US + "/policy/edit",
        "asks for more than before",
        200,
        write("[name='low.fix_days']", "7", "See what would change"),
    ),
    State(
        "intake", "procurement", US + "/vendors/{bare_vendor}/engagements/intake", "What the vendor can reach"
    ),
    State(
        "intake refused",
        "procurement",
        US + "/vendors/{bare_vendor}/engagements/intake",
        "Write a name",
        422,
        press("Open the engagement"),
    ),
    State("intake once more", "procurement", US + "/engagements/{opened}/intake/again", "Save the answers"),
    State("why this tier", "auditor", US + "/engagements/{opened}/intake", "Why the tier is critical"),
    State("lower tier to approve", "ciso", US + "/engagements/{opened}/intake", "Approve: it holds"),
    State("tier set by hand", "procurement", US + "/engagements/{engagement}/intake", "set by hand"),
    State("intakes that wait", "ciso", US + "/intakes/waiting", "You can approve or refuse it"),
    State("intakes that wait, one's own", "procurement", US + "/intakes/waiting", "Yours: waits for"),
    State("erasure of an intake", "ciso", US + "/intakes/{softer}/erase", "Destroy the answers of an intake"),
    State(
        "erasure of an intake refused",
        "ciso",
        US + "/intakes/{softer}/erase",
        "Write why",
        422,
        press("Propose it"),
    ),
    State("intakes, none waits", "many", "/o/{empty_o}/intakes/waiting", "Nothing waits."),
    State(
        "engagement by intake, changed", "procurement", US + "/engagements/{opened}/edit", "from the intake"
    ),
    State("import vendors", "procurement", US + "/vendors/import", "What the list may hold"),
    State(
        "import without a file",
        "procurement",
        US + "/vendors/import",
        "Choose a file.",
        422,
        press("Check the list"),
    ),
    State(
        "import to look through", "procurement", US + "/vendors/import/{listed}", "Put one vendor on record"
    ),
]


def make(database: Database, quarry: Place, vendor: uuid.UUID) -> dict[str, Any]:
    """By the names of World: ``opened``, an engagement whose newest intake waits, ``softer``, that intake, and
    ``listed``, a list to look at.
    """
    buyer, ciso, now = quarry[OrganisationRole.PROCUREMENT], quarry[OrganisationRole.CISO], clock.now()
    with database.transaction(ciso.scope) as session:
        shipped = policy_queries.current(session, quarry.id)
        low = replace(shipped.tiers["low"], fix_days=90)
        stricter = replace(shipped, tiers=MappingProxyType({**shipped.tiers, "low": low}))
        policy_service.save(session, stricter, base=0, actor=ciso, now=now)
        policy_service.save(session, shipped, base=1, actor=ciso, now=now)
    with database.transaction(buyer.scope) as session:
        row = vendors.vendor(session, buyer, vendor)
        opened = intake.open_engagement(
            session, row, answered(BANK), name="Core bank", business_owner_id=None, actor=buyer, now=now
        ).id
    with database.transaction(buyer.scope) as session:
        bought = vendors.engagement(session, buyer, opened, lock=True)
        again, _waits = intake.answer_again(
            session, bought, answered(PRINTER), revision=bought.revision, actor=buyer, now=now
        )
        rows, faults = import_reading.read(LIST.encode())
        assert not faults
        listed = importing.keep(session, rows, actor=buyer, now=now).id
        return {"opened": opened, "softer": again.id, "listed": listed}
