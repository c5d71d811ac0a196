"""Fields that take what they say and nothing near it: "1" is no number, "yes" is no boolean."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from portal.forms import WEB_ADDRESS, clean, has_controls

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
LINES = frozenset("\n\t\r")
UNKNOWN = "There is no such member."
NEEDED = "This is needed."
NOT_NULL = "This may not be null."


class Strict(Schema):
    """The base of every schema: unknown members are refused, and the document says so."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": UNKNOWN, "type": "An object is needed here."}  # noqa: RUF012  # marshmallow's way


def _common(field: fields.Field[Any], sentence: str) -> None:
    field.error_messages.update(required=NEEDED, null=NOT_NULL, invalid=sentence)


class Text(fields.String):
    """A text of at most ``longest`` characters, cleaned as forms clean theirs. ``name_like``: it goes into letters."""

    def __init__(
        self,
        *,
        longest: int,
        least: int = 0,
        lines: bool = False,
        name_like: bool = False,
        pattern: str = "",
        **options: Any,
    ) -> None:
        checks: list[Any] = [
            validate.Length(min=least or None, max=longest, error=f"Write {least} to {longest} characters.")
        ]
        if pattern:
            checks.append(
                validate.Regexp(pattern, error="This has characters or an order that it may not have.")
            )
        super().__init__(validate=checks, **options)
        self.lines, self.name_like = lines, name_like
        _common(self, "A text is needed here.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if has_controls(value, LINES if self.lines else frozenset()):
            raise ValidationError("Leave out invisible control characters.")
        if self.name_like and WEB_ADDRESS.search(value.casefold()):
            raise ValidationError("Leave out web addresses: a name goes into letters.")
        return clean(value)


class Choice(fields.String):
    """One word of a closed list."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        known = tuple(choices)
        check = validate.OneOf(known, error=f"Choose one of: {', '.join(known)}.")
        super().__init__(validate=check, **options)
        _common(self, "A text is needed here.")
        if self.allow_none:
            self.metadata = {**self.metadata, "enum": [*known, None]}

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        return value


class Choices(fields.List[str]):
    """Some words of a closed list, each once."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        known = tuple(choices)
        super().__init__(Choice(known), validate=_distinct, metadata={"uniqueItems": True}, **options)
        _common(self, "A list is needed here.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return list(super()._deserialize(value, attr, data, **kwargs) or [])


class Bool(fields.Boolean):
    """``true`` or ``false``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _common(self, "Only true and false are taken here.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid")
        return value


class Day(fields.Date):
    """A day, year-month-day."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)
        _common(self, "Write a day like 2026-12-18.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.make_error("invalid")
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise self.make_error("invalid") from None


class Id(fields.UUID):
    """An id, in its usual form with dashes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        _common(self, "An id is needed here, like 6f1c1f6e-5d0e-4e3a-9a58-0d6c1f3c5b1a.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> uuid.UUID:
        if not isinstance(value, str) or not _ID.fullmatch(value):
            raise self.make_error("invalid")
        return uuid.UUID(value)


class Limit(fields.Integer):
    """How many of a list, from an address: one to ``most``."""

    def __init__(self, *, most: int, usual: int, **options: Any) -> None:
        check = validate.Range(min=1, max=most, error=f"One to {most} is taken.")
        super().__init__(validate=check, load_default=usual, **options)
        _common(self, f"Write a number from 1 to {most}.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Instant(fields.DateTime):
    """An instant with its zone (RFC 3339)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(format="iso", **options)


class Ids(fields.List[uuid.UUID]):
    """Some ids, each once."""

    def __init__(self, *, most: int, about: str, **options: Any) -> None:
        checks: list[Any] = [
            validate.Length(min=1, max=most, error=f"Name one to {most} of them."),
            _distinct,
        ]
        super().__init__(
            Id(), validate=checks, metadata={"uniqueItems": True, "description": about}, **options
        )
        _common(self, "A list of ids is needed here.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return list(super()._deserialize(value, attr, data, **kwargs) or [])


def _distinct(value: list[Any]) -> None:
    if len(set(value)) != len(value):
        raise ValidationError("Name each once.")


class Plain(fields.Raw):
    """A value as it stands, described by a JSON schema of our own (``schema``)."""

    def __init__(self, schema: Mapping[str, Any] | None = None, **options: Any) -> None:
        super().__init__(metadata=dict(schema or {}), **options)
