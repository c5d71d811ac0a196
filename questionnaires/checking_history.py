"""Checks against what was released before: keys keep their meaning, everywhere.

A shipped questionnaire is checked with ``check_history``, an organisation's own with ``check_own_history``: it may take
over shipped questions, which then stay what they are, and adds its own under keys that begin with ``own.``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher

from questionnaires.checking_report import Report
from questionnaires.definition import Question, Questionnaire
from questionnaires.patterns import ordered

# Pairs of equal words up to which difflib compares in milliseconds. Real texts stay far below.
_PAIRS = 20_000

OWN = "own."


def check_history(report: Report, previous: Questionnaire | None, shipped: Sequence[Questionnaire]) -> None:
    """Report what does not fit ``previous``, the newest released version, and all ``shipped``."""
    definition = report.definition
    others = [one for one in shipped if one.label != definition.label]
    earlier = [one for one in others if one.slug == definition.slug and _before(one, definition)]
    if previous is not None:
        _check_revisions(report, previous)
        _check_retired(report, previous, [*earlier, previous])
        others = [one for one in others if one.label != previous.label]
        others.append(previous)
    _check_claims(report, others)
    told: set[str] = set()
    for other in others:
        for question in report.questions():
            same = other.questions.get(question.key)
            if same is None or same.revision != question.revision or question.key in told:
                continue
            if _check_meaning(report, question, same, other):
                told.add(question.key)


def _before(one: Questionnaire, other: Questionnaire) -> bool:
    return ordered(one.version) < ordered(other.version)


def _check_revisions(report: Report, previous: Questionnaire) -> None:
    for question in report.questions():
        old = previous.questions.get(question.key)
        if old is not None and question.revision < old.revision:
            message = f"falls to {question.revision}; it was {old.revision} in {previous.label}"
            report.error(question.key, "revision", message)


def check_own_history(
    report: Report,
    line: Sequence[Questionnaire],
    others: Sequence[Questionnaire],
    shipped: Sequence[Questionnaire],
) -> None:
    """Report what a version of an organisation's own may not do to keys.

    ``line``: all its releases of this slug; ``others``: the newest of each of its other own slugs; ``shipped``: all
    shipped versions. A shipped key stays what some shipped version with its revision says: type, unit, no options
    but those, a text at least half alike, no other claims. Every other key begins with ``own.`` and follows the
    ordinary rules against ``line`` and ``others``: it never comes back once retired, its revision never falls. A
    shipped key may be left out and taken up again, since its meaning hangs on nobody's choice here.
    """
    definition = report.definition
    if any(one.slug == definition.slug for one in shipped) and not report.spoils("", "slug"):
        report.error("", "slug", f"{definition.slug} is a questionnaire of the portal; choose another name")
    if definition.purpose == "intake":
        report.error("", "purpose", "the purpose intake is kept for the portal's own questionnaire")
    released = sorted(line, key=lambda one: ordered(one.version))
    newest = released[-1] if released else None
    if newest is not None and not _before(newest, definition) and not report.spoils("", "version"):
        report.error("", "version", f"{newest.version} is released; write a higher number")
    known: dict[str, list[tuple[Question, Questionnaire]]] = {}
    for version in shipped:
        for question in version.questions.values():
            known.setdefault(question.key, []).append((question, version))
    for question in report.questions():
        if question.key in known:
            _check_taken_over(report, question, known[question.key])
        elif not question.key.startswith(OWN):
            message = f"no shipped question is called so; keys of your own begin with {OWN}, as in {OWN}{question.key}"
            report.error(question.key, "key", message)
    if newest is not None:
        _check_revisions(report, newest)
        _check_retired(report, newest, released, exempt=known)
    _check_claims(report, [*released, *others, *shipped])
    told: set[str] = set()
    for other in [*released, *others]:
        for question in report.questions():
            same = other.questions.get(question.key)
            if same is None or same.revision != question.revision or question.key in {*known, *told}:
                continue
            if _check_meaning(report, question, same, other):
                told.add(question.key)


def _check_taken_over(
    report: Report, question: Question, known: Sequence[tuple[Question, Questionnaire]]
) -> None:
    """A question under a shipped key: the same, as far as answers can tell, as one that was shipped."""
    key = question.key
    remedy = f"who asks for something else retires {key} and asks it under a key that begins with {OWN}"
    alive = [(old, other) for old, other in known if old.revision == question.revision]
    if report.spoils(key, "type", "unit", "text", "revision", "options"):
        return
    if not alive:
        revisions = ", ".join(map(str, sorted({old.revision for old, _ in known})))
        report.error(key, "revision", f"{question.revision} was never shipped, only {revisions}; {remedy}")
        return
    old, other = alive[-1]
    if all(one.type != question.type for one, _ in alive):
        report.error(key, "type", f"was {old.type} in {other.label}; {remedy}")
    elif all(one.unit != question.unit for one, _ in alive):
        report.error(key, "unit", f'was "{old.unit}" in {other.label}; {remedy}')
    elif not any(alike(question.text, one.text) for one, _ in alive):
        report.error(key, "text", f"is less than half alike to that of {other.label}; {remedy}")
    values = {option.value for one, _ in alive for option in one.options}
    added = [option.value for option in question.options if option.value not in values]
    if added and old.options:
        report.error(key, "options", f"{', '.join(added)} cannot be answered in {other.label}; {remedy}")
    claims = {claim for one, _ in known for claim in one.formerly}
    foreign = [claim for claim in question.formerly if claim not in claims and not claim.startswith(OWN)]
    if foreign:
        report.error(
            key, "formerly", f"{', '.join(foreign)} is not claimed by it in any shipped version; {remedy}"
        )


def _check_retired(
    report: Report,
    previous: Questionnaire,
    earlier: Sequence[Questionnaire],
    exempt: Collection[str] = (),
) -> None:
    """Keys that were asked once, or renamed, and are no longer asked in the newest version, stay retired."""
    retired: dict[str, str] = {}
    for version in earlier:
        for question in version.questions.values():
            retired.setdefault(question.key, version.label)
            for claim in question.formerly:
                retired.setdefault(claim.partition("@")[0], f"renamed in {version.label}")
    for question in report.questions():
        if question.key in exempt:
            continue
        if question.key in retired and question.key not in previous.questions:
            message = f"{question.key} was retired ({retired[question.key]}) and may not be used again"
            report.error(question.key, "key", message)


def _check_claims(report: Report, others: Sequence[Questionnaire]) -> None:
    claimed: dict[str, tuple[str, str]] = {}
    for other in others:
        for question in other.questions.values():
            for claim in question.formerly:
                claimed.setdefault(claim, (question.key, other.label))
    for question in report.questions():
        # A question that takes over from the claimant takes its claims over too.
        taken = {question.key, *(claim.partition("@")[0] for claim in question.formerly)}
        for claim in question.formerly:
            owner, label = claimed.get(claim, (question.key, ""))
            if owner not in taken:
                report.error(question.key, "formerly", f"{claim} is claimed by {owner} in {label} already")


def _check_meaning(report: Report, question: Question, old: Question, other: Questionnaire) -> bool:
    """Whether the same key and revision was found to mean something else."""
    key, remedy = question.key, f"raise the revision, or keep what {other.label} says"
    if report.spoils(key, "type", "unit", "text", "revision"):
        return False
    if question.type != old.type:
        report.error(key, "type", f"was {old.type} in {other.label}; {remedy}")
        return True
    if question.unit != old.unit:
        report.error(key, "unit", f'was "{old.unit}" in {other.label}; {remedy}')
        return True
    if not alike(question.text, old.text) and not _reworded(report.definition, question, old, other):
        message = f"is less than half alike to that of {other.label}; {remedy}, or say reworded"
        report.error(key, "text", message)
        return True
    return False


def _reworded(definition: Questionnaire, question: Question, old: Question, other: Questionnaire) -> bool:
    """Whether the author vouches for the meaning: in this questionnaire since ``other`` at the earliest."""
    if other.slug != definition.slug:
        return question.reworded is not None or old.reworded is not None
    newer, first, second = question, other, definition
    if _before(definition, other):
        newer, first, second = old, definition, other
    word = newer.reworded
    return word is not None and ordered(first.version) <= ordered(word) <= ordered(second.version)


def alike(one: str, other: str) -> bool:
    """Whether two texts are at least half alike: difflib's ratio over their case-folded words."""
    if one == other:
        return True
    words, others = one.casefold().split(), other.casefold().split()
    matcher = SequenceMatcher(None, words, others)
    if matcher.real_quick_ratio() < 0.5 or matcher.quick_ratio() < 0.5:
        return False
    counts = Counter(others)
    if sum(counts[word] for word in words) > _PAIRS:
        # The upper bound has to do for a text that says one word thousands of times.
        return True
    return matcher.ratio() >= 0.5
