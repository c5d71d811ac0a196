"""What tests do with a return: give questions back, answer them as the vendor does, submit the round."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from portal.access import Identity
from portal.assessments import queries as assessment_queries
from portal.assessments import returning as rounds
from portal.assessments import service as answering
from portal.assessments.drafts import Content, Draft
from portal.assessments.models import Assessment
from portal.assessments.returning import Return
from portal.assessments.service import Attestation, Edit, SaveResult
from portal.library import service as library
from portal.review import returning
from tests.portal.review.given import CONSEQUENCES, RATED, Reviewed
from tests.portal.world import NOW

LATER = NOW + timedelta(days=2)
DUE = (NOW + timedelta(days=14)).date()
WHY = "Three answers need another look."


def give_back(
    given: Reviewed,
    keys: Collection[str],
    *,
    text: str = WHY,
    reasons: Mapping[str, str] | None = None,
    seen: str | None = None,
    actor: Identity | None = None,
    now: datetime = NOW,
) -> None:
    """Return questions as the page does."""
    given.change(
        returning.give_back,
        Return(frozenset(keys), text, DUE, reasons or {}),
        seen=given.case().unwritten if seen is None else seen,
        consequences=RATED,
        actor=actor,
        now=now,
    )


def take_back(given: Reviewed, actor: Identity | None = None) -> None:
    actor = actor or given.reviewer
    given.change(
        lambda session, case, *, actor, now: rounds.withdraw(session, case.assessment, actor=actor, now=now),
        actor=actor,
    )


def assessment(given: Reviewed) -> Assessment:
    with given.database.looking(given.owner.scope) as session:
        return assessment_queries.assessment(session, given.owner, given.issued.assessment)


def draft(given: Reviewed, now: datetime = LATER) -> Draft:
    """The draft as the owner's pages read it."""
    with given.database.looking(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment)
        definition = library.definition(session, one.content_hash)
        held = assessment_queries.rows(session, given.owner, one.id)
        documents = assessment_queries.documents_of(session, given.owner, one)
        return assessment_queries.draft(session, given.owner, definition, one, held, now, documents)


def save(given: Reviewed, key: str, content: Content, *, now: datetime = LATER) -> SaveResult:
    """Save one card as the page of its section posts it, whether or not it came back."""
    with given.database.transaction(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment, lock=True)
        definition = library.definition(session, one.content_hash)
        held = assessment_queries.rows(session, given.owner, one.id)
        edit = Edit(key, held[key][0].revision if key in held else 0, content)
        return answering.save_answers(
            session, one, definition.section_of[key], [edit], actor=given.owner, now=now
        )


def submit(given: Reviewed, *, now: datetime = LATER) -> Reviewed:
    """Sign the round; raises Incomplete when something is missing."""
    with given.database.transaction(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment, lock=True)
        signed = Attestation("Tomasz Wilk", "Head of Security", "True and complete.")
        found = answering.submit(session, one, signed, actor=given.owner, now=now, consequences=CONSEQUENCES)
        return Reviewed(given.database, given.issued, found.id)


def sealed(given: Reviewed) -> dict[str, bytes]:
    """The sealed bytes of a submission, by key."""
    with given.database.looking(given.owner.scope) as session:
        one = assessment_queries.assessment(session, given.owner, given.issued.assessment)
        found = next(
            each
            for number, _at in assessment_queries.rounds(session, given.owner, one)
            if (each := assessment_queries.submission(session, given.owner, one, number)).id
            == given.submission
        )
        return {
            key: row.answer for key, row in assessment_queries.sealed(session, given.owner, found).items()
        }
