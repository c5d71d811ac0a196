"""What stands at each gate, stored, and its history (portal/gate/standing_models.py).

Revision: 0016; follows 0015.
"""

from __future__ import annotations

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
