"""Giving questions of an assessment to somebody: a colleague who signs in, or anybody by an expiring link.

A colleague is added and sees what it was given (reach.py). A link opens a session that can do nothing but answer what
it names (delegation_link.py); what is written through it waits for an owner's acceptance (acceptance.py). The
person behind a link gets a row of the company's own, which is no account and meets none: the link proves nothing but
itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from portal.access import Identity, Person, mine, scoped
from portal.accounts import service as accounts
from portal.accounts.models import LoginSession, PersonRow
from portal.assessments import delegation_letters as letters
from portal.assessments.models import Assessment, Delegation
from portal.assessments.reach import WHOLE
from portal.audit.catalogue import Kind
from portal.audit.models import Event
from portal.audit.service import record
from portal.db import Scope, across
from portal.faults import Conflict, Invalid, NotFound, Throttled
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.organisations.models import CompanyMember
from portal.paging import Page, paged

LASTS_DAYS, LONGEST_DAYS, LONGEST_MESSAGE = 14, 60, 1000
A_DAY = timedelta(days=1)
SAME_PRESS = timedelta(seconds=30)
# What a company may send in a day, so that nobody uses the portal to write to the world.
IN_A_DAY, TO_ONE_PERSON, RESENT_IN_A_DAY = 100, 10, 5
NO_ACCOUNT = "delegation:"  # begins the ``email`` of people behind links; no address can equal it


def to_colleague(
    session: Session,
    assessment: Assessment,
    person_id: uuid.UUID,
    keys: Collection[str],
    message: str = "",
    *,
    actor: Identity,
    now: datetime,
    tell: bool = True,
) -> Delegation:
    """Add a member of the company to what ``keys`` name (sections and questions, or WHOLE), and write to them.

    Raises NotFound for somebody who is no member, Invalid for no or unknown keys, Conflict once it is closed.
    """
    _require_open(assessment)
    member = _member(session, actor, person_id)
    given = _known(session, assessment, keys)
    for earlier in live(session, actor, assessment.id, person_id=person_id):
        if earlier.token_hash is None and earlier.keys in (given, [*WHOLE]):
            return earlier  # a second press of the same button, or less than what they have
    row = _write(session, assessment, member.id, given, message, actor=actor, now=now)
    if tell:
        letters.to_colleague(session, assessment, row, member, actor=actor, now=now)
    return row


def by_link(
    session: Session,
    assessment: Assessment,
    *,
    name: str,
    address: str,
    keys: Collection[str],
    days: int = LASTS_DAYS,
    message: str = "",
    actor: Identity,
    now: datetime,
) -> Delegation:
    """Write to an address with a link that works for ``days`` (1 to 60).

    An address of a member of the company is added as a colleague. Raises Invalid, Conflict, Throttled.
    """
    _require_open(assessment)
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(errors={"days": f"Write a whole number of days from 1 to {LONGEST_DAYS}."})
    given = _known(session, assessment, keys)
    known = accounts.person_by_address(session, address)
    if known is not None and _is_member(session, actor, known.id):
        return to_colleague(session, assessment, known.id, keys, message, actor=actor, now=now)
    person = _behind_link(session, actor, name, address, now)
    for earlier in live(session, actor, assessment.id, person_id=person.id):
        if earlier.keys == given and timedelta(0) <= now - earlier.created_at < SAME_PRESS:
            return earlier  # a second press of the same button: the letter is on its way
    _require_measure(session, actor, person.id, now)
    token = accounts.new_token()
    row = _write(
        session,
        assessment,
        person.id,
        given,
        message,
        actor=actor,
        now=now,
        token_hash=accounts.token_hash(token),
        expires_at=now + timedelta(days=days),
    )
    letters.by_link(session, assessment, row, person, token, actor=actor, now=now)
    return row


def _behind_link(session: Session, actor: Identity, name: str, address: str, now: datetime) -> PersonRow:
    """The person that this company calls ``name`` at ``address``. Never an account: another company, a person's own
    sign-in, a reset or an invitation do not meet this row."""
    known = session.execute(
        scoped(actor, Delegation)
        .with_only_columns(PersonRow)
        .where(
            PersonRow.id == Delegation.person_id,
            Delegation.token_hash.is_not(None),
            PersonRow.email.startswith(NO_ACCOUNT),
            func.lower(PersonRow.address) == accounts.address_key(address),
            PersonRow.name == name.strip(),
        )
        .limit(1)
    ).scalar_one_or_none()
    if known is not None:
        found: PersonRow = known
        return found
    made = uuid.uuid4()
    person = PersonRow(
        id=made, email=f"{NO_ACCOUNT}{made}", address=address.strip(), name=name.strip(), created_at=now
    )
    session.add(person)
    session.flush()
    record(session, Kind.PERSON_CREATED, now=now, actor=actor, subject=person)
    return person


def _write(
    session: Session,
    assessment: Assessment,
    person_id: uuid.UUID,
    keys: list[str],
    message: str,
    *,
    actor: Identity,
    now: datetime,
    token_hash: bytes | None = None,
    expires_at: datetime | None = None,
) -> Delegation:
    if len(message) > LONGEST_MESSAGE:
        raise Invalid(errors={"message": f"Write at most {LONGEST_MESSAGE:,} characters."})
    assert actor.company is not None
    row = Delegation(
        id=uuid.uuid4(),
        company_id=actor.company.id,
        assessment_id=assessment.id,
        person_id=person_id,
        keys=keys,
        message=message,
        token_hash=token_hash,
        created_by=actor.person.id,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    record(session, Kind.DELEGATED, now=now, actor=actor, subject=row, data=said(row))
    return row


def said(row: Delegation) -> dict[str, Any]:
    """What events hold of a delegation."""
    return {"assessment": row.assessment_id, "person": row.person_id, "link": row.token_hash is not None}


def _known(session: Session, assessment: Assessment, keys: Collection[str]) -> list[str]:
    """``keys`` in the questionnaire's order, without questions of a named section; Invalid for none or unknown."""
    if not keys:
        raise Invalid(errors={"keys": "Choose at least one section or question."})
    if set(keys) == set(WHOLE):
        return [*WHOLE]
    definition = library.definition(session, assessment.content_hash)
    sections = {one.key for one in definition.sections}
    unknown = set(keys) - sections - set(definition.questions)
    if unknown:
        raise Invalid(errors={"keys": "Choose sections and questions of this questionnaire."})
    found: list[str] = []
    for section in definition.sections:
        if section.key in keys:
            found.append(section.key)
        else:
            found += [one.key for one in section.questions if one.key in keys]
    return found


