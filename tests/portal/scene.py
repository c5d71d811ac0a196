"""A larger world for tests: vendors, engagements, issued and submitted assessments, full of canaries.

A canary is a word found nowhere else; ``Scene.canaries`` says which tenants may ever read it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import insert, select

from portal.access import CompanyRole, Delegated, Identity, OrganisationRole, Person
from portal.accounts.service import token_hash
from portal.assessments import (
    change_steps,
    delegation,
    enquiries,
    enquiry_queries,
    issuing,
    joining,
    queries,
    replying,
    showing,
    workbook_changes,
    workbook_uploads,
)
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerTurn, Assessment, Submission
from portal.assessments.reach import WHOLE
from portal.assessments.service import Attestation, Edit, save_answers, submit
from portal.assessments.workbook_reading import Entry
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import NOBODY, SYSTEM, Database
from portal.erasure.models import Certificate, Erasure
from portal.evidence import service as evidence
from portal.evidence.service import Described
from portal.evidence.sniffing import Sniffed
from portal.evidence.uploads import Stored
from portal.features import CONSEQUENCES
from portal.library import draft_structure, drafts
from portal.library import service as library
from portal.organisations.models import Invitation
from portal.outbox import Message
from portal.reports import what_if, what_if_working
from portal.settings import Settings
from portal.storage import new_key
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from portal.vendors.models import Contact
from questionnaires import catalog
from questionnaires.canonical import canonical_json
from questionnaires.definition import Question, Questionnaire
from questionnaires.parsing import parse_json
from tests.portal.judging import judge
from tests.portal.scene_carried import carry, tokens
from tests.portal.scene_contract import Contracted, put_in_contract
from tests.portal.scene_cycle import Cycled, put_in_cycle
from tests.portal.scene_gate import Gate, decide_and_wait
from tests.portal.scene_intake import open_and_wait
from tests.portal.scene_origin import tell_another
from tests.portal.world import NOW, Place, add_to, make_company, make_organisation

DUE = date(2026, 12, 18)
SPEND = 7351900  # an internal fact; each organisation's own number follows from it
Choose = Callable[[Question], Content]


@dataclass
class Deal:
    """What one organisation has with one company: ids as they stand in addresses."""

    organisation: Place
    company: Place
    vendor: uuid.UUID
    engagement: uuid.UUID
    contact: uuid.UUID
    invitation: uuid.UUID
    spend: str
    drafted: uuid.UUID | None = None
    submitted: uuid.UUID | None = None
    submission: uuid.UUID | None = None  # its sealed answers, under review
    gate: Gate | None = None
    paper: uuid.UUID | None = None  # sealed with what was submitted
    findings: list[uuid.UUID] = field(default_factory=list)  # the paper is proof of the last one
    shelved: uuid.UUID | None = None  # beside a draft
    enquiry: uuid.UUID | None = None
    delegation: uuid.UUID | None = None  # a link; one answer that came through it waits
    section: str = ""
    section_submitted: str = ""
    erasure: uuid.UUID | None = None
    certificate: uuid.UUID | None = None
    upload: uuid.UUID | None = None  # a workbook that a person of the company has sent back
    writing: uuid.UUID | None = None  # the organisation's draft of a questionnaire
    opened: uuid.UUID | None = None  # an engagement by its intake; a newer one waits
    intake: uuid.UUID | None = None  # the newer one
    proposals: list[uuid.UUID] = field(default_factory=list)  # of a lower tier, of a policy
    contract: Contracted | None = None  # what stands on the contract schedule
    listed: uuid.UUID | None = None  # vendors from a file, not taken over yet
    run: uuid.UUID | None = None  # a version that the organisation tried over what was submitted
    made: uuid.UUID | None = None  # an API token of the organisation
    tokens: dict[str, str] = field(default_factory=dict)  # live ones of letters: delegations, reset
    cycle: Cycled | None = None  # incidents, a trigger, a campaign


@dataclass
class Scene:
    """Everything made, and who may read which canary (names of places)."""

    places: dict[str, Place] = field(default_factory=dict)
    deals: list[Deal] = field(default_factory=list)
    canaries: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # what lies in storage, by key
    own: dict[str, tuple[str, str]] = field(default_factory=dict)  # organisation -> slug, version

    def canary(self, what: str, *readers: Place) -> str:
        word = f"kz{what}{len(self.canaries):03d}q"
        self.canaries[word] = frozenset(one.name for one in readers)
        return word

    def forbidden(self, reader: Place | None) -> list[str]:
        """Canaries that ``reader`` (None: somebody without a tenant) must never see."""
        return [
            word for word, readers in self.canaries.items() if reader is None or reader.name not in readers
        ]

    def deals_of(self, place: Place) -> list[Deal]:
        return [one for one in self.deals if place in (one.organisation, one.company)]


# --------------------------------------------------------------------------------------------- small steps


def link(database: Database, deal_vendor: uuid.UUID, company: Place) -> None:
    """The company's owner accepts the newest invitation for this vendor."""
    owner = company[CompanyRole.OWNER].person
    with database.looking(SYSTEM) as session:
        letters = session.scalars(
            select(Message)
            .where(Message.kind == "invitation_vendor", Message.recipient == owner.email)
            .order_by(Message.created_at.desc())
        ).all()
        invitations = {
            one.token_hash: one
            for one in session.scalars(select(Invitation).where(Invitation.vendor_id == deal_vendor))
        }
    token = next(
        token
        for letter in letters
        for token in re.findall(r"/invitations/([\w-]{43})", letter.text)
        if token_hash(token) in invitations
    )
    with database.transaction(NOBODY) as session:
        joining.accept(session, token, owner, company_id=company.id, now=NOW)


