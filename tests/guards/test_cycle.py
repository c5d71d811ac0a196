"""Laws of the audit cycle: who writes, who looks across tenants, and that no kind of subject is half made."""

from __future__ import annotations

import ast
from datetime import date

from portal.reassessment import agenda, lines, people
from portal.reassessment.kinds import COMPANY_ROLES, KINDS, ROLES
from portal.reassessment.rules_shape import shipped
from portal.reassessment.sayings import SAYINGS
from tests.guards.code import Module, modules

CYCLE = [
    one for one in modules("portal") if one.name.startswith(("portal.reassessment.", "portal.campaigns."))
]
# The worker's jobs: they begin transactions of their own. Everything else is given a session.
WRITERS = {
    "portal.reassessment.dating",
    "portal.reassessment.generating",
    "portal.reassessment.held_back",
    "portal.reassessment.opening_job",
    "portal.reassessment.runs",
    "portal.reassessment.terms",
    "portal.reassessment.trigger_finding",
    "portal.reassessment.workdays",
    "portal.campaigns.running",
}
# What makes the words of letters and feeds: through the eyes of their reader, one place at a time.
READERS = {
    "lines",
    "line_about",
    "alone",
    "sayings",
    "calendar_words",
    "calendar_queries",
    "run_queries",
    "ics",
}


def test_only_jobs_of_the_worker_begin_transactions() -> None:
    found = {
        one.name
        for one in CYCLE
        for node in ast.walk(one.tree)
        if isinstance(node, ast.Attribute) and node.attr == "transaction"
    }
    assert found == WRITERS


def test_words_are_made_with_the_eyes_of_their_reader() -> None:
    assert [one.name for one in CYCLE if one.parts[-1] in READERS and _names_system(one)] == []


def _names_system(module: Module) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "SYSTEM" for node in ast.walk(module.tree))


def test_every_kind_has_a_source_a_ladder_people_and_a_second_look() -> None:
    assert set(agenda.SOURCES) == set(KINDS)
    assert set(KINDS) <= set(lines.LOOKS) | set(
        SAYINGS
    )  # a look of its own, or the agenda's with these words
    for kind, one in KINDS.items():
        assert one.ladder, kind
        to = {role for step in one.ladder for role in step.to}
        assert to <= set(ROLES), kind
        assert one.vendor_side == any(role in COMPANY_ROLES for role in to), kind
        names = [step.name for step in one.ladder]
        assert len(set(names)) == len(names) <= 16, kind
    named = {"issuer", "uploader", "assignee", "contact", "decided"}
    for kind, one in KINDS.items():
        if named & {role for step in one.ladder for role in step.to}:
            assert kind in people.NAMES, f"{kind}: nobody finds whom its steps name"


def test_what_ships_says_since_when_each_step_speaks() -> None:
    """An upgrade tells nobody of days before it, but by the four steps that were always there."""
    since = date(2027, 1, 4)
    for kind in KINDS:
        for tier in ("critical", "high", "medium", "low"):
            for step in shipped(since).ladder(kind, tier) if kind != "campaign" else ():
                always = kind in ("assessment", "reassessment") and step.days in (-30, -7, 0, 7)
                assert step.since == (None if always else since), f"{kind} {step.name}"
