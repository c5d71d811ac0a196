"""What the browser tests look at: a small world made through the services, beside a running demonstration."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from unittest.mock import patch

from sqlalchemy import select

from portal import clock
from portal.access import CompanyRole, Delegated, Identity, OrganisationRole, Person
from portal.accounts import addresses, resets
from portal.accounts import service as accounts
from portal.accounts.models import PersonRow
from portal.assessments import delegation, queries
from portal.assessments.drafts import Content
from portal.assessments.models import Submission
from portal.assessments.service import Edit, save_answers
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.organisations import service as organisations
from portal.organisations.models import Organisation
from portal.outbox import Message
from portal.settings import Settings, demo_settings
from portal.vendors import service as vendors
from portal.vendors.models import Vendor
from questionnaires import catalog
from questionnaires.definition import Question
from tests.browser import (
    contracted,
    enquiring,
    found,
    gates,
    opened,
    page_states_cycle,
    page_states_search,
    page_states_worker,
    papers,
    released,
    returned,
    versions,
    writing,
)
from tests.browser.conftest import Demo
from tests.portal import journey, scene, world
from tests.portal.accounts.given import give_factor, letters

HALF = {
    "access.mfa_staff": "some",
    "access.mfa_admin": "none",
    "access.leaver_removal": "longer",
    "network.admin_exposure": "open",
    "ai.use": "product",
    "ai.training_use": "opt_out",
    "suppliers.uses": "with_data",
}


@dataclass
class World:
    """The demonstration's database, and ids as they stand in addresses. ``people``: by the names of the table."""

    database: Database
    people: dict[str, uuid.UUID]
    o: str
    empty_o: str
    c: str
    empty_c: str
    vendor: uuid.UUID
    bare_vendor: uuid.UUID
    silent_vendor: uuid.UUID
    engagement: uuid.UUID
    silent_engagement: uuid.UUID
    gate_engagement: uuid.UUID
    gate_decision: uuid.UUID
    gate_waits: uuid.UUID
    sealed: uuid.UUID
    submission: uuid.UUID
    draft: uuid.UUID
    full: uuid.UUID
    torn: str
    paper: uuid.UUID
    unasked: str
    invitation: str
    reset: str
    link: str
    leaver: uuid.UUID
    keeper: uuid.UUID
    recovery: str
    address: str
    stopping: str
    asked: uuid.UUID
    question: uuid.UUID
    wish: uuid.UUID
    plea: uuid.UUID
    taken_back: uuid.UUID
    declined: uuid.UUID
    reopened: uuid.UUID
    writing: uuid.UUID
    blank: uuid.UUID
    conflicted: uuid.UUID
    tried: uuid.UUID
    running: uuid.UUID
    stopped: uuid.UUID
    failed: uuid.UUID
    overtaken: uuid.UUID
    movable: uuid.UUID
    moved: uuid.UUID
    moved_from: str
    proposal: uuid.UUID
    certificate: uuid.UUID
    opened: uuid.UUID
    softer: uuid.UUID
    listed: uuid.UUID
    signed: uuid.UUID
    waived: uuid.UUID
    unsettled: uuid.UUID
    back: uuid.UUID
    back_submission: uuid.UUID
    found_plan: uuid.UUID
    found_proof: uuid.UUID
    found_open: uuid.UUID
    found_grave: uuid.UUID
    found_closed: uuid.UUID
    found_submission: uuid.UUID
    incident: uuid.UUID
    campaign: uuid.UUID
    left_o: str
    moving: uuid.UUID
    clause: str

    def cookie(self, who: str) -> str:
        """A session of this person, opened without the sign-in page."""
        with self.database.transaction() as session:
            half, verified = who == "half", who == "guarded"
            return accounts.open_session(
                session, self.people[who], now=clock.now(), half=half, verified=verified
            )

    def let_see(self, vendor_sees: str) -> None:
        """What the organisation shows its vendors of their rating, from now on."""
        with self.database.transaction() as session:
            row = session.scalars(select(Organisation).where(Organisation.slug == self.o)).one()
            row.vendor_sees = vendor_sees
            record(session, Kind.SETTINGS_CHANGED, now=clock.now(), actor=None, subject=row)


def make(demo: Demo) -> World:
    """An organisation in the middle of its work, one that has nothing yet, and the companies on the other side."""
    port = int(demo.url.rsplit(":", 1)[1])
    settings: Settings = demo_settings(demo.data, port)
    database = Database(settings.database_url, settings.base_url, settings.secret_key)
    with patch.object(
        accounts, "hash_password", return_value=accounts.hash_password(settings, world.PASSWORD)
    ):
        return _made(settings, database)


def _submission(database: Database, assessment: uuid.UUID) -> uuid.UUID:
    """The one submission of a sealed assessment."""
    with database.looking(SYSTEM) as session:
        return session.scalars(select(Submission.id).where(Submission.assessment_id == assessment)).one()


