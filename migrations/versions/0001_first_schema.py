"""The first schema: every table of the journey, and the triggers that keep sealed rows as they are.

Revision: 0001; the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Rows of these tables are never changed, deleted or replaced (law 5): table -> its primary key, then other unique keys.
# A reminder's unique key is left to ON CONFLICT DO NOTHING, which a trigger would forestall.
IMMUTABLE: dict[str, tuple[tuple[str, ...], ...]] = {
    "answer_revision": (("assessment_id", "key", "revision"),),
    "definition": (("content_hash",),),
    "evaluation": (("id",), ("engagement_id", "sequence")),
    "event": (("id",),),
    "rating": (("id",), ("submission_id", "sequence")),
    "released_version": (("id",), ("organisation_id", "slug", "version")),
    "reminder": (("id",),),
    "requirement_catalogue": (("catalogue_hash",),),
    "submission": (("id",), ("assessment_id", "round")),
}


def upgrade() -> None:
    op.create_table(
        "company",
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("slug", name=op.f("uq_company_slug")),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "definition",
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", portal.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("content_hash", name=op.f("pk_definition")),
        info={"tenancy": "global", "immutable": True, "unaudited": ""},
    )
    op.create_table(
        "event",
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_event_company_at", "event", ["company_id", "at"], unique=False)
    op.create_index("ix_event_organisation_at", "event", ["organisation_id", "at"], unique=False)
    op.create_index("ix_event_subject", "event", ["subject_id", "at"], unique=False)
    op.create_table(
        "organisation",
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("regimes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("months_critical", sa.Integer(), nullable=False),
        sa.Column("months_high", sa.Integer(), nullable=False),
        sa.Column("months_medium", sa.Integer(), nullable=False),
        sa.Column("months_low", sa.Integer(), nullable=False),
        sa.Column("vendor_sees", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.UniqueConstraint("slug", name=op.f("uq_organisation_slug")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "person",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("confirmed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "requirement_catalogue",
        sa.Column("catalogue_hash", sa.String(length=64), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", portal.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("catalogue_hash", name=op.f("pk_requirement_catalogue")),
        info={"tenancy": "global", "immutable": True, "unaudited": ""},
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("window_start", portal.db.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
        info={
            "tenancy": "global",
            "immutable": False,
            "unaudited": "a counter; what it refuses is on record",
        },
    )
    op.create_table(
        "worker_beat",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker_beat")),
        info={"tenancy": "global", "immutable": False, "unaudited": "a sign of life"},
    )
    op.create_table(
        "company_member",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("removed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_company_member_company_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_company_member_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_member")),
        sa.UniqueConstraint("company_id", "person_id", name=op.f("uq_company_member_company_id_person_id")),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_company_member_person_id", "company_member", ["person_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("vendor_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("invited_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("accepted_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_invitation_company_id")),
        sa.ForeignKeyConstraint(["invited_by"], ["person.id"], name=op.f("fk_invitation_invited_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_invitation_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_invitation_company_id", "invitation", ["company_id"], unique=False)
    op.create_index("ix_invitation_organisation_id", "invitation", ["organisation_id"], unique=False)
    op.create_index("ix_invitation_vendor_id", "invitation", ["vendor_id"], unique=False)
    op.create_table(
        "login_session",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("seen_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_login_session_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_login_session_token_hash")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_login_session_person_id", "login_session", ["person_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("recipient_name", sa.String(length=200), nullable=False),
        sa.Column("reply_to", sa.String(length=254), nullable=True),
        sa.Column("sender_name", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("html", sa.Text(), nullable=False),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("due_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", portal.db.UtcDateTime(), nullable=True),
        sa.Column("sent_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_message_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_message_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        info={
            "tenancy": "shared",
            "immutable": False,
            "unaudited": "the row is the record of its own sending; what queued it wrote an event",
        },
    )
    op.create_index("ix_message_state_due_at", "message", ["state", "due_at"], unique=False)
    op.create_table(
        "organisation_member",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("removed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_organisation_member_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_organisation_member_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_member")),
        sa.UniqueConstraint(
            "organisation_id", "person_id", name=op.f("uq_organisation_member_organisation_id_person_id")
        ),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_organisation_member_person_id", "organisation_member", ["person_id"], unique=False)
    op.create_table(
        "password_reset",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("used_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_password_reset_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_reset")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_reset_token_hash")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "released_version",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("sections", sa.Integer(), nullable=False),
        sa.Column("questions", sa.Integer(), nullable=False),
        sa.Column("source_format", sa.String(length=20), nullable=False),
        sa.Column("report", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("released_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("released_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["definition.content_hash"], name=op.f("fk_released_version_content_hash")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_released_version_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_released_version")),
        sa.UniqueConstraint(
            "organisation_id",
            "slug",
            "version",
            name=op.f("uq_released_version_organisation_id_slug_version"),
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_table(
        "reminder",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("queued_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_reminder_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reminder_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_reminder_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "subject_id",
            "kind",
            "step",
            "due",
            "person_id",
            name=op.f("uq_reminder_subject_id_kind_step_due_person_id"),
        ),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_reminder_organisation_id", "reminder", ["organisation_id"], unique=False)
    op.create_table(
        "vendor",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_vendor_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_vendor_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor")),
        sa.UniqueConstraint("organisation_id", "name_key", name=op.f("uq_vendor_organisation_id_name_key")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_vendor_company_id", "vendor", ["company_id"], unique=False)
    op.create_table(
        "assessment",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("issued_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=True),
        sa.Column("submitted_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_assessment_company_id")),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["definition.content_hash"], name=op.f("fk_assessment_content_hash")
        ),
        sa.ForeignKeyConstraint(["issued_by"], ["person.id"], name=op.f("fk_assessment_issued_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_assessment_organisation_id")
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_assessment_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_assessment_company_id", "assessment", ["company_id"], unique=False)
    op.create_index(
        "ix_assessment_organisation_id_state_due",
        "assessment",
        ["organisation_id", "state", "due"],
        unique=False,
    )
    op.create_index("ix_assessment_vendor_id", "assessment", ["vendor_id"], unique=False)
    op.create_table(
        "contact",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contact_organisation_id")
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_contact_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("vendor_id", "email", name=op.f("uq_contact_vendor_id_email")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "engagement",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=2000), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("business_owner_id", sa.Uuid(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["business_owner_id"], ["person.id"], name=op.f("fk_engagement_business_owner_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_engagement_organisation_id")
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_engagement_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engagement")),
        sa.UniqueConstraint("vendor_id", "name_key", name=op.f("uq_engagement_vendor_id_name_key")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_engagement_organisation_id_business_owner_id",
        "engagement",
        ["organisation_id", "business_owner_id"],
        unique=False,
    )
    op.create_table(
        "answer",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("promise_reason", sa.String(length=1000), nullable=False),
        sa.Column("promise_date", sa.Date(), nullable=True),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("answered_at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name=op.f("fk_answer_answered_by")),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessment.id"], name=op.f("fk_answer_assessment_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_answer_company_id")),
        sa.PrimaryKeyConstraint("assessment_id", "key", name=op.f("pk_answer")),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "answer_content",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("promise_reason", sa.String(length=1000), nullable=False),
        sa.Column("promise_date", sa.Date(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_answer_content_assessment_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_answer_content_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_content")),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_answer_content_assessment_id", "answer_content", ["assessment_id"], unique=False)
    op.create_table(
        "answer_revision",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("content_id", sa.Uuid(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("answered_at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_answer_revision_assessment_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_answer_revision_company_id")),
        sa.PrimaryKeyConstraint("assessment_id", "key", "revision", name=op.f("pk_answer_revision")),
        info={"tenancy": "company", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_answer_revision_company_id", "answer_revision", ["company_id"], unique=False)
    op.create_table(
        "assessment_engagement",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_assessment_engagement_assessment_id")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_assessment_engagement_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_assessment_engagement_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_assessment_engagement_organisation_id")
        ),
        sa.PrimaryKeyConstraint("assessment_id", "engagement_id", name=op.f("pk_assessment_engagement")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_assessment_engagement_engagement_id", "assessment_engagement", ["engagement_id"], unique=False
    )
    op.create_table(
        "evaluation",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("catalogue_hash", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("submissions", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.Column("evaluated_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["catalogue_hash"],
            ["requirement_catalogue.catalogue_hash"],
            name=op.f("fk_evaluation_catalogue_hash"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_evaluation_company_id")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_evaluation_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_evaluation_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("engagement_id", "sequence", name=op.f("uq_evaluation_engagement_id_sequence")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_evaluation_company_id", "evaluation", ["company_id"], unique=False)
    op.create_index("ix_evaluation_organisation_id", "evaluation", ["organisation_id"], unique=False)
    op.create_table(
        "stale_edit",
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("value", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("promise_reason", sa.String(length=1000), nullable=False),
        sa.Column("promise_date", sa.Date(), nullable=True),
        sa.Column("written_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_stale_edit_assessment_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_stale_edit_company_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_stale_edit_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_edit")),
        sa.UniqueConstraint(
            "assessment_id", "key", "person_id", name=op.f("uq_stale_edit_assessment_id_key_person_id")
        ),
        info={"tenancy": "company", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "submission",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("commitments", sa.LargeBinary(), nullable=False),
        sa.Column("attestation_commitment", sa.String(length=64), nullable=False),
        sa.Column("submission_hash", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("sealed_by", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_submission_assessment_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_submission_company_id")),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["definition.content_hash"], name=op.f("fk_submission_content_hash")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_submission_organisation_id")
        ),
        sa.ForeignKeyConstraint(["sealed_by"], ["person.id"], name=op.f("fk_submission_sealed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("assessment_id", "round", name=op.f("uq_submission_assessment_id_round")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_submission_company_id", "submission", ["company_id"], unique=False)
    op.create_index("ix_submission_organisation_id", "submission", ["organisation_id"], unique=False)
    op.create_table(
        "rating",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("facts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("marks", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("band", sa.String(length=60), nullable=True),
        sa.Column("best_band", sa.String(length=60), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=False),
        sa.Column("rated_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("rated_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_rating_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_rating_organisation_id")
        ),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_rating_submission_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
        sa.UniqueConstraint("submission_id", "sequence", name=op.f("uq_rating_submission_id_sequence")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_rating_company_id", "rating", ["company_id"], unique=False)
    op.create_index("ix_rating_organisation_id", "rating", ["organisation_id"], unique=False)
    op.create_table(
        "reassessment",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_reassessment_company_id")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_reassessment_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reassessment_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_reassessment_submission_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reassessment")),
        sa.UniqueConstraint(
            "submission_id", "engagement_id", name=op.f("uq_reassessment_submission_id_engagement_id")
        ),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_reassessment_organisation_id", "reassessment", ["organisation_id"], unique=False)
    op.create_index("ix_reassessment_state_due", "reassessment", ["state", "due"], unique=False)
    op.create_table(
        "sealed_answer",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_sealed_answer_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sealed_answer_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_sealed_answer_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "key", name=op.f("pk_sealed_answer")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_table(
        "sealed_attestation",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("attestation", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_sealed_attestation_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sealed_attestation_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_sealed_attestation_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_sealed_attestation")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    for table, keys in IMMUTABLE.items():
        _seal(table, keys)


def downgrade() -> None:
    for table in [
        "sealed_attestation",
        "sealed_answer",
        "reassessment",
        "rating",
        "submission",
        "stale_edit",
        "evaluation",
        "assessment_engagement",
        "answer_revision",
        "answer_content",
        "answer",
        "engagement",
        "contact",
        "assessment",
        "vendor",
        "reminder",
        "released_version",
        "password_reset",
        "organisation_member",
        "message",
        "login_session",
        "invitation",
        "company_member",
        "worker_beat",
        "throttle",
        "requirement_catalogue",
        "person",
        "organisation",
        "event",
        "definition",
        "company",
    ]:
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _seal(table: str, keys: tuple[tuple[str, ...], ...]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_sealed BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    refuse = f"SELECT RAISE(ABORT, '{table} is append-only')"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN {refuse}; END")
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN {refuse}; END")
    # REPLACE fires no delete trigger unless recursive_triggers is on: refuse the insert of a key that is there
    same = " OR ".join(
        "(" + " AND ".join(f"{column} IS NEW.{column}" for column in key) + ")" for key in keys
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN {refuse}; END"
    )
