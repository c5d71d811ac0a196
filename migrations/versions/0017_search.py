"""Words and fourth parties of the submissions that count (portal/portfolio/models.py).

Revision: 0017; follows 0016.
"""

from __future__ import annotations

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empty until its owner fills it."""


def downgrade() -> None:
    """Empty until its owner fills it."""
