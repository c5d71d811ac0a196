"""Three-way merge of definitions in their JSON form: a newer base comes into an organisation's own version, by key.

Sections and questions are found by key, options by value, columns and bands by their keys and names: never by
position. Everything else is merged field by field, a list such as ``caps`` as one; so is a list of tables in which one
has no name or the name of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from questionnaires.merging_order import Side, merged_order
from questionnaires.renaming import in_part

Json = Any
Path = tuple[str, ...]

# Lists of tables, and what tells one table of them from another.
_KEYED = {"options": "value", "columns": "key", "bands": "name"}
# Of a question, as if it were a field: the section that it stands in.
_SECTION = "section"
_SIDES: tuple[Side, ...] = ("base", "own", "new")


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where the newer base has something else than the older one; None stands for absent.

    ``path``: ``(field,)`` of the header, ``("section", key, field, ...)`` or ``("question", key, field, ...)``, where
    inside options a value and a field may follow; without a field it is the whole section or question.
    """

    path: Path
    base: Json
    own: Json
    new: Json

    @property
    def section(self) -> str:
        """The key of the section that it belongs to, or ""."""
        return self.path[1] if self.path[0] == "section" and len(self.path) > 1 else ""

    @property
    def question(self) -> str:
        """The key of the question that it belongs to, or ""."""
        return self.path[1] if self.path[0] == "question" and len(self.path) > 1 else ""

    @property
    def field(self) -> str:
        """The field, or "" where the whole section or question is meant."""
        at = 2 if self.section or self.question else 0
        return self.path[at] if len(self.path) > at else ""


class Conflict(Difference):
    """Own and newer base have both changed it, and not to the same."""


class Taken(Difference):
    """It was taken from the newer base, since nobody had changed it here."""


@dataclass(frozen=True, slots=True)
class Merge:
    """A whole definition in its JSON form; where a conflict is open, own has its way in it for now."""

    raw: dict[str, Json]
    conflicts: tuple[Conflict, ...]
    taken: tuple[Taken, ...]


def merge(
    base: Mapping[str, Json],
    own: Mapping[str, Json],
    new: Mapping[str, Json],
    choices: Mapping[Path, Side] = MappingProxyType({}),
) -> Merge:
    """Merge ``new``, the newer release of ``base``, into ``own``, which was made from ``base``.

    All are JSON forms as ``raw`` gives them. ``choices`` settle conflicts by their path. A question that ``new`` has
    renamed (``formerly``) is the same question, also in conditions that name it; one that it has taken out and that is
    still named is for ``check`` to find. One to which a side gave another meaning, while the other edited its words, is
    one conflict as a whole. A deletion
    against an edit is a conflict; a section stays as long as a question stands in it. What fits by itself may not
    fit together: check the result before release.
    """
    return _Merging(base, own, new, choices).run()


