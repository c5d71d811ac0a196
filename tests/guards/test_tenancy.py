"""Tenancy (law 3): marks on tables, the scope of each statement, and the short list of those that cross tenants."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import (
    PrimaryKeyConstraint,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from portal.access import mine, own, owned
from portal.assessments.models import AnswerRow
from portal.audit.models import Event
from portal.db import (
    NOBODY,
    SYSTEM,
    Database,
    Scope,
    UnscopedQuery,
    enter,
)
from portal.organisations.models import Organisation
from portal.rows import insert_new, insert_new_ids, insert_rows, run, update_rows
from portal.settings import Settings
from portal.statements import once
from portal.tables import metadata
from portal.vendors.models import Contact, Engagement, Vendor
from tests.guards.code import modules, over
from tests.portal.world import NOW, Place, make_company, make_organisation

# Every statement that by nature crosses tenants: its reason, and the module that gives it. Anything new is a decision.
ACROSS: dict[str, str] = {
    "a restore holds back letters of all": "portal.audit.holding",
    "a person's own memberships": "portal.organisations.queries",
    "a person's own history": "portal.organisations.history",
    "the tenant in the address, as far as this person belongs to it": "portal.organisations.identity",
    "an address part names its organisation's provider": "portal.organisations.sso",
    "a person's own tokens": "portal.organisations.tokens",
    "a token names its organisation": "portal.organisations.token_identity",
    "an assessment names the organisation that asks": "portal.organisations.queries",
    "a single-use token names its invitation": "portal.organisations.queries",
    "letters to the owners of a company": "portal.organisations.queries",
    "letters to the people of a company lead to its pages": "portal.organisations.queries",
    "letters to those of a company who asked, and to its owners": "portal.organisations.queries",
    "letters to those of an organisation who can act on what a company asks": "portal.organisations.queries",
    "an invitation names who sent it": "portal.organisations.invitations",
    "a single-use token names its vendor": "portal.assessments.joining",
    "a code confirms which organisation asks, and nothing else": "portal.assessments.codes",
    "a submission evaluates the requirements of the engagements it covers": "portal.contracts.service",
    "a delegation's link names the company that asks": "portal.organisations.queries",
    "a delegation's link names what it opens": "portal.assessments.delegation_link",
    "closing an assessment ends the links that a company has given away": "portal.assessments.delegation",
    "closing or moving an assessment destroys workbooks that a company has not taken over": (
        "portal.assessments.workbook_uploads"
    ),
    "submitting sets the next date by the tier of what is covered": "portal.reassessment.service",
    "what is submitted is assessed again by the organisation's rules of the cycle": "portal.reassessment.rules",
    "a company is asked a version: the line that it belongs to names its questions": "portal.library.lineage",
    "what is submitted is assessed again by the organisation's policy": "portal.vendors.policy_queries",
    "what a company or an organisation changes moves the ground of the gates that rest on it": (
        "portal.vendors.ground"
    ),
    "what is destroyed moves the ground of gates on both sides": "portal.assessments.covering",
    "a sealed document's file is opened by the organisation it was sealed for": "portal.evidence.queries",
    "a company tells its own clients of an incident": "portal.reassessment.incident_queries",
    "where a person is follows the places that they belong to": "portal.reassessment.standing",
    "a digest is shown to each organisation that has a line in it": "portal.reassessment.outcomes",
    "what is destroyed is destroyed on both sides": "portal.erasure.reaching",
    "what is destroyed may belong to both sides": "portal.erasure.reaching",
}
# Tables that one side roots: their own id is the tenant.
ROOTS = {"organisation": "organisation", "company": "company"}


def test_the_statements_that_cross_tenants_are_exactly_these() -> None:
    found: dict[str, str] = {}
    for module in modules("portal"):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] == "across":
                assert isinstance(node.args[0], ast.Constant), (
                    f"{module.where(node)}: a reason is written out"
                )
                found[str(node.args[0].value)] = module.name
            assert not (
                isinstance(node, (ast.keyword, ast.Constant))
                and getattr(node, "arg", getattr(node, "value", None)) == "across_tenants"
                and module.name != "portal.db"
            ), f"{module.name} goes round across()"
    assert found == ACROSS


@over(sorted(metadata.tables))
def test_every_table_has_a_mark_and_the_columns_that_it_needs(name: str) -> None:
    table = metadata.tables[name]
    mark = table.info.get("tenancy")
    assert mark in ("organisation", "company", "shared", "global"), f"{name} has no mark"
    columns = set(table.columns.keys())
    if mark == "global":
        assert not {"organisation_id", "company_id"} & columns, "a global table names no tenant"
    if mark in ("organisation", "shared") and ROOTS.get(name) != "organisation":
        assert "organisation_id" in columns
    if mark in ("company", "shared") and ROOTS.get(name) != "company":
        assert "company_id" in columns
    if mark == "company":
        assert "organisation_id" not in columns, "what is the company's alone names no organisation"
    for column in {"organisation_id", "company_id"} & columns:
        side = column.removesuffix("_id")
        must = mark == side  # an organisation's row without its organisation would be nobody's
        assert not (must and table.columns[column].nullable)
        targets = {key.target_fullname for key in table.columns[column].foreign_keys}
        assert targets == {f"{side}.id"} or name in ("event", "event_notice", "certificate"), (
            "a tenant's id points at the tenant"
        )


LISTED = {
    "vendor": ["organisation_id"],
    "engagement": ["organisation_id"],
    "released_version": ["organisation_id"],
    "organisation_member": ["organisation_id"],
    "company_member": ["company_id"],
    "invitation": ["organisation_id", "company_id"],
    "assessment": ["organisation_id", "company_id"],
    "submission": ["organisation_id", "company_id"],
    "rating": ["organisation_id", "company_id"],
    "event": ["organisation_id", "company_id"],
    "reassessment": ["organisation_id"],
}


@over(LISTED)
def test_what_a_tenant_lists_is_found_by_an_index(name: str) -> None:
    """Ten thousand vendors of one organisation cost nothing to another."""
    table = metadata.tables[name]
    leading = {index.columns[0].name for index in table.indexes}
    leading |= {
        constraint.columns[0].name
        for constraint in table.constraints
        if isinstance(constraint, (PrimaryKeyConstraint, UniqueConstraint))
    }
    assert [column for column in LISTED[name] if column not in leading] == []


def test_every_unaudited_table_says_why() -> None:
    silent = {
        name: table.info["unaudited"] for name, table in metadata.tables.items() if table.info["unaudited"]
    }
    worked_out = {
        "answer_word",
        "brief_condition",
        "brief_submission",
        "fourth_party",
        "gate_brief",
        "indexed_submission",
        "standing_record",
    }
    others = {
        "api_request",
        "doomed_file",
        "event_notice",
        "message",
        "spent_challenge",
        "throttle",
        "webhook_delivery",
        "what_if_row",
        "worker_beat",
    }
    cycle = {
        *("digest", "reminder_step", "working_year", "worker_run", "worker_turn"),
        *("campaign_target", "evidence_term", "termed"),
    }
    assert set(silent) == worked_out | others | cycle
    assert all(len(reason) > 10 for reason in silent.values())


# ------------------------------------------------------------------------------- what a session refuses to do


@pytest.fixture
def places(database: Database, settings: Settings) -> tuple[Place, Place, Place]:
    """Two organisations and a company."""
    return (
        make_organisation(database, settings, "Alder"),
        make_organisation(database, settings, "Birch"),
        make_company(database, settings, "Cedar"),
    )


def _vendor(organisation_id: uuid.UUID) -> Vendor:
    return Vendor(
        id=uuid.uuid4(),
        organisation_id=organisation_id,
        name="V",
        name_key="v",
        country=None,
        revision=1,
        created_at=NOW,
    )


Unscoped = Callable[[Place, Place], Any]
UNSCOPED: dict[str, Unscoped] = {
    "select": lambda us, them: select(Vendor),
    "select of columns": lambda us, them: select(Vendor.name),
    "by id only": lambda us, them: select(Vendor).where(Vendor.id == them.id),
    "count": lambda us, them: select(func.count()).select_from(Vendor),
    "another tenant": lambda us, them: select(Vendor).where(Vendor.organisation_id == them.id),
    "in a list": lambda us, them: select(Vendor).where(Vendor.organisation_id.in_([us.id, them.id])),
    "not equal": lambda us, them: select(Vendor).where(Vendor.organisation_id != us.id),
    "join of an unscoped one": lambda us, them: (
        select(Vendor)
        .join(Engagement, Engagement.vendor_id == Vendor.id)
        .where(Vendor.organisation_id == us.id)
    ),
    "subquery": lambda us, them: select(Vendor).where(
        Vendor.organisation_id == us.id, Vendor.id.in_(select(Contact.vendor_id))
    ),
    "exists": lambda us, them: select(Vendor).where(
        Vendor.organisation_id == us.id, exists().where(Engagement.vendor_id == Vendor.id)
    ),
    "alias": lambda us, them: select(aliased(Vendor)),
    "core table": lambda us, them: select(Vendor.__table__),
    "union": lambda us, them: (
        select(Vendor.id).where(Vendor.organisation_id == us.id).union(select(Engagement.id))
    ),
    "another root": lambda us, them: select(Organisation).where(Organisation.id == them.id),
    "the company's own": lambda us, them: select(AnswerRow),
    "events": lambda us, them: select(Event),
    "update": lambda us, them: update(Vendor).values(name="x"),
    "update by id": lambda us, them: update(Vendor).where(Vendor.id == them.id).values(name="x"),
    "update of another": lambda us, them: (
        update(Vendor).where(Vendor.organisation_id == them.id).values(name="x")
    ),
    "delete": lambda us, them: delete(Vendor),
    "insert from core": lambda us, them: insert(Vendor).values(
        id=uuid.uuid4(), organisation_id=them.id, name="x", name_key="x", revision=1, created_at=NOW
    ),
}


@pytest.mark.parametrize("name", UNSCOPED)
def test_a_statement_outside_the_tenant_is_refused(
    database: Database, places: tuple[Place, Place, Place], name: str
) -> None:
    us, them, _company = places
    session = database.write_session(Scope(organisation_id=us.id))
    try:
        with pytest.raises(UnscopedQuery):
            session.execute(UNSCOPED[name](us, them))
    finally:
        database.abandon(session)


def _either(us: Place, them: Place) -> Any:
    return select(Vendor).where((Vendor.organisation_id == us.id) | (Vendor.name == "x"))


def _twice(us: Place, them: Place) -> Any:
    other = aliased(Vendor)
    return select(other).join(Vendor, Vendor.id == other.id).where(Vendor.organisation_id == us.id)


def _negated(us: Place, them: Place) -> Any:
    return select(Vendor).where(~(Vendor.organisation_id == us.id))


def _selected(us: Place, them: Place) -> Any:
    return select(Vendor.name, Vendor.organisation_id == us.id)


def _narrow_inside(us: Place, them: Place) -> Any:
    """The comparison stands in a subquery; the outer select is everybody's."""
    return select(Vendor).where(
        Vendor.id.in_(select(Engagement.vendor_id).where(Engagement.organisation_id == us.id))
    )


