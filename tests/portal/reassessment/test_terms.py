"""Until when each sealed document proves something: the gate's own date, on record for lists and reminders."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import insert, select

from portal.access import CompanyRole, OrganisationRole
from portal.assessments.models import Rating
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import destroying
from portal.erasure.reaching import Destroyed
from portal.gate import keeping
from portal.reassessment import agenda, terms
from portal.reassessment.agenda import Item
from portal.reassessment.models_terms import EvidenceTerm, Termed
from portal.settings import Settings
from portal.vendors import policy_queries, policy_service
from questionnaires import catalog
from questionnaires.dates import add_months
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import submit
from tests.portal.reassessment.papers import lay
from tests.portal.world import NOW, make_company, make_organisation

CASES = (  # the month ends of the project's own list of cadences
    ("2024-01-31", 1, "2024-02-29"),
    ("2023-01-31", 1, "2023-02-28"),
    ("2024-02-29", 12, "2025-02-28"),
    ("2024-02-29", 48, "2028-02-29"),
    ("2024-01-31", 2, "2024-03-31"),
    ("2025-08-31", 6, "2026-02-28"),
)
TODAY = NOW.date()
CORE = catalog.latest("security_core")
ASKED = {
    key: one.evidence
    for key, one in CORE.questions.items()
    if one.evidence is not None and one.evidence.valid_months == 12
}
KEY, RULE = next(iter(ASKED.items()))


@dataclass
class Sealed:
    """A submission with three documents beside one answer and one of another kind beside another."""

    issued: Issued
    submission: uuid.UUID
    old: uuid.UUID
    new: uuid.UUID
    undated: uuid.UUID
    other: uuid.UUID


@pytest.fixture
@made_once
def sealed(database: Database, settings: Settings) -> Sealed:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company, definition=CORE)
    old = lay(database, issued, KEY, RULE.kind, issued_on=TODAY - timedelta(days=200), title="Old")
    new = lay(
        database, issued, KEY, RULE.kind, issued_on=TODAY - timedelta(days=20), title="New",
        expires=TODAY + timedelta(days=300),
    )  # fmt: skip
    undated = lay(database, issued, KEY, RULE.kind, title="Undated")
    other = lay(database, issued, KEY, "other", expires=TODAY + timedelta(days=40), title="Other")
    return Sealed(issued, submit(database, issued), old, new, undated, other)


def rows(database: Database) -> dict[uuid.UUID, tuple[date | None, bool]]:
    with database.looking(SYSTEM) as session:
        return {one.evidence_id: (one.until, one.best) for one in session.scalars(select(EvidenceTerm))}


def work(database: Database) -> int:
    return terms.work_out(database, now=NOW)


@pytest.mark.parametrize(("issued_on", "months", "until"), CASES)
def test_a_document_of_a_months_end_ends_at_a_months_end(issued_on: str, months: int, until: str) -> None:
    document = terms.Document(
        uuid.uuid4(), "policy", "", date.fromisoformat(issued_on), None, "", "", 1, "", "clean"
    )
    found = terms.term(document, {"policy": months}, date.fromisoformat(issued_on))
    assert found == date.fromisoformat(until)


@pytest.mark.both_databases
def test_each_document_has_the_day_on_which_the_gate_lets_it_go(database: Database, sealed: Sealed) -> None:
    assert work(database) == 1
    assert rows(database) == {
        sealed.old: (add_months(TODAY - timedelta(days=200), 12), False),
        sealed.new: (TODAY + timedelta(days=300), True),
        sealed.undated: (None, False),
        sealed.other: (TODAY + timedelta(days=40), False),  # nothing rests on it
    }
    assert work(database) == 0


@pytest.mark.both_databases
def test_what_the_policy_demands_ends_wherever_it_lies(database: Database, sealed: Sealed) -> None:
    work(database)
    ciso = sealed.issued.organisation[OrganisationRole.CISO]
    later = NOW + timedelta(hours=1)
    with database.transaction(ciso.scope) as session:
        policy = policy_queries.current(session, sealed.issued.organisation.id)
        tiers = {name: replace(one, evidence=("other",)) for name, one in policy.tiers.items()}
        stricter = replace(policy, tiers=MappingProxyType(tiers))
        policy_service.save(session, stricter, base=0, actor=ciso, now=later)
    assert (work(database), work(database)) == (1, 0)
    assert rows(database)[sealed.other] == (TODAY + timedelta(days=40), True)


OPEN_QUESTION = next(key for key, one in CORE.questions.items() if one.evidence is None)


def paper(kind: str, days: int) -> terms.Document:
    until = TODAY + timedelta(days=days)
    return terms.Document(uuid.uuid4(), kind, "", TODAY, until, "", "", 1, "", "clean")


def best(beside: dict[str, list[terms.Document]], *demanded: str) -> set[uuid.UUID]:
    found = terms.terms_of(CORE, beside, TODAY, {}, demanded)
    return {one["evidence_id"] for one in found if one["best"]}


def test_beside_a_question_the_documents_that_it_asks_for_prove_and_others_only_where_there_is_none() -> None:
    asked, policy, longer = paper(RULE.kind, 300), paper("policy", 40), paper("policy", 90)
    assert best({KEY: [asked, policy]}) == {asked.evidence}
    assert best({KEY: [policy]}) == {policy.evidence}  # accepted on it, as far as anybody can tell
    assert best({OPEN_QUESTION: [policy]}) == set()
    assert best({OPEN_QUESTION: [policy], KEY: [asked, longer]}, "policy") == {
        asked.evidence,
        longer.evidence,
    }


def test_narrower_kinds_of_what_is_asked_for_are_one_proof_that_the_longest_of_them_ends() -> None:
    wide, first, second = paper(RULE.kind, 100), paper(f"{RULE.kind}.a", 200), paper(f"{RULE.kind}.b", 300)
    policy = paper("policy", 340)
    assert best({KEY: [wide, first, second, policy]}) == {second.evidence}
    assert best({KEY: [wide, first, policy]}) == {first.evidence}
    assert best({KEY: [first, policy]}) == {first.evidence}
    elsewhere = {OPEN_QUESTION: [wide, first, second]}
    assert best(elsewhere, RULE.kind) == {second.evidence}
    assert best(elsewhere, f"{RULE.kind}.a") == {first.evidence}
    assert best(elsewhere, RULE.kind, f"{RULE.kind}.a") == {first.evidence, second.evidence}
    months = {RULE.kind: 2, f"{RULE.kind}.a": 1}
    assert [terms.term(one, months, TODAY) for one in (wide, first, second)] == [
        add_months(TODAY, many) for many in (2, 1, 2)
    ]


@pytest.mark.both_databases
def test_a_refused_document_has_no_term_and_the_next_best_has_its_place(
    database: Database, sealed: Sealed
) -> None:
    work(database)
    ciso = sealed.issued.organisation[OrganisationRole.CISO]
    with database.transaction() as session:
        row = session.execute(select(Rating).where(Rating.submission_id == sealed.submission)).scalar_one()
        values = {one.name: getattr(row, one.name) for one in Rating.__table__.columns}
        marks = {KEY: {str(sealed.new): "refused", str(sealed.old): "accepted"}}
        values |= {"id": uuid.uuid4(), "sequence": 2, "document_marks": marks}
        session.execute(insert(Rating).values(**values))
        record(session, Kind.MARK_SAVED, now=NOW, actor=ciso)
    assert work(database) == 1
    found = rows(database)
    assert sealed.new not in found
    assert found[sealed.old][1]


@pytest.mark.both_databases
def test_what_is_destroyed_has_no_term_and_none_comes_back(database: Database, sealed: Sealed) -> None:
    work(database)
    with database.transaction() as session:
        destroying.answers(session, sealed.issued.assessment, [KEY], Destroyed(), now=NOW)
        record(session, Kind.MARK_SAVED, now=NOW, actor=None)
    assert rows(database) == {}
    with database.transaction() as session:  # as if another worker had to do it all again
        session.execute(
            Termed.__table__.update().values(sequence=0), execution_options={"synchronize_session": False}
        )
        record(session, Kind.MARK_SAVED, now=NOW, actor=None)
    assert work(database) == 1
    assert rows(database) == {}


@pytest.mark.both_databases
def test_only_what_counts_at_a_gate_ends(database: Database, sealed: Sealed) -> None:
    work(database)

    def ends() -> list[Item]:
        with database.looking(SYSTEM) as session:
            return agenda.near(session, "evidence")[0]

    assert ends() == []  # nobody has worked the gate out yet
    keeping.Keeper(database).turn(lambda: NOW)
    (one,) = ends()
    assert (one.source, one.due, one.code) == (sealed.new, TODAY + timedelta(days=300), RULE.kind)
    assert one.since == NOW


def test_neither_side_reads_the_others_terms(database: Database, sealed: Sealed, settings: Settings) -> None:
    work(database)
    stranger = make_company(database, settings, "Stranger")[CompanyRole.OWNER]
    for identity, many in ((sealed.issued.company[CompanyRole.OWNER], 4), (stranger, 0)):
        with database.looking(identity.scope) as session:
            statement = select(EvidenceTerm).where(EvidenceTerm.company_id == identity.scope.company_id)
            assert len(session.scalars(statement).all()) == many