class _Merging:
    """One merge: the three sides taken apart, and what was found."""

    def __init__(
        self,
        base: Mapping[str, Json],
        own: Mapping[str, Json],
        new: Mapping[str, Json],
        choices: Mapping[Path, Side],
    ) -> None:
        self.choices = choices
        self.conflicts: list[Conflict] = []
        self.taken: list[Taken] = []
        self.renamed = _renamed(base, own, new)
        # Conditions name a renamed question by its new key on every side, before they are compared.
        old: list[dict[str, Json]] = [in_part(dict(side), self.renamed) for side in (base, own)]
        self.sides: dict[Side, Mapping[str, Json]] = {"base": old[0], "own": old[1], "new": new}
        self.sections = {side: self._sections(side) for side in _SIDES}
        self.questions = {side: self._questions(side) for side in _SIDES}

    def run(self) -> Merge:
        headers = {side: self.header(side) for side in _SIDES}
        found = self.table((), headers["base"], headers["own"], headers["new"])
        sections = self.parts("section", self.sections)
        questions = self.parts("question", self.questions)
        # Whoever chose the side that did not have the question at all has chosen no place for it.
        homes = {
            key: table.get(_SECTION) or self.questions["own"][key][_SECTION]
            for key, table in questions.items()
        }
        for home in homes.values():
            if home not in sections:
                # Deleted on one side while the question was put there, or kept, on another. No choice is left to
                # make: that the question stays has been settled, and it must stand somewhere.
                sections[home] = self.restored(home)
        order = merged_order({side: list(self.sections[side]) for side in _SIDES}, sections)
        found["sections"] = [
            {**sections[key], "questions": [_without(questions[one]) for one in self.order_in(key, homes)]}
            for key in order
        ]
        return Merge(found, tuple(self.conflicts), tuple(self.taken))

    def header(self, side: Side) -> dict[str, Json]:
        found = {name: value for name, value in self.sides[side].items() if name != "sections"}
        base, own, new = (self.sides[one] for one in _SIDES)
        if own["slug"] != base["slug"]:
            # It is a line of its own: only what it is based on moves on.
            found |= {"slug": own["slug"], "version": own["version"]}
            if own.get("based_on") == _label(base):
                found["based_on"] = _label(new if side == "new" else base)
        return found

    def _sections(self, side: Side) -> dict[str, dict[str, Json]]:
        return {
            one["key"]: {name: value for name, value in one.items() if name != "questions"}
            for one in self.sides[side]["sections"]
        }

    def _questions(self, side: Side) -> dict[str, dict[str, Json]]:
        """By the key in ``new``; the section stands in each as a field."""
        found = {}
        for section in self.sides[side]["sections"]:
            for one in section["questions"]:
                key = one["key"] if side == "new" else self.renamed.get(one["key"], one["key"])
                found[key] = {**one, "key": key, _SECTION: section["key"]}
        return found

    def parts(
        self, kind: str, sides: Mapping[Side, Mapping[str, dict[str, Json]]]
    ) -> dict[str, dict[str, Json]]:
        """All sections, or all questions, that the result has."""
        base, own, new = (sides[side] for side in _SIDES)
        found = {}
        for key in dict.fromkeys([*own, *new]):
            three = base.get(key), own.get(key), new.get(key)
            merged = self.value if kind == "question" and _asks_otherwise(*three) else self.whole
            table = merged((kind, key), *three)
            if table is not None:
                found[key] = table
        return found

    def whole(self, path: Path, base: Json, own: Json, new: Json) -> dict[str, Json] | None:
        """One table that may be absent on any side."""
        if own is not None and new is not None:
            return self.table(path, base or {}, own, new)
        # Deleted or added on one side alone, or deleted here and changed there.
        found: dict[str, Json] | None = self.value(path, base, own, new)
        return found

    def table(
        self, path: Path, base: Mapping[str, Json], own: Mapping[str, Json], new: Mapping[str, Json]
    ) -> dict[str, Json]:
        found = {}
        for name in dict.fromkeys([*own, *new]):
            value = self.field((*path, name), name, base.get(name), own.get(name), new.get(name))
            if value is not None:
                found[name] = value
        return found

    def field(self, path: Path, name: str, base: Json, own: Json, new: Json) -> Json:
        by = _KEYED.get(name)
        if by is None or not all(isinstance(one, list) for one in (own, new)):
            return self.value(path, base, own, new)
        if not all(_told_apart(one, by) for one in (base or (), own, new)):
            # As drafts may have it while they are written. By key such a row would be lost, or be another's.
            return self.value(path, base, own, new)
        before, mine, theirs = ({one[by]: one for one in side or ()} for side in (base, own, new))
        kept = {}
        for key in dict.fromkeys([*mine, *theirs]):
            table = self.whole((*path, key), before.get(key), mine.get(key), theirs.get(key))
            if table is not None:
                kept[key] = table
        order = merged_order({"base": list(before), "own": list(mine), "new": list(theirs)}, kept)
        return [kept[key] for key in order] or None

    def value(self, path: Path, base: Json, own: Json, new: Json) -> Json:
        """The one rule of every merge: who alone has changed something has his way."""
        if own == new or new == base:
            return own
        if own == base:
            self.taken.append(Taken(path, base, own, new))
            return new
        side = self.choices.get(path)
        if side is None:
            self.conflicts.append(Conflict(path, base, own, new))
        return {"base": base, "own": own, "new": new}[side or "own"]

    def restored(self, section: str) -> dict[str, Json]:
        """A section that was deleted on one side, for a question that stays in it."""
        base, own, new = (self.sections[side].get(section) for side in _SIDES)
        found: dict[str, Json] = own or new or base or {"key": section, "title": section}
        return found

    def order_in(self, section: str, homes: Mapping[str, str]) -> list[str]:
        """The order of the questions in one section."""
        here = [key for key, home in homes.items() if home == section]
        sides = {
            side: [key for key, one in self.questions[side].items() if one[_SECTION] == section]
            for side in _SIDES
        }
        return merged_order(sides, here)


def _told_apart(rows: Iterable[Mapping[str, Json]], by: str) -> bool:
    """Whether every table of a list has a name, and each its own."""
    names = [one.get(by) for one in rows]
    return None not in names and len(set(names)) == len(names)


def _without(question: Mapping[str, Json]) -> dict[str, Json]:
    """A question as the JSON form has it, without the section that it stands in."""
    return {name: value for name, value in question.items() if name != _SECTION}


def _label(header: Mapping[str, Json]) -> str:
    return f"{header['slug']}@{header['version']}"


def _renamed(base: Mapping[str, Json], own: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, str]:
    """New keys by old ones: what ``new`` has renamed and ``own`` still asks under the old key."""
    known, mine, theirs = (_by_key(side) for side in (base, own, new))
    found: dict[str, str] = {}
    for key, question in theirs.items():
        for claim in question.get("formerly", ()):
            old, _, revision = claim.partition("@")
            asked = known.get(old)
            if (
                asked is not None
                and asked.get("revision", 1) == int(revision)
                and old not in found
                and old not in theirs
                and key not in {*known, *mine, *found.values()}
            ):
                found[old] = key
    return found


def _asks_otherwise(base: Json, own: Json, new: Json) -> bool:
    """Whether one side gave a question another meaning and the other edited the words of the old one.

    Field by field, words of one meaning would stand under the revision of the other, and take its answers.
    """
    if base is None or own is None or new is None or _identity(own) == _identity(new):
        return False
    return any(
        _identity(one) != _identity(base) and _words(other) != _words(base)
        for one, other in ((own, new), (new, own))
    )


def _identity(question: Mapping[str, Json]) -> tuple[Json, ...]:
    return question.get("revision", 1), question.get("type")


def _words(question: Mapping[str, Json]) -> tuple[Json, ...]:
    options = [(one.get("value"), one.get("label")) for one in question.get("options", ())]
    return question.get("text"), question.get("unit"), question.get("columns"), options


def _by_key(side: Mapping[str, Json]) -> dict[str, Mapping[str, Json]]:
    questions: Iterable[Mapping[str, Json]] = (
        one for section in side["sections"] for one in section["questions"]
    )
    return {one["key"]: one for one in questions}
