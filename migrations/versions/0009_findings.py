"""Findings: where they stand, their engagements, every step with the words beside, and the documents of proofs.

Revision: 0009; follows 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "finding",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.Uuid(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("worst", sa.String(length=10), nullable=False),
        sa.Column("called_for", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("waits", sa.String(length=10), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("first_due", sa.Date(), nullable=True),
        sa.Column("wanted_owner_id", sa.Uuid(), nullable=True),
        sa.Column("wanted_due", sa.Date(), nullable=True),
        sa.Column("proof_id", sa.Uuid(), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("opened", sa.Date(), nullable=False),
        sa.Column("opened_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("closed_how", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessment.id"], name=op.f("fk_finding_assessment_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_finding_company_id")),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["definition.content_hash"], name=op.f("fk_finding_content_hash")
        ),
        sa.ForeignKeyConstraint(["merged_into"], ["finding.id"], name=op.f("fk_finding_merged_into")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_finding_organisation_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_finding_owner_id")),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_finding_submission_id")),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_finding_vendor_id")),
        sa.ForeignKeyConstraint(["wanted_owner_id"], ["person.id"], name=op.f("fk_finding_wanted_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_finding_company_id_state", "finding", ["company_id", "state"], unique=False)
    op.create_index("ix_finding_merged_into", "finding", ["merged_into"], unique=False)
    op.create_index(
        "ix_finding_organisation_id_state_due", "finding", ["organisation_id", "state", "due"], unique=False
    )
    op.create_index("ix_finding_vendor_id_slug", "finding", ["vendor_id", "slug"], unique=False)
    op.create_table(
        "finding_engagement",
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("standing", sa.String(length=64), nullable=True),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("called_for", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_finding_engagement_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_finding_engagement_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["finding.id"], name=op.f("fk_finding_engagement_finding_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_finding_engagement_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_finding_engagement_submission_id")
        ),
        sa.PrimaryKeyConstraint("finding_id", "engagement_id", name=op.f("pk_finding_engagement")),
        sa.UniqueConstraint(
            "company_id",
            "engagement_id",
            "standing",
            name=op.f("uq_finding_engagement_company_id_engagement_id_standing"),
        ),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_finding_engagement_engagement_id", "finding_engagement", ["engagement_id"], unique=False
    )
    op.create_index(
        "ix_finding_engagement_organisation_id", "finding_engagement", ["organisation_id"], unique=False
    )
    op.create_table(
        "finding_step",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("submission_id", sa.Uuid(), nullable=True),
        sa.Column("other_id", sa.Uuid(), nullable=True),
        sa.Column("second_id", sa.Uuid(), nullable=True),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_finding_step_company_id")),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_step_finding_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_finding_step_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_step")),
        sa.UniqueConstraint("finding_id", "sequence", name=op.f("uq_finding_step_finding_id_sequence")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_finding_step_company_id", "finding_step", ["company_id"], unique=False)
    op.create_index("ix_finding_step_organisation_id", "finding_step", ["organisation_id"], unique=False)
    seal("finding_step", (("id",), ("finding_id", "sequence")))
    op.create_table(
        "finding_words",
        sa.Column("step_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_finding_words_company_id")),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_words_finding_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_finding_words_organisation_id")
        ),
        sa.ForeignKeyConstraint(["step_id"], ["finding_step.id"], name=op.f("fk_finding_words_step_id")),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_finding_words")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_finding_words_finding_id", "finding_words", ["finding_id"], unique=False)
    op.create_table(
        "finding_note",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_finding_note_author_id")),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_note_finding_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_finding_note_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_note")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_finding_note_finding_id", "finding_note", ["finding_id"], unique=False)
    op.create_index("ix_finding_note_organisation_id", "finding_note", ["organisation_id"], unique=False)
    op.create_table(
        "finding_closing",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("how", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_closing_finding_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_finding_closing_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_finding_closing_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_finding_closing_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_closing")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_finding_closing_finding_id", "finding_closing", ["finding_id"], unique=False)
    op.create_index(
        "ix_finding_closing_organisation_id_state",
        "finding_closing",
        ["organisation_id", "state"],
        unique=False,
    )
    op.create_table(
        "proof_document",
        sa.Column("proof_id", sa.Uuid(), nullable=False),
        sa.Column("evidence_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("finding_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_proof_document_company_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_proof_document_organisation_id")
        ),
        sa.PrimaryKeyConstraint("proof_id", "evidence_id", name=op.f("pk_proof_document")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_proof_document_company_id", "proof_document", ["company_id"], unique=False)
    op.create_index("ix_proof_document_evidence_id", "proof_document", ["evidence_id"], unique=False)
    op.create_index("ix_proof_document_finding_id", "proof_document", ["finding_id"], unique=False)
    op.create_index("ix_proof_document_organisation_id", "proof_document", ["organisation_id"], unique=False)


def downgrade() -> None:
    op.drop_table("proof_document")
    op.drop_table("finding_closing")
    op.drop_table("finding_note")
    op.drop_table("finding_words")
    op.drop_table("finding_step")
    op.drop_table("finding_engagement")
    op.drop_table("finding")
