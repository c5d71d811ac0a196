"""What a finding is known by: stable under new versions, one at a time on an engagement, however often one looks."""

from __future__ import annotations

import itertools
from datetime import timedelta

from hypothesis import given as examples
from hypothesis import settings, strategies

from portal.assessments.drafts import Content
from portal.findings import earning, opening
from portal.findings.models import Finding
from portal.findings.queries import KNOCKOUT, REVIEWER, STANDING
from questionnaires.definition import Questionnaire
from tests.portal.findings import given as findings
from tests.portal.findings.given import LOGS, MFA, STEPS, Found
from tests.portal.world import NOW

VALUES = ("yes", "some", "no")
LISTS = (["scan"], ["train"], ["scan", "train"], ["none"])
REWORDED = (
    "One stolen password is enough.",
    "One stolen password is all it takes.",
    "A single password opens it.",
)


def versions(steps: list[tuple[bool, int, bool]]) -> list[Questionnaire]:
    """One version a step: whether the question is renamed, how its finding reads, whether a finding comes before it."""
    found, key = [], MFA
    for number, (renamed, wording, more) in enumerate(steps):
        mfa: dict[str, object] = {}
        if renamed and number:
            older, key = key, f"own.kept.mfa{number}"
            mfa["formerly"] = [f"{older}@1"]
        mfa["key"] = key
        mfa["finding"] = [
            *([{"option": "some", "severity": "low", "text": "Half of a lock."}] if more else []),
            {"option": "no", "severity": "critical", "text": REWORDED[wording]},
        ]
        found.append(findings.definition(f"1.{number}.0", mfa=mfa))
    return found


@examples(
    strategies.lists(
        strategies.tuples(strategies.booleans(), strategies.integers(0, 2), strategies.booleans()),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=40)
def test_identity_is_stable_however_versions_move(steps: list[tuple[bool, int, bool]]) -> None:
    line = versions(steps)
    by_code = {
        one: next(rule for rule in one.questions[_key(one)].findings if rule.option == "no") for one in line
    }
    text = (_key(line[0]), earning.code_of(by_code[line[0]]))
    knockout, by_hand = (_key(line[0]), KNOCKOUT), (_key(line[0]), REVIEWER)
    for old, new in itertools.pairwise(line):
        follow = earning.follower(old, new).follow
        text, knockout, by_hand = follow(text), follow(knockout), follow(by_hand)  # type: ignore[assignment]
        assert text == (_key(new), earning.code_of(by_code[new]))
        assert knockout == (_key(new), KNOCKOUT)
        assert by_hand == (_key(new), REVIEWER)
    whole = earning.follower(line[0], line[-1], line[1:-1])
    assert whole.follow((_key(line[0]), KNOCKOUT)) == knockout


def _key(one: Questionnaire) -> str:
    return next(key for key in one.questions if key not in (STEPS, LOGS))


def test_what_is_gone_leads_nowhere() -> None:
    old = findings.definition()
    other = findings.definition("1.1.0", mfa={"key": "own.kept.other", "finding": []})
    code = earning.code_of(old.questions[MFA].findings[0])
    assert earning.follower(old, other).follow((MFA, code)) is None
    bare = findings.definition("1.1.0", mfa={"finding": []})
    assert earning.follower(old, bare).follow((MFA, code)) is None
    assert earning.follower(old, bare).follow((MFA, KNOCKOUT)) == (MFA, KNOCKOUT)


def test_the_place_in_the_list_is_no_part_of_a_code() -> None:
    first = {"option": "no", "severity": "critical", "text": "One stolen password is enough."}
    second = {"option": "some", "severity": "low", "text": "Half of a lock."}
    codes = [
        {earning.code_of(one) for one in findings.definition(mfa={"finding": some}).questions[MFA].findings}
        for some in ([first, second], [second, first])
    ]
    assert codes[0] == codes[1]
    assert len(codes[0]) == 2


def test_opening_is_idempotent_over_any_course_of_answers(given: Found) -> None:
    """However often a submission is looked at, and whatever comes after it, an engagement has one finding of a kind."""

    def look() -> None:
        with given.database.transaction(given.reviewer.scope) as session:
            assessment, submission = given.sent(session)
            now = NOW + timedelta(days=400)
            opening.open_after_submission(session, assessment, submission, given.reviewer, now)
            session.info["audited"] = True  # nothing is noted where nothing has changed

    for round_, (value, chosen) in enumerate(itertools.product(VALUES, LISTS[:2]), 1):
        answers = {
            MFA: Content("answered", value),
            STEPS: Content("answered", chosen),
            LOGS: Content("answered", "yes"),
        }
        given.again(answers, now=NOW + timedelta(days=30 * round_))
        after = _standing(given)
        look()
        look()
        assert _standing(given) == after
        called = {(key, code) for key, code, is_called, _revision in after if is_called}
        assert (MFA, KNOCKOUT) in called or value == "yes"
        assert ((MFA, KNOCKOUT) in called) == (value != "yes")
    kinds = [(one.key, one.code) for one in given.all() if one.state in STANDING]
    assert len(kinds) == len(set(kinds)) == findings.EARNED


def _standing(given: Found) -> list[tuple[str, str, bool, int]]:
    rows: list[Finding] = given.all()
    return [(one.key, one.code, one.called_for, one.revision) for one in rows if one.state in STANDING]
