"""Passkeys, spent challenges, and the way a session came (portal/accounts/passkey_models.py).

Revision: 0021; follows 0020.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "login_session", sa.Column("way", sa.String(length=10), nullable=False, server_default="password")
    )
    op.add_column("login_session", sa.Column("bound_to", sa.Uuid(), nullable=True))
    op.create_table(
        "passkey",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=2000), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("created_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("used_at", portal.db.UtcDateTime(), nullable=True),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("aaguid", sa.String(length=36), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_passkey_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index("ix_passkey_person_id", "passkey", ["person_id"], unique=False)
    op.create_table(
        "spent_challenge",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("until", portal.db.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_spent_challenge")),
    )
    op.create_index("ix_spent_challenge_until", "spent_challenge", ["until"], unique=False)


def downgrade() -> None:
    op.drop_table("spent_challenge")
    op.drop_table("passkey")
    op.drop_column("login_session", "bound_to")
    op.drop_column("login_session", "way")
