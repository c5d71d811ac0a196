"""From draft to sealed submission: completeness, seals, rating, consequences and letters in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from portal import mail, outbox
from portal.access import Identity, Permission, Person
from portal.assessments import codes, delegation, queries, rating, returning, sealing, turns, workbook_uploads
from portal.assessments import enquiry_letters as letters
from portal.assessments.drafts import Draft, Gap
from portal.assessments.models import Assessment, SealedAnswer, SealedAttestation, SealedEvidence, Submission
from portal.audit.catalogue import Kind
from portal.audit.service import record
from portal.db import base_url
from portal.evidence import queries as evidence
from portal.evidence.models import Evidence
from portal.faults import Conflict, Invalid, Refused
from portal.library import service as library
from portal.organisations import queries as organisations
from questionnaires.canonical import canonical_json

LONGEST_NAME = 200
Consequence = Callable[[Session, Assessment, Submission, Identity, datetime], None]


@dataclass(frozen=True, slots=True)
class Attestation:
    """Who signs, as what, and the sentence that they declare."""

    name: str
    role: str
    statement: str


class AlreadySubmitted(Conflict):
    """The answers are sealed; nothing can be saved or submitted any more."""

    def __init__(self, assessment: Assessment) -> None:
        super().__init__(
            "This questionnaire has been submitted. Its answers are sealed and can no longer change."
        )
        self.assessment = assessment


class Changed(Conflict):
    """An answer has changed since the signer read them."""


class Incomplete(Invalid):
    """Something is still missing; ``gaps`` says what."""

    def __init__(self, gaps: tuple[Gap, ...]) -> None:
        super().__init__("Something is still missing. Nothing was submitted.")
        self.gaps = gaps


def statement(identity: Identity) -> str:
    """What a signer declares."""
    assert identity.company is not None
    return (
        f"I have read these answers. As far as I know they are true and complete today, and I may sign for "
        f"{identity.company.name}."
    )


def fingerprint(draft: Draft, turned: Iterable[turns.Turn] = ()) -> str:
    """A digest of everything that a submission would seal now, so that nobody signs what they have not read.

    ``turned``: what would be told beside the answers (turns.coming).
    """
    said = {key: sealing.answer_document(draft.contents[key]) for key in _sealable(draft)}
    shown = [[key, sealing.evidence_document(one)] for key, one in _shown(draft)]
    told = [
        [one.key, sealing.answer_document(one.before), one.shown_at.isoformat(), one.changed_at.isoformat()]
        for one in turned
    ]
    asked = (
        draft.definition.content_hash
    )  # an unchanged answer to a question that reads otherwise is not what was read
    document = {"questionnaire": asked, "answers": said, "evidence": shown, "turns": told}
    return sha256(canonical_json(document)).hexdigest()


def submit(
    session: Session,
    assessment: Assessment,
    attestation: Attestation,
    *,
    actor: Identity,
    now: datetime,
    consequences: Iterable[Consequence] = (),
    seen: str | None = None,
) -> Submission:
    """Seal the visible answers, rate them, run ``consequences`` and queue the letters.

    The caller has locked ``assessment``. ``seen``: the fingerprint of what the signer read; None does not ask.
    Raises Refused for anyone but an owner, AlreadySubmitted, Changed, Incomplete, Invalid (name, role).
    """
    if not actor.may(Permission.SUBMIT):
        raise Refused("Only an owner of the company can submit.")
    if assessment.state != "open":
        raise AlreadySubmitted(assessment)
    _check_attestation(attestation)
    definition = library.definition(session, assessment.content_hash)
    documents = queries.documents_of(session, actor, assessment)
    evidence.locked(session, actor, {one.document.id for some in documents.values() for one in some})
    held = queries.rows(session, actor, assessment.id)
    draft = queries.draft(session, actor, definition, assessment, held, now, documents)
    if draft.gaps:
        raise Incomplete(draft.gaps)
    if seen is not None and seen != fingerprint(draft, turns.coming(session, actor, assessment.id, draft)):
        raise Changed(
            "An answer has changed since you opened this page. Read the answers again before you sign."
        )
    submission, sealed, papers = _seal(session, assessment, draft, attestation, actor, now)
    turns.write(session, submission, draft, actor=actor)
    assessment.state, assessment.submitted_at = "submitted", now
    delegation.end_links(session, assessment, actor=actor, now=now)
    workbook_uploads.forget_all(session, assessment.id)
    assessment.answered, assessment.total = draft.look.answered, draft.look.total
    record(
        session,
        Kind.SUBMITTED,
        now=now,
        actor=actor,
        subject=assessment,
        data={
            "submission": submission.id,
            "round": submission.round,
            "hash": submission.submission_hash,
            "answers": len(sealed),
            "evidence": sum(len(some) for some in papers.values()),
        },
    )
    session.flush()
    answers = sealing.typed_answers(definition, sealed, submission.as_of, papers)
    shown = rating.Judgement(shown=returning.insisted(session, assessment, draft))
    rating.rate(
        session, assessment, submission, answers, actor=actor, now=now, judged_as=shown, beside=papers
    )
    for consequence in consequences:
        consequence(session, assessment, submission, actor, now)
    _write_letters(session, assessment, submission, attestation, actor, now)
    session.flush()
    return submission


def _check_attestation(attestation: Attestation) -> None:
    errors = {}
    for name, text, sentence in (
        ("name", attestation.name, "Write the name of the person who signs."),
        (
            "role",
            attestation.role,
            "Write what this person does in the company, such as “Managing director”.",
        ),
    ):
        if not text.strip():
            errors[name] = sentence
        elif len(text) > LONGEST_NAME or not text.isprintable():
            errors[name] = f"Write one line of at most {LONGEST_NAME} characters."
    if not attestation.statement:
        errors["agreed"] = (
            "Tick the box if you stand behind the answers. Without it they cannot be submitted."
        )
    if errors:
        raise Invalid(errors=errors)


def _sealable(draft: Draft) -> list[str]:
    """The keys of visible questions that hold anything, in definition order."""
    return [
        key
        for key in draft.definition.questions
        if key in draft.look.visible and key in draft.contents and not draft.contents[key].blank
    ]


def _shown(draft: Draft) -> list[tuple[str, Evidence]]:
    """The documents that a submission would seal: beside visible questions, in definition order."""
    return [
        (key, one.document)
        for key in draft.definition.questions
        if key in draft.look.visible
        for one in sorted(draft.documents.get(key, ()), key=lambda each: each.document.id)
    ]


def _seal(
    session: Session,
    assessment: Assessment,
    draft: Draft,
    attestation: Attestation,
    actor: Identity,
    now: datetime,
) -> tuple[Submission, dict[str, bytes], dict[str, tuple[sealing.Document, ...]]]:
    """Write the submission and what lies beside it; returns it with the sealed bytes and documents by key."""
    sealed = {key: sealing.seal(sealing.answer_document(draft.contents[key])) for key in _sealable(draft)}
    signed = sealing.seal(
        {
            "assessment": str(assessment.id),
            "round": assessment.round,
            "questionnaire": assessment.content_hash,
            "as_of": draft.as_of.isoformat(),
            "person": str(actor.person.id),
            "name": attestation.name,
            "role": attestation.role,
            "statement": attestation.statement,
        }
    )
    listed = sealing.commitments(sealed)
    papers = [(key, one.id, sealing.seal(sealing.evidence_document(one))) for key, one in _shown(draft)]
    evidence_listed = sealing.evidence_list(papers)
    tenants = {"organisation_id": assessment.organisation_id, "company_id": assessment.company_id}
    submission = Submission(
        id=uuid.uuid4(),
        **tenants,
        assessment_id=assessment.id,
        round=assessment.round,
        content_hash=assessment.content_hash,
        as_of=draft.as_of,
        whole_as_of=returning.whole_as_of(session, assessment),
        commitments=listed,
        evidence=evidence_listed,
        attestation_commitment=signed.commitment,
        submission_hash=sealing.submission_hash(listed, signed.commitment, evidence_listed),
        sealed_at=now,
        sealed_by=actor.person.id,
    )
    session.add(submission)
    session.flush()
    place = {"submission_id": submission.id, **tenants}
    session.add_all(
        SealedAnswer(**place, key=key, salt=one.salt, answer=one.data) for key, one in sealed.items()
    )
    session.add(SealedAttestation(**place, salt=signed.salt, attestation=signed.data))
    rows = [
        SealedEvidence(**place, key=key, evidence_id=each, salt=one.salt, document=one.data)
        for key, each, one in papers
    ]
    session.add_all(rows)
    return submission, {key: one.data for key, one in sealed.items()}, sealing.documents(rows)


# ----------------------------------------------------------------------------------------------------- letters


def _write_letters(
    session: Session,
    assessment: Assessment,
    submission: Submission,
    attestation: Attestation,
    actor: Identity,
    now: datetime,
) -> None:
    """The receipt to the submitter and the owners, the notice to whoever issued the assessment.

    Somebody who has left the organisation is told nothing: then its administrators and CISOs are, and one of them
    signs the receipt.
    """
    assert actor.company is not None
    organisation = organisations.organisation_for_company(session, assessment.organisation_id)
    told = letters.who_asks(session, assessment)
    asks = told[0] if told else None
    common: dict[str, Any] = {
        "organisation_name": organisation.name,
        "company": actor.company.name,
        "title": assessment.title,
        "subject_of": assessment.subject,
        "signer": attestation.name,
        "signer_role": attestation.role,
        "sealed_at": now,
        "zone": assessment.zone,
        "issuer": asks.name if asks else "",
    }
    receivers: dict[uuid.UUID, Person] = {actor.person.id: actor.person}
    receivers |= {one.id: one for one in organisations.company_owners(session, actor.company.id)}
    for person in receivers.values():
        letter = mail.compose(
            "receipt",
            to=(person.name, person.email),
            subject=f"Receipt: {assessment.title} for {organisation.name}",
            link=f"{base_url(session)}/c/{actor.company.slug}/assessments/{assessment.id}/receipt",
            submission_hash=submission.submission_hash,
            as_of=submission.as_of,
            submitted_by=actor.person.name,
            own=person.id == actor.person.id,
            due=assessment.due,
            sender=asks.name if asks else "",
            sender_name=f"{asks.name}, {organisation.name}" if asks else organisation.name,
            reply_to=asks.email if asks else None,
            organisation=organisation.name,
            **codes.in_letters(session, assessment),
            **common,
        )
        outbox.queue(session, letter, now=now, company_id=actor.company.id)
    for one in told:
        letter = mail.compose(
            "submitted",
            to=(one.name, one.email),
            subject=f"{actor.company.name} has answered: {assessment.title}",
            sender_name=f"{actor.person.name}, {actor.company.name}",
            reply_to=actor.person.email,
            due=assessment.due,
            link=f"{base_url(session)}/o/{organisation.slug}/assessments/{assessment.id}/result",
            **common,
        )
        outbox.queue(
            session,
            letter,
            now=now,
            organisation_id=assessment.organisation_id,
            company_id=assessment.company_id,
        )
