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
from portal.access import Identity, Permission
from portal.faults import Unavailable
from portal.formats import initials
from portal.organisations import queries as organisations


@dataclass(frozen=True, slots=True)
class NavItem:
    """One entry of the main navigation: which side sees it, and with which permission."""

    side: str
    label: Any
    endpoint: str
    permission: Permission
    family: tuple[str, ...] = ()  # endpoints for which it says "you are here"


NAVIGATION: list[NavItem] = [
    NavItem("organisation", _l("Overview"), "vendors.overview", Permission.SEE_VENDORS),
    NavItem(
        "organisation",
        _l("Vendors"),
        "vendors.vendor_list",
        Permission.SEE_VENDORS,
        (
            "vendors.",
            "assessments.",
            "contracts.",
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
        "organisation", _l("Schedule"), "reassessment.schedule", Permission.SEE_SCHEDULE, ("reassessment.",)
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
    ),
    NavItem("organisation", _l("Enquiries"), "asked.enquiry_list", Permission.SEE_VENDORS, ("asked.",)),
    NavItem(  # members, settings, events and erasure: tabs of one place
        "organisation",
        _l("Organisation"),
        "organisations.members",
        Permission.SEE_MEMBERS,
        ("organisations.", "policy.", "erasure.", "events."),
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
    NavItem(
        "company",
        _l("Documents"),
        "evidence.library",
        Permission.SEE_EVIDENCE,
        ("evidence.", "showing.document", "showing.ask_", "showing.re"),
    ),
    NavItem("company", _l("Team"), "team.colleagues", Permission.SEE_COLLEAGUES),
    NavItem("company", _l("Events"), "events.of_company", Permission.SEE_COMPANY_EVENTS),
    NavItem("company", _l("Take a copy"), "copy.page", Permission.TAKE_COPY, ("copy.", "erasure.")),
]

MOST_TENANTS = 12  # in the switcher; the others stand on the page with all of them

# What a page may say once after a change: code in a short-lived cookie -> sentence and tone.
NOTICES: dict[str, tuple[Any, str]] = {
    "erasure-proposed": (_l("Proposed. It is destroyed once a second person has approved it."), "info"),
    "erasure-refused": (_l("It is not destroyed. The proposal is closed."), "info"),
    "destroyed": (_l("It is destroyed. This is the certificate."), "good"),
    "signed-out": (_l("You are signed out."), "info"),
    "password-set": (_l("Your password is set. Sign in with it."), "good"),
    "password-changed": (_l("Your password is changed. Other browsers are signed out."), "good"),
    "saved": (_l("Saved."), "good"),
    "confirmed": (_l("Taken over as still true. From now on the answer bears your name."), "good"),
    "move-asked": (_l("Asked. It takes some seconds; the vendor gets a letter."), "good"),
    "consent-given": (_l("Noted. Your answers to other customers are offered now, one by one."), "good"),
    "consent-withdrawn": (_l("Taken back. What you have confirmed already stays."), "good"),
    "unlinked": (_l("The vendor is linked to no company any more. Invite the right person."), "good"),
    "draft-started": (_l("The draft is begun. Only your organisation sees it."), "good"),
    "draft-discarded": (_l("The draft is discarded."), "info"),
    "part-removed": (_l("Taken out. Undo stands in the list of changes."), "info"),
    "change-undone": (_l("The change is taken back."), "good"),
    "made-own": (_l("The question is your own now, under a key of its own."), "good"),
    "released": (_l("The version is released. It can be issued from now on, and never changes."), "good"),
    "version-retired": (_l("The version is issued no longer. What runs on it goes on."), "good"),
    "version-back": (_l("The version can be issued again."), "good"),
    "merged": (_l("The newer release is taken over. Nothing was in the way."), "good"),
    "merged-conflicts": (
        _l("The newer release is taken over. What both changed waits for you here."),
        "info",
    ),
    "conflict-settled": (_l("Settled. The next one waits."), "good"),
    "conflicts-settled": (_l("All conflicts are settled."), "good"),
    "what-if-asked": (_l("It is being worked out. You may leave this page; the result stays here."), "good"),
    "what-if-stopped": (_l("Stopped. What was worked out until then stays here."), "info"),
    "draft-imported": (_l("The file is a draft now. The report of the import stands below."), "good"),
    "document-added": (_l("The document is in the library. Nobody outside sees it yet."), "good"),
    "document-shown": (
        _l("The document lies beside the answer. It is read once the answers are submitted."),
        "good",
    ),
    "document-away": (_l("The document is taken away from this answer. It stays in the library."), "good"),
    "document-removed": (_l("The document is out of the library."), "good"),
    "invited": (_l("The invitation is on its way."), "good"),
    "vendors-imported": (
        _l("The list is on record. Next: give each engagement an intake, then issue."),
        "good",
    ),
    "list-discarded": (_l("The list is thrown away. Your own file stays as it is."), "info"),
    "engagement-opened": (_l("The engagement is open. This is its tier, and why."), "good"),
    "waiver-proposed": (_l("Proposed. It is waived once a second person has approved it."), "info"),
    "settlement-waits": (_l("Noted. It counts once a second person agrees."), "info"),
    "intake-answered": (_l("Saved. Tier and facts rest on these answers now."), "good"),
    "tier-waits": (_l("Saved. It asks for less, so it waits for a second person."), "info"),
    "tier-approved": (_l("Approved. Tier and facts rest on this intake now."), "good"),
    "tier-refused": (_l("The proposal is closed. Tier and facts stay as they were."), "info"),
    "policy-saved": (_l("The policy is saved and in force."), "good"),
    "policy-proposed": (_l("Proposed. It comes into force once a second person has approved it."), "info"),
    "policy-refused": (_l("The proposal is closed. The policy stays as it was."), "info"),
    "nothing-changed": (_l("Nothing differs from what is in force, so nothing was saved."), "info"),
    "withdrawn": (_l("The invitation is withdrawn. Its link no longer works."), "good"),
    "joined": (_l("Welcome. Whoever invited you can see that you are here."), "good"),
    **{
        f"recovery-left-{left}": (
            _l(
                "You used a recovery code, which works once. Recovery codes that are left: %(left)s.",
                left=left,
            ),
            "caution" if left < 4 else "info",
        )
        for left in range(10)
    },
    "factor-removed": (_l("Your second factor is removed. A letter says so, too."), "info"),
    "address-asked": (_l("Two letters are on their way: one to confirm, one to stop it."), "good"),
    "address-stopped": (_l("The address stays as it is. The link in the letter no longer works."), "good"),
    "address-changed": (_l("Your address has changed. Sign in with it from now on."), "good"),
    "session-ended": (_l("That browser is signed out."), "good"),
    "sessions-ended": (_l("Every other browser is signed out."), "good"),
    "removed": (_l("The person is removed and signed out of these pages."), "good"),
    "vendor-created": (_l("The vendor is on record. Next: say what you buy from them."), "good"),
    "engagement-created": (_l("The engagement is on record. Next: issue an assessment."), "good"),
    "issued": (_l("The assessment is issued. The vendor has been written to."), "good"),
    "contact-removed": (_l("The contact is removed. An open invitation no longer works."), "good"),
    "mark-saved": (_l("Saved. The vendor reads it once it is written into the rating."), "good"),
    "mark-last": (_l("Saved. That was the last question of this filter."), "good"),
    "mark-withdrawn": (_l("Taken back."), "info"),
    "review-noted": (_l("The note is kept. The vendor does not see it."), "good"),
    "review-write": (_l("Written into the rating. The vendor has been written to."), "good"),
    "review-finish": (_l("The review is finished. The vendor has been written to."), "good"),
    "review-resume": (_l("The review is open again. What is written stays."), "info"),
    "review-take": (_l("The review is yours. Colleagues see that."), "good"),
    "review-discard": (_l("The unwritten marks are thrown away. What was written stays."), "info"),
    "evaluated": (_l("The contract requirements are evaluated anew."), "good"),
    "asked": (_l("Sent. The people who can answer have got a letter."), "good"),
    "taken-back": (_l("Taken back."), "good"),
    "written-back": (_l("Sent. The vendor has got a letter."), "good"),
    "refused": (_l("Refused with your reason. The vendor has got a letter."), "good"),
    "resent": (_l("The letter is on its way once more."), "good"),
    "assessment-extend": (_l("The date is moved. The vendor has been written to."), "good"),
    "assessment-readdress": (
        _l("The request goes to this person now. The letters are on their way."),
        "good",
    ),
    "assessment-cancel": (_l("The request is taken back. The vendor has been written to."), "good"),
    "assessment-decline": (
        _l("The assessment is closed as declined. The vendor has been written to."),
        "good",
    ),
    "assessment-reopen": (_l("Reopened. The vendor has been written to; its answers are in place."), "good"),
    "workbook-taken": (_l("Taken over. The answers of your workbook are saved."), "good"),
    "workbook-same": (_l("Nothing had to be saved: the portal holds these answers already."), "info"),
    "workbook-away": (_l("The upload is thrown away. Your own file stays as it is."), "info"),
    "given": (_l("Given. They get a letter about it."), "good"),
    "link-resent": (_l("A new letter is on its way. The earlier link no longer works."), "good"),
    "questions-back": (_l("Taken back, with effect at once. What was answered is kept."), "good"),
    "accepted": (_l("Accepted."), "good"),
    "finished": (_l("Whoever gave you the questions is told. You can still change your answers."), "good"),
    "left": (_l("This browser has left. The link in your letter still works."), "info"),
    "submitted": (_l("Submitted and sealed. A receipt is on its way by mail."), "good"),
}


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
    """The account menu; who came by a link has their questions and no account."""
    if identity.delegated is not None:
        return [{"label": _l("Your questions"), "href": home_of(identity)}]
    return [{"label": _l("Your account"), "href": url_for("accounts.account")}]


def _operator() -> str:
    return web.portal().settings.operator


def _with_session(read: Callable[[Session], Any]) -> Any:
    """Read for the frame in the request's session when there is one, else in a short one."""
    if g.get("session") is not None:
        return read(g.session)
    with web.portal().database.looking() as session:
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
    known = organisations.tenants_of(session, identity.person.id)
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
    side = "organisation" if identity.organisation else "company" if identity.company else None
    tenant = identity.organisation or identity.company
    if side is None or tenant is None:
        return []
    here = request.endpoint or ""
    here_values: dict[str, Any] = {side: tenant.slug}
    items = [one for one in NAVIGATION if one.side == side and identity.may(one.permission)]
    items = [one for one in items if one.endpoint in web.portal().view_functions]
    exact = any(one.endpoint == here for one in items)
    return [
        {
            "label": one.label,
            "href": url_for(one.endpoint, **here_values),
            "current": one.endpoint == here if exact else here.startswith(one.family),
            "count": None,
        }
        for one in items
    ]


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
