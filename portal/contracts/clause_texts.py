"""The organisation's own clause texts, in versions; the newest is used, and a contract names the one that it holds."""

from __future__ import annotations

import re
import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import sealing
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.contracts.clause_queries import clause_versions
from portal.contracts.schedule_models import ClauseText, ClauseWords
from portal.faults import Conflict, Invalid, NotFound
from portal.organisations.models import Organisation
from portal.vendors.ground import every_ground_moved
from questionnaires import requirements
from questionnaires.requirements import Requirement

LONGEST = 8000
PLACES = ("{organisation}", "{vendor}", "{value}")
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def requirement(key: str) -> Requirement:
    """The shipped requirement; NotFound for a key that the catalogue does not hold."""
    found = requirements.load().get(key)
    if found is None:
        raise NotFound
    return found


def check(text: str) -> str | None:
    """What is wrong with a clause, as a sentence; None for a sound one, and for an empty one (the shipped text)."""
    if len(text) > LONGEST:
        return f"Write at most {LONGEST} characters."
    strange = next((one for one in _BRACES.findall(text) if one not in PLACES), None)
    if strange is not None:
        return f"“{strange[:40]}” is no place that is filled in. There are {', '.join(PLACES)}."
    return None


def save(
    session: Session, key: str, text: str, *, base: int, actor: Identity, now: datetime
) -> ClauseText | None:
    """A new version over version ``base`` (0: the shipped text); "" goes back to the shipped text. None: no change.

    Raises NotFound, Invalid (field text), Conflict when somebody saved another version meanwhile.
    """
    shipped = requirement(key).clause
    fault = check(text)
    if fault is not None:
        raise Invalid(errors={"text": fault})
    organisation_id = session.execute(  # whoever saves clauses takes turns
        select(Organisation.id).where(*mine(actor.scope, Organisation)).with_for_update()
    ).scalar_one()
    versions = clause_versions(session, actor, key)
    newest, held = versions[0] if versions else (None, None)
    own = "" if text == shipped else text
    if own == (held or ""):
        return None
    if (newest.sequence if newest is not None else 0) != base:
        raise Conflict("Somebody else has saved this clause meanwhile. Look at theirs before you save yours.")
    every_ground_moved(session, organisation_id)
    sealed = sealing.seal(own)
    row = ClauseText(
        id=uuid.uuid4(),
        organisation_id=organisation_id,
        key=key,
        sequence=base + 1,
        shipped=not own,
        commitment=sealed.commitment,
        created_at=now,
        created_by=actor.person.id,
    )
    session.add(row)
    session.flush()
    session.add(
        ClauseWords(clause_id=row.id, organisation_id=organisation_id, salt=sealed.salt, words=sealed.data)
    )
    data = {"key": key, "sequence": row.sequence, "shipped": row.shipped}
    record(session, Kind.CLAUSE_SAVED, now=now, actor=actor, subject=row, data=data)
    session.flush()
    return row
