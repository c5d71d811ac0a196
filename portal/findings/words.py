"""Findings in plain words: what was found, why it matters, where it stands, what has happened."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments.answering_cards import numbers
from portal.findings import earning, queries
from portal.findings.models import Finding
from portal.findings.queries import CLOSED, KNOCKOUT, MERGED, PLAN, PLANNED, PROOF, REVIEWER, STANDING
from portal.formats import long_date
from portal.library import service as library
from questionnaires.definition import Questionnaire

SEVERITY_WORDS: Mapping[str, Any] = MappingProxyType(
    {"critical": _l("Critical"), "high": _l("High"), "medium": _l("Medium"), "low": _l("Low")}
)
HOW_WORDS: Mapping[str, Any] = MappingProxyType(
    {"fixed": _l("settled"), "no_fault": _l("no fault"), "gone": _l("the vendor has left")}
)


@dataclass(frozen=True, slots=True)
class Described:
    """A finding in words. ``what``: the fault; "" once it was removed. ``number`` and ``question``: where it was found,
    "" for no single question.
    """

    what: str
    kind: str
    number: str
    question: str
    knockout: bool = False

    @property
    def title(self) -> str:
        """What a list calls it: a failed knock-out by its question, since all of them mean the same."""
        return self.question if self.knockout else self.what or self.question


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a finding stands, as a chip, and a sentence for whoever reads it."""

    tone: str
    icon: str
    label: str
    sentence: str


def described(session: Session, identity: Identity, rows: Iterable[Finding]) -> dict[uuid.UUID, Described]:
    """Findings in words, by id; one statement for those that a reviewer has written, however many."""
    some = list(rows)
    written = queries.first_words(session, identity, [one.id for one in some if one.code == REVIEWER])
    ours = identity.organisation is not None
    return {one.id: _described(session, one, written, ours) for one in some}


def _described(session: Session, one: Finding, written: Mapping[uuid.UUID, str], ours: bool) -> Described:
    definition = library.definition(session, one.content_hash)
    question = definition.questions.get(one.key)
    number = numbers(definition).get(one.key, "")
    asked = question.text if question is not None else ""
    if one.code == REVIEWER:
        return Described(written.get(one.id, ""), _("Added by a reviewer"), number, asked)
    if one.code == KNOCKOUT:
        return Described(_knockout(definition, one.key, ours), _("Failed knock-out"), number, asked, True)
    rule = earning.rule_of(definition, one.key, one.code)
    return Described(rule.text if rule is not None else "", _("From the answer"), number, asked)


def _knockout(definition: Questionnaire, key: str, ours: bool) -> str:
    """What a failed knock-out means. The vendor is not told a band here: what it sees of the result is a setting."""
    if not ours:
        text = _(
            "The answer falls below what must be reached here. Good answers elsewhere do not make up for it."
        )
        return str(text)
    question = definition.questions[key]
    band = next((one.label for one in definition.bands if one.name == definition.knockout_band), "")
    if not band:
        return str(_("The answer to this question falls below what it must reach."))
    return str(
        _(
            "The answer earns fewer than %(minimum)s of 100 points. While it does, the whole result is held at "
            "“%(band)s”, however good the other answers are.",
            minimum=question.minimum,
            band=band,
        )
    )


def is_overdue(one: Finding, today: date) -> bool:
    """Whether the day that was agreed has passed; the last day still counts."""
    return one.state in STANDING and one.due is not None and one.due < today


def stand(one: Finding, today: date, *, ours: bool) -> Stand:
    """``ours``: for the organisation; else for the vendor."""
    if one.state == CLOSED:
        how = {"fixed": _("Settled"), "no_fault": _("No fault")}.get(one.closed_how, _("Closed"))
        return Stand("good", "check-circle", how, _("It is closed."))
    if one.state == MERGED:
        return Stand("none", "minus", _("Merged"), _("It is part of another finding now."))
    if one.waits == PROOF:
        if ours:
            return Stand("info", "half", _("Proof to look at"), _("The vendor has given proof. You decide."))
        return Stand("info", "clock", _("Proof is looked at"), _("Your customer looks at the proof."))
    if one.waits == PLAN:
        if ours:
            return Stand(
                "info", "half", _("Plan to agree to"), _("The vendor has proposed a plan. You decide.")
            )
        return Stand("info", "clock", _("Plan is looked at"), _("Your customer looks at the plan."))
    if is_overdue(one, today):
        assert one.due is not None
        since = long_date(one.due)
        if ours:
            return Stand("bad", "alert", _("Overdue"), _("It was to be settled by %(day)s.", day=since))
        sentence = _("It was to be settled by %(day)s. Give proof, or propose a later day.", day=since)
        return Stand("bad", "alert", _("Overdue"), sentence)
    if one.state == PLANNED:
        if ours:
            return Stand("fair", "clock", _("Planned"), _("The vendor settles it by the day agreed."))
        return Stand("fair", "clock", _("Planned"), _("When it is done, give proof."))
    if ours:
        return Stand(
            "caution", "flag", _("No plan yet"), _("The vendor has not said who settles it, and by when.")
        )
    return Stand("caution", "flag", _("Waits for you"), _("Say who settles it, and by when."))


