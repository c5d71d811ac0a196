"""What kinds, counts and states of erasure are called on pages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flask_babel import lazy_gettext as _l

KINDS: Mapping[str, Any] = MappingProxyType(
    {
        "answer": _l("Some answers"),
        "submission": _l("All answers of an assessment"),
        "intake": _l("The answers of an intake"),
        "vendor": _l("A vendor leaves"),
        "organisation": _l("The organisation leaves"),
        "company": _l("The company leaves"),
        "person": _l("A person"),
        "retention": _l("Old answers, by the setting"),
    }
)
STATES: Mapping[str, tuple[str, str, Any]] = MappingProxyType(
    {
        "proposed": ("caution", "clock", _l("Waits for a second person")),
        "done": ("good", "check-circle", _l("Done")),
        "refused": ("none", "cross", _l("Refused")),
        "withdrawn": ("none", "minus", _l("Withdrawn")),
    }
)
COUNTS: Mapping[str, Any] = MappingProxyType(
    {
        "answers": _l("Sealed answers with their salts"),
        "earlier_answers": _l("Earlier answers shown to reviewers"),
        "documents": _l("Documents beside sealed answers"),
        "attestations": _l("Attestations"),
        "review_words": _l("Marks in the making, reasons, remarks and notes of reviewers"),
        "finding_words": _l("What was written about findings"),
        "proof_documents": _l("Documents given as proof for findings"),
        "reasons": _l("Reasons of contract evaluations"),
        "library_documents": _l("Documents of the library"),
        "history": _l("Revisions of drafts"),
        "kept_edits": _l("Edits that waited for a choice"),
        "workbooks": _l("Uploaded workbooks that waited for a choice"),
        "drafts": _l("Draft answers"),
        "questionnaire_drafts": _l("Drafts of questionnaires"),
        "draft_changes": _l("Changes of drafts of questionnaires"),
        "what_ifs": _l("What-ifs: versions that were tried"),
        "foreseen": _l("What-ifs: what would become of submissions"),
        "contract_words": _l("Texts about contract requirements"),
        "contract_files": _l("Signed contracts"),
        "clause_texts": _l("Clause texts of your own"),
        "intake_answers": _l("Answers to intakes"),
        "vendor_lists": _l("Uploaded lists of vendors"),
        "retired_versions": _l("Notes that a version is retired"),
        "enquiry_texts": _l("Messages of enquiries"),
        "incident_words": _l("What was written about incidents"),
        "campaigns": _l("Titles and reasons of campaigns"),
        "letters": _l("Letters"),
        "invitations": _l("Names and addresses in invitations"),
        "assessments": _l("Reasons and facts of assessments"),
        "engagements": _l("Engagements: name, description, facts"),
        "contacts": _l("Contacts"),
        "vendors": _l("Vendors offboarded"),
        "members": _l("Memberships ended"),
        "memberships": _l("Memberships ended"),
        "people": _l("Names and addresses of people"),
        "sessions": _l("Signed-in browsers"),
        "links": _l("Links to set a password or an address"),
        "choices": _l("Choices of letters"),
        "feeds": _l("Private calendar addresses"),
        "tokens": _l("API tokens"),
        "webhooks": _l("Webhooks and what was sent to them"),
        "sign_in": _l("Settings of a sign-in provider, and whom it knows"),
        "views": _l("Saved views of lists"),
        "factors": _l("Second factors and recovery codes"),
        "search_words": _l("Words and names of firms under which answers were found"),
        "fourth_party_names": _l("Names that were said to be one firm's"),
        "standings": _l("Standings of gates, as they were kept for lists"),
        "gate_words": _l("Reasons and conditions of gate decisions, in words"),
        "mailboxes": _l("Codes of addresses that were used before"),
        "files": _l("Files"),
    }
)
KEPT: Mapping[str, Any] = MappingProxyType(
    {
        "drafts_of_companies": _l(
            "Assessments whose drafts stay with the company that wrote them: they are its own."
        ),
        "sealed_documents": _l(
            "Documents that were sealed with a submission: they stay with the organisations that rest decisions "
            "on them, until each of them destroys its own."
        ),
        "sealed_submissions": _l(
            "Sealed submissions: they belong to both sides, and stay with each organisation until it destroys them."
        ),
        "attestations": _l(
            "Attestations signed with this name: they are part of what was sealed, and go when the "
            "submission's answers do."
        ),
        "contacts": _l("Entries in contact lists of organisations: each organisation removes its own."),
    }
)
