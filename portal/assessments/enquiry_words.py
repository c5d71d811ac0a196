"""What kinds and states of enquiries are called on pages."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

# kind -> (what it is called, icon)
KIND_WORDS: dict[str, tuple[Any, str]] = {
    "question": (_l("Question"), "chat"),
    "more_time": (_l("More time"), "clock"),
    "decline": (_l("Decline"), "hand"),
    "other_person": (_l("Another person"), "users"),
    "reopen": (_l("Reopen"), "history"),
    "notice": (_l("Told"), "mail"),
    "review": (_l("Asked about an answer"), "chat"),
}
# state -> (word, tone, icon)
STATE_WORDS: dict[str, tuple[Any, str, str]] = {
    "open": (_l("Waits for an answer"), "info", "clock"),
    "answered": (_l("Answered"), "good", "check"),
    "granted": (_l("Granted"), "good", "check-circle"),
    "refused": (_l("Refused"), "caution", "cross"),
    "withdrawn": (_l("Taken back"), "none", "minus"),
    "asked": (_l("Waits for the vendor"), "caution", "clock"),
    "closed": (_l("Closed"), "none", "check"),
}
# What the company's form of a kind is called, what it leads to, its button, and the label of its words.
ASKING: dict[str, dict[str, Any]] = {
    "question": {
        "title": _l("Ask about a question"),
        "lead": _l("Your answers so far are not sent along: only what you write here is."),
        "button": _l("Send the question"),
        "label": _l("What you want to know"),
    },
    "more_time": {
        "title": _l("Ask for more time"),
        "lead": _l("The date stays as it is until it is moved. You can go on answering meanwhile."),
        "button": _l("Ask for more time"),
        "label": _l("Why you need it"),
    },
    "decline": {
        "title": _l("Decline to answer"),
        "lead": _l("Nothing is closed yet: the questionnaire stays open until your reason was read."),
        "button": _l("Decline with this reason"),
        "label": _l("Why you do not answer"),
    },
    "other_person": {
        "title": _l("Name another person"),
        "lead": _l("For whoever is asked at the wrong place. Your answers stay where they are."),
        "button": _l("Name this person"),
        "label": _l("Why this person is the right one"),
    },
    "reopen": {
        "title": _l("Ask to reopen your submission"),
        "lead": _l(
            "What you submitted stays on record, sealed. Reopened, your answers are in place again, to be changed "
            "and submitted anew."
        ),
        "button": _l("Ask to reopen it"),
        "label": _l("What has to change, and why"),
    },
}
# What the organisation's form of a change is called, what it leads to, its button, and which kind it settles.
CHANGING: dict[str, dict[str, Any]] = {
    "extend": {
        "title": _l("Move the date"),
        "lead": _l("The vendor is written to. Reminders follow the new date; none goes out for the old one."),
        "button": _l("Move the date"),
        "kind": "more_time",
    },
    "readdress": {
        "title": _l("Ask another person"),
        "lead": _l("The request goes on with all that is answered; only whom you write to changes."),
        "button": _l("Ask this person"),
        "kind": "other_person",
    },
    "cancel": {
        "title": _l("Take the request back"),
        "lead": _l(
            "The vendor is told and need not answer. What it has answered so far stays its own: you never see it. "
            "An assessment that was taken back is not opened again; issue a new one instead."
        ),
        "button": _l("Take the request back"),
        "kind": "",
    },
    "decline": {
        "title": _l("Accept that the vendor declines"),
        "lead": _l("The assessment is closed as declined, and the vendor is told. You can reopen it later."),
        "button": _l("Accept that they decline"),
        "kind": "decline",
    },
    "reopen": {
        "title": _l("Reopen"),
        "lead": _l(
            "The vendor answers once more, from where it stood. What was submitted before stays on record with its "
            "rating; the next submission is a new round."
        ),
        "button": _l("Reopen it"),
        "kind": "reopen",
    },
}
