"""Intake, policies, imports of vendors.

Revision: 0005; follows 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "policy_proposal",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("base_sequence", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_policy_proposal_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_policy_proposal_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_policy_proposal_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_proposal")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_policy_proposal_organisation_id_state",
        "policy_proposal",
        ["organisation_id", "state"],
        unique=False,
    )
    op.create_table(
        "policy_version",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["approved_by"], ["person.id"], name=op.f("fk_policy_version_approved_by")),
        sa.ForeignKeyConstraint(["created_by"], ["person.id"], name=op.f("fk_policy_version_created_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_policy_version_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sa.UniqueConstraint(
            "organisation_id", "sequence", name=op.f("uq_policy_version_organisation_id_sequence")
        ),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_table(
        "vendor_import",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("read_by", sa.Uuid(), nullable=False),
        sa.Column("read_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_vendor_import_organisation_id")
        ),
        sa.ForeignKeyConstraint(["read_by"], ["person.id"], name=op.f("fk_vendor_import_read_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vendor_import")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_vendor_import_organisation_id_read_at",
        "vendor_import",
        ["organisation_id", "read_at"],
        unique=False,
    )
    op.create_table(
        "intake",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.String(length=10), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=False),
        sa.Column("answered_by", sa.Uuid(), nullable=False),
        sa.Column("answered_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["answered_by"], ["person.id"], name=op.f("fk_intake_answered_by")),
        sa.ForeignKeyConstraint(
            ["content_hash"], ["definition.content_hash"], name=op.f("fk_intake_content_hash")
        ),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagement.id"], name=op.f("fk_intake_engagement_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_intake_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake")),
        sa.UniqueConstraint("engagement_id", "sequence", name=op.f("uq_intake_engagement_id_sequence")),
        info={"tenancy": "organisation", "immutable": True, "unaudited": ""},
    )
    op.create_index(
        "ix_intake_organisation_id_engagement_id",
        "intake",
        ["organisation_id", "engagement_id"],
        unique=False,
    )
    op.create_table(
        "intake_answers",
        sa.Column("intake_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["intake_id"], ["intake.id"], name=op.f("fk_intake_answers_intake_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_intake_answers_organisation_id")
        ),
        sa.PrimaryKeyConstraint("intake_id", name=op.f("pk_intake_answers")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_intake_answers_organisation_id", "intake_answers", ["organisation_id"], unique=False)
    op.create_table(
        "tier_proposal",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("intake_id", sa.Uuid(), nullable=False),
        sa.Column("from_tier", sa.String(length=10), nullable=False),
        sa.Column("to_tier", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("fk_tier_proposal_engagement_id")
        ),
        sa.ForeignKeyConstraint(["intake_id"], ["intake.id"], name=op.f("fk_tier_proposal_intake_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_tier_proposal_organisation_id")
        ),
        sa.ForeignKeyConstraint(["proposed_by"], ["person.id"], name=op.f("fk_tier_proposal_proposed_by")),
        sa.ForeignKeyConstraint(["settled_by"], ["person.id"], name=op.f("fk_tier_proposal_settled_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_proposal")),
        sa.UniqueConstraint("intake_id", name=op.f("uq_tier_proposal_intake_id")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_tier_proposal_organisation_id_state", "tier_proposal", ["organisation_id", "state"], unique=False
    )
    op.add_column("engagement", sa.Column("intake_id", sa.Uuid(), nullable=True))
    op.add_column("engagement", sa.Column("waiting_intake_id", sa.Uuid(), nullable=True))
    op.add_column("engagement", sa.Column("owner_set_by", sa.Uuid(), nullable=True))
    op.add_column("engagement", sa.Column("owner_set_at", portal.db.UtcDateTime(), nullable=True))
    op.create_table(
        "person_mailbox",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("mailbox", sa.LargeBinary(length=32), nullable=False),
        sa.Column("since", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_mailbox_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_mailbox")),
        sa.UniqueConstraint("person_id", "mailbox", name=op.f("uq_person_mailbox_person_id_mailbox")),
        info={"tenancy": "global", "immutable": False, "unaudited": ""},
    )
    for side in ("organisation", "company"):
        member = f"{side}_member"
        op.add_column(member, sa.Column("given_by", sa.Uuid(), nullable=True))
        op.add_column(member, sa.Column("given_at", portal.db.UtcDateTime(), nullable=True))
        # A role rests on the word of whoever sent the invitation that was accepted last.
        op.execute(
            f"UPDATE {member} SET given_at = created_at, given_by = (SELECT i.invited_by FROM invitation i "
            f"WHERE i.purpose = '{side}' AND i.{side}_id = {member}.{side}_id "
            f"AND i.accepted_by = {member}.person_id ORDER BY i.accepted_at DESC, i.id LIMIT 1)"
        )
    seal("policy_version", (("id",), ("organisation_id", "sequence")))
    seal("intake", (("id",), ("engagement_id", "sequence")))


def downgrade() -> None:
    for member in ("organisation_member", "company_member"):
        op.drop_column(member, "given_at")
        op.drop_column(member, "given_by")
    op.drop_table("person_mailbox")
    op.drop_column("engagement", "owner_set_at")
    op.drop_column("engagement", "owner_set_by")
    op.drop_column("engagement", "waiting_intake_id")
    op.drop_column("engagement", "intake_id")
    op.drop_index("ix_tier_proposal_organisation_id_state", table_name="tier_proposal")
    op.drop_table("tier_proposal")
    op.drop_index("ix_intake_answers_organisation_id", table_name="intake_answers")
    op.drop_table("intake_answers")
    op.drop_index("ix_intake_organisation_id_engagement_id", table_name="intake")
    op.drop_table("intake")
    op.drop_index("ix_vendor_import_organisation_id_read_at", table_name="vendor_import")
    op.drop_table("vendor_import")
    op.drop_table("policy_version")
    op.drop_index("ix_policy_proposal_organisation_id_state", table_name="policy_proposal")
    op.drop_table("policy_proposal")
