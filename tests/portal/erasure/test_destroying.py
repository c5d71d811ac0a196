"""What is destroyed is nowhere any more; what stays still verifies; nothing lifts a trigger (law 6)."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest
from sqlalchemy import func, select, update

from portal import restoring, verifying
from portal.access import CompanyRole, Identity, OrganisationRole, scoped
from portal.accounts.models import LoginSession, PersonRow
from portal.accounts.service import open_session
from portal.assessments import queries, rating, sealing
from portal.assessments.models import AnswerRow, Assessment, SealedAnswer, Submission
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.contracts import service as contracts
from portal.db import SYSTEM, Database
from portal.erasure import retention, service
from portal.erasure.models import Certificate, DoomedFile, Erasure
from portal.erasure.people import erase, export
from portal.erasure.service import Subject
from portal.evidence.models import Evidence
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.organisations.models import Company, Organisation, OrganisationMember
from portal.outbox import Message
from portal.settings import Settings
from portal.storage import new_key, open_storage
from portal.tables import metadata
from portal.vendors.models import Contact, Engagement, Vendor
from tests.portal import scene
from tests.portal.kept import NOTED, SAID, SIGNER, Kept, add_deal, make_kept
from tests.portal.once import made_once
from tests.portal.world import NOW, make_company

pytestmark = pytest.mark.both_databases
LATER = NOW + timedelta(hours=1)
TEXT_KEY = "own.kept.said"


@pytest.fixture
@made_once
def kept(database: Database, settings: Settings) -> Kept:
    return make_kept(database, settings)


def where(database: Database, *words: str) -> set[str]:
    """Every column of every table that holds one of ``words``, as ``table.column``."""
    found = set()
    with database.reading.connect() as connection:
        for name, table in metadata.tables.items():
            for row in connection.execute(select(table)).mappings():
                for column, value in row.items():
                    plain = (
                        bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    )
                    if any(word in plain for word in words):
                        found.add(f"{name}.{column}")
    return found


def ciso(kept: Kept) -> Identity:
    return kept.organisation[OrganisationRole.CISO]


def admin(kept: Kept) -> Identity:
    return kept.organisation[OrganisationRole.ADMIN]


def propose(database: Database, identity: Identity, subject: Subject, reason: str = "kzwhyq") -> Erasure:
    with database.transaction(identity.scope) as session:
        return service.propose(session, identity, subject, reason, now=LATER)


def approve(database: Database, identity: Identity, row: Erasure) -> Certificate:
    with database.transaction(identity.scope) as session:
        return service.approve(session, identity, row.id, now=LATER)


def proof(database: Database, kept: Kept) -> sealing.Proof:
    with database.looking(SYSTEM) as session:
        submission = session.scalars(select(Submission).where(Submission.id == kept.submission)).one()
    with database.looking(admin(kept).scope) as session:
        return queries.verify(session, admin(kept), submission)


def test_some_answers_are_gone_on_both_sides_and_the_hash_verifies(
    database: Database, settings: Settings, kept: Kept
) -> None:
    assert where(database, SAID) >= {"sealed_answer.answer", "answer.value", "answer_content.value"}
    row = propose(database, admin(kept), Subject("answer", kept.assessment, (TEXT_KEY,)))
    done = approve(database, ciso(kept), row)
    assert where(database, SAID) == set()
    assert where(database, "kzwhyq") == set()
    found = proof(database, kept)
    assert (found.sound, found.redacted, found.attestation_redacted) == (True, (TEXT_KEY,), False)
    document = json.loads(done.document)
    assert document["submissions"][0]["keys"] == [TEXT_KEY]
    assert document["destroyed"]["answers"] == 1
    assert sha256(done.document).hexdigest() == done.sha256
    assert verifying.verify(settings, database, recompute=True).faults == []
    with database.looking(SYSTEM) as session:
        draft = session.scalars(select(AnswerRow).where(AnswerRow.key == TEXT_KEY)).one()
        assert (draft.state, draft.value, draft.revision) == ("unanswered", {"v": None}, 2)
        kinds = set(session.scalars(select(Event.kind)))
    assert {Kind.REDACTED, Kind.CERTIFICATE_ISSUED, Kind.ERASURE_PROPOSED, Kind.ERASURE_SETTLED} <= kinds


def test_all_answers(database: Database, settings: Settings, kept: Kept) -> None:
    approve(database, ciso(kept), propose(database, admin(kept), Subject("submission", kept.assessment)))
    assert where(database, SAID, NOTED, SIGNER) <= {"message.text", "message.html"}
    found = proof(database, kept)
    assert found.sound
    assert found.attestation_redacted
    assert verifying.verify(settings, database).faults == []
    with database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Submission)) == 1


def test_two_different_people(database: Database, kept: Kept) -> None:
    row = propose(database, admin(kept), Subject("submission", kept.assessment))
    with pytest.raises(Refused, match="second person"):
        approve(database, admin(kept), row)
    with pytest.raises(Conflict, match="already"):
        propose(database, ciso(kept), Subject("submission", kept.assessment))
    for role in (OrganisationRole.REVIEWER, OrganisationRole.AUDITOR):
        with pytest.raises(Refused):
            approve(database, kept.organisation[role], row)
    with database.transaction(SYSTEM) as session:
        which = OrganisationMember.person_id == admin(kept).person.id
        session.execute(update(OrganisationMember).where(which).values(removed_at=NOW))
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)
    with pytest.raises(Refused, match="may not do so any more"):
        approve(database, ciso(kept), row)
    assert where(database, SAID)
    with database.transaction(ciso(kept).scope) as session:
        assert service.refuse(session, ciso(kept), row.id, now=LATER).state == "refused"
    with pytest.raises(Conflict, match="settled already"):
        approve(database, ciso(kept), row)


def test_an_old_proposal_and_an_empty_reason(database: Database, kept: Kept) -> None:
    row = propose(database, admin(kept), Subject("submission", kept.assessment))
    with (
        pytest.raises(Conflict, match="older than 30 days"),
        database.transaction(ciso(kept).scope) as session,
    ):
        service.approve(session, ciso(kept), row.id, now=LATER + timedelta(days=31))
    for reason in ("", " \n", "x" * 2001):
        with pytest.raises(Invalid):
            propose(database, admin(kept), Subject("answer", kept.assessment, (TEXT_KEY,)), reason)


def test_nobody_elses(database: Database, settings: Settings, kept: Kept) -> None:
    row = propose(database, admin(kept), Subject("submission", kept.assessment))
    other = scene.make_organisation(database, settings, "Birch")[OrganisationRole.CISO]
    with pytest.raises(NotFound):
        approve(database, other, row)
    for kind, subject in (("vendor", kept.vendor), ("submission", kept.assessment)):
        with pytest.raises(NotFound):
            propose(database, other, Subject(kind, subject))
    company_owner = kept.company[CompanyRole.OWNER]
    with pytest.raises(Refused):
        propose(database, company_owner, Subject("submission", kept.assessment))


def test_an_operator_stands_in_where_there_is_no_second_person(database: Database, kept: Kept) -> None:
    row = propose(database, admin(kept), Subject("submission", kept.assessment))
    with database.transaction() as session:
        waiting = session.scalars(select(Erasure).where(Erasure.id == row.id)).one()
        done = service.approve_as_operator(session, waiting, now=LATER)
    assert json.loads(done.document)["people"]["approved_by"] == "operator"
    assert proof(database, kept).sound


def test_a_vendor_leaves(database: Database, settings: Settings, kept: Kept) -> None:
    cedar = kept.company
    second = add_deal_of_another_organisation(database, settings, kept)
    approve(database, ciso(kept), propose(database, admin(kept), Subject("vendor", kept.vendor)))
    with database.looking(SYSTEM) as session:
        vendor = session.scalars(select(Vendor).where(Vendor.id == kept.vendor)).one()
        assert vendor.offboarded_at == LATER
        assert session.scalar(select(Contact.id).where(Contact.vendor_id == kept.vendor)) is None
        engagement = session.scalars(select(Engagement).where(Engagement.id == kept.engagement)).one()
        assert (engagement.description, engagement.facts) == ("", {})
        mine = (
            select(func.count())
            .select_from(SealedAnswer)
            .where(SealedAnswer.submission_id == kept.submission)
        )
        assert session.scalar(mine) == 0
        theirs = select(func.count()).select_from(SealedAnswer)
        assert session.scalar(theirs.where(SealedAnswer.submission_id == second.submission)) == 7 - 1
        document = session.scalars(select(Evidence).where(Evidence.id == kept.evidence)).one()
        assert document.storage_key == kept.key, "the company's own library stays"
    assert "answer.value" in where(database, SAID), "the company's own drafts stay"
    assert where(database, "kzcontact@nowhere.example") <= {
        "contact.email",
        "message.recipient",
        "invitation.email",
    }
    assert proof(database, kept).sound
    assert verifying.verify(settings, database).faults == []
    assert cedar.id == second.company.id
    with pytest.raises(Conflict, match="offboarded already"):
        propose(database, admin(kept), Subject("vendor", kept.vendor))


def add_deal_of_another_organisation(database: Database, settings: Settings, kept: Kept) -> Kept:
    birch = scene.make_organisation(database, settings, "Birch")
    return add_deal(database, settings, birch, kept.company)


def test_an_organisation_leaves(database: Database, settings: Settings, kept: Kept) -> None:
    second_admin = kept.organisation[OrganisationRole.CISO]
    with database.transaction(SYSTEM) as session:
        which = OrganisationMember.person_id == second_admin.person.id
        session.execute(update(OrganisationMember).where(which).values(role="admin"))
        record(session, Kind.MEMBER_ADDED, now=NOW, actor=None)
    second_admin = replace(second_admin, role=OrganisationRole.ADMIN)
    row = propose(database, admin(kept), Subject("organisation", kept.organisation.id))
    approve(database, second_admin, row)
    with database.looking(SYSTEM) as session:
        organisation = session.scalars(select(Organisation)).one()
        assert organisation.closed_at == LATER
        assert organisation.slug == kept.organisation.slug
        assert (
            session.scalar(select(OrganisationMember.id).where(OrganisationMember.removed_at.is_(None)))
            is None
        )
        assert session.scalar(select(func.count()).select_from(SealedAnswer)) == 0
    assert where(database, "kzcontact@nowhere.example", "kzwhyq", "kzreasonq") == set()
    assert where(database, "kzservicewordq") == set(), "rows that never change hold no free text"


def test_a_company_leaves_and_what_is_sealed_stays(
    database: Database, settings: Settings, kept: Kept
) -> None:
    owner, helper = kept.company[CompanyRole.OWNER], kept.company[CompanyRole.CONTRIBUTOR]
    row = propose(database, owner, Subject("company", kept.company.id))
    with pytest.raises(Refused):
        approve(database, helper, row)
    with database.transaction() as session:
        waiting = session.scalars(select(Erasure).where(Erasure.id == row.id)).one()
        done = service.approve_as_operator(session, waiting, now=LATER)
    assert where(database, SAID) == {"sealed_answer.answer"}
    document = json.loads(done.document)
    assert document["kept"]["sealed_submissions"] == 1
    with database.looking(SYSTEM) as session:
        assert session.scalars(select(Company)).one().closed_at == LATER
        assert session.scalars(select(Vendor)).one().company_id is None, "each client may invite it once more"
        told = session.scalars(select(Message).where(Message.kind == "company_left")).all()
        assert {one.recipient for one in told} == {
            kept.organisation[role].person.email
            for role in (OrganisationRole.ADMIN, OrganisationRole.CISO, OrganisationRole.PROCUREMENT)
        }
        assert all("Cedar as a vendor has left" in one.subject for one in told)
        assert session.scalars(select(Evidence)).one().storage_key is None
        assert session.scalars(select(DoomedFile.storage_key)).all() == [kept.key]
    storage = open_storage(settings)
    assert retention.delete_files(database, storage, now=LATER) == 0, "a backup may still need it"
    assert retention.delete_files(database, storage, now=LATER + timedelta(days=2)) == 1
    assert list(storage.keys()) == []
    assert proof(database, kept).sound
    assert verifying.verify(settings, database, recompute=True).faults == []


def test_a_person_takes_what_is_about_them_and_is_erased(
    database: Database, settings: Settings, kept: Kept
) -> None:
    owner, helper = kept.company[CompanyRole.OWNER].person, kept.company[CompanyRole.CONTRIBUTOR].person
    with database.transaction(SYSTEM) as session:
        open_session(session, helper.id, now=NOW)
    with database.looking(SYSTEM) as session:
        assert helper.email in export(session, helper.id, now=LATER).decode()
    with pytest.raises(Refused, match="Cedar"), database.transaction() as session:
        erase(session, owner.id, now=LATER)
    with database.transaction() as session:
        done = erase(session, helper.id, now=LATER)
    assert where(database, helper.email, helper.name) == set()
    assert json.loads(done.document)["subject"] == str(helper.id)
    with database.looking(SYSTEM) as session:
        row = session.scalars(select(PersonRow).where(PersonRow.id == helper.id)).one()
        assert (row.erased_at, row.password_hash) == (LATER, None)
        assert session.scalar(select(LoginSession.id).where(LoginSession.person_id == helper.id)) is None


class TestRetention:
    def test_superseded_answers_go_after_the_months(
        self, database: Database, settings: Settings, kept: Kept
    ) -> None:
        with database.transaction(SYSTEM) as session:
            session.execute(update(Organisation).values(keep_months=2))
            record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
        assert retention.apply(database, now=NOW + timedelta(days=400)) == 0, "the newest stays"
        with database.looking(SYSTEM) as session:
            content_hash = session.scalars(select(Assessment.content_hash)).one()
        again = NOW + timedelta(days=30)
        second = scene.issue(
            database, admin(kept), kept.vendor, kept.engagement, content_hash, due=date(2027, 2, 1), now=again
        )
        owner = kept.company[CompanyRole.OWNER]
        scene.fill(database, owner, second, now=again)
        scene.seal(database, owner, second, now=again)
        assert retention.apply(database, now=NOW + timedelta(days=60)) == 0
        assert retention.apply(database, now=NOW + timedelta(days=62)) == 1
        assert retention.apply(database, now=NOW + timedelta(days=62)) == 0
        found = proof(database, kept)
        assert found.sound
        assert found.attestation_redacted
        assert SAID in str(where(database, SAID)) or "answer.value" in where(database, SAID)
        assert verifying.verify(settings, database).faults == []
        with database.looking(SYSTEM) as session:
            assert session.scalars(select(Certificate.kind)).all() == ["retention"]

    def test_housekeeping(self, database: Database, settings: Settings, kept: Kept) -> None:
        far = NOW + timedelta(days=40)
        with database.transaction(SYSTEM) as session:
            open_session(session, kept.company[CompanyRole.OWNER].person.id, now=NOW)
            session.execute(update(Message).values(state="sent", sent_at=NOW))
        done = retention.tidy(database, now=far)
        assert done["sessions"] == 1
        assert done["letters"] >= 3
        assert retention.tidy(database, now=far) == {}
        with database.looking(SYSTEM) as session:
            assert set(session.scalars(select(Message.text))) == {""}

    def test_files_that_nobody_names(self, database: Database, settings: Settings, kept: Kept) -> None:
        storage = open_storage(settings)
        lost = new_key()
        storage.put(lost, io.BytesIO(b"lost"))
        young = NOW
        far = NOW + timedelta(days=4000)  # files carry the machine's own time
        assert retention.sweep(database, storage, now=young - timedelta(days=4000)) == 0
        assert retention.sweep(database, storage, now=far) == 1
        assert [one[0] for one in storage.keys()] == [kept.key]  # noqa: SIM118  # it is no dict


def test_settling_a_restore_keeps_certificates(database: Database, kept: Kept) -> None:
    approve(database, ciso(kept), propose(database, admin(kept), Subject("submission", kept.assessment)))
    restoring.settle(database, now=LATER)
    with database.looking(SYSTEM) as session:
        assert session.scalar(select(func.count()).select_from(Certificate)) == 1


def test_a_company_is_told_nothing_of_a_proposal(database: Database, settings: Settings, kept: Kept) -> None:
    row = propose(database, admin(kept), Subject("submission", kept.assessment))
    owner = kept.company[CompanyRole.OWNER]
    with pytest.raises(NotFound), database.transaction(owner.scope) as session:
        service.refuse(session, owner, row.id, now=LATER)
    assert make_company(database, settings, "Dogwood").id != kept.company.id


def test_nothing_is_judged_anew_over_what_was_removed(database: Database, kept: Kept) -> None:
    """What is removed would read as unanswered, and turn a band or a requirement in silence."""
    row = propose(database, admin(kept), Subject("answer", kept.assessment, (TEXT_KEY,)))
    approve(database, ciso(kept), row)
    with database.transaction(admin(kept).scope) as session:
        engagement = session.scalars(scoped(admin(kept), Engagement)).one()
        with pytest.raises(Conflict, match="removed from the record"):
            contracts.evaluate_engagement(session, engagement, actor=admin(kept), now=LATER)
        submission = session.scalars(scoped(admin(kept), Submission)).one()
        assessment = session.scalars(scoped(admin(kept), Assessment)).one()
        with pytest.raises(Conflict, match="cannot be rated anew"):
            rating.rate(session, assessment, submission, {}, actor=admin(kept), now=LATER)
