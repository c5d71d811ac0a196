"""The demonstration: an invented organisation, a vendor's company, people with fresh passwords, one open assessment."""

from __future__ import annotations

import json
import secrets
import sys
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from portal import clock, installation, server, settings
from portal.access import CompanyRole, Identity, OrganisationRole, Person, Tenant
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.assessments import delegation, issuing
from portal.assessments.models import Assessment
from portal.assessments.reach import WHOLE
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.faults import StartupFault
from portal.library import service as library
from portal.organisations import invitations
from portal.organisations import service as organisations
from portal.organisations.models import Company, Invitation, Organisation
from portal.outbox import Message
from portal.settings import Settings
from portal.vendors import service as vendors
from portal.vendors.models import Vendor

ACCOUNTS_FILE = "accounts.json"
ORGANISATION, COMPANY = "Halden Mutual", "Fennmark Archive"
ZONE = "Europe/Lisbon"
DAYS_TO_ANSWER = 45
STAFF = {
    OrganisationRole.ADMIN: ("Ruth Abara", "ruth.abara@halden.example"),
    OrganisationRole.CISO: ("Ines Carvalho", "ines.carvalho@halden.example"),
    OrganisationRole.REVIEWER: ("Marta Oyelaran", "marta.oyelaran@halden.example"),
    OrganisationRole.PROCUREMENT: ("Pavel Novak", "pavel.novak@halden.example"),
    OrganisationRole.BUSINESS_OWNER: ("Daniel Fröhlich", "daniel.froehlich@halden.example"),
    OrganisationRole.AUDITOR: ("Aino Salmi", "aino.salmi@halden.example"),
}
VENDOR_STAFF = {
    CompanyRole.OWNER: ("Tomasz Wilk", "tomasz.wilk@fennmark.example"),
    CompanyRole.CONTRIBUTOR: ("Lena Brandt", "lena.brandt@fennmark.example"),
}
ARCHIVE = {
    "engagement.data": ["personal", "special", "confidential"],
    "engagement.volume": "over_100k",
    "engagement.access": ["none"],
    "engagement.connection": "files",
    "engagement.process": "important",
    "engagement.outage": "days",
    "engagement.replace": "months",
    "engagement.hosting": "agreed",
    "engagement.region": "adequate",
    "engagement.subcontractors": "no_data",
    "engagement.harm": "indirect",
    "engagement.ai": "no",
    "engagement.spend": "84000",
}
PAYROLL = {
    "engagement.data": ["personal", "financial"],
    "engagement.volume": "up_1k",
    "engagement.process": "important",
    "engagement.hosting": "agreed",
}


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
        company = session.scalars(select(Company.slug).order_by(Company.created_at)).first()
    say(_words(found, people, f"/o/{organisation}/", f"/c/{company}/"))
    server.serve(app, "127.0.0.1", port, ready=lambda: say(f"Ready: {found.base_url}/ (Ctrl+C ends it)"))


def prepare(data: Path, port: int) -> Settings:
    """Folder, key, database and people. A start that was cut off leaves nothing that the next start would trip over."""
    if settings.config_path(data).exists():
        raise StartupFault(
            f"{data} is a real installation. Choose another folder for the demonstration with --data."
        )
    installation.require_folder(data)
    key = data / installation.KEY_FILE
    if not key.exists() or key.stat().st_size < settings.MINIMUM_KEY:
        installation.keep(key, secrets.token_urlsafe(48))
    found = settings.demo_settings(data, port)
    installation.keep(data / installation.PORT_FILE, str(port))
    database = Database(found.database_url, found.base_url)
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
        Account(address, secrets.token_urlsafe(12), name, role.value, side)
        for side, staff in (("organisation", STAFF), ("company", VENDOR_STAFF))
        for role, (name, address) in staff.items()
    ]
    hashes = {one.email: accounts.hash_password(found, one.password) for one in made}
    with database.transaction() as session:
        if _is_peopled(session):  # by another start, meanwhile
            return
        _populate(session, made, hashes, now=clock.now())
        session.flush()
        text = json.dumps([asdict(one) for one in made], indent=2, ensure_ascii=False)
        installation.keep(found.data / ACCOUNTS_FILE, text + "\n")


def _is_peopled(session: Session) -> bool:
    return bool(session.scalar(select(func.count()).select_from(PersonRow)))


