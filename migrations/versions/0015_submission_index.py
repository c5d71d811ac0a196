"""What says which submission of an assessment is the newest, without reading the 20 kB of each.

Revision: 0015; follows 0014.
"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BEFORE = "ix_submission_organisation_id"
NOW = "ix_submission_organisation_id_assessment_id"


def upgrade() -> None:
    op.create_index(NOW, "submission", ["organisation_id", "assessment_id", "round", "sealed_at", "id"])
    op.drop_index(BEFORE, table_name="submission")


def downgrade() -> None:
    op.create_index(BEFORE, "submission", ["organisation_id"])
    op.drop_index(NOW, table_name="submission")