def _made(settings: Settings, database: Database) -> World:
    now = clock.now()
    quarry = world.make_organisation(database, settings, "Quarry Mutual", now)
    slate = world.make_company(database, settings, "Slate Works", now)
    ciso, owner, helper = (
        quarry[OrganisationRole.CISO],
        slate[CompanyRole.OWNER],
        slate[CompanyRole.CONTRIBUTOR],
    )
    page_states_cycle.ask_before_opening(database, ciso, now)
    facts = {"engagement.data": ["personal", "special"], "engagement.process": "critical"}
    issued = journey.issue(
        database,
        quarry,
        slate,
        facts=facts,
        tier="high",
        names=("Claims archive", "Letter scanning"),
        vendor_name="Slate",
        now=now,
    )
    middling = {key: Content("answered", value) for key, value in HALF.items()}
    world.add_to(database, owner, helper, issued.assessment)
    paper = papers.add(database, settings, owner, now)
    papers.lay(database, owner, paper, issued.assessment, now)
    _seal(database, owner, issued.assessment, middling)
    definition = catalog.latest("security_lite")
    archive, scanning = issued.engagements
    draft = journey.again(database, quarry, issued.vendor, (archive,), definition, now=now)
    world.add_to(database, owner, helper, draft)
    papers.lay(database, owner, paper, draft, now)
    torn, unasked = _half_answered(database, owner, helper, draft)
    full = journey.again(database, quarry, issued.vendor, (scanning,), definition, now=now)
    world.add_to(database, owner, helper, full)
    _turn_round(database, owner, full)
    scene.fill(database, owner, full, sound, now=now)
    bare, silent, silent_engagement = _more_vendors(database, ciso)
    many, nowhere, empty_o, empty_c = _more_people(database, settings, quarry)
    guarded, recovery, address, stopping = _guarded(database, settings)
    more = versions.make(database, settings, quarry, slate)
    with database.transaction() as session:
        token = resets.start_reset(session, session.get_one(PersonRow, helper.person.id), now=now)
    return World(
        database=database,
        people={
            "admin": quarry[OrganisationRole.ADMIN].person.id,
            "ciso": ciso.person.id,
            "auditor": quarry[OrganisationRole.AUDITOR].person.id,
            "business_owner": quarry[OrganisationRole.BUSINESS_OWNER].person.id,
            "procurement": quarry[OrganisationRole.PROCUREMENT].person.id,
            "owner": owner.person.id,
            "contributor": helper.person.id,
            "many": many,
            "nowhere": nowhere,
            "guarded": guarded,
            "half": guarded,
            "goer": more.pop("goer"),
        },
        o=quarry.slug,
        empty_o=empty_o,
        c=slate.slug,
        empty_c=empty_c,
        vendor=issued.vendor,
        bare_vendor=bare,
        silent_vendor=silent,
        engagement=archive,
        silent_engagement=silent_engagement,
        sealed=issued.assessment,
        submission=_submission(database, issued.assessment),
        draft=draft,
        full=full,
        torn=torn,
        paper=paper,
        unasked=unasked,
        invitation=_invitation(database, ciso, silent),
        reset=token,
        link=_given_away(database, owner, draft),
        leaver=quarry[OrganisationRole.AUDITOR].person.id,
        keeper=quarry[OrganisationRole.ADMIN].person.id,
        recovery=recovery,
        address=address,
        stopping=stopping,
        **enquiring.make(database, quarry, slate),
        **writing.make(database, quarry),
        **released.make(database, quarry),
        **gates.make(database, quarry, silent_engagement),
        **contracted.make(database, settings, quarry, archive),
        **opened.make(database, quarry, issued.vendor),
        **returned.make(database, quarry, slate, issued.vendor, archive),
        **found.make(database, quarry, slate, issued.vendor, archive),
        **page_states_cycle.make(database, quarry, slate, many),
        **page_states_worker.make(database, quarry),
        **gates.propose(database, quarry, silent),  # after what changes the policy
        **page_states_search.make(database, quarry),
        **more,
    )


def _given_away(database: Database, owner: Identity, assessment: uuid.UUID) -> str:
    """The token of a link to a section and a question; one answer that came through it waits."""
    now = clock.now()
    with database.transaction() as session:
        one = queries.assessment(session, owner, assessment)
        row = delegation.by_link(
            session,
            one,
            name="Jonas Brandt",
            address="jonas@elsewhere.example",
            keys=["governance", "people"],
            message="You set this up; tell me if anything is unclear.",
            actor=owner,
            now=now,
        )
        given = Delegated(row.id, assessment, frozenset(row.keys))
        person = Person(row.person_id, "Jonas Brandt", "jonas@elsewhere.example")
    helper = Identity(person, uuid.uuid4(), company=owner.company, role=CompanyRole.DELEGATE, delegated=given)
    scene.fill(database, helper, assessment, sound, now=now, most=2)
    with database.transaction() as session:
        letters = session.scalars(select(Message).where(Message.kind == "delegation_link"))
        found = re.search(r"/delegations/([\w-]{43})", "".join(one.text for one in letters))
    assert found is not None
    return found[1]


def sound(question: Question) -> Content:
    """A good answer, with evidence promised for a day that is still to come."""
    content = journey.best(question)
    return replace(content, promise_date=day_after(40)) if content.promise_date else content


