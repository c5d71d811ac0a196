"""The form that makes an API token."""

from __future__ import annotations

from wtforms import HiddenField, IntegerField, SelectMultipleField
from wtforms.validators import DataRequired, NumberRange

from portal.accounts.forms import FirstPassword
from portal.forms import line
from portal.organisations.tokens import LONGEST_DAYS, LONGEST_NAME, USUAL_DAYS

SCOPE_WORDS = {
    "vendors:read": "Read vendors and engagements",
    "vendors:write": "Put vendors and engagements on record, and change vendors",
    "assessments:read": "Read assessments, answers, ratings and their traces",
    "assessments:issue": "Issue assessments to vendors",
    "findings:read": "Read findings",
    "contract:read": "Read contract requirements",
    "gate:read": "Ask whether a gate is open, and read decisions",
}
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
        description="Never more than you may do yourself.",
    )
    days = IntegerField(
        "Days until it ends",
        [
            DataRequired(DAYS_SENTENCE),
            NumberRange(1, LONGEST_DAYS, message=DAYS_SENTENCE),
        ],
        default=USUAL_DAYS,
    )
