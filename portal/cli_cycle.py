"""The command ``simulate-reminders``: who will be told what, if nothing happens but days; nothing is written."""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, installation
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.campaigns import foreseen as campaigns_foreseen
from portal.clock import local_date, zone_of
from portal.db import SYSTEM, Database
from portal.faults import StartupFault
from portal.organisations.models import Organisation
from portal.reassessment.foreseeing import LONGEST, foresee, world
from portal.reassessment.foreseen_lines import ALONE, DIGEST, MORNING, OPENED, SILENT, Foreseen, Letters
from portal.reassessment.kinds import KINDS
from portal.vendors.models import Engagement, Vendor
from questionnaires.dates import parse_date

AHEAD = (campaigns_foreseen,)  # what it does by itself is said ahead: foreseen_ahead.register
Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]


def add_commands(command: Command) -> None:
    """Add the command to the parser behind ``command(name, run, words)``."""
    one = command(
        "simulate-reminders",
        _simulate,
        "Say who will be told what, and what will be opened, if nobody does anything. Writes nothing.",
    )
    one.add_argument(
        "--organisation", metavar="NAME", help="its name, or its slug in the address; all unless given"
    )
    one.add_argument("--from", dest="start", metavar="DAY", help="like 2027-01-31; today unless given")
    one.add_argument(
        "--until", metavar="DAY", help=f"at most {LONGEST} days ahead; 30 days after --from unless given"
    )
    one.add_argument("--person", metavar="ADDRESS", help="only what this person is told")
    one.add_argument("--kind", metavar="KIND", help=f"only one of: {', '.join(sorted(KINDS))}")
    one.add_argument("--json", action="store_true", help="an object a line, for programs")


def _simulate(options: argparse.Namespace) -> int:
    database = installation.open_database(installation.load(options.data))
    now = clock.now()
    for asked in asked_of(database, options, now):
        if options.organisation is None and not options.json:
            print(f"{asked.name}:")
        for line in lines(database, asked, now, as_json=options.json):
            print(line, flush=not options.json)
    return 0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be said, of one organisation."""

    organisation: uuid.UUID
    name: str
    start: date
    end: date
    person: uuid.UUID | None
    kind: str


def asked_of(database: Database, options: argparse.Namespace, now: datetime) -> list[Asked]:
    """The options, checked, for each organisation that is meant: the one that is named, else all that are open.

    Raises StartupFault with a sentence for whoever wrote them.
    """
    if options.kind is not None and options.kind not in KINDS:
        raise StartupFault(f"There is no kind {options.kind}. Choose from {', '.join(sorted(KINDS))}.")
    with database.looking(SYSTEM) as session:
        places = _places(session, options.organisation)
        person = None
        if options.person is not None:
            row = accounts.person_by_address(session, options.person)
            if row is None:
                raise StartupFault(f"Nobody here has the address {options.person}.")
            person = row.id
        return [_asked(place, options, person, now) for place in places]


def _places(session: Session, name: str | None) -> Sequence[Organisation]:
    if name is None:
        return session.scalars(
            select(Organisation)
            .where(Organisation.closed_at.is_(None))
            .order_by(Organisation.name, Organisation.id)
        ).all()
    found = installation.organisation_named(session, name)
    if found is None:
        raise StartupFault(f"There is no organisation called {name}.")
    return [found]


def _asked(
    place: Organisation, options: argparse.Namespace, person: uuid.UUID | None, now: datetime
) -> Asked:
    today = local_date(now, place.zone)
    start = _day("--from", options.start) or today
    end = _day("--until", options.until) or start + timedelta(days=30)
    if start < today:
        raise StartupFault(
            f"--from is {start}, but what is over cannot be foreseen: choose {today} or later."
        )
    if end < start:
        raise StartupFault(f"--until is {end}, which is before --from, {start}.")
    if end > today + timedelta(days=LONGEST):
        raise StartupFault(
            f"--until is {end}, but only {LONGEST} days can be foreseen: until {today + timedelta(days=LONGEST)}."
        )
    return Asked(place.id, place.name, start, end, person, options.kind or "")


def _day(name: str, text: str | None) -> date | None:
    if text is None:
        return None
    found = parse_date(text)
    if found is None:
        raise StartupFault(f"{name} is {text}, which is no day. Write it like 2027-01-31.")
    return found


@dataclass(slots=True)
class Counted:
    """What the last line says."""

    told: int = 0
    opened: int = 0
    people: set[uuid.UUID] = field(default_factory=set)
    letters: Letters = field(default_factory=Letters)

    def add(self, one: Foreseen) -> None:
        self.opened += one.what == OPENED
        if one.person_id is None or one.what == SILENT:
            return
        self.told += 1
        self.people.add(one.person_id)
        self.letters.add(one)

    def __str__(self) -> str:
        return (
            f"{self.told:,} lines to {len(self.people):,} people, in {self.letters.digests:,} digests,"
            f" {self.letters.alone:,} letters of their own and {self.letters.mornings:,} letters of a morning."
            f" Assessments opened: {self.opened:,}."
        )


def lines(database: Database, asked: Asked, now: datetime, *, as_json: bool) -> Iterator[str]:
    """One line for each thing that happens and each person who is told, in the order of time; at the end how many."""
    made = world(database, asked.organisation, now=now, until=asked.end)
    with database.looking(SYSTEM) as session:
        names = Names.of(session, asked.organisation)
        counted = Counted()
        for one in foresee(made, asked.start, asked.end):
            if (asked.kind and one.kind != asked.kind) or asked.person not in (None, one.person_id):
                continue
            counted.add(one)
            if as_json:
                yield json.dumps({"organisation": asked.name} | _object(session, names, one))
            else:
                yield _line(session, names, one)
    if not as_json:
        yield str(counted)


@dataclass(slots=True)
class Names:
    """What ids are called. People are read as they come: a vendor's may be many."""

    vendors: dict[uuid.UUID, str]
    engagements: dict[uuid.UUID, str]
    people: dict[uuid.UUID, str] = field(default_factory=dict)

    @classmethod
    def of(cls, session: Session, organisation_id: uuid.UUID) -> Names:
        found = [
            session.execute(
                select(model.id, model.name).where(model.organisation_id == organisation_id)
            ).all()
            for model in (Vendor, Engagement)
        ]
        return cls(*({row.id: row.name for row in rows} for rows in found))

    def person(self, session: Session, person_id: uuid.UUID) -> str:
        if person_id not in self.people:
            row = session.execute(
                select(PersonRow.name, PersonRow.address).where(PersonRow.id == person_id)
            ).one()
            self.people[person_id] = f"{row.name} <{row.address}>"
        return self.people[person_id]


