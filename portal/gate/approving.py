"""What waits for a second person at the gate: approving it, refusing it with a reason, taking it back."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.faults import Conflict, Invalid, Refused
from portal.gate import letters, lifting, queries, stored
from portal.gate.case import Case, require_decider
from portal.gate.choosing import Choice, faults, overtaken
from portal.gate.deciding import decide
from portal.gate.facts import GateFacts
from portal.gate.models import GateDecision, GateProposal
from portal.gate.queries import REFUSAL, WAITING
from portal.gate.second import require_second
from portal.gate.service import close, write

SETTLED = "This has been settled already."
CHANGED = "What is proposed has changed since you read it. Read it again before you approve it."
WITHOUT_REASON = "Say why you refuse it. Whoever proposed it goes by that."


def approve(
    session: Session, case: Case, proposal_id: uuid.UUID, *, seal: str, actor: Identity, now: datetime
) -> GateDecision | None:
    """Decide as was proposed, as a second person. ``seal``: queries.seal_of what the second person has read.

    None: what it rests on has become worse since, so the proposal is closed as overtaken. Raises NotFound, Refused for
    whoever cannot be the second, Conflict when it is settled or is not what was read.
    """
    row = _waiting(session, case, proposal_id, actor)
    require_second(session, case, row.proposed_by, actor, proposed_at=row.proposed_at, now=now)
    if seal != queries.seal_of(row):
        raise Conflict(CHANGED)
    choice = queries.choice_of(row)
    if is_overtaken(row, case, choice):
        close(session, row, "overtaken", actor=actor, now=now)
        session.flush()
        return None
    reason, words, by = row.reason, dict(row.words), row.proposed_by
    past = lifting.read(session, actor, queries.decisions(session, actor, case.engagement.id))
    people = {by, *lifting.lifted(choice, words, past).people}
    close(session, row, "approved", actor=actor, now=now)
    second = actor.person.id
    made = write(session, case, choice, reason, words, by=by, second=second, actor=actor, now=now)
    letters.tell_decided(session, case, made.outcome, people=people, actor=actor, now=now)
    return made


def is_overtaken(row: GateProposal, case: Case, choice: Choice) -> bool:
    """Whether a proposal rests on what is not so any more: another policy, a worse ground, a day that has passed."""
    if row.policy_hash != case.policy.content_hash or row.facts is None:
        return True
    then = decide(stored.from_bytes(GateFacts, row.facts), case.policy)
    return bool(faults(choice, case.proposal, case.today) or overtaken(then, case.proposal, choice))


def refuse(
    session: Session, case: Case, proposal_id: uuid.UUID, *, reason: str, actor: Identity, now: datetime
) -> None:
    """Say no. Raises NotFound, Refused for a role that may not decide and for the proposer, Invalid (field refusal)."""
    row = _waiting(session, case, proposal_id, actor)
    require_decider(case, actor)
    if row.proposed_by == actor.person.id:
        raise Refused("You proposed this. Take it back instead.")
    if not reason:
        raise Invalid(errors={REFUSAL: WITHOUT_REASON})
    row.words = {**row.words, REFUSAL: reason}
    close(session, row, "refused", actor=actor, now=now)
    session.flush()
    letters.tell_refused(session, case, row.proposed_by, actor=actor, now=now)


def withdraw(session: Session, case: Case, proposal_id: uuid.UUID, *, actor: Identity, now: datetime) -> None:
    """Take back what one has proposed oneself. Raises NotFound, Refused for anybody else."""
    row = _waiting(session, case, proposal_id, actor)
    if row.proposed_by != actor.person.id:
        raise Refused("Somebody else proposed this. Refuse it instead.")
    close(session, row, "withdrawn", actor=actor, now=now)
    session.flush()


def _waiting(session: Session, case: Case, proposal_id: uuid.UUID, actor: Identity) -> GateProposal:
    row = queries.proposal(session, actor, case.engagement.id, proposal_id)
    if row.state != WAITING:
        raise Conflict(SETTLED)
    return row
