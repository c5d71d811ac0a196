"""The world that foresight imagines: what one organisation's worker would read now, read once and changed by nobody.

The worker's own statements and pure functions are called, nothing is written twice and nothing is written at all.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.clock import local_date
from portal.db import SYSTEM, Database
from portal.faults import NotFound
from portal.organisations.models import Organisation
from portal.outbox import DROPPED, UNSENT, Message
from portal.reassessment import (
    alone,
    foreseen_ahead,
    generating,
    hindering,
    people,
    trigger_finding,
    workdays,
)
from portal.reassessment import rules as rules_of
from portal.reassessment.agenda import Item
from portal.reassessment.digests import Reader, readers
from portal.reassessment.foreseen_dates import before_of, dated, items_of, waiting_of
from portal.reassessment.hindering import ASKS, NO_CONTACT, NOBODY, OFFBOARDED, Before, Hindered
from portal.reassessment.kinds import BUSINESS_OWNER, ISSUER
from portal.reassessment.ladder import Calendar
from portal.reassessment.models_post import Digest
from portal.reassessment.opening import Opening, Waiting
from portal.reassessment.opening_job import opened_on
from portal.reassessment.people import Named, Roster, chunks
from portal.reassessment.rules_shape import ITSELF, OFF, Rules
from portal.reassessment.triggers import Found
from portal.vendors.facts import TIERS
from portal.vendors.models import Contact, Engagement, Vendor


@dataclass(frozen=True, slots=True)
class About:
    """An engagement with what openings need of its vendor."""

    vendor_id: uuid.UUID
    company_id: uuid.UUID | None
    offboarded: bool
    tier: str
    owner: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Written:
    """A contact of a vendor."""

    email: str


@dataclass(frozen=True, slots=True)
class Post:
    """A person's digest that is there already: of which day, when it leaves, and whether it has left."""

    day: date
    leaves: datetime
    sent: bool


@dataclass(frozen=True, slots=True)
class World:
    """Everything that what comes follows from, if nobody does anything from ``now`` on. Made by ``world``.

    ``done``: by kind, (subject, due) -> names of steps on record. ``waiting``: scheduled next assessments that are not
    out. ``versions``: by questionnaire, whether there is a version to ask by. ``found``: triggers by the day on which
    they will be found. ``alone``: letters of one line that are queued or went lately: to whom, on whose side, due when.
    """

    organisation_id: uuid.UUID
    zone: str
    now: datetime
    until: date
    rules: Rules
    calendar: Calendar
    items: Sequence[Item]
    done: Mapping[str, Mapping[tuple[uuid.UUID, date], set[str]]]
    waiting: Sequence[Waiting]
    before: Mapping[uuid.UUID, Before]
    about: Mapping[uuid.UUID, About]
    contacts: Mapping[uuid.UUID, Sequence[Written]]
    members: Sequence[Any]
    versions: Mapping[str, bool]
    opened_today: int
    found: Sequence[tuple[date, Found]]
    roster: Roster
    readers: Mapping[uuid.UUID, Reader]
    asked: frozenset[uuid.UUID]
    post: Mapping[uuid.UUID, Sequence[Post]]
    alone: Sequence[tuple[uuid.UUID, uuid.UUID | None, datetime]]

    def item(
        self,
        kind: str,
        subject: uuid.UUID,
        *,
        due: date,
        since: datetime,
        tier: str,
        code: str,
        vendor_id: uuid.UUID,
        engagement_id: uuid.UUID | None = None,
        company_id: uuid.UUID | None = None,
    ) -> Item:
        """Something of this organisation that is only imagined."""
        return Item(
            kind=kind,
            subject=subject,
            source=subject,
            organisation_id=self.organisation_id,
            company_id=company_id,
            vendor_id=vendor_id,
            engagement_id=engagement_id,
            due=due,
            due_time=None,
            since=since,
            zone=self.zone,
            tier=tier,
            code=code,
            number=0,
        )

    def hindrance(self, one: Opening) -> tuple[str, Identity | None, str]:
        """(why it cannot be opened or "", in whose name, address of the contact or ""), in the worker's order.

        How many may be invited in a day is not looked at: the pace of openings is far below it.
        """
        if self.rules.opening != ITSELF:
            return ASKS, None, ""
        past = self.before[one.rows[0].id]
        owners = {self.about[row.engagement_id].owner for row in one.rows} - {None}
        named = {owner for owner in owners if owner is not None}
        actor = hindering.chosen(self.organisation_id, self.members, named, past.issued_by)
        if actor is None:
            return NOBODY, None, ""
        if not self.versions[one.slug]:
            return hindering.NO_VERSION, None, ""
        vendor = self.about[one.rows[0].engagement_id]
        if vendor.offboarded:
            return OFFBOARDED, None, ""
        known = self.contacts.get(one.vendor_id, ())
        contact = hindering.contact_of(known, vendor.company_id, past.contact_email)
        if contact is None and vendor.company_id is None:
            return NO_CONTACT, None, ""
        return "", actor, contact.email if contact is not None else ""


