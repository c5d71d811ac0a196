"""Forms of campaigns."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, SelectField, TextAreaField, TimeField
from wtforms.validators import Length, Optional

from portal.campaigns.service import LONGEST_TITLE
from portal.forms import DateField, Form, NoControls, clean, line

LADDER_WORDS = {
    "hours": _l("By the hour: a day and four hours before, on time, four hours and a day after"),
    "days": _l("By the day: three days and one before, on the day, one and three days after"),
    "none": _l("Not at all"),
}


class Clock(TimeField):
    """A local time, with our words when it cannot be read."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError("Write a time as hours and minutes, like 18:00.") from None


def _words(label: str, hint: str = "", rows: int = 3) -> TextAreaField:
    return TextAreaField(
        label,
        [Length(max=2000, message="Write at most 2000 characters."), NoControls(lines=True)],
        filters=[clean],
        description=hint,
        render_kw={"rows": rows},
    )


class Starting(Form):
    """A new campaign; whom it asks stands beside it. ``batch``: its id; ``previewed``: the version last looked over."""

    questionnaire = SelectField("Questionnaire", [Optional()], validate_choice=False)
    title = line(
        "What you call it",
        longest=LONGEST_TITLE,
        description="For your organisation; vendors do not read it.",
    )
    due = DateField("Due", [Optional()])
    due_time = Clock(
        "Time", [Optional()], description="By your organisation's clock; empty is the end of the day."
    )
    reason = _words("Why you ask", "One or two sentences. Every vendor reads the same ones, so name nobody.")
    ladder = RadioField("When the vendors are reminded", [Optional()], validate_choice=False)
    batch = HiddenField("", [Length(max=40), NoControls()])
    previewed = HiddenField("", [Length(max=64), NoControls()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ladder.choices = [(name, str(words)) for name, words in LADDER_WORDS.items()]


class Changing(Form):
    """A later date, or the end."""

    due = DateField("Later date", [Optional()])
    due_time = Clock("Time", [Optional()])
    text = _words("Why you take it back", "Whoever was asked reads it.")
