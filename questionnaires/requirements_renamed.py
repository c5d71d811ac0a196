"""Questions that rules call by a new name: which answers to the old one still count, and whether that is so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from questionnaires.faults import Fault
from questionnaires.patterns import CLAIM, KEY

if TYPE_CHECKING:
    from questionnaires.definition import Questionnaire
    from questionnaires.fields import Fields
    from questionnaires.requirements import Requirement

MAX_CLAIMS = 20

# For each name that rules use, the ``key@revision`` of what it replaced with the meaning kept.
Renamed = tuple[tuple[str, tuple[str, ...]], ...]


def read_renamed(table: Fields) -> Renamed:
    """``renamed = { "new.key" = ["old.key@1"] }`` of a requirement; faults are collected."""
    inner = table.table("renamed")
    if inner is None:
        return ()
    found = []
    for key in inner.raw:
        if not KEY.fullmatch(key):
            table.fault("renamed", f"{key} is no key of lower-case segments joined by dots")
        claims = inner.texts(key, MAX_CLAIMS, CLAIM, "key@revision")
        if not claims:
            table.fault("renamed", f"{key} replaces nothing; name at least one key@revision")
        found.append((key, claims))
    inner.done()
    return tuple(found)


def heirs(renamed: Iterable[Renamed]) -> Mapping[tuple[str, int], str]:
    """The name under which rules read an answer, by the key and revision that was asked."""
    found: dict[tuple[str, int], str] = {}
    for one in renamed:
        for name, claims in one:
            for claim in claims:
                key, _, revision = claim.partition("@")
                found[key, int(revision)] = name
    return found


def renamed_faults(
    requirements: Iterable[Requirement], definitions: Iterable[Questionnaire]
) -> Iterator[Fault]:
    """What does not fit the questions of ``definitions``: a rename that none of them makes, a rule that lags behind.

    ``formerly`` of a shipped question is the author's word that the meaning was kept; a catalogue may repeat it,
    never give it. A rule that still uses the old name would wait for ever for a question that nobody asks now.
    """
    claimed: dict[str, str] = {}
    for definition in definitions:
        for question in definition.questions.values():
            claimed.update(dict.fromkeys(question.formerly, question.key))
    newer = {claim.partition("@")[0]: name for claim, name in claimed.items()}
    for one in requirements:
        names = one.required_when.names
        for name, claims in one.renamed:
            if name not in names:
                yield _fault(one, f"the rule does not ask for {name}")
            for claim in claims:
                if claimed.get(claim) != name:
                    yield _fault(one, f"no shipped question {name} replaces {claim}")
        for name in sorted(names & newer.keys()):
            yield Fault("requirements", one.key, f"required_when: {name} is called {newer[name]} now")
        yield from _left_out(one, names, claimed)


def _left_out(one: Requirement, names: Collection[str], claimed: Mapping[str, str]) -> Iterator[Fault]:
    told = {claim for _, claims in one.renamed for claim in claims}
    for claim, name in claimed.items():
        if name in names and claim not in told:
            yield _fault(one, f"{name} replaces {claim}; say so, or older answers do not count")


def _fault(one: Requirement, message: str) -> Fault:
    return Fault("requirements", one.key, f"renamed: {message}")
