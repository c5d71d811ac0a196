"""A newer release of what a draft rests on comes into it: merged by key, conflicts settled field by field."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from portal.access import Identity
from portal.faults import Conflict, Invalid, NotFound
from portal.library import diffing, draft_queries, drafts, histories, naming, parts, service
from portal.library.draft_grounds import Ground
from portal.library.models import QuestionnaireDraft
from portal.library.parts import HEADER, ORDER, Document, question_part, section_part
from questionnaires import catalog
from questionnaires.canonical import canonical_json, sha256
from questionnaires.definition import Questionnaire
from questionnaires.merging import Difference, Merge, merge
from questionnaires.patterns import WHOLE, ordered
from questionnaires.raw import raw

Json = Any
# Lists of tables inside a part, and what tells one table from another; as questionnaires.merging has it.
KEYED = {"options": "value", "columns": "key", "bands": "name"}
GONE = "What this is about is no longer in the draft. Keep what the draft says."


@dataclass(frozen=True, slots=True)
class Merged:
    """A draft's document after a merge, before it is stored."""

    document: Document
    conflicts: list[dict[str, Json]]
    taken: int
    base: Questionnaire


def newer_base(session: Session, identity: Identity, label: str | None) -> str | None:
    """The newest version of the questionnaire that ``label`` names, if it is newer than that."""
    if label is None:
        return None
    slug, _at, number = label.partition("@")
    shipped = catalog.versions(slug)
    if shipped:
        last = shipped[-1]
    else:
        newest = histories.newest(session, identity, slug)
        if newest is None:
            return None
        last = newest.version
    return f"{slug}@{last}" if ordered(last) > ordered(number) else None


def with_base(session: Session, identity: Identity, document: Document) -> Merged:
    """A document with the newest release of its base merged in. Raises Conflict when there is none newer."""
    label = newer_base(session, identity, _text(document.get("based_on")))
    if label is None:
        raise Conflict("There is no newer release of what this is based on.")
    old = diffing.known(session, identity, str(document["based_on"]))
    new = diffing.known(session, identity, label)
    if old is None or new is None:
        raise NotFound
    found = _merge(raw(old), document, raw(new))
    return _merged(found, {**found.raw}, new)


def with_line(session: Session, identity: Identity, row: QuestionnaireDraft) -> Merged:
    """A draft's document with what the organisation has released of the same line since it was begun."""
    newest = histories.newest(session, identity, row.slug)
    if newest is None or newest.content_hash == row.previous_hash:
        raise Conflict("Nothing was released since this draft was begun.")
    document = draft_queries.document_of(row)
    ancestor = row.previous_hash or row.base_hash
    if ancestor is None:
        raise Conflict(
            "This draft and the release have nothing in common to compare with. Export it, and begin again from the "
            "released version."
        )
    new = service.definition(session, newest.content_hash)
    found = _merge(raw(service.definition(session, ancestor)), document, raw(new))
    # Of one line both are: the number is set at the release, and what it is based on is the newer of both.
    header = {name: found.raw.get(name) for name in ("based_on",)}
    if row.previous_hash is None:
        header["based_on"] = document.get("based_on")
    numbered = {**found.raw, **header, "version": document["version"], "slug": row.slug}
    return _merged(found, {name: value for name, value in numbered.items() if value is not None}, new)


def _merge(base: Document, own: Document, new: Document) -> Merge:
    own = {**own, "sections": [{**one, "questions": one.get("questions", [])} for one in own["sections"]]}
    return merge(base, own, new, {("version",): "own", ("slug",): "own"})


def _merged(found: Merge, document: Document, base: Questionnaire) -> Merged:
    conflicts = [_stored(one) for one in found.conflicts]
    return Merged(document, conflicts, len(found.taken), base)


def _stored(one: Difference) -> dict[str, Json]:
    return {"path": list(one.path), "base": one.base, "own": one.own, "new": one.new}


def start_draft(
    session: Session,
    found: Merged,
    previous: service.Version,
    *,
    actor: Identity,
    now: datetime,
) -> QuestionnaireDraft:
    """A draft of the next version of an own questionnaire, with its newer base merged in."""
    document = {**found.document, "version": naming.next_version([previous.version])}
    return drafts.create(
        session,
        document,
        source_format="draft",
        based_on=found.base.label,
        base_hash=found.base.content_hash,
        previous_hash=previous.content_hash,
        conflicts=found.conflicts,
        now=now,
        actor=actor,
    )


