"""What a person may choose, and when a reason or a second person is needed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from portal.gate.deciding import BY_HAND, OUTCOMES, PASSING, Condition, Decision, Outcome
from portal.gate.grounds import badness
from portal.vendors.policy import TierPolicy

MOST_CONDITIONS = 50


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to decide. ``valid_until``: None for an outcome that does not pass."""

    outcome: Outcome
    conditions: tuple[Condition, ...] = ()
    valid_until: date | None = None


def as_proposed(proposal: Decision) -> Choice:
    """To decide just what the rules propose."""
    return Choice(proposal.outcome, proposal.conditions, proposal.valid_until)


def faults(choice: Choice, proposal: Decision, today: date) -> tuple[str, ...]:
    """Why this can be nobody's decision, in codes; () when it can be.

    What passes ends, and no later than what it rests on; clear has no conditions, and clear with conditions has some;
    a condition added by hand is due while the decision holds; one of a ground is one that the rules propose, and what
    becomes of the gate when it lapses is no milder.
    """
    return tuple(dict.fromkeys(_faults(choice, proposal, today)))


def _faults(choice: Choice, proposal: Decision, today: date) -> Iterator[str]:
    passes = choice.outcome in PASSING
    if passes == (choice.valid_until is None):
        yield "end_missing" if passes else "end_needless"
    if choice.valid_until is not None and choice.valid_until < today:
        yield "end_past"
    if choice.valid_until is not None and choice.valid_until > proposal.latest:
        yield "end_too_late"
    if choice.outcome == "clear" and choice.conditions:
        yield "conditions_needless"
    if choice.outcome == "clear_with_conditions" and not choice.conditions:
        yield "conditions_missing"
    if len(choice.conditions) > MOST_CONDITIONS:
        yield "conditions_too_many"
    if len({one.key for one in choice.conditions}) < len(choice.conditions):
        yield "condition_twice"
    known = {one.key: one for one in proposal.conditions}
    for one in choice.conditions:
        wanted = known.get(one.key)
        if one.code != BY_HAND and wanted is None:
            yield "condition_unknown"
        if wanted is not None and _milder(one, wanted):
            yield "condition_milder"
        if one.code == BY_HAND and one.due is None:
            yield "condition_without_day"
        if one.due is not None and (one.due < today or one.due > _last_day(one.due, wanted, choice)):
            yield "condition_day"


def _last_day(due: date, wanted: Condition | None, choice: Choice) -> date:
    """While the decision holds; the rules give a day that may lie beyond what a document beside an answer lets it."""
    ends = [
        choice.valid_until or due,
        *([wanted.due] if wanted is not None and wanted.due is not None else []),
    ]
    return max(ends)


def better(choice: Choice, proposal: Decision) -> tuple[str, ...]:
    """In what the choice asks for less than the proposal, in codes: ``outcome``, ``dropped`` (a condition), ``later``,
    ``milder``, ``longer``; () when in nothing.
    """
    found = []
    if OUTCOMES.index(choice.outcome) < OUTCOMES.index(proposal.outcome):
        found.append("outcome")
    if choice.outcome not in PASSING:
        return tuple(found)  # nobody passes, so nothing is due
    kept = {one.key: one for one in choice.conditions}
    for wanted in proposal.conditions:
        one = kept.get(wanted.key)
        if one is None:
            found.append("dropped")
            continue
        if wanted.due is not None and (one.due is None or one.due > wanted.due):
            found.append("later")
        if _milder(one, wanted):
            found.append("milder")
    if choice.valid_until is None or choice.valid_until > proposal.latest:
        found.append("longer")
    return tuple(dict.fromkeys(found))


def _milder(one: Condition, wanted: Condition) -> bool:
    return (one.lapses_to, wanted.lapses_to) == ("pending", "blocked")


def needs_reason(choice: Choice, proposal: Decision) -> bool:
    """Whether the choice goes against the proposal: another outcome, or less asked for."""
    return choice.outcome != proposal.outcome or bool(better(choice, proposal))


def needs_second(
    choice: Choice, proposal: Decision, without_own: Decision, demands: TierPolicy, *, lifts: bool = False
) -> tuple[str, ...]:
    """Why a second person has to approve, in codes; () when one is enough.

    ``without_own``: what the rules would propose without the acts by which the decider, and who counts as one with
    them (case.without_own), made the facts look better
    (answers graded or exempted, findings closed, requirements settled, the tier set): nobody prepares a ground and
    then decides on it alone. ``lifts``: whether it takes away what somebody else had asked for beyond the rules
    (lifting.py). Codes: ``policy``, ``against``, ``own_acts``, ``stands``.
    """
    found = []
    if demands.approvals > 1:
        found.append("policy")
    if better(choice, proposal):
        found.append("against")
    if better(choice, without_own):
        found.append("own_acts")
    if lifts:
        found.append("stands")
    return tuple(found)


def overtaken(then: Decision, now: Decision, choice: Choice) -> tuple[str, ...]:
    """What has become worse between a proposal and its approval, in codes; () when it may be approved.

    ``grounds``: one is worse than it was; ``conditions``: the rules now call for one that they did not, or for an
    earlier day; ``end``: what was chosen would hold for longer than what it rests on.
    """
    found = []
    known = {one.key: one for one in then.grounds}
    if any(badness(one) > badness(known.get(one.key)) for one in now.grounds):
        found.append("grounds")
    before = {one.key: one for one in then.conditions}
    if any(_sharper(one, before.get(one.key)) for one in now.conditions):
        found.append("conditions")
    if choice.valid_until is not None and choice.valid_until > now.latest:
        found.append("end")
    return tuple(found)


def _sharper(now: Condition, then: Condition | None) -> bool:
    if then is None:
        return True
    return now.due is not None and (then.due is None or now.due < then.due)
