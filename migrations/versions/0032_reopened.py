"""Since when an incident is open again (portal/reassessment/models_triggers.py, Incident).

Revision: 0032; follows 0031. Of what is open again already nobody has noted it: its reminders stay as they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import portal.db

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("reopened_at", portal.db.UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("incident", "reopened_at")
