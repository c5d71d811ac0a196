"""Triggers: found by comparing states, once however often one looks, and decided by people or by the rules."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, replace
from datetime import date, timedelta
from types import MappingProxyType

import pytest
from sqlalchemy import select, update

from portal.access import Identity, OrganisationRole
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database
from portal.erasure import parting
from portal.erasure.reaching import Destroyed
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.gate import keeping
from portal.library.models import RetiredVersion
from portal.organisations.models import Organisation
from portal.reassessment import (
    generating,
    incident_queries,
    incidents,
    rules,
    terms,
    trigger_finding,
    triggers,
)
from portal.reassessment.models_triggers import Trigger
from portal.reassessment.triggers import Found
from portal.settings import Settings
from portal.vendors import policy_queries, policy_service
from portal.vendors import queries as vendors
from portal.vendors.models import Engagement
from portal.web import Portal
from questionnaires import catalog
from tests.portal import journey
from tests.portal.journey import Issued
from tests.portal.once import made_once
from tests.portal.reassessment.given import reminders, scheduled, submit
from tests.portal.world import NOW, make_company, make_organisation, signed_in

pytestmark = pytest.mark.both_databases
R = OrganisationRole
TODAY = NOW.date()


@dataclass
class Given:
    """An engagement of tier medium whose vendor has answered; its gate is worked out."""

    issued: Issued
    submission: uuid.UUID

    @property
    def ciso(self) -> Identity:
        return self.issued.organisation[R.CISO]


@pytest.fixture
@made_once
def given(database: Database, settings: Settings) -> Given:
    buyer, company = make_organisation(database, settings, "Halden"), make_company(database, settings, "Fen")
    issued = journey.issue(database, buyer, company, tier="medium")
    submission = submit(database, issued)
    keeping.Keeper(database).turn(lambda: NOW)
    terms.work_out(database, now=NOW)
    return Given(issued, submission)


def find(database: Database, days: int = 0) -> int:
    return trigger_finding.find(database, now=NOW + timedelta(days=days))


def rows(database: Database) -> list[Trigger]:
    with database.looking(SYSTEM) as session:
        return list(session.scalars(select(Trigger).order_by(Trigger.kind)))


def change(database: Database, given: Given, **values: object) -> None:
    with database.transaction() as session:
        session.execute(
            update(Engagement).where(Engagement.id == given.issued.engagements[0]).values(**values)
        )
        subject = session.get_one(Engagement, given.issued.engagements[0])
        record(session, Kind.ENGAGEMENT_CHANGED, now=NOW, actor=given.ciso, subject=subject)


def note(database: Database, given: Given) -> uuid.UUID:
    with database.transaction(given.ciso.scope) as session:
        vendor = vendors.vendor(session, given.ciso, given.issued.vendor, lock=True)
        return incidents.note(
            session,
            vendor,
            kind="breach",
            happened=None,
            words="Robbed",
            shared=False,
            actor=given.ciso,
            now=NOW,
        ).id


def test_nothing_is_found_where_nothing_has_happened(database: Database, given: Given) -> None:
    assert find(database) == 0
    assert rows(database) == []


def test_a_tier_that_rises_is_found_once_by_any_number_of_workers(database: Database, given: Given) -> None:
    change(database, given, tier="critical")
    workers = [threading.Thread(target=find, args=(database,)) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert find(database, 3) == 0
    (row,) = rows(database)
    assert (row.kind, row.engagement_id, row.state) == ("tier", given.issued.engagements[0], "open")


def test_a_tier_that_falls_asks_for_nothing(database: Database, given: Given) -> None:
    change(database, given, tier="low")
    assert find(database) == 0


def test_a_scope_that_grows_is_found_for_each_step_that_it_grows(database: Database, given: Given) -> None:
    with database.looking(SYSTEM) as session:
        facts = dict(session.get_one(Engagement, given.issued.engagements[0]).facts)
    change(database, given, facts=facts | {"engagement.data": ["personal", "special"]})
    assert find(database) == 1
    change(database, given, facts=facts | {"engagement.data": ["personal", "special", "card"]})
    assert find(database) == 1
    assert [one.kind for one in rows(database)] == ["scope", "scope"]


def test_an_incident_a_retired_version_are_found(database: Database, given: Given) -> None:
    incident = note(database, given)
    with database.transaction(given.ciso.scope) as session:
        session.add(
            RetiredVersion(
                id=uuid.uuid4(),
                organisation_id=given.issued.organisation.id,
                content_hash=given.issued.definition.content_hash,
                retired_at=NOW,
                retired_by=given.ciso.person.id,
            )
        )
        record(session, Kind.VERSION_RETIRED, now=NOW, actor=given.ciso)
    assert find(database) == 2
    first, second = rows(database)
    assert (first.kind, first.subject_id) == ("incident", incident)
    assert (second.kind, second.subject_id, second.slug) == (
        "version",
        given.submission,
        given.issued.definition.slug,
    )


def test_an_older_organisation_hears_nothing_of_what_was_so_before(database: Database, given: Given) -> None:
    with database.transaction() as session:
        session.execute(update(Organisation).values(cycle_since=TODAY + timedelta(days=2)))
        record(session, Kind.SETTINGS_CHANGED, now=NOW, actor=None)
    change(database, given, tier="critical")
    assert find(database, 5) == 0


def test_the_rules_may_pull_the_date_forward_and_never_nearer_than_the_notice(
    database: Database, given: Given
) -> None:
    (before,) = scheduled(database)
    with database.looking(SYSTEM) as session:
        known = rules.current(session, given.issued.organisation.id)
    pulling = replace(known, triggers=MappingProxyType({**known.triggers, "tier": "reassess:5"}))
    found = Found(
        "tier", given.issued.organisation.id, given.issued.engagements[0], given.issued.engagements[0]
    )
    with database.transaction(SYSTEM) as session:
        assert triggers.put(session, [found], pulling, zone="Europe/Lisbon", now=NOW) == 1
    with database.transaction(SYSTEM) as session:
        assert triggers.put(session, [found], pulling, zone="Europe/Lisbon", now=NOW) == 0
    (after,) = scheduled(database)
    wanted = TODAY + timedelta(days=known.notice_days)
    assert before.due > wanted
    assert (after.due, after.wanted, after.why) == (wanted, wanted, "trigger")
    (row,) = rows(database)
    assert (row.state, row.code, row.wanted, row.id) == ("used", "moved", wanted, found.id)


def test_a_next_assessment_that_is_out_keeps_its_date_and_the_trigger_waits_for_somebody(
    database: Database, given: Given
) -> None:
    """The vendor was given its date: another one of the schedule's row would be read by nobody."""
    (before,) = scheduled(database)
    issued = given.issued
    journey.again(database, issued.organisation, issued.vendor, issued.engagements, issued.definition)
    with database.looking(SYSTEM) as session:
        known = rules.current(session, issued.organisation.id)
    pulling = replace(known, triggers=MappingProxyType({**known.triggers, "tier": "reassess:5"}))
    found = Found("tier", issued.organisation.id, issued.engagements[0], issued.engagements[0])
    with database.transaction(SYSTEM) as session:
        assert triggers.put(session, [found], pulling, zone="Europe/Lisbon", now=NOW) == 1
    (after,) = scheduled(database)
    (row,) = rows(database)
    assert (after.due, row.state) == (before.due, "open")
    with pytest.raises(Invalid) as fault:
        settle(database, given.ciso, row.id, triggers.MOVED, TODAY + timedelta(days=20))
    assert "The next one is out already" in fault.value.errors["day"]