def make_vendor(
    database: Database,
    identity: Identity,
    company: Place,
    *,
    name: str,
    engagement: str,
    description: str = "",
    tier: str = "high",
    facts: Mapping[str, Any] | None = None,
    business_owner_id: uuid.UUID | None = None,
    more_contacts: tuple[tuple[str, str], ...] = (),
    now: datetime = NOW,
) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """(vendor, engagement, contact): a vendor with one engagement, linked to ``company`` by its owner."""
    owner = company[CompanyRole.OWNER].person
    with database.transaction(identity.scope) as session:
        vendor = vendors.create_vendor(session, name=name, country="PT", actor=identity, now=now)
        bought = vendors.create_engagement(
            session,
            vendor,
            name=engagement,
            description=description,
            tier=tier,
            facts=facts or {},
            business_owner_id=business_owner_id,
            actor=identity,
            now=now,
        )
        contact: Contact | None = None
        for someone, address in (*more_contacts, (owner.name, owner.email)):
            contact = vendors.invite_contact(
                session, vendor, name=someone, email=address, actor=identity, now=now
            )
        assert contact is not None
        ids = vendor.id, bought.id, contact.id
    link(database, ids[0], company)
    return ids


def issue(
    database: Database,
    identity: Identity,
    vendor_id: uuid.UUID,
    engagement_id: uuid.UUID,
    content_hash: str,
    *,
    reason: str = "Your renewal is due.",
    due: date = DUE,
    now: datetime = NOW,
) -> uuid.UUID:
    """An assessment issued over one engagement."""
    with database.transaction(identity.scope) as session:
        vendor = vendor_queries.vendor(session, identity, vendor_id)
        assessment = issuing.issue(
            session,
            vendor,
            engagement_ids=[engagement_id],
            content_hash=content_hash,
            due=due,
            reason=reason,
            contact=None,
            actor=identity,
            now=now,
        )
        return assessment.id


def plain(question: Question) -> Content:
    """The first answer that fits: option one, the smallest number, a word, one row."""
    return (
        Content("answered", plain_value(question), promise_reason="Being written", promise_date="2026-12-24")
        if (question.evidence is not None)
        else Content("answered", plain_value(question))
    )


