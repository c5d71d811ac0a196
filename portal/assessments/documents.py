"""Documents beside answers, for pages: what they are, whether they prove anything, who laid them there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from portal.access import Identity, Person
from portal.assessments.answering_words import _
from portal.assessments.models import Assessment, SealedEvidence
from portal.assessments.sealing import Document, Proof, document
from portal.evidence.kinds import evidence_name
from portal.evidence.models import Evidence
from portal.evidence.queries import Beside
from portal.evidence.validity import unfit_words
from portal.formats import full_date, moment
from questionnaires.definition import EvidenceRule, Questionnaire


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document as pages show it: ``sub`` is the small line, ``problem`` why it proves nothing, ``waits`` for whom.

    ``endpoint`` with ``place`` is where it is opened; "" where the reader cannot.
    """

    id: uuid.UUID
    title: str
    sub: str
    endpoint: str = ""
    place: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    waits: str = ""


def question_place(one: Assessment, viewer: Identity, definition: Questionnaire, key: str) -> dict[str, Any]:
    """URL parameters of the evidence pages of a question."""
    assert viewer.company is not None
    section = definition.section_of[key].key
    return {"company": viewer.company.slug, "assessment": one.id, "section": section, "question": key}


def views(
    some: Iterable[Beside],
    rule: EvidenceRule | None,
    as_of: date,
    people: Mapping[uuid.UUID, Person],
    place: Mapping[str, Any],
    zone: str,
) -> tuple[DocumentView, ...]:
    """What lies beside the answer to one question now."""
    found = []
    for one in some:
        held = one.document
        person = people.get(one.grant.granted_by)
        who = person.name if person else _("A colleague")
        parts = [facts(held), _("%(who)s, %(at)s.", who=who, at=moment(one.grant.granted_at, zone))]
        found.append(
            DocumentView(
                held.id,
                held.title,
                " ".join(parts),
                "showing.open_document",
                {**place, "evidence": held.id},
                unfit_words(rule, one.item, as_of) if rule is not None else "",
                _("It came through a link and waits for an owner.") if one.waits else "",
            )
        )
    return tuple(found)


def sealed_views(
    some: Iterable[Document], rule: EvidenceRule | None, as_of: date, endpoint: str, place: Mapping[str, Any]
) -> tuple[DocumentView, ...]:
    """What was sealed beside one answer, as it was on the day of sealing; opened through ``endpoint``."""
    return tuple(
        DocumentView(
            held.evidence,
            held.title,
            facts(held),
            endpoint,
            {**place, "evidence": held.evidence},
            unfit_words(rule, held.item, as_of) if rule is not None else "",
        )
        for held in some
    )


def facts(held: Evidence | Document) -> str:
    """``Restore test. report.pdf, 412 kB. Issued ..., valid until .... Not scanned for malware.``"""
    said = [
        f"{_capital(evidence_name(held.kind))}.",
        f"{held.filename}, {size_words(held.size)}.",
    ]
    if held.issued:
        said.append(_("Issued on %(day)s.", day=full_date(held.issued)))
    if held.expires:
        said.append(_("Valid until %(day)s.", day=full_date(held.expires)))
    said.append(scan_words(held.scan))
    return " ".join(said)


def scan_words(scan: str) -> str:
    """What the malware scanner said."""
    return {
        "clean": _("Scanned, nothing found."),
        "infected": _("The scanner has found something harmful in it."),
    }.get(scan, _("Not scanned for malware."))


def size_words(size: int) -> str:
    """``412 kB`` or ``2.1 MB``."""
    if size < 1_000_000:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / 1_000_000:.1f} MB"


def sealed(definition: Questionnaire, papers: Iterable[SealedEvidence], proof: Proof) -> list[dict[str, Any]]:
    """The documents of a receipt: number of the question, description, hash; those that do not fit are left out."""
    order = {key: at for at, key in enumerate(definition.questions)}
    numbers = {
        question.key: f"{s}.{q}"
        for s, section in enumerate(definition.sections, 1)
        for q, question in enumerate(section.questions, 1)
    }
    found = []
    for one in sorted(papers, key=lambda each: (order.get(each.key, 0), each.evidence_id)):
        if (one.key, one.evidence_id) not in proof.evidence_broken:
            held = document(one.document)
            found.append({"number": numbers.get(one.key, ""), "document": held, "facts": facts(held)})
    return found


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
