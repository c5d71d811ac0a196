""" "Still true": an earlier answer becomes an answer of this assessment by a person's word, as if it had been typed.

What a confirmation names is looked up and judged once more: whether the source is still there, may still be offered,
and may be confirmed in this way. The content comes from the seal, never from the form.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.assessments import move_offers
from portal.assessments.answering_form import TOGETHER, Posted
from portal.assessments.drafts import EMPTY, Content, Fault
from portal.assessments.models import Assessment
from portal.assessments.service import Edit, SaveResult
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.evidence import queries as evidence
from portal.evidence import service as documents
from portal.evidence.models import EvidenceGrant
from portal.library import service as library
from questionnaires.definition import Section

GONE = "The earlier answer can no longer be taken over: it was changed or removed meanwhile. Answer the question anew."
TWICE = "You wrote an answer and pressed “Still true”. Your answer stands in the field: save it, or clear it first."


@dataclass(frozen=True)
class Stated:
    """What a press of "still true" asks to be saved: ``edits`` by the rules of saving, and what is wrong with the rest.

    ``wanted``: the keys that it settles, whose own cards say nothing. ``papers``: the documents that come along, by
    key, once the answer is saved.
    """

    wanted: frozenset[str] = frozenset()
    edits: list[Edit] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)
    papers: dict[str, list[uuid.UUID]] = field(default_factory=dict)


def confirm_posted(
    session: Session, one: Assessment, section: Section, posted: Posted, *, actor: Identity, now: datetime
) -> Stated:
    """What the buttons of a section page ask for; the caller has locked ``one``.

    ``section`` holds the questions in reach. An answer that was typed beside the button of its question is a fault,
    since it says something else; beside that of the section it stands, and is no confirmation.
    """
    pressed = {key: source for key, source in posted.confirmed.items() if section_has(section, key)}
    if not pressed or one.state != "open":
        return Stated()
    together = posted.confirm == TOGETHER
    typed = {
        key for key in pressed if posted.typed.get(key, EMPTY).state != "unanswered" or key in posted.faults
    }
    wanted = {key: source for key, source in pressed.items() if key not in typed}
    result = Stated(frozenset(wanted))
    if typed and not together:
        result.faults.update({key: Fault(answer=TWICE) for key in typed if key not in posted.faults})
    found = move_offers.everything(
        session, actor, one, library.definition(session, one.content_hash), list(wanted), now
    )
    for key, source in wanted.items():
        offered = found.get(key)
        past = offered.past(source) if offered is not None else None
        if (
            past is None
            or past.offered is None
            or (together and offered is not None and offered.chosen != past)
        ):
            result.faults[key] = Fault(answer=GONE)
            continue
        content = _merged(past.offered, posted.typed.get(key, EMPTY))
        result.edits.append(Edit(key, posted.revisions.get(key, -1), content, origin=past.submission))
        if past.papers and actor.delegated is None:
            result.papers[key] = [each.evidence for each in past.papers]
    return result


def section_has(section: Section, key: str) -> bool:
    return any(each.key == key for each in section.questions)


def _merged(offered: Content, typed: Content) -> Content:
    """The earlier answer, with the note and the promise that stand on the card already."""
    return replace(
        offered,
        note=typed.note or offered.note,
        promise_reason=typed.promise_reason,
        promise_date=typed.promise_date,
    )


def complete(
    session: Session,
    one: Assessment,
    stated: Stated,
    result: SaveResult,
    *,
    actor: Identity,
    now: datetime,
) -> list[str]:
    """After saving: lay the documents beside what was confirmed, and note it; returns the confirmed keys."""
    keys = [edit.key for edit in stated.edits if edit.key in result.saved]
    if not keys:
        return []
    _lay(session, one, {key: stated.papers.get(key, []) for key in keys}, actor, now)
    record(
        session,
        Kind.ANSWERS_CONFIRMED,
        now=now,
        actor=actor,
        company_id=one.company_id,
        data={"assessment": one.id, "keys": keys},
    )
    session.flush()
    return keys


def _lay(
    session: Session,
    one: Assessment,
    papers: Mapping[str, Iterable[uuid.UUID]],
    actor: Identity,
    now: datetime,
) -> None:
    """Documents that are still of the library, locked in the order of their ids; no more than fit beside an answer."""
    wanted = {each for some in papers.values() for each in some}
    if not wanted:
        return
    locked = evidence.locked(session, actor, wanted)
    shared = set(evidence.shared(session, actor, wanted))
    counted = session.execute(
        select(EvidenceGrant.key, func.count())
        .where(
            *mine(actor.scope, EvidenceGrant),
            EvidenceGrant.assessment_id == one.id,
            EvidenceGrant.revoked_at.is_(None),
        )
        .group_by(EvidenceGrant.key)
    )
    beside = {row[0]: row[1] for row in counted}
    for key, some in papers.items():
        room = documents.MOST_BESIDE - beside.get(key, 0)
        for each in [name for name in some if name in shared][: max(room, 0)]:
            documents.grant(
                session,
                locked[each],
                organisation_id=one.organisation_id,
                assessment_id=one.id,
                key=key,
                actor=actor,
                now=now,
            )
