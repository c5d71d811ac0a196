"""Reading a foreign or JSON questionnaire for one organisation: checked, under keys ``own.<slug>.*``, with a report."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from portal.faults import Invalid
from questionnaires import catalog
from questionnaires.canonical import canonical_json, definition_json
from questionnaires.checking import check, errors
from questionnaires.conditions import parse
from questionnaires.definition import Questionnaire
from questionnaires.faults import DefinitionError
from questionnaires.parsing import parse_json

FORMATS = ("vsaq", "mvsp", "json")
_CONDITIONS = ("visible_when", "required_when", "when")
# A literal, or a name as conditions write it; only names are replaced.
_LITERAL_OR_NAME = re.compile(r"""("[^"]*"|'[^']*')|([A-Za-z_][\w.]*)""")


@dataclass(frozen=True, slots=True)
class Import:
    """A definition that may be released, and what a person should read before: one text a line."""

    definition: Questionnaire
    source_format: str
    report: tuple[str, ...]


class ImportRefused(Invalid):
    """The file cannot become a questionnaire; ``lines`` names every fault with its place."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_import(data: bytes, source_format: str, *, slug: str, version: str = "1.0.0") -> Import:
    """A questionnaire of an organisation's own from the bytes of a file.

    ``source_format`` is ``vsaq``, ``mvsp`` or ``json`` (a definition of ours); the last two bring their slug and
    version themselves. Raises ImportRefused with every fault that was found. Seconds with large files: read before a
    transaction.
    """
    if source_format not in FORMATS:
        raise ImportRefused((f"The format is one of {', '.join(FORMATS)}.",))
    try:
        found, report = (
            _json(data) if source_format == "json" else _foreign(source_format, data, slug, version)
        )
    except DefinitionError as error:
        raise ImportRefused(tuple(map(str, error.faults))) from None
    if catalog.versions(found.slug):
        raise ImportRefused((f"{found.slug} is the name of a questionnaire of the portal. Choose another.",))
    if found.purpose == "intake":
        raise ImportRefused(("The purpose intake is kept for the portal's own questionnaire.",))
    wrong = errors(found)
    if wrong:
        raise ImportRefused(tuple(map(str, wrong)))
    warnings = tuple(f"  {fault}" for fault in check(found) if fault.severity == "warning")
    if warnings:
        report = (*report, "", "Suspicious, please judge each:", *warnings)
    return Import(found, source_format, report)


def slug_from(name: str) -> str:
    """A slug from a file's name or a title: lower-case letters, digits and underscores."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return (words if words[:1].isalpha() else f"q_{words}")[:60].strip("_")


def _foreign(
    source_format: str, data: bytes, slug: str, version: str
) -> tuple[Questionnaire, tuple[str, ...]]:
    from questionnaires.interchange.mvsp import read_mvsp
    from questionnaires.interchange.result import ForeignError
    from questionnaires.interchange.vsaq import read_vsaq

    try:
        result = read_mvsp(data) if source_format == "mvsp" else read_vsaq(data, slug=slug, version=version)
    except ForeignError as error:
        raise ImportRefused((str(error),)) from None
    found = parse_json(canonical_json(result.definition_json), result.definition_json["slug"])
    return found, result.report.lines


def _json(data: bytes) -> tuple[Questionnaire, tuple[str, ...]]:
    given = parse_json(data)
    prefix = f"own.{given.slug.replace('-', '_')}."
    keys = {key: key if key.startswith(prefix) else prefix + key for key in given.questions}
    renamed = [f"  {old} is now {new}" for old, new in keys.items() if old != new]
    heading = f"Import of {given.title} as {given.label}"
    size = f"{len(given.questions)} questions in {len(given.sections)} sections."
    if not renamed:
        return given, (heading, size)
    found = parse_json(canonical_json(_renamed(definition_json(given), keys)), given.label)
    return found, (heading, size, "", "Keys of your own questions begin with own:", *renamed)


def _renamed(part: Any, keys: dict[str, str]) -> Any:
    """The JSON form of a definition with its question keys replaced, in conditions and histories too."""
    if isinstance(part, list):
        return [_renamed(one, keys) for one in part]
    if not isinstance(part, dict):
        return part
    found = {name: _renamed(value, keys) for name, value in part.items()}
    if "type" in part and part.get("key") in keys:
        found["key"] = keys[part["key"]]
    for name in _CONDITIONS:
        if isinstance(part.get(name), str):
            found[name] = _condition(part[name], keys)
    if isinstance(part.get("formerly"), list):
        claims = (claim.partition("@") for claim in part["formerly"])
        found["formerly"] = [f"{keys.get(key, key)}@{revision}" for key, _, revision in claims]
    return found


def _condition(source: str, keys: dict[str, str]) -> str:
    named = parse(source).names

    def new(match: re.Match[str]) -> str:
        name = match.group(2)
        return keys[name] if name in keys and name in named else match.group(0)

    return _LITERAL_OR_NAME.sub(new, source)
