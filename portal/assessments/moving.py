"""An open assessment goes over to another version of its questionnaire, or back; nothing that was written is lost.

The organisation asks (``ask``, ``undo``); the worker applies (``apply_asked``): the answers are the company's alone.
A question that asks the same keeps its answer, under its new key if it was renamed. Every other answer gives way to a
blank revision and is shown beside, as offers.py works it out. A way back rests on which revisions a move has written,
never on times: what nobody has touched since is restored as it was.
"""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity, Person, Tenant
from portal.assessments import change_steps, move_answers, move_queries, workbook_uploads
from portal.assessments.models import Assessment
from portal.assessments.move_queries import APPLIED, ASKED, LAPSED
from portal.assessments.version_models import AssessmentMove
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import SYSTEM, Database, Scope
from portal.faults import Conflict, Invalid
from portal.library import service as library
from portal.organisations import queries as organisations
from portal.vendors.models import Vendor
from questionnaires.patterns import ordered

log = logging.getLogger("portal.moving")
A_DAY = timedelta(days=1)
OFTEN = (
    "This assessment was moved within the last day. Its people need time to see that: move it again tomorrow."
)
WAITS = "A move of this assessment is under way. Look again in a minute."
FOLLOWING = (
    "Answers to questions that ask the same stay as they are. Those to reworded questions wait for your “still true”, "
    "and what is asked anew waits for an answer. Nothing that you wrote is lost."
)
BACK = "Your answers are back as they were. What you wrote meanwhile is kept, and shown where it can be used."


def targets(session: Session, actor: Identity, one: Assessment) -> list[library.Version]:
    """The versions that an assessment may be moved to: those of its line that can be issued and are higher."""
    here = ordered(one.version)
    return [
        each
        for each in library.available(session, actor)
        if each.slug == one.slug and ordered(each.version) > here and each.purpose != "intake"
    ]


def ask(
    session: Session, one: Assessment, number: str, *, text: str, actor: Identity, now: datetime
) -> AssessmentMove:
    """Ask for a move to version ``number``, with words for the vendor. The caller has locked ``one``.

    Raises Conflict (not open, one under way, too often), Invalid at ``version`` or ``text``.
    """
    change_steps.require_open(one)
    _require_whole(one)
    text = change_steps.sound_text(text, "Say in a sentence why. The vendor reads it.")
    wanted = next((each for each in targets(session, actor, one) if each.version == number), None)
    if wanted is None:
        raise Invalid(errors={"version": "Choose a version from the list."})
    earlier = move_queries.moves(session, actor, one.id)
    _require_quiet(earlier)
    if any(each.undoes is None and each.state == APPLIED and now - each.asked_at < A_DAY for each in earlier):
        raise Conflict(OFTEN)
    target = library.version(session, actor, wanted.slug, wanted.version)
    library.store(session, library.definition(session, target.content_hash), now=now, actor=actor)
    return _write(session, one, target.content_hash, None, text, actor, now)


def undoable(earlier: list[AssessmentMove], one: Assessment) -> AssessmentMove | None:
    """The move that can be taken back: the newest applied one, if it is not itself a way back."""
    applied = [each for each in earlier if each.state == APPLIED]
    if one.state != "open" or not applied or applied[0].undoes is not None:
        return None
    return applied[0] if applied[0].to_hash == one.content_hash else None


def undo(session: Session, one: Assessment, *, text: str, actor: Identity, now: datetime) -> AssessmentMove:
    """Ask that the newest move is taken back. The caller has locked ``one``. Raises Conflict, Invalid at ``text``."""
    change_steps.require_open(one)
    _require_whole(one)
    text = change_steps.sound_text(text, "Say in a sentence why. The vendor reads it.")
    earlier = move_queries.moves(session, actor, one.id)
    _require_quiet(earlier)
    found = undoable(earlier, one)
    if found is None:
        raise Conflict("There is no move that can be taken back.")
    return _write(session, one, found.from_hash, found.id, text, actor, now)


def _require_whole(one: Assessment) -> None:
    """What did not come back stands as it was answered, and that is by the version of then."""
    if one.scope_id is not None:
        raise Conflict(
            "Chosen questions of this assessment are with the vendor. Take the return back first, or wait until they "
            "are submitted and reopen it as a whole."
        )


def _require_quiet(earlier: list[AssessmentMove]) -> None:
    if any(each.state == ASKED for each in earlier):
        raise Conflict(WAITS)


