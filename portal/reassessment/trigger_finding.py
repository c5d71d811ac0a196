"""The worker's job: finds what asks for a look out of turn by comparing states, so that nothing is ever missed.

A worker that slept for weeks finds all of it, and any number of workers find it once (Found.id). In an organisation
that is older than the cycle nothing is found that was so before (organisation.cycle_since).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.assessments.models import Assessment, Submission
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.clock import local_date
from portal.contracts.models import Evaluation
from portal.contracts.schedule import IN_CONTRACT, WAIVED
from portal.contracts.schedule_models import ContractItem, ContractStep
from portal.db import SYSTEM, Database
from portal.findings.models import Finding, FindingEngagement
from portal.findings.queries import STANDING
from portal.gate.standing_models import BriefSubmission
from portal.library.models import RetiredVersion
from portal.organisations.models import Organisation
from portal.reassessment import rules, trigger_demands, trigger_over, triggers
from portal.reassessment.models_terms import EvidenceTerm
from portal.reassessment.models_triggers import Incident, Trigger
from portal.reassessment.triggers import ANSWERED, GONE, OPEN, OVER, Found
from portal.vendors import less
from portal.vendors.facts import TIERS
from portal.vendors.models import Engagement, Vendor

TOGETHER = 100
BY_DAYS = ("evidence", "finding")  # the basis of these is the date that they are late by


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation as this job needs it. ``since``: nothing of before this day is found; None = everything."""

    id: uuid.UUID
    zone: str
    since: date | None
    today: date

    @property
    def begins(self) -> datetime | None:
        return None if self.since is None else clock.begins(self.since, self.zone)


