"""What the page of a gate shows: how it stands and why, what to do next, what waits, and the form to decide."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from portal.access import Identity, Permission, Person
from portal.addresses import ROLE_LABELS
from portal.gate import (
    accepting,
    approving,
    arranging,
    case,
    lifting,
    naming,
    offering,
    queries,
    reading,
    second,
    ways,
    words,
)
from portal.gate.case import Case
from portal.gate.choosing import better
from portal.gate.deciding import BY_HAND, OUTCOMES, Condition
from portal.gate.forms import DecideForm, NoteForm, RefuseForm, Typed
from portal.gate.lifting import Past
from portal.gate.lines import Ground
from portal.gate.models import GateDecision, GateProposal, RiskException
from portal.gate.queries import MET, REOPENED, Said, Step
from portal.gate.service import seen_of
from portal.gate.standing import Decided, Effective
from portal.gate.words import Line, Names
from portal.organisations import four_eyes
from portal.organisations import queries as organisations
from portal.organisations.models import Organisation
from portal.vendors import queries as vendors


@dataclass(frozen=True, slots=True)
class Held:
    """A condition of the decision that stands. ``state``: open, met or late; ``may``: what the reader may say of it
    (met or reopened), ``why_not``: what stands in the way.
    """

    condition: Condition
    text: str
    state: str
    steps: tuple[Step, ...] = ()
    may: str = ""
    why_not: str = ""


class Subject:
    """Everything of one gate, read with the identity's own eyes in a fixed number of statements."""

    def __init__(self, session: Session, identity: Identity, engagement: uuid.UUID, *, now: datetime) -> None:
        self.session, self.identity, self.now = session, identity, now
        row = vendors.engagement(session, identity, engagement)
        self.standing = reading.standing(session, row.organisation_id, [row.id], now=now)[row.id]
        self.case: Case = case.of(session, identity, row, self.standing.loaded)
        self.ours: Organisation = organisations.organisation_of(session, identity)
        self.history: list[GateDecision] = queries.decisions(session, identity, row.id)
        self.said: dict[uuid.UUID, Said] = queries.said(session, identity, [one.id for one in self.history])
        self.waiting: GateProposal | None = queries.waiting(session, identity, row.id)
        self.exceptions: list[RiskException] = queries.exceptions(session, identity, row.id)
        self.eyes = four_eyes.look(session, identity, now=now)
        self.names: Names = naming.of(session, identity, self._named(), self.case.evaluation_id)
        self.people: dict[uuid.UUID, Person] = organisations.people(session, self._people())

    @property
    def decision(self) -> GateDecision | None:
        return self.standing.decision

    @property
    def decided(self) -> Decided | None:
        return self.standing.decided

    @property
    def effective(self) -> Effective | None:
        return self.standing.effective

    @property
    def today(self) -> date:
        return self.case.today

    def texts(self) -> Mapping[str, str]:
        """Conditions added by hand to the decision that stands, by subject."""
        return self.said[self.decision.id].conditions if self.decision is not None else {}

    def _named(self) -> list[Ground]:
        found = [*self.case.proposal.grounds]
        if self.decided is not None:
            found += self.decided.proposal.grounds
        if self.effective is not None:
            found += [one.now for one in self.effective.lapses if one.now is not None]
        return found

    def _people(self) -> set[uuid.UUID]:
        found: set[uuid.UUID | None] = {self.case.engagement.business_owner_id}
        for row in self.history:
            found |= {row.decided_by, row.approved_by}
        for one in self.exceptions:
            found |= {one.proposed_by, one.settled_by}
        if self.waiting is not None:
            found.add(self.waiting.proposed_by)
        found |= set(self.eyes.seats)
        return {one for one in found if one is not None}


