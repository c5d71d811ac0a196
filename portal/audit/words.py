"""Every kind of event in words, the group that it is filtered by, and who reads one that two tenants share.

Most events carry one tenant and are read there. One that carries both (its subject is shared, or one side acted on a
row of the other) is read as ``reader`` says: by ``both``, by the ``organisation``, by the ``company``, or by the side
of whoever ``acted``. A kind without a row here fails a test, so that nobody forgets to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from flask_babel import lazy_gettext as _l

from portal.audit.catalogue import Kind as K

Reader = Literal["both", "organisation", "company", "acted"]
GROUPS = MappingProxyType(
    {
        "access": _l("Accounts and sign-in"),
        "people": _l("People and settings"),
        "vendors": _l("Vendors and engagements"),
        "assessments": _l("Assessments"),
        "answers": _l("Answers"),
        "evidence": _l("Evidence"),
        "delegation": _l("Delegation"),
        "enquiries": _l("Enquiries"),
        "results": _l("Results and contracts"),
        "findings": _l("Findings"),
        "letters": _l("Letters"),
        "exports": _l("Exports"),
        "erasure": _l("Erasure and leaving"),
    }
)


@dataclass(frozen=True, slots=True)
class Words:
    """``sentence`` takes ``who``: a name, or who stands for nobody by name."""

    group: str
    reader: Reader
    sentence: Any


def _rows(group: str, reader: Reader, **sentences: Any) -> dict[K, Words]:
    return {K[name.upper()]: Words(group, reader, text) for name, text in sentences.items()}


WORDS: MappingProxyType[K, Words] = MappingProxyType(
    _rows(
        "access",
        "acted",
        person_created=_l("%(who)s made an account"),
        password_set=_l("%(who)s set a password"),
        password_reset_asked=_l("%(who)s asked for a link to set a password"),
        password_shown=_l("%(who)s confirmed their password"),
        signed_in=_l("%(who)s signed in"),
        sign_in_failed=_l("%(who)s failed to sign in"),
        sign_in_throttled=_l("Sign-in was slowed down after many attempts"),
        signed_out=_l("%(who)s signed out"),
        session_revoked=_l("%(who)s ended a session"),
        access_refused=_l("%(who)s was refused a page"),
        factor_started=_l("%(who)s began to set up a second factor"),
        factor_set=_l("%(who)s set up a second factor"),
        factor_removed=_l("%(who)s took away a second factor"),
        factor_failed=_l("%(who)s gave a wrong code of a second factor"),
        factor_shown=_l("%(who)s showed a second factor"),
        recovery_codes_made=_l("%(who)s made recovery codes"),
        recovery_code_used=_l("%(who)s used a recovery code"),
        address_change_asked=_l("%(who)s asked to change their address"),
        address_change_withdrawn=_l("%(who)s withdrew a change of address"),
        address_changed=_l("%(who)s changed their address"),
        person_changed=_l("%(who)s changed their name"),
        keys_set=_l("%(who)s switched single keys on or off"),
        restored=_l("The installation was restored from a backup"),
        passkey_added=_l("%(who)s added a passkey"),
        passkey_removed=_l("%(who)s took away a passkey"),
        passkey_failed=_l("A passkey of %(who)s was refused"),
        passkey_shown=_l("%(who)s showed a passkey"),
    )
    | _rows(
        "people",
        "acted",
        organisation_created=_l("The organisation was created"),
        settings_changed=_l("%(who)s changed the settings"),
        company_created=_l("The company was created"),
        member_added=_l("%(who)s let a person in"),
        member_removed=_l("%(who)s removed a person"),
        member_vouched_for=_l("%(who)s said that a person is here by nobody else's word"),
        invitation_sent=_l("%(who)s sent an invitation"),
        invitation_revoked=_l("%(who)s withdrew an invitation"),
        questionnaire_released=_l("%(who)s released a questionnaire"),
        draft_started=_l("%(who)s began a draft of a questionnaire"),
        draft_changed=_l("%(who)s changed a draft of a questionnaire"),
        draft_discarded=_l("%(who)s discarded a draft of a questionnaire"),
        version_retired=_l("%(who)s retired a version of a questionnaire"),
        version_brought_back=_l("%(who)s took up a retired version of a questionnaire again"),
        what_if_asked=_l("%(who)s asked what a version would change"),
        what_if_stopped=_l("%(who)s stopped working out what a version would change"),
        what_if_done=_l("What a version would change was worked out"),
        what_if_failed=_l("What a version would change could not be worked out"),
        definition_stored=_l("A version of a questionnaire was stored"),
        view_saved=_l("%(who)s kept the filters of a list"),
        view_removed=_l("%(who)s removed kept filters of a list"),
        token_made=_l("%(who)s made an API token"),
        token_revoked=_l("%(who)s revoked an API token"),
        webhook_added=_l("%(who)s added a webhook"),
        webhook_changed=_l("%(who)s changed a webhook"),
        webhook_removed=_l("%(who)s removed a webhook"),
        webhook_stopped=_l("A webhook was stopped after many failures"),
        webhook_resent=_l("%(who)s had a delivery of a webhook sent again"),
        sso_proposed=_l("%(who)s proposed a sign-in provider"),
        sso_settled=_l("%(who)s settled the proposal of a sign-in provider"),
        sso_linked=_l("%(who)s joined their account with the sign-in provider"),
        sso_unlinked=_l("An account was parted from the sign-in provider"),
        sso_failed=_l("A sign-in by the provider was refused"),
        sso_role_changed=_l("The sign-in provider changed somebody's role"),
        domain_allowed=_l("Addresses of a domain were allowed to the sign-in provider"),
    )
    | _rows("people", "both", invitation_accepted=_l("%(who)s accepted an invitation"))
    | _rows(
        "vendors",
        "organisation",
        vendor_created=_l("%(who)s put a vendor on record"),
        vendor_changed=_l("%(who)s changed a vendor"),
        vendor_unlinked=_l("%(who)s took a vendor away from a company here"),
        contact_added=_l("%(who)s wrote down a contact"),
        contact_changed=_l("%(who)s changed a contact"),
        contact_removed=_l("%(who)s removed a contact"),
        engagement_created=_l("%(who)s put an engagement on record"),
        engagement_changed=_l("%(who)s changed an engagement"),
        policy_changed=_l("A new version of the policy came into force, by %(who)s"),
        policy_proposed=_l("%(who)s proposed a policy that asks for less"),
        policy_settled=_l("A proposal to change the policy was settled by %(who)s"),
        intake_answered=_l("%(who)s answered the intake of an engagement"),
        tier_proposed=_l("%(who)s proposed that less holds for an engagement"),
        tier_settled=_l("A proposal that less holds for an engagement was settled by %(who)s"),
        vendors_read=_l("%(who)s uploaded a list of vendors"),
        vendors_discarded=_l("%(who)s threw an uploaded list of vendors away"),
        vendors_imported=_l("%(who)s took vendors over from a list"),
        standing_changed=_l("What stands at the gate of an engagement changed"),
        fourth_party_named=_l("%(who)s said which names are one subcontractor"),
        cycle_changed=_l("%(who)s changed the rules of the audit cycle"),
        reassessment_moved=_l("The date of a next assessment moved"),
        reassessment_opened=_l("The next assessment was opened"),
        reassessment_hindered=_l("A next assessment was not opened on its day"),
        reassessment_freed=_l("What kept a next assessment from being opened is over"),
        reassessment_left=_l("%(who)s left a next assessment out"),
        reassessment_taken_back=_l("%(who)s planned a next assessment again that was left out"),
        reminders_generated=_l("Reminders were generated"),
        trigger_set=_l("Something called for an earlier look at an engagement"),
        trigger_settled=_l("%(who)s settled what called for an earlier look"),
        incident_reported=_l("%(who)s reported an incident"),
        incident_continued=_l("%(who)s added to an incident"),
        incident_settled=_l("%(who)s settled an incident"),
        incident_reopened=_l("%(who)s opened an incident again that was settled"),
        campaign_started=_l("%(who)s started a campaign"),
        campaign_changed=_l("%(who)s changed a campaign"),
        campaign_closed=_l("%(who)s closed a campaign"),
    )
    | _rows("vendors", "both", vendor_linked=_l("%(who)s joined the vendor with a company here"))
    | _rows(
        "assessments",
        "both",
        assessment_issued=_l("%(who)s issued an assessment"),
        submitted=_l("%(who)s signed and submitted an assessment"),
        assessment_extended=_l("%(who)s moved the date of an assessment"),
        assessment_readdressed=_l("%(who)s addressed an assessment to another person"),
        assessment_resent=_l("%(who)s sent the letter of an assessment again"),
        assessment_declined=_l("An assessment was declined, as %(who)s settled"),
        assessment_cancelled=_l("%(who)s took the request for an assessment back"),
        assessment_reopened=_l("%(who)s reopened a submission"),
        questions_returned=_l("%(who)s returned chosen questions of a submission"),
        return_withdrawn=_l("%(who)s took back the return of questions"),
        assessment_move_asked=_l("%(who)s asked that an assessment goes over to another version"),
        assessment_moved=_l("An assessment went over to another version"),
        code_checked=_l("A confirmation code was compared"),
    )
    | _rows(
        "answers",
        "company",
        answers_saved=_l("%(who)s saved answers"),
        answers_accepted=_l("%(who)s accepted answers of a delegation"),
        answers_confirmed=_l("%(who)s said that earlier answers are still true"),
        consent_given=_l("%(who)s agreed that answers to other customers are offered"),
        consent_withdrawn=_l("%(who)s took back that answers to other customers are offered"),
        workbook_read=_l("%(who)s uploaded a workbook with answers"),
        workbook_applied=_l("%(who)s took answers over from a workbook"),
        workbook_discarded=_l("%(who)s threw an uploaded workbook away"),
    )
    | _rows(
        "evidence",
        "company",
        evidence_added=_l("%(who)s added a document"),
        evidence_changed=_l("%(who)s changed a document's kind, title or dates"),
        evidence_removed=_l("%(who)s removed a document"),
        evidence_granted=_l("%(who)s put a document beside an answer"),
        evidence_withdrawn=_l("%(who)s took a document away from an answer"),
        evidence_scanned=_l("A document was scanned for malware"),
    )
    | _rows("evidence", "both", evidence_opened=_l("%(who)s opened a document"))
    | _rows(
        "delegation",
        "company",
        delegated=_l("%(who)s gave questions to somebody"),
        delegation_opened=_l("%(who)s opened a delegation's link"),
        delegation_finished=_l("%(who)s said that a delegation is done"),
        delegation_revoked=_l("%(who)s took a delegation back"),
    )
    | _rows(
        "enquiries",
        "both",
        enquiry_made=_l("%(who)s asked something about an assessment"),
        enquiry_continued=_l("%(who)s wrote into an enquiry"),
        enquiry_settled=_l("%(who)s settled an enquiry"),
    )
    | _rows(
        "results",
        "organisation",
        rated=_l("A submission was rated"),
        mark_saved=_l("%(who)s marked an answer or a document"),
        mark_withdrawn=_l("%(who)s took a mark back"),
        marks_discarded=_l("%(who)s threw unwritten marks away"),
        marks_carried=_l("Marks of the round before were compared with the new answers"),
        marks_taken_over=_l("%(who)s took over unwritten marks of an earlier round"),
        review_taken=_l("%(who)s took over a review"),
        review_finished=_l("%(who)s finished a review"),
        review_resumed=_l("%(who)s opened a finished review again"),
        review_noted=_l("%(who)s wrote an internal note about an answer"),
        requirements_evaluated=_l("Contract requirements were evaluated"),
        contract_stepped=_l("%(who)s moved a contract requirement on the schedule"),
        contract_file_added=_l("%(who)s added a signed contract"),
        contract_file_opened=_l("%(who)s opened a signed contract"),
        waiver_proposed=_l("%(who)s proposed to waive a contract requirement"),
        waiver_closed=_l("%(who)s closed a proposal to waive a contract requirement"),
        settlement_made=_l("%(who)s settled a contract requirement that the answers leave open"),
        settlement_closed=_l("%(who)s closed a settlement of a contract requirement"),
        clause_saved=_l("%(who)s saved a clause text"),
        gate_proposed=_l("%(who)s proposed a decision at the gate"),
        gate_closed=_l("A proposed decision at the gate was closed by %(who)s"),
        gate_decided=_l("The gate of an engagement was decided, by %(who)s"),
        condition_stepped=_l("%(who)s said what became of a condition of the gate"),
        exception_proposed=_l("%(who)s asked that a risk is accepted for a time"),
        exception_settled=_l("An exception at the gate was settled by %(who)s"),
        reassessment_scheduled=_l("The date of the next assessment was set"),
        finding_noted=_l("%(who)s wrote an internal note about a finding"),
        closing_proposed=_l("%(who)s asked a second person to close a finding"),
        closing_settled=_l("A proposal to close a finding was settled by %(who)s"),
    )
    | _rows(
        "findings",
        "both",
        finding_opened=_l("A finding was opened"),
        finding_confirmed=_l("New answers call for a finding again"),
        finding_uncalled=_l("New answers no longer call for a finding"),
        finding_weighed=_l("%(who)s changed the severity of a finding"),
        finding_merged=_l("%(who)s merged two findings"),
        finding_closed=_l("%(who)s closed a finding"),
        plan_proposed=_l("%(who)s proposed who settles a finding, and by when"),
        plan_agreed=_l("%(who)s agreed to a plan for a finding"),
        plan_refused=_l("%(who)s refused a plan for a finding"),
        proof_given=_l("%(who)s gave proof that a finding is settled"),
        proof_sent_back=_l("%(who)s sent the proof for a finding back"),
    )
    | _rows(
        "letters",
        "organisation",
        reminder_queued=_l("A reminder was written"),
        message_sent=_l("A letter was sent"),
        message_failed=_l("A letter could not be sent"),
        letter_dropped=_l("A letter was not needed any more"),
        letter_resent=_l("%(who)s had a letter sent again"),
        letters_chosen=_l("%(who)s chose which letters to get"),
        feed_made=_l("%(who)s made a private calendar address"),
        feed_revoked=_l("%(who)s revoked a calendar address"),
        feed_read=_l("A private calendar was read"),
    )
    | _rows("exports", "acted", exported=_l("%(who)s took a file away"))
    | _rows(
        "erasure",
        "acted",
        erasure_proposed=_l("%(who)s proposed that data are destroyed"),
        erasure_settled=_l("A proposal to destroy data was settled by %(who)s"),
        retention_applied=_l("What was kept long enough was destroyed"),
        organisation_closed=_l("%(who)s closed the organisation"),
        company_closed=_l("%(who)s closed the company"),
        person_erased=_l("A person was erased"),
        certificate_issued=_l("A certificate of destruction was issued"),
    )
    | _rows("erasure", "organisation", vendor_offboarded=_l("%(who)s offboarded a vendor"))
    | _rows("erasure", "both", redacted=_l("Sealed answers were destroyed; their hashes stay"))
)
# What the codes in an event's data are called; names that are not here are shown in the export alone.
DATA = MappingProxyType(
    {
        "slug": _l("questionnaire"),
        "version": _l("version"),
        "due": _l("due"),
        "round": _l("round"),
        "answers": _l("answers"),
        "saved": _l("questions"),
        "keys": _l("questions"),
        "fields": _l("fields"),
        "field": _l("field"),
        "role": _l("role"),
        "purpose": _l("purpose"),
        "what": _l("list"),
        "rows": _l("rows"),
        "kind": _l("kind"),
        "step": _l("step"),
        "tier": _l("tier"),
        "tier_from": _l("tier before"),
        "tier_to": _l("tier after"),
        "state": _l("state"),
        "marks": _l("marks"),
        "size": _l("bytes"),
        "scan": _l("scan"),
        "endpoint": _l("page"),
        "reason": _l("reason"),
        "way": _l("by"),
        "operation": _l("operation"),
        "token": _l("through"),
    }
)


def readable_kinds(side: str) -> list[str]:
    """The kinds of shared events that ``side`` reads whoever acted."""
    return sorted(kind.value for kind, words in WORDS.items() if words.reader in ("both", side))


def acted_kinds() -> list[str]:
    """The kinds of shared events that only the side of whoever acted reads."""
    return sorted(kind.value for kind, words in WORDS.items() if words.reader == "acted")


def kinds_of(group: str) -> list[str]:
    """The kinds of one group."""
    return sorted(kind.value for kind, words in WORDS.items() if words.group == group)


def words_of(kind: str) -> Words:
    """The words of a stored kind; one that the catalogue no longer has reads as it is written."""
    try:
        return WORDS[K(kind)]
    except (KeyError, ValueError):
        return Words("access", "acted", kind.replace("%", "%%"))
