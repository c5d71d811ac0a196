"""Campaigns and their targets (portal/campaigns/models.py).

Revision: 0027; follows 0026.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "campaign",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("due_time", sa.Time(), nullable=True),
        sa.Column("zone", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("said", sa.String(length=2000), nullable=False),
        sa.Column("choice", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("ladder", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["definition.content_hash"], name=op.f("fk_campaign_content_hash")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_campaign_created_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_campaign_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_campaign_organisation_id_state", "campaign", ["organisation_id", "state"], unique=False
    )
    op.create_table(
        "campaign_target",
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagements", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_target_campaign_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_campaign_target_organisation_id")
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_campaign_target_vendor_id")),
        sa.PrimaryKeyConstraint("campaign_id", "vendor_id", name=op.f("pk_campaign_target")),
        info={
            "tenancy": "organisation",
            "immutable": False,
            "unaudited": "starting and changing the campaign is on record, and so is each assessment",
        },
    )
    op.create_index(
        "ix_campaign_target_organisation_id_state",
        "campaign_target",
        ["organisation_id", "state"],
        unique=False,
    )
    op.create_index("ix_campaign_target_vendor_id", "campaign_target", ["vendor_id"], unique=False)
    op.add_column("assessment", sa.Column("due_time", sa.Time(), nullable=True))
    op.add_column("assessment", sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.add_column("assessment", sa.Column("ladder", sa.String(length=10), nullable=False, server_default=""))
    op.add_column(
        "assessment", sa.Column("by_itself", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("ix_assessment_campaign_id", "assessment", ["campaign_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_assessment_campaign_id", table_name="assessment")
    op.drop_column("assessment", "by_itself")
    op.drop_column("assessment", "ladder")
    op.drop_column("assessment", "campaign_id")
    op.drop_column("assessment", "due_time")
    op.drop_table("campaign_target")
    op.drop_table("campaign")
