"""The worker writes down which words stand in sealed answers, and whom vendors name as their own suppliers.

Only submissions that count at some gate today (gate/standings.py). Rows are written under the lock of the assessment,
only for answers that are still there under it: whoever destroys an answer comes before, or destroys these rows too.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import and_, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.assessments import sealing
from portal.assessments.drafts import Content
from portal.assessments.models import Assessment, SealedAnswer, Submission
from portal.db import SYSTEM, Database
from portal.gate.standing_models import BriefSubmission
from portal.gate.working import DEFECTS
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.portfolio import words
from portal.portfolio.models import AnswerWord, FourthParty, IndexedSubmission
from portal.rows import insert_rows
from questionnaires.definition import Question

log = logging.getLogger("portal.worker")

SLICE = 3.0  # seconds of a pass
TOGETHER = 10  # submissions that are written at once
DROPPED_TOGETHER = 50
OWN = "own."
FEW_OPTIONS = 3  # "Yes" would stand in every answer
PARTIES = "suppliers.subprocessors"
MOST_PARTIES = 500  # of one table
OF_ANSWERS = (AnswerWord, FourthParty)


@dataclass(frozen=True, slots=True)
class Read:
    """One submission: the words of each answer, and (row, name, country, service) of each table of suppliers."""

    id: uuid.UUID
    assessment_id: uuid.UUID
    organisation_id: uuid.UUID
    words: Mapping[str, list[str]]
    parties: Mapping[str, list[tuple[int, str, str, str]]] = field(default_factory=dict)


class Indexer:
    """Goes round the organisations, one turn after the other; any number may run at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._after = uuid.UUID(int=0)
        self._failed: set[uuid.UUID] = set()  # submissions that cannot be read, until the worker begins anew

    def turn(
        self,
        instant: Callable[[], datetime],
        *,
        stopping: Callable[[], bool] = lambda: False,
        seconds: float = SLICE,
    ) -> int:
        """Take out what counts no more and write what is missing, for about ``seconds``; how many submissions."""
        ends = time.monotonic() + seconds
        done = 0
        with self._database.looking(SYSTEM) as session:
            places = organisations.round_from(session, self._after)
        for one in places:
            self._after = uuid.UUID(int=one.int + 1)  # the next one's turn, whatever is raised here
            while not stopping() and time.monotonic() < ends:
                some = drop(self._database, one)
                some += write(self._database, one, now=instant(), failed=self._failed)
                done += some
                if not some:
                    break
            else:
                self._after = one
                return done
        self._after = uuid.UUID(int=0)
        return done


# ------------------------------------------------------------------------------------------------------------- writing


def write(
    database: Database, organisation_id: uuid.UUID, *, now: datetime, failed: set[uuid.UUID] | None = None
) -> int:
    """The next submissions that count and are not here; returns how many were written.

    ``failed``: those that could not be read, which are left out and added to.
    """
    failed = set() if failed is None else failed
    found: list[Read] = []
    ids: list[uuid.UUID] | None = None
    while not found and ids != []:
        with database.looking(SYSTEM) as session:
            ids = _missing(session, organisation_id, failed)
            found = _read(session, organisation_id, ids)
        failed.update(set(ids) - {one.id for one in found})
    if not found:
        return 0
    with database.transaction(SYSTEM) as session:
        return _write(session, database, found, now)


def _missing(session: Session, organisation_id: uuid.UUID, failed: Collection[uuid.UUID]) -> list[uuid.UUID]:
    there = and_(
        IndexedSubmission.submission_id == BriefSubmission.submission_id,
        IndexedSubmission.method == words.METHOD,
    )
    statement = (
        select(BriefSubmission.submission_id)
        .outerjoin(IndexedSubmission, there)
        .where(BriefSubmission.organisation_id == organisation_id, IndexedSubmission.submission_id.is_(None))
        .distinct()
        .limit(TOGETHER)
    )
    if failed:
        statement = statement.where(BriefSubmission.submission_id.not_in(sorted(failed)))
    return list(session.scalars(statement))


def _read(session: Session, organisation_id: uuid.UUID, ids: Collection[uuid.UUID]) -> list[Read]:
    """What these submissions say, word by word; nothing of it is written yet. One that cannot be read is left out."""
    if not ids:
        return []
    rows: Any = session.execute(
        select(Submission.id, Submission.assessment_id, Submission.content_hash).where(
            Submission.id.in_(ids), Submission.organisation_id == organisation_id
        )
    )
    found = []
    for row in rows.all():
        try:
            found.append(_read_one(session, organisation_id, row))
        except DEFECTS:
            log.exception("the answers of submission %s cannot be read; search does not find them", row.id)
    return found


def _read_one(session: Session, organisation_id: uuid.UUID, row: Any) -> Read:
    questions = library.definition(session, row.content_hash).questions
    sealed: Any = session.execute(
        select(SealedAnswer.key, SealedAnswer.answer).where(SealedAnswer.submission_id == row.id)
    )
    made = Read(row.id, row.assessment_id, organisation_id, {}, {})
    for key, data in sealed:
        question, content = questions.get(key), sealing.content(data)
        if question is not None:
            made.words[key] = words.kept(parts_of(question, content))  # type: ignore[index]  # ours until it is returned
            if names_suppliers(question):
                made.parties[key] = list(parties_of(content))  # type: ignore[index]  # the same
    return made


