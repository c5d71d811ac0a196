"""Vendors, organisations, companies and people that leave: what of theirs is destroyed, by destroying.py's rules."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.orm import Session

from portal.accounts.models import (
    AddressChange,
    LoginSession,
    PasswordReset,
    PersonMailbox,
    PersonRow,
    RecoveryCode,
    SecondFactor,
)
from portal.accounts.passkey_models import Passkey
from portal.assessments.models import (
    AnswerContent,
    AnswerRow,
    Assessment,
    Delegation,
    Enquiry,
    SealedAttestation,
    SealedEvidence,
    StaleEdit,
    Submission,
)
from portal.assessments.version_models import CarryConsent, WorkbookUpload
from portal.audit.models import EventNotice
from portal.contracts.schedule_models import ClauseWords
from portal.erasure import cycle, destroying, engagement_words, findings, leaving_letters
from portal.erasure.models import Erasure
from portal.erasure.reaching import GONE, Destroyed, read, run
from portal.evidence.models import Evidence, EvidenceGrant, ProofDocument
from portal.library.models import (
    DraftEdit,
    QuestionnaireDraft,
    RetiredVersion,
    WhatIfRow,
    WhatIfRun,
)
from portal.organisations.models import (
    Company,
    CompanyMember,
    Invitation,
    Organisation,
    OrganisationMember,
)
from portal.organisations.sso_models import SsoConnection, SsoDomain, SsoIdentity, SsoProposal
from portal.organisations.token_models import ApiRequest, ApiToken
from portal.organisations.view_models import SavedView
from portal.outbox import Message
from portal.portfolio.models import FourthPartyName
from portal.reassessment.models import Reassessment
from portal.reassessment.models_feeds import CalendarFeed
from portal.reassessment.models_post import Digest, LetterChoice
from portal.vendors.ground import vendors_moved
from portal.vendors.models import Contact, Engagement, Vendor, VendorImport
from portal.webhooks.models import Webhook, WebhookDelivery

ERASED = "erased:"  # an address that no mail server takes, with the person's id: unique, and nobody's


def letters(session: Session, which: ColumnElement[bool], found: Destroyed) -> None:
    """Empty letters, whatever has become of them; one that waits is not sent any more."""
    waiting = Message.state.in_(("queued", "failed", "sending", "held"))
    run(session, update(Message).where(which, waiting).values(state="gave_up", lease_until=None))
    empty = {"text": "", "html": "", "subject": "", "recipient": "", "recipient_name": "", "reply_to": None}
    found.add(
        "letters",
        run(session, update(Message).where(which).values(**empty, sender_name="", last_error="")),
    )


def invitations(session: Session, which: ColumnElement[bool], found: Destroyed, now: datetime) -> None:
    """Take name and address out of invitations; those still open end."""
    still = Invitation.accepted_at.is_(None) & Invitation.revoked_at.is_(None)
    run(session, update(Invitation).where(which, still).values(revoked_at=now))
    found.add("invitations", run(session, update(Invitation).where(which).values(email="", name="")))


def close_assessments(
    session: Session, which: ColumnElement[bool], state: str, by: uuid.UUID | None, now: datetime
) -> None:
    """End what is still open, with every link that was given away for it."""
    open_ones = [
        row[0] for row in read(session, select(Assessment.id).where(which, Assessment.state == "open"))
    ]
    if not open_ones:
        return
    destroying.lock(session, open_ones)
    closed = {"state": state, "closed_at": now, "closed_by": by}
    run(session, update(Assessment).where(Assessment.id.in_(open_ones)).values(**closed))
    run(session, delete(WorkbookUpload).where(WorkbookUpload.assessment_id.in_(open_ones)))
    run(session, delete(CarryConsent).where(CarryConsent.assessment_id.in_(open_ones)))
    end_links(session, Delegation.assessment_id.in_(open_ones) & Delegation.token_hash.is_not(None), now)


def end_links(session: Session, which: ColumnElement[bool], now: datetime) -> None:
    """Revoke delegations and the sessions that they opened."""
    ids = [row[0] for row in read(session, select(Delegation.id).where(which))]
    if ids:
        open_ones = Delegation.id.in_(ids) & Delegation.revoked_at.is_(None)
        run(session, update(Delegation).where(open_ones).values(revoked_at=now))
        run(session, update(LoginSession).where(LoginSession.delegation_id.in_(ids)).values(revoked_at=now))


# ---------------------------------------------------------------------------------------------- organisation's side


def vendors(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Collection[uuid.UUID],
    found: Destroyed,
    *,
    by: uuid.UUID | None,
    now: datetime,
) -> None:
    """Offboard vendors: everything that the organisation holds or shares about them; names of vendors stay."""
    taking_turns = select(Vendor.id).where(Vendor.organisation_id == organisation_id, Vendor.id.in_(ids))
    read(session, taking_turns.order_by(Vendor.id).with_for_update())  # nobody opens an engagement meanwhile
    vendors_moved(session, organisation_id, ids)
    ours = Assessment.organisation_id == organisation_id
    which = ours & Assessment.vendor_id.in_(ids)
    assessments = [row[0] for row in read(session, select(Assessment.id).where(which))]
    destroying.lock(session, assessments)
    close_assessments(session, which, "cancelled", by, now)
    destroying.sealed(session, destroying.submissions_of(session, assessments), None, found, now)
    destroying.enquiries(session, assessments, None, found)
    proofs = findings.of_vendors(session, organisation_id, ids, found, by=by, now=now)
    destroying.unreferenced(session, proofs, found, now)
    waiting = Enquiry.assessment_id.in_(assessments) & Enquiry.state.in_(("open", "asked"))
    run(session, update(Enquiry).where(waiting).values(state="withdrawn", settled_at=now))
    emptied: dict[str, Any] = {"reason": "", "subject": GONE, "contact_email": None, "facts": {}}
    found.add("assessments", run(session, update(Assessment).where(which).values(**emptied)))
    engagements = [
        row[0]
        for row in read(
            session,
            select(Engagement.id).where(
                Engagement.organisation_id == organisation_id, Engagement.vendor_id.in_(ids)
            ),
        )
    ]
    for one in engagements:  # names are unique within a vendor, so each gets one of its own
        name = f"{GONE} {str(one)[:8]}"
        gone: dict[str, Any] = {
            "name": name,
            "name_key": name,
            "description": "",
            "facts": {},
            "business_owner_id": None,
        }
        found.add("engagements", run(session, update(Engagement).where(Engagement.id == one).values(**gone)))
    engagement_words.destroy(session, engagements, found, by=by, now=now)
    cycle.of_vendors(session, organisation_id, ids, engagements, found)
    scheduled = Reassessment.engagement_id.in_(engagements) & (Reassessment.state == "scheduled")
    run(session, update(Reassessment).where(scheduled).values(state="replaced"))
    contacts = select(Contact.email).where(
        Contact.organisation_id == organisation_id, Contact.vendor_id.in_(ids)
    )
    addresses = [row[0] for row in read(session, contacts)]
    ours_to_them = (Message.organisation_id == organisation_id) & (
        func.lower(Message.recipient).in_(addresses)
        | Message.company_id.in_(select(Vendor.company_id).where(Vendor.id.in_(ids)))
    )
    letters(session, ours_to_them, found)
    invitations(session, Invitation.vendor_id.in_(ids), found, now)
    gone_contacts = delete(Contact).where(
        Contact.organisation_id == organisation_id, Contact.vendor_id.in_(ids)
    )
    found.add("contacts", run(session, gone_contacts))
    foreseen = (WhatIfRow.organisation_id == organisation_id) & WhatIfRow.vendor_id.in_(ids)
    found.add("foreseen", run(session, delete(WhatIfRow).where(foreseen)))
    left = Vendor.id.in_(ids) & Vendor.offboarded_at.is_(None)
    found.add("vendors", run(session, update(Vendor).where(left).values(offboarded_at=now)))
    found.keep("drafts_of_companies", len(assessments))


def organisation(
    session: Session, organisation_id: uuid.UUID, found: Destroyed, *, by: uuid.UUID | None, now: datetime
) -> None:
    """Close an organisation: all its vendors are offboarded, its members leave. Name and slug stay."""
    every = [
        row[0] for row in read(session, select(Vendor.id).where(Vendor.organisation_id == organisation_id))
    ]
    vendors(session, organisation_id, every, found, by=by, now=now)
    members = (OrganisationMember.organisation_id == organisation_id) & OrganisationMember.removed_at.is_(
        None
    )
    found.add("members", run(session, update(OrganisationMember).where(members).values(removed_at=now)))
    _library(session, organisation_id, found)
    cycle.of_organisation(session, organisation_id, found)
    run(session, delete(ApiRequest).where(ApiRequest.organisation_id == organisation_id))
    found.add("tokens", run(session, delete(ApiToken).where(ApiToken.organisation_id == organisation_id)))
    found.add("views", run(session, delete(SavedView).where(SavedView.organisation_id == organisation_id)))
    for sso in (SsoConnection, SsoProposal, SsoIdentity, SsoDomain):
        found.add("sign_in", run(session, delete(sso).where(sso.organisation_id == organisation_id)))
    for hook in (WebhookDelivery, Webhook):
        found.add("webhooks", run(session, delete(hook).where(hook.organisation_id == organisation_id)))
    run(session, delete(EventNotice).where(EventNotice.organisation_id == organisation_id))
    letters(session, Message.organisation_id == organisation_id, found)
    invitations(session, Invitation.organisation_id == organisation_id, found, now)
    proposals(session, Erasure.organisation_id == organisation_id)
    run(session, update(Organisation).where(Organisation.id == organisation_id).values(closed_at=now))


def _library(session: Session, organisation_id: uuid.UUID, found: Destroyed) -> None:
    """What an organisation wrote and tried goes; released versions stay, for what was answered on them names them."""
    for model, name in (
        (DraftEdit, "draft_changes"),
        (QuestionnaireDraft, "questionnaire_drafts"),
        (WhatIfRow, "foreseen"),
        (WhatIfRun, "what_ifs"),
        (RetiredVersion, "retired_versions"),
        (VendorImport, "vendor_lists"),
        (ClauseWords, "clause_texts"),
        (FourthPartyName, "fourth_party_names"),
    ):
        found.add(name, run(session, delete(model).where(model.organisation_id == organisation_id)))


def proposals(session: Session, which: ColumnElement[bool]) -> None:
    """Reasons of proposals are free text, and go with their subject; those that still wait are withdrawn."""
    run(session, update(Erasure).where(which, Erasure.state == "proposed").values(state="withdrawn"))
    run(session, update(Erasure).where(which).values(reason=""))


# ---------------------------------------------------------------------------------------------------- company's side


def company(
    session: Session, company_id: uuid.UUID, found: Destroyed, *, by: uuid.UUID | None, now: datetime
) -> None:
    """Close a company: what is its alone goes; what is sealed stays with each organisation."""
    close_assessments(session, Assessment.company_id == company_id, "declined", by, now)
    found.add("history", run(session, delete(AnswerContent).where(AnswerContent.company_id == company_id)))
    found.add("kept_edits", run(session, delete(StaleEdit).where(StaleEdit.company_id == company_id)))
    found.add("drafts", run(session, delete(AnswerRow).where(AnswerRow.company_id == company_id)))
    waiting = delete(WorkbookUpload).where(WorkbookUpload.company_id == company_id)
    found.add("workbooks", run(session, waiting))
    run(session, delete(CarryConsent).where(CarryConsent.company_id == company_id))
    end_links(session, Delegation.company_id == company_id, now)
    run(session, update(Delegation).where(Delegation.company_id == company_id).values(message=""))
    _nobodys(session, company_id, found)
    grants = (EvidenceGrant.company_id == company_id) & EvidenceGrant.revoked_at.is_(None)
    run(session, update(EvidenceGrant).where(grants).values(revoked_at=now))
    library = (Evidence.company_id == company_id) & Evidence.removed_at.is_(None)
    run(session, update(Evidence).where(library).values(removed_at=now))
    documents = [
        row[0] for row in read(session, select(Evidence.id).where(Evidence.company_id == company_id))
    ]
    destroying.unreferenced(session, documents, found, now)
    kept = exists().where(SealedEvidence.evidence_id == Evidence.id) | exists().where(
        ProofDocument.evidence_id == Evidence.id
    )
    still = select(func.count()).select_from(Evidence).where(Evidence.company_id == company_id, kept)
    found.keep("sealed_documents", int(read(session, still)[0][0]))
    count = select(func.count()).select_from(Submission).where(Submission.company_id == company_id)
    found.keep("sealed_submissions", int(read(session, count)[0][0]))
    members = (CompanyMember.company_id == company_id) & CompanyMember.removed_at.is_(None)
    found.add("members", run(session, update(CompanyMember).where(members).values(removed_at=now)))
    letters(session, (Message.company_id == company_id) & Message.organisation_id.is_(None), found)
    invitations(
        session, (Invitation.company_id == company_id) & Invitation.organisation_id.is_(None), found, now
    )
    proposals(session, (Erasure.company_id == company_id) & Erasure.organisation_id.is_(None))
    cycle.of_place(session, company_id)
    leaving_letters.company_left(session, company_id, now=now)
    # Unlinked, so that each client may invite somebody of it once more.
    scheduled = (Reassessment.company_id == company_id) & (Reassessment.state == "scheduled")
    run(session, update(Reassessment).where(scheduled).values(state="ended"))
    left = read(session, select(Vendor.organisation_id, Vendor.id).where(Vendor.company_id == company_id))
    for one in sorted(left):
        vendors_moved(session, one.organisation_id, [one.id])
    run(session, update(Vendor).where(Vendor.company_id == company_id).values(company_id=None))
    run(session, update(Company).where(Company.id == company_id).values(closed_at=now))


def _nobodys(session: Session, company_id: uuid.UUID, found: Destroyed) -> None:
    """People who came by a link of this company have no account: nothing else holds their names."""
    came = select(Delegation.person_id).where(
        Delegation.company_id == company_id, Delegation.token_hash.is_not(None)
    )
    ids = [
        row[0]
        for row in read(
            session, select(PersonRow.id).where(PersonRow.id.in_(came), PersonRow.email.like("delegation:%"))
        )
    ]
    for one in ids:
        found.add("people", _blank(session, one, None))


# ------------------------------------------------------------------------------------------------------------ people


def _blank(session: Session, person_id: uuid.UUID, now: datetime | None) -> int:
    gone: dict[str, Any] = {
        "email": f"{ERASED}{person_id}",
        "address": f"{ERASED}{person_id}",
        "name": "A removed person",
        "password_hash": None,
        "erased_at": now,
        "zone": None,
        "post_hour": 7,
    }
    return run(session, update(PersonRow).where(PersonRow.id == person_id).values(**gone))


def person(session: Session, row: PersonRow, found: Destroyed, *, now: datetime) -> None:
    """Erase a person: name, address and all that lets them in. Ids stay, so the record still tells one from another.

    The caller has made sure that nobody is left without an administrator or owner.
    """
    for model, what in (
        (LoginSession, "sessions"),
        (PasswordReset, "links"),
        (AddressChange, "links"),
        (PersonMailbox, "mailboxes"),
        (SecondFactor, "factors"),
        (RecoveryCode, "factors"),
        (Passkey, "factors"),
        (WorkbookUpload, "workbooks"),
        (LetterChoice, "choices"),
        (CalendarFeed, "feeds"),
        (SavedView, "views"),
        (SsoIdentity, "sign_in"),
    ):
        found.add(what, run(session, delete(model).where(model.person_id == row.id)))
    tokens = ApiToken.person_id == row.id
    run(session, update(ApiToken).where(tokens, ApiToken.revoked_at.is_(None)).values(revoked_at=now))
    found.add("tokens", run(session, update(ApiToken).where(tokens).values(name="")))
    for member in (OrganisationMember, CompanyMember):
        left = (member.person_id == row.id) & member.removed_at.is_(None)
        found.add("memberships", run(session, update(member).where(left).values(removed_at=now)))
    end_links(session, Delegation.person_id == row.id, now)
    end_links(session, (Delegation.created_by == row.id) & Delegation.token_hash.is_not(None), now)
    letters(session, func.lower(Message.recipient).in_([row.email, row.address.lower()]), found)
    letters(session, func.lower(Message.reply_to).in_([row.email, row.address.lower()]), found)
    letters(session, Message.person_id == row.id, found)
    run(session, delete(Digest).where(Digest.person_id == row.id))
    theirs = (Invitation.accepted_by == row.id) | (Invitation.email == row.email)
    invitations(session, theirs, found, now)
    found.add("people", _blank(session, row.id, now))
    signed = (
        select(func.count())
        .select_from(SealedAttestation)
        .join(Submission, Submission.id == SealedAttestation.submission_id)
        .where(Submission.sealed_by == row.id)
    )
    found.keep("attestations", int(read(session, signed)[0][0]))
    contacts = select(func.count()).select_from(Contact).where(Contact.email == row.email)
    found.keep("contacts", int(read(session, contacts)[0][0]))
