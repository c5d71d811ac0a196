"""What of an assessment a person of the company may see and answer: owners all, others what they were given.

Every page and every service of the company's side asks here, so that what was not given is not found.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, scoped
from portal.assessments import queries
from portal.assessments.drafts import Draft
from portal.assessments.given import WHOLE, seen
from portal.assessments.models import Assessment, Delegation
from portal.faults import NotFound
from questionnaires.definition import Questionnaire, Section
from questionnaires.visibility import Look

__all__ = ["EVERYTHING", "WHOLE", "Reach", "covered", "reach", "require", "require_seen", "seen"]


@dataclass(frozen=True, slots=True)
class Reach:
    """``keys``: the questions that this person may answer now, None = all. ``link``: whose link was opened.

    ``given``: what the person was given to see, None = all; ``came``: what the round asks and why, None = everything.
    ``keys`` are those that are in both.
    """

    keys: frozenset[str] | None = None
    link: uuid.UUID | None = None
    given: frozenset[str] | None = None
    came: Mapping[str, str] | None = None

    @property
    def whole(self) -> bool:
        """Whether this person sees the assessment as a whole, however much of it is asked now."""
        return self.given is None

    def covers(self, key: str) -> bool:
        return self.keys is None or key in self.keys

    def sees(self, key: str) -> bool:
        """Whether the person may read the question and its answer, be it asked now or not."""
        return self.given is None or key in self.given

    def within(self, draft: Draft) -> Reach:
        """The same while ``draft`` is the draft: in a round of chosen questions it ends at what that round asks."""
        if draft.asked is None:
            return self
        came = frozenset(draft.asked)
        return replace(self, keys=came if self.given is None else came & self.given, came=draft.asked)

    def seen_section(self, section: Section) -> Section | None:
        """The section with the questions that this person sees; None when there is none."""
        questions = tuple(one for one in section.questions if self.sees(one.key))
        return replace(section, questions=questions) if questions else None

    def section(self, section: Section) -> Section | None:
        """The section with no question but those in reach; None when there is none."""
        if self.keys is None:
            return section
        questions = tuple(one for one in section.questions if one.key in self.keys)
        return replace(section, questions=questions) if questions else None

    def progress(self, look: Look, section: Section | None = None) -> tuple[int, int]:
        """(answered, asked) of the required questions in reach, of one section or of all."""
        if self.keys is None:
            return look.progress(section.key) if section else (look.answered, look.total)
        asked = look.required & self.keys
        if section is not None:
            asked &= {one.key for one in section.questions}
        return len(asked - set(look.missing)), len(asked)


EVERYTHING = Reach()


def covered(definition: Questionnaire, keys: Collection[str]) -> frozenset[str] | None:
    """Section and question keys as question keys; None for all of them (WHOLE)."""
    if "*" in keys:
        return None
    found = set(keys) & set(definition.questions)
    for section in definition.sections:
        if section.key in keys:
            found |= {one.key for one in section.questions}
    return frozenset(found)


def reach(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    now: datetime,
    draft: Draft | None = None,
) -> Reach:
    """What of ``one`` is in this identity's reach; NotFound for nothing.

    While a round of chosen questions is open it ends at what came back; ``draft``: the one of now, if it is at hand.
    """
    link = identity.delegated.id if identity.delegated else None
    given = _given_to(session, identity, one, definition)
    if one.scope_id is None or one.state != "open":
        return Reach(given, link, given)
    if draft is None:
        held = queries.rows(session, identity, one.id)
        draft = queries.draft(session, identity, definition, one, held, now)
    return Reach(given, link, given).within(draft)


def require(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    key: str,
    now: datetime,
) -> Reach:
    """The reach of ``identity``, which must hold the question ``key``; NotFound otherwise."""
    found = reach(session, identity, one, definition, now)
    if key not in definition.questions or not found.covers(key):
        raise NotFound
    return found


def require_seen(
    session: Session, identity: Identity, one: Assessment, definition: Questionnaire, key: str
) -> None:
    """Raise NotFound for a question that this identity was not given to see, be it asked now or not."""
    given = _given_to(session, identity, one, definition)
    if key not in definition.questions or not (given is None or key in given):
        raise NotFound


def _given_to(
    session: Session, identity: Identity, one: Assessment, definition: Questionnaire
) -> frozenset[str] | None:
    """The questions that a person was given, None = all of them; NotFound for nothing."""
    if identity.role is CompanyRole.DELEGATE:
        assert identity.delegated is not None
        if identity.delegated.assessment_id != one.id:
            raise NotFound
        return covered(definition, identity.delegated.keys)
    if identity.role is not CompanyRole.CONTRIBUTOR:
        return None
    parts = [covered(definition, keys) for keys in _given(session, identity, one)]
    if not parts:
        raise NotFound
    return _union(parts)


def _given(session: Session, identity: Identity, one: Assessment) -> list[list[str]]:
    """The keys of every delegation that adds this member of the company to the assessment."""
    return list(
        session.execute(
            scoped(identity, Delegation)
            .with_only_columns(Delegation.keys)
            .where(
                Delegation.assessment_id == one.id,
                Delegation.person_id == identity.person.id,
                Delegation.token_hash.is_(None),
                Delegation.revoked_at.is_(None),
            )
        ).scalars()
    )


def _union(parts: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    found: frozenset[str] = frozenset()
    for part in parts:
        if part is None:
            return None
        found |= part
    return found