def _seal(database: Database, owner: Identity, assessment: uuid.UUID, answers: dict[str, Content]) -> None:
    scene.fill(database, owner, assessment, lambda one: answers.get(one.key) or sound(one), now=clock.now())
    scene.seal(database, owner, assessment, now=clock.now())


def _turn_round(database: Database, owner: Identity, assessment: uuid.UUID) -> None:
    """An answer whose finding stood for an hour before it changed."""
    section = catalog.latest("security_lite").section_of["access.mfa_staff"]
    for revision, (value, hours) in enumerate((("none", 2), ("all", 1))):
        with database.transaction() as session:
            one = queries.assessment(session, owner, assessment, lock=True)
            edit = Edit("access.mfa_staff", revision, Content("answered", value))
            at = clock.now() - timedelta(hours=hours)
            assert not save_answers(session, one, section, [edit], actor=owner, now=at).errors


def _half_answered(
    database: Database, owner: Identity, helper: Identity, assessment: uuid.UUID
) -> tuple[str, str]:
    """Some answers, and two of two people to one question; returns its section, and one that asks nothing."""
    few = {"profile.service_type": Content("answered", ["services"])}
    scene.fill(
        database, owner, assessment, lambda one: few.get(one.key) or sound(one), now=clock.now(), most=9
    )
    later = clock.now() + timedelta(seconds=1)
    with database.transaction() as session:
        one = queries.assessment(session, helper, assessment, lock=True)
        held = queries.rows(session, helper, assessment)
        definition = catalog.latest("security_lite")
        key = next(key for key in held if definition.questions[key].type == "choice")
        section = definition.section_of[key]
        other = Content("answered", definition.questions[key].options[-1].value)
        result = save_answers(session, one, section, [Edit(key, 0, other)], actor=helper, now=later)
        assert key in result.conflicts
        asked = queries.draft(session, helper, definition, one, held, later).look.visible_sections
        return section.key, next(one.key for one in definition.sections if one.key not in asked)


def _more_vendors(database: Database, ciso: Identity) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """One without an engagement, one whose contact has not come yet."""
    with database.transaction() as session:
        bare = vendors.create_vendor(session, name="Bare", country=None, actor=ciso, now=clock.now())
        silent = vendors.create_vendor(session, name="Silent", country="ES", actor=ciso, now=clock.now())
        bought = vendors.create_engagement(
            session,
            silent,
            name="Payroll",
            description="",
            tier="medium",
            facts={},
            business_owner_id=None,
            actor=ciso,
            now=clock.now(),
        )
        return bare.id, silent.id, bought.id


def _invitation(database: Database, ciso: Identity, vendor: uuid.UUID) -> str:
    """The token of an invitation that nobody has used."""
    with database.transaction() as session:
        row = session.get_one(Vendor, vendor)
        vendors.invite_contact(
            session, row, name="Iris Newcomer", email="iris@silent.example", actor=ciso, now=clock.now()
        )
    with database.transaction() as session:
        letter = session.scalars(select(Message).where(Message.recipient == "iris@silent.example")).one()
        found = re.search(r"/invitations/([\w-]{43})", letter.text)
    assert found is not None
    return found.group(1)


def _more_people(
    database: Database, settings: Settings, quarry: world.Place
) -> tuple[uuid.UUID, uuid.UUID, str, str]:
    """Somebody with several tenants, somebody with none, an organisation and a company that have nothing yet."""
    now = clock.now()
    many = world.make_person(database, settings, "Ada Many", "ada@many.example", now)
    nowhere = world.make_person(database, settings, "Nils Nowhere", "nils@nowhere.example", now)
    with database.transaction() as session:
        fresh = organisations.create_organisation(
            session, name="Fresh Mutual", zone="Europe/Berlin", currency="EUR", now=now
        )
        organisations.add_member(session, fresh, many.id, OrganisationRole.ADMIN, now=now, actor=None)
        first = session.get_one(Organisation, quarry.id)
        organisations.add_member(session, first, many.id, OrganisationRole.AUDITOR, now=now, actor=None)
        company = organisations.create_company(
            session, name="Idle Ltd", owner_id=many.id, now=now, actor=Person(many.id, many.name, many.email)
        )
        return many.id, nowhere.id, fresh.slug, company.slug


def _guarded(database: Database, settings: Settings) -> tuple[uuid.UUID, str, str, str]:
    """Somebody with a second factor and a new address that waits: (id, recovery code, two tokens)."""
    person = world.make_person(database, settings, "Gwen Guarded", "gwen@guarded.example", clock.now())
    _secret, codes = give_factor(database, settings, person)
    with database.transaction() as session:
        addresses.ask(session, settings, person, "gwen@new.example", now=clock.now())
    tokens = []
    for kind, step in (("address_confirm", "confirm"), ("address_stop", "stop")):
        found = re.search(rf"/account/address/{step}/(\S+)", letters(database, kind)[0].text)
        assert found is not None
        tokens.append(found.group(1))
    return person.id, codes[0], tokens[0], tokens[1]


def day_after(days: int) -> str:
    return (clock.now().date() + timedelta(days=days)).isoformat()
