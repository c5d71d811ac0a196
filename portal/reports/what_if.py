"""What a version would do to what was submitted: asked for, worked out by the worker, stopped, read."""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, defer

from portal.access import Identity, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Database, Scope
from portal.faults import Conflict, NotFound
from portal.library.models import QuestionnaireDraft, WhatIfRow, WhatIfRun
from portal.organisations.models import Organisation
from portal.paging import Page, paged
from portal.reports import what_if_reading as reading
from portal.reports import what_if_subjects
from portal.reports.what_if_reading import Standing
from portal.reports.what_if_subjects import Current
from portal.vendors.models import Vendor
from questionnaires.canonical import canonical_bytes, canonical_json
from questionnaires.definition import Questionnaire
from questionnaires.results import display
from questionnaires.what_if import Foreseen
from questionnaires.what_if import Standing as Foretold
from questionnaires.what_if_many import Packed, what_if_many

VERDICTS = ("worse", "better", "cannot_tell", "same", "unread")
OPEN = ("queued", "running")
MOST_OPEN = 3
MOST_KEPT = 50
FEW = 60  # submissions that are worked out at once, since processes take longer to begin
NOTHING: list[str | None] = [None, None, None, None]


@dataclass(frozen=True, slots=True)
class Line:
    """What would become of one submission, as WhatIfRow keeps it."""

    current: Current
    verdict: str
    before: list[str | None]
    after: list[str | None]
    changes: dict[str, Any]


# ------------------------------------------------------------------------------------------------- working it out


def foresee(
    database: Database,
    organisation_id: uuid.UUID,
    candidate: Questionnaire,
    *,
    before: datetime,
    after_id: uuid.UUID | None = None,
    wanted: Sequence[Current] | None = None,
) -> Iterator[Line]:
    """What ``candidate`` makes of each current submission sealed before an instant, in the order of ids.

    ``after_id``: go on behind this one. Works in other processes and reads in short transactions between; close the
    iterator to stop. Raises questionnaires.answers.AnswerErrors for a submission that cannot be read.
    """
    scope = Scope(organisation_id=organisation_id)
    slugs, every = _subjects(database, organisation_id, candidate, before) if wanted is None else ((), wanted)
    todo = [one for one in every if after_id is None or one.id > after_id]
    with database.looking(scope) as session:
        known = reading.definitions(session, organisation_id, todo)
        slugs = slugs or what_if_subjects.slugs_of(
            candidate, what_if_subjects.bases(session, organisation_id)
        )
        between = reading.between(session, organisation_id, slugs)
    waiting: deque[tuple[Current, Standing | None, bool]] = deque()

    def packed() -> Iterator[Packed]:
        for some in reading.chunks(todo):
            with database.looking(scope) as session:
                chunk = reading.read(session, organisation_id, some, before)
            unread = set(chunk.unread)
            waiting.extend((one, chunk.standings.get(one.id), one.id not in unread) for one in some)
            yield from chunk.packed

    results = what_if_many(
        candidate,
        packed(),
        known,
        between=between,
        with_requirements=True,
        workers=2 if len(todo) > FEW else 0,
    )
    try:
        for found in results:
            while waiting and not waiting[0][2]:
                yield _unread(*waiting.popleft()[:2])
            current, standing, _read = waiting.popleft()
            assert standing is not None
            yield _line(current, standing, found)
        for current, standing, _read in waiting:
            yield _unread(current, standing)
    finally:
        results.close()


def _subjects(
    database: Database, organisation_id: uuid.UUID, candidate: Questionnaire, before: datetime
) -> tuple[frozenset[str], list[Current]]:
    with database.looking(Scope(organisation_id=organisation_id)) as session:
        slugs = what_if_subjects.slugs_of(candidate, what_if_subjects.bases(session, organisation_id))
        return slugs, what_if_subjects.current(session, organisation_id, slugs, before)


