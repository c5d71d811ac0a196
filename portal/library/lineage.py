"""Which versions lie between two of one questionnaire, and under which keys its questions were asked before."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.db import across
from portal.library import service
from portal.library.models import ReleasedVersion
from portal.remembered import Remembered
from questionnaires import catalog
from questionnaires.definition import Questionnaire
from questionnaires.patterns import ordered

# Versions between two released ones never change: a later release has a higher number than all before it.
_between: Remembered[tuple[Questionnaire, ...]] = Remembered(256)
_former: Remembered[dict[str, frozenset[str]]] = Remembered(64)


def is_shipped(definition: Questionnaire) -> bool:
    """Whether the portal brings this version along; if not, one organisation has released it for itself."""
    label = definition.label
    return label in catalog.shipped() and catalog.get(label).content_hash == definition.content_hash


def between(
    session: Session, organisation_id: uuid.UUID, old: Questionnaire, new: Questionnaire
) -> tuple[Questionnaire, ...]:
    """The versions released between two of one line, rising; none where they are not of one line.

    ``organisation_id``: whose line it is, if they are an organisation's own.
    """
    if old.slug != new.slug or old.content_hash == new.content_hash:
        return ()
    shipped = is_shipped(old) and is_shipped(new)
    owner = None if shipped else organisation_id
    return _between.get(
        (owner, old.content_hash, new.content_hash), lambda: _find(session, owner, old.slug, old, new)
    )


def former_keys(
    session: Session, organisation_id: uuid.UUID, definition: Questionnaire, keys: Iterable[str]
) -> frozenset[str]:
    """``keys``, and every key that one of these questions had in an earlier version.

    ``organisation_id``: whose version it is, if it is an organisation's own.
    """
    owner = None if is_shipped(definition) else organisation_id
    known = _former.get(
        (owner, definition.content_hash),
        lambda: _descents(definition, _line(session, owner, definition.slug)),
    )
    found = set(keys)
    waiting = list(found)
    while waiting:
        for earlier in known.get(waiting.pop(), ()):
            if earlier not in found:
                found.add(earlier)
                waiting.append(earlier)
    return frozenset(found)


def _find(
    session: Session, owner: uuid.UUID | None, slug: str, old: Questionnaire, new: Questionnaire
) -> tuple[Questionnaire, ...]:
    low, high = sorted((ordered(old.version), ordered(new.version)))
    line = _line(session, owner, slug)
    return tuple(one for one in line if low < ordered(one.version) < high)


def _line(session: Session, owner: uuid.UUID | None, slug: str) -> tuple[Questionnaire, ...]:
    """Every version of a questionnaire, rising: those shipped, or those that ``owner`` has released."""
    if owner is None:
        return tuple(catalog.get(f"{slug}@{one}") for one in catalog.versions(slug))
    rows = session.execute(
        select(ReleasedVersion.version, ReleasedVersion.content_hash).where(
            ReleasedVersion.organisation_id == owner, ReleasedVersion.slug == slug
        ),
        execution_options=across(
            "a company is asked a version: the line that it belongs to names its questions"
        ),
    ).all()
    hashes = [row.content_hash for row in sorted(rows, key=lambda row: ordered(row.version))]
    return tuple(service.definition(session, one) for one in hashes)


def _descents(definition: Questionnaire, line: Iterable[Questionnaire]) -> dict[str, frozenset[str]]:
    """The keys that each question replaces, by the word of this version, its line and all shipped ones."""
    found: dict[str, set[str]] = {}
    for one in (definition, *line, *map(catalog.get, catalog.shipped())):
        for key, question in one.questions.items():
            for claim in question.formerly:
                found.setdefault(key, set()).add(claim.partition("@")[0])
    return {key: frozenset(names) for key, names in found.items()}
