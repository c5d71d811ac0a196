"""What a line of a letter is about, in words and with its own page: which document, which finding, which reason."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.access import Identity
from portal.evidence.kinds import evidence_name
from portal.findings import queries as findings
from portal.findings.models import Finding
from portal.findings.words import SEVERITY_WORDS, described
from portal.reassessment import trigger_about
from portal.reassessment.agenda import Item
from portal.reassessment.trigger_words import KINDS as REASONS


@dataclass(frozen=True, slots=True)
class About:
    """``words``: one phrase, as long as what was typed. ``path``: its page below the place's address, "" = the list."""

    words: str
    path: str = ""


def about(session: Session, identity: Identity, items: Collection[Item]) -> dict[uuid.UUID, About]:
    """By subject, for those of which there is more to say than their kind; what is seen by ``identity`` alone."""
    found: dict[uuid.UUID, About] = {}
    for kind, words in _WORDS.items():
        some = [one for one in items if one.kind == kind]
        if some:
            found |= words(session, identity, some)
    return found


def _documents(session: Session, identity: Identity, items: Sequence[Item]) -> Mapping[uuid.UUID, About]:
    """The kind and the title under which it was sealed; the list of an organisation has no page of one document."""
    titles = trigger_about.documents(session, identity, {one.source for one in items})
    found = {}
    for one in items:
        name, title = evidence_name(one.code), titles.get(one.source, "")
        words = f"{name} “{title}”" if title and title != name else name
        found[one.subject] = About(words, f"/evidence/{one.source}" if identity.company is not None else "")
    return found


def _findings(session: Session, identity: Identity, items: Sequence[Item]) -> Mapping[uuid.UUID, About]:
    """The severity and what its list calls it."""
    ids = [one.source for one in items]
    rows = session.scalars(select(Finding).where(Finding.id.in_(ids), *findings.seen(identity))).all()
    titles = described(session, identity, rows)
    return {
        one.id: About(
            f"{SEVERITY_WORDS[one.severity]}: {titles[one.id].title}".rstrip(": "), f"/findings/{one.id}"
        )
        for one in rows
    }


def _reasons(_session: Session, _identity: Identity, items: Sequence[Item]) -> Mapping[uuid.UUID, About]:
    return {one.subject: About(str(REASONS[one.code][0]).lower()) for one in items if one.code in REASONS}


_WORDS = {"evidence": _documents, "finding": _findings, "trigger": _reasons}
