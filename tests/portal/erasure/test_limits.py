"""What may not be destroyed: what still counts, what the other side never showed, what came after the proposal."""

from __future__ import annotations

import uuid
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity
from portal.assessments import change_steps, changing, queries
from portal.assessments.drafts import Content
from portal.assessments.models import AnswerRow, Assessment, SealedAnswer, SealedEvidence
from portal.assessments.service import Edit, save_answers
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import retention
from portal.erasure.models import DoomedFile
from portal.erasure.service import Subject
from portal.evidence.models import Evidence, EvidenceGrant
from portal.faults import Conflict
from portal.library import service as library
from portal.organisations.models import Organisation
from portal.settings import Settings
from portal.vendors import queries as vendor_queries
from portal.vendors import service as vendors
from tests.portal import scene
from tests.portal.erasure.test_destroying import LATER, TEXT_KEY, admin, approve, ciso, propose, where
from tests.portal.kept import SAID, Kept, make_kept
from tests.portal.once import made_once
from tests.portal.world import NOW

pytestmark = pytest.mark.both_databases


@pytest.fixture
@made_once
def kept(database: Database, settings: Settings) -> Kept:
    return make_kept(database, settings)


def owner(kept: Kept) -> Identity:
    return kept.company[CompanyRole.OWNER]


def content_hash(database: Database, kept: Kept) -> str:
    with database.looking(SYSTEM) as session:
        return session.scalars(select(Assessment.content_hash).where(Assessment.id == kept.assessment)).one()


def reopened(database: Database, kept: Kept) -> None:
    with database.transaction(admin(kept).scope) as session:
        one = session.scalars(
            select(Assessment).where(
                Assessment.id == kept.assessment, Assessment.organisation_id == kept.organisation.id
            )
        ).one()
        changing.reopen(session, one, due=date(2027, 3, 1), text="Once more", actor=admin(kept), now=LATER)


def another_engagement(database: Database, kept: Kept) -> uuid.UUID:
    with database.transaction(admin(kept).scope) as session:
        vendor = vendor_queries.vendor(session, admin(kept), kept.vendor)
        first = vendor_queries.engagements_of(session, admin(kept), kept.vendor)[0]
        found = vendors.create_engagement(
            session,
            vendor,
            name="Hosting",
            description="",
            tier=first.tier,
            facts=first.facts,
            business_owner_id=None,
            actor=admin(kept),
            now=NOW,
        )
        return found.id


def test_a_newer_submission_about_another_engagement_replaces_nothing(database: Database, kept: Kept) -> None:
    with database.transaction(SYSTEM) as session:
        session.execute(update(Organisation).values(keep_months=2))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    hosting, again = another_engagement(database, kept), NOW + timedelta(days=30)
    second = scene.issue(
        database, admin(kept), kept.vendor, hosting, content_hash(database, kept),
        due=date(2027, 2, 1), now=again,
    )  # fmt: skip
    scene.fill(database, owner(kept), second, now=again)
    scene.seal(database, owner(kept), second, now=again)
    assert retention.apply(database, now=NOW + timedelta(days=400)) == 0
    assert sealed(database, kept) > 0, "the only answers about payroll"


def sealed(database: Database, kept: Kept) -> int:
    with database.looking(SYSTEM) as session:
        which = SealedAnswer.submission_id == kept.submission
        return session.scalar(select(func.count()).select_from(SealedAnswer).where(which)) or 0


def test_an_organisation_does_not_reach_what_was_never_submitted(database: Database, kept: Kept) -> None:
    hosting = another_engagement(database, kept)
    fresh = scene.issue(database, admin(kept), kept.vendor, hosting, content_hash(database, kept))
    scene.fill(database, owner(kept), fresh)
    for subject in (Subject("submission", fresh), Subject("answer", fresh, (TEXT_KEY,))):
        with pytest.raises(Conflict, match="Nothing was submitted"):
            propose(database, admin(kept), subject)


def test_drafts_of_questions_that_were_not_sealed_stay(database: Database, kept: Kept) -> None:
    with database.transaction(SYSTEM) as session:
        assert session.scalar(select(AnswerRow.key).where(AnswerRow.key == TEXT_KEY)) == TEXT_KEY
    reopened(database, kept)
    with database.transaction(owner(kept).scope) as session:
        one = queries.assessment(session, owner(kept), kept.assessment, lock=True)
        definition = library.definition(session, one.content_hash)
        held = queries.rows(session, owner(kept), one.id)
        unsealed = next(key for key in definition.questions if key not in held)
        question = definition.questions[unsealed]
        said = scene.plain(question)
        edits = [Edit(unsealed, 0, Content(said.state, said.value, "kzownwordsq"))]
        done = save_answers(
            session, one, definition.section_of[unsealed], edits, actor=owner(kept), now=LATER
        )
        assert done.saved == {unsealed: 1}
    row = propose(database, admin(kept), Subject("submission", kept.assessment))
    approve(database, ciso(kept), row)
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(AnswerRow.note).where(AnswerRow.key == unsealed)).one() == "kzownwordsq"
        assert SAID not in str(session.scalars(select(AnswerRow.value)).all())


