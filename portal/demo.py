"""The demonstration: an invented organisation at work with three vendors, and people with fresh passwords."""

from __future__ import annotations

import json
import secrets
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import (
    clock,
    demo_cycle,
    demo_findings,
    demo_gates,
    demo_samples,
    demo_story,
    installation,
    server,
    settings,
)
from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.demo_cycle import QUILLON
from portal.demo_samples import FENNMARK, SAMPLES, Calendar, Papers, Sample
from portal.demo_story import Bought
from portal.faults import StartupFault
from portal.organisations import invitations
from portal.organisations import service as organisations
from portal.organisations.models import Company, Invitation, Organisation
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Vendor

ACCOUNTS_FILE = "accounts.json"
ORGANISATION = "Halden Mutual"
ZONE = "Europe/Lisbon"
STAFF = {
    OrganisationRole.ADMIN: ("Ruth Abara", "ruth.abara@halden.example"),
    OrganisationRole.CISO: ("Ines Carvalho", "ines.carvalho@halden.example"),
    OrganisationRole.REVIEWER: ("Marta Oyelaran", "marta.oyelaran@halden.example"),
    OrganisationRole.PROCUREMENT: ("Pavel Novak", "pavel.novak@halden.example"),
    OrganisationRole.BUSINESS_OWNER: ("Daniel Fröhlich", "daniel.froehlich@halden.example"),
    OrganisationRole.AUDITOR: ("Aino Salmi", "aino.salmi@halden.example"),
}
HELPER = ("Lena Brandt", "lena.brandt@fennmark.example")
COMPANIES = {**{one.name: one.owner for one in SAMPLES}, QUILLON[0]: QUILLON[1]}
FOUNDED = 420  # days before the first start


@dataclass(frozen=True, slots=True)
class Account:
    """One line of accounts.json."""

    email: str
    password: str
    name: str
    role: str
    side: str


def run(data: Path, port: int, *, say: Callable[[str], None]) -> None:
    """Make the demonstration in ``data`` if it is not there, ``say`` its accounts, and serve it on 127.0.0.1."""
    from portal import create_app

    server.require_free("127.0.0.1", port)
    found = prepare(data, port)
    people = _accounts(data)
    app = create_app(found)
    with app.database.looking(SYSTEM) as session:
        organisation = session.scalars(select(Organisation.slug).order_by(Organisation.created_at)).first()
        slugs = {one.name: one.slug for one in session.execute(select(Company.name, Company.slug))}
        places = [(name, f"/c/{slugs[name]}/") for name in COMPANIES if name in slugs]
    say(_words(found, people, f"/o/{organisation}/", places))
    server.serve(app, "127.0.0.1", port, ready=lambda: say(f"Ready: {found.base_url}/ (Ctrl+C ends it)"))


def prepare(data: Path, port: int) -> Settings:
    """Folder, key, database and people. A start that was cut off leaves nothing that the next start would trip over."""
    if settings.config_path(data).exists():
        raise StartupFault(
            f"{data} is a real installation. Choose another folder for the demonstration with --data."
        )
    installation.require_folder(data)
    installation.require_whole(data)
    key = data / installation.KEY_FILE
    if not key.exists() or key.stat().st_size < settings.MINIMUM_KEY:
        installation.keep(key, secrets.token_urlsafe(48))
    found = settings.demo_settings(data, port)
    installation.keep(data / installation.PORT_FILE, str(port))
    database = Database(found.database_url, found.base_url, found.secret_key)
    try:
        installation.upgrade(database)
        _people_it(database, found)
    finally:
        database.dispose()
    return found


def _people_it(database: Database, found: Settings) -> None:
    """All of it in one transaction; accounts.json is in place before the commit and counts only after it."""
    with database.looking(SYSTEM) as session:
        if _is_peopled(session):
            return
    made = [
        Account(address, secrets.token_urlsafe(12), name, role, side)
        for (name, address), role, side in _cast()
    ]
    hashes = {one.email: accounts.hash_password(found, one.password) for one in made}
    calendar = Calendar(clock.now(), ZONE)
    papers = demo_samples.papers(found, calendar)
    with database.transaction() as session:
        if _is_peopled(session):  # by another start, meanwhile
            return
        _populate(session, made, hashes, papers, calendar)
        session.flush()
        text = json.dumps([asdict(one) for one in made], indent=2, ensure_ascii=False)
        installation.keep(found.data / ACCOUNTS_FILE, text + "\n")


