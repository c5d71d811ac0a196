"""The shapes of what is written: each its own class, since what is taken is not what is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from portal.api.fields import Choice, Choices, Day, Id, Ids, Strict, Text
from portal.assessments.issuing import LONGEST_REASON
from portal.vendors.facts import ASKED, TIERS
from portal.vendors.service import LONGEST_NAME, LONGEST_TEXT
from questionnaires.facts import TABLE

COUNTRY = {"description": "ISO 3166-1 alpha-2, such as PT; null while nobody knows."}


class VendorWritten(Strict):
    """A vendor to put on record."""

    name = Text(longest=LONGEST_NAME, least=1, name_like=True, required=True)
    country = Text(longest=2, least=2, allow_none=True, load_default=None, metadata=dict(COUNTRY))


class VendorChange(Strict):
    """What to change of a vendor, at least one member; what is left out stays."""

    name = Text(longest=LONGEST_NAME, least=1, name_like=True)
    country = Text(longest=2, least=2, allow_none=True, metadata=dict(COUNTRY))

    @validates_schema
    def _something(self, data: Mapping[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("Name at least one member to change.")


def _fact(name: str) -> fields.Field[Any]:
    fact = TABLE[name]
    options: dict[str, Any] = {"data_key": name, "allow_none": True}
    if fact.type.kind == "set":
        return Choices(list(fact.labels), **options)
    if fact.type.kind == "choice":
        return Choice(list(fact.labels), **options)
    return Text(longest=30, metadata={"description": "An amount, like 12000 or 12000.50."}, **options)


def _attribute(name: str) -> str:
    return name.replace(".", "_")


FactsWritten = Strict.from_dict({_attribute(name): _fact(name) for name in ASKED}, name="FactsWritten")


def facts_from(body: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a body by their own names."""
    return {name: body[_attribute(name)] for name in ASKED if _attribute(name) in body}


class EngagementWritten(Strict):
    """What is bought from a vendor, with its tier set by hand: no intake is answered by a program."""

    vendor = Id(required=True)
    name = Text(longest=LONGEST_NAME, least=1, required=True)
    description = Text(
        longest=LONGEST_TEXT,
        lines=True,
        load_default="",
        metadata={"description": "What the vendor does for you; vendors may read it."},
    )
    tier = Choice(TIERS, required=True)
    facts = fields.Nested(
        FactsWritten, load_default=dict, metadata={"description": "What is known; leave out what is not."}
    )
    business_owner = Id(
        allow_none=True, load_default=None, metadata={"description": "A member of the organisation."}
    )


class ContactWritten(Strict):
    """A person of the vendor to write to."""

    name = Text(longest=LONGEST_NAME, least=1, name_like=True, required=True)
    email = Text(longest=254, least=3, required=True)


class AssessmentWritten(Strict):
    """A questionnaire to issue to a vendor; letters go out at once."""

    vendor = Id(required=True)
    engagements = Ids(most=50, required=True, about="The vendor's, which the answers are about.")
    questionnaire = Text(
        longest=64,
        least=1,
        required=True,
        metadata={
            "description": "A slug, whose newest released version is issued, or the hash of a version."
        },
    )
    due = Day(required=True, metadata={"description": "The last day, from today to two years ahead."})
    reason = Text(
        longest=LONGEST_REASON,
        least=1,
        lines=True,
        required=True,
        metadata={"description": "Why you ask; the vendor reads it."},
    )
    contact = fields.Nested(
        ContactWritten,
        allow_none=True,
        load_default=None,
        metadata={"description": "Needed while nobody of the vendor has joined; written down if new."},
    )
