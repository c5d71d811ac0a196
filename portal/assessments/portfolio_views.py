"""What an organisation sees of its vendors: overview, list, one vendor, one engagement.

They show assessments too, which ``vendors`` may not know; their endpoints are named ``vendors.*`` all the same, as
those of the forms beside them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal import clock, web
from portal.access import Identity, Permission, requires
from portal.assessments import organisation_queries as assessments
from portal.organisations import queries as organisations
from portal.paging import page_number, sortable
from portal.vendors import facts, lists, queries
from portal.vendors.models import Contact

if TYPE_CHECKING:
    from portal.organisations.models import Organisation

blueprint = Blueprint("portfolio", __name__)
Page = str
FEW = 6
LONGEST_SEARCH = 200


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
    session, identity = web.db(), web.identity()
    own, today = today_of(session, identity)
    urgent = assessments.most_urgent(session, identity, today=today, most=FEW)
    submitted = assessments.newest_submitted(session, identity, most=FEW)
    shown = [*urgent, *submitted]
    return render_template(
        "vendors/overview.html",
        organisation_row=own,
        today=today,
        vendor_counts=lists.counts(session, identity),
        counts=assessments.counts(session, identity, today=today),
        urgent=urgent,
        submitted=submitted,
        bare=lists.without_first_step(session, identity, most=FEW),
        vendors=queries.vendors(session, identity, {one.vendor_id for one in shown}),
        standings=assessments.standings(session, identity, submitted),
    )


@_at("/o/<organisation>/vendors")
@requires(Permission.SEE_VENDORS)
def vendor_list(organisation: str) -> Page:
    session, identity = web.db(), web.identity()
    narrowed = _vendor_filter()
    page = lists.listed(session, identity, narrowed, number=page_number(request.args.get("page")))
    ids = [one.id for one in page.rows]
    bought = queries.engagements_of(session, identity, *ids) if ids else []
    asked = assessments.of_vendors(session, identity, ids)
    own, today = today_of(session, identity)
    kept = {"q": narrowed.words, "tier": narrowed.tier, "needs": narrowed.needs}

    def href(**changes: Any) -> str:
        return list_href("vendors.vendor_list", organisation, narrowed.sort, narrowed.down, kept, changes)

    columns = [("name", _("Vendor")), ("tier", _("Tier")), ("", _("What you buy")), ("", _("People"))]
    columns += [("", _("Assessments")), ("country", _("Country")), ("added", _("On record since"))]
    return render_template(
        "vendors/vendor_list.html",
        page=page,
        pages=page.links(lambda number: href(page=number)),
        heads=sortable(columns, narrowed.sort, narrowed.down, lambda key, down: href(sort=key, down=down)),
        narrowed=narrowed,
        href=href,
        tiers={one: lists.worst_tier(bought, one) for one in ids},
        bought={one: [e for e in bought if e.vendor_id == one] for one in ids},
        asked={one: [a for a in asked if a.vendor_id == one] for one in ids},
        countries=facts.country_names(),
        zone=own.zone,
        today=today,
        counts=lists.counts(session, identity),
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
        months=getattr(own, f"months_{row.tier}"),
        currency=own.currency,
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


def list_href(
    endpoint: str, organisation: str, sort: str, down: bool, kept: dict[str, str], changes: dict[str, Any]
) -> str:
    """The address of a list with filter, order and page; ``changes`` go over what is in force, page 1 is left out."""
    values: dict[str, Any] = {**kept, "sort": sort, "down": down, **changes}
    values["down"] = "1" if values["down"] else ""
    if values.get("page") == 1:
        values["page"] = ""
    arguments = {name: value for name, value in values.items() if value != ""}
    return url_for(endpoint, organisation=organisation, _anchor=None, **arguments)


def search_words() -> str:
    """What is searched for: one line, cut to a length that a name can have."""
    return " ".join(request.args.get("q", "").split())[:LONGEST_SEARCH]


def one_of(name: str, allowed: tuple[str, ...], default: str = "") -> str:
    """A value of the address if it is one of the allowed, else the default."""
    given = request.args.get(name, "")
    return given if given in allowed else default


def _vendor_filter() -> lists.Filter:
    return lists.Filter(
        words=search_words(),
        tier=one_of("tier", facts.TIERS),
        needs=one_of("needs", lists.NEEDS),
        sort=one_of("sort", lists.SORTS, "name"),
        down=request.args.get("down") == "1",
    )