def world(
    database: Database, organisation_id: uuid.UUID, *, now: datetime, until: date, rules: Rules | None = None
) -> World:
    """What there is at ``now`` that may speak until ``until``, a local day. Raises NotFound.

    ``rules``: as if these were in force from ``now`` on; new steps have their ``since`` (rules_service.with_since).
    """
    ahead = foreseen_ahead.looks(database, organisation_id, now)
    with database.looking(SYSTEM) as session:
        place = session.execute(
            select(Organisation.id, Organisation.zone, Organisation.region, Organisation.cycle_since).where(
                Organisation.id == organisation_id
            )
        ).one_or_none()
        if place is None:
            raise NotFound
        found = rules or rules_of.current(session, organisation_id)
        calendar = workdays.calendars(session, [place.region])[place.region]
        today = local_date(now, place.zone)
        changes = dated(session, place, found, now)
        items = foreseen_ahead.applied(
            items_of(session, place, found, changes, now=now, until=until), ahead, now
        )
        rows = waiting_of(session, organisation_id, changes, items)
        before = before_of(session, rows, changes)
        about = _about(session, organisation_id)
        triggers = _triggers(session, place, found, about, today=today, until=until)
        companies = {company for row in rows if (company := about[row.engagement_id].company_id) is not None}
        roster = people.roster(session, items, companies=companies)
        for item, named in (asked for one in ahead for asked in one.asked):
            roster.name(item.kind, item.source, named)
        everybody = roster.everybody()
        members = hindering.members_of(session, organisation_id)
        made = World(
            organisation_id=organisation_id,
            zone=place.zone,
            now=now,
            until=until,
            rules=found,
            calendar=calendar,
            items=items,
            done=_done(session, items),
            waiting=rows,
            before=before,
            about=about,
            contacts=_contacts(session, organisation_id) if rows else {},
            members=members,
            versions={},
            opened_today=opened_on(session, organisation_id, today),
            found=triggers,
            roster=roster,
            readers=_readers(session, everybody),
            asked=generating.asked_about(session, items),
            post=_post(session, everybody, now),
            alone=_alone(session, organisation_id, now),
        )
    return replace(made, versions=_versions(database, made))


# -------------------------------------------------------------------------------------------------- what is on record


def _done(session: Session, items: Sequence[Item]) -> dict[str, dict[tuple[uuid.UUID, date], set[str]]]:
    by_kind: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_kind[item.kind].append(item)
    return {kind: generating.on_record(session, some) for kind, some in by_kind.items()}


# ----------------------------------------------------------------------------------------------- what openings rest on


def _about(session: Session, organisation_id: uuid.UUID) -> dict[uuid.UUID, About]:
    rows = session.execute(
        select(
            *(Engagement.id, Engagement.vendor_id, Engagement.tier, Engagement.business_owner_id),
            *(Vendor.company_id, Vendor.offboarded_at),
        )
        .join(Vendor, Vendor.id == Engagement.vendor_id)
        .where(Engagement.organisation_id == organisation_id)
    )
    return {
        one.id: About(
            one.vendor_id, one.company_id, one.offboarded_at is not None, one.tier, one.business_owner_id
        )
        for one in rows
    }


def _contacts(session: Session, organisation_id: uuid.UUID) -> dict[uuid.UUID, list[Written]]:
    found: dict[uuid.UUID, list[Written]] = defaultdict(list)
    rows = session.execute(
        select(Contact.vendor_id, Contact.email)
        .where(Contact.organisation_id == organisation_id)
        .order_by(Contact.created_at, Contact.id)
    )
    for one in rows:
        found[one.vendor_id].append(Written(one.email))
    return found


