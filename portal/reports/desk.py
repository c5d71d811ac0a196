"""The reading desk of a submission: each sealed answer beside its points, finding, evidence and what it triggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.assessments import cycles, result_queries, sealing, turn_words, turns
from portal.assessments.sealing import Document
from portal.assessments.turn_words import Turned
from portal.contracts.queries import Point
from portal.reports import answers
from portal.reports.answers import Read
from portal.reports.page import Amounts, total
from portal.reports.queries import Report
from questionnaires.carry_sources import Cycle

SHOWS = ("all", "knockouts", "lost", "open", "findings", "evidence", "turned")


@dataclass(frozen=True, slots=True)
class Item:
    """One question on the desk. ``requirements``: what its answer calls for in the contract.

    ``unchanged``: in how many reviews in a row before this one the answer was the same.
    """

    read: Read
    turned: Turned | None
    documents: tuple[Document, ...]
    requirements: tuple[Point, ...]
    unchanged: int = 0

    @property
    def key(self) -> str:
        return self.read.card.key

    def shown_by(self, show: str) -> bool:
        """Whether a filter of SHOWS keeps this question."""
        row = self.read.row
        tests: dict[str, Callable[[], bool]] = {
            "knockouts": lambda: row is not None and row.knockout is not None,
            "lost": lambda: row is not None and row.amounts.lost > 0,
            "open": lambda: row is not None and row.amounts.open > 0,
            "findings": lambda: bool(self.read.card.findings),
            "evidence": lambda: bool(self.documents) or self.read.card.evidence is not None,
            "turned": lambda: self.turned is not None,
        }
        return show == "all" or tests[show]()


@dataclass(frozen=True, slots=True)
class Part:
    """A section: the questions that the filter keeps, of how many, and what all of them together lost."""

    number: int
    key: str
    title: str
    items: tuple[Item, ...]
    asked: int
    amounts: Amounts


@dataclass(frozen=True)
class Desk:
    """The whole desk. ``counts``: how many questions each filter keeps. ``rounds``: (round, sealed at), newest first.

    ``newest``: whether this is the round that everything else rests on.
    """

    parts: tuple[Part, ...]
    counts: Mapping[str, int]
    show: str
    rounds: tuple[tuple[int, datetime], ...]
    newest: bool
    items: tuple[Item, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(item for part in self.parts for item in part.items))


def desk(session: Session, identity: Identity, report: Report, show: str) -> Desk:
    """The desk of a report for its organisation; ``show``: one of SHOWS. Three statements, however long it is."""
    rounds = tuple(result_queries.rounds(session, identity, report.rated.assessment.id))
    newest = rounds[0][0] == report.rated.submission.round
    turned = turned_of(session, identity, report)
    # Requirements follow from the newest answers alone, so an earlier round stands without them.
    triggers = _triggers(report) if newest else {}
    stood = _stood(session, identity, report)
    parts, counts = [], dict.fromkeys(SHOWS, 0)
    for section in answers.sections(report):
        items = tuple(
            Item(
                read,
                turned.get(read.card.key),
                report.rated.documents.get(read.card.key, ()),
                triggers.get(read.card.key, ()),
                stood.get(read.card.key, 0),
            )
            for read in section.reads
        )
        for name in SHOWS:
            counts[name] += sum(item.shown_by(name) for item in items)
        parts.append(
            Part(
                section.number,
                section.key,
                section.title,
                tuple(item for item in items if item.shown_by(show)),
                len(items),
                total(item.read.row for item in items if item.read.row is not None),
            )
        )
    return Desk(tuple(parts), counts, show, rounds, newest)


def turned_of(session: Session, identity: Identity, report: Report) -> dict[str, Turned]:
    """The turns of a report's submission in words, by key, in definition order; for either side."""
    found = turns.of(session, identity, report.rated.submission)
    return turn_words.turned(report.definition, report.answers, found.values())


def _stood(session: Session, identity: Identity, report: Report) -> Mapping[str, int]:
    """In how many reviews before this one each answer was the same, by key."""
    one = report.rated
    typed = sealing.typed_answers(report.definition, one.sealed, one.submission.as_of)
    newest = Cycle(report.definition, typed)
    return cycles.unchanged(session, identity, one.assessment, one.submission, newest)


def _triggers(report: Report) -> dict[str, tuple[Point, ...]]:
    """Requirements that are called for, by the key of each question that decided them."""
    found: dict[str, tuple[Point, ...]] = {}
    for point in report.points.required:
        for key in point.decided_by:
            found[key] = (*found.get(key, ()), point)
    return found
