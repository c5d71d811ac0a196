"""Which events move the ground of a gate: whoever records one says so in the same transaction (vendors.ground)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.audit.catalogue import Kind
from portal.audit.service import KINDS
from portal.db import NOBODY
from portal.vendors.ground import MOVED

MOVES = frozenset(
    {
        Kind.VENDOR_LINKED,
        Kind.VENDOR_UNLINKED,
        Kind.VENDOR_CHANGED,  # its country is a fact
        Kind.VENDOR_OFFBOARDED,
        Kind.ENGAGEMENT_CHANGED,
        Kind.INTAKE_ANSWERED,
        Kind.TIER_PROPOSED,
        Kind.TIER_SETTLED,
        Kind.POLICY_CHANGED,
        Kind.SUBMITTED,
        Kind.RATED,
        Kind.ASSESSMENT_REOPENED,
        Kind.ASSESSMENT_EXTENDED,  # of a later round, until when it is open
        Kind.ASSESSMENT_CANCELLED,
        Kind.ASSESSMENT_DECLINED,
        Kind.QUESTIONS_RETURNED,
        Kind.RETURN_WITHDRAWN,
        Kind.MARK_SAVED,
        Kind.MARK_WITHDRAWN,
        Kind.MARKS_DISCARDED,
        Kind.MARKS_CARRIED,
        Kind.MARKS_TAKEN_OVER,
        Kind.REQUIREMENTS_EVALUATED,
        Kind.CONTRACT_STEPPED,
        Kind.WAIVER_CLOSED,
        Kind.SETTLEMENT_MADE,
        Kind.SETTLEMENT_CLOSED,
        Kind.CLAUSE_SAVED,
        Kind.FINDING_OPENED,
        Kind.FINDING_WEIGHED,
        Kind.FINDING_MERGED,
        Kind.FINDING_CLOSED,
        Kind.PLAN_AGREED,
        Kind.EXCEPTION_SETTLED,
        Kind.GATE_DECIDED,  # what is stored of a gate rests on its decision (gate/standings.py)
        Kind.GATE_CLOSED,
        Kind.CONDITION_STEPPED,
        Kind.REDACTED,
        Kind.COMPANY_CLOSED,
    }
)
# Nothing that a gate rests on: sessions and people, letters, drafts of answers and questionnaires, lists and exports;
# what waits for a second person; what is new and has no gate yet; what a gate reads as it is (settings).
STILL = frozenset(
    {
        Kind.PERSON_CREATED, Kind.PASSWORD_SET, Kind.PASSWORD_RESET_ASKED, Kind.SIGNED_IN, Kind.PASSWORD_SHOWN,
        Kind.SIGN_IN_FAILED, Kind.SIGN_IN_THROTTLED, Kind.SIGNED_OUT, Kind.SESSION_REVOKED, Kind.ACCESS_REFUSED,
        Kind.ORGANISATION_CREATED, Kind.SETTINGS_CHANGED, Kind.COMPANY_CREATED, Kind.MEMBER_ADDED,
        Kind.MEMBER_REMOVED, Kind.MEMBER_VOUCHED_FOR, Kind.INVITATION_SENT, Kind.INVITATION_ACCEPTED,
        Kind.INVITATION_REVOKED, Kind.QUESTIONNAIRE_RELEASED, Kind.DRAFT_STARTED, Kind.DRAFT_CHANGED,
        Kind.DRAFT_DISCARDED, Kind.VERSION_RETIRED, Kind.VERSION_BROUGHT_BACK, Kind.WHAT_IF_ASKED,
        Kind.WHAT_IF_STOPPED, Kind.WHAT_IF_DONE, Kind.WHAT_IF_FAILED, Kind.DEFINITION_STORED,
        Kind.VENDOR_CREATED,
        Kind.CONTACT_ADDED, Kind.ENGAGEMENT_CREATED, Kind.POLICY_PROPOSED, Kind.POLICY_SETTLED,
        Kind.VENDORS_READ,
        Kind.VENDORS_DISCARDED, Kind.VENDORS_IMPORTED, Kind.ASSESSMENT_ISSUED, Kind.ANSWERS_SAVED,
        Kind.WORKBOOK_READ, Kind.WORKBOOK_APPLIED, Kind.WORKBOOK_DISCARDED, Kind.REVIEW_TAKEN,
        Kind.REVIEW_FINISHED, Kind.REVIEW_RESUMED, Kind.REVIEW_NOTED, Kind.CONTRACT_FILE_ADDED,
        Kind.CONTRACT_FILE_OPENED, Kind.WAIVER_PROPOSED, Kind.GATE_PROPOSED, Kind.EXCEPTION_PROPOSED,
        Kind.FINDING_CONFIRMED, Kind.FINDING_UNCALLED,
        Kind.FINDING_NOTED, Kind.CLOSING_PROPOSED, Kind.CLOSING_SETTLED, Kind.PLAN_PROPOSED, Kind.PLAN_REFUSED,
        Kind.PROOF_GIVEN, Kind.PROOF_SENT_BACK, Kind.REASSESSMENT_SCHEDULED, Kind.REMINDER_QUEUED,
        Kind.MESSAGE_SENT, Kind.MESSAGE_FAILED, Kind.EXPORTED, Kind.FACTOR_STARTED, Kind.FACTOR_SET,
        Kind.FACTOR_REMOVED, Kind.FACTOR_FAILED, Kind.FACTOR_SHOWN, Kind.RECOVERY_CODES_MADE,
        Kind.RECOVERY_CODE_USED, Kind.ADDRESS_CHANGE_ASKED, Kind.ADDRESS_CHANGE_WITHDRAWN, Kind.ADDRESS_CHANGED,
        Kind.PERSON_CHANGED, Kind.KEYS_SET, Kind.EVIDENCE_ADDED, Kind.EVIDENCE_CHANGED, Kind.EVIDENCE_REMOVED,
        Kind.EVIDENCE_GRANTED, Kind.EVIDENCE_WITHDRAWN, Kind.EVIDENCE_OPENED, Kind.EVIDENCE_SCANNED,
        Kind.DELEGATED, Kind.DELEGATION_OPENED, Kind.DELEGATION_FINISHED, Kind.DELEGATION_REVOKED,
        Kind.ANSWERS_ACCEPTED, Kind.ANSWERS_CONFIRMED, Kind.CONSENT_GIVEN, Kind.CONSENT_WITHDRAWN,
        Kind.ENQUIRY_MADE, Kind.ENQUIRY_CONTINUED, Kind.ENQUIRY_SETTLED, Kind.ASSESSMENT_READDRESSED,
        Kind.ASSESSMENT_RESENT, Kind.ASSESSMENT_MOVE_ASKED, Kind.ASSESSMENT_MOVED, Kind.CODE_CHECKED,
        Kind.CONTACT_CHANGED, Kind.CONTACT_REMOVED, Kind.ERASURE_PROPOSED, Kind.ERASURE_SETTLED,
        Kind.RETENTION_APPLIED, Kind.ORGANISATION_CLOSED, Kind.PERSON_ERASED, Kind.CERTIFICATE_ISSUED,
        Kind.RESTORED,
        Kind.PASSKEY_ADDED, Kind.PASSKEY_REMOVED, Kind.PASSKEY_FAILED, Kind.PASSKEY_SHOWN,
        Kind.VIEW_SAVED, Kind.VIEW_REMOVED, Kind.TOKEN_MADE, Kind.TOKEN_REVOKED, Kind.WEBHOOK_ADDED,
        Kind.WEBHOOK_CHANGED, Kind.WEBHOOK_REMOVED, Kind.WEBHOOK_STOPPED, Kind.WEBHOOK_RESENT,
        Kind.SSO_PROPOSED, Kind.SSO_SETTLED, Kind.SSO_LINKED, Kind.SSO_UNLINKED, Kind.SSO_FAILED,
        Kind.SSO_ROLE_CHANGED, Kind.DOMAIN_ALLOWED, Kind.STANDING_CHANGED, Kind.FOURTH_PARTY_NAMED,
        Kind.CYCLE_CHANGED, Kind.REASSESSMENT_MOVED, Kind.REASSESSMENT_OPENED,
        Kind.REASSESSMENT_HINDERED, Kind.REASSESSMENT_FREED, Kind.REASSESSMENT_LEFT,
        Kind.REASSESSMENT_TAKEN_BACK,
        Kind.REMINDERS_GENERATED, Kind.TRIGGER_SET,
        Kind.TRIGGER_SETTLED, Kind.INCIDENT_REPORTED, Kind.INCIDENT_CONTINUED, Kind.INCIDENT_SETTLED,
        Kind.INCIDENT_REOPENED,
        Kind.CAMPAIGN_STARTED, Kind.CAMPAIGN_CHANGED, Kind.CAMPAIGN_CLOSED, Kind.LETTER_DROPPED,
        Kind.LETTER_RESENT, Kind.LETTERS_CHOSEN, Kind.FEED_MADE, Kind.FEED_REVOKED, Kind.FEED_READ,
    }
)  # fmt: skip


def insist() -> None:
    """From now on a transaction of a tenant that records one of MOVES and moves no ground fails at its commit.

    Of a tenant only: what tests write by hand for the worker is theirs.
    """
    if not event.contains(Session, "before_commit", _check):
        event.listen(Session, "before_commit", _check)


def _check(session: Any) -> None:
    kinds: set[Kind] = session.info.get(KINDS, set())
    scope = session.info.get("scope", NOBODY)
    owed = sorted(one.value for one in kinds & MOVES)
    if owed and not scope.system and not session.info.get(MOVED):
        raise AssertionError(f"the ground of gates moved, and no engagement says so: {', '.join(owed)}")
