"""The shapes of findings, contract requirements, gates and decisions, as they are given."""

from __future__ import annotations

from marshmallow import fields

from portal.api.fields import Bool, Choice, Day, Id, Instant, Strict
from portal.api.paging import page_of
from portal.contracts.schedule import LADDER, NOT_REQUIRED, REQUIRED, UNDETERMINED, WAIVED
from portal.findings.queries import CLOSED, MERGED, OPEN, PLANNED, SEVERITIES
from portal.vendors.facts import TIERS

FINDING_STATES = (OPEN, PLANNED, CLOSED, MERGED)
SUBJECT = {"description": "What it is about: a key, an id or a slug, as its code says."}


class FindingShown(Strict):
    """A fault on record."""

    id = Id(required=True)
    vendor = Id(required=True)
    assessment = Id(required=True)
    submission = Id(required=True, metadata={"description": "The newest answers that were looked at for it."})
    engagements = fields.List(Id(), required=True)
    questionnaire = fields.String(required=True, metadata={"description": "Its slug."})
    key = fields.String(required=True, metadata={"description": "The question; “” where it is about none."})
    code = fields.String(required=True)
    severity = Choice(SEVERITIES, required=True)
    state = Choice(FINDING_STATES, required=True)
    waits = fields.String(
        required=True, metadata={"description": "“plan” or “proof” while one waits for the organisation."}
    )
    due = Day(required=True, allow_none=True)
    first_due = Day(required=True, allow_none=True)
    opened = Day(required=True)
    opened_at = Instant(required=True)
    closed_at = Instant(required=True, allow_none=True)
    closed_how = fields.String(required=True)
    merged_into = Id(required=True, allow_none=True)
    page = fields.String(required=True, metadata={"description": "Its page, for people."})


class RequirementShown(Strict):
    """A requirement of the contract with this engagement, and where it stands."""

    id = Id(required=True)
    key = fields.String(required=True)
    topic = fields.String(required=True)
    title = fields.String(required=True)
    must = Bool(required=True)
    citations = fields.List(fields.String(), required=True)
    outcome = Choice((REQUIRED, UNDETERMINED, NOT_REQUIRED), required=True)
    called = Bool(required=True, metadata={"description": "Whether the contract needs it."})
    state = Choice((*LADDER, WAIVED), required=True)
    holds = Bool(
        required=True,
        metadata={"description": "Whether it is in a contract that runs, in the newest wording."},
    )
    waived_until = Day(required=True, allow_none=True)
    older = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Why a contract that was signed does not count."},
    )


class Requirements(Strict):
    """The contract schedule of an engagement: what is called for first."""

    data = fields.List(fields.Nested(RequirementShown), required=True)


class Reason(Strict):
    """A ground that is worse than met."""

    code = fields.String(required=True)
    subject = fields.String(required=True, metadata=SUBJECT)
    result = fields.String(required=True)


class Lapse(Strict):
    """Why less counts than was decided."""

    code = fields.String(required=True)
    subject = fields.String(required=True, metadata=SUBJECT)
    outcome = fields.String(required=True)


class GateCondition(Strict):
    """A condition of the decision."""

    code = fields.String(required=True)
    subject = fields.String(required=True, metadata=SUBJECT)
    due = Day(required=True, allow_none=True)
    lapses_to = fields.String(required=True)
    state = Choice(("open", "late", "met"), required=True)


class GateShown(Strict):
    """What counts at the gate of an engagement today. Ask at the moment of buying; it lapses by the day."""

    engagement = Id(required=True)
    tier = Choice(TIERS, required=True)
    outcome = fields.String(
        required=True,
        metadata={"description": "undecided, clear, clear_with_conditions, pending or blocked; what counts."},
    )
    proposed = fields.String(required=True, metadata={"description": "What the rules propose today."})
    reasons = fields.List(fields.Nested(Reason), required=True)
    lapses = fields.List(fields.Nested(Lapse), required=True)
    conditions = fields.List(fields.Nested(GateCondition), required=True)
    valid_until = Day(required=True, allow_none=True)
    decided_at = Instant(required=True, allow_none=True)
    decision = Id(required=True, allow_none=True)
    waiting = Bool(required=True, metadata={"description": "Whether a proposal waits for a second person."})


class DecisionLine(Strict):
    """A decision in short; the first of the list stands."""

    id = Id(required=True)
    engagement = Id(required=True)
    sequence = fields.Integer(required=True)
    outcome = fields.String(required=True)
    proposed = fields.String(required=True, metadata={"description": "What the rules proposed then."})
    valid_until = Day(required=True, allow_none=True)
    decided_at = Instant(required=True)


class DecidedCondition(Strict):
    """A condition as it was decided."""

    code = fields.String(required=True)
    subject = fields.String(required=True, metadata=SUBJECT)
    due = Day(required=True, allow_none=True)
    lapses_to = fields.String(required=True)


class DecisionShown(DecisionLine):
    """A decision with its grounds and conditions; what people wrote with it is read on its page."""

    method = fields.String(required=True)
    policy = fields.Integer(required=True, metadata={"description": "The number of the policy it rests on."})
    grounds = fields.List(fields.Nested(Reason), required=True)
    conditions = fields.List(fields.Nested(DecidedCondition), required=True)
    page = fields.String(required=True, metadata={"description": "Its page, for people."})


class Decisions(Strict):
    """Every decision about an engagement, newest first."""

    data = fields.List(fields.Nested(DecisionLine), required=True)


FindingPage = page_of(FindingShown, "FindingPage")
