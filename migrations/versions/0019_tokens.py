"""API tokens and what was asked once; the orders in which the API pages (portal/organisations/token_models.py).

Revision: 0019; follows 0018.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# Lists of the API are read in the order in which rows came, which never changes.
ORDERS = {
    "vendor": "created_at",
    "engagement": "created_at",
    "assessment": "issued_at",
    "finding": "opened_at",
}


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("hint", sa.String(length=8), nullable=False),
        sa.Column("scopes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("expires_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("used_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("revoked_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_api_token_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
        info={"tenancy": "organisation", "immutable": False, "unaudited": ""},
    )
    op.create_index(
        "ix_api_token_organisation_id_person_id", "api_token", ["organisation_id", "person_id"], unique=False
    )
    op.create_index("ix_api_token_person_id", "api_token", ["person_id"], unique=False)
    op.create_table(
        "api_request",
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("at", portal.db.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name=op.f("fk_api_request_token_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_api_request_organisation_id")
        ),
        sa.PrimaryKeyConstraint("token_id", "key", name=op.f("pk_api_request")),
        info={
            "tenancy": "organisation",
            "immutable": False,
            "unaudited": "what it made wrote an event",
        },
    )
    op.create_index("ix_api_request_at", "api_request", ["at"], unique=False)
    op.create_index("ix_api_request_organisation_id", "api_request", ["organisation_id"], unique=False)
    for table, at in ORDERS.items():
        op.create_index(f"ix_{table}_organisation_id_{at}", table, ["organisation_id", at, "id"])


def downgrade() -> None:
    for table, at in ORDERS.items():
        op.drop_index(f"ix_{table}_organisation_id_{at}", table_name=table)
    op.drop_table("api_request")
    op.drop_table("api_token")
