"""What was merged goes on being known: in newer versions, on new engagements, and no better than what it was."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from portal.assessments.drafts import Content
from portal.db import Database
from portal.findings import keeping, queries
from portal.findings.models import Finding
from portal.review import queries as review
from portal.settings import Settings
from questionnaires.definition import Questionnaire
from tests.portal import journey
from tests.portal.findings import given as findings
from tests.portal.findings.given import GOOD, LATER, LOGS, MFA, SOON, STEPS, WORST, Found
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company, make_organisation

pytestmark = pytest.mark.both_databases
FAULTS = [{"option": "no", "severity": "high", "text": "One stolen password is enough."}]


@pytest.fixture
@made_once
def two(database: Database, settings: Settings) -> Found:
    """Two engagements about which nothing was found yet."""
    organisation = make_organisation(database, settings, "Halden")
    company = make_company(database, settings, "Fennmark")
    return findings.found(database, organisation, company, GOOD, names=("Archive", "Post"))


def send(
    given: Found,
    days: int,
    answers: Mapping[str, Content],
    *engagements: uuid.UUID,
    definition: Questionnaire | None = None,
) -> uuid.UUID:
    """One more assessment over these engagements, answered and sealed so many days later."""
    now = NOW + timedelta(days=days)
    asked = definition or given.issued.definition
    vendor = given.issued.vendor
    one = journey.again(given.database, given.organisation, vendor, engagements, asked, now=now)
    return journey.submit(
        given.database, given.issued, answers, assessment=one, now=now, consequences=findings.CONSEQUENCES
    )


def version(given: Found, number: str, **changes: Any) -> Questionnaire:
    newer = findings.definition(number, **changes)
    journey.release(given.database, given.organisation, newer)
    return newer


def on(given: Found, engagement: uuid.UUID) -> list[Finding]:
    """What was found about an engagement."""
    here = {one.finding_id for one in given.links() if one.engagement_id == engagement}
    return [one for one in given.all() if one.id in here]


def merge(given: Found, into: Finding, other: Finding) -> None:
    with given.database.transaction(given.reviewer.scope) as session:
        held = {
            each: queries.finding(session, given.reviewer, each, lock=True)
            for each in sorted((into.id, other.id))
        }
        first = held[into.id]
        keeping.merge(
            session, first, held[other.id], seen=first.revision, actor=given.reviewer, now=first.opened_at
        )


def by_hand(given: Found, text: str) -> Finding:
    with given.database.transaction(given.reviewer.scope) as session:
        case = review.case(session, given.reviewer, given.submission, lock=True)
        now = NOW + timedelta(hours=1)
        return keeping.add(session, case, key=LOGS, severity="low", text=text, actor=given.reviewer, now=now)


def test_the_same_text_of_two_engagements_is_merged_and_followed(two: Found) -> None:
    first, second = two.issued.engagements
    only_list = {**GOOD, STEPS: WORST[STEPS]}
    send(two, 10, only_list, first)
    send(two, 11, only_list, second)
    (one,), (other,) = on(two, first), on(two, second)
    assert one.id != other.id
    merge(two, one, other)
    newer = version(two, "1.1.0", logs={"text": "Are logs kept for two years?"})
    for day, engagements in ((20, (first,)), (21, (second,)), (22, (first, second))):
        send(two, day, only_list, *engagements, definition=newer)
    assert {each.id for each in two.all()} == {one.id, other.id}
    assert {each.id for each in on(two, second)} == {one.id, other.id}


def test_a_merged_fault_that_the_other_engagement_earns_later_is_one_thing(two: Found) -> None:
    first, second = two.issued.engagements
    send(two, 10, {**GOOD, STEPS: WORST[STEPS]}, first)
    (one,) = on(two, first)
    send(two, 11, {**GOOD, MFA: WORST[MFA]}, second)
    other = next(each for each in on(two, second) if each.code != "knockout")
    merge(two, one, other)
    send(two, 20, WORST, first, second)  # the link that the merge has spread is there already
    assert [each.state for each in two.all() if each.id == other.id] == ["merged"]
    link = next(x for x in two.links() if (x.finding_id, x.engagement_id) == (one.id, second))
    assert (link.called_for, link.standing is not None) == (True, True)


def test_two_questions_that_become_one_on_one_engagement_of_two(two: Found) -> None:
    first, second = two.issued.engagements
    plain = {"critical": False, "finding": FAULTS}
    old = version(two, "1.1.0", mfa=plain, logs={"finding": FAULTS})
    bad = {MFA: Content("answered", "no"), STEPS: GOOD[STEPS], LOGS: Content("answered", "no")}
    send(two, 10, {**bad, LOGS: GOOD[LOGS]}, first, definition=old)
    (older,) = on(two, first)
    send(two, 11, bad, first, second, definition=old)
    (younger,) = (each for each in two.all() if each.key == LOGS)
    # mfa goes into logs, so both lead to the same place on the first engagement
    merged = {"finding": FAULTS, "formerly": [f"{MFA}@1"]}
    newer = version(
        two, "1.2.0", mfa={"key": "own.kept.other", "critical": False, "finding": []}, logs=merged
    )
    answers = {
        "own.kept.other": Content("answered", "yes"),
        STEPS: GOOD[STEPS],
        LOGS: Content("answered", "no"),
    }
    for day, engagements in ((20, (first,)), (21, (second,)), (22, (first, second))):
        send(two, day, answers, *engagements, definition=newer)
    assert {each.id for each in two.all()} == {older.id, younger.id}
    names = [(each.engagement_id, each.standing) for each in two.links()]
    assert len(names) == len(set(names))


def test_what_is_merged_into_a_finding_by_hand_is_at_the_gate_of_a_new_engagement(two: Found) -> None:
    first, second = two.issued.engagements
    two.submission = send(two, 10, {**GOOD, STEPS: WORST[STEPS]}, first)
    (earned,) = on(two, first)
    root = by_hand(two, "Training is a matter of chance.")
    merge(two, root, earned)
    send(two, 20, {**GOOD, STEPS: WORST[STEPS]}, first, second)
    with two.database.looking(two.reviewer.scope) as session:
        stands = queries.open_for_gate(session, two.organisation.id, [first, second])
    assert [[each.id for each in stands[one]] for one in (first, second)] == [[root.id], [root.id]]


@pytest.mark.parametrize("into_grave", [True, False])
def test_what_was_never_planned_is_not_planned_by_a_merge(given: Found, *, into_grave: bool) -> None:
    grave, small = given.one("finding:"), given.one("finding:", STEPS)
    given.plan(small, due=SOON)
    given.agree(small)
    into, other = (grave, small) if into_grave else (small, grave)
    merge(given, into, other)
    (one,) = (each for each in given.all() if each.id == into.id)
    assert (one.severity, one.state, one.due, one.owner_id) == ("critical", "open", None, None)
    assert one.first_due == SOON, "what was promised once stays on record"
    given.plan(one, due=LATER)
    given.agree(one)
    (one,) = (each for each in given.all() if each.id == into.id)
    assert (one.state, one.due, one.first_due) == ("planned", LATER, SOON)