def _write(session: Session, database: Database, found: list[Read], now: datetime) -> int:
    """Write what is still there. What another worker has written meanwhile is left out."""
    lock = select(Assessment.id).where(Assessment.id.in_({one.assessment_id for one in found}))
    session.execute(lock.order_by(Assessment.id).with_for_update(read=True)).all()
    ids = [one.id for one in found]
    forget(session, ids, other_methods=True)
    ours = _claim(session, database, found, now)
    there = {
        (one, key)
        for one, key in session.execute(
            select(SealedAnswer.submission_id, SealedAnswer.key).where(SealedAnswer.submission_id.in_(ids))
        )
    }
    lines: list[dict[str, Any]] = []
    parties: list[dict[str, Any]] = []
    for one in found:
        if one.id not in ours:
            continue
        place = {"organisation_id": one.organisation_id, "submission_id": one.id}
        for key, some in one.words.items():
            if (one.id, key) in there:
                lines += [{**place, "word": word, "key": key} for word in some]
        for key, rows in one.parties.items():
            if (one.id, key) in there:
                parties += [{**place, "key": key, **party_row(each)} for each in rows]
    # In the order of the table's key: each page of it is written once.
    insert_rows(
        session,
        AnswerWord,
        sorted(lines, key=lambda line: (line["word"], line["submission_id"].hex, line["key"])),
    )
    insert_rows(session, FourthParty, parties)
    return len(ours)


def _claim(session: Session, database: Database, found: list[Read], now: datetime) -> set[uuid.UUID]:
    insert: Any = sqlite.insert if database.sqlite else postgresql.insert
    table = IndexedSubmission.__table__
    rows = [
        {
            "submission_id": one.id,
            "organisation_id": one.organisation_id,
            "words": sum(map(len, one.words.values())),
            "method": words.METHOD,
            "at": now,
        }
        for one in sorted(found, key=lambda one: one.id)
    ]
    came = session.execute(
        insert(table).values(rows).on_conflict_do_nothing().returning(table.c.submission_id)
    )
    return set(came.scalars())


def drop(database: Database, organisation_id: uuid.UUID) -> int:
    """Take out submissions that count at no gate any more."""
    statement = (
        select(IndexedSubmission.submission_id)
        .outerjoin(
            BriefSubmission,
            and_(
                BriefSubmission.submission_id == IndexedSubmission.submission_id,
                BriefSubmission.organisation_id == organisation_id,
            ),
        )
        .where(IndexedSubmission.organisation_id == organisation_id, BriefSubmission.submission_id.is_(None))
        .limit(DROPPED_TOGETHER)
    )
    with database.looking(SYSTEM) as session:
        ids = list(session.scalars(statement))
    if ids:
        with database.transaction(SYSTEM) as session:
            forget(session, ids)
    return len(ids)


def forget(session: Session, ids: Collection[uuid.UUID], *, other_methods: bool = False) -> None:
    """Take submissions out as a whole; ``other_methods``: only those that were made by another method than today's."""
    if other_methods:
        old = select(IndexedSubmission.submission_id).where(
            IndexedSubmission.submission_id.in_(ids), IndexedSubmission.method != words.METHOD
        )
        ids = list(session.scalars(old))
    if ids:
        for model in (*OF_ANSWERS, IndexedSubmission):
            session.execute(
                delete(model).where(model.submission_id.in_(ids)).execution_options(synchronize_session=False)
            )


# ------------------------------------------------------------------------------------------------------------- reading


def texts_of(question: Question, content: Content) -> Iterator[str]:
    """What an answer says in words: texts, cells, the note, and labels of options that tell answers apart."""
    return chain.from_iterable(parts_of(question, content))


def parts_of(question: Question, content: Content) -> Iterator[list[str]]:
    """The same by what is kept together: a text, a row of a table, the note."""
    value = content.value
    if question.type == "text" and isinstance(value, str):
        yield [value]
    elif question.type in ("choice", "choices") and value is not None:
        if question.key.startswith(OWN) or len(question.options) > FEW_OPTIONS:
            chosen = [value] if isinstance(value, str) else value
            yield [one.label for one in question.options if one.value in chosen]
    elif question.type == "table":
        labels = {(column.key, one.value): one.label for column in question.columns for one in column.options}
        for row in value or ():
            yield [labels.get((key, str(cell)), str(cell)) for key, cell in row.items() if cell is not None]
    yield [content.note]


def names_suppliers(question: Question) -> bool:
    """Whether this is the table of a vendor's own suppliers, whatever it is called in this version."""
    return question.type == "table" and PARTIES in (question.key, *question.formerly)


def parties_of(content: Content) -> Iterator[tuple[int, str, str, str]]:
    """(row, name, country, service) of each firm that is named; at most MOST_PARTIES."""
    for at, row in enumerate((content.value or ())[:MOST_PARTIES]):
        name = " ".join(str(row.get("name") or "").split())[:200]
        if words.firm_key(name):
            country, service = (" ".join(str(row.get(one) or "").split()) for one in ("country", "service"))
            yield at, name, country[:100], service[:300]


def party_row(found: tuple[int, str, str, str]) -> dict[str, Any]:
    row, name, country, service = found
    return {
        "row": row,
        "name": name,
        "name_key": words.firm_key(name),
        "country": country,
        "service": service,
    }
