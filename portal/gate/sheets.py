"""What the answers of one submission say to the gate: levels, knock-outs, proofs, what nobody has judged. Pure."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from portal.assessments.sealing import Document
from portal.gate import facts
from portal.gate.facts import Knockout, Proof, Submitted, latest
from questionnaires.dates import add_months, not_ahead
from questionnaires.definition import EvidenceRule, Question, Questionnaire
from questionnaires.kinds import is_of_kind
from questionnaires.scoring import is_valid

# States of a trace line in which there is nothing to judge: not asked, nobody knows whether, nothing said, or judged.
NOTHING_SAID = frozenset({"hidden", "open", "unanswered", "not_applicable"})
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reading:
    """One result over the answers: as it is written, with marks in the making, or without somebody's own marks."""

    band: str | None
    best_band: str | None
    knockouts: Mapping[str, bool]  # key -> failed for certain


TRACE, LINE = b'"trace":[', re.compile(rb'"key":"([^"]+)".*?"state":"([a-z_]+)"')


def skimmed(result: bytes) -> tuple[Reading, dict[str, str]]:
    """What a stored result says of bands and knock-outs, and the state of each question.

    A result is canonical JSON, so its trace comes after all of these, and in each line the key before the state; a
    quote within a string is escaped. To read the exact numbers of three hundred lines would take ten times as long.
    """
    at = result.index(TRACE)
    head = json.loads(result[:at].rstrip(b",") + b"}")
    states = {key.decode(): state.decode() for key, state in LINE.findall(result, at)}
    failed = {one["key"]: one["kind"] == "failed" for one in head["knockouts"]}
    return Reading(head["band"], head["best_band"], failed), states


@dataclass(frozen=True, slots=True)
class Fix:
    """What the finding of a knock-out says: since when it is open, and by when it is to be fixed."""

    opened: date | None = None
    due: date | None = None
    first_due: date | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A submission as far as the gate reads it.

    ``readings``: the written one first; the worst counts. ``outgrown``: those under facts of now that ask for more than
    the rating's, which count as well; what they ask beside is unanswered there. ``states``: key -> state of the trace
    as written; ``marked``: keys that somebody has judged. ``refused``: documents refused beside any question, written
    or not. ``certificates``: key -> the document on which the question is exempt. ``lapsed``:
    review.queries.lapsed_adverse.
    """

    submission: uuid.UUID
    slug: str
    definition: Questionnaire
    as_of: date
    whole_as_of: date
    readings: Sequence[Reading]
    states: Mapping[str, str]
    marked: Collection[str] = frozenset()
    documents: Mapping[str, Sequence[Document]] = field(default_factory=dict)
    refused: Collection[uuid.UUID] = frozenset()
    certificates: Mapping[str, uuid.UUID] = field(default_factory=dict)
    lapsed: Collection[str] = frozenset()
    unwritten: int = 0
    redacted: bool = False
    round_open: bool = False
    round_due: date | None = None
    round_first: date | None = None
    round_by: tuple[str, ...] = ()
    outgrown: Sequence[Reading] = ()


NO_FIXES: Mapping[str, Fix] = MappingProxyType({})


def submitted(
    sheet: Sheet, fixes: Mapping[str, Fix] = NO_FIXES, former: tuple[Submitted, ...] = ()
) -> Submitted:
    """The sheet as a fact. ``fixes``: of its knock-outs' findings, by question."""
    readings = [*sheet.readings, *sheet.outgrown]
    levels, failed = _levels(sheet.definition, readings), _failed(readings)
    then = _levels(sheet.definition, sheet.readings), _failed(sheet.readings)
    unjudged = _unjudged(sheet)
    asked_again = set(sheet.lapsed)
    critical = {key for key in unjudged if sheet.definition.questions[key].critical} | asked_again
    return Submitted(
        slug=sheet.slug,
        submission=str(sheet.submission),
        whole_as_of=sheet.whole_as_of,
        low=levels[0],
        high=levels[1],
        knockouts=tuple(_knockouts(failed, fixes)),
        proofs=tuple(_proofs(sheet)),
        unwritten=0 if sheet.redacted else sheet.unwritten,  # what nobody can write any more waits for nobody
        unjudged=len(unjudged | asked_again),
        unjudged_critical=len(critical),
        lapsed=len(asked_again),
        round_open=sheet.round_open,
        round_due=sheet.round_due,
        round_first=sheet.round_first,
        round_by=sheet.round_by,
        redacted=sheet.redacted,
        content_hash=sheet.definition.content_hash,
        former=former,
        outgrown=(levels, failed) != then,
    )


def judged_altogether(sheet: Sheet) -> bool:
    """Whether somebody has judged every answer, and what was shed since."""
    return not (sheet.lapsed or _unjudged(sheet))


def _unjudged(sheet: Sheet) -> set[str]:
    return {
        key for key, state in sheet.states.items() if state not in NOTHING_SAID and key not in sheet.marked
    }


