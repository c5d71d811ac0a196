"""The command line: ``portal demo``, ``init``, ``run``, ``worker``, ``upgrade``, ``create-admin`` and imports."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from sqlalchemy.exc import SQLAlchemyError

from portal import (
    cli_cycle,
    cli_foreseeing,
    cli_keeping,
    clock,
    demo,
    installation,
    logs,
    server,
    steadiness,
    worker,
)
from portal.access import OrganisationRole, Person
from portal.accounts import factors, resets
from portal.accounts import service as accounts
from portal.db import SYSTEM, Database, Scope
from portal.faults import Fault, Invalid, StartupFault, Unavailable
from portal.library import releasing
from portal.library import service as library
from portal.library.importing import FORMATS, format_of, slug_from
from portal.mail import mailer
from portal.organisations import service as organisations
from portal.storage import open_storage
from questionnaires.dates import parse_date

LARGEST_FILE = 20_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 when it worked, 1 with one plain sentence on standard error when it did not."""
    options = _parser().parse_args(arguments)
    os.umask(0o077)  # databases and letters are for this user alone
    logs.configure("text")
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except StartupFault as fault:
        problem = str(fault)
    except (Unavailable, SQLAlchemyError) as fault:
        problem = installation.sentence(fault)
    except Fault as fault:
        whole = fault.errors.values() if isinstance(fault, Invalid) and fault.errors else [fault.message]
        problem = "\n".join(whole)
    print(f"portal: {problem}", file=sys.stderr)
    return 1


def _demo(options: argparse.Namespace) -> int:
    demo.run(options.data, options.port, say=lambda text: print(text, flush=True))
    return 0


def _init(options: argparse.Namespace) -> int:
    found = installation.initialise(options.data, options.base_url, options.mail, options.database_url)
    installation.upgrade(Database(found.database_url, found.base_url, found.secret_key))
    print(
        f"The installation is in {options.data}; its settings, with a fresh secret key, are in portal.toml."
    )
    print(f'Next: portal create-admin --data {options.data} --organisation "NAME" --name "NAME" ADDRESS')
    return 0


def _run(options: argparse.Namespace) -> int:
    from portal import create_app

    found = installation.load(options.data)
    logs.configure(found.log_format)
    server.require_free(options.host, options.port)
    installation.require_folder(options.data)
    app = create_app(found)

    def ready() -> None:
        print(f"Ready: {found.base_url}/ (listening on {options.host}:{options.port})", flush=True)

    server.serve(app, options.host, options.port, ready=ready)
    return 0


