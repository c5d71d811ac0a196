"""What stands in a draft and where: sections and questions added, removed, moved, made one's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.faults import Conflict, Invalid
from portal.library import parts
from portal.library.draft_queries import document_of
from portal.library.drafts import Stale, change
from portal.library.models import QuestionnaireDraft
from portal.library.naming import OWN, free, own_key, slugged
from portal.library.parts import HEADER, ORDER, Document, question_part, section_part
from questionnaires.patterns import KEY, SECTION
from questionnaires.renaming import in_part


def add_section(
    session: Session, row: QuestionnaireDraft, *, title: str, key: str = "", actor: Identity, now: datetime
) -> str:
    """A section at the end; the key is made from the title where none is given. Returns the key."""
    document = document_of(row)
    taken = {one["key"] for one in document["sections"]}
    key = key or free(slugged(title) or "section", taken)
    if not SECTION.fullmatch(key):
        raise Invalid(errors={"key": "Write lower-case letters, digits, _ and -, beginning with a letter."})
    if key in taken:
        raise Invalid(errors={"key": f"There is a section {key} already."})
    value = {"part": {"key": key, "title": title}, "place": ["", len(document["sections"])]}
    part = section_part(key)
    change(session, row, {part: value}, part=part, actor=actor, now=now, document=document)
    return key


def add_question(
    session: Session,
    row: QuestionnaireDraft,
    section: str,
    *,
    text: str,
    kind: str,
    key: str = "",
    actor: Identity,
    now: datetime,
) -> str:
    """A question at the end of a section, under a key of the organisation's own. Returns the key."""
    document = document_of(row)
    taken = {one["key"] for _in, _at, one in parts.questions(document)}
    home = parts.held(document, section_part(section))
    if home is None:
        raise Conflict("Somebody has removed this section meanwhile.")
    key = key or free(own_key(section, text), taken)
    if not KEY.fullmatch(key) or not key.startswith(OWN):
        raise Invalid(errors={"key": "Write own. and then lower-case words joined by dots."})
    if key in taken:
        raise Invalid(errors={"key": f"There is a question {key} already."})
    count = sum(inside == section for inside, _at, _one in parts.questions(document))
    value = {"part": {"key": key, "text": text, "type": kind}, "place": [section, count]}
    part = question_part(key)
    change(session, row, {part: value}, part=part, actor=actor, now=now, document=document)
    return key


def remove(
    session: Session, row: QuestionnaireDraft, part: str, *, seen: str, actor: Identity, now: datetime
) -> None:
    """Take away a section with its questions, or a question; ``seen``: the digest of what the page showed of it."""
    document = document_of(row)
    found = parts.placed(document, part)
    if found is None or parts.digest(found["part"]) != seen:
        raise Stale(found)
    change(session, row, {part: None}, part=part, actor=actor, now=now, document=document)


def reorder(
    session: Session,
    row: QuestionnaireDraft,
    part: str,
    where: str,
    *,
    seen: str,
    actor: Identity,
    now: datetime,
) -> bool:
    """Move a section or a question: ``where`` is ``up``, ``down`` or the key of another section.

    ``seen``: the digest of the order that the page showed. False when it stands at that end already.
    """
    document = document_of(row)
    order = parts.held(document, ORDER)
    if parts.digest(order) != seen:
        raise Stale(order)
    moved = json.loads(json.dumps(order))
    if not _moved(moved, *parts.split(part), where):
        return False
    change(session, row, {ORDER: moved}, part=ORDER, actor=actor, now=now, document=document)
    return True


def _moved(order: list[Any], kind: str, key: str, where: str) -> bool:
    keys = [one for one, _inner in order]
    home = order if kind == "section" else next((inner for _key, inner in order if key in inner), None)
    names = keys if kind == "section" else home
    if home is None or names is None or key not in names:
        raise Stale(None)
    at = names.index(key)
    if where in ("up", "down"):
        to = at + (-1 if where == "up" else 1)
        if not 0 <= to < len(home):
            return False
        home[at], home[to] = home[to], home[at]
        return True
    if kind == "section" or where not in keys or order[keys.index(where)][1] is home:
        return False
    home.remove(key)
    order[keys.index(where)][1].append(key)
    return True


def make_own(
    session: Session,
    row: QuestionnaireDraft,
    key: str,
    *,
    seen: str,
    same_meaning: bool,
    actor: Identity,
    now: datetime,
) -> str:
    """A shipped question under a key of the organisation's own; conditions that named it follow. Returns the key.

    ``same_meaning``: the author says that an old answer still answers it, which ``formerly`` then claims.
    """
    document = document_of(row)
    found = parts.placed(document, question_part(key))
    if found is None or parts.digest(found["part"]) != seen:
        raise Stale(found)
    if key.startswith(OWN):
        raise Invalid("This question is your own already.")
    new = free(f"{OWN}{key}", {one["key"] for _in, _at, one in parts.questions(document)})
    if not KEY.fullmatch(new):
        raise Invalid("Its key is too long to become one of your own. Add a question and write it anew.")
    question = {
        name: value
        for name, value in found["part"].items()
        if name not in ("formerly", "revision", "reworded")
    }
    if same_meaning:
        question["formerly"] = [f"{key}@{found['part'].get('revision', 1)}"]
    changes: dict[str, Any] = {question_part(key): None}
    mended = in_part({**question, "key": new}, {key: new})
    changes[question_part(new)] = {"part": mended, "place": found["place"]}
    for part, held in _each(document):
        after = in_part(held, {key: new})
        if part != question_part(key) and after != held:
            changes[part] = after
    change(session, row, changes, part=question_part(new), actor=actor, now=now, document=document)
    return new


def _each(document: Document) -> Iterator[tuple[str, Any]]:
    """Every part with what it holds, the order left out."""
    yield HEADER, parts.held(document, HEADER)
    for section in document["sections"]:
        yield section_part(section["key"]), parts.bare(section)
        for question in section.get("questions", []):
            yield question_part(question["key"]), question
