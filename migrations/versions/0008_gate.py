"""The gate: decisions, conditions, exceptions.

Revision: 0008; follows 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_proposal",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("choice", sa.LargeBinary(), nullable=False),
        sa.Column("facts_hash", sa.String(length=64), nullable=False),
        sa.Column("policy_sequence", sa.Integer(), nullable=False),
        sa.Column("policy_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("words", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_gate_proposal_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_gate_proposal_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_gate_proposal_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_gate_proposal_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_proposal")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_gate_proposal_engagement_id", "gate_proposal", ["engagement_id"], unique=False)
    op.create_index(
        "ix_gate_proposal_organisation_id_state", "gate_proposal", ["organisation_id", "state"], unique=False
    )
    op.create_table(
        "gate_decision",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=30), nullable=False),
        sa.Column("proposed_outcome", sa.String(length=30), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("policy_sequence", sa.Integer(), nullable=False),
        sa.Column("policy", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("proposal", sa.LargeBinary(), nullable=False),
        sa.Column("choice", sa.LargeBinary(), nullable=False),
        sa.Column("ratings", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("evaluation_id", sa.Uuid(), nullable=True),
        sa.Column("intake_id", sa.Uuid(), nullable=True),
        sa.Column("words_commitment", sa.String(length=64), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["approved_by"], ["person.id"], name=op.f("fk_gate_decision_approved_by")),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name=op.f("fk_gate_decision_decided_by")),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_gate_decision_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluation.id"], name=op.f("fk_gate_decision_evaluation_id")
        ),
        sa.ForeignKeyConstraint(["intake_id"], ["intake.id"], name=op.f("fk_gate_decision_intake_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_gate_decision_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_decision")),
        sa.UniqueConstraint(
            "engagement_id", "sequence", name=op.f("uq_gate_decision_engagement_id_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_gate_decision_organisation_id", "gate_decision", ["organisation_id"], unique=False)
    seal("gate_decision", (("id",), ("engagement_id", "sequence")))
    op.create_table(
        "decision_words",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["gate_decision.id"], name=op.f("fk_decision_words_decision_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_decision_words_organisation_id")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decision_words")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_decision_words_organisation_id", "decision_words", ["organisation_id"], unique=False)
    op.create_table(
        "condition_step",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("taken_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["gate_decision.id"], name=op.f("fk_condition_step_decision_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_condition_step_organisation_id")
        ),
        sa.ForeignKeyConstraint(["taken_by"], ["person.id"], name=op.f("fk_condition_step_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condition_step")),
        sa.UniqueConstraint(
            "decision_id", "subject", "sequence", name=op.f("uq_condition_step_decision_id_subject_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_condition_step_organisation_id", "condition_step", ["organisation_id"], unique=False)
    seal("condition_step", (("id",), ("decision_id", "subject", "sequence")))
    op.create_table(
        "condition_note",
        sa.Column("step_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_condition_note_organisation_id")
        ),
        sa.ForeignKeyConstraint(["step_id"], ["condition_step.id"], name=op.f("fk_condition_note_step_id")),
        sa.PrimaryKeyConstraint("step_id", name=op.f("pk_condition_note")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_condition_note_organisation_id", "condition_note", ["organisation_id"], unique=False)
    op.create_table(
        "risk_exception",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("measure", sa.Integer(), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_risk_exception_engagement_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_risk_exception_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_risk_exception_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_risk_exception_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_exception")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_risk_exception_engagement_id", "risk_exception", ["engagement_id"], unique=False)
    op.create_index(
        "ix_risk_exception_organisation_id_state",
        "risk_exception",
        ["organisation_id", "state"],
        unique=False,
    )
    op.create_table(
        "risk_exception_step",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("exception_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("measure", sa.Integer(), nullable=False),
        sa.Column("taken_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exception_id"], ["risk_exception.id"], name=op.f("fk_risk_exception_step_exception_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_risk_exception_step_organisation_id")
        ),
        sa.ForeignKeyConstraint(["taken_by"], ["person.id"], name=op.f("fk_risk_exception_step_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_exception_step")),
        sa.UniqueConstraint(
            "exception_id", "sequence", name=op.f("uq_risk_exception_step_exception_id_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_index(
        "ix_risk_exception_step_organisation_id", "risk_exception_step", ["organisation_id"], unique=False
    )
    seal("risk_exception_step", (("id",), ("exception_id", "sequence")))


def downgrade() -> None:
    op.drop_index("ix_risk_exception_step_organisation_id", table_name="risk_exception_step")
    op.drop_table("risk_exception_step")
    op.drop_index("ix_risk_exception_engagement_id", table_name="risk_exception")
    op.drop_index("ix_risk_exception_organisation_id_state", table_name="risk_exception")
    op.drop_table("risk_exception")
    op.drop_index("ix_condition_note_organisation_id", table_name="condition_note")
    op.drop_table("condition_note")
    op.drop_index("ix_condition_step_organisation_id", table_name="condition_step")
    op.drop_table("condition_step")
    op.drop_index("ix_decision_words_organisation_id", table_name="decision_words")
    op.drop_table("decision_words")
    op.drop_index("ix_gate_decision_organisation_id", table_name="gate_decision")
    op.drop_table("gate_decision")
    op.drop_index("ix_gate_proposal_engagement_id", table_name="gate_proposal")
    op.drop_index("ix_gate_proposal_organisation_id_state", table_name="gate_proposal")
    op.drop_table("gate_proposal")