def test_nothing_that_came_after_the_proposal_goes_unseen(database: Database, kept: Kept) -> None:
    rows = [
        propose(database, admin(kept), one)
        for one in (Subject("submission", kept.assessment), Subject("vendor", kept.vendor))
    ]
    reopened(database, kept)
    scene.seal(database, owner(kept), kept.assessment, now=LATER + timedelta(hours=1))
    for row in rows:
        with pytest.raises(Conflict, match="submitted since"):
            approve(database, ciso(kept), row)
    assert sealed(database, kept) > 0


def test_a_closed_draft_keeps_no_file(database: Database, settings: Settings, kept: Kept) -> None:
    """A document that is out of the library, and was laid beside a submitted answer, goes with the vendor."""
    with database.transaction(SYSTEM) as session:
        session.execute(update(Evidence).where(Evidence.id == kept.evidence).values(removed_at=NOW))
        grant = EvidenceGrant(
            id=uuid.uuid4(),
            organisation_id=kept.organisation.id,
            company_id=kept.company.id,
            assessment_id=kept.assessment,
            key=TEXT_KEY,
            evidence_id=kept.evidence,
            granted_by=owner(kept).person.id,
            granted_at=NOW,
        )
        session.add(grant)
        scene_seal(session, kept)
        record(session, Kind.EVIDENCE_REMOVED, now=NOW, actor=None)
    approve(database, ciso(kept), propose(database, admin(kept), Subject("vendor", kept.vendor)))
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(DoomedFile.storage_key)).all() == [kept.key]
        assert session.scalars(select(EvidenceGrant.revoked_at)).one() == LATER


def scene_seal(session: Session, kept: Kept) -> None:
    session.add(
        SealedEvidence(
            submission_id=kept.submission,
            organisation_id=kept.organisation.id,
            company_id=kept.company.id,
            key=TEXT_KEY,
            evidence_id=kept.evidence,
            salt=b"\0" * 32,
            document=b"{}",
        )
    )


def test_an_open_tab_does_not_bring_back_what_was_erased(database: Database, kept: Kept) -> None:
    reopened(database, kept)
    approve(
        database, ciso(kept), propose(database, admin(kept), Subject("answer", kept.assessment, (TEXT_KEY,)))
    )
    with database.transaction(owner(kept).scope) as session:
        one = queries.assessment(session, owner(kept), kept.assessment, lock=True)
        section = library.definition(session, one.content_hash).section_of[TEXT_KEY]
        old = [Edit(TEXT_KEY, 1, Content("answered", SAID, "or nearly so"))]
        done = save_answers(session, one, section, old, actor=owner(kept), now=LATER)
        assert (done.saved, done.conflicts) == ({}, {})
        assert "removed from the record" in done.errors[TEXT_KEY].answer
    assert where(database, SAID) == set()
    with database.transaction(owner(kept).scope) as session:
        one = queries.assessment(session, owner(kept), kept.assessment, lock=True)
        for revision, said in ((2, "anew"), (3, "once more"), (2, "beside")):
            edits = [Edit(TEXT_KEY, revision, Content("answered", said))]
            done = save_answers(session, one, section, edits, actor=owner(kept), now=LATER)
            assert not done.errors, "whoever has seen that it is gone may answer again"
        assert set(done.conflicts) == {TEXT_KEY}


def test_nothing_is_asked_of_a_vendor_that_is_offboarded(database: Database, kept: Kept) -> None:
    used = content_hash(database, kept)
    approve(database, ciso(kept), propose(database, admin(kept), Subject("vendor", kept.vendor)))
    with pytest.raises(Conflict, match="offboarded"):
        scene.issue(database, admin(kept), kept.vendor, kept.engagement, used)
    with pytest.raises(Conflict, match="offboarded"), database.transaction(admin(kept).scope) as session:
        change_steps.lock(session, admin(kept), kept.assessment)
    with database.transaction(admin(kept).scope) as session:
        vendor = vendor_queries.vendor(session, admin(kept), kept.vendor)
        with pytest.raises(Conflict, match="offboarded"):
            vendors.invite_contact(
                session, vendor, name="A", email="a@b.example", actor=admin(kept), now=LATER
            )
