"""The organisation's current submissions as the engine's what-if reads them: packed, some at a time."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from sqlalchemy import JSON, ColumnElement, Text, cast, func, select, type_coerce
from sqlalchemy.orm import Session

from portal.assessments.models import (
    Rating,
    SealedAnswer,
    SealedEvidence,
    Submission,
)
from portal.assessments.rating import Judgement, judged_evidence, judgement
from portal.assessments.sealing import listed_in
from portal.library import service as library
from portal.library.models import ReleasedVersion
from portal.organisations.models import Organisation
from portal.reports.what_if_subjects import Current
from portal.vendors.facts import facts_of, judged
from portal.vendors.models import Engagement, Vendor
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.results import display
from questionnaires.what_if_many import Packed, PackedEngagement, Sheet

AT_ONCE = 100  # submissions that are read together: what bounds the memory
PROMISE = '"promise":'


@dataclass(frozen=True, slots=True)
class Standing:
    """The rating of a submission as it is on record; ``shown`` is [score, high, band, best_band] as pages show them.

    ``result``: as what_if_packed.Packed takes it.
    """

    as_of: str
    facts: Mapping[str, Any]
    judgement: Judgement
    shown: list[str | None]
    result: Mapping[str, Any]


def standings(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID], before: datetime
) -> dict[uuid.UUID, Standing]:
    """The last rating of each submission before an instant."""
    last = (
        select(Rating.submission_id, func.max(Rating.sequence).label("sequence"))
        .where(
            Rating.organisation_id == organisation_id,
            Rating.submission_id.in_(ids),
            Rating.rated_at <= before,
        )
        .group_by(Rating.submission_id)
        .subquery()
    )
    # Of the result, some 70 kB, the database itself takes out what is wanted.
    result = _json(session, Rating.result)
    rows = session.execute(
        select(
            Rating.submission_id,
            Rating.as_of,
            Rating.facts,
            Rating.marks,
            Rating.document_marks,
            Rating.shown,
            Rating.band,
            Rating.best_band,
            result["score"].as_json().label("score"),
            result["high"].as_json().label("high"),
            result["knockouts"].as_json().label("knockouts"),
        )
        .join(last, (last.c.submission_id == Rating.submission_id) & (last.c.sequence == Rating.sequence))
        .where(Rating.organisation_id == organisation_id)
    )
    found = {}
    for (
        submission,
        as_of,
        facts,
        marks,
        document_marks,
        shown,
        band,
        best_band,
        score,
        high,
        knockouts,
    ) in rows:
        found[submission] = Standing(
            as_of.isoformat(),
            facts,
            judgement(marks, document_marks, shown),
            [_number(score), _number(high), band, best_band],
            {"score": score, "high": high, "band": band, "best_band": best_band, "knockouts": knockouts},
        )
    return found


def _number(found: Mapping[str, str] | None) -> str | None:
    return None if found is None else display(Fraction(int(found["num"]), int(found["den"])))


def _text(session: Session, column: Any) -> ColumnElement[str]:
    """A column of UTF-8 bytes as text of the database."""
    if session.get_bind().dialect.name == "postgresql":
        return func.convert_from(column, "UTF8", type_=Text)
    return cast(column, Text)


def _json(session: Session, column: Any) -> Any:
    """A column of canonical JSON, to take parts out of."""
    found = _text(session, column)
    return cast(found, JSON) if session.get_bind().dialect.name == "postgresql" else type_coerce(found, JSON)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Submissions read together: those that can be counted, packed, and the standing rating of all of them."""

    packed: list[Packed]
    unread: list[uuid.UUID]
    standings: Mapping[uuid.UUID, Standing]


def read(session: Session, organisation_id: uuid.UUID, wanted: Sequence[Current], before: datetime) -> Chunk:
    """The sealed answers of some submissions with documents, marks and facts of their standing ratings.

    Nothing is parsed that its reader can parse. Who lacks answers or documents that were sealed (redacted) is
    ``unread``, and as another's other it is left out.
    """
    ids = sorted({one.id for one in wanted} | {other for one in wanted for other in one.others})
    found = standings(session, organisation_id, ids, before)
    sheets = _sheets(session, organisation_id, ids, found)
    facts = _facts(session, organisation_id, {key for one in wanted for key, _others in one.covers})
    packed = [_packed(one, sheets, found[one.id], facts) for one in wanted if one.id in sheets]
    return Chunk(packed, [one.id for one in wanted if one.id not in sheets], found)


def _packed(
    one: Current,
    sheets: Mapping[uuid.UUID, Sheet],
    standing: Standing,
    facts: Mapping[uuid.UUID, Mapping[str, Any]],
) -> Packed:
    others = [other for other in one.others if other in sheets]
    engagements = tuple(
        PackedEngagement(
            str(key), facts[key], tuple(others.index(other) for other in beside if other in sheets)
        )
        for key, beside in one.covers
        if key in facts
    )
    beside = tuple(sheets[other] for other in others)
    return Packed(str(one.id), sheets[one.id], standing.facts, beside, standing.result, engagements)


