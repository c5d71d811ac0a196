"""What a vendor does about a finding: who settles it and by when, and the proof that it is settled.

The caller has locked the finding (queries.finding). Nothing here changes what the gate reads: only what the
organisation agrees to and accepts does.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy.orm import Session

from portal.access import Identity, Permission
from portal.assessments import sealing
from portal.assessments.issuing import FURTHEST_MONTHS
from portal.evidence import queries as evidence
from portal.evidence.models import Evidence, ProofDocument
from portal.faults import Conflict, Invalid, NotFound, Refused
from portal.findings import letters, queries, steps
from portal.findings.models import Finding, FindingStep
from portal.findings.queries import PLAN, PROOF
from portal.formats import long_date
from portal.organisations import queries as organisations
from questionnaires.canonical import canonical_json
from questionnaires.dates import add_months

MOST_DOCUMENTS = 20


def propose(
    session: Session,
    finding: Finding,
    *,
    owner_id: uuid.UUID | None,
    due: date | None,
    text: str,
    seen: int,
    today: date,
    actor: Identity,
    now: datetime,
) -> None:
    """Say who of the company settles a finding, by when, and what will be done; the organisation agrees or not.

    A later plan never replaces an agreed one by itself. ``today``: in the organisation's zone. Raises Refused for
    anyone but an owner of the company, Conflict, Stale, Invalid (fields owner, due, text).
    """
    if not actor.may(Permission.PLAN_REMEDIATION):
        raise Refused("Only an owner of your company can say who settles a finding, and by when.")
    waits = (finding.waits, finding.wanted_owner_id, finding.wanted_due)
    if waits == (PLAN, owner_id, due) and _pressed_twice(session, finding, "plan", text, seen, actor):
        return
    steps.require_standing(finding, seen)
    if finding.waits == PROOF:
        raise Conflict(
            "The proof that you gave is being looked at. Wait for the answer before you plan anew."
        )
    errors = steps.text_fault(text, "Say in a few sentences what will be done.")
    if owner_id not in {one.person.id for one in organisations.members(session, actor)}:
        errors["owner"] = "Choose who of your company settles it."
    last = add_months(today, FURTHEST_MONTHS)
    if due is None:
        errors["due"] = "Choose the day by which it will be settled."
    elif not today <= due <= last:
        errors["due"] = f"Choose a day from today to {long_date(last)}."
    if errors or due is None:
        raise Invalid(errors=errors)
    finding.waits, finding.wanted_owner_id, finding.wanted_due = PLAN, owner_id, due
    steps.write(session, finding, "plan", actor=actor, now=now, words=text, due=due, owner_id=owner_id)
    about = queries.assessment_of(session, actor, finding)
    agreed = finding.due
    later = agreed is not None and due > agreed
    moved = f", later than the {long_date(agreed)} that was agreed" if agreed and later else ""
    assert actor.company is not None
    what = (
        f"{actor.company.name} says who settles a finding from “{about.title}”, by {long_date(due)}{moved}. "
        "It counts once one of you agrees."
    )
    letters.tell_reviewers(session, about, finding, what, actor=actor, now=now)
    session.flush()


def hold_documents(session: Session, actor: Identity, ids: Collection[uuid.UUID]) -> None:
    """Lock documents of the company, in the order of their ids; what is not there is found out by ``prove``."""
    if ids:
        evidence.locked(session, actor, ids)


def prove(
    session: Session,
    finding: Finding,
    *,
    text: str,
    documents: Collection[uuid.UUID],
    seen: int,
    actor: Identity,
    now: datetime,
) -> FindingStep:
    """Give proof that a finding is settled: words, and documents of the library, sealed as they are now.

    The caller has held the documents (hold_documents) before the finding, as whoever submits does. Raises Refused for
    somebody whom it was not given to, NotFound for a document that never was in the library, Conflict, Stale, Invalid
    (fields text, documents).
    """
    if not actor.may(Permission.PROVE_REMEDIATION):
        raise Refused("Only people of your company can give proof.")
    wanted = set(documents)
    if finding.waits == PROOF:
        before = _pressed_twice(session, finding, "proof", text, seen, actor)
        if before is not None and before.documents == wanted:
            return before.row
    steps.require_standing(finding, seen)
    errors = steps.text_fault(text, "Say what was done, and what the documents show.")
    if len(wanted) > MOST_DOCUMENTS:
        errors["documents"] = f"Choose at most {MOST_DOCUMENTS} documents."
    if errors:
        raise Invalid(errors=errors)
    papers = _papers(session, actor, wanted)
    sealed = [(one, sealing.seal(sealing.evidence_document(one))) for one in papers]
    listed = canonical_json([[str(one.id), each.commitment] for one, each in sealed])
    finding.waits = PROOF
    finding.wanted_due = None  # whoever was to settle it by that plan goes on seeing it
    step = steps.write(
        session,
        finding,
        "proof",
        actor=actor,
        now=now,
        words=text,
        proof=listed,
        data={"documents": [one.id for one in papers]},
    )
    finding.proof_id = step.id
    session.add_all(
        ProofDocument(
            proof_id=step.id,
            evidence_id=one.id,
            organisation_id=finding.organisation_id,
            company_id=finding.company_id,
            finding_id=finding.id,
            salt=each.salt,
            document=each.data,
        )
        for one, each in sealed
    )
    about = queries.assessment_of(session, actor, finding)
    assert actor.company is not None
    what = f"{actor.company.name} has given proof that a finding from “{about.title}” is settled."
    letters.tell_reviewers(session, about, finding, what, actor=actor, now=now)
    session.flush()
    return step


def _papers(session: Session, actor: Identity, wanted: set[uuid.UUID]) -> list[Evidence]:
    """Documents of the library, locked, in order."""
    if not wanted:
        return []
    found = evidence.locked(session, actor, wanted)
    if len(found) != len(wanted):
        raise NotFound
    gone = [one for one in found.values() if one.removed_at is not None or one.storage_key is None]
    if gone:
        titles = ", ".join(f"“{one.title}”" for one in sorted(gone, key=lambda one: (one.title, one.id)))
        raise Invalid(
            errors={
                "documents": f"Taken out of the library meanwhile: {titles}. Choose others, or give the proof without."
            }
        )
    if set(evidence.shared(session, actor, wanted)) != wanted:
        raise NotFound
    return [found[one] for one in sorted(found)]


def _pressed_twice(
    session: Session, finding: Finding, kind: str, text: str, seen: int, actor: Identity
) -> queries.Step | None:
    """The last step of this kind where the same person wrote it in the same words from the same page."""
    steps_of = [one for one in queries.steps(session, actor, finding.id) if one.row.kind == kind]
    if not steps_of:
        return None
    last = steps_of[-1]
    same = (last.row.by, last.text, last.row.sequence - 1) == (actor.person.id, text, seen)
    return last if same else None
