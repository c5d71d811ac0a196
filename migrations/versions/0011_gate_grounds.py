"""What moves the ground of a gate.

Revision: 0011; follows 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "engagement", sa.Column("ground_revision", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column("gate_proposal", sa.Column("facts", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("gate_proposal", "facts")
    op.drop_column("engagement", "ground_revision")
