"""The form that issues an assessment."""

from __future__ import annotations

import uuid

from wtforms import Field, RadioField, SelectField, SelectMultipleField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, Length, Optional

from portal.forms import DateField, Form, NoControls, clean, line


class IssueForm(Form):
    """``contact`` holds the id of a contact, "new" for ``contact_name`` and ``contact_email``, or "" for nobody."""

    questionnaire = SelectField(
        "Questionnaire",
        validators=[InputRequired("Choose a questionnaire.")],
        validate_choice=False,
        description="The newest released version of each. This version stays as it is until the vendor submits.",
    )
    engagements = SelectMultipleField(
        "What it covers",
        validate_choice=False,
        description="The facts of all of these decide what is asked: the worst tier, and all data together.",
    )
    due = DateField(
        "Due",
        validators=[InputRequired("Choose a day.")],
        description="The last day on which the vendor can submit in time, by your organisation's calendar.",
    )
    reason = TextAreaField(
        "Why you ask",
        [
            InputRequired("Say in a sentence why you ask. The vendor reads it."),
            Length(max=2000, message="Write at most 2000 characters."),
            NoControls(lines=True),
        ],
        filters=[clean],
        description="One or two sentences. The vendor reads it in the letter and above the questions.",
    )
    contact = RadioField("Whom to write to", validators=[Optional()], validate_choice=False, default="")
    contact_name = line("Name")
    contact_email = line("E-mail address", longest=254)

    def validate_contact_name(self, field: Field) -> None:
        if self.contact.data == "new" and not field.data:
            raise ValidationError("Write a name.")

    def validate_contact_email(self, field: Field) -> None:
        if self.contact.data == "new" and not field.data:
            raise ValidationError("Write the address to invite.")

    @property
    def chosen_engagements(self) -> set[uuid.UUID]:
        """The ids that were ticked; what is no id is left out and so refused as a foreign one."""
        found = set()
        for text in self.engagements.data or []:
            try:
                found.add(uuid.UUID(text))
            except ValueError:
                found.add(uuid.UUID(int=0))
        return found
