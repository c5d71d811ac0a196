"""What two versions are called in an address, which an identity may compare, and what differs between them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.faults import Conflict, NotFound
from portal.library import draft_checks, draft_queries, service
from portal.library.models import QuestionnaireDraft
from questionnaires import catalog
from questionnaires.changes import Diff, diff
from questionnaires.definition import Questionnaire
from questionnaires.patterns import LABEL, ordered


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: ``name`` stands in the address, ``label`` on the page; a draft has its id."""

    name: str
    label: str
    draft: uuid.UUID | None = None
    released_at: datetime | None = None


class DraftFaulty(Conflict):
    """A draft with faults cannot be compared, tried or released; ``draft`` is its id."""

    def __init__(self, draft: uuid.UUID, faults: int) -> None:
        what = "one fault" if faults == 1 else f"{faults} faults"
        super().__init__(f"The draft has {what}. Mend what its pages show, then come back here.")
        self.draft = draft


def sides(session: Session, identity: Identity, slug: str) -> list[Side]:
    """What the versions of a slug can be compared with, oldest first: each other, their bases, open drafts of it.

    Raises NotFound for a slug of which the identity's organisation may read nothing.
    """
    labels = [f"{slug}@{number}" for number in catalog.versions(slug)]
    own = [one for one in service.own_versions(session, identity) if one.slug == slug]
    readable = draft_queries.drafts(session, identity) if identity.may(Permission.SEE_FORESIGHT) else []
    drafts = [one for one in readable if one.slug == slug]
    bases = {one.based_on for one in drafts} | {
        service.definition(session, one.content_hash).based_on for one in own
    }
    for base in sorted(filter(None, bases)):
        name = base.split("@")[0]
        if name != slug:
            labels += [f"{name}@{number}" for number in catalog.versions(name)]
    found = [Side(label, label) for label in dict.fromkeys(labels)]
    found += [
        Side(f"{slug}@{one.version}", f"{slug}@{one.version}", released_at=one.released_at)
        for one in sorted(own, key=lambda one: ordered(one.version))
    ]
    found += [Side(str(one.id), one.title, draft=one.id) for one in drafts]
    if not found:
        raise NotFound
    return found


def side_of(session: Session, identity: Identity, name: str) -> Callable[[], Questionnaire]:
    """How to get the definition that a name in an address means. Raises NotFound for what is not the identity's."""
    if LABEL.fullmatch(name):
        slug, _, number = name.partition("@")
        content_hash = service.version(session, identity, slug, number).content_hash
        return lambda: service.definition(session, content_hash)
    try:
        if not identity.may(Permission.SEE_FORESIGHT):
            raise NotFound
        row = draft_queries.draft(session, identity, uuid.UUID(name))
    except ValueError:
        raise NotFound from None
    return lambda: sound(session, identity, row)


def known(session: Session, identity: Identity, label: str) -> Questionnaire | None:
    """The version with this label, if the identity may read one."""
    try:
        return side_of(session, identity, label)()
    except NotFound:
        return None


def sound(session: Session, identity: Identity, row: QuestionnaireDraft) -> Questionnaire:
    """The definition of a draft without faults, slow the first time; its number is set at the release.

    Raises DraftFaulty.
    """
    checked = draft_checks.checked(session, identity, row)
    wrong = [one for one in checked.errors if one.section or one.question or one.field != "version"]
    if checked.definition is None or wrong:
        raise DraftFaulty(row.id, max(1, len(wrong)))
    return checked.definition


def compare(session: Session, identity: Identity, old: Questionnaire, new: Questionnaire) -> Diff:
    """What differs; renamed questions are followed through the versions of the line that lie between."""
    return diff(old, new, between(session, identity, old, new))


def between(
    session: Session, identity: Identity, old: Questionnaire, new: Questionnaire
) -> list[Questionnaire]:
    """The released versions of one questionnaire between two of it; none where they are two questionnaires."""
    if old.slug != new.slug:
        return []
    own = {
        one.version: one.content_hash
        for one in service.own_versions(session, identity)
        if one.slug == new.slug
    }
    return [
        service.definition(session, own[number]) if number in own else catalog.get(f"{new.slug}@{number}")
        for number in sorted({*own, *catalog.versions(new.slug)}, key=ordered)
        if ordered(old.version) < ordered(number) < ordered(new.version)
    ]


def usual(found: list[Side], to: str) -> tuple[str, str]:
    """(from, to) where an address leaves them open: the newest version and the one before it."""
    names = [one.name for one in found]
    released = [one.name for one in found if one.draft is None]
    to = to or (released or names)[-1]
    earlier = [name for name in released if name != to]
    if to in released:
        earlier = released[: released.index(to)] or earlier
    return (earlier or [to])[-1], to
