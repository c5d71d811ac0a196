"""What every page carries round its content: navigation, tenants, the account menu, one notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, request, url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from portal import web
from portal.access import Identity, OrganisationRole, Permission
from portal.db import NOBODY, Scope
from portal.faults import Unavailable
from portal.formats import initials
from portal.notices import NOTICES
from portal.organisations import queries as organisations


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main navigation: which side sees it, and with which permission.

    ``counted``: it says how many wait there (features.WAITING). While nothing does it is left out, unless it ``stays``.
    ``more``: it stands in the menu at the end, so that what is used all day keeps one line on a small screen.
    ``not_for``: roles that may, and find the same elsewhere.
    """

    side: str
    label: Any
    endpoint: str
    permission: Permission
    family: tuple[str, ...] = ()  # endpoints for which it says "you are here"
    counted: bool = False
    stays: bool = False
    more: bool = False
    not_for: frozenset[OrganisationRole] = frozenset()


# Who answers for all of it begins with the whole picture (vendors.overview shows it to them).
_WHOLE_PICTURE_FIRST = frozenset({OrganisationRole.CISO, OrganisationRole.AUDITOR})

NAVIGATION: list[NavItem] = [
    NavItem(
        "organisation",
        _l("Overview"),
        "vendors.overview",
        Permission.SEE_VENDORS,
        not_for=_WHOLE_PICTURE_FIRST,
    ),
    NavItem(
        "organisation",
        _l("Portfolio"),
        "portfolio.home",
        Permission.SEE_PORTFOLIO,
        ("portfolio.", "vendors.overview"),
    ),
    NavItem(
        "organisation",
        _l("Vendors"),
        "vendors.vendor_list",
        Permission.SEE_VENDORS,
        (
            "vendors.",
            "assessments.",
            "contracts.",
            "schedule.",
            "signing.",
            "results.",
            "contacts.",
            "engagements.",
            "many.",
            "intake.",
            "imports.",
            "moving.",
        ),
    ),
    NavItem(
        "organisation",
        _l("Reviews"),
        "review_queue.queue_page",
        Permission.SEE_REVIEW,
        ("review_queue.", "reviews."),
    ),
    NavItem(
        "organisation",
        _l("Findings"),
        "findings.list_page",
        Permission.SEE_REVIEW,
        ("findings.", "finding."),
    ),
    NavItem(
        "organisation",
        _l("Gates"),
        "gate.list_page",
        Permission.SEE_GATE,
        ("gate.",),
        counted=True,
        stays=True,
    ),
    NavItem(
        "organisation",
        _l("Search"),
        "search.page",
        Permission.SEE_REVIEW,
        ("search.",),
        more=True,
    ),
    NavItem(
        "organisation",
        _l("Audit calendar"),
        "calendar.page",
        Permission.SEE_SCHEDULE,
        ("calendar.page", "foresight.", "reassessment.", "triggers.", "rules.", "runs."),
        more=True,
    ),
    NavItem(
        "organisation",
        _l("Documents that end"),
        "ending.list_page",
        Permission.SEE_REVIEW,
        ("ending.",),
        more=True,
    ),
    NavItem(
        "organisation",
        _l("Campaigns"),
        "campaigns.list_page",
        Permission.SEE_VENDORS,
        ("campaigns.",),
        more=True,
    ),
    NavItem(
        "organisation",
        _l("Incidents"),
        "incidents.list_page",
        Permission.SEE_REVIEW,
        ("incidents.",),
        more=True,
    ),
    NavItem(
        "organisation",
        _l("Questionnaires"),
        "library.library_list",
        Permission.SEE_QUESTIONNAIRES,
        (
            *("library.", "authoring.", "editing.", "previewing.", "diffing."),
            *("releasing.", "merging.", "exchange.", "what_if."),
        ),
        more=True,
    ),
    NavItem(
        "organisation",
        _l("Enquiries"),
        "asked.enquiry_list",
        Permission.SEE_VENDORS,
        ("asked.",),
        more=True,
    ),
    NavItem("organisation", _l("Intakes"), "intake.waiting_list", Permission.INTAKE, counted=True, more=True),
    NavItem(  # members, settings, events and erasure: tabs of one place
        "organisation",
        _l("Organisation"),
        "organisations.members",
        Permission.SEE_MEMBERS,
        (
            *("organisations.", "sso_setting.", "policy.", "erasure.", "events.", "clauses.", "tokens."),
            "letters.",
        ),
        more=True,
    ),
    NavItem(
        "company",
        _l("Home"),
        "answering.home",
        Permission.SEE_COMPANY,
        (
            "answering.",
            "delegation.",
            "offers.",
            "workbook.",
            "results.",
            "enquiries.",
            "showing.question",
            "showing.upload",
            "showing.attach",
        ),
    ),
    NavItem("company", _l("Findings"), "remediation.list_page", Permission.SEE_FINDINGS, ("remediation.",)),
    NavItem(
        "company",
        _l("Documents"),
        "evidence.library",
        Permission.SEE_EVIDENCE,
        ("evidence.", "showing.document", "showing.ask_", "showing.re"),
    ),
    NavItem("company", _l("Calendar"), "calendar.of_company", Permission.SEE_COMPANY, more=True),
    NavItem("company", _l("Incidents"), "told.list_page", Permission.SEE_COMPANY, ("told.",), more=True),
    NavItem("company", _l("Team"), "team.colleagues", Permission.SEE_COLLEAGUES),
    NavItem("company", _l("Events"), "events.of_company", Permission.SEE_COMPANY_EVENTS),
    NavItem("company", _l("Take a copy"), "copy.page", Permission.TAKE_COPY, ("copy.", "erasure.")),
]

