"""Forms for members, colleagues and settings."""

from __future__ import annotations

from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional, Regexp

from portal.access import CompanyRole, OrganisationRole
from portal.accounts.forms import email_field
from portal.forms import Form, clean, name_line
from portal.organisations.service import COLOURS, ZONES
from portal.web import ROLE_LABELS

SEES_LABELS = {
    "nothing": "Nothing: vendors see their answers and the contract points only",
    "band": "The band: how good the result is, without numbers",
    "all": "All: score, points of every question, and how to improve",
    "all_after_review": "All, but only after a reviewer has been through it",
}
COLOUR_LABELS = {one: one.capitalize() for one in COLOURS}
ORGANISATION_ROLE_HELP = {
    OrganisationRole.ADMIN: "everything, and looks after people and settings",
    OrganisationRole.CISO: "everything about vendors, and the settings",
    OrganisationRole.REVIEWER: "issues and reads assessments",
    OrganisationRole.PROCUREMENT: "creates vendors and issues assessments",
    OrganisationRole.BUSINESS_OWNER: "reads what they buy themselves",
    OrganisationRole.AUDITOR: "reads everything, changes nothing",
}


class InviteMember(Form):
    name = name_line("Name", required="Write the person's name.")
    email = email_field("E-mail address")
    role = RadioField(
        "Role",
        choices={r.value: f"{ROLE_LABELS[r]}: {ORGANISATION_ROLE_HELP[r]}" for r in OrganisationRole},
        validators=[InputRequired("Choose a role.")],
    )


class InviteColleague(Form):
    name = name_line("Name", required="Write the person's name.")
    email = email_field("E-mail address")
    role = RadioField(
        "Role",
        choices={
            CompanyRole.CONTRIBUTOR.value: "Contributor: answers questions",
            CompanyRole.OWNER.value: "Owner: answers, submits, and looks after the team",
        },
        validators=[InputRequired("Choose a role.")],
    )


class Settings(Form):
    revision = HiddenField()
    name = name_line("Name of the organisation", required="Write the organisation's name.")
    zone = SelectField(
        "Time zone",
        choices={one: one.replace("_", " ") for one in ZONES},
        description="Due dates and the date of a rating are local dates in this zone.",
    )
    currency = StringField(
        "Currency",
        [
            InputRequired("Write the three letters of a currency, such as EUR."),
            Length(3, 3, "Write three letters."),
        ],
        filters=[clean, str.upper],
        description="Three letters, such as EUR.",
    )
    region = StringField(
        "Region of your working days",
        [
            Optional(),
            Regexp(r"[A-Z]{2}(-[A-Z0-9]{1,6})?\Z", message="Write a code such as PT, or DE-BY for a part."),
        ],
        filters=[clean, lambda text: (text or "").upper()],
        description="A country, or a part of one: PT, DE-BY. Reminders and openings keep to its working days and "
        "public holidays. Empty: only Saturdays and Sundays are none.",
    )
    colour = RadioField(
        "Colour",
        choices=COLOUR_LABELS,
        default="slate",
        validators=[InputRequired("Choose one.")],
        description="On every page of the organisation, beside its name: for who works for several.",
    )
    keep_months = IntegerField(
        "Destroy replaced answers after",
        [
            Optional(),
            NumberRange(1, 240, message="Write a whole number of months from 1 to 240, or leave it empty."),
        ],
        description="Once a vendor has answered the same questionnaire anew, the older answers are kept for so many "
        "months and then destroyed for good; hashes, points and events stay. Empty: they are kept.",
    )
    second_factor = BooleanField(
        "Everybody needs a second factor",
        description="Who has none is led to set one up before anything here can be read. Set up your own first.",
    )
    vendor_sees = RadioField(
        "What vendors see of their rating",
        choices=SEES_LABELS,
        validators=[InputRequired("Choose one.")],
        description="Vendors always see their own answers, the receipt, and the contract points.",
    )


class NewCompany(Form):
    company_name = name_line("Name of your company", required="Write the name of your company.")


class Remove(Form):
    person = HiddenField()