def _require_open(assessment: Assessment) -> None:
    if assessment.state != "open":
        raise Conflict("This questionnaire is closed, so nobody can answer it.")


def _member(session: Session, actor: Identity, person_id: uuid.UUID) -> Person:
    if not _is_member(session, actor, person_id):
        raise NotFound
    return organisations.people(session, [person_id])[person_id]


def _is_member(session: Session, actor: Identity, person_id: uuid.UUID) -> bool:
    statement = scoped(actor, CompanyMember).where(
        CompanyMember.person_id == person_id, CompanyMember.removed_at.is_(None)
    )
    return session.execute(statement).first() is not None


def _require_measure(session: Session, actor: Identity, person_id: uuid.UUID, now: datetime) -> None:
    sent = session.execute(
        select(func.count(), func.count().filter(Delegation.person_id == person_id)).where(
            *mine(actor.scope, Delegation),
            Delegation.token_hash.is_not(None),
            Delegation.created_at > now - A_DAY,
        )
    ).one()
    wait = int(A_DAY.total_seconds())
    if sent[0] >= IN_A_DAY:
        raise Throttled(f"At most {IN_A_DAY} links leave a company in a day. Go on tomorrow.", wait)
    if sent[1] >= TO_ONE_PERSON:
        raise Throttled("This address has been written to often enough today.", wait)


# ---------------------------------------------------------------------------------------------- looking after them


def live(
    session: Session, identity: Identity, assessment_id: uuid.UUID, *, person_id: uuid.UUID | None = None
) -> list[Delegation]:
    """The delegations of an assessment that nobody has taken back, expired links included; the newest first."""
    statement = scoped(identity, Delegation).where(
        Delegation.assessment_id == assessment_id, Delegation.revoked_at.is_(None)
    )
    if person_id is not None:
        statement = statement.where(Delegation.person_id == person_id)
    return list(session.execute(statement.order_by(Delegation.created_at.desc(), Delegation.id)).scalars())


def listed(
    session: Session, identity: Identity, assessment: Assessment, number: int, *, size: int
) -> Page[Delegation]:
    """One page of everything that was given away of an assessment: what still stands first, then the newest."""
    statement = (
        scoped(identity, Delegation)
        .where(Delegation.assessment_id == assessment.id)
        .order_by(Delegation.revoked_at.is_not(None), Delegation.created_at.desc(), Delegation.id)
    )
    return paged(session, statement, number, size=size)