def plain_value(question: Question) -> Any:
    match question.type:
        case "choice":
            return question.options[0].value
        case "choices":
            return [question.options[0].value]
        case "number":
            return question.at_least or "1"
        case "date":
            return question.not_before if (question.not_before or "")[:1].isdigit() else "2026-11-01"
        case "table":
            cells = {"text": "A word", "number": "1", "date": "2026-11-01"}
            return [
                {
                    one.key: one.options[0].value if one.type == "choice" else cells[one.type]
                    for one in question.columns
                }
            ]
        case _:
            return "A word"


def fill(
    database: Database,
    identity: Identity,
    assessment_id: uuid.UUID,
    choose: Choose = plain,
    *,
    now: datetime = NOW,
    most: int = 1000,
) -> int:
    """Answer what is visible and missing, section by section, until nothing is; returns how many answers were saved."""
    done = 0
    for _turn in range(20):
        with database.transaction(identity.scope) as session:
            assessment = queries.assessment(session, identity, assessment_id, lock=True)
            definition = library.definition(session, assessment.content_hash)
            held = queries.rows(session, identity, assessment_id)
            draft = queries.draft(session, identity, definition, assessment, held, now)
            missing = {one.key for one in draft.gaps}
            if not missing or done >= most:
                return done
            for section in definition.sections:
                edits = [
                    Edit(one.key, held[one.key][0].revision if one.key in held else 0, choose(one))
                    for one in section.questions
                    if one.key in missing
                ][: most - done]
                if edits:
                    result = save_answers(session, assessment, section, edits, actor=identity, now=now)
                    assert not result.errors, result.errors
                    done += len(result.saved)
    raise AssertionError("the questionnaire never becomes complete")


def seal(
    database: Database,
    identity: Identity,
    assessment_id: uuid.UUID,
    *,
    name: str = "Ada Signer",
    role: str = "Director",
    now: datetime = NOW,
) -> uuid.UUID:
    """Submit, with every consequence; returns the submission's id."""
    with database.transaction(identity.scope) as session:
        assessment = queries.assessment(session, identity, assessment_id, lock=True)
        signed = Attestation(name, role, "I have read these answers.")
        submission = submit(session, assessment, signed, actor=identity, now=now, consequences=CONSEQUENCES)
        return submission.id


def security_lite() -> Questionnaire:
    return catalog.latest("security_lite")


def own_questionnaire(slug: str, title: str, *, word: str = "") -> bytes:
    """A small definition of an organisation's own, as JSON: one question of each type."""
    yes_no = [{"value": "yes", "label": "Yes", "points": 100}, {"value": "no", "label": "No", "points": 0}]
    key = f"own.{slug}"
    questions: list[dict[str, Any]] = [
        {
            "key": f"{key}.gate",
            "text": f"Do you keep backups? {word}",
            "type": "choice",
            "options": yes_no,
            "weight": 10,
        },
        {"key": f"{key}.said", "text": "Describe them.", "type": "text", "allow_na": True, "weight": 5},
        {"key": f"{key}.days", "text": "For how many days?", "type": "number", "unit": "days", "weight": 0},
        {"key": f"{key}.tested", "text": "When did you last restore one?", "type": "date", "weight": 0},
        {
            "key": f"{key}.why",
            "text": "Why not?",
            "type": "text",
            "weight": 0,
            "visible_when": f"{key}.gate == 'no'",
        },
        {
            "key": f"{key}.kinds",
            "text": "Which media?",
            "type": "choices",
            "weight": 0,
            "options": [{"value": "disk", "label": "Disk"}, {"value": "tape", "label": "Tape"}],
        },
        {
            "key": f"{key}.places",
            "text": "Where do they lie?",
            "type": "table",
            "weight": 0,
            "columns": [{"key": "place", "label": "Place", "type": "text"}],
        },
    ]
    return json.dumps(
        {
            "format": 1,
            "slug": slug,
            "version": "1.0.0",
            "title": title,
            "purpose": "assessment",
            "language": "en",
            "licence": "CC0-1.0",
            "summary": "A questionnaire for tests.",
            "bands": [
                {"name": "good", "label": "Good", "minimum": 70},
                {"name": "bad", "label": "Bad", "minimum": 0},
            ],
            "sections": [{"key": "backups", "title": "Backups", "questions": questions}],
        }
    ).encode()


