"""Triggers and incidents (portal/reassessment/models_triggers.py).

Revision: 0026; follows 0025.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db
from portal.schema import seal

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trigger",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("engagement_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("basis", sa.String(length=64), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.Column("wanted", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["engagement_id"], ["engagement.id"], name=op.f("fk_trigger_engagement_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_trigger_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trigger")),
        sa.UniqueConstraint(
            "kind",
            "subject_id",
            "engagement_id",
            "slug",
            "basis",
            name=op.f("uq_trigger_kind_subject_id_engagement_id_slug_basis"),
        ),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_trigger_engagement_id", "trigger", ["engagement_id"], unique=False)
    op.create_index(
        "ix_trigger_organisation_id_state_at", "trigger", ["organisation_id", "state", "at"], unique=False
    )
    op.create_table(
        "incident",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("vendor_id", sa.Uuid(), nullable=False),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("happened", sa.Date(), nullable=True),
        sa.Column("known", sa.Date(), nullable=False),
        sa.Column("said", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("opened_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("opened_by", sa.Uuid(), nullable=False),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_incident_company_id")),
        sa.ForeignKeyConstraint(["opened_by"], ["person.id"], name=op.f("fk_incident_opened_by")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_incident_organisation_id")
        ),
        sa.ForeignKeyConstraint(["vendor_id"], ["vendor.id"], name=op.f("fk_incident_vendor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_incident_company_id", "incident", ["company_id"], unique=False)
    op.create_index(
        "ix_incident_organisation_id_state", "incident", ["organisation_id", "state"], unique=False
    )
    op.create_index("ix_incident_vendor_id", "incident", ["vendor_id"], unique=False)
    op.create_table(
        "incident_entry",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["person.id"], name=op.f("fk_incident_entry_by")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_incident_entry_company_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_entry_incident_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_incident_entry_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident_entry")),
        sa.UniqueConstraint("incident_id", "sequence", name=op.f("uq_incident_entry_incident_id_sequence")),
        info={"tenancy": "shared", "immutable": True, "unaudited": ""},
    )
    op.create_index("ix_incident_entry_company_id", "incident_entry", ["company_id"], unique=False)
    op.create_index("ix_incident_entry_organisation_id", "incident_entry", ["organisation_id"], unique=False)
    seal("incident_entry", (("id",), ("incident_id", "sequence")))
    op.create_table(
        "incident_words",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_incident_words_company_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["incident_entry.id"], name=op.f("fk_incident_words_entry_id")),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"], name=op.f("fk_incident_words_incident_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_incident_words_organisation_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_incident_words")),
        info={"tenancy": "shared", "immutable": False, "unaudited": ""},
    )
    op.create_index("ix_incident_words_company_id", "incident_words", ["company_id"], unique=False)
    op.create_index("ix_incident_words_incident_id", "incident_words", ["incident_id"], unique=False)
    op.create_index("ix_incident_words_organisation_id", "incident_words", ["organisation_id"], unique=False)


def downgrade() -> None:
    op.drop_table("incident_words")
    op.drop_table("incident_entry")
    op.drop_table("incident")
    op.drop_table("trigger")