MOST_TENANTS = 12  # in the switcher; the others stand on the page with all of them


def install(app: Flask) -> None:
    app.context_processor(_context)
    app.after_request(_forget_notice)


def home_of(identity: Identity) -> str:
    """Where the brand leads: the tenant's first page, or the choice of tenants."""
    if identity.organisation is not None:
        return web.tenant_home("organisation", identity.organisation.slug)
    if identity.company is not None and identity.delegated is not None:
        return url_for("delegation.mine", **_of_link(identity))
    if identity.company is not None:
        return web.tenant_home("company", identity.company.slug)
    return url_for("organisations.home")


def _of_link(identity: Identity) -> dict[str, Any]:
    """Address of what a link opened: all that its holder has here."""
    assert identity.company is not None
    assert identity.delegated is not None
    return {"company": identity.company.slug, "assessment": identity.delegated.assessment_id}


def _context() -> dict[str, Any]:
    identity = g.get("identity")
    notices = _notices()
    if identity is None:
        return {
            "nav": [],
            "tenants": [],
            "viewer": None,
            "notices": notices,
            "home": "/",
            "operator": _operator(),
        }
    tenants = [] if identity.delegated else _tenants_if_readable(identity)
    return {
        "nav": _nav(identity),
        "tenants": tenants,
        "all_tenants": _all_tenants(),
        "colour": next((one["colour"] for one in tenants if one["current"]), ""),
        "viewer": {
            "name": identity.person.name,
            "email": identity.person.email,
            "initials": initials(identity.person.name),
            "role": web.ROLE_LABELS[identity.role] if identity.role else "",
            "links": _links(identity),
            "sign_out": url_for("delegation.leave", **_of_link(identity))
            if identity.delegated
            else url_for("accounts.sign_out"),
        },
        "notices": notices,
        "home": home_of(identity),
        "operator": _operator(),
        "identity": identity,
        "may": lambda name: identity.may(Permission[name]),
    }


def _links(identity: Identity) -> list[dict[str, Any]]:
    """The account menu; who came by a link has their questions and no account, who came by a provider no account."""
    if identity.delegated is not None:
        return [{"label": _l("Your questions"), "href": home_of(identity)}]
    return [] if identity.bound else [{"label": _l("Your account"), "href": url_for("accounts.account")}]


def _operator() -> str:
    return web.portal().settings.operator


