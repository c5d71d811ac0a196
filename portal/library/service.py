"""Questionnaire versions: what an organisation may issue, definitions by hash, storing and releasing."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.access import Identity, mine, scoped
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope
from portal.faults import Invalid, NotFound
from portal.library.importing import Import, ImportRefused, read_import
from portal.library.models import Definition, ReleasedVersion, RetiredVersion
from portal.remembered import Remembered
from questionnaires import catalog
from questionnaires.canonical import canonical_bytes
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.patterns import ordered

__all__ = [
    "Import",
    "ImportRefused",
    "Version",
    "available",
    "definition",
    "import_for",
    "read_import",
    "release",
]

REMEMBERED = 64
TAKEN = "You have {label} already. Give the new one another version."


@dataclass(frozen=True, slots=True)
class Version:
    """A released version that an organisation may read and issue. ``own``: it released it for itself."""

    slug: str
    version: str
    title: str
    purpose: str
    sections: int
    questions: int
    content_hash: str
    own: bool
    released_at: datetime | None = None
    report: tuple[str, ...] = ()
    change_note: str = ""
    released_by: uuid.UUID | None = None


# Definitions by content hash: frozen, and thus shared by all threads.
_definitions: Remembered[Questionnaire] = Remembered(REMEMBERED)


def available(session: Session, identity: Identity) -> list[Version]:
    """What the identity's organisation may issue: the newest version of each slug, shipped or its own, not retired."""
    retired = retired_hashes(session, identity)
    slugs = dict.fromkeys(label.split("@")[0] for label in catalog.shipped())
    found = []
    for slug in slugs:
        newest = catalog.latest(slug)
        numbers = [number for number in reversed(catalog.versions(slug)) if ordered(number) >= (1, 0, 0)]
        for number in numbers or [newest.version]:
            one = catalog.get(f"{slug}@{number}")
            if one.content_hash not in retired:
                found.append(_shipped(one))
                break
    own: dict[str, Version] = {}
    for each in own_versions(session, identity):
        if each.content_hash not in retired:
            own.setdefault(each.slug, each)
    return sorted([*found, *own.values()], key=lambda one: (one.own, one.title.casefold(), one.slug))


def retired_hashes(session: Session, identity: Identity) -> frozenset[str]:
    """Content hashes of the versions that the organisation issues no longer."""
    statement = select(RetiredVersion.content_hash).where(*mine(identity.scope, RetiredVersion))
    return frozenset(session.scalars(statement))


def own_versions(session: Session, identity: Identity) -> list[Version]:
    """Every version that the organisation has released for itself, newest version of each slug first."""
    return own_versions_in(session, identity.scope)


def own_versions_in(session: Session, scope: Scope) -> list[Version]:
    """``own_versions`` of the organisation of a scope, for the command line."""
    rows = session.execute(select(ReleasedVersion).where(*mine(scope, ReleasedVersion))).scalars()
    found = [_own(row) for row in rows]
    found.sort(key=lambda one: ordered(one.version), reverse=True)
    return sorted(found, key=lambda one: one.slug)


def shipped_versions() -> list[Version]:
    """Every version that comes with the portal, by slug and rising version."""
    return [_shipped(catalog.get(label)) for label in catalog.shipped()]


def version(session: Session, identity: Identity, slug: str, number: str) -> Version:
    """A version by name: one of the organisation's own, or any shipped one. Raises NotFound."""
    statement = scoped(identity, ReleasedVersion).where(
        ReleasedVersion.slug == slug, ReleasedVersion.version == number
    )
    row = session.execute(statement).scalar_one_or_none()
    if row is not None:
        return _own(row)
    try:
        return _shipped(catalog.get(f"{slug}@{number}"))
    except catalog.UnknownQuestionnaire:
        raise NotFound from None


def issuable(session: Session, identity: Identity, content_hash: str) -> Version:
    """The version with this hash that can be issued: what is available, or an earlier shipped release.

    Pages offer the newest; who compares the vendors of one round may keep them on one release. A version before
    1.0.0 was never released. Raises Invalid at the field ``questionnaire``.
    """
    earlier = catalog.by_hash(content_hash)
    known = available(session, identity)
    retired = retired_hashes(session, identity)
    if earlier is not None and ordered(earlier.version) >= (1, 0, 0) and content_hash not in retired:
        known.append(_shipped(earlier))
    for one in known:
        if one.content_hash == content_hash and one.purpose != "intake":
            return one
    raise Invalid(errors={"questionnaire": "Choose a questionnaire from the list."})


