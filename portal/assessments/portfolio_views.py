"""What an organisation sees of its vendors: overview, one vendor, one engagement. The lists are in list_views.py.

They show assessments too, which ``vendors`` may not know; their endpoints are named ``vendors.*`` all the same, as
those of the forms beside them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from portal import clock, web
from portal.access import Identity, OrganisationRole, Permission, requires
from portal.assessments import organisation_queries as assessments
from portal.organisations import queries as organisations
from portal.vendors import facts, lists, policy_queries, queries
from portal.vendors.models import Contact

if TYPE_CHECKING:
    from portal.organisations.models import Organisation

blueprint = Blueprint("vendor_pages", __name__)
Page = str
FEW = 6
WHOLE_PICTURE = frozenset({OrganisationRole.CISO, OrganisationRole.AUDITOR})


def _at(rule: str) -> Callable[[Callable[..., Page]], Callable[..., Page]]:
    """Route a view under the endpoint ``vendors.<its name>``."""

    def route(view: Callable[..., Page]) -> Callable[..., Page]:
        blueprint.record(
            lambda state: state.app.add_url_rule(rule, f"vendors.{view.__name__}", view, methods=["GET"])
        )
        return view

    return route


@_at("/o/<organisation>/")
@requires(Permission.SEE_VENDORS)
def overview(organisation: str) -> Page:
    """The whole picture for who answers for it all; for everybody else, and while there is nothing, what waits."""
    session, identity = web.db(), web.identity()
    counts = lists.counts(session, identity)
    if counts.vendors and identity.role in WHOLE_PICTURE:
        return web.portal().portfolio()
    own, today = today_of(session, identity)
    urgent = assessments.most_urgent(session, identity, today=today, most=FEW)
    submitted = assessments.newest_submitted(session, identity, most=FEW)
    shown = [*urgent, *submitted]
    return render_template(
        "vendors/overview.html",
        organisation_row=own,
        today=today,
        vendor_counts=counts,
        counts=assessments.counts(session, identity, today=today),
        urgent=urgent,
        submitted=submitted,
        bare=lists.without_first_step(session, identity, most=FEW),
        vendors=queries.vendors(session, identity, {one.vendor_id for one in shown}),
        standings=assessments.standings(session, identity, submitted),
    )


@_at("/o/<organisation>/vendors/<uuid:vendor>")
@requires(Permission.SEE_VENDORS)
def vendor(organisation: str, vendor: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    row = queries.vendor(session, identity, vendor)
    asked = assessments.of_vendors(session, identity, [row.id])
    own, today = today_of(session, identity)
    return render_template(
        "vendors/vendor.html",
        vendor=row,
        country=facts.country_names().get(row.country or "", ""),
        engagements=queries.engagements_of(session, identity, row.id),
        contacts=contacts_with_state(session, identity, row.id),
        assessments=asked,
        covered=assessments.covered(session, identity, [one.id for one in asked]),
        standings=assessments.standings(session, identity, asked),
        zone=own.zone,
        today=today,
    )


@_at("/o/<organisation>/engagements/<uuid:engagement>")
@requires(Permission.SEE_VENDORS)
def engagement(organisation: str, engagement: uuid.UUID) -> Page:
    session, identity = web.db(), web.identity()
    row = queries.engagement(session, identity, engagement)
    asked = assessments.of_engagement(session, identity, row.id)
    own, today = today_of(session, identity)
    owners = organisations.people(session, [row.business_owner_id] if row.business_owner_id else [])
    return render_template(
        "vendors/engagement.html",
        engagement=row,
        vendor=queries.vendor(session, identity, row.vendor_id),
        owner=owners.get(row.business_owner_id) if row.business_owner_id else None,
        facts=facts.in_words(row.facts),
        tier_help=facts.TIER_HELP[row.tier],
        months=policy_queries.current(session, own.id).tier(row.tier).months,
        currency=own.currency,
        gate=web.portal().gate_of(session, identity, row.id, now=web.now()),
        assessments=asked,
        standings=assessments.standings(session, identity, asked),
        zone=own.zone,
        today=today,
    )


# ------------------------------------------------------------------------------------------- shared with issuing


def today_of(session: Session, identity: Identity) -> tuple[Organisation, date]:
    """The organisation and its local date."""
    own = organisations.organisation_of(session, identity)
    return own, clock.local_date(web.now(), own.zone)


@dataclass(frozen=True, slots=True)
class Reached:
    """A contact and how far they are: ``none``, ``invited``, ``expired``, ``withdrawn`` or ``here``, since when."""

    contact: Contact
    state: str
    at: datetime | None = None
    until: datetime | None = None


def contacts_with_state(session: Session, identity: Identity, vendor_id: uuid.UUID) -> list[Reached]:
    """The people of a vendor with the state of each one's newest invitation."""
    newest: dict[str, Any] = {}
    for one in organisations.vendor_invitations(session, identity, vendor_id):
        newest.setdefault(one.email, one)
    found = []
    for contact in queries.contacts_of(session, identity, vendor_id):
        sent = newest.get(contact.email)
        if sent is None:
            found.append(Reached(contact, "none"))
        elif sent.accepted_at is not None:
            found.append(Reached(contact, "here", sent.accepted_at))
        elif sent.revoked_at is not None:
            found.append(Reached(contact, "withdrawn", sent.revoked_at))
        else:
            state = "invited" if sent.expires_at > web.now() else "expired"
            found.append(Reached(contact, state, sent.created_at, sent.expires_at))
    return found