def uncalled_words(one: Finding, *, ours: bool) -> str:
    """Why the newest answers no longer call for a finding that stands, and what follows; "" while they do."""
    if one.called_for:
        return ""
    if not ours:
        said = {
            earning.ANSWERED: _("Your new answers no longer call for it."),
            earning.JUDGED: _("The way in which your answer was judged no longer calls for it."),
        }.get(one.uncalled, _("Your newest answers do not say whether it is settled."))
        return str(said)
    said = {
        earning.ANSWERED: _(
            "The question was answered anew, and the answer no longer calls for it. Close it once you are content: it "
            "does not go by itself."
        ),
        earning.JUDGED: _(
            "A reviewer's mark no longer calls for it; what was answered still does. Close it once there is proof, or "
            "with a second person where it is grave."
        ),
        earning.NOT_ASKED: _(
            "It was not found again because the question was not asked again: that is no sign that it is settled."
        ),
        earning.GONE: _(
            "It was not found again because the newer version of the questionnaire has no such question any more: "
            "that is no sign that it is settled."
        ),
    }.get(
        one.uncalled,
        _("The newest answers do not settle it: something is unanswered, doubted or without proof there."),
    )
    return str(said)


def uncalled_short(one: Finding) -> str:
    """The same in a line of a list; "" while answers call for it, and for what does not stand."""
    if one.called_for or one.state not in STANDING:
        return ""
    said = {
        earning.ANSWERED: _("the new answers no longer call for it"),
        earning.JUDGED: _("a mark no longer calls for it"),
        earning.NOT_ASKED: _("the question was not asked again"),
        earning.GONE: _("the question is gone from the newer version"),
    }.get(one.uncalled, _("the newest answers do not settle it"))
    return str(said)


def cost_words(one: Finding, asker: str) -> str:
    """What an open finding means for the vendor, by its severity; no numbers, since those are not the vendor's to see
    everywhere.
    """
    said = {
        "critical": _(
            "It weighs so much that %(asker)s may not go on with you, or only under conditions, until it is settled.",
            asker=asker,
        ),
        "high": _("It counts against you. %(asker)s may set conditions until it is settled.", asker=asker),
        "medium": _("It lowers the result. %(asker)s expects that you settle it in time.", asker=asker),
        "low": _("It is a smaller thing that makes the picture better once it is settled."),
    }[one.severity]
    return f"{said} {_('When the proof is accepted, your answer can be judged anew; until then it stands as it is.')}"


def step_words(kind: str, how: str) -> str:
    """The heading of a step in the history, without who did it."""
    if kind == "closed":
        return str({"no_fault": _("Closed: no fault"), "fixed": _("Closed: settled")}.get(how, _("Closed")))
    return str(
        {
            "opened": _("Put on record"),
            "confirmed": _("New answers call for it again"),
            "uncalled": _("The new answers no longer call for it"),
            "severity": _("Severity changed"),
            "merged": _("Another finding was merged into this one"),
            "plan": _("Plan proposed"),
            "agreed": _("Plan agreed"),
            "refused": _("Plan refused"),
            "proof": _("Proof given"),
            "sent_back": _("Proof sent back"),
        }[kind]
    )


def people_in(steps: Collection[queries.Step], *more: uuid.UUID | None) -> set[uuid.UUID]:
    """Everybody whose name a history needs."""
    found = {
        who for one in steps for who in (one.row.by, one.row.owner_id, one.row.second_id) if who is not None
    }
    return found | {one for one in more if one is not None}
