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
    Assessment,
    AssessmentEngagement,
    Rating,
    SealedAnswer,
    SealedEvidence,
    Submission,
)
from portal.assessments.rating import Judgement, judged_evidence, judgement
from portal.assessments.sealing import listed_in
from portal.library import service as library
from portal.library.models import ReleasedVersion
from portal.vendors.models import Vendor
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.results import display
from questionnaires.what_if_many import Packed, Sheet

AT_ONCE = 100  # submissions that are read together: what bounds the memory
PROMISE = '"promise":'


@dataclass(frozen=True, slots=True)
class Current:
    """A submission that nothing newer replaces, and the other current ones of what it covers."""

    id: uuid.UUID
    assessment_id: uuid.UUID
    vendor_id: uuid.UUID
    content_hash: str
    others: tuple[uuid.UUID, ...] = ()


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


def slugs_of(candidate: Questionnaire, bases: Mapping[str, str | None]) -> frozenset[str]:
    """The slugs whose submissions a version is tried on: its own, and all that it goes back to.

    ``bases``: what each own slug is based on.
    """
    found: set[str] = set()
    waiting = [candidate.slug, (candidate.based_on or "").partition("@")[0]]
    while waiting:
        slug = waiting.pop()
        if slug and slug not in found:
            found.add(slug)
            waiting.append((bases.get(slug) or "").partition("@")[0])
    return frozenset(found)


def bases(session: Session, organisation_id: uuid.UUID) -> dict[str, str | None]:
    """What each of the organisation's own slugs is based on."""
    rows = session.execute(
        select(ReleasedVersion.slug, ReleasedVersion.content_hash)
        .where(ReleasedVersion.organisation_id == organisation_id)
        .order_by(ReleasedVersion.released_at)
    )
    return {slug: library.definition(session, content_hash).based_on for slug, content_hash in rows}


def current(
    session: Session, organisation_id: uuid.UUID, slugs: Collection[str], before: datetime
) -> list[Current]:
    """The newest submission of each engagement and questionnaire sealed before an instant, in the order of their ids.

    Only of ``slugs``; ``others`` are those of all questionnaires but campaigns. Offboarded vendors are left out.
    """
    rows = session.execute(
        select(
            Submission.id,
            Submission.assessment_id,
            Assessment.vendor_id,
            Submission.content_hash,
            Assessment.slug,
            AssessmentEngagement.engagement_id,
        )
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .join(AssessmentEngagement, AssessmentEngagement.assessment_id == Assessment.id)
        .join(Vendor, Vendor.id == Assessment.vendor_id)
        .where(
            Submission.organisation_id == organisation_id,
            Assessment.organisation_id == organisation_id,
            AssessmentEngagement.organisation_id == organisation_id,
            Vendor.organisation_id == organisation_id,
            Vendor.offboarded_at.is_(None),
            Submission.sealed_at <= before,
            Assessment.campaign_id.is_(None),
        )
        .order_by(Submission.sealed_at, Submission.round, Submission.id)
    ).all()
    newest: dict[tuple[uuid.UUID, str], uuid.UUID] = {
        (engagement, slug): submission for submission, _a, _v, _h, slug, engagement in rows
    }
    beside: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    campaigns = {
        content_hash
        for content_hash in {row[3] for row in rows}
        if library.definition(session, content_hash).purpose == "campaign"
    }
    standing = set(newest.values())
    for submission, _a, _v, content_hash, _s, engagement in rows:
        if submission in standing and content_hash not in campaigns:
            beside[engagement].add(submission)
    found: dict[uuid.UUID, Current] = {}
    covered: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for submission, assessment, vendor, content_hash, slug, engagement in rows:
        if submission in standing and slug in slugs:
            covered[submission] |= beside[engagement] - {submission}
            others = tuple(sorted(covered[submission]))
            found[submission] = Current(submission, assessment, vendor, content_hash, others)
    return [found[key] for key in sorted(found)]


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
    packed = [
        Packed(
            str(one.id),
            sheets[one.id],
            found[one.id].facts,
            tuple(sheets[other] for other in one.others if other in sheets),
            found[one.id].result,
        )
        for one in wanted
        if one.id in sheets
    ]
    return Chunk(packed, [one.id for one in wanted if one.id not in sheets], found)


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