def _scoped_in_a_subquery_of_the_same_table(us: Place, them: Place) -> Any:
    inner = select(Vendor.id).where(Vendor.organisation_id == us.id).scalar_subquery()
    return select(Vendor).where(Vendor.id != inner)


def _outer_join_binds_only_its_right(us: Place, them: Place) -> Any:
    """Vendors of everybody come back: a left outer join leaves the left side as it is."""
    return select(Vendor).outerjoin(
        Contact,
        and_(
            Contact.vendor_id == Vendor.id, Contact.organisation_id == us.id, Vendor.organisation_id == us.id
        ),
    )


def _derived_tables_are_not_correlated(us: Place, them: Place) -> Any:
    inner = select(Vendor.id).where(Vendor.name != "x").subquery()
    return select(Vendor).join(inner, inner.c.id == Vendor.id).where(Vendor.organisation_id == us.id)


@pytest.mark.parametrize(
    "clever",
    [
        _either,
        _twice,
        _negated,
        _selected,
        _narrow_inside,
        _scoped_in_a_subquery_of_the_same_table,
        _outer_join_binds_only_its_right,
        _derived_tables_are_not_correlated,
    ],
)
def test_a_comparison_that_does_not_bind_is_not_a_scope(
    database: Database, places: tuple[Place, Place, Place], clever: Unscoped
) -> None:
    """Naming the tenant somewhere is not enough: the rows that come back must be the tenant's."""
    us, them, _company = places
    with database.looking(Scope(organisation_id=us.id)) as session, pytest.raises(UnscopedQuery):
        session.execute(clever(us, them))