def release_own(database: Database, identity: Identity, data: bytes, slug: str) -> str:
    """Release a JSON definition for the identity's organisation; returns its content hash."""
    assert identity.organisation is not None
    with database.transaction(identity.scope) as session:
        row, _report = library.import_for(
            session, identity.organisation.id, data, "json", slug=slug, now=NOW, actor=identity
        )
        return row.content_hash


def make_scene(database: Database, settings: Settings, *, only: int = 4) -> Scene:
    """Two organisations, three companies; one company serves both organisations and must not connect them.

    ``only``: how many of the four deals are made.
    """
    scene = Scene()
    alder = make_organisation(database, settings, "Kzalder")
    birch = make_organisation(database, settings, "Kzbirch")
    cedar = make_company(database, settings, "Kzcedar")
    dogwood = make_company(database, settings, "Kzdogwood")
    elder = make_company(database, settings, "Kzelder")
    scene.places = {one.name: one for one in (alder, birch, cedar, dogwood, elder)}
    for place, others in (
        (alder, (cedar, elder)),
        (birch, (cedar, dogwood)),
        (cedar, (alder, birch)),
        (dogwood, (birch,)),
        (elder, (alder,)),
    ):
        scene.canaries[place.name.lower()] = frozenset(one.name for one in (place, *others))
    for number, (organisation, company) in enumerate(
        ((alder, cedar), (alder, elder), (birch, cedar), (birch, dogwood))[:only], 1
    ):
        scene.deals.append(_make_deal(database, scene, organisation, company, number))
    if only == 4:
        tell_another(database, scene, scene.deals[2])
    return scene


