"""Who may do what: roles, the whole permission table, identities, and the scoped select (laws 3 and 4)."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import Session

from portal.db import Scope
from portal.faults import OwesFactor, OwesProvider

F = TypeVar("F", bound=Callable[..., Any])


class OrganisationRole(enum.StrEnum):
    ADMIN = "admin"
    CISO = "ciso"
    REVIEWER = "reviewer"
    PROCUREMENT = "procurement"
    BUSINESS_OWNER = "business_owner"
    AUDITOR = "auditor"


class CompanyRole(enum.StrEnum):
    OWNER = "owner"
    CONTRIBUTOR = "contributor"
    DELEGATE = "delegate"  # no member: somebody who opened a delegation's link and sees what it names


class Permission(enum.Enum):
    """Every permission. The side it belongs to follows from its roles in TABLE."""

    ACCOUNT = "see and change one's own account"
    SEE_VENDORS = "read vendors, engagements, assessments, submissions and ratings"
    MANAGE_VENDORS = "create vendors and engagements, invite contacts"
    INTAKE = "open engagements by the intake, answer it again, approve a lower tier"
    SEE_POLICY = "read the organisation's policy and its history"
    MANAGE_POLICY = "change the organisation's policy and approve changes of it"
    ISSUE = "issue assessments"
    SEE_SCHEDULE = "read what is coming"
    SEE_QUESTIONNAIRES = "read questionnaires"
    AUTHOR = "write drafts of questionnaires and try them"
    RELEASE = "release and retire versions of questionnaires"
    SEE_FORESIGHT = "read drafts of questionnaires and what they would change"
    SEE_MEMBERS = "read who belongs to the organisation"
    MANAGE_MEMBERS = "invite and remove members of the organisation"
    SEE_SETTINGS = "read the organisation's settings"
    MANAGE_SETTINGS = "change the organisation's settings"
    CHANGE_ASSESSMENT = "answer enquiries; extend, re-address, resend, cancel and reopen assessments"
    SEE_REVIEW = "read reviews, marks, remarks and internal notes"
    REVIEW = "judge answers and documents, write marks into ratings, finish reviews"
    SEE_CONTRACT = "read contract schedules, signed contracts and clause texts"
    CONTRACT = "step contract requirements forward and back, propose waivers, write clause texts"
    WAIVE = "approve waivers of contract requirements"
    SEE_GATE = "read gates, decisions, conditions and exceptions"
    DECIDE = "decide at the gate and approve decisions and exceptions, as far as the policy lets the role"
    SEE_EVENTS = "read and export the organisation's record of events"
    ERASE = "propose and approve that stored data are destroyed"
    CLOSE_ORGANISATION = "take the organisation's copy and leave the portal"
    SEE_PORTFOLIO = "see the whole picture: figures, lists, fourth parties, reports"
    SAVE_VIEW = "keep a list's filters under a name"
    USE_API = "make and revoke one's own API tokens"
    MANAGE_TOKENS = "see and revoke the API tokens of everybody in the organisation"
    MANAGE_WEBHOOKS = "say which addresses hear of the organisation's events"
    MANAGE_SSO = "say which provider signs the organisation's people in, and approve it"
    SESSION = "see where one is signed in to, and leave"
    MANAGE_CYCLE = "change the rules of the audit cycle"
    SEE_LETTERS = "see which letters went, wait or were given up"
    RESEND_LETTER = "have a letter sent again"
    CAMPAIGN = "ask many vendors a short questionnaire at once"
    NOTE_INCIDENT = "put an incident of a vendor on record"
    TELL_INCIDENT = "tell clients of an incident of the company"
    SEE_COMPANY = "see the company's own pages"
    SEE_ASSESSMENT = "read an assessment of the company, its questions, answers and result"
    SEE_QUESTIONS = "read the questions that one is to answer, with their answers"
    ANSWER = "answer questions"
    ATTACH_EVIDENCE = "upload evidence beside a question that one may answer, and take it away again"
    DELEGATE = "give questions to somebody, take them back, accept what was answered"
    ASK = "ask the organisation about a question"
    ASK_FOR_CHANGE = "ask for more time or another person, decline, ask to reopen a submission"
    SEE_EVIDENCE = "read the company's library of evidence"
    MANAGE_EVIDENCE = "add to the library of evidence, change and remove documents"
    TAKE_COPY = "take a copy of all answers and files of the company"
    SEE_COMPANY_EVENTS = "read and export the company's record of events"
    CLOSE_COMPANY = "propose and approve that the company's data are destroyed, and leave the portal"
    SEE_FINDINGS = "read the findings about the company"
    PLAN_REMEDIATION = "say who of the company settles a finding, and by when"
    PROVE_REMEDIATION = "give proof that a finding is settled"
    SUBMIT = "submit under an attestation"
    SEE_COLLEAGUES = "read who belongs to the company"
    MANAGE_COLLEAGUES = "invite and remove people of the company"


_O = OrganisationRole
_EVERY_ORGANISATION_ROLE = frozenset(OrganisationRole)
_EVERY_COMPANY_ROLE = frozenset({CompanyRole.OWNER, CompanyRole.CONTRIBUTOR})
_WHO_ANSWERS = frozenset(CompanyRole)
_OWNERS = frozenset({CompanyRole.OWNER})
_BUYERS = frozenset({_O.ADMIN, _O.CISO, _O.PROCUREMENT})
_ISSUERS = frozenset({_O.ADMIN, _O.CISO, _O.REVIEWER, _O.PROCUREMENT})

# The whole table. Business owners see their own engagements only: the queries narrow what the table allows.
TABLE: dict[Permission, frozenset[OrganisationRole] | frozenset[CompanyRole] | None] = {
    Permission.ACCOUNT: None,  # any signed-in person, about themselves
    Permission.SEE_VENDORS: _EVERY_ORGANISATION_ROLE,
    Permission.MANAGE_VENDORS: _BUYERS,
    Permission.INTAKE: _BUYERS,
    Permission.SEE_POLICY: _EVERY_ORGANISATION_ROLE,
    Permission.MANAGE_POLICY: frozenset({_O.ADMIN, _O.CISO}),
    Permission.ISSUE: _ISSUERS,
    Permission.CHANGE_ASSESSMENT: _ISSUERS,
    Permission.SEE_REVIEW: _EVERY_ORGANISATION_ROLE,
    Permission.REVIEW: frozenset({_O.ADMIN, _O.CISO, _O.REVIEWER}),
    Permission.SEE_CONTRACT: _EVERY_ORGANISATION_ROLE,
    Permission.CONTRACT: _BUYERS,
    Permission.WAIVE: frozenset({_O.ADMIN, _O.CISO, _O.BUSINESS_OWNER}),
    Permission.SEE_GATE: _EVERY_ORGANISATION_ROLE,
    Permission.DECIDE: _EVERY_ORGANISATION_ROLE - {_O.AUDITOR},
    Permission.SEE_EVENTS: frozenset({_O.ADMIN, _O.CISO, _O.AUDITOR}),
    Permission.ERASE: frozenset({_O.ADMIN, _O.CISO}),
    Permission.CLOSE_ORGANISATION: frozenset({_O.ADMIN}),
    Permission.SEE_PORTFOLIO: _EVERY_ORGANISATION_ROLE,
    Permission.SAVE_VIEW: _EVERY_ORGANISATION_ROLE - {_O.AUDITOR},
    Permission.USE_API: _EVERY_ORGANISATION_ROLE,
    Permission.MANAGE_TOKENS: frozenset({_O.ADMIN}),
    Permission.MANAGE_WEBHOOKS: frozenset({_O.ADMIN, _O.CISO}),
    Permission.MANAGE_SSO: frozenset({_O.ADMIN, _O.CISO}),
    Permission.MANAGE_CYCLE: frozenset({_O.ADMIN, _O.CISO}),
    Permission.SEE_LETTERS: frozenset({_O.ADMIN, _O.CISO, _O.AUDITOR}),
    Permission.RESEND_LETTER: frozenset({_O.ADMIN, _O.CISO}),
    Permission.CAMPAIGN: _ISSUERS,
    Permission.NOTE_INCIDENT: _EVERY_ORGANISATION_ROLE - {_O.AUDITOR},
    Permission.TELL_INCIDENT: _EVERY_COMPANY_ROLE,
    Permission.SESSION: None,  # any signed-in person, also one whom an organisation's provider signed in
    Permission.SEE_SCHEDULE: _EVERY_ORGANISATION_ROLE,
    Permission.SEE_QUESTIONNAIRES: _EVERY_ORGANISATION_ROLE,
    Permission.AUTHOR: frozenset({_O.ADMIN, _O.CISO, _O.REVIEWER}),
    Permission.RELEASE: frozenset({_O.ADMIN, _O.CISO}),
    Permission.SEE_FORESIGHT: frozenset({_O.ADMIN, _O.CISO, _O.REVIEWER, _O.AUDITOR}),
    Permission.SEE_MEMBERS: _EVERY_ORGANISATION_ROLE,
    Permission.MANAGE_MEMBERS: frozenset({_O.ADMIN}),
    Permission.SEE_SETTINGS: frozenset({_O.ADMIN, _O.CISO, _O.AUDITOR}),
    Permission.MANAGE_SETTINGS: frozenset({_O.ADMIN, _O.CISO}),
    Permission.SEE_COMPANY: _EVERY_COMPANY_ROLE,
    Permission.SEE_ASSESSMENT: _EVERY_COMPANY_ROLE,
    Permission.SEE_QUESTIONS: _WHO_ANSWERS,
    Permission.ANSWER: _WHO_ANSWERS,
    Permission.ATTACH_EVIDENCE: _WHO_ANSWERS,
    Permission.DELEGATE: _OWNERS,
    Permission.ASK: _EVERY_COMPANY_ROLE,
    Permission.ASK_FOR_CHANGE: _OWNERS,
    Permission.SEE_EVIDENCE: _EVERY_COMPANY_ROLE,
    Permission.MANAGE_EVIDENCE: _EVERY_COMPANY_ROLE,
    Permission.TAKE_COPY: _OWNERS,
    Permission.SEE_COMPANY_EVENTS: _OWNERS,
    Permission.CLOSE_COMPANY: _OWNERS,
    Permission.SEE_FINDINGS: _EVERY_COMPANY_ROLE,
    Permission.PLAN_REMEDIATION: _OWNERS,
    Permission.PROVE_REMEDIATION: _EVERY_COMPANY_ROLE,
    Permission.SUBMIT: _OWNERS,
    Permission.SEE_COLLEAGUES: _EVERY_COMPANY_ROLE,
    Permission.MANAGE_COLLEAGUES: _OWNERS,
}


# What a token may be narrowed to, and the most that its operations may ask of its person. Which operations a scope
# opens stands at the operations (portal/api): it opens nothing else that its permissions would allow. No scope holds
# what takes two people, or touches members, settings or erasure.
SCOPES: dict[str, frozenset[Permission]] = {
    "vendors:read": frozenset({Permission.SEE_VENDORS}),
    "vendors:write": frozenset({Permission.SEE_VENDORS, Permission.MANAGE_VENDORS}),
    "assessments:read": frozenset({Permission.SEE_VENDORS, Permission.SEE_REVIEW}),
    "assessments:issue": frozenset({Permission.SEE_VENDORS, Permission.ISSUE}),
    "findings:read": frozenset({Permission.SEE_REVIEW}),
    "contract:read": frozenset({Permission.SEE_CONTRACT}),
    "gate:read": frozenset({Permission.SEE_GATE}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """The human being behind a request."""

    id: uuid.UUID
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """The organisation or company named in the address, as far as this person belongs to it."""

    id: uuid.UUID
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Delegated:
    """What a session that came by a delegation's link may see: sections and questions of one assessment ("*": all)."""

    id: uuid.UUID
    assessment_id: uuid.UUID
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Identity:
    """One person acting in at most one tenant. Every query of tenant data starts from it.

    ``delegated`` narrows a session of role DELEGATE. ``owes_factor``: the tenant demands a second factor that this
    person has not set up: nothing of the tenant may be read. ``owes_provider``: the same until they come by the sign-in
    provider of the organisation. ``half``: the password was right and the second factor has
    not been shown: web.py treats such a visitor as signed out everywhere but at the second step. ``scopes``: those of
    the API token that asks; None where a person asks. ``bound``: an organisation's own provider signed
    this person in: such a session reaches that organisation alone, never the account's own pages.
    """

    person: Person
    session_id: uuid.UUID
    organisation: Tenant | None = None
    company: Tenant | None = None
    role: OrganisationRole | CompanyRole | None = None
    seen_at: datetime | None = field(default=None, compare=False)
    delegated: Delegated | None = None
    owes_factor: bool = False
    owes_provider: bool = False
    half: bool = False
    scopes: frozenset[str] | None = None
    bound: bool = False

    @property
    def scope(self) -> Scope:
        return Scope(
            organisation_id=self.organisation.id if self.organisation else None,
            company_id=self.company.id if self.company else None,
        )

    def check_owed(self) -> None:
        """Raise OwesProvider or OwesFactor while one of the two is due."""
        if self.owes_provider:
            raise OwesProvider("This organisation's own sign-in opens its pages.")
        if self.owes_factor:
            raise OwesFactor("This organisation asks for a second factor.")

    def may(self, permission: Permission) -> bool:
        """Whether the table grants ``permission`` to this role, and a token's scopes leave it."""
        roles = TABLE[permission]
        if self.scopes is not None and not any(permission in SCOPES.get(one, ()) for one in self.scopes):
            return False
        if (
            roles is None
        ):  # one's own account: not for who came by a link, a token, or a provider of somebody else's
            own = self.delegated is None and self.scopes is None
            return own and (not self.bound or permission is Permission.SESSION)
        return self.role is not None and self.role in roles