def take_over(
    session: Session,
    row: QuestionnaireDraft,
    found: Merged,
    *,
    seen: int,
    actor: Identity,
    now: datetime,
) -> None:
    """Put a merge into a locked draft that still is as it was when it was merged (``seen``)."""
    if row.revision != seen:
        raise Conflict(
            "Somebody changed this draft at this moment. Please try once more; nothing was changed."
        )
    if json.loads(row.conflicts):
        raise Conflict("An earlier merge has left conflicts in this draft. Settle them first.")
    if found.base.slug == row.slug:
        rests = {"previous_hash": found.base.content_hash}
    else:
        rests = {"based_on": found.base.label, "base_hash": found.base.content_hash}
    ground = Ground(found.conflicts, rests)
    drafts.replace_document(session, row, found.document, ground=ground, actor=actor, now=now)


# ------------------------------------------------------------------------------------------------------- conflicts


@dataclass(frozen=True, slots=True)
class Open:
    """A conflict as it is settled: ``id`` names it, ``own`` is what the draft says now, ``seen`` its digest."""

    id: str
    path: tuple[str, ...]
    base: Json
    own: Json
    new: Json
    seen: str

    @property
    def can_be_typed(self) -> bool:
        """Whether it is one text or number, which a person can also write anew."""
        held = [one for one in (self.own, self.new) if one is not None]
        deep = self.path[0] not in ("section", "question") or len(self.path) > 2
        return (
            deep
            and self.path[-1] != "section"
            and bool(held)
            and all(isinstance(one, (str, int)) and not isinstance(one, bool) for one in held)
        )


def conflicts(row: QuestionnaireDraft) -> list[Open]:
    """The conflicts that are open, each with what the draft says now."""
    document = draft_queries.document_of(row)
    found = []
    for one in json.loads(row.conflicts):
        path = tuple(one["path"])
        own = value_at(document, path)
        found.append(Open(_id(path), path, one["base"], own, one["new"], sha256(canonical_json(own))))
    return found


def _id(path: tuple[str, ...]) -> str:
    return sha256(canonical_json(list(path)))[:16]


def settle(
    session: Session,
    row: QuestionnaireDraft,
    conflict: str,
    choice: str,
    *,
    typed: str = "",
    seen: str,
    actor: Identity,
    now: datetime,
) -> int:
    """Settle one conflict of a locked draft; ``choice``: own, new, base or typed. Returns how many are left.

    Raises Conflict when it is settled already, or when the draft says something else than the page showed.
    """
    found = next((one for one in conflicts(row) if one.id == conflict), None)
    if found is None:
        raise Conflict(
            "Somebody has settled this meanwhile, or taken the merge back. Look at the draft; nothing was changed."
        )
    if found.seen != seen:
        raise Conflict(
            "Somebody has changed this in the draft meanwhile. Look at it again; nothing was changed."
        )
    document = draft_queries.document_of(row)
    changes: Mapping[str, Any] = {}
    if choice != "own":
        value = (
            {"new": found.new, "base": found.base}.get(choice) if choice != "typed" else _typed(found, typed)
        )
        changes = changed(document, found.path, value, _sections(session, row))
    left = [one for one in json.loads(row.conflicts) if tuple(one["path"]) != found.path]
    part = next(iter(changes), HEADER)
    drafts.change(
        session, row, changes, part=part, actor=actor, now=now, document=document, ground=Ground(left)
    )
    return len(left)


def _typed(found: Open, text: str) -> Json:
    if not found.can_be_typed:
        raise Invalid("Choose one of the two; this cannot be typed here.")
    if not text:
        return None
    if isinstance(found.own if found.own is not None else found.new, int):
        if not WHOLE.fullmatch(text):
            raise Invalid("Write a whole number.")
        return int(text)
    return text


def value_at(document: Document, path: tuple[str, ...]) -> Json:
    """What a document says at the path of a conflict; None where it says nothing."""
    if path[0] not in ("section", "question") or len(path) == 1:
        return _inside(parts.held(document, HEADER), path)
    part = section_part(path[1]) if path[0] == "section" else question_part(path[1])
    held = parts.held(document, part)
    if held is None:
        return None
    if path[0] == "question":
        found = parts.placed(document, part)
        assert found is not None
        held = {**held, "section": found["place"][0]}
    return _inside(held, path[2:])


