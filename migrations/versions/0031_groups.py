"""By which group of letters a reminder may be turned off (portal/reassessment/models.py, Reminder).

Revision: 0031; follows 0030. What is on record already was asked of its people before it was queued, and stands.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reminder", sa.Column("group", sa.String(20), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("reminder", "group")