def page_of(
    subject: Subject,
    *,
    form: DecideForm | None = None,
    typed: Typed | None = None,
    refusal: RefuseForm | None = None,
    note_form: NoteForm | None = None,
    failed: bool = False,
    stale: bool = False,
) -> dict[str, Any]:
    """What the template takes."""
    identity, found = subject.identity, subject.case
    decides = case.may_decide(identity, found.demands.roles) and found.vendor.offboarded_at is None
    lines = [words.line(one, subject.names) for one in found.proposal.grounds]
    seen = seen_of(found, subject.decision.sequence if subject.decision else 0, subject.waiting)
    if form is not None and stale:
        form.seen.data = seen
    past = lifting.read(subject.session, identity, subject.history) if decides or subject.waiting else ()
    offer = offering.offer(subject, past, form, typed, seen=seen) if decides else None
    return {
        "subject": subject,
        "engagement": found.engagement,
        "vendor": found.vendor,
        "ours": subject.ours,
        "today": subject.today,
        "proposal": found.proposal,
        "arranged": arranging.arrange(lines),
        "headline": arranging.headline,
        "next_step": lambda ground, of=1: ways.next_step(ground, found, identity, of),
        "words": words,
        "role_labels": {one.value: label for one, label in ROLE_LABELS.items()},
        "people": subject.people,
        "decision": subject.decision,
        "effective": subject.effective,
        "outcome": subject.effective.outcome if subject.effective else "undecided",
        "lapses": lapsed_words(subject),
        "conditions": arranging.grouped(held(subject), lambda one: one.condition, lambda one: one.state),
        "rules": arranging.rules_of(
            offer.typed.rules if offer else (), lambda one: words.condition(one, subject.names, {})
        ),
        "waiting": _waiting(subject, past),
        "refused": queries.last_refused(subject.session, identity, found.engagement.id),
        "exceptions": subject.exceptions,
        "exception_words": lambda row: _exception(row, subject),
        "objections": {
            one.id: second.objection(found, subject.eyes, one.proposed_by, proposed_at=one.proposed_at)
            for one in subject.exceptions
            if one.state == queries.WAITING
        },
        "acceptable": {one.key for one in accepting.open_to(found)},
        "decides": decides,
        "two": found.demands.approvals > 1,
        "roles": found.demands.roles,
        "form": offer.form if offer else DecideForm(),
        "offer": offer,
        "able": offering.able(subject),
        "refusal": refusal or RefuseForm(),
        "note_form": note_form or NoteForm(),
        "me": identity.person.id,
        "history": subject.history,
        "said": subject.said,
        "failed": failed,
    }


def lapsed_words(subject: Subject) -> list[str]:
    """Why the decision does not stand as decided, in the order of the page."""
    if subject.effective is None or subject.decided is None or subject.decision is None:
        return []
    if subject.effective.outcome == subject.decision.outcome:
        return []
    return [
        words.lapse(one, subject.decided, subject.names, subject.texts())
        for one in subject.effective.lapses
        if OUTCOMES.index(one.outcome) > OUTCOMES.index(subject.decided.outcome)
    ]


def held(subject: Subject) -> list[Held]:
    """The conditions of the decision that stands, with what became of them."""
    if subject.decided is None or subject.decision is None or subject.effective is None:
        return []
    decision = subject.decision
    steps = queries.steps(subject.session, subject.identity, decision.id)
    open_ones = {one.key for one in subject.effective.open}
    late = {one.subject for one in subject.effective.lapses if one.code == "condition"}
    decides = case.may_decide(subject.identity, subject.case.demands.roles)
    why_not = _why_not_met(subject, decision)
    found = []
    for one in subject.decided.conditions:
        state = "open" if one.key in open_ones else "late" if f"{one.code}:{one.subject}" in late else MET
        text = words.condition(one, subject.names, subject.texts())
        taken = tuple(steps.get(one.subject, ()))
        if one.code != BY_HAND or not decides:
            found.append(Held(one, text, state, taken))
            continue
        may = REOPENED if state == MET else MET
        found.append(Held(one, text, state, taken, may, "" if may == REOPENED else why_not))
    return found + [Held(one, words.condition(one, subject.names, {}), "open") for one in since(subject)]


def since(subject: Subject) -> list[Condition]:
    """Conditions that nobody decided: what they are about has become worse since."""
    if subject.decided is None or subject.effective is None:
        return []
    known = {one.key for one in subject.decided.conditions}
    return [one for one in subject.effective.open if one.key not in known]


def _why_not_met(subject: Subject, decision: GateDecision) -> str:
    code = subject.eyes.code(
        decision.decided_by,
        Permission.DECIDE,
        proposed_at=decision.decided_at,
        engagement=subject.case.ownership,
    )
    if code == "same_person":
        return str(_("You decided this, so somebody else says that it is met."))
    return "" if code in (None, "first_gone") else four_eyes.SENTENCES[code]


def _waiting(subject: Subject, past: tuple[Past, ...]) -> dict[str, Any] | None:
    """What waits for a second person, and what stands in the way of the reader's approval."""
    row = subject.waiting
    if row is None:
        return None
    choice = queries.choice_of(row)
    return {
        "row": row,
        "choice": choice,
        "conditions": arranging.together(
            (one, words.condition(one, subject.names, row.words)) for one in choice.conditions
        ),
        "seal": queries.seal_of(row),
        "mine": row.proposed_by == subject.identity.person.id,
        "objection": second.objection(
            subject.case, subject.eyes, row.proposed_by, proposed_at=row.proposed_at
        ),
        "overtaken": approving.is_overtaken(row, subject.case, choice),
        "better": better(choice, subject.case.proposal),
        "lifts": offering.taken_from(subject, past, choice, row.words),
    }


def _exception(row: RiskException, subject: Subject) -> Line:
    """What an exception is about, in the words of its ground today; by its codes where there is none."""
    for one in subject.case.proposal.grounds:
        if one.key == (row.code, row.subject):
            return words.line(one, subject.names)
    ground = Ground(row.code, row.subject, "met")
    return Line(ground, words.ground_name(row.code), words.ground_subject(ground, subject.names), "", "")
