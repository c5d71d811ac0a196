"""The form that gives questions away, and what of a questionnaire it offers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from wtforms import IntegerField, RadioField, SelectField, TextAreaField, ValidationError
from wtforms.validators import Length

from portal.accounts.forms import email_field
from portal.assessments.answering_cards import numbers
from portal.assessments.delegation import LASTS_DAYS, LONGEST_DAYS, LONGEST_MESSAGE
from portal.assessments.reach import WHOLE
from portal.forms import Form, NoControls, clean, name_line, needed
from questionnaires.definition import Questionnaire


class Give(Form):
    """``how`` decides which of the other fields count."""

    how = RadioField(
        "To whom",
        choices={
            "colleague": "Somebody of your team, who signs in",
            "link": "Somebody else, by a link in a letter: they need no account",
        },
        validators=[needed("Choose to whom.")],
        default="colleague",
    )
    person = SelectField("Who of your team", validate_choice=False)
    name = name_line("Name", required="Write the person's name.")
    email = email_field("E-mail address", "Any address, also of another company.")
    days = IntegerField(
        "How many days the link works",
        description=f"From 1 to {LONGEST_DAYS}. You can take it back at any time.",
        default=LASTS_DAYS,
    )
    what = RadioField(
        "What",
        choices={"all": "The whole questionnaire", "some": "Only what is ticked below"},
        validators=[needed("Choose what to give.")],
        default="all",
    )
    message = TextAreaField(
        "A word from you",
        [
            Length(max=LONGEST_MESSAGE, message=f"Write at most {LONGEST_MESSAGE:,} characters."),
            NoControls(lines=True),
        ],
        filters=[clean],
        description="It stands in the letter.",
    )

    def validate(self, extra_validators: Any = None) -> bool:
        """Only what the choice asks for counts."""
        unasked = [self.name, self.email, self.days] if self.how.data == "colleague" else [self.person]
        for field in unasked:
            field.validators = ()
            field.process_errors = []
        return bool(super().validate(extra_validators))

    def validate_days(self, field: Any) -> None:
        if self.how.data == "link" and (field.data is None or not 1 <= field.data <= LONGEST_DAYS):
            raise ValidationError(f"Write a whole number of days from 1 to {LONGEST_DAYS}.")

    def validate_person(self, field: Any) -> None:
        if self.how.data == "colleague" and not field.data:
            raise ValidationError("Choose somebody of your team.")


def keys_of(form: Give, ticked: list[str]) -> list[str]:
    """What the form gives: the whole only when it says so; nothing ticked is nothing, and refused."""
    if form.what.data == "all":
        return [*WHOLE]
    return [one for one in ticked if one not in WHOLE]


def offered(
    definition: Questionnaire, chosen: Collection[str], came: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Every section with its questions, as boxes to tick; ``came``: only those, what came back in this round."""
    numbered = numbers(definition)
    return [
        {
            "key": section.key,
            "number": number,
            "title": section.title,
            "chosen": section.key in chosen,
            "open": any(each.key in chosen for each in section.questions),
            "questions": [
                {
                    "key": each.key,
                    "number": numbered[each.key],
                    "text": each.text,
                    "chosen": each.key in chosen,
                }
                for each in section.questions
                if came is None or each.key in came
            ],
        }
        for number, section in enumerate(definition.sections, 1)
        if came is None or any(each.key in came for each in section.questions)
    ]