def _facts(
    session: Session, organisation_id: uuid.UUID, engagements: Collection[uuid.UUID]
) -> dict[uuid.UUID, dict[str, Any]]:
    """Of each engagement as they are now: what its contract is evaluated under (contracts.service)."""
    rows = session.execute(
        select(Engagement, Vendor, Organisation)
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .join(Organisation, Organisation.id == Engagement.organisation_id)
        .where(
            Engagement.organisation_id == organisation_id,
            Vendor.organisation_id == organisation_id,
            Organisation.id == organisation_id,
            Engagement.id.in_(engagements),
        )
    )
    return {row[0].id: judged(facts_of(*row)) for row in rows}


def _ours(model: Any, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> list[ColumnElement[bool]]:
    key = model.id if model is Submission else model.submission_id
    return [model.organisation_id == organisation_id, key.in_(ids)]


def _sheets(
    session: Session,
    organisation_id: uuid.UUID,
    ids: Sequence[uuid.UUID],
    standing: Mapping[uuid.UUID, Standing],
) -> dict[uuid.UUID, Sheet]:
    """What was answered in each that is rated and whole."""
    lines, papers = _lines(session, organisation_id, ids), _papers(session, organisation_id, ids)
    listed = session.execute(
        select(Submission.id, Submission.content_hash, Submission.commitments, Submission.evidence).where(
            *_ours(Submission, organisation_id, ids)
        )
    )
    found = {}
    for submission, content_hash, answers, documents in listed:
        count, text = lines.get(submission, (0, ""))
        beside = papers.get(submission, [])
        if submission not in standing or (count, len(beside)) != (listed_in(answers), listed_in(documents)):
            continue
        rating = standing[submission]
        evidence: dict[str, list[dict[str, Any]]] = {}
        for key, item in beside:
            evidence.setdefault(key, []).append(item)
        evidence = judged_evidence(evidence, rating.judgement)
        found[submission] = Sheet(
            content_hash, rating.as_of, _plain(text), evidence, rating.judgement.marks, rating.judgement.shown
        )
    return found


def _lines(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, tuple[int, str]]:
    """How many answers of each are there, and all of them as the lines of a Sheet, put together by the database:
    a row for each answer costs more than working it out."""
    line = SealedAnswer.key + "\t" + _text(session, SealedAnswer.answer)
    rows = session.execute(
        select(SealedAnswer.submission_id, func.count(), func.aggregate_strings(line, "\n"))
        .where(*_ours(SealedAnswer, organisation_id, ids))
        .group_by(SealedAnswer.submission_id)
    )
    return {submission: (count, text) for submission, count, text in rows}


def _plain(lines: str) -> str:
    """Without what a vendor promised instead of a document, which counts for nothing. Quotes within a text are escaped
    in JSON, so that this finds the member and never somebody's words."""
    if PROMISE not in lines:
        return lines
    return "\n".join(map(_without_promise, lines.split("\n")))


def _without_promise(line: str) -> str:
    if PROMISE not in line:
        return line
    key, _tab, text = line.partition("\t")
    answer = json.loads(text)
    answer.pop("promise", None)
    return f"{key}\t{canonical_json(answer).decode()}"


def _papers(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[tuple[str, dict[str, Any]]]]:
    """The documents of each by key, in the shape of an answers file with their ``id`` besides."""
    rows = session.execute(
        select(
            SealedEvidence.submission_id,
            SealedEvidence.key,
            SealedEvidence.evidence_id,
            SealedEvidence.document,
        )
        .where(*_ours(SealedEvidence, organisation_id, ids))
        .order_by(SealedEvidence.key, SealedEvidence.evidence_id)
    )
    found: dict[uuid.UUID, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for submission, key, evidence, data in rows:
        paper = json.loads(data)
        item = {"id": str(evidence), **{name: paper[name] for name in ("kind", "issued", "expires")}}
        found[submission].append((key, item))
    return found


def definitions(
    session: Session, organisation_id: uuid.UUID, wanted: Sequence[Current]
) -> list[Questionnaire]:
    """The definitions of all submissions that may be read."""
    hashes = {one.content_hash for one in wanted}
    others = sorted({other for one in wanted for other in one.others})
    for at in range(0, len(others), 500):
        hashes |= set(
            session.scalars(
                select(Submission.content_hash).where(
                    *_ours(Submission, organisation_id, others[at : at + 500])
                )
            )
        )
    return [library.definition(session, one) for one in sorted(hashes)]


def between(session: Session, organisation_id: uuid.UUID, slugs: Collection[str]) -> list[Questionnaire]:
    """Every released version of some slugs, through which renamed questions are followed."""
    own = session.scalars(
        select(ReleasedVersion.content_hash).where(
            ReleasedVersion.organisation_id == organisation_id, ReleasedVersion.slug.in_(slugs)
        )
    )
    found = [library.definition(session, one) for one in own]
    return found + [catalog.get(label) for label in catalog.shipped() if label.partition("@")[0] in slugs]


def chunks(wanted: Sequence[Current]) -> Iterator[Sequence[Current]]:
    for at in range(0, len(wanted), AT_ONCE):
        yield wanted[at : at + AT_ONCE]
