"""The order of the gate's page: the worst first, what is met last, and what is alike in one line that opens."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from portal.gate import words
from portal.gate.arranging import LEAST, arrange, headline, rules_of, together
from portal.gate.deciding import BY_HAND, Condition, decide
from portal.gate.facts import Finding, Requirement
from portal.gate.forms import proposed
from portal.gate.words import Names
from portal.web import Portal
from tests.portal.gate.given import core, day, policy, sound

DUE = date(2027, 1, 13)


def clause(number: int, due: date | None = DUE) -> Condition:
    return Condition("requirement", f"c.{number}", due, "blocked")


def lines(**changes: Any) -> list[words.Line]:
    return [words.line(one, Names()) for one in decide(sound(**changes), policy()).grounds]


def test_what_stands_in_the_way_is_first_and_what_is_met_last(app: Portal) -> None:
    with app.test_request_context():
        facts = core(low=1, high=1, unwritten=2)
        grounds = decide(facts, policy()).grounds
        made = arrange(words.line(one, Names()) for one in grounds)
    results = [group[0].ground.result for group in made.rows]
    assert results == ["blocked", "pending"]
    assert [group[0].ground.code for group in made.wanting] == ["band", "unwritten"]
    assert {one.ground.result for one in made.met} == {"met"}
    assert sum(map(len, made.rows)) + len(made.met) == len(grounds)


def test_many_that_are_alike_are_one_line_and_a_few_are_read_one_by_one(app: Portal) -> None:
    def found(severity: str, number: int) -> Finding:
        return Finding(f"{severity}-{number}", severity, day(-5))

    with app.test_request_context():
        findings = (*(found("high", one) for one in range(LEAST)), found("critical", 0))
        made = arrange(lines(findings=findings))
        assert [(len(group), group[0].on_record.split(",")[0]) for group in made.wanting] == [
            (1, "Critical"),
            (LEAST, "High"),
        ]
        assert headline(made.wanting[1]) == f"{LEAST} findings"
        short = tuple(Requirement(f"r.{one}", "required", "flagged", since=day(-5)) for one in range(LEAST))
        (group,) = [one for one in arrange(lines(requirements=short)).rows if len(one) > 1]
        assert headline(group).startswith(f"{LEAST} controls by ")
        for one in (short[1:], (*short[1:], replace(short[0], state="proposed"))):
            assert all(len(group) == 1 for group in arrange(lines(requirements=one)).rows)


def test_clauses_due_on_one_day_open_together_and_stand_open_once_one_differs(app: Portal) -> None:
    conditions = (
        *(clause(one) for one in range(LEAST)),
        clause(9, date(2027, 2, 1)),
        Condition("knockout", "core:q", DUE, "blocked"),
    )
    with app.test_request_context():
        rules = proposed(replace(decide(sound(), policy()), conditions=conditions)).rules
        made = rules_of(rules, lambda one: one.subject)
        assert [len(one.rows) for one in made] == [LEAST, 1, 1]
        assert made[0].title == f"In the contract by 13 Jan 2027: {LEAST} controls"
        assert [one.title for one in made[1:]] == ["", ""]
        assert not any(one.differs for one in made)
        # Each keeps its place in the form, whatever it is shown with.
        assert [at for one in made for at, _rule, _text in one.rows] == [1, 2, 3, 4, 5, 6]
        for change in (replace(rules[1], keep=False), replace(rules[1], due="2027-03-01")):
            again = rules_of((rules[0], change, *rules[2:]), lambda one: one.subject)
            assert [one.differs for one in again] == [True, False, False]
        assert rules_of((), str) == []


def test_conditions_of_a_decision_stand_together_by_day_and_consequence(app: Portal) -> None:
    hand = Condition(BY_HAND, "h", DUE, "blocked")
    endless = [clause(one, None) for one in range(LEAST)]
    with app.test_request_context():
        made = together([(one, one.subject) for one in (hand, *endless, clause(7))])
    assert [(len(group), title) for group, title in made] == [
        (1, ""),
        (LEAST, f"In the contract: {LEAST} controls"),
        (1, ""),
    ]


def test_a_band_that_the_facts_have_outgrown_says_so(app: Portal) -> None:
    ground = next(one for one in decide(sound(), policy()).grounds if one.code == "band")
    worse = replace(ground, result="blocked", on_record=(*ground.on_record, ("outgrown", True)))
    with app.test_request_context():
        assert "facts of now" in words.line(worse, Names()).on_record
        assert "facts of now" not in words.line(ground, Names()).on_record
