"""The form that makes an API token."""

from __future__ import annotations

from wtforms import HiddenField, IntegerField, SelectMultipleField
from wtforms.validators import DataRequired, NumberRange

from portal.accounts.forms import FirstPassword
from portal.forms import line
from portal.organisations.tokens import LONGEST_DAYS, LONGEST_NAME, SCOPE_WORDS, USUAL_DAYS

DAYS_SENTENCE = f"Write a whole number of days from 1 to {LONGEST_DAYS}."


class MakeToken(FirstPassword):
    id = HiddenField()
    name = line(
        "What it is for",
        required="Write what the token is for.",
        longest=LONGEST_NAME,
        description="Such as Purchasing system. Administrators see it.",
    )
    scopes = SelectMultipleField(
        "What it may do",
        choices=SCOPE_WORDS,
        validators=[DataRequired("Choose what the token may do.")],
        validate_choice=False,
        description="Each allows what it says and nothing else, and never more than you may do yourself. A program "
        "that looks up engagements before it asks about their gates needs both.",
    )
    days = IntegerField(
        "Days until it ends",
        [
            DataRequired(DAYS_SENTENCE),
            NumberRange(1, LONGEST_DAYS, message=DAYS_SENTENCE),
        ],
        default=USUAL_DAYS,
    )
