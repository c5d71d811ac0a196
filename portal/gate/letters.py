"""Letters about the gate: to those who can approve what waits, and to the business owner when it is decided.

Reasons are read in the portal, where they can be destroyed.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity
from portal.db import base_url
from portal.gate import second
from portal.gate.case import Case
from portal.organisations import four_eyes
from portal.organisations import queries as organisations

OUTCOMES: Mapping[str, str] = {
    "clear": "clear",
    "clear_with_conditions": "clear with conditions",
    "pending": "pending",
    "blocked": "blocked",
}


def ask_second(session: Session, case: Case, outcome: str, *, actor: Identity, now: datetime) -> None:
    """That a decision waits for a second person: to everybody who could be it."""
    what = f"{actor.person.name} proposes to decide that {_about(case)} is {OUTCOMES[outcome]}."
    _ask(session, case, what, actor=actor, now=now)


def ask_exception(session: Session, case: Case, until: str, *, actor: Identity, now: datetime) -> None:
    """That somebody asks to accept a risk for a time: to everybody who could approve it."""
    what = f"{actor.person.name} asks to accept a risk of {_about(case)} until {until}."
    _ask(session, case, what, actor=actor, now=now)


def tell_decided(
    session: Session,
    case: Case,
    outcome: str,
    *,
    people: Collection[uuid.UUID | None],
    actor: Identity,
    now: datetime,
) -> None:
    """How it was decided: to the business owner, to whoever proposed it or something else that this settles, and to
    whom it takes away what they had asked for, while they were not looking.
    """
    told = {case.engagement.business_owner_id, *people} - {actor.person.id, None}
    what = f"{actor.person.name} has decided: {_about(case)} is {OUTCOMES[outcome]}."
    following = "The grounds, the conditions and how long it holds stand here:"
    _write(session, case, what, following, {one for one in told if one is not None}, actor=actor, now=now)


def tell_refused(session: Session, case: Case, to: uuid.UUID, *, actor: Identity, now: datetime) -> None:
    """That what somebody proposed or asked for was refused."""
    what = f"{actor.person.name} has refused what you proposed about {_about(case)}."
    _write(session, case, what, "Read the reason here:", {to}, actor=actor, now=now)


def _ask(session: Session, case: Case, what: str, *, actor: Identity, now: datetime) -> None:
    eyes = four_eyes.look(session, actor, now=now)
    who = second.able(case, eyes, actor.person.id, proposed_at=now)
    following = (
        "Nothing changes until a second person has approved it. Read why, and approve or refuse it here:"
    )
    _write(session, case, what, following, set(who), actor=actor, now=now)


def _about(case: Case) -> str:
    return f"“{case.engagement.name}” of {case.vendor.name}"


def _write(
    session: Session,
    case: Case,
    what: str,
    following: str,
    to: Collection[uuid.UUID],
    *,
    actor: Identity,
    now: datetime,
) -> None:
    """One letter to each of these people, as far as they still belong to the organisation."""
    assert actor.organisation is not None
    ours = actor.organisation
    here = {one.person.id for one in organisations.members(session, actor)}
    for person in organisations.people(session, set(to) & here).values():
        letter = mail.compose(
            "gate_told",
            to=(person.name, person.email),
            subject=f"Gate of {case.engagement.name}, {case.vendor.name}",
            sender_name=f"{actor.person.name}, {ours.name}",
            reply_to=actor.person.email,
            sender=actor.person.name,
            organisation=ours.name,
            what=what,
            following=following,
            link=f"{base_url(session)}/o/{ours.slug}/engagements/{case.engagement.id}/gate",
            why=f"You get this because you decide about vendors of {ours.name}, or own this engagement.",
        )
        outbox.queue(session, letter, now=now, organisation_id=ours.id)
