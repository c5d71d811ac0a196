"""Assessments on which vendors have asked something, and such as ended otherwise than by submitting."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from portal import clock
from portal.access import CompanyRole, Identity, OrganisationRole
from portal.assessments import change_steps, changing, enquiries, enquiry_queries, queries, replying
from portal.db import Database
from tests.portal import journey, scene
from tests.portal.world import Place


def make(database: Database, organisation: Place, company: Place) -> dict[str, uuid.UUID]:
    """By name: ``asked`` with an answered ``question``, a ``wish`` and a ``plea`` to be decided; ``taken_back``,
    ``declined``, and ``reopened``, whose second round is open."""
    ciso, owner = organisation[OrganisationRole.CISO], company[CompanyRole.OWNER]
    now = clock.now()
    names = ("Letters in", "Letters out", "Shredding", "Couriers")
    first = journey.issue(database, organisation, company, names=names[:1], vendor_name="Slate Post", now=now)
    asked = first.assessment
    others = []
    for name in names[1:]:
        found = journey.issue(
            database, organisation, company, names=(name,), vendor_name=f"Slate {name}", now=now
        )
        others.append(found.assessment)
    taken_back, declined, reopened = others
    key = next(iter(first.definition.questions))
    question = _ask(database, owner, asked, "question", "Does this cover contractors as well?", key=key)
    with database.transaction(ciso.scope) as session:
        one, _vendor = change_steps.lock(session, ciso, asked)
        row = enquiry_queries.enquiry(session, ciso, asked, question, lock=True)
        replying.answer(
            session, one, row, "Contractors count too. An estimate is fine.", actor=ciso, now=clock.now()
        )
    later = now.date() + timedelta(days=50)
    wish = _ask(database, owner, asked, "more_time", "Our auditor comes in a month.", wanted=later)
    plea = _ask(
        database,
        owner,
        asked,
        "other_person",
        "She runs security.",
        name="Ada Vale",
        email="ada@slate.example",
    )
    _change(database, ciso, taken_back, changing.cancel, text="The purchase was stopped.")
    _ask(database, owner, declined, "decline", "We no longer sell this service.")
    _change(database, ciso, declined, changing.accept_decline, text="Thank you for telling us.")
    scene.fill(database, owner, reopened, now=now)
    scene.seal(database, owner, reopened, now=now)
    _change(database, ciso, reopened, changing.reopen, due=later, text="One certificate was of another site.")
    return {
        "asked": asked,
        "question": question,
        "wish": wish,
        "plea": plea,
        "taken_back": taken_back,
        "declined": declined,
        "reopened": reopened,
    }


def _ask(
    database: Database, owner: Identity, assessment: uuid.UUID, kind: str, text: str, **more: Any
) -> uuid.UUID:
    with database.transaction(owner.scope) as session:
        one = queries.assessment(session, owner, assessment, lock=True)
        return enquiries.ask(session, one, kind=kind, text=text, actor=owner, now=clock.now(), **more).id


def _change(database: Database, ciso: Identity, assessment: uuid.UUID, what: Any, **values: Any) -> None:
    with database.transaction(ciso.scope) as session:
        one, _vendor = change_steps.lock(session, ciso, assessment)
        what(session, one, actor=ciso, now=clock.now(), **values)
