"""Whether a decision still stands: worked out whenever it is read, so that it lapses by itself. Pure.

The decision keeps each ground's result. It stands as decided while no ground is worse than it was then, whatever a
person decided against the proposal: what they knew, they took upon themselves. Grounds are looked at under the policy
of the decision and under the present one, and the stricter counts. Nothing here ever makes an outcome better.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from portal.gate.deciding import BY_HAND, PASSING, Condition, Decision, Outcome, outcome_of, worst
from portal.gate.facts import GateFacts, Submitted
from portal.gate.grounds import Ground, badness, grounds
from portal.vendors.policy import Policy

OF_ANSWERS = frozenset({"band", "knockout", "proof", "finding", "review"})


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person decided. ``proposal``: what the rules proposed then; ``policy``: the one it was proposed under.

    ``valid_until``: the last day; None for an outcome that does not pass and so needs no end. ``by``: ids of whoever
    decided and approved.
    """

    outcome: Outcome
    proposal: Decision
    conditions: tuple[Condition, ...]
    valid_until: date | None
    policy: Policy
    by: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.outcome in PASSING and self.valid_until is None:
            raise ValueError("what passes has an end")


@dataclass(frozen=True, slots=True)
class Lapse:
    """Why a decision does not stand as decided. ``code``: that of a ground, or ``expired``, or ``condition`` with the
    condition's code and subject as ``subject``. ``now``: the ground as it is, None where there is none.
    """

    code: str
    subject: str
    outcome: Outcome
    now: Ground | None = None


@dataclass(frozen=True, slots=True)
class Effective:
    """The outcome that counts on a day. ``lapses``: what made it worse than decided or would have, in the page's order;
    ``open``: conditions that are still to be met and not overdue, those of the decision and those of grounds that have
    since become conditions. ``late``: conditions of the decision that were not met by their day.
    """

    outcome: Outcome
    lapses: tuple[Lapse, ...]
    open: tuple[Condition, ...]
    valid_until: date | None
    late: tuple[Condition, ...] = ()


def effective(
    decided: Decided, facts: GateFacts, policy: Policy, today: date, met: Collection[str] = ()
) -> Effective:
    """The worst of: what was decided, its end, its conditions, and every ground that is worse than recorded.

    ``facts`` as they are now, looked at on ``today``; ``policy``: the one in force. ``met``: subjects of conditions
    added by hand that have been met; those of grounds are met by facts alone.
    """
    found = replace(facts, today=today, submitted=tuple(_kept(one, decided.by) for one in facts.submitted))
    present = _present(found, decided.policy, policy)
    asked = [one for one in decided.conditions if not _is_met(one, decided, present, met)]
    late = tuple(one for one in asked if one.due is not None and one.due < today)
    lapses = [*_ended(decided, today), *_overdue(late, present), *_worse(decided, present)]
    return Effective(
        worst([decided.outcome, *(one.outcome for one in lapses)]),
        tuple(lapses),
        tuple(_with_new([one for one in asked if one not in late], lapses)),
        decided.valid_until,
        late,
    )


def _kept(one: Submitted, by: Collection[str]) -> Submitted:
    """What was asked again stays asked for, until the day first given, where whoever decided put it off or took it
    back: nobody keeps their own decision standing by that.
    """
    if one.round_first is None or not set(one.round_by) & set(by):
        return one
    return replace(one, round_open=True, round_due=min(one.round_due or one.round_first, one.round_first))


def _with_new(asked: Iterable[Condition], lapses: Iterable[Lapse]) -> Iterator[Condition]:
    """The decision's conditions that are open, and those of grounds that let pass only while something is mended by a
    day: nobody wrote these down, and the gate closes on that day all the same. The sooner day of two counts.
    """
    found = {one.key: one for one in asked}
    for each in (one.now for one in lapses if one.code != "condition"):
        if each is not None and each.lapses_to is not None:
            known = found.get(each.key)
            days = [one.due for one in (each, known) if one is not None and one.due is not None]
            found[each.key] = Condition(*each.key, min(days, default=None), each.lapses_to)
    yield from found.values()


def _present(facts: GateFacts, then: Policy, now: Policy) -> dict[tuple[str, str], Ground]:
    """Each ground as it is, by its key: the worse of what the two policies make of it."""
    found = {one.key: one for one in grounds(facts, then, standing=True)}
    for one in grounds(facts, now, standing=True):
        known = found.get(one.key)
        if known is None or badness(one) > badness(known):
            found[one.key] = one
    return found


def _ended(decided: Decided, today: date) -> Iterator[Lapse]:
    if decided.outcome in PASSING and decided.valid_until is not None and today > decided.valid_until:
        yield Lapse("expired", "", "pending")


def _is_met(
    condition: Condition, decided: Decided, present: dict[tuple[str, str], Ground], met: Collection[str]
) -> bool:
    """By facts, where they can tell: the ground is met or gone, or two people have accepted it for now.

    Of what rests on answers only those count that are asked for, there and judged as the policy demands: a vendor who
    says it anew, or of whom nothing is asked any more, has not shown that it is so.
    """
    if condition.code == BY_HAND:
        return condition.subject in met
    ground = present.get(condition.key)
    if ground is not None and ground.result not in ("met", "excepted"):
        return False
    if condition.code in OF_ANSWERS and (ground is None or ground.result == "met"):
        return not _unproven(condition, decided, present)
    return True


def _unproven(condition: Condition, decided: Decided, present: dict[tuple[str, str], Ground]) -> bool:
    """Whether the answers that a condition rests on are gone, or have been handed in anew and are not judged yet.

    Nobody knows from which questionnaire a finding came: it waits for all of them.
    """
    recorded = {one.key: one for one in decided.proposal.grounds}
    asked = {subject for code, subject in (*recorded, *present) if code == "questionnaire"}
    slugs = asked if condition.code == "finding" else {condition.subject.partition(":")[0]}
    for slug in slugs:
        there, review = present.get(("questionnaire", slug)), present.get(("review", slug))
        if there is None or review is None:
            if condition.code == "finding" and ("review", slug) not in recorded:
                continue  # nothing had been handed in then either, so the finding came from elsewhere
            return True
        before = recorded.get(("review", slug))
        anew = before is None or before.recorded("submission") != review.recorded("submission")
        if anew and review.result != "met":
            return True
    return False


def _overdue(late: Iterable[Condition], present: dict[tuple[str, str], Ground]) -> Iterator[Lapse]:
    for one in late:
        yield Lapse("condition", f"{one.code}:{one.subject}", one.lapses_to, present.get(one.key))


def _worse(decided: Decided, present: dict[tuple[str, str], Ground]) -> Iterator[Lapse]:
    recorded = {one.key: one for one in decided.proposal.grounds}
    for key, now in present.items():
        then = recorded.get(key)
        if badness(now) > badness(then) and not _newly_handed_in(then, now):
            yield Lapse(now.code, now.subject, outcome_of([now.result]), now)


def _newly_handed_in(then: Ground | None, now: Ground) -> bool:
    """A newer submission that waits for its review takes nothing away: the one decided on still counts until it ends,
    and what the newer one shows for certain, band and knock-outs, counts at once. Not so where it sheds a judgement.
    """
    if now.code != "review" or then is None or now.recorded("lapsed"):
        return False
    return then.recorded("submission") != now.recorded("submission")
