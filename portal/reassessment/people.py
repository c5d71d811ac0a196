"""Whom a step goes to: the people of a subject by their roles, as they stand at that moment."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, OrganisationRole
from portal.accounts.models import PersonRow
from portal.assessments.models import Assessment, AssessmentEngagement, Submission
from portal.clock import local_date
from portal.evidence.models import Evidence
from portal.findings.models import Finding
from portal.gate.models import GateDecision, RiskException
from portal.organisations.models import CompanyMember, OrganisationMember
from portal.reassessment.agenda import SOURCES, Item
from portal.reassessment.choices import group_of, is_pressing
from portal.reassessment.kinds import (
    ASSIGNEE,
    BUSINESS_OWNER,
    CISO,
    CONTACT,
    DECIDED,
    DECIDERS,
    ISSUERS,
    KINDS,
    NEXT_ROLES,
    OWNERS,
    PROCUREMENT,
    REVIEWERS,
    UPLOADER,
)
from portal.reassessment.ladder import Step
from portal.reassessment.models import Reassessment
from portal.reassessment.models_post import LetterChoice
from portal.review.models import Review
from portal.vendors import policy_queries
from portal.vendors.models import Engagement
from portal.vendors.policy import Policy

IDS_AT_ONCE = 500
LOOKS_AFTER = (OrganisationRole.ADMIN.value, OrganisationRole.CISO.value)
Ids = frozenset[uuid.UUID]
NOBODY: Ids = frozenset()
OF_ROUNDS = (
    "assessment",
    "campaign",
    "review",
)  # kinds that belong to an assessment, with all that it covers


@dataclass(frozen=True, slots=True)
class Told:
    """A person who is told, as one of the organisation or of the company. ``group``: by which they may turn such
    letters off, "" where they cannot; ``off``: they have. Decided here for generating, foresight and sending alike.
    """

    person_id: uuid.UUID
    joined_at: datetime
    of_company: bool
    group: str = ""
    off: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs to an organisation or a company now."""

    person_id: uuid.UUID
    role: str
    joined_at: datetime
    email: str


@dataclass(frozen=True, slots=True)
class Named:
    """Who is named in a subject itself: role -> people. ``contact``: an address, folded."""

    people: Mapping[str, Ids] = field(default_factory=lambda: MappingProxyType({}))
    contact: str = ""


class Roster:
    """The people of a page of subjects."""

    def __init__(
        self,
        members: Mapping[uuid.UUID, Sequence[Member]],
        colleagues: Mapping[uuid.UUID, Sequence[Member]],
        named: Mapping[tuple[str, uuid.UUID], Named],
        policies: Mapping[uuid.UUID, Policy],
        off: frozenset[tuple[uuid.UUID, uuid.UUID, str]],
    ) -> None:
        self._members, self._colleagues = members, colleagues
        self._named, self._policies, self._off = dict(named), policies, off

    def name(self, kind: str, source: uuid.UUID, said: Named) -> None:
        """Who is named in a subject that is only imagined."""
        self._named[kind, source] = said

    def everybody(self) -> set[uuid.UUID]:
        """Whoever belongs to one of the places."""
        return {
            one.person_id
            for places in (self._members, self._colleagues)
            for members in places.values()
            for one in members
        }

    def of(self, item: Item, step: Step, *, day: date) -> list[Told]:
        """Who is told ``step``, whose moment began on ``day``; whoever joined on that day or later is not, but of what
        speaks on the day on which it came to be.

        Where nobody has any of its roles, or what is pressing was turned off by all who have, whoever has the first of
        NEXT_ROLES that somebody has, too, if the kind falls back; what is pressing they cannot turn off then, for it
        would reach nobody. By id.
        """
        pressing = is_pressing(step.name)
        found = self._having(item, step, step.to, day, mandatory=step.mandatory)
        for role in NEXT_ROLES if KINDS[item.kind].falls_back else ():
            if any(not (one.off and pressing) for one in found.values()):
                break
            found |= self._having(item, step, (role,), day, mandatory=step.mandatory or pressing)
        return sorted(found.values(), key=lambda one: one.person_id.hex)

    def _having(
        self, item: Item, step: Step, roles: Sequence[str], day: date, *, mandatory: bool
    ) -> dict[uuid.UUID, Told]:
        last = day if SOURCES[item.kind].on_the_day else day - timedelta(days=1)
        found: dict[uuid.UUID, Told] = {}
        # Who has several of the roles is told through one that has to act.
        for role in sorted(roles, key=lambda one: not KINDS[item.kind].asks(one)):
            for member, of_company in self._in_role(item, role):
                if local_date(member.joined_at, item.zone) <= last and member.person_id not in found:
                    place = item.company_id if of_company else item.organisation_id
                    assert place is not None
                    group = "" if mandatory else group_of(item.kind, step.name, role)
                    off = bool(group) and (member.person_id, place, group) in self._off
                    found[member.person_id] = Told(member.person_id, member.joined_at, of_company, group, off)
        return found

    def _in_role(self, item: Item, role: str) -> Iterator[tuple[Member, bool]]:
        named = self._named.get((item.kind, item.source), Named())
        if role in (CONTACT, OWNERS, UPLOADER, ASSIGNEE):
            if item.company_id is None:
                return
            wanted = named.people.get(role, NOBODY)
            for one in self._colleagues.get(item.company_id, ()):
                if (
                    (role == OWNERS and one.role == CompanyRole.OWNER.value)
                    or (role == CONTACT and named.contact and one.email == named.contact)
                    or one.person_id in wanted
                ):
                    yield one, True
            return
        members = self._members.get(item.organisation_id, ())
        roles = self._roles(item, role, named)
        wanted = named.people.get(role, NOBODY)
        for one in members:
            if one.role in roles or one.person_id in wanted:
                yield one, False

    def _roles(self, item: Item, role: str, named: Named) -> tuple[str, ...]:
        """The roles of the organisation that have this one by themselves."""
        if role == ISSUERS:
            return LOOKS_AFTER
        if role == CISO:
            return (OrganisationRole.CISO.value,)
        if role == PROCUREMENT:
            return (OrganisationRole.PROCUREMENT.value,)
        if role == REVIEWERS:
            return () if named.people.get(REVIEWERS) else (OrganisationRole.REVIEWER.value,)
        if role == DECIDERS:
            policy = self._policies.get(item.organisation_id)
            return policy.tier(item.tier).roles if policy is not None and item.tier else LOOKS_AFTER
        return ()