def test_what_is_off_is_not_found(database: Database, given: Given) -> None:
    with database.looking(SYSTEM) as session:
        known = rules.current(session, given.issued.organisation.id)
    silent = replace(known, triggers=MappingProxyType({**known.triggers, "tier": "off"}))
    found = Found(
        "tier", given.issued.organisation.id, given.issued.engagements[0], given.issued.engagements[0]
    )
    with database.transaction(SYSTEM) as session:
        assert triggers.put(session, [found], silent, zone="Europe/Lisbon", now=NOW) == 0


def settle(
    database: Database, actor: Identity, trigger: uuid.UUID, code: str, day: date | None = None
) -> None:
    with database.transaction(actor.scope) as session:
        row = triggers.trigger(session, actor, trigger, lock=True)
        triggers.settle(session, row, code=code, day=day, actor=actor, now=NOW)


def test_a_person_decides_what_follows(database: Database, given: Given) -> None:
    note(database, given)
    change(database, given, tier="critical")
    find(database)
    first, second = rows(database)
    with pytest.raises(Refused):
        settle(database, given.issued.organisation[R.AUDITOR], first.id, "looked")
    with pytest.raises(Invalid):
        settle(database, given.ciso, first.id, "")
    with pytest.raises(Invalid):
        settle(database, given.ciso, first.id, "moved", TODAY)
    settle(database, given.ciso, first.id, "looked")
    settle(database, given.ciso, first.id, "looked")  # a second press
    with pytest.raises(Conflict):
        settle(database, given.ciso, first.id, "mistake")
    day = TODAY + timedelta(days=40)
    settle(database, given.ciso, second.id, "moved", day)
    assert [(one.state, one.code) for one in rows(database)] == [("dismissed", "looked"), ("used", "moved")]
    assert {one.due for one in scheduled(database)} == {day}
    with pytest.raises(NotFound):
        settle(database, given.issued.organisation[R.BUSINESS_OWNER], second.id, "looked")