def _versions(database: Database, made: World) -> dict[str, bool]:
    """Whether each questionnaire that is to be asked has a version: the same for whoever may issue."""
    slugs = sorted({row.slug for row in made.waiting})
    actor = hindering.chosen(made.organisation_id, made.members, (), None)
    if actor is None:  # nobody may open anything; or only those who issued, or own an engagement
        owners = {one.owner for one in made.about.values() if one.owner is not None}
        issuers = {one.issued_by for one in made.before.values()}
        actor = hindering.chosen(made.organisation_id, made.members, owners | issuers, None)
    if actor is None:
        return dict.fromkeys(slugs, False)
    found = {}
    with database.looking(actor.scope) as session:
        for slug in slugs:
            try:
                found[slug] = bool(hindering.version_of(session, actor, slug))
            except Hindered:
                found[slug] = False
    return found


def _triggers(
    session: Session,
    place: Any,
    found: Rules,
    about: Mapping[uuid.UUID, About],
    *,
    today: date,
    until: date,
) -> list[tuple[date, Found]]:
    """What the job "triggers" would find until then, each with its day."""
    later = trigger_finding.Place(place.id, place.zone, place.cycle_since, max(today, until))
    some = [one for finder in trigger_finding.FINDERS for one in finder(session, later)]
    return sorted(
        (
            (trigger_finding.found_on(one, today=today), one)
            for one in trigger_finding.unknown(session, some)
            if found.triggers[one.kind] != OFF
        ),
        key=lambda pair: (pair[0], pair[1].id.hex),
    )


# --------------------------------------------------------------------------------------------------------------- people


def _readers(session: Session, ids: set[uuid.UUID]) -> dict[uuid.UUID, Reader]:
    """Each person with the zone that they have set, "" where they have set none."""
    found: dict[uuid.UUID, Reader] = {}
    for some in chunks(ids):
        found |= readers(session, dict.fromkeys(some, ""))
    return found


def _post(session: Session, ids: set[uuid.UUID], now: datetime) -> dict[uuid.UUID, list[Post]]:
    """The digests of these people that wait, or that went since yesterday. One that came to nothing leaves its day to
    the next (digests.attach).
    """
    found: dict[uuid.UUID, list[Post]] = defaultdict(list)
    for some in chunks(ids):
        rows = session.execute(
            select(Digest.person_id, Digest.day, Message.due_at, Message.state)
            .join(Message, Message.id == Digest.message_id)
            .where(
                Digest.person_id.in_(some),
                Digest.day >= now.date() - timedelta(days=2),
                or_(Message.state != DROPPED, Message.into_id.is_not(None)),
            )
            .order_by(Message.due_at, Message.id)
        )
        for one in rows:
            found[one.person_id].append(Post(one.day, one.due_at, one.state not in UNSENT))
    return found


def _alone(
    session: Session, organisation_id: uuid.UUID, now: datetime
) -> list[tuple[uuid.UUID, uuid.UUID | None, datetime]]:
    """The letters of one line that count for what may go alone on a day, as alone.queue reads them."""
    rows = session.execute(
        alone.placed(now).where(Message.organisation_id == organisation_id, Message.person_id.is_not(None))
    )
    return [(one.person_id, one.company_id, one.due_at) for one in rows]


def imagined(made: World, one: Opening, actor: Identity, email: str, at: datetime) -> tuple[Item, Named]:
    """The assessment that ``one`` becomes, and who is named in it."""
    about = [made.about[row.engagement_id] for row in one.rows]
    tier = min((each.tier for each in about), key=TIERS.index)
    owners = frozenset(each.owner for each in about if each.owner is not None)
    item = made.item(
        "assessment",
        one.made_id,
        company_id=about[0].company_id,
        vendor_id=one.vendor_id,
        due=one.answer_by,
        since=at,
        tier=tier,
        code=one.slug,
    )
    named = {ISSUER: frozenset({actor.person.id})} | ({BUSINESS_OWNER: owners} if owners else {})
    return item, Named(named, email.casefold())
