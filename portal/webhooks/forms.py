"""The forms of webhooks: address, events, on or off."""

from __future__ import annotations

from wtforms import BooleanField, HiddenField, SelectMultipleField
from wtforms.validators import DataRequired

from portal.accounts.forms import FirstPassword
from portal.forms import Form, line
from portal.outside import LONGEST

KIND_WORDS = {
    "gate.decided": "A gate was decided",
    "gate.changed": "A gate changed by itself: it lapsed or recovered",
    "exception.settled": "An exception was approved, refused or ended",
    "assessment.issued": "An assessment was issued",
    "assessment.submitted": "A vendor submitted its answers",
    "assessment.declined": "A vendor declined an assessment",
    "assessment.cancelled": "An assessment was cancelled",
    "rating.written": "A rating was written",
    "finding.opened": "A finding was opened",
    "finding.closed": "A finding was closed",
    "requirement.stepped": "A contract requirement moved on",
    "engagement.created": "An engagement was put on record",
    "engagement.changed": "The facts of an engagement changed",
    "vendor.created": "A vendor was put on record",
    "vendor.linked": "The people of a vendor joined",
    "vendor.offboarded": "A vendor was offboarded",
}


class Kinds(Form):
    kinds = SelectMultipleField(
        "What it hears of",
        choices=KIND_WORDS,
        validators=[DataRequired("Choose what it is to hear of.")],
        validate_choice=False,
    )


class AddWebhook(Kinds, FirstPassword):
    id = HiddenField()
    url = line(
        "Address",
        required="Write the address that is to hear of events.",
        longest=LONGEST,
        description="Such as https://siem.example.com/portal. Only https, and no address inside of a private network.",
    )


class ChangeWebhook(Kinds):
    on = BooleanField("Switched on")