def roster(session: Session, items: Sequence[Item], *, companies: Collection[uuid.UUID] = ()) -> Roster:
    """The people of these subjects, in a session of the system's own; and of these ``companies``."""
    named: dict[tuple[str, uuid.UUID], Named] = {}
    for kind in sorted({one.kind for one in items}):
        of_kind = [one for one in items if one.kind == kind]
        find = NAMES.get(kind)
        said = find(session, of_kind) if find is not None else {}
        owners = _business_owners(session, of_kind)
        for one in of_kind:
            known = said.get(one.source, Named())
            owner = {BUSINESS_OWNER: owners[one.source]} if owners.get(one.source) else {}
            named[kind, one.source] = Named(MappingProxyType({**known.people, **owner}), known.contact)
    organisations = {one.organisation_id for one in items}
    companies = {one.company_id for one in items if one.company_id is not None} | set(companies)
    deciding = {one.organisation_id for one in items if _asks_deciders(one)}
    return Roster(
        _members(session, OrganisationMember, OrganisationMember.organisation_id, organisations),
        _members(session, CompanyMember, CompanyMember.company_id, companies),
        named,
        {one: policy_queries.current(session, one) for one in sorted(deciding, key=str)},
        _choices(session, organisations | companies),
    )


def _asks_deciders(item: Item) -> bool:
    return any(DECIDERS in step.to for step in KINDS[item.kind].ladder)


def _members(session: Session, model: Any, tenant: Any, ids: set[uuid.UUID]) -> dict[uuid.UUID, list[Member]]:
    found: dict[uuid.UUID, list[Member]] = defaultdict(list)
    for some in chunks(ids):
        rows = session.execute(
            select(tenant.label("tenant"), model.person_id, model.role, model.created_at, PersonRow.email)
            .join(PersonRow, PersonRow.id == model.person_id)
            .where(tenant.in_(some), model.removed_at.is_(None))
            .order_by(model.created_at, model.person_id)
        )
        for one in rows:
            member = Member(one.person_id, one.role, one.created_at, one.email.casefold())
            found[one.tenant].append(member)
    return found


def _choices(session: Session, places: set[uuid.UUID]) -> frozenset[tuple[uuid.UUID, uuid.UUID, str]]:
    """(person, place, group) of what people have turned off."""
    found: set[tuple[uuid.UUID, uuid.UUID, str]] = set()
    for some in chunks(places):
        rows = session.execute(
            select(LetterChoice.person_id, LetterChoice.place_id, LetterChoice.group).where(
                LetterChoice.place_id.in_(some)
            )
        )
        found |= {(one.person_id, one.place_id, one.group) for one in rows}
    return frozenset(found)


