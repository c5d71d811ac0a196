"""What an engagement asks for today against what its answers were scored under: the worse of both counts."""

from __future__ import annotations

import json
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from portal.access import OrganisationRole
from portal.db import Database
from portal.gate import breaking, loading, reading
from portal.gate.deciding import decide
from portal.gate.facts import Knockout, Submitted
from portal.gate.loading_facts import outgrown, stricter
from portal.gate.standing import Decided, effective
from portal.settings import Settings
from portal.vendors import queries as vendors
from portal.vendors import service
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from tests.portal import journey, rich
from tests.portal.findings import given as kept
from tests.portal.gate.given import policy
from tests.portal.journey import Issued
from tests.portal.world import NOW, make_company, make_organisation

CISO = OrganisationRole.CISO
AS_OF = date(2026, 11, 20)
LATER = NOW + timedelta(days=1)
LITTLE: dict[str, Any] = {"engagement.data": ["public_only"], "engagement.harm": "no"}
MUCH: dict[str, Any] = {"engagement.data": ["confidential"], "engagement.harm": "direct"}


@pytest.mark.parametrize(
    ("pinned", "now", "asked"),
    [
        ({"engagement.tier": "low"}, {"engagement.tier": "high"}, {"engagement.tier": "high"}),
        ({"engagement.tier": "high"}, {"engagement.tier": "low"}, {"engagement.tier": "high"}),
        ({"engagement.data": ["public_only"]}, {"engagement.data": ["personal"]}, {"engagement.data": ["personal"]}),
        (
            {"engagement.data": ["card", "personal"]},
            {"engagement.data": ["public_only"]},
            {"engagement.data": ["card", "personal"]},
        ),
        ({"engagement.data": ["personal"]}, {"engagement.data": ["card"]}, {"engagement.data": ["card", "personal"]}),
        ({"engagement.data": ["public_only"]}, {}, {}),  # nobody knows any more, so it may be anything
        ({}, {"engagement.data": ["public_only"]}, {"engagement.data": ["public_only"]}),
        ({"engagement.spend": "9"}, {"engagement.spend": "10.5"}, {"engagement.spend": "10.5"}),
        ({"engagement.spend": "19"}, {"engagement.spend": "10.5"}, {"engagement.spend": "19"}),  # of two engagements
        ({"engagement.spend": "19"}, {}, {}),
        ({"engagement.harm": "direct"}, {}, {"engagement.harm": "direct"}),  # what nobody knows cannot be worse
        ({"engagement.harm": "no"}, {}, {}),
        ({}, {"engagement.harm": "no"}, {"engagement.harm": "no"}),
        ({"vendor.country": "PT"}, {"vendor.country": "US"}, {"vendor.country": "US"}),
        ({"vendor.country": "PT"}, {}, {}),
    ],
)  # fmt: skip
def test_of_two_sets_of_facts_what_asks_for_more(
    pinned: dict[str, Any], now: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert stricter(pinned, now) == asked


def test_only_what_the_questionnaire_asks_of_facts_makes_anybody_read_again() -> None:
    harmful = {"engagement.harm": "direct"}
    assert outgrown(rich.DEFINITION, LITTLE, {**LITTLE, **harmful}, AS_OF) == {**LITTLE, **harmful}
    assert outgrown(rich.DEFINITION, LITTLE, {**LITTLE, "engagement.data": ["card"]}, AS_OF) is None
    assert (
        outgrown(rich.DEFINITION, MUCH, LITTLE, AS_OF) is None
    )  # it asks for less, so what was asked stands
    several = {"engagement.data": ["card", "personal"]}
    assert outgrown(rich.DEFINITION, several, {"engagement.data": ["personal", "card"]}, AS_OF) is None
    shown = kept.definition(mfa={"visible_when": 'engagement.harm == "direct"'})
    assert outgrown(shown, LITTLE, {**LITTLE, **harmful}, AS_OF) is not None
    proven = kept.definition(
        mfa={"evidence": {"kind": "policy", "required_when": 'engagement.harm == "direct"'}}
    )
    assert outgrown(proven, LITTLE, {**LITTLE, **harmful}, AS_OF) is not None
    plain = kept.definition(mfa={"evidence": {"kind": "policy"}})
    assert outgrown(plain, LITTLE, {**LITTLE, **harmful}, AS_OF) is None


def handed_in(
    database: Database, settings: Settings, definition: Questionnaire, answers: Any, names: tuple[str, ...]
) -> Issued:
    halden, cedar = make_organisation(database, settings, "Halden"), make_company(database, settings, "Cedar")
    journey.release(database, halden, definition)
    issued = journey.issue(
        database, halden, cedar, definition=definition, facts=LITTLE, tier="high", names=names
    )
    journey.submit(database, issued, answers)
    return issued


def raised(database: Database, issued: Issued, **facts: Any) -> None:
    """The first engagement asks for more."""
    actor = issued.organisation[CISO]
    with database.transaction(actor.scope) as session:
        row = vendors.engagement(session, actor, issued.engagements[0])
        values = {"name": row.name, "description": row.description, "tier": row.tier, "facts": MUCH | facts}
        service.change_engagement(
            session, row, **values, business_owner_id=row.business_owner_id, revision=row.revision, actor=actor,
            now=NOW,
        )  # fmt: skip


def of(database: Database, issued: Issued, at: int = 0) -> loading.Loaded:
    place = issued.organisation
    with database.looking(place[CISO].scope) as session:
        return loading.one(session, place.id, issued.engagements[at], now=NOW)


def submitted(database: Database, issued: Issued, at: int = 0) -> Submitted:
    (found,) = of(database, issued, at).facts.submitted
    return found


def _easier() -> Questionnaire:
    """The rich questionnaire with logs that weigh nothing, so that nothing but the cap lowers the band."""
    raw = json.loads(rich.SOURCE)
    for question in (one for section in raw["sections"] for one in section["questions"]):
        question.pop("evidence", None)
        if question["key"] == "own.rich.logs":
            question["weight"] = 0
    return parse_json(json.dumps(raw).encode())


EASIER = _easier()
STRONG = rich.ANSWERS | {
    "own.rich.admin": journey.Content("answered", "yes"),
    "own.rich.mfa": journey.Content("answered", "yes"),
    "own.rich.patch": journey.Content("answered", "yes"),
    "own.rich.steps": journey.Content("answered", ["scan", "test", "train"]),
    "own.rich.logs": journey.Content("answered", "no"),
}


@pytest.mark.both_databases
def test_a_cap_of_today_counts_at_the_gate_and_breaks_what_was_decided(
    database: Database, settings: Settings
) -> None:
    issued = handed_in(database, settings, EASIER, STRONG, ("Archive", "Scanning"))
    before = of(database, issued).facts
    (one,) = before.submitted
    assert (one.high, one.outgrown) == (4, False)
    demanding = policy(False, questionnaires=("rich",), evidence=(), clear_level=4, condition_level=4)
    proposal = decide(before, demanding)
    kept_decision = Decided("blocked", proposal, (), None, demanding)
    place = issued.organisation
    with database.looking(place[CISO].scope) as session:
        brief = reading.briefs(session, place.id, issued.engagements, now=NOW)
    raised(database, issued)
    after = of(database, issued).facts
    (now,) = after.submitted
    assert (now.high, now.outgrown, now.submission) == (3, True, one.submission)
    assert submitted(database, issued, 1) == one  # the other engagement asks for no more than it did
    grounds = {each.key: each for each in decide(after, demanding).grounds}
    assert grounds["band", "rich"].recorded("outgrown")
    lapses = effective(kept_decision, after, demanding, after.today).lapses
    assert ("band", "rich") in {(each.code, each.subject) for each in lapses}
    with database.looking(place[CISO].scope) as session:
        again = reading.briefs(session, place.id, issued.engagements, now=NOW)
        assert reading.standing(session, place.id, issued.engagements, now=NOW)
    assert again[issued.engagements[1]] == brief[issued.engagements[1]]


def test_a_question_that_is_asked_only_now_is_open_and_not_failed(
    database: Database, settings: Settings
) -> None:
    shown = kept.definition(mfa={"visible_when": 'engagement.harm == "direct"'})
    issued = handed_in(database, settings, shown, kept.GOOD, ("Archive",))
    assert submitted(database, issued).knockouts == ()
    raised(database, issued)
    now = submitted(database, issued)
    assert (now.knockouts, now.low, now.high) == ((Knockout(kept.MFA, failed=False),), 1, 4)
    raised(database, issued, **{"engagement.volume": "none"})
    assert submitted(database, issued) == now


def test_what_was_handed_in_before_is_read_under_the_facts_of_now_too(
    database: Database, settings: Settings
) -> None:
    issued = handed_in(database, settings, EASIER, STRONG, ("Archive",))
    raised(database, issued)
    again = journey.again(database, issued.organisation, issued.vendor, issued.engagements, EASIER, now=LATER)
    better = STRONG | {"own.rich.logs": journey.Content("answered", "yes")}
    journey.submit(database, issued, better, assessment=again, now=LATER)
    now = submitted(database, issued)
    assert (now.high, now.outgrown) == (4, False)
    assert [(one.high, one.outgrown) for one in now.former] == [(3, True)]


@pytest.mark.parametrize(
    ("outgrown_now", "after", "levels"),
    [
        (False, ("strong", "strong"), (4, 4)),
        (True, ("strong", "strong"), (2, 3)),  # another version mends nothing that today's facts ask for
        (True, ("weak", "strong"), (1, 3)),
        (True, (None, None), (None, None)),
    ],
)
def test_a_version_foreseen_is_no_better_than_what_the_facts_of_now_leave(
    outgrown_now: bool, after: tuple[str | None, str | None], levels: tuple[int | None, int | None]
) -> None:
    row: Any = SimpleNamespace(after=(None, None, *after), changes=b"{}")
    one = Submitted("rich", "s-1", AS_OF, 2, 3, outgrown=outgrown_now)
    found = breaking._foreseen(one, row, rich.DEFINITION)
    assert (found.low, found.high) == levels
