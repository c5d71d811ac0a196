"""Facts and decisions as canonical JSON, to be kept with a decision and read back: a test decides anew from them."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from portal.gate.choosing import Choice
from portal.gate.deciding import Decision
from portal.gate.facts import GateFacts
from questionnaires.canonical import canonical_json

T = TypeVar("T", GateFacts, Decision, Choice)


def to_bytes(value: GateFacts | Decision | Choice) -> bytes:
    """Canonical JSON (RFC 8785): equal values have equal bytes. Days as ISO dates."""
    return canonical_json(_plain(value))


def from_bytes(kind: type[T], data: bytes) -> T:
    """What ``to_bytes`` wrote; raises ValueError, KeyError or TypeError for anything else."""
    found: T = _read(kind, json.loads(data))
    return found


def facts_hash(facts: GateFacts) -> str:
    """SHA-256 in hex of the facts that a proposal rests on: not of the day, since a night changes nothing and decide is
    asked again anyway, nor of what was handed in before, which only a decision that stands looks at.
    """
    plain = _plain(facts)
    del plain["today"]
    for one in plain["submitted"]:
        del one["former"]
    return sha256(canonical_json(plain)).hexdigest()


def choice_hash(choice: Choice, reason: str) -> str:
    """SHA-256 in hex of what somebody proposes to decide and why: what an approval names, since a proposal can change.

    For a form's hidden field only; it is kept nowhere, for a reason is short enough to be guessed.
    """
    return sha256(canonical_json([_plain(choice), reason])).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {
            one.name: _plain(getattr(value, one.name))
            for one in fields(value)
            if not one.metadata.get("later") or getattr(value, one.name) != one.default
        }
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(kind: Any, raw: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        later = {one.name for one in fields(kind) if one.metadata.get("later")}
        if not set(hints) - later <= set(raw) <= set(hints):
            raise ValueError(f"not the fields of {kind.__name__}")
        return kind(**{name: _read(hints[name], value) for name, value in raw.items()})
    if kind is date:
        return date.fromisoformat(raw)
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_read(inner[0], one) for one in raw)
        return tuple(_read(hint, one) for hint, one in zip(inner, raw, strict=True))
    if get_origin(kind) in (Union, UnionType) and date in get_args(kind):
        (only,) = (one for one in get_args(kind) if one is not NoneType)
        return None if raw is None else _read(only, raw)
    return raw