def test_new_answers_settle_what_they_answer(database: Database, given: Given) -> None:
    note(database, given)
    change(database, given, tier="critical")
    find(database)
    issued = given.issued
    later = NOW + timedelta(days=1)
    again = journey.again(
        database, issued.organisation, issued.vendor, issued.engagements, issued.definition, now=later
    )
    submit(database, issued, assessment=again, now=later)
    keeping.Keeper(database).turn(lambda: later)
    assert find(database, 1) == 0  # nobody knows yet what proves the new answers
    assert {one.state for one in rows(database)} == {"open"}
    terms.work_out(database, now=later)
    find(database, 1)
    states = {one.kind: (one.state, one.code) for one in rows(database)}
    assert states == {"incident": ("open", ""), "tier": ("over", "answered")}


def states(database: Database) -> list[tuple[str, str, str]]:
    with database.looking(SYSTEM) as session:
        rows = session.scalars(select(Trigger).order_by(Trigger.at, Trigger.kind)).all()
    return [(one.kind, one.state, one.code) for one in rows]


def settle_incident(database: Database, given: Given, incident: uuid.UUID, *, again: bool = False) -> None:
    with database.transaction(given.ciso.scope) as session:
        row = incident_queries.incident(session, given.ciso, incident, lock=True)
        incidents.settle(session, row, again=again, actor=given.ciso, now=NOW)


def test_a_reason_is_over_with_what_it_was_about_and_comes_again_with_it(
    database: Database, given: Given
) -> None:
    incident = note(database, given)
    find(database)
    settle_incident(database, given, incident)
    assert find(database, 1) == 0
    assert states(database) == [("incident", "over", "gone")]
    settle_incident(database, given, incident, again=True)
    assert (find(database, 2), find(database, 3)) == (1, 0)
    assert states(database) == [("incident", "over", "gone"), ("incident", "open", "")]


def test_an_incident_that_is_open_again_is_another_reason_though_nobody_looked_between(
    database: Database, given: Given
) -> None:
    """Somebody had decided on it; it was settled and opened again within a pass of the worker."""
    incident = note(database, given)
    find(database)
    (row,) = rows(database)
    with database.transaction(given.ciso.scope) as session:
        found = triggers.trigger(session, given.ciso, row.id, lock=True)
        triggers.settle(session, found, code="looked", actor=given.ciso, now=NOW)
    settle_incident(database, given, incident)
    settle_incident(database, given, incident, again=True)
    assert (find(database), find(database, 1)) == (1, 0)
    assert sorted(states(database)) == [("incident", "open", ""), ("incident", "over", "looked")]


