"""Rules of the cycle: what ships, what a version's bytes hold, and the day since which each step speaks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access import OrganisationRole
from portal.db import SYSTEM, Database
from portal.faults import Conflict, Invalid, Refused
from portal.reassessment import rules, rules_service, rules_words
from portal.reassessment.kinds import KINDS, ROLES
from portal.reassessment.ladder import Step, named
from portal.reassessment.rules_parsing import MOST_STEPS, parse, pulls, read
from portal.reassessment.rules_shape import EVERY, TRIGGERS, Rules, shipped
from portal.settings import Settings
from portal.web import Portal
from tests.portal.world import NOW, make_organisation

FOUNDED = date(2026, 11, 21)


@pytest.mark.parametrize("since", [None, FOUNDED])
def test_what_ships_comes_back_from_its_bytes(since: date | None) -> None:
    found = shipped(since)
    assert read(found.to_bytes(), 0, since) == found
    assert found.opening == ("itself" if since is None else "ask")


def test_in_an_older_organisation_only_the_four_steps_of_before_speak_for_its_past() -> None:
    found = shipped(FOUNDED)
    always = [(kind, one.name) for kind in KINDS for one in found.ladder(kind, "high") if one.since is None]
    four = ("before-30", "before-7", "on-the-day", "after-7")
    assert always == [(kind, name) for kind in ("assessment", "reassessment") for name in four]
    assert all(one.since is None for kind in KINDS for one in shipped(None).ladder(kind, "low"))


def test_every_kind_has_a_ladder_and_goes_to_somebody() -> None:
    for kind, one in KINDS.items():
        assert one.name == kind
        assert one.ladder
        assert all(step.to and set(step.to) <= set(ROLES) for step in one.ladder)
        assert len({step.name for step in one.ladder}) == len(one.ladder) <= MOST_STEPS


def changed(path: str, value: Any) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(shipped(None).to_bytes())
    *way, last = path.split(".")
    place = raw
    for name in way:
        place = place[name]
    place[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("answer_days.critical", 0, "answer_days.critical"),
        ("answer_days.low", True, "answer_days.low"),
        ("review_days.high", "14", "review_days.high"),
        ("notice_days", 181, "notice_days"),
        ("a_day", 0, "a_day"),
        ("opening", "perhaps", "opening"),
        ("late", 7, "late"),
        ("triggers.scope", "reassess:0", "triggers.scope"),
        ("triggers.scope", ["off"], "triggers.scope"),
        ("ladders.review.all", [{"days": 366, "to": ["ciso"]}], "ladders.review.all"),
        ("ladders.review.all", [{"days": 1, "hours": 1, "to": ["ciso"]}], "ladders.review.all"),
        ("ladders.review.all", [{"days": 1, "to": []}], "ladders.review.all"),
        ("ladders.review.all", [{"days": 1, "to": ["somebody"]}], "ladders.review.all"),
        ("ladders.review.all", [{"days": 1, "to": ["ciso"]}] * 2, "ladders.review.all"),
        ("ladders.review.all", [{"days": n, "to": ["ciso"]} for n in range(17)], "ladders.review.all"),
    ],
)
def test_each_fault_has_a_sentence_at_its_field(path: str, value: Any, field: str) -> None:
    with pytest.raises(Invalid) as fault:
        parse(changed(path, value))
    assert list(fault.value.errors) == [field]


@pytest.mark.parametrize(
    "raw", [{}, {"ladders": {}}, [], changed("ladders.review", 7), changed("triggers", None)]
)
def test_what_is_not_complete_is_refused(raw: Any) -> None:
    with pytest.raises(Invalid):
        parse(raw)


def test_what_a_trigger_pulls() -> None:
    assert [pulls(one) for one in ("remind", "off", "reassess:30")] == [None, None, 30]


# ------------------------------------------------------------------------------------- since when a step has stood

ladder = st.lists(st.integers(-100, 60), min_size=1, max_size=8, unique=True)


def ruled(by_tier: dict[str, list[int]]) -> Rules:
    steps = {
        tier: tuple(Step(named(one), one, to=("ciso",)) for one in sorted(days))
        for tier, days in by_tier.items()
    }
    return replace(shipped(None), ladders=MappingProxyType({"review": MappingProxyType(steps)}))


tiers = st.fixed_dictionaries({EVERY: ladder}, optional={"critical": ladder, "low": ladder})


@given(versions=st.lists(tiers, min_size=1, max_size=6), tier=st.sampled_from(["critical", "high", "low"]))
def test_a_step_has_stood_since_the_first_version_that_has_had_it_without_a_break(
    versions: list[dict[str, list[int]]], tier: str
) -> None:
    """For every tier its own: another tier may have had it for longer, or never."""
    found, day = ruled(versions[0]), FOUNDED
    stood: dict[int, date | None] = dict.fromkeys(versions[0].get(tier, versions[0][EVERY]))
    for version in versions[1:]:
        day += timedelta(days=1)
        found = rules_service.with_since(found, ruled(version), day)
        stood = {one: stood.get(one, day) for one in version.get(tier, version[EVERY])}
        for step in found.ladder("review", tier):
            assert step.days is not None
            known = stood[step.days]
            # never longer than it stood; a ladder for all tiers speaks since the last of them had it
            assert known is None or (step.since is not None and step.since >= known)
            if tier in version:
                assert step.since == known
            stood[step.days] = step.since


@pytest.mark.both_databases
def test_saving_keeps_every_version_and_refuses_what_was_written_over_another(
    database: Database, settings: Settings
) -> None:
    buyer = make_organisation(database, settings, "Halden")
    ciso, reviewer = buyer[OrganisationRole.CISO], buyer[OrganisationRole.REVIEWER]
    with database.looking(ciso.scope) as session:
        before = rules.current(session, buyer.id)
    assert before == shipped(None)
    draft = replace(before, notice_days=45)
    with pytest.raises(Refused), database.transaction(reviewer.scope) as session:
        rules_service.save(session, draft, base=0, actor=reviewer, now=NOW)
    with database.transaction(ciso.scope) as session:
        rules_service.save(session, draft, base=0, actor=ciso, now=NOW)
    with pytest.raises(Conflict), database.transaction(ciso.scope) as session:
        rules_service.save(session, replace(before, notice_days=50), base=0, actor=ciso, now=NOW)
    with pytest.raises(Conflict), database.transaction(ciso.scope) as session:
        rules_service.save(session, draft, base=1, actor=ciso, now=NOW)
    with database.looking(ciso.scope) as session:
        found = rules.current(session, buyer.id)
    with database.looking(SYSTEM) as session:
        assert rules.of_all(session, [buyer.id]) == {buyer.id: found}
    assert (found.sequence, found.notice_days) == (1, 45)
    assert found.ladders == before.ladders


# ------------------------------------------------------------------------------------------------------------- in words


def test_every_role_field_and_trigger_has_words() -> None:
    assert set(rules_words.ROLE_WORDS) == set(ROLES)
    assert set(rules_words.TRIGGER_WORDS) == set(TRIGGERS)
    raw = shipped(None).to_json()
    assert set(rules_words.FIELDS) == set(raw) - {"ladders", "triggers"}


def test_what_differs_reads_as_a_person_would_say_it(app: Portal) -> None:
    before = ruled({EVERY: [-7, 0]})
    after = replace(
        ruled({EVERY: [0, 1], "low": [14]}),
        answer_days=MappingProxyType({**before.answer_days, "low": 21}),
        late="keeps",
        triggers=MappingProxyType({**before.triggers, "incident": "reassess:30"}),
    )
    with app.test_request_context():
        found = [(one.field, one.before, one.after) for one in rules_words.changes(before, after)]
        assert rules_words.changes(before, rules_service.with_since(before, before, FOUNDED)) == []
    assert found == [
        ("Days to answer, low", "28", "21"),
        ("Answers that come late", "begin a new cycle", "keep the cycle"),
        ("review", "7 days before: CISOs", "no step"),
        ("review", "no step", "one day after: CISOs"),
        ("review, low", "no step", "14 days after: CISOs"),
        ("An incident is reported", "people are told", "assessed again within 30 days"),
    ]
