"""The shapes of vendors, engagements, assessments, submissions and ratings, as they are given."""

from __future__ import annotations

from marshmallow import fields

from portal.api.fields import Bool, Choice, Day, Id, Instant, Plain, Strict
from portal.api.paging import page_of
from portal.assessments.in_order import STATES
from portal.vendors.facts import TIERS

HASH = {"description": "SHA-256 in hex."}


class Exact(Strict):
    """An exact fraction, its two numbers as texts."""

    num = fields.String(required=True)
    den = fields.String(required=True)


class VendorShown(Strict):
    """A vendor as the organisation has it on record."""

    id = Id(required=True)
    name = fields.String(required=True)
    country = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "ISO 3166-1 alpha-2; null while nobody knows."},
    )
    tier = Choice(
        TIERS,
        required=True,
        allow_none=True,
        metadata={"description": "The worst tier of its engagements; null without any."},
    )
    joined = Bool(required=True, metadata={"description": "Whether its people have accepted an invitation."})
    created_at = Instant(required=True)
    offboarded_at = Instant(required=True, allow_none=True)
    page = fields.String(required=True, metadata={"description": "Its page, for people."})


class EngagementShown(Strict):
    """What is bought from a vendor."""

    id = Id(required=True)
    vendor = Id(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    tier = Choice(TIERS, required=True)
    tier_by_hand = Bool(
        required=True, metadata={"description": "Whether a person wrote the tier, instead of an intake."}
    )
    facts = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "What is known, by the fact's name: a text, or a list of texts."},
    )
    business_owner = Id(required=True, allow_none=True)
    created_at = Instant(required=True)
    page = fields.String(required=True, metadata={"description": "Its page, for people."})


class AssessmentShown(Strict):
    """A version of a questionnaire, issued to a vendor."""

    id = Id(required=True)
    vendor = Id(required=True)
    engagements = fields.List(Id(), required=True)
    questionnaire = fields.String(required=True, metadata={"description": "Its slug."})
    version = fields.String(required=True)
    questionnaire_hash = fields.String(required=True, metadata=HASH)
    title = fields.String(required=True)
    state = Choice(STATES, required=True)
    round = fields.Integer(required=True, metadata={"description": "1, and one more with each return."})
    due = Day(required=True, metadata={"description": "The last day, in the zone of the organisation."})
    reason = fields.String(required=True)
    answered = fields.Integer(required=True, metadata={"description": "How many questions of the draft."})
    total = fields.Integer(required=True)
    issued_at = Instant(required=True)
    submitted_at = Instant(required=True, allow_none=True)
    closed_at = Instant(required=True, allow_none=True)
    page = fields.String(required=True, metadata={"description": "Its page, for people."})


class SubmissionShown(Strict):
    """What a vendor sealed in one round; it never changes."""

    id = Id(required=True)
    assessment = Id(required=True)
    round = fields.Integer(required=True)
    as_of = Day(required=True, metadata={"description": "The day for which it was answered."})
    questionnaire_hash = fields.String(required=True, metadata=HASH)
    submission_hash = fields.String(required=True, metadata=HASH)
    sealed_at = Instant(required=True)


class DocumentShown(Strict):
    """A document that was sealed beside an answer. Its file is opened on the page, which puts that on record."""

    evidence = Id(required=True)
    kind = fields.String(
        required=True,
        metadata={"description": "A dot leads to a narrower kind: “report.audit” is a “report”, too."},
    )
    title = fields.String(required=True)
    issued = Day(required=True, allow_none=True)
    expires = Day(required=True, allow_none=True)
    filename = fields.String(required=True)
    media_type = fields.String(required=True)
    size = fields.Integer(required=True)
    sha256 = fields.String(required=True, metadata=HASH)
    scan = fields.String(required=True)


class AnswerShown(Strict):
    """A sealed answer."""

    key = fields.String(required=True)
    question = fields.String(required=True)
    state = fields.String(required=True)
    value = Plain(
        required=True, allow_none=True, schema={"description": "As section 6 of the format has it."}
    )
    note = fields.String(required=True)
    promise_reason = fields.String(required=True, metadata={"description": "Why evidence is not here yet."})
    promise_date = fields.String(required=True, metadata={"description": "When it will be; a day or “”."})
    documents = fields.List(fields.Nested(DocumentShown), required=True)


class AnswersShown(Strict):
    """Every answer of a submission, in the order of the questionnaire, and what is not there any more."""

    submission = Id(required=True)
    sound = Bool(required=True, metadata={"description": "Whether all that is there is what was sealed."})
    redacted = fields.List(
        fields.String(), required=True, metadata={"description": "Keys whose answers were destroyed."}
    )
    data = fields.List(fields.Nested(AnswerShown), required=True)


class RatingLine(Strict):
    """A rating in short; the last one of a submission stands."""

    id = Id(required=True)
    submission = Id(required=True)
    sequence = fields.Integer(required=True)
    method = fields.String(required=True)
    as_of = Day(required=True)
    band = fields.String(required=True, allow_none=True)
    best_band = fields.String(
        required=True, allow_none=True, metadata={"description": "What it can become once all is answered."}
    )
    rated_at = Instant(required=True)


class RatingShown(RatingLine):
    """A rating with all that it was worked out from: fractions are exact, as numerator and denominator in texts."""

    questionnaire_hash = fields.String(required=True, metadata=HASH)
    score = fields.Nested(Exact, required=True, allow_none=True)
    high = fields.Nested(Exact, required=True, allow_none=True)
    result = Plain(
        {
            "type": "object",
            "description": "The engine's own result: caps, knock-outs, sections, and the trace of every question.",
        },
        required=True,
    )


class Submissions(Strict):
    """All submissions of an assessment, the first round first."""

    data = fields.List(fields.Nested(SubmissionShown), required=True)


class Ratings(Strict):
    """All ratings of a submission, first to last."""

    data = fields.List(fields.Nested(RatingLine), required=True)


VendorPage = page_of(VendorShown, "VendorPage")
EngagementPage = page_of(EngagementShown, "EngagementPage")
AssessmentPage = page_of(AssessmentShown, "AssessmentPage")
