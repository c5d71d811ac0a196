"""No audit row, no change (law 5): a closed catalogue, every entry used, and a change without an event refused."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from portal.accounts.models import PersonRow
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.outbox import WorkerBeat
from portal.vendors.models import Vendor
from tests.guards.code import modules
from tests.portal.world import NOW

# Entries of the catalogue that nothing writes yet, with the reason. Empty is best.
WAITING: dict[str, str] = {}


def test_every_entry_of_the_catalogue_is_written_somewhere() -> None:
    used = {
        node.attr
        for module in modules("portal")
        if module.name != "portal.audit.catalogue"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Kind"
    }
    assert used - {kind.name for kind in Kind} == set()
    assert {kind.name for kind in Kind} - used == set(WAITING)


def test_events_come_from_the_catalogue_by_one_function() -> None:
    """Nobody writes an event row or its kind by hand."""
    wrong = []
    for module in modules("portal"):
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "Event" and module.name != "portal.audit.service":
                wrong.append(module.where(node))
            if called.removeprefix("audit.") == "record" and module.name != "portal.audit.service":
                kind = node.args[1] if len(node.args) > 1 else None
                if not isinstance(kind, (ast.Attribute, ast.Name, ast.IfExp)):
                    wrong.append(f"{module.where(node)}: {ast.unparse(node)[:80]}")
    assert wrong == []


CHANGES: dict[str, Callable[[Session], object]] = {
    "insert": lambda session: session.add(
        PersonRow(email="a@b.c", address="a@b.c", name="A", created_at=NOW)
    ),
    "core update": lambda session: session.execute(update(Vendor).values(name="x")),
    "core delete": lambda session: session.execute(delete(Vendor)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_without_an_event_fails_at_commit(database: Database, change: str) -> None:
    with pytest.raises(RuntimeError, match="no audit row, no change: "):  # noqa: SIM117  # commit raises
        with database.transaction(SYSTEM) as session:
            CHANGES[change](session)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Event)).all() == []
        assert session.scalars(select(PersonRow)).all() == []


def test_an_unaudited_table_needs_no_event(database: Database) -> None:
    with database.transaction(SYSTEM) as session:
        session.add(WorkerBeat(name="one", at=NOW))


@pytest.mark.parametrize("value", ["x" * 201, "two\nlines"])
def test_events_hold_no_prose(database: Database, value: str) -> None:
    with pytest.raises(ValueError, match="codes"), database.transaction(SYSTEM) as session:
        record(session, Kind.RATED, now=NOW, actor=None, data={"note": value})


def test_events_of_a_whole_journey_hold_no_free_text_and_no_address() -> None:
    """Read from the calls: values of ``data`` are ids, codes, counts and hashes, never what somebody typed."""
    typed = {"note", "reason", "email", "address", "name", "text", "answer", "value", "subject", "title"}
    wrong = []
    for module in modules("portal"):
        for node in ast.walk(module.tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] == "record"):
                continue
            for keyword in node.keywords:
                if keyword.arg == "data" and isinstance(keyword.value, ast.Dict):
                    wrong += [
                        f"{module.where(node)}: {ast.unparse(value)}"
                        for value in keyword.value.values
                        if isinstance(value, ast.Attribute) and value.attr in typed
                    ]
    assert wrong == []