def _cast() -> Iterator[tuple[tuple[str, str], str, str]]:
    """(name, address), role and side of everybody with an account."""
    for role, person in STAFF.items():
        yield person, role.value, "organisation"
    yield FENNMARK.owner, CompanyRole.OWNER.value, "company"
    yield HELPER, CompanyRole.CONTRIBUTOR.value, "company"
    for one in SAMPLES[1:]:
        yield one.owner, CompanyRole.OWNER.value, "company"
    yield QUILLON[1], CompanyRole.OWNER.value, "company"


def _is_peopled(session: Session) -> bool:
    return bool(session.scalar(select(func.count()).select_from(PersonRow)))


def _populate(
    session: Session, made: list[Account], hashes: dict[str, str], papers: Papers, calendar: Calendar
) -> None:
    """Everything through the services, each with the moment at which it would have happened."""
    founded = calendar.ago(FOUNDED)
    people = {one.email: _person(session, one, hashes[one.email], founded) for one in made}
    ciso = _staff(session, people, founded)
    admin_person = people[STAFF[OrganisationRole.ADMIN][1]]
    admin = replace(ciso, person=admin_person, session_id=uuid.uuid4(), role=OrganisationRole.ADMIN)
    owner = people[STAFF[OrganisationRole.BUSINESS_OWNER][1]]
    demo_cycle.rules_of_the_house(session, ciso=ciso, calendar=calendar)
    couriers = _couriers(session, people, owner, ciso=ciso, admin=admin, calendar=calendar)
    archive, payroll, translation = (
        _vendor(session, one, people, actor=ciso, calendar=calendar) for one in SAMPLES
    )
    helper = _helper(session, archive, people, calendar)
    for bought, colleague in ((archive, helper), (payroll, None), (translation, None)):
        demo_story.answer_in_full(session, bought, colleague, papers, actor=ciso, calendar=calendar)
    demo_findings.settle(session, translation, actor=ciso, calendar=calendar)
    demo_story.overdue(session, payroll, actor=ciso, calendar=calendar)
    demo_story.asked_and_passed_on(session, translation, actor=ciso, calendar=calendar)
    demo_story.reassessed(session, translation, actor=ciso, calendar=calendar)
    demo_story.newcomer(session, owner, actor=ciso, now=calendar.ago(1))
    demo_story.of_today(session, archive, helper, owner, actor=ciso, calendar=calendar)
    demo_gates.settle(session, archive, payroll, ciso=ciso, admin=admin, calendar=calendar)
    demo_cycle.campaign(session, couriers, owner, ciso=ciso, calendar=calendar)
    demo_cycle.incident(session, payroll, calendar=calendar)
    demo_story.letters_of_the_past(session, now=calendar.now)


def _vendor(
    session: Session, one: Sample, people: dict[str, Person], *, actor: Identity, calendar: Calendar
) -> Bought:
    """A vendor of the samples, whose owner has followed the invitation and founded the company."""
    known = calendar.ago(one.known)
    country = demo_samples.facts_of(one)["vendor.country"]
    vendor = vendors.create_vendor(session, name=one.name, country=country, actor=actor, now=known)
    owner = people[STAFF[OrganisationRole.BUSINESS_OWNER][1]]
    engagement = demo_story.buy(session, vendor, one, business_owner=owner, actor=actor, now=known)
    name, address = one.owner
    contact = vendors.invite_contact(session, vendor, name=name, email=address, actor=actor, now=known)
    joined = calendar.ago(one.known - 2, 75)
    person = people[address]
    company = organisations.create_company(
        session, name=one.name, owner_id=person.id, now=joined, actor=person
    )
    _accept(session, vendor, company, person, joined)
    return Bought(
        one, vendor, contact, engagement, demo_story.at_work(person, company, CompanyRole.OWNER), company
    )


def _couriers(
    session: Session,
    people: dict[str, Person],
    business_owner: Person,
    *,
    ciso: Identity,
    admin: Identity,
    calendar: Calendar,
) -> Identity:
    """The vendor whose next assessment opens soon, with a year behind it; returns its owner."""
    name, (who, address) = QUILLON
    known = calendar.ago(demo_cycle.KNOWN - 1)
    vendor = vendors.create_vendor(session, name=name, country="SE", actor=ciso, now=known)
    contact = vendors.invite_contact(session, vendor, name=who, email=address, actor=ciso, now=known)
    joined, person = calendar.ago(demo_cycle.KNOWN - 3), people[address]
    company = organisations.create_company(session, name=name, owner_id=person.id, now=joined, actor=person)
    _accept(session, vendor, company, person, joined)
    demo_cycle.parcels(
        session, person, (vendor, contact), company, business_owner, ciso=ciso, admin=admin, calendar=calendar
    )
    return demo_story.at_work(person, company, CompanyRole.OWNER)


