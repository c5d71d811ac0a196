"""The contract schedule: items, their steps with the words beside, waivers, settlements, files, own clauses.

Revision: 0007; follows 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "clause_text",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("shipped", sa.Boolean(), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_clause_text_created_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_clause_text_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clause_text")),
        sa.UniqueConstraint(
            "organisation_id", "key", "sequence", name=op.f("uq_clause_text_organisation_id_key_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_table(
        "clause_words",
        sa.Column("clause_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["clause_id"], ["clause_text.id"], name=op.f("fk_clause_words_clause_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_clause_words_organisation_id")
        ),
        sa.PrimaryKeyConstraint("clause_id", name=op.f("pk_clause_words")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_clause_words_organisation_id", "clause_words", ["organisation_id"], unique=False)
    op.create_table(
        "contract_file",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=64), nullable=True),
        sa.Column("scan", sa.String(length=20), nullable=False),
        sa.Column("scanned_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("uploaded_by", sa.Uuid(), nullable=False),
        sa.Column("uploaded_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_contract_file_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contract_file_organisation_id")
        ),
        sa.ForeignKeyConstraint(["uploaded_by"], ["person.id"], name=op.f("fk_contract_file_uploaded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_file")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_contract_file_engagement_id", "contract_file", ["engagement_id"], unique=False)
    op.create_index("ix_contract_file_organisation_id", "contract_file", ["organisation_id"], unique=False)
    op.create_table(
        "contract_item",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("evaluation_id", sa.Uuid(), nullable=False),
        sa.Column("flagged_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_contract_item_company_id")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_contract_item_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluation.id"], name=op.f("fk_contract_item_evaluation_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contract_item_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_item")),
        sa.UniqueConstraint(
            "engagement_id", "company_id", "key", name=op.f("uq_contract_item_engagement_id_company_id_key")
        ),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_contract_item_company_id", "contract_item", ["company_id"], unique=False)
    op.create_index("ix_contract_item_organisation_id", "contract_item", ["organisation_id"], unique=False)
    op.create_table(
        "contract_step",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=False),
        sa.Column("to_state", sa.String(length=20), nullable=False),
        sa.Column("requirement_revision", sa.Integer(), nullable=False),
        sa.Column("clause", sa.Integer(), nullable=False),
        sa.Column("signed", sa.Date(), nullable=True),
        sa.Column("contract_until", sa.Date(), nullable=True),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("waived_until", sa.Date(), nullable=True),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["person.id"], name=op.f("fk_contract_step_by")),
        sa.ForeignKeyConstraint(["file_id"], ["contract_file.id"], name=op.f("fk_contract_step_file_id")),
        sa.ForeignKeyConstraint(["item_id"], ["contract_item.id"], name=op.f("fk_contract_step_item_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contract_step_organisation_id")
        ),
        sa.ForeignKeyConstraint(["second_id"], ["person.id"], name=op.f("fk_contract_step_second_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_step")),
        sa.UniqueConstraint("item_id", "sequence", name=op.f("uq_contract_step_item_id_sequence")),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_contract_step_organisation_id", "contract_step", ["organisation_id"], unique=False)
    op.create_table(
        "settlement",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["contract_item.id"], name=op.f("fk_settlement_item_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_settlement_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_settlement_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_settlement_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settlement")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_settlement_item_id", "settlement", ["item_id"], unique=False)
    op.create_index(
        "ix_settlement_organisation_id_state", "settlement", ["organisation_id", "state"], unique=False
    )
    op.create_table(
        "waiver_proposal",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("requirement_revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["contract_item.id"], name=op.f("fk_waiver_proposal_item_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_waiver_proposal_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_waiver_proposal_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_waiver_proposal_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver_proposal")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_waiver_proposal_item_id", "waiver_proposal", ["item_id"], unique=False)
    op.create_index(
        "ix_waiver_proposal_organisation_id_state",
        "waiver_proposal",
        ["organisation_id", "state"],
        unique=False,
    )
    op.create_table(
        "contract_words",
        sa.Column("step_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contract_words_organisation_id")
        ),
        sa.ForeignKeyConstraint(["step_id"], ["contract_step.id"], name=op.f("fk_contract_words_step_id")),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_contract_words")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_contract_words_organisation_id", "contract_words", ["organisation_id"], unique=False)
    seal("contract_item", (("id",), ("engagement_id", "company_id", "key")))
    seal("contract_step", (("id",), ("item_id", "sequence")))
    seal("clause_text", (("id",), ("organisation_id", "key", "sequence")))


def downgrade() -> None:
    op.drop_table("contract_words")
    op.drop_table("waiver_proposal")
    op.drop_table("settlement")
    op.drop_table("contract_step")
    op.drop_table("contract_item")
    op.drop_table("contract_file")
    op.drop_table("clause_words")
    op.drop_table("clause_text")