def _with_session(read: Callable[[Session], Any], scope: Scope = NOBODY) -> Any:
    """Read for the frame in the request's session when there is one, else in a short one."""
    if g.get("session") is not None:
        return read(g.session)
    with web.portal().database.looking(scope) as session:
        return read(session)


def _tenants_if_readable(identity: Identity) -> list[dict[str, Any]]:
    """The page that says that something is wrong does without, when the database is what is wrong."""
    try:
        found: list[dict[str, Any]] = _with_session(lambda session: _tenants(session, identity))
    except (SQLAlchemyError, Unavailable):
        if not g.undone:
            raise
        return []
    return found


def _tenants(session: Session, identity: Identity) -> list[dict[str, Any]]:
    """Those that the switcher shows: the one that one is in, and the first others by name; under their kind."""
    here = {tenant.id for tenant in (identity.organisation, identity.company) if tenant}
    known = organisations.places_of(session, identity)
    first = sorted(known, key=lambda one: one.id not in here)[:MOST_TENANTS]
    shown = [
        one for side in ("organisation", "company") for one in known if one in first and one.side == side
    ]
    both = len({one.side for one in shown}) == 2
    heads = {"organisation": _l("You ask vendors"), "company": _l("You answer")}
    found: list[dict[str, Any]] = []
    for one in shown:
        begins = both and one.side not in {earlier["side"] for earlier in found}
        found.append(
            {
                "label": one.name,
                "href": web.tenant_home(one.side, one.slug),
                "current": one.id in here,
                "sub": web.ROLE_LABELS[one.role],
                "side": one.side,
                "colour": one.colour,
                "initials": initials(one.name),
                "heading": heads[one.side] if begins else "",
            }
        )
    g.tenants_known = known
    return found


def _all_tenants() -> dict[str, Any] | None:
    """The page with every place of a person: what waits at each client, or the choice."""
    known = g.get("tenants_known", [])
    if len(known) < 2:
        return None
    if sum(one.side == "organisation" for one in known) > 1:
        return {"label": _l("What waits, across all of them"), "href": "/clients"}
    return {"label": _l("All of them"), "href": url_for("organisations.home")}


def _nav(identity: Identity) -> list[dict[str, Any]]:
    if identity.owes_factor or identity.owes_provider:
        return []  # nothing of the tenant is read, not even how much waits there
    side = "organisation" if identity.organisation else "company" if identity.company else None
    tenant = identity.organisation or identity.company
    if side is None or tenant is None:
        return []
    here = request.endpoint or ""
    here_values: dict[str, Any] = {side: tenant.slug}
    items = [one for one in NAVIGATION if one.side == side and identity.may(one.permission)]
    items = [
        one
        for one in items
        if one.endpoint in web.portal().view_functions and identity.role not in one.not_for
    ]
    counts = {one.endpoint: _waiting(identity, one.endpoint) for one in items if one.counted}
    items = [
        one for one in items if not one.counted or one.stays or counts[one.endpoint] or one.endpoint == here
    ]
    exact = any(one.endpoint == here for one in items)
    named = not exact and any(here in one.family for one in items)
    return [
        {
            "label": one.label,
            "href": url_for(one.endpoint, **here_values),
            "current": one.endpoint == here
            if exact
            else here in one.family
            if named
            else here.startswith(one.family),
            "count": counts.get(one.endpoint),
            "more": one.more,
        }
        for one in items
    ]


def _waiting(identity: Identity, endpoint: str) -> int:
    """How many wait on a page; 0 where the database is what is wrong."""
    count = web.portal().waiting[endpoint]
    try:
        found: int = _with_session(lambda session: count(session, identity), identity.scope)
    except (SQLAlchemyError, Unavailable):
        if not g.undone:
            raise
        return 0
    return found


def _notices() -> list[dict[str, Any]]:
    code = request.cookies.get("notice", "")
    if code not in NOTICES:
        return []
    g.notice_shown = True
    text, tone = NOTICES[code]
    return [{"text": text, "tone": tone}]


def _forget_notice(response: Response) -> Response:
    if g.get("notice_shown"):
        response.delete_cookie("notice", path="/")
    return response