def subjects(
    database: Database, organisation_id: uuid.UUID, candidate: Questionnaire, before: datetime
) -> list[Current]:
    """The submissions that a version is tried on."""
    return _subjects(database, organisation_id, candidate, before)[1]


def _unread(current: Current, standing: Standing | None) -> Line:
    return Line(current, "unread", standing.shown if standing else NOTHING, NOTHING, {})


def _line(current: Current, standing: Standing, found: Foreseen) -> Line:
    changes = {
        "knockouts": [list(one) for one in found.knockouts],
        "requirements": [list(one) for one in found.requirements],
        "unanswered": found.unanswered,
        "unreviewed": found.unreviewed,
    }
    if found.engagements:
        changes["engagements"] = {
            name: [list(one) for one in each] for name, each in found.engagements.items()
        }
    return Line(current, found.verdict, standing.shown, _shown(found.after), changes)


def _shown(found: Foretold) -> list[str | None]:
    numbers = (None if one is None else display(one) for one in (found.score, found.high))
    return [*numbers, found.band, found.best_band]


# ------------------------------------------------------------------------------------------------ asking, stopping


def ask(
    session: Session,
    candidate: Questionnaire,
    draft: QuestionnaireDraft | None,
    total: int,
    *,
    actor: Identity,
    now: datetime,
) -> WhatIfRun:
    """Queue a run over what was submitted until now; of those that have ended the newest MOST_KEPT stay.

    Raises Conflict when enough are under way.
    """
    assert actor.organisation is not None
    session.execute(select(Organisation.id).where(*mine(actor.scope, Organisation)).with_for_update())
    under_way = select(func.count()).where(*mine(actor.scope, WhatIfRun), WhatIfRun.state.in_(OPEN))
    if (session.scalar(under_way) or 0) >= MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} what-ifs are being worked out. Wait for one, or stop one.")
    forgotten = _forget(session, actor)
    run = WhatIfRun(
        id=uuid.uuid4(),
        organisation_id=actor.organisation.id,
        draft_id=draft.id if draft is not None else None,
        draft_revision=draft.revision if draft is not None else None,
        slug=candidate.slug,
        version=candidate.version,
        candidate=canonical_bytes(candidate),
        state="queued",
        total=total,
        done=0,
        reached=None,
        asked_by=actor.person.id,
        asked_at=now,
        started_at=None,
        finished_at=None,
        lease_until=None,
        token=None,
        fault="",
    )
    session.add(run)
    session.flush()
    data = {"slug": run.slug, "version": run.version, "submissions": total, "forgotten": forgotten}
    record(session, Kind.WHAT_IF_ASKED, now=now, actor=actor, subject=run, data=data)
    return run


def _forget(session: Session, actor: Identity) -> int:
    """Delete runs with their rows so that MOST_KEPT are left with the one that comes. Returns how many went."""
    ended = (
        select(WhatIfRun.id)
        .where(*mine(actor.scope, WhatIfRun), WhatIfRun.state.not_in(OPEN))
        .order_by(WhatIfRun.asked_at.desc(), WhatIfRun.id)
        .offset(MOST_KEPT - 1)
    )
    old = list(session.scalars(ended))
    if old:
        session.execute(delete(WhatIfRow).where(*mine(actor.scope, WhatIfRow), WhatIfRow.run_id.in_(old)))
        session.execute(delete(WhatIfRun).where(*mine(actor.scope, WhatIfRun), WhatIfRun.id.in_(old)))
    return len(old)


def stop(session: Session, run_id: uuid.UUID, *, actor: Identity, now: datetime) -> WhatIfRun:
    """End a run; what was worked out stays. Nothing happens to one that has ended."""
    statement = scoped(actor, WhatIfRun).where(WhatIfRun.id == run_id).with_for_update()
    run: WhatIfRun | None = session.execute(statement).scalar_one_or_none()
    if run is None:
        raise NotFound
    if run.state in OPEN:
        run.state, run.finished_at, run.token = "stopped", now, None
        session.flush()
        record(session, Kind.WHAT_IF_STOPPED, now=now, actor=actor, subject=run, data={"done": run.done})
    return run


