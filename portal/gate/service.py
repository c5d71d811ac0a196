"""Deciding at the gate: a person decides on what the rules propose, alone or with a second person.

The caller has read the case under the lock of its engagement (case.read with ``lock``), so whatever moves a ground
was seen or waits until the decision stands.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.faults import Conflict, Invalid
from portal.gate import letters, lifting, queries, stored
from portal.gate.case import Case, require_decider
from portal.gate.choosing import Choice, faults, needs_reason, needs_second
from portal.gate.deciding import BY_HAND, METHOD, Decision
from portal.gate.models import DecisionWords, GateDecision, GateProposal
from portal.gate.queries import WAITING
from portal.vendors.ground import ground_moved
from questionnaires.canonical import canonical_json

LONGEST_REASON = 5000
LONGEST_CONDITION = 500
MOVED_ON = "What the decision rests on has changed since you opened the page. Look at it as it stands now."
ONE_WAITS = "A decision waits for a second person already. Have it approved, refused or withdrawn first."
NO_REASON = "Say why. Whoever approves this, and whoever reads it later, goes by it."
NO_WORDS = "Say what has to hold."


class Stale(Conflict):
    """The page was rendered from what is not so any more: it is shown anew, with what was typed."""


def seen_of(case: Case, number: int, waits: GateProposal | None) -> str:
    """What a form carries, to say what it was rendered from: facts, policy, the decision that stood, in hex.

    ``number``: of that decision, 0 for none. ``waits``: what waited for a second person; deciding closes it, so nobody
    does without having read it.
    """
    waiting = "" if waits is None else str(waits.id)
    parts = [stored.facts_hash(case.facts), case.policy.content_hash, number, waiting]
    return sha256(canonical_json(parts)).hexdigest()


def decide(
    session: Session,
    case: Case,
    choice: Choice,
    *,
    reason: str,
    words: Mapping[str, str],
    seen: str,
    without_own: Decision,
    actor: Identity,
    now: datetime,
) -> GateDecision | GateProposal:
    """Decide, or ask a second person where it takes one.

    ``words``: of each condition added by hand, by its subject. ``seen``: seen_of the page. ``without_own``: see
    case.without_own. Raises Refused for a role that may not decide, Invalid (errors by field: outcome, valid_until,
    reason, conditions, and condition codes), Stale where the case has moved on, Conflict where one waits already.
    """
    require_decider(case, actor)
    rows = queries.decisions(session, actor, case.engagement.id)
    newest = rows[0] if rows else None
    waits = queries.waiting(session, actor, case.engagement.id)
    words = {subject: words[subject] for code, subject in _keys(choice) if code == BY_HAND}
    same = _pressed_twice(session, case, choice, reason, words, seen, newest, waits, actor)
    if same is not None:
        return same
    if seen != seen_of(case, newest.sequence if newest is not None else 0, waits):
        raise Stale(MOVED_ON)
    lifted = lifting.lifted(choice, words, lifting.read(session, actor, rows))
    others = lifted.of_others(actor.person.id)
    second = needs_second(choice, case.proposal, without_own, case.demands, lifts=others)
    _require_sound(case, choice, reason, words, bool(second or lifted))
    if not second:
        if waits is not None:
            close(session, waits, "overtaken", actor=actor, now=now)
        row = write(
            session, case, choice, reason, words, by=actor.person.id, second=None, actor=actor, now=now
        )
        people = {row.decided_by, *lifted.people, *([waits.proposed_by] if waits is not None else [])}
        letters.tell_decided(session, case, row.outcome, people=people, actor=actor, now=now)
        return row
    if waits is not None:
        raise Conflict(ONE_WAITS)
    return _propose(session, case, choice, reason, words, second, actor=actor, now=now)


def _keys(choice: Choice) -> list[tuple[str, str]]:
    return [one.key for one in choice.conditions]


def _require_sound(case: Case, choice: Choice, reason: str, words: Mapping[str, str], says_why: bool) -> None:
    errors: dict[str, str] = {}
    for code in faults(choice, case.proposal, case.today):
        field, sentence = FAULTS[code]
        errors.setdefault(field, sentence)
    if not all(words.values()):
        errors.setdefault("conditions", NO_WORDS)
    if not reason and (says_why or needs_reason(choice, case.proposal)):
        errors["reason"] = NO_REASON
    if errors:
        raise Invalid(errors=errors)


# Code of choosing.faults -> field of the form and sentence.
FAULTS: Mapping[str, tuple[str, str]] = {
    "end_missing": ("valid_until", "Write the last day on which the decision holds."),
    "end_needless": ("valid_until", "What does not pass has no last day. Leave it empty."),
    "end_past": ("valid_until", "Choose today or a day that is still to come."),
    "end_too_late": ("valid_until", "Choose an earlier day: what the decision rests on ends before that."),
    "conditions_needless": (
        "outcome",
        "Clear has no conditions. Choose clear with conditions, or leave them out.",
    ),
    "conditions_missing": ("conditions", "Name at least one condition, or choose clear."),
    "conditions_too_many": ("conditions", "Keep to at most 50 conditions."),
    "condition_twice": ("conditions", "One condition stands there twice."),
    "condition_unknown": ("conditions", "One condition is not among those that the rules propose any more."),
    "condition_milder": (
        "conditions",
        "If a condition is not met, the gate may not be milder than the rules say.",
    ),
    "condition_without_day": (
        "conditions",
        "Give each condition of your own a day by which it has to be met.",
    ),
    "condition_day": ("conditions", "Choose days from today on, while the decision holds."),
}


def _pressed_twice(
    session: Session,
    case: Case,
    choice: Choice,
    reason: str,
    words: Mapping[str, str],
    seen: str,
    newest: GateDecision | None,
    waits: GateProposal | None,
    actor: Identity,
) -> GateDecision | GateProposal | None:
    """What the same press made a moment ago."""
    data = stored.to_bytes(choice)
    if waits is not None:
        mine = (waits.proposed_by, waits.choice, waits.reason, waits.words)
        return waits if mine == (actor.person.id, data, reason, words) else None
    if newest is None or (newest.decided_by, newest.choice) != (actor.person.id, data):
        return None
    said = queries.said(session, actor, [newest.id])[newest.id]
    closed = queries.last_refused(session, actor, case.engagement.id)  # by that press, perhaps
    before = seen in {seen_of(case, newest.sequence - 1, one) for one in (None, closed)}
    return newest if before and (said.reason, said.conditions) == (reason, words) else None


def _propose(
    session: Session,
    case: Case,
    choice: Choice,
    reason: str,
    words: Mapping[str, str],
    why: tuple[str, ...],
    *,
    actor: Identity,
    now: datetime,
) -> GateProposal:
    row = GateProposal(
        id=uuid.uuid4(),
        organisation_id=case.engagement.organisation_id,
        engagement_id=case.engagement.id,
        outcome=choice.outcome,
        choice=stored.to_bytes(choice),
        facts=stored.to_bytes(case.facts),
        facts_hash=stored.facts_hash(case.facts),
        policy_sequence=case.policy.sequence,
        policy_hash=case.policy.content_hash,
        reason=reason,
        words=dict(words),
        state=WAITING,
        proposed_by=actor.person.id,
        proposed_at=now,
    )
    session.add(row)
    data = {"engagement": case.engagement.id, "outcome": choice.outcome, "proposed": case.proposal.outcome}
    record(session, Kind.GATE_PROPOSED, now=now, actor=actor, subject=row, data={**data, "why": why})
    ground_moved(session, row.organisation_id, [row.engagement_id])
    session.flush()
    letters.ask_second(session, case, choice.outcome, actor=actor, now=now)
    return row


def close(session: Session, row: GateProposal, state: str, *, actor: Identity, now: datetime) -> None:
    """A proposal is settled; its words go where a decision now holds them."""
    row.state, row.settled_by, row.settled_at = state, actor.person.id, now
    if state in ("approved", "withdrawn"):
        row.reason, row.words = "", {}
    data = {"engagement": row.engagement_id, "state": state}
    record(session, Kind.GATE_CLOSED, now=now, actor=actor, subject=row, data=data)
    ground_moved(session, row.organisation_id, [row.engagement_id])


def write(
    session: Session,
    case: Case,
    choice: Choice,
    reason: str,
    words: Mapping[str, str],
    *,
    by: uuid.UUID,
    second: uuid.UUID | None,
    actor: Identity,
    now: datetime,
) -> GateDecision:
    """The decision itself, with its words beside, for ever."""
    newest = queries.newest(session, actor, case.engagement.id)
    salt = secrets.token_bytes(32)
    text = canonical_json({"reason": reason, "conditions": dict(words)})
    row = GateDecision(
        id=uuid.uuid4(),
        organisation_id=case.engagement.organisation_id,
        engagement_id=case.engagement.id,
        sequence=(newest.sequence if newest is not None else 0) + 1,
        method=METHOD,
        outcome=choice.outcome,
        proposed_outcome=case.proposal.outcome,
        valid_until=choice.valid_until,
        policy_sequence=case.policy.sequence,
        policy=case.policy.to_bytes(),
        facts=stored.to_bytes(case.facts),
        proposal=stored.to_bytes(case.proposal),
        choice=stored.to_bytes(choice),
        ratings=[str(one) for one in case.ratings],
        evaluation_id=case.evaluation_id,
        intake_id=case.intake_id,
        words_commitment=sha256(salt + text).hexdigest(),
        decided_by=by,
        approved_by=second,
        decided_at=now,
    )
    session.add(row)
    session.flush()
    session.add(DecisionWords(decision_id=row.id, organisation_id=row.organisation_id, salt=salt, words=text))
    data = {
        "engagement": row.engagement_id,
        "sequence": row.sequence,
        "outcome": row.outcome,
        "proposed": row.proposed_outcome,
        "valid_until": row.valid_until,
        "second": second,
    }
    record(session, Kind.GATE_DECIDED, now=now, actor=actor, subject=row, data=data)
    ground_moved(session, row.organisation_id, [row.engagement_id])
    session.flush()
    return row
