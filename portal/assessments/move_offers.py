"""Answers that a move took off the page, or that were written under the version that it left: shown beside, once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.access import Identity, mine
from portal.assessments import move_queries, offers
from portal.assessments.drafts import Content, content_of
from portal.assessments.models import AnswerContent, AnswerRevision, Assessment
from portal.assessments.move_queries import APPLIED
from portal.assessments.offers import MOVE, Offered, Past
from portal.assessments.version_models import AssessmentMove
from portal.library import lineage
from portal.library import service as library
from questionnaires.carry_forward import Offer, Table
from questionnaires.definition import Questionnaire

NOTHING: Mapping[str, Content] = {}


def everything(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    keys: Collection[str],
    now: datetime,
    contents: Mapping[str, Content] = NOTHING,
) -> dict[str, Offered]:
    """What can answer ``keys``: what was written here before a move goes before what was sealed elsewhere.

    ``contents``: what is answered now; such a question is offered nothing but what a way back has left beside it.
    """
    blank = [key for key in keys if key not in contents or contents[key].state == "unanswered"]
    found = offers.find(session, identity, one, definition, blank, now)
    if one.moved_at is not None:
        found |= _of_last_move(session, identity, one, definition, keys, now, contents)
    return {key: found[key] for key in definition.questions if key in found}


def _of_last_move(
    session: Session,
    identity: Identity,
    one: Assessment,
    definition: Questionnaire,
    keys: Collection[str],
    now: datetime,
    contents: Mapping[str, Content],
) -> dict[str, Offered]:
    """For each key that nobody has saved since the last move: what stood there before, judged by the two versions."""
    rows = _read(session, identity, one, definition, keys)
    if not rows:
        return {}
    last_move = rows[0]
    old = library.definition(session, last_move.from_hash)
    between = lineage.between(session, one.organisation_id, old, definition)
    table = Table(old, definition, between, back=last_move.undoes is not None)
    last: dict[str, Any] = {}
    before: dict[str, Any] = {}
    for row in rows:  # by rising revision
        last[row.key] = row
        if row.move_id != last_move.move and row.AnswerContent is not None:
            before[row.key] = row
    today = clock.local_date(now, one.zone)
    offered = _judged(table, old, before, today)
    anew = [
        key
        for key in keys
        if key in before and key not in old.questions and before[key].AnswerContent.state != "unanswered"
    ]
    for version in _earlier(session, identity, one, old) if anew else ():
        asked = [key for key in anew if key in version.questions and key not in offered]
        if asked:  # left out by the version before, asked by an earlier one of this assessment
            between = lineage.between(session, one.organisation_id, version, definition)
            there = _judged(Table(version, definition, between), version, before, today)
            offered |= {key: there[key] for key in asked if key in there}
    found = {}
    for key in keys:
        if key not in offered or (key in last and last[key].move_id != last_move.move):
            continue  # somebody has written here since, or it was never touched
        offer, source, was = offered[key]
        row, content = before[source], content_of(before[source].AnswerContent)
        settled, reason = offers.settled(definition.questions[key], offer, today)
        if key in contents and _said(contents[key]) == _said(settled or content):
            continue
        past = Past(
            source=MOVE,
            change=offer.change,
            old=was.questions[source],
            content=content,
            offered=settled,
            reason=reason,
            at=row.answered_at,
            who=row.answered_by,
            label=f"{was.title} {was.version}",
        )
        found[key] = Offered(key, "single", (past,))
    return found


def _judged(
    table: Table, old: Questionnaire, before: Mapping[str, Any], today: date
) -> dict[str, tuple[Offer, str, Questionnaire]]:
    """What ``before``, revisions by key, offers as answers to ``old``: the offer, whose answer it is, and ``old``."""
    answers = {}
    for key, row in before.items():
        content = content_of(row.AnswerContent)
        if key in old.questions and content.state != "unanswered":
            answers[key] = offers.typed_or_none(old.questions[key], content, today)
    fitting = {key: answer for key, answer in answers.items() if answer is not None}
    found = {}
    for key, offer in table.offers(fitting, today).items():
        source = next((each for each in (offer.old_key, *offer.change.also) if each in fitting), None)
        if source is not None and offer.change.old is not None:
            found[key] = offer, source, old
    return found


def _earlier(
    session: Session, identity: Identity, one: Assessment, old: Questionnaire
) -> Iterator[Questionnaire]:
    """The versions that the assessment had before ``old``, its last but this, the newest first."""
    moves = [each for each in move_queries.moves(session, identity, one.id) if each.state == APPLIED]
    hashes = dict.fromkeys(each for move in moves for each in (move.to_hash, move.from_hash))
    for content_hash in hashes:
        if content_hash not in (old.content_hash, one.content_hash):
            yield library.definition(session, content_hash)


def _said(content: Content) -> tuple[str, Any]:
    return content.state, content.value


def _read(
    session: Session, identity: Identity, one: Assessment, definition: Questionnaire, keys: Collection[str]
) -> list[Any]:
    """Every revision of ``keys`` under all their names, with what it said if that is still there, and the last move.

    After a way back a question may have been answered under a later name: so those come, too, that are asked no longer.
    """
    scope = identity.scope
    names = lineage.former_keys(session, one.organisation_id, definition, keys)
    newest = (
        select(AssessmentMove.id)
        .where(
            *mine(scope, AssessmentMove),
            AssessmentMove.assessment_id == one.id,
            AssessmentMove.state == APPLIED,
        )
        .order_by(AssessmentMove.applied_at.desc(), AssessmentMove.undoes.is_(None))
        .limit(1)
        .correlate(None)
    )
    later = and_(AssessmentMove.undoes.is_not(None), AnswerRevision.key.not_in(list(definition.questions)))
    return list(
        session.execute(
            select(
                AnswerRevision.key,
                AnswerRevision.move_id,
                AnswerRevision.answered_at,
                AnswerRevision.answered_by,
                AnswerContent,
                AssessmentMove.id.label("move"),
                AssessmentMove.from_hash,
                AssessmentMove.undoes,
            )
            .select_from(AnswerRevision)
            .join(AssessmentMove, and_(AssessmentMove.id.in_(newest), *mine(scope, AssessmentMove)))
            .outerjoin(
                AnswerContent,
                and_(AnswerContent.id == AnswerRevision.content_id, *mine(scope, AnswerContent)),
            )
            .where(
                *mine(scope, AnswerRevision),
                AnswerRevision.assessment_id == one.id,
                or_(AnswerRevision.key.in_(names), later),
            )
            .order_by(AnswerRevision.key, AnswerRevision.revision)
        )
    )
