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

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from portal.assessments.models import (
    Assessment,
    AssessmentEngagement,
    Rating,
    SealedAnswer,
    SealedEvidence,
    Submission,
)
from portal.assessments.rating import Judgement, judged_file, judgement
from portal.library import service as library
from portal.library.models import ReleasedVersion
from portal.vendors.models import Vendor
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.results import display
from questionnaires.what_if_many import Packed

AT_ONCE = 100  # submissions that are read together: what bounds the memory


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
    """The rating of a submission as it is on record; ``shown`` is [score, high, band, best_band] as pages show them."""

    as_of: str
    facts: Mapping[str, Any]
    judgement: Judgement
    shown: list[str | None]


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
    rows = session.execute(
        select(
            Rating.submission_id,
            Rating.as_of,
            Rating.facts,
            Rating.marks,
            Rating.document_marks,
            Rating.shown,
            Rating.result,
        )
        .join(last, (last.c.submission_id == Rating.submission_id) & (last.c.sequence == Rating.sequence))
        .where(Rating.organisation_id == organisation_id)
    )
    return {
        row.submission_id: Standing(
            row.as_of.isoformat(),
            row.facts,
            judgement(row.marks, row.document_marks, row.shown),
            _shown(json.loads(row.result)),
        )
        for row in rows
    }


def _shown(result: Mapping[str, Any]) -> list[str | None]:
    numbers = [result["score"], result["high"]]
    return [
        *(None if one is None else display(Fraction(int(one["num"]), int(one["den"]))) for one in numbers),
        result["band"],
        result["best_band"],
    ]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Submissions read together: those that can be counted, packed, and the standing rating of all of them."""

    packed: list[Packed]
    unread: list[uuid.UUID]
    standings: Mapping[uuid.UUID, Standing]


def read(session: Session, organisation_id: uuid.UUID, wanted: Sequence[Current], before: datetime) -> Chunk:
    """The sealed answers of some submissions with documents, marks and facts of their standing ratings.

    Who lacks answers that were sealed (redacted) is ``unread``, and as another's other it is left out.
    """
    ids = sorted({one.id for one in wanted} | {other for one in wanted for other in one.others})
    rows = session.execute(
        select(Submission.id, Submission.content_hash).where(*_ours(Submission, organisation_id, ids))
    )
    hashes = {row.id: row.content_hash for row in rows}
    found = standings(session, organisation_id, ids, before)
    answers = _answers(session, organisation_id, ids)
    files: dict[uuid.UUID, bytes] = {}
    for submission, document in answers.items():
        if submission in found:
            definition = library.definition(session, hashes[submission])
            files[submission] = _file(definition, document, found[submission])
    packed = [
        Packed(
            str(one.id),
            one.content_hash,
            files[one.id],
            tuple((hashes[other], files[other]) for other in one.others if other in files),
        )
        for one in wanted
        if one.id in files
    ]
    return Chunk(packed, [one.id for one in wanted if one.id not in files], found)


def _ours(model: Any, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> list[ColumnElement[bool]]:
    key = model.id if model is Submission else model.submission_id
    return [model.organisation_id == organisation_id, key.in_(ids)]


def _answers(
    session: Session, organisation_id: uuid.UUID, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, dict[str, Any]]]:
    """Answers by submission and key, documents beside them; without the submissions that lack any."""
    found: dict[uuid.UUID, dict[str, dict[str, Any]]] = {}
    listed = session.execute(
        select(Submission.id, Submission.commitments).where(*_ours(Submission, organisation_id, ids))
    )
    sealed = {submission: len(json.loads(commitments)) for submission, commitments in listed}
    rows = session.execute(
        select(SealedAnswer.submission_id, SealedAnswer.key, SealedAnswer.answer).where(
            *_ours(SealedAnswer, organisation_id, ids)
        )
    )
    for submission, key, data in rows:
        document = json.loads(data)
        document.pop("promise", None)
        found.setdefault(submission, {})[key] = document
    found = {one: held for one, held in found.items() if len(held) == sealed[one]}
    found |= {one: {} for one, count in sealed.items() if count == 0}
    papers = session.execute(
        select(
            SealedEvidence.submission_id,
            SealedEvidence.key,
            SealedEvidence.evidence_id,
            SealedEvidence.document,
        )
        .where(*_ours(SealedEvidence, organisation_id, ids))
        .order_by(SealedEvidence.key, SealedEvidence.evidence_id)
    )
    for submission, key, evidence, data in papers:
        if key in found.get(submission, {}):
            paper = json.loads(data)
            item = {"id": str(evidence), **{name: paper[name] for name in ("kind", "issued", "expires")}}
            found[submission][key].setdefault("evidence", []).append(item)
    return found


def _file(definition: Questionnaire, answers: dict[str, dict[str, Any]], standing: Standing) -> bytes:
    """An answers file (section 6 of the format)."""
    return canonical_json(
        {
            "questionnaire": {"slug": definition.slug, "version": definition.version},
            "as_of": standing.as_of,
            "facts": dict(standing.facts),
            "shown": list(standing.judgement.shown),
            "answers": judged_file(answers, standing.judgement),
        }
    )


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