def _helper(session: Session, archive: Bought, people: dict[str, Person], calendar: Calendar) -> Identity:
    """The contributor of the first company."""
    person, now = people[HELPER[1]], calendar.ago(FENNMARK.known - 3)
    organisations.add_colleague(
        session, archive.company, person.id, CompanyRole.CONTRIBUTOR, now=now, actor=archive.owner
    )
    return demo_story.at_work(person, archive.company, CompanyRole.CONTRIBUTOR)


def _person(session: Session, account: Account, hashed: str, now: datetime) -> Person:
    row = accounts.create_person(
        session, name=account.name, address=account.email, password_hash=hashed, now=now, confirmed=True
    )
    return Person(row.id, row.name, row.address)


def _staff(session: Session, people: dict[str, Person], now: datetime) -> Identity:
    """The organisation and its people; returns the CISO, who does what follows."""
    organisation = organisations.create_organisation(
        session, name=ORGANISATION, zone=ZONE, currency="EUR", now=now
    )
    for role, (_, address) in STAFF.items():
        organisations.add_member(session, organisation, people[address].id, role, now=now, actor=None)
    tenant = Tenant(organisation.id, organisation.slug, organisation.name)
    ciso = people[STAFF[OrganisationRole.CISO][1]]
    identity = Identity(ciso, uuid.uuid4(), organisation=tenant, role=OrganisationRole.CISO)
    organisation.regimes = ["gdpr", "eu_financial", "iso27001"]
    organisation.region = "PT"
    organisation.vendor_sees = "all"
    record(session, Kind.SETTINGS_CHANGED, now=now, actor=identity, subject=organisation)
    return identity


def _accept(session: Session, vendor: Vendor, company: Company, person: Person, now: datetime) -> None:
    """What accepting the invitation does."""
    session.flush()
    invitation = session.execute(select(Invitation).where(Invitation.vendor_id == vendor.id)).scalar_one()
    invitations.consume(session, invitation, person, now=now)
    vendor.company_id = company.id
    record(session, Kind.VENDOR_LINKED, now=now, actor=person, subject=vendor, data={"company": company.id})


# ------------------------------------------------------------------------------------------------ what is printed


def _accounts(data: Path) -> list[Account]:
    """The accounts as the first start wrote them."""
    path = data / ACCOUNTS_FILE
    try:
        return [Account(**one) for one in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise StartupFault(
            f"{path} cannot be read, and the passwords stand nowhere else. Delete the folder {data} to begin again."
        ) from error


def _words(
    found: Settings, people: list[Account], organisation: str, companies: list[tuple[str, str]]
) -> str:
    """``companies``: (name, path) of each; whose people they are shows in their addresses."""
    command = sys.argv[0] if Path(sys.argv[0]).name == "portal" else "portal"
    wide = max(len(one.email) for one in people)
    lines = [
        "",
        "Vendor Risk Portal, a demonstration with invented people. Nothing leaves this computer.",
        "",
    ]
    domains = {name: owner[1].partition("@")[2] for name, owner in COMPANIES.items()}
    domains[ORGANISATION] = STAFF[OrganisationRole.ADMIN][1].partition("@")[2]
    for side, name, path in (
        ("organisation", ORGANISATION, organisation),
        *(("company", name, path) for name, path in companies),
    ):
        lines.append(f"{name} ({side}): {found.base_url}{path}")
        lines += [
            f"  {one.email:<{wide}}  {one.password}  {one.role} ({one.name})"
            for one in people
            if one.email.endswith(f"@{domains[name]}")
        ]
        lines.append("")
    lines += [
        f"Sign in:  {found.base_url}/",
        f"Accounts: {found.data / ACCOUNTS_FILE}",
        f"Mail:     {found.data / 'mail'} (letters are written there, one file each)",
        f"Another day's reminders: {command} worker --data {found.data} --once --now DATE",
        "",
    ]
    return "\n".join(lines)
