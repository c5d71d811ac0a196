"""What answers and marks have earned, what a finding is known by, and how it follows its question. Pure, no SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from portal.assessments.result import Outcome
from portal.findings.queries import EARNED, KNOCKOUT, SEVERITIES
from questionnaires.answers import Answer
from questionnaires.canonical import canonical_json
from questionnaires.changes import QuestionChange, diff
from questionnaires.definition import FindingRule, Questionnaire
from questionnaires.visibility import earned_findings

Known = tuple[
    str, str
]  # the key of a question and a code: what a finding is known by within its questionnaire
GRAVEST = SEVERITIES[0]

# Why the newest answers do not earn what an earlier one did: its question or its rule is gone from the version, the
# question was not asked, nothing certain was answered, a reviewer's mark says so, or it was answered otherwise. What
# says least of the fault comes first; only the last one shows by itself that it is mended.
GONE, NOT_ASKED, UNSETTLED, JUDGED, ANSWERED = "gone", "not_asked", "unsettled", "judged", "answered"
WHYS = (GONE, NOT_ASKED, UNSETTLED, JUDGED, ANSWERED)


@dataclass(frozen=True, slots=True)
class Follower:
    """Where the findings of one version stand in another: (key, code) then -> (key, code) now; None = nowhere."""

    old: Questionnaire
    new: Questionnaire
    heirs: Mapping[str, str]

    def follow(self, known: Known) -> Known | None:
        key, code = known
        if not key:  # about no question, so in every version
            return known
        heir = self.heirs.get(key)
        if heir is None:
            return None
        if not code.startswith(EARNED):
            return heir, code
        then = {code_of(one): one for one in self.old.questions[key].findings}
        now = self.new.questions[heir].findings
        if code in {code_of(one) for one in now}:
            return heir, code
        rule = then.get(code)
        same = _heir_of(rule, now) if rule is not None else None
        return None if same is None else (heir, code_of(same))


def follower(old: Questionnaire, new: Questionnaire, between: Iterable[Questionnaire] = ()) -> Follower:
    """``between``: the versions released between the two (library.lineage); renames are followed through them."""
    if old.content_hash == new.content_hash:
        return Follower(old, new, {key: key for key in new.questions})
    heirs: dict[str, str] = {}
    for change in diff(old, new, tuple(between)).questions:
        for key in _earlier(change):
            heirs.setdefault(key, change.key)
    return Follower(old, new, heirs)


def code_of(rule: FindingRule) -> str:
    """What a finding text is known by: a hash of what earns it and of its words, wherever it stands in its list."""
    ground = {"option": rule.option} if rule.when is None else {"when": rule.when.source}
    return EARNED + sha256(canonical_json({**ground, "text": rule.text})).hexdigest()[:16]


def rule_of(definition: Questionnaire, key: str, code: str) -> FindingRule | None:
    """The finding text that a code stands for; None for a knock-out, a finding by hand, or another version."""
    question = definition.questions.get(key)
    rules = question.findings if question is not None else ()
    return next((one for one in rules if code_of(one) == code), None)


def earned(
    definition: Questionnaire,
    answers: Mapping[str, Answer],
    facts: Mapping[str, Any],
    as_of: date,
    outcome: Outcome,
) -> dict[Known, str]:
    """Severity by (key, code) of every finding text that sealed answers earn and every knock-out that has failed.

    ``outcome``: of the newest rating; so what a mark makes fail is found, and what is hidden is not. In the order of
    the questionnaire; a knock-out comes before the texts of its question.
    """
    failed = {one.key for one in outcome.knockouts if one.kind == "failed"}
    found: dict[Known, str] = {}
    for key, question in definition.questions.items():
        if key in failed:
            found[key, KNOCKOUT] = GRAVEST
        if not question.findings or outcome.lines[key].state == "hidden":
            continue
        for rule in earned_findings(question, answers, facts, as_of):
            found.setdefault((key, code_of(rule)), rule.severity)
    return found


def why_not(
    definition: Questionnaire, answers: Mapping[str, Answer], outcome: Outcome, known: Known | None
) -> str:
    """Why answers do not earn this: one of WHYS. ``known``: where it stands in their version, None for nowhere."""
    if known is None:
        return GONE
    key, code = known
    state = outcome.lines[key].state
    if state == "hidden":
        return NOT_ASKED
    if code == KNOCKOUT:
        return _why_passed(definition, outcome, key)
    rule = rule_of(definition, key, code)
    named = () if rule is None or rule.when is None else (one.key for one in rule.when.tests)
    rests = {key, *(one for one in named if one in definition.questions)}
    if any(outcome.lines[one].state == "hidden" for one in rests):
        return NOT_ASKED
    sure = all(one in answers and answers[one].state == "answered" for one in rests)
    return ANSWERED if sure and state != "open" else UNSETTLED


def least(whys: Iterable[str]) -> str:
    """The reason that says least of the fault, "" for none."""
    return min(whys, key=WHYS.index, default="")


def _why_passed(definition: Questionnaire, outcome: Outcome, key: str) -> str:
    """Why a question that was asked is no failed knock-out."""
    if not definition.questions[key].critical:
        return GONE
    state = outcome.lines[key].state
    if state in ("graded", "disproved", "not_applicable"):
        return JUDGED
    passed = state in ("answered", "accepted") and all(one.key != key for one in outcome.knockouts)
    return ANSWERED if passed else UNSETTLED


def standing(slug: str, known: Known) -> str:
    """What an engagement has at most one open finding of: 64 hex digits."""
    return sha256(canonical_json([slug, *known])).hexdigest()


def worse(one: str, other: str) -> str:
    """The worse of two severities."""
    return min(one, other, key=SEVERITIES.index)


def _earlier(change: QuestionChange) -> tuple[str, ...]:
    """The keys of the old version that a question stands for; none where it was added or is gone."""
    if change.new is None or change.old is None:
        return ()
    return (change.old.key, *change.also)


def _heir_of(rule: FindingRule, now: Iterable[FindingRule]) -> FindingRule | None:
    """The finding text of a newer version that stands for this one, where its words or its condition were mended."""
    if rule.option is not None:
        same = [one for one in now if one.option == rule.option]
    else:
        conditional = [one for one in now if one.when is not None]
        same = [one for one in conditional if one.text == rule.text] or [
            one
            for one in conditional
            if one.when is not None and rule.when is not None and one.when.source == rule.when.source
        ]
    return same[0] if len(same) == 1 else None
