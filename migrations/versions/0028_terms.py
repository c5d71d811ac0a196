"""Until when each sealed document proves something (portal/reassessment/models_terms.py).

Revision: 0028; follows 0027.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "evidence_term",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("best", sa.Boolean(), nullable=False),
        sa.Column("sealed_at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_evidence_term_company_id")),
        sa.ForeignKeyConstraint(["evidence_id"], ["evidence.id"], name=op.f("fk_evidence_term_evidence_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_evidence_term_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_evidence_term_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "key", "evidence_id", name=op.f("pk_evidence_term")),
        info={
            "tenancy": "shared",
            "immutable": False,
            "unaudited": "follows from what was sealed and judged",
        },
    )
    op.create_index(
        "ix_evidence_term_company_id_until", "evidence_term", ["company_id", "until"], unique=False
    )
    op.create_index("ix_evidence_term_evidence_id", "evidence_term", ["evidence_id"], unique=False)
    op.create_index(
        "ix_evidence_term_organisation_id_until", "evidence_term", ["organisation_id", "until"], unique=False
    )
    op.create_table(
        "termed",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_termed_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_termed_organisation_id")
        ),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_termed_submission_id")),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_termed")),
        info={
            "tenancy": "shared",
            "immutable": False,
            "unaudited": "follows from what was sealed and judged",
        },
    )
    op.create_index("ix_termed_company_id", "termed", ["company_id"], unique=False)
    op.create_index("ix_termed_organisation_id", "termed", ["organisation_id"], unique=False)


def downgrade() -> None:
    op.drop_table("termed")
    op.drop_table("evidence_term")
