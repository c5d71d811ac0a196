"""Whom each step goes to: people of the subject's own tenants, in the roles that the step names."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portal.access import CompanyRole, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.gate.models import GateDecision
from portal.organisations.models import OrganisationMember
from portal.reassessment import agenda, people
from portal.reassessment.agenda import Item
from portal.reassessment.kinds import CISO, COMPANY_ROLES, DECIDERS, KINDS, OWNERS, PROCUREMENT
from portal.reassessment.ladder import Step
from portal.reassessment.models_post import LetterChoice
from portal.review.models import Review
from portal.settings import Settings
from tests.portal.scene import Scene, make_scene
from tests.portal.world import NOW, Place

pytestmark = pytest.mark.both_databases
LATER = NOW.date() + timedelta(days=100)


@pytest.fixture
def scene(database: Database, settings: Settings) -> Scene:
    return make_scene(database, settings, only=1)


def everything(database: Database) -> list[Item]:
    with database.looking(SYSTEM) as session:
        return [one for kind in agenda.SOURCES for one in agenda.near(session, kind)[0]]


def told(database: Database, item: Item, step: Step) -> set[uuid.UUID]:
    with database.looking(SYSTEM) as session:
        found = people.roster(session, [item]).of(item, step, day=LATER)
    assert len({one.person_id for one in found}) == len(found)
    return {one.person_id for one in found}


def place_of(scene: Scene, item: Item) -> Place:
    return next(one for one in scene.places.values() if one.id == item.organisation_id)


def first(found: list[Item], kind: str) -> Item:
    return next(one for one in found if one.kind == kind)


def test_nobody_of_another_tenant_is_ever_told(database: Database, scene: Scene) -> None:
    found = everything(database)
    with database.looking(SYSTEM) as session:
        known = people.roster(session, found)
    by_id = {one.id: {who.person.id for who in one.people.values()} for one in scene.places.values()}
    for item in found:
        for step in KINDS[item.kind].ladder:
            for one in known.of(item, step, day=LATER):
                place = item.company_id if one.of_company else item.organisation_id
                assert one.person_id in by_id[place]
                assert not one.of_company or set(step.to) & set(COMPANY_ROLES)


def test_roles_of_the_organisation(database: Database, scene: Scene) -> None:
    item = first(everything(database), "reassessment")
    place = place_of(scene, item)
    for role, who in ((CISO, OrganisationRole.CISO), (PROCUREMENT, OrganisationRole.PROCUREMENT)):
        assert told(database, item, Step("before-1", -1, to=(role,))) == {place[who].person.id}
    both = told(database, item, KINDS["reassessment"].ladder[0])
    assert {place[OrganisationRole.ADMIN].person.id, place[OrganisationRole.CISO].person.id} <= both


def test_a_decision_goes_to_those_whom_the_policy_lets_decide(database: Database, scene: Scene) -> None:
    item = first(everything(database), "decision")
    place = place_of(scene, item)
    found = told(database, item, Step("before-1", -1, to=("deciders",)))
    assert place[OrganisationRole.CISO].person.id in found
    assert place[OrganisationRole.PROCUREMENT].person.id not in found
    with database.looking(SYSTEM) as session:
        by = session.scalars(select(GateDecision.decided_by).where(GateDecision.id == item.source)).one()
    assert told(database, item, Step("before-1", -1, to=("decided",))) == {by}


def test_a_review_goes_to_who_took_it_else_to_every_reviewer(database: Database, scene: Scene) -> None:
    item = first(everything(database), "review")
    place = place_of(scene, item)
    step = Step("before-1", -1, to=("reviewers",))
    with database.transaction() as session:
        session.execute(update(Review).where(Review.submission_id == item.source).values(reviewer_id=None))
        record(session, Kind.REVIEW_TAKEN, now=NOW, actor=None)
    assert told(database, item, step) == {place[OrganisationRole.REVIEWER].person.id}
    ciso = place[OrganisationRole.CISO].person.id
    with database.transaction() as session:
        row = session.get(Review, item.source)
        if row is None:
            session.add(
                Review(submission_id=item.source, organisation_id=place.id, state="open", reviewer_id=ciso)
            )
        else:
            row.reviewer_id = ciso
        record(session, Kind.REVIEW_TAKEN, now=NOW, actor=None)
    assert told(database, item, step) == {ciso}


def test_where_a_role_is_empty_the_next_one_is_told(database: Database, scene: Scene) -> None:
    item = first(everything(database), "reassessment")
    place = place_of(scene, item)
    step = Step("before-1", -1, to=(PROCUREMENT,))
    with database.transaction() as session:
        session.execute(
            update(OrganisationMember)
            .where(OrganisationMember.role == "procurement", OrganisationMember.organisation_id == place.id)
            .values(removed_at=NOW)
        )
        record(session, Kind.MEMBER_REMOVED, now=NOW, actor=None)
    found = told(database, item, step)
    assert found
    assert place[OrganisationRole.PROCUREMENT].person.id not in found


def test_who_has_turned_a_group_off_is_marked(database: Database, scene: Scene) -> None:
    item = first([one for one in everything(database) if one.company_id is not None], "assessment")
    company = next(one for one in scene.places.values() if one.id == item.company_id)
    owner = company[CompanyRole.OWNER].person.id
    with database.transaction() as session:
        session.add(
            LetterChoice(person_id=owner, place_id=company.id, group=KINDS["assessment"].group, off_at=NOW)
        )
        record(session, Kind.LETTERS_CHOSEN, now=NOW, actor=owner)
    with database.looking(SYSTEM) as session:
        found = people.roster(session, [item]).of(item, Step("before-1", -1, to=(OWNERS,)), day=LATER)
    assert [(one.person_id, one.off) for one in found] == [(owner, True)]


def test_who_has_several_roles_is_told_as_one_who_has_to_act(database: Database, scene: Scene) -> None:
    item = first(everything(database), "decision")
    ciso = place_of(scene, item)[OrganisationRole.CISO].person.id  # whom the policy lets decide
    with database.looking(SYSTEM) as session:
        known = people.roster(session, [item])
    for roles, group in (((CISO,), "overdue_copies"), ((CISO, DECIDERS), "")):
        found = known.of(item, Step("after-1", 1, to=roles), day=LATER)
        assert {one.group for one in found if one.person_id == ciso} == {group}
