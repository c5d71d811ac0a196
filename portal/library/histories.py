"""What a version of an organisation's own is held against: its line's releases, its other lines, what is shipped."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.db import Scope
from portal.library import service
from questionnaires import catalog
from questionnaires.checking import check_own
from questionnaires.definition import Questionnaire
from questionnaires.faults import Fault
from questionnaires.patterns import ordered

Spoilt = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class History:
    """``line``: the organisation's releases of one slug, rising; ``others``: the newest of each of its other slugs."""

    line: tuple[Questionnaire, ...]
    others: tuple[Questionnaire, ...]

    @property
    def hashes(self) -> frozenset[str]:
        """What tells one state of the history from another."""
        return frozenset(one.content_hash for one in (*self.line, *self.others))

    @property
    def newest(self) -> Questionnaire | None:
        """The organisation's own latest release of the slug."""
        return self.line[-1] if self.line else None


def history(session: Session, identity: Identity, slug: str) -> History:
    """The history that a version called ``slug`` belongs to."""
    return history_in(session, identity.scope, slug)


def history_in(session: Session, scope: Scope, slug: str) -> History:
    """``history`` in the organisation of a scope, for the command line."""
    line: list[Questionnaire] = []
    newest: dict[str, Questionnaire] = {}
    for one in service.own_versions_in(session, scope):  # the newest of each slug comes first
        if one.slug == slug:
            line.append(service.definition(session, one.content_hash))
        elif one.slug not in newest:
            newest[one.slug] = service.definition(session, one.content_hash)
    return History(tuple(sorted(line, key=lambda one: ordered(one.version))), tuple(newest.values()))


def newest(session: Session, identity: Identity, slug: str) -> service.Version | None:
    """The organisation's own latest release of a slug."""
    return next((one for one in service.own_versions(session, identity) if one.slug == slug), None)


def origin(
    session: Session, identity: Identity, definition: Questionnaire, source_format: str
) -> service.Version | None:
    """The own release that the content of a file goes on from; None where there is none of its slug.

    A file says it by its number: that release or the last before it, the oldest where all are later. So what was
    released behind it is never lost unseen; at worst it is merged without need. VSAQ has no numbers: such a file
    replaces the newest.
    """
    line = [one for one in service.own_versions(session, identity) if one.slug == definition.slug]
    if not line:
        return None
    if source_format == "vsaq":
        return line[0]
    return next((one for one in line if ordered(one.version) <= ordered(definition.version)), line[-1])


def faults(definition: Questionnaire, known: History, spoilt: Spoilt = frozenset()) -> list[Fault]:
    """Every fault and warning of an own version, shipped keys and its own history considered. Takes some time."""
    shipped = [catalog.get(label) for label in catalog.shipped()]
    return check_own(definition, line=known.line, others=known.others, shipped=shipped, spoilt=spoilt)
