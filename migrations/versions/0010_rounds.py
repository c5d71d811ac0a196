"""A return of chosen questions: what came back in a round, why, and the day that the months count from.

Revision: 0010; follows 0009. Columns are added to sealed tables, never by a rebuild: that would lose their triggers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "round_scope",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("keys", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("shown", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("due_before", sa.Date(), nullable=False),
        sa.Column("returned_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("returned_by", sa.Uuid(), nullable=False),
        sa.Column("withdrawn_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessment.id"], name=op.f("fk_round_scope_assessment_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_round_scope_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_round_scope_organisation_id")
        ),
        sa.ForeignKeyConstraint(["returned_by"], ["person.id"], name=op.f("fk_round_scope_returned_by")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_round_scope_submission_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round_scope")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_round_scope_assessment_id", "round_scope", ["assessment_id"], unique=False)
    op.create_index("ix_round_scope_organisation_id", "round_scope", ["organisation_id"], unique=False)
    op.create_index("ix_round_scope_company_id", "round_scope", ["company_id"], unique=False)
    op.create_table(
        "round_reason",
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_round_reason_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_round_reason_organisation_id")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["round_scope.id"], name=op.f("fk_round_reason_scope_id")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_round_reason_submission_id")
        ),
        sa.PrimaryKeyConstraint("scope_id", "key", name=op.f("pk_round_reason")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_round_reason_organisation_id", "round_reason", ["organisation_id"], unique=False)
    op.create_index("ix_round_reason_company_id", "round_reason", ["company_id"], unique=False)
    op.create_index("ix_round_reason_submission_id", "round_reason", ["submission_id"], unique=False)
    op.add_column("submission", sa.Column("whole_as_of", sa.Date(), nullable=True))
    op.add_column("assessment", sa.Column("scope_id", sa.Uuid(), nullable=True))
    op.add_column("assessment", sa.Column("shown", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("assessment", "shown")
    op.drop_column("assessment", "scope_id")
    op.drop_column("submission", "whole_as_of")
    op.drop_table("round_reason")
    op.drop_table("round_scope")
