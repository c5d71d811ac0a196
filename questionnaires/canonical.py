"""Canonical bytes and hashes: RFC 8785 JSON with no numbers but integers below 2^53, strings in NFC."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from questionnaires.conditions import Condition
from questionnaires.definition import DEFAULT_LEVELS, Question, Questionnaire, default_weight
from questionnaires.frozen import fields

_LARGEST = 2**53
# Where a field has another name in the JSON form.
_NAMES = {"findings": "finding"}
_FIELDS: dict[type[Any], tuple[tuple[str, str, object], ...]] = {}


def canonical_json(value: object) -> bytes:
    """Canonical UTF-8 JSON of dicts, lists, tuples, strings, integers, booleans and None.

    Strings are brought to NFC. Raises ValueError on floats and other types, integers of 2^53 or more in size,
    U+0000, lone surrogates, and names that are the same in NFC. Source: RFC 8785.
    """
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def definition_json(definition: Questionnaire) -> dict[str, object]:
    """The JSON form of a definition: ``format``, and every field that differs from the format's default."""
    found = {"format": definition.format, **_changed(definition)}
    usual = DEFAULT_LEVELS.get(len(definition.bands))
    if definition.bands:
        found["bands"] = [
            {
                name: value
                for name, value in _changed(band).items()
                if name != "level" or usual is None or value != usual[index]
            }
            for index, band in enumerate(definition.bands)
        ]
    return found


def canonical_bytes(definition: Questionnaire) -> bytes:
    """The bytes that a released version consists of; ``parse_json`` of them gives an equal definition."""
    return canonical_json(definition_json(definition))


def content_hash(definition: Questionnaire) -> str:
    """SHA-256 of the canonical bytes, in hex."""
    return sha256(canonical_bytes(definition))


def sha256(data: bytes) -> str:
    """SHA-256 in hex, from Python's own module where it has one: hashlib loads the whole of OpenSSL."""
    for name in ("_sha2", "_sha256"):
        try:
            found: str = import_module(name).sha256(data).hexdigest()
        except ImportError:
            continue
        return found
    from hashlib import sha256 as any_sha256

    return any_sha256(data).hexdigest()


def _changed(part: Any) -> dict[str, object]:
    """A frozen type as a dict of the fields that differ from their defaults."""
    found = {}
    for name, shown, default in _fields_of(type(part)):
        value = getattr(part, name)
        if name == "weight" and isinstance(part, Question):
            # The one default that hangs on another field.
            default = default_weight(part.type)
        if value is not default and value != default:
            found[shown] = _json(value)
    return found


def _fields_of(kind: type[Any]) -> tuple[tuple[str, str, object], ...]:
    """Name, JSON name and default of each field; compare=False marks what is no part of a definition."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(
            (one.name, _NAMES.get(one.name, one.name), one.default) for one in fields(kind) if one.compare
        )
    return _FIELDS[kind]


def _json(value: object) -> object:
    match value:
        case str() | int() | None:
            return value
        case Condition():
            return value.source
        case tuple():
            return [_json(one) for one in value]
        case _:
            return _changed(value)


def _plain(value: object) -> object:
    """The same value, strings in NFC and names in order; refuses what has no canonical form."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -_LARGEST < value < _LARGEST:
            raise ValueError("an integer of 2^53 or more has no canonical form")
        return int(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return _object(value)
    raise ValueError(f"a {type(value).__name__} has no canonical form")


def _object(value: Mapping[object, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, one in value.items():
        if not isinstance(name, str):
            raise ValueError("a name in an object must be a string")
        text = _text(name)
        if text in found:
            raise ValueError(f"the name {text!r} stands twice in an object")
        found[text] = _plain(one)
    # RFC 8785 sorts by UTF-16 units; for ASCII that is Python's own order.
    ascii_only = all(name.isascii() for name in found)
    names = sorted(found) if ascii_only else sorted(found, key=lambda name: name.encode("utf-16-be"))
    return {name: found[name] for name in names}


def _text(text: str) -> str:
    if not text.isascii():
        from unicodedata import normalize

        text = normalize("NFC", text)
        if any("\ud800" <= one <= "\udfff" for one in text):
            raise ValueError("a lone surrogate has no canonical form")
    if "\0" in text:
        raise ValueError("U+0000 has no canonical form")
    return text