def definition(session: Session, content_hash: str) -> Questionnaire:
    """The definition with this hash, parsed once in a process. Raises NotFound.

    The caller has the hash from a row of its own tenant or from ``available``; a hash from an address is no
    proof.
    """

    def make() -> Questionnaire:
        stored = session.execute(
            select(Definition.canonical).where(Definition.content_hash == content_hash)
        ).scalar_one_or_none()
        found = parse_json(stored, content_hash) if stored is not None else catalog.by_hash(content_hash)
        if found is None:
            raise NotFound
        return found

    return _definitions.get(content_hash, make)


def store(session: Session, found: Questionnaire, *, now: datetime, actor: Identity | None) -> None:
    """Keep the canonical bytes of a version that is issued or released, once for the whole installation."""
    known = select(Definition.content_hash).where(Definition.content_hash == found.content_hash)
    if session.execute(known).first() is not None:
        return
    try:
        with session.begin_nested():
            session.add(
                Definition(content_hash=found.content_hash, canonical=canonical_bytes(found), stored_at=now)
            )
    except IntegrityError:
        return  # another transaction has stored the same bytes meanwhile
    data = {"hash": found.content_hash, "slug": found.slug, "version": found.version}
    record(session, Kind.DEFINITION_STORED, now=now, actor=actor, data=data)


def release(
    session: Session,
    organisation_id: uuid.UUID,
    found: Import,
    *,
    now: datetime,
    actor: Identity | None,
    change_note: str = "",
    previous_hash: str | None = None,
) -> ReleasedVersion:
    """Release what was read or written for one organisation. Raises Invalid when it has this version already."""
    questionnaire = found.definition
    taken = TAKEN.format(label=questionnaire.label)
    here = select(ReleasedVersion.id).where(
        ReleasedVersion.organisation_id == organisation_id,
        ReleasedVersion.slug == questionnaire.slug,
        ReleasedVersion.version == questionnaire.version,
    )
    if session.execute(here).first() is not None:
        raise Invalid(taken)
    store(session, questionnaire, now=now, actor=actor)
    row = ReleasedVersion(
        id=uuid.uuid4(),
        organisation_id=organisation_id,
        slug=questionnaire.slug,
        version=questionnaire.version,
        title=questionnaire.title,
        purpose=questionnaire.purpose,
        sections=len(questionnaire.sections),
        questions=len(questionnaire.questions),
        source_format=found.source_format,
        report=list(found.report),
        content_hash=questionnaire.content_hash,
        released_at=now,
        released_by=actor.person.id if actor else None,
        change_note=change_note,
        previous_hash=previous_hash,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Invalid(taken) from None
    data = {"hash": row.content_hash, "slug": row.slug, "version": row.version, "format": row.source_format}
    record(session, Kind.QUESTIONNAIRE_RELEASED, now=now, actor=actor, subject=row, data=data)
    return row


def import_for(
    session: Session,
    organisation_id: uuid.UUID,
    data: bytes,
    source_format: str,
    *,
    slug: str,
    version: str = "1.0.0",
    now: datetime,
    actor: Identity | None,
) -> tuple[ReleasedVersion, Import]:
    """Read a file and release it for one organisation under keys ``own.<slug>.*``; the import holds the report.

    Raises ImportRefused as ``read_import``, Invalid as ``release``. Large files are better read before the
    transaction: ``release(session, organisation_id, read_import(...), ...)``.
    """
    found = read_import(data, source_format, slug=slug, version=version)
    return release(session, organisation_id, found, now=now, actor=actor), found


def _shipped(found: Questionnaire) -> Version:
    return Version(
        found.slug,
        found.version,
        found.title,
        found.purpose,
        len(found.sections),
        len(found.questions),
        found.content_hash,
        own=False,
    )


def _own(row: ReleasedVersion) -> Version:
    return Version(
        row.slug,
        row.version,
        row.title,
        row.purpose,
        row.sections,
        row.questions,
        row.content_hash,
        own=True,
        released_at=row.released_at,
        report=tuple(row.report),
        change_note=row.change_note,
        released_by=row.released_by,
    )
