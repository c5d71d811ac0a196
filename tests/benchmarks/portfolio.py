"""The whole picture at ten thousand vendors: home, lists, search, fourth parties, and the worker that keeps them.

The installation is the one of what_if_portal, kept in ``build/what-if``, which git ignores; the worker's keepers fill
it once. Each page is taken warm, and again after the ground of forty gates has moved. ``python -m
tests.benchmarks.portfolio [VENDORS]`` measures fewer. PostgreSQL is measured too where
PORTAL_TEST_POSTGRES names a server (tests/postgres.sh).
"""

from __future__ import annotations

import random
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import event, func, insert, select, update

from portal import clock, engines
from portal.access import Identity
from portal.db import SYSTEM
from portal.gate import standings
from portal.gate.keeping import Keeper
from portal.gate.standing_models import BriefSubmission, GateBrief
from portal.portfolio.indexing import PARTIES, Indexer, forget
from portal.portfolio.models import FourthParty, IndexedSubmission
from portal.vendors.models import Engagement
from portal.web import Portal
from tests.benchmarks import both, what_if_portal
from tests.benchmarks.cycle import KINDS
from tests.benchmarks.engine import made
from tests.benchmarks.gate import Visit, _author
from tests.benchmarks.measuring import Figure, in_turns, table
from tests.benchmarks.what_if import SUBMISSIONS

REPEATS = 7
STALE = standings.NOW_AT_ONCE
ONE_PAGE, EACH_GATE = 0.3, 0.006  # seconds at the server
MOVED = (
    0.6  # our own: as many gates worked out by the page itself, until the worker's next pass has stored them
)
FIRMS, NAMED = 400, 5  # names of firms, and how many each vendor names
HOURS = 10**6  # more seconds than the keepers need


def figures() -> list[Figure]:
    return measured(SUBMISSIONS)


def measured(count: int) -> list[Figure]:
    old, _good, _poor = made()
    folder = what_if_portal.stored(old, count)
    found: list[Figure] = []
    for kind in KINDS:
        with both.installed(kind, folder) as app:
            found += _measure(app, folder, kind, count)
    return found


def _measure(app: Portal, folder: Path, kind: str, count: int) -> list[Figure]:
    actor = _author(folder)
    assert actor.organisation is not None
    keeping, indexing = _kept(app, actor, count)
    engines.take_statistics(app.database)
    visit, name = Visit(app, actor), f"{kind}, {count:,} vendors"
    base = f"/o/{actor.organisation.slug}"
    pages = {one: base + path for one, path in _pages(app, actor).items()}
    frame, *warm = in_turns(
        visit.getting(f"{base}/vendors/new"), *map(visit.getting, pages.values()), repeats=REPEATS
    )
    anew = [_after_moves(app, actor, visit.getting(path)) for path in pages.values()]
    counted = [_statements(app, visit, path) for path in pages.values()]
    lines = [
        Figure(
            f"portfolio, the worker keeps one of {count:,} gates ({kind})", keeping, 0, EACH_GATE, ratio=False
        ),
        Figure(
            f"portfolio, the worker reads one of {count:,} submissions ({kind})",
            indexing,
            0,
            0.1,
            ratio=False,
        ),
    ]
    for one, quick, slow, statements in zip(pages, warm, anew, counted, strict=True):
        told = f"portfolio, {one} ({name}, {statements} statements, a frame: {frame * 1000:.0f} ms)"
        lines.append(Figure(told, quick, 0, ONE_PAGE, ratio=False))
        lines.append(Figure(f"portfolio, {one}, {STALE} gates moved ({name})", slow, 0, MOVED, ratio=False))
    return lines


def _pages(app: Portal, actor: Identity) -> dict[str, str]:
    with app.database.looking(actor.scope) as session:
        one = session.scalars(
            select(Engagement.id).where(Engagement.organisation_id == actor.scope.organisation_id).limit(1)
        ).one()
    found = {"home": "/portfolio", "changes": "/portfolio/changes", "conditions": "/portfolio/conditions"}
    found |= {
        f"engagements by {sort}": f"/engagements?sort={sort}"
        for sort in ("attention", "engagement", "lapses")
    }
    found |= {f"gates {state or 'all'}": f"/gates?state={state}" for state in ("", "pending", "lapsing")}
    found["gates of one name"] = "/gates?q=1234"
    found["fourth parties"] = "/portfolio/fourth-parties"
    found["one fourth party"] = "/portfolio/fourth-parties/engagements?name=firm+7"
    found |= {f"search {one!r}": f"/search?q={one}" for one in ("note", "note+1234", "note+own+17", "firm")}
    return found | {"gate.json": f"/engagements/{one}/gate.json"}


def _kept(app: Portal, actor: Identity, count: int) -> tuple[float, float]:
    """Run the keepers over everything; seconds for each gate and each submission. Everything is taken out before."""
    ours = actor.scope.organisation_id
    with app.database.transaction(SYSTEM) as session:
        session.execute(update(GateBrief).values(basis="").execution_options(synchronize_session=False))
        forget(session, session.scalars(select(IndexedSubmission.submission_id).limit(100)).all())
    started = perf_counter()
    written = Keeper(app.database).turn(clock.now, seconds=HOURS)
    keeping = (perf_counter() - started) / max(1, written)
    assert written >= count, written
    started = perf_counter()
    read = Indexer(app.database).turn(clock.now, seconds=HOURS)
    indexing = (perf_counter() - started) / max(1, read)
    with app.database.transaction(SYSTEM) as session:
        if not session.execute(select(func.count()).select_from(FourthParty)).scalar_one():
            draw = random.Random(7)
            submissions = session.scalars(select(BriefSubmission.submission_id).distinct()).all()
            rows = [
                {
                    "submission_id": one, "key": PARTIES, "row": row, "organisation_id": ours, "country": "",
                    "name": f"Firm {firm}", "name_key": f"firm {firm}", "service": "",
                }
                for one in submissions
                for row, firm in enumerate(draw.sample(range(FIRMS), NAMED))
            ]  # fmt: skip
            session.execute(insert(FourthParty), rows)
    return keeping, indexing


def _after_moves(app: Portal, actor: Identity, page: Callable[[], None]) -> float:
    """Seconds of a page that has to work out as many gates as it may."""
    taken = []
    for _ in range(3):
        with app.database.transaction(SYSTEM) as session:
            some = select(Engagement.id).order_by(func.random()).limit(STALE)
            session.execute(
                update(Engagement)
                .where(Engagement.id.in_(some))
                .values(ground_revision=1 + secrets.randbits(62))
                .execution_options(synchronize_session=False, unaudited=True)
            )
        started = perf_counter()
        page()
        taken.append(perf_counter() - started)
        Keeper(app.database).turn(clock.now, seconds=HOURS)
    return sorted(taken)[1]


def _statements(app: Portal, visit: Visit, path: str) -> int:
    seen: list[Any] = []

    def note(*given: Any) -> None:
        seen.append(given[2])

    event.listen(app.database.engine, "before_cursor_execute", note)
    visit.get(path)
    event.remove(app.database.engine, "before_cursor_execute", note)
    return len(seen)


if __name__ == "__main__":
    print(table(measured(int(sys.argv[1]) if len(sys.argv) > 1 else SUBMISSIONS)))
