"""What stands at each gate, stored, and its history (portal/gate/standing_models.py).

Revision: 0016; follows 0015.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_brief",
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("ground_revision", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=True),
        sa.Column("decided_outcome", sa.String(length=30), nullable=True),
        sa.Column("proposed", sa.String(length=30), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("high", sa.Integer(), nullable=True),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("lapsed", sa.Boolean(), nullable=False),
        sa.Column("lapses_on", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("open_conditions", sa.Integer(), nullable=False),
        sa.Column("excepted", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("lapses", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_gate_brief_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_gate_brief_organisation_id")
        ),
        sa.PrimaryKeyConstraint("engagement_id", name=op.f("pk_gate_brief")),
        info={
            "tenancy": "organisation",
            "immutable": False,
            "unaudited": "worked out from what is on record",
        },
    )
    op.create_index("ix_gate_brief_organisation_id", "gate_brief", ["organisation_id"], unique=False)
    op.create_table(
        "brief_condition",
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("lapses_to", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_brief_condition_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_brief_condition_organisation_id")
        ),
        sa.PrimaryKeyConstraint("engagement_id", "code", "subject", name=op.f("pk_brief_condition")),
        info={
            "tenancy": "organisation",
            "immutable": False,
            "unaudited": "worked out from what is on record",
        },
    )
    op.create_index(
        "ix_brief_condition_organisation_id", "brief_condition", ["organisation_id"], unique=False
    )
    op.create_table(
        "brief_submission",
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("demanded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_brief_submission_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_brief_submission_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_brief_submission_submission_id")
        ),
        sa.PrimaryKeyConstraint("engagement_id", "slug", name=op.f("pk_brief_submission")),
        info={
            "tenancy": "organisation",
            "immutable": False,
            "unaudited": "worked out from what is on record",
        },
    )
    op.create_index(
        "ix_brief_submission_organisation_id_submission_id",
        "brief_submission",
        ["organisation_id", "submission_id"],
        unique=False,
    )
    op.create_table(
        "standing_record",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("high", sa.Integer(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_standing_record_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_standing_record_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_record")),
        sa.UniqueConstraint(
            "engagement_id", "sequence", name=op.f("uq_standing_record_engagement_id_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": "worked out from what is on record"},
    )
    op.create_index(
        "ix_standing_record_organisation_id_day", "standing_record", ["organisation_id", "day"], unique=False
    )
    seal("standing_record", (("id",), ("engagement_id", "sequence")))


def downgrade() -> None:
    op.drop_table("standing_record")
    op.drop_table("brief_submission")
    op.drop_table("brief_condition")
    op.drop_table("gate_brief")
