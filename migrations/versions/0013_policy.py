"""What waits for a second person.

Revision: 0013; follows 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What waits from before has none: it is proposed anew.
    op.add_column("tier_proposal", sa.Column("ground", sa.String(64)))


def downgrade() -> None:
    op.drop_column("tier_proposal", "ground")
