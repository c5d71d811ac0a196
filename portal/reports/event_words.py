"""What an event's data say on its page: people's words for codes, counts for lists of keys, nothing for ids.

The export keeps every code as it was written; here stands only what a reader can use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from portal.addresses import ROLE_LABELS
from portal.assessments.documents import scan_words, size_words
from portal.assessments.enquiry_words import KIND_WORDS, STATE_WORDS
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.words import DATA
from portal.evidence.kinds import evidence_name
from portal.formats import short_date

LETTERS: Mapping[str, Any] = {
    "account_told": _l("a change of somebody's account"),
    "address_changed": _l("a changed address"),
    "address_confirm": _l("a new address to confirm"),
    "address_stop": _l("a change of address that can be stopped"),
    "address_taken": _l("an address that is taken"),
    "assessment_changed": _l("a change of an assessment"),
    "assessment_issued": _l("a new assessment"),
    "campaign_paused": _l("a campaign that waits for somebody"),
    "company_left": _l("a company that has left"),
    "delegation_colleague": _l("questions given to a colleague"),
    "delegation_finished": _l("a helper who is finished"),
    "delegation_link": _l("a link to questions"),
    "enquiry_answered": _l("an answer to an enquiry"),
    "enquiry_made": _l("a new enquiry"),
    "gate_told": _l("news of a gate"),
    "finding_organisation": _l("news about a finding, from a vendor"),
    "finding_vendor": _l("news about findings"),
    "incident_company": _l("an incident that a client has put on record"),
    "incident_organisation": _l("an incident at a vendor"),
    "invitation_company": _l("an invitation"),
    "invitation_organisation": _l("an invitation"),
    "invitation_vendor": _l("an invitation"),
    "opened_late": _l("a vendor that was asked too late"),
    "owners_told": _l("news for the owners"),
    "password_reset": _l("a link to set a password"),
    "receipt": _l("a receipt"),
    "reminder_assessment": _l("a reminder of an assessment"),
    "reminder_reassessment": _l("a reminder of a next assessment"),
    "reminder_unaccepted": _l("answers that wait to be accepted"),
    "second_asked": _l("something that waits for a second person"),
    "submitted": _l("a submission"),
    "wrong_person": _l("a person who was not the right one"),
}
WAY_WORDS: Mapping[Any, Any] = {
    "password": _l("a password"),
    "passkey": _l("a passkey"),
    "sso": _l("the organisation's provider"),
}
TIERS = {"critical": _l("critical"), "high": _l("high"), "medium": _l("medium"), "low": _l("low")}
COUNTED = ("saved", "keys")
NUMBERS = ("answers", "round", "rows", "marks")


def details(one: Event) -> list[tuple[str, str]]:
    """(name, value) of what the page adds under the sentence; "" as a name where the value speaks for itself."""
    found = []
    for name, value in one.data.items():
        if name in DATA and value not in (None, "", [], 0, False):
            words = _value(one.kind, name, value)
            if words:
                own = name in COUNTED or (name in ("kind", "state") and not one.kind.startswith("evidence."))
                found.append(("" if own else str(DATA[name]), words))
    return found


def _value(kind: str, name: str, value: Any) -> str:
    """A value in words; "" for a code that no reader needs."""
    if name in COUNTED:
        return _questions(value)
    if name in NUMBERS:
        return str(value)
    if name == "kind":
        return _kind(kind, str(value))
    if name == "what":
        return str(value).replace("_", " ") if kind == Kind.EXPORTED.value else ""
    if name in ("slug", "version"):
        return str(value) if kind.startswith("questionnaire.") else ""
    if name in ("fields", "field"):
        several = value if isinstance(value, list) else [value]
        return ", ".join(str(field).rpartition(".")[2].replace("_", " ") for field in several[:8])
    maker = PLAIN.get(name)
    return maker(value) if maker else ""


def _kind(kind: str, value: str) -> str:
    subject = kind.partition(".")[0]
    if subject in ("message", "reminder"):
        return str(_("about %(what)s", what=LETTERS[value])) if value in LETTERS else ""
    if subject == "evidence":
        return evidence_name(value)
    if subject == "enquiry":
        return str(KIND_WORDS[value][0]) if value in KIND_WORDS else ""
    return ""


def _questions(value: Any) -> str:
    """A list of keys, or how many they are; a delegation of none is one of everything."""
    count = len(value) if isinstance(value, list) else value if isinstance(value, int) else 0
    return str(ngettext("%(num)s question", "%(num)s questions", count)) if count else ""


def _day(value: Any) -> str:
    try:
        return short_date(date.fromisoformat(str(value)))
    except ValueError:
        return ""


def _state(value: Any) -> str:
    if value in STATE_WORDS:
        return str(STATE_WORDS[value][0])
    return str(_("Destroyed")) if value == "done" else ""


def _role(value: Any) -> str:
    return next((words for role, words in ROLE_LABELS.items() if role.value == value), "")


PLAIN: Mapping[str, Callable[[Any], str]] = {
    "due": _day,
    "role": _role,
    "tier": lambda value: str(TIERS.get(value, "")),
    "tier_from": lambda value: str(TIERS.get(value, "")),
    "tier_to": lambda value: str(TIERS.get(value, "")),
    "state": _state,
    "size": lambda value: size_words(value) if isinstance(value, int) else "",
    "scan": lambda value: "" if value == "not_scanned" else scan_words(str(value)).rstrip("."),
    "reason": lambda value: str(value).replace("_", " "),
    "way": lambda value: str(WAY_WORDS.get(value, "")),
    "operation": lambda value: str(value).replace("_", " "),
    "token": lambda value: str(_("the API token %(id)s", id=str(value)[:8])),
}