def _inside(held: Json, path: tuple[str, ...]) -> Json:
    for at, name in enumerate(path):
        if isinstance(held, list):
            by = KEYED[path[at - 1]]
            held = next((one for one in held if one.get(by) == name), None)
        elif isinstance(held, dict):
            held = held.get(name)
        else:
            return None
    return held


def _sections(session: Session, row: QuestionnaireDraft) -> dict[str, Json]:
    """The sections, without questions, of what was merged into a draft or lies under it."""
    under = [service.definition(session, one) for one in (row.previous_hash, row.base_hash) if one]
    return {one["key"]: parts.bare(one) for each in under for one in raw(each)["sections"]}


def changed(
    document: Document, path: tuple[str, ...], value: Json, homes: Mapping[str, Json] = MappingProxyType({})
) -> dict[str, Any]:
    """The change (see ``parts``) that makes a document say ``value`` at ``path``. Raises Conflict.

    ``homes``: sections that come back where a question is put into one that the document no longer has.
    """
    if path[0] not in ("section", "question") or len(path) == 1:
        return {HEADER: _with(parts.held(document, HEADER), path, value)}
    part = section_part(path[1]) if path[0] == "section" else question_part(path[1])
    held = parts.held(document, part)
    if len(path) == 2:
        return _whole(document, part, path[0], held, value, homes)
    if held is None:
        raise Conflict(GONE)
    if path[0] == "question" and path[2] == "section":
        if value in homes and parts.held(document, section_part(value)) is None:
            return {part: None, **_with_home(document, homes[value], held)}
        return {ORDER: _moved(document, path[1], value)}
    return {part: _with(held, path[2:], value)}


def _whole(
    document: Document, part: str, kind: str, held: Json, value: Json, homes: Mapping[str, Json]
) -> dict[str, Any]:
    """A whole section or question that goes, comes back or is replaced."""
    if value is None:
        return {} if held is None else {part: None}
    bare = {name: one for name, one in value.items() if name not in ("section", "questions")}
    if held is not None:
        return {part: bare}
    if kind == "section":
        return {part: {"part": bare, "place": ["", len(document["sections"])]}}
    home = parts.held(document, section_part(value["section"]))
    if home is None:
        if value["section"] not in homes:
            raise Conflict("Its section is not in the draft. Settle what becomes of the section first.")
        return _with_home(document, homes[value["section"]], bare)
    count = sum(section == value["section"] for section, _at, _one in parts.questions(document))
    return {part: {"part": bare, "place": [value["section"], count]}}


def _with_home(document: Document, section: Json, question: Json) -> dict[str, Any]:
    """A section that comes back, at the end, for a question that stands in it: one part, so that it goes as one."""
    place = ["", len(document["sections"])]
    return {section_part(section["key"]): {"part": {**section, "questions": [question]}, "place": place}}


def _moved(document: Document, key: str, section: Json) -> list[Any]:
    order: list[Any] = copy.deepcopy(parts.held(document, ORDER))
    home = next((keys for name, keys in order if name == section), None)
    if home is None:
        raise Conflict(GONE)
    for _name, keys in order:
        if key in keys:
            keys.remove(key)
    home.append(key)
    return order


def _with(held: Json, path: tuple[str, ...], value: Json) -> Json:
    """A copy of a part with the value at a path replaced, added or taken away."""
    made = copy.deepcopy(held)
    table: Json = made
    for at, name in enumerate(path[:-1]):
        if isinstance(table, list):
            by = KEYED[path[at - 1]]
            table = next((one for one in table if one.get(by) == name), None)
        else:
            table = table.setdefault(name, []) if name in KEYED else table.get(name)
        if table is None:
            raise Conflict(GONE)
    last = path[-1]
    if isinstance(table, list):
        by = KEYED[path[-2]]
        at = next((index for index, one in enumerate(table) if one.get(by) == last), len(table))
        table[at : at + 1] = [] if value is None else [value]
    elif value is None:
        table.pop(last, None)
    else:
        table[last] = value
    return made


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
