"""The commands that keep an installation: ``backup``, ``restore``, ``verify``, ``release-letters``, ``vouch-for``."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from portal import backup, clock, engines, erasing_again, installation, restoring, schema, verifying
from portal.accounts import service as accounts
from portal.db import Database
from portal.erasure import service as erasure
from portal.erasure.models import Erasure
from portal.faults import Conflict, NotFound, StartupFault
from portal.organisations import service as organisations
from portal.organisations import sso
from portal.settings import Settings

Command = Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser]
KEY_IS_ELSEWHERE = (
    "The secret key is not in it: keep portal.toml, or the PORTAL_* variables, in another place."
)

CUT_OFF_ELSEWHERE = (
    "A restore into this database was cut off. What it still had to carry out is in the data folder of then: restore "
    "there; or from here with --replace, and erase again by the certificates that are kept in that folder."
)


def add_commands(command: Command) -> None:
    """Add the commands to the parser behind ``command(name, run, words)``."""
    one = command("backup", _backup, "Copy database and files into one archive, while the portal runs.")
    one.add_argument("target", type=Path, metavar="FILE|FOLDER", help="a new file, or a folder for one")
    one = command("restore", _restore, "Bring back what a backup holds. Stop the portal before.")
    one.add_argument("archive", type=Path, metavar="FILE")
    one.add_argument("--replace", action="store_true", help="give up what this installation holds now")
    one.add_argument("--other-key", action="store_true", help="the secret key of then is lost")
    one = command("verify", _verify, "Check seals, triggers and files of the installation, or of a backup.")
    one.add_argument("archive", type=Path, nargs="?", metavar="FILE", help="a backup; else the installation")
    one.add_argument("--recompute", action="store_true", help="also compute every rating anew")
    one = command(
        "approve-erasure", _approve, "Stand in for the second person of a proposal, where there is none."
    )
    one.add_argument("erasure", type=_id, metavar="NUMBER", help="as the page of the proposal says it")
    one = command(
        "vouch-for", _vouch, "Say that a member is a person of their own, not in by another member's word."
    )
    one.add_argument("email", metavar="ADDRESS")
    one.add_argument("--organisation", required=True, metavar="NAME")
    one = command(
        "allow-domain",
        _allow,
        "Let an organisation's sign-in provider make accounts for addresses of a domain.",
    )
    one.add_argument("organisation", metavar="NAME")
    one.add_argument(
        "domain", metavar="DOMAIN", help="such as example.com; whoever runs this knows whose it is"
    )
    one = command("release-letters", _release, "After a restore: what becomes of letters that were waiting.")
    how = one.add_mutually_exclusive_group(required=True)
    how.add_argument("--send", action="store_true", help="they had not been sent")
    how.add_argument("--discard", action="store_true", help="they had been sent, or are of no use any more")


def _backup(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    database = installation.open_database(found)
    path, manifest = backup.back_up(found, database, options.target, now=clock.now())
    size = path.stat().st_size
    print(f"{path}: the database and {len(manifest.files)} files, {size:,} bytes.")
    print(KEY_IS_ELSEWHERE)
    return 0


def _restore(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    with installation.alone(found.data):
        return _brought_back(options, found)


def _brought_back(options: argparse.Namespace, found: Settings) -> int:
    database = Database(found.database_url, found.base_url, found.secret_key)
    now = clock.now()
    cut_off = erasing_again.unfinished(found.data)
    if cut_off is None and schema.is_cut_off(database) and not options.replace:
        raise StartupFault(CUT_OFF_ELSEWHERE)
    ended, replaces = erasing_again.ended(database), options.replace or cut_off is not None
    if cut_off is not None:
        print("A restore was cut off here: what it still had to carry out is carried out by this one.")
        ended = cut_off.with_those_of(ended)
    beside = erasing_again.keep_beside(ended.certificates, found.data, now) if replaces else None
    try:
        manifest = backup.restore(
            found,
            database,
            options.archive,
            now=now,
            replace=replaces,
            other_key=options.other_key,
            begin=lambda: erasing_again.mark(ended, found.data),
        )
    except StartupFault:
        if cut_off is None and not schema.is_cut_off(database):
            erasing_again.finish(found.data)
        raise
    settled = restoring.settle(database, now=now, ended=ended, revision=manifest.revision)
    erasing_again.finish(found.data)
    print(f"Restored: the database and {len(manifest.files)} files, as of {manifest.made_at}.")
    _say(settled)
    if beside is not None:
        print(f"The certificates of the installation that was replaced are kept in {beside}.")
    else:
        print("Values erased since that backup are back: erase them again by the certificates issued since.")
    engines.take_statistics(database)  # PostgreSQL's backups have none
    return 0


def _say(settled: restoring.Settled) -> None:
    print(f"Ended: {settled.sessions} sessions and {settled.links} open links; people sign in again.")
    print(
        f"Held back: {settled.letters} letters, and whatever the worker writes from now on, as some of that was sent"
        " since that backup."
    )
    print("Nobody is reminded until you say `portal release-letters --send` or `--discard`.")
    if settled.passkeys:
        print(f"Removed again: {settled.passkeys} passkeys that were removed since that backup.")
    if settled.providers:
        print(f"Switched off: {settled.providers} sign-in providers; two people approve each anew.")
    print(
        "Passwords, one-time codes and members are those of then: what changed since has to be changed again."
    )
    if settled.certificates:
        print(
            f"Erased again: what {settled.certificates} certificates name that were issued since that backup."
        )


def _verify(options: argparse.Namespace) -> int:
    if options.archive is not None:
        found = verifying.verify_archive(options.archive, recompute=options.recompute)
    else:
        settings = installation.load(options.data)
        database = installation.open_database(settings)
        found = verifying.verify(settings, database, recompute=options.recompute)
    for fault in found.faults:
        print(f"portal: {fault}", file=sys.stderr)
    print(f"{'Wrong' if found.faults else 'Well'}: {found}.")
    return 1 if found.faults else 0


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number of a proposal") from None


def _approve(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    database = installation.open_database(found)
    with database.transaction() as session:
        row = session.execute(
            select(Erasure).where(Erasure.id == options.erasure).with_for_update()
        ).scalar_one_or_none()
        if row is None:
            raise StartupFault("There is no such proposal.")
        done = erasure.approve_as_operator(session, row, now=clock.now())
        text = done.document.decode()
    print(text)
    return 0


def _allow(options: argparse.Namespace) -> int:
    """The provider's word for an address is the organisation's own: so somebody else says whose domain it is."""
    database = installation.open_database(installation.load(options.data))
    domain = options.domain.strip().strip(".").casefold()
    try:
        domain = accounts.mail_address(f"somebody@{domain}").partition("@")[2].casefold()
    except ValueError:
        raise StartupFault(f"{options.domain} is no domain of mail addresses.") from None
    with database.transaction() as session:
        organisation = installation.organisation_named(session, options.organisation)
        if organisation is None:
            raise StartupFault(f"There is no organisation called {options.organisation}.")
        try:
            sso.allow_domain(session, organisation, domain, now=clock.now())
        except Conflict as fault:
            raise StartupFault(fault.message) from None
        name = organisation.name
    print(f"The sign-in provider of {name} may make accounts for addresses at {domain}.")
    return 0


def _vouch(options: argparse.Namespace) -> int:
    """Where an organisation has two people and one let the other in: whoever runs this knows that they are two."""
    database = installation.open_database(installation.load(options.data))
    with database.transaction() as session:
        organisation = installation.organisation_named(session, options.organisation)
        person = accounts.person_by_address(session, options.email)
        if organisation is None or person is None:
            what = f"organisation called {options.organisation}" if organisation is None else "such address"
            raise StartupFault(f"There is no {what}.")
        try:
            organisations.vouch_for(session, organisation, person.id, now=clock.now())
        except NotFound:
            raise StartupFault(f"{options.email} does not belong to {organisation.name}.") from None
        name = organisation.name
    print(
        f"{options.email} is in {name} by your word now, and may be the second person of whoever let them in."
    )
    return 0


def _release(options: argparse.Namespace) -> int:
    found = installation.load(options.data)
    if found.demo:
        raise StartupFault("A demonstration holds no letters back.")
    database = installation.open_database(found)
    released = restoring.release_letters(database, send=options.send, now=clock.now())
    print(f"{released} letters {'are on their way' if options.send else 'are discarded'}.")
    return 0
