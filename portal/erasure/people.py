"""One person's own: everything stored about them as JSON, and their erasure (they ask; nobody has to approve)."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import AddressChange, LoginSession, PersonMailbox, PersonRow, SecondFactor
from portal.accounts.passkey_models import Passkey
from portal.assessments.models import AnswerRevision, Delegation, EnquiryEntry, Submission
from portal.audit.models import Event
from portal.erasure import parting
from portal.erasure.models import Certificate
from portal.erasure.reaching import Destroyed, read
from portal.erasure.service import certify
from portal.faults import NotFound, Refused
from portal.findings.models import Finding, FindingStep, FindingWords
from portal.organisations.models import (
    Company,
    CompanyMember,
    Invitation,
    Organisation,
    OrganisationMember,
)
from portal.organisations.sso_models import SsoIdentity
from portal.organisations.token_models import ApiToken
from portal.organisations.view_models import SavedView
from portal.outbox import Message
from portal.reassessment.models_feeds import CalendarFeed
from portal.reassessment.models_post import LetterChoice

MOST_EVENTS = 10_000
# Tokens, hashes and secrets say nothing about a person and let others in.
SECRET = frozenset(
    {"token_hash", "password_hash", "secret", "code_hash", "text", "html", "fence", "mailbox"}
    | {"credential_id", "public_key"}
)


def export(session: Session, person_id: uuid.UUID, *, now: datetime) -> bytes:
    """Everything that is stored about this person, as indented JSON. Secrets are left out."""
    row = _person(session, person_id)
    addresses = [row.email, row.address.lower()]
    found = {
        "about": "What this portal stores about you. Answers belong to your companies: take their copy there.",
        "at": now.isoformat(),
        "person": _plain(row),
        "sessions": _all(session, LoginSession, LoginSession.person_id == row.id),
        "second_factor": _all(session, SecondFactor, SecondFactor.person_id == row.id),
        "passkeys": _all(session, Passkey, Passkey.person_id == row.id),
        "address_changes": _all(session, AddressChange, AddressChange.person_id == row.id),
        "letters_not_wanted": _all(session, LetterChoice, LetterChoice.person_id == row.id),
        "calendar_addresses": _all(session, CalendarFeed, CalendarFeed.person_id == row.id),
        "earlier_mailboxes": _all(session, PersonMailbox, PersonMailbox.person_id == row.id),
        "organisations": _places(session, OrganisationMember, Organisation, row.id),
        "companies": _places(session, CompanyMember, Company, row.id),
        "saved_views": _all(session, SavedView, SavedView.person_id == row.id),
        "sign_in_by_providers": _all(session, SsoIdentity, SsoIdentity.person_id == row.id),
        "api_tokens": _all(session, ApiToken, ApiToken.person_id == row.id),
        "invitations": _all(
            session, Invitation, (Invitation.email == row.email) | (Invitation.accepted_by == row.id)
        ),
        "given_to_you": _all(session, Delegation, Delegation.person_id == row.id),
        "findings_to_settle": _all(
            session, Finding, (Finding.owner_id == row.id) | (Finding.wanted_owner_id == row.id)
        ),
        "messages_of_findings": _all(
            session,
            FindingWords,
            FindingWords.step_id.in_(select(FindingStep.id).where(FindingStep.by == row.id)),
        ),
        "messages_of_enquiries": _all(session, EnquiryEntry, EnquiryEntry.author_id == row.id),
        "letters": [
            {name: one[name] for name in ("kind", "recipient", "state", "created_at", "sent_at")}
            for one in _all(session, Message, func.lower(Message.recipient).in_(addresses))
        ],  # what they said went to the mailbox; a link that waits to be sent must not be read here
        "answers_written": _count(session, AnswerRevision, AnswerRevision.answered_by == row.id),
        "submissions_signed": _count(session, Submission, Submission.sealed_by == row.id),
        "events": _all(session, Event, Event.actor_id == row.id),
    }
    return json.dumps(found, ensure_ascii=False, indent=1).encode()


def erase(session: Session, person_id: uuid.UUID, *, now: datetime) -> Certificate:
    """Erase a person at their own wish. Raises Refused while nobody else looks after a tenant of theirs."""
    row = _person(session, person_id, lock=True)
    alone = _looked_after_alone(session, person_id)
    if alone:
        named = ", ".join(alone)
        raise Refused(
            f"You are the only one who looks after {named}. Hand it over first: add another administrator or owner, "
            "or let it leave the portal."
        )
    found = Destroyed()
    parting.person(session, row, found, now=now)
    return certify(
        session, kind="person", subject=person_id, found=found, people={"asked_by": person_id}, now=now,
        actor=person_id,
    )  # fmt: skip


def _person(session: Session, person_id: uuid.UUID, *, lock: bool = False) -> PersonRow:
    statement = select(PersonRow).where(PersonRow.id == person_id, PersonRow.erased_at.is_(None))
    row = session.execute(statement.with_for_update() if lock else statement).scalar_one_or_none()
    if row is None:
        raise NotFound
    return row


def _looked_after_alone(session: Session, person_id: uuid.UUID) -> list[str]:
    """Names of open tenants whose last administrator or owner this person is; their members are locked."""
    names: list[str] = []
    for member, tenant, tenant_id, keeper in (
        (OrganisationMember, Organisation, OrganisationMember.organisation_id, OrganisationRole.ADMIN),
        (CompanyMember, Company, CompanyMember.company_id, CompanyRole.OWNER),
    ):
        kept: Any = select(tenant_id).where(
            member.person_id == person_id, member.removed_at.is_(None), member.role == keeper.value
        )
        rows = read(
            session,
            select(tenant_id, member.person_id, tenant.name)
            .join(tenant, tenant.id == tenant_id)
            .where(
                tenant_id.in_(kept),
                member.removed_at.is_(None),
                member.role == keeper.value,
                tenant.closed_at.is_(None),
            )
            .with_for_update(of=member),
        )
        keepers: dict[uuid.UUID, set[uuid.UUID]] = {}
        for tenant_key, keeper_id, _name in rows:
            keepers.setdefault(tenant_key, set()).add(keeper_id)
        names += sorted({name for key, _person_id, name in rows if len(keepers[key]) == 1})
    return names


def _all(session: Session, model: Any, which: Any) -> list[dict[str, Any]]:
    rows = read(session, select(model).where(which).limit(MOST_EVENTS))
    return [_plain(row[0]) for row in rows]


def _count(session: Session, model: Any, which: Any) -> int:
    return int(read(session, select(func.count()).select_from(model).where(which))[0][0])


def _places(session: Session, member: Any, tenant: Any, person_id: uuid.UUID) -> list[dict[str, Any]]:
    key = member.organisation_id if tenant is Organisation else member.company_id
    rows = read(
        session,
        select(tenant.name, member.role, member.created_at, member.removed_at)
        .join(tenant, tenant.id == key)
        .where(member.person_id == person_id),
    )
    return [
        {"name": row.name, "role": row.role, "since": _json(row.created_at), "until": _json(row.removed_at)}
        for row in rows
    ]


def _plain(row: Any) -> dict[str, Any]:
    names = [column.name for column in row.__table__.columns if column.name not in SECRET]
    return {name: _json(getattr(row, name)) for name in names}


def _json(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, str, list, dict)):
        return value
    return str(value)
