"""Facts drawn by chance, and every way in which they can get worse by one defect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from portal.gate.facts import (
    SEVERITIES,
    Accepted,
    Document,
    Finding,
    GateFacts,
    Knockout,
    Proof,
    Requirement,
    Submitted,
)
from portal.vendors.facts import TIERS
from portal.vendors.policy import MUSTS, Policy
from tests.portal.gate.given import day, policy

BY = "c"  # who decided
SLUGS, KINDS = ("core", "privacy"), ("iso27001", "soc2")
DAYS = st.integers(-100, 100).map(day)
MAYBE = st.none() | DAYS


def _keyed(kind: Any, name: str, keys: tuple[str, ...], **fields: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    """Some of ``keys``, each with a drawn row."""
    rows = st.tuples(*(st.none() | st.builds(kind, **{name: st.just(key)}, **fields) for key in keys))
    return rows.map(lambda found: tuple(one for one in found if one is not None))


FIXES = {"opened": MAYBE, "due": MAYBE, "first_due": MAYBE}
KNOCKOUTS = _keyed(Knockout, "key", ("mfa", "backup"), failed=st.booleans(), **FIXES)
PROOFS = _keyed(Proof, "key", ("a", "b"), held=st.booleans(), until=MAYBE)
BANDS = st.sampled_from([(4, 4), (3, 4), (3, 3), (2, 4), (2, 2), (1, 4), (1, 2), (1, 1), (None, None)])


@st.composite
def submissions(draw: Any, slug: str, before: bool = True) -> Submitted:
    low, high = draw(BANDS)
    lapsed = draw(st.sampled_from([0, 0, 1]))
    critical = lapsed + draw(st.sampled_from([0, 0, 1]))
    former = draw(st.lists(submissions(slug, False), max_size=2)) if before and draw(st.booleans()) else []
    return Submitted(
        slug, "s-1", draw(st.integers(-500, 0).map(day)), low, high, draw(KNOCKOUTS), draw(PROOFS),
        draw(st.sampled_from([0, 0, 2])), critical + draw(st.sampled_from([0, 1])), critical,
        draw(st.booleans()), draw(MAYBE), draw(st.sampled_from([False, False, True])), lapsed, "", tuple(former),
        round_first=draw(MAYBE), round_by=draw(st.sampled_from([(), ("a",), (BY,)])),
    )  # fmt: skip


@st.composite
def requirements(draw: Any, key: str) -> Requirement:
    until = draw(MAYBE)
    tier = draw(st.sampled_from(TIERS)) if until else None
    return Requirement(
        key, draw(st.sampled_from(["required", "undetermined", "not_required"])), draw(st.sampled_from(MUSTS)),
        draw(st.booleans()), draw(MAYBE), draw(MAYBE), until, tier,
    )  # fmt: skip


EXCEPTED = (
    ("band", "core"), ("knockout", "core:mfa"), ("finding", "f1"), ("evidence", "iso27001"), ("proof", "core:a"),
    ("questionnaire", "core"),
)  # fmt: skip
ACCEPTED = st.lists(
    st.builds(
        lambda key, until, measure, tier: Accepted(*key, until, measure, tier),
        st.sampled_from(EXCEPTED), DAYS, st.sampled_from([1, 2, 30, 98]), st.sampled_from(TIERS),
    ),
    max_size=3,
).map(tuple)  # fmt: skip


@st.composite
def facts(draw: Any) -> GateFacts:
    rare = st.sampled_from([False, False, False, True])
    return GateFacts(
        today=day(0),
        tier=draw(st.sampled_from(TIERS)),
        tier_by_hand=draw(rare),
        tier_waits=draw(st.booleans()),
        personal=draw(st.sampled_from([True, False, None])),
        linked=not draw(rare),
        offboarded=draw(rare),
        evaluation=draw(st.sampled_from(["current", "current", "catalogue", "outdated", "none"])),
        submitted=tuple(draw(submissions(slug)) for slug in SLUGS if draw(st.booleans())),
        findings=draw(
            _keyed(
                Finding,
                "id",
                ("f1", "f2"),
                severity=st.sampled_from(SEVERITIES),
                **FIXES,
                knockout=st.sampled_from(["", "", "core:mfa"]),
            )
        ),
        documents=draw(_keyed(Document, "kind", KINDS, until=MAYBE)),
        requirements=tuple(draw(requirements(key)) for key in ("r1", "r2") if draw(st.booleans())),
        accepted=draw(ACCEPTED),
    )


@st.composite
def sound_facts(draw: Any) -> GateFacts:
    """Such as every policy below lets pass as clear, with ends of their own from today on, or none."""
    ends = st.none() | st.integers(30, 400).map(day)
    good = {"held": st.just(True), "until": st.none() | st.integers(0, 400).map(day)}
    proofs = _keyed(Proof, "key", ("a", "b"), **good)
    return GateFacts(
        today=day(0),
        tier=draw(st.sampled_from(TIERS)),
        personal=draw(st.sampled_from([True, False, None])),
        submitted=tuple(
            Submitted(slug, "s-1", draw(st.integers(-360, 0).map(day)), 4, 4, (), draw(proofs)) for slug in SLUGS
        ),
        documents=tuple(Document(kind, draw(ends)) for kind in KINDS),
        requirements=tuple(
            Requirement(key, "required", "in_contract", contract_until=draw(ends)) for key in ("r1", "r2")
        ),
        accepted=draw(ACCEPTED),
    )  # fmt: skip


ANY_FACTS = facts() | sound_facts()
POLICIES: st.SearchStrategy[Policy] = st.builds(
    policy,
    intake_required=st.booleans(),
    evidence=st.sampled_from([(), ("iso27001",), KINDS]),
    evidence_days=st.sampled_from([0, 30]),
    clear_level=st.sampled_from([3, 4]),
    condition_level=st.sampled_from([1, 2, 3]),
    fix_days=st.sampled_from([0, 30, 90]),
    review=st.sampled_from(["none", "critical", "all"]),
    worst_finding=st.sampled_from(["none", "medium", "critical"]),
    must=st.sampled_from(MUSTS),
    valid_months=st.sampled_from([1, 6, 12]),
)


# ------------------------------------------------------------------------------------------------------------ defects


def defects(found: GateFacts) -> Iterator[tuple[str, GateFacts]]:
    """(what gets worse, the facts with it), for every single defect that these facts have room for."""
    for name, values in (
        ("tier_by_hand", {"tier_by_hand": True}),
        ("tier by one's own hand", {"tier_by_hand": True, "tier_own": True}),
        ("personal data", {"personal": True}),
        ("nobody knows the data", {"personal": None}),
        ("unlinked", {"linked": False}),
        ("offboarded", {"offboarded": True}),
        ("never evaluated", {"evaluation": "none"}),
    ):
        yield name, replace(found, **values)  # type: ignore[arg-type]  # of the field's own type
    if found.evaluation in ("current", "catalogue"):
        yield "outdated", replace(found, evaluation="outdated")
    for one in found.submitted:
        for name, worse in _submission(one):
            yield f"{one.slug}: {name}", replace(found, submitted=_with(found.submitted, one, worse))
    more = Finding(f"new{len(found.findings)}", "critical")
    yield "a finding", replace(found, findings=(*found.findings, more))
    for each in found.findings:
        for name, bad in (*_fixes(each), *_severer(each)):
            yield f"{each.id}: {name}", replace(found, findings=_with(found.findings, each, bad))
    for document in found.documents:
        rest = tuple(one for one in found.documents if one is not document)
        yield f"no {document.kind}", replace(found, documents=rest)
        for until in _sooner(document.until):
            yield (
                f"{document.kind} to {until}",
                replace(found, documents=(*rest, replace(document, until=until))),
            )
    for each_must in found.requirements:
        for name, worse_must in _requirement(each_must):
            yield (
                f"{each_must.key}: {name}",
                replace(found, requirements=_with(found.requirements, each_must, worse_must)),
            )
    yield (
        "a requirement",
        replace(
            found,
            requirements=(
                *found.requirements,
                Requirement(f"new{len(found.requirements)}", "required", "flagged", since=day(-900)),
            ),
        ),
    )
    for exception in found.accepted:
        rest_of = tuple(one for one in found.accepted if one is not exception)
        yield f"no exception for {exception.subject}", replace(found, accepted=rest_of)


def _with(rows: tuple[Any, ...], old: Any, new: Any) -> tuple[Any, ...]:
    return tuple(new if one is old else one for one in rows)


def _sooner(until: date | None) -> list[date]:
    return [day(9), day(-1)] if until is None else [until - timedelta(days=1), until - timedelta(days=40)]


def _fixes(one: Any) -> Iterator[tuple[str, Any]]:
    yield "opened earlier", replace(one, opened=day(-700))
    if one.due is not None:
        yield "overdue", replace(one, due=min(one.due, day(-1)))
        yield "no plan", replace(one, due=None, first_due=min(one.due, one.first_due or one.due))
        yield (
            "put off",
            replace(one, due=one.due + timedelta(days=1), first_due=min(one.due, one.first_due or one.due)),
        )


def _severer(one: Finding) -> Iterator[tuple[str, Finding]]:
    for severity in SEVERITIES[SEVERITIES.index(one.severity) + 1 :]:
        yield severity, replace(one, severity=severity)


def _submission(one: Submitted) -> Iterator[tuple[str, Submitted]]:
    yield "older", replace(one, whole_as_of=one.whole_as_of - timedelta(days=200))
    yield "redacted", replace(one, redacted=True)
    yield "unwritten", replace(one, unwritten=one.unwritten + 1)
    yield "unjudged", replace(one, unjudged=one.unjudged + 1)
    yield (
        "unjudged, critical",
        replace(one, unjudged=one.unjudged + 1, unjudged_critical=one.unjudged_critical + 1),
    )
    yield (
        "judged badly, then changed",
        replace(
            one,
            unjudged=one.unjudged + 1,
            unjudged_critical=one.unjudged_critical + 1,
            lapsed=one.lapsed + 1,
        ),
    )
    for at, earlier in enumerate(one.former):
        for name, worse in _submission(earlier):
            rest = (*one.former[:at], worse, *one.former[at + 1 :])
            yield f"before that {name}", replace(one, former=rest)
    yield "returned", replace(one, round_open=True, round_due=day(-1))
    yield "put off by whoever decided", replace(one, round_first=one.round_first or day(-1), round_by=(BY,))
    if one.round_first is not None:
        yield "asked for sooner", replace(one, round_first=one.round_first - timedelta(days=30))
    if one.low is not None and one.high is not None:
        if one.low > 1:
            yield "worse at worst", replace(one, low=one.low - 1)
        if one.high > one.low:
            yield "worse at best", replace(one, high=one.high - 1)
        if one.high > 1:
            yield "worst of all", replace(one, low=1, high=1)
            yield "outgrown by the facts of now", replace(one, low=1, high=one.high - 1, outgrown=True)
    yield "a knock-out", replace(one, knockouts=(*one.knockouts, Knockout(f"new{len(one.knockouts)}", True)))
    for each in one.knockouts:
        for name, worse in (*_fixes(each), ("failed", replace(each, failed=True))):
            yield f"{each.key} {name}", replace(one, knockouts=_with(one.knockouts, each, worse))
    for proof in one.proofs:
        yield f"{proof.key} absent", replace(one, proofs=_with(one.proofs, proof, replace(proof, held=False)))
        for until in _sooner(proof.until):
            yield (
                f"{proof.key} {until}",
                replace(one, proofs=_with(one.proofs, proof, replace(proof, until=until))),
            )


def _requirement(one: Requirement) -> Iterator[tuple[str, Requirement]]:
    if one.outcome == "not_required":
        yield "undetermined", replace(one, outcome="undetermined")
    yield "required", replace(one, outcome="required")
    if one.state != MUSTS[0]:
        yield "back", replace(one, state=MUSTS[MUSTS.index(one.state) - 1])
    yield "older text", replace(one, current=False)
    yield "no known beginning", replace(one, since=None)
    yield "called for long ago", replace(one, since=day(-900))
    if one.waived_until is not None:
        yield "no waiver", replace(one, waived_until=None, waived_tier=None)
        yield "a shorter waiver", replace(one, waived_until=one.waived_until - timedelta(days=30))
    for until in _sooner(one.contract_until):
        yield f"contract to {until}", replace(one, contract_until=until)
