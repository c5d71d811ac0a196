"""What of an assessment a person of the company may see and answer: owners all, others what they were given.

Every page and every service of the company's side asks here, so that what was not given is not found.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, String, cast, select
from sqlalchemy.orm import Session

from portal.access import CompanyRole, Identity, mine, scoped
from portal.assessments.models import Assessment, Delegation
from portal.faults import NotFound
from questionnaires.definition import Questionnaire, Section
from questionnaires.visibility import Look


@dataclass(frozen=True, slots=True)
class Reach:
    """``keys``: the questions in reach, None = all of them. ``link``: the delegation whose link was opened."""

    keys: frozenset[str] | None = None
    link: uuid.UUID | None = None

    @property
    def whole(self) -> bool:
        return self.keys is None

    def covers(self, key: str) -> bool:
        return self.keys is None or key in self.keys

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
WHOLE = ("*",)  # the keys of a delegation of the whole assessment; no keys are nothing


def seen(identity: Identity, *, whole: bool = False) -> list[ColumnElement[bool]]:
    """What a SELECT of Assessment adds for this identity; ``whole``: only assessments that it sees all questions of.

    Owners and organisations: nothing. Contributors: what they were added to. A link: its own, until it is revoked.
    """
    if identity.role is CompanyRole.CONTRIBUTOR:
        given = select(Delegation.id).where(
            Delegation.assessment_id == Assessment.id,
            Delegation.person_id == identity.person.id,
            Delegation.token_hash.is_(None),
            Delegation.revoked_at.is_(None),
            *mine(identity.scope, Delegation),
        )
    elif identity.role is CompanyRole.DELEGATE:
        assert identity.delegated is not None
        given = select(Delegation.id).where(
            Delegation.assessment_id == Assessment.id,
            Delegation.id == identity.delegated.id,
            Delegation.revoked_at.is_(None),
            *mine(identity.scope, Delegation),
        )
    else:
        return []
    return [(given.where(cast(Delegation.keys, String) == json.dumps(WHOLE)) if whole else given).exists()]


def covered(definition: Questionnaire, keys: Collection[str]) -> frozenset[str] | None:
    """Section and question keys as question keys; None for all of them (WHOLE)."""
    if "*" in keys:
        return None
    found = set(keys) & set(definition.questions)
    for section in definition.sections:
        if section.key in keys:
            found |= {one.key for one in section.questions}
    return frozenset(found)


def reach(session: Session, identity: Identity, one: Assessment, definition: Questionnaire) -> Reach:
    """What of ``one`` is in this identity's reach; NotFound for nothing."""
    if identity.role is CompanyRole.DELEGATE:
        assert identity.delegated is not None
        if identity.delegated.assessment_id != one.id:
            raise NotFound
        return Reach(covered(definition, identity.delegated.keys), identity.delegated.id)
    if identity.role is not CompanyRole.CONTRIBUTOR:
        return EVERYTHING
    parts = [covered(definition, keys) for keys in _given(session, identity, one)]
    if not parts:
        raise NotFound
    return Reach(_union(parts))


def require(
    session: Session, identity: Identity, one: Assessment, definition: Questionnaire, key: str
) -> Reach:
    """The reach of ``identity``, which must hold the question ``key``; NotFound otherwise."""
    found = reach(session, identity, one, definition)
    if key not in definition.questions or not found.covers(key):
        raise NotFound
    return found


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
