"""From a draft to a version that never changes; versions that are issued no longer, and taken up again."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.access import Identity, mine
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import Scope
from portal.faults import Conflict, Invalid
from portal.library import diffing, draft_checks, draft_queries, histories, naming, parts, service
from portal.library.histories import History
from portal.library.importing import Import, ImportRefused
from portal.library.models import QuestionnaireDraft, ReleasedVersion, RetiredVersion
from portal.library.service import Version
from portal.organisations.models import Organisation
from questionnaires.canonical import canonical_json
from questionnaires.changes import Diff
from questionnaires.definition import Questionnaire
from questionnaires.parsing import parse_json
from questionnaires.patterns import VERSION, ordered
from questionnaires.version_numbers import Suggestion, suggest_version

LONGEST_NOTE = 4_000
FIRST = "It is the first release of this questionnaire."
MERGE_FIRST = (
    "{label} is released, and this draft does not go on from it. Take over what it changed, or say on the release page "
    "that the draft is to go without."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a release would be: the draft as it stands, the number that fits, and what it is compared with.

    ``diff`` is None where there is nothing to compare with: a questionnaire that began empty.
    """

    definition: Questionnaire
    suggestion: Suggestion
    diff: Diff | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A draft under the number of its release, sound, and what it was held against."""

    definition: Questionnaire
    revision: int
    history: frozenset[str]
    newest: str | None


def open_conflicts(row: QuestionnaireDraft) -> list[dict[str, Any]]:
    """What a merge has left to decide."""
    found: list[dict[str, Any]] = json.loads(row.conflicts)
    return found


def propose(session: Session, identity: Identity, row: QuestionnaireDraft) -> Proposal:
    """Slow the first time. Raises DraftFaulty while the draft has faults other than its number."""
    history = histories.history(session, identity, row.slug)
    document = draft_queries.document_of(row)
    number = naming.next_version(one.version for one in history.line)
    checked = draft_checks.check_bytes(parts.encoded({**document, "version": number}), history)
    if checked.definition is None or checked.errors:
        raise diffing.DraftFaulty(row.id, max(1, len(checked.errors)))
    before = history.newest or _base(session, identity, checked.definition)
    if before is None:
        return Proposal(checked.definition, Suggestion("1.0.0", "major", (FIRST,)), None)
    found = diffing.compare(session, identity, before, checked.definition)
    if history.newest is None:
        return Proposal(checked.definition, Suggestion("1.0.0", "major", (FIRST,)), found)
    return Proposal(checked.definition, suggest_version(found), found)


def _base(session: Session, identity: Identity, definition: Questionnaire) -> Questionnaire | None:
    if definition.based_on is None:
        return None
    return diffing.known(session, identity, definition.based_on)


def check(session: Session, identity: Identity, row: QuestionnaireDraft, number: str) -> Checked:
    """Check a draft under the number of its release, before the transaction that releases it.

    Raises Invalid at ``version``, DraftFaulty, Conflict while conflicts of a merge are open.
    """
    if open_conflicts(row):
        raise Conflict("A merge has left conflicts in this draft. Settle them first.")
    if not VERSION.fullmatch(number):
        raise Invalid(errors={"version": "Write three numbers such as 1.2.0."})
    history = histories.history(session, identity, row.slug)
    _check_number(number, history)
    newest = history.newest
    document = {**draft_queries.document_of(row), "version": number}
    checked = draft_checks.check_bytes(parts.encoded(document), history)
    if checked.definition is None or checked.errors:
        raise diffing.DraftFaulty(row.id, max(1, len(checked.errors)))
    # Bytes are what is released: what they parse to is what was checked.
    definition = parse_json(canonical_json(document), row.slug)
    return Checked(definition, row.revision, history.hashes, newest.content_hash if newest else None)


def _check_number(number: str, history: History) -> None:
    newest = history.newest
    if newest is not None and ordered(number) <= ordered(newest.version):
        raise Invalid(errors={"version": f"{newest.version} is released. Write a higher number."})


def overtaken(session: Session, identity: Identity, row: QuestionnaireDraft) -> Version | None:
    """The newest own release, where the draft goes on from another one or from none: releasing takes it back."""
    newest = histories.newest(session, identity, row.slug)
    return newest if newest is not None and newest.content_hash != row.previous_hash else None


def release(
    session: Session,
    row: QuestionnaireDraft,
    checked: Checked,
    *,
    note: str,
    seen: int,
    without: str = "",
    actor: Identity,
    now: datetime,
) -> ReleasedVersion:
    """Release a locked draft as it was checked; ``seen`` is the revision that the person has read.

    ``without``: hash of the newest release where the person has said that its changes are to go. Raises Conflict when
    the draft, or what it follows, has moved on; Invalid at ``note``.
    """
    if not note:
        raise Invalid(errors={"note": "Say in a few words what changed, and why. Your colleagues read it."})
    if len(note) > LONGEST_NOTE:
        raise Invalid(errors={"note": f"Write at most {LONGEST_NOTE:,} characters."})
    if row.revision not in (seen, checked.revision) or seen != checked.revision:
        raise Conflict("Somebody changed this draft since you read it. Look at it again, then release.")
    _lock_organisation(session, actor.scope)
    history = histories.history(session, actor, row.slug)
    newest = history.newest
    if newest is not None and newest.content_hash not in (row.previous_hash, without):
        raise Conflict(MERGE_FIRST.format(label=newest.label))
    if history.hashes != checked.history:
        raise Conflict(
            "Another questionnaire of yours was released at this moment. Please release once more."
        )
    released = service.release(
        session,
        row.organisation_id,
        Import(checked.definition, row.source_format, tuple(row.report)),
        now=now,
        actor=actor,
        change_note=note,
        previous_hash=row.previous_hash,
    )
    row.state = "released"
    row.released_hash = released.content_hash
    row.changed_by, row.changed_at = actor.person.id, now
    session.flush()
    return released


def check_file(session: Session, scope: Scope, found: Import) -> frozenset[str]:
    """What ``check`` asks of a draft, of a file that the command line releases as it is, before the transaction.

    Returns what it was held against, for ``release_file``. Raises Invalid.
    """
    definition = found.definition
    history = histories.history_in(session, scope, definition.slug)
    if definition.version in {one.version for one in history.line}:
        raise Invalid(service.TAKEN.format(label=definition.label))
    _check_number(definition.version, history)
    wrong = [one for one in histories.faults(definition, history) if one.severity == "error"]
    if wrong:
        raise ImportRefused(tuple(map(str, wrong)))
    return history.hashes


def release_file(
    session: Session, scope: Scope, found: Import, held: frozenset[str], *, now: datetime
) -> ReleasedVersion:
    """Release what ``check_file`` has checked; by its higher number it follows the newest. Raises Conflict."""
    assert scope.organisation_id is not None
    _lock_organisation(session, scope)
    history = histories.history_in(session, scope, found.definition.slug)
    if history.hashes != held:
        raise Conflict("Another questionnaire was released at this moment. Import the file once more.")
    previous = history.newest.content_hash if history.newest else None
    return service.release(session, scope.organisation_id, found, now=now, actor=None, previous_hash=previous)


def _lock_organisation(session: Session, scope: Scope) -> None:
    """Two versions of one questionnaire are released one after the other."""
    statement = select(Organisation.id).where(*mine(scope, Organisation)).with_for_update()
    session.execute(statement).scalar_one()


# --------------------------------------------------------------------------------------------------------- retired


def retire(session: Session, found: Version, *, actor: Identity, now: datetime) -> None:
    """Issue a version no longer; everything that runs on it goes on. Nothing happens when it is retired already."""
    assert actor.organisation is not None
    if found.purpose == "intake":
        raise Conflict("The intake cannot be retired: every engagement begins with it.")
    _lock_organisation(session, actor.scope)
    if found.content_hash in service.retired_hashes(session, actor):
        return
    row = RetiredVersion(
        id=uuid.uuid4(),
        organisation_id=actor.organisation.id,
        content_hash=found.content_hash,
        retired_at=now,
        retired_by=actor.person.id,
    )
    session.add(row)
    session.flush()
    record(session, Kind.VERSION_RETIRED, now=now, actor=actor, subject=row, data=_codes(found))


def bring_back(session: Session, found: Version, *, actor: Identity, now: datetime) -> None:
    """Issue a retired version again."""
    _lock_organisation(session, actor.scope)
    if found.content_hash not in service.retired_hashes(session, actor):
        return
    session.execute(
        delete(RetiredVersion).where(
            *mine(actor.scope, RetiredVersion), RetiredVersion.content_hash == found.content_hash
        )
    )
    record(session, Kind.VERSION_BROUGHT_BACK, now=now, actor=actor, data=_codes(found))


def _codes(found: Version) -> dict[str, str]:
    return {"hash": found.content_hash, "slug": found.slug, "version": found.version}
