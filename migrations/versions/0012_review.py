"""Adverse marks of earlier rounds that no longer stand are noted; ranges are worked out when marks are written.

Revision: 0012; follows 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from portal.schema import seal

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lapsed_mark",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("mark_id", sa.Uuid(), nullable=False),
        sa.Column("about", sa.String(length=200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_lapsed_mark_company_id")),
        sa.ForeignKeyConstraint(["mark_id"], ["mark.id"], name=op.f("fk_lapsed_mark_mark_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_lapsed_mark_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_lapsed_mark_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "key", "mark_id", name=op.f("pk_lapsed_mark")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_lapsed_mark_company_id", "lapsed_mark", ["company_id"], unique=False)
    op.create_index("ix_lapsed_mark_organisation_id", "lapsed_mark", ["organisation_id"], unique=False)
    seal("lapsed_mark", (("submission_id", "key", "mark_id"),))
    # A range is worked out when marks are written: one kept with a mark in the making tells of others since undone.
    op.drop_column("mark_draft", "score_high")
    op.drop_column("mark_draft", "score_low")


def downgrade() -> None:
    op.add_column("mark_draft", sa.Column("score_low", sa.Text(), nullable=True))
    op.add_column("mark_draft", sa.Column("score_high", sa.Text(), nullable=True))
    op.drop_table("lapsed_mark")
