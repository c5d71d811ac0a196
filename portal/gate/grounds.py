"""The grounds of a gate: each line of its table, from what is on record and what the policy demands. Pure.

Results from best to worst: met; condition, and excepted, which let pass while they hold; pending, when something is
missing, open or unreviewed; blocked, only on what is certain. Where no word of a ground is on record it counts as met,
so what is fine needs one line and each defect has its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from portal.gate.excepting import NO_BAND, as_strict, can_be_accepted, covers, under_exception
from portal.gate.facts import Finding, GateFacts, Knockout, Requirement, Submitted, latest
from portal.gate.lines import RANK, Ground, Result, Value, badness
from portal.vendors.policy import FINDINGS, MUSTS, Policy, TierPolicy
from questionnaires.dates import add_months
from questionnaires.kinds import is_of_kind

__all__ = [
    "RANK",
    "Ground",
    "Result",
    "Value",
    "as_strict",
    "badness",
    "can_be_accepted",
    "covers",
    "grounds",
    "unjudged",
]


def grounds(facts: GateFacts, policy: Policy, *, standing: bool = False) -> tuple[Ground, ...]:
    """Every ground, in the order of the page.

    ``standing``: for a decision that was made and not for making one. Then what is only a matter of good order before
    deciding is left out: marks that are not written (their worse side is in the facts), an evaluation under an
    older catalogue, a returned round before its day, and the days that a document should still have ahead of it.
    """
    demands = policy.tier(facts.tier)
    found = [*_engagement(facts, policy)]
    there = {one.slug: one for one in facts.submitted}
    for slug in demands.demands(facts.personal):
        one = there.get(slug)
        if one is None:
            found.append(_missing(slug, demands))
        elif standing:
            found += _since_judged(one, facts.today, policy, demands)
        else:
            found += _questionnaire(one, facts.today, policy, demands, standing=False)
    stopped = {one.subject for one in found if one.code == "knockout"}
    found += _findings(facts, demands, stopped)
    sound = {one.subject for one in found if one.code == "questionnaire" and one.result == "met"}
    found += _documents(facts, demands, sound, standing=standing)
    found += _requirements(facts, demands, standing=standing)
    covered = [under_exception(one, facts) for one in found]
    used = sum(one.result == "excepted" for one in covered)
    return (*covered, Ground("exception", "", "met", (("used", used),)))


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


# ------------------------------------------------------------------------------------------------------- engagement


def _engagement(facts: GateFacts, policy: Policy) -> Iterator[Ground]:
    on_record = (("linked", facts.linked), ("offboarded", facts.offboarded))
    result: Result = "blocked" if facts.offboarded else "met" if facts.linked else "pending"
    yield Ground("vendor", "", result, on_record, measure=int(not facts.linked))
    lacking = facts.tier_by_hand and (policy.intake_required or facts.tier_own)
    yield Ground(
        "tier",
        "",
        "pending" if lacking else "met",
        (("tier", facts.tier), ("by_hand", facts.tier_by_hand), ("waits", facts.tier_waits)),
        (("intake", policy.intake_required),),
        measure=int(lacking),
    )


# ---------------------------------------------------------------------------------------------------- questionnaires


def _missing(slug: str, demands: TierPolicy) -> Ground:
    return Ground(
        "questionnaire", slug, "pending", (("state", "missing"),), (("months", demands.months),), measure=3
    )


def _since_judged(one: Submitted, today: date, policy: Policy, demands: TierPolicy) -> Iterable[Ground]:
    """The grounds of a submission for a decision that stands: while it is not judged as the policy demands, each is the
    worse of its own and of those before it, back to the last that was. Whoever says something anew has shown nothing.
    """
    found = {each.key: each for each in _questionnaire(one, today, policy, demands, standing=True)}
    judged = not unjudged(one, demands)
    for before in one.former:
        if judged:
            break
        for each in _questionnaire(before, today, policy, demands, standing=True):
            if each.code != "review" and badness(each) > badness(found.get(each.key)):
                found[each.key] = replace(each, on_record=(*each.on_record, ("former", True)))
        judged = not unjudged(before, demands)
    return found.values()


def _questionnaire(
    one: Submitted, today: date, policy: Policy, demands: TierPolicy, *, standing: bool
) -> Iterator[Ground]:
    """A submission that has run out or was redacted is no ground to pass; what it showed still counts against it. Nor
    is one of a version that the policy does not name.
    """
    last = add_months(one.whole_as_of, demands.months)
    state = "redacted" if one.redacted else "expired" if last < today else "valid"
    if state == "valid" and not policy.counts(one.slug, one.content_hash):
        state = "version"
    yield Ground(
        "questionnaire",
        one.slug,
        "met" if state == "valid" else "pending",
        (("state", state), ("submission", one.submission), ("as_of", _day(one.whole_as_of))),
        (("months", demands.months),),
        until=last if last >= today else None,
        measure={"valid": 0, "version": 1, "expired": 1, "redacted": 2}[state],
    )
    late = one.round_due is None or today > one.round_due
    if one.round_open and (late or not standing):
        yield Ground("round", one.slug, "pending", (("due", _day(one.round_due)),), measure=1)
    yield _band(one, demands)
    yield from _knockouts(one, today, demands)
    yield _review(one, demands)
    if one.unwritten and not standing:
        yield Ground(
            "unwritten",
            one.slug,
            "pending",
            (("marks", one.unwritten),),
            (("marks", 0),),
            measure=one.unwritten,
        )
    yield from _proofs(one, today)


def _band(one: Submitted, demands: TierPolicy) -> Ground:
    """The worst band decides. Below what may pass at all, a better one that is still possible makes it pending."""
    demand = (("clear", demands.clear_level), ("condition", demands.condition_level))
    outgrown = (("outgrown", True),) if one.outgrown else ()
    on_record = (("low", one.low), ("high", one.high), ("submission", one.submission), *outgrown)
    if one.low is None or one.high is None:
        return Ground("band", one.slug, "pending", on_record, demand, measure=NO_BAND)
    bad = 10 * (4 - one.low) + 4 - one.high
    if one.low >= demands.clear_level:
        return Ground("band", one.slug, "met", on_record, demand)
    if one.low >= demands.condition_level:
        return Ground("band", one.slug, "condition", on_record, demand, measure=bad, lapses_to="pending")
    crosses = one.high >= demands.condition_level
    return Ground("band", one.slug, "pending" if crosses else "blocked", on_record, demand, measure=bad)


def _knockouts(one: Submitted, today: date, demands: TierPolicy) -> Iterator[Ground]:
    demand = (("fix_days", demands.fix_days),)
    if not one.knockouts:
        yield Ground("knockout", one.slug, "met", (("open", 0),), demand)
    for each in one.knockouts:
        fixed_by = _fix(each, today, demands)
        result: Result = "condition" if fixed_by else "blocked" if each.failed else "pending"
        yield Ground(
            "knockout",
            f"{one.slug}:{each.key}",
            result,
            (("failed", each.failed), ("due", _day(each.due)), ("opened", _day(each.opened))),
            demand,
            measure=1 + each.failed,
            due=fixed_by,
            lapses_to="blocked" if fixed_by else None,
        )


def _fix(each: Knockout | Finding, today: date, demands: TierPolicy) -> date | None:
    """The day by which a defect is fixed, if that lets it pass: agreed, to come, counted from the first opening, and
    not put off since it was first agreed.
    """
    if each.due is None or each.opened is None or each.due < today:
        return None
    if each.first_due is not None and each.due > each.first_due:
        return None
    return each.due if each.due <= each.opened + timedelta(days=demands.fix_days) else None


def unjudged(one: Submitted, demands: TierPolicy) -> int:
    """How many answers somebody still has to judge. What was judged badly and then changed is judged again, always."""
    return {"none": one.lapsed, "critical": one.unjudged_critical, "all": one.unjudged}[demands.review]


def _review(one: Submitted, demands: TierPolicy) -> Ground:
    count = unjudged(one, demands)
    return Ground(
        "review",
        one.slug,
        "pending" if count else "met",
        (("unjudged", count), ("lapsed", one.lapsed), ("submission", one.submission)),
        (("review", demands.review),),
        measure=count,
    )


def _proofs(one: Submitted, today: date) -> Iterator[Ground]:
    ends: list[date] = []
    valid = 0
    for each in one.proofs:
        expired = each.until is not None and each.until < today
        if expired or not each.held:
            state = "expired" if each.held else "absent"
            yield Ground(
                "proof",
                f"{one.slug}:{each.key}",
                "pending",
                (("state", state), ("until", _day(each.until))),
                measure=1 if each.held else 2,
            )
            continue
        valid += 1
        ends += [each.until] if each.until else []
    yield Ground("proof", one.slug, "met", (("valid", valid),), until=min(ends, default=None))


# --------------------------------------------------------------------------------------- findings, documents, contract


def _findings(facts: GateFacts, demands: TierPolicy, stopped: Collection[str]) -> Iterator[Ground]:
    """One that is overdue blocks, however small: a promise was broken, and neither a later day nor none mends it.

    ``stopped``: the knock-outs that are grounds of their own; their findings stand with them.
    """
    worst = FINDINGS.index(demands.worst_finding)
    demand = (("worst", demands.worst_finding), ("fix_days", demands.fix_days))
    quiet = 0
    for one in facts.findings:
        if one.knockout in stopped:
            continue
        promised = min((each for each in (one.due, one.first_due) if each is not None), default=None)
        overdue = promised is not None and promised < facts.today
        if not overdue and FINDINGS.index(one.severity) <= worst:
            quiet += 1
            continue
        fixed_by = _fix(one, facts.today, demands)
        yield Ground(
            "finding",
            one.id,
            "condition" if fixed_by else "blocked",
            (
                ("severity", one.severity),
                ("due", _day(one.due)),
                ("opened", _day(one.opened)),
                ("overdue", overdue),
            ),
            demand,
            measure=FINDINGS.index(one.severity),
            due=fixed_by,
            lapses_to="blocked" if fixed_by else None,
        )
    yield Ground("finding", "", "met", (("open", quiet),), demand)


def _documents(
    facts: GateFacts, demands: TierPolicy, sound: Collection[str], *, standing: bool
) -> Iterator[Ground]:
    """Documents count beside the questionnaires that are ``sound``: demanded, valid and so read by somebody. A policy
    that demands none at all has no other place for its documents, so there each counts. One of a narrower kind than is
    demanded counts, too.
    """
    every = not demands.demands(facts.personal)
    read = [one for one in facts.documents if every or not one.slug or one.slug in sound]
    days = 0 if standing else demands.evidence_days
    demand = (("days", demands.evidence_days),)
    if not demands.evidence:
        yield Ground("evidence", "", "met", (("kinds", 0),), demand)
    for kind in demands.evidence:
        ends = [one.until for one in read if is_of_kind(one.kind, kind)]
        until = latest(ends) if ends else None
        if not ends:
            yield Ground("evidence", kind, "pending", (("state", "absent"),), demand, measure=2)
        elif until is not None and until < facts.today:
            on_record = (("state", "expired"), ("until", _day(until)))
            yield Ground("evidence", kind, "pending", on_record, demand, measure=1)
        else:
            soon = until is not None and until < facts.today + timedelta(days=days)
            yield Ground(
                "evidence",
                kind,
                "condition" if soon else "met",
                (("state", "valid"), ("until", _day(until))),
                demand,
                until=until,
                due=until if soon else None,
                lapses_to="pending" if soon else None,
            )


def _requirements(facts: GateFacts, demands: TierPolicy, *, standing: bool) -> Iterator[Ground]:
    """Undetermined counts as required. What falls short passes with conditions for the policy's days, counted from
    when it was first called for; then it blocks, as does one whose contract has run out.

    Other facts or answers may call for what nobody has looked at, so they wait for an evaluation also when a decision
    stands; a newer catalogue alone waits for the next decision.
    """
    if facts.evaluation in ("none", "outdated") or (facts.evaluation == "catalogue" and not standing):
        measure = {"none": 3, "outdated": 2, "catalogue": 1}[facts.evaluation]
        yield Ground("evaluation", "", "pending", (("state", facts.evaluation),), measure=measure)
    else:
        yield Ground("evaluation", "", "met", (("state", facts.evaluation),))
    short = 0
    ends: list[date] = []
    called = [one for one in facts.requirements if one.outcome != "not_required"]
    for one in called:
        ran_out = one.contract_until is not None and one.contract_until < facts.today
        if one.contract_until is not None and not ran_out and demands.must != MUSTS[0]:
            ends.append(one.contract_until)
        reached = MUSTS.index(one.state) if one.current and not ran_out else 0
        lacks = MUSTS.index(demands.must) - reached
        if lacks > 0:
            short += 1
            yield _short(one, facts, demands, lacks, ran_out=ran_out)
    yield Ground(
        "requirement",
        "",
        "met",
        (("required", len(called)), ("short", short)),
        (("must", demands.must),),
        until=min(ends, default=None),
    )


def _short(one: Requirement, facts: GateFacts, demands: TierPolicy, lacks: int, *, ran_out: bool) -> Ground:
    due = one.since + timedelta(days=demands.fix_days) if one.since is not None else None
    open_yet = due is not None and due >= facts.today and not ran_out
    found = Ground(
        "requirement",
        one.key,
        "condition" if open_yet else "blocked",
        (
            ("outcome", one.outcome),
            ("state", one.state),
            ("old", ran_out or not one.current),
            ("since", _day(one.since)),
            ("waived_until", _day(one.waived_until)),
        ),
        (("must", demands.must), ("fix_days", demands.fix_days)),
        measure=lacks,
        due=due if open_yet else None,
        lapses_to="blocked" if open_yet else None,
    )
    waived = one.waived_until is not None and one.waived_until >= facts.today
    if found.result == "blocked" and waived and as_strict(one.waived_tier, facts.tier):
        return replace(
            found, result="excepted", until=one.waived_until, due=one.waived_until, lapses_to="blocked"
        )
    return found
