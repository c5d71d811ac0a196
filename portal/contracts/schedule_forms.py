"""Forms of the contract schedule."""

from __future__ import annotations

import uuid

from wtforms import FileField, HiddenField, RadioField, SelectField, TextAreaField
from wtforms.validators import Length, Optional

from portal.contracts.clause_texts import LONGEST
from portal.contracts.steps import LONGEST_REASON, LONGEST_REFERENCE, LONGEST_VALUE
from portal.forms import DateField, Form, NoControls, clean, line


def _text(label: str, longest: int, description: str = "") -> TextAreaField:
    return TextAreaField(
        label,
        [Length(max=longest, message=f"Write at most {longest} characters."), NoControls(lines=True)],
        filters=[clean],
        description=description,
    )


class _Seen(Form):
    seen = HiddenField()

    @property
    def number(self) -> int:
        """The step that the page was rendered from; -1 for what is no number."""
        raw = self.seen.data or ""
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else -1


class StepForm(_Seen):
    """Where an item goes is said by the button."""

    value = line(
        "What is agreed for the open place",
        longest=LONGEST_VALUE,
        description="It stands in the clause, such as “24 hours”.",
    )
    reason = _text("Why", LONGEST_REASON, "Needed to go back or to end a waiver. Your organisation reads it.")


class WaiverForm(_Seen):
    until = DateField(
        "Last day", [Optional()], description="At most 24 months from now. The waiver ends by itself."
    )
    reason = _text("Why you accept to go without it", LONGEST_REASON, "Your organisation reads it.")


class SettlementForm(Form):
    basis = HiddenField()
    outcome = RadioField(
        "What it is",
        choices={
            "required": "It is required",
            "not_required": "It is not required: a second person has to agree",
        },
        validators=[Optional()],
        validate_choice=False,
    )
    reason = _text("What you rest that on", LONGEST_REASON, "Your organisation reads it.")


class SigningForm(Form):
    reference = line(
        "Contract", longest=LONGEST_REFERENCE, description="Its number or name, and where it stands in it."
    )
    signed = DateField("Signed on", [Optional()])
    until = DateField(
        "Runs until", [Optional()], description="Its last day. Leave it empty when it has no end."
    )
    known = SelectField("File", validate_choice=False, description="One that is here already, or a new one.")
    file = FileField("The signed contract", description="PDF, picture or office file, at most 25 MB.")

    def known_id(self) -> uuid.UUID | None:
        """The file chosen among those on record; None for none, or for what is no id."""
        try:
            return uuid.UUID(self.known.data or "")
        except ValueError:
            return None


class ClauseForm(Form):
    base = HiddenField()
    text = _text(
        "Clause",
        LONGEST,
        "{organisation} and {vendor} are replaced by the names, {value} by what is agreed. "
        "Leave it empty to go back to the shipped text.",
    )

    @property
    def number(self) -> int:
        """The version that the form was rendered from; -1 for what is no number."""
        raw = self.base.data or ""
        return int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else -1
