"""Letters about incidents, at once and to everybody who must know; what was said is read in the portal."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import TABLE, Identity, OrganisationRole, Permission
from portal.db import base_url
from portal.organisations import queries as organisations
from portal.reassessment.models_triggers import Incident

WHO_MUST_KNOW = frozenset(
    role for role in TABLE[Permission.REVIEW] or () if isinstance(role, OrganisationRole)
)  # reviewers, CISOs and administrators
ABOUT = {
    "breach": "a breach of security or of data",
    "outage": "an outage",
    "ownership": "a change of ownership",
    "subprocessor": "a new subprocessor",
    "location": "another place where data lies",
    "other": "an incident",
}


def tell_organisation(
    session: Session,
    row: Incident,
    vendor: str,
    *,
    more: bool = False,
    again: bool = False,
    actor: Identity,
    now: datetime,
) -> None:
    """To reviewers, CISOs and administrators, without whoever wrote it. ``again``: this opened it again."""
    organisation = organisations.organisation_for_company(session, row.organisation_id)
    about = ABOUT[row.kind]
    if actor.company is not None:
        what = f"{actor.person.name} of {vendor} " + (
            f"has added to what it told you: {about}." if more else f"tells you of {about}."
        )
    else:
        what = f"{actor.person.name} has put on record about {vendor}: {about}."
    if again:
        what += " It was settled, and is open again."
    for person in organisations.organisation_people(session, row.organisation_id, WHO_MUST_KNOW):
        if person.id == actor.person.id:
            continue
        letter = mail.compose(
            "incident_organisation",
            to=(person.name, person.email),
            subject=f"{vendor}: {about}" + (", more about it" if more else ""),
            sender_name=f"{actor.person.name}, {vendor if actor.company is not None else organisation.name}",
            reply_to=actor.person.email,
            sender=actor.person.name,
            organisation=organisation.name,
            what=what,
            link=f"{base_url(session)}/o/{organisation.slug}/incidents/{row.id}",
            why=f"You get this because you look after vendors at {organisation.name}. "
            "Letters about incidents cannot be turned off.",
        )
        company = row.company_id if actor.company is not None else None
        outbox.queue(session, letter, now=now, organisation_id=row.organisation_id, company_id=company)


def tell_company(
    session: Session, row: Incident, *, more: bool = False, actor: Identity, now: datetime
) -> None:
    """To the owners of the vendor's company: an incident about it that it may read, or more about one."""
    assert actor.organisation is not None
    assert row.company_id is not None
    asks, about = actor.organisation.name, ABOUT[row.kind]
    slug = organisations.company_slug(session, row.company_id)
    did = "has added to what is on record about you" if more else "has put on record about you"
    for person in organisations.company_people(session, row.company_id, ids=[row.opened_by]):
        letter = mail.compose(
            "incident_company",
            to=(person.name, person.email),
            subject=f"{asks}: {about}" + (", more about it" if more else ""),
            sender_name=f"{actor.person.name}, {asks}",
            reply_to=actor.person.email,
            sender=actor.person.name,
            organisation=asks,
            what=f"{actor.person.name} of {asks} {did}: {about}.",
            link=f"{base_url(session)}/c/{slug}/incidents/{row.id}",
            why=f"You get this because your company works for {asks}.",
        )
        outbox.queue(session, letter, now=now, organisation_id=row.organisation_id, company_id=row.company_id)