def _write(
    session: Session,
    one: Assessment,
    to_hash: str,
    undoes: uuid.UUID | None,
    text: str,
    actor: Identity,
    now: datetime,
) -> AssessmentMove:
    row = AssessmentMove(
        id=uuid.uuid4(),
        organisation_id=one.organisation_id,
        company_id=one.company_id,
        assessment_id=one.id,
        from_hash=one.content_hash,
        to_hash=to_hash,
        undoes=undoes,
        state=ASKED,
        asked_by=actor.person.id,
        asked_at=now,
    )
    session.add(row)
    change_steps.notice(session, one, text, actor, now)
    version = library.definition(session, to_hash).version
    data = {"version": version, "back": undoes is not None}
    record(session, Kind.ASSESSMENT_MOVE_ASKED, now=now, actor=actor, subject=one, data=data)
    session.flush()
    return row


# ------------------------------------------------------------------------------------------------------ the worker


def apply_asked(database: Database, *, now: datetime) -> int:
    """Apply every move that is asked for, each in a transaction of its own; returns how many were.

    One that fails stays asked for, is logged, and is tried again at the next pass; it holds up no other.
    """
    with database.looking(SYSTEM) as session:
        waiting = session.execute(
            select(AssessmentMove.id, AssessmentMove.organisation_id, AssessmentMove.assessment_id)
            .where(AssessmentMove.state == ASKED)
            .order_by(AssessmentMove.asked_at, AssessmentMove.id)
        ).all()
        companies = {
            row.id: session.scalar(select(Assessment.company_id).where(Assessment.id == row.assessment_id))
            for row in waiting
        }
    done = 0
    for row in waiting:
        scope = Scope(organisation_id=row.organisation_id, company_id=companies[row.id])
        try:
            with database.transaction(scope) as session:
                done += apply(session, row.id, scope, now=now)
        except Exception:  # whatever is wrong with one assessment is no reason to keep the others waiting
            log.exception("the move %s of assessment %s failed", row.id, row.assessment_id)
    return done


def apply(session: Session, move_id: uuid.UUID, scope: Scope, *, now: datetime) -> bool:
    """Apply one move, in the scope of both sides; False when there was nothing to do (any more).

    Locks as joining does, the vendor first: who joins meanwhile finds the assessment before or after, never between.
    """
    here = AssessmentMove.organisation_id == scope.organisation_id
    asked = session.execute(select(AssessmentMove).where(here, AssessmentMove.id == move_id)).scalar_one()
    found = select(Assessment).where(
        Assessment.organisation_id == scope.organisation_id, Assessment.id == asked.assessment_id
    )
    vendor_id = session.execute(found).scalar_one().vendor_id
    session.execute(
        select(Vendor.id)
        .where(Vendor.organisation_id == scope.organisation_id, Vendor.id == vendor_id)
        .with_for_update()
    ).all()
    again = {"populate_existing": True}
    one = session.execute(found.with_for_update(), execution_options=again).scalar_one()
    row = session.execute(
        select(AssessmentMove).where(here, AssessmentMove.id == move_id).with_for_update(),
        execution_options=again,
    ).scalar_one()
    if row.state != ASKED or one.company_id != scope.company_id:
        return False  # applied by another worker, or a company has joined since: the next pass has its scope
    actor = _asker(session, row, one)
    row.company_id, row.applied_at = one.company_id, now
    if one.state != "open" or one.scope_id is not None or one.content_hash != row.from_hash:
        row.state = LAPSED
        _note(session, row, one, actor, now)
        return False
    old, new = (library.definition(session, each) for each in (row.from_hash, row.to_hash))
    row.state = APPLIED
    if one.company_id is not None:
        move_answers.move(session, one, row, old, new, now=now)
        workbook_uploads.forget_all(session, one.id)  # made for the other version
        one.moved_at, one.answered, one.total = now, 0, 0
    one.content_hash, one.version, one.title = new.content_hash, new.version, new.title
    _note(session, row, one, actor, now)
    what = (
        f"{actor.person.name} has moved “{one.title}” about {one.subject} from version {old.version} "
        f"to version {new.version}."
    )
    if one.company_id is not None:
        following = BACK if row.undoes is not None else FOLLOWING
        change_steps.tell(session, one, what, "", following, None, due=one.due, actor=actor, now=now)
    session.flush()
    return True


def _asker(session: Session, row: AssessmentMove, one: Assessment) -> Identity:
    """Who asked for it, as the one whose name letters and events bear."""
    people = organisations.people(session, [row.asked_by])
    person = people.get(row.asked_by) or Person(row.asked_by, "Somebody", "")
    place = organisations.organisation_for_company(session, one.organisation_id)
    return Identity(person, uuid.uuid4(), organisation=Tenant(place.id, place.slug, place.name))


def _note(session: Session, row: AssessmentMove, one: Assessment, actor: Identity, now: datetime) -> None:
    data = {"version": one.version, "state": row.state, "back": row.undoes is not None}
    record(session, Kind.ASSESSMENT_MOVED, now=now, actor=actor, subject=one, data=data)