# --------------------------------------------------------------------------------------------------------- reading


def run_of(session: Session, identity: Identity, run_id: uuid.UUID) -> WhatIfRun:
    """A run of the identity's organisation. Raises NotFound."""
    statement = scoped(identity, WhatIfRun).where(WhatIfRun.id == run_id)
    run: WhatIfRun | None = session.execute(statement).scalar_one_or_none()
    if run is None:
        raise NotFound
    return run


def runs(session: Session, identity: Identity) -> list[WhatIfRun]:
    """The newest runs, newest first, without what was tried: that is up to 4 MB for each."""
    statement = (
        scoped(identity, WhatIfRun)
        .options(defer(WhatIfRun.candidate, raiseload=True))
        .order_by(WhatIfRun.asked_at.desc(), WhatIfRun.id)
        .limit(MOST_KEPT)
    )
    return list(session.execute(statement).scalars())


def counts(session: Session, identity: Identity, run: WhatIfRun) -> dict[str, int]:
    """How many submissions have each verdict."""
    rows = session.execute(
        select(WhatIfRow.verdict, func.count())
        .where(*mine(identity.scope, WhatIfRow), WhatIfRow.run_id == run.id)
        .group_by(WhatIfRow.verdict)
    )
    found: dict[str, int] = {row.verdict: row[1] for row in rows}
    return {one: found.get(one, 0) for one in VERDICTS}


def rows(
    session: Session,
    identity: Identity,
    run: WhatIfRun,
    *,
    verdict: str = "",
    down: bool = False,
    number: int = 1,
) -> tuple[Page[WhatIfRow], dict[uuid.UUID, str]]:
    """One page of a run's rows by vendor's name, and the names of its vendors by id."""
    page = paged(session, _ordered(identity, run, verdict, down), number)
    return page, names(session, identity, page.rows)


def every(session: Session, identity: Identity, run: WhatIfRun, verdict: str) -> Iterator[WhatIfRow]:
    """All rows, some at a time."""
    statement = _ordered(identity, run, verdict, down=False).execution_options(yield_per=500)
    yield from session.execute(statement).scalars()


def _ordered(identity: Identity, run: WhatIfRun, verdict: str, down: bool) -> Any:
    """Rows of a run; vendors by name."""
    order = Vendor.name_key.desc() if down else Vendor.name_key
    statement = (
        select(WhatIfRow)
        .join(Vendor, Vendor.id == WhatIfRow.vendor_id)
        .where(*mine(identity.scope, WhatIfRow, Vendor), WhatIfRow.run_id == run.id)
        .order_by(order, WhatIfRow.submission_id)
    )
    return statement.where(WhatIfRow.verdict == verdict) if verdict else statement


def names(session: Session, identity: Identity, found: Sequence[WhatIfRow]) -> dict[uuid.UUID, str]:
    """Names of the vendors of some rows."""
    statement = select(Vendor.id, Vendor.name).where(
        *mine(identity.scope, Vendor), Vendor.id.in_({one.vendor_id for one in found})
    )
    return {row.id: row.name for row in session.execute(statement)}


def changes_of(row: WhatIfRow) -> dict[str, Any]:
    """Knock-outs and requirements as [key, before, after], and how much would be asked and reviewed anew.

    ``engagements``: the requirements by engagement's id, empty where they are the same for all that it covers.
    """
    found: dict[str, Any] = json.loads(row.changes)
    empty = {"knockouts": [], "requirements": [], "unanswered": 0, "unreviewed": 0, "engagements": {}}
    return {**empty, **found}


def stored(line: Line) -> bytes:
    return canonical_json(line.changes)
