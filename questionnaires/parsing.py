"""TOML folders and JSON documents to the frozen types of a definition, with every fault collected.

This is the form of a definition: names, types, ranges, texts, and the syntax of conditions. What the parts
mean together is checked by ``checking``. ``load`` and ``parse_json`` return a whole definition or raise;
``read`` and ``read_json`` also return what could be made of a faulty one, so that all faults show at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from questionnaires.definition import DEFAULT_LEVELS, FORMAT, Band, Cap, Questionnaire, Section
from questionnaires.faults import DefinitionError, Fault, quoted
from questionnaires.fields import Faults, Fields, Place
from questionnaires.parsing_questions import Scales, read_options, read_questions
from questionnaires.patterns import LABEL, LANGUAGE, OPTION, SECTION, SLUG, VERSION
from questionnaires.sources import (
    MAX_FILE,
    MAX_QUESTIONNAIRE,
    SourceError,
    json_table,
    read_bytes,
    toml_table,
)

__all__ = ["DefinitionError", "Draft", "Fault", "load", "parse_json", "read", "read_json"]

HEADER = "questionnaire.toml"
MAX_SECTIONS = 100
MAX_BANDS = 20
MAX_CAPS = 100
MAX_SCALES = 200
# A source of this size or less cannot outgrow MAX_QUESTIONNAIRE in canonical form, scales aside: NFC makes
# UTF-8 at most three times as long, and JSON escapes at most twice (and what it escapes NFC leaves alone).
SURELY_SMALL = MAX_QUESTIONNAIRE // 4


class Draft(NamedTuple):
    """What was read: a definition (whole if there are no faults, else with stand-ins), faults, and
    the (owner, field) pairs that hold a stand-in. ``definition`` is None when not even a header was found."""

    definition: Questionnaire | None
    faults: tuple[Fault, ...]
    spoilt: frozenset[tuple[str, str]] = frozenset()

    def whole(self) -> Questionnaire:
        """The definition. Raises DefinitionError with all faults."""
        if self.faults or self.definition is None:
            raise DefinitionError(self.faults)
        return self.definition


def load(path: str | os.PathLike[str]) -> Questionnaire:
    """The definition in a folder of TOML files or in a JSON file. Raises DefinitionError with all faults."""
    return read(path).whole()


def parse_json(data: bytes, name: str = "definition.json") -> Questionnaire:
    """The definition in JSON bytes, ``name`` stands in faults. Raises DefinitionError with all faults."""
    return read_json(data, name).whole()


def read(path: str | os.PathLike[str]) -> Draft:
    """Read a folder or a JSON file; faults are returned, never raised."""
    name = os.fspath(path)
    if os.path.isdir(name):
        return _read_folder(name)
    try:
        data = read_bytes(name, MAX_QUESTIONNAIRE)
    except SourceError as error:
        return Draft(None, (Fault(name, error.place, error.message),))
    return read_json(data, name)


def read_json(data: bytes, name: str = "definition.json") -> Draft:
    """Read JSON bytes of at most 4 MB, a whole questionnaire; faults are returned, never raised."""
    try:
        raw = json_table(data)
    except SourceError as error:
        return Draft(None, (Fault(name, error.place, error.message),))
    faults = Faults()
    header = Fields(raw, Place(name, ""), faults)
    sections = header.tables("sections", MAX_SECTIONS, "section")
    return _definition(header, sections, faults, "bands", "caps", "questions", {}, len(data))


def _read_folder(path: str) -> Draft:
    faults = Faults()
    if os.path.islink(path):
        faults.add(Place(path, "file"), "", "this is a symbolic link; put the folder itself here")
        return Draft(None, tuple(faults.found))
    tables: dict[str, dict[str, object]] = {}
    size = 0
    names = [HEADER, *_section_files(path, faults)]
    for name in names:
        try:
            data = read_bytes(os.path.join(path, name))
            size += len(data)
            if size > MAX_QUESTIONNAIRE:
                raise SourceError("file", "with this file the questionnaire is larger than 4 MB")
            tables[name] = toml_table(data, MAX_FILE)
        except SourceError as error:
            faults.found.append(Fault(os.path.join(path, name), error.place, error.message))
            if size > MAX_QUESTIONNAIRE:
                break
    unread = {("", "sections")} if len(tables) < len(names) else set()
    faults.spoilt |= unread
    if HEADER not in tables:
        # The sections can still be looked through, on a header that is all stand-ins.
        known = Faults()
        header = Fields({}, Place(os.path.join(path, HEADER), ""), known)
    else:
        header = Fields(tables.pop(HEADER), Place(os.path.join(path, HEADER), ""), faults)
    scales = _scales(header)
    sections = [
        Fields(raw, Place(os.path.join(path, name), f"section in {name}"), faults)
        for name, raw in tables.items()
    ]
    return _definition(header, sections, faults, "band", "cap", "question", scales, size)


def _section_files(path: str, faults: Faults) -> list[str]:
    try:
        names = sorted(
            name for name in os.listdir(path) if name.endswith(".toml") and name[0] != "." and name != HEADER
        )
    except OSError as error:
        faults.add(Place(path, "file"), "", f"cannot be read: {error.strerror}")
        return []
    if len(names) > MAX_SECTIONS:
        message = f"holds {len(names):,} sections; at most {MAX_SECTIONS} are allowed, the rest was not read"
        faults.add(Place(path, "sections"), "", message)
    return names[:MAX_SECTIONS]


def _scales(header: Fields) -> Scales:
    found: Scales = {}
    table = header.table("scale")
    if table is None:
        return found
    for index, name in enumerate(table.raw):
        if index >= MAX_SCALES:
            table.fault("", f"more than {MAX_SCALES} scales, the rest was not read")
            table.asked.update(dict.fromkeys(table.raw))
            break
        if not OPTION.fullmatch(name):
            table.fault(quoted(name), "a scale's name is letters, digits, _ . and -")
            table.asked[name] = None
            continue
        found[name] = read_options(table, name, scale=True)
    table.done()
    return found


def _definition(
    header: Fields,
    sections: Iterable[Fields],
    faults: Faults,
    band: str,
    cap: str,
    question: str,
    scales: Scales,
    size: int,
) -> Draft:
    if header.whole("format", None, FORMAT, FORMAT) is None and not header.has("format"):
        header.fault("format", f"is missing; write format = {FORMAT}")
    files: dict[str, str] = {"": header.place.file}
    read_sections = _sections(sections, question, scales, faults, files)
    definition = Questionnaire(
        slug=header.matching("slug", SLUG, "lower-case letters, digits, _ and -") or "",
        version=header.matching("version", VERSION, "three numbers such as 1.0.0") or "0.0.0",
        title=header.text("title"),
        purpose=header.one_of("purpose", ("assessment", "intake", "campaign")) or "assessment",
        language=header.matching("language", LANGUAGE, "a language such as en or pt-BR") or "en",
        licence=header.text("licence"),
        summary=header.text("summary", most=8000, lines=True),
        based_on=header.optional("based_on", LABEL, "slug@version"),
        weighting=header.one_of("weighting", ("sections", "flat"), "sections") or "sections",
        knockout_band=header.optional("knockout_band", OPTION, "the name of a band"),
        bands=_bands(header, band),
        caps=_caps(header, cap),
        sections=read_sections,
        files=MappingProxyType(files),
    )
    header.done()
    if not read_sections and ("", "sections") not in faults.spoilt:
        faults.add(header.place, "sections", "a questionnaire has at least one section")
    if not faults.found and (size > SURELY_SMALL or scales):
        _measure(definition, header, size)
    return Draft(definition, tuple(faults.found), frozenset(faults.spoilt))


def _measure(definition: Questionnaire, header: Fields, size: int) -> None:
    """Scales are expanded and texts escaped: what was small as TOML may be too large as JSON."""
    options = sum(len(question.options) for question in definition.questions.values())
    if size + options * 1000 <= SURELY_SMALL:
        return
    from questionnaires.canonical import canonical_bytes

    if len(canonical_bytes(definition)) > MAX_QUESTIONNAIRE:
        header.fault("size", "the questionnaire, its scales expanded, is larger than 4 MB")


def _bands(header: Fields, field: str) -> tuple[Band, ...]:
    found: list[Band] = []
    tables = header.tables(field, MAX_BANDS, "band")
    levels = DEFAULT_LEVELS.get(len(tables))
    for index, table in enumerate(tables):
        name = table.matching("name", OPTION, "letters, digits, _ . and -") or ""
        level = table.whole("level", levels[index] if levels else None, 1, 4)
        if level is None and not table.has("level"):
            table.fault("level", "is missing; without it only two, three or four bands have one")
        if name and any(one.name == name for one in found):
            table.fault("name", f"{name} is the name of two bands")
        minimum = table.whole("minimum", None, 0, 100)
        if minimum is None and not table.has("minimum"):
            table.fault("minimum", "is missing")
        found.append(Band(name, table.text("label"), minimum or 0, level or 1))
        table.done()
    return tuple(found)


def _caps(header: Fields, field: str) -> tuple[Cap, ...]:
    found = []
    for table in header.tables(field, MAX_CAPS, "cap"):
        when = table.condition("when", must=True)
        band = table.matching("band", OPTION, "the name of a band")
        text = table.text("text", most=4000, lines=True)
        table.done()
        if when is not None and band is not None:
            found.append(Cap(when, band, text))
    return tuple(found)


def _sections(
    tables: Iterable[Fields], field: str, scales: Scales, faults: Faults, files: dict[str, str]
) -> tuple[Section, ...]:
    found: list[Section] = []
    seen: dict[str, str] = {}
    for table in tables:
        raw_key = table.raw.get("key")
        known = isinstance(raw_key, str) and SECTION.fullmatch(raw_key)
        if known:
            table.place = Place(
                table.place.file, str(raw_key), owner=f"section {raw_key}", section=str(raw_key)
            )
        else:
            # Indexed names such as "section 3" stay; only what it is part of is forgotten.
            words = table.place.part.rstrip(", ") or table.place.key
            table.place = Place(table.place.file, words, owner=words, section=words)
        key = table.matching("key", SECTION, "lower-case letters, digits, _ . and -") or ""
        questions = read_questions(table, field, scales, seen)
        section = Section(
            key=key,
            title=table.text("title"),
            intro=table.text("intro", "", most=8000, lines=True),
            weight=table.number("weight", 10, 0, 100),
            visible_when=table.condition("visible_when"),
            questions=questions,
        )
        table.done()
        if key and key in files:
            table.fault("key", f"{key} is the key of two sections")
        files.setdefault(key, table.place.file)
        found.append(section)
    return tuple(found)