def _object(session: Session, names: Names, one: Foreseen) -> dict[str, object]:
    """Codes, ids and names; instants in UTC."""
    item = one.item
    return {
        "day": one.day.isoformat(),
        "at": one.at.isoformat(),
        "what": one.what,
        "kind": one.kind,
        "subject": str(one.subject),
        "code": one.code or item.code,
        "due": one.due.isoformat(),
        "step": one.step,
        "vendor": names.vendors.get(item.vendor_id, "") if item.vendor_id else "",
        "engagements": [names.engagements.get(each, "") for each in one.engagements],
        "person": names.person(session, one.person_id) if one.person_id else None,
        "letter": one.letter,
        "post_day": one.post_day.isoformat() if one.post_day else None,
        "leaves": one.leaves.isoformat() if one.leaves else None,
        "late": one.late,
    }


def _line(session: Session, names: Names, one: Foreseen) -> str:
    """``2027-01-15  on-the-day  assessment security_core, due 2027-01-15  Fennmark: Archive  -> Ana <..>, alone``."""
    item = one.item
    code = one.code if one.what in ("hindered", "trigger") else item.code
    about = " ".join(filter(None, (item.kind, code)))
    where = names.vendors.get(item.vendor_id, "") if item.vendor_id else ""
    named = ", ".join(names.engagements.get(each, "") for each in one.engagements)
    parts = [
        one.day.isoformat(),
        one.step or one.what,
        f"{about}, due {one.due.isoformat()}",
        ": ".join(filter(None, (where, named))),
        "late: the answers are needed before they are due" if one.late else "",
    ]
    if one.person_id is not None:
        parts.append(f"-> {names.person(session, one.person_id)}{_letter(one)}")
    elif one.what == "nobody":
        parts.append("-> nobody is there to be told")
    return "  ".join(filter(None, parts))


def _letter(one: Foreseen) -> str:
    if one.what == SILENT:
        return f", not told: {one.code}"
    if one.letter == DIGEST:
        return f", digest of {one.post_day}"
    if one.letter in (ALONE, MORNING) and one.leaves is not None:
        how = "alone" if one.letter == ALONE else "with others of the morning"
        return f", {how}, at {one.leaves.astimezone(zone_of(one.item.zone)):%Y-%m-%d %H:%M}"
    return ""