def _business_owners(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Ids]:
    """By source: of the engagement, or of all that an assessment covers."""
    by_engagement = {one.source: one.engagement_id for one in items if one.engagement_id is not None}
    found: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    owner: dict[uuid.UUID, uuid.UUID] = {}
    for some in chunks(set(by_engagement.values())):
        rows = session.execute(
            select(Engagement.id, Engagement.business_owner_id).where(
                Engagement.id.in_(some), Engagement.business_owner_id.is_not(None)
            )
        )
        owner |= {one.id: one.business_owner_id for one in rows if one.business_owner_id is not None}
    for source, engagement_id in by_engagement.items():
        if engagement_id in owner:
            found[source].add(owner[engagement_id])
    of_rounds = [one for one in items if one.engagement_id is None and one.kind in OF_ROUNDS]
    if of_rounds:
        asked = _assessments_of(session, of_rounds)
        for some in chunks(set(asked.values())):
            rows = session.execute(
                select(AssessmentEngagement.assessment_id, Engagement.business_owner_id)
                .join(Engagement, Engagement.id == AssessmentEngagement.engagement_id)
                .where(
                    AssessmentEngagement.assessment_id.in_(some), Engagement.business_owner_id.is_not(None)
                )
            )
            by_assessment: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
            for assessment_id, person_id in rows:
                if person_id is not None:
                    by_assessment[assessment_id].add(person_id)
            for source, assessment_id in asked.items():
                found[source] |= by_assessment.get(assessment_id, set())
    return {source: frozenset(people) for source, people in found.items()}


def _assessments_of(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, uuid.UUID]:
    """The assessment of each item that is one, or a submission of one."""
    found = {one.source: one.source for one in items if one.kind != "review"}
    for some in chunks({one.source for one in items if one.kind == "review"}):
        rows = session.execute(select(Submission.id, Submission.assessment_id).where(Submission.id.in_(some)))
        found |= dict(rows.all())
    return found


# ------------------------------------------------------------------------------------- who is named in a subject itself

Find = Callable[[Session, Sequence[Item]], dict[uuid.UUID, Named]]


def chunks(ids: set[uuid.UUID]) -> Iterator[list[uuid.UUID]]:
    """At most IDS_AT_ONCE at a time, in a fixed order."""
    ordered = sorted(ids, key=lambda one: one.hex)
    for start in range(0, len(ordered), IDS_AT_ONCE):
        yield ordered[start : start + IDS_AT_ONCE]


def by_source(session: Session, items: Sequence[Item], statement: Any, column: Any) -> Iterator[Any]:
    """Rows of ``statement`` for the sources of these items, found by ``column``."""
    for some in chunks({one.source for one in items}):
        yield from session.execute(statement.where(column.in_(some)))


def people_in(**roles: uuid.UUID | None) -> Mapping[str, Ids]:
    """Role -> one person, of those that there are."""
    return MappingProxyType({role: frozenset({one}) for role, one in roles.items() if one is not None})


def _of_assessments(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = select(Assessment.id, Assessment.issued_by, Assessment.contact_email)
    return {
        one.id: Named(people_in(issuer=one.issued_by), (one.contact_email or "").casefold())
        for one in by_source(session, items, statement, Assessment.id)
    }


def _of_reassessments(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = (
        select(Reassessment.id, Assessment.issued_by)
        .join(Submission, Submission.id == Reassessment.submission_id)
        .join(Assessment, Assessment.id == Submission.assessment_id)
    )
    return {
        one.id: Named(people_in(issuer=one.issued_by, issuers=one.issued_by))
        for one in by_source(session, items, statement, Reassessment.id)
    }


def _of_reviews(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = select(Review.submission_id, Review.reviewer_id)
    return {
        one.submission_id: Named(people_in(reviewers=one.reviewer_id))
        for one in by_source(session, items, statement, Review.submission_id)
    }


def _of_decisions(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = select(GateDecision.id, GateDecision.decided_by)
    return {
        one.id: Named(people_in(decided=one.decided_by))
        for one in by_source(session, items, statement, GateDecision.id)
    }


def _of_documents(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = select(Evidence.id, Evidence.uploaded_by)
    return {
        one.id: Named(people_in(uploader=one.uploaded_by))
        for one in by_source(session, items, statement, Evidence.id)
    }


def _of_exceptions(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = select(RiskException.id, RiskException.proposed_by, RiskException.settled_by)
    return {
        one.id: Named({DECIDED: frozenset({one.proposed_by, one.settled_by} - {None})})
        for one in by_source(session, items, statement, RiskException.id)
    }


def _of_findings(session: Session, items: Sequence[Item]) -> dict[uuid.UUID, Named]:
    statement = select(Finding.id, Finding.owner_id)
    return {
        one.id: Named(people_in(assignee=one.owner_id))
        for one in by_source(session, items, statement, Finding.id)
    }


NAMES: dict[str, Find] = {
    "assessment": _of_assessments,
    "campaign": _of_assessments,
    "evidence": _of_documents,
    "reassessment": _of_reassessments,
    "review": _of_reviews,
    "decision": _of_decisions,
    "condition": _of_decisions,
    "exception": _of_exceptions,
    "finding": _of_findings,
    "stuck": _of_reassessments,
}
