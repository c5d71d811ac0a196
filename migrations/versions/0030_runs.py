"""What the worker did (portal/reassessment/models_runs.py).

Revision: 0030; follows 0029.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
ALIVE = {"tenancy": "global", "immutable": False, "unaudited": "a sign of life"}


def upgrade() -> None:
    op.create_table(
        "worker_run",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("began_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("ended_at", portal.db.UtcDateTime(), nullable=False),
        sa.Column("passes", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("behind", sa.Integer(), nullable=False),
        sa.Column("faults", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_run")),
        info=ALIVE,
    )
    op.create_index("ix_worker_run_ended_at", "worker_run", ["ended_at"], unique=False)
    op.create_table(
        "worker_turn",
        sa.Column("job", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("until", portal.db.UtcDateTime(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_worker_turn")),
        info=ALIVE,
    )


def downgrade() -> None:
    op.drop_table("worker_turn")
    op.drop_table("worker_run")