def one(session: Session, identity: Identity, assessment: Assessment, delegation_id: uuid.UUID) -> Delegation:
    """A delegation of this assessment; NotFound otherwise."""
    found: Delegation | None = session.execute(
        scoped(identity, Delegation).where(
            Delegation.id == delegation_id, Delegation.assessment_id == assessment.id
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def resend(
    session: Session, assessment: Assessment, row: Delegation, *, actor: Identity, now: datetime
) -> None:
    """A new letter with a new link, for as long as the first; the earlier link and what it opened stop working.

    Raises Conflict for what was taken back or has no link, Throttled beyond five a day.
    """
    _require_open(assessment)
    if row.token_hash is None or row.expires_at is None or row.revoked_at is not None:
        raise Conflict("There is no link to send again. Give the questions anew.")
    sent = session.scalars(
        select(Event.at).where(
            *mine(actor.scope, Event),
            Event.subject_id == row.id,
            Event.kind == Kind.DELEGATED.value,
            Event.at > now - A_DAY,
        )
    ).all()
    if any(timedelta(0) <= now - at < SAME_PRESS for at in sent):
        return  # a second press of the same button
    if len(sent) > RESENT_IN_A_DAY:
        raise Throttled("This letter has been sent often enough today.", int(A_DAY.total_seconds()))
    token = accounts.new_token()
    lasts = max(row.expires_at - row.created_at, A_DAY)
    row.token_hash, row.expires_at = accounts.token_hash(token), now + min(lasts, timedelta(days=LASTS_DAYS))
    end_sessions(session, [row.id], now)  # the first letter may have come to the wrong hands
    person = session.execute(select(PersonRow).where(PersonRow.id == row.person_id)).scalar_one()
    letters.by_link(session, assessment, row, person, token, actor=actor, now=now)
    record(session, Kind.DELEGATED, now=now, actor=actor, subject=row, data={**said(row), "again": True})


def revoke(session: Session, row: Delegation, *, actor: Identity, now: datetime) -> None:
    """Take the questions back at once; what was answered is kept. A second press does nothing."""
    if row.revoked_at is not None:
        return
    row.revoked_at = now
    end_sessions(session, [row.id], now)
    record(session, Kind.DELEGATION_REVOKED, now=now, actor=actor, subject=row, data=said(row))


def end_links(session: Session, assessment: Assessment, *, actor: Identity, now: datetime) -> None:
    """Called by whatever closes or reopens an assessment, of either side: every link and its sessions end."""
    criteria = [*mine(actor.scope, Assessment), Assessment.id == assessment.id]
    assert session.execute(select(Assessment.id).where(*criteria)).first() is not None
    open_links = session.execute(
        select(Delegation.id)
        .where(
            Delegation.assessment_id == assessment.id,
            Delegation.token_hash.is_not(None),
            Delegation.revoked_at.is_(None),
        )
        .execution_options(**across("closing an assessment ends the links that a company has given away"))
    ).scalars()
    ended = list(open_links)
    if not ended:
        return
    session.execute(
        update(Delegation)
        .where(Delegation.id.in_(ended))
        .values(revoked_at=now)
        .execution_options(
            synchronize_session=False,
            **across("closing an assessment ends the links that a company has given away"),
        )
    )
    end_sessions(session, ended, now)
    record(
        session,
        Kind.DELEGATION_REVOKED,
        now=now,
        actor=actor,
        subject=assessment,
        company_id=assessment.company_id,
        data={"links": len(ended), "state": assessment.state},
    )


def revoke_of_person(session: Session, actor: Identity, person_id: uuid.UUID, *, now: datetime) -> None:
    """A person leaves the company: nothing that they were given works any more, and no link that they gave away."""
    held = session.execute(
        scoped(actor, Delegation).where(
            or_(
                Delegation.person_id == person_id,
                and_(Delegation.created_by == person_id, Delegation.token_hash.is_not(None)),
            ),
            Delegation.revoked_at.is_(None),
        )
    ).scalars()
    for row in held:
        revoke(session, row, actor=actor, now=now)


def end_sessions(session: Session, delegation_ids: list[uuid.UUID], now: datetime) -> None:
    session.execute(
        update(LoginSession)
        .where(LoginSession.delegation_id.in_(delegation_ids), LoginSession.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )


def add_newcomer(
    session: Session, assessments: Iterable[Any], person: Person, invited_by: uuid.UUID, *, now: datetime
) -> None:
    """A contributor has accepted an invitation that names assessments: they are added to those that still exist.

    The session's scope is the company's.
    """
    ids = [uuid.UUID(str(one)) for one in assessments]
    scope: Scope = session.info["scope"]
    rows = session.execute(
        select(Assessment).where(*mine(scope, Assessment), Assessment.id.in_(ids))
    ).scalars()
    for assessment in rows:
        row = Delegation(
            id=uuid.uuid4(),
            company_id=scope.company_id,
            assessment_id=assessment.id,
            person_id=person.id,
            keys=[*WHOLE],
            message="",
            created_by=invited_by,
            created_at=now,
        )
        session.add(row)
        session.flush()
        record(session, Kind.DELEGATED, now=now, actor=person, subject=row, data=said(row))