def test_a_rise_that_somebody_dismissed_is_another_reason_when_it_comes_again(
    database: Database, given: Given
) -> None:
    change(database, given, tier="critical")
    find(database)
    settle(database, given.ciso, rows(database)[0].id, "mistake")
    assert find(database, 1) == 0  # it was decided on, and stands
    change(database, given, tier="medium")
    find(database, 2)
    change(database, given, tier="critical")
    assert (find(database, 3), find(database, 4)) == (1, 0)
    assert states(database) == [("tier", "over", "mistake"), ("tier", "open", "")]


def test_growth_is_found_for_each_questionnaire_and_not_again_where_it_was_found_for_all(
    database: Database, given: Given
) -> None:
    change(database, given, tier="critical")
    find(database)
    (row,) = rows(database)
    assert row.slug == given.issued.definition.slug
    with database.transaction() as session:  # as it was put on record before
        session.execute(update(Trigger).values(slug="", id=uuid.uuid4()))
        record(session, Kind.TRIGGER_SET, now=NOW, actor=None)
    assert find(database, 1) == 0
    assert states(database) == [("tier", "open", "")]


def test_a_questionnaire_that_the_policy_demands_anew_is_a_reason_until_it_is_asked(
    app: Portal, database: Database, given: Given
) -> None:
    issued, core = given.issued, catalog.latest("security_core")
    with database.transaction(given.ciso.scope) as session:
        policy = policy_queries.current(session, issued.organisation.id)
        medium = policy.tier("medium")
        medium = replace(medium, questionnaires=(*medium.questionnaires, core.slug))
        stricter = replace(policy, tiers=MappingProxyType({**policy.tiers, "medium": medium}))
        policy_service.save(session, stricter, base=0, actor=given.ciso, now=NOW + timedelta(hours=1))
    assert (find(database, 1), find(database, 1)) == (1, 0)
    (row,) = rows(database)
    assert (row.kind, row.slug, row.subject_id) == ("requirement", core.slug, issued.engagements[0])
    page = signed_in(app, given.ciso).get(f"/o/{issued.organisation.slug}/triggers").text
    assert core.title in page
    journey.again(
        database, issued.organisation, issued.vendor, issued.engagements, core, now=NOW + timedelta(days=1)
    )
    assert find(database, 2) == 0
    assert states(database) == [("requirement", "over", "gone")]


def test_the_first_word_of_a_reason_comes_the_day_after_it_is_found(database: Database, given: Given) -> None:
    monday = NOW + timedelta(days=7 - NOW.weekday())
    change(database, given, tier="critical")
    trigger_finding.find(database, now=monday)
    generating.generate(database, now=monday + timedelta(days=2))
    (row,) = rows(database)
    told = [one for one in reminders(database) if one.kind == "trigger" and not one.skipped]
    assert {(one.subject_id, one.step) for one in told} == {(row.id, "before-13")}


def test_they_go_with_the_vendor(database: Database, given: Given) -> None:
    note(database, given)
    find(database)
    with database.transaction() as session:
        parting.vendors(
            session, given.issued.organisation.id, [given.issued.vendor], Destroyed(), by=None, now=NOW
        )
        record(session, Kind.ERASURE_SETTLED, now=NOW, actor=None)
    assert rows(database) == []
    assert find(database) == 0


def test_the_page_says_why_and_takes_the_decision(app: Portal, database: Database, given: Given) -> None:
    here = f"/o/{given.issued.organisation.slug}/triggers"
    ciso = signed_in(app, given.ciso)
    assert "Nothing asks for a look." in ciso.get(here).text
    change(database, given, tier="critical")
    find(database)
    (row,) = rows(database)
    assert "its tier has risen" in ciso.get(here).text
    to = f"{here}/{row.id}/settle"
    assert ciso.post(to, {"do": "move", "day": "2020-01-01"}).status_code == 422
    assert ciso.post(to, {"do": "dismiss", "code": "dance"}).status_code == 422
    assert ciso.post(to, {"do": "dismiss", "code": "asked"}).status_code == 303
    assert "The vendor has been asked already" in ciso.get(f"{here}?state=settled").text
    assert ciso.post(to, {"do": "dismiss", "code": "asked"}).status_code == 303
    assert ciso.post(to, {"do": "dismiss", "code": "mistake"}).status_code == 409