def _make_deal(database: Database, scene: Scene, organisation: Place, company: Place, number: int) -> Deal:
    buyer = organisation[OrganisationRole.ADMIN]
    owner, helper = company[CompanyRole.OWNER], company[CompanyRole.CONTRIBUTOR]
    both, ours, theirs = (organisation, company), (organisation,), (company,)
    word = scene.canary
    spend = str(SPEND + number)
    scene.canaries[spend] = frozenset([organisation.name])
    stranger = word("contact", *ours)
    vendor, engagement, contact = make_vendor(
        database,
        buyer,
        company,
        name=word("vendor", *ours),
        engagement=word("engagement", *both),
        description=word("service", *both),
        tier="critical",
        facts={"engagement.spend": spend},
        business_owner_id=organisation[OrganisationRole.BUSINESS_OWNER].person.id,
        more_contacts=((stranger.title(), f"{stranger}@nowhere.example"),),
    )
    with database.looking(SYSTEM) as session:
        invitation = session.scalars(
            select(Invitation.id).where(Invitation.vendor_id == vendor, Invitation.accepted_at.is_(None))
        ).first()
    assert invitation is not None
    deal = Deal(organisation, company, vendor, engagement, contact, invitation, spend)
    slug = f"{organisation.name.lower()}_{company.name.lower()}"
    scene.canaries[slug] = frozenset(one.name for one in both)
    title, asked = word("title", *both), word("question", *both)
    own = release_own(database, buyer, own_questionnaire(slug, title, word=asked), slug)
    scene.own[organisation.name] = (slug, "1.0.0")
    deal.submitted = issue(database, buyer, vendor, engagement, own, reason=word("reason", *both))
    said, note = word("sealed", *both), word("sealednote", *both)

    def sealed(question: Question) -> Content:
        value = said if question.type == "text" else plain_value(question)
        return Content("answered", value, note)

    fill(database, owner, deal.submitted, sealed)
    key = f"own.{slug}.said"
    deal.paper = _lay(database, scene, owner, deal.submitted, key, word("paper", *both), word("file", *both))
    seal(database, owner, deal.submitted, name=word("signer", *both), role=word("role", *both))
    _turn(database, deal.submitted, f"own.{slug}.gate", word("before", *both))
    deal.submission = newest_submission(database, deal.submitted).id
    judge(database, scene, deal, f"own.{slug}")
    deal.section_submitted = "backups"
    gate_words = [word(what, organisation) for what in ("decided", "wanted", "proven", "accepted")]
    deal.gate = decide_and_wait(database, organisation, engagement, gate_words)
    annexed = [word(what, *ours) for what in ("annex", "annexed", "numbered", "without", "settled", "clause")]
    deal.contract = put_in_contract(database, organisation, engagement, annexed)
    scene.files.update(deal.contract.files)
    new = [word(what, *ours) for what in ("opened", "stood", "lower", "listed")]
    deal.opened, deal.intake, deal.proposals, deal.listed = open_and_wait(database, organisation, vendor, new)
    _certify(database, deal, word("erasure", *ours))
    deal.drafted = issue(
        database, buyer, vendor, engagement, security_lite().content_hash, reason=word("reason", *both)
    )
    add_to(database, owner, helper, deal.drafted)
    draft_note, promise, stale = word("draft", *theirs), word("promise", *theirs), word("stale", *theirs)

    def drafted(question: Question) -> Content:
        if question.evidence is None:
            return Content("answered", plain_value(question), draft_note)
        return Content("answered", plain_value(question), draft_note, promise, "2026-12-24")

    fill(database, helper, deal.drafted, drafted, most=6)
    _promise(database, helper, deal.drafted, drafted)
    shelf, inside = word("shelf", *theirs), word("inside", *theirs)
    deal.shelved = _lay(database, scene, owner, deal.drafted, "governance.owner", shelf, inside)
    deal.enquiry = _ask(database, scene, deal)
    deal.delegation = _give_away(database, scene, deal)
    deal.section = _keep_a_stale_edit(database, helper, deal.drafted, stale)
    deal.upload = _send_back(database, owner, deal.drafted, word("workbook", *theirs))
    carry(database, deal, word("movedwhy", *both))
    deal.tokens = tokens(database, deal, stranger)
    deal.writing = _write(database, scene, deal)
    tried = parse_json(own_questionnaire(slug, word("tried", *ours), word=asked))
    deal.run, deal.cycle = _foresee(database, deal, tried), put_in_cycle(database, deal, word)
    return deal


def _foresee(database: Database, deal: Deal, tried: Questionnaire) -> uuid.UUID:
    """A version tried over what was submitted: the organisation's alone, until it is released."""
    actor, later = deal.organisation[OrganisationRole.ADMIN], NOW + timedelta(days=1)
    found = what_if.subjects(database, deal.organisation.id, tried, later)
    with database.transaction(actor.scope) as session:
        run = what_if.ask(session, tried, None, len(found), actor=actor, now=later).id
    what_if_working.work(database, lambda: later)
    return run


def _write(database: Database, scene: Scene, deal: Deal) -> uuid.UUID:
    """A draft of a questionnaire, edited once: its organisation's alone, every word of it."""
    actor, ours = deal.organisation[OrganisationRole.ADMIN], deal.organisation
    title, heading, asked = (scene.canary(what, ours) for what in ("writtentitle", "heading", "asking"))
    slug = scene.canary("slug", ours)
    document = drafts.empty(slug=slug, title=title, licence="Own")
    with database.transaction(actor.scope) as session:
        row = drafts.create(session, document, source_format="draft", now=NOW, actor=actor)
        steps = {"actor": actor, "now": NOW}
        draft_structure.add_section(session, row, title=heading, key=deal.section, **steps)
        draft_structure.add_question(session, row, deal.section, text=asked, kind="text", **steps)
        return row.id


