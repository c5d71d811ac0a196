"""The base of our forms: one voice for messages, hostile characters refused, domain faults shown at their fields."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from wtforms import DateField as WtDateField
from wtforms import Form as WtForm
from wtforms import StringField, ValidationError
from wtforms.fields.core import UnboundField
from wtforms.validators import DataRequired, InputRequired, Length

from portal.faults import Invalid

WEB_ADDRESS = re.compile(r"//|www\.|[a-z0-9-]\.[a-z]{2,}[/?#]")


class Form(WtForm):
    """A form of ours. ``form_errors`` are about the whole of it; CSRF is checked before any view (web.py)."""

    def blame(self, fault: Invalid) -> None:
        """Show a domain's refusal: each sentence at its field, the rest above the form."""
        rest = dict(fault.errors)
        for name in list(rest):
            if name in self._fields:
                field = self._fields[name]
                field.errors = [*field.errors, rest.pop(name)]
        whole = [*rest.values(), *([fault.message] if fault.message and not fault.errors else [])]
        self.form_errors = [*self.form_errors, *whole]


def clean(text: str | None) -> str:
    """What a person typed, in NFC, trimmed, line ends as \\n; the one filter of all text fields."""
    return unicodedata.normalize("NFC", (text or "").replace("\r\n", "\n").replace("\r", "\n")).strip()


class NoControls:
    """Refuses U+0000, lone surrogates and other control characters, saying so."""

    def __init__(self, *, lines: bool = False) -> None:
        self.allowed = {"\n", "\t"} if lines else set()

    def __call__(self, form: Any, field: Any) -> None:
        if has_controls(field.data or "", self.allowed):
            raise ValidationError("Leave out invisible control characters.")


class NoAddress:
    """Refuses a web address in a name: names stand in letters, where mail programs would make a link of it."""

    def __call__(self, form: Any, field: Any) -> None:
        if WEB_ADDRESS.search((field.data or "").casefold()):
            raise ValidationError("Leave out web addresses: a name goes into letters.")


def has_controls(text: str, allowed: set[str] | frozenset[str] = frozenset()) -> bool:
    """Whether ``text`` holds characters that no database and no page should see."""
    return any(c not in allowed and unicodedata.category(c) in ("Cc", "Cs") for c in text)


def name_line(label: str, *, required: str, description: str = "") -> StringField:
    """The name of a person or a tenant."""
    return line(label, required=required, description=description, more=(NoAddress(),))


def line(
    label: str,
    *,
    required: str = "",
    longest: int = 200,
    description: str = "",
    more: tuple[Any, ...] = (),
) -> StringField:
    """One line of text; ``required`` is the sentence shown when it is empty."""
    validators: list[Any] = [
        Length(max=longest, message=f"Write at most {longest} characters."),
        NoControls(),
        *more,
    ]
    if required:
        validators.insert(0, DataRequired(required))
    return StringField(label, validators, filters=[clean], description=description)


def needed(sentence: str) -> InputRequired:
    """A choice that must be made."""
    return InputRequired(sentence)


class DateField(WtDateField):
    """A day, with our words when it cannot be read."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            wrote = valuelist[0][:40]
            raise ValueError(
                f"Write a day as year-month-day, like 2026-12-19. You wrote “{wrote}”."
            ) from None


def labels() -> dict[str, str]:
    """What every field of our forms is called on its page, by field name; of one name in several forms the first."""
    found: dict[str, str] = {}
    forms: list[type[Form]] = [Form]
    while forms:
        one = forms.pop(0)
        forms += one.__subclasses__()
        for name, field in vars(one).items():
            label = field.args[0] if isinstance(field, UnboundField) and field.args else ""
            if label:
                found.setdefault(name, str(label))
    return found
