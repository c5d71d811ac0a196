"""The command ``what-if``: what a version would do to what was submitted to an organisation; nothing is written."""

from __future__ import annotations

import argparse
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from portal import clock, installation
from portal.db import SYSTEM, Database
from portal.faults import StartupFault
from portal.library import service as library
from portal.library.models import ReleasedVersion
from portal.reports import what_if
from portal.vendors.models import Vendor
from questionnaires import catalog
from questionnaires.checking import errors
from questionnaires.definition import Questionnaire
from questionnaires.faults import DefinitionError
from questionnaires.parsing import load
from questionnaires.patterns import LABEL

Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """Add the command to the parser behind ``command(name, run, words)``."""
    one = command(
        "what-if",
        _what_if,
        "What a version would do to what was submitted to an organisation. Writes nothing.",
    )
    one.add_argument("organisation", metavar="ORGANISATION", help="its name, or its slug in the address")
    one.add_argument(
        "version",
        metavar="FILE|slug@version",
        help="our JSON, a folder of TOML, or a version such as slug@version",
    )


def _what_if(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    database = installation.open_database(found)
    with database.looking(SYSTEM) as session:
        organisation = installation.organisation_named(session, options.organisation)
        if organisation is None:
            raise StartupFault(f"There is no organisation called {options.organisation}.")
        organisation_id = organisation.id
    candidate = _candidate(database, organisation_id, options.version)
    for line in what_if_lines(database, organisation_id, candidate, clock.now()):
        print(line, flush=True)
    return 0


def _candidate(database: Database, organisation_id: uuid.UUID, named: str) -> Questionnaire:
    if LABEL.fullmatch(named) and not Path(named).exists():
        slug, _at, version = named.partition("@")
        if named in catalog.shipped():
            return catalog.get(named)
        with database.looking(SYSTEM) as session:
            content_hash = session.scalar(
                select(ReleasedVersion.content_hash).where(
                    ReleasedVersion.organisation_id == organisation_id,
                    ReleasedVersion.slug == slug,
                    ReleasedVersion.version == version,
                )
            )
            if content_hash is None:
                raise StartupFault(f"There is no version called {named}.")
            return library.definition(session, content_hash)
    try:
        definition = load(named)
        faults = errors(definition)
        if faults:
            raise DefinitionError(faults)
    except DefinitionError as error:
        raise StartupFault("\n".join(map(str, error.faults))) from None
    return definition


def what_if_lines(
    database: Database, organisation_id: uuid.UUID, candidate: Questionnaire, before: datetime
) -> Iterator[str]:
    """One line a submission with what becomes of it, in the order of ids, and at the end how many of each."""
    with database.looking(SYSTEM) as session:
        rows = session.execute(
            select(Vendor.id, Vendor.name).where(Vendor.organisation_id == organisation_id)
        ).all()
        names = {row.id: row.name for row in rows}
    counts: Counter[str] = Counter()
    for one in what_if.foresee(database, organisation_id, candidate, before=before):
        counts[one.verdict] += 1
        yield f"{names[one.current.vendor_id]}: {one.verdict}: {_standing(one.before)} to {_standing(one.after)}"
        for what in ("knockouts", "requirements"):
            for key, was, will in one.changes.get(what, ()):
                yield f"  {what[:-1]} {key}: {was or 'none'} to {will or 'none'}"
    yield (
        ", ".join(f"{verdict}: {counts[verdict]}" for verdict in what_if.VERDICTS if counts[verdict])
        or "nothing"
    )


def _standing(shown: list[str | None]) -> str:
    score, high, band, best = shown
    if score is None:
        return "not assessed"
    numbers = score if score == high else f"{score}-{high}"
    return f"{numbers} ({band if band == best else f'{band}-{best}'})"
