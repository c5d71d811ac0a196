"""A mark saved, what the API answers, the pages of reviews, gates and vendors at 10,000 vendors, 3 million answers.

The installation is the one of what_if_portal, kept in ``build/what-if``, which git ignores. What this measures is
written into it: marks that are saved and taken back, with their events. Beside each page stands one that holds nothing
but its frame, taken in turns with it; beside the list what SQLite alone takes to read the columns that say whether
anything moved. ``python -m tests.benchmarks.gate [VENDORS]`` measures fewer.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import select
from werkzeug.test import EnvironBuilder, run_wsgi_app

from portal import clock, create_app
from portal.access import SCOPES, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.assessments.models import Submission
from portal.gate import reading
from portal.organisations import tokens
from portal.vendors.models import Engagement
from portal.web import Portal
from questionnaires.definition import Questionnaire
from tests.benchmarks import what_if_portal
from tests.benchmarks.engine import made
from tests.benchmarks.measuring import Figure, in_turns, table
from tests.benchmarks.what_if import SUBMISSIONS

REPEATS = 15
# Pages of an organisation, each by what it is called.
PAGES = {
    "home": "/",
    "vendors": "/vendors",
    "engagements": "/engagements",
    "assessments": "/assessments",
    "queue of reviews": "/reviews",
    "gates": "/gates",
    "findings": "/findings",
    "events": "/events",
}
# Lists of the API, each as long as it may be.
API = {"vendors": "/vendors?limit=200", "engagements": "/engagements?limit=200"}
FRAME = "/vendors/new"
HERE = {"REMOTE_ADDR": "127.0.0.1"}
SAVED, ONE_PAGE = 0.3, 0.3  # seconds at the server
CALLED = 0.1  # of the API's gate, which other systems wait for
WARM, COLD = 1.0, 0.005  # seconds of the list, and of each gate while a process sees it for the first time


def figures() -> list[Figure]:
    return measured(SUBMISSIONS)


def measured(count: int) -> list[Figure]:
    old, _good, _poor = made()
    folder = what_if_portal.stored(old, count)
    app = create_app(replace(what_if_portal.settings_of(folder), demo=True))
    try:
        return _measure(app, folder, old, count)
    finally:
        app.database.dispose()


def _measure(app: Portal, folder: Path, old: Questionnaire, count: int) -> list[Figure]:
    actor = _author(folder)
    assert actor.organisation is not None
    ours = actor.organisation
    visit = Visit(app, actor)
    with app.database.looking(actor.scope) as session:
        submissions = list(
            session.scalars(
                select(Submission.id)
                .where(Submission.organisation_id == ours.id)
                .order_by(Submission.id)
                .limit(1000)
            )
        )
        engagement = session.scalars(
            select(Engagement.id)
            .where(Engagement.organisation_id == ours.id)
            .order_by(Engagement.id)
            .limit(1)
        ).one()
    submission = submissions[len(submissions) // 2]
    _thrown_away(visit, ours.slug, submission)
    saved = _saving(visit, ours.slug, submission, _choices(old))
    page = visit.getting(f"/o/{ours.slug}/engagements/{engagement}/gate")

    def listed() -> None:
        with app.database.looking(actor.scope) as session:
            found = reading.briefs(session, ours.id, now=clock.now())
        assert len(found) == count, len(found)

    started = perf_counter()
    listed()
    cold = perf_counter() - started
    program = visit.program(actor)
    asked = [program(f"/engagements/{engagement}/gate"), *map(program, API.values())]
    mark, gate, warm, bare, called, *lists = in_turns(
        saved, page, listed, _bare(folder), *asked, repeats=REPEATS
    )
    _thrown_away(visit, ours.slug, submission)
    pages = {name: f"/o/{ours.slug}{path}" for name, path in PAGES.items()}
    pages["desk of a review"] = f"/o/{ours.slug}/reviews/{submission}"
    frame, *taken = in_turns(
        visit.getting(f"/o/{ours.slug}{FRAME}"), *map(visit.getting, pages.values()), repeats=REPEATS
    )
    name = f"{count:,} vendors, {count * what_if_portal.QUESTIONS:,} answers"
    return [
        Figure(f"gate, a mark saved ({name})", mark, 0, SAVED, ratio=False),
        Figure(f"gate, the page of one engagement ({name})", gate, 0, ONE_PAGE, ratio=False),
        Figure(
            f"gate, what counts at all {count:,} gates (the bare columns: {bare * 1000:.1f} ms)",
            warm, 0, WARM, ratio=False,
        ),
        Figure(
            f"gate, the same in a new process, for each of {count:,} gates", cold / count, 0, COLD, ratio=False
        ),
        Figure(f"gate, the call of the API ({name})", called, 0, CALLED, ratio=False),
        *(
            Figure(f"API, {one} ({name})", seconds, 0, ONE_PAGE, ratio=False)
            for one, seconds in zip(API, lists, strict=True)
        ),
        *(
            Figure(f"page, {one} (a frame: {frame * 1000:.1f} ms)", seconds, 0, ONE_PAGE, ratio=False)
            for one, seconds in zip(pages, taken, strict=True)
        ),
    ]  # fmt: skip


def _author(folder: Path) -> Identity:
    told = json.loads((folder / "organisation.json").read_text())
    return Identity(
        Person(uuid.UUID(told["author"]), "Author", "author@halden.example"),
        uuid.uuid4(),
        organisation=Tenant(uuid.UUID(told["id"]), told["slug"], told["name"]),
        role=OrganisationRole.CISO,
    )


def _choices(old: Questionnaire) -> list[str]:
    return [one.key for one in old.questions.values() if one.type == "choice" and one.visible_when is None]


class Visit:
    """A signed-in person's requests through the WSGI app, without a test client's own work."""

    def __init__(self, app: Portal, actor: Identity) -> None:
        self.app = app
        with app.database.transaction() as session:
            self.cookie = accounts.open_session(session, actor.person.id, now=clock.now())
        found = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.get("/account"))
        assert found is not None
        self.token = found[1]

    def get(self, path: str) -> str:
        return self._run(EnvironBuilder(path, headers=self._headers(), environ_base=HERE), "200")

    def getting(self, path: str) -> Callable[[], None]:
        return lambda: self._nothing(self.get(path))

    def program(self, actor: Identity) -> Callable[[str], Callable[[], None]]:
        """What asks the API with a token of ``actor``'s, made now; those of measurements before end."""
        with self.app.database.transaction(actor.scope) as session:
            now = clock.now()
            tokens.revoke_of(session, actor, actor.person.id, now=now)
            token = tokens.make(
                session, actor, id=uuid.uuid4(), name="Measured", scopes=list(SCOPES), days=1, now=now
            )
        headers = [("Authorization", f"Bearer {token}")]
        return lambda path: (
            lambda: self._nothing(self._run(EnvironBuilder(f"/api/v1{path}", headers=headers), "200"))
        )

    def post(self, path: str, data: dict[str, str]) -> None:
        form: dict[str, Any] = {"csrf_token": self.token, **data}
        self._run(EnvironBuilder(path, method="POST", data=form, headers=self._headers()), "303")

    def _nothing(self, _page: str) -> None:
        return None

    def _headers(self) -> list[tuple[str, str]]:
        return [("Cookie", f"session={self.cookie}")]

    def _run(self, builder: EnvironBuilder, wanted: str) -> str:
        environ = builder.get_environ()
        body, status, _headers = run_wsgi_app(self.app, environ, buffered=True)
        text = b"".join(body).decode()
        assert status.startswith(wanted), (environ["PATH_INFO"], status, text[:2000])
        return text


def _saving(visit: Visit, slug: str, submission: uuid.UUID, keys: Sequence[str]) -> Callable[[], None]:
    """A reviewer accepts one answer after the other, on top of the marks that are not written yet."""
    path, left = f"/o/{slug}/reviews/{submission}", iter(keys)

    def save() -> None:
        visit.post(f"{path}/marks", {"key": next(left), "document": "", "seen": "", "mark": "accepted"})

    return save


def _thrown_away(visit: Visit, slug: str, submission: uuid.UUID) -> None:
    """Marks of this measurement, or of one before that did not end, are in nobody's way."""
    path = f"/o/{slug}/reviews/{submission}"
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', visit.get(path))
    if seen is not None:
        visit.post(f"{path}/steps", {"do": "discard", "seen": seen[1]})


def _bare(folder: Path) -> Callable[[], None]:
    """The columns that say whether anything moved, as SQLite alone reads them."""

    def read() -> None:
        with what_if_portal.connected(folder) as connection:
            rows = connection.execute("SELECT id, ground_revision FROM engagement").fetchall()
        assert rows

    return read


if __name__ == "__main__":
    print(table(measured(int(sys.argv[1]) if len(sys.argv) > 1 else SUBMISSIONS)))