def _give_away(database: Database, scene: Scene, deal: Deal) -> uuid.UUID:
    """Somebody without an account gets the rest of the draft by a link, and answers one question of it."""
    owner, theirs = deal.company[CompanyRole.OWNER], (deal.company,)
    name, said = scene.canary("given", *theirs), scene.canary("linked", *theirs)
    assert deal.drafted is not None
    with database.transaction(owner.scope) as session:
        assessment = queries.assessment(session, owner, deal.drafted)
        row = delegation.by_link(
            session,
            assessment,
            name=name.title(),
            address=f"{name}@nowhere.example",
            keys=WHOLE,
            message=scene.canary("aword", *theirs),
            actor=owner,
            now=NOW,
        )
        given = Delegated(row.id, deal.drafted, frozenset(WHOLE))
        person = Person(row.person_id, name, "")
    helper = Identity(person, uuid.uuid4(), company=owner.company, role=CompanyRole.DELEGATE, delegated=given)
    answered = fill(
        database,
        helper,
        deal.drafted,
        lambda one: (
            Content("answered", plain_value(one), said, "It is being written.", "2026-12-24")
            if one.evidence
            else Content("answered", plain_value(one), said)
        ),
        most=1,
    )
    assert answered == 1
    return row.id


def _lay(
    database: Database,
    scene: Scene,
    owner: Identity,
    assessment_id: uuid.UUID,
    key: str,
    title: str,
    said: str,
) -> uuid.UUID:
    """A document of the company's library beside an answer; ``said`` stands in its file."""
    data = f"{said}\n".encode()
    file = Sniffed(f"{title}.txt", "text/plain", len(data), sha256(data).hexdigest())
    stored = Stored(new_key(), file, "not_scanned", None)
    scene.files[stored.key] = data
    with database.transaction(owner.scope) as session:
        one = showing.open_assessment(session, owner, assessment_id, key, now=NOW)
        document = evidence.add(session, stored, Described("other", title), actor=owner, now=NOW)
        showing.show_new(session, one, key, document, actor=owner, now=NOW)
        return document.id


def _certify(database: Database, deal: Deal, reason: str) -> None:
    """A proposal to destroy an answer that nobody has approved, and the certificate of one that is done."""
    assert deal.submitted is not None
    tenants = {"organisation_id": deal.organisation.id, "subject_id": deal.submitted, "kind": "submission"}
    buyer = deal.organisation[OrganisationRole.ADMIN]
    with database.transaction() as session:
        proposed = {"state": "proposed", "proposed_by": buyer.person.id, "proposed_at": NOW}
        proposal = Erasure(id=uuid.uuid4(), **tenants, keys=None, reason=reason, **proposed)
        document = canonical_json({"certificate": 1, "kind": "submission", "subject": str(deal.submitted)})
        done = Certificate(
            id=uuid.uuid4(),
            **tenants,
            company_id=deal.company.id,
            document=document,
            sha256=sha256(document).hexdigest(),
            issued_at=NOW,
        )
        session.add_all([proposal, done])
        deal.erasure, deal.certificate = proposal.id, done.id
        record(session, Kind.ERASURE_PROPOSED, now=NOW, actor=buyer, subject=proposal)
        record(session, Kind.CERTIFICATE_ISSUED, now=NOW, actor=buyer, subject=done)