@pytest.mark.parametrize(
    "scope", [NOBODY, Scope(organisation_id=uuid.uuid4()), Scope(company_id=uuid.uuid4())]
)
def test_nobody_and_strangers_read_no_tenant(database: Database, scope: Scope) -> None:
    with database.looking(scope) as session:
        for name, table in metadata.tables.items():
            if table.info["tenancy"] == "global":
                session.execute(select(table).limit(1))
                continue
            with pytest.raises(UnscopedQuery):
                session.execute(select(table).limit(1))
            assert name


def _correlated(scope: Scope) -> Any:
    inner = exists().where(Engagement.vendor_id == Vendor.id, *mine(scope, Engagement))
    return select(Vendor).where(inner, *mine(scope, Vendor))


def _joined(scope: Scope) -> Any:
    return (
        select(Vendor, func.count(Engagement.id))
        .outerjoin(Engagement, and_(Engagement.vendor_id == Vendor.id, *mine(scope, Engagement)))
        .where(*mine(scope, Vendor))
        .group_by(Vendor.id)
    )


def _listed(scope: Scope) -> Any:
    return select(Contact).where(
        Contact.vendor_id.in_(select(Vendor.id).where(*mine(scope, Vendor))), *mine(scope, Contact)
    )


def _derived(scope: Scope) -> Any:
    counted = (
        select(Engagement.vendor_id, func.count().label("n"))
        .where(*mine(scope, Engagement))
        .group_by(Engagement.vendor_id)
        .subquery()
    )
    return (
        select(Vendor, counted.c.n)
        .join(counted, counted.c.vendor_id == Vendor.id)
        .where(*mine(scope, Vendor))
    )