def _worker(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    logs.configure(found.log_format)
    if options.now is not None and not found.demo:
        raise StartupFault("--now is for demonstrations only; an installation lives by its own clock.")
    if options.now is not None and not options.once:
        raise StartupFault("--now needs --once: it is one look at another day.")
    database = installation.open_database(found)
    with _asked_to_end() as stop:
        if not options.once:
            worker.loop(database, found, stop, after_a_pause=options.after_a_pause)
            return 0
        wrong = "" if options.now or options.after_a_pause else steadiness.doubt(database, clock.now())
        # A look at another day is no sign of life.
        report = worker.run_once(
            database,
            mailer(found),
            options.now or clock.now(),
            stop=stop,
            remind=not wrong,
            beats=options.now is None,
            steady=not wrong,
            storage=open_storage(found) if options.now is None else None,
            settings=found if options.now is None else None,  # webhooks are told, too
        )
    print(f"{report}.")
    if wrong:
        print(f"portal: No reminders were generated. {wrong}", file=sys.stderr)
    return 1 if report.faults or wrong else 0


@contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """Set when this process is asked to end: a letter that is out is noted first, or it would go out again."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: stop.set()) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _upgrade(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    installation.upgrade(Database(found.database_url, found.base_url, found.secret_key))
    print("The database fits this portal.")
    return 0


def _create_admin(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    database = installation.open_database(found)
    address, name = _address(options.email), options.name.strip()
    if not name or not options.organisation.strip():
        raise StartupFault("A person and an organisation need a name.")
    password = _password(options, (name, address))
    hashed = accounts.hash_password(found, password) if password else None
    now = clock.now()
    with database.transaction() as session:
        person = accounts.person_by_address(session, address)
        known = person is not None
        if person is None:
            person = accounts.create_person(
                session, name=name, address=address, password_hash=hashed, now=now, confirmed=True
            )
        organisation = installation.organisation_named(session, options.organisation)
        if organisation is None:
            organisation = organisations.create_organisation(
                session,
                name=options.organisation.strip(),
                zone=options.zone,
                currency=options.currency,
                now=now,
            )
        organisations.add_member(
            session, organisation, person.id, OrganisationRole.ADMIN, now=now, actor=None
        )
        token = None if known or hashed else resets.start_reset(session, person, now=now)
        place = f"{organisation.name} ({organisation.slug})"
    print(f"{address} is an administrator of {place}.")
    if known:
        print("The address has an account already; its password stays as it is.")
    elif token:
        hours = int(resets.RESET_LASTS.total_seconds() // 3600)
        print(f"Set the password here; the link works once, for {hours} hours:")
        print(f"{found.base_url}/reset/{token}")
    return 0


def _reset_second_factor(options: argparse.Namespace) -> int:
    """The last resort of who has lost phone and recovery codes; whoever runs this makes sure who asks."""
    found = installation.load(options.data)
    now = clock.now()
    with installation.open_database(found).transaction() as session:
        row = accounts.person_by_address(session, _address(options.email))
        if row is None:
            raise StartupFault(f"Nobody here has the address {options.email}.")
        person = Person(row.id, row.name, row.address)
        factors.remove(session, person, now=now, actor=None)
        accounts.end_sessions(session, person.id, now=now)
    print(f"{options.email} has no second factor any more and is signed out everywhere. A letter says so.")
    print("The password lets them in; an organisation that wants a second factor asks them to set one up.")
    return 0


def _password(options: argparse.Namespace, about: tuple[str, ...]) -> str | None:
    """The password given on standard input or the terminal; None when a link is to set it."""
    if options.password_stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    elif options.ask_password:
        given = getpass.getpass("Password: ")
        if given != getpass.getpass("The same again: "):
            raise StartupFault("The two passwords differ.")
    else:
        return None
    accounts.require_sound(given, about=about)
    return given


def _import_questionnaire(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    database = installation.open_database(found)
    try:
        with options.file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise StartupFault(f"{options.file} cannot be read: {error.strerror}.") from error
    if len(data) > LARGEST_FILE:
        raise StartupFault(f"{options.file} is larger than {LARGEST_FILE // 1_000_000} MB.")
    file_format = options.format or format_of(data)
    imported = library.read_import(
        data, file_format, slug=options.slug or slug_from(options.file.stem), version=options.version
    )
    with database.looking(SYSTEM) as session:
        organisation = installation.organisation_named(session, options.organisation)
        if organisation is None:
            raise StartupFault(f"There is no organisation called {options.organisation}.")
        scope, name = Scope(organisation_id=organisation.id), organisation.name
    # The rules of a release from a draft, checked before the transaction and held to inside it.
    with database.looking(scope) as session:
        held = releasing.check_file(session, scope, imported)
    with database.transaction(scope) as session:
        releasing.release_file(session, scope, imported, held, now=clock.now())
    print("\n".join(imported.report))
    print(f"\nReleased {imported.definition.label} for {name}.")
    return 0


# ---------------------------------------------------------------------------------------------- what may be typed


def _address(text: str) -> str:
    try:
        return validate_email(text.strip(), check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise StartupFault(f"{text} is no mail address.") from error


def _moment(text: str) -> datetime:
    """A date (noon, UTC: the same day in every zone from -12 to +11) or an instant (UTC unless it says otherwise)."""
    day = parse_date(text[:10])
    try:
        if day is None:
            raise ValueError
        if len(text) == 10:
            return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date like 2026-11-20") from None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port from 1 to 65535")
    return int(text)


def _origin(text: str) -> str:
    return text.rstrip("/") if urlsplit(text).scheme else f"https://{text}".rstrip("/")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="portal", description="Vendor Risk Portal")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=words)
        made.add_argument("--data", type=Path, default=Path("data"), help="the data folder (default: data)")
        made.set_defaults(run=run)
        return made

    one = command("demo", _demo, "Serve a demonstration with invented people on this computer only.")
    one.add_argument("--port", type=_port, default=installation.DEFAULT_PORT)
    one = command("init", _init, "Make a new installation: settings with a fresh key, and the database.")
    one.add_argument("--base-url", type=_origin, required=True, help="such as https://portal.example.com")
    one.add_argument(
        "--mail", default="console", help="console, folder:PATH or smtp://user:password@host:port"
    )
    one.add_argument(
        "--database-url", default="", help="postgresql://...; without it, SQLite in the data folder"
    )
    one = command("run", _run, "Serve the portal, with the worker inside.")
    one.add_argument("--port", type=_port, default=installation.DEFAULT_PORT)
    one.add_argument("--host", default="127.0.0.1")
    one = command("worker", _worker, "Queue due reminders and deliver letters.")
    one.add_argument("--once", action="store_true", help="one pass, for cron")
    one.add_argument("--now", type=_moment, metavar="DATE", help="as of another day (demonstrations only)")
    one.add_argument(
        "--after-a-pause", action="store_true", help="the clock is right; nobody worked here for long"
    )
    command("upgrade", _upgrade, "Bring the database to this portal's revision. Back it up before.")
    one = command(
        "create-admin", _create_admin, "Make an administrator, and their organisation if it is new."
    )
    one.add_argument("email", metavar="ADDRESS")
    one.add_argument("--organisation", required=True, metavar="NAME")
    one.add_argument("--name", required=True, help="the person's name")
    one.add_argument("--zone", default="UTC", help="of a new organisation, such as Europe/Lisbon")
    one.add_argument("--currency", default="EUR", help="of a new organisation")
    how = one.add_mutually_exclusive_group()
    how.add_argument("--ask-password", action="store_true", help="ask here, instead of printing a link")
    how.add_argument("--password-stdin", action="store_true", help="read one line from standard input")
    one = command(
        "reset-second-factor",
        _reset_second_factor,
        "Take a person's second factor away, once you know that it is them who asks.",
    )
    one.add_argument("email", metavar="ADDRESS")
    one = command(
        "import-questionnaire", _import_questionnaire, "Release a questionnaire for one organisation."
    )
    one.add_argument("organisation", metavar="ORGANISATION", help="its name, or its slug in the address")
    one.add_argument("file", type=Path, metavar="FILE")
    one.add_argument("--format", choices=FORMATS, help="found out from the file unless given")
    one.add_argument("--slug", help="of a VSAQ questionnaire; made from the file's name unless given")
    one.add_argument("--version", default="1.0.0")
    cli_cycle.add_commands(command)
    cli_foreseeing.add_commands(command)
    cli_keeping.add_commands(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
