"""Forms of findings, of either side. What a field needs is said by the services, so that every door says the same."""

from __future__ import annotations

from wtforms import HiddenField, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import Length, Optional

from portal.findings.words import SEVERITY_WORDS
from portal.forms import DateField, Form, NoControls, clean


def _words(label: str, rows: int = 3) -> TextAreaField:
    return TextAreaField(
        label,
        [Length(max=4000, message="Write at most 4,000 characters."), NoControls(lines=True)],
        filters=[clean],
        render_kw={"rows": rows},
    )


def _hidden(longest: int) -> HiddenField:
    return HiddenField("", [Length(max=longest), NoControls()])


class Planning(Form):
    """What a vendor says about a finding: a plan, or proof. ``seen``: the finding's revision on the page."""

    seen = _hidden(10)
    owner = SelectField("Who settles it", [Optional()], validate_choice=False)
    due = DateField("Settled by", [Optional()])
    text = _words("What will be done", 4)
    proof = _words("What was done", 4)


class Acting(Form):
    """A step of the organisation; the page shows the fields of each.

    ``shown``: judging.answer_shown and ``unwritten``: Case.unwritten of the page.
    """

    seen = _hidden(10)
    shown = _hidden(80)
    unwritten = _hidden(64)
    text = _words("Your words to the vendor")
    points = StringField(
        "Points", [Length(max=10, message="Write whole points from 0 to 100."), NoControls()]
    )
    severity = SelectField("Severity", [Optional()], validate_choice=False)
    how = RadioField("How it ends", [Optional()], validate_choice=False)
    other = SelectField("The finding that goes into this one", [Optional()], validate_choice=False)
    note = _words("New note")
    closing_reason = _words("Reason")
    severity_reason = _words("Reason")


class Adding(Form):
    """A finding added by hand."""

    severity = SelectField(
        "How severe it is",
        choices=lambda: {"": "Choose", **{name: str(word) for name, word in SEVERITY_WORDS.items()}},
        validate_choice=False,
    )
    text = _words("What was found, and why it matters", 5)


def revision(text: str | None) -> int:
    """The revision that a form was drawn from; -1, which is none, for anything that is no number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 10 else -1