class Resolver(Protocol):
    """What web.py asks of the features above it; create_app hands one in."""

    def identity(
        self, session: Session, token: str, *, side: str | None, slug: str | None, now: datetime
    ) -> Identity | None:
        """Who holds this session token, acting in the tenant named; None when the token is not valid (any more).

        Raises NotFound when the person does not belong to that tenant.
        """

    def token_identity(self, session: Session, token: str, *, now: datetime) -> Identity | None:
        """Who holds this API token, in its organisation, narrowed to its scopes; None when it is not valid."""

    def touch(self, identity: Identity, *, now: datetime) -> Callable[[Session], None] | None:
        """What to write when the session's last use is worth noting, else None."""


def scoped(identity: Identity, *models: Any) -> Select[Any]:
    """``select(*models)`` with the tenant's own column compared for each of them."""
    return select(*models).where(*mine(identity.scope, *models))


def mine(scope: Scope, *models: Any) -> list[ColumnElement[bool]]:
    """The comparisons that keep ``models`` (mapped classes) inside ``scope``; raises when one lies outside it."""
    criteria: list[ColumnElement[bool]] = []
    for model in models:
        mark = model.__table__.info["tenancy"]
        if mark == "global":
            continue
        if mark in ("organisation", "shared") and scope.organisation_id is not None:
            column = model.id if model.__tablename__ == "organisation" else model.organisation_id
            criteria.append(column == scope.organisation_id)
        elif mark in ("company", "shared") and scope.company_id is not None:
            column = model.id if model.__tablename__ == "company" else model.company_id
            criteria.append(column == scope.company_id)
        else:
            raise LookupError(f"{model.__tablename__} cannot be read from this side")
    return criteria