def _changed(scope: Scope) -> Any:
    return update(Vendor).where(Vendor.country.is_(None), *mine(scope, Vendor)).values(country="PT")


@pytest.mark.parametrize("sound", [_correlated, _joined, _listed, _derived, _changed])
def test_statements_inside_the_tenant_pass(
    database: Database, places: tuple[Place, Place, Place], sound: Callable[[Scope], Any]
) -> None:
    scope = Scope(organisation_id=places[0].id)
    session = database.write_session(scope)
    try:
        session.execute(sound(scope))
    finally:
        database.abandon(session)


@pytest.mark.parametrize("model", [Vendor, Engagement, Contact, Organisation])
def test_a_company_cannot_even_name_an_organisations_tables(model: Any) -> None:
    with pytest.raises(LookupError):
        mine(Scope(company_id=uuid.uuid4()), model)


@pytest.mark.parametrize("action", ["insert", "update", "move", "delete"])
def test_rows_of_another_tenant_are_not_written(
    database: Database, places: tuple[Place, Place, Place], action: str
) -> None:
    us, them, _company = places
    with database.transaction(SYSTEM) as session:
        theirs, ours = _vendor(them.id), _vendor(us.id)
        session.add_all([theirs, ours])
        _say_so(session)
    session = database.write_session(Scope(organisation_id=us.id))
    try:
        if action == "insert":
            session.add(_vendor(them.id))
        elif action == "move":
            session.add(ours)
            ours.organisation_id = them.id
        else:
            session.add(theirs)
            if action == "update":
                theirs.name = "changed"
            else:
                session.delete(theirs)
        with pytest.raises(UnscopedQuery):
            session.flush()
    finally:
        database.abandon(session)


