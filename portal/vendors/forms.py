"""Forms for vendors, their contacts and engagements; the fields of the facts come from the table of facts."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from wtforms import (
    Field,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length

from portal.faults import Conflict, Invalid
from portal.forms import Form, NoControls, clean, line, name_line
from portal.vendors.facts import ASKED, PREFIX, TIER_HELP, country_names, label_of, value_label
from questionnaires.facts import TABLE

UNKNOWN = "Not known yet"
# Why we ask: beside each fact whose use is not plain from its name.
FACT_HELP = MappingProxyType(
    {
        "engagement.data": "Decides which questions and which contract clauses apply. Tick all that it may see.",
        "engagement.volume": "Of people or documents, at the busiest time.",
        "engagement.access": "To buildings, accounts or systems of yours. Tick all that apply.",
        "engagement.connection": "How data moves between you and the vendor.",
        "engagement.region": "Decides whether transfers of personal data need safeguards.",
        "engagement.spend": "A year, without taxes. It only helps to sort and report.",
        "engagement.hosting": "Where the data rests, as the contract says or will say.",
    }
)


class VendorForm(Form):
    name = name_line(
        "Name",
        required="Write the vendor's name.",
        description="As your people know it. You can change it later.",
    )
    country = SelectField(
        "Country",
        choices=lambda: {"": UNKNOWN, **country_names()},
        validate_choice=False,
        description="Where the company that you contract with is registered.",
    )
    revision = HiddenField()


class ContactForm(Form):
    name = name_line("Name", required="Write the person's name.", description="The letter begins with it.")
    email = line(
        "E-mail address",
        required="Write the address to invite.",
        longest=254,
        description="The person proves it by following the link in the letter.",
    )


class NamedForm(Form):
    """What of an engagement is written by hand even where the rest comes from an intake."""

    name = line(
        "Name",
        required="Write a name, such as Claims document archive.",
        description="What you buy, in the words of your people.",
    )
    business_owner = SelectField(
        "Business owner",
        validate_choice=False,
        description="Who answers for this engagement inside your organisation. They can read everything about it.",
    )
    revision = HiddenField()


class _EngagementForm(NamedForm):
    description = TextAreaField(
        "What the vendor does for you",
        [Length(max=2000, message="Write at most 2000 characters."), NoControls(lines=True)],
        filters=[clean],
        description="One or two sentences. Vendors may read it.",
    )
    tier = RadioField(
        "Tier",
        choices=dict(TIER_HELP),
        validators=[InputRequired("Choose how much depends on this engagement.")],
        validate_choice=False,
        description="How much harm a failure could do. It sets how often you assess again, and some questions.",
    )


def field_name(fact: str) -> str:
    """``fact_data`` for ``engagement.data``."""
    return "fact_" + fact.removeprefix(PREFIX)


def _fact_field(name: str) -> Any:
    fact = TABLE[name]
    help_text = FACT_HELP.get(name, "")
    choices = {value: value_label(fact, value) for value in fact.labels}
    if fact.type.kind == "set":
        return SelectMultipleField(
            label_of(name), choices=choices, validate_choice=False, description=help_text, default=()
        )
    if fact.type.kind == "choice":
        choices = {"": UNKNOWN, **choices}
        return SelectField(label_of(name), choices=choices, validate_choice=False, description=help_text)
    validators = [Length(max=30, message="Write at most 30 characters."), NoControls()]
    return StringField(label_of(name), validators, filters=[clean], description=help_text)


class EngagementForm(_EngagementForm):
    """``_EngagementForm`` with a field for each fact, named ``field_name(fact)``."""

    @property
    def fact_fields(self) -> list[tuple[str, Field]]:
        """(fact, field) in the order of the table."""
        return [(name, self._fields[field_name(name)]) for name in ASKED]

    @property
    def facts(self) -> dict[str, Any]:
        """What was typed, by fact, for ``facts.checked_facts``."""
        return {name: field.data for name, field in self.fact_fields}

    def blame(self, fault: Invalid) -> None:
        errors = {field_name(name) if name in ASKED else name: text for name, text in fault.errors.items()}
        super().blame(Invalid(fault.message, errors))


for _name in ASKED:
    setattr(EngagementForm, field_name(_name), _fact_field(_name))


def revision_of(form: VendorForm | NamedForm) -> int:
    """The revision that the form was rendered from; Conflict when it says none."""
    text = form.revision.data or ""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Conflict(_("The page that you sent does not say what it rests on. Load it again."))
    return int(text)