def _levels(definition: Questionnaire, readings: Sequence[Reading]) -> tuple[int | None, int | None]:
    """The worst and the best level still possible, the worse of all readings; None where nothing can be scored."""
    level = {band.name: band.level for band in definition.bands}
    written = readings[0]
    if written.band is None or written.best_band is None:
        return None, None
    known = [(one.band, one.best_band) for one in readings if one.band and one.best_band]
    return min(level[low] for low, _ in known), min(level[high] for _, high in known)


def _failed(readings: Iterable[Reading]) -> dict[str, bool]:
    """The knock-outs of all readings: key -> failed for certain in any."""
    failed: dict[str, bool] = {}
    for reading in readings:
        for key, certain in reading.knockouts.items():
            failed[key] = certain or failed.get(key, False)
    return failed


def _knockouts(failed: Mapping[str, bool], fixes: Mapping[str, Fix]) -> Iterator[Knockout]:
    for key, certain in failed.items():
        fix = fixes.get(key, Fix())
        yield Knockout(key, certain, fix.opened, fix.due, fix.first_due)


def _proofs(sheet: Sheet) -> Iterator[Proof]:
    """The questions whose points rest on a document.

    Where an answer decides whether a document is needed, one that lies there counts as needed: it is what the points
    were given for as far as anybody can tell without asking the engine again.
    """
    for key, state in sheet.states.items():
        certificate = sheet.certificates.get(key)
        if state == "graded" and certificate is not None:
            yield _exempt(sheet, key, certificate)
        elif state in ("answered", "accepted"):
            question = sheet.definition.questions[key]
            rule = question.evidence
            if rule is not None and (rule.required or rule.required_when is not None):
                yield from _proven(sheet, question, rule, accepted=state == "accepted")


def _exempt(sheet: Sheet, key: str, certificate: uuid.UUID) -> Proof:
    found = [one for some in sheet.documents.values() for one in some if one.evidence == certificate]
    if not found or certificate in sheet.refused:
        return Proof(key, held=False)
    return Proof(key, True, found[0].expires)


def _proven(sheet: Sheet, question: Question, rule: EvidenceRule, *, accepted: bool) -> Iterator[Proof]:
    """A reviewer may accept an answer on a document of another kind, or an old one: it holds no longer for that."""
    beside = sheet.documents.get(question.key, ())
    usable = [one for one in beside if one.evidence not in sheet.refused]
    fitting = [one for one in usable if is_of_kind(one.kind, rule.kind)]
    if not accepted:
        fitting = [one for one in fitting if is_valid(rule, one.item, sheet.as_of)]
    elif not fitting:
        fitting = usable
    months = {rule.kind: rule.valid_months} if rule.valid_months is not None else {}
    ends = [end_of(one, months) for one in fitting if is_dated(one, months, sheet.as_of)]
    if ends:
        yield Proof(question.key, True, latest(ends))
    elif accepted and beside:
        yield Proof(question.key, held=False)


def months_of(definition: Questionnaire) -> dict[str, int]:
    """For how many months from its date of issue a document proves something, by kind: the fewest that are asked."""
    found: dict[str, int] = {}
    for question in definition.questions.values():
        rule = question.evidence
        if rule is not None and rule.valid_months is not None:
            found[rule.kind] = min(rule.valid_months, found.get(rule.kind, rule.valid_months))
    return found


def documents_of(sheets: Iterable[Sheet], asked: Iterable[Mapping[str, int]]) -> list[facts.Document]:
    """The best document of each kind beside each questionnaire, of those that nobody refused and whose end is known.

    ``asked``: months_of each questionnaire. They hold for a kind wherever a document of it lies: it does not last
    longer for lying beside a question that asks for another.
    """
    months: dict[str, int] = {}
    for each in asked:
        for kind, number in each.items():
            months[kind] = min(number, months.get(kind, number))
    ends: dict[tuple[str, str], list[date | None]] = {}
    for sheet in sheets:
        for one in (one for some in sheet.documents.values() for one in some):
            if one.evidence not in sheet.refused and is_dated(one, months, sheet.as_of):
                ends.setdefault((one.kind, sheet.slug), []).append(end_of(one, months))
    return [facts.Document(kind, latest(some), slug) for (kind, slug), some in ends.items()]


def is_dated(document: Document, months: Mapping[str, int], as_of: date) -> bool:
    """Whether anybody can tell how long a document proves something: where months are counted it needs a date of issue,
    and none that was still to come, as scoring.is_valid has it. To leave the date out must prove nothing.
    """
    if _counted(document.kind, months) is None:
        return True
    return document.issued is not None and not_ahead(document.issued, as_of) <= as_of


def end_of(document: Document, months: Mapping[str, int]) -> date | None:
    """The last day on which a dated document proves something, None = it has no end; ``months``: by kind."""
    ends = [document.expires] if document.expires is not None else []
    counted = _counted(document.kind, months)
    if document.issued is not None and counted is not None:
        ends.append(add_months(document.issued, counted))
    return min(ends, default=None)


def _counted(kind: str, months: Mapping[str, int]) -> int | None:
    """The months that bind a document of this kind: the fewest that are asked of it by any of its names, or None."""
    return min((number for asked, number in months.items() if is_of_kind(kind, asked)), default=None)
