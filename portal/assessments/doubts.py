"""What the asking organisation's reviewers did not believe, as its vendor may read it: shown where an earlier answer is
offered again, and never confirmed together with others.

Marks are a later feature's (review); it registers here who reads them, so that offers and confirmations cannot forget
to ask.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from portal.access import Identity


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mark against an answer, or against a document beside it ("refused").

    ``points``: of a grade. ``reason``: what the vendor reads; "" once it was destroyed. ``stands``: False where the
    answer was changed afterwards and nobody judged it again.
    """

    mark: Literal["challenged", "disproved", "graded", "refused"]
    points: int | None
    reason: str
    at: datetime
    stands: bool = True


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A submission whose answers are offered. ``marks``: of its newest rating; ``heirs``: its keys to those of now."""

    submission: uuid.UUID
    at: datetime
    marks: Mapping[str, Any]
    heirs: Mapping[str, str]


# (session, identity, organisation, submissions) -> by submission and key; of no other organisation.
Reader = Callable[
    [Session, Identity, uuid.UUID, Collection[uuid.UUID]], Mapping[uuid.UUID, Mapping[str, Doubt]]
]


def _nobody(
    session: Session, identity: Identity, organisation_id: uuid.UUID, submissions: Collection[uuid.UUID]
) -> Mapping[uuid.UUID, Mapping[str, Doubt]]:
    return {}


_readers: list[Reader] = [_nobody]


def register(reader: Reader) -> None:
    """Who reads marks from now on; called once, by features.py."""
    _readers[:] = [reader]


def doubted(
    session: Session, identity: Identity, organisation_id: uuid.UUID, sources: Iterable[Reviewed]
) -> dict[str, Doubt]:
    """By question of now: the newest judgement of its earlier answers, where that spoke against one."""
    newest = sorted(sources, key=lambda one: one.at, reverse=True)
    if not newest:
        return {}
    said = _readers[0](session, identity, organisation_id, [one.submission for one in newest])
    found: dict[str, Doubt | None] = {}
    for one in newest:
        against = said.get(one.submission, {})
        for key in (*against, *one.marks):
            heir = one.heirs.get(key)
            if heir is not None:
                found.setdefault(heir, against.get(key))
    return {key: doubt for key, doubt in found.items() if doubt is not None}