def _say_so(session: Session) -> None:
    session.add(
        Event(id=uuid.uuid4(), at=NOW, kind="vendor.created", subject_type="", data={}, actor_id=None, subject_id=None,
              organisation_id=None, company_id=None)
    )  # fmt: skip


def _row(organisation_id: uuid.UUID, name: str) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "organisation_id": organisation_id,
        "name": name,
        "name_key": name,
        "revision": 1,
        "created_at": NOW,
    }


def test_plain_rows_are_written_only_if_each_is_the_tenants(
    database: Database, places: tuple[Place, Place, Place]
) -> None:
    us, them, _company = places
    with database.transaction(SYSTEM) as session:
        theirs = _vendor(them.id)
        session.add(theirs)
        _say_so(session)
    with database.transaction(Scope(organisation_id=us.id)) as session:
        insert_rows(session, Vendor, [_row(us.id, "a"), _row(us.id, "b")])
        for foreign in (them.id, None):
            with pytest.raises(UnscopedQuery):
                insert_rows(
                    session, Vendor, [_row(us.id, "c"), {**_row(us.id, "d"), "organisation_id": foreign}]
                )
        with pytest.raises(UnscopedQuery):
            insert_rows(session, AnswerRow, [{"company_id": us.id, "key": "x"}])
        with pytest.raises(UnscopedQuery):
            update_rows(session, AnswerRow, ("key",), [{"key": "x", "note": "y"}])
        update_rows(session, Vendor, ("id",), [{"id": theirs.id, "name": "changed"}])
        _say_so(session)
    with database.looking(SYSTEM) as session:
        assert sorted(session.scalars(select(Vendor.name))) == ["V", "a", "b"]


@pytest.mark.both_databases
def test_only_what_is_new_is_written_and_told(database: Database, places: tuple[Place, Place, Place]) -> None:
    """What is there already is left out; of another tenant nothing is written."""
    us, them, _company = places
    first, second, third = (_row(us.id, name) for name in "abc")
    with database.transaction(Scope(organisation_id=us.id)) as session:
        assert insert_new(session, Vendor, [first, second]) == 2
        assert insert_new(session, Vendor, [second, third]) == 1
        fourth = _row(us.id, "d")
        assert insert_new_ids(session, Vendor, [third, fourth, _row(us.id, "a") | {"id": first["id"]}]) == {
            fourth["id"]
        }
        assert (insert_new(session, Vendor, []), insert_new_ids(session, Vendor, [])) == (0, set())
        for write in (insert_new, insert_new_ids):
            with pytest.raises(UnscopedQuery):
                write(session, Vendor, [_row(them.id, "e")])
        _say_so(session)
    with database.looking(SYSTEM) as session:
        assert sorted(session.scalars(select(Vendor.name))) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("write", ["insert", "new", "ids", "update"])
def test_plain_rows_without_an_event_are_refused(
    database: Database, places: tuple[Place, Place, Place], write: str
) -> None:
    us = places[0]

    def change() -> None:
        with database.transaction(Scope(organisation_id=us.id)) as session:
            if write == "insert":
                insert_rows(session, Vendor, [_row(us.id, "a")])
            elif write == "new":
                insert_new(session, Vendor, [_row(us.id, "a")])
            elif write == "ids":
                insert_new_ids(session, Vendor, [_row(us.id, "a")])
            else:
                update_rows(session, Vendor, ("id",), [{"id": uuid.uuid4(), "name": "x"}])

    with pytest.raises(RuntimeError, match="no audit row"):
        change()


def test_a_row_cannot_be_loaded_by_its_identity_alone(
    database: Database, places: tuple[Place, Place, Place]
) -> None:
    us, them, _company = places
    with database.looking(Scope(organisation_id=us.id)) as session, pytest.raises(UnscopedQuery):
        session.get(Organisation, them.id)


# --------------------------------------------------------------- statements that are built once, and read once