def own(side: str, *models: Any) -> list[ColumnElement[bool]]:
    """``mine`` for statements that are built once (statements.once) and run for one side: the tenant comes with each
    run, as ``owned`` gives it.
    """
    criteria: list[ColumnElement[bool]] = []
    for model in models:
        if model.__table__.info["tenancy"] not in (side, "shared"):
            raise LookupError(f"{model.__tablename__} cannot be read from this side")
        name = "id" if model.__tablename__ == side else f"{side}_id"
        criteria.append(getattr(model, name) == bindparam(f"own_{side}"))
    return criteria


def owned(side: str, scope: Scope) -> dict[str, uuid.UUID]:
    """The value that ``own`` leaves open; LookupError for a scope of the other side."""
    tenant = scope.organisation_id if side == "organisation" else scope.company_id
    if tenant is None:
        raise LookupError(f"the {side}'s rows cannot be read from this side")
    return {f"own_{side}": tenant}


def requires(permission: Permission) -> Callable[[F], F]:
    """Mark a view: only identities with ``permission`` reach it."""

    def mark(view: F) -> F:
        view.permission = permission  # type: ignore[attr-defined]  # read by web.py and the guard test
        return view

    return mark


def by_token(permission: Permission, scopes: tuple[str, ...]) -> Callable[[F], F]:
    """Mark an operation of the API: only a token with one of ``scopes`` reaches it, whose person has ``permission``;
    cookies are not read.
    """
    for one in scopes:
        if permission not in SCOPES[one]:
            raise LookupError(f"{one} does not hold {permission.name}")

    def mark(view: F) -> F:
        view.permission = permission  # type: ignore[attr-defined]  # read by web.py and the guard test
        view.by_token = True  # type: ignore[attr-defined]  # the same
        view.scopes = scopes  # type: ignore[attr-defined]  # the same
        return view

    return mark


def by_link(view: F) -> F:
    """Mark a public view whose address holds all that it asks for: cookies are not read, no form stands before it."""
    view.permission = None  # type: ignore[attr-defined]  # read by web.py and the guard test
    view.by_link = True  # type: ignore[attr-defined]  # the same
    return view


def public(view: F) -> F:
    """Mark a view that needs no sign-in."""
    view.permission = None  # type: ignore[attr-defined]  # read by web.py and the guard test
    return view
