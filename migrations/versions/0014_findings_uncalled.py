"""Why the newest answers do not earn a finding.

Revision: 0014; follows 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("finding", "finding_engagement")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("uncalled", sa.String(length=10), nullable=False, server_default=""))
    # Of what was not earned before nobody knows why: a second person closes it where it is grave, until the next look.
    op.execute("UPDATE finding SET uncalled = 'unsettled' WHERE NOT called_for")
    op.execute(
        "UPDATE finding_engagement SET uncalled = 'unsettled' WHERE NOT called_for AND standing IS NOT NULL"
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "uncalled")