def _ask(database: Database, scene: Scene, deal: Deal) -> uuid.UUID:
    """A question about a question, answered; and another person named, which waits."""
    both = (deal.organisation, deal.company)
    owner, buyer = deal.company[CompanyRole.OWNER], deal.organisation[OrganisationRole.ADMIN]
    assert deal.drafted is not None
    asked, told, right = (scene.canary(what, *both) for what in ("asked", "told", "right"))
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, deal.drafted, lock=True)
        key = next(iter(library.definition(session, one.content_hash).questions))
        row = enquiries.ask(session, one, kind="question", key=key, text=asked, actor=owner, now=NOW)
        enquiries.ask(
            session,
            one,
            kind="other_person",
            text="They know.",
            name=right.title(),
            email=f"{right}@nowhere.example",
            actor=owner,
            now=NOW,
        )
        found = row.id
    with database.transaction(buyer.scope) as session:
        one, _vendor = change_steps.lock(session, buyer, deal.drafted)
        row = enquiry_queries.enquiry(session, buyer, one.id, found, lock=True)
        replying.answer(session, one, row, told, actor=buyer, now=NOW)
    return found


def _turn(database: Database, assessment_id: uuid.UUID, key: str, note: str) -> None:
    """As if the answer had changed after its finding was shown, beside the sealed one."""
    submission = newest_submission(database, assessment_id)
    before = canonical_json({"state": "answered", "value": "no", "note": note})
    with database.transaction(SYSTEM) as session:
        session.execute(
            insert(AnswerTurn).execution_options(unaudited=True),
            {
                "submission_id": submission.id,
                "key": key,
                "organisation_id": submission.organisation_id,
                "company_id": submission.company_id,
                "before": before,
                "shown_at": NOW - timedelta(hours=2),
                "changed_at": NOW - timedelta(hours=1),
            },
        )


def _promise(database: Database, identity: Identity, assessment_id: uuid.UUID, choose: Choose) -> None:
    """Answer the first question that asks for evidence, with a promise."""
    with database.transaction(identity.scope) as session:
        assessment = queries.assessment(session, identity, assessment_id, lock=True)
        definition = library.definition(session, assessment.content_hash)
        question = next(one for one in definition.questions.values() if one.evidence is not None)
        section = definition.section_of[question.key]
        edit = Edit(question.key, 0, choose(question))
        result = save_answers(session, assessment, section, [edit], actor=identity, now=NOW)
        assert not result.errors, result.errors


def _send_back(database: Database, identity: Identity, assessment_id: uuid.UUID, note: str) -> uuid.UUID:
    """A workbook with one answer and a comment, read and not yet taken over."""
    with database.transaction(identity.scope) as session:
        one = queries.assessment(session, identity, assessment_id, lock=True)
        definition = library.definition(session, one.content_hash)
        key = next(each.key for each in definition.questions.values() if each.type == "choice")
        held = queries.rows(session, identity, assessment_id)
        revision = held[key][0].revision if key in held else 0
        entry = Entry(key, "Questions!J3", revision, note=note)
        rows = workbook_changes.as_rows([entry])
        return workbook_uploads.keep(session, one, f"{note}.xlsx", rows, actor=identity, now=NOW).id


def _keep_a_stale_edit(database: Database, identity: Identity, assessment_id: uuid.UUID, note: str) -> str:
    """Write over an answered question from revision 0; returns the section's key."""
    with database.transaction(identity.scope) as session:
        assessment = queries.assessment(session, identity, assessment_id, lock=True)
        definition = library.definition(session, assessment.content_hash)
        key = next(iter(queries.rows(session, identity, assessment_id)))
        section = definition.section_of[key]
        edit = Edit(key, 0, Content("answered", plain_value(definition.questions[key]), note))
        result = save_answers(
            session, assessment, section, [edit], actor=identity, now=NOW + timedelta(minutes=1)
        )
        assert key in result.conflicts
        return section.key


def newest_submission(database: Database, assessment_id: uuid.UUID) -> Submission:
    with database.looking(SYSTEM) as session:
        return session.scalars(select(Submission).where(Submission.assessment_id == assessment_id)).one()


def assessment_row(database: Database, assessment_id: uuid.UUID) -> Assessment:
    with database.looking(SYSTEM) as session:
        return session.scalars(select(Assessment).where(Assessment.id == assessment_id)).one()


def signer_of(place: Place) -> Person:
    return place[CompanyRole.OWNER].person