def find(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Put on record what is new in every organisation, and settle what was answered; returns how many are new."""
    new = 0
    with database.looking(SYSTEM) as session:
        places = [
            Place(one.id, one.zone, one.cycle_since, local_date(now, one.zone))
            for one in session.execute(
                select(Organisation.id, Organisation.zone, Organisation.cycle_since)
                .where(Organisation.closed_at.is_(None))
                .order_by(Organisation.id)
            )
        ]
    for place in places:
        if stopping():
            break
        with database.looking(SYSTEM) as session:
            known = rules.current(session, place.id)
            found = looked(session, place)
            fresh = unknown(session, found)
            ended = trigger_over.over(session, place.id, found)
        for start in range(0, len(fresh), TOGETHER):
            with database.transaction(SYSTEM) as session:
                some = fresh[start : start + TOGETHER]
                new += triggers.put(session, some, known, zone=place.zone, now=now)
        _end(database, ended, now=now)
    return new


def looked(session: Session, place: Place) -> list[Found]:
    """Everything that asks for a look in one organisation now, on record or not."""
    return [one for finder in FINDERS for one in finder(session, place)]


def found_on(one: Found, *, today: date) -> date:
    """The day on which a look finds ``one``, of finders that were asked as of a later day: what days alone bring, when
    they have brought it, all else ``today``.
    """
    if one.kind not in BY_DAYS:
        return today
    return max(today, date.fromisoformat(one.basis) + timedelta(days=1))


def unknown(session: Session, found: list[Found]) -> list[Found]:
    """Those of one organisation that are not on record yet, in a fixed order."""
    return trigger_over.new(session, found)


def over(session: Session, place: Place) -> set[uuid.UUID]:
    """The triggers that the next look ends, since what they are about is over."""
    return set(trigger_over.over(session, place.id, looked(session, place)))


# ------------------------------------------------------------------------------------------------------------- finding


def of_incidents(session: Session, place: Place) -> Iterator[Found]:
    """Each engagement with a vendor at which something happened; what a company told is so at each record of it.

    An incident that is open again is another reason than it was, whether or not anybody looked while it was settled.
    """
    told = (Incident.side == "company") & (Vendor.company_id == Incident.company_id)
    rows = session.execute(
        select(Incident.id, Incident.settled_at, Engagement.id)
        .join(Vendor, Vendor.organisation_id == Incident.organisation_id)
        .join(Engagement, Engagement.vendor_id == Vendor.id)
        .where(
            Incident.organisation_id == place.id,
            Incident.state == "open",
            Vendor.offboarded_at.is_(None),
            or_(Vendor.id == Incident.vendor_id, told),
        )
    )
    for incident, settled_at, engagement in rows:
        basis = "" if settled_at is None else settled_at.isoformat()
        yield Found("incident", place.id, engagement, incident, basis=basis)


def of_documents(session: Session, place: Place) -> Iterator[Found]:
    """A document that has ended, and whose question nothing newer proves."""
    statement = (
        select(
            BriefSubmission.engagement_id,
            BriefSubmission.slug,
            EvidenceTerm.evidence_id,
            func.min(EvidenceTerm.until).label("until"),
        )
        .join(
            EvidenceTerm,
            (EvidenceTerm.submission_id == BriefSubmission.submission_id)
            & (EvidenceTerm.organisation_id == BriefSubmission.organisation_id),
        )
        .where(
            BriefSubmission.organisation_id == place.id,
            EvidenceTerm.best,
            EvidenceTerm.until < place.today,
        )
        .group_by(BriefSubmission.engagement_id, BriefSubmission.slug, EvidenceTerm.evidence_id)
    )
    for one in session.execute(statement):
        if place.since is None or one.until >= place.since:
            yield Found(
                "evidence", place.id, one.engagement_id, one.evidence_id, one.slug, one.until.isoformat()
            )


def of_findings(session: Session, place: Place) -> Iterator[Found]:
    """A finding that is overdue, at each engagement that it stands at."""
    rows: Any = session.execute(
        select(FindingEngagement.engagement_id, Finding.id, Finding.slug, Finding.due)
        .join(Finding, Finding.id == FindingEngagement.finding_id)
        .where(
            Finding.organisation_id == place.id,
            Finding.state.in_(STANDING),
            Finding.due < place.today,
        )
    )
    for engagement, finding, slug, due in rows:
        if due is not None and (place.since is None or due >= place.since):
            yield Found("finding", place.id, engagement, finding, slug, due.isoformat())


def of_versions(session: Session, place: Place) -> Iterator[Found]:
    """Answers that count and were given to a version that is issued no longer."""
    statement = (
        select(
            BriefSubmission.engagement_id,
            BriefSubmission.slug,
            BriefSubmission.submission_id,
            RetiredVersion.content_hash,
        )
        .join(Submission, Submission.id == BriefSubmission.submission_id)
        .join(
            RetiredVersion,
            (RetiredVersion.content_hash == Submission.content_hash)
            & (RetiredVersion.organisation_id == BriefSubmission.organisation_id),
        )
        .where(BriefSubmission.organisation_id == place.id)
    )
    if place.begins is not None:
        statement = statement.where(RetiredVersion.retired_at >= place.begins)
    for one in session.execute(statement):
        yield Found("version", place.id, one.engagement_id, one.submission_id, one.slug, one.content_hash)


def of_requirements(session: Session, place: Place) -> Iterator[Found]:
    """A contract requirement that is called for since an evaluation later than the engagement's first, until it is in
    the contract or waived.
    """
    first = (
        select(Evaluation.engagement_id, func.min(Evaluation.evaluated_at).label("at"))
        .where(Evaluation.organisation_id == place.id)
        .group_by(Evaluation.engagement_id)
        .subquery()
    )
    newest = (
        select(ContractStep.to_state)
        .where(ContractStep.item_id == ContractItem.id, ContractStep.organisation_id == place.id)
        .order_by(ContractStep.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(ContractItem.engagement_id, ContractItem.id, ContractItem.flagged_at)
        .join(first, first.c.engagement_id == ContractItem.engagement_id)
        .where(
            ContractItem.organisation_id == place.id,
            ContractItem.flagged_at > first.c.at,
            func.coalesce(newest, "").not_in((IN_CONTRACT, WAIVED)),
        )
    )
    if place.begins is not None:
        statement = statement.where(ContractItem.flagged_at >= place.begins)
    for engagement, item, flagged_at in session.execute(statement):
        yield Found("requirement", place.id, engagement, item, basis=flagged_at.isoformat()[:32])


def of_demands(session: Session, place: Place) -> Iterator[Found]:
    """A questionnaire that the policy demands since the vendor was asked first, and by which nobody has asked it."""
    yield from trigger_demands.of_demands(session, place.id, place.begins)


def of_growth(session: Session, place: Place) -> Iterator[Found]:
    """A questionnaire whose engagement asks for more now than when its vendor was asked: by its tier, or its facts."""
    rows = session.execute(
        select(Engagement.id, BriefSubmission.slug, Engagement.tier, Engagement.facts, Assessment.facts)
        .join(BriefSubmission, BriefSubmission.engagement_id == Engagement.id)
        .join(Submission, Submission.id == BriefSubmission.submission_id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
        .where(Engagement.organisation_id == place.id, BriefSubmission.organisation_id == place.id)
    )
    found: dict[uuid.UUID, list[Found]] = defaultdict(list)
    for engagement, slug, tier, now, then in rows:
        grown = _grown(tier, now, then)
        if grown:
            kind = "tier" if less.TIER in grown else "scope"
            basis = less.ground(tier, now, None)
            found[engagement].append(Found(kind, place.id, engagement, engagement, slug, basis))
    ids = list(found) if place.begins is None else _changed(session, list(found), place.begins)
    for engagement in ids:
        yield from found[engagement]


def _grown(tier: str, now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """What of tier and facts would be less if it were again as it was ``then`` (the facts pinned when issuing).

    Only what was pinned then is compared: an assessment over several engagements has the union of their facts.
    """
    before = then.get(less.TIER)
    if before not in TIERS:
        return []
    known = {name: value for name, value in now.items() if name in then}
    was = {name: then[name] for name in known}
    return less.less(tier, known, before, was)


def _changed(session: Session, ids: list[uuid.UUID], since: datetime) -> list[uuid.UUID]:
    """Which of these engagements were changed since an instant."""
    found: list[uuid.UUID] = []
    for start in range(0, len(ids), 500):
        statement = select(Event.subject_id).where(
            Event.subject_id.in_(ids[start : start + 500]), Event.at >= since
        )
        found += session.scalars(statement.distinct())
    return sorted(set(found), key=lambda one: one.hex)


Finder = Callable[[Session, Place], Iterator[Found]]
FINDERS: tuple[Finder, ...] = (
    of_incidents,
    of_documents,
    of_findings,
    of_versions,
    of_requirements,
    of_demands,
    of_growth,
)


# ------------------------------------------------------------------------------------------------------------- ending


def _end(database: Database, ended: Mapping[uuid.UUID, bool], *, now: datetime) -> None:
    """What nobody has decided on ends with its code; what was decided keeps what was said."""
    ids = list(ended)
    for start in range(0, len(ids), TOGETHER):
        with database.transaction(SYSTEM) as session:
            statement = (
                select(Trigger)
                .where(Trigger.id.in_(ids[start : start + TOGETHER]), Trigger.state != OVER)
                .order_by(Trigger.id)
                .with_for_update()
            )
            for one in session.scalars(statement):
                if one.state == OPEN:
                    one.code, one.settled_at = ANSWERED if ended[one.id] else GONE, now
                one.state = OVER
                data = {"state": OVER, "code": one.code}
                record(session, Kind.TRIGGER_SETTLED, now=now, actor=None, subject=one, data=data)