def _own_vendor() -> Any:
    return select(Vendor.name).where(*own("organisation", Vendor))


FORGETFUL: dict[str, Callable[[], Any]] = {
    "no comparison": lambda: select(Vendor.name).where(Vendor.name == bindparam("own_organisation")),
    "either": lambda: select(Vendor.name).where(
        (Vendor.organisation_id == bindparam("own_organisation")) | (Vendor.name == "x")
    ),
    "an inner one": lambda: _own_vendor().where(Vendor.id.in_(select(Contact.vendor_id))),
    "update": lambda: update(Vendor).values(name="x"),
}


@pytest.mark.parametrize("run_it", [run, Session.execute])
@pytest.mark.parametrize("name", FORGETFUL)
def test_a_statement_that_is_read_once_is_refused_each_time(
    database: Database, places: tuple[Place, Place, Place], name: str, run_it: Callable[..., Any]
) -> None:
    us = places[0]
    statement = once(FORGETFUL[name]())
    session = database.write_session(Scope(organisation_id=us.id))
    try:
        for _time in range(3):
            with pytest.raises(UnscopedQuery):
                run_it(session, statement, {"own_organisation": us.id})
    finally:
        database.abandon(session)


@pytest.mark.parametrize("run_it", [run, Session.execute])
def test_what_a_statement_is_run_with_is_compared_with_the_scope_of_each_run(
    database: Database, places: tuple[Place, Place, Place], run_it: Callable[..., Any]
) -> None:
    us, them, company = places
    with database.transaction(SYSTEM) as session:
        session.add_all([_vendor(us.id), _vendor(them.id)])
        _say_so(session)
    named = select(Vendor.name).where(Vendor.organisation_id == bindparam("own_organisation", us.id))
    for statement in (once(_own_vendor()), once(named), _own_vendor(), named):
        for one, other in ((us, them), (them, us), (us, them)):
            with database.looking(Scope(organisation_id=one.id)) as session:
                mine_alone = owned("organisation", Scope(organisation_id=one.id))
                assert run_it(session, statement, mine_alone).all() == [("V",)]
                with pytest.raises(UnscopedQuery):
                    run_it(session, statement, {"own_organisation": other.id})
        with database.looking(Scope(company_id=company.id)) as session, pytest.raises(UnscopedQuery):
            run_it(session, statement, {"own_organisation": us.id})
        with database.looking(Scope(organisation_id=them.id)) as session, pytest.raises(UnscopedQuery):
            run_it(session, statement, {})


def test_plain_runs_are_changes_that_need_an_event(
    database: Database, places: tuple[Place, Place, Place]
) -> None:
    us = places[0]
    statement = update(Vendor).where(*own("organisation", Vendor)).values(name="x")

    def change() -> None:
        with database.transaction(Scope(organisation_id=us.id)) as session:
            run(session, statement, owned("organisation", Scope(organisation_id=us.id)))

    with pytest.raises(RuntimeError, match="no audit row"):
        change()


def test_neither_side_owns_the_others_tables() -> None:
    with pytest.raises(LookupError):
        own("company", Vendor)
    with pytest.raises(LookupError):
        own("organisation", AnswerRow)
    with pytest.raises(LookupError):
        owned("company", Scope(organisation_id=uuid.uuid4()))


def test_statements_that_are_read_once_are_constants_of_their_modules() -> None:
    """They are remembered for good, so a function must not make them."""
    wrong = [
        module.where(call)
        for module in modules("portal")
        for inside in ast.walk(module.tree)
        if isinstance(inside, (ast.FunctionDef, ast.Lambda))
        for call in ast.walk(inside)
        if isinstance(call, ast.Call) and ast.unparse(call.func).rsplit(".", 1)[-1] == "once"
    ]
    assert wrong == []


def test_a_scope_is_set_once(database: Database, places: tuple[Place, Place, Place]) -> None:
    us, them, _company = places
    with database.looking() as session:
        enter(session, Scope(organisation_id=us.id))
        with pytest.raises(RuntimeError):
            enter(session, Scope(organisation_id=them.id))
