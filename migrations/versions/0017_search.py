"""Words and fourth parties of the submissions that count (portal/portfolio/models.py).

Revision: 0017; follows 0016.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "indexed_submission",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_indexed_submission_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_indexed_submission_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("pk_indexed_submission")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": "worked out from sealed answers"},
    )
    op.create_index(
        "ix_indexed_submission_organisation_id", "indexed_submission", ["organisation_id"], unique=False
    )
    op.create_table(
        "answer_word",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column(
            "word",
            sa.String(length=40).with_variant(sa.String(length=40, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_answer_word_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_answer_word_submission_id")
        ),
        sa.PrimaryKeyConstraint(
            "organisation_id", "word", "submission_id", "key", name=op.f("pk_answer_word")
        ),
        info={"tenancy": "organisation", "immutable": False, "unaudited": "worked out from sealed answers"},
        sqlite_with_rowid=False,
    )
    op.create_index("ix_answer_word_submission_id_key", "answer_word", ["submission_id", "key"], unique=False)
    op.create_table(
        "fourth_party",
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("row", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=100), nullable=False),
        sa.Column("service", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_fourth_party_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_fourth_party_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "key", "row", name=op.f("pk_fourth_party")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": "worked out from sealed answers"},
    )
    op.create_index(
        "ix_fourth_party_organisation_id_name_key",
        "fourth_party",
        ["organisation_id", "name_key"],
        unique=False,
    )
    op.create_table(
        "fourth_party_name",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("same_as", sa.String(length=200), nullable=False),
        sa.Column("said_by", sa.Uuid(), nullable=False),
        sa.Column("said_at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_fourth_party_name_organisation_id")
        ),
        sa.ForeignKeyConstraint(["said_by"], ["person.id"], name=op.f("fk_fourth_party_name_said_by")),
        sa.PrimaryKeyConstraint("organisation_id", "name_key", name=op.f("pk_fourth_party_name")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )


def downgrade() -> None:
    op.drop_table("fourth_party_name")
    op.drop_table("fourth_party")
    op.drop_table("answer_word")
    op.drop_table("indexed_submission")
