"""Every page without an id at ten thousand vendors: the organisation's lists, those of the API, /healthz, /metrics.

Which they are is read from the routes, so that a new list is measured by itself; what is left out stands in LEFT_OUT.
The installation is the one of what_if_portal with what around.py adds. ``python -m tests.benchmarks.pages [VENDORS]``
measures fewer. PostgreSQL is measured too where PORTAL_TEST_POSTGRES names a server (tests/postgres.sh).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from portal import clock, engines
from portal.access import Identity
from portal.db import Database
from portal.gate.keeping import Keeper
from portal.outbox import WorkerBeat
from portal.web import Portal
from tests.benchmarks import both, what_if_portal
from tests.benchmarks.cycle import KINDS
from tests.benchmarks.engine import made
from tests.benchmarks.gate import Visit, _author
from tests.benchmarks.measuring import Figure, in_turns, table
from tests.benchmarks.what_if import SUBMISSIONS

REPEATS = 5
ONE_PAGE = 0.3  # seconds at the server
HOURS = 10**6  # more seconds than the keeper needs
HOUSE, API = "/o/<organisation>", "/api/v1"
FILES = (".csv", ".xlsx", ".json", ".pdf")
# Pages and lists that are not measured here -> why.
LEFT_OUT = MappingProxyType(
    {
        f"{HOUSE}/close": "for admins, before an organisation ends: a page of its own, no list",
        f"{HOUSE}/issue-many": "asks for chosen engagements",
        f"{HOUSE}/what-ifs/ask": "asks for a version",
        f"{HOUSE}/tokens/all": "for admins: as many rows as members have tokens, not vendors",
        f"{HOUSE}/calendar/foreseen": "works for two seconds by design; the whole of it is in the bench of the cycle",
        f"{HOUSE}/portfolio/report": "a report over everything, no list; drawing it is in the bench of reports",
        f"{HOUSE}/portfolio/fourth-parties/engagements": "asks for a name; portfolio.py gives one",
    }
)
# Further views of a page, each by its query.
VIEWS = MappingProxyType(
    {f"{HOUSE}/letters": ("state=waiting", "state=sent", "state=gave_up", "state=dropped", "page=400")}
)


def candidates(app: Portal) -> set[str]:
    """The rules of every GET page and list that is the organisation's and asks for no id; files of lists are none."""
    return {
        one.rule
        for one in app.url_map.iter_rules()
        if "GET" in (one.methods or ())
        and (
            (one.rule.startswith(HOUSE) and one.arguments == {"organisation"})
            or (one.rule.startswith(f"{API}/") and not one.arguments)
            or one.rule in ("/healthz", "/metrics")
        )
        and not one.rule.endswith(FILES)
    }


def measured_rules(app: Portal) -> list[str]:
    return sorted(candidates(app) - set(LEFT_OUT))


def beat(database: Database) -> None:
    """As a worker does that lives: without one /healthz says 503."""
    with database.transaction() as session:
        session.merge(WorkerBeat(name="bench", at=clock.now()))


def figures() -> list[Figure]:
    return measured(SUBMISSIONS)


def measured(count: int) -> list[Figure]:
    old, _good, _poor = made()
    folder = what_if_portal.stored(old, count)
    return [figure for kind in KINDS for figure in _of_kind(kind, folder, count)]


def _of_kind(kind: str, folder: Path, count: int) -> list[Figure]:
    with both.installed(kind, folder) as app:
        works = _works(app, _author(folder))
        taken = in_turns(*works.values(), repeats=REPEATS)
    name = f"{kind}, {count:,} vendors, {what_if_portal.letters_of(folder):,} letters"
    return [
        Figure(f"pages, {rule.removeprefix(HOUSE) or '/'} ({name})", seconds, 0, ONE_PAGE, ratio=False)
        for rule, seconds in zip(works, taken, strict=True)
    ]


def _works(app: Portal, actor: Identity) -> dict[str, Callable[[], None]]:
    """What is measured, by its rule, after the worker has done what it does over everything."""
    assert actor.organisation is not None
    Keeper(app.database).turn(clock.now, seconds=HOURS)
    engines.take_statistics(app.database)
    beat(app.database)  # after the keeper, which takes longer than a worker may be silent
    visit = Visit(app, actor)
    program = visit.program(actor)
    works = {}
    for rule in measured_rules(app):
        path = rule.replace("<organisation>", actor.organisation.slug)
        if rule.startswith(f"{API}/"):
            works[rule] = program(path.removeprefix(API))
            continue
        works[rule] = visit.getting(path)
        for query in VIEWS.get(rule, ()):
            works[f"{rule}?{query}"] = visit.getting(f"{path}?{query}")
    return works


if __name__ == "__main__":
    print(table(measured(int(sys.argv[1]) if len(sys.argv) > 1 else SUBMISSIONS)))
