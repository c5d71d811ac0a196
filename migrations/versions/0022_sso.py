"""Sign-in of an organisation by its own provider (portal/organisations/sso_models.py).

Revision: 0022; follows 0021.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sso_connection",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("known_as", sa.String(length=200), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=1000), nullable=True),
        sa.Column("groups_claim", sa.String(length=60), nullable=False),
        sa.Column("roles", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("default_role", sa.String(length=20), nullable=False),
        sa.Column("trusts_factor", sa.Boolean(), nullable=False),
        sa.Column("creates", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.Column("since", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sso_connection_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sso_connection")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_sso_connection_organisation_id")),
    )
    op.create_table(
        "sso_proposal",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("content", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=1000), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("settled_by", sa.Uuid(), nullable=True),
        sa.Column("settled_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sso_proposal_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sso_proposal")),
    )
    op.create_index("ix_sso_proposal_organisation_id", "sso_proposal", ["organisation_id"], unique=False)
    op.create_table(
        "sso_identity",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("since", portal.db.UtcDateTime(), nullable=False),
        sa.Column("made", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sso_identity_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_sso_identity_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sso_identity")),
        sa.UniqueConstraint(
            "organisation_id",
            "issuer",
            "subject",
            name=op.f("uq_sso_identity_organisation_id_issuer_subject"),
        ),
    )
    op.create_index("ix_sso_identity_person_id", "sso_identity", ["person_id"], unique=False)
    op.create_table(
        "sso_domain",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("domain", sa.String(length=253), nullable=False),
        sa.Column("allowed_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_sso_domain_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sso_domain")),
        sa.UniqueConstraint("domain", name=op.f("uq_sso_domain_domain")),
    )
    op.create_index("ix_sso_domain_organisation_id", "sso_domain", ["organisation_id"], unique=False)


def downgrade() -> None:
    for table in ("sso_domain", "sso_identity", "sso_proposal", "sso_connection"):
        op.drop_table(table)
