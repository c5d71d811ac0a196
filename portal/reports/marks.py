"""What reviewers wrote into the newest rating, question by question, for either side."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.reports.queries import Report
from portal.reports.sight import Sight
from portal.review import queries
from portal.review.models import Mark
from portal.review.queries import ANSWER


@dataclass(frozen=True, slots=True)
class Marked:
    """A written mark. ``document``: title of the document that it is about, "" for the answer.

    ``points`` only for who sees all of the rating. ``remark`` is "" on the company's side.
    """

    mark: str
    points: int | None
    document: str
    certificate: str
    reason: str
    remark: str
    at: datetime


def of(session: Session, identity: Identity, report: Report) -> dict[str, list[Marked]]:
    """The marks that stand on a submission by question: on the answer first, then on its documents.

    A company reads marks with their reasons whatever its client shows of the rating: who is challenged must know why.
    """
    submission = report.rated.submission.id
    found = queries.newest_marks(queries.marks_of(session, identity, submission))
    said = queries.reasons_of(session, identity, submission)
    remarks = queries.remarks_of(session, identity, list(found.values())) if report.inside else {}
    titles = {one.evidence: one.title for some in report.rated.documents.values() for one in some}
    marked: dict[str, list[Marked]] = {}
    for (key, document), one in sorted(found.items(), key=lambda each: each[0]):
        title = titles.get(uuid.UUID(document), "") if document != ANSWER else ""
        marked.setdefault(key, []).append(_marked(one, report, title, titles, said, remarks))
    return marked


def _marked(
    one: Mark,
    report: Report,
    title: str,
    titles: dict[uuid.UUID, str],
    said: dict[uuid.UUID, str],
    remarks: dict[uuid.UUID, str],
) -> Marked:
    return Marked(
        one.mark,
        one.points if report.sight is Sight.ALL else None,
        title,
        titles.get(one.certificate, "") if one.certificate else "",
        said.get(one.id, ""),
        remarks.get(one.id, ""),
        one.marked_at,
    )