def _populate(session: Session, made: list[Account], hashes: dict[str, str], *, now: datetime) -> None:
    people = {one.email: _person(session, one, hashes[one.email], now) for one in made}
    ciso = _staff(session, people, now)
    company = _company(session, people, now)
    vendor = vendors.create_vendor(session, name=COMPANY, country="PT", actor=ciso, now=now)
    name, address = VENDOR_STAFF[CompanyRole.OWNER]
    contact = vendors.invite_contact(session, vendor, name=name, email=address, actor=ciso, now=now)
    _accept(session, vendor, company, people[address], now)
    owner = people[STAFF[OrganisationRole.BUSINESS_OWNER][1]]
    archive = vendors.create_engagement(
        session,
        vendor,
        name="Claims document archive",
        description="Stores scanned claim files for ten years and sends them back on request.",
        tier="critical",
        facts=ARCHIVE,
        business_owner_id=owner.id,
        actor=ciso,
        now=now,
    )
    newest = next(one for one in library.available(session, ciso) if one.slug == "security_lite")
    assessment = issuing.issue(
        session,
        vendor,
        engagement_ids=[archive.id],
        content_hash=newest.content_hash,
        due=clock.local_date(now, ZONE) + timedelta(days=DAYS_TO_ANSWER),
        reason="Claim files contain health data, and our rules ask for a review before the contract renews.",
        contact=contact,
        actor=ciso,
        now=now,
    )
    _add_colleague(session, company, assessment, people, now)
    payroll = vendors.create_vendor(session, name="Solvane", country="ES", actor=ciso, now=now)
    vendors.create_engagement(
        session,
        payroll,
        name="Payroll",
        description="Calculates salaries and files the monthly declarations.",
        tier="high",
        facts=PAYROLL,
        business_owner_id=owner.id,
        actor=ciso,
        now=now,
    )


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
    organisation.vendor_sees = "all"
    record(session, Kind.SETTINGS_CHANGED, now=now, actor=identity, subject=organisation)
    return identity


def _company(session: Session, people: dict[str, Person], now: datetime) -> Company:
    owner, colleague = (
        people[VENDOR_STAFF[role][1]] for role in (CompanyRole.OWNER, CompanyRole.CONTRIBUTOR)
    )
    company = organisations.create_company(session, name=COMPANY, owner_id=owner.id, now=now, actor=owner)
    organisations.add_colleague(session, company, colleague.id, CompanyRole.CONTRIBUTOR, now=now, actor=owner)
    return company


def _add_colleague(
    session: Session, company: Company, assessment: Assessment, people: dict[str, Person], now: datetime
) -> None:
    """The company's contributor helps with the whole questionnaire."""
    owner, colleague = (
        people[VENDOR_STAFF[role][1]] for role in (CompanyRole.OWNER, CompanyRole.CONTRIBUTOR)
    )
    tenant = Tenant(company.id, company.slug, company.name)
    actor = Identity(owner, uuid.uuid4(), company=tenant, role=CompanyRole.OWNER)
    delegation.to_colleague(session, assessment, colleague.id, WHOLE, actor=actor, now=now, tell=False)


def _accept(session: Session, vendor: Vendor, company: Company, person: Person, now: datetime) -> None:
    """What accepting the invitation does; its letter, whose link nobody needs any more, does not go out."""
    session.flush()
    invitation = session.execute(select(Invitation).where(Invitation.vendor_id == vendor.id)).scalar_one()
    invitations.consume(session, invitation, person, now=now)
    session.execute(delete(Message).where(Message.kind == "invitation_vendor"))
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


def _words(found: Settings, people: list[Account], organisation: str, company: str) -> str:
    command = sys.argv[0] if Path(sys.argv[0]).name == "portal" else "portal"
    wide = max(len(one.email) for one in people)
    lines = [
        "",
        "Vendor Risk Portal, a demonstration with invented people. Nothing leaves this computer.",
        "",
    ]
    for side, name, path in (("organisation", ORGANISATION, organisation), ("company", COMPANY, company)):
        lines.append(f"{name} ({side}): {found.base_url}{path}")
        lines += [
            f"  {one.email:<{wide}}  {one.password}  {one.role} ({one.name})"
            for one in people
            if one.side == side
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
