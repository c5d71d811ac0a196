"""How many statements a page or list takes does not hang on how many rows there are.

Every page of an organisation without an id, and every list of the API, as benchmarks.pages reads them from the routes:
so a new list is here by itself. What the benchmarks measure at ten thousand vendors is counted at some tens.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from portal import clock, create_app, schema
from portal.db import Database
from portal.gate.keeping import Keeper
from tests.benchmarks import around, pages, what_if_portal
from tests.benchmarks.engine import made
from tests.benchmarks.gate import Visit, _author

FEW, MANY = 38, 90  # vendors: no list is empty with the few, and none shows as many of them as of the many


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements that are run meanwhile."""
    found: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def statements(folder: Path) -> dict[str, list[str]]:
    """By page, what it asks of the database once everything that a process keeps is known."""
    app = create_app(replace(what_if_portal.settings_of(folder), demo=True))
    try:
        actor = _author(folder)
        assert actor.organisation is not None
        Keeper(app.database).turn(clock.now, seconds=pages.HOURS)
        pages.beat(app.database)
        visit, found = Visit(app, actor), {}
        program = visit.program(actor)
        for rule in pages.measured_rules(app):
            path = rule.replace("<organisation>", actor.organisation.slug)
            read = (
                program(path.removeprefix(pages.API)) if rule.startswith(pages.API) else visit.getting(path)
            )
            read()
            with counted(app.database.engine) as found[rule]:
                read()
    finally:
        app.database.dispose()
    return found


@pytest.fixture
def installations(tmp_path: Path) -> list[Path]:
    """The same organisation with few vendors and with many."""
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    settings = what_if_portal.settings_of(few)
    database = Database(settings.database_url)
    old, _good, _poor = made()
    schema.upgrade(database)
    templates, organisation = what_if_portal.two_submissions(database, settings, old)
    database.dispose()
    (few / "organisation.json").write_text(json.dumps(organisation))
    shutil.copytree(few, many)
    for folder, vendors in ((few, FEW), (many, MANY)):
        what_if_portal.multiply(folder, templates, vendors)
        with what_if_portal.connected(folder) as connection:
            around.add(connection, clock.now())
    return [few, many]


def test_no_page_takes_more_statements_for_more_rows(installations: list[Path]) -> None:
    few, many = (statements(folder) for folder in installations)
    assert few.keys() == many.keys()
    assert len(few) > 45
    grown = {rule: (len(few[rule]), len(some)) for rule, some in many.items() if len(some) > len(few[rule])}
    assert grown == {}
