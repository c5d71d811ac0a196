"""Every column that can hold somebody's words has somebody who destroys it; a new one fails until it has (law 6)."""

from __future__ import annotations

from sqlalchemy import JSON, LargeBinary, String, Text

from portal.tables import metadata

ANSWERS = "destroying.answers, parting.vendors"
SEALED = "destroying.sealed"
VENDOR = "parting.vendors"
FINDINGS = "findings.of_answers, findings.of_vendors, findings.of_closed"
QUOTING = "quoting.reasons (the reason)"
QUOTED = "quoting.reasons (of decisions that rest on the answer)"
PERSON = "parting.person"
COMPANY = "parting.company"
ORGANISATION = "parting.organisation"
STAYS = "stays: "

# table -> who destroys what a person may have written in it, or why it stays.
WHO: dict[str, str] = {
    "address_change": PERSON,
    "answer": f"{ANSWERS}, {COMPANY}",
    "answer_content": f"{ANSWERS}, {COMPANY}",
    "answer_revision": STAYS + "ids",
    "answer_turn": SEALED,
    "answer_word": SEALED,
    "webhook": f"{ORGANISATION}, webhooks.service.remove",
    "webhook_delivery": f"{ORGANISATION}, webhooks.service.remove, retention.tidy",
    "api_request": f"{ORGANISATION}, retention.tidy",
    "saved_view": f"{PERSON}, {ORGANISATION}, organisations.saved.forget",
    "api_token": f"{PERSON}, {ORGANISATION}, organisations.tokens.revoke_of: its name",
    "assessment": VENDOR,
    "assessment_move": STAYS + "ids, hashes and states",
    "campaign": "cycle.of_organisation",
    "campaign_target": STAYS + "ids and codes",
    "brief_condition": VENDOR,
    "brief_submission": VENDOR,
    "certificate": STAYS + "ids, counts and hashes",
    "clause_text": STAYS + "keys and commitments",
    "clause_words": ORGANISATION,
    "contract_file": VENDOR,
    "contract_item": STAYS + "ids and keys",
    "contract_step": STAYS + "codes, dates and a commitment",
    "contract_words": f"{VENDOR}, {QUOTING}",
    "settlement": f"{VENDOR}, {QUOTING}",
    "waiver_proposal": f"{VENDOR}, {QUOTING}",
    "company": STAYS + "a firm's name, which receipts and other clients' records rest on",
    "company_member": STAYS + "ids and roles",
    "condition_note": f"{VENDOR}, {QUOTED}",
    "condition_step": STAYS + "ids, codes and dates",
    "contact": VENDOR,
    "decision_words": f"{VENDOR}, {QUOTED}",
    "definition": STAYS + "a questionnaire is no data of a vendor's",
    "delegation": COMPANY,
    "doomed_file": "retention.delete_files",
    "engagement": VENDOR,
    "enquiry": f"{ANSWERS}: person",
    "enquiry_entry": ANSWERS,
    "erasure": "service.destroy, parting.proposals: reason",
    "evaluation": STAYS + "codes; texts of facts are not kept (facts.judged)",
    "evaluation_reasons": SEALED,
    "event": STAYS + "codes, which record() enforces",
    "evidence": "destroying.unreferenced",
    "evidence_grant": STAYS + "ids and keys",
    "evidence_term": SEALED,
    "finding": STAYS + "ids, codes and days",
    "finding_closing": f"{FINDINGS}: reason",
    "finding_engagement": STAYS + "ids and a hash",
    "finding_note": FINDINGS,
    "finding_step": STAYS + "ids, codes, days and commitments",
    "finding_words": FINDINGS,
    "fourth_party": SEALED,
    "fourth_party_name": ORGANISATION,
    "gate_brief": VENDOR,
    "gate_decision": STAYS + "ids, codes, dates and a commitment",
    "gate_proposal": f"{VENDOR}, {QUOTED}: reason and words",
    "indexed_submission": SEALED,
    "lapsed_mark": STAYS + "ids and keys",
    "mark": STAYS + "ids, codes and points",
    "mark_draft": SEALED,
    "mark_reason": SEALED,
    "mark_remark": SEALED,
    "intake": STAYS + "points, codes and a commitment",
    "intake_answers": f"{VENDOR}, engagement_words.intake, retention.apply",
    "invitation": f"{VENDOR}, {ORGANISATION}, {COMPANY}, {PERSON}: name and address",
    "incident": STAYS + "ids, codes and days",
    "incident_entry": STAYS + "ids and commitments",
    "incident_words": "cycle.of_vendors",
    "calendar_feed": PERSON,
    "letter_choice": f"{PERSON}, cycle.of_place",
    "login_session": f"{PERSON}, retention.tidy",
    "message": f"{VENDOR}, {ORGANISATION}, {COMPANY}, {PERSON}, retention.tidy",
    "organisation": STAYS + "a firm's name, which receipts of vendors rest on",
    "organisation_member": STAYS + "ids and roles",
    "passkey": PERSON,
    "password_reset": f"{PERSON}, retention.tidy",
    "person_mailbox": PERSON,
    "person": f"{PERSON}, {COMPANY} (who came by a link)",
    "policy_proposal": STAYS + "codes and numbers",
    "policy_version": STAYS + "codes and numbers",
    "proof_document": FINDINGS,
    "questionnaire_draft": ORGANISATION,
    "questionnaire_draft_edit": ORGANISATION,
    "rating": STAYS + "points and codes; texts of facts are not kept (facts.judged)",
    "cycle_version": STAYS + "codes and numbers",
    "reassessment": STAYS + "dates and codes",
    "recovery_code": PERSON,
    "released_version": STAYS + "a questionnaire is no data of a vendor's",
    "retired_version": ORGANISATION,
    "review": STAYS + "ids and states",
    "review_note": SEALED,
    "reminder": STAYS + "ids and dates",
    "reminder_end": STAYS + "ids and codes",
    "reminder_step": STAYS + "ids, codes and days",
    "requirement_catalogue": STAYS + "what we ship",
    "risk_exception": f"{VENDOR}, {QUOTING}",
    "risk_exception_step": STAYS + "ids, codes and dates",
    "round_reason": SEALED,
    "round_scope": STAYS + "ids, keys and dates",
    "sealed_answer": SEALED,
    "sealed_attestation": SEALED,
    "sealed_evidence": SEALED,
    "second_factor": PERSON,
    "spent_challenge": "retention.tidy",
    "standing_record": STAYS + "ids, codes and days",
    "sso_connection": ORGANISATION,
    "sso_domain": ORGANISATION,
    "sso_identity": f"{PERSON}, {ORGANISATION}",
    "sso_proposal": ORGANISATION,
    "stale_edit": f"{ANSWERS}, {COMPANY}",
    "submission": STAYS + "commitments and hashes",
    "throttle": "retention.tidy",
    "tier_proposal": STAYS + "ids and codes",
    "trigger": "cycle.of_vendors",
    "vendor": STAYS + "a firm's name, by which its certificate is found",
    "vendor_import": f"{ORGANISATION}, retention.tidy, importing.confirm",
    "what_if_row": f"{VENDOR}, {ORGANISATION}",
    "what_if_run": ORGANISATION,
    "workbook_upload": f"{ANSWERS}, {COMPANY}, {PERSON}, retention.tidy, workbook_uploads.forget_all",
    "working_year": STAYS + "public holidays",
    "worker_beat": STAYS + "names of machines, forgotten after a week",
    "worker_run": STAYS + "names of machines and of jobs, and numbers, forgotten after a week",
    "worker_turn": STAYS + "names of machines, overwritten",
}


def test_every_table_with_words_has_somebody_who_destroys_them() -> None:
    wordy = {
        name
        for name, table in metadata.tables.items()
        if any(isinstance(one.type, (String, Text, JSON, LargeBinary)) for one in table.columns)
    }
    assert wordy == set(WHO)


def test_rows_that_never_change_only_hold_what_stays() -> None:
    sealed = {name for name, table in metadata.tables.items() if table.info["immutable"]}
    assert {name for name in sealed if not WHO[name].startswith(STAYS)} == set()
